"""Spaces: a mount namespace of one's own, in which an empty folder in memory stands at a chosen path.

A crash state has to appear where the program left it: many programs keep absolute paths in their files. In a
namespace of its own a process mounts a tmpfs there, and nobody else sees it.

Invariants
  1  only the calling process and its descendants see the mount; it is gone when the last of them ends
  2  where it is not permitted nothing has changed, and the reason is told

Linux only. Source: unshare(2), mount(2), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["enter_space", "missing_folders"]


_NEWNS, _NEWUSER = 0x20000, 0x10000000
_PRIVATE, _REC = 1 << 18, 1 << 14


def enter_space(root: str) -> str:
    """Mount an empty tmpfs at `root`, a folder that is there; "" or the reason why it cannot be.

    The process may have one thread only.
    """
    if sys.platform != "linux":
        return f"mount namespaces are known on Linux only, this is {sys.platform}"
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEWNS) == -1:
        if libc.unshare(_NEWUSER | _NEWNS) == -1:
            return f"a mount namespace: {os.strerror(ctypes.get_errno())}"
        try:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        except OSError as error:
            return f"a user namespace: {error.strerror}"
    if libc.mount(None, b"/", None, ctypes.c_ulong(_PRIVATE | _REC), None) == -1:
        return f"a private mount: {os.strerror(ctypes.get_errno())}"
    if libc.mount(b"powercut", os.fsencode(root), b"tmpfs", ctypes.c_ulong(0), b"mode=755") == -1:
        return f"a mount at {root}: {os.strerror(ctypes.get_errno())}"
    return ""


def missing_folders(root: str) -> list[str]:
    """The folders of an absolute path that are not there yet, deepest first."""
    path, missing = Path(root), []
    while not path.exists():
        missing.append(str(path))
        path = path.parent
    return missing
