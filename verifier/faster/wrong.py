"""Wrong: calls with what they cannot take, each with the error that it must raise before anything is done.

    keys       and values, functions: of operations one at a time
    batches    of keys, values, deltas and types that do not fit each other
    calls      of the store
    waits      seconds and flags, kinds of checkpoint
    openings   of a store on a device of nobody, with its path or device, its settings, its version

Whoever asks looks afterwards whether anything has changed. The error of a batch says that nothing is done.

Threads: none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np

from powercut.engine import (
    CheckpointError,
    EngineError,
    FasterKv,
    FlushSettings,
    OperationError,
    Session,
    SessionError,
    Settings,
    SettingsError,
    ThreadRuntime,
    UnknownSessionError,
    Version,
)
from powercut.engine.inspection import inspect_store
from powercut.faultfs import FaultDevice

from .stepped import SteppedRuntime

__all__ = ["WRONG", "Refusal", "wrong_calls"]

Refusal = tuple[type[EngineError], int | None, Callable[[], object]]  # The error, its `done`, the call.


class _Unhashable:
    __hash__ = None  # type: ignore[assignment]


_ODD: Final[tuple[Any, ...]] = (None, 5, 1.5, "x", b"x", [], {}, object(), _Unhashable(), int)
_FLAGS: Final[tuple[Any, ...]] = (None, 0, 1, "yes", [], np.True_)
_SECONDS: Final[tuple[Any, ...]] = ("x", -1, -0.5, -1e-9, math.nan, -math.inf, 10**400, True, [], 1j, "5")
_NO_BYTES: Final[tuple[Any, ...]] = (None, 5, "k", [b"k"], np.array([b"k"]), np.str_("k"), object())
_NO_KEYS: Final[tuple[Any, ...]] = (*_NO_BYTES, b"", bytearray(), bytes(1 << 17))
_NO_VALUES: Final[tuple[Any, ...]] = (*_NO_BYTES, bytes(1 << 17))
_FUNCTIONS: Final[tuple[Any, ...]] = (None, 5, b"v", [])
_NO_LISTS: Final[tuple[Any, ...]] = (
    *(None, 5, b"ab", "ab", bytearray(b"ab"), memoryview(b"ab"), {b"a"}, {b"a": 1}, iter([b"a"]), [5], ["a"]),
    [b"a", None],
)
_ROWS: Final = np.array([b"ab", b"cd"])
_NO_ROWS: Final[tuple[Any, ...]] = (
    np.array(["ab", "cd"]),
    np.array([b"ab", b"c"]),
    np.array([object(), object()]),
    np.zeros((2, 2, 2), "u1"),
    np.zeros((2, 2), "u4"),
    np.array(b"ab"),
    np.zeros(2, "V0"),
    [b"ab", b"cd"],
    np.array([b"ab"]),
)
_DELTAS: Final[tuple[Any, ...]] = (
    None,
    "1",
    1.5,
    [1.5],
    [1, 2],
    ["a"],
    [[1]],
    [[1], [2, 3]],
    1 << 64,
    object(),
    [],
)
_TYPES: Final[tuple[Any, ...]] = (
    5,
    object,
    "S0",
    "V0",
    "no such type",
    "(2,)u4",
    [],
    "V131072",
    "V2000000000",
)
_NAMES: Final[tuple[Any, ...]] = (None, 5, b"s", "", "x" * 256, "\u00e9" * 128, "\ud800", [], _Unhashable())
_ADDRESSES: Final[tuple[Any, ...]] = ("x", b"x", 1.5, -1, 1 << 60, [], True)
_PATHS: Final[tuple[Any, ...]] = ("", b"", "a\0b", "\ud800", None, 5, object(), FaultDevice, [])


def _keys(store: FasterKv, session: Session) -> Iterator[Refusal]:
    for key in _NO_KEYS:
        calls: tuple[Callable[[], object], ...] = (
            partial(session.read, key),
            partial(session.delete, key),
            partial(session.upsert, key, b"v"),
            partial(session.insert, key, b"v"),
            partial(session.rmw, key, lambda old: b"v"),
            partial(session.start_read, key),
            partial(session.start_rmw, key, lambda old: b"v"),
        )
        yield from ((OperationError, None, call) for call in calls)
    for value in _NO_VALUES:
        yield OperationError, None, partial(session.upsert, b"k", value)
        yield OperationError, None, partial(session.insert, b"a new key", value)
    for function in _FUNCTIONS:
        yield OperationError, None, partial(session.rmw, b"k", function)
        yield OperationError, None, partial(session.start_rmw, b"k", function)


def _batches(store: FasterKv, session: Session) -> Iterator[Refusal]:
    calls: list[Callable[[], object]] = []
    for many in _NO_LISTS:
        calls += [partial(session.upsert_many, many, [b"1"]), partial(session.upsert_many, [b"a"], many)]
        calls += [partial(session.append_many, many, [b"1"]), partial(session.append_many, [b"a"], many)]
        calls += [partial(session.add_many, many, 1), partial(session.read_many, many)]
    for rows in _NO_ROWS:
        calls += [partial(session.upsert_many, _ROWS, rows)]
        if isinstance(rows, np.ndarray) and len(rows.shape) != 1:
            calls += [partial(session.read_many, rows), partial(session.add_many, rows, 1)]
    for one, other in (([b"a"], [b"1", b"2"]), ([b"a", b"b"], [b"1"]), ([], [b"1"]), ([b"a"], [])):
        calls += [partial(session.upsert_many, one, other), partial(session.append_many, one, other)]
    calls += [partial(session.add_many, [b"a"], deltas) for deltas in _DELTAS]
    calls += [partial(session.read_many, [b"a"], dtype=kind) for kind in _TYPES]
    calls += [partial(session.read_many, [b"a", b"bc"], dtype="V8")]
    yield from ((OperationError, 0, call) for call in calls)


def _calls(store: FasterKv, session: Session) -> Iterator[Refusal]:
    for name in _NAMES:
        if name is not None:  # Of a session it says that it has none.
            yield SessionError, None, partial(store.session, name)
        yield UnknownSessionError, None, partial(store.resume_session, name)
        yield UnknownSessionError, None, partial(store.forget_session, name)
    for kind in _TYPES:
        yield OperationError, None, partial(store.items_many, kind, "V8")
        yield OperationError, None, partial(store.items_many, "V8", kind)
    for address in _ADDRESSES:
        yield OperationError, None, partial(store.scan, address)
        yield OperationError, None, partial(store.scan, None, address)
    for address in (None, *_ADDRESSES):
        yield OperationError, None, partial(store.truncate_before, address)
    for flag in _FLAGS:
        yield OperationError, None, partial(store.close, checkpoint=flag)
        yield OperationError, None, partial(store.close, checkpoint=True, index=flag)
        yield OperationError, None, partial(store.flusher.stop, final=flag)
    yield OperationError, None, partial(store.close, index=True)  # An image, and no checkpoint.
    for where in _PATHS:
        yield SettingsError, None, partial(store.backup, where)


def _waits(store: FasterKv, session: Session) -> Iterator[Refusal]:
    for seconds in _SECONDS:
        yield OperationError, None, partial(session.complete_pending, timeout=seconds)
        yield OperationError, None, partial(store.checkpoint, timeout=seconds)
        yield OperationError, None, partial(store.start_checkpoint, timeout=seconds)
    for flag in _FLAGS:
        yield OperationError, None, partial(session.complete_pending, wait=flag)
    for kind in (*_ODD, "FOLD_OVER", 1):
        yield CheckpointError, None, partial(store.checkpoint, kind)
        yield CheckpointError, None, partial(store.start_checkpoint, kind)


def _openings(store: FasterKv, session: Session) -> Iterator[Refusal]:
    device = FaultDevice()
    fine: dict[str, Any] = {
        "where": device,
        "create": True,
        "settings": Settings(1024, 2048, 512, 512, ring_pages=2, index_buckets=1),
        "runtime": SteppedRuntime(),
        "kernels": "interpreted",
    }
    wrong: dict[str, tuple[Any, ...]] = {
        "where": _PATHS,
        "create": _FLAGS,
        "read_only": _FLAGS,
        "memory": ("x", None, 0, -1, 1.5, True, []),
        "settings": (5, "x", {}, Settings),
        "runtime": (0, "", 5, object(), ThreadRuntime),
        "version": (5, "1.1", (1,), (1, 2, 3), Version(1, 1), [1, 1]),
        "kernels": (5, "", "fast", [], b"auto"),
        "flush": (5, "on", {}, True, FlushSettings),
        "read_cache": (-1, 1023, 1e6, "1 MB", None, True, [], 1 << 40),
        "compact_at": (0, 1, 0.0, 1.0, float("nan"), "half", True, []),
        "disk": ("10 MB", 0, -1, 1.5, True, [], 65_535),
    }
    for name, given in wrong.items():
        for each in given:
            yield SettingsError, None, partial(FasterKv.open, **(fine | {name: each}))
    for where in _PATHS:
        yield SettingsError, None, partial(inspect_store, where)
    for read_only, each in product((True, False), ({}, "x")):
        yield (
            SettingsError,
            None,
            partial(FasterKv.open, **(fine | {"read_only": read_only, "settings": each})),
        )


WRONG: Final = (_keys, _batches, _calls, _waits, _openings)


def wrong_calls(number: int, store: FasterKv, session: Session) -> list[Refusal]:
    """The calls of that group."""
    return list(WRONG[number](store, session))
