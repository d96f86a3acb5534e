"""The access token: one for the whole pool, fetched by one worker."""

import pytest

import where
from pool import settle
from rig import APPS, PARAM10, PARAM20, each

KNOWN_APPS = [PARAM10, PARAM20]


def test_many_workers_that_start_at_once_fetch_one_token_per_app(build):
    rig = build(workers=8, delay_ms=150)
    settle()
    assert rig.sandbox.total("stable_token") == len(APPS)
    for app in APPS:
        assert rig.sandbox.calls(path="stable_token", appid=app.appid, errcode=0) == 1
    each(range(64), lambda i: rig.user(APPS[i % len(APPS)]).open(), 64)
    assert rig.sandbox.total("stable_token") == len(APPS)


def test_workers_that_come_later_find_the_token_in_the_segment(build):
    rig = build(apps=(PARAM10,))
    rig.user(PARAM10).open()
    rig.pool.kill()
    rig.pool.start(4)
    each(range(16), lambda _: rig.user(PARAM10).open(), 16)
    assert rig.sandbox.total("stable_token") == 1


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
@pytest.mark.parametrize("app", KNOWN_APPS, ids=lambda a: a.name)
def test_a_token_that_wechat_takes_back_is_fetched_once_and_nobody_notices(build, app, errcode):
    rig = build(workers=3, apps=(app,), delay_ms=30)
    users = [rig.user(app).open() for _ in range(24)]
    each(users, lambda user: user.scan())
    rig.sandbox.reset()
    rig.sandbox.sim("token", {"expire": True, "errcode": errcode})
    each(users[:12], lambda user: rig.user(app).open(), 12)
    refused = rig.sandbox.calls(errcode=errcode)
    assert 1 <= refused <= 12
    assert rig.sandbox.total("stable_token") == 1
    rig.sandbox.sim("token", {"expire": True, "errcode": errcode})
    for answer in each(users, lambda user: user.verify(), 24):
        assert answer.status == 200, answer
    assert rig.sandbox.total("stable_token") == 2, "one more for the whole pool"
    assert rig.pool.lines(event="token_replaced_early"), "the operator is told"


def test_a_wrong_secret_is_not_asked_about_again_and_again(build):
    def spoil(rig):
        rig.sandbox.fault("stable_token", "errcode", errcode=40125, count=1000)

    rig = build(workers=3, apps=(PARAM10,), before=spoil)
    answers = each(range(60), lambda _: rig.user(PARAM10).identify(), 20)
    for answer in answers:
        assert answer.status == 503 and answer["reason"] == "configuration", answer
    assert rig.sandbox.total("stable_token") <= 2
    assert rig.sandbox.total("getuseridkey") == 0
    line = rig.pool.lines(event="token_refused")[0]
    assert line["errcode"] == 40125 and "secret" in line["hint"].lower()
    ready = rig.client.call("GET", "/face/ready")
    assert ready.status == 503 and ready["token"] == {PARAM10.appid: "bad_secret"}, ready
    rig.sandbox.reset()
    where.wait_for(lambda: rig.user(PARAM10).identify().status == 200, "it mends itself", 20, 0.2)


def test_an_address_that_is_not_in_the_whitelist_is_told_to_the_operator(build):
    def spoil(rig):
        rig.sandbox.fault("stable_token", "errcode", errcode=40164, count=1000,
                          errmsg="invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist")

    rig = build(workers=1, apps=(PARAM10,), before=spoil)
    assert rig.user(PARAM10).identify().status == 503
    assert "203.0.113.9" in rig.pool.lines(event="token_refused")[0]["errmsg"]


def test_the_same_refused_token_again_is_forced_once(build):
    rig = build(workers=3, apps=(PARAM10,))
    rig.user(PARAM10).open()
    rig.sandbox.reset()
    rig.sandbox.sim("token", {"expire": True, "stuck": True})
    each(range(12), lambda _: rig.user(PARAM10).open(), 12)
    assert rig.sandbox.total("stable_token") == 2, "asked, and then forced"


def test_a_worker_that_dies_while_it_fetches_holds_nobody_up_for_long(build):
    rig = build(workers=2, apps=(PARAM10,))
    rig.user(PARAM10).open()
    rig.sandbox.reset()
    rig.sandbox.sim("token", {"expire": True})
    rig.sandbox.fault("stable_token", "hang")
    with_token = [rig.user(PARAM10) for _ in range(2)]
    import threading
    threads = [threading.Thread(target=lambda user=user: _try(user)) for user in with_token]
    for thread in threads:
        thread.start()
    where.wait_for(lambda: rig.sandbox.sim("ledger")["total"]["stable_token"] == 1, "one is fetching")
    holder = [worker for worker in rig.pool.workers][0:1]
    rig.pool.kill(holder)
    for thread in threads:
        thread.join()
    rig.sandbox.sim("fault", {"clear": True})
    where.wait_for(lambda: rig.user(PARAM10).identify().status == 200, "there is a token again", 15, 0.1)


def _try(user):
    user.identify()
