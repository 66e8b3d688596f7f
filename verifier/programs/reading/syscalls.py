"""Stops: the system calls of a reader at which its tracer looks what it asks of the folder.

The child asks to be traced and installs a seccomp filter that stops it at these calls alone; io_uring is
answered ENOSYS, so that programs do without it; a process that is not of x86-64 stops at every call.

Linux on x86-64 only. Source: ptrace(2), seccomp(2), the table of calls of x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from functools import lru_cache
from typing import Final

from ...tracing.requests import (
    CONT,
    EXITKILL,
    GETREGS,
    SETOPTIONS,
    TRACEME,
    TRACESECCOMP,
    ask,
    filter_calls,
    is_possible_here,
)
from ...tracing.seccomp import Filter, Traced

__all__ = ["ARGUMENTS", "CALLS", "Call", "Registers", "be_traced", "registers", "why_not"]


class Call:
    """One call: which arguments are paths, each with that of its folder (-1: the working folder), or which is
    a descriptor, and what it does."""

    __slots__ = ("deed", "descriptor", "name", "paths")

    def __init__(
        self, name: str, deed: str, paths: tuple[tuple[int, int], ...] = (), descriptor: int = -1
    ) -> None:
        self.name = name
        self.deed = deed
        self.paths = paths
        self.descriptor = descriptor


def _at(name: str, deed: str) -> Call:
    return Call(name, deed, ((0, 1),))


def _of(name: str, deed: str) -> Call:
    return Call(name, deed, ((-1, 0),))


def _by(name: str, deed: str, descriptor: int = 0) -> Call:
    return Call(name, deed, (), descriptor)


CALLS: Final = {
    0: _by("read", "read"),
    1: _by("write", "write"),
    2: _of("open", "open"),
    4: _of("stat", "stat"),
    5: _by("fstat", "size"),
    6: _of("lstat", "stat"),
    8: _by("lseek", "size"),
    9: _by("mmap", "map", 4),
    17: _by("pread64", "pread"),
    18: _by("pwrite64", "write"),
    19: _by("readv", "whole"),
    20: _by("writev", "write"),
    21: _of("access", "stat"),
    40: Call("sendfile", "both", (), 1),
    59: _of("execve", "whole"),
    76: _of("truncate", "change"),
    77: _by("ftruncate", "write"),
    78: _by("getdents", "list"),
    80: _of("chdir", "name"),
    82: Call("rename", "rename", ((-1, 0), (-1, 1))),
    83: _of("mkdir", "change"),
    84: _of("rmdir", "remove"),
    85: _of("creat", "change"),
    86: Call("link", "rename", ((-1, 0), (-1, 1))),
    87: _of("unlink", "remove"),
    88: Call("symlink", "change", ((-1, 1),)),
    89: _of("readlink", "name"),
    90: _of("chmod", "change"),
    91: _by("fchmod", "write"),
    92: _of("chown", "change"),
    93: _by("fchown", "write"),
    94: _of("lchown", "change"),
    132: _of("utime", "change"),
    133: _of("mknod", "change"),
    137: _of("statfs", "name"),
    161: _of("chroot", "name"),
    188: _of("setxattr", "change"),
    189: _of("lsetxattr", "change"),
    190: _by("fsetxattr", "write"),
    191: _of("getxattr", "name"),
    192: _of("lgetxattr", "name"),
    194: _of("listxattr", "name"),
    195: _of("llistxattr", "name"),
    217: _by("getdents64", "list"),
    235: _of("utimes", "change"),
    254: Call("inotify_add_watch", "name", ((-1, 1),)),
    257: _at("openat", "open"),
    258: _at("mkdirat", "change"),
    259: _at("mknodat", "change"),
    260: _at("fchownat", "change"),
    261: _at("futimesat", "change"),
    262: _at("newfstatat", "stat"),
    263: _at("unlinkat", "remove"),
    264: Call("renameat", "rename", ((0, 1), (2, 3))),
    265: Call("linkat", "rename", ((0, 1), (2, 3))),
    266: Call("symlinkat", "change", ((1, 2),)),
    267: _at("readlinkat", "name"),
    268: _at("fchmodat", "change"),
    269: _at("faccessat", "stat"),
    275: Call("splice", "both", (), 0),
    280: _at("utimensat", "change"),
    285: _by("fallocate", "write"),
    295: _by("preadv", "whole"),
    296: _by("pwritev", "write"),
    303: _at("name_to_handle_at", "name"),
    316: Call("renameat2", "rename", ((0, 1), (2, 3))),
    322: _at("execveat", "whole"),
    326: Call("copy_file_range", "both", (), 0),
    327: _by("preadv2", "whole"),
    328: _by("pwritev2", "write"),
    332: _at("statx", "stat"),
    437: _at("openat2", "open"),
    439: _at("faccessat2", "stat"),
    452: _at("fchmodat2", "change"),
}
ARGUMENTS: Final = (14, 13, 12, 7, 9, 8)  # rdi, rsi, rdx, r10, r8, r9 in struct user_regs_struct.
_MMAP, _IO_URING_SETUP = 9, 425
_NO_DESCRIPTOR: Final = 1 << 31  # A map of memory alone has -1 in the place of one.
Registers = ctypes.c_ulong * 27

_FILTER: Final = Filter(
    [
        *(Traced(number) for number in CALLS if number != _MMAP),
        Traced(_MMAP, CALLS[_MMAP].descriptor, _NO_DESCRIPTOR, (0,)),
    ],
    {_IO_URING_SETUP: errno.ENOSYS},
    is_strict=True,
)


def be_traced() -> None:
    """In the child: be traced by the parent, stop, and then at the calls of the table. Raises OSError."""
    ask(TRACEME, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    filter_calls(_FILTER)


def registers(pid: int) -> ctypes.Array[ctypes.c_ulong]:
    """The registers of a stopped child."""
    values = Registers()
    ask(GETREGS, pid, 0, ctypes.byref(values))
    return values


@lru_cache(maxsize=1)
def why_not() -> str:
    """The reason why readers cannot be traced here; "" where they can. One child is forked to find out."""
    if reason := is_possible_here():
        return reason
    child = os.fork()
    if child == 0:
        try:
            be_traced()
            os.stat("/")
            os._exit(0)
        finally:
            os._exit(1)
    try:
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return "a child may not be traced"
        ask(SETOPTIONS, child, 0, TRACESECCOMP | EXITKILL)
        ask(CONT, child)
        _, status = os.waitpid(child, 0)
        is_seen = os.WIFSTOPPED(status) and status >> 16
        return "" if is_seen else "the system calls of a traced child are not seen"
    except OSError as error:
        return f"{error.strerror or error}"
    finally:
        os.kill(child, signal.SIGKILL)
        while os.WIFSTOPPED(os.waitpid(child, 0)[1]):
            pass
