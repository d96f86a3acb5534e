"""One answer too many from WeChat's side makes nobody pass, and nobody somebody else.

HTTP/1.1 binds an answer to its request by nothing but its place on the connection, and 2.0's answers
hold nothing that says whose they are: after one stray on a connection that is used again, every user
there would get the result of the one before.
"""

import collections
import itertools
import pathlib
import tempfile
import threading

import pytest

import fastcgi
import people
from gateway import MOMENTS, Gateway, name_of, passes
from rig import LOGIN20, each
from where import figure

Seen = collections.namedtuple("Seen", "checks strays wrong_yes wrong_openid wrong_no undecided told connections resumed")

THREADS = 4
numbers = itertools.count(1)
lock = threading.Lock()


def a_check(connection):
    """A whole face check of the next user: (should it pass, what /verify said)."""
    with lock:
        n = next(numbers)
    who = {"code": "c%d" % n, "name": name_of(n), "id_card_number": people.id_number(n)}
    params = {"BENREN_APPID": LOGIN20.appid}
    opened = connection.ask("identify", who, **params)
    if opened.status != 200:
        return passes(n), None
    return passes(n), connection.ask("verify", {"session": opened["session"], "code": "c%d" % n}, **params)


def some_checks(path, count):
    with fastcgi.Connection(path) as connection:
        return [a_check(connection) for _ in range(count)]


def run_checks(build, what, moment, nagle, count):
    """Many users at the same time, and what came of it."""
    gateway = Gateway(pathlib.Path(tempfile.mkdtemp(prefix="benren-gateway-")), what, nagle, moment)
    try:
        rig = build(workers=2, apps=(LOGIN20,), sandbox=gateway, web=None)
        results = sum(each(range(THREADS), lambda _: some_checks(rig.pool.socket, count // THREADS + 1), THREADS), [])
        told = rig.pool.lines(event="out_of_turn")
        rig.check()
        rig.close()
    finally:
        gateway.stop()
    seen = Seen(
        checks=len(results), strays=gateway.strays, wrong_openid=gateway.wrong_openids, told=len(told),
        wrong_yes=sum(1 for right, answer in results if not right and answer and answer.status == 200),
        wrong_no=sum(1 for right, answer in results if right and answer and answer.status == 403),
        undecided=sum(1 for _, answer in results if answer is None or answer.status not in (200, 403)),
        connections=gateway.connections, resumed=gateway.resumed)
    print("%s, moment %s, %s: %s" % ("+".join(what), moment, "Nagle" if nagle else "no delay", seen))
    assert seen.strays >= seen.checks * 0.4, "the gateway has sent answers twice"
    assert seen.wrong_yes == 0 and seen.wrong_openid == 0
    return seen


@pytest.mark.parametrize("nagle", (False, True), ids=("nodelay", "nagle"))
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_stray_result_or_login_is_nobody_elses(build, moment, nagle):
    seen = run_checks(build, ("queryverifyinfo", "jscode2session"), moment, nagle, figure(10000 // (2 * len(MOMENTS)) + 1, 24))
    assert seen.wrong_no == 0 and seen.undecided == 0, "nobody notices"
    assert seen.resumed > seen.connections * 0.5, "a connection of its own is a short handshake"


@pytest.mark.parametrize("nagle", (False, True), ids=("nodelay", "nagle"))
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_stray_key_makes_nobody_pass(build, moment, nagle):
    """Open calls share connections; what their answers give is bound by the query."""
    seen = run_checks(build, ("getverifyid",), moment, nagle, figure(10000 // (2 * len(MOMENTS)) + 1, 24))
    if moment in (0, 1, 5):
        assert seen.told, "the operator is told"
