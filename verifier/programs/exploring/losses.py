"""Losses: the calls that a crash state has lost, and the smallest set of losses that shows a finding.

Invariants
  1  what `smallest` returns has the verdict of the finding, at the same index
  2  no loss of it can be left out alone, unless TRIES ran out before that was tried

Source: delta debugging (Zeller, Hildebrandt, 2002), on the digits of a crash state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from powercut.faultfs import Law, Trace, survivor_image
from powercut.faultfs.law.chains import AnyChain
from powercut.faultfs.law.history import history_of
from powercut.faultfs.law.survival import choose, history_under
from powercut.faultfs.picture import survival

from .asked import Readings
from .search import Exploration, Finding
from .verdicts import judge

__all__ = ["lost_chains", "lost_events", "smallest"]

TRIES: Final = 400


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
            image = survivor_image(found.trace, finding.index, digits, found.law)
            reading = readings.of(image)
            if judge(reading, found.legality, finding.part) is finding.verdict:
                best = replace(best, survivors=digits, key=image.key(), reading=reading)
                is_smaller = True
                break
    return best


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
