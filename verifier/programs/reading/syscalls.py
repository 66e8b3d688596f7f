"""Stops: the system calls of a reader at which its tracer looks what it asks of the folder.

The child asks to be traced and installs a seccomp filter that stops it at these calls alone; io_uring is
answered ENOSYS, so that programs take their other road; a process that is not of x86-64 stops at every call.

Linux on x86-64 only. Source: ptrace(2), seccomp(2), the table of calls of x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final

__all__ = [
    "ARGUMENTS",
    "CALLS",
    "FOREIGN",
    "Call",
    "Registers",
    "ask",
    "be_traced",
    "event_message",
    "registers",
]


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
FOREIGN: Final = 0xFFFF  # The message of a call of another architecture.
ARGUMENTS: Final = (14, 13, 12, 7, 9, 8)  # rdi, rsi, rdx, r10, r8, r9 in struct user_regs_struct.
_MMAP, _IO_URING_SETUP = 9, 425

_TRACEME, _GETREGS, _GETEVENTMSG = 0, 12, 0x4201
_NO_NEW_PRIVS, _SECCOMP, _MODE_FILTER = 38, 22, 2
_ARCH_X86_64: Final = 0xC000003E
_LOAD, _JUMP_IF, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _TRACE, _ERROR = 0x7FFF0000, 0x7FF00000, 0x00050000
_CALL_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # Offsets in struct seccomp_data.

Registers = ctypes.c_ulong * 27


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _assemble() -> bytes:
    code = [(_LOAD, 0, 0, _ARCH_AT), (_JUMP_IF, 1, 0, _ARCH_X86_64), (_RETURN, 0, 0, _TRACE | FOREIGN)]
    code.append((_LOAD, 0, 0, _CALL_AT))
    code += [(_JUMP_IF, 0, 1, _IO_URING_SETUP), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    # A map of memory alone has no descriptor.
    code += [(_JUMP_IF, 0, 4, _MMAP), (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * 4)]
    code += [(_JUMP_IF, 0, 1, 0xFFFFFFFF), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _TRACE | _MMAP)]
    for number in CALLS:
        code += [(_JUMP_IF, 0, 1, number), (_RETURN, 0, 0, _TRACE | number)]
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *line) for line in code)


_CODE: Final = _assemble()
_PROGRAM: Final = _Program(len(_CODE) // 8, _CODE)
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_LIBC.ptrace.restype = ctypes.c_long
_LIBC.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)


def ask(request: int, pid: int, data: object = None) -> None:
    """One request of ptrace. Raises OSError."""
    if _LIBC.ptrace(request, pid, None, data) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace {request:#x}: {os.strerror(code)}")


def be_traced() -> None:
    """In the child: be traced by the parent, stop, and then at the calls of the table. Raises OSError."""
    ask(_TRACEME, 0)
    os.kill(os.getpid(), 19)
    for option, value, data in (
        (_NO_NEW_PRIVS, 1, None),
        (_SECCOMP, _MODE_FILTER, ctypes.addressof(_PROGRAM)),
    ):
        if _LIBC.prctl(option, value, data, 0, 0) == -1:
            code = ctypes.get_errno()
            raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def registers(pid: int) -> ctypes.Array[ctypes.c_ulong]:
    """The registers of a stopped child."""
    values = Registers()
    ask(_GETREGS, pid, ctypes.addressof(values))
    return values


def event_message(pid: int) -> int:
    """The message of the event at which it stopped: the number of the call, or a new process."""
    message = ctypes.c_ulong()
    ask(_GETEVENTMSG, pid, ctypes.addressof(message))
    return message.value
