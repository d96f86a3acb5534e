"""T10: somebody wants to know whether a name and an ID number belong together, or exist: face checks as an oracle.

Must happen: a client is told a class and no more.  All answers to "is this ID real?" (number does not match,
not in the source, another face, comparison failed, and what benren itself finds to differ) are one answer, byte
for byte, in the same time; every other no is one of three more.  (The phone's own callback says more to its
owner, and that we cannot help.  An app with reveal_codes has chosen to tell.)
Figure: 10,000 responses a protocol over all values of identify_ret and verify_ret: at most 4 distinct noes, one
"pending", one yes; each value once in tests/run.  Timing: Welch's t of 100,000 responses below 4.5, only by
tests/threats.
"""

import collections
import json
import math
import random
import statistics
import time

import fastcgi
import people
import pytest

from rig import OPEN20, PARAM10, PARAM20, each
from where import figure

RIG = {"apps": (PARAM10, PARAM20, OPEN20), "sessions": 131072, "breaker": {"failures": 0}}
KNOWN_APPS = [PARAM10, PARAM20]

NOT_REAL = {10003, 10009, 10026}  # number does not match, no source, not in the source
REAL = {10004, 10012, 10057}      # another face, comparison failed, another subject
UNDOCUMENTED = [1, 2, 200, 9999, 10019, 10099, 11000, 20000, 90026, 99999, -2, 2147483647]


def values(rig, app):
    """Every value that is documented, and some that are not."""
    field = "identify_ret" if app.protocol == "1.0" else "verify_ret"
    known = [row[field] for row in rig.sandbox.catalogue() if row["when"] == "result" and field in row]
    assert len(known) > 40 and {10003, 10004, 10012, 10026} <= set(known)
    return sorted({*known, *UNDOCUMENTED, *NOT_REAL, *REAL, 0, 10000})


def told(answer):
    """All that a client sees, but what is new in every answer, and that nginx ends a connection now and then."""
    headers = tuple((name, value) for name, value in answer.headers.items()
                    if name.lower() not in ("x-request-id", "date", "connection"))
    return answer.status, headers, answer.body


def response(rig, app, value, **more):
    user = rig.user(app, **more).open()
    user.scan(value)
    return user, user.verify()


def classes(told_by_value):
    """word -> values"""
    out = collections.defaultdict(set)
    for value, one in told_by_value.items():
        out[json.loads(one[2])["reason"]].add(value)
    return out


@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_client_sees_one_of_six_answers_whatever_wechat_said(rig, app):
    all_values = values(rig, app)
    n = figure(10000, len(all_values))
    asked = [all_values[i % len(all_values)] for i in range(n)]
    seen = {}
    for value, (user, answer) in zip(asked, each(asked, lambda value: response(rig, app, value), 8)):
        assert seen.setdefault(value, told(answer)) == told(answer), value
        assert answer["verified"] is (value == (0 if app.protocol == "1.0" else 10000)), (value, answer)
    assert rig.sandbox.total(app.query_call) == n
    words = classes(seen)
    assert set(words) == {"passed", "pending", "identity", "start_again", "device", "cancelled"}
    assert len(set(seen.values())) == len(words), "one answer a class"
    assert words["identity"] == NOT_REAL | REAL
    shapes = {tuple(json.loads(one[2])) for one in seen.values() if one[0] == 403}
    assert len(shapes) == 1, "and of one shape"
    bodies = {one[2] for one in seen.values() if one[0] == 403}
    assert len(bodies) <= 4
    assert not any(str(value).encode() in body for body in bodies for value in all_values if value > 9999)


def differing(rig, app):
    """1.0: what benren itself finds to differ; 2.0: nothing, there WeChat compares."""
    if app.protocol == "2.0":
        return
    for fields in ({"name_utf8_md5": "0" * 32}, {"id_card_number_md5": "0" * 32}, {"openid": "oSomebodyElse"}):
        user = rig.user(app).open()
        user.scan()
        rig.sandbox.fault("getinfo", "set", fields=fields)
        yield user, user.verify()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_whether_an_id_is_real_is_one_answer_in_both_protocols_and_whoever_asks(rig, language):
    seen, counted = collections.defaultdict(set), 0
    for app in KNOWN_APPS:
        pairs = [response(rig, app, value, language=language) for value in sorted(NOT_REAL | REAL)]
        if language == "zh":
            pairs += differing(rig, app)
        for user, answer in pairs:
            seen["verify"].add(told(answer))
            seen["again"].add(told(user.verify()))
            seen["session"].add(told(user.send("session", {"session": user.session})))
            counted += 1
    assert counted == (15 if language == "zh" else 12)
    assert len(seen["verify"]) == 1 and seen["verify"] == seen["again"] == seen["session"], seen


def test_opening_is_no_oracle_either(rig):
    """Numbers that exist, and the sandbox's magic ones that come to a no: all the same but for the key."""
    magic = {row["identify_ret"]: row["id_card_number"] for row in rig.sandbox.catalogue()
             if row["when"] == "result" and row.get("identify_ret") in NOT_REAL | REAL}
    answers = [rig.user(PARAM10).identify(people.person(number)) for number in [None, *magic.values()]]
    assert len(magic) == 6 and {answer.status for answer in answers} == {200}
    assert len({tuple(answer.json) for answer in answers}) == len({len(answer.body) for answer in answers}) == 1


def test_an_app_that_reveals_codes_is_told_apart(rig):
    """That the tests above would notice."""
    assert len({told(response(rig, OPEN20, value)[1]) for value in NOT_REAL | REAL}) == 6


# --- time -----------------------------------------------------------------------------------------

RESPONSES, BATCH = 100_000, 500
CAN_BE_SEEN_US = 50


def timed(rig, app, connection, user):
    """Microseconds from the question's last byte to the whole answer, without a web server between."""
    question = fastcgi.request("verify", user.proof(), BENREN_APPID=app.appid, BENREN_USER=user.headers["X-Test-User"],
                               BENREN_OPENID=user.openid)
    start = time.perf_counter_ns()
    connection.send(question)
    answer = connection.answer()
    took = time.perf_counter_ns() - start
    assert (answer.status, answer["reason"]) == (403, "identity")
    return took / 1000


def welch(a, b):
    error = math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
    return (statistics.fmean(a) - statistics.fmean(b)) / error, error


def cropped(a, b, share):
    """Without the slowest, which say more of the machine than of us."""
    limit = sorted(a + b)[int(len(a + b) * share) - 1]
    return [x for x in a if x <= limit], [x for x in b if x <= limit]


@pytest.mark.skipif(not figure(True, False), reason="measures time: tests/threats t10")
def test_whether_an_id_is_real_takes_the_same_time(rig):
    rng = random.Random(10)
    for app in KNOWN_APPS:
        samples = {True: [], False: []}
        with fastcgi.Connection(rig.pool.socket) as connection:
            while len(samples[True]) + len(samples[False]) < RESPONSES // 2:
                batch = [(n % 2 == 0, rng.choice(sorted(REAL if n % 2 == 0 else NOT_REAL))) for n in range(BATCH)]
                rng.shuffle(batch)
                users = [rig.user(app).open() for _ in batch]
                for user, (_, value) in zip(users, batch):
                    user.scan(value)
                for user, (real, _) in zip(users, batch):
                    samples[real].append(timed(rig, app, connection, user))
        for share in (0.99, 0.9):
            real, not_real = cropped(samples[True], samples[False], share)
            t, error = welch(real, not_real)
            print("%s: %d responses of %.0f us, the fastest %d %%: |t| = %.2f, seen from %.1f us on" % (
                app.protocol, len(real) + len(not_real), statistics.fmean(real), 100 * share, abs(t), 4.5 * error))
            assert abs(t) < 4.5, "the answers differ in time"
        assert 4.5 * error < CAN_BE_SEEN_US, "too noisy a machine to say so"
