"""An open call costs money, so it is sent at most once, whatever happens to the connection."""

import pytest

import where
from rig import PARAM10, PARAM20, each

RIG = {"apps": (PARAM10, PARAM20), "breaker": {"failures": 0}}
KNOWN_APPS = [PARAM10, PARAM20]
DEATHS = 300 if where.SHORT else 1000


def open_path(app):
    return "getuseridkey" if app.protocol == "1.0" else "getverifyid"


def query_path(app):
    return "getinfo" if app.protocol == "1.0" else "queryverifyinfo"


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_no_open_call_is_sent_twice_when_its_connection_dies_after_it_was_read(rig, app):
    before = rig.pool.segment()
    rig.sandbox.fault(open_path(app), "close", count=DEATHS)
    answers = each(range(DEATHS), lambda _: rig.user(app).identify())
    for answer in answers:
        assert answer.status == 502 and answer["reason"] == "upstream", answer
        assert "session" not in answer.json
    assert rig.sandbox.total(open_path(app)) == DEATHS
    assert rig.sandbox.calls(path=open_path(app), fault="close") == DEATHS, "every one died"
    assert rig.pool.segment()["sessions"] == before["sessions"], "what was reserved is given back"
    rig.user(app).open().passes()


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_the_same_on_connections_that_have_worked_before(rig, app):
    """A client library sends a request again when a connection that it reused turns out dead."""
    n = DEATHS // 2
    for _ in range(n // 2):
        rig.sandbox.fault(open_path(app), "close", skip=1)
    answers = each(range(n), lambda _: rig.user(app).identify(), 2)
    codes = [answer.status for answer in answers]
    assert codes.count(502) == n // 2 and codes.count(200) == n - n // 2
    assert rig.sandbox.total(open_path(app)) == n


def test_a_login_code_is_not_sent_twice_either(build):
    from rig import LOGIN20
    rig = build(apps=(LOGIN20,), breaker={"failures": 0})
    rig.sandbox.fault("jscode2session", "close", count=20)
    answers = each(range(20), lambda _: rig.user(LOGIN20).identify(), 8)
    assert {answer.status for answer in answers} <= {502, 503}
    assert rig.sandbox.total("jscode2session") == 20
    assert rig.sandbox.total("getverifyid") == 0


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_query_is_asked_once_more_and_then_given_up(rig, app):
    user = rig.user(app).open()
    user.scan()
    rig.sandbox.fault(query_path(app), "close")
    assert user.verify().status == 200
    assert rig.sandbox.total(query_path(app)) == 2
    user = rig.user(app).open()
    user.scan()
    rig.sandbox.reset()
    rig.sandbox.fault(query_path(app), "close", count=2)
    answer = user.verify()
    assert answer.status == 502, answer
    assert rig.sandbox.total(query_path(app)) == 2
    assert user.verify().status == 200, "it may be asked again later"


@pytest.mark.parametrize("kind", ["close", "cut", "hang", "endless", "drip"])
def test_however_the_answer_is_lost_an_open_call_was_sent_once(build, kind):
    rig = build(apps=KNOWN_APPS, wechat={"total_ms": 1500}, breaker={"failures": 0})
    for app in KNOWN_APPS:
        rig.sandbox.fault(open_path(app), kind, count=10, **({"step_ms": 500} if kind == "drip" else {}))
        answers = each(range(10), lambda _: rig.user(app).identify(), 10)
        assert {answer.status for answer in answers} <= {502, 503}, answers
        assert rig.sandbox.sim("ledger")["total"][open_path(app)] == 10
        rig.sandbox.sim("fault", {"clear": True})
        rig.user(app).open().passes()


def test_a_dead_wechat_is_left_alone_for_a_while(build):
    rig = build(workers=1, apps=(PARAM10,), breaker={"failures": 5, "open": 1})
    rig.sandbox.fault("getuseridkey", "close", count=5)
    assert [rig.user(PARAM10).identify().status for _ in range(5)] == [502] * 5
    for _ in range(20):
        answer = rig.user(PARAM10).identify()
        assert answer.status == 503 and answer["reason"] == "retry", answer
    assert rig.sandbox.total("getuseridkey") == 5
    assert rig.pool.lines(event="breaker_open")
    ready = rig.client.call("GET", "/face/ready")
    assert ready.status == 503 and ready["wechat"] == "breaker_open"
    where.wait_for(lambda: rig.user(PARAM10).identify().status == 200, "it is tried again", 5, 0.2)
    assert rig.pool.lines(event="breaker_closed")
