"""The reference of a whole store: its content, its sessions, its checkpoints, and what it says of itself.

    effect    what one operation wrote; those up to N(s) of each session are the content after a recovery
    owner     a session from its first opening until it is forgotten: a name that comes back is another one
    point     a checkpoint, from the moment at which its prefix is fixed
    begun     an operation that waits for the device

Invariant: nothing here asks the store.

Source: CPR (Prasaad et al., SIGMOD 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..faster.limited import FORGETS
from ..spec.model import TRUNCATIONS, session_name
from ..tapes.tape import Tape
from .hybrid import FIRST_ADDRESS, KEEP, HybridLog
from .unused import Unused

__all__ = ["Begun", "Effect", "Point", "Reference"]

Version = tuple[int, int]
Make = Callable[[bytes | None], bytes | None]


class Effect(NamedTuple):
    """A key's value, None where it was taken away, by one operation."""

    owner: int
    serial: int
    key: bytes
    value: bytes | None


@dataclass(slots=True)
class Point:
    """A checkpoint: how many operations of each session it holds, and where its log begins and ends."""

    version: Version
    serials: dict[int, int]
    begin: int
    low: int  # L_s: what is of the next version from here on is void.
    final: int
    buckets: int = 0  # When it became durable.
    held: dict[int, int] = field(default_factory=dict)  # Serials by owner, of those forgotten since too.
    owners: dict[int, int] = field(default_factory=dict)  # Of the sessions then.
    chain: tuple[Point, ...] = ()  # Those before it that can be opened.

    @property
    def bound(self) -> dict[int, int]:
        """As the bench tells it: truncations have a session of their own, and its serial is the begin."""
        return self.serials | ({TRUNCATIONS: self.begin} if self.begin > FIRST_ADDRESS else {})

    @property
    def told(self) -> tuple[Version, dict[str, int]]:
        """As the store tells it."""
        return self.version, {session_name(number): serial for number, serial in self.serials.items()}


@dataclass(slots=True)
class _Running:
    begin: int
    low: int
    phase: str = "PREPARE"
    ends: dict[int, int] = field(default_factory=dict)  # Of each session, as the version ends,
    held: dict[int, int] = field(default_factory=dict)  # of each owner,
    owners: dict[int, int] = field(default_factory=dict)  # and who these were.
    point: Point | None = None


@dataclass(slots=True)
class Begun:
    """An operation that was begun; `end` says what it gives, and takes in what it does."""

    session: int
    is_change: bool
    end: Callable[[], object]
    ticket: object = None
    answer: Callable[[], None] = lambda: None


_STEPS: Final = ("PREPARE", "WAIT_PENDING", "IN_PROGRESS", "WAIT_FLUSH", "PERSIST", "REST")
_SHIFTED: Final = frozenset({"IN_PROGRESS", "WAIT_FLUSH", "PERSIST"})
_COUNTED: Final = ("in_place", "copied", "appended", "hits_mutable", "hits_frozen", "hits_cold", "absent")


class Reference:
    """A store of which only one task asks something."""

    def __init__(self, tape: Tape) -> None:
        self.log = HybridLog(tape.geometry)
        self.kernels = tape.kernels
        self.content: dict[bytes, bytes] = {}
        self.issued: dict[int, int] = {}  # By the sessions known.
        self._owners: dict[int, int] = {}
        self._owned = 0  # So many owners there were.
        self._forgotten: dict[int, int] = {}  # Serials by owner.
        self.live: set[int] = set()
        self.begun: list[Begun] = []
        self.points: tuple[Point, ...] = ()  # That can be opened, newest first.
        self.fixed: dict[Version, Point] = {}  # All whose prefix was ever fixed.
        self.life = 1
        self._saved: dict[int, int] = {}
        self._unused = Unused(FORGETS.get(tape.geometry))
        self._effects: list[Effect] = []
        self._running: _Running | None = None
        self._removed = 0  # Whole segments below are gone.

    # -- operations --------------------------------------------------------------------------------

    def open(self, session: int) -> None:
        """Its session is asked for something."""
        if session not in self.issued:
            self.issued[session] = 0
            self._owned += 1
            self._owners[session] = self._owned
        if session not in self.live:
            self._unused.take_up(session)
        self.live.add(session)

    def forget(self, session: int) -> None:
        """A closed session is dropped; what it did stays."""
        self._forgotten[self._owners.pop(session)] = self.issued.pop(session)
        self._saved.pop(session, None)
        self._unused.take_up(session)

    def _held(self) -> dict[int, int]:
        return self._forgotten | {self._owners[number]: serial for number, serial in self.issued.items()}

    def issue(self, session: int, count: int = 1) -> int:
        """Take serials; the first of them."""
        self.issued[session] += count
        return self.issued[session] - count + 1

    def wrote(self, session: int, serial: int, key: bytes, value: bytes | None) -> None:
        """Take an effect in."""
        self._effects.append(Effect(self._owners[session], serial, key, value))
        _take(self.content, self._effects[-1])

    def swap(self, session: int, serial: int, key: bytes, make: Make, told: int = 0) -> bytes | None:
        """A read-modify-write, from its peek on; what it gives. What `make` raises goes through."""
        place, before = self.log.read(key, told)
        value = make(before)
        if value is None:
            return None
        self.log.change(key, lambda _: value, place[1] if place[0] == "cold" else 0)
        self.wrote(session, serial, key, value)
        return value

    def insert(self, session: int, serial: int, key: bytes, value: bytes) -> bool:
        """An insert; whether there was nothing."""
        before = self.log.change(key, lambda old: value if old is None else KEEP)
        if before is None:
            self.wrote(session, serial, key, value)
        return before is None

    def delete(self, session: int, serial: int, key: bytes) -> bool:
        """A delete; whether there was something."""
        found = self.log.delete(key)
        if found:
            self.wrote(session, serial, key, None)
        return found

    def oldest_live(self) -> int:
        """The lowest address of a record that is its key's newest."""
        newest = {
            record.key: address for address, record in self.log.chains.listed(self.log.begin, self.log.tail)
        }
        return min((newest[key] for key in self.content), default=self.log.tail)

    # -- begun and completed later -----------------------------------------------------------------

    def take_begun(self, chosen: Callable[[Begun], bool]) -> Iterator[Begun]:
        """Those that are chosen, oldest first; they are begun no more."""
        taken = [each for each in self.begun if chosen(each)]
        self.begun = [each for each in self.begun if not chosen(each)]
        yield from taken

    # -- checkpoints -------------------------------------------------------------------------------

    @property
    def phase(self) -> str:
        """The phase of the running checkpoint."""
        return "REST" if self._running is None else self._running.phase

    @property
    def has_news(self) -> bool:
        """True if there is no checkpoint, or anything that the newest one does not say."""
        if not self.points:
            return True
        newest = self.points[0]
        told = {number: (newest.owners[number], serial) for number, serial in newest.serials.items()}
        now = {number: (self._owners[number], serial) for number, serial in self.issued.items()}
        return told != now or self.log.begin > max(newest.begin, FIRST_ADDRESS)

    def start(self) -> None:
        """Enter PREPARE, unless a checkpoint runs, or nothing is new."""
        if self._running is None and self.has_news:
            self._running = _Running(self.log.begin, self.log.tail)

    def step(self) -> bool:
        """Take the running checkpoint one phase on; False if it is given up, for something is pending."""
        running = self._running
        if running is None:
            return True
        running.phase = _STEPS[_STEPS.index(running.phase) + 1]
        if running.phase == "WAIT_PENDING" and any(each.is_change for each in self.begun):
            self._running = None
            return False
        if running.phase == "IN_PROGRESS":
            running.ends, running.held, running.owners = dict(self.issued), self._held(), dict(self._owners)
            self.log.version += 1
            self.log.shifted_at = running.low
        elif running.phase == "WAIT_FLUSH":
            version = self.life, self.log.version - 1
            serials = self._still(running.ends, running.owners)
            bounds = running.begin, running.low, self.log.fold()
            running.point = Point(version, serials, *bounds, 0, running.held, running.owners)
            self.fixed[version] = running.point
        elif running.phase == "PERSIST":
            self._persist(running)
        elif running.phase == "REST":
            self._rest()
        return True

    def _persist(self, running: _Running) -> None:
        point = running.point
        assert point is not None
        point.buckets = self.log.chains.buckets
        start = point.begin - point.begin % self.log.settings.segment_bytes
        point.chain = () if start > self._removed else self.points
        self._removed = max(self._removed, start)
        self.log.kept = max(self.log.kept, point.begin)
        self.points = (point, *point.chain)
        held = self._still(point.serials, point.owners)
        used = {number for number, serial in held.items() if serial != self._saved.get(number, 0)}
        self._saved.update(held)
        for number in self._unused.count(self.issued, self._saved, self.live, used):
            self.forget(number)

    def _still(self, serials: dict[int, int], owners: dict[int, int]) -> dict[int, int]:
        """Those of sessions that were not forgotten since they had these owners."""
        return {
            number: serial for number, serial in serials.items() if self._owners.get(number) == owners[number]
        }

    def abandon(self) -> Point | None:
        """Give up what runs, if anything does; what is durable of it stays."""
        running = self._running
        point = running.point if running is not None and running.phase == "PERSIST" else None
        self._rest()
        return point

    def _rest(self) -> None:
        self._running = None
        self.log.shifted_at = 0

    def checkpoint(self) -> Point | None:
        """A whole one, or the rest of the one that runs; None if it is given up."""
        self.start()
        while self._running is not None:
            if not self.step():
                return None
        return self.points[0]

    # -- the end of a life -------------------------------------------------------------------------

    def unsaved(self) -> dict[str, int]:
        """The number of operations of each session that no checkpoint holds."""
        lost = {number: serial - self._saved.get(number, 0) for number, serial in sorted(self.issued.items())}
        return {session_name(number): count for number, count in lost.items() if count}

    def recover(self, point: Point | None) -> None:
        """A new life, from a checkpoint on."""
        self._rest()
        serials = {} if point is None else point.serials
        held = {} if point is None else point.held
        self._effects = [each for each in self._effects if each.serial <= held.get(each.owner, 0)]
        self._owners = {number: point.owners[number] for number in serials} if point is not None else {}
        self._forgotten = {owner: held[owner] for owner in held.keys() - set(self._owners.values())}
        self.content = {}
        for each in self._effects:
            _take(self.content, each)
        self.issued, self._saved = dict(serials), dict(serials)
        self.live, self.begun = set(), []
        self._unused.begin()
        self.life += 1
        self.points = () if point is None else (point, *point.chain)
        if point is None:
            self.log.recover(0, 0, 0, 0)
            self._removed = 0
        else:
            self.log.recover(point.begin, point.low, point.final, point.version[1], point.buckets)
            self._removed = point.begin - point.begin % self.log.settings.segment_bytes

    # -- what it says of itself --------------------------------------------------------------------

    def content_at(self, point: Point) -> dict[bytes, bytes]:
        """The content of a checkpoint."""
        content: dict[bytes, bytes] = {}
        for each in self._effects:
            if each.serial <= point.held.get(each.owner, 0):
                _take(content, each)
        return content

    def figures(self) -> dict[str, object]:
        """The figures of `stats()` that a reference can predict; device reads apart."""
        log = self.log
        return {
            **{name: log.counters[name] for name in _COUNTED},
            "retries": 0,
            "deferred": 0,
            "operations": sum(self.issued.values()),
            "pending": len(self.begun),
            "sessions": len(self.issued),
            "live_sessions": len(self.live),
            "begin": log.begin,
            "head": log.head,
            "flushed": log.flushed,
            "safe_read_only": log.read_only,
            "read_only": log.read_only,
            "tail": log.tail,
            "log_bytes": log.tail - log.begin,
            "memory_bytes": log.tail - log.head,
            "page_bytes": log.page,
            "ring_bytes": log.ring,
            **log.chains.figures,
            "version": log.version,
            "phase": self.phase,
            "kernels": self.kernels,
        }


def _take(content: dict[bytes, bytes], effect: Effect) -> None:
    if effect.value is None:
        content.pop(effect.key, None)
    else:
        content[effect.key] = effect.value
