"""/login: a code of wx.login becomes a token, which stands for its user, in its app, for a while."""

import re

import people
import pytest

from rig import ANON10, LOGIN10, LOGIN20, PARAM10, PARAM20, each

LOGIN_APPS = [LOGIN10, LOGIN20]
HEADERS = {
    "bearer": lambda token: {"Authorization": "Bearer " + token},
    "bearer_in_small_letters": lambda token: {"authorization": "bearer " + token},
    "own_header": lambda token: {"X-Benren-Token": token},
    # what the web server wants for itself does not count, if the token is in ours
    "both": lambda token: {"Authorization": "Basic dXNlcjpwYXNz", "X-Benren-Token": token},
    "own_header_goes_first": lambda token: {"Authorization": "Bearer " + "A" * 43, "X-Benren-Token": token},
}


def log_in(user, header="bearer"):
    """The token, which from now on goes with everything that this user sends."""
    answer = user.send("login", user.login())
    assert answer.status == 200, answer
    user.headers.update(HEADERS[header](answer["token"]))
    return answer["token"]


def open_with_token(user, person=None, **fields):
    user.person = person or people.person()
    answer = user.send("identify", {**user.person, **fields})
    user.opened = answer if answer.status == 200 else None
    return answer


def passes_with_token(user):
    user.scan()
    answer = user.send("verify", user.proof())
    assert answer.status == 200 and answer["verified"] is True, answer


def opened_in_all(rig):
    total = rig.sandbox.total()
    return total["getuseridkey"] + total["getverifyid"]


@pytest.mark.parametrize("app", LOGIN_APPS, ids=lambda a: a.name)
def test_a_login_is_a_token_and_nothing_of_wechats(rig, app):
    user = rig.user(app)
    answer = user.send("login", user.login())
    assert answer.status == 200 and answer["expires_in"] == answer["expiresIn"] == 7200
    assert set(answer.json) == {"ec", "em", "errcode", "errmsg", "reason", "sandbox", "token",
                                "expires_in", "expiresIn"}
    assert re.fullmatch("[A-Za-z0-9_-]{43}", answer["token"])
    assert user.openid not in answer.body.decode()


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("app", LOGIN_APPS, ids=lambda a: a.name)
def test_with_a_token_one_login_is_enough_for_everything(rig, app, header):
    user = rig.user(app)
    log_in(user, header)
    for _ in range(3):
        assert open_with_token(user).status == 200
        passes_with_token(user)
    assert user.send("session", {"session": user.session}).status == 200
    open_with_token(user)
    assert user.send("cancel", {"session": user.session, "err_code": 90100}).status == 200
    assert rig.sandbox.total("jscode2session") == 1


def test_every_login_is_a_token_of_its_own_and_the_older_one_stays_good(rig):
    user = rig.user(LOGIN20)
    tokens = [log_in(user) for _ in range(4)]
    assert len(set(tokens)) == 4
    for token in tokens:
        user.headers = HEADERS["bearer"](token)
        assert open_with_token(user).status == 200
    passes_with_token(user)


def test_the_login_lifetime_is_what_the_client_is_told(build):
    rig = build(apps=(LOGIN10,), login_lifetime=60)
    user = rig.user(LOGIN10)
    assert user.send("login", user.login())["expires_in"] == 60


@pytest.mark.parametrize("app", LOGIN_APPS, ids=lambda a: a.name)
def test_what_is_no_token_is_nobody(rig, app):
    user = rig.user(app)
    token = log_in(user)
    flipped = ("B" if token[0] == "A" else "A") + token[1:]
    for wrong in ("A" * 43, flipped, token[:-1], token + "A", token[:-1] + "=", "x", user.openid):
        for header in ("bearer", "own_header"):
            user.headers = HEADERS[header](wrong)
            for endpoint, fields in (("identify", people.person()),
                                     ("verify", {"verify_result": "x", "session": "A" * 43}),
                                     ("session", {"session": "A" * 43})):
                answer = user.send(endpoint, fields)
                assert answer.status == 401 and answer["reason"] == "not_logged_in", (wrong, answer)
                assert "/login" in answer["hint"]
    for other in ({}, {"Authorization": "Basic " + token}, {"Authorization": token},
                  {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"X-Benren-Token": ""}):
        user.headers = other
        answer = user.send("identify", people.person())
        assert answer.status == 401, (other, answer)
    assert opened_in_all(rig) == 0


def test_a_token_is_worth_nothing_in_another_app(rig):
    user = rig.user(LOGIN20)
    headers = HEADERS["bearer"](log_in(user))
    for app in (LOGIN10, PARAM10, PARAM20):
        other = rig.user(app)
        other.headers = headers
        assert other.send("identify", people.person()).status == 401, app
    assert opened_in_all(rig) == 0
    stranger = rig.user(LOGIN10)
    stranger.headers = headers
    assert stranger.identify().status == 200, "with a code of that app it does no harm"


def test_a_token_wins_over_a_code(rig):
    user, other = rig.user(LOGIN20), rig.user(LOGIN20)
    log_in(user)
    code = other.login()
    assert open_with_token(user, **code).status == 200
    assert rig.sandbox.total("jscode2session") == 1, "nobody asked about the code"
    passes_with_token(user)
    answer = other.send("session", {"session": user.session, **code})
    assert answer.status == 404, "the code is still good, and somebody else's"


def test_where_the_token_is_no_good_the_code_counts(rig):
    user = rig.user(LOGIN20)
    user.headers = HEADERS["bearer"]("A" * 43)
    user.open()
    log_in(user)
    passes_with_token(user)


def test_one_users_session_is_not_anothers_with_a_token(rig):
    owner, thief = rig.user(LOGIN20), rig.user(LOGIN20)
    log_in(owner), log_in(thief)
    open_with_token(owner)
    owner.scan()
    assert thief.send("verify", {"session": owner.session}).status == 404
    assert thief.send("session", {"session": owner.session}).status == 404
    assert rig.sandbox.total("queryverifyinfo") == 0
    passes_with_token(owner)


def test_only_a_code_logs_in(rig):
    user = rig.user(LOGIN20)
    headers = HEADERS["bearer"](log_in(user))
    for fields in ({}, {"code": ""}, {"code": "0" * 32}, {"code": "not a code"}, {"code": "x" * 500}):
        answer = user.send("login", fields, headers=headers)
        assert answer.status == 401 and "token" not in answer.json, (fields, answer)
    assert user.send("login", {"code": 7}).status == 400
    code = user.login()
    assert user.send("login", code).status == 200
    assert user.send("login", code).status == 401, "a code is good once"
    assert user.send("identify", {**people.person(), **code}, headers={"Authorization": ""}).status == 401


def test_where_others_say_who_is_asking_there_is_no_login(rig):
    for app in (ANON10, PARAM10, PARAM20):
        answer = rig.user(app).send("login", {"code": rig.sandbox.login(app.appid, people.new_openid())})
        assert answer.status == 404 and "token" not in answer.json, answer
    assert rig.sandbox.total("jscode2session") == 0


def test_no_login_without_wechat(rig):
    user = rig.user(LOGIN10)
    for kind in ("close", "hang"):
        rig.sandbox.fault("jscode2session", kind)
        answer = user.send("login", user.login())
        assert answer.status in (502, 503) and "token" not in answer.json, answer
    assert rig.sandbox.total("jscode2session") == 2, "a code is sent once"
    log_in(user)


def test_a_token_is_known_to_every_worker_and_survives_them_all(build):
    rig = build(workers=3, apps=tuple(LOGIN_APPS))
    users = [rig.user(LOGIN_APPS[i % 2]) for i in range(30)]
    each(users, log_in)
    each(users, open_with_token)
    pids = {worker.pid for worker in rig.pool.workers}
    assert rig.pool.kill() == [-9] * 3
    assert not pids & {worker.pid for worker in rig.pool.start(3)}
    each(users, passes_with_token)
    each(users, lambda user: open_with_token(user))
    each(users, passes_with_token)
    assert rig.sandbox.total("jscode2session") == 30


def test_a_client_that_logs_in_all_the_time_is_stopped(build):
    rig = build(apps=(LOGIN10,))
    user, other = rig.user(LOGIN10), rig.user(LOGIN10)
    answers = each(range(160), lambda _: user.send("login", user.login()), 16)
    assert sorted({answer.status for answer in answers}) == [200, 429]
    assert [answer.status for answer in answers].count(200) == 20
    for answer in answers:
        if answer.status == 429:
            assert 0 < int(answer.headers["Retry-After"]) == answer["retry_after"] <= 4050
            assert "token" not in answer.json
    log_in(other)


# --- which app ----------------------------------------------------------------------------------

def test_where_the_location_names_no_app_the_token_does(build):
    rig = build(apps=(LOGIN10, LOGIN20))
    user = rig.user(LOGIN20)
    log_in(user)
    answer = rig.client.send("/face/identify", people.person(), headers=user.headers)
    assert answer.status == 200 and "verify_id" in answer.json, "and not that of the first app"
    user.opened = answer
    user.scan()
    answer = rig.client.send("/face/verify", user.proof(), headers=user.headers)
    assert answer.status == 200, answer


APP_FIELD = [False, True]


@pytest.mark.parametrize("app_field", APP_FIELD, ids=["no_app_field", "app_field"])
def test_nothing_that_a_client_sends_leads_to_an_anonymous_app(build, app_field):
    """The request came for an app that wants to know who asks: it cannot choose a weaker one."""
    rig = build(apps=(LOGIN10, ANON10), app_field=app_field)
    anonymous = rig.user(ANON10).open()
    anonymous.scan()
    result = {"verify_result": anonymous.verify_result}
    opened = opened_in_all(rig)
    refused = 400 if app_field else 401
    for spelling in ("appid", "appId"):
        app = {spelling: ANON10.appid}
        answer = rig.client.send("/face/identify", {**people.person(), **app})
        assert answer.status == refused, answer
        assert rig.client.send("/face/verify", {**result, **app}).status == refused
    session = {"session": anonymous.session}
    header = {"X-Benren-Session": anonymous.session}
    for fields, headers in ((session, {}), ({}, header), ({**session, "appid": ANON10.appid}, {})):
        for endpoint, more in (("session", {}), ("verify", result), ("cancel", {"err_code": 90100})):
            answer = rig.client.send("/face/" + endpoint, {**fields, **more}, headers=headers)
            assert answer.status == 404, answer
    assert opened_in_all(rig) == opened and rig.sandbox.total("getinfo") == 0
    assert anonymous.verify().status == 200, "where its own location is, all is well"


def test_the_first_app_may_be_anonymous(build):
    rig = build(apps=(ANON10, LOGIN20, PARAM20), app_field=True)
    for fields in ({}, {"appid": ANON10.appid}):
        user = rig.user(ANON10)
        user.opened = rig.client.send("/face/identify", {**people.person(), **fields})
        assert user.opened.status == 200, user.opened
        user.scan()
        for more in ({}, {"session": user.session}):
            answer = rig.client.send("/face/verify", {"verify_result": user.verify_result, **more})
            assert answer.status == 200, answer


def test_with_app_field_a_request_chooses_its_app(build):
    rig = build(apps=(ANON10, LOGIN20, PARAM20), app_field=True)
    user = rig.user(LOGIN20)
    app = {"appid": LOGIN20.appid}
    assert rig.client.send("/face/identify", {**people.person(), **app}).status == 401
    answer = rig.client.send("/face/identify", {**people.person(), **app, **user.login()})
    assert answer.status == 200 and "verify_id" in answer.json, answer
    answer = rig.client.send("/face/login", {**app, **user.login()})
    assert answer.status == 200, answer
    for wrong in ("wx9999999999999999", "", 7, LOGIN20.appid.upper()):
        answer = rig.client.send("/face/identify", {**people.person(), "appid": wrong})
        assert answer.status == (200 if wrong == "" else 400), (wrong, answer)
    # The location, and the token, know better.
    answer = rig.user(PARAM20).send("identify", {**people.person(), "appid": ANON10.appid})
    assert answer.status == 200 and "verify_id" in answer.json
    log_in(user)
    answer = rig.client.send("/face/identify", {**people.person(), "appid": ANON10.appid},
                             headers=user.headers)
    assert answer.status == 200 and "verify_id" in answer.json


def test_without_app_field_the_field_means_nothing(rig):
    answer = rig.client.send("/face/identify", {**people.person(), "appid": LOGIN20.appid})
    assert answer.status == 200 and "user_id_key" in answer.json, "the first app, which is anonymous"


# --- what is seen of it --------------------------------------------------------------------------

def test_neither_token_nor_code_nor_openid_is_in_the_logs(rig):
    secrets = []
    for app in LOGIN_APPS:
        user = rig.user(app)
        code = user.login()
        answer = user.send("login", code)
        user.headers = HEADERS["bearer"](answer["token"])
        open_with_token(user)
        passes_with_token(user)
        line = rig.pool.line_of(answer)
        assert (line["endpoint"], line["app"], line["status"]) == ("login", app.appid, 200)
        secrets += [answer["token"], code["code"], user.openid, user.session]
    texts = rig.pool.said()
    for secret in secrets:
        assert secret not in texts
