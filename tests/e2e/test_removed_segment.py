"""The segment is removed under running workers, as systemd-logind does at a user's last logout."""

import os
import pathlib
import signal
import time

import pytest

import where
from rig import PARAM10, PARAM20, each
from webserver import Client, Nginx

KNOWN_APPS = (PARAM10, PARAM20)
IN_TIME = 1.0  # seconds: two looks
PERSONS = 40


def opened(rig, n=PERSONS):
    users = [rig.user(KNOWN_APPS[i % 2]) for i in range(n)]
    each(users, lambda user: user.open())
    each(users, lambda user: user.scan())
    return users


def remove(rig):
    pathlib.Path(rig.pool.conf["segment"]).unlink()


def mapped(worker):
    """The segment's inode as the worker has it, and whether it has a name."""
    with open("/proc/%d/maps" % worker.pid) as maps:
        rows = [line.split() for line in maps if "/dev/shm/benren-test" in line]
    return {(row[4], len(row) == 6) for row in rows}


def is_one_pool(rig):
    inode = str(os.stat(rig.pool.conf["segment"]).st_ino)
    return all(mapped(worker) == {(inode, True)} for worker in rig.pool.workers)


def told(rig):
    return rig.pool.lines(event="segment", level="error")


def start_one(rig):
    """A worker on a socket of its own, and an nginx that sends everything there."""
    os.unlink(rig.pool.socket)
    new = rig.pool.start(1)[0]
    rig.web.stop()
    rig.parts.remove(rig.web)
    rig.web = rig._part(Nginx(rig.folder, rig.pool.socket, rig.apps, rig.root))
    rig.client = Client(rig.web.port)
    return new


def test_the_key_file_beside_it_that_goes_the_same_way_is_put_back(build):
    rig = build(workers=3, apps=KNOWN_APPS)
    users, key = opened(rig), pathlib.Path(rig.pool.conf["segment"] + ".key")
    before = key.read_bytes()
    remove(rig)
    time.sleep(0.05)
    key.unlink()
    where.wait_for(lambda: key.exists() and is_one_pool(rig), "both are there again", 5)
    assert key.read_bytes() == before and key.stat().st_mode & 0o777 == 0o600
    assert rig.pool.lines(event="key_file", level="error")
    rig.pool.kill(rig.pool.workers[:1])
    new = start_one(rig)
    answers = each(users, lambda user: user.verify())
    assert [answer.status for answer in answers] == [200] * PERSONS
    assert {rig.pool.line_of(answer)["pid"] for answer in answers} == {new.pid}


def test_a_key_file_that_is_removed_alone_is_not_put_back(build):
    """Somebody wants another key."""
    rig = build(workers=1, apps=KNOWN_APPS)
    key = pathlib.Path(rig.pool.conf["segment"] + ".key")
    key.unlink()
    time.sleep(2 * IN_TIME)
    assert not key.exists()


@pytest.mark.parametrize("after", [0, IN_TIME], ids=["at_once", "when_it_was_noticed"])
def test_sessions_are_found_by_the_old_workers_and_by_a_restarted_one(build, after):
    rig = build(workers=4, apps=KNOWN_APPS)
    users = opened(rig)
    began = time.monotonic()
    remove(rig)
    time.sleep(after)
    rig.pool.kill(rig.pool.workers[:1])
    new = start_one(rig)
    where.wait_for(lambda: os.path.exists(rig.pool.conf["segment"]) and is_one_pool(rig), "one pool", 5)
    if after == 0:
        print("one pool after %.2f s" % (time.monotonic() - began))
    assert rig.pool.segment()["sessions"] == PERSONS
    answers = each(users, lambda user: user.verify())
    assert [answer.status for answer in answers] == [200] * PERSONS
    assert {rig.pool.line_of(answer)["pid"] for answer in answers} == {new.pid}
    for worker in rig.pool.workers[:-1]:
        line, = rig.pool.lines(event="segment", level="error", pid=worker.pid)
        for word in (rig.pool.conf["segment"], "removed", "carried over", "RemoveIPC=no", "system user"):
            assert word in line["text"]


def test_it_is_noticed_and_said_within_a_second_and_nobody_is_refused(build):
    rig = build(workers=4, apps=KNOWN_APPS)
    users = opened(rig, 200)
    statuses, took = [], []
    for round in range(4):
        remove(rig)
        began = time.monotonic()
        statuses += each(users[round * 50:round * 50 + 50], lambda user: user.verify().status, 8)
        where.wait_for(lambda: len(told(rig)) == 4 * (round + 1), "every worker said it", 5, 0.02)
        took.append(time.monotonic() - began)
        assert is_one_pool(rig)
    print("said by all after", ["%.2f" % seconds for seconds in took])
    assert sorted(took)[1] < IN_TIME, "but for what a busy machine adds"
    assert set(statuses) <= {200, 503}
    assert statuses.count(503) <= 4, "at most who came while it was carried over"
    # What was answered before answers the same again, and a new face check works.
    assert {user.verify().status for user in users} == {200}
    rig.user(PARAM20).open().passes()


def test_a_session_opened_in_the_new_pool_and_one_of_the_old_both_pass(build):
    """Old workers are stopped while the new one makes a segment: the worst order there is."""
    rig = build(workers=2, apps=KNOWN_APPS)
    before = opened(rig, 20)
    rig.pool.signal(signal.SIGSTOP)
    remove(rig)
    stopped = list(rig.pool.workers)
    start_one(rig)
    after = opened(rig, 20)
    assert before[0].verify().status in (403, 404), "it cannot be known yet, so it is no yes"
    rig.pool.signal(signal.SIGCONT, stopped)
    where.wait_for(lambda: is_one_pool(rig), "one pool", 5)
    assert rig.pool.segment()["sessions"] == 40
    assert {user.verify().status for user in before[1:] + after} == {200}


def test_where_it_cannot_follow_it_says_why_and_goes_on(build):
    rig = build(workers=2, apps=KNOWN_APPS)
    users = opened(rig, 10)
    remove(rig)
    folder = pathlib.Path(rig.pool.conf["segment"])
    folder.mkdir()
    try:
        where.wait_for(lambda: len(told(rig)) == 2, "both said it", 5)
        assert all("cannot follow" in line["text"] and "RemoveIPC=no" in line["text"] for line in told(rig))
        assert {user.verify().status for user in users[:5]} == {200}
        time.sleep(1.2)
        assert len(told(rig)) == 2, "once a minute"
    finally:
        folder.rmdir()
    where.wait_for(lambda: len(told(rig)) == 4 and is_one_pool(rig), "one pool", 5)
    assert {user.verify().status for user in users} == {200}
