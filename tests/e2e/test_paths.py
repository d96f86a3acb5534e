"""200 on /verify means passed: whatever path, host and method a client takes, in front of every web server.

A wrong address, host name or method reaches benren, which says no, or a web server, which must not
say yes: a client that looks at the status alone must not take its page for one.
"""

import http.client
import json
import os
import socket

import pytest

import webservers
from launchers import Place
from rig import LOGIN20, PARAM10, PARAM20

APPS = (PARAM10, PARAM20, LOGIN20)
BODY = b'{"session":"x"}'

HOSTS = ["example.com", "EXAMPLE.COM", "example.com.", "example.com:1", "other.example", "127.0.0.1", "localhost",
         "[::1]", "", None]
METHODS = ["POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "FOO"]
# what stands before the endpoint, and may go wrong, with %s for the place that the file gives it
PATHS = ["%s/verify", "%sx/verify", "/verify", "%s", "%s/", "%s//verify", "/%s/verify", "%s/verify/", "%s/verify//",
         "%s/verify/x", "%s/verify.json", "%s/./verify", "%s/../verify", "%s/x/../verify", "%s%%2Fverify", "%s/%%76erify",
         "%s/verify%%2F", "%s/verify%%00", "%s/verify;x", "%s/verify?x=1", "%s?/verify", "%s/x/verify", "%s/VERIFY",
         "/index.html/verify", "/benren-away.json/verify", "/benren-away.json%s/verify", "/x%s/verify", "/%%2e%s/verify",
         "/nothing/at/all/verify"]


def paths_of(base):
    return [path.replace("%s", base).replace("%%", "%") for path in PATHS] + [base.upper() + "/verify"]


def ask(port, method, path, host):
    """(status, headers, body); what is closed without an answer has status 0."""
    body = BODY if method in ("POST", "PUT", "PATCH") else b""
    head = "%s %s HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n" % (method, path)
    if host is not None:
        head += "Host: %s\r\n" % host
    if body:
        head += "Content-Length: %d\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        answer = http.client.HTTPResponse(connection, method=method)
        try:
            connection.sendall(head.encode() + b"\r\n" + body)
            answer.begin()
            return answer.status, answer.headers, answer.read()
        except (http.client.HTTPException, ConnectionResetError, BrokenPipeError):
            return 0, {}, b""


def answers(port, base):
    """Every method on every path, every host on every path."""
    for path in paths_of(base):
        rows = [(method, path, "example.com") for method in METHODS] + [("POST", path, host) for host in HOSTS]
        for row in rows:
            yield row, ask(port, *row)


def check(port, base):
    """None is a yes; and the right address is known to reach benren."""
    status, head, body = ask(port, "GET", base + "/health", "example.com")
    assert status == 200 and json.loads(body)["ec"] == 200 and "X-Request-Id" in head, (status, head, body)
    status, head, body = ask(port, "POST", base + "/verify", "example.com")
    assert status in (401, 404) and json.loads(body)["ec"] == status and "X-Request-Id" in head, (status, head, body)
    yes = [(row, status, body[:100]) for row, (status, _, body) in answers(port, base) if 200 <= status < 300]
    assert yes == []


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    from rig import Rig
    made = Rig(web=None, apps=APPS)
    yield made
    made.close()


def folder_for(parent, name):
    folder = parent / name
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.mark.parametrize("name", webservers.ALL)
def test_nothing_but_benren_says_yes(workers, name):
    server = webservers.ALL[name](folder_for(workers.folder, name), workers.pool.socket, APPS)
    try:
        # the file's own place; ApachePass has the tests' places instead of it
        check(server.port, "/param20" if name == "apache-pass" else "/face")
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="the web server changes the user: root only")
@pytest.mark.parametrize("name", webservers.STARTING)
def test_nothing_but_benren_says_yes_where_the_web_server_starts_it(name):
    place = Place(APPS)
    folder = folder_for(place.folder, name)
    server = webservers.STARTING[name](folder, str(folder / "socket"), APPS, program=place.program,
                                       conf=place.for_user("www-data"))
    try:
        check(server.port, "/param20")
    finally:
        server.stop()
        place.close()
