"""Appending: what tasks of a log side by side do, what each call was told, and what is to be said of it.

    ENQUEUE, ENQUEUE_MANY   entries with stamps, of an operation's size
    CHECKPOINT              a commit; of size 1 with a cookie
    COMPLETE                wait until the lane's last entry is durable; of size 1 in a coroutine
    ITERATE                 a named iterator takes an entry, for which it may have to wait, and says that it
                            is done; of size 1 all that come. Lanes of one key share theirs. Of size 2 one
                            without a name, which sees what is not committed, takes an entry
    SCAN, READ              the committed entries, of size 1 the others too; the first entry by its address
    ROLLBACK                what no commit has; of size 1 from the lane's last entry on
    TRUNCATE_AT             at the last commit; of size 1 at the second entry that it holds
    FLUSH                   two rounds of the worker that commits by itself
    REOPEN                  the log is closed, of size 1 as by the end of a `with`; the oracle opens it again
    FAILED                  the device fails the next sync, of size 1 the next write

Invariants
  1  a call that was refused, because the log is closed or the device has failed, did nothing that anybody
     counts on
  2  what is waited for has an end: time passes where nobody else can go on

Threads: one; tasks take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from msgspec.structs import replace

from powercut.faultfs import EventKind

from ..faster.fasterlog.coroutines import wait_in_coroutine
from ..faster.fasterlog.seams import FasterLog, LogIterator, PoisonedError
from ..faster.seams import ClosedError, DeviceError, OperationError
from ..oracles.committed import ORACLE, Appended, Told, judge_entries
from ..spec.model import Issued, issue
from ..tapes.operations import batch_of
from ..tapes.tape import Kind, Operation
from ..verdict import OK, Breach, Verdict, Violation
from .announced import AnnouncedDevice
from .heard import Glimpse, Heard
from .ordered import Ordered

__all__ = ["Appending", "LogCall"]

_NAMES: Final = ("mailer", "printer")
_PATIENCE: Final = 10.0  # Seconds on a clock that stands while anybody can go on.
_ROUNDS: Final = 2
_ALL: Final = 1
_OPEN: Final = 2
Entry = tuple[int, bytes]
NOTHING: Final[Mapping[str, int]] = {}


@dataclass(slots=True)
class LogCall:
    """One call, as a report tells it; `result` is text."""

    issued: Issued
    invoked: float
    at: int
    returned: float = inf
    result: bytes | None = None


class Appending:
    """Carries operations out on one log.

    tick      a number greater than all before
    device    the log's
    watch     is told of each iterator that is made
    """

    def __init__(
        self,
        log: FasterLog,
        tick: Callable[[], int],
        device: AnnouncedDevice,
        watch: Callable[[LogIterator], None],
    ) -> None:
        self.log = log
        self.calls: list[LogCall] = []
        self.heard = Heard()
        self.reached: set[str] = set()
        self._tick, self._device, self._watch = tick, device, watch
        self._serials: dict[int, int] = {}
        self._last: dict[int, int] = {}  # By lane the address of its last entry.
        self._iterators: dict[str, LogIterator] = {}
        self._open: dict[int, LogIterator] = {}  # Those that see what is not committed, by key.
        self._under_way: set[bytes] = set()  # Entries whose append has not returned.
        self._ordered = Ordered(log, self.heard.appends.backs)
        self._ways: Final[dict[Kind, Callable[[Operation, LogCall], object]]] = {
            Kind.ENQUEUE: self._enqueue,
            Kind.ENQUEUE_MANY: self._enqueue,
            Kind.CHECKPOINT: self._commit,
            Kind.COMPLETE: self._wait,
            Kind.ITERATE: self._iterate,
            Kind.ROLLBACK: self._roll_back,
            Kind.SCAN: self._scan,
            Kind.READ: self._read,
            Kind.TRUNCATE_AT: self._truncate,
            Kind.FLUSH: self._rounds,
            Kind.REOPEN: self._close,
            Kind.FAILED: self._fail,
        }

    def carry_out(self, operation: Operation) -> None:
        """Carry one operation out; what means nothing to a log does nothing."""
        kind = Kind(operation.kind)
        way = self._ways.get(kind)
        if way is None:
            return
        serial = self._serials[operation.session] = self._serials.get(operation.session, 0) + 1
        issued = issue(replace(operation, key=0), serial)
        call = LogCall(issued, self._tick(), len(self._device.trace))
        self.calls.append(call)
        try:
            result = way(operation, call)
        except ClosedError:
            if self.heard.closed_at == inf:
                raise
            self.reached.add("log closed")
            result = "the log is closed"
        except (DeviceError, PoisonedError) as error:
            if not self._device.has_failed:
                raise
            self.reached.add("log failed")
            result = type(error).__name__
        call.result = str(result).encode()
        call.returned = self._tick()

    def iterator_of(self, operation: Operation) -> LogIterator:
        """The iterator of an ITERATE; made where there is none."""
        return self._glimpser(operation.key) if operation.size == _OPEN else self._named(operation.key)

    def _named(self, key: int) -> LogIterator:
        name = _NAMES[key % len(_NAMES)]
        if name not in self._iterators:
            self._iterators[name] = self.log.follow(name)
            self._watch(self._iterators[name])
        return self._iterators[name]

    def _glimpser(self, key: int) -> LogIterator:
        if key not in self._open:
            self._open[key] = self.log.follow(uncommitted=True)
            self._watch(self._open[key])
            self.heard.glimpsed[key] = []
        return self._open[key]

    def told(self) -> tuple[Hashable, ...]:
        """All that is judged, as a value."""
        return *self.heard.told(), self._device.has_failed, self.log.automatic.failures

    def judge(self) -> Verdict:
        """The verdict on all that was done, and on the log as it is."""
        if self.heard.closed_at == inf and not self.log._source.has_ended():
            for key, iterator in self._open.items():
                while entry := iterator.take(timeout=0):
                    self.heard.glimpsed[key].append(Glimpse(self._tick(), entry.address, entry.data))
            self.heard.has_all = True
        return self.heard.judge(self.log, len(self._device.trace), has_failed=self._device.has_failed)

    # -- operations --------------------------------------------------------------------------------

    def _enqueue(self, operation: Operation, call: LogCall) -> object:
        is_one = operation.kind == Kind.ENQUEUE
        entries = [call.issued.value] if is_one else batch_of(call.issued.value)
        self._under_way.update(entries)
        addresses = [self.log.enqueue(entries[0])] if is_one else self.log.enqueue_many(entries).tolist()
        self._under_way.difference_update(entries)
        turn = self._ordered.turn_of(b"".join(entries))
        self._last[operation.session] = addresses[-1]
        both = tuple(zip(addresses, entries, strict=True))
        self.heard.appends.appended.append(Appended(both, call.at, call.invoked, self._tick(), turn))
        return addresses

    def _commit(self, operation: Operation, call: LogCall) -> object:
        said = dict(self.log.progress)
        try:
            commit = self.log.commit(b"cookie" if operation.size else None)
        except (DeviceError, PoisonedError):
            self.heard.failed = self.heard.failed or (call.invoked, self._tick())
            raise
        self._tell(end=commit.address, number=commit.number, progress=said)
        self.heard.commits.append((call.invoked, self._tick(), commit.number, commit.address))
        return commit.number, commit.address

    def _wait(self, operation: Operation, call: LogCall) -> object:
        address = self._last.get(operation.session)
        if address is None:
            return "nothing to wait for"
        runtime = self.log._source.runtime
        patience = runtime.now() + _PATIENCE
        is_durable = False
        try:
            if operation.size:
                self.reached.add("log awaited")
                is_durable = wait_in_coroutine(self.log, address, _PATIENCE)
            else:
                is_durable = self.log.wait(address, timeout=_PATIENCE)
        finally:
            if runtime.now() >= patience:  # Whatever it says now, it was not told in time.
                self.heard.missed.append((call.invoked, self._tick(), address))
        if is_durable:
            self._tell(end=address + 1)
        return is_durable

    def _iterate(self, operation: Operation, call: LogCall) -> object:
        if operation.size == _OPEN:
            return self._glimpse(operation, call)
        iterator = self._named(operation.key)
        name = iterator.name or ""
        taken: list[int] = []
        while not taken or operation.size == _ALL:
            entry = iterator.take(timeout=_PATIENCE)
            if entry is None:
                self.heard.missed.append((inf, self._tick(), iterator.position))
                break
            self._tell(end=entry.address + 1)
            self.heard.seen.append((entry.address, entry.data))
            taken.append(entry.address)
            self.heard.taken.setdefault(name, []).append(entry.address)
            self.reached.add("log followed")
        if taken:
            until = taken[-1] + 1
            self.heard.appends.said.append((len(self._device.trace), name, until))
            iterator.complete_until(until)
        return taken

    def _glimpse(self, operation: Operation, call: LogCall) -> object:
        entry = self._glimpser(operation.key).take(timeout=_PATIENCE)
        if entry is None:
            return "nothing"
        self.heard.glimpsed[operation.key].append(Glimpse(call.invoked, *entry))
        self.reached.add("log seen early")
        return entry.address

    def _roll_back(self, operation: Operation, call: LogCall) -> object:
        committed = self.log.committed.address
        address = self._last.get(operation.session, committed) if operation.size else committed
        before = len(self.heard.appends.backs)
        try:
            self.log.rollback(address)
        except OperationError as error:
            # A commit has it, or another rollback was faster.
            if self.log.committed.address <= address and len(self.heard.appends.backs) == before == 0:
                self._object(Breach.WRONG_RESULT, f"a rollback to {address} was refused: {error}")
            return "refused"
        self._ordered.returned(address, len(self._device.trace), call.invoked, self._tick())
        self.reached.add("log rolled back")
        return address

    def _scan(self, operation: Operation, call: LogCall) -> object:
        begin, is_all = self.log.begin, bool(operation.size)
        end = self.log.tail if is_all else self.log.committed.address
        turn = len(self.heard.appends.backs)
        found = [(address, data) for address, data in self.log.scan(uncommitted=is_all)]
        self._look(begin, end, found, turn)
        return [address for address, _ in found]

    def _read(self, operation: Operation, call: LogCall) -> object:
        entries = [each for batch in self.heard.appends.world()[:1] for each in batch.entries]
        for address, data in entries:
            try:
                found = self.log.read(address)
            except OperationError as error:
                if self.log.begin <= address < self.log.committed.address:
                    self._object(Breach.WRONG_RESULT, f"a read of {address} was refused: {error}")
                return "refused"
            if found != data:
                self._object(Breach.WRONG_VALUE, f"address {address}: expected {data!r}, found {found!r}")
        return len(entries)

    def _truncate(self, operation: Operation, call: LogCall) -> object:
        end = self.log.committed.address
        held = sorted(at for batch in self.heard.appends.world() for at, _ in batch.entries if at < end)
        address = held[1] if operation.size and len(held) > 1 else end
        self.heard.appends.asked.append((call.at, address))
        begin = self.log.truncate_before(address)
        self._tell(begin=begin)
        self.reached.add("log truncated")
        if begin < address:
            self._object(Breach.WRONG_RESULT, f"truncated at {address}, and begin is {begin}")
        return begin

    def _rounds(self, operation: Operation, call: LogCall) -> object:
        before = self.log.automatic.taken
        self.log.automatic.drive(_ROUNDS)
        made = self.log.automatic.taken - before
        if made:
            self.reached.add("log by itself")
        return made

    def _close(self, operation: Operation, call: LogCall) -> object:
        end = max((at for batch in self.heard.appends.world() for at, _ in batch.entries), default=-1) + 1
        self.heard.closed_at = call.invoked
        if operation.size:
            self.log.__exit__(None, None, None)
            self._tell(end=end)
        else:
            self.log.close()
        self.heard.closed_at = self._tick()
        return "closed"

    def _fail(self, operation: Operation, call: LogCall) -> object:
        self._device.failing = EventKind.WRITE if operation.size else EventKind.SYNC
        return "armed"

    # -- what it was told --------------------------------------------------------------------------

    def _tell(
        self, *, end: int = 0, number: int = 0, begin: int = 0, progress: Mapping[str, int] = NOTHING
    ) -> None:
        self.heard.appends.told.append(Told(len(self._device.trace), end, number, begin, progress))

    def _look(self, begin: int, end: int, found: Sequence[Entry], turn: int) -> None:
        """Judge what was read of [begin, end): all of it, but for what was truncated or dropped meanwhile.

        turn   rollbacks that there had been when it was begun

        It may have more than there was then; of an append that is under way the address is not known yet.
        """
        self.heard.seen += found
        appends = self.heard.appends
        world, begin = appends.world(), max(begin, self.log.begin)
        owed = [batch for batch in world if batch.turn <= turn]
        known = {address for batch in appends.appended for address, _ in batch.entries}
        meanwhile = {
            entry
            for until in range(turn, len(appends.backs) + 1)
            for batch in appends.world(until)
            for entry in batch.entries
        } - {entry for batch in owed for entry in batch.entries}
        judged = [each for each in found if each not in meanwhile and each[1] not in self._under_way]
        kept = [each for each in judged if begin <= each[0] < end and each[0] in known]
        verdict = judge_entries(owed, begin, end, kept)
        if isinstance(verdict, Violation):
            self._object(verdict.breach, verdict.detail)

    def _object(self, breach: Breach, detail: str) -> None:
        if self.heard.verdict == OK:
            self.heard.verdict = Violation(ORACLE, breach, detail)
