"""How each web server behaves with the file of conf/: reloaded, restarted, without workers, told lies.

BENREN_WHOLE=1: fifty reloads and restarts instead of three.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import socket

import pytest

import people
import webservers
import where
from echo import Echo, Mortal
from launchers import Place
from load import WHOLE, Load
from rig import LOGIN20, PARAM10, PARAM20

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


@pytest.fixture(params=list(webservers.STARTING))
def own(request):
    """A web server that starts workers itself; WeChat takes its time."""
    if os.geteuid() != 0:
        pytest.skip("it changes the user: root only")
    place = Place((LOGIN20,), delay_ms=700)
    folder = place.folder / "web"
    folder.mkdir()
    folder.chmod(0o777)
    place.conf = place.for_user("www-data")
    server = webservers.STARTING[request.param](folder, str(folder / "socket"), (LOGIN20,), program=place.program,
                                                conf=place.conf)
    place.web = server
    yield place
    server.stop()
    place.close()


@pytest.mark.parametrize("status, file", [(503, "benren-away.json"), (413, "benren-too-large.json")])
def test_the_text_for_clients_is_the_same_in_all_files(status, file):
    text = (webservers.CONF / file).read_text().strip()
    assert json.loads(text)["ec"] == status
    for name in ("nginx.conf", "caddy.conf"):
        assert text in (webservers.CONF / name).read_text(), name


def send_large(server, path, size, chunked):
    """Far more than benren takes; (status, headers, body)."""
    body = b"x" * size
    how = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    head = (b"POST %s HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n" % path.encode() + how + b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        try:
            connection.sendall(head + (b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if chunked else body))
        except (ConnectionResetError, BrokenPipeError):
            pass  # it has seen enough; what it said may still be there
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        return answer.status, answer.headers, answer.read()


def check_large_is_json(server, path):
    for size in (17_000, 60_000, 66_000, 200_000):
        for chunked in (False, True):
            status, headers, body = send_large(server, path, size, chunked)
            assert headers["Content-Type"].startswith("application/json"), (size, chunked, status, body)
            told = json.loads(body)
            # lighttpd and mod_fcgid have one text for all that they say themselves
            one_text = server.name in ("lighttpd", "lighttpd-bin", "lighttpd-cgi", "apache-fcgid") and size > 65536
            assert status == (500 if one_text and server.name == "apache-fcgid" else 413), (size, status, told)
            assert told["ec"] == (503 if one_text else 413), (size, told)
            assert one_text or (told["reason"] == "body_too_large" and "retry_after" not in told)


def test_a_body_that_is_too_long_is_told_in_json(rig):
    check_large_is_json(rig.web, "/param20/identify")


def test_a_body_that_is_too_long_is_told_in_json_where_the_web_server_starts_workers(own):
    check_large_is_json(own.web, "/login20/identify")


def those_with(conf):
    """Workers and CGI processes that have this configuration, by their command line or environment."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if not (entry / "comm").read_text().startswith("benren"):
                continue
            if str(conf).encode() in (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def test_a_worker_that_dies_of_a_request_is_told_in_json_where_the_web_server_starts_it(own):
    def slow():
        fields = {**people.person(), "code": own.sandbox.login(LOGIN20.appid, people.new_openid())}
        return webservers.call(own.web.port, "POST", "/login20/identify", [JSON], json.dumps(fields).encode())

    assert slow()[0] == 200, own.web.said()  # and nobody needs to ask for a token any more
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        answer = executor.submit(slow)
        where.wait_for(lambda: own.sandbox.sim("ledger")["in_flight"] == 1, "WeChat is asked")
        for pid in those_with(own.conf):
            os.kill(pid, signal.SIGKILL)
        status, headers, body = answer.result()
    assert status in (500, 502, 503) and headers["Content-Type"].startswith("application/json"), (status, body)
    assert json.loads(body)["ec"] == 503 and headers["Retry-After"] == "2"
    where.wait_for(lambda: slow()[0] == 200, "another worker is there", step=0.5)


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


def test_a_header_with_underscores_is_never_taken_for_the_one_without(lone, tmp_path):
    """It is dropped, or comes as a second parameter, which benren refuses; it never takes the other's place."""
    echo = Echo(tmp_path / "echo.sock")
    server = lone(echo.path)
    for name, true in (("X_Benren_Token", "X-Benren-Token"), ("X_Benren-Session", "X-Benren-Session"),
                       ("X_Forwarded_For", "X-Forwarded-For")):
        for headers in ([(name, "forged"), (true, "true")], [(true, "true"), (name, "forged")]) * 10:  # Caddy's order is random
            status, _, body = webservers.call(server.port, "POST", "/param20/identify", [JSON, *headers], b"{}")
            assert status == 200
            came = [value for key, value in json.loads(body) if key == "HTTP_" + true.upper().replace("-", "_")]
            assert "forged" not in came or len(came) == 2, (headers, came)
            assert "forged" in came or all("forged" not in value for value in came), (headers, came)
    echo.stop()


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
