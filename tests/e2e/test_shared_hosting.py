"""A folder on a shared host: mod_fcgid and a real suEXEC, a user without rights, no configuration of Apache's.

The host here is unkind: processes live for seconds and serve few requests, one at a time.
"""

import json
import os
import pathlib
import pwd
import shutil
import subprocess
import time
import types

import pytest

import where
import webservers
from launchers import SPAWN, Place
from rig import LOGIN10, LOGIN20, User, each
from webserver import Client
from webservers import Shipped

SUEXEC = pathlib.Path("/etc/apache2/suexec/www-data")
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs a user of its own: root only"),
    pytest.mark.skipif(not SUEXEC.exists(), reason="not installed: apache2-suexec-custom"),
]

APPS = (LOGIN20, LOGIN10)  # the first is the folder's
OWNER = "benren-e2e"

HOST_CONF = """
Listen 127.0.0.1:%(port)d
CustomLog "%(access)s" "%%a %%m %%U %%>s"
SuexecUserGroup %(owner)s %(owner)s
UserDir public_html
FcgidIPCDir "%(folder)s/fcgid"
FcgidProcessTableFile "%(folder)s/fcgid.shm"
FcgidMaxProcessesPerClass 6
FcgidMinProcessesPerClass 0
FcgidIdleTimeout 2
FcgidIdleScanInterval 1
FcgidErrorScanInterval 1
FcgidZombieScanInterval 1
FcgidProcessLifeTime 4
FcgidMaxRequestsPerProcess 7
FcgidSpawnScoreUpLimit 60
<Directory "%(home)s/public_html">
	AllowOverride FileInfo Options=ExecCGI,Indexes
	Options None
	Require all granted
</Directory>
"""


class Host(webservers.ApacheStarting):
    name = "host"
    modules = ("fcgid", "suexec", "userdir")
    more = ""

    def __init__(self, folder, home):
        self.home = home
        super().__init__(folder, None, APPS)

    def rewrite(self, shipped):
        """Nothing of benren's is in here."""
        shipped.text = HOST_CONF % {"port": self.port, "access": self.access, "folder": self.folder,
                                    "home": self.home, "owner": OWNER}
        return shipped


def own(path, mode):
    path.chmod(mode)
    shutil.chown(path, OWNER, OWNER)


def upload(place, home):
    """The files of spawn/shared-hosting as its README says, with this sandbox and these secrets."""
    folder = home / "public_html" / "cgi-bin"
    folder.mkdir(parents=True)
    shutil.copy(SPAWN / "shared-hosting" / ".htaccess", folder)
    conf = Shipped(SPAWN / "shared-hosting" / "benren.json")
    conf.regex(r'"apps": \[.*\]', '"apps": ' + json.dumps(place.values["apps"]))
    conf.replace('{\n\t// Not in', '{ "sandbox": true, "app_field": true, "wechat": %s, "budgets": %s,\n\t// Not in' % (
        json.dumps(place.values["wechat"]), json.dumps(place.values["budgets"])))
    conf.replace('"level": "warn"', '"level": "info"')
    (folder / "benren.json").write_text(conf.text)
    for secret in place.folder.glob("secret-*"):
        shutil.copy(secret, folder)
    if (place.folder / "benren.asan").exists():
        shutil.copy(place.folder / "benren.asan", folder)
        own(folder / "benren.asan", 0o755)
        text = pathlib.Path(place.program).read_text()
        (folder / "benren.fcgi").write_text(text.replace("exec %s/" % place.folder, "exec ./"))
    else:
        shutil.copy(place.program, folder / "benren.fcgi")
    for path, mode in [(home, 0o711), (home / "public_html", 0o711), (folder, 0o711), (folder / ".htaccess", 0o644),
                       (folder / "benren.fcgi", 0o755), (folder / "benren.json", 0o600),
                       *((secret, 0o600) for secret in folder.glob("secret-*"))]:
        own(path, mode)
    return folder


@pytest.fixture
def hosting(shared):
    """With new connections: Apache closes them after five seconds."""
    shared.front.client = Client(shared.host.port)
    return shared


@pytest.fixture(scope="module")
def shared():
    place = Place(APPS)
    home = place.folder / "home"
    subprocess.run(["useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/usr/sbin/nologin", OWNER],
                   check=True, capture_output=True)
    host = None
    try:
        folder = upload(place, home)
        apache = place.folder / "host"
        apache.mkdir()
        apache.chmod(0o777)
        host = Host(apache, home)
        app = types.SimpleNamespace(**{key: getattr(LOGIN20, key) for key in ("appid", "protocol", "caller")},
                                    name="~%s/cgi-bin/benren.fcgi" % OWNER)
        front = types.SimpleNamespace(client=Client(host.port), sandbox=place.sandbox)
        yield types.SimpleNamespace(place=place, host=host, folder=folder, app=app, front=front)
    finally:
        if host is not None:
            host.stop()
            where.wait_for(lambda: not processes(), "its processes end")
        subprocess.run(["userdel", OWNER], capture_output=True)
        place.close()


def processes():
    """Those of the owner."""
    uid = pwd.getpwnam(OWNER).pw_uid
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == uid or ("\nUid:\t%d\t" % uid) in (entry / "status").read_text():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def log(hosting):
    return [json.loads(line) for line in (hosting.folder / "benren.log").read_text().splitlines()]


def test_a_whole_face_check(hosting):
    user = User(hosting.front, hosting.app)
    answer = user.send("login", {"code": hosting.place.sandbox.login(hosting.app.appid, user.openid)})
    assert answer.status == 200, (answer, hosting.host.said())
    user.headers["Authorization"] = "Bearer " + answer["token"]
    user.login = lambda: {}
    user.open().passes()
    for name in ("benren.segment", "benren.segment.key"):
        stat = (hosting.folder / name).stat()
        assert stat.st_mode & 0o777 == 0o600 and stat.st_uid == pwd.getpwnam(OWNER).pw_uid


def test_another_app_is_chosen_by_the_client_where_that_is_allowed(hosting):
    app = types.SimpleNamespace(name=hosting.app.name, appid=LOGIN10.appid, protocol="1.0", caller="login")
    user = User(hosting.front, app)
    user.open(appid=LOGIN10.appid)
    user.scan()
    answer = user.verify(appid=LOGIN10.appid)
    assert answer.status == 200 and answer["verified"] is True, answer


def test_refusals_are_ours(hosting):
    user = User(hosting.front, hosting.app)
    answer = user.identify(name="x" * 20000)
    assert answer.status == 413, answer
    answer = hosting.front.client.call("GET", "/%s/identify" % hosting.app.name)
    assert answer.status == 405 and answer.headers["Allow"] == "POST"
    assert hosting.front.client.call("GET", "/%s/health" % hosting.app.name).status == 200
    answer = hosting.front.client.call("GET", "/%s/nothing" % hosting.app.name)
    assert answer.status == 404 and answer["reason"] == "not_found"


def test_nothing_of_the_folder_can_be_fetched(hosting):
    base = hosting.app.name.rsplit("/", 1)[0]
    names = [path.name for path in hosting.folder.iterdir() if path.name != "benren.fcgi"]
    assert {"benren.json", "benren.segment", "benren.segment.key", "benren.log", ".htaccess"} <= set(names)
    for name in names + ["benren.fcgi", "", "benren.fcgi/../benren.json", "benren.fcgi/x/y"]:
        answer = hosting.front.client.call("GET", "/%s/%s" % (base, name))
        assert answer.status in (403, 404), (name, answer)
    for name in names:
        if name not in (".htaccess", "benren.asan"):
            assert (hosting.folder / name).stat().st_mode & 0o007 == 0, "and Apache itself cannot read %s" % name


def test_nothing_but_benren_says_yes(hosting):
    base, program = hosting.app.name.rsplit("/", 1)
    yes = []
    for path in ("%s/facex/verify", "%s/verify", "%s/" + program, "%s/" + program + "/", "%s/" + program + "//verify",
                 "%s/" + program + "/verify/", "%s/" + program + "/verify/x", "%s/" + program + "/x/verify",
                 "%s/" + program.upper() + "/verify", "%s/" + program + "x/verify", "%s/" + program + "/VERIFY",
                 "%s/benren.json/verify", "%s/.htaccess/verify", "%s//" + program + "/verify"):
        for method in ("POST", "GET", "HEAD", "OPTIONS", "PUT", "PROPFIND"):
            status, _, body = webservers.call(hosting.host.port, method, "/" + path % base, [], b"{}" if method == "POST" else b"")
            if 200 <= status < 300:
                yes.append((method, path, status, body))
    assert yes == []


def test_many_at_once_with_few_processes(hosting):
    """Apache lets those wait for which there is no process."""
    def check(_):
        return User(hosting.front, hosting.app).open().passes()
    assert len(each(range(20), check, 20)) == 20
    assert 0 < len(processes()) <= 6


def test_sessions_outlive_the_processes(hosting):
    user = User(hosting.front, hosting.app).open()
    old = processes()
    assert old, "somebody answered"
    where.wait_for(lambda: not processes(), "the host has ended them all", 20)
    user.scan()
    hosting.front.client = Client(hosting.host.port)
    assert user.verify().status == 200
    assert not set(old) & set(processes())


def test_processes_come_and_go_all_the_time(hosting):
    """Seven requests each, four seconds each: and no answer is lost by it."""
    end = time.monotonic() + (6 if where.SHORT else 12)

    def check(_):
        done = 0
        while time.monotonic() < end:
            User(hosting.front, hosting.app).open().passes()
            done += 1
        return done
    assert sum(each(range(4), check, 4)) > 10
    lines = log(hosting)
    assert len({line["pid"] for line in lines}) > 5
    assert not [line for line in lines if line.get("status", 200) >= 500 or line["event"] == "bug"]


def test_an_update_is_a_rename(hosting):
    user = User(hosting.front, hosting.app).open()
    new = hosting.folder / "new"
    shutil.copy(hosting.folder / "benren.fcgi", new)
    own(new, 0o755)
    before = (hosting.folder / "benren.fcgi").stat().st_ino
    new.rename(hosting.folder / "benren.fcgi")
    assert (hosting.folder / "benren.fcgi").stat().st_ino != before
    user.passes()
    assert [path for path in processes()]


def memory(pid):
    try:
        text = pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text()
    except ProcessLookupError:
        return None  # the host was faster
    rows = dict(line.split(":") for line in text.splitlines()[1:])
    return {key: int(rows[key].split()[0]) for key in ("Rss", "Pss", "Private_Clean", "Private_Dirty")}


def test_it_is_small(hosting):
    User(hosting.front, hosting.app).open().passes()
    pids = [pid for pid in processes() if "benren" in pathlib.Path("/proc/%d/comm" % pid).read_text()]
    used = [row for row in map(memory, pids) if row]
    segment = (hosting.folder / "benren.segment").stat().st_size // 1024
    print("processes", len(pids), "KiB each", used[0], "segment KiB", segment)
    assert segment < 5120
    if not (hosting.folder / "benren.asan").exists():
        assert min(row["Private_Dirty"] for row in used) < 8192
