"""T02: a result is sent again and again, by the one whose it is.

Must happen: the same answer as the first time, byte for byte, and no call to WeChat; and for
another session, or for a session that ended by another result, 409.
Figure: 10,000 replays a protocol and outcome, 1 call each; 300 in tests/run.
"""

import pytest

from rig import PARAM10, PARAM20, each
from where import figure

RIG = {"workers": 3, "apps": (PARAM10, PARAM20)}
KNOWN_APPS = [PARAM10, PARAM20]
REPLAYS = figure(10000, 300)


def ways(user):
    """All ways of asking the same: fields, kind of body, headers."""
    header = {"X-Benren-Session": user.session}
    if user.app.protocol == "1.0":
        result = user.verify_result
        return [({"verify_result": result}, "json", {}), ({"verifyResult": result}, "form", {}),
                ({"verify_result": result, "session": user.session}, "json", {}),
                ({"verify_result": result}, "json", header)]
    return [({"session": user.session}, "json", {}), ({"verify_id": user.key}, "json", {}),
            ({"verifyId": user.key, "session": user.session}, "form", {}), ({}, "json", header)]


@pytest.mark.parametrize("outcome, status", [("pass", 200), ("other_face", 403)])
@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_replay_is_answered_as_the_first_time_and_costs_no_call(rig, app, outcome, status):
    user = rig.user(app).open(source=3)
    user.scan(outcome)
    first = user.verify()
    assert first.status == status
    all_ways = ways(user)

    def replay(n):
        fields, kind, headers = all_ways[n % len(all_ways)]
        return user.send("verify", fields, kind, headers)

    answers = each(range(REPLAYS), replay, 16)
    assert {(answer.status, answer.body) for answer in answers} == {(status, first.body)}
    assert user.send("session", {"session": user.session}).body == first.body
    assert rig.sandbox.total(app.query_call) == 1
    ids = {answer.headers["X-Request-Id"] for answer in (first, *answers)}
    lines = [line for line in rig.pool.lines(endpoint="verify") if line["id"] in ids]
    assert sorted(line["asked"] for line in lines) == [False] * REPLAYS + [True]
    assert len({line["pid"] for line in lines}) > 1, "several workers took part"


def test_a_second_scan_of_a_session_that_has_passed_is_used(rig):
    user = rig.user(PARAM10).open()
    user.passes()
    user.scan()
    for fields in ({}, {}, {"session": user.session}):
        answer = user.verify(**fields)
        assert (answer.status, answer["reason"]) == (409, "used"), "and so it stays"
    assert rig.sandbox.total("getinfo") == 2


def test_one_result_belongs_to_one_session(rig):
    user = rig.user(PARAM10).open()
    user.passes()
    result = user.verify_result
    user.open()
    for _ in range(10):
        answer = user.send("verify", {"verify_result": result, "session": user.session})
        assert (answer.status, answer["verified"]) == (409, False), answer
    assert rig.sandbox.total("getinfo") == 1
    user.passes()


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_after_a_failed_face_the_same_session_never_passes(rig, app):
    user = rig.user(app).open()
    user.scan("other_face")
    assert user.verify().status == 403
    user.scan("pass")
    for _ in range(10):
        assert user.verify().status == (409 if app.protocol == "1.0" else 403)
    assert user.send("session", {"session": user.session}).status == 403
