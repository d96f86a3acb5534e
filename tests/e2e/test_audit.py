"""The audit file: a line for every verdict, before it counts, in a chain that shows every change."""

import fcntl
import hashlib
import hmac
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

import kill_point
import where
from pool import environment, may_ptrace
from rig import ANON10, LOGIN20, PARAM10, PARAM20, each

ROOT = os.geteuid() == 0
BENREN = where.program("benren")
TWO_APPS = (PARAM10, PARAM20)


def required(file="audit.jsonl"):
    return {"file": str(file), "required": True}


# --- the file, read without benren ------------------------------------------------------------

class Audit:
    def __init__(self, rig, file="audit.jsonl"):
        self.rig, self.path = rig, rig.folder / file

    def keyed(self, purpose, *texts):
        """crypt.h: every text with its length before it."""
        with open(self.rig.pool.conf["segment"] + ".key", "rb") as file:
            key = file.read()
        parts = [len(t).to_bytes(8, "little") + t for t in (purpose.encode(), *texts)]
        return hmac.new(key, b"".join(parts), hashlib.sha256).hexdigest()

    def raw(self):
        return self.path.read_bytes().split(b"\n")[:-1]

    def lines(self, **want):
        """Its lines, each of which must follow the one before; torn ones are left out."""
        found, prev = [], "0" * 64
        for raw in self.raw():
            try:
                line = json.loads(raw)
            except ValueError:
                line = None
            if line is not None:
                assert line["prev"] == prev, raw
                assert line["mac"] == self.keyed("audit-line", raw[:raw.index(b',"mac":')]), raw
                if all(line.get(key) == value for key, value in want.items()):
                    found.append(line)
            prev = self.keyed("audit", raw)
        return found

    def of(self, user):
        """The session's name in the file; its id is not in there."""
        return self.keyed("session-key", user.session.encode())

    def verify(self, *words):
        return run(self.rig, "audit", "verify", *(words or [str(self.path)]))


def run(rig, *words):
    return subprocess.run([BENREN, "-c", str(rig.pool.file), *words], env=environment(),
                          capture_output=True, text=True, timeout=60)


def personal(user):
    """Every text of a face check that must not be in the file."""
    return [*user.person.values(), user.openid, "user-" + user.openid, user.key, user.session,
            *([user.verify_result] if user.verify_result else []),
            *(hashlib.md5(value.encode()).hexdigest() for value in user.person.values())]


# --- what is written ----------------------------------------------------------------------------

@pytest.mark.parametrize("app", [ANON10, PARAM10, PARAM20, LOGIN20], ids=lambda a: a.name)
def test_a_verdict_is_one_line_and_says_nothing_about_the_person(build, app):
    rig = build(apps=(app,), audit=required())
    audit = Audit(rig)
    good, bad = rig.user(app).open(source=7, consent="terms-2026.1"), rig.user(app).open()
    good.passes()
    assert good.verify().status == 200, "the same again"
    bad.scan("other_face")
    answer = bad.verify()
    assert answer.status == 403, answer
    assert bad.verify().status == 403
    passed, failed = audit.lines()
    assert list(passed) == ["time", "event", "sandbox", "app", "protocol", "caller", "session", "attempt", "verdict",
                            "source", "consent", "reason", "code", *(["rid"] if "rid" in passed else []),
                            "prev", "mac"]
    for line, user in ((passed, good), (failed, bad)):
        assert line["event"] == "verdict" and line["sandbox"] is True
        assert line["app"] == app.appid and line["protocol"] == app.protocol
        assert line["session"] == audit.of(user)
    assert passed["verdict"] == "passed" and passed["reason"] in ("passed", "ok")
    assert passed["source"] == 7 and passed["consent"] == "terms-2026.1"
    assert failed["verdict"] == "failed" and failed["reason"] == "face_mismatch"
    assert failed["code"] == rig.pool.line_of(answer)["code"] != 0
    assert "source" not in failed and "consent" not in failed
    assert (passed["caller"] == failed["caller"]) == (app is ANON10)
    text = audit.path.read_text()
    for word in personal(good) + personal(bad):
        assert word not in text, word
    assert audit.path.stat().st_mode & 0o777 == 0o600
    done = audit.verify()
    assert done.returncode == 0 and done.stdout == "%s: 2 lines, chained\n" % audit.path, done


def test_a_stolen_result_is_a_line_with_the_thief_and_the_session_it_belongs_to(build):
    rig = build(apps=TWO_APPS, audit=required())
    audit = Audit(rig)
    owner, thief = rig.user(PARAM10).open(), rig.user(PARAM10).open()
    owner.scan()
    loot = {"verify_result": owner.verify_result}
    assert thief.send("verify", loot).status == 403
    assert thief.send("verify", loot).status == 403, "answered from the claim"
    assert owner.verify().status == 200
    thief.passes()
    refused, one, other = audit.lines()
    assert refused["event"] == "refused" and refused["reason"] == "other_caller"
    assert refused["session"] == one["session"] == audit.of(owner)
    assert refused["caller"] == other["caller"] != one["caller"]
    assert one["verdict"] == other["verdict"] == "passed"
    for word in personal(owner) + personal(thief):
        assert word not in audit.path.read_text()


def test_another_users_phone_fails_the_session_in_the_file_as_well(build):
    rig = build(apps=(PARAM10,), audit=required())
    user = rig.user(PARAM10).open()
    user.scan(openid="oSomebodyElse_000000000000")
    assert user.verify().status == 403
    line, = Audit(rig).lines()
    assert line["verdict"] == "failed" and line["reason"] == "other_openid"


def test_what_ends_nothing_is_not_in_it(build):
    rig = build(apps=TWO_APPS, audit=required())
    audit = Audit(rig)
    for app in TWO_APPS:
        user = rig.user(app).open()
        user.scan("pending")
        assert user.verify().status == 202
        assert user.send("cancel", {"session": user.session, "err_code": 90100}).status in (200, 403)
    assert rig.user(PARAM20).send("verify", {"session": "x" * 43}).status == 404
    assert audit.path.read_bytes() == b""


def test_without_the_key_there_is_no_file(build):
    rig = build(apps=(PARAM20,))
    before = {path.name for path in rig.folder.iterdir()}
    rig.user(PARAM20).open().passes()
    assert {path.name for path in rig.folder.iterdir()} == before


# --- benren audit verify ------------------------------------------------------------------------------

@pytest.fixture
def written(build):
    """Ten verdicts."""
    rig = build(apps=TWO_APPS, audit=required())
    for i in range(10):
        rig.user(TWO_APPS[i % 2]).open().passes()
    return Audit(rig)


def test_verify_finds_what_was_done_to_the_file(written):
    lines = [raw + b"\n" for raw in written.raw()]
    forged = lines[4].replace(b'"passed"', b'"failed"')
    cases = [
        (lines[:4] + [forged] + lines[5:], "line 5 was changed"),
        (lines[:9] + [lines[9].replace(b'"passed"', b'"failed"')], "line 10 was changed"),
        (lines[:4] + lines[5:], "line 5 does not follow"),
        (lines[1:], "line 1 is not the first"),
        (lines[:4] + [lines[5], lines[4]] + lines[6:], "line 5 does not follow"),
        (lines[:4] + [lines[1]] + lines[4:], "line 5 does not follow"),
        (lines[:4] + [b'{"event":"verdict"}\n'] + lines[4:], "line 5 is torn"),
        (lines + lines, "line 11 was the first of a file"),
        ([*lines[:9], lines[9][:-30]], "line 10 is torn"),
    ]
    other = written.path.with_name("other.jsonl")
    for changed, said in cases:
        other.write_bytes(b"".join(changed))
        done = written.verify(str(other))
        assert done.returncode == 1 and "%s: %s" % (other, said) in done.stdout, (said, done)
    assert written.verify().returncode == 0


def test_without_a_name_verify_takes_the_file_of_the_configuration(written):
    done = run(written.rig, "audit", "verify")
    assert done.returncode == 0 and done.stdout == "%s: 10 lines, chained\n" % written.path, done


def test_verify_says_what_it_cannot_do(written):
    rig = written.rig
    for words in (["audit"], ["audit", "wash"], ["audit", "verify", "a", "b"]):
        done = run(rig, *words)
        assert done.returncode == 2 and done.stderr and not done.stdout, (words, done)
    done = written.verify("/nonexistent/audit")
    assert done.returncode == 1 and "does not exist" in done.stderr
    assert written.verify(str(rig.folder)).returncode == 1
    # Another pool's key, and none at all: that one is not made.
    for key, status, said in (("other.key", 1, "line 1 was changed"), ("missing.key", 78, "does not exist")):
        (rig.folder / "other.key").write_bytes(b"k" * 32)
        (rig.folder / "other.key").chmod(0o600)
        file = rig.folder / "other.json"
        file.write_text(json.dumps({**rig.pool.conf, "key_file": key}))
        done = subprocess.run([BENREN, "-c", str(file), "audit", "verify", str(written.path)],
                              env=environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == status and said in done.stdout + done.stderr, done
    assert not (rig.folder / "missing.key").exists()


# --- when it cannot be written --------------------------------------------------------------------------

@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for some ten lines."""
    if not ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=0777", "small", str(tmp_path)],
                                  capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small file system")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def refused(user):
    answer = user.verify()
    assert answer.status == 503 and answer["verified"] is False and answer["state"] == "opened", answer
    assert answer["reason"] == "retry" and int(answer.headers["Retry-After"]) > 0
    assert user.rig.pool.line_of(answer)["why"] == "audit_unwritable"
    state = user.send("session", {"session": user.session})
    assert state.status == 202 and state["state"] == "opened", state


def test_on_a_full_disk_nobody_passes_and_with_room_the_same_question_does(small_disk, build):
    rig = build(apps=TWO_APPS, audit=required(small_disk / "audit.jsonl"))
    audit = Audit(rig, small_disk / "audit.jsonl")
    users = [rig.user(TWO_APPS[i % 2]).open() for i in range(24)]
    each(users, lambda user: user.scan("other_face" if user in users[:4] else "pass"))
    assert [user.verify().status for user in users[4:6]] == [200, 200]
    with open(small_disk / "filler", "wb", buffering=0) as filler:
        while True:
            try:
                filler.write(b"x" * 512)
            except OSError:
                break
    # What is left of the last page may take some lines more.
    statuses = [user.verify().status for user in users[6:20]]
    assert statuses[-1] == 503 and set(statuses) <= {200, 503}
    waiting = [user for user, status in zip(users[6:20], statuses) if status == 503] + users[20:] + users[:4]
    for user in waiting:
        refused(user)
    assert len(audit.lines()) == 2 + statuses.count(200)
    assert audit.verify().returncode == 0, "no half line"
    for worker in rig.pool.workers:
        told = rig.pool.lines(event="audit", level="error", pid=worker.pid)
        assert len(told) <= 1 + statuses.count(200), "once, and when it changes"
        assert all("make room" in line["text"] and "nobody passes" in line["text"] for line in told)
    (small_disk / "filler").unlink()
    answers = [user.verify().status for user in waiting[:6]]
    assert answers == [200] * 6
    assert rig.pool.lines(event="audit", level="info"), "it is written again"
    assert len(audit.lines(verdict="passed")) == 2 + statuses.count(200) + 6
    assert audit.verify().returncode == 0


@pytest.mark.parametrize("must", [True, False], ids=["required", "not_required"])
def test_a_process_that_stopped_with_the_lock_holds_nobody_up(build, must):
    rig = build(workers=1, apps=TWO_APPS, audit={"file": "audit.jsonl", "required": must})
    audit = Audit(rig)
    users = [rig.user(TWO_APPS[i % 2]).open() for i in range(40)]
    each(users, lambda user: user.scan())
    with open(audit.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start = time.monotonic()
        statuses = each(users, lambda user: user.verify().status, 8)
        assert time.monotonic() - start < 5
        assert statuses == [503 if must else 200] * 40
        line, = rig.pool.lines(event="audit")
        assert "lock" in line["text"] and ("nobody passes" in line["text"]) == must
    assert audit.path.read_bytes() == b""
    assert [user.verify().status for user in users] == [200] * 40
    assert len(audit.lines(verdict="passed")) == (40 if must else 0)


# --- several workers, and their end ------------------------------------------------------------------------

def test_kill_9_under_load_leaves_one_chain_in_which_everybody_stands_who_passed(build):
    rig = build(workers=4, apps=TWO_APPS, sessions=16384, audit=required())
    audit = Audit(rig)
    passed, stop, lock = [], threading.Event(), threading.Lock()

    def load(i):
        while not stop.is_set():
            user = rig.user(TWO_APPS[i % 2])
            if user.identify().status != 200:
                time.sleep(0.02)
                continue
            user.scan()
            answer = user.verify()
            assert answer.status in (200, 409, 502, 503), answer
            if answer.status == 200:
                with lock:
                    passed.append(user)

    threads = [threading.Thread(target=load, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    chance, rounds = random.Random(1), 3 if where.SHORT else 6
    try:
        for _ in range(rounds):
            for worker in list(rig.pool.workers):
                time.sleep(chance.uniform(0.02, 0.15))
                rig.pool.kill([worker])
            rig.pool.start(4)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(rig.pool.ended) == 4 * rounds and len(passed) > 4 * rounds
    said = {line["session"] for line in audit.lines(verdict="passed")}
    for user in passed:
        assert audit.of(user) in said
    done = audit.verify()
    print(len(passed), "passed,", done.stdout)
    assert done.returncode == 0 or "is torn" in done.stdout and "the other lines are chained" in done.stdout, done


@pytest.mark.skipif(not may_ptrace() or kill_point.FLOCK is None, reason="needs ptrace of another process")
@pytest.mark.parametrize("app", TWO_APPS, ids=lambda a: a.name)
def test_of_two_lines_that_a_kill_before_the_settling_leaves_one_counts(build, app):
    rig = build(workers=1, apps=(app,), audit=required(), wechat={"total_ms": 400})
    audit, before = Audit(rig), rig.user(app).open()
    before.passes()
    user, answers = rig.user(app).open(), []
    user.scan()
    thread = threading.Thread(target=lambda: answers.append(user.verify()))
    kill_point.kill_when_unlocking(rig.pool.workers[0], audit.path, thread.start)
    assert rig.pool.gone() == [-signal.SIGKILL]
    thread.join()
    assert answers[0].status in (502, 503), answers
    killed = audit.lines()[1:]
    assert [(line["session"], line["verdict"]) for line in killed] == [(audit.of(user), "passed")]
    rig.pool.start(1)
    assert user.send("session", {"session": user.session}).status == 202, "it has not ended"
    where.wait_for(lambda: user.verify().status == 200, "the lease ran out", 10, 0.1)
    _, first, second = audit.lines()
    assert first["session"] == second["session"] and first["verdict"] == second["verdict"] == "passed"
    assert second["attempt"] == (1 if app is PARAM10 else 2) and first["attempt"] == 1
    rig.user(app).open().passes()
    done = audit.verify()
    assert done.returncode == 0, done
    said, repeat = done.stdout.splitlines()
    assert said == "%s: 4 lines, chained" % audit.path
    assert repeat.startswith("%s: line 2 does not count, line 3 does: " % audit.path)


def test_hup_begins_a_new_file_and_both_are_whole(build):
    rig = build(workers=2, apps=TWO_APPS, audit=required())
    audit, old = Audit(rig), Audit(rig, "audit.1")
    users = [rig.user(TWO_APPS[i % 2]).open() for i in range(30)]
    for user in users[:10]:
        user.passes()
    audit.path.rename(old.path)
    for user in users[10:20]:
        user.passes()
    assert not audit.path.exists() and len(old.lines()) == 20
    rig.pool.signal(signal.SIGHUP)
    where.wait_for(audit.path.exists, "the new file")
    time.sleep(0.2)
    for user in users[20:]:
        user.passes()
    assert len(old.lines()) == 20 and len(audit.lines()) == 10
    for part, count in ((old, 20), (audit, 10)):
        done = part.verify()
        assert done.returncode == 0 and "%d lines, chained" % count in done.stdout
    assert audit.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not ROOT, reason="only root can become www-data")
def test_a_pool_of_another_user_has_a_file_of_its_own(build):
    rig = build(user="www-data", apps=(PARAM20,), audit=required())
    rig.user(PARAM20).open().passes()
    assert Audit(rig).path.owner() == "www-data"
    assert Audit(rig).verify().returncode == 78, "root does not take a key that another user may change"
    verify = ["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups",
              str(rig.folder / "benren"), "-c", str(rig.pool.file), "audit", "verify"]
    if shutil.which("setpriv"):
        done = subprocess.run(verify, env=environment("www-data"), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "1 line, chained" in done.stdout, done
