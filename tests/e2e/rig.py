"""Everything that a test needs, put together: sandbox, pool, nginx, and users in front of them."""

import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import tempfile

import people
from pool import Pool, full_conf
from sandbox import Sandbox
from webserver import OPENID_HEADER, USER_HEADER, Client, Nginx


@dataclasses.dataclass(frozen=True)
class App:
    name: str      # the nginx location
    appid: str
    protocol: str
    caller: str
    more: tuple = ()

    @property
    def open_call(self):
        """How WeChat's ledger calls the opening of a face check,"""
        return "getuseridkey" if self.protocol == "1.0" else "getverifyid"

    @property
    def query_call(self):
        """and the question for its result."""
        return "getinfo" if self.protocol == "1.0" else "queryverifyinfo"

    @property
    def secret(self):
        return "secret-of-" + self.appid

    @property
    def business_secret(self):
        return "business-secret-of-" + self.appid

    def conf(self):
        conf = {"protocol": self.protocol, "caller": self.caller, **dict(self.more)}
        if self.caller == "param":
            conf.update(caller_param="BENREN_USER", openid_param="BENREN_OPENID")
        return conf


def app(n, name, protocol, caller, **more):
    return App(name, "wx%016d" % n, protocol, caller, tuple(more.items()))


ANON10 = app(1, "anon10", "1.0", "anonymous")
PARAM10 = app(2, "param10", "1.0", "param")
PARAM20 = app(3, "param20", "2.0", "param")
LOGIN10 = app(4, "login10", "1.0", "login")
LOGIN20 = app(5, "login20", "2.0", "login")
OPEN20 = app(6, "open20", "2.0", "param", reveal_codes=True)
APPS = (ANON10, PARAM10, PARAM20, LOGIN10, LOGIN20, OPEN20)


class User:
    """One user's mini program on one app, and the phone in his hand."""

    def __init__(self, rig, app, name=None, openid=None, language=None):
        self.rig, self.app = rig, app
        self.openid = openid or people.new_openid()
        self.headers = {}
        if app.caller == "param":
            self.headers[USER_HEADER] = name or "user-" + self.openid
            self.headers[OPENID_HEADER] = self.openid
        if language:
            self.headers["Accept-Language"] = language
        self.person = self.opened = self.verify_result = None

    @property
    def key(self):
        return self.opened["user_id_key" if self.app.protocol == "1.0" else "verify_id"]

    @property
    def session(self):
        return self.opened["session"]

    def send(self, endpoint, fields=None, kind="json", headers=None):
        return self.rig.client.send("/%s/%s" % (self.app.name, endpoint), fields, kind,
                                    {**self.headers, **(headers or {})})

    def login(self):
        """The field code, where the app wants one."""
        if self.app.caller != "login":
            return {}
        return {"code": self.rig.sandbox.login(self.app.appid, self.openid)}

    def identify(self, person=None, kind="json", **fields):
        self.person = person or people.person()
        answer = self.send("identify", {**self.person, **self.login(), **fields}, kind)
        self.opened = answer if answer.status == 200 else None
        return answer

    def open(self, person=None, **fields):
        """identify() that must succeed."""
        answer = self.identify(person, **fields)
        assert answer.status == 200, answer
        return self

    def scan(self, outcome="pass", openid=None):
        """The phone shows the face check for our key; what its callback gets."""
        told = self.rig.sandbox.scan(self.key, outcome, openid or self.openid)
        self.verify_result = told.get("verifyResult")
        return told

    def proof(self):
        """What /verify needs, by protocol."""
        if self.app.protocol == "1.0":
            return {"verify_result": self.verify_result}
        return {"session": self.session}

    def verify(self, kind="json", **fields):
        return self.send("verify", {**self.proof(), **self.login(), **fields}, kind)

    def passes(self):
        """The rest of the way for somebody who opened: must end with yes."""
        self.scan()
        answer = self.verify()
        assert answer.status == 200 and answer["verified"] is True, answer
        return answer


class Rig:
    def __init__(self, workers=2, apps=APPS, delay_ms=0, web=Nginx, user=None, sandbox=None,
                 before=None, limits="", **conf):
        self.root = os.geteuid() == 0
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="benren-e2e-"))
        self.folder.chmod(0o755)
        self.apps, self.parts = apps, []
        self.web = None
        try:
            self.sandbox = sandbox or self._part(Sandbox(self.folder, apps, delay_ms))
            if before is not None:
                before(self)
            conf = full_conf(self.sandbox, apps, self.folder, **conf)
            if user is not None:
                for path in [self.folder, *self.folder.glob("secret-*")]:
                    shutil.chown(path, user, user)
            self.pool = self._part(Pool(self.folder, conf, workers, user, limits))
            if web:
                self.web = self._part(web(self.folder, self.pool.socket, apps, self.root))
                self.client = Client(self.web.port)
        except BaseException:
            self.close()
            raise

    def _part(self, part):
        self.parts.append(part)
        return part

    def user(self, app, **more):
        return User(self, app, **more)

    def reset(self):
        self.sandbox.reset()

    def check(self):
        self.pool.check()

    def close(self):
        """In the end nginx goes first: then the workers must have no connection left."""
        failed = None
        while self.parts:
            part = self.parts.pop()
            for end in ([part.check_no_connections] if isinstance(part, Pool) else []) + [part.stop]:
                try:
                    end()
                except Exception as e:  # the others must end all the same
                    failed = failed or e
        shutil.rmtree(self.folder, ignore_errors=True)
        if failed is not None:
            raise failed


def each(items, function, threads=32):
    """function(item) for all at the same time; their results in order."""
    with concurrent.futures.ThreadPoolExecutor(threads) as executor:
        return list(executor.map(function, items))
