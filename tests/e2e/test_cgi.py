"""Plain CGI: the same binary, one process a request, the same segment and the same answers."""

import json
import os
import subprocess

import pytest

import fastcgi
import people
import where
from pool import environment
from rig import PARAM10, PARAM20, each

RIG = {"workers": 1, "apps": (PARAM10, PARAM20), "web": False}


def run(rig, endpoint, body=b"", stdin=None, conf=None, **params):
    """One CGI process, as a web server starts it; its exit status, answer and standard error."""
    body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    env = {**environment(), "GATEWAY_INTERFACE": "CGI/1.1", "BENREN_CONF": str(conf or rig.pool.file),
           **fastcgi.params_for(endpoint, body), **params}
    done = subprocess.run([where.program("benren"), "name=x", "-c", "/nowhere"], env=env, capture_output=True,
                          input=body if stdin is None else stdin, timeout=60)
    return done.returncode, fastcgi.parse(done.stdout), done.stderr.decode()


def ask(rig, user, endpoint, fields, **params):
    code, answer, _ = run(rig, endpoint, fields, BENREN_APPID=user.app.appid, BENREN_USER="u" + user.openid,
                          BENREN_OPENID=user.openid, **params)
    assert code == 0
    return answer


@pytest.mark.parametrize("app", [PARAM10, PARAM20], ids=lambda a: a.name)
def test_a_whole_face_check_by_one_process_a_request(rig, app):
    opened = fastcgi.ask(rig.pool.socket, "identify", json.dumps(people.person()).encode(), BENREN_APPID=app.appid,
                         BENREN_USER="first", BENREN_OPENID=people.new_openid())
    assert opened.status == 200, "the pool has an access token"
    before = rig.sandbox.total()
    user = rig.user(app)
    user.person = people.person()
    user.opened = ask(rig, user, "identify", user.person)
    assert user.opened.status == 200, user.opened
    user.scan()
    answer = ask(rig, user, "verify", user.proof())
    assert answer.status == 200 and answer["verified"] is True
    again = fastcgi.ask(rig.pool.socket, "verify", json.dumps(user.proof()).encode(), BENREN_APPID=app.appid,
                        BENREN_USER="u" + user.openid, BENREN_OPENID=user.openid)
    assert again.status == 200, "a worker of the pool knows it too"
    total = rig.sandbox.total()
    assert total["getinfo"] + total["queryverifyinfo"] == 1
    assert total["stable_token"] == before["stable_token"], "and the access token is shared"


def test_many_processes_at_once(rig):
    users = [rig.user(PARAM20) for _ in range(20)]
    for user in users:
        user.person = people.person()
    answers = each(users, lambda user: ask(rig, user, "identify", user.person), 20)
    assert [answer.status for answer in answers] == [200] * 20
    assert rig.sandbox.total("getverifyid") == 20


def test_what_a_client_may_send_is_bounded_here_too(rig):
    code, answer, _ = run(rig, "identify", b"x" * 16385)
    assert (code, answer.status) == (0, 413)
    code, answer, _ = run(rig, "identify", b'{"name":1}', CONTENT_LENGTH="")
    assert answer.status == 400, "a chunked body is read to its end"
    code, answer, _ = run(rig, "identify", b"x" * 20000, CONTENT_LENGTH="")
    assert answer.status == 413
    code, answer, _ = run(rig, "identify", b"{}", CONTENT_LENGTH="3")
    assert answer.status == 400, "half a body"
    code, answer, _ = run(rig, "health", **{"HTTP_X_%d" % i: "x" for i in range(130)})
    assert answer.status == 431
    code, answer, _ = run(rig, "health", HTTP_X="x" * 8193)
    assert answer.status == 431
    code, answer, _ = run(rig, "nothing")
    assert answer.status == 404
    code, answer, _ = run(rig, "health")
    assert answer.status == 200
    code, answer, _ = run(rig, "identify", REQUEST_METHOD="GET")
    assert answer.status == 405 and answer.headers["Allow"] == "POST"


def test_a_body_that_never_comes_is_not_waited_for(build):
    rig = build(workers=1, apps=(PARAM10,), web=False, request_ms=500)
    reading, writing = os.pipe()
    env = {**environment(), "GATEWAY_INTERFACE": "CGI/1.1", "BENREN_CONF": str(rig.pool.file),
           **fastcgi.params_for("identify", b"x" * 10)}
    done = subprocess.run([where.program("benren")], env=env, capture_output=True, stdin=reading, timeout=30)
    os.close(reading)
    os.close(writing)
    assert fastcgi.parse(done.stdout).status == 400


def test_what_does_not_start_still_tells_the_client(rig):
    code, answer, said = run(rig, "health", conf="/nowhere/benren.json")
    assert code == 78 and answer.status == 503 and answer["reason"] == "busy"
    assert "/nowhere/benren.json" in said and "no such file" in said
