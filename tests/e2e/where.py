"""Where things are, and waiting for them."""

import os
import pathlib
import shutil
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BENREN_BUILD", ROOT / "build" / "asan"))

# Smaller numbers, for a machine that is busy or a person in a hurry.
SHORT = bool(os.environ.get("BENREN_SHORT"))


def figure(whole, short):
    """The row's figure: the whole of it by tests/threats, the short one in tests/run."""
    return whole if os.environ.get("BENREN_WHOLE") else short


def program(name):
    path = BUILD / name
    assert path.exists(), "%s is missing: build it, or say by BENREN_BUILD where it is" % path
    return str(path)


def installed(name):
    """Where it is, or None; sbin is not in everybody's path."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def tool(name):
    """Something that the tests need from the system."""
    path = installed(name)
    assert path, "%s is missing: tests/run installs what the tests need" % name
    return path


def wait_for(condition, what, seconds=15, step=0.02):
    """What condition() gave when it was true at last."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %s s in vain: %s" % (seconds, what() if callable(what) else what))
        time.sleep(step)
