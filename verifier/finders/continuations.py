"""Continuations: a store goes on after a recovery, and the power is cut again.

Some bugs need a write after a recovery: a log that does not take away what lies behind a bad slot shows the
stale slot once a good one stands before it. So each content that a power cut leaves is opened, and given each
continuation: a few operations, a checkpoint, a clean reopening. The power is cut at every point of that, and
what is left is opened and judged.

    content --open--> store --operations, checkpoint, close, open--> every crash state --open--> judged

Judged is it against what the first recovery came to: that is the content to begin with, and acknowledged, for
what a store shows after an opening it may not lose. So a verdict does not depend on the history before, and
contents that answer alike share it. Recovery, continuation and second recovery are one recovery here: they
issue the same calls for contents that answer alike (see `recoveries`), so a verdict depends on the questions
of all three and on each file that was changed. A byte that the second opening reads and the first did not is
among them.

Invariants
  1  a verdict is a function of content and continuation
  2  stamps are those of a first life after a power cut, of a log of the last that there is, of the width of
     all others: a record that is written again lies where the one lay that was lost

Complexity: for each distinct set of answers and each continuation, one opening and as many more as its crash
states ask for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from powercut.faultfs import Image, Trace, crash_states
from powercut.faultfs.states.enumeration import CrashState
from powercut.faultfs.states.readset import Ask, Question, ReadTree, WatchedDevice
from powercut.faultfs.states.witness import witness_at

from ..errors import SubjectError
from ..oracles.progress import bounded
from ..oracles.structure import audit, recovered_bound
from ..runs.steps import take_steps
from ..runs.world import World
from ..spec.history import Life, Segment, crash_at
from ..spec.model import MARKS, Issued, Model
from ..spec.spec import StoreMaker
from ..spec.subject import Bound, MakeStore, mount
from ..tapes.tape import SIZES, Era, Kind, Operation
from ..verdict import Violation
from .judgements import Judgements
from .recoveries import Recoveries

__all__ = ["Continuations", "Fails", "continuations", "few_continuations", "log_continuations"]

Program = tuple[Operation, ...]
_END: Final = (Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN))
_WRITES: Final = (Kind.UPSERT, Kind.DELETE, Kind.RMW, Kind.INSERT, Kind.ENQUEUE, Kind.OWN)
_LONG: Final = Operation(Kind.ENQUEUE, 0, 0, SIZES - 1)
_DROPS: Final = (Operation(Kind.TRUNCATE_AT), Operation(Kind.TRUNCATE_AT, 0, 0, 1))
_FOUND: Final = -5  # A session of what an opening showed: no operation of a tape is of it.
_LATEST: Final = len(MARKS) - 1  # Entries of a log are others than all before them.
_KEPT_MAX: Final = 1 << 14  # Verdicts by content; those by answers are as many as there are.


def continuations(
    steps: int, kinds: Collection[Kind] = _WRITES[:3], keys: int = 2, sizes: int = 1
) -> tuple[Program, ...]:
    """All continuations of at most so many operations of one session, each with its checkpoint and reopening.

    Every kind on the first key, in every size; on the other keys the first of the kinds alone.
    """
    given = [kind for kind in _WRITES if kind in kinds]
    alphabet = [Operation(kind, 0, 0, size) for kind in given for size in range(sizes)]
    alphabet = [each for each in alphabet if each.kind != Kind.DELETE or not each.size]
    alphabet += [Operation(kind, 0, key) for kind in given[:1] for key in range(1, keys)]
    return _ended(alphabet, range(steps + 1))


def log_continuations(steps: int, kinds: Collection[Kind]) -> tuple[Program, ...]:
    """The same for a log: a short entry, a long one, a batch; its oldest dropped, all or one operation's."""
    alphabet = (Operation(Kind.ENQUEUE), _LONG, Operation(Kind.ENQUEUE_MANY), *_DROPS)
    return _ended([each for each in alphabet if each.kind in kinds], range(steps + 1))


def few_continuations(steps: int, kinds: Collection[Kind]) -> tuple[Program, ...]:
    """One of each length up to this, of the first kind that writes alone; an empty one if none does."""
    given = [Operation(kind) for kind in _WRITES if kind in kinds][:1]
    return _ended(given, range(1, steps + 1) if steps and given else range(1))


def _ended(alphabet: Sequence[Operation], counts: Iterable[int]) -> tuple[Program, ...]:
    return tuple((*each, *_END) for count in counts for each in product(alphabet, repeat=count))


@dataclass(frozen=True, slots=True)
class Fails:
    """A violation that a continuation shows, and the eras that lead to it: the first that plays it."""

    verdict: Violation
    ways: tuple[tuple[Era, ...], ...]


@dataclass(slots=True)
class Continued:
    """The result of one continuation over all contents that answer alike."""

    fails: Fails | None = None
    bounded: int = 0  # Crash points that were not exhausted.


class Continuations:
    """Goes on from contents, and keeps the verdicts.

    programs    the continuations
    recoveries  outcomes of openings, shared with the search that comes across the contents; where they are
                not pruned, nothing here is
    most        contents of one stretch between power cuts that are gone on from, spread evenly; None: all

    contents  gone on from, by every continuation
    opened    stores opened for that; those after the second power cut the recoveries count
    bounded   crash points in it that were not exhausted
    """

    def __init__(
        self,
        make_store: MakeStore,
        law: str,
        limit: int,
        programs: Sequence[Program],
        recoveries: Recoveries | None = None,
        *,
        most: int | None = None,
    ) -> None:
        self.most = most
        self.programs = tuple(programs)
        self.contents = self.opened = self.bounded = 0
        self._make_store = StoreMaker.of(make_store)
        self._law = law
        self._limit = limit
        self._recoveries = recoveries or Recoveries(make_store, law, limit)
        self._trees: dict[Program, ReadTree[Continued]] = {each: ReadTree() for each in self.programs}
        self._kept: dict[int, Fails | None] = {}

    def judge(self, state: CrashState) -> Fails | None:
        """The violation of the first continuation of this content that shows one. Invariant 1."""
        if state.key not in self._kept:
            self.contents += 1
            image = state.image
            found = (self._find(image, program) for program in self.programs)
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[state.key] = next((each.fails for each in found if each.fails is not None), None)
        return self._kept[state.key]

    def _find(self, image: Image, program: Program) -> Continued:
        tree = self._trees[program] if self._recoveries.is_pruned else ReadTree[Continued]()
        found = tree.find(image)
        if found is None:
            device = WatchedDevice(image)
            found, asked, nested = self._go_on(device, program)
            asked.update(dict.fromkeys((int(Ask.FILE), name, 0, 0) for name in device.changed))
            asked.update(dict.fromkeys(each for each in nested if each[1] not in device.changed))
            tree.add(image, asked, found)
            self.opened += 1
            self.bounded += found.bounded
        return found

    def _go_on(
        self, device: WatchedDevice, program: Program
    ) -> tuple[Continued, dict[Question, None], list[Question]]:
        """Go on, and judge every crash state of that; what it asked, and what their openings did."""
        world = _opened(self._make_store, device)
        if world is None:
            return Continued(), dict.fromkeys(device.asked), []
        try:
            found, nested = self._judge(world, device.trace, program)
            return found, dict.fromkeys(device.asked), nested
        finally:
            world.let_go()

    def _judge(self, world: World, trace: Trace, program: Program) -> tuple[Continued, list[Question]]:
        start = len(trace)
        if not (take_steps(world, program) and world.inspect()):
            assert isinstance(world.verdict, Violation)
            return Continued(Fails(world.verdict, ((Era(program),),))), []
        states = crash_states(trace, self._law, start=start, limit=self._limit)
        judgements, nested = Judgements(world.segment), list[Question]()
        for state in states:
            outcome = self._recoveries.of(state, 0)
            nested += outcome.asked
            for span in judgements.spans(state.first, state.last, outcome):
                verdict = judgements.judge(outcome, span)
                is_legal = span[0] != span[1] or span[1] == state.first or states.is_legal(state.key, span[1])
                if isinstance(verdict, Violation) and is_legal:
                    ways = self._ways(trace, program, state, span[1])
                    return Continued(Fails(verdict, ways), states.bounded_points), nested
        return Continued(None, states.bounded_points), nested

    def _ways(
        self, trace: Trace, program: Program, state: CrashState, last: int
    ) -> tuple[tuple[Era, ...], ...]:
        """The eras that lead to a state at the first and at the last index of its span."""
        cuts = [crash_at(trace, state.index, state.digits)]
        then = witness_at(trace, self._law, state.key, state.index, state.digits, last)
        if then is not None:
            cuts.append(crash_at(trace, last, then))
        return tuple((Era(program, cut), Era()) for cut in cuts)


def _opened(make_store: StoreMaker, device: WatchedDevice) -> World | None:
    """A world in which the store is open on the device, and what it came to is the model; None: it refuses.

    None too where it names more operations than its content can be of: another oracle says so.
    """
    world = World(make_store, is_cut=True)
    world.device = device
    device.label = "OPEN"
    try:
        with bounded(device):
            subject = make_store(device)
            if device.label == "OPEN":
                device.label = ""
            world.mounted = mounted = mount(subject)
            content = subject.read_all()
            audit(mounted)
    except SubjectError:
        raise
    except Exception:  # noqa: BLE001 (told of by whoever opened it first)
        world.let_go()
        return None
    recovered = recovered_bound(mounted)
    history = _history(content, recovered)
    if history is None:
        return None
    world.is_unnamed = recovered is None
    model = world.model = Model()
    model.history, model.content = history, dict(content)
    model.recoveries = _LATEST if Kind.ENQUEUE in make_store.spec.kinds else 1
    if isinstance(recovered, Mapping):
        model.issued = {session: serial for session, serial in recovered.items() if serial}
    elif content:
        model.issued = {_FOUND: len(content)}
    named: Bound = len(history) if recovered is None else recovered
    life = Life(0, list(history), len(device.trace), recovered, list(history), len(history))
    world.segment = Segment(device.trace, named, [life])
    world.segment.acks.append((len(device.trace), named))
    return world


def _history(content: dict[bytes, bytes], recovered: Bound | None) -> list[Issued] | None:
    """Operations that make this content, and reads: as many as the store counts.

    Where it names a prefix they are in every one; else they are a session's of their own, for the next
    checkpoint of a store that promises all that it was given holds them too.
    """
    pairs = sorted(content.items())
    if isinstance(recovered, Mapping):
        history = [Issued(Kind.UPSERT, 0, 0, key, value, b"") for key, value in pairs]
        return history + [_read(session, serial) for session, serial in recovered.items() if serial]
    history = [
        Issued(Kind.UPSERT, _FOUND, serial, key, value, b"") for serial, (key, value) in enumerate(pairs, 1)
    ]
    if not isinstance(recovered, int):
        return history
    more = recovered - len(history)
    return None if more < 0 else [_read(0, 0)] * more + history


def _read(session: int, serial: int) -> Issued:
    return Issued(Kind.READ, session, serial, b"", b"", b"")
