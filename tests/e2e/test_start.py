"""How a worker starts, and what it says when it cannot."""

import json
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

import fastcgi
import pytest

import pool
import where
from pool import environment, full_conf
from rig import ANON10, APPS, PARAM10, PARAM20
from sandbox import Sandbox

ROOT = os.geteuid() == 0
BENREN = where.program("benren")
SHIPPED = where.ROOT / "conf"


def run(*words, env=None, **more):
    return subprocess.run([BENREN, *words], env={**environment(), **(env or {})}, capture_output=True, text=True,
                          timeout=60, **{"stdin": subprocess.DEVNULL, **more})


@pytest.fixture
def listening(tmp_path):
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(4096)
        yield s, path


class NoSandbox:
    """A WeChat that is not there: enough for a worker that is only started."""
    host, ca = "http://127.0.0.1:9", ""


def conf_file(folder, apps=(PARAM10,), text=None, **changes):
    conf = full_conf(NoSandbox, apps, folder, **changes)
    file = folder / "benren.json"
    file.write_text(text if text is not None else json.dumps(conf, indent=1))
    return file, conf


@pytest.fixture
def started(listening):
    """started(words, ...) is a worker on the listening socket; it is stopped in the end."""
    running = []

    def start(command, **more):
        with open(listening[1] + ".err", "ab") as errors:
            running.append(subprocess.Popen(command, stdin=listening[0], **{
                "stdout": subprocess.DEVNULL, "stderr": errors, "env": environment(), **more}))
        where.wait_for(lambda: fastcgi.ask(listening[1], "health").status == 200, "it serves")
        return running[-1]

    yield start
    for process in running:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture
def clean():
    """Removes the segments of configurations afterwards."""
    confs = []
    yield confs
    for conf in confs:
        for name in (conf["segment"], conf["segment"] + ".key"):
            if os.path.exists(name):
                os.unlink(name)


# --- descriptors ------------------------------------------------------------------------------------

@pytest.mark.parametrize("redirections", ["1>&- 2>&-", "1>&-", "2>&-", ""], ids=["1_and_2", "1", "2", "none"])
def test_closed_standard_descriptors_do_no_harm(tmp_path, listening, started, clean, redirections):
    file, conf = conf_file(tmp_path, log={"file": "benren.log"})
    clean.append(conf)
    process = started(["/bin/sh", "-c", 'exec "$0" -c "$1" ' + redirections, BENREN, str(file)])
    for _ in range(3):
        assert fastcgi.ask(listening[1], "health").status == 200
    for line in (tmp_path / "benren.log").read_text().splitlines():
        json.loads(line)
    if ROOT:
        names = {fd: os.readlink("/proc/%d/fd/%s" % (process.pid, fd)) for fd in "012"}
        assert names["0"].startswith("socket:")
        for fd in ("1", "2"):
            if fd + ">" in redirections:
                assert names[fd] == "/dev/null", "nothing of ours may become descriptor %s" % fd


@pytest.mark.parametrize("stdin", ["null", "closed", "pipe", "file", "connected"])
def test_without_a_listening_socket_it_says_so(tmp_path, clean, stdin):
    file, conf = conf_file(tmp_path)
    clean.append(conf)
    a, b = socket.socketpair()
    kinds = {"null": {"stdin": subprocess.DEVNULL}, "pipe": {"stdin": subprocess.PIPE},
             "file": {"stdin": open(file)}, "connected": {"stdin": a},
             "closed": {"preexec_fn": lambda: os.close(0)}}
    done = run("-c", str(file), **kinds[stdin])
    assert done.returncode == 2 and "listening socket" in done.stderr and "spawn-fcgi" in done.stderr
    assert done.stdout == ""
    a.close()
    b.close()


def test_words_of_a_query_string_are_no_command(tmp_path, listening, started, clean):
    file, conf = conf_file(tmp_path)
    clean.append(conf)
    assert run("check", "-c", str(file)).returncode == 0
    for name in ("QUERY_STRING", "GATEWAY_INTERFACE"):
        for words in (["check"], ["version"], ["--help"], ["-c", "/etc/passwd"], ["no", "such", "thing"]):
            done = run(*words, env={name: "CGI/1.1", "BENREN_CONF": str(file)})
            assert done.returncode == 2 and "listening socket" in done.stderr, (name, words, done)
    started([BENREN, "check", "version"], env={**environment(), "QUERY_STRING": "check", "BENREN_CONF": str(file)})


def test_the_configuration_is_found_by_option_environment_or_beside_the_binary(tmp_path, clean):
    file, conf = conf_file(tmp_path)
    clean.append(conf)
    assert run("check", "-c", str(file)).stdout.startswith(str(file))
    assert run("check", env={"BENREN_CONF": str(file)}).stdout.startswith(str(file))
    beside = tmp_path / "bin"
    beside.mkdir()
    binary = beside / "benren"
    binary.write_bytes(open(BENREN, "rb").read())
    binary.chmod(0o755)
    for secret in tmp_path.glob("secret-*"):
        secret.rename(beside / secret.name)
    there = beside / "benren.json"
    there.write_text(file.read_text())
    there.chmod(0o644)

    def check():
        return subprocess.run([str(binary), "check"], env=environment(), capture_output=True, text=True, timeout=60)

    assert check().stdout.startswith(str(there))
    there.chmod(0o666)
    done = check()
    assert str(there) not in done.stdout, "one that anybody can write is not taken"
    assert "benren: %s is not read" % there in done.stderr and "(mode 600 or 644, not 666)" in done.stderr
    if os.geteuid() == 0:
        there.chmod(0o644)
        os.chown(there, 65534, 65534)
        assert "(uid 0, not 65534)" in check().stderr, "nor one of another user"


@pytest.mark.parametrize("key", ["key_file", "segment", "audit.file"])
def test_a_fifo_in_the_place_of_a_file_is_said_and_waits_for_nobody(tmp_path, listening, key):
    file, conf = conf_file(tmp_path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    conf.update({"audit": {"file": str(fifo)}} if key == "audit.file" else {key: str(fifo)})
    file.write_text(json.dumps(conf))
    checked = run("check", "-c", str(file))
    assert checked.returncode == 78 and "%s: %s is there and is not a file" % (key, fifo) in checked.stderr
    started = subprocess.run([BENREN, "-c", str(file)], env=environment(), stdin=listening[0], capture_output=True,
                             text=True, timeout=20)
    assert started.returncode == 78 and str(fifo) in started.stderr, started
    for name in (conf["segment"], conf["segment"] + ".key"):
        if os.path.exists(name) and not stat.S_ISFIFO(os.stat(name).st_mode):
            os.unlink(name)


# --- told to stop while it starts ---------------------------------------------------------------------

def holds_term(pid):
    """Is main() under way?  The dynamic loader, before it, holds nothing."""
    status = open("/proc/%d/status" % pid).read()
    masks = [int(mask, 16) for mask in re.findall(r"^Sig(?:Blk|Cgt):\s*([0-9a-f]+)$", status, re.M)]
    return any(mask & 1 << signal.SIGTERM - 1 for mask in masks)


def begin(listening, file, **more):
    return subprocess.Popen([BENREN, "-c", str(file)], stdin=listening[0], stderr=subprocess.PIPE, text=True,
                            env=environment(), **more)


def test_a_stop_that_came_before_everything_else_is_waited_for(tmp_path, listening, clean):
    """The signal is pending at exec already, and held by the launcher: the earliest there can be."""
    file, conf = conf_file(tmp_path)
    clean.append(conf)

    def pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        os.kill(os.getpid(), signal.SIGTERM)

    worker = begin(listening, file, preexec_fn=pending)
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "started" and events[-2:] == ["stopping", "stopped"], events


def test_a_stop_at_any_moment_of_the_start_ends_with_0(tmp_path, listening, clean):
    file, conf = conf_file(tmp_path)
    clean.append(conf)
    ended = {"by the signal, in the loader": 0, "with 0": 0}
    for step in range(0, 121, where.figure(1, 6)):
        worker = begin(listening, file)
        time.sleep(step * 0.00025)
        main = holds_term(worker.pid)
        worker.terminate()
        said = worker.communicate(timeout=60)[1]
        assert worker.returncode == 0 or not main and worker.returncode == -signal.SIGTERM, (step, said)
        ended["with 0" if worker.returncode == 0 else "by the signal, in the loader"] += 1
    for _ in range(where.figure(400, 20)):
        worker = begin(listening, file)
        while not holds_term(worker.pid):
            pass
        worker.terminate()
        said = worker.communicate(timeout=60)[1]
        assert worker.returncode == 0, said
    print(ended)


def test_a_command_that_is_told_to_stop_stops(tmp_path):
    command = subprocess.Popen([BENREN, "receipt", "verify", "-c", str(conf_file(tmp_path)[0])],
                               stdin=subprocess.PIPE, env=environment())
    time.sleep(0.3)
    command.terminate()
    assert command.wait(20) == -signal.SIGTERM


# --- commands -----------------------------------------------------------------------------------------

def test_help_and_version_say_what_they_should():
    done = run("help")
    assert done.returncode == 0 and "spawn-fcgi" in done.stdout and "78" in done.stdout
    assert run("--help").stdout == done.stdout
    assert run("version").stdout == run("--version").stdout != ""
    keys = run("--help-config").stdout
    for key in ("sandbox", "wechat.total_ms", "apps[].caller_param", "breaker.failures"):
        assert key in keys
    for words in (["nonsense"], ["check", "check"], ["--nonsense"], ["-c"]):
        done = run(*words)
        assert done.returncode == 2 and done.stderr, words


def test_it_works_where_a_library_uses_openssl_first(build, monkeypatch):
    """As libssh's constructor does, which Ubuntu's libcurl loads."""
    monkeypatch.setattr(pool, "PRELOAD", where.program("tests/early_openssl.so"))
    assert run("--version").returncode == 0
    rig = build(apps=(PARAM10, PARAM20))
    for worker in rig.pool.workers:
        assert "early_openssl.so" in open("/proc/%d/maps" % worker.pid).read()
    for app in (PARAM10, PARAM20):
        rig.user(app).open().passes()


def test_check_finds_the_shipped_configurations_fine(tmp_path):
    Sandbox(tmp_path, ()).stop()  # its CA, which the minimal one names
    for name in ("benren.json", "benren-minimal.json"):
        file = tmp_path / name
        file.write_text((SHIPPED / name).read_text())
        secret = tmp_path / "secret"
        secret.write_text("0123456789abcdef0123456789abcdef\n")
        secret.chmod(0o600)
        done = run("check", "-c", str(file))
        assert done.returncode == 0, done.stderr
        for word in ("accept_get", "anonymous"):
            assert (word in done.stdout) == (name == "benren-minimal.json"), done.stdout


def without_comments(text):
    return json.loads("\n".join(re.sub(r"^\s*//.*", "", line) for line in text.splitlines()))


def test_the_shipped_configuration_has_every_key_at_its_default():
    """That it has no other key, `benren check` says above."""
    conf = without_comments((SHIPPED / "benren.json").read_text())
    listed = re.findall(r"^  (\S+) .*\n *default: (.*)$", run("--help-config").stdout, re.M)
    assert len(listed) > 20
    for key, default in listed:
        at = conf
        for part in key.replace("apps[]", "apps").split("."):
            at = at[0] if isinstance(at, list) else at
            assert part in at, key + " is missing in conf/benren.json"
            at = at[part]
        if not default.startswith("none"):
            assert at == json.loads(default), key


# --- bad configurations -----------------------------------------------------------------------------------

GOOD_APP = '{ "appid": "wx0000000000000002", "secret_file": "secret-wx0000000000000002", "protocol": "1.0", "caller": "anonymous" }'


def with_app(app, more=""):
    return '{ "sandbox": true, %s "wechat": { "host": "https://127.0.0.1:1" },\n  "apps": [ %s ] }' % (more, app)


BAD = {
    "no_json": ("{ \"sandbox\": true,\n \"x\" }", [".json:2:", "comma"]),
    "empty": ("", []),
    "not_an_object": ("[]", ["object"]),
    "unknown_key": (with_app(GOOD_APP, '\n"sesions": 5,'), [".json:2:", "sesions", "sessions"]),
    "unknown_key_in_a_group": (with_app(GOOD_APP).replace('"host"', '"total": 5, "host"'), ["total", "total_ms"]),
    "unknown_key_in_an_app": (with_app(GOOD_APP.replace('"caller"', '"protocoll": 1, "caller"')), [".json:2:", "protocol"]),
    "key_twice": (with_app(GOOD_APP, '"sandbox": true,'), ["twice"]),
    "wrong_type": (with_app(GOOD_APP, '\n\n"sessions": "many",'), [".json:3:", "sessions", "number"]),
    "out_of_range": (with_app(GOOD_APP, '"sessions": 3,'), ["sessions", "64"]),
    "no_apps": ('{ "sandbox": true, "wechat": { "host": "https://127.0.0.1:1" } }', ["apps"]),
    "empty_apps": (with_app(""), ["apps"]),
    "app_without_appid": (with_app('{ "secret_file": "x" }'), ["appid"]),
    "bad_appid": (with_app(GOOD_APP.replace("wx0000000000000002", "wx2", 1)), ["AppID"]),
    "same_app_twice": (with_app(GOOD_APP + "," + GOOD_APP), ["twice"]),
    "unknown_protocol": (with_app(GOOD_APP.replace('"1.0"', '"3.0"')), ["protocol", "2.0"]),
    "anonymous_2_0": (with_app(GOOD_APP.replace('"1.0"', '"2.0"')), ["anonymous", "login"]),
    "no_secret_file": (with_app(GOOD_APP.replace("secret-wx", "nothing-wx")), ["secret_file", "does not exist"]),
    "param_without_name": (with_app(GOOD_APP.replace("anonymous", "param")), ["caller_param"]),
    "header_as_caller": (with_app(GOOD_APP.replace('"anonymous"', '"param", "caller_param": "HTTP_X_USER"')), ["HTTP_"]),
    "remote_user": (with_app(GOOD_APP.replace('"anonymous"', '"param", "caller_param": "REMOTE_USER"')),
                    ["REMOTE_USER", "caller_verified"]),
    "sandbox_not_said": (with_app(GOOD_APP).replace('"sandbox": true,', ""), ["sandbox", "not WeChat's"]),
    "sandbox_and_wechat": (with_app(GOOD_APP).replace("https://127.0.0.1:1", "https://api.weixin.qq.com"), ["sandbox"]),
    "plain_http": (with_app(GOOD_APP).replace("https://127.0.0.1:1", "http://example.com"), ["https://"]),
    "audit_into_nothing": (with_app(GOOD_APP, '"audit": { "required": true },'), ["audit.required", "audit.file"]),
    "prefix": (with_app(GOOD_APP, '"prefix": "face",'), ["prefix", "slash"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_explained_and_ends_with_78(tmp_path, listening, name):
    text, words = BAD[name]
    file, _ = conf_file(tmp_path, text=text)
    for done in (run("check", "-c", str(file)), run("-c", str(file), stdin=listening[0])):
        assert done.returncode == 78, done
        assert str(file) in done.stderr, done.stderr
        for word in words:
            assert word in done.stderr, (word, done.stderr)
        assert PARAM10.secret not in done.stderr


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    file, _ = conf_file(tmp_path)
    secret = tmp_path / ("secret-" + PARAM10.appid)
    for mode, status in ((0o604, 78), (0o644, 78), (0o640, 0), (0o600, 0)):
        secret.chmod(mode)
        done = run("check", "-c", str(file))
        assert done.returncode == status, (oct(mode), done)
        assert status == 0 or "chmod 600" in done.stderr
    for text, word in (("", "empty"), ("two words", "more than"), ("x\ny\n", "more than"), ("x" * 300, "too long")):
        secret.write_text(text)
        done = run("check", "-c", str(file))
        assert done.returncode == 78 and word in done.stderr, done


def test_what_only_the_start_finds_out_is_explained_too(tmp_path, listening, clean):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "precious")
    cases = [
        (dict(segment="/nonexistent/segment", key_file="key"), "segment"),
        (dict(segment=str(tmp_path)), "segment"),
        (dict(key_file="/nonexistent/key"), "key_file"),
        (dict(audit={"file": "/nonexistent/audit"}), "audit file"),
        (dict(audit={"file": str(tmp_path)}), "audit file"),
        (dict(audit={"file": str(link)}), "symbolic link"),
        (dict(wechat={"host": "https://127.0.0.1:1", "ca_file": "/nonexistent.pem"}), "ca_file"),
    ]
    for changes, word in cases:
        file, conf = conf_file(tmp_path, **changes)
        clean.append(conf) if conf["segment"].startswith("/dev/shm") else None
        done = run("-c", str(file), stdin=listening[0])
        assert done.returncode == 78, (changes, done)
        assert word in done.stderr, (changes, done.stderr)
    file, _ = conf_file(tmp_path, log={"file": "/nonexistent/dir/log"})
    done = run("-c", str(file), stdin=listening[0])
    assert done.returncode == 78 and "log file" in done.stderr


# --- the segment ---------------------------------------------------------------------------------------------

def fails_on_segment(tmp_path, listening, prepare, *words, **changes):
    file, conf = conf_file(tmp_path, **changes)
    prepare(conf["segment"])
    done = run("-c", str(file), stdin=listening[0])
    assert done.returncode == 78, done
    assert conf["segment"] in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    os.path.islink(conf["segment"]) and os.unlink(conf["segment"])
    for name in (conf["segment"], conf["segment"] + ".key"):
        os.path.exists(name) and os.unlink(name)


@pytest.mark.skipif(not ROOT, reason="only root can make a file of another user")
def test_a_segment_made_by_another_user_is_refused(tmp_path, listening):
    def prepare(path):
        open(path, "w").close()
        os.chmod(path, 0o600)
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)

    fails_on_segment(tmp_path, listening, prepare, "belongs to user")


def test_a_segment_that_is_open_to_others_is_refused(tmp_path, listening):
    def prepare(path):
        open(path, "w").close()
        os.chmod(path, 0o666)

    fails_on_segment(tmp_path, listening, prepare, "0666")


def test_a_symbolic_link_is_no_segment(tmp_path, listening):
    target = tmp_path / "precious"
    target.write_text("precious")
    fails_on_segment(tmp_path, listening, lambda path: os.symlink(target, path), "symbolic link")
    assert target.read_text() == "precious"


def test_a_file_of_somebody_else_is_not_written_over(tmp_path, listening):
    def prepare(path):
        with open(path, "w") as file:
            file.write("precious data of another program" * 100)
        os.chmod(path, 0o600)

    fails_on_segment(tmp_path, listening, prepare, "not a segment")


def test_a_segment_of_other_sizes_is_refused_and_stays_as_it_was(build):
    rig = build(workers=1, apps=(PARAM10,))
    user = rig.user(PARAM10).open()
    other = dict(rig.pool.conf, sessions=1000)
    file = rig.folder / "other.json"
    file.write_text(json.dumps(other))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(rig.folder / "other.sock"))
        s.listen(1)
        done = run("-c", str(file), stdin=s)
    assert done.returncode == 78 and "other sizes" in done.stderr
    user.passes()


def test_a_leftover_of_an_earlier_boot_is_made_anew(build):
    rig = build(workers=1, apps=(PARAM10,))
    user = rig.user(PARAM10).open()
    rig.pool.kill()
    with open(rig.pool.conf["segment"], "r+b") as file:
        head = file.read(4096)
        boot = open("/proc/sys/kernel/random/boot_id", "rb").read().strip()
        at = head.index(boot)
        file.seek(at)
        file.write(b"0" * len(boot))
    rig.pool.start(2)
    assert user.send("session", {"session": user.session}).status == 404
    rig.user(PARAM10).open().passes()


# --- pools -----------------------------------------------------------------------------------------------------

def test_two_pools_side_by_side_know_nothing_of_each_other(build):
    one, two = build(apps=(PARAM10, PARAM20)), build(apps=(PARAM10, PARAM20))
    here = one.user(PARAM20, name="alice").open()
    there = two.user(PARAM20, name="alice", openid=here.openid)
    assert there.send("session", {"session": here.session}).status == 404
    assert there.send("verify", {"session": here.session}).status == 404
    here.passes()
    two.user(PARAM20).open().passes()


@pytest.mark.skipif(not ROOT, reason="only root can become www-data")
def test_a_pool_of_another_user_works_and_its_files_are_its_own(build):
    rig = build(user="www-data")
    for app in APPS:
        rig.user(app).open().passes()
    uid = pwd.getpwnam("www-data").pw_uid
    for name in (rig.pool.conf["segment"], rig.pool.conf["segment"] + ".key"):
        st = os.stat(name)
        assert st.st_uid == uid and st.st_mode & 0o777 == 0o600
    assert os.stat(rig.pool.conf["segment"] + ".key").st_size == 32
    for worker in rig.pool.workers:
        assert os.stat("/proc/%d/environ" % worker.pid).st_uid == 0, "not dumpable"


def test_a_worker_starts_while_wechat_is_away_and_serves_when_it_is_back(build):
    rig = build(workers=1, apps=(ANON10,), wechat={"connect_ms": 300, "total_ms": 600}, breaker={"failures": 3, "open": 1},
                before=lambda rig: os.kill(rig.sandbox.process.pid, signal.SIGSTOP))
    try:
        start = time.monotonic()
        answer = rig.user(ANON10).identify()
        assert answer.status == 503 and time.monotonic() - start < 3, answer
        assert rig.client.call("GET", "/face/health").status == 200
        assert rig.client.call("GET", "/face/ready").status == 503
    finally:
        os.kill(rig.sandbox.process.pid, signal.SIGCONT)
    where.wait_for(lambda: rig.user(ANON10).identify().status == 200, "it is back", 20, 0.2)
    assert rig.client.call("GET", "/face/ready").status == 200


def test_a_wechat_with_a_certificate_of_another_ca_is_not_talked_to(build):
    other = build(workers=1, apps=(ANON10,))
    rig = build(workers=1, apps=(ANON10,), wechat={"ca_file": other.sandbox.ca})
    answer = rig.user(ANON10).identify()
    assert answer.status == 503, answer
    assert rig.sandbox.total("stable_token") == 0
    assert rig.pool.lines(event="token_refused")


class Deaf:
    """A WeChat whose connections are never taken: its queue is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.host, self.ca, self.queue = "http://127.0.0.1:%d" % self.listener.getsockname()[1], "", []
        for _ in range(4):
            self.queue.append(socket.socket())
            self.queue[-1].setblocking(False)
            self.queue[-1].connect_ex(self.listener.getsockname())

    def stop(self):
        for s in [*self.queue, self.listener]:
            s.close()


@pytest.mark.parametrize("seconds", [0.1, 2], ids=["while_connecting", "after_the_time_for_it"])
def test_a_wechat_that_takes_no_connections_costs_no_descriptor(build, seconds):
    deaf = Deaf()
    rig = build(workers=1, web=False, sandbox=deaf, apps=(ANON10,), breaker={"failures": 0},
                wechat={"connect_ms": 300, "total_ms": 600})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert fastcgi.ask(rig.pool.socket, "health").status == 200
        with fastcgi.Connection(rig.pool.socket) as connection:
            for _ in range(5):
                connection.send(fastcgi.request("health")[:-8])
                time.sleep(0.01)
                connection.send(fastcgi.request("health")[-8:])
                assert connection.answer().status == 200
    rig.close()
    deaf.stop()


def test_what_deserves_a_second_thought_is_told_with_the_app(tmp_path, clean):
    alone, _ = conf_file(tmp_path, apps=(ANON10, PARAM20))
    conf = json.loads(alone.read_text())
    clean.append(conf)
    conf.update(accept_get=True, wechat={**conf["wechat"], "allow_fields": ["x"]}, identity={"lookup_url": "https://127.0.0.1:1/identity"})
    for app in conf["apps"]:
        del app["business_secret_file"]
    alone.write_text(json.dumps(conf))
    said = run("check", "-c", str(alone)).stdout
    for app, words in ((ANON10, "against theft"), (ANON10, "budgets.app"), (ANON10, "cannot learn a verdict"),
                       (PARAM20, "cannot learn a verdict"), (PARAM20, "identity.lookup_url is not asked")):
        assert [line for line in said.splitlines()
                if line.startswith("warning: %s: " % app.appid) and words in line], (app, words, said)
    assert "warning: accept_get" in said and "warning: wechat.allow_fields does nothing" in said
    assert "%s: caller" % PARAM20.appid not in said


def test_a_worker_says_that_allow_fields_does_nothing(tmp_path, listening, started, clean):
    file, conf = conf_file(tmp_path)
    clean.append(conf)
    conf["wechat"]["allow_fields"] = ["x"]
    file.write_text(json.dumps(conf))
    started([BENREN, "-c", str(file)])
    assert '"event":"allow_fields"' in open(listening[1] + ".err").read()
