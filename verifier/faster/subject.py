"""FasterKv as a subject, and its spec: which of its errors say what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

from powercut.engine import (
    CheckpointError,
    CheckpointKind,
    CheckpointTicket,
    CorruptionError,
    DeviceError,
    EngineError,
    FasterKv,
    IndexFullError,
    InvariantError,
    OperationError,
    PoisonedError,
    Runtime,
    Session,
    Settings,
    Version,
)
from powercut.engine.kernels import words as w
from powercut.engine.shared.phases import Phase
from powercut.faultfs import FaultDevice

from ..reach.collector import anew
from ..reach.pairs import Life
from ..spec.model import GENERATION, TRUNCATIONS, Issued, Result, session_name
from ..spec.spec import Errors, Spec
from ..spec.subject import Bound, Older, Subject, Truncation
from ..tapes.operations import CHECKPOINTS, PLAIN
from ..tapes.tape import STORE, Kind, Operation
from .flushing import FLUSHES, FlushBench, check_stopped
from .foresight import foresee
from .forging import forgeries_of
from .labels import labels
from .leftovers import Leftovers
from .limited import Limited
from .listening import Listener
from .names import Names
from .reopening import MEMORY, Guarded, check_refusals, knock, variant
from .truncating import truncate

__all__ = ["FASTER", "FasterSubject"]


def _file_of(error: Exception) -> str:
    return error.file if isinstance(error, CorruptionError) else ""


def _is_limit(subject: Subject, error: Exception) -> bool:
    """True where no bucket is left, or no page below the end of the address space."""
    assert isinstance(subject, FasterSubject)
    control, page = subject.store.spaces[0], subject.store.settings.page_bytes
    if isinstance(error, IndexFullError):
        return control[w.OVERFLOW_NEXT] >= control[w.OVERFLOW_END] - control[w.MAIN_ROOM]
    return isinstance(error, OperationError) and control[w.PAGE_END] + 2 * page > w.ADDRESS_LIMIT


FASTER: Final = Spec(
    is_dropped=True,
    errors=Errors(
        refusals=(EngineError,),
        poisoned=(PoisonedError,),
        corruption=(CorruptionError,),
        invariants=(InvariantError,),
        robbed=(DeviceError, PoisonedError, CheckpointError),
        file_of=_file_of,
        is_limit=_is_limit,
    ),
    copies=("root-",),
    spares=("index-",),
    foresee=foresee,
    forge=forgeries_of,
)


_Ask = Callable[[FasterKv], object]
_KINDS: Final = [(CheckpointKind[name.upper()], index) for index in (False, True) for name in PLAIN]
assert len(_KINDS) == len(CHECKPOINTS)
_PHASES: Final = tuple(phase.name for phase in Phase)


class FasterSubject:
    """FasterKv on the bench, with every capability."""

    spec: ClassVar[Spec] = FASTER

    def __init__(
        self,
        device: FaultDevice,
        settings: Settings,
        runtime: Runtime,
        kernels: str | None = None,
        base: int = w.FIRST_ADDRESS,  # The log's begin before any truncation.
        geometry: str = "",
        family: str = STORE,
        reopening: Operation | None = None,  # The operation that has another one done than usual.
    ) -> None:
        self._settings = settings
        self._device = device
        self._limited = Limited(device, geometry)
        self._base = w.ADDRESS_LIMIT if self._limited.is_by_itself else base
        anew(geometry if reopening is None else f"reopened {reopening.key} {reopening.size}")
        where: FaultDevice | Guarded = device
        own: Settings | None = settings
        memory = MEMORY
        if reopening is not None:
            own, memory = variant(settings, reopening.key)
            if reopening.size == 1:
                check_refusals(device, settings)
            elif reopening.size:
                where = Guarded(device, settings)
        self.store = FasterKv.open(
            where,
            create=True,
            settings=own,
            memory=memory,
            runtime=runtime,
            kernels=kernels,
            flush=FLUSHES[geometry]() if geometry in FLUSHES else None,
            **self._limited.options,
        )
        if self.store.spaces[0][w.VOID_COUNT]:
            anew("voids")
        device.label = labels(self.store)
        self._runtime = runtime
        self._sessions: dict[int, Session] = {}
        self._ticket: CheckpointTicket | None = None
        self._kind = _KINDS[0]
        self._started = 0  # The begin when the checkpoint under way was started.
        self._listener = Listener(self.store, device, self._sessions)
        self._at_opening = self._bound(self.store.serials(), self.store.spaces[0][w.BEGIN])
        self._life = Life(family, geometry)
        self._leftovers = Leftovers(device)
        self._names = Names(self.store, geometry)
        self._flushes = FlushBench(self.store, runtime, geometry)

    def ran(self, kind: Kind) -> None:
        """Count an operation that begins, where pairs are counted; and see to what went on by itself."""
        self._limited.look(self.store, self._listener)
        if self._life.is_counted:
            # Past the store: what it reads is announced to a scheduler, and who looks on moves nothing.
            self._life.ran(kind, _PHASES[self.store.spaces[0][w.SYSTEM] & w.PHASE_MASK])

    def open_session(self, number: int) -> Session:
        """The session of that number, opened if it is not."""
        if number not in self._sessions:
            self._sessions[number] = self.store.session(session_name(number % GENERATION))
        return self._sessions[number]

    def resume_session(self, number: int) -> Session:
        """A closed session of that number, taken up again."""
        self._sessions[number] = self.store.resume_session(session_name(number))
        return self._sessions[number]

    @property
    def sessions(self) -> dict[int, Session]:
        """The open sessions, by number."""
        return dict(self._sessions)

    def leave_session(self, number: int) -> None:
        """Close the session of that number, if it is open; who uses it next takes it up again."""
        if number in self._sessions:
            self._sessions.pop(number).close()

    def apply(self, issued: Issued) -> Result:
        session = self._sessions.get(issued.session) or self._names.open(self.open_session, issued)
        kind, key = issued.kind, issued.key
        self.ran(kind)
        self._limited.uses(key)
        if kind is Kind.READ:
            return session.read(key)
        if kind is Kind.UPSERT:
            session.upsert(key, issued.value)
            return None
        if kind is Kind.RMW:
            return session.rmw(key, issued.appended)
        if kind is Kind.INSERT:
            return session.insert(key, issued.value)
        assert kind is Kind.DELETE, f"{kind.name} is not carried out here"
        return session.delete(key)

    def checkpoint(self) -> dict[int, int]:
        """A whole checkpoint; one that was started is driven to its end in its place."""
        self.ran(Kind.CHECKPOINT)
        self._leftovers.look()
        ticket, self._ticket = self.begin(), None
        serials = ticket.result().serials
        self._leftovers.judge()
        return self._told(serials)

    @property
    def is_checkpointing(self) -> bool:
        """True if a checkpoint is under way."""
        return self._ticket is not None

    def start(self) -> None:
        """Begin a checkpoint, unless one is under way."""
        self.begin()

    def begin(self, timeout: float | None = None) -> CheckpointTicket:
        """The same, with this timeout; its ticket. Where nothing is new it is done at once."""
        self.ran(Kind.START)
        if self._ticket is not None:
            return self._ticket
        self._started = self.store.spaces[0][w.BEGIN]
        how: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        kind, is_indexed = self._kind
        ticket = self.store.start_checkpoint(kind, index=is_indexed, **how)
        self._ticket = None if ticket.is_done else ticket
        return ticket

    def choose_kind(self, number: int) -> None:
        """Let the next checkpoint that begins be of that kind."""
        self._kind = _KINDS[number % len(_KINDS)]

    def step(self) -> Bound | None:
        """Take the checkpoint one phase on; its bound once it is acknowledged."""
        if self._ticket is None:
            return None
        self.ran(Kind.STEP)
        before = self.store.newest
        ticket, self._ticket = self._ticket, None  # What raises has ended.
        if not ticket.advance():
            self._ticket = ticket
        newest = self.store.newest
        return None if newest is None or newest is before else self._told(newest.serials)

    def forgotten(self) -> list[int]:
        """The sessions whose names the store has forgotten since it was asked last."""
        return self._names.forgotten()

    def abandon(self) -> Bound | None:
        """Give the running checkpoint up, if there is one; its bound where it was durable already."""
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            return None
        ticket.abandon()
        return self._bound(ticket.result().serials, self._started)

    @property
    def trace_length(self) -> int:
        """The number of calls that the device has taken."""
        return len(self._device.trace)

    def told_at(self) -> int | None:
        """The length of the trace when the last checkpoint let those go who waited for it."""
        return self._listener.told_at()

    def on_told(self, call: Callable[[], None]) -> None:
        """Have it called when those are next let go who wait."""
        self._listener.on_told = call

    def _told(self, serials: Mapping[str, int]) -> dict[int, int]:
        """The bound of a checkpoint."""
        return self._bound(self._listener.told(serials), self._started)

    def recovered(self) -> Mapping[int, int]:
        """The serials at opening."""
        return self._at_opening

    def serials(self) -> Mapping[int, int]:
        """The serials that the sessions report now."""
        return {number: session.serial for number, session in self._sessions.items()}

    def read_all(self) -> dict[bytes, bytes]:
        content = dict(self.store.items())
        self._limited.uses(*content)
        return content

    def check(self) -> None:
        """The engine's own audit, and what the store has done by itself since it was looked at last."""
        self.store.check()
        self._limited.look_back(self.store, self._listener)

    def probe(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """The values that operations read under these keys, by the kernels; `read_all` reads as audits do."""
        with self.store.session("probe") as session:
            found = {key: session.read(key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def truncate(self) -> None:
        """Drop the log below the oldest record that is still some key's newest: no content is lost."""
        self.ran(Kind.TRUNCATE)
        truncate(self.store, Operation(Kind.TRUNCATE))

    def truncate_at(self, operation: Operation) -> Truncation:
        """Drop the log below the address that the operation says, and the keys there."""
        self.ran(Kind(operation.kind))
        return truncate(self.store, operation)

    def drive_flushes(self, operation: Operation) -> None:
        """Drive the flush worker, where there is one."""
        self.ran(Kind.FLUSH)
        self._flushes.flush(operation)

    def look_on(self) -> list[Bound]:
        """Knock as a second opener, who is refused; the checkpoints that there are, newest first."""
        self.ran(Kind.LOOK_ON)
        knock(self._device, self._settings, "an open store")
        return [self._bound(point.serials, 0) for point in self.store.checkpoints()]

    def copy(self) -> FaultDevice:
        """A copy of the durable checkpoints, on a device of its own."""
        device = FaultDevice(record_reads=False)
        self.store.backup(device)
        return device

    def read_older(self, device: FaultDevice, newest: int = 1, ask: _Ask = id) -> Iterator[Older]:
        """After `close`: each checkpoint but the newest, with what it holds; `ask` has all of the stores."""
        with self.open_to_read(device) as store:
            ask(store)
            older = store.checkpoints()[newest:]
        for point in older:
            with self.open_to_read(device, point.version) as store:
                ask(store)
                yield point.version, self._bound(point.serials, store.spaces[0][w.BEGIN]), dict(store.items())

    def open_to_read(self, device: FaultDevice, version: tuple[int, int] | None = None) -> FasterKv:
        """After `close`: the store opened only to read, at its newest checkpoint or at an older one."""
        anew("opened to read")
        return FasterKv.open(
            device,
            read_only=True,
            settings=self.store.settings,
            runtime=self._runtime,
            version=None if version is None else Version(*version),
            kernels=self.store.kernels,
        )

    def reading(self) -> tuple[object, ...]:
        """The reads of the opening, in order: (file role, offset, length, verdict) of each."""
        return self.store.findings

    def _bound(self, serials: Mapping[str, int], begin: int) -> dict[int, int]:
        """The serials of the sessions, and the begin of a log that was truncated."""
        bound = {int(name[1:]): serial for name, serial in serials.items()}
        if begin > self._base:
            bound[TRUNCATIONS] = begin
        return bound

    def close(self) -> None:
        self.ran(Kind.REOPEN)
        self.store.close()
        check_stopped(self.store)
