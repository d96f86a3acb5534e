"""A worker with a limit of memory refuses in time, and after a peak it gives back what the peak took."""

import collections
import concurrent.futures
import json
import re
import subprocess
import time

import fastcgi
import people
import pytest

import where
from pool import environment, full_conf
from rig import PARAM10
from test_start import BENREN, NoSandbox, clean, listening  # noqa: F401

SANITIZED = "asan" in str(where.BUILD)  # takes terabytes of address space, and keeps what is freed


def memory_of(worker, name):
    """VmSize, RssAnon and the like, in bytes."""
    status = open("/proc/%d/status" % worker.pid).read()
    return int(re.search(r"%s:\s*(\d+) kB" % name, status)[1]) * 1024


def crowd(rig, n):
    """So many at once, while WeChat is slow."""
    def one(_):
        return fastcgi.ask(rig.pool.socket, "identify", people.person(), BENREN_USER="u" + people.new_openid(),
                           BENREN_OPENID=people.new_openid())
    with concurrent.futures.ThreadPoolExecutor(n) as users:
        return list(users.map(one, range(n)))


pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers take terabytes of address space, and keep what is freed")


def test_more_than_there_is_memory_for_is_refused_and_all_else_served(build):
    """A limit that has room for some hundred requests: said at the start, kept, and nobody falls over."""
    plain = build(workers=1, apps=(PARAM10,), web=None)
    size = memory_of(plain.pool.workers[0], "VmSize")
    kilobytes = (size + (200 << 20)) // 1024
    rig = build(workers=1, apps=(PARAM10,), web=None, delay_ms=2000, limits="ulimit -s 1024; ulimit -v %d; " % kilobytes)
    said = rig.pool.lines(event="memory")[0]["text"]
    room = int(re.search(r"has room for (\d+) requests in flight, not the 4096", said)[1])
    assert 600 < room < 1300, said

    crowd(rig, 1)  # the token
    answers = crowd(rig, 2 * room)
    statuses = collections.Counter(answer.status for answer in answers)
    assert set(statuses) == {200, 503} and statuses[200] >= room // 2, statuses
    assert all(answer["retry_after"] for answer in answers if answer.status == 503)
    assert {answer.status for answer in crowd(rig, 20)} == {200}
    assert rig.pool.workers[0].running() and not rig.pool.lines(event="out_of_memory")


def test_memory_for_not_even_one_request_is_said(tmp_path, listening, clean):  # noqa: F811
    conf = full_conf(NoSandbox, (PARAM10,), tmp_path)
    clean.append(conf)
    file = tmp_path / "benren.json"
    file.write_text(json.dumps(conf))
    command = ["/bin/sh", "-c", 'ulimit -s 8192; ulimit -v 70000; exec "$0" -c "$1"', BENREN, str(file)]
    done = subprocess.run(command, env=environment(), stdin=listening[0], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78, done
    assert "room for 0 requests" in done.stderr and "raise the limit" in done.stderr


def test_after_a_peak_the_memory_goes_back(build):
    """A thousand calls under way, a minute's quiet, and the worker is as small as it was, but for a little."""
    rig = build(workers=1, apps=(PARAM10,), web=None, delay_ms=4000)
    crowd(rig, 1)
    worker = rig.pool.workers[0]
    before = memory_of(worker, "RssAnon")
    with concurrent.futures.ThreadPoolExecutor(1) as later:
        going = later.submit(crowd, rig, 1000)
        peak = before
        while not going.done():
            peak = max(peak, memory_of(worker, "RssAnon"))
            time.sleep(0.02)
        assert {answer.status for answer in going.result()} == {200}
    assert peak > before + (40 << 20), "some hundred at once at least: %d, %d" % (before, peak)
    where.wait_for(lambda: memory_of(worker, "RssAnon") < before + (peak - before) // 4,
                   lambda: "before %d, peak %d, now %d" % (before, peak, memory_of(worker, "RssAnon")), 60, 1)
