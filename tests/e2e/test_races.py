"""Many at once: one question to WeChat, and one answer for all."""

import threading

import pytest

import where
from rig import PARAM10, PARAM20, each

RIG = {"workers": 3, "apps": (PARAM10, PARAM20), "delay_ms": 60}
ROUNDS, CROWD = 8, 64
KNOWN_APPS = [PARAM10, PARAM20]


def crowd(do, n=CROWD):
    """do() n times at the same instant."""
    gate = threading.Barrier(n)

    def one(_):
        gate.wait()
        return do()

    return each(range(n), one, n)


def query_path(app):
    return "getinfo" if app.protocol == "1.0" else "queryverifyinfo"


@pytest.mark.parametrize("named", [False, True], ids=["alone", "with_session"])
@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_sixty_four_at_once_ask_wechat_once(rig, app, named):
    pids = set()
    for done in range(1, ROUNDS + 1):
        user = rig.user(app).open()
        user.scan()
        more = {"session": user.session} if named else {}
        answers = crowd(lambda: user.verify(**more))
        codes = [answer.status for answer in answers]
        assert set(codes) <= {200, 409}, codes
        assert codes.count(200) >= 1 and 409 in codes, codes
        for answer in answers:
            if answer.status == 409:
                assert answer["reason"] == "in_progress" and "Retry-After" in answer.headers
        assert user.verify(**more).status == 200
        assert rig.sandbox.total(query_path(app)) == done
        pids |= {rig.pool.line_of(answer)["pid"] for answer in answers}
    assert len(pids) > 1, "several workers took part"


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_face_that_fails_fails_for_all_of_them(rig, app):
    user = rig.user(app).open()
    user.scan("other_face")
    answers = crowd(user.verify)
    assert {answer.status for answer in answers} <= {403, 409}
    assert user.verify().status == 403
    assert rig.sandbox.total(query_path(app)) == 1


def test_two_results_of_one_session_race_and_one_wins(rig):
    for _ in range(ROUNDS):
        user = rig.user(PARAM10).open()
        bodies = []
        for outcome in ("pass", "other_face"):
            user.scan(outcome)
            bodies.append({"verify_result": user.verify_result})
        turn = iter(bodies * (CROWD // 2))
        lock = threading.Lock()

        def verify():
            with lock:
                body = next(turn)
            return body, user.send("verify", body)

        crowd(verify)
        last = [user.send("verify", body) for body in bodies]
        codes = [answer.status for answer in last]
        assert codes in ([200, 409], [409, 403]), codes
        state = user.send("session", {"session": user.session})
        assert state.status == (200 if codes[0] == 200 else 403)


def test_a_cancel_and_a_verdict_race_and_the_session_ends_once(rig):
    for app in KNOWN_APPS * (ROUNDS // 2):
        user = rig.user(app).open()
        user.scan()
        turn = iter(range(CROWD))

        def one():
            if next(turn) % 2 == 0:
                return user.send("cancel", {"session": user.session, "err_code": 90100})
            return user.verify()

        answers = crowd(one)
        end = where.wait_for(lambda: ended(user), "the session has ended")
        passed = [answer for answer in answers if answer.status == 200 and "verified" in answer.json]
        cancelled = [answer for answer in answers if "cancelled" in answer.json]
        assert not (passed and cancelled), "it either passed or was cancelled"
        assert (end.status == 200) == (not cancelled)
        for _ in range(3):
            assert user.send("session", {"session": user.session}).json == end.json


def ended(user):
    answer = user.send("session", {"session": user.session})
    return answer if answer["state"] in ("passed", "failed") else None


def test_a_crowd_that_opens_gets_a_session_each(rig):
    users = [rig.user(PARAM20) for _ in range(CROWD)]
    each(users, lambda user: user.open(), CROWD)
    assert len({user.session for user in users}) == len({user.key for user in users}) == CROWD
    each(users, lambda user: user.passes(), CROWD)
    assert rig.sandbox.total("getverifyid") == rig.sandbox.total("queryverifyinfo") == CROWD
