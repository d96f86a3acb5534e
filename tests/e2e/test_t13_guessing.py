"""T13: session ids and login tokens are guessed, or improved letter by letter.

Both are 256 random bits.  What must happen: no guess is a hit, whatever endpoint and place it is
sent to.  Nor is there a signal on the way: what is looked up is HMAC(pool key, guess), so two
guesses that differ in one letter are compared at unrelated places with unrelated bytes, and how long
a comparison ran says nothing about the id without the key; hence no test of timing here.

Whole: 10^7 guesses; in tests/run 10^4.
"""

import base64
import collections
import json
import os

import fastcgi
import people
import pytest

from rig import LOGIN20, PARAM10, PARAM20, each
from where import figure

GUESSES = figure(10_000_000, 10_000)
REAL = 200   # sessions and tokens that a guess could hit
BATCH = 50   # requests in one write
CONNECTIONS = 4
BUSY = 503   # on a busy machine, where a lock was not had within its 200 ms
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

RIG = {"apps": (PARAM10, PARAM20, LOGIN20), "web": None, "log": {"file": "benren.log"}}
PLACE = "@" * 43


def on(app, endpoint, body, **params):
    """The bytes of a request, before and behind the guess."""
    if app.caller == "param":
        params = {"BENREN_USER": "alice", "BENREN_OPENID": "oAlice", **params}
    text = fastcgi.request(endpoint, json.dumps(body, ensure_ascii=False).encode(), BENREN_APPID=app.appid, **params)
    return text.split(PLACE.encode())


def in_header(app, endpoint, body):
    return on(app, endpoint, body, HTTP_X_BENREN_SESSION=PLACE)


# where a guess goes, and what it is told
IN_BODY = {"session": PLACE}
SESSIONS = {
    "session": (on(PARAM20, "session", IN_BODY), 404),
    "session_in_header": (in_header(PARAM20, "session", {}), 404),
    "session_of_1.0": (on(PARAM10, "session", IN_BODY), 404),
    "cancel": (on(PARAM20, "cancel", {**IN_BODY, "err_code": 90100}), 404),
    "verify": (on(PARAM20, "verify", IN_BODY), 404),
    "verify_in_header": (in_header(PARAM20, "verify", {}), 404),
    "verify_of_1.0": (on(PARAM10, "verify", {**IN_BODY, "verify_result": "x"}), 404),
}
TOKENS = {
    "bearer": (on(LOGIN20, "identify", people.person(), HTTP_AUTHORIZATION="Bearer " + PLACE), 401),
    "own_header": (on(LOGIN20, "identify", people.person(), HTTP_X_BENREN_TOKEN=PLACE), 401),
    "verify": (on(LOGIN20, "verify", {"session": "A" * 43}, HTTP_AUTHORIZATION="Bearer " + PLACE), 401),
}


class Guesser(fastcgi.Connection):
    """Counts what it is told."""

    def __init__(self, rig):
        super().__init__(rig.pool.socket, timeout=120)

    def told(self, parts, guesses):
        """{status: how often} for these guesses."""
        return collections.Counter(self.pipeline([guess.join(parts) for guess in guesses]))


def random_guesses(n):
    return [base64.urlsafe_b64encode(os.urandom(32))[:43] for _ in range(n)]


@pytest.fixture(scope="module")
def real(shared_rig):
    """Sessions of alice's and tokens of hers that are all good."""
    sessions = each(range(REAL), lambda _: shared_rig.user(PARAM20, name="alice", openid="oAlice"))
    each(sessions, lambda user: user.open())
    logins = [shared_rig.user(LOGIN20) for _ in range(REAL)]
    tokens = each(logins, lambda user: user.send("login", user.login())["token"])
    return [user.session.encode() for user in sessions], [token.encode() for token in tokens]


def by_hand(rig):
    """Users speak FastCGI here: there is no web server."""
    class Client:
        def send(self, path, fields=None, kind="json", headers=None):
            _, name, endpoint = path.split("/")
            app = next(app for app in rig.apps if app.name == name)
            headers = headers or {}
            who = {"BENREN_USER": headers.get("X-Test-User", ""), "BENREN_OPENID": headers.get("X-Test-Openid", "")}
            return fastcgi.ask(rig.pool.socket, endpoint, fields, BENREN_APPID=app.appid, **who)
    rig.client = Client()


@pytest.fixture(scope="module", autouse=True)
def hands(shared_rig):
    by_hand(shared_rig)


def guess_all(rig, table, total):
    """{status: how often} of so many guesses, spread over the table's places."""
    rows = list(table.values())

    def work(worker):
        sums = collections.Counter()
        with Guesser(rig) as guesser:
            for at in range(worker * BATCH, total, CONNECTIONS * BATCH):
                parts, refusal = rows[at // BATCH % len(rows)]
                n = min(BATCH, total - at)
                told = guesser.told(parts, random_guesses(n))
                assert told[refusal] + told[BUSY] == n, told
                sums += told
        return sums

    return sum(each(range(CONNECTIONS), work, CONNECTIONS), collections.Counter())


def test_no_guess_of_a_session_or_a_token_is_a_hit(rig, real):
    rig.pool.without_log_lines()
    for table, refusal in ((SESSIONS, 404), (TOKENS, 401)):
        told = guess_all(rig, table, GUESSES // 2)
        print(dict(told))
        assert sum(told.values()) == GUESSES // 2
        assert told[refusal] >= GUESSES // 2 * 0.999, "few were told to come again"
    assert sum(rig.sandbox.total().values()) == 0, "none of them cost a call"
    assert rig.pool.segment()["sessions"] == REAL


def test_what_is_real_would_have_been_seen(rig, real):
    sessions, tokens = real
    with Guesser(rig) as guesser:
        told = guesser.told(SESSIONS["session"][0], [*random_guesses(20), *sessions, *random_guesses(20)])
        assert (told[202], told[404]) == (REAL, 40)
        assert guesser.told(SESSIONS["session_in_header"][0], sessions)[202] == REAL
        told = guesser.told(TOKENS["verify"][0], [*tokens, *random_guesses(20)])
        assert (told[404], told[401]) == (REAL, 20), "logged in, and asking about no session"


def test_one_letter_off_is_as_wrong_as_all_of_them(rig, real):
    """The last letter has two bits that stand for nothing: those are no second spelling either."""
    for ids, (parts, refusal) in zip(real, (SESSIONS["session"], TOKENS["bearer"])):
        for one in ids[:3]:
            text = one.decode()
            near = {text[:i] + letter + text[i + 1:] for i in (0, 1, 21, 41, 42) for letter in LETTERS}
            near = [guess.encode() for guess in (near | {text.swapcase()}) - {text}]
            assert len(near) == 5 * 63 + 1
            with Guesser(rig) as guesser:
                assert guesser.told(parts, near)[refusal] == len(near)
    assert sum(rig.sandbox.total().values()) == 0


def test_what_is_not_43_letters_is_refused_before_it_is_looked_up(rig, real):
    session = real[0][0].decode()
    who = {"BENREN_APPID": PARAM20.appid, "BENREN_USER": "alice"}
    for wrong in (session[:-1], session + "A", session + "=", " " + session, session + " ", "", "A" * 4000,
                  session[:20] + "%00" + session[23:], session.replace(session[5], "+", 1)):
        answer = fastcgi.ask(rig.pool.socket, "session", {"session": wrong}, **who)
        assert answer.status == (400 if wrong == "" else 404), (wrong, answer)
