"""Many at once, and what they do excludes each other."""

import where
from race import CROWD, at_once
from rig import PARAM10, PARAM20, each

RIG = {"workers": 3, "apps": (PARAM10, PARAM20), "delay_ms": 60}
ROUNDS = 8
KNOWN_APPS = [PARAM10, PARAM20]


def test_two_results_of_one_session_race_and_one_wins(rig):
    for _ in range(ROUNDS):
        user = rig.user(PARAM10).open()
        bodies = []
        for outcome in ("pass", "other_face"):
            user.scan(outcome)
            bodies.append({"verify_result": user.verify_result})
        at_once([lambda body=body: user.send("verify", body) for body in bodies] * (CROWD // 2))
        last = [user.send("verify", body) for body in bodies]
        codes = [answer.status for answer in last]
        assert codes in ([200, 409], [409, 403]), codes
        state = user.send("session", {"session": user.session})
        assert state.status == (200 if codes[0] == 200 else 403)


def test_a_cancel_and_a_verdict_race_and_the_session_ends_once(rig):
    for app in KNOWN_APPS * (ROUNDS // 2):
        user = rig.user(app).open()
        user.scan()
        answers = at_once([lambda: user.send("cancel", {"session": user.session, "err_code": 90100}),
                           user.verify] * (CROWD // 2))
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
