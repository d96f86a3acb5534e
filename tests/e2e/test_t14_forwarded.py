"""T14: X-Forwarded-For is made up, to have a budget of one's own or to use up somebody else's.

What must happen: where no proxy is trusted the header counts for nothing; behind a trusted one it
counts from the right up to the first address that is none, and never what stands left of that.
The table of how it is read is tests/unit/web/test_address.c (100 rows and more); here each row shows
whose budget is used up in the end: by hand and through nginx, lighttpd and Apache, to which a
trusted proxy connects from 127.0.0.1 and a client from elsewhere.  All of it in tests/run.
"""

import itertools
import json

import fastcgi
import people
import pytest

import webservers
from rig import ANON10, app

MOST = 2
APPS = (ANON10, app(9, "second10", "1.0", "param"))
PROXIES = ["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48", "unix:"]
RIG = {"apps": APPS, "trusted_proxies": PROXIES, "budgets": {"address": "%d/day" % MOST}}
JSON = ("Content-Type", "application/json")

numbers = itertools.count(1)


def fill(text, n):
    """Addresses of this row's own: V a victim, W another, C the client, S his /64; all for documentation."""
    return None if text is None else (text.replace("V", "198.51.100.%d" % n).replace("W", "192.0.2.%d" % n)
                                      .replace("C", "203.0.113.%d" % n).replace("S", "2001:db8:2:%x:" % n))


# where the request came from, X-Forwarded-For, who pays, who does not
TRUSTED = [
    ("10.0.0.1", "C", "C", ()),
    ("10.0.0.1", "V, C", "C", "V"),
    ("10.0.0.1", "V,W , C", "C", "VW"),
    ("10.0.0.1", "V, C, 10.0.0.2", "C", "V"),
    ("10.0.0.1", "V, C:4711, 10.0.0.2:80, 2001:db8:1::7", "C", "V"),
    ("2001:db8:1::1", "V, C", "C", "V"),
    ("unix:", "V, C", "C", "V"),
    ("10.0.0.1", "127.0.0.1, C", "C", ()),
    ("10.0.0.1", "V, ::ffff:C", "C", "V"),
    ("10.0.0.1", "V, S:1", "S:2", "V"),
    ("10.0.0.1", "V, [S:1]:443", "S:9:9:9", "V"),
    # a client that is no proxy and only says so
    ("C", "V", "C", "V"),
    ("C", "V, 10.0.0.1", "C", "V"),
    ("C", None, "C", "V"),
    ("S:1", "V", "S:2", "V"),
]
NOBODY = [
    ("C", "V", "C", "V"),
    ("C", "10.0.0.1", "C", ()),
    ("C", "127.0.0.1", "C", ()),
    ("C", "V, W", "C", "VW"),
    ("C", "garbage", "C", ()),
    ("S:1", "V", "S:ffff:1", "V"),
]
# nobody knows whose: all of these pay together, and no address with them
GARBAGE = ["garbage", "unknown", "V, _hidden", "V, 1.2.3", "V, C,", "V, ", "V, 1.2.3.4.5", "V, \"C\"", "V, C/32",
           "V\u00a0, x", "V;W", "V W", "V, [C]", "for=V"]
# What a client may also write, which is never looked at.
OTHERS = ("HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CLIENT_IP", "HTTP_X_CLIENT_IP", "HTTP_TRUE_CLIENT_IP",
          "HTTP_CF_CONNECTING_IP", "HTTP_X_CLUSTER_CLIENT_IP", "HTTP_X_FORWARDED", "HTTP_X_FORWARDED_FOR_",
          "X_FORWARDED_FOR", "HTTP_REMOTE_ADDR", "HTTP_X_REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT")


def opens(rig, remote, forwarded=None, **more):
    """One face check by hand: did it get through?"""
    if forwarded is not None:
        more["HTTP_X_FORWARDED_FOR"] = forwarded
    answer = fastcgi.ask(rig.pool.socket, "identify", people.person(), REMOTE_ADDR=remote, **more)
    if answer.status == 429:
        assert rig.pool.line_of(answer)["over"] == "address"
    assert answer.status in (200, 429), (remote, forwarded, answer)
    return answer.status == 200


def check_pays(rig, ask, payer, spared):
    """ask() until it is refused: then the payer has nothing left, and the others all of theirs."""
    assert [ask() for _ in range(MOST + 1)] == [True] * MOST + [False]
    assert not opens(rig, payer), payer
    for address in spared:
        assert [opens(rig, address) for _ in range(MOST + 1)] == [True] * MOST + [False], address


@pytest.mark.parametrize("remote, forwarded, payer, spared", TRUSTED)
def test_behind_a_trusted_proxy_the_client_pays(rig, remote, forwarded, payer, spared):
    n = next(numbers)
    remote, forwarded, payer = (fill(text, n) for text in (remote, forwarded, payer))
    check_pays(rig, lambda: opens(rig, remote, forwarded), payer, [fill(one, n) for one in spared])
    assert rig.sandbox.total("getuseridkey") == MOST * (1 + len(spared))


def test_where_no_proxy_is_trusted_the_header_counts_for_nothing(build):
    rig = build(web=None, **{**RIG, "trusted_proxies": []})
    rows = NOBODY + [(remote, forwarded, remote, "V") for remote, forwarded, _, _ in TRUSTED if remote in ("C", "S:1")]
    for remote, forwarded, payer, spared in rows:
        n = next(numbers)
        remote, forwarded, payer = (fill(text, n) for text in (remote, forwarded, payer))
        check_pays(rig, lambda: opens(rig, remote, forwarded), payer, [fill(one, n) for one in spared])
    assert rig.sandbox.total("getuseridkey") == sum(MOST * (1 + len(row[3])) for row in rows)


def test_a_client_who_makes_up_a_new_one_each_time_has_one_budget(rig):
    for remote, forwarded in (("203.0.113.200", "198.51.100.%d"), ("10.0.0.1", "198.51.100.%d, 203.0.113.201")):
        told = [opens(rig, remote, forwarded % n) for n in range(100, 150)]
        assert told == [True] * MOST + [False] * (50 - MOST)
    assert rig.sandbox.total("getuseridkey") == 2 * MOST


def test_what_is_no_address_is_counted_together_and_for_nobody(build):
    rig = build(web=None, **RIG)
    n = next(numbers)
    told = [opens(rig, "10.0.0.1", fill(forwarded, n)) for forwarded in GARBAGE]
    assert told == [True] * MOST + [False] * (len(GARBAGE) - MOST)
    for address in "VWC":
        assert opens(rig, fill(address, n)), "nobody's budget was touched"


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_header_is_looked_at(rig, name):
    n = next(numbers)
    client, victim = fill("C", n), fill("V", n)
    for value in (victim, "for=" + victim):
        assert opens(rig, "10.0.0.1", client, **{name: value}) is opens(rig, victim) is True
    assert not opens(rig, client), "it was the client's"
    assert not opens(rig, victim), "as often as it was asked for by itself"


def test_another_apps_budget_is_another_budget(rig):
    n = next(numbers)
    client, victim = fill("C", n), fill("V", n)
    other = {"BENREN_APPID": APPS[1].appid, "BENREN_USER": "u%d" % n}
    check_pays(rig, lambda: opens(rig, client, victim), client, [victim])
    assert opens(rig, client, victim, **other)


# --- through web servers ----------------------------------------------------------------------------------

def through(rig, source, forwarded):
    headers = [JSON, *(("X-Forwarded-For", one) for one in forwarded)]
    answer = webservers.ask(rig.web.port, "POST", "/anon10/identify", headers, json.dumps(people.person()).encode(),
                            source=source)
    assert answer.status in (200, 429), answer
    return answer.status == 200


def test_through_a_web_server_a_proxys_client_pays(behind):
    n = next(numbers)
    check_pays(behind, lambda: through(behind, "127.0.0.1", [fill("V, C", n)]), fill("C", n), [fill("V", n)])


def test_through_a_web_server_a_client_that_is_no_proxy_pays_himself(behind):
    n = next(numbers)
    source = "127.0.1.%d" % n
    check_pays(behind, lambda: through(behind, source, [fill("V, W", n)]), source, [fill("V", n), fill("W", n)])


def test_of_a_proxy_that_adds_a_second_header_its_own_counts(behind):
    """They have made one list of both, in their order; nginx 1.22 because of what its file says."""
    n = next(numbers)
    both = [fill("V", n), fill("C", n)]
    check_pays(behind, lambda: through(behind, "127.0.0.1", both), fill("C", n), [fill("V", n)])
    twice = [fill("V", n), fill("W", n)]
    assert through(behind, "127.0.2.%d" % n, twice), "a client's own two matter to nobody"
