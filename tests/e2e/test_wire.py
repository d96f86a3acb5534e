"""FastCGI by hand, to one worker: whatever comes, it lives, and serves the others meanwhile."""

import os
import random
import socket
import struct
import threading
import time

import fastcgi
import people
import pytest
from fastcgi import (ABORT, AUTHORIZER, BEGIN, CANT_MPX_CONN, DATA, END, GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN,
                     STDOUT, UNKNOWN_ROLE, UNKNOWN_TYPE, Connection, ask, begin, record, request, stream)

import where
from rig import PARAM10, each

RIG = {"workers": 1, "web": False, "apps": (PARAM10,), "delay_ms": 40, "request_ms": 1500, "in_flight": 64}
WHO = {"BENREN_USER": "alice", "BENREN_OPENID": "oAlice"}


@pytest.fixture(autouse=True)
def it_lives_and_holds_nothing(rig):
    """After every test: the one worker serves a whole face check, and has no connection left."""
    yield
    opened = ask(rig.pool.socket, "identify", people.person(), **WHO)
    assert opened.status == 200, opened
    told = rig.sandbox.scan(opened["user_id_key"], openid="oAlice")
    assert ask(rig.pool.socket, "verify", {"verify_result": told["verifyResult"]}, **WHO).status == 200
    rig.pool.check_no_connections()


def healthy(rig):
    return ask(rig.pool.socket, "health").status == 200


# --- slow and silent ----------------------------------------------------------------------------

def test_half_a_request_waits_while_others_are_served(rig):
    whole = request("identify", people.person(), **WHO)
    halves = []
    for at in (1, 7, 8, 9, 16, 24, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        half = Connection(rig.pool.socket)
        half.send(whole[:at])
        halves.append((half, at))
    start = time.monotonic()
    answers = each(range(40), lambda _: ask(rig.pool.socket, "identify", people.person(), **WHO), 20)
    assert [answer.status for answer in answers] == [200] * 40
    assert time.monotonic() - start < 1.4, "nobody waited for the half requests' deadline"
    for half, at in halves[5:]:
        half.send(whole[at:])
        assert half.answer().status == 200, at
        half.close()
    for half, at in halves[:5]:
        where.wait_for(half.closed, "the deadline of a half request", 5)
        half.close()


def test_a_request_in_single_bytes_is_a_request(rig):
    whole = request("identify", people.person(), **WHO)
    with Connection(rig.pool.socket) as connection:
        for byte in whole:
            connection.send(bytes([byte]))
        assert connection.answer().status == 200


def test_a_request_that_never_ends_is_given_up_at_its_deadline(rig):
    whole = request("identify", people.person(), **WHO)
    with Connection(rig.pool.socket) as connection:
        start = time.monotonic()
        try:
            for at in range(len(whole)):
                connection.send(whole[at:at + 1])
                time.sleep(0.05)
                if time.monotonic() - start > 6:
                    break
        except OSError:
            pass
        assert connection.closed()
        assert 1 < time.monotonic() - start < 5, "its bytes do not buy it time"


def test_a_silent_connection_holds_nobody_up(rig):
    silent = [Connection(rig.pool.socket) for _ in range(50)]
    start = time.monotonic()
    assert healthy(rig)
    assert time.monotonic() - start < 1
    for connection in silent:
        assert connection.closed(), "it was closed at its deadline"
        connection.close()


# --- what may come besides requests ----------------------------------------------------------------

def test_management_records_are_answered_by_the_specification(rig):
    names = fastcgi.pairs({"FCGI_MPXS_CONNS": "", "FCGI_MAX_CONNS": "", "FCGI_MAX_REQS": "", "OTHER": ""})
    with Connection(rig.pool.socket) as connection:
        connection.send(record(GET_VALUES, names, 0))
        kind, number, content = connection.record()
        assert (kind, number) == (GET_VALUES_RESULT, 0)
        assert fastcgi.pair("FCGI_MPXS_CONNS", "0") in content and b"OTHER" not in content
        assert fastcgi.pair("FCGI_MAX_REQS", "64") in content
        for kind in (0, 12, 77, 255):
            connection.send(record(kind, b"whatever", 0, padding=3))
            assert connection.record() == (UNKNOWN_TYPE, 0, bytes([kind]) + bytes(7))
        connection.send(record(GET_VALUES, names, 0, padding=255) + request("health"))
        assert connection.record()[0] == GET_VALUES_RESULT
        assert connection.answer().status == 200


def test_a_management_record_inside_a_request_does_not_disturb_it(rig):
    params = fastcgi.pairs(fastcgi.params_for("health"))
    with Connection(rig.pool.socket) as connection:
        connection.send(begin() + record(PARAMS, params[:20]) + record(GET_VALUES, b"", 0) +
                        record(PARAMS, params[20:]) + record(77, b"", 0) + record(PARAMS) + record(STDIN))
        assert connection.record()[0] == GET_VALUES_RESULT
        assert connection.record()[0] == UNKNOWN_TYPE
        assert connection.answer().status == 200


def test_two_requests_in_one_write_are_answered_in_order(rig):
    bodies = [people.person() for _ in range(5)]
    with Connection(rig.pool.socket) as connection:
        connection.send(b"".join(request("identify", body, request=n, **WHO) for n, body in enumerate(bodies, 1)))
        keys = [connection.answer(n)["user_id_key"] for n in range(1, 6)]
        assert len(set(keys)) == 5
        connection.send(request("health", request=9) + request("nothing", request=65535)[:30])
        assert connection.answer(9).status == 200
        connection.send(request("nothing", request=65535)[30:])
        assert connection.answer(65535).status == 404


def test_a_second_request_inside_the_first_is_refused_and_the_first_goes_on(rig):
    params = fastcgi.pairs(fastcgi.params_for("health"))
    with Connection(rig.pool.socket) as connection:
        connection.send(begin(1) + record(PARAMS, params, 1) + begin(2) + record(PARAMS, b"x", 2) +
                        record(PARAMS, b"", 1) + record(STDIN, b"", 1))
        kind, number, content = connection.record()
        assert (kind, number, content[4]) == (END, 2, CANT_MPX_CONN)
        assert connection.answer(1).status == 200


def test_another_role_is_refused(rig):
    with Connection(rig.pool.socket) as connection:
        for role in (AUTHORIZER, 3, 0, 65535):
            connection.send(begin(7, role))
            kind, number, content = connection.record()
            assert (kind, number, content[4]) == (END, 7, UNKNOWN_ROLE)
        assert connection.ask("health").status == 200


def test_an_abort_ends_the_request_and_not_the_connection(rig):
    whole = request("identify", people.person(), **WHO)
    with Connection(rig.pool.socket) as connection:
        for at in (16, 40, len(whole) - 8):
            # the cut is between two records
            part = begin() if at == 16 else begin() + record(PARAMS, b"") if at == 40 else whole[:at]
            connection.send(part + record(ABORT))
            kind, number, content = connection.record()
            assert (kind, number, content[4]) == (END, 1, 0)
        assert connection.ask("health").status == 200
        connection.send(record(ABORT, b"", 3))
        assert connection.ask("health").status == 200, "an abort of nothing is ignored"
    assert rig.sandbox.total("getuseridkey") == 0, "an aborted request was never begun"


def test_an_abort_while_wechat_is_asked_comes_too_late(rig):
    with Connection(rig.pool.socket) as connection:
        connection.send(request("identify", people.person(), **WHO) + record(ABORT))
        assert connection.answer().status == 200
        assert connection.ask("health").status == 200


# --- lengths ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("claimed", ["0", "1", "99999", "-1000", "x", "1e3", "99999999999999999999", " 5"])
def test_a_content_length_that_does_not_match_is_refused(rig, claimed):
    body = b'{"name": "x"}'
    with Connection(rig.pool.socket) as connection:
        answer = connection.ask("identify", body, CONTENT_LENGTH=claimed, **WHO)
        assert (answer.status, answer["reason"]) == (400, "bad_request"), answer
        assert connection.ask("health").status == 200


def test_records_of_65535_bytes_are_read(rig):
    params = fastcgi.params_for("health")
    pairs = fastcgi.pairs(params)
    n = 0
    while len(pairs) < 65535 - 9000:
        pairs += fastcgi.pair("HTTP_X_%d" % n, "x" * 8000)
        n += 1
    rest = 65535 - len(pairs) - len(fastcgi.pair("HTTP_LAST", "x" * 200)) + 200
    pairs += fastcgi.pair("HTTP_LAST", "x" * rest)
    assert len(pairs) == 65535
    with Connection(rig.pool.socket) as connection:
        connection.send(begin() + record(PARAMS, pairs) + record(PARAMS) + record(STDIN))
        assert connection.answer().status == 200, "exactly at the limit"
        connection.send(begin() + record(PARAMS, pairs) + record(PARAMS, fastcgi.pair("A", "B")) + record(PARAMS) +
                        record(STDIN))
        assert connection.answer().status == 431, "one pair more"
        connection.send(begin() + stream(PARAMS, fastcgi.pairs(params)) + record(STDIN, b"x" * 65535, padding=255) * 3 +
                        record(STDIN))
        assert connection.answer().status == 413
        assert connection.ask("health").status == 200


def test_many_tiny_records_are_one_request(rig):
    with Connection(rig.pool.socket) as connection:
        connection.send(request("identify", people.person(), size=1, **WHO))
        assert connection.answer().status == 200
        connection.send(request("identify", people.person(), size=7, **WHO))
        assert connection.answer().status == 200


def test_an_endless_body_is_answered_and_closed(rig):
    with Connection(rig.pool.socket) as connection:
        connection.send(begin() + stream(PARAMS, fastcgi.pairs(fastcgi.params_for("identify", b"x"))))

        def flood():
            try:
                for _ in range(2000):
                    connection.send(record(STDIN, b"x" * 65535))
            except OSError:
                pass

        thread = threading.Thread(target=flood)
        thread.start()
        answer = None
        try:
            answer = connection.answer()
        except fastcgi.Closed:
            pass  # the answer may be lost under what is still being sent
        assert answer is None or answer.status == 413
        thread.join(30)
        assert not thread.is_alive()


LYING = {
    "pair_longer_than_params": fastcgi.length(5) + fastcgi.length(1000) + b"HELLO",
    "pair_of_two_gigabytes": b"\xff\xff\xff\xff\xff\xff\xff\xffA",
    "lengths_that_add_up_to_minus_one": struct.pack(">II", 0xFFFFFFFF, 0x80000001) + b"A",
    "half_a_length": b"\x80\x00",
    "a_name_and_no_value_length": b"\x01",
}


@pytest.mark.parametrize("params", LYING.values(), ids=LYING.keys())
def test_params_that_lie_about_lengths_end_the_connection(rig, params):
    with Connection(rig.pool.socket) as connection:
        connection.send(begin() + record(PARAMS, params) + record(PARAMS) + record(STDIN))
        assert connection.closed()


BROKEN = {
    "another_version": record(BEGIN, b"\0\1\0\0\0\0\0\0", version=2),
    "version_0": b"\0" * 8,
    "begin_too_short": record(BEGIN, b"\0\1\0"),
    "begin_too_long": record(BEGIN, b"\0\1\0\0\0\0\0\0\0"),
    "begin_twice": begin() + begin(),
    "stdin_before_params": begin() + record(STDIN, b"x"),
    "data_record": begin() + record(DATA, b"x"),
    "a_reply_record": begin() + record(STDOUT, b"x"),
    "an_unknown_type": begin() + record(99, b"x"),
    "params_after_their_end": begin() + stream(PARAMS, fastcgi.pairs(fastcgi.params_for("health"))) + record(PARAMS, b"x"),
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "values_too_long": record(GET_VALUES, b"x" * 300, 0),
    "values_malformed": record(GET_VALUES, b"\xff", 0),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_fastcgi_ends_the_connection(rig, data):
    with Connection(rig.pool.socket) as connection:
        connection.send(data)
        assert connection.closed()


def test_garbage_does_no_harm(rig):
    seed = int(os.environ.get("BENREN_SEED", random.randrange(1 << 30)))
    print("BENREN_SEED=%d" % seed)
    chance = random.Random(seed)
    whole = request("identify", people.person(), **WHO)
    for _ in range(150):
        kind = chance.randrange(3)
        if kind == 0:
            data = chance.randbytes(chance.randrange(1, 3000))
        elif kind == 1:
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        else:
            data = b"".join(record(chance.randrange(13), chance.randbytes(chance.randrange(40)), chance.randrange(3),
                                   chance.randrange(9)) for _ in range(20))
        connection = Connection(rig.pool.socket)
        try:
            connection.send(bytes(data))
        except OSError:
            pass
        connection.close()
    assert healthy(rig)


# --- clients that go away ---------------------------------------------------------------------------------

def test_a_client_that_goes_before_the_answer_costs_nothing(rig):
    for _ in range(100):
        connection = Connection(rig.pool.socket)
        connection.send(request("identify", people.person(), **WHO))
        connection.close()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["total"]["getuseridkey"] >= 64 - 2, "the calls were made")
    assert healthy(rig)
    assert rig.sandbox.total("getuseridkey") <= 100


def test_a_client_that_resets_the_connection_costs_nothing(rig):
    for at in (1, 16, 100, None):
        connection = Connection(rig.pool.socket)
        connection.send(request("identify", people.person(), **WHO)[:at])
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert healthy(rig)


def test_a_client_that_does_not_read_is_left_behind(rig):
    """Its answers fit into the socket's buffer for a while; then the worker does not wait for it."""
    greedy = Connection(rig.pool.socket)
    greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    greedy.socket.setblocking(False)
    one = request("health")
    try:
        while True:
            greedy.socket.send(one * 50)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    start = time.monotonic()
    assert healthy(rig)
    assert time.monotonic() - start < 1
    greedy.close()


def test_without_keep_conn_the_worker_closes_after_its_answer(rig):
    with Connection(rig.pool.socket) as connection:
        connection.send(request("health", keep=False))
        assert connection.answer().status == 200
        assert connection.closed()


# --- more than it wants ----------------------------------------------------------------------------------

def test_more_than_may_be_in_flight_is_told_to_come_again(rig):
    rig.sandbox.fault("getuseridkey", "delay", ms=1200, count=64)
    connections = [Connection(rig.pool.socket) for _ in range(100)]
    for connection in connections:
        connection.send(request("identify", people.person(), **WHO))
    answers = [connection.answer() for connection in connections]
    codes = [answer.status for answer in answers]
    assert codes.count(200) == 64 and codes.count(503) == 36, codes
    for answer in answers:
        if answer.status == 503:
            assert answer["reason"] == "busy" and int(answer.headers["Retry-After"]) > 0
    for connection in connections:
        connection.close()
