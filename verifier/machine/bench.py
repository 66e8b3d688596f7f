"""StoreMachine: the bench as a Hypothesis state machine, for a store of one's own.

    class LogMachine(StoreMachine):
        def make_store(self, device):       # opens: creates on an empty device, recovers on any other
            return Log(device)              # apply(operation), checkpoint(), recovered(), read_all(), close()

    TestLog = LogMachine.TestCase           # or in one: StoreMachine.of(Log).TestCase

Hypothesis chooses operations, checkpoints, clean reopenings and now and then a power cut. When an
example ends, every crash state of each of its stretches is enumerated, opened and judged by plain
Python, and the store goes on from it (`more`). A failing example is shrunk by the tape, in place of by
Hypothesis, which would search each smaller example anew.

Invariants
  1  an example is a tape: what the rules did, `tape()` says, and `play` does again. What a rule of one's own
     does besides is searched as it happened, for it is the trace of the run itself that is
  2  nothing but the example decides: no clock, no count over examples, no state kept between them
     that a verdict could depend on; a `budget` only ends the search. (Hypothesis runs a failing
     example again; a verdict that differs would be called flaky.)
  3  teardown judges only where the rules saw nothing wrong, so it never masks their objection
  4  searching is no part of the time by which Hypothesis' deadline judges an example

Threads: none. Source: rule-based state machines, Hypothesis.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import replace
from types import new_class
from typing import Any, ClassVar, Final, Self, cast

import hypothesis.strategies as st
from hypothesis import reject, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from powercut.faultfs import FaultDevice

from ..errors import SubjectError
from ..finders.continuations import Continuations, few_continuations
from ..finders.crashes import Coverage, Finding, search_run
from ..finders.recoveries import Recoveries
from ..garbage import collected_seldom
from ..registry import name_of
from ..runs.play import play
from ..runs.run import Run
from ..runs.steps import step
from ..runs.world import World
from ..spec.history import Segment, crash_index
from ..spec.own import Own
from ..spec.spec import PLAIN, Spec, StoreMaker
from ..spec.subject import MakeStore, Subject
from ..tapes.operations import KEYED, OPERATIONS
from ..tapes.tape import INTERPRETED, SIZES, Crash, Era, Kind, Operation, Tape
from ..verdict import Violation
from .case import CaseOf, off_the_clock, settings_of
from .declared import check_machine
from .drawn import KEY, SESSION, gives, gives_steps, own_number, rule_of
from .known import Known
from .objection import StoreViolationError, show_all, shown, tell_briefly
from .opened import Opened, opened_before
from .summary import FLOOR, Summary

__all__ = ["STATES_MAX", "StoreMachine"]

STATES_MAX: Final = 64  # Legal states of one crash point; one with more is searched to a depth only.
_GONE_ON: Final = 12  # Contents of one stretch from which the store goes on.


class StoreMachine(RuleBasedStateMachine):
    """Override `make_store`; set what the store cannot do, or what is to be searched.

    kinds       the operations it is given; START and STEP need `start()` and `step()` of it
    sessions    how many sessions issue them, 1 to 4
    keys        how many keys they use, 1 to 8
    sizes       1: small values only, 2: some of 150 bytes, 3: some of 380
    law         what a power cut may leave, by name
    states_max  legal states of one crash point; one with more is searched to a depth only
    depth       power cuts inside each recovery
    more        operations after each recovery, before the power is cut again, at most; -1: none goes on
    operations  operations of the store's own, that the tape, the generator and the shrinker then have
    known       limitations that are no news
    floor       the least that a run must have looked at, by the names of `Summary.figures`
    refusals    exceptions of its own, which it may raise where the disk did something wrong
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
    more: ClassVar[int] = 1
    operations: ClassVar[Collection[Own]] = ()
    known: ClassVar[Collection[Known]] = ()
    floor: ClassVar[Mapping[str, int]] = {}
    refusals: ClassVar[tuple[type[Exception], ...]] = ()
    spec: Spec = PLAIN
    subject: ClassVar[str] = ""
    geometry: ClassVar[str] = "tiny"  # Of a store of the registry that has them,
    kernels: ClassVar[str] = INTERPRETED  # likewise.
    budget: ClassVar[float] = 0.0  # Processor seconds of searching; 0.0: without an end.
    examples: ClassVar[int] = 0  # Their number, where it is not as the settings say.
    told: ClassVar[list[str]] = []  # The lines of the runs that have passed, newest last.
    _summary: ClassVar[Summary | None] = None
    _known_shown: ClassVar[set[Known]] = set()
    _opened: ClassVar[Opened | None] = None  # What came of openings in examples before (`opened`).
    TestCase = CaseOf()  # type: ignore[assignment]

    def __init_subclass__(cls, **options: Any) -> None:
        """Check the attributes. Raises SubjectError."""
        super().__init_subclass__(**options)
        check_machine(cls)

    @classmethod
    def run(cls, own: settings | None = None) -> str:
        """Run as a test; the line of what was looked at.

        Raises what is found, NondeterministicStoreError where that comes and goes, and below the floor.
        """
        cls._summary, cls._known_shown, cls._opened = Summary(cls.__name__, cls.budget), set(), None
        with collected_seldom():
            try:
                run_state_machine_as_test(cls, settings=settings_of(own or settings(), cls.examples))
            except BaseException as error:
                show_all(error)
                raise
        summary = cls._summary
        summary.known = [known.line() for known in cls.known if known in cls._known_shown]
        missing = summary.shortfalls({**FLOOR, **cls.floor})
        missing += [f"known, and not found: {each}" for each in cls.known if each not in cls._known_shown]
        if missing:
            raise AssertionError(f"{summary.line()}\nbelow the floor: {'; '.join(missing)}")
        StoreMachine.told.append(summary.line())
        print(summary.line())  # noqa: T201
        return summary.line()

    def __init__(self) -> None:
        super().__init__()
        if self.operations:
            self.spec = replace(self.spec, own=tuple(self.operations))
        self.spec = self.spec.refusing(tuple(self.refusals))
        self._maker = StoreMaker(self._open_store, self.spec)
        self._world = World(self._maker)
        self._ended: list[Era] = []
        self._segments: list[Segment] = []
        self._is_over = False
        self._program: list[Operation] = []
        # What was already being handled when the example began is not this example's.
        self._handled = sys.exc_info()[1]

    @classmethod
    def of(cls, make_store: MakeStore, **settings: object) -> type[Self]:
        """A machine for the store that `make_store` opens; the settings are attributes of it, and no others.

        Its tapes name `make_store`, which another process finds where it stands at the top of a module.
        """
        if strange := [name for name in settings if not hasattr(cls, name)]:
            raise SubjectError(f"{cls.__qualname__} has no attribute {min(strange)!r}")
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
        """The open store, for rules of one's own; what those do is searched, and not on the tape."""
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

    @precondition(gives(Kind.CHECKPOINT))
    @rule()
    def checkpoint(self) -> None:
        self.give(Operation(Kind.CHECKPOINT))

    @precondition(gives_steps)
    @rule(kind=st.sampled_from((Kind.START, Kind.STEP, Kind.STEP)))
    def step_checkpoint(self, kind: Kind) -> None:
        """Begin a checkpoint, or take the running one a step on; operations go between."""
        self.give(Operation(kind))

    @precondition(lambda machine: machine.operations)
    @rule(session=SESSION, key=KEY, number=st.runner().flatmap(own_number))
    def own(self, session: int, key: int, number: int) -> None:
        """One of the operations that the machine declares."""
        self.give(Operation(Kind.OWN, session, key, number))

    @precondition(gives(Kind.REOPEN))
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
        index = crash_index(self._world.segment.trace, crash)
        self._segments.append(self._world.cut(index, survivors, self.law))
        self._ended.append(Era(tuple(self._program), crash))
        self._program.clear()
        self._demand(self._world.open())

    # -- the end of an example ---------------------------------------------------------------------

    def teardown(self) -> None:
        """Judge every crash state of every stretch between power cuts. Invariant 3."""
        try:
            if sys.exc_info()[1] is self._handled and self._world.subject is not None:
                self._is_over = True
                with off_the_clock():
                    self._demand(self._world.inspect())
                    self._search()
        finally:
            self._world.let_go()

    def _search(self) -> None:
        if self._summary is not None and self._summary.skips():
            return
        opened = opened_before(type(self))
        recoveries = self.recoveries() or Recoveries(self._maker, self.law, self.states_max, opened=opened)
        further = None
        if self.more >= 0:
            own = {Kind.OWN} if self.operations else set()
            programs = few_continuations(self.more, (self.spec.kinds & {*self.kinds} - {Kind.OWN}) | own)
            further = Continuations(
                self._maker, self.law, self.states_max, programs, recoveries, most=_GONE_ON
            )
        coverage, finding = search_run(
            self.tape(),
            [*self._segments, self._world.segment],
            self._maker,
            depth=self.depth,
            limit=self.states_max,
            recoveries=recoveries,
            continuations=further,
            excuses=self._is_known,
        )
        self.searched(coverage)
        if self._summary is not None:
            self._summary.add(self.tape(), coverage)
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
        if finding is None:
            return
        if self._summary is not None:
            self._summary.has_found = True
        segments, raised = [*self._segments, self._world.segment], self._world.raised
        self._world.let_go()
        error = StoreViolationError(finding, lambda: shown(finding, segments, self._maker, self.tell))
        if not self._is_over and self._is_known(finding):
            reject()
        raise error from raised or play(finding.tape, self._maker).raised

    def _is_known(self, finding: Finding) -> bool:
        """True if it is a limitation that is known; one that is shown is taken down."""
        alike = [known for known in self.known if known.is_shown_by(finding.verdict)]
        self._known_shown.update(alike)
        return bool(alike)


for _kind, _row in OPERATIONS.items():
    if _kind in KEYED and _row.weight:
        setattr(StoreMachine, _kind.name.lower(), rule_of(_kind, _row))
