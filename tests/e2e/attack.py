"""Many users who want to open as many face checks as they can: what T11 and T12 are run with.

Each group runs into one budget and uses callers, addresses and IDs that no other group has, so how
many checks it can open can be computed.  All rates are for a day: nothing comes back meanwhile.
"""

import collections
import dataclasses
import itertools
import json
import random
import threading
import time

import fastcgi
import people
from rig import ANON10, PARAM10, PARAM20

BATCH = 10  # requests in one write


@dataclasses.dataclass(frozen=True)
class Size:
    callers: int    # in each group that has some
    addresses: int
    few: int        # addresses or IDs that a whole group shares
    caller: int     # what is left to each: the rates
    address: int
    id: int
    honest: int     # users, who ask as often as is left to each caller

    @property
    def budgets(self):
        return {"caller": "%d/day" % self.caller, "id": "%d/day" % self.id, "address": "%d/day" % self.address}


def conf(size):
    return {"apps": (ANON10, PARAM10, PARAM20), "web": None, "trusted_proxies": ["127.0.0.1"], "budgets": size.budgets,
            "log": {"file": "benren.log"}, "sessions": 32768}


def address(group, n):
    """One of many, IPv4 or somewhere in an IPv6 /64."""
    if n % 2:
        return "10.%d.%d.%d" % (group, n // 256, n % 256)
    return "2001:db8:%x:%x::%x" % (group, n, random.randrange(1, 1 << 16))


def identify(app, body, where_from, openid=None):
    """The bytes of a request that came through a trusted proxy; what its client wrote himself stands first."""
    who = {"BENREN_USER": "user-" + openid, "BENREN_OPENID": openid} if openid else {}
    forwarded = "198.51.100.%d, %s" % (random.randrange(256), where_from)
    return fastcgi.request("identify", json.dumps(body, ensure_ascii=False).encode(), BENREN_APPID=app.appid,
                           REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=forwarded, **who)


class Attack:
    def __init__(self, rig, size, seed=1):
        self.rig, self.size = rig, size
        self.numbers = itertools.count()
        self.told = collections.Counter()  # status -> how often
        self.breaks = 0                    # connections that broke before all was answered
        self.lock = threading.Lock()
        self.ids = [people.person() for _ in range(2 * size.few)]
        self.groups = [self.by_callers(1, PARAM10), self.by_callers(2, PARAM20), self.by_addresses(3), self.by_ids(4),
                       self.by_addresses_of_callers(5), self.by_ids_of_callers(6), self.by_nonsense(7)]

    # Each gives (app, how many it can open, k -> the bytes of its request k).

    def openid(self, group, k):
        return "oTester-%d-%d" % (group, k % self.size.callers)

    def by_callers(self, group, app):
        """New IDs and many addresses: the callers are used up."""
        s = self.size
        return app, s.callers * s.caller, lambda k: identify(app, people.person(), address(group, k % s.addresses),
                                                             self.openid(group, k))

    def by_addresses(self, group):
        s = self.size
        return ANON10, s.few * s.address, lambda k: identify(ANON10, people.person(), address(group, k % s.few))

    def by_ids(self, group):
        s = self.size
        return ANON10, s.few * s.id, lambda k: identify(
            ANON10, self.ids[k % s.few], address(group, k // s.few % s.addresses))

    # The callers could open more than the few that they share, so those are used up first.

    def by_addresses_of_callers(self, group):
        s = self.size
        assert s.few * s.address < s.callers * s.caller
        return PARAM20, s.few * s.address, lambda k: identify(
            PARAM20, people.person(), address(group, k // s.callers % s.few), self.openid(group, k))

    def by_ids_of_callers(self, group):
        s = self.size
        assert s.few * s.id < s.callers * s.caller
        return PARAM20, s.few * s.id, lambda k: identify(
            PARAM20, {**self.ids[s.few + k // s.callers % s.few], "source": k // s.callers // s.few % 256},
            address(group, k % s.addresses), self.openid(group, k))

    def by_nonsense(self, group):
        """What no card has costs nothing and takes nothing."""
        wrong = [{"name": "张三1"}, {"id_card_number": "110105194912310020"}, {"id_card_number": "1"},
                 {"consent": "a b"}]
        return PARAM10, 0, lambda k: identify(
            PARAM10, {**people.person(), **wrong[k % len(wrong)]}, address(group, k % 8), self.openid(1, k))

    def may_open(self, app):
        return sum(opens for one, opens, _ in self.groups if one is app)

    def request(self, n):
        return self.groups[n % len(self.groups)][2](n // len(self.groups))

    # --- running it ---

    def batch(self, connection, numbers):
        requests = [self.request(n) for n in numbers]
        told = connection.pipeline(requests)
        with self.lock:
            self.told.update(told)
            self.breaks += len(told) < len(requests)
        return len(told) == len(requests)

    def connect(self, stop):
        """A connection, as soon as there is somebody who takes it; None if it is over."""
        while not stop():
            try:
                return fastcgi.Connection(self.rig.pool.socket, timeout=60)
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                time.sleep(0.005)
        return None

    def one(self, stop):
        connection = None
        while not stop():
            connection = connection or self.connect(stop)
            if connection is not None and not self.batch(connection, list(itertools.islice(self.numbers, BATCH))):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def start(self, stop, connections=16):
        """Runs until stop() is true; join() the threads."""
        self.threads = [threading.Thread(target=self.one, args=(stop,)) for _ in range(connections)]
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join()

    def sent(self):
        return sum(self.told.values())


class Honest:
    """A few users with addresses and IDs of their own, each of whom asks now and then."""

    def __init__(self, rig, size):
        self.rig, self.size, self.told = rig, size, {app: [] for app in (ANON10, PARAM10, PARAM20)}

    def ask_once(self, app, user):
        openid = None if app is ANON10 else "oHonest%d" % user
        with fastcgi.Connection(self.rig.pool.socket) as connection:
            self.told[app] += connection.pipeline([identify(app, people.person(), "192.0.2.%d" % user, openid)])

    def run(self, progress, total):
        """All that is left to each of them, spread over the attack: the next when it is so far."""
        turns = [(app, user) for _ in range(self.size.caller) for user in range(self.size.honest) for app in self.told]
        for n, (app, user) in enumerate(turns):
            while progress() < total * n // len(turns):
                time.sleep(0.01)
            self.ask_once(app, user)

    def opened(self, app):
        assert set(self.told[app]) == {200}, self.told[app]
        assert len(self.told[app]) == self.size.honest * self.size.caller
        return len(self.told[app])
