"""Clients that send no identity: the business's own server is asked, and only it is believed."""

import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import re
import time

import pytest

import people
import where
from business import LookupServer, Scripted, signed
from rig import ANON10, LOGIN10, LOGIN20, PARAM10, PARAM20, each
from test_canary import found

KNOWN_APPS = [LOGIN10, LOGIN20, PARAM10, PARAM20]

by_app = {"argvalues": KNOWN_APPS, "ids": lambda a: a.name}


def name_of(user):
    return user.openid if user.app.caller == "login" else user.headers["X-Test-User"]


def opened_in_all(rig):
    total = rig.sandbox.total()
    return total["getuseridkey"] + total["getverifyid"]


def ask(user, **fields):
    """An /identify that says nothing of who it is."""
    answer = user.send("identify", {"source": 1, **user.login(), **fields})
    user.opened = answer if answer.status == 200 else None
    return answer


@pytest.fixture
def business(tmp_path):
    """business(app): a pool for this app, and the server that is shipped as an example."""
    servers = []

    def make(build, app, secret=None, **conf):
        servers.append(LookupServer(tmp_path / "business", secret or app.business_secret))
        rig = build(apps=(app,), identity={"lookup_url": servers[-1].url}, **conf)
        return rig, servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def scripted():
    server = Scripted()
    yield server
    server.stop()


# --- the server that is shipped ---------------------------------------------------------------

@pytest.mark.parametrize("app", **by_app)
def test_a_client_that_sends_only_a_source_passes(build, business, app):
    rig, server = business(build, app)
    user, person = rig.user(app), people.person()
    server.knows(name_of(user), **person)
    answer = ask(user)
    assert answer.status == 200, answer
    user.passes()
    assert user.verify()["source"] == 1
    assert opened_in_all(rig) == 1
    assert server.said() == ["POST 200"]
    if app.protocol == "1.0":
        # WeChat was given what the business said: the result is bound to it.
        assert rig.sandbox.total("getinfo") == 1


@pytest.mark.parametrize("app", **by_app)
def test_the_answer_is_the_usual_one(build, business, app):
    rig, server = business(build, app)
    user, person = rig.user(app), people.person()
    server.knows(name_of(user), **person)
    looked_up, sent = ask(user, source=2), rig.user(app).identify(person)
    assert looked_up.status == sent.status == 200
    assert {key: type(value) for key, value in looked_up.json.items()} == \
        {key: type(value) for key, value in sent.json.items()}
    assert len(looked_up.body) == len(sent.body)
    for secret in (*person.values(), name_of(user)):
        assert secret not in looked_up.body.decode()
    assert server.said() == ["POST 200"], "who sends an identity is not asked about"


@pytest.mark.parametrize("app", **by_app)
def test_it_is_the_identity_of_the_business_that_is_checked(build, business, app):
    """Another person's face before the phone does not pass."""
    rig, server = business(build, app)
    user = rig.user(app)
    server.knows(name_of(user), **people.person())
    assert ask(user).status == 200
    user.scan("other_face")
    assert user.verify().status == 403


@pytest.mark.parametrize("app", **by_app)
def test_a_refusal_reaches_the_user(build, business, app):
    rig, server = business(build, app)
    user = rig.user(app)
    server.knows(name_of(user), reason="account_closed", message="您的账户已注销")
    answer = ask(user)
    assert answer.status == 403 and answer["reason"] == "no_identity", answer
    assert answer["detail"] == "account_closed" and answer["errmsg"] == "您的账户已注销"
    server.knows(name_of(user), reason="too_young")
    answer = ask(user)
    assert (answer.status, answer["detail"]) == (403, "too_young")
    assert answer["errmsg"] == "暂时无法为您发起核验，请联系客服"
    answer = ask(rig.user(app))
    assert (answer.status, answer["detail"]) == (403, "unknown_user")
    assert opened_in_all(rig) == 0
    assert server.said() == ["POST 403"] * 3


def test_a_wrong_secret_is_refused_by_the_business(build, business):
    rig, server = business(build, PARAM20, secret="another secret of the business, too")
    user = rig.user(PARAM20)
    server.knows(name_of(user), **people.person())
    answer = ask(user)
    assert answer.status == 503 and answer["reason"] == "lookup", answer
    assert server.said() == ["POST 401"]
    assert rig.pool.line_of(answer)["why"] == "lookup_status"
    assert opened_in_all(rig) == 0


def test_a_server_that_is_down_or_comes_back(build, business):
    rig, server = business(build, PARAM20)
    user = rig.user(PARAM20)
    server.knows(name_of(user), **people.person())
    assert ask(user).status == 200
    server.stop()
    for _ in range(3):
        answer = ask(user, source=2)
        assert answer.status == 503 and answer["reason"] == "lookup", answer
        assert int(answer.headers["Retry-After"]) == answer["retry_after"] > 0
    assert opened_in_all(rig) == 1
    assert rig.user(PARAM20).identify().status == 200, "who sends an identity does not notice"


def test_a_crowd_is_looked_up(build, business):
    rig, server = business(build, PARAM20, workers=3)
    users = [rig.user(PARAM20) for _ in range(64)]
    server.users = {name_of(user): people.person() for user in users}
    server.write()
    answers = each(users, ask)
    assert {answer.status for answer in answers} == {200}
    each(users, lambda user: user.passes())
    assert opened_in_all(rig) == 64


def test_a_double_tap_without_identity_opens_once(build, business):
    rig, server = business(build, PARAM20, workers=3)
    user = rig.user(PARAM20)
    server.knows(name_of(user), **people.person())
    answers = each(range(8), lambda _: user.send("identify", {"source": 1}), 8)
    assert len({answer["session"] for answer in answers}) == 1
    assert opened_in_all(rig) == 1


def test_who_has_spent_all_does_not_make_the_business_be_asked(build, business):
    rig, server = business(build, PARAM20, budgets={"caller": "2/day"})
    user = rig.user(PARAM20)
    server.knows(name_of(user), **people.person())
    codes = [ask(user, source=n).status for n in range(6)]
    assert codes == [200, 200, 429, 429, 429, 429]
    assert server.said() == ["POST 200"] * 2


def test_the_id_budget_counts_what_was_looked_up(build, business):
    rig, server = business(build, PARAM20, budgets={"id": "3/day"})
    person = people.person()
    users = [rig.user(PARAM20) for _ in range(4)]
    server.users = {name_of(user): person for user in users}
    server.write()
    assert [ask(user).status for user in users] == [200, 200, 200, 429]


# --- the example itself, without benren ------------------------------------------------------------

def post(server, body, headers):
    connection = http.client.HTTPConnection(server.url[7:-1], timeout=20)
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


@pytest.fixture
def example(tmp_path):
    server = LookupServer(tmp_path / "example", "a secret of the business, for tests")
    server.knows("oUser", name="张三", id_card_number="11010519491231002X")
    yield server
    server.stop()


QUESTION = b'{"appid":"wx0000000000000001","openid":"oUser","source":1}'


def test_the_example_takes_what_is_rightly_signed_once(example):
    secret = "a secret of the business, for tests"
    headers = signed(secret, "identity", QUESTION)
    assert post(example, QUESTION, headers) == (200, {"name": "张三", "id_card_number": "11010519491231002X"})
    assert post(example, QUESTION, headers) == (401, {"error": "sent before"})
    assert post(example, QUESTION, signed(secret, "identity", QUESTION))[0] == 200


@pytest.mark.parametrize("spoil", [
    lambda h: {}, lambda h: {**h, "X-Benren-Signature": ""},
    lambda h: {**h, "X-Benren-Signature": "0" * 64},
    lambda h: {**h, "X-Benren-Nonce": h["X-Benren-Nonce"] + "x"},
    lambda h: {**h, "X-Benren-Nonce": "short"},
    lambda h: {**h, "X-Benren-Timestamp": str(int(h["X-Benren-Timestamp"]) + 1)},
    lambda h: {**h, "X-Benren-Timestamp": "now"},
    lambda h: signed("another secret of the business, too", "identity", QUESTION),
    lambda h: signed("a secret of the business, for tests", "result", QUESTION),
    lambda h: signed("a secret of the business, for tests", "identity", QUESTION + b" "),
    lambda h: signed("a secret of the business, for tests", "identity", QUESTION,
                     timestamp=str(int(time.time()) - 302)),
    lambda h: signed("a secret of the business, for tests", "identity", QUESTION,
                     timestamp=str(int(time.time()) + 330)),
])
def test_the_example_refuses_everything_else(example, spoil):
    headers = spoil(signed("a secret of the business, for tests", "identity", QUESTION))
    status, answer = post(example, QUESTION, headers)
    assert status == 401 and set(answer) == {"error"}, answer
    assert example.said() == ["POST 401"]


def test_the_vector_of_the_header_is_the_examples_too():
    """include/base/sign.h has a right answer; the shipped Python must come to the same."""
    text = (where.ROOT / "include" / "base" / "sign.h").read_text()
    vector = dict(re.findall(r"^ \*   (secret|purpose|timestamp|nonce|body|signature) +(\S+)", text, re.M))
    headers = signed(vector["secret"], vector["purpose"], vector["body"].encode(), vector["timestamp"],
                     vector["nonce"])
    assert headers["X-Benren-Signature"] == vector["signature"]
    scope = {"__name__": "example"}
    exec((where.ROOT / "conf" / "business" / "lookup_server.py").read_text(), scope)
    scope["time"] = type("Clock", (), {"time": staticmethod(lambda: int(vector["timestamp"]) + 300)})
    wrong = scope["what_is_wrong"](vector["secret"].encode(), headers, vector["body"].encode())
    assert wrong is None
    headers["X-Benren-Signature"] = headers["X-Benren-Signature"].upper()
    wrong = scope["what_is_wrong"](vector["secret"].encode(), headers, vector["body"].encode())
    assert wrong == "sent before"


# --- servers that do not do as documented ---------------------------------------------------------------

PERSON = {"name": "张三", "id_card_number": "11010519491231002X"}

BAD_ANSWERS = {
    "garbage": (b"<html>", 200, {}),
    "nothing": (b"", 200, {}),
    "half": (b'{"name":"', 200, {}),
    "too_long": (b'{"x":"' + b"x" * 70000 + b'"}', 200, {}),
    "redirect": (PERSON, 302, {"Location": "/other"}),
    "redirect_permanent": (PERSON, 308, {"Location": "http://127.0.0.1:1/"}),
    "no_content": (b"", 204, {}),
    "error": (PERSON, 500, {}),
    "refusal_as_error": ({"reason": "closed"}, 503, {}),
    "identity_in_404": (PERSON, 404, {}),
    "name_missing": ({"id_card_number": PERSON["id_card_number"]}, 200, {}),
    "number_wrong": ({**PERSON, "id_card_number": "110105194912310020"}, 200, {}),
    "name_wrong": ({**PERSON, "name": "<b>"}, 200, {}),
    "reason_wrong": ({"reason": "Account closed!"}, 403, {}),
    "message_wrong": ({"reason": "closed", "message": "a\nb"}, 403, {}),
    "message_long": ({"reason": "closed", "message": "x" * 201}, 403, {}),
    "length_wrong": (b"{}", 200, {"Content-Length": "2000"}),
}


@pytest.mark.parametrize("app", [LOGIN20, PARAM10], ids=lambda a: a.name)
def test_what_is_no_answer_opens_nothing(build, scripted, app):
    rig = build(apps=(app,), identity={"lookup_url": scripted.url, "total_ms": 700})
    user = rig.user(app)
    for n, (name, (value, status, headers)) in enumerate(BAD_ANSWERS.items(), 1):
        scripted.says(value, status, headers)
        answer = ask(user)
        assert answer.status == 503 and answer["reason"] == "lookup", (name, answer)
        assert set(answer.json) == {"ec", "em", "errcode", "errmsg", "reason", "retry_after", "sandbox"}
        assert len(scripted.asked) == n, "asked once, and no redirect followed"
    assert opened_in_all(rig) == 0
    scripted.says(PERSON)
    assert ask(user).status == 200


def test_a_server_that_is_slow_is_not_waited_for(build, scripted):
    rig = build(apps=(PARAM20,), identity={"lookup_url": scripted.url, "total_ms": 600})
    scripted.says(PERSON, wait=30)
    users = [rig.user(PARAM20) for _ in range(40)]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(41) as executor:
        waiting = [executor.submit(ask, user) for user in users]
        where.wait_for(lambda: len(scripted.asked) > 30, "most are being asked about")
        assert rig.user(PARAM20).identify().status == 200, "nobody else waits"
        answers = [one.result() for one in waiting]
    assert time.monotonic() - start < 5
    assert {answer.status for answer in answers} == {503}
    assert all(rig.pool.line_of(answer)["lookup_ms"] < 2000 for answer in answers)
    assert opened_in_all(rig) == 1


def test_an_empty_message_is_no_message(build, scripted):
    rig = build(apps=(PARAM20,), identity={"lookup_url": scripted.url})
    scripted.says({"reason": "closed", "message": ""}, 403)
    answer = ask(rig.user(PARAM20))
    assert answer.status == 403 and answer["errmsg"] == "暂时无法为您发起核验，请联系客服", answer


@pytest.mark.parametrize("app", **by_app)
def test_the_question_says_who_and_what_for_and_is_signed(build, scripted, app):
    rig = build(apps=(app,), identity={"lookup_url": scripted.url})
    scripted.says(PERSON)
    nonces = set()
    for source in (0, 7, None):
        user = rig.user(app, name="王 五") if app.caller == "param" else rig.user(app)
        if app.caller == "param":
            user.headers["X-Test-User"] = "user-five"
        fields = user.login() if source is None else {**user.login(), "source": source}
        assert user.send("identify", fields).status == 200
        path, headers, body = scripted.asked[-1]
        expected = {"appid": app.appid, "openid": user.openid}
        if app.caller == "param":
            expected["caller"] = "user-five"
        if source is not None:
            expected["source"] = source
        assert (path, json.loads(body)) == ("/face/identity", expected)
        assert headers["Content-Type"].startswith("application/json")
        again = signed(app.business_secret, "identity", body, headers["X-Benren-Timestamp"],
                       headers["X-Benren-Nonce"])
        assert again.items() <= headers.items()
        assert abs(int(headers["X-Benren-Timestamp"]) - time.time()) < 30
        nonces.add(headers["X-Benren-Nonce"])
    assert len(nonces) == 3 == len(scripted.asked)


def test_who_sends_half_an_identity_is_not_looked_up(build, scripted):
    rig = build(apps=(PARAM20,), identity={"lookup_url": scripted.url})
    scripted.says(PERSON)
    for fields in ({"name": "张三"}, {"id_card_number": PERSON["id_card_number"]},
                   {**PERSON, "name": "3"}, {**PERSON, "id_card_number": "7"}, {"name": 7}):
        answer = rig.user(PARAM20).send("identify", fields)
        assert answer.status == 400, answer
    assert scripted.asked == [] and opened_in_all(rig) == 0


def test_who_sends_an_identity_and_too_much_besides_is_not_looked_up(build, scripted):
    """The request's memory ends just where its name would be kept."""
    rig = build(apps=(PARAM20,), identity={"lookup_url": scripted.url})
    scripted.says(PERSON)
    user, name = rig.user(PARAM20), "张" * 85

    def ask_with(ones, pad=0):
        more = {"more": [1] * ones, "pad": "x" * pad}
        return user.send("identify", {**people.person(), "name": name, **more})

    fits, too_many = 1, 7000
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if ask_with(middle).status == 413:
            too_many = middle
        else:
            fits = middle
    answers = [ask_with(ones, pad) for ones in range(fits - 8, fits + 8) for pad in (0, 40, 80)]
    assert {(answer.status, answer["reason"]) for answer in answers} == \
        {(503, "retry"), (413, "body_too_large")}
    assert scripted.asked == [] and user.identify().status == 200


def test_nobody_in_particular_has_no_identity(build, scripted):
    rig = build(apps=(ANON10,), identity={"lookup_url": scripted.url})
    scripted.says(PERSON)
    answer = rig.user(ANON10).send("identify", {"source": 1})
    assert answer.status == 400 and "name" in answer["hint"], answer
    assert scripted.asked == []


def test_an_app_without_a_business_secret_asks_nobody(build, scripted):
    app = type(PARAM20)("bare", PARAM20.appid, "2.0", "param", (("business_secret_file", ""),))
    rig = build(apps=(app,), identity={"lookup_url": scripted.url})
    scripted.says(PERSON)
    answer = ask(rig.user(app))
    assert answer.status == 503 and "business_secret_file" in answer["hint"], answer
    assert rig.user(app).identify().status == 200
    assert scripted.asked == []


def test_where_nobody_is_asked_an_identity_must_be_sent(build):
    rig = build(apps=(PARAM20,))
    answer = ask(rig.user(PARAM20))
    assert answer.status == 400 and answer["reason"] == "name_missing", answer


# --- what is left of it -----------------------------------------------------------------------------------

def test_nothing_of_the_person_is_left_anywhere(build, business):
    """In no log, no answer, not in the segment, and (where it can be seen) not in the workers' memory."""
    rig, server = business(build, PARAM10, workers=2, log={"level": "debug"})
    users = [rig.user(PARAM10) for _ in range(40)]
    # Beginnings that stand nowhere else: of every ID number, and of every name.
    server.users = {name_of(user): {"name": "㐃㐄" + chr(0x4e00 + i), "id_card_number": people.id_number(i, "653128")}
                    for i, user in enumerate(users)}
    server.write()
    each(users, ask)
    each(users, lambda user: user.passes())
    md5 = [hashlib.md5(value.encode()).hexdigest()
           for who in server.users.values() for value in who.values()]
    canary = re.compile(rb"653128\d{11}[\dX]|" + re.escape("㐃㐄".encode()) + rb"|\\u3403\\u3404|"
                        + b"|".join(one.encode() for one in md5))
    assert canary.search(server.file.read_bytes()), "it would be found"
    texts = [rig.pool.said().encode(), pathlib.Path(rig.pool.conf["segment"]).read_bytes(),
             rig.sandbox.said().encode(), server.errors.read_bytes()]
    texts += [path.read_bytes() for path in rig.folder.glob("nginx*") if path.is_file()]
    for text in texts:
        assert not canary.search(text)
    assert rig.pool.lines(endpoint="identify")
    if rig.root and "asan" not in str(where.BUILD):  # a sanitizer keeps what was freed
        for worker in rig.pool.workers:
            assert found(worker.pid, re.compile(PARAM10.appid.encode())), "its memory can be seen"
            assert found(worker.pid, canary) == []
