"""Claims: which laws say that they hold for which file system.

Options that change what a file system promises have a claim of their own, or none but the laws of every file
system.

Threads: values.
"""

from typing import Final

from ..law.survival import Law
from .evidence import Head

_LAWS: Final[dict[str, tuple[Law, ...]]] = {
    "ext4": (Law.POSIX, Law.EXT4),
    "xfs": (Law.POSIX, Law.XFS),
    "btrfs": (Law.POSIX, Law.BTRFS),
}
_EVERY: Final = (Law.POSIX,)
_ORDERED: Final = "nodioread_nolock"
_SHAPES: Final = ("-g 256", "-b 1024")  # Of ext4: other sizes of groups or blocks, and the same promises.

# The laws of disks that users have: of every file system, and of each.
LAWS_OF_USERS: Final = (Law.POSIX, Law.POSIX_SPLIT, Law.EXT4, Law.EXT4_ORDERED, Law.XFS, Law.BTRFS)


def laws_of(head: Head) -> tuple[Law, ...]:
    """The laws that must have everything that a file system with these options shows."""
    if head.file_system == "ext4" and not head.mkfs and head.mount == _ORDERED:
        return (*_LAWS["ext4"], Law.EXT4_ORDERED)
    if head.file_system == "ext4" and head.mkfs in _SHAPES and not head.mount:
        return _LAWS["ext4"]
    return _EVERY if head.mkfs or head.mount else _LAWS[head.file_system]
