"""Subjects: the stores that can be put on the bench, and what the bench may ask of them.

A subject lives on a Device. The bench gives it operations, asks it to make them durable, takes its
power away, and makes another one from what is left.

    make_store(device) -> Subject      opens, creating or recovering; raising means: cannot open
                       or a mapping    that behaves like a dict of bytes (`mapping`)

`checkpoint` returns a bound: which operations are durable now. A mapping gives the count of each session; a
number counts operations in the order in which they were given, whoever gave them, reads included; None stands
for all of them; what else is an error.

All else is a capability: a protocol that a subject has as a whole or lacks. A subject that lacks one is
tested less and never otherwise: where it does not say what it `recovered`, the bench looks for any cut
between what was acknowledged and what was issued.

Invariants
  1  a subject is checked as it is mounted, once for each class: that it has every method of Subject,
     every member of each capability of which it has one, and that each takes the arguments it is given
  2  a public method one letter away from one of a capability that the subject lacks is an error, and so is
     such an attribute: what is misspelt is never a weaker test
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from typing import Any, Final, Protocol, TypeGuard

from powercut.faultfs import FaultDevice

from ..errors import SubjectError
from ..tapes.tape import Operation
from .model import Issued, Result
from .spelling import is_misspelt
from .truncating import Bound, Truncates, TruncatesAt, TruncatesAtOnce, Truncation

__all__ = [
    "Audits",
    "Bound",
    "ChoosesKinds",
    "CountsSerials",
    "Flushes",
    "Forgets",
    "Iterates",
    "LooksOn",
    "MakeStore",
    "Mounted",
    "Older",
    "Probes",
    "ReadsOlder",
    "Recovers",
    "RollsBack",
    "Steps",
    "Subject",
    "TellsDurable",
    "TellsReading",
    "Truncates",
    "TruncatesAt",
    "TruncatesAtOnce",
    "Truncation",
    "bound_of",
    "members",
    "mount",
]

# An older checkpoint: its version, how many operations of each session it holds, its content.
Older = tuple[Sequence[int], Mapping[int, int], dict[bytes, bytes]]


class Subject(Protocol):
    """A store under test."""

    def apply(self, issued: Issued) -> Result:
        """Carry the operation out; its result, as the reference dict would give it."""

    def checkpoint(self) -> Bound | None:
        """Make the content durable; the operations that are durable now, None for all that were given."""

    def read_all(self) -> dict[bytes, bytes]:
        """Every live key with its value."""

    def close(self) -> None:
        """Close without making more durable."""


class Recovers(Protocol):
    """Says which operations it came back to."""

    def recovered(self) -> Bound:
        """The prefix at opening."""


class Steps(Protocol):
    """Takes a checkpoint apart, so that operations go between its phases."""

    @property
    def is_checkpointing(self) -> bool:
        """True if a checkpoint is under way."""

    def start(self) -> None:
        """Begin a checkpoint, unless one is under way."""

    def step(self) -> Bound | None:
        """Take it one phase on; its bound once it is acknowledged."""


class ChoosesKinds(Protocol):
    """Has several kinds of checkpoint."""

    def choose_kind(self, number: int) -> None:
        """Let the next checkpoint that begins be of that kind (`tapes.operations.CHECKPOINTS`)."""


class Audits(Protocol):
    """Checks its own structure."""

    def check(self) -> None:
        """Raise where an invariant is broken."""


class Probes(Protocol):
    """Reads keys by the way that operations take, where `read_all` may take another."""

    def probe(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """The values read under these keys; the absent ones left out."""


class RollsBack(Protocol):
    """Drops operations that are not durable, so that no crash brings them back."""

    def roll_back(self, operation: Operation) -> Mapping[int, int] | None:
        """Drop some, as the operation says; the serials of those that are left, None: all of them are."""


class Iterates(Protocol):
    """Has named iterators, whose progress is durable with what else is."""

    def iterate(self, operation: Operation) -> tuple[int, int]:
        """Let one go on as the operation says: its session, of ITERATORS, and the address it has come to.

        Raise where it hands out anything else than what comes next.
        """


class Forgets(Protocol):
    """Forgets names of sessions by itself, as checkpoints become durable.

    Its bounds have no such session then; all that it had issued is in the prefix. One that comes under its
    name begins anew.
    """

    def forgotten(self) -> list[int]:
        """The sessions that were forgotten since it was asked last."""


class LooksOn(Protocol):
    """Is looked at from outside while it is open."""

    def look_on(self) -> list[Bound]:
        """The bounds of the checkpoints that it tells, newest first. Raise where another owner was let in."""


class Flushes(Protocol):
    """Brings to the device beforehand what it would bring there later."""

    def drive_flushes(self, operation: Operation) -> None:
        """Do as the operation says; nothing that is asked of it may tell."""


class TellsDurable(Protocol):
    """Lets others wait until an operation is durable."""

    def told_at(self) -> int | None:
        """The length of the device's trace when those were first let go that the last checkpoint held."""

    def on_told(self, call: Callable[[], None]) -> None:
        """Have it called, in place of what was, when the next are first let go."""


class CountsSerials(Protocol):
    """Counts the operations of each session, those that raised and took a serial among them."""

    def serials(self) -> Mapping[int, int]:
        """The counts now."""


class ReadsOlder(Protocol):
    """Opens checkpoints before the newest."""

    def read_older(self, device: FaultDevice) -> Iterator[Older]:
        """After `close`: each of them."""


class TellsReading(Protocol):
    """Tells which way its opening took."""

    def reading(self) -> tuple[object, ...]:
        """The reads of the opening, in order; equal ones, equal ways."""


MakeStore = Callable[[FaultDevice], Subject | MutableMapping[bytes, bytes]]
# In the order of the fields of Mounted.
CAPABILITIES: Final[tuple[type, ...]] = (
    *(
        Recovers,
        Steps,
        Audits,
        Probes,
        Truncates,
        TruncatesAt,
        TruncatesAtOnce,
        RollsBack,
        Iterates,
        LooksOn,
        CountsSerials,
        ReadsOlder,
        TellsReading,
        Flushes,
        TellsDurable,
        ChoosesKinds,
        Forgets,
    ),
)
_SHORT: Final = 5  # One letter away from a shorter name are too many words.
_known: dict[type, frozenset[type]] = {}  # Of each class that was mounted, its capabilities.


@dataclass(frozen=True, slots=True)
class Mounted:
    """A subject on the bench, with each capability that it has."""

    subject: Subject
    recovers: Recovers | None
    steps: Steps | None
    audits: Audits | None
    probes: Probes | None
    truncates: Truncates | None
    truncates_at: TruncatesAt | None
    truncates_at_once: TruncatesAtOnce | None
    rolls_back: RollsBack | None
    iterates: Iterates | None
    looks_on: LooksOn | None
    counts: CountsSerials | None
    older: ReadsOlder | None
    tells: TellsReading | None
    flushes: Flushes | None
    durable: TellsDurable | None
    kinds: ChoosesKinds | None
    forgets: Forgets | None


def mount(subject: Subject) -> Mounted:
    """Check the subject, and put it on the bench. Raises SubjectError: invariants 1 and 2."""
    has = _known.get(type(subject))
    if has is None:
        has = _known[type(subject)] = _capabilities(subject)
    own: list[Any] = [subject if each in has else None for each in CAPABILITIES]
    return Mounted(subject, *own)


def _capabilities(subject: object) -> frozenset[type]:
    names = {name for name in dir(subject) if not name.startswith("_")}
    has = {each for each in CAPABILITIES if names & _members(each).keys()}
    for protocol in (Subject, *sorted(has, key=CAPABILITIES.index)):
        for name, member in _members(protocol).items():
            if name not in names:
                raise SubjectError(f"{_named(subject)} has no {name}: {protocol.__name__} needs it")
            is_method = callable(getattr(subject, name))
            if callable(member) and is_method:
                _check_call(subject, name, member)
            elif callable(member):
                why = f"{name} is no method, and {protocol.__name__} has one of that name"
                raise SubjectError(f"{_named(subject)}: {why}")
            elif is_method:
                raise SubjectError(f"{_named(subject)}: {name} is a method, and a property is expected")
    absent = {
        name: member for each in CAPABILITIES if each not in has for name, member in _members(each).items()
    }
    for name in sorted(names):
        for meant, member in sorted(absent.items()):
            is_alike = callable(member) == callable(getattr(subject, name))
            if len(meant) >= _SHORT and is_alike and is_misspelt(name, meant):
                raise SubjectError(f"{_named(subject)} has {name}: is {meant} meant? Else name it otherwise")
    return frozenset(has)


def bound_of(told: object, method: str) -> Bound:
    """The bound that a method of a subject told. Raises SubjectError for True, a text and the like.

    Many a store tells by its result that it has saved; True as a number would be one operation. An integer of
    another kind, as numpy's are, is that number.
    """
    if _is_count(told):
        return int(told)
    if isinstance(told, Mapping) and all(map(_is_count, (*told.keys(), *told.values()))):
        return {int(session): int(serial) for session, serial in told.items()}
    expected = "None, a number of operations or a mapping from session numbers to serials"
    raise SubjectError(f"{method} returned {told!r}: {expected} is expected")


def _is_count(told: object) -> TypeGuard[Integral]:
    return isinstance(told, Integral) and not isinstance(told, bool)


@cache
def members() -> frozenset[str]:
    """Every method and property by which a subject can be asked for something."""
    return frozenset(name for each in (Subject, *CAPABILITIES) for name in _members(each))


def _members(protocol: type) -> dict[str, object]:
    return {name: member for name, member in vars(protocol).items() if not name.startswith("_")}


def _named(subject: object) -> str:
    return f"the subject {type(subject).__qualname__}"


def _check_call(subject: object, name: str, member: Callable[..., object]) -> None:
    """The subject's method takes as many arguments as the protocol's."""
    expected = list(inspect.signature(member).parameters)[1:]
    try:
        inspect.signature(getattr(subject, name)).bind(*expected)
    except TypeError:
        why = f"{name} cannot be called with ({', '.join(expected)})"
        raise SubjectError(f"{_named(subject)}: {why}") from None
    except ValueError:  # A builtin that does not tell its arguments.
        pass
