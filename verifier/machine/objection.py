"""Objections: a violation as the exception of a test, with its tape and its story.

What is told is played: the tape twice, and what it shows must be the same both times.

    the run has calls that its tape does not make   a rule of one's own made them: the story is of the run
    two runs of the tape differ                     NondeterministicStoreError: the first event that does
    else                                            the tape is shrunk, and the story is of the small one

Invariant: no story contradicts its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from powercut.faultfs import Trace, render_trace, tell_crash
from powercut.faultfs.real import tell_real

from ..finders.crashes import Finding
from ..reducing.shrink import shrink
from ..runs.play import play
from ..runs.run import Run
from ..spec.history import Segment, crash_index
from ..spec.spec import StoreMaker
from ..tapes.tape import Tape
from ..verdict import Verdict, Violation

__all__ = ["NondeterministicStoreError", "Shown", "StoreViolationError", "show_all", "shown", "tell_briefly"]

_RUNS: Final = 4_000  # Of the shrinker: a small store is played so often in about a second.


class NondeterministicStoreError(AssertionError):
    """Two runs of one tape differ: what one of them shows may not be there in the next."""


class StoreViolationError(AssertionError):
    """A store broke a promise: the verdict, the tape that plays it again, and as text the story.

    All three are made when the first is asked for: while Hypothesis looks for examples, nobody reads them.
    """

    def __init__(self, finding: Finding, show: Callable[[], Shown]) -> None:
        super().__init__(finding.verdict.detail)
        self.finding = finding  # As it was found.
        self._show = show
        self._shown: Shown | None = None

    def show(self) -> Shown:
        """Make all that is told of it. Raises NondeterministicStoreError."""
        if self._shown is None:
            self._shown = self._show()
        return self._shown

    @property
    def tape(self) -> Tape:
        """The smallest tape that shows it; it names its store."""
        return self.show().tape

    @property
    def verdict(self) -> Violation:
        """Which oracle objects to what, on that tape."""
        return self.show().verdict

    def __str__(self) -> str:
        try:
            return self.show().story
        except NondeterministicStoreError as error:  # Nobody who prints an exception expects another.
            return f"{error}"

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.show(),)


def _again(shown: Shown) -> StoreViolationError:
    """The exception, made from what crossed to another process."""
    return StoreViolationError(Finding(shown.tape, shown.verdict), lambda: shown)


def show_all(error: BaseException) -> None:
    """Make what is told of each violation in it, a group of exceptions maybe.

    Raises NondeterministicStoreError.
    """
    if isinstance(error, StoreViolationError):
        error.show()
    elif isinstance(error, BaseExceptionGroup):  # Of Hypothesis, where an example fails now and then.
        for each in error.exceptions:
            show_all(each)


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding as it is told."""

    tape: Tape
    verdict: Violation
    story: str


def shown(
    finding: Finding, segments: list[Segment], make_store: StoreMaker, tell: Callable[[Finding, Run], str]
) -> Shown:
    """The finding, shrunk and told. Raises NondeterministicStoreError.

    segments   of the run in which it was found, as many as there are
    """
    run, other = play(finding.tape, make_store), play(finding.tape, make_store)
    if run.digest() != other.digest():
        raise NondeterministicStoreError("\n".join(_differing(run, other)))
    live = Run(finding.tape, segments, finding.verdict)
    if not finding.verdict.is_same_kind(run.verdict):
        apart = "\n".join(_differing(live, run, "in the run", "of its tape"))
        if not apart:
            raise NondeterministicStoreError(
                f"found once, and not when its tape is played: {finding.verdict.detail}; "
                f"then: {_told(run.verdict)}"
            )
        note = (
            "\nNo tape plays this again: rules of one's own made calls. Declare such steps in `operations`."
        )
        return Shown(finding.tape, finding.verdict, f"{tell(finding, live)}{note}\n{apart}")
    small = shrink(finding.tape, make_store, verdict=finding.verdict, budget=_RUNS)
    run = play(small, make_store)
    assert isinstance(run.verdict, Violation)
    least = Finding(small, run.verdict)
    return Shown(small, run.verdict, tell(least, run))


def _differing(one: Run, other: Run, first: str = "once", second: str = "again") -> Iterator[str]:
    """The first event, result or verdict that two runs do not have in common; nothing where they agree."""
    for number, (left, right) in enumerate(zip(one.segments, other.segments, strict=False), 1):
        events = zip_longest(left.trace.events, right.trace.events)
        for index, pair in enumerate(events):
            if pair[0] != pair[1]:
                yield f"two runs of one program differ, at device call {index} of life {number}:"
                yield f"  {first}: {_event(left.trace, index)}"
                yield f"  {second}: {_event(right.trace, index)}"
                return
        for seen, also in zip_longest(left.observations, right.observations):
            if seen != also:
                yield "two runs of one program differ, in what a call returned:"
                yield f"  {first}: {seen}"
                yield f"  {second}: {also}"
                return
    if one.segments and one.verdict != other.verdict and len(one.segments) == len(other.segments):
        yield "two runs of one program differ, in the verdict:"
        yield f"  {first}: {_told(one.verdict)}"
        yield f"  {second}: {_told(other.verdict)}"


def _event(trace: Trace, index: int) -> str:
    if index >= len(trace):
        return "no call"
    event = trace.events[index]
    return f"{render_trace(trace, start=index, stop=index + 1).splitlines()[0].strip()} {event.data[:40]!r}"


def _told(verdict: Verdict) -> str:
    return f"{verdict.breach.value}: {verdict.detail}" if isinstance(verdict, Violation) else "no objection"


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
