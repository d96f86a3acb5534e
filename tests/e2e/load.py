"""Users who open sessions all the time, and what became of each try."""

import collections
import http.client
import os
import threading
import time

import where
from rig import User, each
from webserver import Client

# The whole figures, as tests/threats has them.
WHOLE = bool(os.environ.get("BENREN_WHOLE"))


class Load:
    """Every try is on a new connection: a kept one may be closed by a web server at any time."""

    def __init__(self, sandbox, port, apps, threads=8):
        self.sandbox, self.port, self.apps = sandbox, port, apps
        self.opened = []    # users whose session was acknowledged
        self.away = collections.Counter()  # the web server said that nobody answers, by status
        self.odd = []       # what nobody should get
        self.broken = 0     # no answer at all: the web server itself was not there
        self.stop = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def _once(self, i):
        user = User(Front(self.sandbox, self.port), self.apps[i % len(self.apps)])
        try:
            with user.rig:
                answer = user.identify()
        except (OSError, http.client.HTTPException):
            answer = None
        except BaseException as e:
            answer = e
        with self.lock:
            if answer is None:
                self.broken += 1
            elif isinstance(answer, BaseException):
                self.odd.append(answer)
            elif answer.status == 200:
                self.opened.append(user)
                return
            elif answer.json is not None and answer.away:
                self.away[answer.status] += 1
            else:
                self.odd.append(answer)
        time.sleep(0.02)

    def _run(self, i):
        while not self.stop:
            self._once(i)

    def grows(self, n=20):
        """Waits until so many more were acknowledged."""
        have = len(self.opened)
        where.wait_for(lambda: len(self.opened) >= have + n, lambda: "load goes on: %s" % self, 30)

    def finish(self):
        self.stop = True
        for thread in self.threads:
            thread.join()
        print(self)

    def __repr__(self):
        return "%d opened, away %s, %d broken, odd: %s" % (len(self.opened), dict(self.away), self.broken, self.odd[:5])

    def all_pass(self, most=400):
        """No session that was acknowledged is lost.  A web server may need a moment to come to itself."""
        def passes(user):
            where.wait_for(lambda: answered(user, lambda: user.send("session", {"session": user.session})),
                           "a worker answers")
            user.scan()
            answer = where.wait_for(lambda: answered(user, user.verify), "the verdict")
            assert answer.status == 200 and answer["verified"] is True, answer
        each(self.opened[-most:], passes, 16)


def answered(user, question):
    """The answer to a question on a connection of its own; None if no worker was there."""
    with user.rig:
        answer = question()
    return None if answer.away else answer


class Front:
    """What a User needs, with a connection of its own that lasts for a while."""

    def __init__(self, sandbox, port):
        self.sandbox, self.client = sandbox, Client(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        connection = getattr(self.client.mine, "connection", None)
        if connection is not None:
            connection.close()  # it connects again when it is used
