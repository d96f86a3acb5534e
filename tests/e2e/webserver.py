"""A real nginx, with the configuration that benren ships, and a client for it."""

import http.client
import json
import re
import socket
import subprocess
import threading
import urllib.parse

import where

NGINX_CONF = where.ROOT / "conf" / "nginx.conf"

# Headers by which a test says what the web server's own login would have found out.
USER_HEADER, OPENID_HEADER = "X-Test-User", "X-Test-Openid"


def replace(text, pattern, by):
    """Exactly once: if conf/nginx.conf changes, we want to know."""
    changed, n = re.subn(pattern, lambda _: by, text, flags=re.S)
    assert n == 1, "%r stands %d times in %s" % (pattern, n, NGINX_CONF)
    return changed


def uncomment(block, line, by):
    return replace(block, r"# *" + re.escape(line), by)


def location_for(block, name, appid):
    block = replace(block, r"location /face/", "location /%s/" % name)
    block = uncomment(block, "fastcgi_param BENREN_APPID wx0000000000000002;",
                      "fastcgi_param BENREN_APPID %s;" % appid)
    block = uncomment(block, "fastcgi_param BENREN_USER $your_user;",
                      "fastcgi_param BENREN_USER $http_x_test_user;")
    return uncomment(block, "fastcgi_param BENREN_OPENID $your_openid;",
                     "fastcgi_param BENREN_OPENID $http_x_test_openid;")


def shipped_conf(upstream, port, log, apps):
    """conf/nginx.conf with our addresses, and its location once more for each app."""
    text = NGINX_CONF.read_text()
    text = replace(text, r"server unix:/run/benren\.sock;", "server unix:%s;" % upstream)
    text = replace(text, r"listen 8080;", "listen 127.0.0.1:%d;" % port)
    text = replace(text, r"access_log /var/log/nginx/benren\.log", "access_log " + str(log))
    block = re.search(r"\tlocation /face/ \{.*?\n\t\}\n", text, re.S).group(0)
    copies = "".join("\n" + location_for(block, app.name, app.appid) for app in apps)
    return text.replace(block, block + copies)


MAIN_CONF = """
daemon off;
%(user)s
worker_processes 2;
worker_rlimit_nofile 16384;
pid %(folder)s/nginx.pid;
error_log %(folder)s/nginx.err warn;
events { worker_connections 4096; }
http {
	client_body_temp_path %(folder)s/nginx-body;
	fastcgi_temp_path %(folder)s/nginx-fastcgi;
	proxy_temp_path %(folder)s/nginx-proxy;
	uwsgi_temp_path %(folder)s/nginx-uwsgi;
	scgi_temp_path %(folder)s/nginx-scgi;
	include %(folder)s/benren-nginx.conf;
}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_it_answers(server):
    def answers():
        assert server.process.poll() is None, server.process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            return False
        return True

    where.wait_for(answers, "the web server answers")


class Nginx:
    def __init__(self, folder, pool_socket, apps, root):
        self.port = free_port()
        (folder / "benren-nginx.conf").write_text(
            shipped_conf(pool_socket, self.port, folder / "nginx-access.txt", apps))
        (folder / "nginx.conf").write_text(MAIN_CONF % {
            "folder": folder, "user": "user www-data;" if root else ""})
        self.errors = folder / "nginx.err"
        self.process = subprocess.Popen(
            [where.tool("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")],
            stderr=subprocess.PIPE, text=True)
        wait_until_it_answers(self)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        self.process.communicate(timeout=20)
        self.process = None


# Answered by the FastCGI layer, which knows nothing of the configuration.
UNMARKED = (400, 413, 431, 503)

ONE_SPELLING = ("retry_after",)


class Answer:
    """What a client got, after the things that must be true of every answer of benren."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.json = None
        if body and headers.get("Content-Type", "").startswith("application/json"):
            self.json = json.loads(body)
            self.check_away() if self.away else self.check()

    @property
    def away(self):
        """Is it nginx who speaks, because no worker did?"""
        return "X-Request-Id" not in self.headers

    def __getitem__(self, key):
        return self.json[key]

    def get(self, key):
        return self.json.get(key)

    def __repr__(self):
        return "<%d %s>" % (self.status, self.json if self.json is not None else self.body[:200])

    def check_away(self):
        """conf/benren-away.json: lighttpd and Apache cannot change the status to 503."""
        j = self.json
        assert self.status in (500, 502, 503, 504), self
        assert j["ec"] == j["errcode"] == 503 and j["reason"] == "busy", self
        assert j["verified"] is False and j["identify_ret"] == 1 and j["em"] == j["errmsg"], self
        assert int(self.headers["Retry-After"]) == j["retry_after"] > 0, self

    def check(self):
        j = self.json
        assert j["ec"] == self.status, self
        assert j["errcode"] == (0 if self.status == 200 else self.status), self
        assert j["em"] == j["errmsg"] != "", self
        assert re.fullmatch("[a-z0-9_]+", j["reason"]), self
        assert j.get("sandbox") is True or self.status in UNMARKED, self
        assert self.headers["Cache-Control"] == "no-store", self
        if self.status == 503:
            assert int(self.headers["Retry-After"]) == j["retry_after"] > 0, self
        for snake, value in j.items():
            camel = re.sub("_([a-z])", lambda m: m.group(1).upper(), snake)
            if snake != camel and snake not in ONE_SPELLING:
                assert j[camel] == value, self
        if "verified" in j:
            assert j["verified"] is (self.status == 200), self
            assert j["identify_ret"] == (0 if j["verified"] else 1), self
            if self.status != 409:  # another result for a session that has passed
                assert (j["state"] == "passed") == j["verified"], self


class Client:
    """HTTP to nginx: one kept connection per thread."""

    def __init__(self, port):
        self.port = port
        self.mine = threading.local()

    def call(self, method, path, body=None, headers=None):
        if not hasattr(self.mine, "connection"):
            self.mine.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection = self.mine.connection
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except BaseException:
            connection.close()
            raise

    def send(self, path, fields=None, kind="json", headers=None):
        """Fields as a body in JSON or as a form, or in the query string of a GET."""
        headers = dict(headers or {})
        fields = fields or {}
        if kind == "query":
            return self.call("GET", path + "?" + urllib.parse.urlencode(fields), None, headers)
        if kind == "form":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self.call("POST", path, urllib.parse.urlencode(fields).encode(), headers)
        headers["Content-Type"] = "application/json"
        return self.call("POST", path, json.dumps(fields, ensure_ascii=False).encode(), headers)
