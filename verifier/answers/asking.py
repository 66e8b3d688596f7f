"""Asking: each operation of a program carried out on the store and on its reference, answer beside answer.

An answer is what was returned, or which error was raised, with its `done`. A batch that is refused has done
nothing; one that stops says how many of its operations are done, and no more serials are taken than that.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..faster.seams import CheckpointError, EngineError, OperationError, SessionError
from ..faster.stepped import LateRuntime
from ..faster.subject import FasterSubject
from ..spec.model import Issued, issue
from ..tapes.operations import OPERATIONS
from ..tapes.tape import Kind, Operation
from .edges import ODD, OddError, filled, key_of, length_of
from .reference import Begun, Reference
from .refusing import RefusingDevice

__all__ = ["Answers", "Asker", "Raised", "named", "shorten", "told_by"]


class Raised(NamedTuple):
    """An error as an answer."""

    kind: str
    done: int | None = None


class Answers(NamedTuple):
    """The store's answer, and the one that it should have given."""

    expected: object
    found: object


def told_by(call: Callable[[], object]) -> object:
    """Call; the result, or the error as an answer."""
    try:
        return call()
    except (EngineError, OddError) as error:
        return Raised(type(error).__name__, getattr(error, "done", None))


Answered = Answers | None
_NO_ADDRESS: Final = (4, 5, 7)  # Of a scan's choices: inside a record, above the tail, below begin.
_TOLD_BYTES: Final = 120
_KEY_BYTES: Final = 5  # Of those that are listed as arrays;
_VALUE_BYTES: Final = 8  # others are refused.
_REFUSED: Final = Raised(OperationError.__name__)


class Asker:
    """Asks one store, in one life."""

    def __init__(
        self,
        subject: FasterSubject,
        runtime: LateRuntime,
        reference: Reference,
        life: int,
        device: RefusingDevice,
    ) -> None:
        self.subject = subject
        self.device = device
        self.store = subject.store
        self.runtime = runtime
        self.reference = reference
        self.life = life

    def issued(self, operation: Operation, serial: int) -> Issued:
        """The operation, with the key that its number means here."""
        given = issue(Operation(Kind.UPSERT, operation.session, 0, min(operation.size, 2)), serial, self.life)
        key = key_of(operation.key, self.reference.log)
        return Issued(Kind(operation.kind), operation.session, serial, key, given.stamp, given.padding)

    def session(self, operation: Operation) -> Any:
        """The session, opened if it is not."""
        self.reference.open(operation.session)
        return self.subject.open_session(operation.session)

    # -- one at a time -----------------------------------------------------------------------------

    def is_refused(self, key: bytes, value: bytes) -> bool:
        """True if no record has this key and this value."""
        return len(value) > self.reference.log.value_max(key)

    def upsert(self, operation: Operation, value: bytes | None = None) -> Answers:
        session, number = self.session(operation), operation.session
        issued = self.issued(operation, self.reference.issued[number] + 1)
        key, value = issued.key, issued.value if value is None else value
        expected: object = _REFUSED
        if not self.is_refused(key, value):
            serial = self.reference.issue(number)
            self.reference.log.upsert(key, value)
            self.reference.wrote(number, serial, key, value)
            expected = None
        return Answers(expected, told_by(lambda: session.upsert(key, value)))

    def put(self, operation: Operation) -> Answers:
        key = key_of(operation.key, self.reference.log)
        self.session(operation)
        stamp = self.issued(operation, self.reference.issued[operation.session] + 1).stamp
        return self.upsert(operation, filled(stamp, length_of(operation.size, key, self.reference.log)))

    def insert(self, operation: Operation) -> Answers:
        session, number = self.session(operation), operation.session
        issued = self.issued(operation, self.reference.issued[number] + 1)
        expected: object = _REFUSED
        if not self.is_refused(issued.key, issued.value):
            expected = self.reference.insert(number, self.reference.issue(number), issued.key, issued.value)
        return Answers(expected, told_by(lambda: session.insert(issued.key, issued.value)))

    def delete(self, operation: Operation) -> Answers:
        session, number = self.session(operation), operation.session
        key = key_of(operation.key, self.reference.log)
        expected = self.reference.delete(number, self.reference.issue(number), key)
        return Answers(expected, told_by(lambda: session.delete(key)))

    def read(self, operation: Operation) -> Answers:
        session = self.session(operation)
        key = key_of(operation.key, self.reference.log)
        self.reference.issue(operation.session)
        _, expected = self.reference.log.read(key)
        return Answers(expected, told_by(lambda: session.read(key)))

    # -- read-modify-writes ------------------------------------------------------------------------

    def changed(self, issued: Issued, odd: str) -> tuple[Callable[[Any], Any], Callable[[Any], bytes | None]]:
        """The function that the store is given, and the one of the reference; `odd`: "" for a plain one."""
        session = self.subject.open_session(issued.session)
        most = self.reference.log.value_max(issued.key)

        def given(old: bytes | None) -> object:
            new = issued.appended(old)[: max(most, 0)]
            if odd == "raises":
                raise OddError
            if odd == "an operation":
                inside = (
                    lambda: session.read(issued.key),
                    lambda: session.upsert(issued.key, new),
                    lambda: session.rmw(issued.key, lambda _: new),
                    session.close,
                )
                if all(told_by(call) == Raised(SessionError.__name__) for call in inside):
                    return new
                return b"an operation inside a function was carried out"
            others: dict[str, object] = {
                "nothing": None,
                "a number": len(new),
                "too long": bytes(most + 1),
                "a bytearray": bytearray(new),
                "a view": memoryview(new),
                "the same": old or b"",
            }
            return others.get(odd, new)

        def meant(old: bytes | None) -> bytes | None:
            if odd in ("a number", "too long"):
                raise OperationError(odd)
            new = issued.appended(old)[: max(most, 0)]
            if odd == "raises":
                raise OddError
            return None if odd == "nothing" else old or b"" if odd == "the same" else new

        return given, meant

    def rmw(self, operation: Operation, odd: str = "") -> Answers:
        session, number, reference = self.session(operation), operation.session, self.reference
        issued = self.issued(operation, reference.issue(number))
        given, meant = self.changed(issued, odd)
        expected = told_by(lambda: reference.swap(number, issued.serial, issued.key, meant))
        return Answers(expected, told_by(lambda: session.rmw(issued.key, given)))

    def rmw_odd(self, operation: Operation) -> Answers:
        return self.rmw(operation, ODD[operation.size])

    # -- begun and completed later -----------------------------------------------------------------

    def start_read(self, operation: Operation) -> Answered:
        session, number, reference = self.session(operation), operation.session, self.reference
        key = key_of(operation.key, reference.log)
        reference.issue(number)
        place, expected = reference.log.read(key)
        return self._begin(
            place[0] == "cold", Begun(number, False, lambda: expected), lambda: session.start_read(key)
        )

    def start_rmw(self, operation: Operation, odd: str = "") -> Answered:
        session, number, reference = self.session(operation), operation.session, self.reference
        issued = self.issued(operation, reference.issue(number))
        given, meant = self.changed(issued, odd)
        place, _ = reference.log.locate(issued.key)
        is_left = place[0] == "cold" and reference.phase == "REST"
        if is_left:
            reference.log.counters["device_reads"] += 1
        told = place[1] if is_left else 0

        def end() -> object:
            return told_by(lambda: reference.swap(number, issued.serial, issued.key, meant, told))

        begun = Begun(number, True, end)
        return self._begin(is_left, begun, lambda: session.start_rmw(issued.key, given))

    def start_odd(self, operation: Operation) -> Answered:
        return self.start_rmw(operation, ODD[operation.size])

    def _begin(self, is_left: bool, begun: Begun, call: Callable[[], Any]) -> Answered:
        expected = None if is_left else begun.end()
        ticket = told_by(call)
        if isinstance(ticket, Raised):
            return Answers(expected, ticket)
        if not is_left:
            return Answers((True, expected), _state(ticket))
        begun.ticket, begun.answer = ticket, self.runtime.last
        self.reference.begun.append(begun)
        return Answers((False, _REFUSED), _state(ticket))

    def complete(self, operation: Operation) -> Answers:
        """Size 0: all; 1: none has been answered; 2 and 3: after the oldest, after the newest answer."""
        session, number = self.session(operation), operation.session
        own = [each for each in self.reference.begun if each.session == number]
        wait: dict[str, Any] = {"wait": operation.size == 0}
        chosen = own if operation.size == 0 else own[:1] if operation.size == 2 else own[-1:]
        if operation.size == 1:
            chosen = []
        for each in chosen if operation.size else ():
            each.answer()
        if operation.size == 3:
            wait = {"timeout": 0.0}
        taken = list(self.reference.take_begun(lambda each: any(each is other for other in chosen)))
        expected = [len(taken) == len(own), *[(True, each.end()) for each in taken]]
        found = told_by(lambda: session.complete_pending(**wait))
        return Answers(expected, [found, *[_state(each.ticket) for each in taken]])

    def end_all(
        self, call: Callable[[], object], expected: Callable[[], object], number: int | None = None
    ) -> Answers:
        """A call that completes what is begun, of one session or of all; `expected` is asked afterwards."""
        taken = list(self.reference.take_begun(lambda each: number is None or each.session == number))
        if number is None:  # Session by session.
            live = list(self.subject.serials())
            taken.sort(key=lambda each: live.index(each.session))
        ends = [(True, each.end()) for each in taken]
        found = told_by(call)
        return Answers([expected(), *ends], [found, *[_state(each.ticket) for each in taken]])

    def resume(self, operation: Operation) -> Answers:
        session, number = self.session(operation), operation.session

        def again() -> int:
            session.close()
            return int(self.subject.resume_session(number).serial)

        return self.end_all(again, lambda: self.reference.issued[number], number)

    def leave(self, operation: Operation) -> Answers:
        number = operation.session
        self.reference.live.discard(number)
        return self.end_all(lambda: self.subject.leave_session(number), lambda: None, number)

    # -- the whole ---------------------------------------------------------------------------------

    def checkpoint(self, _: Operation) -> Answers:
        """A checkpoint of nothing new changes nothing on the device."""
        is_idle = self.reference.phase == "REST" and not self.reference.has_news
        point = self.reference.checkpoint()
        expected = Raised(CheckpointError.__name__) if point is None else point.bound
        before = len(self.device.trace)
        found = told_by(self.subject.checkpoint)
        if is_idle and self.device.was_changed_since(before):
            found = f"{found}, and the device was changed"
        return Answers(expected, found)

    def start(self, _: Operation) -> Answers:
        self.reference.start()
        return Answers(None, told_by(self.subject.start))

    def step(self, _: Operation) -> Answers:
        before = self.reference.points[:1]
        is_fine = self.reference.step()
        points = self.reference.points
        expected = points[0].bound if points[:1] != before else None
        found = told_by(self.subject.step)
        return Answers(expected if is_fine else Raised(CheckpointError.__name__), found)

    def truncate(self, _: Operation) -> Answers:
        address = self.reference.oldest_live()
        expected = self.reference.log.truncate(address)
        return Answers(expected, told_by(lambda: self.store.truncate_before(address)))

    def items(self, _: Operation | None = None) -> Answers:
        content = sorted(self.reference.content.items())
        fits = all(len(key) == _KEY_BYTES and len(value) == _VALUE_BYTES for key, value in content)
        expected = [content, content if fits else _REFUSED]
        return Answers(expected, [told_by(lambda: sorted(self.store.items())), told_by(self._columns)])

    def _columns(self) -> list[tuple[bytes, bytes]]:
        """All items as arrays of keys and of values, of the width that most short ones have."""
        arrays = self.store.items_many(f"V{_KEY_BYTES}", f"V{_VALUE_BYTES}")
        return sorted(
            (key.tobytes(), value.tobytes())
            for keys, values in arrays
            for key, value in zip(keys, values, strict=True)
        )

    def scan(self, begin: int | None = None, end: int | None = None) -> Answers:
        """All records between two addresses, or from the log's begin to its tail."""
        log = self.reference.log
        listed = log.chains.listed(log.begin if begin is None else begin, log.tail if end is None else end)
        expected = [(address, record.key, record.value) for address, record in listed]
        return Answers(expected, told_by(lambda: [tuple(record) for record in self.store.scan(begin, end)]))

    def scan_from(self, operation: Operation) -> Answers:
        log = self.reference.log
        listed = log.chains.listed(log.begin, log.tail)
        address, record = listed[operation.key % len(listed)] if listed else (log.tail, None)
        end = address + (0 if record is None else record.words * 8)
        page = max(address - address % log.page, log.begin)
        begins = (log.begin, address, log.begin, log.tail, address + 8, log.begin, page, log.begin - 8)
        ends = (log.tail, log.tail, address, log.tail, log.tail, log.tail + 8, end, log.tail)
        begin, end = begins[operation.size], ends[operation.size]
        answers = self.scan(begin, end)
        return Answers(_REFUSED, answers.found) if operation.size in _NO_ADDRESS else answers


def _state(ticket: Any) -> tuple[bool, object]:
    """True with the result of a ticket that has ended, else False."""
    return ticket.is_done, told_by(ticket.result)


def named(operation: Operation) -> str:
    """An operation as it was asked."""
    return f"s{operation.session} {OPERATIONS[Kind(operation.kind)].told} {operation.key}/{operation.size}"


def shorten(answer: object) -> str:
    """An answer, as much of it as a line holds."""
    told = repr(answer)
    return told if len(told) <= _TOLD_BYTES else f"{told[:_TOLD_BYTES]}..."
