"""Workers that are killed and workers that are stopped: no session is lost, no request cut off."""

import os
import random
import signal
import threading
import time

import fastcgi
import people
import pytest

import where
from rig import PARAM10, PARAM20, each

SESSIONS = 200 if where.SHORT else 1000
KNOWN_APPS = [PARAM10, PARAM20]


def test_a_thousand_sessions_survive_the_death_of_every_worker(build):
    rig = build(workers=3, apps=(PARAM10, PARAM20))
    users = [rig.user(KNOWN_APPS[i % 2]) for i in range(SESSIONS)]
    each(users, lambda user: user.open())
    each(users, lambda user: user.scan())
    before = rig.pool.segment()
    assert before["sessions"] == SESSIONS
    old = {worker.pid for worker in rig.pool.workers}
    assert rig.pool.kill() == [-signal.SIGKILL] * 3
    assert rig.pool.workers == [] and len(rig.pool.ended) == 3
    nobody = rig.client.call("GET", "/param10/health")
    assert nobody.status == 503 and nobody.away
    new = {worker.pid for worker in rig.pool.start(3)}
    assert not old & new
    answers = each(users, lambda user: user.verify())
    assert [answer.status for answer in answers] == [200] * SESSIONS
    assert {rig.pool.line_of(answer)["pid"] for answer in answers[:200]} <= new
    total = rig.sandbox.total()
    assert total["getinfo"] == total["queryverifyinfo"] == SESSIONS // 2
    assert total["getuseridkey"] == total["getverifyid"] == SESSIONS // 2
    assert total["stable_token"] == 2, "the token survived as well"
    assert rig.pool.segment()["sessions"] == SESSIONS


class Load:
    """Users who open sessions all the time, until they are told to stop."""

    def __init__(self, rig, threads=12):
        self.rig, self.opened, self.refused, self.stop = rig, [], 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, i):
        while not self.stop:
            user = self.rig.user(KNOWN_APPS[i % 2])
            answer = user.identify()
            with self.lock:
                if answer.status == 200:
                    self.opened.append(user)
                else:
                    assert answer.status in (502, 503), answer
                    self.refused += 1
            if answer.status != 200:
                time.sleep(0.02)

    def finish(self):
        self.stop = True
        for thread in self.threads:
            thread.join()


def test_kill_9_under_load_loses_no_session_that_was_acknowledged(build):
    rig = build(workers=4, apps=(PARAM10, PARAM20), sessions=16384)
    chance = random.Random(1)
    load = Load(rig)
    rounds = 3 if where.SHORT else 6
    try:
        for _ in range(rounds):
            for worker in list(rig.pool.workers):
                time.sleep(chance.uniform(0.02, 0.15))
                rig.pool.kill([worker])
            rig.pool.start(4)
    finally:
        load.finish()
    assert len(rig.pool.ended) == 4 * rounds
    assert len(load.opened) > 100 and load.refused > 0, "there was load, and it was hit"
    segment = rig.pool.segment()
    assert segment["sessions"] >= len(load.opened)
    each(load.opened, lambda user: user.scan())
    answers = each(load.opened, lambda user: user.verify())
    assert {answer.status for answer in answers} == {200}
    print(len(load.opened), "sessions,", load.refused, "refused,", segment)


def test_kill_9_in_the_middle_of_a_query_leaves_a_session_that_can_be_asked_again(build):
    """The lease of a dead worker runs out: 3 x total_ms and 2 s."""
    rig = build(workers=1, apps=(PARAM10, PARAM20), wechat={"total_ms": 400})
    users = [rig.user(app).open() for app in KNOWN_APPS]
    for user in users:
        user.scan()
        rig.sandbox.fault("getinfo" if user.app is PARAM10 else "queryverifyinfo", "hang")
    threads = [threading.Thread(target=user.verify) for user in users]
    for thread in threads:
        thread.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["faults_delivered"] == 2, "both queries are under way")
    rig.pool.kill()
    rig.pool.start(1)
    for thread in threads:
        thread.join()
    assert [user.verify().status for user in users] == [409, 409], "the lease is still held"
    for user in users:
        where.wait_for(lambda: user.verify().status == 200, "the lease ran out", 10, 0.1)


# --- stopping -----------------------------------------------------------------------------------

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGXCPU],
                         ids=lambda s: s.name)
def test_a_stop_lets_what_is_in_flight_come_to_its_end(build, sig):
    rig = build(workers=2, apps=(PARAM10, PARAM20), delay_ms=2000)
    users = [rig.user(KNOWN_APPS[i % 2]) for i in range(40)]
    result = []
    thread = threading.Thread(target=lambda: result.extend(each(users, lambda user: user.identify(), 40)))
    thread.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["in_flight"] == 40, "all are in flight")
    rig.pool.signal(sig)
    time.sleep(0.05)
    rig.pool.signal(sig)
    assert rig.pool.gone(seconds=10) == [0, 0]
    thread.join()
    assert [answer.status for answer in result] == [200] * 40
    assert len(rig.pool.lines(event="stopping")) == len(rig.pool.lines(event="stopped")) == 2
    rig.pool.start(2)
    each(users, lambda user: user.passes())


FAULTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP}
STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGXCPU, signal.SIGKILL, signal.SIGSTOP}


def test_all_other_signals_do_nothing_to_a_request_in_flight(build):
    rig = build(workers=1, apps=(PARAM10,), delay_ms=1500)
    worker = rig.pool.workers[0]
    others = sorted(signal.valid_signals() - FAULTS - STOPS)
    assert {signal.SIGHUP, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
            signal.SIGPWR, signal.SIGTSTP, signal.SIGTTOU, signal.SIGRTMIN, signal.SIGRTMAX} <= set(others)
    result = []
    busy = threading.Thread(target=lambda: result.append(rig.user(PARAM10).identify()))
    busy.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["in_flight"] == 1, "it is in flight")
    for sig in others:
        os.kill(worker.pid, sig)
        assert worker.running(), sig
    busy.join()
    assert result[0].status == 200
    state = open("/proc/%d/stat" % worker.pid).read().rsplit(")", 1)[1].split()[0]
    assert state in "SR", "and it is not stopped: " + state


def test_a_stopping_worker_takes_nothing_new_and_another_one_does(build):
    rig = build(workers=2, apps=(PARAM10,), delay_ms=2000)
    user = rig.user(PARAM10)
    result = []
    busy = threading.Thread(target=lambda: result.extend(each(range(20), lambda _: rig.user(PARAM10).identify(), 20)))
    busy.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["in_flight"] == 20, "all are in flight")
    first, second = rig.pool.workers
    rig.pool.signal(signal.SIGTERM, [first])
    where.wait_for(lambda: rig.pool.lines(event="stopping"), "it is stopping")
    answers = each(range(30), lambda _: rig.user(PARAM10).identify(), 10)
    assert {answer.status for answer in answers} == {200}
    assert {rig.pool.line_of(answer)["pid"] for answer in answers} == {second.pid}
    assert rig.pool.gone([first]) == [0]
    busy.join()
    assert [answer.status for answer in result] == [200] * 20
    assert user.identify().status == 200


def test_an_idle_worker_stops_at_once(build):
    rig = build(workers=2, apps=(PARAM10,))
    rig.user(PARAM10).open().passes()
    silent = fastcgi.Connection(rig.pool.socket)
    start = time.monotonic()
    rig.pool.signal(signal.SIGTERM)
    assert rig.pool.gone(seconds=10) == [0, 0]
    assert time.monotonic() - start < 4
    silent.close()


def test_half_a_request_does_not_keep_a_stopping_worker_for_ever(build):
    rig = build(workers=1, web=False, apps=(PARAM10,), request_ms=1500)
    half = fastcgi.Connection(rig.pool.socket)
    half.send(fastcgi.request("identify", people.person())[:60])
    time.sleep(0.1)
    start = time.monotonic()
    rig.pool.signal(signal.SIGTERM)
    assert rig.pool.gone(seconds=10) == [0]
    assert time.monotonic() - start < 5
    half.close()


def test_hup_opens_the_log_again_and_nothing_else_happens(build):
    rig = build(workers=2, apps=(PARAM10,), log={"file": "benren.log"})
    log, rotated = rig.folder / "benren.log", rig.folder / "benren.log.1"
    first = rig.user(PARAM10).identify()
    where.wait_for(lambda: first.headers["X-Request-Id"] in log.read_text(), "its log line")
    log.rename(rotated)
    late = rig.user(PARAM10).identify()
    where.wait_for(lambda: late.headers["X-Request-Id"] in rotated.read_text(), "still in the old file")
    rig.pool.signal(signal.SIGHUP)
    where.wait_for(log.exists, "the new file")
    time.sleep(0.2)
    for _ in range(20):
        answer = rig.user(PARAM10).identify()
        assert answer.status == 200
        where.wait_for(lambda: answer.headers["X-Request-Id"] in log.read_text(), "its log line")
        assert answer.headers["X-Request-Id"] not in rotated.read_text()
    assert log.stat().st_mode & 0o777 == 0o640
    assert os.path.exists(rotated)
