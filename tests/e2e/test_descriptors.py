"""A worker with few descriptors: it keeps serving, has some left for its calls, and goes on when there are more."""

import concurrent.futures
import contextlib
import json
import re
import socket
import subprocess
import time

import fastcgi
import people
import pytest

import where
from pool import environment, full_conf
from rig import PARAM20
from sandbox import Sandbox
from test_start import BENREN, NoSandbox, clean, listening, started  # noqa: F401

ROOMY = 512  # descriptors, of which connections do not use up those that are for them


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    made = Sandbox(tmp_path_factory.mktemp("sim"), (PARAM20,))
    yield made
    made.stop()


def command(tmp_path, clean, sim, limit):  # noqa: F811
    conf = full_conf(sim, (PARAM20,), tmp_path)
    clean.append(conf)
    file = tmp_path / "benren.json"
    file.write_text(json.dumps(conf))
    return [where.tool("prlimit"), "--nofile=%d" % limit, BENREN, "-c", str(file)]


def refused(tmp_path, clean, listening, limit):  # noqa: F811
    """The least that it says it wants."""
    done = subprocess.run(command(tmp_path, clean, NoSandbox, limit), env=environment(), stdin=listening[0],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 78, done
    return int(re.search(r"too low: raise it to (\d+) at least", done.stderr)[1])


def said(path):
    return [line for line in map(json.loads, open(path + ".err").read().splitlines())
            if line["event"] == "descriptors"]


def verified(path, sandbox):  # noqa: F811
    """A call to open, a face, and a query, which has a connection of its own."""
    openid = people.new_openid()
    params = {"BENREN_USER": "u" + openid, "BENREN_OPENID": openid}
    opened = fastcgi.ask(path, "identify", people.person(), **params)
    if opened.status != 200:
        return opened.status
    sandbox.scan(opened["verify_id"], openid=openid)
    return fastcgi.ask(path, "verify", {"session": opened["session"]}, **params).status


def test_too_few_to_work_with_is_said_at_the_start(tmp_path, listening, started, clean):  # noqa: F811
    least = refused(tmp_path, clean, listening, 64)
    assert 100 < least < 256, "what any Debian has is enough"
    assert refused(tmp_path, clean, listening, least - 1) == least
    started(command(tmp_path, clean, NoSandbox, least))


@pytest.mark.parametrize("limit", ["least", ROOMY])
def test_connections_leave_enough_for_calls(tmp_path, listening, started, clean, sandbox, limit):  # noqa: F811
    path = listening[1]
    if limit == "least":
        limit = refused(tmp_path, clean, listening, 64)
    started(command(tmp_path, clean, sandbox, limit), env=environment())
    assert verified(path, sandbox) == 200, "the token is there"

    with contextlib.ExitStack() as silent:
        for _ in range(70):
            s = silent.enter_context(socket.socket(socket.AF_UNIX))
            s.connect(path)
        where.wait_for(lambda: limit == ROOMY or said(path), "it says that it has no more")
    with concurrent.futures.ThreadPoolExecutor(100) as users:
        answers = list(users.map(lambda _: verified(path, sandbox), range(300)))
    assert set(answers) == {200}, "each call found a descriptor"

    end, answered = time.monotonic() + 1, 0
    while time.monotonic() < end:
        assert fastcgi.ask(path, "health").status == 200
        answered += 1
    assert answered > 50, "it accepts as soon as it can"
    assert len(said(path)) == (limit != ROOMY), "and that is said once, not at every try"
