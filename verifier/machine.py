"""StoreMachine: the bench as a Hypothesis state machine, for a store of one's own.

    class LogMachine(StoreMachine):
        def make_store(self, device):       # opens: creates on an empty device, recovers on any other
            return Log(device)              # apply(operation), checkpoint(), recovered(), read_all(), close()

    TestLog = LogMachine.TestCase           # or in one: StoreMachine.of(Log).TestCase

Hypothesis chooses operations, checkpoints, clean reopenings and now and then a power cut. When an
example ends, every crash state of each of its stretches is enumerated, opened and judged by plain
Python. A failing example is shrunk by Hypothesis and carries its tape.

Invariants
  1  an example is a tape: what the rules did, `tape()` says, and `play` does again
  2  nothing but the example decides: no clock, no count over examples, no state kept between them
     that a verdict could depend on. (Hypothesis runs a failing example again; a verdict that
     differs would be called flaky.)
  3  teardown judges only where the rules saw nothing wrong, so it never masks their objection

Threads: none. Source: rule-based state machines, Hypothesis.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, MutableMapping
from types import new_class
from typing import Any, ClassVar, Final, Self, cast

import hypothesis.strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from powercut.faultfs import FaultDevice, render_trace, tell_crash
from powercut.faultfs.real import tell_real

from .errors import SubjectError
from .finders.crashes import Coverage, Finding, search_tape
from .finders.recoveries import Recoveries
from .registry import name_of
from .runs.play import play
from .runs.run import Run
from .runs.steps import step
from .runs.world import World
from .spec.history import crash_index
from .spec.spec import PLAIN, Spec, StoreMaker
from .spec.subject import MakeStore, Subject
from .tapes.operations import KEYED, OPERATIONS, Row
from .tapes.tape import INTERPRETED, KEYS_MAX, SESSIONS_MAX, SIZES, Crash, Era, Kind, Operation, Tape
from .verdict import Violation

__all__ = [
    "STATES_MAX",
    "StoreMachine",
    "StoreViolationError",
    "tell_briefly",
]

STATES_MAX: Final = 64  # Legal states of one crash point; one with more is searched to a depth only.
_STEPPED: Final = frozenset({Kind.START, Kind.STEP})


class StoreViolationError(AssertionError):
    """A store broke a promise: the verdict, the tape that plays it again, and as text the story.

    The story is made when it is asked for: while Hypothesis shrinks, nobody reads it.
    """

    def __init__(self, finding: Finding, story: Callable[[], str]) -> None:
        super().__init__(finding.verdict.detail)
        self.tape = finding.tape
        self.verdict = finding.verdict
        self._story = story

    def __str__(self) -> str:
        return self._story()


def _own(attribute: str, most: int) -> st.SearchStrategy[int]:
    """A number below the machine's own `attribute`."""
    return st.runner().flatmap(lambda machine: st.integers(0, min(getattr(machine, attribute), most) - 1))


_SESSION: Final = _own("sessions", SESSIONS_MAX)
_KEY: Final = _own("keys", KEYS_MAX)
_SIZE: Final = _own("sizes", SIZES)


def _gives(kind: Kind) -> Callable[[Any], bool]:
    return lambda machine: kind in machine.kinds


def _gives_steps(machine: Any) -> bool:
    return set(machine.kinds) >= _STEPPED and machine.has_steps


class StoreMachine(RuleBasedStateMachine):
    """Override `make_store`; set what the store cannot do, or what is to be searched.

    kinds       the operations it is given; START and STEP need `start()` and `step()` of it
    sessions    how many sessions issue them, 1 to 4
    keys        how many keys they use, 1 to 8
    sizes       1: small values only, 2: some of 150 bytes, 3: some of 380
    law         what a power cut may leave, by name
    states_max  legal states of one crash point; one with more is searched to a depth only
    depth       power cuts inside each recovery
    spec        what the store is held against: its model, and what its exceptions say
    subject     the name that tapes give the store; "": `module:class` of the machine itself
    """

    kinds: ClassVar[Collection[Kind]] = frozenset(Kind)
    sessions: ClassVar[int] = 2
    keys: ClassVar[int] = 3
    sizes: ClassVar[int] = SIZES
    law: ClassVar[str] = "posix"
    states_max: ClassVar[int] = STATES_MAX
    depth: ClassVar[int] = 1
    spec: Spec = PLAIN
    subject: ClassVar[str] = ""
    geometry: ClassVar[str] = "tiny"  # Of a store of the registry that has them,
    kernels: ClassVar[str] = INTERPRETED  # likewise.

    def __init__(self) -> None:
        super().__init__()
        self._maker = StoreMaker(self._open_store, self.spec)
        self._world = World(self._maker)
        self._ended: list[Era] = []
        self._program: list[Operation] = []
        # What was already being handled when the example began is not this example's.
        self._handled = sys.exc_info()[1]

    @classmethod
    def of(cls, make_store: MakeStore, **settings: object) -> type[Self]:
        """A machine for the store that `make_store` opens; the settings are attributes of it.

        Its tapes name `make_store`, which another process finds where it stands at the top of a module.
        """
        own = {"make_store": staticmethod(make_store), "spec": StoreMaker.of(make_store).spec}
        named = getattr(make_store, "__qualname__", type(make_store).__qualname__)
        own |= {"__module__": make_store.__module__, "subject": name_of(make_store), **settings}
        made = new_class(f"{named}Machine", (cls,), {}, lambda body: body.update(own))
        return cast("type[Self]", made)

    def make_store(self, device: FaultDevice) -> Subject | MutableMapping[bytes, bytes]:
        """Open the store on the device; called again after every clean close and every power cut.

        What it raises is a finding: a store must open after a power cut.
        """
        raise SubjectError(f"{type(self).__qualname__} does not override make_store(device)")

    def _open_store(self, device: FaultDevice) -> Subject | MutableMapping[bytes, bytes]:
        subject = self.make_store(device)
        if device.label == "OPEN":
            device.label = ""  # Only what the opening does is marked as such in the trace.
        return subject

    @property
    def has_steps(self) -> bool:
        """True if the open store takes a checkpoint apart."""
        return self._world.mounted is not None and self._world.mounted.steps is not None

    @property
    def store(self) -> Subject:
        """The open store, for rules of one's own; what those do is not on the tape."""
        assert self._world.subject is not None
        return self._world.subject

    def tape(self) -> Tape:
        """The tape of the example so far. Invariant 1."""
        eras = (*self._ended, Era(tuple(self._program)))
        subject = self.subject or name_of(type(self))
        return Tape(eras, self.geometry, self.law, subject=subject, kernels=self.kernels)

    # -- rules; those of operations on keys are made of the table ------------------------------------

    @initialize()
    def open(self) -> None:
        """The first opening, on an empty device."""
        self._demand(self._world.open())

    @precondition(_gives(Kind.CHECKPOINT))
    @rule()
    def checkpoint(self) -> None:
        self.give(Operation(Kind.CHECKPOINT))

    @precondition(_gives_steps)
    @rule(kind=st.sampled_from((Kind.START, Kind.STEP, Kind.STEP)))
    def step_checkpoint(self, kind: Kind) -> None:
        """Begin a checkpoint, or take the running one a step on; operations go between."""
        self.give(Operation(kind))

    @precondition(_gives(Kind.REOPEN))
    @rule()
    def reopen(self) -> None:
        """A clean close, and an opening on what is there."""
        self.give(Operation(Kind.REOPEN))

    @rule(
        sync=st.integers(0, 4),
        before=st.integers(0, 2),
        survivors=st.lists(st.integers(0, 2), max_size=8).map(tuple),
    )
    def crash(self, sync: int, before: int, survivors: tuple[int, ...]) -> None:
        """Cut the power `before` events before the `sync`-th sync from the end, and open what is left."""
        crash = Crash(sync, before, survivors)
        self._demand(self._world.inspect())
        self._world.cut(crash_index(self._world.segment.trace, crash), survivors, self.law)
        self._ended.append(Era(tuple(self._program), crash))
        self._program.clear()
        self._demand(self._world.open())

    # -- the end of an example ---------------------------------------------------------------------

    def teardown(self) -> None:
        """Judge every crash state of every stretch between power cuts. Invariant 3."""
        if sys.exc_info()[1] is self._handled and self._world.subject is not None:
            coverage, finding = search_tape(
                self.tape(),
                depth=self.depth,
                limit=self.states_max,
                make_store=self._maker,
                recoveries=self.recoveries(),
            )
            self.searched(coverage)
            self._object(finding)

    def recoveries(self) -> Recoveries | None:
        """The place where openings are kept; None: for this example only."""
        return None

    def searched(self, coverage: Coverage) -> None:
        """Take in the coverage of the search at the end of an example."""

    def tell(self, finding: Finding, run: Run) -> str:
        """The story of a finding, for the message of the failure."""
        return tell_briefly(finding, run)

    # -- objections --------------------------------------------------------------------------------

    def give(self, operation: Operation) -> None:
        """Give the store an operation; it is on the tape."""
        self._program.append(operation)
        self._demand(step(self._world, operation))

    def _demand(self, is_fine: bool) -> None:
        if not is_fine:
            verdict = self._world.verdict
            assert isinstance(verdict, Violation)
            self._object(Finding(self.tape(), verdict))

    def _object(self, finding: Finding | None) -> None:
        """The one place that raises: Hypothesis tells failures apart by their place."""
        if finding is not None:
            self._world.mounted = None
            raise StoreViolationError(finding, lambda: self.tell(finding, play(finding.tape, self._maker)))


def _rule_of(kind: Kind, row: Row) -> Callable[..., None]:
    """The rule that gives the store an operation on a key."""

    def sized(machine: StoreMachine, session: int, key: int, size: int) -> None:
        machine.give(Operation(kind, session, key, size))

    def bare(machine: StoreMachine, session: int, key: int) -> None:
        machine.give(Operation(kind, session, key))

    named = sized if row.sign else bare
    named.__name__ = kind.name.lower()
    drawn: dict[str, Any] = {"session": _SESSION, "key": _KEY}
    if row.sign:
        drawn["size"] = _SIZE
    with_rule: Any = rule(**drawn)
    given: Callable[..., None] = precondition(_gives(kind))(with_rule(named))
    return given


for _kind, _row in OPERATIONS.items():
    if _kind in KEYED and _row.weight:
        setattr(StoreMachine, _kind.name.lower(), _rule_of(_kind, _row))


def tell_briefly(finding: Finding, run: Run) -> str:
    """Say what was violated, then of every stretch its device calls, the crash, and what was lost."""
    verdict = finding.verdict
    lines = [f"{verdict.breach.value} ({verdict.oracle} oracle, law {finding.tape.law})"]
    lines.append(f"  {verdict.detail}")
    for era, segment in zip(finding.tape.eras, run.segments, strict=False):
        lines += [f"  {seen.index:6}  {seen.what} -> {seen.returned}" for seen in segment.observations]
        if era.crash is not None:
            index = crash_index(segment.trace, era.crash)
            lines.append(render_trace(segment.trace, stop=index, crash=index))
            lost = tell_crash(segment.trace, index, era.crash.survivors, finding.tape.law)
            lines += [f"        lost: {line}" for line in lost]
            if lost:
                real = tell_real(segment.trace, index, era.crash.survivors, finding.tape.law)
                lines.append(f"        {real}")
    return "\n".join(lines)
