"""T11: somebody wants to run up the bill, or to ask WeChat about many names and numbers.

An open call may cost money, so how many there are is limited for a caller, an ID, an address (an
IPv6 /64) and an app.  What must happen: WeChat is called exactly as often as the budgets allow,
whatever the attackers mix; what is nonsense costs nothing; and an honest user with an address of
his own, who asks now and then, gets through every time.

Whole: 10^6 face checks wanted by 100 callers a group from 1,000 addresses; in tests/run 1,000.
"""


import fastcgi
import people
import pytest

from attack import Attack, Honest, Size, conf, identify
from rig import ANON10, PARAM10, PARAM20, each
from where import figure

SIZE = figure(Size(callers=100, addresses=1000, few=25, caller=20, address=60, id=30, honest=10),
              Size(callers=12, addresses=50, few=5, caller=4, address=6, id=5, honest=3))
TOTAL = figure(1_000_000, 1_000)
OPEN = {ANON10: "getuseridkey", PARAM10: "getuseridkey", PARAM20: "getverifyid"}


def test_wechat_is_called_exactly_as_often_as_the_budgets_allow(build):
    rig = build(**conf(SIZE))
    rig.pool.without_log_lines()
    attack, honest = Attack(rig, SIZE), Honest(rig, SIZE)
    attack.start(lambda: attack.sent() >= TOTAL)
    honest.run(attack.sent, TOTAL)
    attack.join()
    opens = {app: attack.may_open(app) + honest.opened(app) for app in OPEN}
    print(attack.told, "and honest", {app.name: len(told) for app, told in honest.told.items()})
    assert {app: rig.sandbox.calls(path=path, appid=app.appid) for app, path in OPEN.items()} == opens
    assert attack.told[200] == sum(attack.may_open(app) for app in OPEN)
    assert attack.told[503] <= TOTAL // 1000, "only on a busy machine: a lock was not had within its 200 ms"
    assert set(attack.told) - {503} == {200, 400, 429} and attack.breaks == 0
    assert abs(attack.told[400] - attack.sent() // len(attack.groups)) < 200, "the nonsense, and nothing else"
    assert attack.told[429] > attack.told[200]
    assert rig.pool.segment()["sessions"] == sum(opens.values())


def alone(rig, request):
    """The status of one request on a connection of its own."""
    with fastcgi.Connection(rig.pool.socket) as connection:
        return connection.pipeline([request])[0]


@pytest.mark.parametrize("app", [PARAM10, PARAM20], ids=lambda a: a.name)
def test_an_app_has_a_budget_of_its_own(build, app):
    rig = build(web=None, apps=(PARAM10, PARAM20), budgets={"app": "40/day"})
    told = each(range(200), lambda n: alone(rig, identify(app, people.person(), "10.0.0.%d" % n, "oTester%d" % n)))
    assert (told.count(200), told.count(429)) == (40, 160)
    assert rig.sandbox.total(OPEN[app]) == 40
    other = PARAM20 if app is PARAM10 else PARAM10
    assert alone(rig, identify(other, people.person(), "10.0.0.1", "oTester1")) == 200


def test_what_is_used_up_is_said_with_when_to_come_back(build):
    rig = build(web=None, apps=(PARAM10,), budgets={"caller": "2/hour", "address": "4/minute"})
    rows = (("oA", [200, 200, 429], "caller", 3600), ("oB", [200, 200, 429], "caller", 3600), ("oC", [429], "address", 60))
    for openid, statuses, over, most in rows:
        answers = [fastcgi.ask(rig.pool.socket, "identify", people.person(), BENREN_USER=openid, BENREN_OPENID=openid)
                   for _ in statuses]
        assert [answer.status for answer in answers] == statuses
        assert answers[-1]["reason"] == "limited" and rig.pool.line_of(answers[-1])["over"] == over
        assert 0 < int(answers[-1].headers["Retry-After"]) <= most * 9 / 8 + 1
