"""A pool of real workers: started by spawn-fcgi, signalled, killed, and looked at closely."""

import ctypes
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import where

PR_SET_CHILD_SUBREAPER = 36
CAP_SYS_PTRACE = 1 << 19

segments = itertools.count(1)

PRELOAD = None  # a library for every program of ours


def adopt_orphans():
    """spawn-fcgi goes away after its work; its workers become ours, so that we see how they end."""
    assert ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def may_ptrace():
    """LeakSanitizer and /proc/PID/fd need it, as a worker is not dumpable."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"CapEff:\s*([0-9a-f]+)", status).group(1), 16) & CAP_SYS_PTRACE != 0


def environment(user=None):
    leaks = may_ptrace() and user is None
    preload = {"LD_PRELOAD": PRELOAD} if PRELOAD else {}
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "ASAN_OPTIONS": "detect_leaks=%d:exitcode=99:verify_asan_link_order=%d" % (leaks, PRELOAD is None),
        "UBSAN_OPTIONS": "print_stacktrace=1",
        **preload,
    }


def new_segment():
    return "/dev/shm/benren-test-%d-%d" % (os.getpid(), next(segments))


def full_conf(sandbox, apps, folder, **changes):
    """The configuration of a pool for these apps, with their secret files written."""
    rows = []
    for app in apps:
        for name, text in (("secret-", app.secret), ("secret-business-", app.business_secret)):
            secret = folder / (name + app.appid)
            secret.write_text(text + "\n")
            secret.chmod(0o640)
        rows.append({"appid": app.appid, "secret_file": "secret-" + app.appid,
                     "business_secret_file": "secret-business-" + app.appid, **app.conf()})
    conf = {
        "sandbox": True,
        "segment": new_segment(),
        "sessions": 4096,
        "wechat": {"host": sandbox.host, "ca_file": sandbox.ca},
        "budgets": {"caller": "0", "id": "0", "address": "0", "app": "0"},  # tests hurry
        "apps": rows,
    }
    for key, value in changes.items():
        if isinstance(value, dict):
            conf[key] = {**conf.get(key, {}), **value}
        else:
            conf[key] = value
    return conf


class Worker:
    def __init__(self, pid, folder):
        self.pid = pid
        self.folder = folder
        self.errors = folder / ("worker.%d.err" % pid)
        self.status = None  # what waitpid() said
        self.fds = None     # at its start

    def running(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = status
        return self.status is None

    def exit_code(self):
        """As a shell would say it, but negative for a signal."""
        assert self.status is not None, "worker %d is still running" % self.pid
        return os.waitstatus_to_exitcode(self.status)

    def open_fds(self):
        """What it has open: connections of the web server, other sockets, everything else."""
        rows = [line.split() for line in open("/proc/net/unix").readlines()[1:]]
        path = {row[6]: row[7] for row in rows if len(row) > 7}
        count = {"connections": -1, "sockets": 0, "other": 0}  # the listening one is none
        for fd in os.listdir("/proc/%d/fd" % self.pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (self.pid, fd))
            except FileNotFoundError:
                continue
            if path.get(target[8:-1]) == str(self.folder / "benren.sock"):
                count["connections"] += 1
            elif target.startswith("socket:") or target == "anon_inode:[eventfd]":
                # libcurl wakes a handle by a pair of sockets or, from 8 on, by an eventfd
                count["sockets"] += 1
            else:
                count["other"] += 1
        return count


class Pool:
    def __init__(self, folder, conf, workers=2, user=None, limits=""):
        self.folder = folder
        self.conf = conf
        self.user = user
        self.limits = limits  # shell commands that a worker is started after
        self.socket = str(folder / "benren.sock")
        self.file = folder / "benren.json"
        self.file.write_text(json.dumps(conf, indent=1, ensure_ascii=False))
        self.workers = []  # those that should be running
        self.ended = []    # those whose end was wanted
        self.read = {}     # inode of a log -> (offset, lines so far)
        self.start(workers)

    # --- starting and ending ------------------------------------------------

    def program(self):
        """For another user a copy: he may not see the folder that this was built in."""
        path = where.program("benren")
        return shutil.copy(path, self.folder) if self.user else path

    def start(self, workers=2, wait=True):
        """More workers by spawn-fcgi, which wants the socket for itself: all at once."""
        command = [where.tool("spawn-fcgi"), "-s", self.socket, "-M", "0666", "-b", "4096",
                   "-F", str(workers)]
        if self.user:
            command += ["-u", self.user, "-g", self.user]
        command += ["--", "/bin/sh", "-c", '%sexec "$0" "$@" 2>>"%s/worker.$$.err"' % (self.limits, self.folder),
                    self.program(), "-c", str(self.file)]
        done = subprocess.run(command, env=environment(self.user), capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        pids = [int(pid) for pid in re.findall(r"PID: (\d+)", done.stdout)]
        assert len(pids) == workers, done
        new = [Worker(pid, self.folder) for pid in pids]
        self.workers += new
        if wait:
            for worker in new:
                where.wait_for(lambda: self._started(worker), "worker %d has started" % worker.pid, 60)
        return new

    def _started(self, worker):
        assert worker.running(), "a worker ended with %d: %s" % (worker.exit_code(), self.said())
        if not self.lines(event="started", pid=worker.pid):
            return False
        if may_ptrace():
            worker.fds = worker.open_fds()
        return True

    def signal(self, sig, workers=None):
        for worker in workers or self.workers:
            if worker.running():
                os.kill(worker.pid, sig)

    def gone(self, workers=None, seconds=60):
        """Waits for their end, and says how it was."""
        workers = list(workers or self.workers)
        where.wait_for(lambda: not any(worker.running() for worker in workers),
                       "the workers have ended", seconds)
        for worker in workers:
            self.workers.remove(worker)
            self.ended.append(worker)
        return [worker.exit_code() for worker in workers]

    def kill(self, workers=None):
        workers = list(workers or self.workers)
        self.signal(signal.SIGKILL, workers)
        return self.gone(workers)

    def stop(self):
        """The end of a test: everybody drains, and nobody leaks."""
        try:
            self.signal(signal.SIGTERM)
            codes = self.gone() if self.workers else []
            self.check()
            assert set(codes) <= {0}, "workers ended with %s: %s" % (codes, self.said())
        finally:
            self.signal(signal.SIGKILL)
            for path in (self.conf["segment"], self.conf["segment"] + ".key"):
                pathlib.Path(path).unlink(missing_ok=True)

    # --- looking at it -------------------------------------------------------

    def said(self):
        """What stands in the error files, for a message."""
        return "\n".join(path.read_text(errors="replace")[-1000:]
                         for path in sorted(self.folder.glob("worker.*.err")))

    def _lines(self, path):
        """The log lines of a file so far.  Anything but JSON, as a sanitizer writes it, is an alarm."""
        if not path.exists():
            return []
        with open(path, "rb") as file:
            inode = os.fstat(file.fileno()).st_ino  # a log file may be rotated away
            offset, lines = self.read.get(inode, (0, []))
            file.seek(offset)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        for text in whole.decode(errors="replace").splitlines():
            try:
                line = json.loads(text)
                assert isinstance(line, dict)
            except (ValueError, AssertionError):
                raise AssertionError("a worker wrote what is no log line: %s" % self.said()) from None
            assert line["event"] != "bug", self.said()
            lines.append(line)
        self.read[inode] = (offset + len(whole), lines)
        return lines

    def lines(self, **want):
        """Log lines whose fields are as wanted."""
        files = sorted(self.folder.glob("worker.*.err")) + sorted(self.folder.glob("*.log*"))
        return [line for file in files for line in self._lines(file)
                if all(line.get(key) == value for key, value in want.items())]

    def line_of(self, answer):
        """The one log line of a request that was answered."""
        request = answer.headers["X-Request-Id"]
        lines = where.wait_for(lambda: self.lines(id=request), "a log line of " + request)
        assert len(lines) == 1, lines
        return lines[0]

    def without_log_lines(self):
        """From now on, of a pool with a log file: of a million requests they would be too many."""
        log = self.folder / self.conf["log"]["file"]
        log.unlink()
        log.symlink_to("/dev/null")
        self.conf["log"]["level"] = "warn"  # of workers that come later
        self.file.write_text(json.dumps(self.conf, indent=1, ensure_ascii=False))
        self.signal(signal.SIGHUP)

    def check(self):
        """What must hold after every test."""
        self.lines()
        for worker in self.workers:
            assert worker.running(), "a worker died (%d): %s" % (worker.exit_code(), self.said())
            if worker.fds is not None:
                where.wait_for(lambda: worker.open_fds()["other"] <= worker.fds["other"],
                               lambda: "worker %d has no more descriptors than at first: %s now, %s then"
                               % (worker.pid, worker.open_fds(), worker.fds))

    def check_no_connections(self):
        """With nobody connected any more, no worker may hold a connection."""
        for worker in self.workers:
            if worker.fds is not None:
                where.wait_for(lambda: worker.open_fds()["connections"] == 0,
                               lambda: "worker %d lets go of its connections: %s"
                               % (worker.pid, worker.open_fds()))

    def segment(self):
        """Proves the structure of the segment, and says what is in it."""
        done = subprocess.run(
            [where.program("tests/check_segment"), self.conf["segment"],
             str(self.conf.get("sessions", 4096))],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def settle(seconds=0.3):
    """For what must not happen: time in which it would have."""
    time.sleep(seconds)
