"""T12: whoever can make workers crash hopes that they forget what was spent.

The counts stand in the shared segment, are taken before WeChat is called, and given back only where
it was not.  What must happen: with all workers killed by SIGKILL 100 ms after they serve, again and
again, while T11's attack runs, no budget ever allows one call more than without the kills; what a
killed worker had taken and not used is lost, at most one a request that was under way.

Whole: 1,000 times two workers; in tests/run 10 times.
"""

import time

import fastcgi
import where
from attack import Attack, Size, conf
from rig import ANON10, PARAM10, PARAM20
from where import figure

SIZE = figure(Size(callers=100, addresses=1000, few=25, caller=60, address=120, id=100, honest=0),
              Size(callers=20, addresses=100, few=10, caller=20, address=30, id=25, honest=0))
ROUNDS = figure(1000, 10)
WORKERS = 2
BETWEEN_S = 0.1
OPEN = {ANON10: "getuseridkey", PARAM10: "getuseridkey", PARAM20: "getverifyid"}


def serves(rig):
    try:
        return fastcgi.ask(rig.pool.socket, "health").status == 200
    except (OSError, fastcgi.Closed):
        return False


def storm(rig):
    """Kills all, starts as many, waits until they serve, and then for the time between."""
    for _ in range(ROUNDS):
        time.sleep(BETWEEN_S)
        rig.pool.kill()
        rig.pool.start(WORKERS, wait=False)
        where.wait_for(lambda: serves(rig), "the new workers serve", 30, 0.002)
    return len(rig.pool.ended)


def ask_for_the_rest(attack):
    """Everybody as often again as he could at first: then nobody has anything left."""
    size = attack.size
    end = attack.sent() + 2 * len(attack.groups) * max(size.callers * size.caller, size.few * size.address)
    attack.start(lambda: attack.sent() >= end)
    attack.join()


def calls(rig, app):
    return rig.sandbox.calls(path=OPEN[app], appid=app.appid)


def test_no_budget_is_forgotten_when_all_workers_are_killed_again_and_again(build):
    rig = build(workers=WORKERS, delay_ms=10, **conf(SIZE))
    rig.pool.without_log_lines()
    attack = Attack(rig, SIZE)
    over = []
    attack.start(lambda: bool(over))
    try:
        kills = storm(rig)
        during = {app: calls(rig, app) for app in OPEN}
    finally:
        over.append(True)
        attack.join()
    assert kills == WORKERS * ROUNDS
    for app in OPEN:
        assert 0 < during[app] <= attack.may_open(app)
    breaks = attack.breaks
    assert breaks > ROUNDS, "the kills hit requests that were under way"
    unanswered = sum(calls(rig, app) for app in OPEN) - attack.told[200]
    assert unanswered > 0, "and calls whose answer nobody got"
    ask_for_the_rest(attack)
    assert attack.breaks == breaks, "nobody is killed any more"
    total = {app: calls(rig, app) for app in OPEN}
    print(kills, "kills,", attack.told, breaks, "connections broken,", unanswered, "answers lost;", {
        app.name: (total[app], attack.may_open(app)) for app in OPEN})
    for app in OPEN:
        assert attack.may_open(app) - breaks <= total[app] <= attack.may_open(app), app
    segment = rig.pool.segment()
    assert segment["sessions"] <= sum(total.values()) + breaks
