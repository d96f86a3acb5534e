"""FastCGI by hand: records that a web server would never send, and what comes back."""

import json
import re
import socket
import struct

from webserver import Answer

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA = range(1, 9)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER, AUTHORIZER = 1, 2
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)
KEEP = 1


def record(kind, content=b"", request=1, padding=0, version=1, length=None):
    length = len(content) if length is None else length
    return struct.pack(">BBHHBB", version, kind, request, length, padding, 0) + content + b"\0" * padding


def begin(request=1, role=RESPONDER, keep=True):
    return record(BEGIN, struct.pack(">HB5x", role, KEEP if keep else 0), request)


def length(n):
    return struct.pack("B", n) if n < 128 else struct.pack(">I", n | 0x80000000)


def pair(name, value):
    name, value = [x.encode() if isinstance(x, str) else x for x in (name, value)]
    return length(len(name)) + length(len(value)) + name + value


def pairs(params):
    return b"".join(pair(name, value) for name, value in dict(params).items())


def stream(kind, content, request=1, size=65535):
    """Any number of records, and the empty one that ends a stream."""
    parts = [content[at:at + size] for at in range(0, len(content), size)]
    return b"".join(record(kind, part, request) for part in parts) + record(kind, b"", request)


def params_for(endpoint, body=b"", **more):
    return {
        "REQUEST_METHOD": "POST" if body or endpoint not in ("health", "ready") else "GET",
        "SCRIPT_NAME": "/face/" + endpoint,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json" if body else "",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "REMOTE_ADDR": "127.0.0.1",
        **more,
    }


def request(endpoint, body=b"", request=1, keep=True, size=65535, **more):
    """A whole request as a web server sends it; size: of its records."""
    if isinstance(body, dict):
        body = json.dumps(body, ensure_ascii=False).encode()
    return (begin(request, keep=keep) + stream(PARAMS, pairs(params_for(endpoint, body, **more)), request, size) +
            stream(STDIN, body, request, size))


class Closed(Exception):
    """The worker closed the connection."""


class Connection:
    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _read(self, n):
        data = b""
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed
            data += more
        return data

    def record(self):
        """(type, request id, content) of the next record."""
        version, kind, request, size, padding = struct.unpack(">BBHHBx", self._read(8))
        assert version == 1
        content = self._read(size)
        self._read(padding)
        return kind, request, content

    def output(self, request=1):
        """What came for a request, until its END_REQUEST says that it is complete."""
        out = b""
        while True:
            kind, number, content = self.record()
            assert number == request, (kind, number, content)
            if kind == STDOUT:
                out += content
            elif kind == END:
                assert content[:5] == bytes(4) + bytes([REQUEST_COMPLETE]), content
                return out
            else:
                assert kind == STDERR and content == b"", (kind, content)

    def answer(self, request=1):
        return parse(self.output(request))

    def ask(self, endpoint, body=b"", **more):
        self.send(request(endpoint, body, **more))
        return self.answer(more.get("request", 1))

    def pipeline(self, requests):
        """The statuses of all of these, sent in one write; of those before, if the worker died."""
        out, end = bytearray(), record(END, bytes(8))
        try:
            self.send(b"".join(requests))
            while out.count(end) < len(requests):
                more = self.socket.recv(1 << 18)
                if not more:
                    break
                out += more
        except (ConnectionResetError, BrokenPipeError):
            pass
        return [int(status) for status in re.findall(rb"Status: (\d{3})\r\n", out)][:out.count(end)]

    def closed(self):
        """Did the worker close, without a further byte?"""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class Headers(dict):
    pass


def parse(out):
    head, body = out.split(b"\r\n\r\n", 1)
    headers = Headers(line.split(": ", 1) for line in head.decode().split("\r\n"))
    assert int(headers["Content-Length"]) == len(body), (headers, body)
    return Answer(int(headers["Status"]), headers, body)


def ask(path, endpoint, body=b"", **more):
    """One request on a connection of its own."""
    with Connection(path) as connection:
        return connection.ask(endpoint, body, **more)
