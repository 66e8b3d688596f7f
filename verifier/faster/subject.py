"""FasterKv as a subject, and its spec: which of its errors say what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Final
from weakref import ref

from powercut.engine import (
    CheckpointError,
    CheckpointTicket,
    CorruptionError,
    DeviceError,
    EngineError,
    FasterKv,
    InvariantError,
    PoisonedError,
    Runtime,
    Session,
    Settings,
    Version,
)
from powercut.faultfs import FaultDevice

from ..spec.model import Issued, Result, session_name
from ..spec.spec import Errors, Spec
from ..spec.subject import Bound, Older
from ..tapes.tape import Kind

__all__ = ["FASTER", "FasterSubject"]


def _file_of(error: Exception) -> str:
    return error.file if isinstance(error, CorruptionError) else ""


FASTER: Final = Spec(
    errors=Errors(
        refusals=(EngineError,),
        poisoned=(PoisonedError,),
        corruption=(CorruptionError,),
        invariants=(InvariantError,),
        robbed=(DeviceError, PoisonedError, CheckpointError),
        file_of=_file_of,
    ),
    copies=("root-",),
)


class FasterSubject:
    """FasterKv on the bench, with every capability."""

    spec: ClassVar[Spec] = FASTER

    def __init__(
        self, device: FaultDevice, settings: Settings, runtime: Runtime, kernels: str | None = None
    ) -> None:
        self.store = FasterKv.open(
            device, create=True, settings=settings, memory=1 << 20, runtime=runtime, kernels=kernels
        )
        device.label = _labels(self.store)
        self._runtime = runtime
        self._sessions: dict[int, Session] = {}
        self._ticket: CheckpointTicket | None = None
        self._at_opening = _bound(self.store.serials())

    def open_session(self, number: int) -> Session:
        """The session of that number, opened if it is not."""
        if number not in self._sessions:
            self._sessions[number] = self.store.session(session_name(number))
        return self._sessions[number]

    def resume_session(self, number: int) -> Session:
        """A closed session of that number, taken up again."""
        self._sessions[number] = self.store.resume_session(session_name(number))
        return self._sessions[number]

    def leave_session(self, number: int) -> None:
        """Close the session of that number, if it is open; who uses it next takes it up again."""
        if number in self._sessions:
            self._sessions.pop(number).close()

    def apply(self, issued: Issued) -> Result:
        session = self._sessions.get(issued.session) or self.open_session(issued.session)
        kind, key = issued.kind, issued.key
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
        ticket = self._ticket or self.store.start_checkpoint()
        self._ticket = None
        return _bound(ticket.result().serials)

    @property
    def is_checkpointing(self) -> bool:
        """True if a checkpoint is under way."""
        return self._ticket is not None

    def start(self) -> None:
        """Begin a checkpoint, unless one is under way."""
        if self._ticket is None:
            self._ticket = self.store.start_checkpoint()

    def step(self) -> Bound | None:
        """Take the checkpoint one phase on; its bound once it is acknowledged."""
        if self._ticket is None:
            return None
        before = self.store.newest
        ticket, self._ticket = self._ticket, None  # What raises has ended.
        if not ticket.advance():
            self._ticket = ticket
        newest = self.store.newest
        return None if newest is None or newest is before else _bound(newest.serials)

    def recovered(self) -> Mapping[int, int]:
        """The serials at opening."""
        return self._at_opening

    def serials(self) -> Mapping[int, int]:
        """The serials that the sessions report now."""
        return {number: session.serial for number, session in self._sessions.items()}

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.store.items())

    def check(self) -> None:
        """The engine's own audit."""
        self.store.check()

    def probe(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """The values that operations read under these keys, by the kernels; `read_all` reads as audits do."""
        session = self.store.session("probe")
        found = {key: session.read(key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def truncate(self) -> None:
        """Drop the log below the oldest record that is still some key's newest: no content is lost."""
        newest = {record.key: record.address for record in self.store.scan()}
        live = [newest[key] for key, _ in self.store.items()]
        self.store.truncate_before(min(live, default=self.store.stats().tail))

    def read_older(self, device: FaultDevice) -> Iterator[Older]:
        """After `close`: every checkpoint but the newest, with its serials and what it holds."""

        def opened(version: Version | None = None) -> FasterKv:
            return FasterKv.open(
                device,
                read_only=True,
                settings=self.store.settings,
                runtime=self._runtime,
                version=version,
                kernels=self.store.kernels,
            )

        with opened() as store:
            older = store.checkpoints()[1:]
        for point in older:
            with opened(point.version) as store:
                yield point.version, _bound(point.serials), dict(store.items())

    def reading(self) -> tuple[object, ...]:
        """The reads of the opening, in order: (file role, offset, length, verdict) of each."""
        return self.store.findings

    def close(self) -> None:
        self.store.close()


def _bound(serials: Mapping[str, int]) -> dict[int, int]:
    return {int(name[1:]): serial for name, serial in serials.items()}


def _labels(store: FasterKv) -> Callable[[], str]:
    """The names of the phase under way; the function holds no store that holds the device that holds it.

    Such a ring would be left to the garbage collector, once for every opening of a search.
    """
    held = ref(store)

    def label() -> str:
        store = held()
        phase = None if store is None else store.entering
        return "" if phase is None else phase._name_  # As `name`, which costs as much as the call.

    return label
