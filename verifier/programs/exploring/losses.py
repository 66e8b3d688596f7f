"""Losses: the calls that a crash state has lost, and the few losses with which a kind of finding is told.

A wide law shows a kind first by a state that no disk was seen to leave, where the law of a measured file
system often shows it by another one. That one is told.

Invariants
  1  what `smallest` returns has the verdict of the finding, at the same index, under the same law
  2  no loss of it can be left out alone, unless TRIES ran out before that was tried
  3  what `telling` returns for a verdict is a crash state of a measured file system's law, if the search of
     one finds that verdict, and of these the one that loses the fewest calls

Source: delta debugging (Zeller, Hildebrandt, 2002), on the digits of a crash state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from powercut.faultfs import Law, Trace, crash_states, survivor_image
from powercut.faultfs.law.chains import AnyChain
from powercut.faultfs.law.history import history_of
from powercut.faultfs.law.survival import choose, history_under
from powercut.faultfs.picture import survival
from powercut.faultfs.real import MEASURED, leave

from .asked import Readings
from .search import Exploration, Finding, Wanted, findings
from .verdicts import Verdict, judge

__all__ = ["lost_chains", "lost_events", "smallest", "telling"]

TRIES: Final = 400
_WIDE: Final = frozenset({Law.POSIX, Law.POSIX_SPLIT})  # They have all that a measured file system leaves.


def smallest(found: Exploration, finding: Finding, readings: Readings) -> Finding:
    """The finding with as few losses as still show it."""
    best, tries = finding, 0
    is_smaller = True
    while is_smaller and tries < TRIES:
        is_smaller = False
        for digits in _milder(best.survivors):
            tries += 1
            if tries > TRIES:
                break
            image = survivor_image(found.trace, finding.index, digits, finding.law)
            reading = readings.of(image)
            if judge(reading, found.legality, finding.part) is finding.verdict:
                best = replace(best, survivors=digits, key=image.key(), reading=reading)
                is_smaller = True
                break
    return best


def telling(found: Exploration, readings: Readings, wanted: Wanted) -> dict[Verdict, Finding]:
    """For each kind of finding the one that is told, made small. Invariant 3. At most a search a law."""
    told = {verdict: smallest(found, finding, readings) for verdict, finding in found.first.items()}
    if found.law not in _WIDE:
        return told
    sought = {
        verdict
        for verdict, each in told.items()
        if not leave(found.trace, each.index, each.survivors, each.law)
    }
    others: dict[Verdict, list[Finding]] = {}
    for law in MEASURED:
        for finding in _first(found, readings, replace(wanted, law=law), sought):
            others.setdefault(finding.verdict, []).append(smallest(found, finding, readings))
    return told | {verdict: min(each, key=lambda one: _size(found, one)) for verdict, each in others.items()}


def _first(
    found: Exploration, readings: Readings, wanted: Wanted, sought: Collection[Verdict]
) -> Iterator[Finding]:
    """The first finding of each kind that is sought, under another law."""
    left = set(sought)
    if not left:
        return
    states = crash_states(found.trace, wanted.law, limit=wanted.limit)
    for finding in findings(Exploration(found.trace, found.legality, states), readings):
        if finding.verdict in left:
            left.remove(finding.verdict)
            yield finding
            if not left:
                return


def _size(found: Exploration, finding: Finding) -> int:
    return len(lost_events(found.trace, finding.index, finding.survivors, finding.law))


def lost_chains(trace: Trace, index: int, survivors: tuple[int, ...], law: Law) -> list[tuple[AnyChain, int]]:
    """The chains whose newest version did not survive, each with the version that did."""
    history = history_under(history_of(trace), law)
    choice = choose(history, index, survivors, law)
    lost = []
    for chain, version in choice.items():
        newest = chain.legal(index)[-1]
        if version < newest and chain.values[version] != chain.values[newest]:
            lost.append((chain, version))
    return lost


def lost_events(trace: Trace, index: int, survivors: tuple[int, ...], law: Law) -> dict[int, bool]:
    """The events that lost something; True of those that lost everything."""
    kept, lost = survival(trace, index, survivors, law)
    return {event: not kept[event] for event in sorted(lost)}


def _milder(digits: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Fewer losses: runs of digits at 0, long ones first, then single digits lower."""
    places = [place for place, digit in enumerate(digits) if digit]
    size = len(places)
    while size:
        for start in range(0, len(places), size):
            gone = set(places[start : start + size])
            yield _trimmed(tuple(0 if place in gone else digit for place, digit in enumerate(digits)))
        size //= 2
    for place in places:
        for lower in dict.fromkeys((1, digits[place] // 2, digits[place] - 1)):
            if 0 < lower < digits[place]:
                yield (*digits[:place], lower, *digits[place + 1 :])


def _trimmed(digits: tuple[int, ...]) -> tuple[int, ...]:
    end = len(digits)
    while end and not digits[end - 1]:
        end -= 1
    return digits[:end]
