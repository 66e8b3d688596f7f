"""System calls that Python has no name for: mounts, loop devices, a namespace of one's own, ranges of files.

A process that measures has its own mount namespace, and its loop devices end with their last user: whatever
happens to it, nothing of it stays on the machine.

Threads: one; `enter_namespace` concerns the whole process.
Sources: mount(2), loop(4), unshare(2), sync_file_range(2); linux/loop.h, linux/btrfs.h.
"""

import ctypes
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_MS_RDONLY: Final = 1
_MS_REC_PRIVATE: Final = 0x4000 | 0x40000
_CAP_SYS_ADMIN: Final = 21
_MNT_DETACH: Final = 2
_CLONE_NEWNS: Final = 0x20000
_PR_SET_PDEATHSIG: Final = 1
_LOOP_CONFIGURE: Final = 0x4C0A
_LOOP_CTL_GET_FREE: Final = 0x4C82
_LO_FLAGS_AUTOCLEAR: Final = 4
_BTRFS_FORGET: Final = 0x50009405
_BTRFS_START_SYNC: Final = 0x80089418
_BTRFS_WAIT_SYNC: Final = 0x40089416
_FICLONE: Final = 0x40049409
_KEEP_SIZE: Final = 1
_PUNCH_HOLE: Final = 2
_MS_SYNC: Final = 4
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_ATTEMPTS: Final = 200  # To get a loop device that nobody else takes first.

_libc: Final = ctypes.CDLL(None, use_errno=True)


def may_mount() -> bool:
    """True if this process has the capability to mount."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_ADMIN & 1)
    return False


def enter_namespace() -> None:
    """Gives this process, and those that it makes, a mount table of its own."""
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _check(_libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None), "mount")


def end_with_parent(signal: int) -> None:
    """Has the kernel send this process a signal when the one that made it ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")


def mount(source: str, where: str, kind: str, options: str = "", *, is_readonly: bool = False) -> None:
    """Mounts; OSError with the kernel's number."""
    data = options.encode() or None
    _check(_libc.mount(source.encode(), where.encode(), kind.encode(), int(is_readonly), data), source)


def leave_mounts(*sources: str) -> None:
    """Detaches all that is mounted from sources that begin so, in this mount table alone."""
    for line in reversed(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()):
        source, where = line.split()[:2]
        if source.startswith(sources):
            _check(_libc.umount2(where.encode(), _MNT_DETACH), where)


def unmount(where: str) -> None:
    """Unmounts; OSError where something of it is still open."""
    _check(_libc.umount2(where.encode(), 0), where)


def attach_loop(path: str) -> tuple[str, int]:
    """A loop device over a file, buffered, and a descriptor: it lasts until that and all mounts are gone."""
    backing = os.open(path, os.O_RDWR)
    try:
        for _ in range(_ATTEMPTS):
            control = os.open("/dev/loop-control", os.O_RDWR)
            try:
                number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            finally:
                os.close(control)
            device = f"/dev/loop{number}"
            if not os.path.exists(device):
                os.mknod(device, 0o60660, os.makedev(7, number))
            descriptor = os.open(device, os.O_RDWR)
            # struct loop_config: descriptor, block size, then loop_info64 with its flags at byte 52.
            config = bytearray(struct.pack("=II", backing, 0) + bytes(232 + 64))
            struct.pack_into("=I", config, 8 + 52, _LO_FLAGS_AUTOCLEAR)
            try:
                fcntl.ioctl(descriptor, _LOOP_CONFIGURE, config)
                return device, descriptor
            except OSError as error:
                os.close(descriptor)
                if error.errno != errno.EBUSY:
                    raise
    finally:
        os.close(backing)
    raise OSError(errno.EBUSY, "no free loop device")


def forget_btrfs(device: str) -> None:
    """Makes btrfs forget what it knows of a device that now holds other bytes."""
    try:
        control = os.open("/dev/btrfs-control", os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.ioctl(control, _BTRFS_FORGET, bytearray(struct.pack("=q4088s", 0, device.encode())))
    except OSError:
        pass  # It knew nothing.
    finally:
        os.close(control)


def commit_btrfs(folder: int) -> None:
    """Has btrfs commit its transaction, and waits for it."""
    transaction = bytearray(8)
    fcntl.ioctl(folder, _BTRFS_START_SYNC, transaction)
    fcntl.ioctl(folder, _BTRFS_WAIT_SYNC, bytes(transaction))


def sync_file_system(folder: int) -> None:
    """syncfs."""
    _check(_libc.syncfs(folder), "syncfs")


def flush_range(file: int, offset: int = 0, size: int = 0, *, is_waited: bool = True) -> None:
    """sync_file_range: writes back; of the whole file, or of some bytes; waited for, or only begun."""
    flags = 7 if is_waited else 2
    _check(_libc.sync_file_range(file, ctypes.c_long(offset), ctypes.c_long(size), flags), "sync_file_range")


def reserve(file: int, offset: int, size: int) -> None:
    """Room past the end of a file, without moving the end."""
    _check(_libc.fallocate(file, _KEEP_SIZE, ctypes.c_long(offset), ctypes.c_long(size)), "fallocate")


def punch(file: int, offset: int, size: int) -> None:
    """A hole."""
    flags = _KEEP_SIZE | _PUNCH_HOLE
    _check(_libc.fallocate(file, flags, ctypes.c_long(offset), ctypes.c_long(size)), "fallocate")


def exchange(one: str, other: str) -> None:
    """renameat2 with RENAME_EXCHANGE: two names change places."""
    _check(_libc.renameat2(_AT_FDCWD, one.encode(), _AT_FDCWD, other.encode(), _RENAME_EXCHANGE), "renameat2")


def clone(source: int, target: int) -> None:
    """Makes one file share the blocks of another."""
    fcntl.ioctl(target, _FICLONE, source)


def _check(answer: int, what: str) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
