"""T07: a result comes after the session's time is over.

Must happen: 410, nobody passes, and no call that costs anything.  (WeChat is asked about a verify_result
that comes alone, as only its answer tells which session it is: that costs nothing.)
Figure: one-second keys here, 25 users a protocol; the boundary to the millisecond, 1,000 times each, is
tests/unit/wx/test_t07_expiry.c.
"""

import time

import people
import where
from rig import PARAM10, PARAM20, each

KNOWN_APPS = [PARAM10, PARAM20]
RIG = {"apps": tuple(KNOWN_APPS)}
USERS = 25


def state(user):
    return user.send("session", {"session": user.session})


def test_who_comes_too_late_is_told_so_and_nobody_pays(rig):
    short = next(row["id_card_number"] for row in rig.sandbox.catalogue()
                 if row["when"] == "special" and "one second" in row["text"])
    users = [rig.user(app) for app in KNOWN_APPS for _ in range(USERS)]
    start = time.monotonic()
    told = each(users, lambda user: user.open(people.person(short)).scan(), 8)
    assert {callback["errCode"] for callback in told} == {0}, "each shows his face in time"
    assert {user.opened["expires_in"] for user in users} == {1}
    for user in users:
        where.wait_for(lambda: state(user).status == 410, "its time is over")
    assert time.monotonic() - start > 1, "and not before"
    paid = rig.sandbox.total()
    for user in users:
        for answer in (user.verify(session=user.session), state(user), user.verify(), user.verify(),
                       user.send("cancel", {"session": user.session, "err_code": 90100})):
            assert (answer.status, answer["reason"], answer["state"]) == (410, "expired", "expired"), answer
    after = rig.sandbox.total()
    assert after["getuseridkey"] == after["getverifyid"] == USERS
    assert after["queryverifyinfo"] == paid["queryverifyinfo"] == 0
    assert after["getinfo"] == USERS, "once for each that came without its session, however often"


def test_who_comes_in_time_passes(rig):
    users = [rig.user(app).open() for app in KNOWN_APPS]
    for user in users:
        assert user.opened["expires_in"] == 3600
        user.passes()
