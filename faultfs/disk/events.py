"""Events: the calls that reached the device, as values.

    kind        name        offset      data       size              target      label
    CREATE      the name                                                         free text of the caller
    REMOVE      the name
    WRITE       a name      first byte  accepted   bytes accepted
    TRUNCATE    a name                             the new size
    SYNC        a name
    SYNC_NAMES
    READ        a name      first byte             bytes returned
    SIZE        a name                             the answer
    LIST
    LINK        old name                                             new name
    RENAME      old name                                             new name
    MARK                                payload                                  what is marked
    DATASYNC    a name
    ALLOCATE    a name      first byte             bytes allocated
    WRITE_THROUGH a name    first byte             bytes of the WRITE before it, now durable
    SYNC_FAILED a name      first byte  see below  the Aftermath
    FAULT       a name      first byte             the Effect         the call   which fault fired
    ROT         a name      first byte  bytes now
    FOLDER      the name
    SYMLINK     the name                the target
    EXCHANGE    old name                                             new name
    UNNAMED
    SYNC_ALL
    MODE        a name                                permission bits

A name is a key of `places`: it says in which folder it stands. CREATE, FOLDER, SYMLINK and UNNAMED (a file
that has no name yet, O_TMPFILE) make the inode that they carry; REMOVE takes away the name of a file, of a
symbolic link or of an empty folder; RENAME, LINK (also of an unnamed file, whose old name is "") and EXCHANGE
may name two folders. SYNC_NAMES carries the inode of its folder, 0 of the root; SYNC_ALL (sync, syncfs) syncs
everything there is. MODE is a remark: no law loses it.

FAULT is a remark like MARK. SYNC_FAILED says what a sync that failed has left behind: its `data` are the
whole file where the content went back, the bytes of the write where one write was lost or the sync was that
of a WRITE_THROUGH, else nothing.

Invariants
  1  the numbers of EventKind are only ever appended to: kept traces carry them
  2  an event stands in the trace iff its call returned, and is applied to the live image exactly then;
     the exceptions: READ and SIZE of an absent name, which stand there with inode 0 (what recovery asked);
     and where a fault fired, a call that took effect, or a part of it, and raised
"""

from enum import IntEnum

import msgspec


class EventKind(IntEnum):
    """The kind of a device call. Invariant 1."""

    CREATE = 1
    REMOVE = 2
    WRITE = 3
    TRUNCATE = 4
    SYNC = 5
    SYNC_NAMES = 6
    READ = 7
    SIZE = 8
    LIST = 9
    LINK = 10
    RENAME = 11
    MARK = 12
    DATASYNC = 13
    ALLOCATE = 14
    WRITE_THROUGH = 15
    SYNC_FAILED = 16
    FAULT = 17
    ROT = 18
    FOLDER = 19
    SYMLINK = 20
    EXCHANGE = 21
    UNNAMED = 22
    SYNC_ALL = 23
    MODE = 24

    __hash__ = int.__hash__  # That of its name is a function of Python.


class Aftermath(IntEnum):
    """The state that a failed sync leaves behind. Numbers are only ever appended to."""

    KEPT = 0  # What was not written is marked clean; the living content stays the new one (ext4, xfs).
    REVERTED = 1  # The living content went back to what was durable (btrfs).
    LATE = 2  # As KEPT, but the sync returned as if all were well, and the next one fails.
    LOST = 3  # As KEPT, of the bytes of one write, and nobody is told.
    EXT4 = 4  # As KEPT; what it was to allocate is not durable, though it is written again and synced (6.18).
    XFS = 5  # As KEPT; the size is not written before its data are written again (6.18).
    BTRFS = 6  # As KEPT; a size that is synced without its data is taken back by a clean unmount (6.18).


SYNC_KINDS = frozenset(
    {
        EventKind.SYNC,
        EventKind.SYNC_NAMES,
        EventKind.DATASYNC,
        EventKind.WRITE_THROUGH,
        EventKind.SYNC_ALL,
    }
)
# The events that bind names, or take names away.
NAME_KINDS = frozenset(
    {
        EventKind.CREATE,
        EventKind.REMOVE,
        EventKind.LINK,
        EventKind.RENAME,
        EventKind.FOLDER,
        EventKind.SYMLINK,
        EventKind.EXCHANGE,
    }
)


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One call that the device has answered. Fields that a kind does not use keep their defaults."""

    kind: EventKind
    name: str = ""
    inode: int = 0
    offset: int = 0
    data: bytes = b""
    size: int = 0
    target: str = ""
    label: str = ""
