"""In the pool's place: what a web server makes of a request, every parameter, also those that come twice."""

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


class Echo:
    """Answers every request with its parameters."""

    def __init__(self, folder):
        self.path = str(folder / "echo.sock")
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
                while self._request(connection, file):
                    pass
            except (ConnectionError, struct.error):
                pass

    def _request(self, connection, file):
        params, keep = b"", False
        while True:
            _, kind, number, size, padding = struct.unpack(">BBHHBx", file.read(8))
            content = file.read(size + padding)[:size]
            if kind == fastcgi.BEGIN:
                keep = content[2] & fastcgi.KEEP != 0
            elif kind == fastcgi.PARAMS:
                params += content
            elif kind == fastcgi.STDIN and size == 0:
                break
        body = json.dumps(read_pairs(params)).encode()
        head = b"Status: 200\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(fastcgi.stream(fastcgi.STDOUT, head + body, number) +
                           fastcgi.record(fastcgi.END, bytes(8), number))
        return keep

    def stop(self):
        self.listener.close()
