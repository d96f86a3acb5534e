"""T01: a client claims success: it never shows a face, and sends identify_ret 0 and its like itself.

Must happen: what it claims changes nothing.  Nobody passes, WeChat is not asked, the session
stays opened; and the same claims beside a real result do not keep anybody from passing.
Figure: 1,000 mutated bodies a protocol, whole in tests/run too.
"""

import itertools
import json

import pytest

from rig import ANON10, PARAM10, PARAM20, each

RIG = {"apps": (PARAM10, PARAM20, ANON10)}
BODIES = 1000

# What a client might hope that we look at.  None of these is a field of /verify.
NAMES = [
    "identify_ret", "identifyRet", "verify_ret", "verifyRet", "errcode", "errCode", "ec", "verified", "state",
    "user_id_key", "userIdKey", "openid", "openId", "id_card_number_md5", "name_utf8_md5", "cert_hash", "certHash",
    "out_seq_no", "outSeqNo", "source", "receipt", "reason", "result", "data", "VERIFY_RESULT", "verify-result",
    "verify_result ", "Session", "session_id", "sessionId", "caller", "sandbox", "__proto__", "",
]
VALUES = [
    0, 0.0, 10000, "0", "10000", "ok", True, False, None, "passed", [], [0], {"errcode": 0, "identify_ret": 0},
    {"data": {"verified": True, "state": "passed"}}, [{"verified": True}], "A" * 43,
]


def claims(own):
    """One claim, some of them, or one deep inside; values of our own stand in some."""
    values = VALUES + own
    for name, value in itertools.product(NAMES, values):
        yield {name: value}
    for n in range(3, 12):
        for shift in range(len(values)):
            yield {name: values[(i * 7 + shift) % len(values)] for i, name in enumerate(NAMES[shift % 5::n])}
    for i in itertools.count():
        nested = {NAMES[i % len(NAMES)]: values[i % len(values)]}
        for depth in range(1 + i % 3):
            nested = {"result": nested} if depth % 2 == 0 else {"data": [nested]}
        yield {**nested, "errcode": 0, "verified": True}


def bodies(user):
    made = list(itertools.islice(claims([user.session, user.key, user.openid]), BODIES))
    assert len({json.dumps(body) for body in made}) == BODIES
    return made


# The fields of /verify with what is no result, beside the claims.
NO_RESULT = {
    "1.0": [{}, {"verify_result": ""}, {"verify_result": True}, {"verify_result": 0}, {"verify_result": None},
            {"verify_result": {"identify_ret": 0}}, {"verifyResult": [0]}],
    "2.0": [{}, {"verify_id": ""}, {"verify_id": True}, {"verifyId": 10000}, {"session": ""}, {"session": 0},
            {"session": {"state": "passed"}}, {"session": "A" * 43}],
}


@pytest.mark.parametrize("app", [PARAM10, ANON10, PARAM20], ids=lambda a: a.name)
def test_a_claim_is_no_result(rig, app):
    user = rig.user(app).open()
    user.scan()  # it would pass, if only he asked
    nothing = itertools.cycle(NO_RESULT[app.protocol])
    cases = [(nothing_in, claim) for nothing_in, claim in zip(nothing, bodies(user))]

    def attack(case):
        fields = {**case[1], **case[0]}
        if app.protocol == "1.0":
            fields.setdefault("session", user.session)
        return fields, user.send("verify", fields)

    for fields, answer in each(cases, attack, 8):
        assert answer.status in (400, 404), (fields, answer)
        assert answer["verified"] is False and answer["state"] == "none", (fields, answer)
    assert len(cases) == BODIES and rig.sandbox.total(app.query_call) == 0
    assert user.send("session", {"session": user.session})["state"] == "opened"
    assert user.verify().status == 200, "who asks, passes"


def test_a_claim_about_a_named_session_is_answered_by_wechat(rig):
    """In 2.0 the session alone is the question, so each of these is one: and nobody has looked into the phone."""
    user = rig.user(PARAM20).open()
    cases = bodies(user)[::10]
    for fields in cases:
        answer = user.send("verify", {**fields, "session": user.session})
        assert (answer.status, answer["reason"], answer["state"]) == (202, "pending", "opened"), (fields, answer)
    assert rig.sandbox.total("queryverifyinfo") == len(cases) == 100
    user.passes()


@pytest.mark.parametrize("app", [PARAM10, PARAM20], ids=lambda a: a.name)
def test_a_claim_beside_a_result_changes_nothing(rig, app):
    """Neither way: who fails fails for all he claims, and who passes passes whatever else he sends."""
    good = {"identify_ret": 0, "verify_ret": 10000, "errcode": 0, "verified": True, "state": "passed"}
    bad = {"identify_ret": 10004, "errcode": 84001, "verified": False, "state": "failed", "openid": "oNobody",
           "user_id_key": "0" * 32, "out_seq_no": "00000", "cert_hash": "0" * 64, "id_card_number_md5": "0" * 32}
    for kind in ("json", "form"):
        user = rig.user(app).open()
        user.scan("other_face")
        assert user.verify(kind, **good).status == 403
        user.open()
        user.scan()
        assert user.verify(kind, **bad).status == 200
    assert rig.sandbox.total(app.query_call) == 4


def test_no_other_endpoint_takes_a_claim(rig):
    for app in (PARAM10, PARAM20):
        user = rig.user(app).open()
        claim = {"verified": True, "identify_ret": 0, "verify_ret": 10000, "state": "passed"}
        answer = user.send("session", {"session": user.session, **claim})
        assert (answer.status, answer["state"]) == (202, "opened")
        assert user.send("cancel", {"session": user.session, "err_code": 0, **claim}).status == 400
        again = user.identify(user.person, **claim)
        assert again.status == 200 and again["session"] == user.session, "the same again, and no more than opened"
        assert user.send("session", {"session": user.session})["state"] == "opened"
        assert rig.sandbox.total(app.query_call) == 0
