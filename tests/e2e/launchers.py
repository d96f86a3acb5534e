"""Every launcher that spawn/ has a file for, started with that file; and the place they work at.

As in webservers.py a file is rewritten for this place only, and each replacement must happen.
Launchers change the user, so all of this needs root.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import pool
import where
from sandbox import Sandbox
from webservers import Shipped

SPAWN = where.ROOT / "spawn"
COMMAND = "/usr/bin/benren -c /etc/benren/benren.json"
SOCKET = "/run/benren.sock"

# Users that every Debian has; web servers run as www-data.
USER, WEB_GROUP = "backup", "www-data"

WRAPPER = """#!/bin/sh
# Launchers pass no environment on.
export ASAN_OPTIONS=detect_leaks=0:exitcode=99:log_path=%(folder)s/sanitizer
export UBSAN_OPTIONS=print_stacktrace=1:log_path=%(folder)s/sanitizer
exec %(folder)s/benren.asan "$@"
"""


def install(folder):
    """benren in this folder, where everybody may run it; what to run."""
    program = folder / "benren"
    built = pathlib.Path(where.program("benren"))
    if b"__asan_init" in built.read_bytes():
        shutil.copy(built, folder / "benren.asan")
        program.write_text(WRAPPER % {"folder": folder})
    else:
        shutil.copy(built, program)
    program.chmod(0o755)
    return str(program)


class Place:
    """A folder with the program, its configuration and a sandbox; no workers."""

    def __init__(self, apps, user=USER, delay_ms=0, **conf):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="benren-e2e-"))
        self.folder.chmod(0o755)
        self.apps, self.user = apps, user
        self.sandbox = Sandbox(self.folder, apps, delay_ms)
        self.program = install(self.folder)
        self.log = self.folder / "log"
        self.log.mkdir()
        self.values = pool.full_conf(self.sandbox, apps, self.folder, log={"file": "log/benren.log"}, **conf)
        self.conf = self.folder / "benren.json"
        self.conf.write_text(json.dumps(self.values))
        self.socket = str(self.folder / "benren.sock")
        for path in [self.folder, self.log, *self.folder.glob("secret-*")]:
            shutil.chown(path, user, user)
        self.seen = 0

    def for_user(self, user):
        """The same sandbox and program with a segment, a log and secrets of this user's; its configuration."""
        folder = self.folder / ("of-" + user)
        if not folder.exists():
            folder.mkdir()
            values = {**self.values, "segment": pool.new_segment(), "log": {"file": "benren.log"}}
            for secret in self.folder.glob("secret-*"):
                shutil.copy(secret, folder)
                (folder / secret.name).chmod(0o600)
            (folder / "benren.json").write_text(json.dumps(values))
            for path in [folder, *folder.iterdir()]:
                shutil.chown(path, user, user)
        return folder / "benren.json"

    def lines(self, **want):
        """All log lines whose fields are as wanted."""
        lines = []
        for path in [*self.log.glob("benren.log*"), *self.folder.glob("of-*/benren.log")]:
            lines += [json.loads(line) for line in path.read_text().splitlines()]
        return [line for line in lines if all(line.get(key) == value for key, value in want.items())]

    def check(self):
        """No worker fell over anything since the last time."""
        lines = self.lines()
        new, self.seen = lines[self.seen:], len(lines)
        assert not [line for line in new if line["event"] == "bug" or line.get("status", 200) >= 500], new
        found = list(self.folder.glob("sanitizer*"))
        assert not found, found[0].read_text()[:3000]

    def workers(self):
        """Their process numbers, whoever started them."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                name = (entry / "comm").read_text()
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = re.search(r"\) (.)", (entry / "stat").read_text()).group(1)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state == "Z":
                self._reap(int(entry.name))
            elif name.startswith("benren") and str(self.conf).encode() in words:
                found.append(int(entry.name))
        return sorted(found)

    @staticmethod
    def _reap(pid):
        """Orphans are ours (pool.adopt_orphans); other people's children stay theirs."""
        try:
            if pathlib.Path("/proc/%d/comm" % pid).read_text().startswith("benren"):
                os.waitpid(pid, os.WNOHANG)
        except (ChildProcessError, FileNotFoundError, ProcessLookupError):
            pass

    def close(self):
        try:
            where.wait_for(lambda: not self.workers(), lambda: "workers end: %s" % self.workers())
        finally:
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
            self.sandbox.stop()
            for conf in [self.conf, *self.folder.glob("of-*/benren.json")]:
                segment = json.loads(conf.read_text())["segment"]
                for path in (segment, segment + ".key"):
                    pathlib.Path(path).unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)


class Launcher:
    """place: see above; port: of TCP, instead of the place's socket."""

    name = None
    tools = ()        # without these there is no such launcher
    respawns = True   # a worker that was killed comes back
    tcp = True

    def __init__(self, place, port=None):
        self.place, self.port = place, port
        self.folder = place.folder / ("by-" + self.name + ("-tcp" if port else ""))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.errors = self.folder / "said"
        self.process = None
        self.prepare()

    @classmethod
    def missing(cls):
        """The tools that are not installed, as text."""
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        return " ".join(tool for tool in cls.tools if shutil.which(tool, path=path) is None)

    # --- its files ---

    def shipped(self, name):
        """The file of spawn/ with what is the same in all of them."""
        text = Shipped(SPAWN / name)
        text.replace(COMMAND, "%s -c %s" % (self.place.program, self.place.conf))
        return text

    def by_spawn_fcgi(self, text):
        """Their common line."""
        where_to = "-a 127.0.0.1 -p %d" % self.port if self.port else \
            "-s %s -M 0660 -U %s -G %s" % (self.place.socket, self.place.user, WEB_GROUP)
        text.replace("-s /run/benren.sock -M 0660 -U benren -G www-data", where_to)
        text.replace("-u benren -g benren", "-u %s -g %s" % (self.place.user, self.place.user))
        return text

    def script(self, path, text):
        path = self.folder / path
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.text)
        path.chmod(0o755)
        return str(path)

    def as_user(self, *command, group=None):
        return ["setpriv", "--reuid", self.place.user, "--regid", group or self.place.user, "--clear-groups",
                *command]

    # --- processes ---

    def environment(self):
        return {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}

    def background(self, *command):
        with open(self.errors, "a") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            cwd=self.folder, env=self.environment(), start_new_session=True)

    def run(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              cwd=self.folder, env=self.environment())
        assert done.returncode == 0, (command, done.stdout, done.stderr, self.said())
        return done.stdout

    def said(self):
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name in ("said", "current")]
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in files)

    def wait_ready(self):
        where.wait_for(self.ready, lambda: "%s has started its workers: %s" % (self.name, self.said()), 30)

    def wait_gone(self, old):
        where.wait_for(lambda: not set(old) & set(self.place.workers()), "the old workers end", 30)

    def ready(self):
        """Is there a socket, and are there two workers behind it?"""
        if self.process is not None:
            assert self.process.poll() is None, "%s ended: %s" % (self.name, self.said())
        if self.port is None and not (os.path.exists(self.place.socket) and
                                      stat.S_ISSOCK(os.stat(self.place.socket).st_mode)):
            return False
        return len(self.place.workers()) == 2

    def start(self):
        try:
            self.begin()
            self.wait_ready()
        except BaseException:
            if self.process is not None:
                self.end()
            raise

    def stop(self):
        self.end()
        where.wait_for(lambda: not self.place.workers(), lambda: "the workers of %s end" % self.name, 30)

    def restart(self):
        """As its file or README says it is done for a new binary: by default all of it."""
        self.stop()
        self.start()

    def roll(self):
        """New workers one by one, where something starts them again."""
        for pid in self.place.workers():
            os.kill(pid, signal.SIGTERM)
            where.wait_for(lambda: pid not in self.place.workers() and len(self.place.workers()) == 2,
                           lambda: "worker %d is replaced: %s" % (pid, self.said()), 30)

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.process = None


class SpawnFcgi(Launcher):
    name = "spawn-fcgi"
    tools = ("spawn-fcgi",)
    respawns = False

    def prepare(self):
        text = self.shipped("spawn-fcgi")
        if self.port:
            text.replace('-s "$at" -M 0660 -U "$user" -G "$web_group"', "-a 127.0.0.1 -p %d" % self.port)
        text.replace("socket=/run/benren.sock", "socket=" + self.place.socket)
        text.replace("pids=/run/benren.pids", "pids=%s/pids" % self.folder)
        text.replace("user=benren", "user=" + self.place.user)
        self.control = self.script("benren", text)

    def begin(self):
        self.run(self.control, "start")

    def end(self):
        self.run(self.control, "stop")

    def restart(self):
        if self.port:  # a TCP port cannot be taken twice
            return super().restart()
        old = self.place.workers()
        self.run(self.control, "restart")
        assert not set(old) & set(self.place.workers())

    roll = restart


class Multiwatch(Launcher):
    name = "multiwatch"
    tools = ("spawn-fcgi", "multiwatch")

    def prepare(self):
        self.control = self.script("run", self.by_spawn_fcgi(self.shipped("multiwatch")))

    def begin(self):
        self.background(self.control)


class Supervisor(Launcher):
    name = "supervisord"
    tools = ("supervisord", "supervisorctl")
    main = """
[unix_http_server]
file=%(folder)s/control
[supervisord]
nodaemon=true
user=root
logfile=%(folder)s/supervisord.log
pidfile=%(folder)s/pid
childlogdir=%(folder)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(folder)s/control
[include]
files=%(folder)s/benren.conf
"""

    def prepare(self):
        text = self.shipped("supervisor/benren.conf")
        if self.port:
            text.replace("socket=unix:///run/benren.sock", "socket=tcp://127.0.0.1:%d" % self.port)
            text.remove_line("socket_owner=")
            text.remove_line("socket_mode=")
        else:
            text.replace("socket=unix:///run/benren.sock", "socket=unix://" + self.place.socket)
            text.replace("socket_owner=benren:www-data", "socket_owner=%s:%s" % (self.place.user, WEB_GROUP))
        text.replace("user=benren\n", "user=%s\n" % self.place.user)
        text.replace("/var/log/benren/worker.log", str(self.folder / "said"))
        self.script("benren.conf", text)
        (self.folder / "main.conf").write_text(self.main % {"folder": self.folder})

    def begin(self):
        self.background("/usr/bin/supervisord", "-c", str(self.folder / "main.conf"))

    def control(self, *words):
        return self.run("/usr/bin/supervisorctl", "-c", str(self.folder / "main.conf"), *words)

    def restart(self):
        self.control("restart", "benren:*")
        self.wait_ready()


class Runit(Launcher):
    name = "runit"
    tools = ("runsv", "sv", "spawn-fcgi", "multiwatch")

    def prepare(self):
        self.script("service/run", self.by_spawn_fcgi(self.shipped("runit/run")))
        self.script("service/finish", Shipped(SPAWN / "runit" / "finish"))
        text = Shipped(SPAWN / "runit" / "log" / "run")
        text.replace("/var/log/benren", str(self.folder / "logs"))
        (self.folder / "logs").mkdir()
        (self.folder / "service" / "log").mkdir()
        self.script("service/log/run", text)

    def begin(self):
        self.background("runsv", str(self.folder / "service"))

    def restart(self):
        old = self.place.workers()
        self.run("sv", "-w", "30", "restart", str(self.folder / "service"))
        self.wait_gone(old)
        self.wait_ready()

    def end(self):
        self.run("sv", "-w", "30", "exit", str(self.folder / "service"))
        self.process.wait(30)
        self.process = None


class S6(Launcher):
    name = "s6"
    tools = ("s6-supervise", "s6-svc", "s6-ipcserver-socketbinder", "multiwatch")
    tcp = False  # s6-tcpserver-socketbinder is in another package that Debian has not

    def prepare(self):
        text = self.shipped("s6/run")
        text.replace("-a 0660 /run/benren.sock", "-a 0660 " + self.place.socket)
        text.replace("chown benren:www-data /run/benren.sock",
                     "chown %s:%s %s" % (self.place.user, WEB_GROUP, self.place.socket))
        text.replace("s6-setuidgid benren", "s6-setuidgid " + self.place.user)
        self.script("service/run", text)
        self.script("service/finish", Shipped(SPAWN / "s6" / "finish"))

    def begin(self):
        self.background("s6-supervise", str(self.folder / "service"))

    def restart(self):
        old = self.place.workers()
        self.run("s6-svc", "-wR", "-T", "30000", "-r", str(self.folder / "service"))
        self.wait_gone(old)
        self.wait_ready()

    def end(self):
        self.run("s6-svc", "-wD", "-T", "30000", "-dx", str(self.folder / "service"))
        self.process.wait(30)
        self.process = None


class Daemontools(Launcher):
    name = "daemontools"
    tools = ("supervise", "svc", "spawn-fcgi", "multiwatch")

    def prepare(self):
        self.script("service/run", self.by_spawn_fcgi(self.shipped("daemontools/run")))
        text = Shipped(SPAWN / "daemontools" / "log" / "run")
        text.replace("/var/log/benren", str(self.folder / "logs"))
        (self.folder / "service" / "log").mkdir()
        self.script("service/log/run", text)

    def begin(self):
        self.background("supervise", str(self.folder / "service"))

    def restart(self):
        old = self.place.workers()
        self.run("svc", "-t", str(self.folder / "service"))
        self.wait_gone(old)
        self.wait_ready()

    def end(self):
        self.run("svc", "-dx", str(self.folder / "service"))
        self.process.wait(30)
        self.process = None


class SocketActivate(Launcher):
    """systemd's own tool: fd 1 is the listening socket too, and there is hardly any environment."""
    name = "sd-inetd"
    tools = ("systemd-socket-activate", "multiwatch")

    def prepare(self):
        pass

    def begin(self):
        found = re.findall(r"^ *(systemd-socket-activate --inetd .*)$", (SPAWN / "README.md").read_text(), re.M)
        assert len(found) == 1, found
        line = found[0].replace(COMMAND, "%s -c %s" % (self.place.program, self.place.conf))
        line = line.replace(SOCKET, "127.0.0.1:%d" % self.port if self.port else self.place.socket)
        pathlib.Path(self.place.socket).unlink(missing_ok=True)
        self.background(*self.as_user(*line.split(), group=WEB_GROUP))
        if self.port is None:
            where.wait_for(lambda: os.path.exists(self.place.socket), lambda: "it listens: " + self.said())
            os.chmod(self.place.socket, 0o660)
        self.first()

    def first(self):
        """It starts the workers on the first connection only."""
        import socket
        for _ in range(100):
            try:
                with socket.socket(socket.AF_INET if self.port else socket.AF_UNIX) as one:
                    one.connect(("127.0.0.1", self.port) if self.port else self.place.socket)
                return
            except ConnectionRefusedError:
                time.sleep(0.05)


class Plain(Launcher):
    """Anything that puts the listener on fd 0."""
    name = "plain"
    respawns = False

    def prepare(self):
        """A copy: the user may not see the folder that this is in."""
        self.control = self.script("plain", Shipped(SPAWN / "plain.py"))

    def begin(self):
        self.background(*self.as_user(self.control, "2", str(self.port or self.place.socket),
                                      self.place.program, "-c", str(self.place.conf), group=WEB_GROUP))


LAUNCHERS = {cls.name: cls for cls in (SpawnFcgi, Multiwatch, Supervisor, Runit, S6, Daemontools, SocketActivate, Plain)}
