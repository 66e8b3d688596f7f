"""Alive: which versions of what a call has written a power cut could leave, and which it left.

Every call that changed something made versions of chains (sectors, sizes, names). At the cut some of them
were past, since a later one had been made durable; one of the others survived.

Invariants
  1  a version survived iff `choose` gives it to the image that the run went on with
  2  a call is lost iff of each chain that it moved an earlier version survived; in part, iff of some
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from powercut.faultfs import History, Law, Trace
from powercut.faultfs.law.chains import NO_FILE, AnyChain, ChainKind
from powercut.faultfs.law.history import history_of
from powercut.faultfs.law.survival import choose, history_under, names_of

__all__ = ["Fate", "Moved", "Version", "fates_of"]

_BYTES: Final = 12  # Of a sector that are shown.


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a chain, when the power was cut."""

    maker: str  # The call that made it, `write #7`; or `start`.
    value: str
    is_alive: bool  # A power cut here may leave it.
    survived: bool  # This one did.
    is_own: bool  # The call that is looked at made it.


@dataclass(frozen=True, slots=True)
class Moved:
    """A chain that a call moved, and all its versions up to the power cut."""

    what: str  # `log sector 3`, `log size`, `name log`.
    versions: tuple[Version, ...]


@dataclass(slots=True)
class Fate:
    """The fate of one call when the power was cut."""

    kept: int = 0  # Chains of which its version, or a later one, survived;
    lost: int = 0  # and an earlier one.
    moved: list[Moved] = field(default_factory=list)

    @property
    def word(self) -> str:
        """kept, lost, or part."""
        if not self.lost:
            return "kept"
        return "part" if self.kept else "lost"


def fates_of(trace: Trace, index: int, digits: Sequence[int], law: str) -> dict[int, Fate]:
    """For each event before the crash index that changed something, what became of it. O(versions)."""
    history = history_under(history_of(trace), Law.of(law))
    choice = choose(history, index, digits, Law.of(law))
    chains: list[AnyChain] = [*history.names.values(), *history.sizes.values()]
    chains += [chain for sectors in history.sectors.values() for chain in sectors.values()]
    fates: dict[int, Fate] = {}
    for chain in chains:
        legal = chain.legal(index)
        survivor = choice.get(chain, legal[-1])
        what = _name(history, index, chain)
        for version in range(1, legal[-1] + 1):
            fate = fates.setdefault(chain.births[version] - 1, Fate())
            fate.kept += version <= survivor
            fate.lost += version > survivor
            versions = tuple(
                Version(
                    _maker(history, chain, each),
                    _value(history, index, chain, each),
                    each in legal,
                    each == survivor,
                    each == version,
                )
                for each in range(max(0, min(legal[0], version) - 1), legal[-1] + 1)
            )
            fate.moved.append(Moved(what, versions))
    return fates


def _name(history: History, index: int, chain: AnyChain) -> str:
    if chain.kind is ChainKind.NAME:
        return f"name {chain.name}"
    file = " or ".join(names_of(history, index, chain.inode))
    return f"{file} size" if chain.kind is ChainKind.SIZE else f"{file} sector {chain.sector}"


def _maker(history: History, chain: AnyChain, version: int) -> str:
    if not version:
        return "start"
    event = chain.births[version] - 1
    return f"{history.trace.events[event].kind.name.lower()} #{event}"


def _value(history: History, index: int, chain: AnyChain, version: int) -> str:
    value = chain.values[version]
    if isinstance(value, bytes):
        shown = value.rstrip(b"\0")[:_BYTES]
        return "zeros" if not shown else shown.hex(" ")
    if chain.kind is ChainKind.SIZE:
        return f"{value} bytes"
    return "absent" if value == NO_FILE else f"file {value}"
