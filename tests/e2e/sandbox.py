"""benren-sim as the tests use it: a process, its phone, its ledger and its faults."""

import http.client
import json
import re
import ssl
import subprocess
import threading
import time

import where


class Sandbox:
    def __init__(self, folder, apps, delay_ms=0, options=()):
        self.ca = str(folder / "sim-ca.pem")
        command = [where.program("benren-sim"), "--listen", "127.0.0.1:0", "--ca-out", self.ca,
                   "--delay-ms", str(delay_ms), *options]
        for app in apps:
            command += ["--appid", app.appid, "--secret", app.secret]
        self.errors = open(folder / "sim.err", "w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"https://127\.0\.0\.1:(\d+)", line)
        assert found, "benren-sim did not start: %r %s" % (line, self.said())
        self.port = int(found.group(1))
        self.host = "https://127.0.0.1:%d" % self.port
        self.tls = ssl.create_default_context(cafile=self.ca)
        self.mine = threading.local()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def stop(self):
        if self.errors.closed:
            return  # it was stopped before
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(20)
        self.process.stdout.close()
        said = self.said()
        self.errors.close()
        assert status == 0, "benren-sim ended with %d: %s" % (status, said)

    def _connection(self):
        """One per thread, and never one that has been idle for long enough to be closed."""
        now = time.monotonic()
        if now - getattr(self.mine, "used", 0) > 5:
            self.mine.connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=self.tls, timeout=30)
        self.mine.used = now
        return self.mine.connection

    def sim(self, what, value=None):
        connection = self._connection()
        try:
            connection.request("GET" if value is None else "POST", "/sim/" + what,
                               None if value is None else json.dumps(value).encode())
            answer = connection.getresponse()
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        assert answer.status == 200, (what, value, answer.status, text)
        return json.loads(text)

    def scan(self, key, outcome="pass", openid=None):
        value = {"key": key, "outcome": outcome}
        if openid is not None:
            value["openid"] = openid
        return self.sim("scan", value)

    def login(self, appid, openid):
        return self.sim("login", {"appid": appid, "openid": openid})["code"]

    def fault(self, path, kind, **more):
        self.sim("fault", {"path": path, "kind": kind, **more})

    def reset(self):
        self.sim("fault", {"clear": True})
        self.sim("ledger/reset", {})

    def catalogue(self):
        return self.sim("catalogue")["magic"]

    def total(self, path=None):
        """How often WeChat was called, once nothing is under way any more."""
        total = self.settled()["total"]
        return total if path is None else total[path]

    def calls(self, **want):
        """Calls of the ledger whose fields are as wanted."""
        rows = self.settled()["calls"]
        return sum(row["count"] for row in rows
                   if all(row.get(key) == value for key, value in want.items()))

    def settled(self):
        where.wait_for(lambda: self.sim("ledger")["in_flight"] == 0, "the sandbox is at rest")
        return self.sim("ledger")
