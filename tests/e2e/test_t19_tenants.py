"""T19: the session, token or verdict of one app is used on another app of the same pool.

Both apps have the same user, with the same name and openid, and the other app's business helps with
its secret.  What must happen: 404, 401 or 403, WeChat is not asked with the other app's token
(but about a result that is brought alone, which only WeChat can say whose it is), nothing changes,
and the owner passes in the end.  All 30 pairs of six apps, 8 to 12 rows each: all of it in tests/run.
"""

import itertools
import json

import people
import pytest

from business import ask_result, signed
from rig import ANON10, APPS, LOGIN10, LOGIN20, OPEN20, PARAM10, PARAM20

PAIRS = list(itertools.permutations(APPS, 2))
NOTHING = {"getuseridkey": 0, "getverifyid": 0, "queryverifyinfo": 0, "jscode2session": 0}


def on(rig, app, openid):
    """The same person on this app, by the same name, and logged in where one logs in."""
    user = rig.user(app, openid=openid)
    if app.caller == "login":
        user.headers["Authorization"] = "Bearer " + user.send("login", user.login())["token"]
    return user


def result_at(rig, place, signer, fields):
    """A question at /result of that location, signed by that app's business."""
    body = json.dumps(fields).encode()
    return rig.client.call("POST", "/%s/result" % place, body,
                           {"Content-Type": "application/json", **signed(signer.business_secret, "result", body)})


def attempts(rig, owner, other):
    """What the other app tries with what is the owner's: (what, its answer, how it must be)."""
    ours, theirs = owner.app, other.app
    session = {"session": owner.session}
    header = {"X-Benren-Session": owner.session}
    proof = {"verify_result": owner.verify_result or "x"} if theirs.protocol == "1.0" else {}
    yield "session", other.send("session", session), 404
    yield "session in the header", other.send("session", {}, headers=header), 404
    yield "cancel", other.send("cancel", {**session, "err_code": 90100}), 404
    yield "verify", other.send("verify", {**session, **proof}), 404
    yield "verify by the header", other.send("verify", proof, headers=header), 404
    if theirs.protocol == "2.0":
        yield "verify by the key", other.send("verify", {"verify_id": owner.key}), 404
    elif owner.verify_result:
        yield "verify by the result", other.send("verify", proof), 403
    yield "result, by theirs", result_at(rig, theirs.name, theirs, session), 404
    yield "result, by ours", result_at(rig, theirs.name, ours, session), 401
    yield "result of theirs at ours", result_at(rig, ours.name, theirs, session), 401
    yield "result of no location", result_at(rig, "face", theirs, {**session, "appid": theirs.appid}), 404
    yield "result of ours by theirs", result_at(rig, "face", theirs, {**session, "appid": ours.appid}), 401
    if ours.caller == "login":
        token = {"Authorization": owner.headers["Authorization"]}
        own = {} if theirs.caller == "login" else other.headers
        status = 401 if theirs.caller == "login" else 404
        for endpoint, fields in (("session", {}), ("verify", proof), ("cancel", {"err_code": 90100})):
            answer = rig.client.send("/%s/%s" % (theirs.name, endpoint), {**session, **fields},
                                     headers={**own, **token})
            yield endpoint + " with our token", answer, status
        if theirs.caller == "login":
            answer = rig.client.send("/%s/identify" % theirs.name, people.person(), headers=token)
            yield "identify with our token", answer, 401


@pytest.mark.parametrize("ours, theirs", PAIRS, ids=lambda app: app.name)
def test_what_is_one_apps_is_nothing_in_another(rig, ours, theirs):
    openid = people.new_openid()
    owner, other = on(rig, ours, openid), on(rig, theirs, openid)
    owner.open()
    owner.scan()
    before = rig.pool.segment()["sessions"]
    rig.sandbox.reset()
    rows = 0
    for what, answer, status in attempts(rig, owner, other):
        assert answer.status == status, (what, answer)
        assert answer.get("verified") in (False, None) and "identity" not in answer.json, (what, answer)
        assert "user_id_key" not in answer.json and "verify_id" not in answer.json, (what, answer)
        rows += 1
    assert rows >= 8
    total = rig.sandbox.total()
    assert {path: total[path] for path in NOTHING} == NOTHING
    assert total["getinfo"] == (ours.protocol == theirs.protocol == "1.0")
    assert rig.pool.segment()["sessions"] == before
    assert owner.send("session", {"session": owner.session}).status == 202, "nothing has changed"
    owner_passes(owner)
    for what, answer, status in attempts(rig, owner, other):
        assert answer.status == status and "identity" not in answer.json, ("after the verdict", what, answer)
    assert ask_result(rig, ours, {"session": owner.session}).status == 200, "its own business is told"


def owner_passes(owner):
    answer = owner.send("verify", owner.proof())
    assert answer.status == 200 and answer["verified"] is True, answer


def name_on(app, openid):
    """How the business calls him there."""
    return openid if app.caller == "login" else "user-" + openid


KNOWN_PAIRS = [(a, b) for a, b in PAIRS if ANON10 not in (a, b)]


@pytest.mark.parametrize("ours, theirs", KNOWN_PAIRS, ids=lambda app: app.name)
def test_a_verdict_is_not_found_by_caller_and_source_of_another_app(rig, ours, theirs):
    openid = people.new_openid()
    owner = on(rig, ours, openid)
    owner.open(source=5).scan()
    owner_passes(owner)
    question = {"caller": name_on(ours, openid), "source": 5}
    assert result_at(rig, ours.name, ours, question).status == 200
    for place, signer, fields, status in (
            (theirs.name, theirs, {"caller": name_on(theirs, openid), "source": 5}, 404),
            (theirs.name, theirs, question, 404), ("face", theirs, {**question, "appid": theirs.appid}, 404),
            (theirs.name, ours, question, 401), (ours.name, theirs, question, 401),
            ("face", theirs, {**question, "appid": ours.appid}, 401)):
        answer = result_at(rig, place, signer, fields)
        assert answer.status == status, (place, signer.name, fields, answer)


@pytest.mark.parametrize("ours, theirs", [(LOGIN10, LOGIN20), (LOGIN20, LOGIN10)], ids=lambda app: app.name)
def test_a_login_code_of_one_app_is_none_in_another(rig, ours, theirs):
    user = rig.user(theirs)
    code = rig.sandbox.login(ours.appid, user.openid)
    assert user.send("login", {"code": code}).status == 401
    assert user.send("identify", {**people.person(), "code": code}).status == 401
    assert rig.sandbox.total("getverifyid") == rig.sandbox.total("getuseridkey") == 0


@pytest.mark.parametrize("ours, theirs", [(PARAM10, PARAM20), (PARAM20, OPEN20), (ANON10, PARAM10)],
                         ids=lambda app: app.name)
def test_the_same_idempotency_key_on_another_app_is_another_face_check(rig, ours, theirs):
    person, openid = people.person(), people.new_openid()
    key = {"Idempotency-Key": openid}
    one, two = on(rig, ours, openid), on(rig, theirs, openid)
    answers = [user.send("identify", person, headers=key) for user in (one, two, one)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0]["session"] == answers[2]["session"] != answers[1]["session"]


def test_where_the_location_names_no_app_the_signed_body_may(rig):
    user = on(rig, PARAM20, people.new_openid()).open()
    user.passes()
    assert result_at(rig, "face", PARAM20, {"appid": PARAM20.appid, "session": user.session}).status == 200
