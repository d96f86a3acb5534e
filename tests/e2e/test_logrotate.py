"""conf/debian/logrotate: every worker of the pool opens its files again, whichever launcher it came from."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

import webservers
import where
from launchers import Multiwatch, Place, SpawnFcgi
from load import Load
from rig import LOGIN10, LOGIN20
from webserver import free_port

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="launchers change the user: root only"),
    pytest.mark.skipif(shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin") is None or
                       shutil.which("pkill") is None, reason="not installed: logrotate, procps"),
]

APPS = (LOGIN10, LOGIN20)


@pytest.fixture
def pool():
    """Two workers by multiwatch on a socket, and two by spawn-fcgi on a port: one segment, one log."""
    place = Place(APPS, delay_ms=20, audit={"file": "log/audit.log"})
    made = []
    try:
        by_port = SpawnFcgi(place, free_port())  # the first, as it removes the other's socket
        for launcher in (by_port, Multiwatch(place)):
            launcher.begin()
            made.append(launcher)
        where.wait_for(lambda: len(place.workers()) == 4, "four workers run")
        yield place, by_port.port
    finally:
        for launcher in reversed(made):
            launcher.end()
        place.close()


def rotate(place):
    """As cron does it, for this place, on a host where a systemd is that knows none of these workers."""
    text = (webservers.CONF / "debian" / "logrotate").read_text()
    for old, new in (("/var/log/benren", str(place.log)), ("su benren benren", "su %s %s" % (place.user, place.user)),
                     ("-u benren -x benren ", "-u %s -x 'benren(.asan)?' " % place.user)):
        assert text.count(old) == 2, old
        text = text.replace(old, new)
    (place.folder / "logrotate.conf").write_text(text)
    fake = place.folder / "bin"
    fake.mkdir(exist_ok=True)
    (fake / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (fake / "systemctl").chmod(0o755)
    done = subprocess.run(["logrotate", "-f", "-s", str(place.folder / "rotated"), str(place.folder / "logrotate.conf")],
                          env={"PATH": "%s:%s:/usr/sbin" % (fake, os.environ["PATH"])}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def open_files(pid):
    files = set()
    for path in pathlib.Path("/proc/%d/fd" % pid).iterdir():
        try:
            files.add(os.readlink(path))
        except FileNotFoundError:  # closed meanwhile
            pass
    return files


def lines(place, name):
    return [json.loads(line) for path in place.log.glob(name + "*") for line in path.read_text().splitlines()]


def test_workers_of_two_launchers_write_into_the_new_files_and_no_line_is_lost(pool):
    place, port = pool
    folder = place.folder / "web"
    folder.mkdir()
    folder.chmod(0o777)
    fronts = [webservers.Nginx(folder, place.socket, APPS)]
    folder = place.folder / "web-tcp"
    folder.mkdir()
    folder.chmod(0o777)
    fronts.append(webservers.NginxTcp(folder, ("127.0.0.1", port), APPS))
    loads = [Load(place.sandbox, front.port, APPS) for front in fronts]
    try:
        for load in loads:
            load.grows()
        rotate(place)
        new = {str(place.log / name) for name in ("benren.log", "audit.log")}
        for pid in place.workers():
            where.wait_for(lambda: open_files(pid) >= new, lambda: "worker %d has the new files: %s" % (pid, open_files(pid)))
            assert not [path for path in open_files(pid) if ".log.1" in path], pid
        for load in loads:
            load.grows()
            load.finish()
            assert load.odd == [] and load.broken == 0 and not load.away, load
            load.all_pass()
    finally:
        for load in loads:
            load.finish()
        for front in fronts:
            front.stop()
    answered = sum(len(front.access.read_text().splitlines()) for front in fronts)
    logged = [line for line in lines(place, "benren.log") if line["event"] == "request"]
    assert answered == len(logged) > 0, "a line for each request, in the old file or the new one"
    assert {line["pid"] for line in logged} == set(place.workers()), "all four took part"
