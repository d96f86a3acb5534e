"""The same /identify again: a double tap or a repeated key opens once, and both get the same."""

import threading
import time

import pytest

import people
import where
from rig import ANON10, LOGIN20, PARAM10, PARAM20, each

RIG = {"workers": 3, "apps": (ANON10, PARAM10, PARAM20, LOGIN20), "delay_ms": 80}
KNOWN_APPS = [PARAM10, PARAM20]
KEY = "Idempotency-Key"

by_app = {"argvalues": KNOWN_APPS, "ids": lambda a: a.name}


def open_path(app):
    return "getuseridkey" if app.protocol == "1.0" else "getverifyid"


def new_key():
    return "key-%020d" % next(people.numbers)


def crowd(do, n=16):
    gate = threading.Barrier(n)

    def one(i):
        gate.wait()
        return do(i)

    return each(range(n), one, n)


def same(answers):
    """All fine, and all with the same key and session."""
    assert {answer.status for answer in answers} == {200}, answers
    what = {(answer["session"], answer.get("user_id_key"), answer.get("verify_id")) for answer in answers}
    assert len(what) == 1
    return answers[0]


@pytest.mark.parametrize("app", **by_app)
def test_a_double_tap_is_one_open_call_and_one_session(rig, app):
    pids = set()
    for done in range(1, 9):
        user, person = rig.user(app), people.person()
        answers = crowd(lambda _: user.send("identify", person), 32)
        user.opened = same(answers)
        assert rig.sandbox.total(open_path(app)) == done
        lines = [rig.pool.line_of(answer) for answer in answers]
        assert sum(line.get("repeated") is True for line in lines) == len(answers) - 1
        pids |= {line["pid"] for line in lines}
        user.passes()
    assert len(pids) > 1, "several workers took part"


def test_also_by_token(rig):
    user, person = rig.user(LOGIN20), people.person()
    headers = {"Authorization": "Bearer " + user.send("login", user.login())["token"]}
    same(crowd(lambda _: user.send("identify", person, headers=headers)))
    assert rig.sandbox.total("getverifyid") == 1


@pytest.mark.parametrize("app", **by_app)
def test_what_is_not_the_same_is_another_face_check(rig, app):
    user, person, other = rig.user(app), people.person(), people.person()
    bodies = [person, other, {**person, "source": 0}, {**person, "source": 1}, {**person, "consent": "a"},
              {**person, "consent": "b"}, {**person, "name": "王五"}]
    sessions = [user.send("identify", body)["session"] for body in bodies]
    assert len(set(sessions)) == len(bodies)
    stranger = rig.user(app).send("identify", person)
    assert stranger.status == 200 and stranger["session"] not in sessions
    again = [user.send("identify", body)["session"] for body in bodies]
    assert again == sessions
    assert rig.sandbox.total(open_path(app)) == len(bodies) + 1


def test_however_it_is_spelt_it_is_the_same(rig):
    user = rig.user(PARAM20)
    person = {"name": "张三", "id_card_number": "11010519491231002X"}
    same([user.send("identify", {**person, "source": 7}),
          user.send("identify", {**person, "source": "7"}, "form"),
          user.send("identify", {"name": " 张三 ", "idCardNumber": "11010519491231002x", "source": 7})])
    assert rig.sandbox.total("getverifyid") == 1


@pytest.mark.parametrize("app", **by_app)
def test_after_the_end_of_a_session_the_same_again_is_a_new_one(rig, app):
    user, person = rig.user(app), people.person()
    sessions = set()
    for end in ("pass", "other_face", "cancel"):
        user.opened = user.send("identify", person)
        assert user.opened.status == 200
        sessions.add(user.session)
        user.scan(end)
        if end == "cancel":
            assert user.send("cancel", {"session": user.session, "err_code": 90100}).status == 200
        else:
            assert user.verify().status == (200 if end == "pass" else 403)
    assert len(sessions) == 3


@pytest.mark.parametrize("app", **by_app)
def test_where_nothing_was_opened_the_same_again_is_asked_again(rig, app):
    user, person = rig.user(app), people.person()
    rig.sandbox.fault(open_path(app), "errcode", errcode=45011, count=2)
    assert [user.send("identify", person).status for _ in range(3)] == [503, 503, 200]
    assert rig.sandbox.total(open_path(app)) == 3


def test_the_same_again_costs_once(build):
    rig = build(apps=tuple(KNOWN_APPS), budgets={"caller": "2/day"})
    for app in KNOWN_APPS:
        user, person = rig.user(app), people.person()
        for _ in range(10):
            assert user.send("identify", person).status == 200
        assert [user.identify().status for _ in range(2)] == [200, 429]
        assert user.send("identify", person).status == 200, "what was opened is given all the same"
        for _ in range(3):
            refused = user.send("identify", people.person(), headers={KEY: new_key()})
            assert refused.status == 429


# --- with a key -----------------------------------------------------------------------------------

@pytest.mark.parametrize("app", [*KNOWN_APPS, ANON10], ids=lambda a: a.name)
def test_the_same_key_is_the_same_face_check(rig, app):
    user, person, header = rig.user(app), people.person(), {KEY: new_key()}
    user.opened = same(crowd(lambda _: user.send("identify", person, headers=header)))
    assert rig.sandbox.total(open_path(app)) == 1
    other = user.send("identify", person, headers={KEY: new_key()})
    assert other.status == 200 and other["session"] != user.session
    user.passes()


@pytest.mark.parametrize("app", [*KNOWN_APPS, ANON10], ids=lambda a: a.name)
def test_a_key_with_other_fields_is_refused(rig, app):
    user, person, header = rig.user(app), people.person(), {KEY: new_key()}
    user.opened = user.send("identify", person, headers=header)
    for body in (people.person(), {**person, "source": 1}, {**person, "consent": "terms"}):
        answer = user.send("identify", body, headers=header)
        assert answer.status == 400 and answer["reason"] == "bad_field", answer
        assert "new key" in answer["hint"] and "session" not in answer.json
    assert rig.sandbox.total(open_path(app)) == 1
    user.passes()


@pytest.mark.parametrize("app", [*KNOWN_APPS, ANON10], ids=lambda a: a.name)
def test_a_key_whose_face_check_has_ended_is_used_up(rig, app):
    user, person, header = rig.user(app), people.person(), {KEY: new_key()}
    user.opened = user.send("identify", person, headers=header)
    user.passes()
    for _ in range(2):
        answer = user.send("identify", person, headers=header)
        assert answer.status == 409 and answer["reason"] == "used" and "session" not in answer.json, answer
    assert rig.sandbox.total(open_path(app)) == 1


def test_a_key_is_its_callers_own(rig):
    person, header = people.person(), {KEY: new_key()}
    answers = [rig.user(app).send("identify", person, headers=header)
               for app in (PARAM10, PARAM10, PARAM20, PARAM20, ANON10)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer["session"] for answer in answers}) == 5


def test_without_a_key_nobody_in_particular_taps_twice(rig):
    """Two anonymous clients with the same identity may be two people."""
    person = people.person()
    answers = [rig.user(ANON10).send("identify", person) for _ in range(3)]
    assert len({answer["session"] for answer in answers}) == 3
    assert rig.sandbox.total("getuseridkey") == 3


@pytest.mark.parametrize("key", ["short", "x" * 15, "x" * 129, "with blanks in between", "schluessel/0123456",
                                 '"0123456789abcdef"', "0123456789abcde;0123456789abcde"])
def test_what_is_no_key_is_said_to_be_none(rig, key):
    for app in (PARAM20, ANON10):
        answer = rig.user(app).send("identify", people.person(), headers={KEY: key})
        assert answer.status == 400 and KEY in answer["hint"], answer
    assert rig.sandbox.total("getverifyid") == rig.sandbox.total("getuseridkey") == 0


def test_the_shortest_and_the_longest_key(rig):
    for key in (new_key()[-16:], (new_key() + "-_.:" * 40)[:128]):
        user, person = rig.user(PARAM20), people.person()
        same([user.send("identify", person, headers={KEY: key}) for _ in range(2)])


def test_a_key_counts_for_as_long_as_the_workers_live_and_longer(build):
    rig = build(workers=2, apps=(PARAM20, ANON10))
    users = [(rig.user(app), people.person(), {KEY: new_key()}) for app in (PARAM20, ANON10) for _ in range(8)]

    def ask(row):
        user, person, header = row
        return user.send("identify", person, headers=header)

    first = each(users, ask)
    rig.pool.kill()
    rig.pool.start(2)
    for a, b in zip(first, each(users, ask)):
        same([a, b])
    assert rig.sandbox.total("getverifyid") == rig.sandbox.total("getuseridkey") == 8


# --- a worker that dies in between -----------------------------------------------------------------

@pytest.mark.parametrize("keyed", [False, True], ids=["tap", "key"])
@pytest.mark.parametrize("app", **by_app)
def test_a_worker_that_is_killed_while_it_opens_holds_nobody_up_for_long(build, app, keyed):
    """Its claim runs out after 4 x total_ms and 2 s; until then nobody opens a second one."""
    rig = build(workers=1, apps=(app,), wechat={"total_ms": 400})
    user, person = rig.user(app), people.person()
    headers = {KEY: new_key()} if keyed else {}

    def ask():
        return user.send("identify", person, headers=headers)

    rig.sandbox.fault(open_path(app), "hang")
    thread = threading.Thread(target=ask)
    thread.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["faults_delivered"] == 1, "the call is under way")
    rig.pool.kill()
    rig.pool.start(1)
    thread.join()
    answer = ask()
    assert answer.status == 409 and answer["reason"] == "in_progress", answer
    assert int(answer.headers["Retry-After"]) == answer["retry_after"] == 1
    assert rig.sandbox.sim("ledger")["total"][open_path(app)] == 1
    user.opened = where.wait_for(lambda: (lambda a: a if a.status == 200 else None)(ask()),
                                 "the claim ran out", 10, 0.1)
    assert rig.sandbox.total(open_path(app)) == 2
    same([user.opened, ask()])
    user.passes()


def test_kill_9_under_a_crowd_that_taps_opens_no_more_than_needed(build):
    """All calls under way are lost with their workers; then each user has one more, and one session."""
    rig = build(workers=4, apps=tuple(KNOWN_APPS), wechat={"total_ms": 1000})
    users = [(rig.user(KNOWN_APPS[i % 2]), people.person(), {KEY: new_key()}) for i in range(24)]
    answers, stop = {i: [] for i in range(24)}, threading.Event()
    for app in KNOWN_APPS:
        rig.sandbox.fault(open_path(app), "hang", count=12)

    def tap(i):
        user, person, header = users[i]
        while not stop.is_set():
            answer = user.send("identify", person, headers=header)
            answers[i].append(answer)
            assert answer.status in (200, 409, 502, 503), answer
            if answer.status != 200:
                time.sleep(0.02)

    threads = [threading.Thread(target=tap, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    try:
        where.wait_for(lambda: rig.sandbox.sim("ledger")["faults_delivered"] == 24, "all calls are under way")
        rig.pool.kill()
        rig.pool.start(4)
        where.wait_for(lambda: all(any(a.status == 200 for a in got) for got in answers.values()),
                       "everybody has got a session", 30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for got in answers.values():
        same([answer for answer in got if answer.status == 200])
    total = rig.sandbox.total()
    calls = total["getuseridkey"] + total["getverifyid"]
    late = sum(answer.status in (502, 503) and not answer.away for got in answers.values() for answer in got)
    assert 48 <= calls <= 48 + late, (calls, late)


def test_a_key_is_not_written_down(rig):
    user, person, key = rig.user(PARAM20), people.person(), new_key()
    answer = user.send("identify", person, headers={KEY: key})
    assert rig.pool.line_of(answer)["idempotent"] is True
    assert key not in rig.pool.said()
