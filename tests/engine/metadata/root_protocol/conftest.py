"""The search over the protocol of the three roots, on the real `powercut.engine.metadata.roots`.

The model is the disk and what may befall it; what is driven is `Roots` and `read_roots` themselves, or a
subclass that does worse.

    disk      each copy has durable bytes, perhaps newer bytes that no sync has covered, and a past
    era       open (read, choose, repair as an opening does, report), then a commit, cut anywhere
    power     each unsynced copy is afterwards old, torn or new, in all combinations
    kill      the process dies alone: what was written is read back, whether or not it is durable
    damage    one copy turns rotten, or missing, or back into ANY value it ever durably held; once between
              two acknowledgements, at any moment the store is not running. A failed sync counts as that

Property, at every opening: the state recovered is the one acknowledged last (by a commit, or by an opening
that reported), or that of the commit under way when the run was cut. Never an older one, never a refusal.

The search is breadth first over the states between two eras, so a breach comes with a shortest trace. It ends
after a number of eras and the opening behind them. States are one where the protocol cannot tell them apart:
payloads are reduced to acknowledged, under way and neither, lives are shifted, and of the values below all
that stands in the two other copies only that there are some is kept.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any, Final, NamedTuple

import pytest

from powercut.engine import PoisonedError
from powercut.engine.device import Buffer, MemoryDevice
from powercut.engine.metadata import roots
from powercut.engine.metadata.layout import Pointer, Root, decode_root, encode_root
from powercut.engine.metadata.roots import LIFE_SHIFT, Roots, read_roots
from powercut.engine.poison import Poison
from powercut.engine.runtime import ThreadRuntime

ACKNOWLEDGED: Final = 0
UNDER_WAY: Final = 1
NEITHER: Final = 2
COMMITS: Final = (10,)  # Payloads of an era's commits, until the era is over and they are one of the above.


class Value(NamedTuple):
    """The content of a copy. Sequence 0: nothing valid."""

    sequence: int
    payload: int


ROTTEN: Final = Value(0, 0)
MISSING: Final = Value(0, 1)
OLD: Final = Value(1, NEITHER)


@cache
def bytes_of(value: Value) -> bytes:
    life = value.sequence >> LIFE_SHIFT
    root = Root(bytes(16), value.sequence, life, (512, 512, 512, 512, 0), Pointer(value.payload, 1, 0), 64)
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
    """The state between two eras."""

    copies: tuple[Copy, ...]
    is_under_way: bool
    may_be_damaged: bool


class Cut(BaseException):
    """The process ends here."""


class Disk(MemoryDevice):
    """The copies as a Device. Step number `cut` is not reached, the sync at step `failing` fails.

    Before each step it calls `before_step`.
    """

    before_step: Callable[[], None] = staticmethod(lambda: None)

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
        self.before_step()
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


class LateRuntime(ThreadRuntime):
    """A runtime without threads: `submit` keeps the call for later, and nobody else has a turn."""

    is_parallel = False

    def turn(self, what: str) -> None:
        pass

    def submit(self, call: Callable[[], object]) -> Any:
        return Deferred(call)


# -- one era -----------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """The result of a run of the process; acknowledged and under way are payloads."""

    copies: tuple[Copy, ...]
    acknowledged: int
    under_way: int | None
    may_be_damaged: bool


class Whole(NamedTuple):
    """An era to its end: what each step was, what a power cut before it leaves, and what the era left."""

    steps: tuple[str, ...]
    cuts: tuple[Outcome, ...]
    end: Outcome


def run_era(protocol: type[Roots], state: State, cut: int = -1, failing: int = -1) -> Whole | str:
    """Open, repair, report, commit, settle; or in a few words how the property was broken."""
    cuts: list[Outcome] = []

    def left() -> Outcome:
        copies = tuple(device.copies[file] for file in roots.ROOT_FILES)
        return Outcome(copies, acknowledged, under_way, may_be_damaged)

    device = Disk(roots.ROOT_FILES, state.copies, cut, failing)
    device.before_step = lambda: cuts.append(left())
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
        writer = protocol(device, LateRuntime(), Poison(), reading.sequences)
        root = reading.newest._replace(life=reading.newest.life + 1)
        writer.take_over(root)
        acknowledged, under_way, may_be_damaged = found, None, True
        for payload in COMMITS:
            under_way = payload
            writer.commit(root._replace(head=Pointer(payload, 1, 0)))
            acknowledged, under_way, may_be_damaged = payload, None, True
        writer.settle()
    except Cut:
        pass
    except PoisonedError:
        may_be_damaged = False
    return Whole(tuple(device.steps), tuple(cuts), left())


def ends_of(protocol: type[Roots], state: State) -> Iterator[tuple[str, Outcome | str]]:
    """The era, whole, stopped before every step, and with every sync failing that may."""
    whole = run_era(protocol, state)
    if isinstance(whole, str):
        yield "an era", whole
        return
    yield "an era", whole.end
    for step, (what, left) in enumerate(zip(whole.steps, whole.cuts, strict=True)):
        yield f"an era cut before step {step} ({what})", left
        # The one damage may not have been spent already since the acknowledgement before the failure.
        if what == "sync" and left.may_be_damaged:
            era = run_era(protocol, state, failing=step)
            assert not isinstance(era, str)
            yield f"an era whose sync at step {step} fails", era.end


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
    """One copy is missing, rotten, or any value it ever held; a page cache keeps nothing of it."""
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
    known = shift, outcome.acknowledged, outcome.under_way
    others = [min(standing[:number] + standing[number + 1 :]) for number in range(len(copies))]
    smaller = tuple(reduced_copy(copy, other, *known) for copy, other in zip(copies, others, strict=True))
    return State(smaller, outcome.under_way is not None, may_be_damaged)


@cache
def reduced_copy(copy: Copy, others: int, shift: int, acknowledged: int, under_way: int | None) -> Copy:
    """The same of one copy; `others` is the least sequence that stands in the other ones."""
    classes = {acknowledged: ACKNOWLEDGED, under_way: UNDER_WAY}

    def reduce(value: Value) -> Value:
        if not value.sequence:
            return value
        return Value(max(1, value.sequence - shift), classes.get(value.payload, NEITHER))

    past = {OLD if value.sequence < others else reduce(value) for value in copy.past if value.sequence}
    return Copy(reduce(copy.durable), reduce(copy.written), frozenset(past))


def successors(
    protocol: type[Roots], state: State, kinds: str, seen: set[Outcome]
) -> Iterator[tuple[str, State | str]]:
    """Every state that may follow an era from `state` by an end not `seen`, or a breach of the property."""
    for how, outcome in ends_of(protocol, state):
        if isinstance(outcome, str):
            yield how, outcome
            return
        ends = list(after_power_cut(outcome.copies))
        if "kill" in kinds:
            ends.append(("kill", outcome.copies))
        for end, copies in ends:
            left = outcome._replace(copies=copies)
            if left in seen:
                continue
            seen.add(left)
            yield f"{how}; {end}", reduced(outcome, copies, may_be_damaged=outcome.may_be_damaged)
            if outcome.may_be_damaged and "damage" in kinds:
                for harm, harmed in after_damage(copies):
                    yield f"{how}; {end}; {harm}", reduced(outcome, harmed, may_be_damaged=False)


def search(protocol: type[Roots], kinds: str = "kill damage", eras: int = 2) -> tuple[list[str], int]:
    """(a shortest trace to a breach, or none; the number of states visited)."""
    nothing = tuple(Copy(MISSING, MISSING, frozenset()) for _ in roots.ROOT_FILES)
    device = Disk(roots.ROOT_FILES, nothing, -1, -1)
    for file in roots.ROOT_FILES:
        device.create(file)
    writer = protocol(device, LateRuntime(), Poison(), dict.fromkeys(roots.ROOT_FILES, 0))
    writer.commit(Root(bytes(16), 0, 0, (512, 512, 512, 512, 0), Pointer(ACKNOWLEDGED, 1, 0), 64))
    writer.settle()
    first = State(tuple(device.copies.values()), False, True)
    traces: dict[State, list[str]] = {first: []}
    queue, seen = deque([first]), set[Outcome]()
    while queue:
        state = queue.popleft()
        trace = traces[state]
        if len(trace) == eras:
            opened = run_era(protocol, state, cut=0)
            if isinstance(opened, str):
                return [*trace, opened], len(traces)
            continue
        for how, following in successors(protocol, state, kinds, seen):
            if isinstance(following, str):
                return [*trace, following], len(traces)
            if following not in traces:
                traces[following] = [*trace, how]
                queue.append(following)
    return [], len(traces)


Explore = Callable[..., tuple[list[str], int]]


@pytest.fixture
def explore() -> Explore:
    """`explore(Roots or a subclass, kinds, eras)`: (a shortest trace to a breach, states visited)."""
    return search
