"""The report of a gate of one's own store: its stages, and the exit code.

Invariant: what its own tape does not show is told as such, and never as a violation.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["OwnReport", "OwnStage"]


class OwnStage(msgspec.Struct):
    """One stage: its figures in a line, lines of detail, and the tapes of what it found."""

    name: str
    line: str = ""
    details: list[str] = []
    found: list[str] = []  # Oracle, kind and file of each finding,
    unsteady: list[str] = []  # and of each that its own tape did not show.
    short: str = ""  # The figure that is below the floor.
    cpu_seconds: float = 0.0

    def told(self) -> list[str]:
        """All that there is to say of it, line by line."""
        return [*self.found, *self.unsteady, *self.details, *filter(None, [self.short])]


class OwnReport(msgspec.Struct):
    """All stages, and the exit code: 1 a violation, 5 one that does not repeat, 3 below a floor, else 0."""

    store: str
    seed: int = 0
    stages: list[OwnStage] = []
    stories: list[str] = []

    @property
    def exit(self) -> int:
        """The exit code."""
        if any(stage.found for stage in self.stages):
            return 1
        if any(stage.unsteady for stage in self.stages):
            return 5
        return 3 if any(stage.short for stage in self.stages) else 0

    @property
    def verdict(self) -> str:
        """The exit code in a word."""
        return {0: "consistent", 1: "violation", 3: "below its floor", 5: "nondeterminism"}[self.exit]

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield from self.stories
        count = sum(len(stage.found) for stage in self.stages)
        told = f"{count} violation{'s' * (count != 1)} in {len(self.stages)} stages"
        yield f"{self.verdict}: {told} of {self.store} (seed {self.seed})"
        for stage in self.stages:
            yield f"  {stage.name:8}  {stage.line:70}  {stage.cpu_seconds:6.1f} s"
            yield from (f"            {each}" for each in stage.told())
