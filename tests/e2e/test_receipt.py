"""Receipts: whoever passed has one, and everybody who should can check it, in whatever language."""

import base64
import copy
import hashlib
import hmac
import json
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import where
from pool import environment
from rig import app

BUSINESS = where.ROOT / "conf" / "business"
GO_JWT = "/usr/share/gocode/src/github.com/golang-jwt/jwt"
SECRET = "0123456789abcdef0123456789abcdef"
ES_FILES = {"es-1": "es.jwk", "es-2": "es2.jwk"}


def with_receipts(n, name, protocol, caller="param", files=("hs.jwk",), lifetime=60):
    return app(n, name, protocol, caller, business_secret_file="business",
               receipt={"key_files": list(files), "lifetime": lifetime})


HS10 = with_receipts(11, "hs10", "1.0")
ES20 = with_receipts(12, "es20", "2.0", files=("es.jwk",))
ANON10 = with_receipts(13, "anon10", "1.0", "anonymous", files=("other.jwk",))
NONE20 = app(14, "none20", "2.0", "param")


def benren(*words, text="", status=0):
    """Its standard output, or its error where it should not end with 0."""
    done = subprocess.run([where.program("benren"), *words], input=text, env=environment(), capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == status, done
    return done.stderr if status else done.stdout


def write_keys(rig):
    """The key files that the apps name, and what a business gets of them."""
    def write(name, text):
        (rig.folder / name).write_text(text)
        (rig.folder / name).chmod(0o640)

    write("business", SECRET + "\n")
    write("hs.jwk", benren("receipt", "make-key", "HS256"))
    for kid, name in ES_FILES.items():
        write(name, benren("receipt", "make-key", "ES256", kid))
    write("other.jwk", benren("receipt", "make-key", "HS256", "other"))


RIG = {"apps": (HS10, ES20, ANON10, NONE20), "before": write_keys}


def verify(rig, receipt, status=0, conf=None):
    said = benren("receipt", "verify", "-c", str(conf or rig.pool.file), text=receipt + "\n", status=status)
    return said if status else json.loads(said)


def told(*lines):
    return hmac.new(SECRET.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(receipt):
    header, claims, _ = receipt.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def signed(header, claims, secret):
    """HS256 by hand, whatever the header says."""
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def secret_of(rig, name):
    return unb64(json.loads((rig.folder / name).read_text())["k"])


def passed(rig, app, **fields):
    user = rig.user(app).open(**fields)
    return user, user.passes()["receipt"]


# --- who has one -------------------------------------------------------------------------------------

@pytest.mark.parametrize("app", [HS10, ES20], ids=lambda a: a.name)
def test_a_passed_check_bears_a_receipt_that_says_what_was_checked(rig, app):
    start = int(time.time())
    user, receipt = passed(rig, app, source=7, consent="terms-2026.1")
    claims = verify(rig, receipt)
    name = "user-" + user.openid
    assert claims == {
        "iss": "benren-sandbox", "aud": app.appid, "sub": told("caller", app.appid, name),
        "identity": told("identity", user.person["name"], user.person["id_card_number"]),
        "session": user.session, "source": 7, "consent": "terms-2026.1", "protocol": app.protocol,
        "verified_at": claims["verified_at"], "iat": claims["iat"], "exp": claims["iat"] + 60,
        "jti": claims["jti"]}
    assert start <= claims["verified_at"] <= claims["iat"] <= time.time()
    assert parts(receipt)[0] == {"typ": "JWT", "alg": "HS256" if app is HS10 else "ES256",
                                 "kid": json.loads((rig.folder / app.conf()["receipt"]["key_files"][0]).read_text())["kid"]}
    assert len(rig.pool.lines(endpoint="verify")) > 0
    assert receipt not in rig.pool.said() and claims["jti"] not in rig.pool.said()


def test_without_a_known_caller_there_is_no_sub(rig):
    claims = verify(rig, passed(rig, ANON10)[1])
    assert "sub" not in claims and "source" not in claims and "consent" not in claims


def test_who_did_not_pass_has_none(rig):
    for one in (HS10, ES20):
        for outcome, status in (("other_face", 403), ("cancel", 403)):
            user = rig.user(one).open()
            user.scan(outcome)
            for answer in (user.verify(), user.send("session", {"session": user.session})):
                assert answer.status == status and "receipt" not in answer.json
        user = rig.user(one).open()
        assert "receipt" not in user.opened.json
        for answer in (user.send("session", {"session": user.session}),
                       user.send("cancel", {"session": user.session, "err_code": 90100})):
            assert "receipt" not in answer.json


def test_an_app_without_keys_gives_none(rig):
    assert "receipt" not in rig.user(NONE20).open().passes().json


@pytest.mark.parametrize("app", [HS10, ES20], ids=lambda a: a.name)
def test_one_verdict_has_one_jti_however_often_it_is_asked_for(rig, app):
    user, first = passed(rig, app)
    answers = [user.verify(), user.send("session", {"session": user.session}), user.verify()]
    claims = [verify(rig, receipt) for receipt in [first] + [answer["receipt"] for answer in answers]]
    assert len({one["jti"] for one in claims}) == 1
    assert len({one["session"] for one in claims}) == 1
    assert verify(rig, passed(rig, app)[1])["jti"] != claims[0]["jti"]


# --- what is no good one --------------------------------------------------------------------------------

def test_what_was_changed_or_made_by_others_is_refused(rig):
    receipt = passed(rig, HS10)[1]
    header, claims = parts(receipt)
    mine, others = secret_of(rig, "hs.jwk"), secret_of(rig, "other.jwk")
    public = json.loads(benren("receipt", "public-keys", "-c", str(rig.pool.file)))["keys"][0]
    assert verify(rig, signed(header, claims, mine)) == claims, "made by hand as it should be"
    for bad, why in (
            (signed(header, claims, others), "signature"),
            (signed({**header, "kid": "other"}, claims, others), "kid"),
            (signed({**header, "alg": "none"}, claims, mine), "alg"),
            (signed({**header, "kid": public["kid"]}, {**claims, "aud": ES20.appid},
                    json.dumps(public).encode()), "alg"),
            (signed(header, {**claims, "exp": int(time.time())}, mine), "expired"),
            (signed(header, {**claims, "iss": "benren"}, mine), "sandbox"),
            (signed(header, {**claims, "aud": ANON10.appid}, mine), "kid"),
            (signed(header, {**claims, "aud": NONE20.appid}, mine), "key_files"),
            (signed(header, {**claims, "aud": "wx9999999999999999"}, mine), "app"),
            (receipt[:-2], ""), (receipt.replace(".", "..", 1), ""), ("", ""), ("x" * 100000, ""),
            (json.dumps({"payload": receipt}), "")):
        said = verify(rig, bad, status=1)
        assert said.startswith("benren: not a good receipt: ") and why in said, (why, said)
    real = rig.folder / "real.json"
    real.write_text(json.dumps({**rig.pool.conf, "sandbox": False, "wechat": {}}))
    assert "real WeChat" in verify(rig, receipt, status=1, conf=real)


def test_an_old_key_counts_until_it_is_taken_out(build):
    rig = build(apps=(ES20,), before=write_keys)
    user, old = passed(rig, ES20)
    conf = copy.deepcopy(rig.pool.conf)

    def restart(*kids):
        conf["apps"][0]["receipt"]["key_files"] = [ES_FILES[kid] for kid in kids]
        rig.pool.file.write_text(json.dumps(conf))
        rig.pool.signal(signal.SIGTERM)
        assert set(rig.pool.gone()) == {0}
        rig.pool.start()
        listed = json.loads(benren("receipt", "public-keys", "-c", str(rig.pool.file)))["keys"]
        assert [key["kid"] for key in listed] == list(kids)

    restart("es-2", "es-1")
    again = user.verify()["receipt"]
    assert parts(old)[0]["kid"] == "es-1" and parts(again)[0]["kid"] == "es-2"
    assert verify(rig, old)["jti"] == verify(rig, again)["jti"]
    restart("es-2")
    verify(rig, again)
    assert "kid" in verify(rig, old, status=1)


# --- the examples in other languages ------------------------------------------------------------------------

def works(*command, **env):
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, capture_output=True, env={**environment(), **env}, timeout=60).returncode == 0


def build_go(folder):
    shutil.copy(BUSINESS / "receipt.go", folder)
    (folder / "go.mod").write_text("module receipt\n\ngo 1.16\n\nrequire github.com/golang-jwt/jwt/v4 v4.4.3\n\n"
                                   "replace github.com/golang-jwt/jwt/v4 => %s\n" % GO_JWT)
    subprocess.run(["go", "build", "-o", "receipt"], cwd=folder, check=True, timeout=300, env={
        **environment(), "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOCACHE": str(folder / "cache"), "HOME": str(folder)})
    return [str(folder / "receipt")], {}


def example_of(language, folder):
    """(command, environment) of an example.  The libraries are Debian's, so its interpreters it must be."""
    if language == "python" and works("/usr/bin/python3", "-c", "import jwt, cryptography"):
        return ["/usr/bin/python3", str(BUSINESS / "receipt.py")], {}
    if language == "ruby" and works("/usr/bin/ruby", "-e", "require 'jwt'"):
        return ["/usr/bin/ruby", str(BUSINESS / "receipt.rb")], {}
    nodes = {"NODE_PATH": "/usr/share/nodejs"}
    if language == "node" and works("/usr/bin/node", "-e", "require('jose')", **nodes):
        return ["/usr/bin/node", str(BUSINESS / "receipt.js")], nodes
    if language == "go" and shutil.which("go") and pathlib.Path(GO_JWT).exists():
        return build_go(folder)
    return pytest.skip("no %s here, or no JWT library for it" % language)


@pytest.mark.parametrize("language", ["python", "ruby", "node", "go"])
def test_the_examples_take_a_good_receipt_once_and_no_other(rig, tmp_path, language):
    command, env = example_of(language, tmp_path)
    seen = tmp_path / "seen"
    seen.mkdir()
    public = tmp_path / "public.json"
    public.write_text(benren("receipt", "public-keys", "-c", str(rig.pool.file)))
    assert '"d"' not in public.read_text()

    def check(receipt, key, app, *issuer):
        return subprocess.run([*command, str(key), app.appid, str(seen), *(issuer or ["benren-sandbox"])], input=receipt,
                              env={**environment(), **env}, capture_output=True, text=True, timeout=60)

    for one, key in ((HS10, rig.folder / "hs.jwk"), (ES20, public)):
        user, receipt = passed(rig, one, source=3)
        header, claims = parts(receipt)
        secret = secret_of(rig, "hs.jwk") if one is HS10 else public.read_bytes()
        late = {**claims, "exp": int(time.time()) - 1, "jti": "late"}
        for bad in (signed(header, claims, b"x" * 32),
                    signed({**header, "alg": "none"}, claims, secret),
                    signed({**header, "alg": "HS256"}, late, secret),
                    signed({**header, "alg": "HS256"}, {**claims, "aud": "wx"}, secret),
                    signed({**header, "alg": "HS256" if one is ES20 else "ES256"}, claims, secret),
                    signed({**header, "kid": "x"}, claims, secret),
                    b64(b'{"alg":"none"}') + "." + receipt.split(".")[1] + ".",
                    receipt[:-4], "x", ""):
            done = check(bad, key, one)
            assert done.returncode == 1 and "not a good receipt" in done.stderr, (bad, done)
        assert check(receipt, key, one, "benren").returncode == 1
        assert check(receipt, key, NONE20).returncode == 1
        assert check(receipt, rig.folder / "other.jwk", one).returncode == 1
        assert list(seen.iterdir()) == [], "a bad one takes nothing up"

        done = check(receipt, key, one)
        assert done.returncode == 0 and json.loads(done.stdout) == claims, done
        for again in (receipt, user.verify()["receipt"]):
            done = check(again, key, one)
            assert done.returncode == 1 and "taken before" in done.stderr, done
        (seen / claims["jti"]).unlink()


# --- keys and words -------------------------------------------------------------------------------------------

def test_a_new_key_is_a_jwk_with_a_name_of_its_own():
    for alg, members in (("HS256", {"k"}), ("ES256", {"crv", "x", "y", "d"})):
        keys = [json.loads(benren("receipt", "make-key", alg)) for _ in range(3)]
        for key in keys:
            assert set(key) == {"kty", "kid", "alg", "use"} | members
            assert key["kid"].startswith(time.strftime("%Y-", time.gmtime())) and key["alg"] == alg
        assert len({key["kid"] for key in keys}) == 3
        assert json.loads(benren("receipt", "make-key", alg, "mine.1"))["kid"] == "mine.1"


def test_words_that_make_no_sense_are_explained(rig):
    for words in (["receipt"], ["receipt", "nonsense"], ["receipt", "make-key"], ["receipt", "make-key", "RS256"],
                  ["receipt", "make-key", "HS256", "a b"], ["receipt", "make-key", "HS256", "a", "b"],
                  ["receipt", "verify", "a.b.c"], ["receipt", "public-keys", "x"]):
        said = benren(*words, status=2)
        assert said.startswith("benren: ") and "a.b.c" not in said
    for word in ("verify", "public-keys"):
        assert "no such file" in benren("receipt", word, "-c", "/nonexistent", status=78)


def test_a_key_file_that_is_wrong_is_told_with_its_app(rig):
    good = (rig.folder / "es.jwk").read_text()
    public = {name: value for name, value in json.loads(good).items() if name != "d"}
    row = {**rig.pool.conf["apps"][1], "receipt": {"key_files": ["wrong.jwk"]}}
    file, key = rig.folder / "wrong.json", rig.folder / "wrong.jwk"
    file.write_text(json.dumps({**rig.pool.conf, "apps": [row]}))
    for text, mode, why in ((None, 0, "does not exist"), (good, 0o644, "other users"), (good, 0o600, None),
                            (json.dumps(public), 0o600, "public key"), ("secret\n", 0o600, "JSON")):
        if text is not None:
            key.write_text(text)
            key.chmod(mode)
        said = benren("check", "-c", str(file), status=78 if why else 0)
        assert why is None or (why in said and ES20.appid in said and str(key) in said), said
        if why:
            assert why in benren("receipt", "public-keys", "-c", str(file), status=78)
