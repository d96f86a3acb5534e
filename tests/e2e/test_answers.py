"""WeChat's answers, damaged in every way: never a yes, the reason in the log, and then all is well."""

import hashlib
import json

import pytest

import where
from rig import ANON10, LOGIN20, PARAM10, PARAM20, app

RIG = {"apps": (PARAM10, PARAM20, LOGIN20, ANON10), "breaker": {"failures": 0}}
RID = "65f0a1b2-0c3d4e5f-66778899"
OK_WITH_RID = "ok rid: " + RID
NEARLY_TOO_LARGE = 60 * 1024


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def text(fields, **changes):
    """JSON in which a value may also be verbatim bytes (a str in a tuple)."""
    fields = {key: value for key, value in {**fields, **changes}.items() if value is not DROP}
    return "{%s}" % ",".join(
        "%s:%s" % (json.dumps(key), value[0] if isinstance(value, tuple) else json.dumps(value, ensure_ascii=False))
        for key, value in fields.items())


DROP = object()

# What stands in the place of an integer that must be there.
NOT_INTEGERS = {
    "missing": DROP, "text": "0", "float": ("0.0",), "minus_zero": ("-0",), "exponent": ("0e0",),
    "exponent_of_ten": ("1e4",), "text_of_ten": "10000", "float_of_ten": ("10000.0",), "false": False,
    "true": True, "null": None, "array": [], "array_of_it": [0], "object": {}, "empty_text": "",
    "huge": ("1" + "0" * 40,), "beyond_int": 4294967296, "beyond_int_passing": 4294967296 + 10000,
    "leading_zero": ("00",), "plus": ("+0",), "hex": ("0x0",), "nan": ("NaN",),
}
# What stands in the place of a text that must be there and be right.
NOT_THE_TEXT = {
    "missing": DROP, "empty": "", "null": None, "number": 0, "false": False, "array": [], "object": {},
    "other": "0123456789abcdef0123456789abcdef",
}


def http_damages(good):
    """Damage that needs no knowledge of fields: (name, fault kind, what it takes)."""
    half = good[:len(good) // 2]
    return [
        ("html", "body", {"body": "<html><body>error</body></html>", "content_type": "text/html"}),
        ("empty", "body", {"body": ""}),
        ("blank", "body", {"body": " \n"}),
        ("half", "body", {"body": half}),
        ("tail", "body", {"body": good + "x"}),
        ("tail_quote", "body", {"body": good + '"'}),
        ("form_feed", "body", {"body": "\f" + good}),
        ("vertical_tab", "body", {"body": good + "\v"}),
        ("two", "body", {"body": good + good}),
        ("array", "body", {"body": "[" + good + "]"}),
        ("quoted", "body", {"body": json.dumps(good)}),
        ("null", "body", {"body": "null"}),
        ("true", "body", {"body": "true"}),
        ("no_fields", "body", {"body": "{}"}),
        ("comment", "body", {"body": "/*x*/" + good}),
        ("single_quotes", "body", {"body": good.replace('"', "'")}),
        ("not_utf8", "body", {"body_hex": good.replace("{", '{"x":"\0",', 1).encode().replace(b"\0", b"\xff").hex()}),
        ("nul", "body", {"body_hex": good.encode().hex() + "00"}),
        ("bom", "body", {"body_hex": "efbbbf" + good.encode().hex()}),
        ("deep", "body", {"body": good[:-1] + ',"x":' + "[" * 200 + "]" * 200 + "}"}),
        ("endless", "endless", {}),
        ("status_500", "status", {"status": 500, "body": good}),
        ("status_204", "status", {"status": 204, "body": ""}),
        ("status_404", "status", {"status": 404, "body": good}),
        ("status_201", "status", {"status": 201, "body": good}),
        ("redirect", "status", {"status": 302, "body": good, "headers": {"Location": "https://127.0.0.1:1/"}}),
        ("cut", "cut", {}),
        ("closed", "close", {"count": 2}),
    ]


def field_damages(good, integers, texts=()):
    """Damage of single fields, as verbatim bodies."""
    out = []
    for field in integers:
        for name, value in NOT_INTEGERS.items():
            out.append(("%s_%s" % (field, name), "body", {"body": text(good, **{field: value})}))
        first = text(good)
        out.append(("%s_twice" % field, "body", {"body": "{%s:%d,%s" % (json.dumps(field), good[field], first[1:])}))
        out.append(("%s_twice_differing" % field, "body", {"body": "{%s:1,%s" % (json.dumps(field), first[1:])}))
        out.append(("%s_in_capitals" % field, "body", {"body": first.replace(field, field.upper())}))
    for field in texts:
        for name, value in NOT_THE_TEXT.items():
            out.append(("%s_%s" % (field, name), "body", {"body": text(good, **{field: value})}))
        out.append(("%s_twice" % field, "body", {"body": text({field: "x"})[:-1] + "," + text(good)[1:]}))
    return out


def arm(rig, path, kind, spec):
    rig.sandbox.fault(path, kind, **spec)


def refused(rig, answer, case, statuses=(502, 503)):
    """Not a yes; and the log says why, with WeChat's rid where there was one."""
    assert answer.status in statuses, (case, answer)
    assert answer.get("verified") in (None, False), (case, answer)
    line = rig.pool.line_of(answer)
    word = line.get("why") or line.get("login")
    assert word and word != "passed", (case, line)
    return line


# --- 1.0 -------------------------------------------------------------------------------------

def getinfo_answer(user):
    return {
        "errcode": 0, "errmsg": OK_WITH_RID, "identify_ret": 0, "identify_time": 1750000000, "validate_data": "",
        "openid": user.openid, "user_id_key": user.key, "finish_time": 1750000000,
        "id_card_number_md5": md5(user.person["id_card_number"]), "name_utf8_md5": md5(user.person["name"]),
    }


def test_the_undamaged_answer_passes_so_that_the_damage_below_is_what_counts(rig):
    for changes in ({}, {"check_alive_type": 2}, {"check_msg": "x"}, {"identify_time": DROP}, {"finish_time": DROP},
                    {"validate_data": DROP}, {"errmsg": DROP}):
        user = rig.user(PARAM10).open()
        user.scan("other_face")
        arm(rig, "getinfo", "body", {"body": text(getinfo_answer(user), **changes)})
        answer = user.verify()
        assert answer.status == 200, (changes, answer)
        assert rig.pool.line_of(answer)["rid"] == ("" if "errmsg" in changes else RID)


# Well-formed answers that say no, or are about somebody else: they end something.
SAYS_NO = ("_other", "_beyond_int", "_beyond_int_passing", "_md5_empty", "_openid_empty", "user_id_key_empty",
           "openid_empty")


def getinfo_damages(user):
    good = getinfo_answer(user)
    return http_damages(text(good)) + field_damages(
        good, ["errcode", "identify_ret"], ["user_id_key", "id_card_number_md5", "name_utf8_md5", "openid"])


def test_no_damaged_answer_of_getinfo_passes_and_the_next_good_one_does(rig):
    names = [name for name, _, _ in getinfo_damages(rig.user(PARAM10).open())]
    assert len(set(names)) == len(names) > 100
    for i, name in enumerate(names):
        user = rig.user(PARAM10).open()
        user.scan()
        _, kind, spec = getinfo_damages(user)[i]
        arm(rig, "getinfo", kind, spec)
        answer = user.verify()
        line = refused(rig, answer, name, (403, 502, 503))
        again = user.verify()
        if answer.status == 403:
            assert name.endswith(SAYS_NO), (name, answer)
            assert line["rid"] == RID and again.status == 403, (name, line, again)
        else:
            assert again.status == 200, (name, again)


@pytest.mark.parametrize("result", ["a b", 'a"b\\', "中", "A" * 2048, "</script>", "%00", "a\nb", "{}", "null"],
                         ids=lambda r: repr(r)[:12])
def test_an_invented_verify_result_is_wechats_to_judge_and_refused(rig, result):
    user = rig.user(PARAM10)
    answer = user.send("verify", {"verify_result": result})
    assert answer.status == 403 and answer["verified"] is False, answer
    assert rig.pool.line_of(answer)["errcode"] == 84001, "it arrived as it was sent, and nobody knows it"
    assert user.send("verify", {"verify_result": result}).status == 403
    assert rig.sandbox.total("getinfo") == 1


def test_without_a_known_openid_it_need_not_be_there(rig):
    user = rig.user(ANON10).open()
    user.scan()
    arm(rig, "getinfo", "body", {"body": text(getinfo_answer(user), openid=DROP)})
    assert user.verify().status == 200


@pytest.mark.parametrize("who,path", [(PARAM10, "getinfo"), (PARAM20, "queryverifyinfo")], ids=["1.0", "2.0"])
def test_fields_that_no_verdict_rests_on_are_ignored_and_told_once(build, who, path):
    rig = build(workers=1, apps=(who,))
    for fields in ({"liveness_score": 99}, {"x": None}, {"x": "x" * NEARLY_TOO_LARGE}, {"liveness_score": {"errcode": 1}},
                   {"11010519491231002X": 1}):
        user = rig.user(who).open()
        user.scan()
        arm(rig, path, "set", {"fields": fields})
        assert user.verify().status == 200, fields
    told = [line["field"] for line in rig.pool.lines(event="new_field")]
    assert told == ["liveness_score", "x", "(not shown)"], told


@pytest.mark.parametrize("who,path", [(PARAM10, "getinfo"), (PARAM20, "queryverifyinfo")], ids=["1.0", "2.0"])
def test_a_field_that_is_ignored_must_not_stand_twice_either(rig, who, path):
    user = rig.user(who).open()
    user.scan()
    good = QUERY20 if who is PARAM20 else getinfo_answer(user)
    arm(rig, path, "body", {"body": '{"x":1,"x":1,' + text(good)[1:]})
    answer = user.verify()
    assert answer.status == 502 and rig.pool.line_of(answer)["why"] == "unreadable_answer"
    assert user.verify().status == 200


# --- 2.0 -----------------------------------------------------------------------------------------

QUERY20 = {"errcode": 0, "errmsg": OK_WITH_RID, "verify_ret": 10000}


def test_the_undamaged_answer_of_2_0_passes(rig):
    for changes in ({}, {"errmsg": DROP}):
        user = rig.user(PARAM20).open()
        arm(rig, "queryverifyinfo", "body", {"body": text(QUERY20, **changes)})
        assert user.verify().status == 200


def test_no_damaged_answer_of_queryverifyinfo_passes_and_the_next_good_one_does(rig):
    cases = http_damages(text(QUERY20)) + field_damages(QUERY20, ["errcode", "verify_ret"])
    for name, kind, spec in cases:
        if name == "verify_ret_text_of_ten":
            assert '"verify_ret":"10000"' in spec["body"]
        user = rig.user(PARAM20).open()
        user.scan()
        arm(rig, "queryverifyinfo", kind, spec)
        answer = user.verify()
        line = refused(rig, answer, name, (403, 502, 503))
        if answer.status == 403:
            assert name in ("verify_ret_beyond_int", "verify_ret_beyond_int_passing"), (name, answer)
            assert line["rid"] == RID
            assert user.verify().status == 403
        else:
            again = user.verify()
            assert again.status == 200, (name, again)
    assert len(cases) > 60


def test_what_an_answer_of_2_0_repeats_of_the_question_has_to_be_ours(rig):
    for field in ("verify_id", "out_seq_no", "cert_hash", "openid"):
        user = rig.user(PARAM20).open()
        user.scan()
        for kind, spec in (("body", {"body": text(QUERY20, **{field: "other"})}),
                           ("body", {"body": text(QUERY20, **{field: None})}),
                           ("body", {"body": text({"errcode": 84001, field: "other"})})):
            arm(rig, "queryverifyinfo", kind, spec)
            answer = user.verify()
            assert answer.status == 502, (field, answer)
            assert rig.pool.line_of(answer)["why"] == "other_question"
        assert user.verify().status == 200, field
    user = rig.user(PARAM20).open()
    arm(rig, "queryverifyinfo", "body", {"body": text(QUERY20, openid=user.openid, verify_id=user.key)})
    assert user.verify().status == 200


def test_numbers_that_are_no_pass_do_not_pass(rig):
    for value in (0, 1, -10000, 10001, 100000, 1000):
        user = rig.user(PARAM20).open()
        arm(rig, "queryverifyinfo", "body", {"body": text(QUERY20, verify_ret=value)})
        assert user.verify().status == 403, value
    for value in (10000, 1, -1, 200):
        user = rig.user(PARAM10).open()
        user.scan()
        arm(rig, "getinfo", "set", {"fields": {"identify_ret": value}})
        assert user.verify().status == 403, value


# --- opening --------------------------------------------------------------------------------------

@pytest.mark.parametrize("app, path, key", [(PARAM10, "getuseridkey", "user_id_key"),
                                            (PARAM20, "getverifyid", "verify_id")], ids=["1.0", "2.0"])
def test_no_damaged_answer_opens_a_session(rig, app, path, key):
    good = {"errcode": 0, "errmsg": OK_WITH_RID, key: "k" * 32, "expires_in": 3600}
    texts = [key]
    cases = http_damages(text(good)) + field_damages(good, ["errcode", "expires_in"], texts)
    cases += [("expires_in_%d" % n, "body", {"body": text(good, expires_in=n)}) for n in (0, -1, 86401)]
    cases.append(("key_long", "body", {"body": text(good, **{key: "k" * 1000})}))
    before = rig.pool.segment()
    for name, kind, spec in cases:
        if name in ("expires_in_true", key + "_other"):
            continue  # any text may be a key
        spec = {**spec, "count": 1}
        arm(rig, path, kind, spec)
        answer = rig.user(app).identify()
        refused(rig, answer, name)
        assert "session" not in answer.json
    assert rig.pool.segment()["sessions"] == before["sessions"], "nothing stays behind"
    arm(rig, path, "body", {"body": text(good, new_field={"x": 1})})
    assert rig.user(app).identify().status == 200, "a new field does no harm here"
    rig.user(app).open().passes()


def test_a_key_that_wechat_gives_twice_is_the_callers_newest_session_and_nobody_elses(rig):
    """Its documents do not say whether the same identity gets the same key."""
    user = rig.user(PARAM10).open()
    first = user.session
    arm(rig, "getuseridkey", "set", {"fields": {"user_id_key": user.key}})
    user.open(user.person, source=1)  # the same again would not be asked for again
    assert user.session != first
    thief = rig.user(PARAM10)
    arm(rig, "getuseridkey", "set", {"fields": {"user_id_key": user.key}})
    answer = thief.identify(user.person)
    assert answer.status == 502 and "session" not in answer.json, answer
    assert rig.pool.line_of(answer)["why"] == "key_of_another_caller"
    user.passes()
    assert user.send("session", {"session": user.session}).status == 200
    answer = user.send("session", {"session": first})
    assert (answer.status, answer["reason"]) == (403, "start_again"), "it was superseded"
    arm(rig, "getuseridkey", "set", {"fields": {"user_id_key": user.key}})
    answer = user.identify(user.person, source=2)
    assert answer.status == 502, "a key that has passed opens nothing more"
    assert rig.pool.line_of(answer)["why"] == "key_has_passed"


# --- login ------------------------------------------------------------------------------------------

def test_no_damaged_answer_of_jscode2session_is_a_login(rig):
    good = {"openid": "oTester", "session_key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    cases = http_damages(text(good)) + field_damages(good, [], ["openid"])
    with_errcode = {**good, "errcode": 0}
    cases += [case for case in field_damages(with_errcode, ["errcode"])
              if case[0] not in ("errcode_missing", "errcode_in_capitals")]
    cases += [("openid_" + name, "body", {"body": text(good, openid=value)})
              for name, value in (("blank", "o x"), ("quote", 'o"x'), ("nul", "o\0x"), ("long", "o" * 129),
                                  ("chinese", "o中"))]
    for name, kind, spec in cases:
        if name == "openid_other":
            continue
        user = rig.user(LOGIN20)
        arm(rig, "jscode2session", kind, {**spec, "count": 1})
        answer = user.identify()
        refused(rig, answer, name, (401, 502, 503))
        assert answer.status != 401, (name, "the client cannot help it")
        rig.sandbox.sim("fault", {"clear": True})
    assert rig.sandbox.total("getverifyid") == 0
    rig.user(LOGIN20).open().passes()


# --- the access token ---------------------------------------------------------------------------------

TOKEN = {"access_token": "98_" + "t" * 100, "expires_in": 7200}


def token_cases():
    cases = [case for case in http_damages(text(TOKEN)) if case[0] not in ("closed",)]
    cases += field_damages(TOKEN, ["expires_in"], ["access_token"])
    cases += [("expires_in_%d" % n, "body", {"body": text(TOKEN, expires_in=n)}) for n in (0, -1, 10**9)]
    cases += [("token_" + name, "body", {"body": text(TOKEN, access_token=value)})
              for name, value in (("blank", "a b"), ("amp", "a&b"), ("newline", "a\r\nb"), ("long", "t" * 5000),
                                  ("chinese", "中"))]
    return [case for case in cases if case[0] not in ("access_token_other",)]


def test_no_damaged_answer_is_an_access_token(build):
    """A refusal makes the pool wait before it asks again, so each damage gets an app of its own."""
    cases = token_cases()
    size = 16
    for at in range(0, len(cases), size):
        part = cases[at:at + size]
        apps = tuple(app(100 + i, "app%d" % i, "1.0", "anonymous") for i in range(len(part)))
        # nobody has a token yet: the one that the workers fetch at their start is refused
        rig = build(workers=1, apps=apps, breaker={"failures": 0}, before=lambda rig: rig.sandbox.fault(
            "stable_token", "errcode", errcode=-1, count=len(rig.apps)))
        where.wait_for(lambda: rig.sandbox.calls(path="stable_token", errcode=0) == 0 and
                       len(rig.pool.lines(event="token_refused")) == len(apps), "all were refused")
        for one, (name, kind, spec) in zip(apps, part):
            where.wait_for(lambda: attempt_token(rig, one, name, kind, spec), name, 20, 0.1)
        answers = {}
        for one, (name, _, _) in zip(apps, part):
            where.wait_for(lambda: rig.user(one).identify().status == 200, "%s mends itself" % name, 20, 0.1)
            answers[name] = True
        assert len(answers) == len(part)


def attempt_token(rig, one, name, kind, spec):
    """True once the damaged answer was really given, after the pause is over; it must not have helped."""
    rig.sandbox.reset()
    rig.sandbox.fault("stable_token", kind, **spec)
    answer = rig.user(one).identify()
    given = rig.sandbox.sim("ledger")["faults_delivered"] == 1
    rig.sandbox.sim("fault", {"clear": True})
    if given:
        assert answer.status == 503 and answer["reason"] in ("retry", "configuration"), (name, answer)
        assert rig.sandbox.total("getuseridkey") == 0
    return given
