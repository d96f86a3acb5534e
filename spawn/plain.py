#!/usr/bin/python3
"""All that benren asks of a launcher: a listening socket on fd 0, then exec.

    plain.py WORKERS SOCKET-OR-PORT COMMAND...      plain.py 2 /run/benren.sock benren -c benren.json

Started by systemd's own tool, with no more than this, it would be
    systemd-socket-activate --inetd -l /run/benren.sock multiwatch -f 2 -- benren -c benren.json
which starts the workers on the first connection, and leaves the socket root's, mode 0644:
chown it for the web server.
"""

import os
import signal
import socket
import sys

workers, where, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
if where.isdigit():
    listener = socket.create_server(("127.0.0.1", int(where)), backlog=4096)
else:
    if os.path.exists(where):
        os.unlink(where)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where)
    os.chmod(where, 0o660)
    listener.listen(4096)
os.dup2(listener.fileno(), 0)
alive = {os.posix_spawnp(command[0], command, os.environ) for _ in range(workers)}


def tell(number, _):
    for pid in alive:
        os.kill(pid, number)


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, tell)
while alive:
    info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    alive.discard(info.si_pid)  # before the number can be somebody else's
    os.waitpid(info.si_pid, 0)
