"""Budgets: exactly so many open calls and not one more, whoever asks, for the whole pool."""

import json
import re

import pytest

import people
import where
from rig import ANON10, LOGIN20, PARAM10, PARAM20, app as new_app, each

KNOWN_APPS = [PARAM10, PARAM20]
DAY = 86400
N, CROWD = 10, 32


def open_path(app):
    return "getuseridkey" if app.protocol == "1.0" else "getverifyid"


def one_caller(rig, app):
    user = rig.user(app)
    return lambda: rig.user(app, name="user-" + user.openid, openid=user.openid).identify()


def one_id(rig, app):
    """However the name is spelt: it is the number that costs."""
    number = people.person()["id_card_number"]
    return lambda: rig.user(app).identify(people.person(number))


def anybody(rig, app):
    return lambda: rig.user(app).identify()


SUBJECTS = {"caller": one_caller, "id": one_id, "address": anybody, "app": anybody}

by_app = {"argvalues": KNOWN_APPS, "ids": lambda a: a.name}


def check_refusal(rig, answer, over, seconds=DAY):
    assert answer.status == 429 and answer["reason"] == "limited", answer
    assert "session" not in answer.json
    wait = answer["retry_after"]
    assert int(answer.headers["Retry-After"]) == wait
    assert seconds - 120 < wait <= seconds * 9 / 8 + 1
    assert rig.pool.line_of(answer)["over"] == over


@pytest.mark.parametrize("over", SUBJECTS)
@pytest.mark.parametrize("app", **by_app)
def test_so_many_are_opened_and_not_one_more(build, app, over):
    rig = build(workers=3, apps=(app,), delay_ms=20, budgets={over: "%d/day" % N})
    ask = SUBJECTS[over](rig, app)
    answers = each(range(CROWD), lambda _: ask())
    codes = [answer.status for answer in answers]
    assert codes.count(200) == N and codes.count(429) == CROWD - N, codes
    for answer in answers:
        if answer.status == 429:
            check_refusal(rig, answer, over)
    for _ in range(5):
        check_refusal(rig, ask(), over)
    assert rig.sandbox.total(open_path(app)) == N


@pytest.mark.parametrize("over", ["caller", "id"])
def test_several_workers_keep_one_account(build, over):
    rig = build(workers=3, apps=(PARAM20,), delay_ms=20, budgets={over: "%d/day" % N})
    pids = set()
    for done in range(1, 9):
        ask = SUBJECTS[over](rig, PARAM20)
        answers = each(range(CROWD), lambda _: ask())
        assert [answer.status for answer in answers].count(200) == N
        assert rig.sandbox.total("getverifyid") == done * N
        pids |= {rig.pool.line_of(answer)["pid"] for answer in answers if answer.status == 200}
    assert len(pids) > 1, "several workers took part"


@pytest.mark.parametrize("over", SUBJECTS)
def test_they_are_held_through_the_death_of_every_worker(build, over):
    rig = build(workers=2, apps=(PARAM20,), budgets={over: "%d/day" % N})
    ask = SUBJECTS[over](rig, PARAM20)
    for _ in range(N - 1):
        assert ask().status == 200
    rig.pool.kill()
    rig.pool.start(2)
    assert ask().status == 200
    check_refusal(rig, ask(), over)
    rig.pool.kill()
    rig.pool.start(1)
    check_refusal(rig, ask(), over)
    assert rig.sandbox.total("getverifyid") == N


def test_each_caller_id_and_address_has_its_own(build):
    rig = build(apps=KNOWN_APPS, trusted_proxies=["127.0.0.1"],
                budgets={"caller": "2/day", "id": "2/day", "address": "4/day"})

    def ask(user, person, address, app=PARAM20):
        one = rig.user(app, name=user, openid=user)
        one.headers["X-Forwarded-For"] = address
        return one.identify(person)

    a, b, c = people.person(), people.person(), people.person()
    assert ask("ann", a, "203.0.113.1").status == 200
    assert ask("bob", a, "203.0.113.1").status == 200
    check_refusal(rig, ask("cat", a, "203.0.113.2"), "id")
    assert ask("ann", b, "203.0.113.1").status == 200
    check_refusal(rig, ask("ann", c, "203.0.113.2"), "caller")
    assert ask("dan", b, "203.0.113.1").status == 200
    check_refusal(rig, ask("eve", c, "203.0.113.1"), "address")
    # What was refused for one has cost nothing of the others.
    assert ask("cat", c, "203.0.113.2").status == 200
    assert ask("eve", c, "203.0.113.2").status == 200
    # And another app is another matter.
    assert ask("ann", a, "203.0.113.1", PARAM10).status == 200
    total = rig.sandbox.total()
    assert (total["getverifyid"], total["getuseridkey"]) == (6, 1)


def test_a_caller_is_the_same_by_token_and_by_code(build):
    rig = build(apps=(LOGIN20,), budgets={"caller": "4/day"})
    user = rig.user(LOGIN20)
    token = user.send("login", user.login())["token"]
    for i in range(4):
        if i % 2 == 0:
            assert user.identify().status == 200
        else:
            answer = user.send("identify", people.person(), headers={"X-Benren-Token": token})
            assert answer.status == 200
    check_refusal(rig, user.identify(), "caller")
    check_refusal(rig, user.send("identify", people.person(), headers={"X-Benren-Token": token}), "caller")


def test_nobody_in_particular_is_no_caller(build):
    """All anonymous clients together would otherwise share one budget."""
    rig = build(apps=(ANON10,), budgets={"caller": "2/day", "address": "5/day"})
    for _ in range(5):
        assert rig.user(ANON10).identify().status == 200
    check_refusal(rig, rig.user(ANON10).identify(), "address")


def test_the_rate_that_is_over_says_when(build):
    rig = build(apps=(PARAM20,), budgets={"caller": "2/hour 3/day"})
    ask = one_caller(rig, PARAM20)
    assert [ask().status for _ in range(2)] == [200, 200]
    check_refusal(rig, ask(), "caller", 3600)


def test_zero_is_any_number(rig):
    person = people.person()
    for app in KNOWN_APPS:
        user = rig.user(app)
        answers = each(range(150), lambda i: user.identify(person, source=i), 16)
        assert {answer.status for answer in answers} == {200}
        assert len({answer["session"] for answer in answers}) == 150


def test_the_budgets_that_come_without_saying_so(build):
    text = re.search(r'"budgets": (\{.*?\})', (where.ROOT / "conf" / "benren.json").read_text()).group(1)
    rig = build(apps=(PARAM20,), budgets=json.loads(text))
    ask = one_caller(rig, PARAM20)
    assert [ask().status for _ in range(21)] == [200] * 20 + [429]
    ask = one_id(rig, PARAM20)
    assert [ask().status for _ in range(16)] == [200] * 15 + [429]
    answers = [rig.user(PARAM20).identify() for _ in range(26)]
    assert [answer.status for answer in answers] == [200] * 25 + [429], "60 with those before"
    check_refusal(rig, answers[-1], "address", 60)


# --- what costs, and what does not -----------------------------------------------------------------

def test_what_is_not_asked_costs_nothing(build):
    rig = build(apps=(PARAM20,), budgets={"caller": "2/day"})
    ask = one_caller(rig, PARAM20)
    user = rig.user(PARAM20)
    for wrong in ({"name": "张三"}, {"name": "3", "id_card_number": "x"}, {**people.person(), "source": 256}):
        for _ in range(5):
            assert user.send("identify", wrong).status == 400
    assert [user.identify().status for _ in range(3)] == [200, 200, 429]
    assert [ask().status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("app", **by_app)
def test_what_did_not_reach_wechat_is_given_back(build, app):
    """Without a token nothing is sent; and while the breaker is open neither."""
    rig = build(workers=1, apps=(app,), breaker={"failures": 3, "open": 1},
                budgets={"caller": "6/day", "id": "6/day", "address": "6/day", "app": "6/day"},
                before=lambda rig: rig.sandbox.fault("stable_token", "errcode", errcode=40125, count=1000))
    user, person = rig.user(app), people.person()
    sources = iter(range(256))

    def ask():
        return user.identify(person, source=next(sources))

    assert [ask().status for _ in range(20)] == [503] * 20
    assert rig.sandbox.total(open_path(app)) == 0
    rig.sandbox.reset()
    where.wait_for(lambda: rig.client.call("GET", "/face/ready").status == 200, "there is a token", 20, 0.1)
    rig.sandbox.fault(open_path(app), "close", count=3)
    assert [ask().status for _ in range(3)] == [502] * 3, "these may have been executed: they count"
    assert [ask().status for _ in range(20)] == [503] * 20
    assert rig.sandbox.total(open_path(app)) == 3
    where.wait_for(lambda: ask().status == 200, "the breaker lets one through", 10, 0.2)
    assert [ask().status for _ in range(4)] == [200, 200, 429, 429]
    assert rig.sandbox.total(open_path(app)) == 6


def test_a_wechat_that_is_gone_costs_nothing(build):
    """Nobody listens there any more: no call was made, and none is counted."""
    rig = build(workers=1, apps=(PARAM20,), breaker={"failures": 0}, budgets={"caller": "3/day"})
    user = rig.user(PARAM20)
    assert user.identify().status == 200
    rig.sandbox.process.terminate()
    rig.sandbox.process.wait(20)
    answers = [user.identify() for _ in range(20)]
    codes = [answer.status for answer in answers]
    # The first may go out on the connection that is just dying; of the others none was sent.
    assert set(codes[1:]) == {503} and codes[0] in (502, 503), codes
    assert {answer["reason"] for answer in answers[1:]} == {"retry"}


@pytest.mark.parametrize("errcode", [-1, 40003, 45011, 48001])
def test_a_refusal_of_wechats_costs_like_a_face_check(build, errcode):
    rig = build(apps=(PARAM20,), budgets={"caller": "3/day"})
    number = next(row["id_card_number"] for row in rig.sandbox.catalogue()
                  if row["when"] == "open" and row["errcode"] == errcode)
    user = rig.user(PARAM20)
    codes = [user.identify(people.person(number)).status for _ in range(4)]
    assert set(codes[:3]) <= {502, 503} and codes[3] == 429, codes
    assert rig.sandbox.total("getverifyid") == 3


# --- results of others -----------------------------------------------------------------------------

def invented(n):
    return {"verify_result": "invented-%d-" % n + "x" * 40}


def test_who_brings_invented_results_is_cut_off_before_wechat_is_asked(build):
    rig = build(workers=3, apps=(PARAM10,), budgets={"caller": "5/day"})
    thief, honest = rig.user(PARAM10), rig.user(PARAM10)
    answers = [thief.send("verify", invented(n)) for n in range(12)]
    codes = [answer.status for answer in answers]
    assert codes == [403] * 5 + [429] * 7
    assert rig.sandbox.total("getinfo") == 5
    for answer in answers[5:]:
        check_refusal(rig, answer, "caller_results")
        assert answer["verified"] is False and answer["state"] == "none"
    for _ in range(5):
        honest.open().passes()
    assert rig.sandbox.total("getinfo") == 10


def test_who_brings_other_peoples_results_pays_for_each(build):
    rig = build(workers=2, apps=(PARAM10,), budgets={"caller": "4/day"})
    owners = [rig.user(PARAM10).open() for _ in range(8)]
    for owner in owners:
        owner.scan()
    thief = rig.user(PARAM10).open()
    codes = [thief.send("verify", {"verify_result": owner.verify_result}).status for owner in owners]
    assert codes == [403] * 4 + [429] * 4
    asked = rig.sandbox.total("getinfo")
    assert asked == 4
    thief.scan()
    assert thief.verify().status == 429, "his own has to wait, too"
    for owner in owners:
        assert owner.verify().status == 200, "and the owners have lost nothing"


def test_the_same_loot_again_costs_once(build):
    rig = build(apps=(PARAM10,), budgets={"caller": "5/day"})
    thief = rig.user(PARAM10)
    for _ in range(20):
        assert thief.send("verify", invented(1)).status == 403
    assert rig.sandbox.total("getinfo") == 1
    codes = [thief.send("verify", invented(2 + n)).status for n in range(6)]
    assert codes == [403] * 4 + [429] * 2


def test_with_all_checks_spent_the_last_one_can_still_be_verified(build):
    rig = build(apps=tuple(KNOWN_APPS), budgets={"caller": "3/day", "id": "3/day", "address": "6/day",
                                                 "app": "3/day"})
    for app in KNOWN_APPS:
        user, person = rig.user(app), people.person()
        for _ in range(2):
            user.open(person)
            user.scan("other_face")
            assert user.verify().status == 403, "not passed, and no strike"
        user.open(person, source=1)
        assert user.identify(person, source=2).status == 429
        user.identify(person, source=1)  # the same again, which costs nothing
        user.passes()
        assert user.verify().status == 200


def test_strikes_count_for_the_address_where_nobody_is_known(build):
    rig = build(apps=(ANON10,), budgets={"address": "5/day"})
    thief = rig.user(ANON10)
    assert [thief.send("verify", invented(n)).status for n in range(8)] == [403] * 5 + [429] * 3
    assert rig.sandbox.total("getinfo") == 5


def test_results_of_2_0_cost_nothing(build):
    """There a client names a session; what is none of his is not asked about."""
    rig = build(apps=(PARAM20,), budgets={"caller": "2/day"})
    owner, thief = rig.user(PARAM20).open(), rig.user(PARAM20)
    owner.scan()
    for _ in range(10):
        assert thief.send("verify", {"session": owner.session}).status == 404
    assert rig.sandbox.total("queryverifyinfo") == 0
    assert [thief.identify().status for _ in range(3)] == [200, 200, 429]


def test_no_crowd_of_invented_results_gets_past_the_budget(build):
    rig = build(workers=3, apps=(PARAM10,), delay_ms=30, budgets={"caller": "5/day"})
    thief = rig.user(PARAM10)
    codes = [answer.status for answer in each(range(CROWD), lambda n: thief.send("verify", invented(n)))]
    assert sorted(codes) == [403] * 5 + [429] * (CROWD - 5)
    assert rig.sandbox.total("getinfo") == 5


def test_results_and_openings_are_counted_apart(build):
    """Or sixty who open honestly behind one address could be stopped by one who invents."""
    rig = build(apps=(PARAM10,), budgets={"caller": "0", "address": "4/day"})
    users = [rig.user(PARAM10).open() for _ in range(4)]
    assert rig.user(PARAM10).identify().status == 429
    assert rig.user(PARAM10).send("verify", invented(1)).status == 403
    for user in users:
        user.passes()


def test_a_busy_app_has_a_limit_of_its_own(build):
    """in_flight of an app: what is over it is told to come again, and costs nothing."""
    narrow = new_app(3, "narrow", "2.0", "param", in_flight=4)
    rig = build(workers=1, apps=(narrow, PARAM10), delay_ms=300, budgets={"app": "40/day"})
    rig.user(narrow).open()
    rig.reset()
    answers = each(range(CROWD), lambda _: rig.user(narrow).identify())
    codes = [answer.status for answer in answers]
    assert codes.count(200) == 4 and codes.count(503) == CROWD - 4, codes
    assert {rig.pool.line_of(answer)["why"] for answer in answers if answer.status == 503} == {"app_in_flight"}
    assert rig.sandbox.settled()["in_flight_peak"] == 4
    codes = [answer.status for answer in each(range(36), lambda _: rig.user(narrow).identify(), 4)]
    assert codes.count(200) == 35 and codes.count(429) == 1, "one, four and 35: those that were sent"
    answers = each(range(12), lambda _: rig.user(PARAM10).identify(), 12)
    assert {answer.status for answer in answers} == {200}, "the other app has no such limit"


def test_four_budgets_and_a_crowd_leave_exact_accounts(build):
    """Refused by one, given back to the others: in the end each has counted what was opened."""
    rig = build(workers=3, apps=(PARAM20,), delay_ms=10,
                budgets={"caller": "3/day", "id": "1000/day", "address": "1000/day", "app": "40/day"})
    users = [rig.user(PARAM20) for _ in range(10)]
    answers = each(range(120), lambda i: users[i % 10].identify())
    opened = [answer.status for answer in answers].count(200)
    assert opened == 30, "three for each of ten"
    late = [rig.user(PARAM20) for _ in range(12)]
    codes = [user.identify().status for user in late]
    assert codes == [200] * 10 + [429] * 2, "what was refused for a caller is not lost to the app"
    assert rig.sandbox.total("getverifyid") == 40
