#!/usr/bin/env python3
"""Face checks through a web server at 127.0.0.1:8080 against a benren-sim at :8443, whose
workers have conf/benren-sandbox.json.

    walk.py CA once              one of 1.0 and one of 2.0, with what was asked and answered
    walk.py CA load SECONDS [N]  N users at the same time, one check after the other
    walk.py CA open N            opens sessions and prints them, one JSON a line
    walk.py CA finish            reads such lines, scans and verifies

The last line is what came of it, as JSON; exit status 1 if one request failed.
"""

import collections
import http.client
import json
import pathlib
import secrets
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import people  # noqa: E402

APPS = {"1.0": "wx0000000000000001", "2.0": "wx0000000000000002"}


class Failed(Exception):
    pass


class Client:
    """One user's connections: to the web server, and to the sandbox."""

    def __init__(self, ca, say=None):
        self.say = say or (lambda *words: None)
        self.web = http.client.HTTPConnection("127.0.0.1", 8080, timeout=30)
        tls = ssl.create_default_context(cafile=ca)
        self.sandbox = http.client.HTTPSConnection("127.0.0.1", 8443, timeout=30, context=tls)

    def _post(self, connection, path, fields):
        try:
            connection.request("POST", path, json.dumps(fields).encode(), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            raise Failed("%s: %r" % (path, e)) from None
        self.say(path, json.dumps(fields, ensure_ascii=False))
        self.say("  ", answer.status, text.strip())
        if answer.status != 200:
            raise Failed("%s: %d %s" % (path, answer.status, text[:300]))
        return json.loads(text)

    def ask(self, endpoint, protocol, openid, **fields):
        code = self._post(self.sandbox, "/sim/login", {"openid": openid, "appid": APPS[protocol]})["code"]
        return self._post(self.web, "/face/" + endpoint, {"appid": APPS[protocol], "code": code, **fields})

    def open(self, protocol):
        openid = "oWalk_" + secrets.token_hex(11)
        answer = self.ask("identify", protocol, openid, **people.person())
        key = answer["user_id_key" if protocol == "1.0" else "verify_id"]
        return {"protocol": protocol, "openid": openid, "key": key, "session": answer["session"]}

    def finish(self, opened):
        told = self._post(self.sandbox, "/sim/scan", {"key": opened["key"], "openid": opened["openid"], "outcome": "pass"})
        proof = {"session": opened["session"]}
        if opened["protocol"] == "1.0":
            proof["verify_result"] = told["verifyResult"]
        answer = self.ask("verify", opened["protocol"], opened["openid"], **proof)
        if answer["verified"] is not True:
            raise Failed("/verify: %s" % answer)


def once(ca):
    for protocol in APPS:
        print("protocol", protocol)
        client = Client(ca, print)
        client.finish(client.open(protocol))
    return {"verified": len(APPS), "failed": 0}


def load(ca, seconds, users=8):
    end = time.monotonic() + float(seconds)
    counts, whys = collections.Counter(), collections.Counter()

    def user(protocol):
        client = Client(ca)
        while time.monotonic() < end:
            start = time.monotonic()
            try:
                client.finish(client.open(protocol))
                counts["verified"] += 1
            except Failed as why:
                counts["failed"] += 1
                whys[str(why)] += 1
            counts["slowest_ms"] = max(counts["slowest_ms"], int(1000 * (time.monotonic() - start)))

    threads = [threading.Thread(target=user, args=(list(APPS)[i % 2],)) for i in range(int(users))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for why, n in whys.most_common(10):
        print("%4d  %s" % (n, why))
    return {"verified": counts["verified"], "failed": counts["failed"], "slowest_ms": counts["slowest_ms"]}


def open_(ca, n):
    client = Client(ca)
    for i in range(int(n)):
        print(json.dumps(client.open(list(APPS)[i % 2])))
    return {"opened": int(n), "failed": 0}


def finish(ca):
    client, n = Client(ca), 0
    for line in sys.stdin:
        opened = json.loads(line)
        if "session" in opened:
            client.finish(opened)
            n += 1
    return {"verified": n, "failed": 0}


def main():
    ca, command, *words = sys.argv[1:]
    try:
        result = {"once": once, "load": load, "open": open_, "finish": finish}[command](ca, *words)
    except Failed as why:
        print(why)
        result = {"failed": 1}
    print(json.dumps(result))
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
