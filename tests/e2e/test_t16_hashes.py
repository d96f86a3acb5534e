"""T16: who gets hold of what benren keeps tries all ID numbers until a hash fits.

An ID number has some 10^9 plausible values and a name fewer, so its MD5 or SHA-256 is as good as
itself.  What must happen: none is kept anywhere, neither the MD5s that 1.0 compares nor the
cert_hash of 2.0: what stands there is keyed (HMAC) or sealed (AES-GCM), with a key that is not in the
segment.  The segment, both logs, the audit file and nginx's logs are searched for every hash of every
canary, in hex of either case, in base64 and as bytes, and each look proves that it can see.

Whole: 1,000 people a protocol; in tests/run 50.
"""

import base64
import hashlib
import itertools
import pathlib
import re

import people
import pytest

import business
from rig import PARAM10, PARAM20, each
from where import figure

PEOPLE = figure(1000, 50)
RIG = {"apps": (PARAM10, PARAM20), "log": {"file": "benren.log", "level": "debug"}, "audit": {"file": "benren.audit"},
       "sessions": 8192}

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
LEAST = 12  # bytes of a hash that count as a hit: also one that is cut short


def cert_hash_text(person):
    """What 2.0 hashes: WECHAT.md."""
    parts = {"cert_type": "IDENTITY_CARD", "cert_name": person["name"], "cert_no": person["id_card_number"]}
    return "&".join("%s=%s" % (key, base64.b64encode(value.encode()).decode()) for key, value in parts.items())


def texts_of(person):
    """All that somebody could have thought of hashing."""
    name, number = person["name"], person["id_card_number"]
    yield from (name, number, number.lower(), number[:17], number[-6:], name + number, number + name,
                name + "\n" + number, name + "|" + number, name + "," + number, cert_hash_text(person))


def digests_of(person):
    for text, algorithm in itertools.product(texts_of(person), ALGORITHMS):
        digest = hashlib.new(algorithm, text.encode()).digest()
        yield (algorithm, text), digest
        yield (algorithm + " twice", text), hashlib.new(algorithm, digest).digest()
        yield (algorithm + " of hex", text), hashlib.new(algorithm, digest.hex().encode()).digest()
    for text in texts_of(person):
        yield ("keyed by nothing", text), hashlib.blake2b(text.encode()).digest()


class Look:
    """Finds any of many digests in a text, by their beginnings."""

    def __init__(self, digests):
        self.known = {digest[:LEAST]: what for what, digest in digests}

    def windows(self, data):
        """Every place where a digest could begin: as bytes, in hex, in base64."""
        for at in range(len(data) - LEAST + 1):
            yield data[at:at + LEAST]
        for run in re.finditer(rb"[0-9a-fA-F]{%d,}" % (2 * LEAST), data):
            text = run.group().decode()
            for at in range(len(text) - 2 * LEAST + 1):
                yield bytes.fromhex(text[at:at + 2 * LEAST])
        for run in re.finditer(rb"[A-Za-z0-9+/_-]{%d,}" % (LEAST * 4 // 3), data):
            text = run.group().translate(bytes.maketrans(b"-_", b"+/"))
            for at in range(len(text) - LEAST * 4 // 3 + 1):
                yield base64.b64decode(text[at:at + LEAST * 4 // 3])

    def in_(self, data):
        known = self.known
        return {known[window] for window in self.windows(data) if window in known}


def used(segment):
    """Without the long runs of zeros, in which nothing is."""
    return re.sub(rb"\0{64,}", bytes(32), segment)


@pytest.fixture(scope="module")
def checked(shared_rig):
    """Everybody opened; two thirds ended, passed or not; one third still waits, with all that it is compared with."""
    users = [shared_rig.user(app) for app in (PARAM10, PARAM20) for _ in range(PEOPLE)]
    each(users, lambda user: user.open())
    for n, outcome in enumerate(("pass", "other_face")):
        some = users[n::3]
        each(some, lambda user: user.scan(outcome))
        assert {answer.status for answer in each(some, lambda user: user.verify())} == {(200, 403)[n]}
    return users


def test_the_look_sees_what_is_there():
    person = people.person()
    look = Look(digests_of(person))
    noise = bytes(range(256)) * 3
    for what, digest in digests_of(person):
        for form in (digest, digest[:LEAST], digest.hex().encode(), digest.hex().upper().encode(),
                     base64.b64encode(digest), base64.urlsafe_b64encode(digest)):
            for lead in (b'"', b"a", b"ab", b"abc"):  # in the middle of other letters, too
                assert what in look.in_(b'{"k": ' + lead + form + b'"}'), (what, form)
    assert not look.in_(noise)


def test_no_hash_of_a_name_or_number_is_kept(rig, checked):
    look = Look(pair for user in checked for pair in digests_of(user.person))
    segment = pathlib.Path(rig.pool.conf["segment"]).read_bytes()
    written = {path.name: path.read_bytes() for pattern in ("benren.log", "benren.audit", "nginx*.txt", "worker.*.err")
               for path in rig.folder.glob(pattern)}
    # the places are the right ones, and full: keyed hashes of the same people do stand in the segment
    for user in checked:
        name = user.headers["X-Test-User"]
        for parts in (("caller", user.app.appid, name), ("identity", *user.person.values())):
            assert bytes.fromhex(business.told(user.app.business_secret, *parts)) in segment
    assert written["benren.log"].count(b'"identify"') == len(checked)
    assert written["benren.audit"].count(b'"verdict"') >= len(checked) // 2
    assert written["nginx-access.txt"].count(b"/identify") == len(checked)
    assert not look.in_(used(segment))
    for name, data in written.items():
        assert not look.in_(data), name
    planted = segment[:5000] + hashlib.md5(checked[0].person["id_card_number"].encode()).digest() + segment[5000:]
    assert len(look.in_(used(planted))) == 1, "and one that was planted is found"


def test_no_name_or_number_is_kept_either(rig, checked):
    kept = used(pathlib.Path(rig.pool.conf["segment"]).read_bytes()) + (rig.folder / "benren.audit").read_bytes()
    assert PARAM10.appid.encode() in kept
    for user in checked:
        for text in user.person.values():
            assert text.encode() not in kept
