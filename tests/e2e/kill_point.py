"""Kills a worker at an instant that chance would not find: at the entry of one of its system calls, by ptrace."""

import ctypes
import os
import platform
import signal
import struct

FLOCK = {"x86_64": 73, "aarch64": 32}.get(platform.machine())
LOCK_UN = 8
SYSCALL, SETOPTIONS, SEIZE, INTERRUPT, GET_SYSCALL_INFO = 24, 0x4200, 0x4206, 0x4207, 0x420e
TRACESYSGOOD = 1
ENTRY = 1  # of struct ptrace_syscall_info.op

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, address=0, data=0):
    done = libc.ptrace(request, pid, address, data)
    if done < 0:
        raise OSError(ctypes.get_errno(), "ptrace %#x" % request)
    return done


def entered(pid):
    """The call that is being entered and its first two arguments, or None."""
    info = ctypes.create_string_buffer(96)
    ptrace(GET_SYSCALL_INFO, pid, len(info), ctypes.addressof(info))
    if info.raw[0] != ENTRY:
        return None
    return struct.unpack_from("=3Q", info.raw, 24)


def kill_when_unlocking(worker, path, act):
    """
    Kills the worker as it enters flock(LOCK_UN) on that file.  act() runs once it is watched,
    and must not wait for it.  All of this belongs into one thread, which ptrace insists on.
    """
    ptrace(SEIZE, worker.pid, 0, TRACESYSGOOD)
    ptrace(INTERRUPT, worker.pid)
    acted = False
    while True:
        _, status = os.waitpid(worker.pid, 0)
        assert os.WIFSTOPPED(status), "worker %d ended by itself" % worker.pid
        if not acted:
            acted = True
            act()
        stop, pass_on = os.WSTOPSIG(status), 0
        if stop == signal.SIGTRAP | 0x80:
            call = entered(worker.pid)
            if call and (call[0], call[2]) == (FLOCK, LOCK_UN) and \
                    os.readlink("/proc/%d/fd/%d" % (worker.pid, call[1])) == str(path):
                os.kill(worker.pid, signal.SIGKILL)
                _, worker.status = os.waitpid(worker.pid, 0)
                return
        elif status >> 16 == 0:
            pass_on = stop
        ptrace(SYSCALL, worker.pid, 0, pass_on)
