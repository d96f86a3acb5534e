"""Every web server in front of every launcher, each with the file that benren ships for it.

A cell is a whole face check in 1.0 and in 2.0, what must be refused, and twenty at once.
Web servers are started once, and launchers come and go behind them.
"""

import os
import types

import pytest

import pool
import webservers
from launchers import LAUNCHERS, Place
from rig import LOGIN10, LOGIN20, User, each
from webserver import Client, free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="launchers change the user: root only")

APPS = (LOGIN10, LOGIN20)
AT_ONCE = 20
OPENINGS = 3  # a caller may have so many

BEHIND = list(webservers.ALL)
ALONE = list(webservers.STARTING)
CELLS = ([(launcher, server) for launcher in LAUNCHERS for server in BEHIND + ["nginx-tcp"]
          if server != "nginx-tcp" or LAUNCHERS[launcher].tcp] + [("itself", server) for server in ALONE])

results = {}  # cell -> "PASS", "FAIL" or "skip"


def table():
    """All of it, for the end of the run."""
    lines = []
    for launchers, servers in ((list(LAUNCHERS), BEHIND + ["nginx-tcp"]), (["itself"], ALONE)):
        wide = max(len(name) for name in launchers) + 2
        lines.append("".ljust(wide) + "".join(name.ljust(14) for name in servers))
        for launcher in launchers:
            cells = [results.get((launcher, server), "MISSING" if (launcher, server) in CELLS else "-")
                     for server in servers]
            lines.append(launcher.ljust(wide) + "".join(cell.ljust(14) for cell in cells))
        lines.append("")
    return lines


# --- what a cell is -----------------------------------------------------------------------

class Visitor(User):
    """Logs in once and has a token; which header it goes in is given."""

    def __init__(self, front, app, header, before=""):
        super().__init__(front, app)
        answer = self.send("login", {"code": front.sandbox.login(app.appid, self.openid)})
        assert answer.status == 200, answer
        self.headers[header] = before + answer["token"]

    def login(self):
        return {}


def whole(front):
    """Both protocols, and both ways in which a token may come."""
    Visitor(front, LOGIN10, "Authorization", "Bearer ").open().passes()
    Visitor(front, LOGIN20, "X-Benren-Token").open().passes()
    Visitor(front, LOGIN20, "Authorization", "Bearer ").open().passes()


def refused(front):
    user = Visitor(front, LOGIN20, "X-Benren-Token")
    answer = user.identify(name="x" * 20000)
    assert answer.status == 413 and answer["reason"] == "body_too_large", answer
    answer = front.client.call("GET", "/%s/identify" % LOGIN20.name)
    assert answer.status == 405 and answer.headers["Allow"] == "POST", answer
    assert answer["reason"] == "method_not_allowed", answer
    assert front.client.call("GET", "/%s/health" % LOGIN20.name).status == 200
    assert front.client.call("GET", "/%s/nothing" % LOGIN20.name).status == 404
    for _ in range(OPENINGS):
        user.open()
    answer = user.identify()
    assert answer.status == 429 and answer["reason"] == "limited", answer
    assert int(answer.headers["Retry-After"]) == answer["retry_after"] > 0


def many(front):
    def check(i):
        return User(front, APPS[i % 2]).open().passes()
    assert len(each(range(AT_ONCE), check, AT_ONCE)) == AT_ONCE


def visit(cell, server, place):
    """All of that through this server; the result is kept for the table."""
    front = types.SimpleNamespace(client=Client(server.port), sandbox=place.sandbox)
    results[cell] = "FAIL"
    try:
        whole(front)
        refused(front)
        many(front)
        place.check()
    except BaseException:
        print(server.said())
        raise
    results[cell] = "PASS"
    for path in server.folder.glob("*-access.txt"):
        assert "?" not in path.read_text()


# --- the cells -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def place():
    made = Place(APPS, budgets={"caller": "%d/hour" % OPENINGS})
    yield made
    made.close()


@pytest.fixture(scope="module")
def servers(place):
    """All of them, in front of one socket; nginx once more in front of a port."""
    port = free_port()
    made = {}
    try:
        for name, cls in [*webservers.ALL.items(), ("nginx-tcp", webservers.NginxTcp)]:
            if webservers.missing(name):
                continue
            folder = place.folder / name
            folder.mkdir()
            folder.chmod(0o777)
            made[name] = cls(folder, ("127.0.0.1", port) if name == "nginx-tcp" else place.socket, APPS)
        yield types.SimpleNamespace(port=port, **made, named=made)
    finally:
        for server in made.values():
            server.stop()


@pytest.fixture(scope="module")
def launch(place, servers):
    """launch(name, tcp): the launcher of that name, running.  One at a time: they want the same socket."""
    running = []

    def stop():
        if running:
            running.pop().stop()

    def start(name, tcp):
        missing = LAUNCHERS[name].missing()
        if missing:
            pytest.skip("not installed: " + missing)
        port = servers.port if tcp else None
        if not running or (running[0].name, running[0].port) != (name, port):
            stop()
            launcher = LAUNCHERS[name](place, port)
            launcher.start()
            running.append(launcher)
        return running[0]

    yield start
    stop()


@pytest.mark.parametrize("launcher, server", [cell for cell in CELLS if cell[0] != "itself"])
def test_behind(launch, servers, place, launcher, server):
    launch(launcher, server == "nginx-tcp")
    visit((launcher, server), servers.named[server], place)


@pytest.mark.parametrize("name", ALONE)
def test_workers_that_the_web_server_starts(place, name):
    folder = place.folder / name
    folder.mkdir()
    folder.chmod(0o777)
    server = webservers.STARTING[name](folder, str(folder / "socket"), APPS, program=place.program,
                                       conf=place.for_user("www-data"))
    try:
        visit(("itself", name), server, place)
    finally:
        server.stop()


def test_no_cell_is_missing(request):
    collected = [item for item in request.session.items if item.path.name == "test_matrix.py"]
    if len(collected) < len(CELLS) + 1:
        pytest.skip("only a part was asked for")
    absent = [name for name, cls in LAUNCHERS.items() if cls.missing()]
    results.update((cell, "skip") for cell in CELLS if cell[0] in absent or webservers.missing(cell[1]))
    assert [cell for cell in CELLS if cell not in results] == []
