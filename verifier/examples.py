"""Examples of a state machine, as many as asked for, generated and not shrunk: a search.

Invariants
  1  equal arguments, equal examples: Hypothesis only generates, seeded, without database or deadline
  2  an example that plays the tape of an earlier one is not counted again
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import hypothesis
import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.errors import Flaky
from hypothesis.internal.conjecture import providers
from hypothesis.stateful import rule, run_state_machine_as_test

from powercut.faultfs import FaultDevice

from .errors import HarnessError, NoMoreWanted
from .finders.crashes import Coverage, Finding
from .finders.recoveries import Recoveries
from .machine import STATES_MAX, StoreMachine, StoreViolationError
from .registry import maker_of, name_of
from .spec.subject import Subject
from .tapes.families import LETTERS
from .tapes.tape import INTERPRETED, KEYS_MAX, SIZES, STORE, Kind, Operation, Tape

__all__ = ["FasterMachine", "WideMachine", "run_machine"]

_KEY = st.integers(0, KEYS_MAX - 1)
# What of our own modules Hypothesis once took for shares of 255, by which it leaves rules out of an example.
_CONSTANTS = (100, 120, 127, 128, 130, 150, 162, 192, 200)


class FasterMachine(StoreMachine):
    """FasterKv on the bench, in its `geometry` and with its `kernels`."""

    subject: ClassVar[str] = STORE

    def __init__(self) -> None:
        self._faster = maker_of(Tape(geometry=self.geometry, kernels=self.kernels))
        self.spec = self._faster.spec  # Whose errors are there once the engine is.
        super().__init__()

    def make_store(self, device: FaultDevice) -> Subject:
        return self._faster(device)


class WideMachine(FasterMachine):
    """FasterKv, given the letters that random programs have only where they are asked for."""

    @rule(kind=st.sampled_from((Kind.TRUNCATE_AT, *LETTERS.values())), key=_KEY, size=st.integers(0, SIZES))
    def letter(self, kind: Kind, key: int, size: int) -> None:
        self.give(Operation(kind, 0, key, size))

    @rule(session=st.integers(0, 1), first=_KEY)
    def turn_pages(self, session: int, first: int) -> None:
        """So many large values that pages go to the device, where a checkpoint leaves them at rest."""
        for number in range(5):
            self.give(Operation(Kind.UPSERT, session, (first + number) % KEYS_MAX, SIZES - 1))
            if number % 2:
                self.give(Operation(Kind.CHECKPOINT))


def run_machine(
    machine: type[StoreMachine],
    *,
    seed: int,
    examples: int,
    steps: int,
    geometry: str = "tiny",
    law: str = "posix",
    limit: int = STATES_MAX,
    depth: int = 1,
    kernels: str = INTERPRETED,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[Coverage, Finding | None]:
    """Search `examples` examples of `steps` rules each; what was seen, and the first finding, not shrunk.

    Hypothesis only generates: equal arguments, equal examples. An example that plays the tape of an earlier
    one is not counted again. `is_over` is asked before each example, and ends it.
    Raises HarnessError where an example fails once and not again.
    """
    total = Coverage()
    counted, passed = set[Tape](), set[Tape]()  # Searched; and nothing found.
    # An outcome is a function of a content, so keeping it over examples decides nothing. Invariant 2.
    kept: list[Recoveries] = []

    class Searching(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            if is_over():
                raise NoMoreWanted
            super().__init__()

        def recoveries(self) -> Recoveries:
            if not kept:
                kept.append(Recoveries(self._maker, law, limit))
            return kept[0]

        def teardown(self) -> None:
            if (tape := self.tape()) not in passed:  # It would pass again.
                super().teardown()
                passed.update({tape} & counted)

        def searched(self, coverage: Coverage) -> None:
            tape = self.tape()
            if tape not in counted:
                counted.add(tape)
                total.merge(coverage)

    Searching.subject = machine.subject or name_of(machine)
    Searching.geometry, Searching.law, Searching.states_max, Searching.depth = geometry, law, limit, depth
    Searching.kernels, Searching.more = kernels, -1  # The stage `crash` goes on after recoveries.
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    try:
        with _own_constants():
            run_state_machine_as_test(hypothesis.seed(seed)(Searching), settings=settings)
    except StoreViolationError as violation:
        return total, violation.finding
    except (NoMoreWanted, Flaky) as error:
        # Hypothesis may take an example that was given up for one that draws differently.
        if not is_over():
            raise HarnessError(f"an example failed once and not again: {error}") from error
    return total, None


@contextmanager
def _own_constants() -> Iterator[None]:
    """Have Hypothesis draw of these constants now and then, and not of those in whichever modules are around.

    So equal arguments are equal examples, and no process parses all modules for them, which takes a second. A
    Hypothesis that has no such function is left as it is.
    """
    seam: Any = providers
    read, kept = getattr(seam, "_get_local_constants", None), getattr(seam, "CONSTANTS_CACHE", None)
    if read is None or kept is None:
        yield
        return
    own = type(seam._local_constants)()
    for constant in _CONSTANTS:
        own.add(constant)
    seam._get_local_constants = lambda: own
    kept.cache.clear()
    try:
        yield
    finally:
        seam._get_local_constants = read
        kept.cache.clear()
