"""T03: two users are live; one sends the other's verify_result, session or verify_id as his own.

Must happen: he is refused (403 for a result, 404 for a session), which counts against him (that part is
in test_budget.py); his own session and the owner's stay as they were, and the owner passes.
Figure: all 6 swaps of two users, 100 times, in both protocols and with both kinds of known caller;
whole in tests/run too.  An anonymous caller is nobody whom anything belongs to: not in this row.
"""

import collections

import pytest

from rig import LOGIN10, LOGIN20, PARAM10, PARAM20, each

KNOWN_APPS = [PARAM10, LOGIN10, PARAM20, LOGIN20]
RIG = {"apps": tuple(KNOWN_APPS)}
ROUNDS = 100


def swaps(thief, owner):
    """What he sends, the status, and why; the direction is the other half of the 6."""
    if thief.app.protocol == "1.0":
        loot = {"verify_result": owner.verify_result}
        return [(loot, 403, "other_caller"), ({**loot, "session": thief.session}, 403, "other_session"),
                ({**loot, "session": owner.session}, 404, "no_session")]
    return [({"session": owner.session}, 404, "no_session"), ({"verify_id": owner.key}, 404, "no_session"),
            ({"session": thief.session, "verify_id": owner.key}, 404, "no_session")]


def attack(thief, owner):
    """One direction: the ids of the answers, and why each should have been refused."""
    out = {}
    for n in range(3):
        owner.scan()  # a new result each time: one that was refused is remembered
        fields, status, why = swaps(thief, owner)[n]
        answer = thief.send("verify", {**fields, **thief.login()})
        assert (answer.status, answer["verified"], answer["state"]) == (status, False, "none"), (fields, answer)
        assert answer["reason"] == ("start_again" if status == 403 else "no_session")
        out[answer.headers["X-Request-Id"]] = why
    return out


def a_round(rig, app):
    a, b = rig.user(app).open(), rig.user(app).open()
    refused = {**attack(a, b), **attack(b, a)}
    for user in (a, b):
        answer = user.send("session", {"session": user.session, **user.login()})
        assert (answer.status, answer["state"]) == (202, "opened"), answer
    for user in (a, b):
        assert user.verify().status == 200, "the owner passes all the same"
    return refused


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_what_was_swapped_passes_nobody_and_harms_nobody(rig, app):
    refused = {}
    for one in each(range(ROUNDS), lambda _: a_round(rig, app), 6):
        refused.update(one)
    assert len(refused) == 6 * ROUNDS
    lines = {line["id"]: line["why"] for line in rig.pool.lines(endpoint="verify") if line["id"] in refused}
    assert lines == refused
    asked = sum(why != "no_session" for why in refused.values())
    assert rig.sandbox.total(app.query_call) == asked + 2 * ROUNDS
    assert collections.Counter(refused.values())["no_session"] == (2 if app.protocol == "1.0" else 6) * ROUNDS


def test_a_stolen_result_is_refused_before_and_after_its_owner_passes_and_asked_about_once(rig):
    owner, thief = rig.user(PARAM10).open(), rig.user(PARAM10).open()
    owner.scan()
    loot = {"verify_result": owner.verify_result}
    for fields in (loot, loot, {**loot, "session": thief.session}):
        assert thief.send("verify", fields).status == 403
    assert rig.sandbox.total("getinfo") == 1, "then it is answered from his claim"
    assert owner.verify().status == 200
    assert thief.send("verify", loot).status == 403
    assert rig.user(PARAM10).send("verify", loot).status == 403
    assert rig.sandbox.total("getinfo") == 3


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_stolen_session_is_no_session_for_any_endpoint(rig, app):
    owner, thief = rig.user(app).open(), rig.user(app)
    for endpoint, more in (("session", {}), ("cancel", {"err_code": 90100})):
        answer = thief.send(endpoint, {"session": owner.session, **more, **thief.login()})
        assert (answer.status, answer["reason"]) == (404, "no_session")
    owner.passes()
