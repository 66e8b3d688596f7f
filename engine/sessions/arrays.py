"""Arrays: a caller's input for many operations, as rows of bytes, or refused.

    array      an item is its bytes in memory, little-endian; of a two-dimensional one, a row is
    sequence   an item is bytes as for one operation (`arguments`)

An item of an `S` array that ends in a NUL is refused: numpy pads shorter items with NULs and takes them off
again when it shows one, so b"a" and b"a\\0" are one item there and two keys here. Nobody can tell which was
meant; a list of bytes says it, or `array.view("V8")`, whose NULs count. Text (`U`) is refused as str is.

Pure. numpy is imported with the first call, not with the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import bytes_of
from ..errors import OperationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["check_sequence", "dtype_of", "made_by", "rows_of", "same_width", "sequence_of"]


def rows_of(given: Any, what: str) -> NDArray[np.uint8]:
    """An array of n fixed-width items as bytes, shape (n, width)."""
    import numpy as np

    if not isinstance(given, np.ndarray):
        raise OperationError(f"{what} are {type(given).__name__}: expected an array, as the others")
    if given.dtype.hasobject or not given.dtype.itemsize or given.ndim not in (1, 2):
        raise OperationError(
            f"{what} are {given.dtype} of shape {given.shape}: expected n items of a fixed width"
        )
    if given.dtype.kind == "U":
        raise OperationError(f"{what} are text, {given.dtype}: expected bytes; encode them")
    plain = np.ascontiguousarray(given)
    if given.dtype.kind == "S":
        _check_padding(plain, what)
    if given.ndim == 2 and given.dtype.itemsize != 1:
        raise OperationError(
            f"{what} are {given.dtype} of shape {given.shape}: expected one item a row, or bytes"
        )
    if plain.dtype.byteorder == ">":
        plain = plain.byteswap().view(plain.dtype.newbyteorder("<"))
    width = plain.dtype.itemsize * (given.shape[1] if given.ndim == 2 else 1)
    return plain.view(np.uint8).reshape(len(given), width)


def _check_padding(given: NDArray[Any], what: str) -> None:
    """Raises OperationError where an item of an `S` array does not fill its width."""
    import numpy as np

    ends = given.view(np.uint8).reshape(-1, given.dtype.itemsize)[:, -1]
    if not ends.all():
        number = int(np.flatnonzero(ends == 0)[0])
        width = given.dtype.itemsize
        raise OperationError(
            f"{what} are {given.dtype}, and item {number} ends in a NUL, padding or its own: expected items "
            f'that fill {width} bytes; give a list of bytes, or view("V{width}") to store all {width}'
        )


def sequence_of(given: Any, what: str) -> Sequence[bytes]:
    """The sequence with each item as bytes."""
    items = check_sequence(given, what)
    return items if {*map(type, items)} <= {bytes} else [bytes_of(item) for item in items]


def check_sequence(given: Any, what: str) -> Sequence[Any]:
    """The sequence. Raises OperationError for what is none, or is one entry itself."""
    if isinstance(given, str | bytes | bytearray | memoryview) or not isinstance(given, Sequence):
        raise OperationError(f"{what} are {type(given).__name__}: expected an array or a sequence of bytes")
    return given


def same_width(keys: Sequence[bytes]) -> NDArray[np.uint8]:
    """Keys of one length as rows of bytes, shape (n, width)."""
    import numpy as np

    widths = {len(key) for key in keys}
    if len(widths) > 1:
        raise OperationError("keys of several lengths: read them with dtype=None")
    return np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), *(widths or {1}))


def dtype_of(given: Any, width_max: int) -> np.dtype[Any]:
    """The dtype of values to read. Raises OperationError for one of a width that no value can have."""
    import numpy as np

    kind: np.dtype[Any] = made_by(np.dtype, given, "dtype")
    if kind.hasobject or kind.subdtype or not kind.itemsize:
        raise OperationError(f"dtype {kind}: expected one of a fixed width")
    if kind.itemsize > width_max:
        raise OperationError(f"dtype {kind}: expected one of a width that a value can have")
    return kind


def made_by(make: Callable[[Any], Any], given: Any, what: str) -> Any:
    """Call `make(given)`, where numpy takes it."""
    try:
        return make(given)
    except (TypeError, ValueError) as error:
        raise OperationError(f"{what}: {error}") from None
