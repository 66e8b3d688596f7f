"""A planted bug: a source edit that takes one promise away, as data; by quoted text, or by place.

    ancestor   where this bug, or this shape of bug, really happened: a commit or an issue of
               FASTER, oxifaster or garnet, or powercut's own history
    oracle     who must object, breach: to what kind of thing

Invariants
  1  the old text of a bug stands exactly once in its module; a refactoring that moves it fails a test
  2  the engine names no planted bug: `hook` makes the edit on the way into the interpreter
  3  an edit by place is of the very source that it was made for: the text at each place is compared

Source: mutation testing (DeMillo, Lipton and Sayward, 1978), with mutants that once lived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from ..errors import HarnessError

__all__ = [
    *("CONTRACT", "CRASHES", "DAMAGE", "FAULTS", "KILLS", "MODEL", "SCHEDULES", "STRESS", "CUTS", "PROGRAMS"),
    *("OPERATIONS_MAX", "Edit", "Mutant", "Plantable", "Span"),
]

# The stages of the gate that must find a bug, by name; DAMAGE and FAULTS have oracles of the same name.
CRASHES: Final = "crash"
FAULTS: Final = "faults"
DAMAGE: Final = "damage"
MODEL: Final = "model"
SCHEDULES: Final = "schedule"
CUTS: Final = "cpr"
PROGRAMS: Final = "programs"  # In what records and judges programs, and not in the engine.
KILLS: Final = "kill"
STRESS: Final = "stress"  # In compiled kernels; a bank of its own, for it shows no tape.
# And what no stage can see, for no disk of ours is below the device: its contract, an oracle as well.
CONTRACT: Final = "contract"
OPERATIONS_MAX: Final = 6  # Of a tape that shows one.
_LOG: Final = "powercut.engine.fasterlog."


class Plantable(Protocol):
    """Something that can be planted: a name, a module, and the source that is made of the module's own."""

    @property
    def name(self) -> str: ...

    @property
    def module(self) -> str: ...

    def edited(self, source: str) -> str:
        """The source with the bug in it. Raises HarnessError where it is not the source it was made for."""


class Span(NamedTuple):
    """Bytes `start` to `stop` of a source in UTF-8, which hold `old`, and what takes their place."""

    start: int
    stop: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit by place: spans that do not overlap, in their order."""

    name: str
    module: str
    spans: tuple[Span, ...]

    def edited(self, source: str) -> str:
        """The source with every span replaced. Raises HarnessError where another text stands there."""
        data = source.encode()
        made, end = bytearray(), 0
        for start, stop, old, new in self.spans:
            found = data[start:stop]
            if start < end or found != old.encode():
                raise HarnessError(
                    f"{self.name}: bytes {start} to {stop} of {self.module} are {found!r}: {old!r}"
                )
            made += data[end:start] + new.encode()
            end = stop
        return (made + data[end:]).decode()


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug; `breach` is the name of a member of `verdict.Breach`.

    search   where it must be found: among the crash states of one session after the other (CRASHES), among
             the schedules of sessions side by side, among programs whose every answer is judged (MODEL), and
             so on
    preemptions  how many it takes there; so many and fewer are tried
    around   features of the programs that are searched first: what the bug is about. Words of
             `order.FEATURES`, of a family of answers (`hunts.answers`), of a fault (`hunts.faults`) or of a
             damaged site (`hunts.damage`), or the name of a small program. A hint orders and excludes
             nothing: without one, or with a wrong one, it takes longer
    """

    name: str
    ancestor: str
    module: str
    old: str
    new: str
    oracle: str
    breach: str
    search: str = CRASHES
    preemptions: int = 0
    around: tuple[str, ...] = ()

    @property
    def is_of_log(self) -> bool:
        """True if it is in FasterLog, and none of the store's programs comes to it."""
        return self.module.startswith(_LOG)

    def edited(self, source: str) -> str:
        """The source with the bug in it. Raises HarnessError unless the old text is there once."""
        count = source.count(self.old)
        if count != 1:
            raise HarnessError(f"{self.name}: the old text stands {count} times in {self.module}: expected 1")
        return source.replace(self.old, self.new)
