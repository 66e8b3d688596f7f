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
import platform
import signal
import struct
import sys
from functools import lru_cache
from typing import Final

__all__ = ["Tracee", "die_with_parent", "enter", "why_not"]

# Every call that can change what a folder holds, or make it durable; numbers are those of x86-64.
_CALLS: Final = {
    "write": 1,
    "pwrite64": 18,
    "writev": 20,
    "msync": 26,
    "sendfile": 40,
    "fsync": 74,
    "fdatasync": 75,
    "truncate": 76,
    "ftruncate": 77,
    "rename": 82,
    "mkdir": 83,
    "rmdir": 84,
    "creat": 85,
    "link": 86,
    "unlink": 87,
    "symlink": 88,
    "sync": 162,
    "mkdirat": 258,
    "unlinkat": 263,
    "renameat": 264,
    "linkat": 265,
    "symlinkat": 266,
    "sync_file_range": 277,
    "fallocate": 285,
    "pwritev": 296,
    "syncfs": 306,
    "renameat2": 316,
    "copy_file_range": 326,
    "pwritev2": 328,
    "openat2": 437,
}
_OPENS: Final = {"open": (2, 1), "openat": (257, 2)}  # With the place of the flags among the arguments.
_OPEN_CHANGES: Final = os.O_CREAT | os.O_TRUNC
_NAMES: Final = {number: name for name, number in _CALLS.items()} | {
    number: name for name, (number, _) in _OPENS.items()
}
_SIZED: Final = {"write", "pwrite64"}  # The third argument is how many bytes.

_TRACEME, _GETREGS, _SETREGS, _CONT, _SYSCALL = 0, 12, 13, 7, 24
_SETOPTIONS, _GETEVENTMSG = 0x4200, 0x4201
_SYSGOOD, _TRACESECCOMP, _EXITKILL = 0x1, 0x80, 0x100000
_EVENT_SECCOMP: Final = signal.SIGTRAP | 7 << 8
_SYSCALL_STOP: Final = signal.SIGTRAP | 0x80
_NO_FILE: Final = (1 << 30) - 1  # A descriptor that nobody has.
_REGISTERS: Final = 27
_THIRD: Final = 12  # rdx, the third argument, in struct user_regs_struct.
_RAX: Final = 10

_PDEATHSIG, _NO_NEW_PRIVS, _SECCOMP, _MODE_FILTER = 1, 38, 22, 2
_ARCH_X86_64: Final = 0xC000003E
_LOAD, _JUMP_IF, _JUMP_IF_ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000
_CALL_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # Offsets in struct seccomp_data.


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _assemble() -> bytes:
    """The filter: the calls of the tables are traced, with their number as the message; others run."""
    code = [(_LOAD, 0, 0, _ARCH_AT), (_JUMP_IF, 1, 0, _ARCH_X86_64), (_RETURN, 0, 0, _ALLOW)]
    code.append((_LOAD, 0, 0, _CALL_AT))
    for number in _CALLS.values():
        code += [(_JUMP_IF, 0, 1, number), (_RETURN, 0, 0, _TRACE | number)]
    for number, place in _OPENS.values():
        code += [(_JUMP_IF, 0, 4, number), (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * place)]
        code += [(_JUMP_IF_ANY, 0, 1, _OPEN_CHANGES), (_RETURN, 0, 0, _TRACE | number)]
        code.append((_RETURN, 0, 0, _ALLOW))
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *line) for line in code)


_CODE: Final = _assemble()
_PROGRAM: Final = _Program(len(_CODE) // 8, _CODE)


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long
    libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
    return libc


def _ask(request: int, pid: int, address: object = None, data: object = None) -> None:
    if _libc().ptrace(request, pid, address, data) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace {request:#x}: {os.strerror(code)}")


def _control(option: int, value: int, data: object = None) -> None:
    if _libc().prctl(option, value, data, 0, 0) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


# -- in the child ------------------------------------------------------------------------------------


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; where it is dead already, end."""
    if sys.platform == "linux":
        _control(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def enter() -> None:
    """Be traced by the parent from now on. Raises OSError where it is not permitted."""
    _ask(_TRACEME, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    _control(_NO_NEW_PRIVS, 1)
    _control(_SECCOMP, _MODE_FILTER, ctypes.addressof(_PROGRAM))


# -- in the parent -----------------------------------------------------------------------------------


class Tracee:
    """A forked child that calls `enter`; `status` is what it ended with, None while it lives."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self._stop = 0
        try:
            if self._wait():
                _ask(_SETOPTIONS, pid, None, _SYSGOOD | _TRACESECCOMP | _EXITKILL)
        except BaseException:
            self.kill()
            raise

    def next(self) -> str:
        """Let it run to the next call that changes something; its name, "" where it ended first."""
        sent = 0
        while self.status is None:
            _ask(_CONT, self.pid, None, sent)
            if not self._wait():
                break
            if self._stop == _EVENT_SECCOMP:
                message = ctypes.c_ulong()
                _ask(_GETEVENTMSG, self.pid, None, ctypes.addressof(message))
                return _NAMES[message.value]
            sent = self._stop & 0x7F  # A signal, for the child itself.
        return ""

    def size(self, call: str) -> int:
        """The number of bytes that the call it is about to do writes; 0 where it is no write."""
        return self._registers()[_THIRD] if call in _SIZED else 0

    def shorten(self, count: int) -> None:
        """Make the write that it is about to do end after `count` bytes."""
        registers = self._registers()
        registers[_THIRD] = count
        _ask(_SETREGS, self.pid, None, ctypes.addressof(registers))

    def finish(self) -> int:
        """Let the call be done, and stop before the child hears of it; what the call returned."""
        _ask(_SYSCALL, self.pid)
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
        _ask(_GETREGS, self.pid, None, ctypes.addressof(registers))
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
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"system calls are traced on Linux x86-64 only, this is {sys.platform} {platform.machine()}"
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
