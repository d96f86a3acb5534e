"""T06: one verify_result is raced in several sessions, by its owner and by somebody else.

Must happen: at most one session passes by it, and only the one whose key it was made for.
Figure: 64 at once, 1,000 rounds: at most one winner each; 10 rounds in tests/run.
1.0 only: in 2.0 no result travels, and a verify_id that names another session is T04's.
"""

import collections

from race import CROWD, at_once
from rig import PARAM10
from where import figure

RIG = {"workers": 3, "apps": (PARAM10,), "delay_ms": 5, "sessions": 16384}
ROUNDS = figure(1000, 10)


def passed(user):
    return user.send("session", {"session": user.session})["state"] == "passed"


def test_a_result_that_is_raced_in_three_sessions_has_one_winner_at_most(rig):
    winners, codes = collections.Counter(), collections.Counter()
    for _ in range(ROUNDS):
        owner, thief = rig.user(PARAM10).open(), rig.user(PARAM10).open()
        second = rig.user(PARAM10, openid=owner.openid).open()  # another session of the same user
        owner.scan()
        result = {"verify_result": owner.verify_result}
        jobs = [lambda: owner.send("verify", {**result, "session": owner.session}),
                lambda: owner.send("verify", {**result, "session": second.session}),
                lambda: owner.send("verify", result),
                lambda: thief.send("verify", {**result, "session": thief.session})]
        answers = at_once(jobs * (CROWD // len(jobs)))
        codes.update(answer.status for answer in answers)
        for n, answer in enumerate(answers):
            assert answer.status in ((200, 409), (403, 409), (200, 409), (403, 409))[n % 4], (n % 4, answer)
        won = [passed(user) for user in (owner, second, thief)]
        assert won in ([True, False, False], [False] * 3), won
        assert (won[0] is True) == any(answer.status == 200 for answer in answers)
        winners[sum(won)] += 1
        assert owner.verify().status == 200
        assert owner.send("verify", {**result, "session": second.session}).status == 409
        for user in (second, thief):
            user.passes()
    assert sum(winners.values()) == ROUNDS and set(winners) <= {0, 1} and winners[1] > ROUNDS // 10
    assert codes[409] > ROUNDS and codes[403] > 0 and codes[200] > 0, codes
    assert len({line["pid"] for line in rig.pool.lines(endpoint="verify", app=PARAM10.appid)}) > 1, "workers raced"
    print("%d rounds of %d: %d had one winner, %d none yet, none more; answers: %s" % (
        ROUNDS, CROWD, winners[1], winners[0], dict(codes)))
