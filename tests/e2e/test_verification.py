"""Face checks from /identify to the verdict, through nginx, a pool and the sandbox."""

import time

import people
import pytest

from rig import ANON10, APPS, LOGIN10, LOGIN20, OPEN20, PARAM10, PARAM20, app, each

FACE_APPS = [ANON10, PARAM10, PARAM20, LOGIN10, LOGIN20]
KNOWN_APPS = [PARAM10, PARAM20]

by_name = {"argvalues": FACE_APPS, "ids": lambda a: a.name}


# --- the way that everybody hopes for ---------------------------------------------

@pytest.mark.parametrize("app", **by_name)
def test_a_person_who_shows_his_own_face_passes(rig, app):
    user = rig.user(app)
    answer = user.identify()
    assert answer.status == 200 and answer["expires_in"] == 3600
    assert set(answer.json) == {
        "ec", "em", "errcode", "errmsg", "reason", "sandbox", "session", "expires_in", "expiresIn",
        *(("user_id_key", "userIdKey") if app.protocol == "1.0" else ("verify_id", "verifyId"))}
    passed = user.passes()
    assert passed["reason"] == "passed" and passed["identifyRet"] == 0
    total = rig.sandbox.total()
    open_path, query_path = paths(app)
    assert total[open_path] == 1 and total[query_path] == 1


def paths(app):
    return ("getuseridkey", "getinfo") if app.protocol == "1.0" else ("getverifyid", "queryverifyinfo")


def test_verify_id_alone_names_a_session_of_2_0_and_both_must_agree(rig):
    user, other = rig.user(PARAM20).open(), rig.user(PARAM20).open()
    user.scan()
    assert user.send("verify", {"session": user.session, "verify_id": other.key}).status == 404
    assert rig.sandbox.total("queryverifyinfo") == 0
    assert user.send("verify", {"verify_id": user.key}).status == 200
    assert user.send("verify", {"verify_id": user.key, "session": user.session}).status == 200
    assert rig.sandbox.total("queryverifyinfo") == 1


def test_a_session_named_by_the_header_is_as_good_as_one_in_the_body(rig):
    user = rig.user(PARAM20).open()
    user.scan()
    header = {"X-Benren-Session": user.session}
    assert user.send("verify", {}, headers=header).status == 200
    assert user.send("session", {}, headers=header).status == 200


def test_what_the_check_is_for_comes_back_with_the_verdict(rig):
    user = rig.user(PARAM20).open(source=7, consent="terms-2026.1")
    assert user.passes()["source"] == 7
    user = rig.user(PARAM10)
    answer = user.identify(kind="form", source="255")
    assert answer.status == 200
    assert user.passes()["source"] == 255


# --- no ----------------------------------------------------------------------------------

NOT_PASSED = [
    ("other_face", "identity"), ("id_mismatch", "identity"), ("not_in_source", "identity"),
    ("cancel", "cancelled"), ("timeout", "device"), ("no_camera", "device"), ("network", "device"),
    ("unsupported", "device"), ("bad_picture", "start_again"), ("system", "start_again"),
    ("too_often", "start_again"), (19999, "start_again"),
]


@pytest.mark.parametrize("outcome, reason", NOT_PASSED, ids=lambda x: str(x))
@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_who_does_not_pass_is_told_the_class_and_nothing_more(rig, app, outcome, reason):
    user = rig.user(app).open()
    user.scan(outcome)
    answer = user.verify()
    assert answer.status == 403 and answer["reason"] == reason, answer
    assert answer["verified"] is False and answer["state"] == "failed"
    assert set(answer.json) == {"ec", "em", "errcode", "errmsg", "reason", "sandbox", "verified",
                                "identify_ret", "identifyRet", "state"}
    again = user.verify()
    assert (again.status, again["reason"]) == (403, reason)
    assert rig.sandbox.total(paths(app)[1]) == 1, "a verdict that stands is not asked for again"


# --- isolation ---------------------------------------------------------------

def test_where_the_location_names_no_app_the_session_does(rig):
    user = rig.user(PARAM20).open()
    user.scan()
    answer = rig.client.send("/face/session", {"session": user.session})
    assert answer.status == 401, "the app of the session wants to know who is asking"
    first = rig.client.send("/face/identify", people.person())
    assert first.status == 200 and "user_id_key" in first.json, "without a session it is the first app"


# --- pending --------------------------------------------------------------------------------------

def test_pending_stays_pending_until_it_is_decided(rig):
    old, new = rig.user(PARAM10).open(), rig.user(PARAM20).open()
    old.scan("pending")
    for user in (old, new):
        for _ in range(3):
            answer = user.verify()
            assert answer.status == 202 and answer["reason"] == "pending", answer
            assert answer["state"] == "opened" and "Retry-After" in answer.headers
    assert rig.sandbox.total("getinfo") == 3 and rig.sandbox.total("queryverifyinfo") == 3
    rig.sandbox.sim("scan", {"verify_result": old.verify_result, "outcome": "pass"})
    assert old.verify().status == 200
    new.passes()


# --- lost answers, and giving up ----------------------------------------------------------------

@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_client_that_lost_the_answer_asks_for_its_session(rig, app):
    user = rig.user(app).open(source=3)
    assert user.send("session", {"session": user.session}).status == 202
    passed = user.passes()
    answer = user.send("session", {"session": user.session})
    assert answer.status == 200 and answer.json == passed.json
    failed = rig.user(app).open()
    failed.scan("other_face")
    assert failed.verify().status == 403
    assert failed.send("session", {"session": failed.session}).status == 403
    assert rig.sandbox.total(paths(app)[1]) == 2


@pytest.mark.parametrize("err_code, word", [
    (90100, "cancelled"), (90101, "device"), ("90107", "device"), (-1, "device"), (77777, "start_again")])
@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_what_was_cancelled_never_passes(rig, app, err_code, word):
    user = rig.user(app).open()
    answer = user.send("cancel", {"session": user.session, "err_code": err_code})
    assert answer.status == 200 and "verified" not in answer.json, answer
    assert answer["cancelled"] == word and answer["state"] == "failed"
    user.scan()
    for fields in ({}, {"session": user.session}):
        answer = user.verify(**fields)
        assert answer.status in (403, 409) and answer["verified"] is False, answer
    assert user.send("session", {"session": user.session}).status == 403


@pytest.mark.parametrize("err_code", [0, "0", 10005])
def test_a_callback_that_is_no_failure_cancels_nothing(rig, err_code):
    for app in KNOWN_APPS:
        user = rig.user(app).open()
        answer = user.send("cancel", {"session": user.session, "err_code": err_code})
        assert answer.status == 400 and "/verify" in answer["hint"], answer
        user.passes()


def test_a_cancel_after_the_verdict_changes_nothing(rig):
    for app in KNOWN_APPS:
        user = rig.user(app).open()
        user.passes()
        answer = user.send("cancel", {"session": user.session, "errCode": 90100})
        assert answer.status == 200 and answer["verified"] is True
        assert user.verify().status == 200


# --- dialects ------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["json", "form", "query"])
@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_both_dialects_and_every_kind_of_request_work(build, app, kind):
    rig = build(apps=(app,), accept_get=True)
    user = rig.user(app)
    person = people.person()
    answer = user.send("identify", {"name": person["name"], "idCardNumber": person["id_card_number"]}, kind)
    assert answer.status == 200, answer
    user.opened = answer
    user.scan()
    camel = {"verify_result": "verifyResult", "session": "session"}
    answer = user.send("verify", {camel[key]: value for key, value in user.proof().items()}, kind)
    assert answer.status == 200, answer
    assert answer["identify_ret"] == answer["identifyRet"] == 0


def test_the_user_is_spoken_to_in_his_language(rig):
    texts = {}
    for language in (None, "en", "zh-CN,zh;q=0.9,en;q=0.1", "en-US,en;q=0.9,zh;q=0.2"):
        user = rig.user(PARAM20, language=language)
        user.open().scan("other_face")
        texts[language] = user.verify()["errmsg"]
    assert texts["en"] == texts["en-US,en;q=0.9,zh;q=0.2"] == "The identity was not confirmed."
    assert texts[None] == texts["zh-CN,zh;q=0.9,en;q=0.1"] == "身份核验未通过"


def test_wechats_numbers_are_told_only_where_that_is_wanted(rig):
    told, quiet = rig.user(OPEN20, language="en").open(), rig.user(PARAM20).open()
    for user in (told, quiet):
        user.scan("other_face")
    answer = told.verify()
    assert answer["wechat_code"] == answer["wechatCode"] == 10004
    assert "does not match" in answer["errmsg"]
    assert "10004" not in quiet.verify().body.decode()


# --- who is asking ---------------------------------------------------------------------------------

def test_without_a_caller_there_is_no_face_check(rig):
    body = people.person()
    for app in (PARAM10, PARAM20):
        user = rig.user(app)
        user.headers = {}
        assert user.send("identify", body).status == 401
    for app in (LOGIN10, LOGIN20):
        assert rig.user(app).send("identify", body).status == 401
    user = rig.user(PARAM20)
    user.headers = {"X-Test-User": "bob"}
    answer = user.send("identify", body)
    assert answer.status == 401 and "openid" in answer["hint"], "2.0 needs an openid"
    total = rig.sandbox.total()
    assert total["getuseridkey"] == total["getverifyid"] == 0


def test_a_code_in_the_body_fills_in_the_openid(rig):
    user = rig.user(PARAM20)
    user.headers = {"X-Test-User": "carol"}
    code = rig.sandbox.login(PARAM20.appid, user.openid)
    user.open(code=code)
    assert rig.sandbox.total("jscode2session") == 1
    user.passes()


def test_a_login_code_is_good_once_and_only_in_its_app(rig):
    user = rig.user(LOGIN20)
    code = rig.sandbox.login(LOGIN20.appid, user.openid)
    assert user.send("identify", {**people.person(), "code": code}).status == 200
    foreign = rig.sandbox.login(LOGIN10.appid, user.openid)
    for wrong in (code, foreign, "0" * 32, "not a code", "x" * 500):
        answer = user.send("identify", {**people.person(), "code": wrong})
        assert answer.status == 401 and answer["reason"] == "not_logged_in", (wrong, answer)
    assert rig.sandbox.total("getverifyid") == 1
    assert rig.sandbox.total("jscode2session") == 4, "what cannot be a code is not asked about"


# --- everything that WeChat is known to say -----------------------------------------------------------

IDENTITY = {10003, 10004, 10009, 10012, 10026, 10057}
PENDING = {10005, 10300}
CANCELLED = {90002, 90003, 90004, 90005, 90006, 90100}


def class_of_result(code):
    if code in IDENTITY:
        return "identity"
    if code in PENDING:
        return "pending"
    if code in CANCELLED:
        return "cancelled"
    if code in (-1, 10153) or code // 1000 == 90:
        return "device"
    return "start_again"


# WECHAT.md: what an errcode says about the call.  Token numbers have a test of their own.
TOKEN_ERRCODES = {40001, 40014, 42001}
START_AGAIN = {84001, 84002, 84003, 84004, 84005}
RETRY = {-1, 41001, 45011}


def class_of_errcode(code):
    if code in START_AGAIN:
        return 403, "start_again"
    if code in RETRY:
        return 503, "retry"
    if code in (99999, 40003, 40097):
        return 502, "upstream"
    return 503, "configuration"


def through(rig, app, row):
    """A face check of a magic person: (answer of /identify, answer of /verify or None)."""
    user = rig.user(app)
    opened = user.identify(people.person(row["id_card_number"]))
    if opened.status != 200:
        return opened, None
    user.scan()
    return opened, user.verify()


def rows_of(rig, when):
    rows = [row for row in rig.sandbox.catalogue() if row["when"] == when]
    assert len(rows) > (2 if when == "special" else 20)
    return rows


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_every_documented_result_but_the_pass_is_a_no_of_the_right_class(rig, app):
    field = "identify_ret" if app.protocol == "1.0" else "verify_ret"
    rows = rows_of(rig, "result")
    seen = 0
    for row, (_, answer) in zip(rows, each(rows, lambda row: through(rig, app, row), 8)):
        if field not in row:
            assert answer.status == 200, (row, answer)
            continue
        reason = class_of_result(row[field])
        assert answer["reason"] == reason, (row, answer)
        assert answer.status == (202 if reason == "pending" else 403), (row, answer)
        seen += 1
    assert seen > 40


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_every_documented_errcode_at_opening_opens_nothing(rig, app):
    rows = [row for row in rows_of(rig, "open") if row["errcode"] not in TOKEN_ERRCODES]
    for row, (answer, _) in zip(rows, each(rows, lambda row: through(rig, app, row), 8)):
        status, reason = class_of_errcode(row["errcode"])
        assert (answer.status, answer["reason"]) == (status, reason), (row, answer)
        assert "session" not in answer.json
    assert rig.sandbox.total(paths(app)[0]) == len(rows), "each was asked for once"


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_every_documented_errcode_at_asking_is_no_pass(rig, app):
    rows = [row for row in rows_of(rig, "query") if row["errcode"] not in TOKEN_ERRCODES]
    for row, (_, answer) in zip(rows, each(rows, lambda row: through(rig, app, row), 8)):
        status, reason = class_of_errcode(row["errcode"])
        assert (answer.status, answer["reason"]) == (status, reason), (row, answer)
    assert rig.sandbox.total(paths(app)[1]) == len(rows)


def test_a_call_that_is_refused_for_its_token_is_tried_twice_and_no_more(build):
    """Each of these spoils the token of its app, so each gets an app of its own."""
    cases = [(protocol, when, code) for protocol in ("1.0", "2.0") for when in ("open", "query")
             for code in sorted(TOKEN_ERRCODES)]
    apps = tuple(app(20 + i, "app%d" % i, protocol, "param") for i, (protocol, _, _) in enumerate(cases))
    rig = build(apps=apps)
    rows = {(row["when"], row.get("errcode")): row for row in rig.sandbox.catalogue()}
    for one, (_, when, code) in zip(apps, cases):
        opened, answer = through(rig, one, rows[when, code])
        last = answer or opened
        assert last.status == 503, (when, code, last)
        path = paths(one)[0 if when == "open" else 1]
        assert rig.sandbox.calls(path=path, appid=one.appid, errcode=code) == 2, (when, code)


def test_wechat_may_be_slow_but_not_for_ever(build):
    rig = build(apps=(PARAM10, PARAM20), wechat={"total_ms": 4500})
    slow = [row["id_card_number"] for row in rows_of(rig, "special") if "seconds" in row["text"]]
    cases = [(app, number) for app in KNOWN_APPS for number in slow]
    assert len(cases) == 4
    start = time.monotonic()
    results = each(cases, lambda case: through(rig, case[0], {"id_card_number": case[1]}))
    assert time.monotonic() - start < 12
    for (app, number), (opened, answer) in zip(cases, results):
        if number == slow[0]:
            assert opened.status == answer.status == 200
        else:
            assert opened.status == 503 and opened["reason"] == "retry", opened
    total = rig.sandbox.sim("ledger")["total"]
    assert total["getuseridkey"] == total["getverifyid"] == 2, "no open call twice"


# --- the rest -----------------------------------------------------------------------------------------

def test_the_pool_says_that_it_is_alive_and_ready(rig):
    for path in ("/face/health", "/param20/health", "/face/ready"):
        assert rig.client.call("GET", path).status == 200
        head = rig.client.call("HEAD", path)
        assert (head.status, head.body) == (200, b"")
    answer = rig.client.call("GET", "/face/ready")
    assert (answer["store"], answer["wechat"]) == ("ok", "ok")
    assert answer["token"] == {app.appid: "ok" for app in APPS}
    assert rig.client.call("GET", "/face/nothing").status == 404


def test_nothing_that_is_secret_stands_in_the_logs(rig):
    users = [rig.user(app) for app in APPS]
    for user in users:
        user.open()
        user.passes()
    texts = rig.pool.said()
    assert len(rig.pool.lines(endpoint="verify")) >= len(users)
    for user in users:
        for secret in (*user.person.values(), user.key, user.session, user.verify_result, user.openid,
                       user.app.secret):
            assert secret is None or secret not in texts
