"""How each launcher behaves with the file of spawn/: stopped and restarted under load, workers killed.

BENREN_WHOLE=1: more rounds.
"""

import os
import signal
import time

import pytest

import webservers
import where
from launchers import LAUNCHERS, Place
from load import WHOLE, Load
from rig import LOGIN10, LOGIN20

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="launchers change the user: root only")

APPS = (LOGIN10, LOGIN20)
ROUNDS = 10 if WHOLE else 1


@pytest.fixture(scope="module")
def place():
    made = Place(APPS, delay_ms=30)
    yield made
    made.close()


@pytest.fixture(scope="module")
def fronts(place):
    """nginx, which keeps connections, and Apache, which makes a new one for each request."""
    made = {}
    for name in ("nginx", "apache"):
        folder = place.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        made[name] = webservers.ALL[name](folder, place.socket, APPS)
    yield made
    for server in made.values():
        server.stop()


@pytest.fixture(scope="module", params=list(LAUNCHERS))
def running(request, place, fronts):
    missing = LAUNCHERS[request.param].missing()
    if missing:
        pytest.skip("not installed: " + missing)
    made = LAUNCHERS[request.param](place)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def launcher(running, place):
    """With its two workers; what they logged is in order."""
    if len(place.workers()) != 2:
        running.restart()
    yield running
    place.check()


@pytest.fixture
def load(place, fronts):
    """load(name): users in front of that web server."""
    made = []

    def make(name):
        made.append(Load(place.sandbox, fronts[name].port, APPS))
        return made[-1]

    yield make
    for one in made:
        one.finish()


def test_a_restart_keeps_sessions_and_refuses_cleanly(launcher, load):
    users = load("nginx")
    for _ in range(ROUNDS):
        users.grows()
        old = launcher.place.workers()
        launcher.restart()
        assert not set(old) & set(launcher.place.workers())
    users.grows()
    users.finish()
    assert users.odd == [] and users.broken == 0, users
    assert set(users.away) <= {503}, users
    users.all_pass()


def test_new_workers_one_by_one_refuse_nobody(launcher, load):
    if not launcher.respawns and launcher.name != "spawn-fcgi":
        pytest.skip("nothing starts them again")
    users = load("apache")
    for _ in range(ROUNDS):
        users.grows()
        launcher.roll()
    users.grows()
    users.finish()
    assert users.odd == [] and users.broken == 0 and not users.away, users
    users.all_pass()


def test_the_new_workers_share_the_load(launcher, load):
    """nginx keeps its connections, and the worker that came first has got them all."""
    if launcher.name != "multiwatch":
        pytest.skip("how connections are shared out does not depend on it")
    users = load("nginx")
    users.grows()
    launcher.roll()

    def shares():
        """Of the last 200 requests, how many each worker answered."""
        pids = [line["pid"] for line in launcher.place.lines(event="request")][-200:]
        return [pids.count(pid) for pid in launcher.place.workers()]

    users.grows(200)
    where.wait_for(lambda: min(shares()) > 20, lambda: "each has a tenth at least: %s" % shares(), 60, 0.5)
    users.finish()
    assert users.odd == [] and users.broken == 0, users
    users.all_pass()


def test_a_worker_that_is_killed(launcher, load):
    users = load("nginx")
    for _ in range(ROUNDS if launcher.respawns else 1):
        users.grows()
        victim = launcher.place.workers()[0]
        os.kill(victim, signal.SIGKILL)
        if launcher.respawns:
            where.wait_for(lambda: victim not in launcher.place.workers() and len(launcher.place.workers()) == 2,
                           lambda: "it is replaced: " + launcher.said(), 10)
        else:
            where.wait_for(lambda: len(launcher.place.workers()) == 1, "it is gone")
        users.grows()  # the other one went on
    users.finish()
    assert users.odd == [] and users.broken == 0, users
    users.all_pass()


def test_stopped_means_away_and_then_all_is_as_before(launcher, load, fronts):
    users = load("nginx")
    users.grows()
    launcher.stop()
    where.wait_for(lambda: users.away[503] > 3, "the client is told")
    launcher.start()
    users.grows()
    users.finish()
    assert users.odd == [] and users.broken == 0 and set(users.away) == {503}, users
    users.all_pass()


def test_a_broken_configuration_is_said_and_not_tried_for_ever(launcher):
    """All of them give up or slow down; none of them burns the processor."""
    if launcher.name == "plain":
        pytest.skip("it tries once")
    good = launcher.place.conf.read_text()
    launcher.stop()
    try:
        launcher.place.conf.write_text(good.replace('"sandbox"', '"sandbx"'))
        before = os.times()
        try:
            launcher.begin()
        except AssertionError as e:
            assert "78" in str(e) and launcher.name == "spawn-fcgi"
        end = time.monotonic() + 3
        while time.monotonic() < end:
            time.sleep(0.1)
            launcher.place.workers()  # reaps
        after = os.times()
        assert after.children_user + after.children_system - before.children_user - before.children_system < 3
        if launcher.name not in ("spawn-fcgi", "supervisord"):
            assert 'did you mean "sandbox"' in launcher.said(), launcher.said()
    finally:
        if launcher.process is not None:
            launcher.end()
        launcher.place.conf.write_text(good)
        launcher.start()
