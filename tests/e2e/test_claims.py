"""Junk verify_results (1.0) fill the table of claims: whoever checks a face honestly must not notice."""

from rig import ANON10, PARAM10, each

# The smallest pool: 64 shards of 24 claims each.
CLAIMS = 64 * 24
JUNK = CLAIMS * 4 // 3
RIG = {"apps": (PARAM10, ANON10), "sessions": 64, "breaker": {"failures": 0}}


def junk(rig, start, count, app=ANON10):
    """Each is asked about at WeChat, refused, and remembered for a minute."""
    return each(range(start, start + count), lambda n: rig.user(app).send(
        "verify", {"verify_result": "invented-%d-" % n + "x" * 40}).status, 16)


def test_junk_that_fills_the_claims_keeps_no_honest_result_out(rig):
    users = [rig.user(PARAM10).open() for _ in range(30)]
    each(users, lambda user: user.scan())
    assert [user.verify().status for user in users[:5]] == [200] * 5
    statuses = junk(rig, 0, JUNK)
    assert set(statuses) == {403}, "none is refused for want of room either"
    assert rig.pool.segment()["claims"] > 0.9 * CLAIMS, "it was full"
    assert [user.verify().status for user in users[5:]] == [200] * 25


def test_what_counted_is_not_forgotten_for_it(rig):
    users = [rig.user(PARAM10).open() for _ in range(10)]
    each(users, lambda user: user.scan())
    assert [user.verify().status for user in users] == [200] * 10
    junk(rig, JUNK, CLAIMS // 2)
    assert rig.pool.segment()["claims"] > 0.9 * CLAIMS
    before = rig.sandbox.total("getinfo")
    assert [user.verify().status for user in users] == [200] * 10
    assert rig.sandbox.total("getinfo") == before, "answered from the claim"
    thief = rig.user(PARAM10).open()
    for user in users:
        answer = thief.send("verify", {"verify_result": user.verify_result})
        assert answer.status == 403 and answer["verified"] is False
        again = thief.send("verify", {"verify_result": user.verify_result, "session": thief.session})
        assert again.status == 403, again
    thief.passes()
