"""The calls at which a recorded program stops, and the handler of each; all others run at full speed."""

from __future__ import annotations

import errno
import os
from typing import Final

from ..tracing.numbers import NUMBERS
from ..tracing.seccomp import Filter, Traced
from .calls import attributes, copies, files, maps, names, opens, refused, syncs, told
from .stops import Handler

__all__ = ["FILTER", "HANDLERS"]

_ALWAYS: Final[dict[str, Handler]] = {
    "write": files.write,
    "pwrite64": files.pwrite,
    "writev": files.writev,
    "pwritev": files.pwritev,
    "pwritev2": files.pwritev2,
    "truncate": files.truncate,
    "ftruncate": files.ftruncate,
    "fallocate": files.fallocate,
    "sendfile": copies.sendfile,
    "splice": copies.splice,
    "copy_file_range": copies.copy_file_range,
    "fsync": syncs.fsync,
    "fdatasync": syncs.fdatasync,
    "sync": syncs.sync,
    "syncfs": syncs.syncfs,
    "sync_file_range": syncs.sync_file_range,
    "msync": syncs.msync,
    "creat": opens.creat,
    "openat2": opens.openat2,
    "rename": names.rename,
    "renameat": names.renameat,
    "renameat2": names.renameat2,
    "link": names.link,
    "linkat": names.linkat,
    "symlink": names.symlink,
    "symlinkat": names.symlinkat,
    "unlink": names.unlink,
    "unlinkat": names.unlinkat,
    "mkdir": names.mkdir,
    "mkdirat": names.mkdirat,
    "rmdir": names.rmdir,
    "mknod": names.mknod,
    "mknodat": names.mknodat,
    "chmod": names.chmod,
    "fchmod": names.fchmod,
    "fchmodat": names.fchmodat,
    "fchmodat2": names.fchmodat,
    "sendto": told.sendto,
    "sendmsg": told.sendmsg,
    "sendmmsg": told.sendmmsg,
    "setxattr": attributes.attribute,
    "lsetxattr": attributes.attribute,
    "fsetxattr": attributes.attribute_of_descriptor,
    "removexattr": attributes.attribute,
    "lremovexattr": attributes.attribute,
    "fremovexattr": attributes.attribute_of_descriptor,
    "setxattrat": attributes.attribute_at,
    "removexattrat": attributes.attribute_at,
    "io_submit": refused.io_submit,
    "mount": refused.never,
    "umount2": refused.never,
    "move_mount": refused.never,
    "pivot_root": refused.never,
    "chroot": refused.never,
}

# With the argument that decides; see `Traced`. MAP_SHARED or MAP_SHARED_VALIDATE, and not MAP_ANONYMOUS.
_TMPFILE: Final = 0o20000000  # The bit of O_TMPFILE that O_DIRECTORY has not.
_CHANGING: Final = os.O_CREAT | os.O_TRUNC | _TMPFILE
_SOMETIMES: Final[dict[str, tuple[Handler, int, int, tuple[int, ...]]]] = {
    "open": (opens.open_, 1, _CHANGING, ()),
    "openat": (opens.openat, 2, _CHANGING, ()),
    "mmap": (maps.mmap, 3, 0x2F, (0x1, 0x3)),
    "mprotect": (maps.mprotect, 2, 0x2, ()),
    "ioctl": (copies.ioctl, 1, 0xFF00, (0x9400, 0x6600, 0x5800, 0xF500)),  # Of file systems, by their letter.
}

HANDLERS: Final[dict[int, tuple[str, Handler]]] = {
    NUMBERS[name]: (name, handler) for name, handler in _ALWAYS.items()
} | {NUMBERS[name]: (name, row[0]) for name, row in _SOMETIMES.items()}

FILTER: Final = Filter(
    [Traced(NUMBERS[name]) for name in _ALWAYS]
    + [Traced(NUMBERS[name], *row[1:]) for name, row in _SOMETIMES.items()],
    {NUMBERS["io_uring_setup"]: errno.ENOSYS},  # So that a program takes its other road, which is seen.
    is_strict=True,
)
