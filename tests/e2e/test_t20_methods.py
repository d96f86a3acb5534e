"""T20: another site or a careless client asks with another method, and a name in the URL.

With accept_get off only POST acts.  What must happen: 405 with Allow where the web server lets the
method through, no call to WeChat and no change of a session; no permission for other sites
(Access-Control-...) in any answer; a query string is refused, and what stood in it stands in no
log: not in benren's, and not in nginx's with conf/nginx.conf.  12 methods x 3 web servers, all of
it in tests/run.
"""

import json
import pathlib
import urllib.parse

import fastcgi
import people
import pytest

import webservers
import where
from rig import LOGIN20, PARAM10, PARAM20

RIG = {"apps": (PARAM10, PARAM20, LOGIN20), "log": {"file": "benren.log"}}
JSON = ("Content-Type", "application/json")

METHODS = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "LOCK", "FOO", "post")
# What a web server answers itself.
BY_ITSELF = {
    "nginx": {"TRACE": 405, "CONNECT": 405, "post": 400},
    "lighttpd": {"FOO": 501, "post": 501},
    "apache": {"TRACE": 405, "CONNECT": 400},
}
ENDPOINTS = ("login", "identify", "verify", "session", "cancel", "result")
WITHOUT_BODY = ("GET", "HEAD", "TRACE", "CONNECT")


def questions(user):
    """Each endpoint that acts, with what would be right for it."""
    session = {"session": user.session}
    return [("login", {"code": "0" * 32}), ("identify", people.person()), ("verify", {**user.proof()}),
            ("session", session), ("cancel", {**session, "err_code": 90100}), ("result", session)]


@pytest.fixture
def waiting(behind):
    """One whose face check waits, and must go on waiting; he passes in the end."""
    users = [behind.user(app).open() for app in (PARAM10, PARAM20)]
    for user in users:
        user.scan()
    behind.sandbox.reset()
    yield users
    assert sum(behind.sandbox.total().values()) == 0, "WeChat was not asked"
    for user in users:
        assert user.send("session", {"session": user.session}).status == 202, "nothing has changed"
        user.passes()


def check_refused(behind, method, got):
    status, headers, body = got
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    itself = BY_ITSELF[behind.server].get(method)
    if itself is not None:
        assert (status, "X-Request-Id" in headers) == (itself, False), (method, status, body)
        return 0
    assert status == 405 and headers["Allow"] == "POST" and "X-Request-Id" in headers, (method, status, body)
    if method == "HEAD":
        assert body == b""
    else:
        assert json.loads(body)["reason"] == "method_not_allowed"
        assert "method: 'POST'" in json.loads(body)["hint"]
    return 1


@pytest.mark.parametrize("method", METHODS)
def test_only_post_acts(behind, waiting, method):
    reached = 0
    before = len(behind.pool.lines(event="request", status=405))
    for user in waiting:
        for endpoint, fields in questions(user):
            body = b"" if method in WITHOUT_BODY else json.dumps(fields).encode()
            got = webservers.call(behind.web.port, method, "/%s/%s" % (user.app.name, endpoint),
                                  [JSON, *user.headers.items()], body)
            reached += check_refused(behind, method, got)
    assert reached == (0 if method in BY_ITSELF[behind.server] else 12)
    assert len(behind.pool.lines(event="request", status=405)) == before + reached, "a log line each"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
                                    "X_HTTP_METHOD_OVERRIDE"])
def test_a_header_does_not_make_a_get_a_post(behind, waiting, header):
    for user in waiting:
        for endpoint, _ in questions(user):
            got = webservers.call(behind.web.port, "GET", "/%s/%s?_method=POST" % (user.app.name, endpoint),
                                  [*user.headers.items(), (header, "POST")])
            assert check_refused(behind, "GET", got) == 1


@pytest.mark.parametrize("method", METHODS)
def test_what_only_shows_takes_get_and_head(behind, method):
    for endpoint in ("health", "ready"):
        status, headers, body = webservers.call(behind.web.port, method, "/param20/" + endpoint, [JSON],
                                                b"" if method in WITHOUT_BODY else b"{}")
        if method in ("GET", "HEAD"):
            assert status == 200
        elif method not in BY_ITSELF[behind.server]:
            assert (status, headers["Allow"]) == (405, "GET, HEAD"), (method, body)
    assert webservers.call(behind.web.port, "POST", "/param20/health", [JSON], b"{}")[0] == 405


# --- what stands in a URL -----------------------------------------------------------------------------

def logs_of(rig):
    files = [*rig.folder.glob("*.log"), *rig.folder.glob("worker.*.err"), *rig.folder.glob("*-access.txt"),
             rig.web.errors]
    return {path.name: pathlib.Path(path).read_text(errors="replace") for path in files}


def forms(text):
    return {text, urllib.parse.quote(text), urllib.parse.quote_plus(text), json.dumps(text)[1:-1]}


def test_a_name_in_a_url_is_refused_and_stands_in_no_log(behind):
    user = behind.user(PARAM20)
    secret = {**people.person(), "code": "codeInUrl", "session": "sessionInUrl", "verify_result": "resultInUrl"}
    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND"):
        for endpoint in ENDPOINTS:
            path = "/param20/%s?%s" % (endpoint, urllib.parse.urlencode(secret))
            status, _, body = webservers.call(behind.web.port, method, path, [JSON, *user.headers.items()],
                                              b"" if method in WITHOUT_BODY else b"{}")
            assert status == (400 if method == "POST" else 405), (method, endpoint, body)
            assert method != "POST" or "body" in json.loads(body)["hint"]
    # the look sees what there is: each request, and what stands in a path instead
    assert webservers.call(behind.web.port, "GET", "/param20/identify/seen", [])[0] == 404
    where.wait_for(lambda: any("GET /param20/identify/seen " in text for text in logs_of(behind).values()),
                   "the web server writes its log", 20)
    texts = logs_of(behind)
    for method in ("GET", "HEAD", "POST", "PROPFIND"):
        for endpoint in ENDPOINTS:
            assert any("%s /param20/%s " % (method, endpoint) in text for text in texts.values())
    assert len(behind.pool.lines(endpoint="result", status=405)) > 0
    for value in secret.values():
        for form in forms(value):
            assert not [name for name, text in texts.items() if form in text], form
    assert behind.sandbox.total("getverifyid") == 0


def test_a_session_in_a_url_is_never_taken(build):
    """accept_get is for /identify and /verify; a session in a URL would end up in logs."""
    rig = build(apps=(PARAM20,), accept_get=True)
    user = rig.user(PARAM20).open()
    for endpoint in ("session", "cancel"):
        assert user.send(endpoint, {"session": user.session, "err_code": 1}, "query").status == 405
    assert user.send("session", {"session": user.session}).status == 202


# --- by hand: also what no web server lets through -----------------------------------------------------------

ODD = (*METHODS, "", " POST", "POST ", "POST\r\n", "POSTPOST", "Post", "GET POST", "POST\tGET", "M" * 300, "方法",
       "P\u00d6ST")


@pytest.mark.parametrize("method", ODD, ids=repr)
def test_by_hand_too_only_post_acts(rig, method):
    for endpoint, fields in (("identify", people.person()), ("session", {"session": "A" * 43})):
        body = json.dumps(fields).encode()
        with fastcgi.Connection(rig.pool.socket) as connection:
            connection.send(fastcgi.request(endpoint, body, REQUEST_METHOD=method, BENREN_APPID=PARAM20.appid,
                                            BENREN_USER="alice", BENREN_OPENID="oAlice"))
            if method == "HEAD":
                continue  # its answer has the length of a body that does not come: parse() would mind
            answer = connection.answer()
            assert answer.status == (400 if method == "" else 405), answer
            assert method == "" or answer.headers["Allow"] == "POST"
    assert rig.sandbox.total("getverifyid") == 0
    logged = {line["method"] for line in rig.pool.lines(event="request")}
    assert logged <= {"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "other"}
