"""T15: a request says one thing twice, so that web server and benren each believe another half.

The name of a header and of a parameter are not the same thing: X-Benren-Session and
X_Benren_Session both become HTTP_X_BENREN_SESSION, a repeated header may arrive twice or as one
list, and a client may hope that his header BENREN_USER becomes the parameter of that name.

What must happen: of what a decision rests on, two are answered 400, as two parameters and as the
list that a web server has made of them; nothing that a client wrote counts as what the web server says.  By hand over
FastCGI, and through nginx, lighttpd and Apache, with what each of them makes of it written down
here as it was seen (with nginx 1.22 and 1.26).  All of it in tests/run.
"""

import json
import os

import fastcgi
import people
import pytest

import webservers
from echo import Echo
from rig import LOGIN20, PARAM10, PARAM20
from webserver import OPENID_HEADER, USER_HEADER
from webservers import SERVERS

RIG = {"apps": (PARAM20, LOGIN20, PARAM10), "trusted_proxies": ["127.0.0.1"]}
JSON = ("Content-Type", "application/json")

# --- by hand ------------------------------------------------------------------------------------

# What src/web/request.c calls decisive; of the two prefixes, some.
DECISIVE = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH",
            "REMOTE_ADDR", "REMOTE_USER", "HTTP_AUTHORIZATION", "HTTP_IDEMPOTENCY_KEY", "BENREN_USER",
            "BENREN_OPENID", "BENREN_APPID", "BENREN_ADMIN", "HTTP_X_BENREN_SESSION", "HTTP_X_BENREN_TOKEN",
            "HTTP_X_BENREN_TIMESTAMP", "HTTP_X_BENREN_NONCE", "HTTP_X_BENREN_SIGNATURE",
            "HTTP_X_FORWARDED_FOR")  # this one because a proxy is trusted
HARMLESS = ("HTTP_X_REQUEST_ID", "HTTP_ACCEPT_LANGUAGE", "HTTP_USER_AGENT", "HTTP_COOKIE", "SERVER_NAME", "HTTP_PROXY")


def ask_twice(rig, name, first, second, **more):
    """A face check of alice's in which one parameter comes twice, apart."""
    body = json.dumps(people.person(), ensure_ascii=False).encode()
    params = fastcgi.params_for("identify", body, BENREN_APPID=PARAM20.appid, BENREN_USER="alice",
                                BENREN_OPENID="oAlice", **more)
    params.pop(name, None)
    pairs = fastcgi.pair(name, first) + fastcgi.pairs(params) + fastcgi.pair(name, second)
    with fastcgi.Connection(rig.pool.socket) as connection:
        connection.send(fastcgi.begin() + fastcgi.stream(fastcgi.PARAMS, pairs) + fastcgi.stream(fastcgi.STDIN, body))
        return connection.answer()


@pytest.mark.parametrize("name", DECISIVE)
def test_a_decisive_parameter_sent_twice_is_refused(rig, name):
    good = fastcgi.params_for("identify", b"x", BENREN_APPID=PARAM20.appid, BENREN_USER="alice").get(name, "x" * 16)
    for first, second in ((good, "evil"), ("evil", good), (good, good), (good, ""), ("", good)):
        answer = ask_twice(rig, name, first, second)
        assert (answer.status, answer["reason"]) == (400, "bad_request"), (name, first, second, answer)
    assert rig.sandbox.total("getverifyid") == 0


@pytest.mark.parametrize("name", [name for name in DECISIVE if name.startswith("HTTP_X_BENREN_")] +
                         ["HTTP_IDEMPOTENCY_KEY", "HTTP_AUTHORIZATION"])
def test_a_header_of_ours_that_became_a_list_is_refused_in_the_same_way(rig, name):
    one = "Bearer x" if name == "HTTP_AUTHORIZATION" else "x" * 16
    apart = ask_twice(rig, name, one, one)
    for together in (one + ", " + one, one + "," + one, one + ", "):
        answer = fastcgi.ask(rig.pool.socket, "identify", people.person(), BENREN_APPID=PARAM20.appid,
                             BENREN_USER="alice", BENREN_OPENID="oAlice", **{name: together})
        assert answer.status == apart.status == 400 and answer["reason"] == apart["reason"], (name, together)
        assert answer["hint"] == apart["hint"] and "came twice" in answer["hint"]
    assert rig.sandbox.total("getverifyid") == 0


def test_a_parameter_on_which_nothing_rests_may_come_twice(rig):
    for name in HARMLESS:
        assert ask_twice(rig, name, "a", "b").status == 200, name
    assert rig.sandbox.total("getverifyid") == len(HARMLESS)


def test_without_a_trusted_proxy_nothing_rests_on_x_forwarded_for(build):
    rig = build(web=None, apps=(PARAM20,))
    assert ask_twice(rig, "HTTP_X_FORWARDED_FOR", "203.0.113.1", "203.0.113.2").status == 200


@pytest.mark.parametrize("name", ["benren_user", "Benren_User", "BENREN-USER", "HTTP_BENREN_USER", "HTTP_X_BENREN_USER",
                                  "X_BENREN_USER", "REMOTE_USER", "REDIRECT_BENREN_USER", "HTTP_HTTP_BENREN_USER",
                                  "BENREN_USER ", " BENREN_USER", "BENREN_USER2"])
def test_what_is_only_called_nearly_the_same_is_another_parameter(rig, name):
    answer = fastcgi.ask(rig.pool.socket, "identify", people.person(), BENREN_APPID=PARAM20.appid, **{name: "alice"})
    assert answer.status == 401, answer
    answer = fastcgi.ask(rig.pool.socket, "identify", people.person(), BENREN_APPID=PARAM20.appid, BENREN_USER="alice",
                         BENREN_OPENID="oAlice", **{name: "mallory"})
    assert answer.status == 200
    key = {"BENREN_APPID": PARAM20.appid, "HTTP_X_BENREN_SESSION": answer["session"]}
    assert fastcgi.ask(rig.pool.socket, "session", BENREN_USER="alice", **key).status == 202
    assert fastcgi.ask(rig.pool.socket, "session", BENREN_USER="mallory", **key).status == 404


# --- what each web server makes of it ----------------------------------------------------------------

# A and B stand for two that are both good.  For each web server what arrives, and the status: that
# of A where it is 202 or 200, of a refusal otherwise; B would be told by another, and never is.
NOT_ONE = "A, B"
EITHER = (["A", "B"], [NOT_ONE])  # nginx before 1.23, and since
BY_SESSION, BY_TOKEN, BY_KEY, BY_ADDRESS = "session", "token", "key", "address"
COLLISIONS = {
    # a session that waits is 202, one that has passed is 200
    "session_and_underscores": (BY_SESSION, [("X-Benren-Session", "A"), ("X_Benren_Session", "B")],
                                {"nginx": (["A"], 202), "lighttpd": (["A", "B"], 400), "apache": (["A"], 202)}),
    "underscores_and_session": (BY_SESSION, [("X_Benren_Session", "B"), ("X-Benren-Session", "A")],
                                {"nginx": (["A"], 202), "lighttpd": (["B", "A"], 400), "apache": (["A"], 202)}),
    "session_half_underscored": (BY_SESSION, [("X-Benren_Session", "B"), ("X-Benren-Session", "A")],
                                 {"nginx": (["A"], 202), "lighttpd": (["B", "A"], 400), "apache": (["A"], 202)}),
    "session_with_a_dot": (BY_SESSION, [("X-Benren.Session", "B"), ("X-Benren-Session", "A")],
                           {"nginx": (["A"], 202), "lighttpd": (["B", "A"], 400), "apache": (["A"], 202)}),
    "session_twice": (BY_SESSION, [("X-Benren-Session", "A"), ("X-Benren-Session", "B")],
                      {"nginx": (EITHER, 400), "lighttpd": ([NOT_ONE], 400), "apache": ([NOT_ONE], 400)}),
    "session_in_capitals": (BY_SESSION, [("X-Benren-Session", "A"), ("X-BENREN-SESSION", "B")],
                            {"nginx": (EITHER, 400), "lighttpd": ([NOT_ONE], 400), "apache": ([NOT_ONE], 400)}),
    # nginx refuses a second Authorization by itself
    "authorization_twice": (BY_TOKEN, [("Authorization", "Bearer A"), ("Authorization", "Bearer B")],
                            {"nginx": (None, 400), "lighttpd": (["Bearer A, Bearer B"], 400),
                             "apache": (["Bearer A, Bearer B"], 400)}),
    "token_and_underscores": (BY_TOKEN, [("X-Benren-Token", "A"), ("X_Benren_Token", "B")],
                              {"nginx": (["A"], 200), "lighttpd": (["A", "B"], 400), "apache": (["A"], 200)}),
    "token_twice": (BY_TOKEN, [("X-Benren-Token", "A"), ("X-Benren-Token", "B")],
                    {"nginx": (EITHER, 400), "lighttpd": ([NOT_ONE], 400), "apache": ([NOT_ONE], 400)}),
    "idempotency_key_twice": (BY_KEY, [("Idempotency-Key", "A"), ("Idempotency-Key", "B")],
                              {"nginx": (EITHER, 400), "lighttpd": ([NOT_ONE], 400), "apache": ([NOT_ONE], 400)}),
    "idempotency_key_and_underscores": (BY_KEY, [("Idempotency-Key", "A"), ("Idempotency_Key", "B")],
                                        {"nginx": (["A"], 200), "lighttpd": (["A", "B"], 400), "apache": (["A"], 200)}),
    # behind a trusted proxy; of a list the last counts, which test_t14_forwarded.py is about
    "forwarded_twice": (BY_ADDRESS, [("X-Forwarded-For", "A"), ("X-Forwarded-For", "B")],
                        {"nginx": ([NOT_ONE], 200), "lighttpd": ([NOT_ONE], 200), "apache": ([NOT_ONE], 200)}),
    "forwarded_and_underscores": (BY_ADDRESS, [("X_Forwarded_For", "B"), ("X-Forwarded-For", "A")],
                                  {"nginx": (["A"], 200), "lighttpd": (["B", "A"], 400), "apache": (["A"], 200)}),
}
PARAMETER = {"X-Benren-Session": "HTTP_X_BENREN_SESSION", "Authorization": "HTTP_AUTHORIZATION",
             "X-Benren-Token": "HTTP_X_BENREN_TOKEN", "Idempotency-Key": "HTTP_IDEMPOTENCY_KEY",
             "X-Forwarded-For": "HTTP_X_FORWARDED_FOR"}


def parameter_of(headers):
    return next(PARAMETER[name] for name, _ in headers if name in PARAMETER)


@pytest.fixture(scope="module", params=SERVERS)
def seen(request, tmp_path_factory):
    """seen(headers): all that arrives behind this web server; None if it refused the request."""
    folder = tmp_path_factory.mktemp(request.param)
    for one in (folder, folder.parent, folder.parent.parent):
        one.chmod(0o755)
    echo = Echo(folder / "echo.sock")
    server = SERVERS[request.param](folder, echo.path, RIG["apps"], os.geteuid() == 0)

    def ask(headers):
        status, _, body = webservers.call(server.port, "POST", "/param20/identify", [JSON, *headers], b"{}")
        return json.loads(body) if status == 200 else None

    ask.server = request.param
    yield ask
    server.stop()
    echo.stop()


@pytest.mark.parametrize("row", COLLISIONS)
def test_what_arrives_is_what_is_written_here(seen, row):
    _, headers, expected = COLLISIONS[row]
    came = seen(headers)
    if came is not None:
        came = [value for name, value in came if name == parameter_of(headers)]
    arrives = expected[seen.server][0]
    assert came in arrives if arrives is EITHER else came == arrives


FORGED = ("BENREN_USER", "BENREN-USER", "Benren-User", "X_BENREN_USER", "X-Benren-User", "HTTP_BENREN_USER",
          "HTTP-BENREN-USER", "REMOTE_USER", "Remote-User", "X_REMOTE_USER", "HTTP_REMOTE_USER", "BENREN_APPID",
          "Benren-Appid", "X_BENREN_APPID", "HTTP_BENREN_APPID", "BENREN_OPENID", "Benren-Openid", "HTTP_BENREN_OPENID",
          "BENREN_ADMIN", "Benren-Admin", "X_BENREN_ADMIN", "HTTP_BENREN_ADMIN", "REMOTE_ADDR", "Remote-Addr",
          "HTTP_REMOTE_ADDR", "SCRIPT_NAME", "Script-Name", "PATH_INFO", "Path-Info", "REQUEST_METHOD",
          "Request-Method", "QUERY_STRING", "Query-String", "CONTENT_TYPE", "REDIRECT_BENREN_USER", "Proxy")


def test_no_header_becomes_a_parameter_of_the_web_server(seen):
    honest = dict(seen([(USER_HEADER, "bob"), (OPENID_HEADER, "oBob")]))
    assert (honest["BENREN_USER"], honest["BENREN_APPID"]) == ("bob", PARAM20.appid)
    for name in FORGED:
        came = seen([(USER_HEADER, "bob"), (OPENID_HEADER, "oBob"), (name, "forged")])
        new = {key for key, value in came if "forged" in value}
        assert all(key.startswith("HTTP_") for key in new), (name, new)
        assert [value for key, value in came if key == "BENREN_USER"] == ["bob"]


# --- and what benren answers ------------------------------------------------------------------------------

def two_sessions(rig):
    user = rig.user(PARAM20, name="alice")
    waiting = user.open().session
    user.open().passes()
    headers = list(user.headers.items())
    return "session", PARAM20, {}, headers, waiting, user.session


def two_tokens(rig):
    tokens = [rig.user(LOGIN20).send("login", rig.user(LOGIN20).login())["token"] for _ in range(2)]
    return "identify", LOGIN20, people.person(), [], *tokens


def two_keys(rig):
    return "identify", PARAM20, people.person(), list(rig.user(PARAM20).headers.items()), "A" * 32, "B" * 32


def two_addresses(rig):
    return "identify", PARAM20, people.person(), list(rig.user(PARAM20).headers.items()), "203.0.113.1", "203.0.113.2"


TWO = {BY_SESSION: two_sessions, BY_TOKEN: two_tokens, BY_KEY: two_keys, BY_ADDRESS: two_addresses}


def filled(headers, a, b):
    put = {"A": a, "B": b}
    return [(name, " ".join(put.get(word, word) for word in value.split())) for name, value in headers]


@pytest.mark.parametrize("row", COLLISIONS)
def test_of_two_the_answer_is_a_refusal_or_the_one_that_the_web_server_made(behind, row):
    kind, headers, expected = COLLISIONS[row]
    endpoint, app, fields, own, a, b = TWO[kind](behind)
    opened = behind.sandbox.total("getverifyid")
    status, _, body = webservers.call(behind.web.port, "POST", "/%s/%s" % (app.name, endpoint),
                                      [JSON, *own, *filled(headers, a, b)], json.dumps(fields).encode())
    assert status == expected[behind.server][1], (status, body)
    assert behind.sandbox.total("getverifyid") == opened + (status == 200)


def test_each_of_the_two_alone_would_have_been_good(behind):
    for kind, alone in ((BY_SESSION, "X-Benren-Session"), (BY_TOKEN, "X-Benren-Token"), (BY_KEY, "Idempotency-Key"),
                        (BY_ADDRESS, "X-Forwarded-For")):
        endpoint, app, fields, own, a, b = TWO[kind](behind)
        told = [webservers.ask(behind.web.port, "POST", "/%s/%s" % (app.name, endpoint), [JSON, *own, (alone, value)],
                               json.dumps({**fields, **(people.person() if fields else {})}).encode()).status
                for value in (a, b)]
        assert told == ([202, 200] if kind == BY_SESSION else [200, 200]), (kind, told)


@pytest.mark.parametrize("name", FORGED)
def test_a_header_that_claims_to_be_the_web_server_changes_nothing(behind, name):
    alice = behind.user(PARAM20, name="alice").open()
    bob = behind.user(PARAM20, name="bob")
    for value in ("alice", PARAM20.appid, PARAM10.appid, "1", "/param10/session", "GET"):
        forged = [JSON, (name, value), ("X-Benren-Session", alice.session)]
        for who, status in ((bob, 404), (alice, 202)):
            answer = webservers.ask(behind.web.port, "POST", "/param20/session", [*forged, *who.headers.items()], b"{}")
            assert answer.status == status, (name, value, answer)
    answer = webservers.ask(behind.web.port, "POST", "/param20/session",
                            [JSON, (name, "alice"), ("X-Benren-Session", alice.session)], b"{}")
    assert answer.status == 401, "who is nobody stays nobody"
