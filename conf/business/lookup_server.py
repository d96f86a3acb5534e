#!/usr/bin/env python3
"""The business's own server, as benren asks it whose identity to check (identity.lookup_url).

An example to read and to copy from; Python's standard library only.  By hand:

    (umask 077; openssl rand -hex 32 > business-secret)
    echo '{"o6_bmjrPTlm6": {"name": "张三", "id_card_number": "11010519491231002X"}}' > users.json
    python3 lookup_server.py --secret-file business-secret --users users.json --port 9000

benren.json: "identity": {"lookup_url": "http://127.0.0.1:9000/"}, and in the app
"business_secret_file": "business-secret".  On another host put TLS in front of this: names
and ID numbers travel here, and benren asks nobody else without it.

The question, a POST:   {"appid": "wx...", "openid": "..." or "caller": "...", "source": 1}
The answers:            200 {"name": "...", "id_card_number": "..."}
                        403 {"reason": "account_closed", "message": "for the user, or absent"}

Whatever else is answered means "cannot say now": benren's client gets a 503 and may try again.
"""

import argparse
import hashlib
import hmac
import http.server
import json
import re
import sys
import threading
import time

WINDOW = 300     # seconds that the clocks may differ
BODY_MAX = 4096  # benren's questions are far shorter

# What was signed once must not count twice.  With several processes keep these in a store that
# they share: add(nonce) must say whether it was new, and forget it after 2 * WINDOW.
nonces, lock = {}, threading.Lock()


def is_new(nonce, now):
    with lock:
        for old in [n for n, until in nonces.items() if until < now]:
            del nonces[old]
        if nonce in nonces:
            return False
        nonces[nonce] = now + 2 * WINDOW
        return True


def what_is_wrong(secret, headers, body):
    """None if benren signed this body, for us, just now, and for the first time."""
    timestamp = headers.get("X-Benren-Timestamp", "")
    nonce = headers.get("X-Benren-Nonce", "")
    given = headers.get("X-Benren-Signature", "")
    now = time.time()
    if not re.fullmatch("[0-9]{1,12}", timestamp) or not re.fullmatch("[A-Za-z0-9_-]{16,64}", nonce):
        return "not signed"
    # Over the bytes as they came: JSON that was read and written again may differ.
    text = b"\n".join([b"identity", timestamp.encode(), nonce.encode(), body])
    right = hmac.new(secret, text, hashlib.sha256).hexdigest()
    # Not ==, which takes longer the more of it is right.
    if not hmac.compare_digest(right.encode(), given.lower().encode()):
        return "another secret or another body"
    if abs(now - int(timestamp)) > WINDOW:
        return "the clocks differ, or it is old"
    # Last, so that only what is signed can fill the memory.
    return None if is_new(nonce, now) else "sent before"


def identity_of(users, question):
    """(status, answer).  A real one asks its database; source says what the check is for."""
    user = users.get(question.get("openid")) or users.get(question.get("caller"))
    if user is None:
        return 403, {"reason": "unknown_user"}
    if "reason" in user:
        return 403, user
    return 200, {"name": user["name"], "id_card_number": user["id_card_number"]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # benren keeps its connections
    timeout = 60

    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= BODY_MAX:
            self.close_connection = True
            return self.answer(413, {"error": "too long, or no Content-Length"})
        body = self.rfile.read(length)
        wrong = what_is_wrong(self.server.secret, self.headers, body)
        if wrong is not None:
            # No "reason": the operator is to see this, not the user.
            return self.answer(401, {"error": wrong})
        with open(self.server.users, encoding="utf-8") as file:
            users = json.load(file)
        return self.answer(*identity_of(users, json.loads(body)))

    def answer(self, status, value):
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """The status, and never who or what was asked."""
        print("%s %s" % (self.command, int(code)), file=sys.stderr, flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def main():
    parser = argparse.ArgumentParser(description="answers benren's question whose identity to check")
    parser.add_argument("--secret-file", required=True, help="the app's business_secret_file")
    parser.add_argument("--users", required=True,
                        help="JSON: openid or caller -> name and id_card_number, or reason and message")
    parser.add_argument("--port", type=int, default=9000, help="on 127.0.0.1; 0: any that is free")
    args = parser.parse_args()

    server = Server(("127.0.0.1", args.port), Handler)
    with open(args.secret_file, "rb") as file:
        server.secret = file.read().removesuffix(b"\n")  # as benren reads it
    server.users = args.users
    print("http://127.0.0.1:%d/" % server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
