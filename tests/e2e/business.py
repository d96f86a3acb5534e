"""The business's own server: signs what it asks benren (include/base/sign.h), and is asked itself."""

import hashlib
import hmac
import http.server
import json
import secrets
import subprocess
import sys
import threading
import time

import where


def signature(secret, purpose, timestamp, nonce, body):
    text = b"\n".join([purpose.encode(), timestamp.encode(), nonce.encode(), body])
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def signed(secret, purpose, body, timestamp=None, nonce=None):
    """The three headers that go with this body."""
    timestamp = str(int(time.time())) if timestamp is None else timestamp
    nonce = secrets.token_urlsafe(24) if nonce is None else nonce
    return {"X-Benren-Timestamp": timestamp, "X-Benren-Nonce": nonce,
            "X-Benren-Signature": signature(secret, purpose, timestamp, nonce, body)}


def ask_result(rig, app, fields, secret=None, purpose="result", headers=None, **more):
    body = json.dumps(fields).encode()
    headers = headers or signed(secret or app.business_secret, purpose, body, **more)
    return rig.client.call("POST", "/%s/result" % app.name, body,
                           {"Content-Type": "application/json", **headers})


def told(secret, *parts):
    """What benren tells of somebody: wx/told.h."""
    return hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


class LookupServer:
    """conf/business/lookup_server.py as it is shipped, run as its head says."""

    def __init__(self, folder, secret):
        folder.mkdir(exist_ok=True)
        self.users = {}
        self.file = folder / "users.json"
        self.errors = folder / "lookup.err"
        secret_file = folder / "business-secret"
        secret_file.write_text(secret + "\n")
        self.write()
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(where.ROOT / "conf" / "business" / "lookup_server.py"),
                 "--secret-file", str(secret_file), "--users", str(self.file), "--port", "0"],
                stdout=subprocess.PIPE, stderr=errors, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.errors.read_text()

    def write(self):
        self.file.write_text(json.dumps(self.users, ensure_ascii=False))

    def knows(self, who, /, **what):
        self.users[who] = what
        self.write()

    def said(self):
        return self.errors.read_text().split("\n")[:-1]

    def stop(self):
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()


class Scripted:
    """A server that answers what it is told, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.answer = None  # (status, headers, body bytes, seconds to wait before it)
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                scripted.asked.append((self.path, dict(self.headers), body))
                status, headers, text, wait = scripted.answer
                scripted.over.wait(wait)
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(text)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True  # benren did not wait for it

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

        self.over = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/face/identity" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def says(self, value, status=200, headers=None, wait=0):
        text = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
        self.answer = (status, headers or {}, text, wait)

    def stop(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
