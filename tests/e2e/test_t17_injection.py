"""T17: what a client sends ends up in a body to WeChat, and tries to be more there than a text.

What must happen: whatever stands in verify_result, a name, a login code or any other field, the body
to WeChat is one JSON object with the fields that it should have and no other, in which that field is
exactly the input; or the request was refused and nothing was sent.  The same for what goes to the
business's own server.  Read by Python's decoder (recorder.py), not by ours.

Whole: 5,000 strings (nasty.py) in each field that goes on, 1,000 in each other; in tests/run 300.
"""

import itertools
import json
import random
import urllib.parse

import fastcgi
import people
import pytest

from nasty import LONE, bodies, is_text, strings
from recorder import FACE, Recorder, decode
from rig import LOGIN20, PARAM10, PARAM20
from where import figure

STRINGS = strings(figure(5000, 300))
RESULT_MAX = 2048
BLANKS = " \t\r\n"  # around a name: cut off, as a form may have them
users = itertools.count(1)


@pytest.fixture(scope="module")
def shared_rig():
    """In the place of the sandbox somebody who writes down what comes."""
    from rig import Rig
    recorder = Recorder()
    made = Rig(web=None, sandbox=recorder, apps=(PARAM10, PARAM20, LOGIN20), sessions=figure(65536, 16384),
               breaker={"failures": 0}, identity={"lookup_url": recorder.host + "/lookup"})
    yield made
    made.close()
    recorder.stop()


class Asking:
    """Requests by hand on one connection, each of a user of his own, and what they made benren send."""

    def __init__(self, rig, app):
        self.rig, self.app = rig, app
        self.connection = fastcgi.Connection(rig.pool.socket)

    def close(self):
        self.connection.close()

    def __call__(self, endpoint, body, **params):
        n = next(users)
        who = {"BENREN_USER": "user%d" % n, "BENREN_OPENID": "oTester%d" % n} if self.app.caller == "param" else {}
        answer = self.connection.ask(endpoint, body, BENREN_APPID=self.app.appid, **{**who, **params})
        return answer, self.rig.sandbox.take()


@pytest.fixture
def asking(rig):
    """asking(app)(endpoint, body) -> answer, what was sent because of it."""
    made = []
    yield lambda app: made.append(Asking(rig, app)) or made[-1]
    for one in made:
        one.close()


def check_call(seen, path, fields):
    """One call, with these fields and no other."""
    assert [row[0] for row in seen] == [path], seen
    _, query, body = seen[0]
    assert query == {"access_token": ["t" * 100]}
    assert decode(body) == fields, body
    return True


def test_a_verify_result_arrives_as_it_is_or_not_at_all(asking):
    ask = asking(PARAM10)
    sent = 0
    for text in STRINGS:
        for body in bodies({"verify_result": text}):
            answer, seen = ask("verify", body)
            if is_text(text) and "\0" not in text and 0 < len(text.encode()) <= RESULT_MAX:
                assert answer.status == 403, (text, answer)
                sent += check_call(seen, FACE + "getinfo", {"verify_result": text})
            else:
                assert answer.status in (400, 413) and seen == [], (text, answer, seen)
    print("verify_result:", sent, "sent as they are")
    assert sent > len(STRINGS), "most of them can be sent, in both spellings"


def test_a_form_is_no_other_way_in(asking):
    ask = asking(PARAM10)
    sent = 0
    for text in filter(is_text, STRINGS):
        answer, seen = ask("verify", urllib.parse.urlencode({"verify_result": text}).encode(),
                           CONTENT_TYPE="application/x-www-form-urlencoded")
        if answer.status == 403:
            sent += check_call(seen, FACE + "getinfo", {"verify_result": text})
        else:
            assert answer.status in (400, 413) and seen == [], (text, answer, seen)
    assert sent > len(STRINGS) // 2


def open_fields(app, person, seen):
    """What the open call of this protocol must hold."""
    if app.protocol == "1.0":
        return person
    told = decode(seen[0][2])
    return {"out_seq_no": told["out_seq_no"], "openid": told["openid"], "cert_info": {
        "cert_type": "IDENTITY_CARD", "cert_name": person["name"], "cert_no": person["id_card_number"]}}


LETTERS = "张三欧阳娜娜阿卜杜·𠮷〇一 . abcXYZ\ue000\uf8ff\u3400"


def names():
    """The strings, and names that may be: pieces of them too, among what stands on a card."""
    chance = random.Random(2)
    yield from STRINGS
    for text in STRINGS:
        some = "".join(chance.choice(LETTERS) for _ in range(chance.randrange(1, 12)))
        yield some
        yield some[:1] + text[:8] + some[1:]


@pytest.mark.parametrize("app", [PARAM10, PARAM20], ids=lambda a: a.name)
def test_a_name_arrives_as_it_is_or_not_at_all(asking, app):
    ask = asking(app)
    path = FACE + ("getuseridkey" if app is PARAM10 else "getverifyid")
    number = people.person()["id_card_number"]
    sent = 0
    for name in dict.fromkeys(names()):
        for body in bodies({"name": name, "id_card_number": number}):
            answer, seen = ask("identify", body)
            if answer.status == 200:
                person = {"name": name.strip(BLANKS), "id_card_number": number}
                sent += check_call(seen, path, open_fields(app, person, seen))
            else:
                assert answer.status in (400, 413) and seen == [], (name, answer, seen)
    print("names:", sent, "sent as they are")
    assert sent > len(STRINGS), "the good ones among them"


# Fields that are no part of any body to WeChat: with each string in them, nothing of it arrives.
KEY = "HTTP_IDEMPOTENCY_KEY"


@pytest.mark.parametrize("app", [PARAM10, PARAM20], ids=lambda a: a.name)
@pytest.mark.parametrize("field", ["id_card_number", "consent", "source", "session", "verify_id", "appid", "other", KEY])
def test_another_field_arrives_nowhere(asking, app, field):
    ask = asking(app)
    path = FACE + ("getuseridkey" if app is PARAM10 else "getverifyid")
    for text in STRINGS[:1000]:
        person = people.person()
        params = {KEY: text} if field == KEY else {}
        if field == KEY and (not is_text(text) or "\0" in text or len(text.encode()) > 8000):
            continue  # no web server has such a header
        fields = {**person, **({} if field == KEY else {field: text})}
        for endpoint in ("identify", "verify"):
            body = bodies(fields)[-1]
            answer, seen = ask(endpoint, body, **params)
            assert answer.status != 500, (text, answer)
            if answer.status == 200:
                check_call(seen, path, open_fields(app, person, seen))
            else:
                assert seen == [] and answer.status in (400, 404, 413), (field, text, answer, seen)


def test_a_login_code_is_a_word_or_is_not_sent(asking):
    ask = asking(LOGIN20)
    asked = 0
    for text in STRINGS:
        for body in bodies({"code": text}):
            answer, seen = ask("login", body)
            assert answer.status in (400, 401, 413), (text, answer)
            if seen:
                asked += 1
                assert [row[0] for row in seen] == ["/sns/jscode2session"] and seen[0][2] == b""
                assert seen[0][1] == {"appid": [LOGIN20.appid], "secret": [LOGIN20.secret], "js_code": [text],
                                      "grant_type": ["authorization_code"]}
    assert 0 < asked < len(STRINGS) // 10


def can_be_a_parameter(text):
    return is_text(text) and "\0" not in text and len(text.encode()) <= 8000


def test_what_the_web_server_says_of_the_user_is_no_way_in_either(asking):
    """The openid goes to WeChat; the user to the business's own server, whatever he is called."""
    ask = asking(PARAM20)
    sent = 0
    for text in filter(can_be_a_parameter, STRINGS):
        answer, seen = ask("identify", people.person(), BENREN_OPENID=text)
        if answer.status == 200:
            assert decode(seen[0][2])["openid"] == text
        else:
            assert answer.status in (400, 401) and seen == [], (text, answer)
        answer, seen = ask("identify", b"{}", BENREN_USER=text)
        if answer.status != 200:
            assert seen == [], (text, answer)
            continue
        assert [row[0] for row in seen] == ["/lookup", FACE + "getverifyid"]
        told = decode(seen[0][2])
        assert told == {"appid": PARAM20.appid, "openid": told["openid"], "caller": text}, told
        sent += 1
    print("users:", sent, "told as they are called")
    assert sent > len(STRINGS) // 2


def test_half_a_character_is_refused_wherever_it_stands(asking):
    for app, endpoint, field in ((PARAM10, "verify", "verify_result"), (PARAM10, "identify", "name"),
                                 (PARAM20, "verify", "session"), (PARAM20, "verify", "other"), (LOGIN20, "login", "code")):
        ask = asking(app)
        for text in LONE:
            for body in (json.dumps({field: text}), json.dumps({text: field}), json.dumps({"x": [{"y": text}]})):
                answer, seen = ask(endpoint, body.encode())
                assert (answer.status, answer["reason"]) == (400, "bad_request") and seen == [], (text, answer)
