"""Rarely: what a store is seldom asked, its answers held against the reference like all others.

    forget    a session is closed and dropped: what it did stays, and its name comes back as another session
    misuse    a call that is refused, and changes nothing
    viewed    key and value as anything that is bytes
    grow      the index has twice the buckets, where there is room
    failed    while the device answers no read: what asks it says so and has no effect; what does not, goes on

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final

from ..faster.seams import (
    DeviceError,
    IndexFullError,
    OperationError,
    SessionError,
    UnknownSessionError,
)
from ..spec.model import session_name
from ..tapes.tape import Operation
from .asking import Answered, Answers, Asker, Raised, told_by
from .edges import key_of

__all__ = ["failed", "forget", "grow", "misuse", "viewed"]

_NOBODY: Final = "nobody"
_ROWS: Final = 256 + 64  # Sessions and iterators that may be live at once, if most are iterators.


def _raised(error: type[Exception]) -> Raised:
    return Raised(error.__name__)


def forget(asker: Asker, operation: Operation) -> Answers:
    """Size 0: closed, and forgotten; 1: while it is live; 2: one that there is not."""
    number, reference, store = operation.session, asker.reference, asker.store
    if operation.size == 2:
        return Answers(_raised(UnknownSessionError), told_by(lambda: store.forget_session(_NOBODY)))
    asker.session(operation)
    if operation.size == 1:
        return Answers(_raised(SessionError), told_by(lambda: store.forget_session(session_name(number))))
    left = asker.leave(operation)
    reference.forget(number)
    found = told_by(lambda: store.forget_session(session_name(number)))
    return Answers([left.expected, None], [left.found, found])


def grow(asker: Asker, operation: Operation) -> Answers:
    """The index grown."""
    buckets = asker.reference.log.grow()
    return Answers(buckets or _raised(IndexFullError), told_by(asker.store.grow_index))


def misuse(asker: Asker, operation: Operation) -> Answers:
    """One call, or several of a kind, that must be refused."""
    asker.session(operation)
    number, reference, store = operation.session, asker.reference, asker.store
    tail = reference.log.tail

    def unknown() -> str:
        try:
            store.resume_session(_NOBODY)
        except UnknownSessionError as error:
            return str(error)
        return ""

    names = sorted(session_name(each) for each in reference.issued)
    calls: tuple[tuple[object, Callable[[], object]], ...] = (
        (_raised(SessionError), lambda: store.session(session_name(number))),
        (_raised(SessionError), lambda: store.resume_session(session_name(number))),
        (f"no session {_NOBODY!r} here: expected one of {names}", unknown),
        (_raised(OperationError), lambda: store.truncate_before(tail + 1)),
        (_raised(OperationError), lambda: store.truncate_before(-1)),
        (_ROWS - len(reference.live) if reference.content else 0, partial(_lease_all, store)),
    )
    expected, call = calls[operation.size]
    return Answers(expected, told_by(call))


def _lease_all(store: Any) -> int:
    """The number of iterators that the store lets live beside its sessions, if it has anything to list."""
    under_way: list[Any] = []
    try:
        for number in count():
            walk = store.items()
            try:
                if next(walk, None) is None:
                    return 0
            except SessionError:
                return number
            under_way.append(walk)
    finally:
        for walk in under_way:
            walk.close()
    raise AssertionError


class _Bytes(bytes):
    """A subclass, as numpy's."""


def _halved(data: bytes) -> memoryview:
    """Every second byte of twice as many: a view whose bytes do not stand side by side."""
    return memoryview(bytes(byte for each in data for byte in (each, 0)))[::2]


def viewed(asker: Asker, operation: Operation) -> Answers:
    """An upsert, a read-modify-write, a read and a delete, whose bytes are of another type."""
    makers: tuple[Callable[[bytes], Any], ...] = (
        bytearray,
        memoryview,
        _Bytes,
        lambda data: memoryview(data)[::1],
    )
    made = makers[operation.size]
    session, number, reference = asker.session(operation), operation.session, asker.reference
    issued = asker.issued(operation, reference.issue(number))
    key, value = issued.key, issued.value[: max(reference.log.value_max(issued.key), 0)]
    reference.log.upsert(key, value)
    reference.wrote(number, issued.serial, key, value)
    again = asker.issued(operation, reference.issue(number))
    given, meant = asker.changed(again, "")
    changed = told_by(lambda: reference.swap(number, again.serial, key, meant))
    reference.issue(number)
    _, read = reference.log.read(key)
    expected = [None, changed, read, reference.delete(number, reference.issue(number), key)]
    calls = (
        lambda: session.upsert(made(key), made(value)),
        lambda: session.rmw(made(key), given),
        lambda: session.read(made(key)),
        lambda: session.delete(made(key)),
    )
    return Answers(expected, [told_by(call) for call in calls])


# -- while the device answers no read ------------------------------------------------------------------


def failed(asker: Asker, operation: Operation) -> Answered:
    """An operation, by its size, while every read of the log on the device fails."""
    asks = (_read, _rmw, _delete, _insert, _start_read, _start_rmw, _read_many, _append_many, _items)
    session, device = asker.session(operation), asker.device
    if any(each.session == operation.session for each in asker.reference.begun):
        return None  # What is pending would be answered as well.
    ask = asks[operation.size % len(asks)]
    call, settle = ask(asker, operation, session)
    device.refused, device.is_refusing = 0, True
    try:
        found = told_by(call)
    finally:
        device.is_refusing = False
    return Answers(settle(bool(device.refused)), found)


# The call of the store; and what follows, told whether the device was asked: the answer that is expected.
_Asked = tuple[Callable[[], object], Callable[[bool], object]]
_FAILED: Final = Raised(DeviceError.__name__)


class _Asking:
    """The log as it was when an operation on a key began that may ask the device."""

    def __init__(self, asker: Asker, key: bytes) -> None:
        self._store, self._log, self._key = asker.store, asker.reference.log, key
        self._is_cold = self._log.locate(key)[0][0] == "cold"
        self._asked = self._store.stats().device_reads

    def refuse(self, *, is_read: bool = False) -> None:
        """The device refused. `is_read`: the value had been read before.

        One that was not cold, or had an answer before, is asked for because a page was opened meanwhile.
        """
        asked = self._store.stats().device_reads - self._asked
        self._log.reads_more += asked
        if is_read:
            self._log.read(self._key)
        if asked > 1 or not self._is_cold:
            self._log.open_page()


def _single(
    asker: Asker,
    operation: Operation,
    key: bytes,
    call: Callable[[], object],
    effect: Callable[[int], object],
) -> _Asked:
    """An operation that asks the device before it does anything; its serial is taken all the same."""
    asking = _Asking(asker, key)

    def settle(is_refused: bool) -> object:
        serial = asker.reference.issue(operation.session)
        if not is_refused:
            return effect(serial)
        asking.refuse()
        return _FAILED

    return call, settle


def _read(asker: Asker, operation: Operation, session: Any) -> _Asked:
    key = key_of(operation.key, asker.reference.log)
    log = asker.reference.log
    return _single(asker, operation, key, lambda: session.read(key), lambda _: log.read(key)[1])


def _rmw(asker: Asker, operation: Operation, session: Any) -> _Asked:
    return _changed(asker, operation, session.rmw)


def _changed(asker: Asker, operation: Operation, call: Callable[[bytes, Any], object]) -> _Asked:
    """A read-modify-write: one whose function was called has read the value before it failed."""
    reference, number = asker.reference, operation.session
    issued = asker.issued(operation, reference.issued[number] + 1)
    given, meant = asker.changed(issued, "")
    asking, called = _Asking(asker, issued.key), list[bytes | None]()

    def noted(old: bytes | None) -> object:
        called.append(old)
        return given(old)

    def settle(is_refused: bool) -> object:
        serial = reference.issue(number)
        if not is_refused:
            return told_by(lambda: reference.swap(number, serial, issued.key, meant))
        asking.refuse(is_read=bool(called))
        return _FAILED

    return lambda: call(issued.key, noted), settle


def _delete(asker: Asker, operation: Operation, session: Any) -> _Asked:
    key, number = key_of(operation.key, asker.reference.log), operation.session
    return _single(
        asker,
        operation,
        key,
        lambda: session.delete(key),
        lambda serial: asker.reference.delete(number, serial, key),
    )


def _insert(asker: Asker, operation: Operation, session: Any) -> _Asked:
    reference, number = asker.reference, operation.session
    issued = asker.issued(operation, reference.issued[number] + 1)
    value = issued.value[: max(reference.log.value_max(issued.key), 0)]
    return _single(
        asker,
        operation,
        issued.key,
        lambda: session.insert(issued.key, value),
        lambda serial: reference.insert(number, serial, issued.key, value),
    )


def _start_read(asker: Asker, operation: Operation, session: Any) -> _Asked:
    """An operation that was begun counts as asked, whatever is answered."""
    key = key_of(operation.key, asker.reference.log)

    def call() -> object:
        ticket = session.start_read(key)
        session.complete_pending()
        return ticket.result()

    def settle(is_refused: bool) -> object:
        asker.reference.issue(operation.session)
        _, value = asker.reference.log.read(key)
        return _FAILED if is_refused else value

    return call, settle


def _start_rmw(asker: Asker, operation: Operation, session: Any) -> _Asked:
    def call(key: bytes, function: Any) -> object:
        ticket = session.start_rmw(key, function)
        session.complete_pending()
        return ticket.result()

    return _changed(asker, operation, call)


def _read_many(asker: Asker, operation: Operation, session: Any) -> _Asked:
    """All of them have ended when the device is asked, together."""
    reference = asker.reference
    keys = [key_of(number, reference.log) for number in range(6)]

    def settle(is_refused: bool) -> object:
        reference.issue(operation.session, len(keys))
        before = reference.log.counters["device_reads"]
        values = [reference.log.read(key)[1] for key in keys]
        if not is_refused:
            return values
        reference.log.counters["device_reads"] = before
        return Raised(DeviceError.__name__, len(keys))

    return lambda: session.read_many(keys), settle


def _append_many(asker: Asker, operation: Operation, session: Any) -> _Asked:
    """One that fails was never issued: its serial is given back."""
    reference, number = asker.reference, operation.session
    key = key_of(operation.key, reference.log)
    asking = _Asking(asker, key)

    def settle(is_refused: bool) -> object:
        if is_refused:
            asking.refuse()
            return Raised(DeviceError.__name__, 0)
        reference.log.reads_more += 1
        old = reference.content.get(key)
        if len(old or b"") + 1 > reference.log.value_max(key):
            return Raised(OperationError.__name__, 0)
        new = (old or b"") + b"+"
        reference.log.change(key, lambda _: new)
        reference.wrote(number, reference.issue(number), key, new)
        return None

    return lambda: session.append_many([key], [b"+"]), settle


def _items(asker: Asker, operation: Operation, session: Any) -> _Asked:
    content = sorted(asker.reference.content.items())
    return lambda: sorted(asker.store.items()), lambda is_refused: _FAILED if is_refused else content
