"""T09: the openid is another one, or missing, or belongs to another mini program.

Must happen: it fails closed.  Nobody passes; a session that was not about this answer stays opened, and
its user passes afterwards.
Figure: 8 rows a generation; whole in tests/run too.
"""

import json

import fastcgi
import people
import pytest

from rig import LOGIN10, LOGIN20, PARAM10, PARAM20, app

TWIN10, TWIN20 = app(7, "twin10", "1.0", "param"), app(8, "twin20", "2.0", "param")  # other mini programs
RIG = {"apps": (PARAM10, PARAM20, LOGIN10, LOGIN20, TWIN10, TWIN20), "breaker": {"failures": 0}}


# --- 1.0: WeChat says whose face it was, and benren compares --------------------------------

def said(value):
    """getinfo's openid is this instead."""
    def attack(rig, user):
        user.scan()
        if value is None:
            rig.sandbox.fault("getinfo", "unset", fields=["openid"])
        else:
            rig.sandbox.fault("getinfo", "set", fields={"openid": value(user.openid)})
        return user.verify()
    return attack


def another_phone(_, user):
    user.scan(openid=people.new_openid())
    return user.verify()


def result_of_another_program(rig, user):
    twin = rig.user(TWIN10, openid=user.openid).open(user.person)
    twin.scan()
    answer = user.send("verify", {"verify_result": twin.verify_result, **user.login()})
    assert twin.verify().status == 200
    return answer


def session_of_another_program(rig, user):
    twin = rig.user(TWIN10, openid=user.openid).open(user.person)
    twin.scan()
    answer = user.send("verify", {"verify_result": twin.verify_result, "session": twin.session, **user.login()})
    assert twin.verify().status == 200
    return answer


OLD = {  # what comes of it: status, reason, the session afterwards
    "another phone": (another_phone, 403, "identity", "failed"),
    "absent": (said(None), 502, "upstream", "opened"),
    "empty": (said(lambda o: ""), 403, "identity", "failed"),
    "one character off": (said(lambda o: o[:-1] + "x"), 403, "identity", "failed"),
    "longer": (said(lambda o: o + "x"), 403, "identity", "failed"),
    "no text": (said(lambda o: [o]), 502, "upstream", "opened"),
    "another program's result": (result_of_another_program, 403, "start_again", "opened"),
    "another program's session": (session_of_another_program, 404, "no_session", "opened"),
}


@pytest.mark.parametrize("row", OLD)
@pytest.mark.parametrize("app", [PARAM10, LOGIN10], ids=lambda a: a.name)
def test_in_1_0_another_openid_does_not_pass(rig, app, row):
    attack, status, reason, state = OLD[row]
    user = rig.user(app).open()
    answer = attack(rig, user)
    assert (answer.status, answer["reason"], answer["verified"]) == (status, reason, False), answer
    assert user.send("session", {"session": user.session, **user.login()})["state"] == state
    if state == "opened":
        user.passes()


# --- 2.0: WeChat compares with the openid that it was opened with --------------------------------

def without_openid(_, user):
    user.headers = {"X-Test-User": "bob"}
    return user.identify()


def malformed(_, user):
    user.headers["X-Test-Openid"] = user.openid + ",x"
    return user.identify()


def sent_twice(rig, user):
    body = json.dumps(people.person(), ensure_ascii=False).encode()
    params = fastcgi.params_for("identify", body, BENREN_APPID=PARAM20.appid, BENREN_USER="bob",
                                BENREN_OPENID=user.openid)
    params = fastcgi.pairs(params) + fastcgi.pair("BENREN_OPENID", people.new_openid())
    with fastcgi.Connection(rig.pool.socket) as connection:
        connection.send(fastcgi.begin() + fastcgi.stream(fastcgi.PARAMS, params) + fastcgi.stream(fastcgi.STDIN, body))
        return connection.answer()


def of_another_program(rig, user):
    """WeChat's answer when the openid is not one of this appid."""
    rig.sandbox.fault("getverifyid", "errcode", errcode=40003)
    return user.identify()


def code_of_another_program(rig, user):
    login = rig.user(LOGIN20)
    code = rig.sandbox.login(LOGIN10.appid, user.openid)
    return login.send("identify", {**people.person(), "code": code})


def changed_meanwhile(_, user):
    """Between opening and asking the web server changes its mind, and the other one's phone sees a face."""
    user.open()
    user.openid = user.headers["X-Test-Openid"] = people.new_openid()
    user.scan()
    return user.verify()


def another_phone_20(rig, user):
    return another_phone(rig, user.open())


def session_of_another_program_20(rig, user):
    twin = rig.user(TWIN20, openid=user.openid).open()
    twin.scan()
    for fields in ({"verify_id": twin.key}, {"session": twin.session, "verify_id": twin.key}):
        assert user.send("verify", fields).status == 404
    answer = user.send("verify", {"session": twin.session})
    assert twin.verify().status == 200
    return answer


NEW = {  # what comes of it: status, reason, how often WeChat is asked to open and about the result
    "none": (without_openid, 401, "not_logged_in", 0, 0),
    "malformed": (malformed, 400, "bad_request", 0, 0),
    "sent twice": (sent_twice, 400, "bad_request", 0, 0),
    "another program's": (of_another_program, 502, "upstream", 1, 0),
    "another program's code": (code_of_another_program, 401, "not_logged_in", 0, 0),
    "another phone": (another_phone_20, 403, "start_again", 1, 1),
    "changed meanwhile": (changed_meanwhile, 403, "start_again", 1, 1),
    "another program's session": (session_of_another_program_20, 404, "no_session", 1, 1),
}


@pytest.mark.parametrize("row", NEW)
def test_in_2_0_another_openid_does_not_pass(rig, row):
    attack, status, reason, opens, queries = NEW[row]
    answer = attack(rig, rig.user(PARAM20))
    assert (answer.status, answer["reason"]) == (status, reason), answer
    assert answer.get("verified") in (None, False) and "session" not in answer.json
    assert (rig.sandbox.total("getverifyid"), rig.sandbox.total("queryverifyinfo")) == (opens, queries)
    rig.user(PARAM20).open().passes()


def test_what_is_asked_with_is_the_openid_of_the_opening(rig):
    user = rig.user(PARAM20).open()
    user.scan()
    user.headers["X-Test-Openid"] = people.new_openid()
    assert user.verify().status == 200, "WeChat would have refused the new one"
