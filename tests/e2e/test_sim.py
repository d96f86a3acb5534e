"""benren-sim, the sandbox, does what WeChat's documents say, and goes wrong when told to."""

import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("BENREN_SIM", os.path.join(ROOT, "build", "dev", "benren-sim"))

APP1 = ("wx0000000000000001", "sandbox-secret-0001")
APP2 = ("wx0000000000000002", "sandbox-secret-0002")
NAME, ID = "张三", "11010519491231002X"
OPENID = "oAlice"
FACE = "/cityservice/face/identify/"


class Sim:
    """A running sandbox, its address, and one call per thing it can do."""

    def __init__(self, folder, *options, listen="127.0.0.1:0"):
        self.ca = str(folder / "ca.pem")
        self.process = subprocess.Popen(
            [BINARY, "--listen", listen, "--ca-out", self.ca, *options],
            stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        self.host, port = re.search(r"https://\[?([0-9a-f.:]+?)\]?:(\d+),", self.line).groups()
        self.port = int(port)
        self.tls = ssl.create_default_context(cafile=self.ca)
        self.tokens = {}

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def connect(self, timeout=10):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)

    def raw(self, method, path, body=None, headers=None, timeout=10):
        """(status, headers, body bytes)"""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, path, value=None, **more):
        body = value
        if value is not None and not isinstance(value, bytes):
            body = json.dumps(value, ensure_ascii=False).encode()
        status, _, text = self.raw(method, path, body, **more)
        assert status == 200, (status, text)
        return json.loads(text)

    def sim(self, what, value=None):
        return self.json("GET" if value is None else "POST", "/sim/" + what, value)

    def stable(self, app=APP1, **more):
        return self.json("POST", "/cgi-bin/stable_token",
                         {"grant_type": "client_credential", "appid": app[0], "secret": app[1], **more})

    def plain(self, app=APP1):
        return self.json("GET", "/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s" % app)

    def token(self, app=APP1):
        if app not in self.tokens:
            self.tokens[app] = self.stable(app)["access_token"]
        return self.tokens[app]

    def face(self, name, value, app=APP1, token=None, **more):
        return self.json("POST", FACE + name + "?access_token=" + (token or self.token(app)), value, **more)

    def open10(self, id_card_number=ID, name=NAME, **more):
        return self.face("getuseridkey", {"name": name, "id_card_number": id_card_number}, **more)

    def open20(self, seq, id_card_number=ID, openid=OPENID, name=NAME, **more):
        return self.face("getverifyid", {
            "out_seq_no": seq, "openid": openid,
            "cert_info": {"cert_type": "IDENTITY_CARD", "cert_name": name, "cert_no": id_card_number}}, **more)

    def query20(self, verify_id, seq, id_card_number=ID, openid=OPENID, name=NAME, **more):
        return self.face("queryverifyinfo", {
            "verify_id": verify_id, "out_seq_no": seq, "openid": openid,
            "cert_hash": cert_hash(name, id_card_number)}, **more)

    def scan(self, key, outcome="pass", openid=None):
        value = {"key": key, "outcome": outcome}
        if openid is not None:
            value["openid"] = openid
        return self.sim("scan", value)

    def scanned10(self, outcome="pass", **more):
        """The verify_result of a fresh key."""
        return self.scan(self.open10(**more)["user_id_key"], outcome)["verifyResult"]

    def getinfo(self, verify_result, **more):
        return self.face("getinfo", {"verify_result": verify_result}, **more)

    def fault(self, **spec):
        return self.sim("fault", spec)

    def settled(self):
        """The ledger when nothing is in flight any more."""
        for _ in range(100):
            ledger = self.sim("ledger")
            if ledger["in_flight"] == 0:
                return ledger
            time.sleep(0.1)
        raise AssertionError("still in flight: %s" % ledger)


def cert_hash(name, number):
    def b64(text):
        return base64.b64encode(text.encode()).decode()
    text = "cert_type=%s&cert_name=%s&cert_no=%s" % (b64("IDENTITY_CARD"), b64(name), b64(number))
    return hashlib.sha256(text.encode()).hexdigest()


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    sim = Sim(tmp_path_factory.mktemp("sim"))
    yield sim
    assert sim.stop() == 0


@pytest.fixture
def sim(shared):
    """The shared sandbox without faults and counts, with good tokens."""
    shared.fault(clear=True)
    shared.sim("ledger/reset", {})
    shared.tokens.clear()
    return shared


@pytest.fixture
def own(tmp_path):
    """Starts sandboxes of a test's own."""
    started = []

    def start(*options, **more):
        started.append(Sim(tmp_path, *options, **more))
        return started[-1]
    yield start
    for sim in started:
        assert sim.stop() == 0


# --- the program ---------------------------------------------------------------------------------

def run(*options):
    return subprocess.run([BINARY, *options], capture_output=True, text=True, timeout=10)


def test_help_and_version():
    help_ = run("--help")
    assert help_.returncode == 0 and "--ca-out" in help_.stdout and help_.stderr == ""
    assert re.fullmatch(r"benren-sim \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("options, code, says", [
    ((), 2, "--listen and --ca-out are needed"),
    (("--listen", "127.0.0.1:0"), 2, "--listen and --ca-out are needed"),
    (("--nonsense",), 2, "unknown option"),
    (("more",), 2, "not an option: more"),
    (("--delay-ms", "-1"), 2, "-1"),
    (("--delay-ms", "1s"), 2, "1s"),
    (("--secret", "s"), 2, "without an --appid"),
    (("--appid", "a", "--appid", "b"), 2, "--secret missing behind --appid a"),
    (("--listen", "127.0.0.1:0", "--ca-out", "x", "--appid", "a"), 2, "--secret missing behind --appid a"),
    (("--appid", "a", "--secret", "s", "--appid", "a"), 2, "twice"),
    (("--listen", "nowhere", "--ca-out", "CA"), 1, "127.0.0.1:8443"),
    (("--listen", "0.0.0.0:0", "--ca-out", "CA"), 1, "--any-address"),
    (("--listen", "[::]:0", "--ca-out", "CA"), 1, "--any-address"),
    (("--listen", "127.0.0.1:0", "--ca-out", "/nonexistent/ca"), 1, "/nonexistent/ca"),
    (("--listen", "127.0.0.1:0", "--ca-out", "CA", "--ca-keep", "/nonexistent/key"), 1, "/nonexistent/key"),
    (("--listen", "127.0.0.1:0", "--ca-out", "CA", "--ca-keep", "/etc/passwd"), 1, "remove it"),
])
def test_what_is_wrong_is_said_on_stderr(tmp_path, options, code, says):
    done = run(*[str(tmp_path / "ca") if o == "CA" else o for o in options])
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr


def test_a_port_in_use_is_said_and_spoils_no_ca_file(own):
    busy = own()
    before = open(busy.ca, encoding="ascii").read()
    done = run("--listen", "127.0.0.1:%d" % busy.port, "--ca-out", busy.ca)
    assert done.returncode == 1 and "in use" in done.stderr
    assert open(busy.ca, encoding="ascii").read() == before


def test_a_ca_that_is_kept_is_the_same_after_a_restart(tmp_path):
    keep = tmp_path / "ca.key"
    first = Sim(tmp_path, "--ca-keep", str(keep))
    before = open(first.ca, encoding="ascii").read()
    assert keep.stat().st_mode & 0o777 == 0o600
    first.stop(signal.SIGKILL)
    second = Sim(tmp_path, "--ca-keep", str(keep))
    assert open(second.ca, encoding="ascii").read() == before
    second.tls = first.tls  # who trusted the first one
    assert second.sim("ledger")["in_flight"] == 0
    second.stop()
    third = Sim(tmp_path)
    assert open(third.ca, encoding="ascii").read() != before, "without the option it is a new one"
    third.stop()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whatever_hangs(tmp_path, sig):
    sim = Sim(tmp_path)
    connections = []
    for kind in ("hang", "drip", "delay", "endless"):
        sim.fault(path="token", kind=kind, ms=60000 if kind == "delay" else 0)
        connection = sim.connect()
        connection.request("GET", "/cgi-bin/token")
        connections.append(connection)
        time.sleep(0.1)
    assert sim.sim("ledger")["in_flight"] == 4
    assert sim.stop(sig) == 0
    for connection in connections:
        connection.close()


def test_the_start_line_names_address_and_ca(own):
    sim = own()
    assert sim.line == "benren-sim: listening on https://127.0.0.1:%d, CA in %s\n" % (sim.port, sim.ca)


def test_the_certificate_holds_for_all_its_names(sim):
    for name in ("127.0.0.1", "::1", "localhost", "api.weixin.qq.com"):
        with socket.create_connection(("127.0.0.1", sim.port)) as plain:
            with sim.tls.wrap_socket(plain, server_hostname=name) as tls:
                assert tls.version() == "TLSv1.3"
    with socket.create_connection(("127.0.0.1", sim.port)) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            sim.tls.wrap_socket(plain, server_hostname="example.org")


def test_it_listens_on_ipv6(own):
    assert own(listen="[::1]:0").stable()["expires_in"] == 7200


def test_other_apps_replace_the_default_ones(own):
    sim = own("--appid", "wxA", "--secret", "a", "--appid", "wxB", "--secret", "b")
    assert "access_token" in sim.stable(("wxA", "a")) and "access_token" in sim.stable(("wxB", "b"))
    assert sim.stable(("wxA", "b"))["errcode"] == 40125
    assert sim.stable(APP1)["errcode"] == 40013


def test_every_call_of_wechat_is_as_late_as_told(own):
    sim = own("--delay-ms", "300")
    before = time.monotonic()
    sim.stable()
    assert time.monotonic() - before >= 0.3
    before = time.monotonic()
    sim.sim("ledger")
    assert time.monotonic() - before < 0.25


def test_a_connection_is_kept(sim):
    connection = sim.connect()
    for _ in range(3):
        connection.request("GET", "/sim/fault")
        answer = connection.getresponse()
        assert answer.status == 200 and not answer.will_close
        answer.read()
    connection.close()


def test_a_browser_gets_a_page(sim):
    status, _, text = sim.raw("GET", "/")
    assert status == 200 and b"/sim/catalogue" in text


# --- tokens ----------------------------------------------------------------------------------------

def test_stable_token_is_the_same_until_its_last_five_minutes(own):
    sim = own()
    first = sim.stable()
    assert first["expires_in"] == 7200 and len(first["access_token"]) > 100 and "errcode" not in first
    sim.sim("clock", {"advance": 6899})
    again = sim.stable()
    assert again["access_token"] == first["access_token"] and 300 < again["expires_in"] <= 301
    sim.sim("clock", {"advance": 2})
    second = sim.stable()
    assert second["access_token"] != first["access_token"] and second["expires_in"] == 7200
    assert sim.open10(token=first["access_token"])["errcode"] == 0
    sim.sim("clock", {"advance": 300})
    assert sim.open10(token=first["access_token"])["errcode"] == 42001
    assert sim.open10(token=second["access_token"])["errcode"] == 0


def test_force_refresh_is_metered(own):
    sim = own()
    tokens = [sim.stable()["access_token"]]
    tokens.append(sim.stable(force_refresh=True)["access_token"])
    assert tokens[0] != tokens[1]
    assert sim.open10(token=tokens[0])["errcode"] == 40001
    assert sim.stable(force_refresh=True)["access_token"] == tokens[1], "within 30 s"
    assert sim.stable(force_refresh=False)["access_token"] == tokens[1]
    for _ in range(19):
        sim.sim("clock", {"advance": 30})
        tokens.append(sim.stable(force_refresh=True)["access_token"])
    assert len(set(tokens)) == 21
    sim.sim("clock", {"advance": 30})
    assert sim.stable(force_refresh=True)["errcode"] == 45009
    assert sim.stable()["access_token"] == tokens[-1]
    sim.sim("clock", {"advance": 86400})
    assert "access_token" in sim.stable(force_refresh=True)


def test_plain_token_is_new_each_time_and_leaves_the_last_one_five_minutes(own):
    sim = own()
    stable, first, second = sim.stable(), sim.plain(), sim.plain()
    assert len({t["access_token"] for t in (stable, first, second)}) == 3
    assert second["expires_in"] == 7200
    assert sim.open10(token=first["access_token"])["errcode"] == 0
    sim.sim("clock", {"advance": 300})
    assert sim.open10(token=first["access_token"])["errcode"] == 42001
    assert sim.open10(token=second["access_token"])["errcode"] == 0
    assert sim.open10(token=stable["access_token"])["errcode"] == 0


@pytest.mark.parametrize("change, errcode", [
    ({"grant_type": None}, 40002), ({"grant_type": "other"}, 40002),
    ({"appid": None}, 41002), ({"appid": "wx9"}, 40013),
    ({"secret": None}, 41004), ({"secret": "wrong"}, 40125),
    ({"force_refresh": "true"}, 47001),
])
def test_token_calls_with_something_wrong(sim, change, errcode):
    wanted = {"grant_type": "client_credential", "appid": APP1[0], "secret": APP1[1], **change}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    assert sim.json("POST", "/cgi-bin/stable_token", wanted)["errcode"] == errcode
    if "force_refresh" not in change:
        query = "&".join("%s=%s" % pair for pair in wanted.items())
        assert sim.json("GET", "/cgi-bin/token?" + query)["errcode"] == errcode


@pytest.mark.parametrize("more, errcode", [({}, 40001), ({"errcode": 42001}, 42001), ({"errcode": 40014}, 40014)])
def test_a_token_can_be_made_bad(sim, more, errcode):
    bad, other = sim.token(), sim.token(APP2)
    sim.sim("token", {"expire": True, "appid": APP1[0], **more})
    assert sim.open10(token=bad)["errcode"] == errcode
    assert sim.open10(token=other)["errcode"] == 0
    assert sim.open10(token=sim.stable()["access_token"])["errcode"] == 0


def test_a_stuck_token_needs_force(own):
    sim = own()
    bad = sim.token()
    sim.sim("token", {"expire": True, "stuck": True})
    assert sim.stable()["access_token"] == bad
    assert sim.open10()["errcode"] == 40001
    fresh = sim.stable(force_refresh=True)["access_token"]
    assert fresh != bad and sim.open10(token=fresh)["errcode"] == 0
    assert sim.stable()["access_token"] == fresh


def test_a_token_can_be_left_little_time(sim):
    sim.stable()
    sim.sim("token", {"expires_in": 400})
    assert sim.stable()["expires_in"] in (399, 400)


def test_the_lifetimes_are_options(own):
    sim = own("--token-lifetime", "600", "--key-lifetime", "77")
    assert sim.stable()["expires_in"] == 600 and sim.open10()["expires_in"] == 77


# --- login -----------------------------------------------------------------------------------------

def session(sim, code, app=APP1, grant="authorization_code"):
    return sim.json("GET", "/sns/jscode2session?appid=%s&secret=%s&js_code=%s&grant_type=%s"
                    % (*app, code, grant))


def test_a_code_is_good_once_for_five_minutes_in_its_app(own):
    sim = own()
    code = sim.sim("login", {"openid": OPENID})["code"]
    assert session(sim, code, APP2)["errcode"] == 40029
    good = session(sim, code)
    assert good["openid"] == OPENID and len(base64.b64decode(good["session_key"])) == 16
    assert "errcode" not in good
    assert session(sim, code)["errcode"] == 40163
    late = sim.sim("login", {"openid": OPENID, "appid": APP2[0]})["code"]
    sim.sim("clock", {"advance": 300})
    assert session(sim, late, APP2)["errcode"] == 40029


def test_login_with_something_wrong(sim):
    assert session(sim, "nonsense")["errcode"] == 40029
    assert session(sim, "")["errcode"] == 41008
    assert session(sim, "x", ("wx9", "s"))["errcode"] == 40013
    assert session(sim, "x", ("", "s"))["errcode"] == 41002
    assert session(sim, "x", (APP1[0], ""))["errcode"] == 41004
    assert session(sim, "x", (APP1[0], "s"))["errcode"] == 40125
    assert session(sim, "x", grant="code")["errcode"] == 40002
    assert sim.json("POST", "/sns/jscode2session", b"{}")["errcode"] == 43001


# --- 1.0 -------------------------------------------------------------------------------------------

def test_one_point_oh_from_end_to_end(sim):
    key = sim.open10()
    assert set(key) == {"errcode", "errmsg", "user_id_key", "expires_in"}
    assert (key["errcode"], key["errmsg"], key["expires_in"]) == (0, "ok", 3600)
    assert re.fullmatch("[0-9a-f]{32}", key["user_id_key"])
    phone = sim.scan(key["user_id_key"], openid=OPENID)
    assert phone == {"errCode": 0, "errMsg": "startFacialRecognitionVerify:ok",
                     "verifyResult": phone["verifyResult"], "faults_armed": 0}
    for _ in range(2):
        info = sim.getinfo(phone["verifyResult"])
        assert abs(info.pop("identify_time") - time.time()) < 5
        assert abs(info.pop("finish_time") - time.time()) < 5
        assert info == {"errcode": 0, "errmsg": "ok", "identify_ret": 0, "validate_data": "",
                        "openid": OPENID, "user_id_key": key["user_id_key"],
                        "id_card_number_md5": md5(ID), "name_utf8_md5": md5(NAME)}


@pytest.mark.parametrize("body, errcode", [
    ({}, 84006), ({"name": NAME}, 84006), ({"name": "", "id_card_number": ID}, 84006),
    ({"name": NAME, "id_card_number": ""}, 84006), ({"verify_result": "x"}, 84006),
    ({"name": 1, "id_card_number": ID}, 47001), ({"name": NAME, "id_card_number": None}, 47001),
])
def test_getuseridkey_with_something_wrong(sim, body, errcode):
    assert sim.face("getuseridkey", body)["errcode"] == errcode


def test_a_verify_result_is_of_its_app_and_lives_five_minutes(own):
    sim = own()
    result = sim.scanned10()
    assert sim.getinfo("nonsense")["errcode"] == 84001
    assert sim.face("getinfo", {})["errcode"] == 84001
    assert sim.getinfo(result, app=APP2)["errcode"] == 84001
    sim.sim("clock", {"advance": 299})
    assert sim.getinfo(result)["errcode"] == 0
    sim.sim("clock", {"advance": 1})
    assert sim.getinfo(result)["errcode"] == 84001


@pytest.mark.parametrize("outcome, code", [
    ("other_face", 10004), ("id_mismatch", 10003), ("not_in_source", 10026), ("pending", 10005),
    ("cancel", 90100), ("timeout", 90107), (10153, 10153), (-1, -1), (4711, 4711),
])
def test_a_failed_scan_of_1_0_has_a_verify_result_too(sim, outcome, code):
    phone = sim.scan(sim.open10()["user_id_key"], outcome)
    assert phone["errCode"] == code and phone["errMsg"].startswith("startFacialRecognitionVerify:fail ")
    info = sim.getinfo(phone["verifyResult"])
    assert (info["errcode"], info["identify_ret"]) == (0, code)


def test_a_pending_scan_can_end_well(sim):
    result = sim.scanned10("pending")
    assert sim.getinfo(result)["identify_ret"] == 10005
    assert sim.sim("scan", {"verify_result": result, "outcome": "pass"})["verifyResult"] == result
    assert sim.getinfo(result)["identify_ret"] == 0


def test_a_phone_can_scan_an_identity_without_a_key(sim):
    phone = sim.sim("scan", {"name": NAME, "id_card_number": ID})
    info = sim.getinfo(phone["verifyResult"])
    assert (info["user_id_key"], info["name_utf8_md5"]) == ("", md5(NAME))


# --- 2.0 -------------------------------------------------------------------------------------------

def test_cert_hash_is_that_of_the_documentation():
    assert cert_hash("张三", "310101199801011234") == \
        "3c241f7ff324977aeb91f173bb2a7b06569e6fd784d5573db34a636d8671108b"


def test_two_point_oh_from_end_to_end(sim):
    opened = sim.open20("seq-two_1")
    assert set(opened) == {"errcode", "errmsg", "verify_id", "expires_in"}
    verify_id = opened["verify_id"]
    assert len(verify_id) == 84 and "+" in verify_id and "/" in verify_id and verify_id.endswith("=")
    assert sim.query20(verify_id, "seq-two_1") == {"errcode": 0, "errmsg": "ok", "verify_ret": 10300}
    assert sim.scan(verify_id, openid=OPENID) == {
        "errCode": 0, "errMsg": "requestFacialVerify:ok", "faults_armed": 0}
    assert sim.query20(verify_id, "seq-two_1") == {"errcode": 0, "errmsg": "ok", "verify_ret": 10000}


def test_a_query_of_2_0_must_say_what_the_opening_said(sim):
    verify_id = sim.open20("seq-mismatch")["verify_id"]
    sim.scan(verify_id)
    good = {"verify_id": verify_id, "out_seq_no": "seq-mismatch", "openid": OPENID,
            "cert_hash": cert_hash(NAME, ID)}
    assert sim.face("queryverifyinfo", good)["verify_ret"] == 10000
    for field in good:
        for value in (good[field] + "x", "", None):
            answer = sim.face("queryverifyinfo", {**good, field: value})
            assert answer["errcode"] == 84001 and "verify_ret" not in answer, field
    assert sim.query20(verify_id, "seq-mismatch", app=APP2)["errcode"] == 84001
    user_id_key = sim.open10()["user_id_key"]
    assert sim.face("queryverifyinfo", {**good, "verify_id": user_id_key})["errcode"] == 84001


@pytest.mark.parametrize("seq", ["", "four", "x" * 33, "with space", "with.dot", "名字名字名字"])
def test_out_seq_no_has_a_form(sim, seq):
    assert sim.open20(seq)["errcode"] == 40097


def test_out_seq_no_is_unique_within_the_app(sim):
    assert sim.open20("seq-unique")["errcode"] == 0
    assert sim.open20("seq-unique")["errcode"] == 40097
    assert sim.open20("seq-unique", app=APP2)["errcode"] == 0


def test_what_is_over_is_forgotten(own):
    sim = own()
    assert sim.open20("seq-forgotten")["errcode"] == 0
    sim.sim("clock", {"advance": 86400})
    sim.tokens.clear()
    assert sim.open20("seq-of-next-day")["errcode"] == 0
    assert sim.open20("seq-forgotten")["errcode"] == 0


@pytest.mark.parametrize("change, errcode", [
    ({"cert_info": None}, 40097), ({"cert_info": "x"}, 40097), ({"openid": None}, 40003), ({"openid": "a b"}, 40003),
    ({"cert_info": {"cert_type": "PASSPORT", "cert_name": NAME, "cert_no": ID}}, 40097),
    ({"cert_info": {"cert_type": "IDENTITY_CARD", "cert_name": "", "cert_no": ID}}, 84006),
    ({"cert_info": {"cert_type": "IDENTITY_CARD", "cert_name": NAME}}, 84006),
])
def test_getverifyid_with_something_wrong(sim, change, errcode):
    good = {"out_seq_no": "seq-wrong-opening", "openid": OPENID,
            "cert_info": {"cert_type": "IDENTITY_CARD", "cert_name": NAME, "cert_no": ID}}
    assert sim.face("getverifyid", {**good, **change})["errcode"] == errcode


@pytest.mark.parametrize("outcome, code", [
    ("other_face", 10004), ("id_mismatch", 10003), ("pending", 10005), ("cancel", 90002), ("timeout", 90017),
    (10300, 10300), (0, 0), (4711, 4711),
])
def test_other_scans_of_2_0(sim, outcome, code):
    seq = "seq-scan-%s" % outcome
    verify_id = sim.open20(seq)["verify_id"]
    assert sim.scan(verify_id, outcome)["errCode"] == code
    assert sim.query20(verify_id, seq)["verify_ret"] == code


def test_a_stranger_in_front_of_the_phone_fails(sim):
    verify_id = sim.open20("seq-stranger")["verify_id"]
    assert sim.scan(verify_id, openid="oMallory")["errCode"] == 10041
    assert sim.query20(verify_id, "seq-stranger")["verify_ret"] == 10041


# --- keys and the phone ----------------------------------------------------------------------------

def test_a_key_lives_as_long_as_it_said(own):
    sim = own("--key-lifetime", "60")
    key, verify_id = sim.open10()["user_id_key"], sim.open20("seq-lifetime")["verify_id"]
    sim.sim("clock", {"advance": 59})
    assert sim.scan(key)["errCode"] == 0
    sim.sim("clock", {"advance": 1})
    assert sim.scan(key) == {"errCode": 10041, "faults_armed": 0,
                             "errMsg": "startFacialRecognitionVerify:fail illegal user or user_id_key"}
    assert sim.scan(verify_id)["errCode"] == 10017
    assert sim.query20(verify_id, "seq-lifetime")["errcode"] == 84002


def test_a_key_nobody_issued(sim):
    assert sim.scan("0" * 32)["errCode"] == 10041
    assert sim.scan("A" * 84)["errCode"] == 10017


@pytest.mark.parametrize("what, body, says", [
    ("scan", {}, "key"), ("scan", {"key": "k", "outcome": "sing"}, "other_face"),
    ("scan", {"key": "k", "openid": ""}, "openid"), ("scan", {"verify_result": "x"}, "verify_result"),
    ("login", {"appid": "wx9"}, "appid"), ("login", {"openid": 1}, "openid"),
    ("token", {}, "expire"), ("token", {"expire": True, "appid": "wx9"}, "appid"), ("clock", {}, "advance"),
    ("fault", {"path": "getinfo"}, "kind"), ("fault", {"path": "nowhere", "kind": "close"}, "path"),
    ("fault", {"path": "getinfo", "kind": "delay"}, "ms"), ("fault", {"path": "*", "kind": "body"}, "body"),
    ("fault", {"path": "*", "kind": "set", "fields": 1}, "fields"),
    ("fault", {"path": "*", "kind": "unset", "fields": [1]}, "texts"),
    ("fault", {"path": "*", "kind": "close", "cuont": 1}, "cuont"),
    ("fault", {"path": "*", "kind": "close", "count": 0}, "count"),
    ("fault", {"path": "*", "kind": "status", "status": 99}, "status"),
    ("fault", {"path": "*", "kind": "body", "body_hex": "f"}, "hex"),
    ("fault", {"clear": True, "path": "*"}, "clear"),
    ("fault", b"{", "JSON"), ("scan", b"[]", "object"),
])
def test_a_wrong_request_to_the_sandbox_is_explained(sim, what, body, says):
    body = body if isinstance(body, bytes) else json.dumps(body)
    status, _, text = sim.raw("POST", "/sim/" + what, body)
    answer = json.loads(text)
    assert status == 400 and says in answer["error"] and answer["faults_armed"] == 0


def test_wrong_paths_and_methods_of_the_sandbox(sim):
    assert sim.raw("GET", "/sim/nothing")[0] == 404
    assert sim.raw("GET", "/sim/scan")[0] == 405
    assert sim.raw("POST", "/sim/ledger", "{}")[0] == 405


# --- strictness ------------------------------------------------------------------------------------

def test_a_body_without_its_length_is_refused(sim):
    def chunks():
        yield b'{"name":"x"}'
    status, _, text = sim.raw("POST", FACE + "getuseridkey?access_token=" + sim.token(), chunks())
    assert status == 412 and b"412 Precondition Failed" in text
    assert {"path": "getuseridkey", "appid": APP1[0], "status": 412, "count": 1} in sim.sim("ledger")["calls"]


def test_the_form_of_a_request(sim):
    path = FACE + "getuseridkey?access_token=" + sim.token()
    assert sim.json("GET", path)["errcode"] == 43002
    assert sim.json("POST", path, b"")["errcode"] == 44002
    for body in (b"{", b"name=x", b"[1]", b'"x"', b"{}{}", b'{"name":"\xff","id_card_number":"x"}'):
        assert sim.json("POST", path, body)["errcode"] == 47001, body
    escaped = json.dumps({"name": NAME, "id_card_number": ID}).encode()
    assert b"\\u5f20" in escaped and sim.json("POST", path, escaped)["errcode"] == 40033
    assert sim.json("POST", path, b'{"name":"a\\\\u5f20","id_card_number":"1"}')["errcode"] == 0
    assert sim.json("POST", "/cgi-bin/stable_token", b"{")["errcode"] == 47001
    assert sim.json("GET", "/cgi-bin/stable_token")["errcode"] == 43002
    assert sim.json("POST", "/cgi-bin/token", b"{}")["errcode"] == 43001
    assert sim.json("GET", "/cgi-bin/nothing")["errcode"] == 40066
    assert sim.raw("POST", path, b"x" * 70000)[0] == 413


def test_a_token_is_needed(sim):
    body = {"name": NAME, "id_card_number": ID}
    for name in ("getuseridkey", "getinfo", "getverifyid", "queryverifyinfo"):
        assert sim.json("POST", FACE + name, body)["errcode"] == 41001
        assert sim.json("POST", FACE + name + "?access_token=", body)["errcode"] == 41001
        assert sim.json("POST", FACE + name + "?access_token=nonsense", body)["errcode"] == 40001


def test_an_error_carries_a_rid(sim):
    error = sim.face("getuseridkey", {})
    assert set(error) == {"errcode", "errmsg"}
    assert re.fullmatch(r"name or id_card_number empty rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", error["errmsg"])


def test_the_content_types_are_wechats(sim):
    def type_of(path):
        return sim.raw("GET", path)[1]["Content-Type"]
    assert type_of("/cgi-bin/token") == "application/json; encoding=utf-8"
    assert type_of("/sns/jscode2session") == "text/plain"


# --- magic IDs -------------------------------------------------------------------------------------

def check_digit(number):
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(d) * w for d, w in zip(number, weights)) % 11]


def documented_results():
    """identify_ret of WECHAT.md 3.1 and verify_ret of 2.4"""
    both = [*range(10001, 10009), 10010, *range(10012, 10019), 10020, 10021, 10026, 10029, 10040, 10041, 10042,
            10045, 10052, 90104, 90105, 90106, 90107, 90109, 90199]
    first = both + [-1, 10009, 10011, 10022, 10027, 10028, 10030, 10031, 10032, 10057, 10066, 10069, 10153,
                    90100, 90101, 90102, 90103, 90108]
    second = both + [10300, *range(90001, 90015), 90017, 90018, 90110]
    return set(first), set(second)


def test_the_catalogue_is_whole_and_well_formed(sim):
    catalogue = sim.sim("catalogue")
    magic = catalogue["magic"]
    numbers = [row["id_card_number"] for row in magic]
    assert len(set(numbers)) == len(numbers) > 100
    for number in numbers:
        assert re.fullmatch(r"99\d{4}19900101\d{3}[0-9X]", number) and check_digit(number) == number[-1]
    first, second = documented_results()
    assert first <= {row.get("identify_ret") for row in magic}
    assert second <= {row.get("verify_ret") for row in magic}
    assert {"pass", "cancel", "pending"} <= {row["outcome"] for row in catalogue["outcomes"]}
    assert 10000 not in {row.get("verify_ret") for row in magic}


def test_every_magic_id_does_what_the_catalogue_says(sim):
    for i, row in enumerate(sim.sim("catalogue")["magic"]):
        number, seq = row["id_card_number"], "seq-magic-%d" % i
        if row["when"] == "special":
            continue
        key, verify = sim.open10(number), sim.open20(seq, number)
        if row["when"] == "open":
            assert key["errcode"] == verify["errcode"] == row["errcode"]
            continue
        phone10, phone20 = sim.scan(key["user_id_key"]), sim.scan(verify["verify_id"])
        info, verified = sim.getinfo(phone10["verifyResult"]), sim.query20(verify["verify_id"], seq, number)
        if row["when"] == "query":
            assert info["errcode"] == verified["errcode"] == row["errcode"]
        else:
            assert info["identify_ret"] == phone10["errCode"] == row.get("identify_ret", 0)
            assert verified["verify_ret"] == row.get("verify_ret", 10000)


def special(sim, text):
    return next(row["id_card_number"] for row in sim.sim("catalogue")["magic"]
                if row["when"] == "special" and text in row["text"])


def test_a_key_of_one_second(sim):
    opened = sim.open10(special(sim, "one second"))
    assert opened["expires_in"] == 1
    time.sleep(1.1)
    assert sim.scan(opened["user_id_key"])["errCode"] == 10041


def test_a_slow_one(sim):
    number = special(sim, "3 seconds")
    before = time.monotonic()
    opened = sim.open10(number)
    assert 3 <= time.monotonic() - before < 4.5 and opened["errcode"] == 0


# --- faults and the ledger -------------------------------------------------------------------------

def lines(ledger, path):
    return [{k: v for k, v in line.items() if k not in ("path", "appid")}
            for line in ledger["calls"] if line["path"] == path]


def test_the_ledger_counts_by_path_app_and_result(sim):
    sim.token(), sim.token(APP2)
    sim.open10(), sim.open10(), sim.open10(app=APP2), sim.open10(name="")
    sim.json("GET", "/elsewhere")
    ledger = sim.sim("ledger")
    assert ledger == {
        "calls": [
            {"path": "stable_token", "appid": APP1[0], "errcode": 0, "count": 1},
            {"path": "stable_token", "appid": APP2[0], "errcode": 0, "count": 1},
            {"path": "getuseridkey", "appid": APP1[0], "errcode": 0, "count": 2},
            {"path": "getuseridkey", "appid": APP2[0], "errcode": 0, "count": 1},
            {"path": "getuseridkey", "appid": APP1[0], "errcode": 84006, "count": 1},
            {"path": "elsewhere", "appid": "", "errcode": 40066, "count": 1},
        ],
        "total": {"stable_token": 2, "token": 0, "jscode2session": 0, "getuseridkey": 4, "getinfo": 0,
                  "getverifyid": 0, "queryverifyinfo": 0, "elsewhere": 1},
        "faults_delivered": 0, "in_flight": ledger["in_flight"], "in_flight_peak": ledger["in_flight_peak"],
        "faults_armed": 0,
    }
    assert sim.sim("ledger/reset", {}) == {"faults_armed": 0}
    assert sim.sim("ledger")["calls"] == []


def test_close_executes_and_says_nothing(sim):
    sim.token()
    assert sim.fault(path="getuseridkey", kind="close") == {"faults_armed": 1}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
        sim.open10()
    assert sim.open10()["errcode"] == 0
    ledger = sim.sim("ledger")
    assert lines(ledger, "getuseridkey") == [{"errcode": 0, "fault": "close", "count": 1}, {"errcode": 0, "count": 1}]
    assert ledger["faults_delivered"] == 1 and ledger["faults_armed"] == 0


def test_a_closed_open_call_was_executed(sim):
    sim.token()
    sim.fault(path="getverifyid", kind="close")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
        sim.open20("seq-closed")
    assert sim.open20("seq-closed")["errcode"] == 40097, "the number was used"


@pytest.mark.parametrize("path", ["scan", "fault", "token", "clock"])
def test_a_tool_without_a_body_says_what_is_missing(sim, path):
    status, _, text = sim.raw("POST", "/sim/" + path)
    assert status == 400 and json.loads(text)["error"]
    assert sim.raw("GET", "/sim/ledger")[0] == 200, "and it lives"


def test_faults_let_pass_then_bite_then_are_over(sim):
    result = sim.scanned10()
    sim.fault(path="getinfo", kind="errcode", errcode=-1, errmsg="system error", count=2, skip=2)
    sim.fault(path="*", kind="status", status=502)
    assert sim.sim("fault")["faults"] == [
        {"path": "getinfo", "kind": "errcode", "skip": 2, "left": 2},
        {"path": "*", "kind": "status", "skip": 0, "left": 1}]
    assert [sim.getinfo(result)["errcode"] for _ in range(4)] == [0, 0, -1, -1]
    assert sim.sim("fault") == {"faults": [{"path": "*", "kind": "status", "skip": 0, "left": 1}],
                                "faults_delivered": 2, "faults_armed": 1}
    assert sim.raw("GET", "/cgi-bin/token")[0] == 502
    assert lines(sim.sim("ledger"), "getinfo") == [
        {"errcode": 0, "count": 2}, {"fault": "errcode", "count": 2}]
    sim.fault(path="*", kind="close", count=7)
    assert sim.fault(clear=True) == {"faults_armed": 0}
    assert sim.getinfo(result)["errcode"] == 0


def test_errcode_is_not_executed_unless_told(sim):
    sim.token()
    sim.fault(path="getverifyid", kind="errcode", errcode=45009)
    answer = sim.open20("seq-errcode")
    assert answer["errcode"] == 45009 and set(answer) == {"errcode", "errmsg"}
    sim.fault(path="getverifyid", kind="errcode", errcode=-1, execute=True)
    assert sim.open20("seq-errcode")["errcode"] == -1
    assert sim.open20("seq-errcode")["errcode"] == 40097


def test_status_body_and_headers(sim):
    sim.fault(path="token", kind="status", status=302, headers={"Location": "https://example.org/"}, body="away")
    status, headers, text = sim.raw("GET", "/cgi-bin/token")
    assert (status, headers["Location"], text) == (302, "https://example.org/", b"away")
    sim.fault(path="token", kind="body", body="<html>", content_type="text/html")
    status, headers, text = sim.raw("GET", "/cgi-bin/token")
    assert (status, headers["Content-Type"], text) == (200, "text/html", b"<html>")
    sim.fault(path="token", kind="body", body_hex="7b00ff")
    assert sim.raw("GET", "/cgi-bin/token")[2] == b"{\x00\xff"
    sim.fault(path="token", kind="body", body="")
    assert sim.raw("GET", "/cgi-bin/token")[2] == b""


def test_set_puts_any_json_over_the_answer(sim):
    sim.token()
    fields = {"identify_ret": "0", "openid": None, "user_id_key": ["\"\n", {"a": True}], "more": {"b": []}}
    result = sim.scanned10()
    sim.fault(path="getinfo", kind="set", fields=fields)
    answer = sim.getinfo(result)
    assert {key: answer[key] for key in fields} == fields
    assert answer["id_card_number_md5"] == md5(ID)
    body = b'{"path":"getinfo","kind":"set","fields":{"identify_ret":-0,"errcode":0.0,"finish_time":1e4}}'
    sim.json("POST", "/sim/fault", body)
    token = sim.token()
    text = sim.raw("POST", FACE + "getinfo?access_token=" + token, json.dumps({"verify_result": result}))[2]
    assert b'"identify_ret":-0,' in text and b'{"errcode":0.0,' in text and b'"finish_time":1e4,' in text


def test_unset_takes_members_away(sim):
    result = sim.scanned10()
    sim.fault(path="getinfo", kind="unset", fields=["errcode", "identify_ret", "name_utf8_md5", "nothing"])
    assert set(sim.getinfo(result)) == {"errmsg", "identify_time", "validate_data", "openid", "user_id_key",
                                        "finish_time", "id_card_number_md5"}
    assert sim.getinfo(result)["errcode"] == 0


def test_delay(sim):
    sim.token()
    sim.fault(path="*", kind="delay", ms=400)
    before = time.monotonic()
    assert sim.open10()["errcode"] == 0
    assert time.monotonic() - before >= 0.4


def test_hang_ends_when_the_client_goes_away(sim):
    sim.token()
    sim.fault(path="getuseridkey", kind="hang")
    with pytest.raises(socket.timeout):
        sim.open10(timeout=0.5)
    assert lines(sim.settled(), "getuseridkey") == [{"errcode": 0, "fault": "hang", "count": 1}]


def test_drip(sim):
    sim.fault(path="token", kind="drip", step_ms=20)
    before = time.monotonic()
    text = sim.raw("GET", "/cgi-bin/token")[2]
    assert json.loads(text)["errcode"] == 40002
    assert time.monotonic() - before >= 0.02 * (len(text) - 1)
    sim.fault(path="token", kind="drip")
    connection = sim.connect(1.5)
    connection.request("GET", "/cgi-bin/token")
    answer = connection.getresponse()
    assert answer.read(1) == b"{"
    connection.close()
    sim.settled()


def test_cut(sim):
    sim.fault(path="token", kind="cut")
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)):
        sim.raw("GET", "/cgi-bin/token")


def test_endless(sim):
    sim.fault(path="token", kind="endless")
    connection = sim.connect()
    connection.request("GET", "/cgi-bin/token")
    answer = connection.getresponse()
    assert answer.read(1 << 20).startswith(b'{"errcode":0,"errmsg":"xxx')
    connection.close()
    sim.settled()


def test_five_hundred_delayed_calls_are_in_flight_at_once(own):
    sim = own("--delay-ms", "2000")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        connections = list(pool.map(lambda _: connected(sim), range(500)))
    before = time.monotonic()
    for connection in connections:
        connection.request("GET", "/cgi-bin/token")
    answers = [connection.getresponse().read() for connection in connections]
    took = time.monotonic() - before
    ledger = sim.settled()
    for connection in connections:
        connection.close()
    assert all(b"40002" in answer for answer in answers)
    assert ledger["in_flight_peak"] == ledger["total"]["token"] == 500
    assert 2 <= took < 10


def connected(sim):
    connection = sim.connect(30)
    connection.connect()
    return connection


def test_clients_that_break_off_do_no_harm(sim):
    for cut in (0, 5, 40):
        with socket.create_connection((sim.host, sim.port)) as plain:
            with sim.tls.wrap_socket(plain, server_hostname=sim.host) as tls:
                tls.sendall((b"POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\n"
                             b"Content-Length: 100\r\n\r\n{}")[:cut + 60])
    with socket.create_connection((sim.host, sim.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert "access_token" in sim.stable()
