"""Tracing: a child that stops at every system call that can change a folder, and its tracer.

The child asks to be traced and installs a seccomp filter that traces those calls alone; every other
call runs at full speed. The tracer sees each stop before the call is done, lets it pass, lets it
pass and stops again after it, or makes a write shorter first.

    fork -> child: enter()                     parent: Tracee(pid)
            ... pwrite64 ... --- stop -------> next() -> "pwrite64"
                                               finish() | shorten(n) | kill()

Invariants
  1  a child whose tracer dies is killed by the kernel (EXITKILL), whatever it is at
  2  a call at which the child is killed before `finish` was not done: the kernel skips it
  3  a child is reaped by the tracer that saw it end, exactly once

Threads: the tracer is the thread that forked. Linux on x86-64 only; `why_not` says where it cannot be
used. Source: ptrace(2), seccomp(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
from functools import lru_cache
from typing import Final

from ...tracing.numbers import NUMBERS
from ...tracing.requests import (
    CONT,
    EXITKILL,
    GETREGS,
    SETOPTIONS,
    SETREGS,
    SYSCALL,
    SYSGOOD,
    TRACEME,
    TRACESECCOMP,
    ask,
    die_with_parent,
    event_message,
    filter_calls,
    is_possible_here,
)
from ...tracing.seccomp import Filter, Traced

__all__ = ["Tracee", "die_with_parent", "enter", "why_not"]

# Every call that can change what a folder holds, or make it durable.
_CALLS: Final = (
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range"),
    *("truncate", "ftruncate", "fallocate"),
    *("msync", "fsync", "fdatasync", "sync", "syncfs", "sync_file_range"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "creat", "openat2"),
)
_OPENS: Final = {"open": 1, "openat": 2}  # With the place of the flags among the arguments.
_NAMES: Final = {NUMBERS[name]: name for name in (*_CALLS, *_OPENS)}
_SIZED: Final = {"write", "pwrite64"}  # The third argument is how many bytes.

_EVENT_SECCOMP: Final = signal.SIGTRAP | 7 << 8
_SYSCALL_STOP: Final = signal.SIGTRAP | 0x80
_NO_FILE: Final = (1 << 30) - 1  # A descriptor that nobody has.
_REGISTERS: Final = 27
_THIRD: Final = 12  # rdx, the third argument, in struct user_regs_struct.
_RAX: Final = 10

_FILTER: Final = Filter(
    [Traced(NUMBERS[name]) for name in _CALLS]
    + [Traced(NUMBERS[name], place, os.O_CREAT | os.O_TRUNC) for name, place in _OPENS.items()]
)


# -- in the child ------------------------------------------------------------------------------------


def enter() -> None:
    """Be traced by the parent from now on. Raises OSError where it is not permitted."""
    ask(TRACEME, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    filter_calls(_FILTER)


# -- in the parent -----------------------------------------------------------------------------------


class Tracee:
    """A forked child that calls `enter`; `status` is what it ended with, None while it lives."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self._stop = 0
        try:
            if self._wait():
                ask(SETOPTIONS, pid, 0, SYSGOOD | TRACESECCOMP | EXITKILL)
        except BaseException:
            self.kill()
            raise

    def next(self) -> str:
        """Let it run to the next call that changes something; its name, "" where it ended first."""
        sent = 0
        while self.status is None:
            ask(CONT, self.pid, 0, sent)
            if not self._wait():
                break
            if self._stop == _EVENT_SECCOMP:
                return _NAMES[event_message(self.pid)]
            sent = self._stop & 0x7F  # A signal, for the child itself.
        return ""

    def size(self, call: str) -> int:
        """The number of bytes that the call it is about to do writes; 0 where it is no write."""
        return self._registers()[_THIRD] if call in _SIZED else 0

    def shorten(self, count: int) -> None:
        """Make the write that it is about to do end after `count` bytes."""
        registers = self._registers()
        registers[_THIRD] = count
        ask(SETREGS, self.pid, 0, ctypes.byref(registers))

    def finish(self) -> int:
        """Let the call be done, and stop before the child hears of it; what the call returned."""
        ask(SYSCALL, self.pid)
        if not self._wait() or self._stop != _SYSCALL_STOP:
            raise OSError(f"a traced call did not come to its end: {self.status or self._stop:#x}")
        return ctypes.c_long(self._registers()[_RAX]).value

    def kill(self) -> None:
        """Kill it where it stands, and reap it."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            while self._wait():
                pass  # A last report on its way out.

    def _registers(self) -> ctypes.Array[ctypes.c_ulong]:
        registers = (ctypes.c_ulong * _REGISTERS)()
        ask(GETREGS, self.pid, 0, ctypes.byref(registers))
        return registers

    def _wait(self) -> bool:
        """True if it stopped; False where it ended. Invariant 3."""
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSTOPPED(status):
            self._stop = status >> 8
            return True
        self.status = status
        return False


@lru_cache(maxsize=1)
def why_not() -> str:
    """The reason why children cannot be traced here; "" where they can. One child is forked to find out."""
    reason = is_possible_here()
    if reason:
        return reason
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _be_probed(parent)
    tracee: Tracee | None = None
    try:
        tracee = Tracee(child)
        if tracee.next() == "fsync" and tracee.finish() < 0 and tracee.next() == "":
            return "" if tracee.status == 0 else "a traced child does not end by itself"
        return "the system calls of a traced child are not seen"
    except OSError as error:
        return f"{error.strerror or error}"
    finally:
        if tracee is not None:
            tracee.kill()


def _be_probed(parent: int) -> None:
    try:
        die_with_parent(parent)
        enter()
        try:
            os.fsync(_NO_FILE)
        except OSError:
            os._exit(0)
    finally:
        os._exit(1)
