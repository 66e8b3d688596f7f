"""The requests of ptrace and prctl: bare, with OSError for what the kernel refuses.

Threads: only the thread that began to trace may ask. Linux on x86-64 only. Source: ptrace(2), prctl(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

from .seccomp import ARCH_X86_64, Filter

__all__ = [
    "ARCH_X86_64",
    "CONT",
    "EXITKILL",
    "GETEVENTMSG",
    "GETREGS",
    "LISTEN",
    "SEIZE",
    "SETOPTIONS",
    "SETREGS",
    "SYSCALL",
    "SYSGOOD",
    "TRACECLONE",
    "TRACEEXEC",
    "TRACEFORK",
    "TRACEME",
    "TRACESECCOMP",
    "TRACEVFORK",
    "Peek",
    "adopt_orphans",
    "ask",
    "die_with_parent",
    "event_message",
    "filter_calls",
    "is_possible_here",
    "take_descriptor",
]

TRACEME, CONT, GETREGS, SETREGS, SYSCALL = 0, 7, 12, 13, 24
SETOPTIONS, GETEVENTMSG, SEIZE, LISTEN, _SYSCALL_INFO = 0x4200, 0x4201, 0x4206, 0x4208, 0x420E
SYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, TRACEEXEC = 0x1, 0x2, 0x4, 0x8, 0x10
TRACESECCOMP, EXITKILL = 0x80, 0x100000

_PDEATHSIG, _NO_NEW_PRIVS, _SECCOMP, _MODE_FILTER, _SUBREAPER = 1, 38, 22, 2, 36
_PIDFD_GETFD: Final = 438
_INFO: Final = struct.Struct("=4xI16x7Q")  # struct ptrace_syscall_info.
_RESULT: Final = struct.Struct("=24xq")
_INFO_BYTES: Final = 88


_Function = Callable[..., int]
Argument = Any  # A number of 32 bits, or an address as ctypes wraps it.


def _nothing(*_: object) -> int:
    return -1


def _libc() -> tuple[_Function, _Function, _Function]:
    """The functions ptrace, prctl and syscall: on Linux every C library has them.

    Without types of arguments, whose conversion costs more than the call: numbers that are handed over
    have 32 bits, and addresses are wrapped by the caller.
    """
    libc = ctypes.PyDLL(None, use_errno=True)
    return libc.ptrace, libc.prctl, libc.syscall


_PTRACE, _PRCTL, _SYSCALL = _libc() if sys.platform == "linux" else (_nothing,) * 3


def is_possible_here() -> str:
    """The reason why nothing can be traced on this machine; "" where the machine is of the right kind."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"system calls are traced on Linux x86-64 only, this is {sys.platform} {platform.machine()}"
    return ""


def ask(request: int, pid: int, address: Argument = 0, data: Argument = 0) -> None:
    """One request. Raises OSError."""
    if _PTRACE(request, pid, address, data) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace {request:#x}: {os.strerror(code)}")


def event_message(pid: int) -> int:
    """The number that came with the stop: of a new process, of a call."""
    message = ctypes.c_ulong()
    ask(GETEVENTMSG, pid, 0, ctypes.byref(message))
    return message.value


class Peek:
    """A look at the call at which a thread stopped; the memory of the answer is used again."""

    def __init__(self) -> None:
        self._memory = ctypes.create_string_buffer(_INFO_BYTES)
        self._view = memoryview(self._memory)
        self._address = ctypes.c_void_p(ctypes.addressof(self._memory))

    def call(self, pid: int) -> tuple[int, ...]:
        """The architecture and the number of the call that is about to be done, and its six arguments."""
        ask(_SYSCALL_INFO, pid, _INFO_BYTES, self._address)
        return _INFO.unpack_from(self._view)

    def result(self, pid: int) -> int:
        """The value that the call returned; negative: the errno."""
        ask(_SYSCALL_INFO, pid, _INFO_BYTES, self._address)
        value: int = _RESULT.unpack_from(self._view)[0]
        return value


def take_descriptor(pidfd: int, number: int) -> int:
    """A descriptor of ours for the open file behind one of another process; -1 where it has none."""
    return _SYSCALL(_PIDFD_GETFD, pidfd, number, 0)


def _control(option: int, value: int, data: Argument = 0) -> None:
    if _PRCTL(option, value, data, 0, 0) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def adopt_orphans() -> None:
    """Be the parent of every process below this one whose own parent ended."""
    _control(_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; where it is dead already, end."""
    if sys.platform == "linux":
        _control(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def filter_calls(code: Filter) -> None:
    """Stop at the calls of the filter from now on, and in every process that this one starts."""
    _control(_NO_NEW_PRIVS, 1)
    _control(_SECCOMP, _MODE_FILTER, ctypes.c_void_p(code.address))
