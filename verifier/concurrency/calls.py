"""Issuing: the operations of lanes carried out on a store, as calls and listings.

Every call is stamped when it is invoked and when it returns; an operation of a batch is a call of its own,
with the stamps of the batch.

    START_READ   returns with its start, for it finds the value as of its issue, whenever it is completed
    START_RMW    returns when it is completed
    RESUME       completes what is pending; the session goes on with the serial that it had
    ITEMS, SCAN  a listing: for each key one value, or none, that it had between begin and end. Of a scan
                 that is what the last record of the key says
    TRUNCATE     everything below the tail that there was when the lanes began. It may take a key away,
                 between begin and end, once
    FLUSH        rounds of the flush worker: no call, and nobody sees it
    TRUNCATE_AT  the same in a lane of its own, so that it meets checkpoints; by its size of that tail, of the
                 middle of the log (no record's), of the last byte of its first page, or of the second page
    COMPACT      up to the same addresses; no call, and nobody sees it
    GROW         no call, and nobody sees it

Invariants
  1  a session's calls have the serials 1, 2, 3, ... in issue order, over all its handles
  2  a listing of items names no key twice, even if it was taken away and written anew between begin and
     end; the addresses of a scan's records rise
  3  every value listed was written by a call that had been invoked
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Final

from msgspec.structs import replace

from ..faster.seams import PendingTicket
from ..faster.subject import FasterSubject
from ..oracles.linear import judge_linear
from ..spec.model import TRUNCATIONS, Issued, Result, issue
from ..tapes.operations import KEYED, OPERATIONS, Lane
from ..tapes.tape import KEYS_MAX, Kind, Operation
from ..verdict import OK, Breach, Unknown, Verdict, Violation
from .listings import Call, Listing
from .truncations import judge_lanes

__all__ = ["APART", "ASIDE", "BEHIND", "FAR", "OF_SESSIONS", "Call", "Issuer", "Listing"]

FAR: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.lane is Lane.FAR)
ASIDE: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.lane is Lane.ASIDE)
BEHIND: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.lane is Lane.BEHIND)
APART: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.lane is Lane.APART)
OF_SESSIONS: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.lane is Lane.SESSION)
_SINGLE: Final = {Kind.START_READ: Kind.READ, Kind.START_RMW: Kind.RMW}
_MANY: Final = {Kind.UPSERT_MANY: Kind.UPSERT, Kind.READ_MANY: Kind.READ}
_BATCH: Final = 2  # Operations.


class Issuer:
    """Carries operations out, and keeps what they were told. `verdict` is the first objection on the way."""

    def __init__(self, subject: FasterSubject, tick: Callable[[], int]) -> None:
        self.calls: list[Call] = []
        self.listings: list[Listing] = []
        self.truncations: list[tuple[float, float]] = []
        self.begins: list[int] = []  # What each of them made,
        self.begun_at: list[int] = []  # and the trace's length before it.
        self.issued: dict[int, int] = {}
        self.reached: set[str] = set()
        self.verdict: Verdict = OK
        self._subject = subject
        self._tick = tick
        self._pending: dict[int, list[tuple[Call, PendingTicket]]] = {}
        self._tail = self._before = 0  # The log's, and so many calls, when the lanes began.
        self._places: dict[bytes, int] = {}  # Where the newest record of each key was then.
        self._frozen: dict[
            bytes, bytes
        ] = {}  # What truncations can take of keys that change by new records only.

    def begin(self, *, is_truncated: bool = False) -> None:
        """Begin the lanes, with nothing pending; `is_truncated` if one of them will truncate."""
        for number in sorted(self._pending):
            self.complete(number)
        self._before = len(self.calls)
        if is_truncated:
            stats = self._subject.store.stats()
            self._tail = stats.tail
            newest = {record.key: record for record in self._subject.store.scan()}
            self._places = {key: record.address for key, record in newest.items()}
            self._frozen = {
                key: record.value
                for key, record in newest.items()
                if record.address < stats.read_only and record.value is not None
            }

    def carry_out(self, operation: Operation) -> None:
        """Carry out one operation of a session, or a truncation."""
        kind = Kind(operation.kind)
        if kind in KEYED:
            call = self._call(operation, kind)
            self._end([call], [self._subject.apply(call.issued)])
        elif kind in _SINGLE:
            self._start(operation)
        elif kind in _MANY:
            self._many(operation)
        elif kind is Kind.COMPLETE:
            self.complete(operation.session, wait=operation.size == 0)
        elif kind is Kind.RESUME:
            self._resume(operation.session)
        elif kind is Kind.ITEMS:
            self._items(operation.session)
        elif kind is Kind.SCAN:
            self._scan(operation.session)
        elif kind in BEHIND:
            self._subject.drive_flushes(operation)
            done = self._subject.store.flusher.metrics()
            counts = (("flushed behind", done.flushes), ("held back", done.held + done.slowed))
            self.reached |= {name for name, count in counts if count}
        elif kind in APART:
            self._subject.store.grow_index()
            self.reached.add("grown")
        else:
            assert kind in (Kind.TRUNCATE, Kind.TRUNCATE_AT, Kind.COMPACT)
            store, tail = self._subject.store, self._tail
            page = store.settings.page_bytes
            address = (tail, tail // 2 | 1, page - 1, page)[operation.size if kind in ASIDE else 0]
            invoked = self._tick()
            self.begun_at.append(self._subject.trace_length)
            if kind is Kind.COMPACT:  # It takes no key away.
                self.begins.append(store.compact(min(address, tail)).begin)
                self.reached.add("compacted")
                return
            self.begins.append(store.truncate_before(min(address, tail)))
            self.truncations.append((invoked, self._tick()))
            self.reached.add("truncated" if kind is Kind.TRUNCATE else "truncated aside")

    def _call(self, operation: Operation, kind: Kind, ahead: int = 0) -> Call:
        """The next call of a session, on the key that is `ahead` of the operation's."""
        session = operation.session
        serial = self.issued[session] = self.issued.get(session, 0) + 1
        issued = _issued(operation, kind, ahead, serial)
        self.calls.append(Call(issued, self._tick(), self._subject.trace_length))
        return self.calls[-1]

    def _end(self, calls: Sequence[Call], results: Sequence[Result]) -> None:
        for call, result in zip(calls, results, strict=True):
            call.returned, call.result = self._tick(), result

    # -- begun now, completed later ----------------------------------------------------------------

    def _start(self, operation: Operation) -> None:
        call = self._call(operation, _SINGLE[Kind(operation.kind)])
        session = self._subject.open_session(operation.session)
        issued = call.issued
        if issued.kind is Kind.READ:
            ticket = session.start_read(issued.key)
            call.returned = self._tick()
        else:
            ticket = session.start_rmw(issued.key, issued.appended)
        self._pending.setdefault(operation.session, []).append((call, ticket))
        if ticket.is_done:
            self._collect(operation.session)
        else:
            self.reached.add("pending")

    def complete(self, number: int, *, wait: bool = True) -> None:
        """Complete what the session has pending, or without `wait` what the device has answered of it."""
        if self._pending.get(number):
            self._subject.open_session(number).complete_pending(wait=wait)
            self._collect(number)
            if wait and (lost := self._pending.get(number)):
                issued = lost[0][0].issued
                detail = f"s{number}: {issued.kind.name.lower()} #{issued.serial} was begun and never ends"
                self._object(detail, "progress", Breach.HANG)

    def _collect(self, number: int) -> None:
        """Take down the results of tickets that have ended."""
        left = []
        for call, ticket in self._pending.pop(number, []):
            if not ticket.is_done:
                left.append((call, ticket))
                continue
            call.result = ticket.result()
            if call.returned == inf:
                call.returned = self._tick()
        if left:
            self._pending[number] = left

    def _resume(self, number: int) -> None:
        session = self._subject.open_session(number)
        session.close()
        self._collect(number)
        self._subject.resume_session(number)
        self.reached.add("resumed")

    # -- many at a time ----------------------------------------------------------------------------

    def _many(self, operation: Operation) -> None:
        kind = _MANY[Kind(operation.kind)]
        calls = [self._call(operation, kind, ahead) for ahead in range(_BATCH)]
        session = self._subject.open_session(operation.session)
        keys = [call.issued.key for call in calls]
        results: list[Result] = [None] * _BATCH
        if kind is Kind.READ:
            results = session.read_many(keys)
        else:
            session.upsert_many(keys, [call.issued.value for call in calls])
        self._end(calls, results)
        self.reached.add("batches")

    # -- walks -------------------------------------------------------------------------------------

    def _items(self, number: int) -> None:
        listing = self._list(Kind.ITEMS, number)
        for key, value in self._subject.store.items():
            if key in listing.values:
                self._object(f"items: {key!r} is listed twice")
            listing.values[key] = value
        listing.returned = self._tick()

    def _scan(self, number: int) -> None:
        listing = self._list(Kind.SCAN, number)
        reached = -1
        for record in self._subject.store.scan():
            if record.address <= reached:
                self._object(f"scan: {record.address} after {reached}")
            reached = record.address
            covered = listing.values.get(record.key)
            if covered is not None:
                listing.others.append(covered)
            listing.values[record.key] = record.value
        listing.returned = self._tick()

    def _list(self, kind: Kind, number: int) -> Listing:
        self.listings.append(Listing(kind, number, self._tick()))
        self.reached.add("listed")
        return self.listings[-1]

    # -- oracles -----------------------------------------------------------------------------------

    def told(self) -> tuple[Hashable, ...]:
        """All that is judged, as a value."""
        calls = [(call.issued, call.invoked, call.returned, call.result) for call in self.calls]
        listings = [
            (each.kind, each.invoked, each.returned, tuple(each.values.items()), tuple(each.others))
            for each in self.listings
        ]
        frozen = tuple(self._frozen.items())
        truncations = tuple(self.truncations), tuple(self.begins)
        return tuple(calls), tuple(listings), truncations, frozen, self.verdict

    def _object(
        self, detail: str, oracle: str = "linearizable", breach: Breach = Breach.WRONG_RESULT
    ) -> None:
        if self.verdict == OK:
            self.verdict = Violation(oracle, breach, detail)

    def judge(self, content: Mapping[bytes, bytes]) -> Verdict:
        """The verdict on all calls and listings, and on the content at the end."""
        if self.verdict != OK:
            return self.verdict
        written = {call.issued.value for call in self.calls if call.issued.kind is not Kind.RMW}
        written |= {call.result for call in self.calls if isinstance(call.result, bytes)}
        for listing in self.listings:
            for value in listing.others:  # The others are judged as reads.
                if value not in written:
                    return Violation("linearizable", Breach.WRONG_RESULT, f"a scan lists {value!r}")
        spans = [call.span() for call in self.calls]
        keys = sorted({call.issued.key for call in self.calls} | content.keys())
        for listing in self.listings:
            spans += listing.spans(sorted({*keys, *listing.values}))
        return judge_lanes(spans, content, self.truncations, self._frozen)

    def issued_by(self, index: int) -> dict[int, int]:
        """The most that a power cut at this index of the trace can leave, as a bound."""
        issued: dict[int, int] = {}
        for call in self.calls:
            if call.at <= index:
                session = call.issued.session
                issued[session] = max(issued.get(session, 0), call.issued.serial)
        begins = [begin for at, begin in zip(self.begun_at, self.begins, strict=False) if at <= index]
        return issued | {TRUNCATIONS: max(begins, default=0)}

    def judge_cut(self, bounds: Mapping[int, int], content: Mapping[bytes, bytes]) -> Verdict:
        """The verdict on a prefix of each session, and on the content that a recovery has found."""
        kept = [call for call in self.calls if _is_kept(call, bounds)]
        spans = [call.span() for call in kept]
        if not self.truncations:
            return judge_linear(spans, content)
        # What a truncation takes away at once comes back where no checkpoint has the begin that it made.
        begin = bounds.get(TRUNCATIONS, 0)
        are_held = all(each <= begin for each in self.begins)
        lost = {call.issued.key for call in self.calls[: self._before] if not _is_kept(call, bounds)}
        beside = [call.issued for call in self.calls[self._before :] if _is_kept(call, bounds)]
        changed = {issued.key for issued in beside if issued.kind is not Kind.READ}
        for key in sorted({call.issued.key for call in kept} | content.keys()):
            own = [span for span in spans if span.issued.key == key]
            here = {key: content[key]} if key in content else {}
            verdict = judge_lanes(own, here, self.truncations, self._frozen)
            is_unchanged = key in self._frozen.keys() - changed - lost
            if is_unchanged and bool(here) == (self._places[key] < begin):
                what = "is back" if here else "is gone"
                return Violation("linearizable", Breach.HOLE, f"{key!r} {what}, and begin is {begin}")
            if verdict == OK or (here and isinstance(verdict, Unknown)):
                continue
            if not here or are_held or judge_lanes(own, None, self.truncations, self._frozen) != OK:
                return verdict
            written = {span.issued.value for span in own if span.issued.kind is not Kind.RMW}
            if here[key] not in written | {span.result for span in own}:
                return verdict
        return OK


def _is_kept(call: Call, bounds: Mapping[int, int]) -> bool:
    return call.issued.serial <= bounds.get(call.issued.session, 0)


@lru_cache(maxsize=1 << 12)  # A program's schedules issue the same again and again.
def _issued(operation: Operation, kind: Kind, ahead: int, serial: int) -> Issued:
    return issue(replace(operation, kind=kind, key=(operation.key + ahead) % KEYS_MAX), serial)
