"""The case of a machine: what pytest and unittest collect, and how its time is counted.

Invariant: settings that a user gives are taken, but for what would judge by the clock, or shrink twice.
"""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.control import current_build_context, currently_in_test_context

__all__ = ["CaseOf", "off_the_clock", "settings_of"]


class CaseOf:
    """`TestCase` of a machine; it ends in a line of what was looked at, or below the floor in a failure."""

    def __get__(self, machine: object, kind: Any) -> type[unittest.TestCase]:
        return _case_of(kind)


@cache
def _case_of(machine: Any) -> type[unittest.TestCase]:
    class Case(unittest.TestCase):
        settings = settings(deadline=None, suppress_health_check=list(HealthCheck))

        def runTest(self) -> None:  # noqa: N802
            machine.run(self.settings)

    case: Any = Case
    case.runTest.is_hypothesis_test = True
    case.runTest._hypothesis_state_machine_class = machine
    case.__name__, case.__qualname__ = f"{machine.__name__}.TestCase", f"{machine.__qualname__}.TestCase"
    case.__module__ = machine.__module__
    return Case


def settings_of(given: settings, examples: int = 0) -> settings:
    """The settings that a machine runs with, where these are given; so many examples, unless it is 0."""
    phases = [each for each in given.phases if each not in (Phase.shrink, Phase.explain)]
    given = settings(given, max_examples=examples) if examples else given
    return settings(given, phases=phases, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def off_the_clock() -> Iterator[None]:
    """Count what is done inside as Hypothesis counts a rule: no part of the time that a deadline judges."""
    started = perf_counter()
    try:
        yield
    finally:
        if currently_in_test_context():
            data: Any = current_build_context().data
            times = getattr(data, "_stateful_run_times", None)
            if times is not None:  # A Hypothesis without it counts the search too.
                times["search"] += perf_counter() - started
