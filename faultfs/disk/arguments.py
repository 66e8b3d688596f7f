"""The arguments that a disk refuses: names, offsets, spans and buffers that no file system takes.

What is refused raises OSError (EINVAL, ENAMETOOLONG), and nothing has happened; FileDevice of the engine
refuses the same (tests/contract/test_whole_device.py).
"""

import errno
import os
from typing import Final

__all__ = ["check_name", "check_offset", "check_span", "flat", "is_name", "is_offset", "refused"]

NAME_BYTES: Final = 255  # The longest name that file systems of Linux take.
_OFFSET_END: Final = 1 << 63
_ENCODING: Final = ("utf-8", "surrogateescape")


def refused(code: int, name: object) -> OSError:
    """The error of a call that is not carried out."""
    return OSError(code, os.strerror(code), name)


def is_name(name: object) -> bool:
    """True for a name of a file in a flat folder."""
    return _is_plain(name) and not _is_long(name)  # type: ignore[arg-type]


def _is_plain(name: object) -> bool:
    return (
        type(name) is str and bool(name) and "/" not in name and "\0" not in name and name not in (".", "..")
    )


def _is_long(name: str) -> bool:
    return len(name) > NAME_BYTES // 4 and len(name.encode(*_ENCODING)) > NAME_BYTES


def is_offset(offset: object) -> bool:
    """True for an offset, or a size, of a file."""
    return isinstance(offset, int) and 0 <= offset < _OFFSET_END


def check_name(name: object) -> None:
    """Raises OSError for what is no name of a file."""
    if not is_name(name):
        raise refused(errno.ENAMETOOLONG if _is_plain(name) else errno.EINVAL, name)


def check_offset(offset: object, name: str) -> None:
    """Raises OSError for what is no offset, and no size, of a file."""
    if not is_offset(offset):
        raise refused(errno.EINVAL, name)


def check_span(offset: object, size: object, name: str) -> None:
    """Raises OSError for what is no offset, or no number of bytes that are at least one."""
    if not (is_offset(offset) and is_offset(size) and size):
        raise refused(errno.EINVAL, name)


def flat(buffer: object, name: str, *, is_target: bool = False) -> memoryview:
    """The bytes of a buffer as one row, writable if `is_target`. Raises OSError for what is none."""
    try:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if is_target and view.readonly:
            raise refused(errno.EINVAL, name)
        return view if view.format == "B" and view.ndim == 1 and view.contiguous else view.cast("B")
    except TypeError:
        raise refused(errno.EINVAL, name) from None
