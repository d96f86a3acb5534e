"""A WeChat behind a gateway that sends answers twice: over TLS, with or without Nagle's delay."""

import asyncio
import base64
import hashlib
import json
import ssl
import socket
import subprocess
import threading
import urllib.parse

FACE = "/cityservice/face/identify/"
OTHER_FACE, ILLEGAL_ID = 10004, 10017

# When the answer comes for the second time: in the same write, so many milliseconds after it, or
# held back until the next request is here, and then before that one's answer.
MOMENTS = ("with", 0, 1, 5, 50, 500, "held")


def head_of(status, body):
    return b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))


class Gateway:
    """what: the last word of the paths that are answered twice.

    Answers for the users of test_strays.py: user N has the login code cN, the openid oN and the name nN."""

    def __init__(self, folder, what, nagle, moment):
        self.what, self.nagle, self.moment = what, nagle, moment
        self.strays = self.wrong_openids = self.sessions = self.connections = self.resumed = 0
        self.issued = {}  # verify_id -> (N, what the query must name besides)
        self.ca = str(folder / "gateway.pem")
        key = str(folder / "gateway.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.ca], check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.ca, key)
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls, backlog=1000))
        self.host = "https://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def serve(self, reader, writer):
        self.connections += 1
        self.resumed += writer.get_extra_info("ssl_object").session_reused
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not self.nagle)
        held = b""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
                length = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:")]
                body = await reader.readexactly(length[0]) if length else b""
                path, _, query = target.partition("?")
                answer = json.dumps(self.answer(path, urllib.parse.parse_qs(query), body)).encode()
                answer = head_of(200, answer) + answer
                twice = path.rpartition("/")[2] in self.what
                writer.write(held + answer * (2 if twice and self.moment == "with" else 1))
                held = await self.again(writer, answer) if twice else b""
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        writer.close()

    async def again(self, writer, answer):
        """The stray; what is to be held back for the next request."""
        self.strays += 1
        if self.moment == "held":
            return answer
        if self.moment != "with":
            await writer.drain()
            await asyncio.sleep(self.moment / 1000)
            writer.write(answer)
        return b""

    def answer(self, path, query, body):
        if path == "/cgi-bin/stable_token":
            return {"access_token": "t" * 100, "expires_in": 7200}
        if path == "/sns/jscode2session":
            n = int(query["js_code"][0][1:])
            return {"openid": "o%d" % n, "session_key": "k"}
        asked = json.loads(body)
        if path == FACE + "getverifyid":
            n = int(asked["openid"][1:])
            self.sessions += 1
            self.wrong_openids += asked["cert_info"]["cert_name"] != name_of(n)
            key = "v%031d" % self.sessions
            self.issued[key] = n, {"out_seq_no": asked["out_seq_no"], "openid": asked["openid"],
                                   "cert_hash": cert_hash(**asked["cert_info"])}
            return {"errcode": 0, "errmsg": "ok", "verify_id": key, "expires_in": 3600}
        assert path == FACE + "queryverifyinfo", path
        n, issued = self.issued[asked.pop("verify_id")]
        passed = asked == issued and passes(n)
        ret = 10000 if passed else OTHER_FACE if asked == issued else ILLEGAL_ID
        return {"errcode": 0, "errmsg": "ok", "verify_ret": ret}

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)

    def reset(self):
        pass


def cert_hash(**cert):
    text = "&".join("%s=%s" % (name, base64.b64encode(cert[name].encode()).decode())
                    for name in ("cert_type", "cert_name", "cert_no"))
    return hashlib.sha256(text.encode()).hexdigest()


def passes(n):
    """Every second user has the right face."""
    return n % 2 == 0


def name_of(n):
    """A name for each number, in Chinese characters."""
    return "张" + "".join(chr(0x4E00 + int(digit)) for digit in "%06d" % n)
