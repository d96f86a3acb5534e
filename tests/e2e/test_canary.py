"""Nothing personal stays behind: not in memory, not in the segment, not in a log, not in a core.

Every person of this file is a canary: names and ID numbers have beginnings that stand nowhere
else, so one look for the beginning finds all of them, whatever form they are in.
"""

import hashlib
import itertools
import os
import pathlib
import re
import signal
import threading
import urllib.parse

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
