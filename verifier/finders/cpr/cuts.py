"""Every power cut in every schedule of a small program.

A schedule is run to its end; the power cuts in it are indices into its trace, from where the sessions part.
Each content that the law lets one leave is judged with the least that was issued, when it first becomes
legal, and with the most that was acknowledged while it still is.

Invariants
  1  equal traces are enumerated once, and equal contents opened once, whichever schedule came by them
  2  a finding is a tape of its schedule and its crash, which plays by itself

Threads: one.
Source: CPR's guarantee (Prasaad et al., SIGMOD 2019), at every moment and not at the end alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from powercut.faultfs import Event
from powercut.faultfs.states.enumeration import CrashState
from powercut.faultfs.states.witness import witness_at

from ...concurrency.cuts import Cut, tell_cut
from ...concurrency.ends import Kept
from ...concurrency.grounds import program_of, repeated
from ...concurrency.programs import Searched
from ...concurrency.schedule import Bounded, explore, replay_schedule, shrink_switches
from ...spec.history import crash_at
from ...tapes.tape import Crash, Tape
from ...verdict import OK, Verdict, Violation
from ..enumerated import Enumerated, Enumerations

__all__ = ["CutTally", "Cuts", "Opened", "search_cuts"]

LIMIT: Final = 1 << 16  # Crash states of one index: a program whose pages turn has some thousands.
Opened = dict[tuple[str, int], Any]  # By geometry and content what an opening found.


@dataclass(slots=True)
class CutTally:
    """The work of a search.

    traces    that differ; of the first of them `legal` version vectors by formula, and `visited` one by one,
              the content looked up
    bounded   points left open, of all; `lossy` contents that lack what was written
    judged    pairs of a trace and what was issued, acknowledged and returned in it
    contents  that differ, of the program; `owing` judged with something acknowledged
    calls     right behind which the power was cut, by their step
    """

    traces: int = 0
    legal: int = 0
    visited: int = 0
    bounded: int = 0
    lossy: int = 0
    judged: int = 0
    contents: int = 0
    owing: int = 0
    calls: int = 0


class Cuts:
    """Searches every power cut of every run of one program.

    crash   the one that the last violation takes, if it takes one
    """

    def __init__(self, law: str, opened: Opened | None = None) -> None:
        self._law = law
        self._opened: Opened = {} if opened is None else opened
        self._enumerations = Enumerations(law, LIMIT)
        self._known: dict[tuple[Event, ...], list[CrashState]] = {}
        self._verdicts: dict[Hashable, tuple[Verdict, Crash | None]] = {}
        self._contents: set[int] = set()
        self.tally = CutTally()
        self.crash: Crash | None = None

    def judge(self, ran: Cut) -> Verdict:
        """The verdict on every power cut in the run."""
        key = tuple(ran.trace.events), ran.told()
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(ran)
        verdict, self.crash = self._verdicts[key]
        return verdict

    def _judge(self, ran: Cut) -> tuple[Verdict, Crash | None]:
        for state in self._states(ran):
            recovery = self._open(state, ran)
            self.tally.judged += 1
            self.tally.owing += ran.owes(state.last)
            for at in dict.fromkeys((state.first, state.last)):
                verdict = ran.judge(recovery, at)
                if not isinstance(verdict, Violation):
                    continue
                digits = witness_at(ran.trace, self._law, state.key, state.index, state.digits, at)
                crash = None if digits is None else crash_at(ran.trace, at, digits)
                return tell_cut(ran.trace, at, verdict), crash
        return OK, None

    def _states(self, ran: Cut) -> Sequence[CrashState]:
        events = tuple(ran.trace.events)
        if events not in self._known:
            enumerated = self._enumerations.of(ran.trace, ran.begun)
            self._known[events] = enumerated.contents
            self._count(enumerated)
        return self._known[events]

    def _count(self, enumerated: Enumerated) -> None:
        tally = self.tally
        tally.traces += 1
        tally.bounded += enumerated.states.bounded_points
        tally.lossy += enumerated.lossy
        tally.calls += sum(enumerated.reached.values())
        if tally.traces > 1:
            return
        tally.legal += enumerated.states.legal
        spans = {state.key: (state.first, state.last) for state in enumerated.contents}
        for index, keys in enumerated.decoded():
            for key in keys:
                first, last = spans.get(key, (index + 1, index))
                tally.visited += first <= index <= last

    def _open(self, state: CrashState, ran: Cut) -> Any:
        key = ran.geometry, state.key
        if state.key not in self._contents:
            self._contents.add(state.key)
            self.tally.contents += 1
        if key not in self._opened:
            self._opened[key] = ran.recovered(state.image)
        return self._opened[key]


def search_cuts(
    tape: Tape, strategy: Bounded, schedules: int, opened: Opened | None = None
) -> tuple[Searched, CutTally]:
    """Run the tape's program under its schedules, and judge every power cut in each; the first violation.

    opened   outcomes of others that opened stores of this geometry
    """
    cuts = Cuts(tape.law, opened)
    kept = Kept(cuts=cuts)
    make = repeated(tape, kept)
    found = explore(make, [strategy], schedules)
    searched = Searched(found, dict(kept.reached), sum(strategy.spared), strategy.is_complete)
    if found.finding is not None:
        switches = shrink_switches(make, found.finding.switches, found.finding.verdict)
        searched.tape = _with_crash(tape, switches)
        searched.verdict = found.finding.verdict
    return searched, cuts.tally


def _with_crash(tape: Tape, switches: Sequence[int]) -> Tape:
    """The tape with this schedule, and with the power cut that shows its violation, if it takes one."""
    cuts = Cuts(tape.law)
    replay_schedule(lambda: program_of(tape, Kept(cuts=cuts)), switches)
    era = replace(tape.eras[-1], switches=tuple(switches), crash=cuts.crash)
    return replace(tape, eras=(era,))
