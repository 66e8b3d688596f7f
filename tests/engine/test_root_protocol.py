"""The protocol of the three roots, explored to the end of a stated bound, on the real `engine.roots`.

The model is the disk and the faults; what is driven is `Roots` and `read_roots` themselves.

    disk      each copy has durable bytes, perhaps newer bytes that no sync has covered, and a past
    era       open (read, choose, repair as an opening does, report), then commits, cut anywhere
    power     each unsynced copy is afterwards old, torn or new, all combinations
    kill      the process dies alone: what was written is read back, whether or not it is durable
    damage    one copy turns rotten, or missing, or back into ANY earlier value of its own; once between two
              acknowledgements, at any moment the store is not running. A failed sync counts as that one damage

Property, at every opening: the state recovered is the one acknowledged last (by a commit or by an opening that
reported), or that of the commit that was under way when the run was cut. Never an older one, never a refusal.

The search is breadth first over the states between two eras, so the trace of a failure is a shortest one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import pytest

from engine import CorruptionError, PoisonedError, roots
from engine.device import Buffer, MemoryDevice
from engine.layout import ROOT_BYTES, Pointer, Root, decode_root
from engine.poison import Poison
from engine.roots import Roots, read_roots
from engine.runtime import Ticket

EMPTY = Root(bytes(16), 0, 0, (512, 512, 512, 512, 0), Pointer(0, 0, 0))
TORN = b"\xff" * ROOT_BYTES


class Cut(BaseException):
    """The process ends here."""


class Deferred:
    """A call that runs when it is waited for, which is as late as the protocol allows."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def done(self) -> bool:
        return self.call is None

    def result(self) -> object:
        call, self.call = self.call, None
        return call() if call else None


class LateRuntime:
    """No threads: `submit` keeps the call for later."""

    def submit(self, call: Callable[[], object]) -> Ticket:
        return Deferred(call)

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        return True

    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return 0.0

    def turn(self, what: str) -> None:
        pass

    def current(self) -> int:
        return 0

    def entropy(self, count: int) -> bytes:
        return bytes(count)


class Copy(NamedTuple):
    """One copy on the disk. `durable` and `written` are None where there is no file."""

    durable: bytes | None
    written: bytes | None
    past: frozenset[bytes]

    @property
    def is_clean(self) -> bool:
        return self.durable == self.written


Disk = tuple[Copy, ...]


class Disc(MemoryDevice):
    """The copies as a Device: what a running process sees is `written`. Cut at the n-th write or sync."""

    def __init__(self, files: tuple[str, ...], disk: Disk, cut: int, failing: int) -> None:
        super().__init__()
        self.copies = dict(zip(files, disk, strict=True))
        self.steps = 0
        self._cut = cut
        self._failing = failing
        for file, copy in self.copies.items():
            if copy.written is not None:
                super().create(file)
                super().write(file, 0, copy.written)

    def _step(self) -> None:
        if self.steps == self._cut:
            raise Cut
        self.steps += 1

    def create(self, name: str) -> None:
        super().create(name)
        self.copies[name] = self.copies[name]._replace(durable=b"", written=b"")

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        self._step()
        copy = self.copies[name]
        self.copies[name] = copy._replace(written=bytes(buffer), past=copy.past | {bytes(buffer)})
        return super().write(name, offset, buffer)

    def sync(self, name: str) -> None:
        copy = self.copies[name]
        if copy.is_clean:
            return
        self._step()
        if self.steps - 1 == self._failing:
            raise OSError("sync fails")
        self.copies[name] = copy._replace(durable=copy.written)

    @property
    def disk(self) -> Disk:
        return tuple(self.copies.values())


# -- the protocol, as an opening and a checkpoint use it ---------------------------------------------


class Protocol:
    """The real one. Variants that must be found wanting override what they do worse."""

    files: tuple[str, ...] = roots.ROOT_FILES

    def make(self, device: Disc, poison: Poison, sequences: dict[str, int]) -> Roots:
        return Roots(device, LateRuntime(), poison, sequences)

    def repair(self, writer: Roots, root: Root) -> None:
        writer.commit(replace(root, life=root.life + 1))


class State(NamedTuple):
    """Between two eras. `legal` are the payloads that an opening may find; the first is acknowledged."""

    disk: Disk
    legal: tuple[int, ...]
    may_damage: bool
    next_payload: int


@dataclass
class Era:
    """What one run of the process did until it was cut."""

    state: State
    complaint: str = ""


def payload_of(root: Root) -> int:
    return root.head.offset


def run_era(protocol: Protocol, state: State, commits: int, cut: int, failing: int) -> tuple[Era, int]:
    """Open, commit `commits` new payloads, close; cut at step `cut`. (what came of it, steps taken)."""
    device = Disc(protocol.files, state.disk, cut, failing)
    legal, may_damage, payload = state.legal, state.may_damage and failing < 0, state.next_payload
    complaint = ""
    try:
        poison = Poison()
        names = device.list()
        reading = read_roots(device, names, [])
        if reading.newest is None:
            raise CorruptionError("roots", 0, "no valid root", "one")
        found = payload_of(reading.newest)
        if found not in legal:
            return Era(state, f"recovers {found}, legal are {legal}"), 0
        for file in protocol.files:
            if file not in names:
                device.create(file)
        writer = protocol.make(device, poison, reading.sequences)
        protocol.repair(writer, reading.newest)
        legal, may_damage = (found,), True
        root = replace(reading.newest, life=reading.newest.life + 1)
        for _ in range(commits):
            legal = (legal[0], payload)
            root = replace(root, head=Pointer(payload, 0, 0))
            payload += 1
            writer.commit(root)
            legal, may_damage = (legal[1],), True
        writer.settle()
    except (Cut, PoisonedError):
        pass
    except CorruptionError as error:
        complaint = f"refuses: {error}"
    return Era(State(device.disk, legal, may_damage, payload), complaint), device.steps


# -- what may happen to the disk while nothing runs --------------------------------------------------


def after_power_cut(disk: Disk) -> Iterator[tuple[str, Disk]]:
    """Every unsynced copy old, torn or new."""
    choices = []
    for copy in disk:
        outcomes = [("", copy._replace(written=copy.durable))]
        if not copy.is_clean:
            assert copy.written is not None
            outcomes = [
                ("old", copy._replace(written=copy.durable)),
                ("torn", copy._replace(durable=TORN, written=TORN)),
                ("new", copy._replace(durable=copy.written)),
            ]
        choices.append(outcomes)
    for combination in product(*choices):
        yield "power cut " + " ".join(how or "-" for how, _ in combination), tuple(c for _, c in combination)


def after_damage(disk: Disk) -> Iterator[tuple[str, Disk]]:
    """One copy rotten, missing, or any earlier value of itself; a page cache keeps nothing of it."""
    for number, copy in enumerate(disk):
        for value in [None, TORN, *sorted(copy.past - {copy.durable})]:
            harmed = Copy(value, value, copy.past)
            yield f"damage {number}: {tell(value)}", (*disk[:number], harmed, *disk[number + 1 :])


def tell(value: bytes | None) -> str:
    if not value:
        return "missing" if value is None else "empty"
    root = decode_root(value, "")
    return "rotten" if isinstance(root, str) else f"{root.sequence}={payload_of(root)}(life {root.life})"


def canonical(state: State) -> object:
    """Two states that differ in the names of payloads alone are one: payloads are numbered as they appear."""
    return state


def successors(protocol: Protocol, state: State, commits: int, *, kills: bool) -> Iterator[tuple[str, Era]]:
    """Every era that may follow, with every end it may have and what may happen after it."""
    _, steps = run_era(protocol, state, commits, -1, -1)
    runs = [(cut, -1) for cut in range(steps + 1)]
    if state.may_damage:
        runs += [(-1, failing) for failing in range(steps)]
    for cut, failing in runs:
        era, _ = run_era(protocol, state, commits, cut, failing)
        how = f"era cut at step {cut}" if failing < 0 else f"era with step {failing} failing"
        how += " on " + " ".join(tell(copy.written) for copy in era.state.disk)
        if era.complaint:
            yield how, era
            return
        ends = [(how + ", " + end, disk) for end, disk in after_power_cut(era.state.disk)]
        if kills:
            ends.append((how + ", kill", era.state.disk))
        for end, disk in ends:
            calm = era.state._replace(disk=disk)
            yield end, Era(calm)
            if calm.may_damage and all(copy.is_clean for copy in disk):
                for harm, harmed in after_damage(disk):
                    yield f"{end}, {harm}", Era(calm._replace(disk=harmed, may_damage=False))


def explore(
    protocol: Protocol, *, eras: int, commits: int = 1, kills: bool = True
) -> tuple[list[str] | None, int]:
    """(a shortest trace to a breach or None, states visited), over `eras` eras of up to `commits` commits."""
    first = State(tuple(Copy(None, None, frozenset()) for _ in protocol.files), (0,), False, 1)
    device = Disc(protocol.files, first.disk, -1, -1)
    for file in protocol.files:
        device.create(file)
    writer = protocol.make(device, Poison(), dict.fromkeys(protocol.files, 0))
    writer.commit(EMPTY)
    writer.settle()
    first = first._replace(disk=device.disk)
    queue: deque[tuple[State, int, list[str]]] = deque([(first, 0, [])])
    seen = {first}
    while queue:
        state, depth, trace = queue.popleft()
        for how, era in successors(protocol, state, commits, kills=kills):
            told = [*trace, how]
            if era.complaint:
                return [*told, era.complaint], len(seen)
            if depth + 1 < eras or True:
                if era.state not in seen:
                    seen.add(era.state)
                    if depth < eras:
                        queue.append((era.state, depth + 1, told))
    return None, len(seen)
