"""The chunk of the stage `stress`: one, since it needs every core to itself.

What threads do is not a function of the seed. So this stage's figures differ from run to run, its floor is
far below what is usual, and a violation in it has no tape: what the store held is its witness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...finders.crashes import Coverage
from ...finders.stress import run_stress
from ...verdict import Unknown, Violation
from ..chunks import Chunk, Result
from ..profile import StressPlan

__all__ = ["Stressed", "cut_stress"]


@dataclass(frozen=True, slots=True)
class Stressed:
    """A whole campaign."""

    seed: int
    sessions: int
    seconds: int
    appends: int
    kernels: str

    def run(self) -> Result:
        campaign = run_stress(
            seconds=self.seconds,
            appends=self.appends,
            sessions=self.sessions,
            seed=self.seed,
            kernels=self.kernels,
        )
        reached = dict(sorted(campaign.reached.items()))
        coverage = Coverage(programs=reached.pop("lives", 0), checked=reached.pop("judged", 0))
        coverage.reached.update(reached)
        verdict = campaign.verdict
        return Result(
            coverage,
            objection=verdict if isinstance(verdict, Violation) else None,
            unknown=verdict.why if isinstance(verdict, Unknown) else "",
        )


def cut_stress(plan: StressPlan, seed: int) -> Iterator[Chunk]:
    """One chunk."""
    yield Stressed(seed, plan.sessions, plan.seconds, plan.appends, plan.kernels)
