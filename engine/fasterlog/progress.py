"""Progress: how far each named iterator of a log has come, as the commit blocks keep it.

    count    2 bytes
    each     length of the name (1 byte), the name in UTF-8, the address below which all is done (8 bytes)

Pure. Numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from ..errors import OperationError

__all__ = ["check_name", "decode_progress", "encode_progress"]

NAME_BYTES_MAX: Final = 255
_COUNT: Final = struct.Struct("<H")
_ADDRESS: Final = struct.Struct("<Q")


def check_name(name: Any) -> str:
    """The name of an iterator. Raises OperationError for what is none."""
    encoded = b""
    with suppress(UnicodeError):
        encoded = name.encode() if isinstance(name, str) else b""
    if not 0 < len(encoded) <= NAME_BYTES_MAX:
        raise OperationError(f"name is {name!r}: expected 1 to {NAME_BYTES_MAX} bytes of text")
    return str(name)


def encode_progress(progress: Mapping[str, int]) -> bytes:
    """The bytes; b"" for none."""
    if not progress:
        return b""
    parts = [_COUNT.pack(len(progress))]
    for name, address in sorted(progress.items()):
        encoded = name.encode()
        parts += [bytes([len(encoded)]), encoded, _ADDRESS.pack(address)]
    return b"".join(parts)


def decode_progress(data: bytes) -> tuple[dict[str, int], int]:
    """The progress at the start of `data`, and the bytes that it takes. Raises ValueError where none is."""
    try:
        (count,), at = _COUNT.unpack_from(data), _COUNT.size
        progress = {}
        for _ in range(count):
            end = at + 1 + data[at]
            name = data[at + 1 : end].decode()
            (progress[name],) = _ADDRESS.unpack_from(data, end)
            at = end + _ADDRESS.size
    except (struct.error, IndexError) as error:
        raise ValueError(str(error)) from None
    return progress, at
