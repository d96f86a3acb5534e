"""What clients get wrong is said to them, each with its own reason, and never costs a call."""

import json

import fastcgi
import people
import pytest

from rig import ANON10, LOGIN20, PARAM10, PARAM20

RIG = {"apps": (ANON10, PARAM10, PARAM20, LOGIN20)}
GOOD = people.person()
CALLS = ("getuseridkey", "getverifyid", "getinfo", "queryverifyinfo", "jscode2session")


@pytest.fixture(autouse=True)
def wechat_is_never_asked(rig):
    yield
    total = rig.sandbox.total()
    assert [total[call] for call in CALLS] == [0] * len(CALLS)


def identify(rig, **fields):
    return rig.user(PARAM10).send("identify", {**GOOD, **fields})


# --- types and values of fields -------------------------------------------------------------

NOT_TEXTS = [0, 1.5, True, None, [], {}, ["张三"], {"name": "张三"}]


@pytest.mark.parametrize("value", NOT_TEXTS, ids=repr)
def test_a_field_of_the_wrong_type_is_refused(rig, value):
    user = rig.user(PARAM10)
    new = rig.user(PARAM20)
    login = rig.user(LOGIN20)
    for one, endpoint, fields in (
            (user, "identify", {**GOOD, "name": value}),
            (user, "identify", {**GOOD, "id_card_number": value}),
            (user, "verify", {"verify_result": value}),
            (user, "verify", {"verify_result": "x", "verify_id": value}),
            (new, "verify", {"verify_id": value}),
            (new, "identify", {**GOOD, "consent": value}),
            (login, "identify", {**GOOD, "code": value})):
        answer = one.send(endpoint, fields)
        assert answer.status == 400 and answer["reason"] == "bad_field" and answer["hint"], (fields, answer)


@pytest.mark.parametrize("source", [-1, 256, 1.5, "x", "", "1.0", True, None, [], 10**30, "-0"], ids=repr)
def test_source_is_a_small_number(rig, source):
    answer = identify(rig, source=source)
    assert (answer.status, answer["reason"]) == (400, "bad_field") and "255" in answer["hint"], answer


@pytest.mark.parametrize("consent", ["x" * 64, "a b", "版本", "a/b", "a\nb", "1" * 15,
                                     people.id_number(1)], ids=repr)
def test_consent_is_a_short_word(rig, consent):
    answer = identify(rig, consent=consent)
    assert (answer.status, answer["reason"]) == (400, "bad_field") and "63" in answer["hint"]


@pytest.mark.parametrize("err_code", [None, "x", 1.5, True, [], "", 10**30], ids=repr)
def test_cancel_needs_the_number_of_the_callback(rig, err_code):
    answer = rig.user(PARAM10).send("cancel", {"session": "A" * 43, "err_code": err_code})
    assert (answer.status, answer["reason"]) == (400, "bad_field") and "errCode" in answer["hint"]


@pytest.mark.parametrize("fields", [{}, {"verify_result": ""}, {"verify_result": "x" * 2049}],
                         ids=lambda f: repr(f)[:30])
def test_verify_of_1_0_needs_a_verify_result(rig, fields):
    answer = rig.user(PARAM10).send("verify", fields)
    assert (answer.status, answer["reason"]) == (400, "bad_field"), answer
    assert answer["verified"] is False and "verify_result" in answer["hint"]


@pytest.mark.parametrize("fields", [{}, {"verify_id": "x" * 2000}, {"verify_result": "x"}], ids=lambda f: repr(f)[:30])
def test_verify_of_2_0_needs_a_session_or_a_verify_id(rig, fields):
    answer = rig.user(PARAM20).send("verify", fields)
    assert (answer.status, answer["reason"]) == (400, "bad_field"), answer


@pytest.mark.parametrize("session", ["x", "A" * 42, "A" * 44, "A" * 5000, "A" * 42 + "!", "中" * 43, "A" * 43],
                         ids=lambda s: repr(s)[:20])
def test_what_is_no_session_is_not_found(rig, session):
    for app in (PARAM10, PARAM20):
        for endpoint, fields in (("verify", {"verify_result": "x"}), ("session", {}), ("cancel", {"err_code": 90100})):
            answer = rig.user(app).send(endpoint, {"session": session, **fields})
            assert answer.status == 404 and answer["reason"] == "no_session", (endpoint, answer)
            assert answer["verified"] is False and answer["state"] == "none"
    for verify_id in ("A" * 84, "a b", 'a"b', "中"):
        assert rig.user(PARAM20).send("verify", {"verify_id": verify_id}).status == 404


# --- the form of the request ---------------------------------------------------------------------

def post(rig, body, content_type="application/json", endpoint="identify", query=""):
    user = rig.user(PARAM10)
    if isinstance(body, str):
        body = body.encode()
    headers = {**user.headers, **({"Content-Type": content_type} if content_type else {})}
    return rig.client.call("POST", "/param10/" + endpoint + query, body, headers)


GOOD_JSON = json.dumps(GOOD, ensure_ascii=False)

BAD_JSON = [
    "{", "[]", '"x"', "1", "null", "{'name': 1}", '{"name": "张三",}', '{"name": "张三"} x',
    '{"name": "\\ud800"}', '{"a": 01}', "/* */ " + GOOD_JSON, GOOD_JSON + "\0", "\ufeff" + GOOD_JSON,
    '{"x": ' + "[" * 40 + "]" * 40 + "}", '{"name": "张\0三"}', '{"name": "\\u0000"}', "   ",
]


@pytest.mark.parametrize("body", BAD_JSON, ids=lambda b: repr(b)[:24])
def test_what_is_no_json_object_is_refused(rig, body):
    answer = post(rig, body)
    assert (answer.status, answer["reason"]) == (400, "bad_request"), answer
    assert answer["hint"]


def test_bytes_that_are_no_utf8_are_refused(rig):
    body = GOOD_JSON.encode().replace("张".encode(), b"\xff\xfe") + b""
    answer = post(rig, b'{"name": "\xc0\xaf", "id_card_number": "x"}')
    assert answer.status == 400 and answer["reason"] == "bad_request"
    assert post(rig, b"name=%ff%fe&id_card_number=1", "application/x-www-form-urlencoded").status == 400
    assert post(rig, b"name=%zz", "application/x-www-form-urlencoded").status == 400
    assert post(rig, b"name=%00", "application/x-www-form-urlencoded").status == 400
    assert len(body) > 0


@pytest.mark.parametrize("content_type", [
    "text/plain", "", "multipart/form-data; boundary=x", "application/xml", "application/json; charset=gbk",
    "application/jsonx"])
def test_another_content_type_is_refused(rig, content_type):
    answer = post(rig, GOOD_JSON, content_type)
    assert (answer.status, answer["reason"]) == (415, "unsupported_type"), answer
    assert answer["hint"]


@pytest.mark.parametrize("body", [
    '{"name": "张三", "name": "李四", "id_card_number": "1"}',
    '{"id_card_number": "1", "idCardNumber": "1", "name": "张三"}',
    '{"x": 1, "x": 1}'], ids=lambda b: b[:16])
def test_a_field_given_twice_is_refused(rig, body):
    answer = post(rig, body)
    assert (answer.status, answer["reason"]) == (400, "bad_request"), answer


def test_a_field_of_a_form_given_twice_is_refused(rig):
    answer = post(rig, "name=a&name=b", "application/x-www-form-urlencoded")
    assert answer.status == 400 and "name" in answer["hint"]


def test_a_field_in_query_and_body_is_given_twice(build):
    answer = post(build(apps=(PARAM10,), accept_get=True), GOOD_JSON, query="?name=x")
    assert answer.status == 400 and "twice" in answer["hint"]


def test_unknown_fields_are_ignored_but_not_without_end(rig):
    extra = {"extra%d" % i: [{"x": None}] for i in range(60)}
    answer = identify(rig, name="张三1", **extra)
    assert answer["reason"] == "name_characters", "the unknown ones did not matter"
    answer = identify(rig, **{"extra%d" % i: 1 for i in range(80)})
    assert answer.status == 400 and "64" in answer["hint"]


@pytest.mark.parametrize("path", ["/face/", "/face/Identify", "/face/identify/", "/face/identify/x", "/face/verify.php",
                                  "/face/" + "x" * 3000])
def test_another_path_is_not_found(rig, path):
    answer = rig.client.call("POST", path, GOOD_JSON.encode(), {"Content-Type": "application/json"})
    assert (answer.status, answer["reason"]) == (404, "not_found"), answer


# --- limits, which a web server mostly enforces before us -----------------------------------------------

def test_what_is_over_a_limit_is_said_so(rig):
    path = rig.pool.socket
    large = b'{"name": "' + b"x" * (16 * 1024) + b'"}'
    cases = [
        (413, "body_too_large", dict(body=large)),
        (413, "body_too_large", dict(body=b"x" * 200_000)),
        (431, "header_too_large", dict(HTTP_X="x" * 8193)),
        (431, "header_too_large", dict(QUERY_STRING="x" * 9000)),
        (431, "header_too_large", {"X" * 257: "1"}),
        (431, "header_too_large", {"X%d" % i: "1" for i in range(130)}),
        (431, "header_too_large", {"X%d" % i: "x" * 8000 for i in range(9)}),
        (400, "bad_request", {"": "x"}),
        (400, "bad_request", {"A=B": "x"}),
        (400, "bad_request", {"A": "x\0y"}),
    ]
    for status, reason, more in cases:
        answer = fastcgi.ask(path, "identify", **more)
        assert (answer.status, answer["reason"]) == (status, reason), (list(more), answer)
        assert answer["errmsg"]
    with fastcgi.Connection(path) as connection:
        for _ in range(3):
            assert connection.ask("identify", large).status == 413
        assert connection.ask("health").status == 200, "the connection is still good"


def test_a_body_of_just_the_allowed_size_is_read(rig):
    at_most = 16 * 1024
    body = json.dumps({"name": "张三1", "id_card_number": "1", "pad": ""}, ensure_ascii=False).encode()
    body = body[:-2] + b"x" * (at_most - len(body)) + body[-2:]
    assert len(body) == at_most
    answer = post(rig, body)
    assert answer["reason"] == "name_characters", answer


def test_an_app_that_is_not_configured_is_refused(rig):
    answer = fastcgi.ask(rig.pool.socket, "identify", GOOD, BENREN_APPID="wx0000000000009999")
    assert (answer.status, answer["reason"]) == (400, "bad_field"), answer


def test_an_appid_in_the_body_counts_only_where_that_is_wanted(build, rig):
    answer = rig.client.send("/face/verify", {"appid": PARAM20.appid, "verify_result": ""})
    assert "verify_result" in answer["hint"], "the first app, which is 1.0"
    other = build(apps=(ANON10, PARAM20), app_field=True)
    answer = other.client.send("/face/identify", {"appid": PARAM20.appid, **GOOD})
    assert answer.status == 401, "the app that was named wants a caller"
    answer = other.client.send("/face/identify", {"appid": "wx0000000000009999", **GOOD})
    assert answer.status == 400
    answer = other.client.send("/anon10/identify", {"appid": PARAM20.appid, **GOOD, "name": ""})
    assert answer["reason"] == "name_missing", "what the web server says goes first"
