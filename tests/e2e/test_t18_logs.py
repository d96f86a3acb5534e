"""T18: what a client sends ends up in a log or a header, and tries to be a second line there.

What must happen: one log line a request, each one JSON object of words, numbers and an id, and
nothing of what was sent in it (but X-Request-Id, if it is one that can be written as it is); the audit
file the same, and still verified; the headers of every answer are the same ones in the same order.
The strings (nasty.py) stand in every parameter and every field, in the names of both, and in what
WeChat says.

Whole: 5,000 strings in each of the places; in tests/run 100.
"""

import json
import re
import subprocess

import fastcgi
import people
import pytest

import where
from nasty import bodies, is_text, strings
from pool import environment
from rig import LOGIN20, PARAM10, PARAM20, each
from where import figure

STRINGS = strings(figure(5000, 100), seed=18)
MARK = "MarkInALog"
RIG = {"web": None, "apps": (PARAM10, PARAM20, LOGIN20), "log": {"file": "benren.log", "level": "debug"},
       "audit": {"file": "benren.audit"}, "sessions": figure(65536, 4096), "breaker": {"failures": 0},
       "trusted_proxies": ["127.0.0.1"]}

PARAMS = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR",
          "REMOTE_USER", "SERVER_NAME", "SERVER_PROTOCOL", "REQUEST_URI", "HTTP_HOST", "HTTP_X_REQUEST_ID",
          "HTTP_USER_AGENT", "HTTP_ACCEPT_LANGUAGE", "HTTP_COOKIE", "HTTP_REFERER", "HTTP_AUTHORIZATION",
          "HTTP_X_BENREN_TOKEN", "HTTP_X_BENREN_SESSION",
          "HTTP_X_BENREN_TIMESTAMP", "HTTP_X_BENREN_NONCE", "HTTP_X_BENREN_SIGNATURE", "HTTP_IDEMPOTENCY_KEY",
          "HTTP_X_FORWARDED_FOR", "BENREN_APPID", "BENREN_USER", "BENREN_OPENID", "BENREN_ADMIN")
FIELDS = {
    "login": ("code", "appid"),
    "identify": ("name", "id_card_number", "code", "source", "consent", "appid"),
    "verify": ("verify_result", "session", "verify_id", "code"),
    "session": ("session",),
    "cancel": ("session", "err_code"),
    "result": ("session", "caller", "source", "appid"),
}

HEAD = re.compile(rb"Status: [2-5]\d\d\r\n"
                  rb"Content-Type: application/json; charset=utf-8\r\n"
                  rb"Content-Length: \d+\r\n"
                  rb"Cache-Control: no-store\r\n"
                  rb"X-Content-Type-Options: nosniff\r\n"
                  rb"X-Request-Id: ([a-zA-Z0-9._-]{1,64})\r\n"
                  rb"(Retry-After: \d+\r\n)?"
                  rb"(Allow: (GET|POST|GET, HEAD)\r\n)?"
                  rb"\r\n")
WORDS = re.compile(r"[A-Za-z0-9 ._:+-]*")


class Counted:
    """Requests by hand, each of whose answers is looked at, and counted."""

    def __init__(self, rig):
        self.rig, self.ids = rig, []
        self.before = len(log_lines(rig))

    def ask(self, requests):
        """These, one behind the other on one connection."""
        with fastcgi.Connection(self.rig.pool.socket) as connection:
            for data in requests:
                connection.send(data)
                out = connection.output()
                head = HEAD.match(out)
                assert head is not None, (data, out)
                body = out[head.end():]
                assert b"\n" not in body and (body == b"" or isinstance(json.loads(body), dict)), body
                self.ids.append(head.group(1).decode())

    def check(self):
        """A line each, and nothing else."""
        assert len(self.ids) > 50
        lines = log_lines(self.rig)[self.before:]
        own = [json.loads(line) for line in lines]
        requests = [line for line in own if line["event"] == "request"]
        assert sorted(line["id"] for line in requests) == sorted(self.ids), "log lines = requests"
        assert len(own) - len(requests) < 10, "whatever else was said"
        for text, line in zip(lines, own):
            assert len(text) < 700, text
            line.pop("id", None)
            assert MARK not in json.dumps(line), line
            for key, value in line.items():
                assert WORDS.fullmatch(key)
                assert isinstance(value, (int, bool)) or WORDS.fullmatch(value), line


def log_lines(rig):
    """Whole lines, by nothing but \\n: as a tool would take them that knows no other separator."""
    data = (rig.folder / "benren.log").read_bytes()
    assert data.endswith(b"\n")
    return data.decode("utf-8").split("\n")[:-1]


def marked(text):
    return text[:len(text) // 2] + MARK + text[len(text) // 2:]


def params_for(app, endpoint, body, **params):
    """Bytes of a request of somebody's, with this changed."""
    who = {"BENREN_APPID": app.appid, "BENREN_USER": "alice", "BENREN_OPENID": "oAlice"}
    return fastcgi.request(endpoint, body, **{**who, **params})


def as_parameters():
    return [marked(text).encode() for text in STRINGS if is_text(text)]


@pytest.mark.parametrize("name", PARAMS)
def test_a_parameter_makes_no_second_line(rig, name):
    counted = Counted(rig)
    endpoint, body = ("result", b"{}") if "TIMESTAMP" in name or "NONCE" in name or "SIGNATURE" in name else (
        "session", b'{"session": "x"}')
    prefix = b"Bearer " if name == "HTTP_AUTHORIZATION" else b""
    counted.ask(params_for(PARAM20, endpoint, body, **{name: prefix + text}) for text in as_parameters())
    counted.check()


def test_the_name_of_a_parameter_makes_no_second_line(rig):
    counted = Counted(rig)
    counted.ask(params_for(PARAM20, "session", b"{}", **{lead + text.decode(): "x" for lead in ("", "HTTP_")})
                for text in as_parameters())
    counted.check()


def test_the_end_of_a_path_makes_no_second_line(rig):
    counted = Counted(rig)
    for lead in (b"/", b"/face/", b"/face/identify", b"/face/identify/", b""):
        counted.ask(params_for(PARAM20, "x", b"{}", SCRIPT_NAME=lead + text) for text in as_parameters())
    counted.check()


def test_bytes_that_are_no_text_make_no_second_line(rig):
    wrong = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80", b"a\xff\nb", b"\xf4\x90\x80\x80", b"\xe5\xbc",
             bytes(range(256))]
    counted = Counted(rig)
    for name in PARAMS:
        counted.ask(params_for(PARAM20, "session", b"{}", **{name: text}) for text in wrong)
    counted.ask(params_for(PARAM20, "session", text) for text in wrong)
    counted.check()


@pytest.mark.parametrize("endpoint", FIELDS)
def test_a_field_makes_no_second_line(rig, endpoint):
    counted = Counted(rig)
    for field in FIELDS[endpoint]:
        for app in (LOGIN20,) if endpoint == "login" else (PARAM10, PARAM20):
            rest = people.person() if endpoint == "identify" and field not in ("name", "id_card_number") else {}
            requests = (params_for(app, endpoint, body) for text in STRINGS
                        for body in bodies({**rest, field: marked(text) if is_text(text) else text}))
            counted.ask(requests)
    counted.check()


def test_the_name_of_a_field_makes_no_second_line(rig):
    counted = Counted(rig)
    for endpoint in FIELDS:
        counted.ask(params_for(PARAM20, endpoint, body) for text in STRINGS if is_text(text)
                    for body in (*bodies({marked(text): "x"}), json.dumps({marked(text): {text: [text]}}).encode()))
    counted.check()


def test_an_id_that_can_be_written_is_the_one_and_another_is_replaced(rig):
    counted = Counted(rig)
    good = ["a", "A-b_c.9", "f" * 64]
    wrong = ["", "f" * 65, "0" * 64, people.id_number(1), "a b", "a\nb", "a\r\nSet-Cookie: x=y", 'a"b', "a,b", "é", "\x1b[31m"]
    counted.ask(params_for(PARAM20, "session", b"{}", HTTP_X_REQUEST_ID=text) for text in good + wrong)
    assert counted.ids[:len(good)] == good
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in counted.ids[len(good):])
    lines = [json.loads(line)["id"] for line in log_lines(rig)[counted.before:]]
    assert lines == counted.ids


def test_what_wechat_says_makes_no_second_line(rig):
    """Its rid and its numbers are logged; its texts are not."""
    counted = Counted(rig)
    texts = [marked(text) for text in STRINGS if is_text(text) and "\0" not in text][:200]
    leads = ("", "invalid ", "invalid rid: ", "ok rid: 65f0a1b2-0c3d4e5f-66778899")
    said = [lead + text for text in texts for lead in leads]
    for errmsg in said:
        rig.sandbox.fault("getuseridkey", "errcode", errcode=84002, errmsg=errmsg)
        counted.ask([params_for(PARAM10, "identify", json.dumps(people.person()).encode())])
    assert rig.sandbox.calls(path="getuseridkey", fault="errcode") == len(said)
    counted.check()


# --- the audit file ---------------------------------------------------------------------------------------

def test_the_audit_file_has_a_line_each_and_is_still_verified(rig):
    """Users of odd names who bring somebody else's result, and odd consents, of which a good one is written down."""
    file = rig.folder / "benren.audit"
    before = file.read_bytes().count(b"\n")
    texts = [text for text in STRINGS if is_text(text) and "\0" not in text and len(text.encode()) < 2000]
    owner = {"BENREN_APPID": PARAM10.appid, "BENREN_USER": "alice", "BENREN_OPENID": "oAlice"}
    opened = fastcgi.ask(rig.pool.socket, "identify", people.person(), **owner)
    loot = {"verify_result": rig.sandbox.scan(opened["user_id_key"], openid="oAlice")["verifyResult"]}
    told = each(texts, lambda text: fastcgi.ask(rig.pool.socket, "verify", loot,
                                                **{**owner, "BENREN_USER": "thief" + text}), 8)
    assert {answer.status for answer in told} == {403}
    consents = ["terms-1", *texts]
    passed = 0
    for consent in consents:
        who = {"BENREN_APPID": PARAM20.appid, "BENREN_USER": "bob", "BENREN_OPENID": "oBob"}
        opened = fastcgi.ask(rig.pool.socket, "identify", {**people.person(), "consent": consent}, **who)
        if opened.status == 200:
            rig.sandbox.scan(opened["verify_id"], openid="oBob")
            assert fastcgi.ask(rig.pool.socket, "verify", {"session": opened["session"]}, **who).status == 200
            passed += 1
    assert passed >= 1
    data = file.read_bytes()
    assert data.endswith(b"\n")
    lines = [json.loads(line) for line in data.decode("utf-8").split("\n")[:-1]][before:]
    assert {line["event"] for line in lines} == {"refused", "verdict"}
    assert len(lines) == passed + len(texts), "a line each"
    assert [line["consent"] for line in lines if line["event"] == "verdict" and "consent" in line][0] == "terms-1"
    for line in lines:
        assert all(isinstance(value, (int, bool)) or WORDS.fullmatch(value) for value in line.values()), line
    done = subprocess.run([where.program("benren"), "audit", "verify", str(file), "-c", str(rig.pool.file)],
                          env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
