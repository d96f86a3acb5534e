"""A WeChat that only listens: every request as it came, read by Python's own decoder.

The sandbox reads JSON with the same code as benren, so what both get wrong it would not see.
"""

import http.server
import itertools
import json
import threading
import urllib.parse

FACE = "/cityservice/face/identify/"


def decode(body):
    """Strictly: UTF-8, no control characters in strings, no key twice."""
    def once(pairs):
        assert len({key for key, _ in pairs}) == len(pairs), "a key twice: %r" % body
        return dict(pairs)
    return json.loads(body.decode("utf-8"), object_pairs_hook=once)


class Recorder:
    ANSWERS = {
        "/cgi-bin/stable_token": {"access_token": "t" * 100, "expires_in": 7200},
        FACE + "getuseridkey": {"errcode": 0, "errmsg": "ok", "user_id_key": "%032d", "expires_in": 3600},
        FACE + "getverifyid": {"errcode": 0, "errmsg": "ok", "verify_id": "%084d", "expires_in": 3600},
        FACE + "getinfo": {"errcode": 84001, "errmsg": "invalid verify_result"},
        FACE + "queryverifyinfo": {"errcode": 0, "errmsg": "ok", "verify_ret": 10300},
        "/sns/jscode2session": {"errcode": 40029, "errmsg": "invalid code"},
        "/lookup": {"name": "张三", "id_card_number": "11010519491231002X"},  # the business's own server
    }

    def __init__(self):
        recorder = self
        self.seen, self.lock, self.ca = [], threading.Lock(), ""
        self.keys = itertools.count(1)  # WeChat gives none twice

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = recorder.answer(self.command, path, query, body)
                self.send_response(200 if answer else 404)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, method, path, query, body):
        with self.lock:
            if path != "/cgi-bin/stable_token":
                self.seen.append((path, urllib.parse.parse_qs(query), body))
            n = next(self.keys)
        known = self.ANSWERS.get(path)
        assert known is not None, (method, path)
        return json.dumps({key: value % n if isinstance(value, str) and value.startswith("%0") else value
                           for key, value in known.items()}).encode()

    def take(self):
        """What has come since the last time: [(path, query, body)]."""
        with self.lock:
            seen, self.seen = self.seen, []
        return seen

    def reset(self):
        self.take()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
