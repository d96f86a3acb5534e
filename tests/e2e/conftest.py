"""Fixtures: `rig` is shared by the tests of a file, `behind` too, `build` makes one for a single test."""

import os
import sys

import pytest

import pool
import webservers
import where
from webservers import SERVERS

# test_sim.py tests the sandbox by itself, and finds it by this.
os.environ.setdefault("BENREN_SIM", str(where.BUILD / "benren-sim"))

pool.adopt_orphans()


@pytest.fixture(scope="session", autouse=True)
def open_folders(tmp_path_factory):
    """Web servers run as another user, who has to get into the folders of the tests."""
    folder = tmp_path_factory.getbasetemp()
    while folder.name.startswith(("pytest-", "popen-")):
        folder.chmod(0o755)
        folder = folder.parent


@pytest.fixture(scope="module")
def shared_rig(request):
    """What the file says in RIG is how its rig is built."""
    from rig import Rig
    made = Rig(**getattr(request.module, "RIG", {}))
    yield made
    made.close()


@pytest.fixture
def rig(shared_rig):
    """The file's rig, with an empty ledger; afterwards everything in it must be in order."""
    shared_rig.reset()
    yield shared_rig
    shared_rig.check()


@pytest.fixture(scope="module", params=SERVERS)
def shared_behind(request):
    from rig import Rig
    made = Rig(web=SERVERS[request.param], **getattr(request.module, "RIG", {}))
    made.server = request.param
    yield made
    made.close()


@pytest.fixture
def behind(shared_behind):
    """A rig as the file wants it, behind each of the web servers."""
    shared_behind.reset()
    yield shared_behind
    shared_behind.check()


@pytest.fixture
def build():
    """build(**options) makes a rig that ends, checked, with the test."""
    from rig import Rig
    made = []

    def make(**options):
        made.append(Rig(**options))
        return made[-1]

    yield make
    for one in reversed(made):
        one.close()


# --- h2o, which not every Debian has ------------------------------------------------------------

NO_H2O = "h2o is not installed"


def pytest_collection_modifyitems(items):
    for item in items:
        parameters = getattr(item, "callspec", None)
        if parameters and any(map(webservers.missing, parameters.params.values())):
            item.add_marker(pytest.mark.skip(reason=NO_H2O))


def say_what_is_not_behind_h2o(terminalreporter):
    skipped = [one for one in terminalreporter.stats.get("skipped", []) if NO_H2O in str(one.longrepr)]
    if skipped:
        files = sorted({one.nodeid.split("::")[0].split("/")[-1] for one in skipped})
        terminalreporter.write_line("NOT RUN, as %s: %d tests, of %s" % (NO_H2O, len(skipped), ", ".join(files)))


# --- the matrix of test_matrix.py, if it was run; by xdist in another process -------------------

matrix = []


def pytest_sessionfinish(session):
    tests = sys.modules.get("test_matrix")
    if tests is not None and tests.results:
        matrix.extend(tests.table())
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["matrix"] = matrix


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    matrix.extend(getattr(node, "workeroutput", {}).get("matrix", []))


def pytest_terminal_summary(terminalreporter):
    say_what_is_not_behind_h2o(terminalreporter)
    if matrix:
        terminalreporter.section("web servers and launchers")
        for line in matrix:
            terminalreporter.write_line(line)
