"""The protocol of the three roots, explored to the end, on the real `engine.roots`.

The model is the disk and what may befall it; what is driven is `Roots` and `read_roots` themselves.

    disk      each copy has durable bytes, perhaps newer bytes that no sync has covered, and a past
    era       open (read, choose, repair as an opening does, report), then up to two commits, cut anywhere
    power     each unsynced copy is afterwards old, torn or new, in all combinations
    kill      the process dies alone: what was written is read back, whether or not it is durable
    damage    one copy turns rotten, or missing, or back into ANY value it ever durably held; once between two
              acknowledgements, at any moment the store is not running. A failed sync counts as that damage

Property, at every opening: the state recovered is the one acknowledged last (by a commit, or by an opening that
reported), or that of the commit under way when the run was cut. Never an older one, never a refusal.

The search is breadth first over the states between two eras, so a breach comes with a shortest trace. Bound: every
run of BOUND eras and the opening after them, whatever is cut, lost or damaged in and between them. States are
one where the protocol cannot tell them apart: payloads are reduced to acknowledged, under way and neither, lives
are shifted, and of the values below all that stands in the two other copies only that there are some is kept. The
number of states is asserted, so a search that stopped early, or a disk that can do less, is seen.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Final, NamedTuple

import pytest

from engine import PoisonedError, roots
from engine.device import Buffer, MemoryDevice
from engine.layout import Pointer, Root, decode_root, encode_root
from engine.poison import Poison
from engine.roots import LIFE_SHIFT, Roots, read_roots
from engine.runtime import Ticket

ACKNOWLEDGED: Final = 0
UNDER_WAY: Final = 1
NEITHER: Final = 2
BOUND: Final = 2
COMMITS: Final = (10,)  # Payloads of an era's commits, until the era is over and they are one of the above.


class Value(NamedTuple):
    """What a copy holds. Sequence 0: nothing valid."""

    sequence: int
    payload: int


ROTTEN: Final = Value(0, 0)
MISSING: Final = Value(0, 1)
OLD: Final = Value(1, NEITHER)


@cache
def bytes_of(value: Value) -> bytes:
    life = value.sequence >> LIFE_SHIFT
    root = Root(bytes(16), value.sequence, life, (512, 512, 512, 512, 0), Pointer(value.payload, 0, 0))
    return encode_root(root) if value.sequence else b"rotten"


@cache
def value_of(data: bytes) -> Value:
    root = decode_root(data, "")
    return ROTTEN if isinstance(root, str) else Value(root.sequence, root.head.offset)


class Copy(NamedTuple):
    """One copy on the disk; `written` is what a running process reads."""

    durable: Value
    written: Value
    past: frozenset[Value]

    def settled(self, durable: Value) -> "Copy":
        return Copy(durable, durable, self.past | {durable})


class State(NamedTuple):
    """Between two eras."""

    copies: tuple[Copy, ...]
    is_under_way: bool
    may_be_damaged: bool


class Cut(BaseException):
    """The process ends here."""


class Disk(MemoryDevice):
    """The copies as a Device. Step number `cut` is not reached, the sync at step `failing` fails."""

    def __init__(self, files: tuple[str, ...], copies: tuple[Copy, ...], cut: int, failing: int) -> None:
        super().__init__()
        self.copies = dict(zip(files, copies, strict=True))
        self.steps: list[str] = []
        self._cut = cut
        self._failing = failing
        for file, copy in self.copies.items():
            if copy.written != MISSING:
                super().create(file)
                super().write(file, 0, bytes_of(copy.written))

    def _step(self, what: str) -> None:
        if len(self.steps) == self._cut:
            raise Cut
        self.steps.append(what)

    def create(self, name: str) -> None:
        super().create(name)
        self.copies[name] = self.copies[name]._replace(durable=ROTTEN, written=ROTTEN)

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        self._step("write")
        self.copies[name] = self.copies[name]._replace(written=value_of(bytes(buffer)))
        return super().write(name, offset, buffer)

    def sync(self, name: str) -> None:
        copy = self.copies[name]
        if copy.durable != copy.written:
            self._step("sync")
            if len(self.steps) - 1 == self._failing:
                raise OSError("the sync fails")
            self.copies[name] = copy.settled(copy.written)


class Deferred:
    """A call that runs when its result is asked for, as late as the protocol allows."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call: Callable[[], object] | None = call

    def done(self) -> bool:
        return self._call is None

    def result(self) -> object:
        call, self._call = self._call, None
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


class Protocol:
    """The real one. Variants that must be found wanting override what they do worse."""

    def make(self, device: Disk, sequences: dict[str, int]) -> Roots:
        return Roots(device, LateRuntime(), Poison(), sequences)

    def repair(self, writer: Roots, root: Root) -> None:
        writer.take_over(root)


# -- one era -----------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a run of the process left: acknowledged and under way are payloads."""

    copies: tuple[Copy, ...]
    acknowledged: int
    under_way: int | None
    may_be_damaged: bool
    steps: tuple[str, ...]


def run_era(protocol: Protocol, state: State, cut: int = -1, failing: int = -1) -> Outcome | str:
    """Open, repair, report, commit, settle; or in a few words how the property was broken."""
    device = Disk(roots.ROOT_FILES, state.copies, cut, failing)
    acknowledged, under_way = ACKNOWLEDGED, UNDER_WAY if state.is_under_way else None
    may_be_damaged = state.may_be_damaged
    reading = read_roots(device, device.list(), [])
    if reading.newest is None:
        return "an opening refuses: no valid root"
    found = reading.newest.head.offset
    if found not in (acknowledged, under_way):
        return f"an opening finds sequence {reading.newest.sequence}, a state older than the acknowledged one"
    try:
        for file in reading.missing:
            device.create(file)
        writer = protocol.make(device, reading.sequences)
        root = replace(reading.newest, life=reading.newest.life + 1)
        protocol.repair(writer, root)
        acknowledged, under_way, may_be_damaged = found, None, True
        for payload in COMMITS:
            under_way = payload
            writer.commit(replace(root, head=Pointer(payload, 0, 0)))
            acknowledged, under_way, may_be_damaged = payload, None, True
        writer.settle()
    except Cut:
        pass
    except PoisonedError:
        may_be_damaged = False
    copies = tuple(device.copies[file] for file in roots.ROOT_FILES)
    return Outcome(copies, acknowledged, under_way, may_be_damaged, tuple(device.steps))


def ends_of(protocol: Protocol, state: State) -> Iterator[tuple[str, Outcome | str]]:
    """The era, whole, cut before every step, and with every sync failing that may."""
    whole = run_era(protocol, state)
    yield "an era", whole
    if isinstance(whole, str):
        return
    for step, what in enumerate(whole.steps):
        yield f"an era cut before step {step} ({what})", run_era(protocol, state, cut=step)
        if what == "sync":
            era = run_era(protocol, state, failing=step)
            assert not isinstance(era, str)
            # The one damage may not have been spent already since the acknowledgement before the failure.
            before = run_era(protocol, state, cut=step)
            assert not isinstance(before, str)
            if before.may_be_damaged:
                yield f"an era whose sync at step {step} fails", era


# -- between eras ------------------------------------------------------------------------------------


def after_power_cut(copies: tuple[Copy, ...]) -> Iterator[tuple[str, tuple[Copy, ...]]]:
    """Every unsynced copy old, torn or new."""
    choices = [
        [("whole", copy)]
        if copy.durable == copy.written
        else [
            ("old", copy.settled(copy.durable)),
            ("torn", copy.settled(ROTTEN)),
            ("new", copy.settled(copy.written)),
        ]
        for copy in copies
    ]
    for combination in product(*choices):
        how = ", ".join(name for name, _ in combination)
        yield f"power cut ({how})", tuple(copy for _, copy in combination)


def after_damage(copies: tuple[Copy, ...]) -> Iterator[tuple[str, tuple[Copy, ...]]]:
    """One copy is missing, rotten, or any value it ever held. What a page cache still has of it goes as well."""
    for number, copy in enumerate(copies):
        for value in sorted({MISSING, ROTTEN, *copy.past} - {copy.durable}):
            harmed = copy.settled(value)
            how = f"copy {number} turns from {tuple(copy.durable)} to {tuple(value)}"
            yield how, (*copies[:number], harmed, *copies[number + 1 :])


def reduced(outcome: Outcome, copies: tuple[Copy, ...], *, may_be_damaged: bool) -> State:
    """The state up to what the protocol cannot tell apart (see the top of this file)."""
    standing = [
        min((value.sequence for value in (copy.durable, copy.written) if value.sequence), default=0)
        for copy in copies
    ]
    oldest = min((sequence for sequence in standing if sequence), default=0)
    shift = max(0, (oldest >> LIFE_SHIFT) - 1) << LIFE_SHIFT
    classes = {outcome.acknowledged: ACKNOWLEDGED, outcome.under_way: UNDER_WAY}

    def reduce(value: Value) -> Value:
        if not value.sequence:
            return value
        return Value(max(1, value.sequence - shift), classes.get(value.payload, NEITHER))

    reduced_copies = []
    for number, copy in enumerate(copies):
        others = [sequence for at, sequence in enumerate(standing) if at != number]
        past = {
            OLD if value.sequence < min(others) else reduce(value) for value in copy.past if value.sequence
        }
        reduced_copies.append(Copy(reduce(copy.durable), reduce(copy.written), frozenset(past)))
    return State(tuple(reduced_copies), outcome.under_way is not None, may_be_damaged)


def successors(protocol: Protocol, state: State, kinds: str) -> Iterator[tuple[str, State | str]]:
    """Every state that may follow an era from `state`, or how the property was broken."""
    for how, outcome in ends_of(protocol, state):
        if isinstance(outcome, str):
            yield how, outcome
            return
        ends = list(after_power_cut(outcome.copies))
        if "kill" in kinds:
            ends.append(("kill", outcome.copies))
        for end, copies in ends:
            yield f"{how}; {end}", reduced(outcome, copies, may_be_damaged=outcome.may_be_damaged)
            if outcome.may_be_damaged and "damage" in kinds:
                for harm, harmed in after_damage(copies):
                    yield f"{how}; {end}; {harm}", reduced(outcome, harmed, may_be_damaged=False)


def explore(protocol: Protocol, kinds: str = "kill damage", eras: int = BOUND) -> tuple[list[str], int]:
    """(a shortest trace to a breach, or none; the number of states visited)."""
    nothing = tuple(Copy(MISSING, MISSING, frozenset()) for _ in roots.ROOT_FILES)
    device = Disk(roots.ROOT_FILES, nothing, -1, -1)
    for file in roots.ROOT_FILES:
        device.create(file)
    writer = protocol.make(device, dict.fromkeys(roots.ROOT_FILES, 0))
    writer.commit(Root(bytes(16), 0, 0, (512, 512, 512, 512, 0), Pointer(ACKNOWLEDGED, 0, 0)))
    writer.settle()
    first = State(tuple(device.copies.values()), False, True)
    traces: dict[State, list[str]] = {first: []}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        trace = traces[state]
        if len(trace) == eras:
            opened = run_era(protocol, state, cut=0)
            if isinstance(opened, str):
                return [*trace, opened], len(traces)
            continue
        for how, following in successors(protocol, state, kinds):
            if isinstance(following, str):
                return [*trace, following], len(traces)
            if following not in traces:
                traces[following] = [*trace, how]
                queue.append(following)
    return [], len(traces)


# -- the tests ---------------------------------------------------------------------------------------


def test_no_run_within_the_bound_finds_an_older_state_or_a_refusal() -> None:
    trace, states = explore(Protocol())
    assert trace == []
    assert states == 7_753


def test_a_power_cut_alone_is_survived_over_twice_the_bound() -> None:
    trace, states = explore(Protocol(), kinds="kill", eras=2 * BOUND)
    assert trace == []
    assert states == 1_601


class NewestFirst(Roots):
    """Writes the newest copy first, in place of the stalest."""

    def commit(self, root: Root) -> None:
        self.settle()
        for file in sorted(self._sequences, key=lambda file: -self._sequences[file]):
            self._write(file, root, self._last + 1)


class TwoInFlight(Roots):
    """Writes two copies before it syncs either."""

    def commit(self, root: Root) -> None:
        first, second, third = sorted(self._sequences, key=lambda file: (self._sequences[file], file))
        for file in (first, second):
            self._last += 1
            self._sequences[file] = self._last
            self._device.write(file, 0, encode_root(replace(root, sequence=self._last)))
        for file in (first, second):
            with self._poison.guard("syncing"):
                self._device.sync(file)
        self._write(third, root, self._last + 1)


class OneCopyAcknowledges(Roots):
    """Acknowledges after the first copy; the other two are owed."""

    def commit(self, root: Root) -> None:
        self.settle()
        first, *others = sorted(self._sequences, key=lambda file: (self._sequences[file], file))
        self._write(first, root, self._last + 1)
        self._owed = self._runtime.submit(
            lambda: [self._write(file, root, self._last + 1) for file in others]
        )


class AllCopies(Roots):
    """However many there are, one after the other, and acknowledges then."""

    def commit(self, root: Root) -> None:
        for file in sorted(self._sequences, key=lambda file: (self._sequences[file], file)):
            self._write(file, root, self._last + 1)


class NumbersAgain(Roots):
    """A new life goes on from the highest number that it can see."""

    def take_over(self, root: Root) -> None:
        for file in roots.ROOT_FILES:
            self._device.sync(file)
        self.commit(root)


class NothingSynced(Roots):
    """An opening trusts that what it reads is durable."""

    def take_over(self, root: Root) -> None:
        self._last = max(self._last, root.life << LIFE_SHIFT)
        self.commit(root)


class NoRepair(Roots):
    """An opening reports what it read and writes nothing."""

    def take_over(self, root: Root) -> None:
        self._last = max(self._last, root.life << LIFE_SHIFT)


@pytest.mark.parametrize(
    ("worse", "kinds", "outcome"),
    [
        (NewestFirst, "damage", "refuses"),
        (TwoInFlight, "damage", "refuses"),
        (OneCopyAcknowledges, "damage", "older"),
        (NumbersAgain, "damage", "older"),
        (NothingSynced, "kill damage", "refuses"),
        (NoRepair, "damage", "refuses"),
    ],
)
def test_a_worse_protocol_is_found_wanting(worse: type[Roots], kinds: str, outcome: str) -> None:
    class Worse(Protocol):
        def make(self, device: Disk, sequences: dict[str, int]) -> Roots:
            return worse(device, LateRuntime(), Poison(), sequences)

    trace, _ = explore(Worse(), kinds)
    assert len(trace) <= BOUND + 1
    assert outcome in trace[-1], trace


def test_two_copies_are_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    class Two(Protocol):
        def make(self, device: Disk, sequences: dict[str, int]) -> Roots:
            return AllCopies(device, LateRuntime(), Poison(), sequences)

    monkeypatch.setattr(roots, "ROOT_FILES", roots.ROOT_FILES[:2])
    trace, _ = explore(Two(), kinds="damage")
    assert "refuses" in trace[-1] or "older" in trace[-1]
    assert len(trace) == 2, trace


def test_three_copies_written_one_by_one_are_enough() -> None:
    """So it is the third copy that helps in the test before, not how the variant writes."""

    class Three(Protocol):
        def make(self, device: Disk, sequences: dict[str, int]) -> Roots:
            return AllCopies(device, LateRuntime(), Poison(), sequences)

    assert explore(Three(), kinds="damage")[0] == []
