"""/result: the business's own server asks for the verdict, signed, and each question once."""

import json
import time

import pytest

from business import ask_result, signed, told
from rig import ANON10, LOGIN10, LOGIN20, PARAM10, PARAM20, each

KNOWN_APPS = [PARAM10, PARAM20, LOGIN10, LOGIN20]


def name_of(user):
    """How the business calls its user."""
    return user.openid if user.app.caller == "login" else "user-" + user.openid


def details(user):
    secret = user.app.business_secret
    return {
        "session": user.session, "appid": user.app.appid, "protocol": user.app.protocol,
        "caller": told(secret, "caller", user.app.appid, name_of(user)),
        "identity": told(secret, "identity", user.person["name"], user.person["id_card_number"]),
    }


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_who_passed_what_for_and_when(rig, app):
    user = rig.user(app).open(source=7, consent="terms-1")
    user.passes()
    for question in ({"session": user.session}, {"caller": name_of(user), "source": 7}):
        answer = ask_result(rig, app, question)
        assert answer.status == 200 and answer["verified"] is True, answer
        assert {**answer.json, **details(user)} == answer.json
        assert answer["source"] == 7 and answer["consent"] == "terms-1"
        assert abs(answer["ended_at"] - time.time()) < 60
    asked = rig.sandbox.total()
    assert asked["getinfo"] + asked["queryverifyinfo"] == 1, "WeChat is not asked again"


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_who_did_not_pass_did_not_pass(rig, app):
    user = rig.user(app).open(source=1)
    assert ask_result(rig, app, {"session": user.session}).status == 202
    assert ask_result(rig, app, {"caller": name_of(user), "source": 1}).status == 404
    user.scan("other_face")
    assert user.verify().status == 403
    for question in ({"session": user.session}, {"caller": name_of(user), "source": 1}):
        answer = ask_result(rig, app, question)
        assert (answer.status, answer["reason"], answer["verified"]) == (403, "identity", False)


def test_the_last_verdict_of_a_caller_and_source_counts(rig):
    user = rig.user(PARAM20)
    question = {"caller": name_of(user), "source": 3}
    user.open(source=3).passes()
    user.open(source=4).scan("other_face")
    assert user.verify().status == 403
    assert ask_result(rig, PARAM20, question).status == 200, "another source is another matter"
    assert ask_result(rig, PARAM20, {"caller": name_of(user), "source": 4}).status == 403
    assert ask_result(rig, PARAM20, {"caller": name_of(user)}).status == 404, "nor is none"
    user.open(source=3)
    assert ask_result(rig, PARAM20, question).status == 200, "what has not ended is no verdict"
    user.scan("other_face")
    user.verify()
    assert ask_result(rig, PARAM20, question).status == 403


def test_a_caller_who_is_verified_many_times_at_once_has_one_last_verdict(rig):
    user = rig.user(PARAM20)
    rounds = each(range(16), lambda n: rig.user(PARAM20, openid=user.openid).open(source=9, consent=str(n)), 16)
    each(rounds, lambda one: one.passes(), 16)
    answer = ask_result(rig, PARAM20, {"caller": name_of(user), "source": 9})
    assert answer.status == 200 and answer["session"] in {one.session for one in rounds}


def test_a_question_counts_once(rig):
    user = rig.user(PARAM20).open()
    user.passes()
    body = json.dumps({"session": user.session}).encode()
    headers = signed(PARAM20.business_secret, "result", body)
    answers = each(range(16), lambda _: ask_result(rig, PARAM20, {"session": user.session}, headers=headers), 16)
    assert sorted(answer.status for answer in answers) == [200] + [401] * 15
    assert {answer["reason"] for answer in answers if answer.status == 401} == {"not_signed"}


def changed(headers, name, value):
    return {**headers, "X-Benren-" + name: value}


def test_without_the_right_signature_nothing_is_said(rig):
    user = rig.user(PARAM20).open()
    user.passes()
    question = {"session": user.session}
    body = json.dumps(question).encode()
    good = signed(PARAM20.business_secret, "result", body)
    wrong = [
        {"X-Test": "none"},
        *({k: v for k, v in good.items() if k != name} for name in good),
        changed(good, "Signature", good["X-Benren-Signature"][:-1]),
        changed(good, "Signature", "0" * 64),
        changed(good, "Nonce", good["X-Benren-Nonce"] + "0"),
        changed(good, "Nonce", "short"),
        changed(good, "Timestamp", str(int(good["X-Benren-Timestamp"]) + 1)),
        changed(good, "Timestamp", "now"),
        signed(PARAM10.business_secret, "result", body),
        signed(PARAM20.business_secret, "identity", body),
        signed(PARAM20.business_secret, "result", body + b" "),
        signed(PARAM20.business_secret, "result", body, timestamp=str(int(time.time()) - 400)),
        signed(PARAM20.business_secret, "result", body, timestamp=str(int(time.time()) + 400)),
    ]
    for headers in wrong:
        answer = ask_result(rig, PARAM20, question, headers=headers)
        assert (answer.status, answer["reason"]) == (401, "not_signed"), (headers, answer)
        assert "caller" not in answer.json and "hint" in answer.json
    assert ask_result(rig, PARAM20, question, headers=good).status == 200, "none of them used it up"


def test_a_question_must_say_whom_it_means(rig):
    session = rig.user(ANON10).open().session
    for fields in ({}, {"session": session, "caller": "x"}, {"session": "x"}, {"source": 1}, {"session": 1},
                   {"caller": "x", "source": 256}, {"caller": "x", "source": "a"}):
        answer = ask_result(rig, PARAM10, fields)
        assert (answer.status, answer["reason"]) == (400, "bad_field"), (fields, answer)
    assert ask_result(rig, ANON10, {"caller": "x"}).status == 400
    assert ask_result(rig, ANON10, {"session": session}).status == 202
