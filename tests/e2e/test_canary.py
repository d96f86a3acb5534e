"""Nothing personal stays behind: not in memory, not in the segment, not in a log, not in a core.

Every person of this file is a canary: names and ID numbers have beginnings that stand nowhere
else, so one look for the beginning finds all of them, whatever form they are in.
"""

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import urllib.parse

import fastcgi
import people
import pytest

import pool
import where
from rig import LOGIN10, LOGIN20, PARAM10, PARAM20, each

PERSONS = 200 if where.SHORT else 1000
APPS = (PARAM10, PARAM20, LOGIN10, LOGIN20)

REGION = "653127"        # of every ID number here
SURNAME = "\U00020bb7㐂"  # of every name here
count = itertools.count()


def canary():
    n = next(count)
    name = SURNAME + chr(0x4e00 + n % 20000) + chr(0x4e00 + n // 20000)
    return {"name": name, "id_card_number": people.id_number(n, REGION)}


# As they are, as a form writes them, and as JSON may escape them.
FORMS = [
    REGION.encode() + rb"\d{11}[\dXx]",
    re.escape(SURNAME.encode()),
    re.escape(urllib.parse.quote(SURNAME).encode()),
    rb"\\u[dD]842\\u[dD][fF][bB]7\\u3402",
]
CANARY = re.compile(b"|".join(FORMS))


def memory(pid):
    """Every piece of a process's memory that can be read, with its name."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            span, rights, *rest = line.split()
            first, last = (int(x, 16) for x in span.split("-"))
            if "r" not in rights or rest[-1] == "[vvar]" or last - first > 1 << 32:
                continue
            try:
                for at in range(first, last, 1 << 24):
                    os.lseek(mem.fileno(), at, os.SEEK_SET)
                    yield rest[-1], mem.read(min(1 << 24, last - at))
            except OSError:
                continue  # guard pages, shadow of a sanitizer


def found(pid, pattern=CANARY):
    return [(name, hit.group(0)) for name, piece in memory(pid) for hit in pattern.finditer(piece)]


def check(user, kind):
    """A whole face check; what happened, for the looks at logs."""
    token = None
    if user.app.caller == "login":
        token = user.send("login", user.login())["token"]
        user.headers["Authorization"] = "Bearer " + token
    answer = user.send("identify", user.person, kind)
    assert answer.status == 200, answer
    user.opened = answer
    user.scan()
    answer = user.send("verify", user.proof(), kind)
    assert answer.status == 200, answer
    return {"token": token, "key": user.key, "session": user.session,
            "result": user.verify_result, "openid": user.openid, **user.person}


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def secrets_of(one):
    """All that must not be written down about one face check, in every form that we can think of."""
    texts = [value for value in one.values() if value]
    return {*texts, *(urllib.parse.quote(text) for text in texts), md5(one["name"]),
            md5(one["id_card_number"]), hashlib.sha256(one["id_card_number"].encode()).hexdigest()}


@pytest.mark.skipif(not pool.may_ptrace(), reason="looks into other processes")
def test_after_a_thousand_face_checks_nothing_of_them_is_left(build):
    rig = build(apps=APPS, log={"file": "benren.log", "level": "debug"}, wechat={"total_ms": 60000})
    users = []
    for i in range(PERSONS):
        users.append(rig.user(APPS[i % len(APPS)]))
        users[-1].person = canary()
    done = each(list(enumerate(users)), lambda x: check(x[1], ("json", "form")[x[0] // 4 % 2]))
    assert len(done) == PERSONS

    # the look would see something: what stands in memory all the time, and a check under way
    worker = rig.pool.workers[0]
    assert found(worker.pid, re.compile(APPS[0].appid.encode()))
    rig.sandbox.fault("getuseridkey", "hang")
    late = rig.user(PARAM10)
    late.person = canary()
    thread = threading.Thread(target=lambda: late.send("identify", late.person))
    thread.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["faults_delivered"] == 1, "a check is under way")
    seen = [hit for one in rig.pool.workers for hit in found(one.pid)]
    rig.sandbox.stop()  # which ends the check
    thread.join()
    assert {hit for _, hit in seen} >= {late.person["id_card_number"].encode()}, "the look sees nothing"

    left = {(name, hit) for one in rig.pool.workers for name, hit in found(one.pid)}
    assert not left, sorted(left)[:20]
    segment = pathlib.Path(rig.pool.conf["segment"]).read_bytes()
    assert not CANARY.search(segment)
    for one in done:
        for text in (one["token"], one["session"], one["key"], one["openid"]):
            assert text is None or text.encode() not in segment

    written = "".join(path.read_text() for path in rig.folder.glob("*.log")) + rig.pool.said()
    assert written.count("\n") > 2 * PERSONS, "there was something to look at"
    bad = {text for one in done for text in secrets_of(one) if text in written}
    assert not bad, list(bad)[:5]
    for app in APPS:
        assert app.secret not in written


@pytest.mark.parametrize("sig", [signal.SIGABRT, signal.SIGSYS], ids=lambda s: s.name)
def test_a_worker_that_crashes_leaves_no_core(build, sig):
    rig = build(workers=1, apps=(PARAM10,))
    rig.user(PARAM10).open()
    worker = rig.pool.workers[0]
    limits = pathlib.Path("/proc/%d/limits" % worker.pid).read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    os.kill(worker.pid, sig)
    where.wait_for(lambda: not worker.running(), "it died")
    assert os.WIFSIGNALED(worker.status) or os.WIFEXITED(worker.status)
    assert not os.WCOREDUMP(worker.status)
    rig.pool.workers.remove(worker)
    assert not list(rig.folder.glob("core*"))


# --- checks that end early --------------------------------------------------------------------------------

# What a broken WeChat writes into its TLS connection instead of an answer: bytes that are no record, a record
# that cannot be decrypted, an alert in clear text, nothing but the end.
BROKEN = (b"no record at all", b"\x17\x03\x03\x00\x40" + b"x" * 64, b"\x15\x03\x03\x00\x02\x02\x28", b"")


class BrokenWeChat:
    """Reads whole requests over TLS, and breaks the connection where the answer should come."""

    def __init__(self, folder):
        self.ways, self.broken = itertools.cycle(BROKEN), 0
        self.ca, key = str(folder / "broken.pem"), str(folder / "broken.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=broken", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.ca], check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.ca, key)
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.host = "https://127.0.0.1:%d" % self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._talk, args=(self.listening.accept()[0],), daemon=True).start()

    def _talk(self, taken):
        with contextlib.suppress(OSError), self.tls.wrap_socket(taken, server_side=True) as tls:
            request = b""
            while not request.endswith(b"}"):
                request += tls.recv(65536)
            if b"stable_token" in request:
                body = json.dumps({"access_token": "t" * 100, "expires_in": 7200}).encode()
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                return
            self.broken += 1
            os.write(tls.fileno(), next(self.ways))  # past TLS

    def reset(self):
        pass

    def stop(self):
        self.listening.close()


def looks_clean(rig):
    """Whatever was under way has ended, and nothing of it is left in a worker."""
    where.wait_for(lambda: not any(found(one.pid) for one in rig.pool.workers),
                   lambda: "left: %s" % sorted({hit for one in rig.pool.workers for hit in found(one.pid)})[:20])


@pytest.mark.skipif(not pool.may_ptrace(), reason="looks into other processes")
def test_tls_that_breaks_leaves_nothing(build, tmp_path):
    wechat = BrokenWeChat(tmp_path)
    rig = build(apps=(PARAM10, PARAM20), sandbox=wechat, wechat={"total_ms": 20000})
    users = [rig.user((PARAM10, PARAM20)[i % 2]) for i in range(40)]
    answers = each(users, lambda user: user.identify(canary()))
    assert {answer.status for answer in answers} == {502} and wechat.broken == 40, (answers[:3], wechat.broken)
    looks_clean(rig)
    wechat.stop()


@pytest.mark.skipif(not pool.may_ptrace(), reason="looks into other processes")
def test_answers_that_go_wrong_leave_nothing(build):
    rig = build(apps=(PARAM10, PARAM20))
    kinds = {"close": {}, "cut": {}, "endless": {}, "status": {"status": 500}, "body": {"body": "no JSON"}}
    for kind, more in kinds.items():
        for call in ("getuseridkey", "getverifyid"):
            rig.sandbox.fault(call, kind, count=4, **more)
    users = [rig.user((PARAM10, PARAM20)[i % 2]) for i in range(8 * len(kinds))]
    answers = each(users, lambda user: user.identify(canary()))
    assert not {answer.status for answer in answers} & {200}, answers
    assert rig.sandbox.sim("ledger")["faults_delivered"] >= 10, "they went wrong"
    looks_clean(rig)


@pytest.mark.skipif(not pool.may_ptrace(), reason="looks into other processes")
def test_requests_that_are_given_up_leave_nothing(build):
    """By the web server in the middle of the body, after it, and while WeChat is asked; and those that are refused."""
    rig = build(apps=(PARAM10,), web=None)
    rig.sandbox.fault("getuseridkey", "hang", count=20)
    for i in range(20):
        whole = fastcgi.request("identify", canary(), BENREN_USER="u%d" % i, BENREN_OPENID=people.new_openid())
        for sent in (whole[:-30], whole[:-8], whole):
            with fastcgi.Connection(rig.pool.socket) as connection:
                connection.send(sent)
                if sent is whole and i % 2:
                    where.wait_for(lambda: rig.sandbox.sim("ledger")["faults_delivered"] > i // 2, "WeChat was asked")
    for wrong in (lambda one: json.dumps(one).encode()[:-1], lambda one: json.dumps([one]).encode(),
                  lambda one: json.dumps({**one, "name": one["name"] + "!"}).encode(),
                  lambda one: json.dumps({**one, "more": "x" * 70000}).encode(),
                  lambda one: urllib.parse.urlencode(one).encode()):
        answer = fastcgi.ask(rig.pool.socket, "identify", wrong(canary()), BENREN_USER="u",
                             BENREN_OPENID=people.new_openid())
        assert 400 <= answer.status < 500, answer
    looks_clean(rig)
