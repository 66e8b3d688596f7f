"""Arrays: a caller's input for many operations, as rows of bytes, or refused.

Pure. numpy is imported with the first call, not with the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import OperationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["made_by", "rows_of", "same_width", "sequence_of"]


def rows_of(given: Any, what: str) -> NDArray[np.uint8]:
    """An array of n fixed-width items as bytes, shape (n, width)."""
    import numpy as np

    if not isinstance(given, np.ndarray):
        raise OperationError(f"{what} are {type(given).__name__}: expected an array, as the others")
    if given.dtype.hasobject or not given.dtype.itemsize or given.ndim not in (1, 2):
        raise OperationError(
            f"{what} are {given.dtype} of shape {given.shape}: expected n items of a fixed width"
        )
    plain = np.ascontiguousarray(given)
    if given.ndim == 2 and given.dtype.itemsize != 1:
        raise OperationError(
            f"{what} are {given.dtype} of shape {given.shape}: expected one item a row, or bytes"
        )
    if plain.dtype.byteorder == ">":
        plain = plain.byteswap().view(plain.dtype.newbyteorder("<"))
    width = plain.dtype.itemsize * (given.shape[1] if given.ndim == 2 else 1)
    return plain.view(np.uint8).reshape(len(given), width)


def sequence_of(given: Any, what: str) -> Sequence[bytes]:
    """The argument itself, if it is a sequence; its items are checked one by one later."""
    if isinstance(given, bytes | str) or not isinstance(given, Sequence):
        raise OperationError(f"{what} are {type(given).__name__}: expected an array or a sequence of bytes")
    return given


def same_width(keys: Sequence[bytes]) -> NDArray[np.uint8]:
    """Keys of one length as rows of bytes, shape (n, width)."""
    import numpy as np

    widths = {len(key) for key in keys if type(key) is bytes}
    if len(widths) > 1 or any(type(key) is not bytes for key in keys):
        raise OperationError("keys of several lengths: read them with dtype=None")
    return np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), *(widths or {1}))


def made_by(make: Callable[[Any], Any], given: Any, what: str) -> Any:
    """Call `make(given)`, where numpy takes it."""
    try:
        return make(given)
    except (TypeError, ValueError) as error:
        raise OperationError(f"{what}: {error}") from None
