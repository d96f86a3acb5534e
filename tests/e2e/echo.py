"""In the pool's place: what a web server makes of a request, every parameter, also those that come twice,
and of one that is not answered."""

import json
import os
import socket
import struct
import threading

import fastcgi


def read_pairs(data):
    """[(name, value)] of a stream of parameters."""
    at, found = 0, []

    def length():
        nonlocal at
        wide = data[at] >= 128
        n = struct.unpack(">I", data[at:at + 4])[0] & 0x7fffffff if wide else data[at]
        at += 4 if wide else 1
        return n

    while at < len(data):
        sizes = length(), length()
        texts = []
        for size in sizes:
            texts.append(data[at:at + size].decode("latin-1"))
            at += size
        found.append(tuple(texts))
    return found


def requests(file):
    """Every (parameters, standard input, request id, keep) that comes on a connection."""
    while True:
        streams, keep = {fastcgi.PARAMS: b"", fastcgi.STDIN: b""}, False
        while True:
            _, kind, number, size, padding = struct.unpack(">BBHHBx", file.read(8))
            content = file.read(size + padding)[:size]
            if kind == fastcgi.BEGIN:
                keep = content[2] & fastcgi.KEEP != 0
            elif kind in streams:
                streams[kind] += content
            if kind == fastcgi.STDIN and size == 0:
                break
        yield streams[fastcgi.PARAMS], streams[fastcgi.STDIN], number, keep


def answer(number, kind, body):
    head = b"Status: 200\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
    return fastcgi.stream(fastcgi.STDOUT, head + body, number) + fastcgi.record(fastcgi.END, bytes(8), number)


class Peer:
    """A listening socket; each connection is talk()'s."""

    def __init__(self, path):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        os.chmod(self.path, 0o666)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as file:
            try:
                self.talk(connection, requests(file))
            except (ConnectionError, struct.error):
                pass

    def stop(self):
        self.listener.close()


class Echo(Peer):
    """Answers every request with its parameters."""

    def talk(self, connection, coming):
        for params, _, number, keep in coming:
            connection.sendall(answer(number, b"text/plain", json.dumps(read_pairs(params)).encode()))
            if not keep:
                return


class Mortal(Peer):
    """Answers so many requests on a connection and then dies of the next one."""

    def __init__(self, path, answers):
        self.answers, self.seen = answers, []
        super().__init__(path)

    def talk(self, connection, coming):
        for n, (_, body, number, _) in enumerate(coming):
            self.seen.append(body)
            if n == self.answers:
                return
            connection.sendall(answer(number, b"application/json", b'{"ec":200}'))
