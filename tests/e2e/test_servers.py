"""How each web server behaves with the file of conf/: reloaded, restarted, without workers, told lies.

BENREN_WHOLE=1: fifty reloads and restarts instead of three.
"""

import json

import pytest

import people
import webservers
import where
from echo import Mortal
from load import WHOLE, Load
from rig import PARAM10, PARAM20

APPS = (PARAM10, PARAM20)
ROUNDS = 50 if WHOLE else 3
JSON = ("Content-Type", "application/json")


@pytest.fixture(params=list(webservers.ALL))
def rig(request, build):
    made = build(web=webservers.ALL[request.param], apps=APPS, delay_ms=20)
    made.server = request.param
    return made


@pytest.fixture(params=list(webservers.ALL))
def lone(request, tmp_path):
    """A web server in front of a socket of the test's own."""
    folder = tmp_path / "web"
    folder.mkdir()
    for path in (folder, *list(folder.parents)[:3]):
        path.chmod(0o755)
    server = None

    def make(path):
        nonlocal server
        server = webservers.ALL[request.param](folder, path, APPS)
        return server

    yield make
    if server is not None:
        server.stop()


def test_the_text_for_clients_is_the_same_in_all_files():
    text = webservers.AWAY.read_text().strip()
    assert json.loads(text)["ec"] == 503
    for name in ("nginx.conf", "caddy.conf"):
        assert text in (webservers.CONF / name).read_text(), name


def ours(rig):
    """Failures that a worker is to blame for."""
    return [line for line in rig.pool.lines(event="request") if line["status"] >= 500]


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_the_web_server_comes_and_goes_under_load(rig, how):
    load = Load(rig.sandbox, rig.web.port, APPS)
    try:
        for _ in range(ROUNDS):
            load.grows()
            getattr(rig.web, how)()
        load.grows()
    finally:
        load.finish()
    assert load.odd == [] and not load.away, load
    if how == "reload" and rig.server != "caddy":  # Caddy drops a connection now and then
        assert load.broken == 0, load
    assert ours(rig) == []
    load.all_pass()
    assert len(rig.pool.workers) == 2


def test_a_worker_that_is_killed_costs_what_it_was_doing_and_the_client_can_read_it(rig):
    load = Load(rig.sandbox, rig.web.port, APPS)
    try:
        for _ in range(ROUNDS):
            load.grows()
            rig.pool.kill(rig.pool.workers[:1])
            load.grows()  # the other one goes on
            rig.pool.kill()
            rig.pool.start(2)
        load.grows()
    finally:
        load.finish()
    assert load.odd == [] and load.broken == 0, load
    assert load.away and set(load.away) <= ({500, 503} if rig.server == "lighttpd" else {503}), load
    assert ours(rig) == []
    load.all_pass()


def test_without_workers_there_is_json_and_with_them_there_is_an_answer_at_once(rig):
    for _ in range(3):
        rig.pool.kill()
        for _ in range(3):
            answer = rig.client.call("GET", "/param20/health")
            assert answer.status == 503 and answer.away and int(answer.headers["Retry-After"]) == 2, answer
        rig.pool.start(2)
        if rig.server == "lighttpd":  # it looks once a second
            where.wait_for(lambda: rig.client.call("GET", "/param20/health").status == 200, "it looked again", 2.5)
        assert rig.client.call("GET", "/param20/health").status == 200


def test_nobody_can_say_by_a_header_who_he_is(rig):
    lies = [name % who for who in ("USER", "OPENID", "APPID") for name in (
        "BENREN_%s", "Benren-%s", "HTTP_BENREN_%s", "X-Benren-%s", "x-fallthru-set-benren-%s", "Redirect-Benren-%s")]
    for name in lies:
        status, _, body = webservers.call(rig.web.port, "POST", "/param20/identify", [JSON, (name, PARAM10.appid)],
                                          json.dumps(people.person()).encode())
        assert status == 401, (name, status, body)
    user = rig.user(PARAM20, name="alice").open()
    status, _, _ = webservers.call(rig.web.port, "POST", "/param20/session",
                                   [JSON, *user.headers.items(), ("Benren-User", "mallory")],
                                   json.dumps({"session": user.session}).encode())
    assert status == 202
    status, _, _ = webservers.call(rig.web.port, "POST", "/param20/session",
                                   [JSON, ("X-Test-User", "mallory"), ("Benren-User", "alice")],
                                   json.dumps({"session": user.session}).encode())
    assert status == 404


def test_no_query_string_and_no_token_in_the_access_log(rig):
    for path in ("/param20/identify", "/param20/health", "/param20/nothing", "/elsewhere"):
        webservers.call(rig.web.port, "POST", path + "?name=Wang-Secret&id_card_number=11010519491231002X",
                        [JSON, ("Authorization", "Bearer Secret-1"), ("X-Benren-Token", "Secret-2"),
                         ("X-Benren-Session", "Secret-3")], b'{"name":"Secret-4"}')
    rig.web.stop()  # whatever it still has to write
    text = rig.web.access.read_text()
    assert "/param20/identify" in text
    assert "Secret" not in text and "1949" not in text, text


# --- no request twice ------------------------------------------------------------------------

@pytest.mark.parametrize("answers", [0, 1], ids=["first", "second on a kept connection"])
def test_a_request_is_never_sent_twice(lone, tmp_path, answers):
    peer = Mortal(tmp_path / "mortal.sock", answers)
    server = lone(peer.path)
    status = []
    for n in range(8):
        one, _, _ = webservers.call(server.port, "POST", "/param20/identify", [JSON], b'{"n":"mark-%d-"}' % n)
        status.append(one)
    peer.stop()
    for n in range(8):
        times = sum(b"mark-%d-" % n in request for request in peer.seen)
        assert times == 1, "request %d came %d times; %s" % (n, times, status)
    assert all(one in (200, 500, 502, 503) for one in status), status
    if answers == 0:
        assert 200 not in status
