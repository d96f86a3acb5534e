"""T05: sixty-four requests ask for one verdict at the same instant, spread over all workers.

Must happen: one of them asks WeChat; the others are told to wait (409), or get the same answer when it
is there; the session passes once.
Figure: 64 at once, 1,000 rounds a protocol: exactly 1,000 queries, exactly 1,000 sessions passed;
10 rounds in tests/run.
"""

import collections

import pytest

from race import CROWD, crowd
from rig import PARAM10, PARAM20
from where import figure

RIG = {"workers": 3, "apps": (PARAM10, PARAM20), "delay_ms": 60, "sessions": 16384}
ROUNDS = figure(1000, 10)
KNOWN_APPS = [PARAM10, PARAM20]


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_sixty_four_at_once_ask_wechat_once(rig, app):
    passed, refused = 0, 0
    for n in range(ROUNDS):
        user = rig.user(app).open()
        user.scan()
        more = {"session": user.session} if n % 2 == 0 else {}
        answers = crowd(lambda: user.verify(**more))
        codes = collections.Counter(answer.status for answer in answers)
        assert codes[200] >= 1 and codes[200] + codes[409] == CROWD, codes
        for answer in answers:
            if answer.status == 409:
                assert answer["reason"] == "in_progress" and "Retry-After" in answer.headers
        refused += codes[409]
        passed += user.send("session", {"session": user.session}).status == 200
        assert user.verify(**more).status == 200
    ledger = rig.sandbox.total()
    assert (ledger[app.open_call], ledger[app.query_call], passed) == (ROUNDS, ROUNDS, ROUNDS)
    assert refused > ROUNDS * CROWD // 4, "they did come at once"
    lines = [line for line in rig.pool.lines(endpoint="verify", app=app.appid)]
    assert sum(line["asked"] for line in lines) == ROUNDS and len(lines) == ROUNDS * (CROWD + 1)
    share = collections.Counter(line["pid"] for line in lines)
    assert len(share) > 1, "workers raced"
    print("%s: %d rounds of %d: %d queries, %d passed, %d were told to wait" % (
        app.protocol, ROUNDS, CROWD, ledger[app.query_call], passed, refused))


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_face_that_fails_fails_for_all_of_them(rig, app):
    for n in range(1, figure(100, 2) + 1):
        user = rig.user(app).open()
        user.scan("other_face")
        answers = crowd(user.verify)
        assert {answer.status for answer in answers} <= {403, 409}
        assert user.verify().status == 403
        assert rig.sandbox.total(app.query_call) == n
