"""Looking back: a closed store opened only to read, at each of its checkpoints, and asked for everything.

What reads answers as of that checkpoint, by every way to read; what changes is refused; and nothing is
written.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from powercut.faultfs import Effect, EventKind, Fault, FaultDevice, Plan, PlannedDevice

from ..faster.foresight import READING
from ..faster.inspection import backup_store, inspect_store
from ..faster.seams import DeviceError, FasterKv, MissingStoreError, ReadOnlyError, Session, StoreExistsError
from ..faster.stepped import SteppedRuntime
from ..spec.model import session_name
from ..spec.subject import Older
from ..tapes.tape import KEYS_MAX
from .asking import Answers, Raised, told_by
from .edges import key_of
from .reference import Point, Reference

__all__ = ["look_back"]

_REFUSED: Final = Raised(ReadOnlyError.__name__)
_BATCH_REFUSED: Final = Raised(ReadOnlyError.__name__, 0)


def look_back(
    read_older: Callable[[Callable[[FasterKv], object]], Iterable[Older]],
    reference: Reference,
    device: FaultDevice,
) -> tuple[object, Answers]:
    """Open the newest checkpoint, and each older one by its version: (what is told of the older ones, the
    answers of all of them).
    """
    before = len(device.trace)
    expected: list[object] = [
        _expected(point, reference.content_at(point), reference) for point in reference.points
    ]
    found: list[object] = []
    keys = _keys(reference)
    older = told_by(
        lambda: list(read_older(lambda store: found.append(told_by(partial(_found, store, keys)))))
    )
    if before % _EVERY == 0:
        expected.append(_COPIES)
        found.append(_copies(device))
    written = sum(event.kind not in READING for event in device.trace.events[before:])
    return older, Answers([*expected, 0], [*found, written])


def _expected(point: Point, content: Mapping[bytes, bytes], reference: Reference) -> dict[str, object]:
    values = [content.get(key) for key in _keys(reference)]
    refused = dict.fromkeys((*_changes(_ANY, b""), *_store_changes(_ANY)), _REFUSED)
    return {
        "version": point.version,
        "serials": {session_name(number): serial for number, serial in point.serials.items()},
        "is_read_only": True,
        "items": sorted(content.items()),
        **dict.fromkeys(("read", "start_read", "read_many"), values),
        **refused,
        "upsert_many": _BATCH_REFUSED,
        "check": None,
    }


def _found(store: FasterKv, keys: list[bytes]) -> dict[str, object]:
    newest = store.newest
    found: dict[str, object] = {
        "version": newest and tuple(newest.version),
        "serials": store.serials(),
        "is_read_only": store.is_read_only,
        "items": sorted(store.items()),
    }
    with store.session("looker") as session:
        found["read"] = [session.read(key) for key in keys]
        tickets = [session.start_read(key) for key in keys]
        session.complete_pending()
        found["start_read"] = [ticket.result() for ticket in tickets]
        found["read_many"] = session.read_many(keys)
        found |= {name: told_by(call) for name, call in _changes(session, keys[0]).items()}
    found |= {name: told_by(call) for name, call in _store_changes(store).items()}
    found["check"] = told_by(store.check)
    return found


def _keys(reference: Reference) -> list[bytes]:
    return [key_of(number, reference.log) for number in range(KEYS_MAX)]


def _copies(device: FaultDevice) -> list[object]:
    """A copy of the closed store; a second one to the same place; and copies to a device that fails.

    Whatever is written to it at the call that fails, no store may be left there.
    """
    told: list[object] = []
    target, runtime = FaultDevice(), SteppedRuntime()
    told.append(isinstance(told_by(lambda: backup_store(device, target, runtime)), Raised))
    told.append(told_by(lambda: backup_store(device, target, runtime)))
    for call in (EventKind.CREATE, EventKind.WRITE, EventKind.SYNC):
        for after in (False, True):
            failing = PlannedDevice(plan=Plan(Fault(Effect.ERROR, call, 1, after=after)))
            error = told_by(lambda failing=failing: backup_store(device, failing, runtime))  # type: ignore[misc]
            failing.plan.is_on = False
            told.append((error, told_by(lambda failing=failing: inspect_store(failing))))  # type: ignore[misc]
    return told


_COPIES: Final = [
    False,
    Raised(StoreExistsError.__name__),
    *[(Raised(DeviceError.__name__), Raised(MissingStoreError.__name__))] * 6,
]
_EVERY: Final = 8  # So many stores a copy is made of one.
_ANY: Any = None  # For the names alone.


def _changes(session: Session, key: bytes) -> dict[str, Callable[[], object]]:
    """The calls that a session of such a store refuses."""
    return {
        "upsert": lambda: session.upsert(key, b""),
        "insert": lambda: session.insert(key, b""),
        "delete": lambda: session.delete(key),
        "rmw": lambda: session.rmw(key, lambda _: b""),
        "start_rmw": lambda: session.start_rmw(key, lambda _: b""),
        "upsert_many": lambda: session.upsert_many([key], [b""]),
    }


def _store_changes(store: FasterKv) -> dict[str, Callable[[], object]]:
    """The calls that such a store refuses itself."""
    return {
        "checkpoint": lambda: store.checkpoint(),
        "start_checkpoint": lambda: store.start_checkpoint(),
        "truncate_before": lambda: store.truncate_before(0),
        "compact": lambda: store.compact(),
        "grow_index": lambda: store.grow_index(),
        "forget_session": lambda: store.forget_session("s0"),
    }
