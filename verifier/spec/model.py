"""The reference: a dict, and the meaning of a prefix of every session for it.

Values are stamped: an upsert writes (session, serial), a read-modify-write appends its own stamp,
so a value says exactly which operations are in it. After STAMPS_MAX stamps a key starts afresh.

Semantics
  stamp            session and serial, with a mark between them that says how many recoveries came before:
                   a serial that a power cut took back is issued again, and its value must not pass for the
                   one that was lost. It is as wide: where the lost record lay, the new one fits exactly
  apply(issued)    the effect and the result of one operation on the dict
  recover(bounds)  the dict after exactly the first bounds[s] operations of each session s, in the
                   order in which they were issued; operations beyond are forgotten for good
  truncation       an operation of a session of its own, TRUNCATIONS, whose serial is the begin that it
                   made: it is in a recovered state exactly where that has this begin or a later one.
                   An operation that has met a key which is gone stays as it was carried out, where the
                   truncation is in no checkpoint: what it has written is there, and nothing else changes
  progress         of a named iterator, likewise an operation of its own session, of ITERATORS
  forgetting       of a session's name by the store, an operation of the session FORGOTTEN. A recovered state
                   has the first so many of them, and none of their sessions by name; all operations of these
                   are in it. A name that comes back is another session, GENERATION further each time

Source: CPR's guarantee (Prasaad et al., SIGMOD 2019): exactly 1..N(s) of every session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_letters
from typing import Final, NamedTuple

from ..tapes.operations import OPERATIONS, Effect, Kind, Result
from ..tapes.tape import Operation

__all__ = [
    "FORGOTTEN",
    "GENERATION",
    "ITERATORS",
    "MARKS",
    "STAMPS_MAX",
    "TRUNCATIONS",
    "Issued",
    "Model",
    "Prefix",
    "Result",
    "apply",
    "forgettings",
    "issue",
    "longest_cut",
    "named",
    "prefixes",
    "progressed",
    "replay",
    "session_name",
    "truncation",
]

STAMPS_MAX: Final = 128
TRUNCATIONS: Final = -2  # -1 is nobody: who looks at a listing.
ITERATORS: Final = (-3, -4)  # Each a session of its own; its serial is the address that it has come to.
FORGOTTEN: Final = -6  # -5 is who made what was found (`finders.continuations`).
GENERATION: Final = 10  # More than there are sessions in a tape.
# Whose operations are steps, and have no key.
_STEPS: Final = frozenset((TRUNCATIONS, *ITERATORS, FORGOTTEN))
MARKS: Final = b".'" + ascii_letters.encode()  # By the recoveries before it; further ones take turns.
_PADDING: Final = (b"", b"." * 150, b"." * 380)  # By size: one word or so, a third of a page, most of it.


@dataclass(frozen=True, slots=True)
class Issued:
    """An operation as a session issues it: with its serial, its key and its stamp."""

    kind: Kind
    session: int
    serial: int
    key: bytes
    stamp: bytes
    padding: bytes
    gone: frozenset[bytes] = frozenset()  # The keys that a truncation takes away.
    is_fresh: bool = False  # Its key had been taken away, and was not written since.
    effect: Effect | None = None  # Of an operation of the store's own, with
    name: str = ""  # its name.
    forgot: tuple[int, int] | None = None  # The session that was forgotten, and its serial.

    @property
    def told(self) -> str:
        """The operation for people: its name, its key, its serial."""
        return f"{self.name or self.kind.name.lower()} {self.key.decode()} #{self.serial}"

    @property
    def value(self) -> bytes:
        """The value that UPSERT and INSERT write."""
        return self.stamp + self.padding

    def appended(self, old: bytes | None) -> bytes:
        """The value that RMW makes of the old one."""
        stamps = (old or b"").rstrip(b".")
        if stamps.count(b";") >= STAMPS_MAX:
            stamps = b""
        return stamps + self.stamp + self.padding


def session_name(session: int) -> str:
    """The name under which session number `session` runs."""
    if session in ITERATORS:
        return f"iterator {ITERATORS.index(session) + 1}"
    return "begin" if session == TRUNCATIONS else f"s{session}"


def issue(operation: Operation, serial: int, recoveries: int = 0) -> Issued:
    """The operation as session `operation.session` issues it with `serial`."""
    stamp = b"%d%c%d;" % (operation.session, MARKS[recoveries % len(MARKS)], serial)
    # One size more: two words, and whose they are stands in both, so that a torn value shows.
    padding = _PADDING[operation.size] if operation.size < len(_PADDING) else b"...." + stamp
    key = b"key-%d" % operation.key
    return Issued(Kind(operation.kind), operation.session, serial, key, stamp, padding)


def truncation(begin: int, gone: frozenset[bytes]) -> Issued:
    """The truncation that made this begin and took these keys away."""
    return Issued(Kind.TRUNCATE, TRUNCATIONS, begin, b"", b"", b"", gone)


def progressed(session: int, address: int) -> Issued:
    """The step of a named iterator that brought its progress to this address."""
    return Issued(Kind.ITERATE, session, address, b"", b"", b"")


def forgettings(history: Iterable[Issued]) -> list[tuple[int, int]]:
    """The sessions that were forgotten, in their order, each with its serial."""
    return [each.forgot for each in history if each.forgot is not None]


def named(bounds: Mapping[int, int], forgot: Sequence[tuple[int, int]]) -> Mapping[int, int]:
    """The serials that a store tells by name, as those of sessions, when it has forgotten these."""
    if not forgot:
        return bounds
    told = {_of_name(session, forgot): serial for session, serial in bounds.items()}
    return dict(forgot) | {FORGOTTEN: len(forgot)} | told


def _of_name(name: int, forgot: Sequence[tuple[int, int]]) -> int:
    """The session that has this name, when these were forgotten."""
    return name + GENERATION * sum(session % GENERATION == name for session, _ in forgot)


def apply(content: dict[bytes, bytes], issued: Issued) -> Result:
    """Carry one operation out on the dict; what it should return."""
    if issued.session in _STEPS:
        for key in issued.gone:
            content.pop(key, None)
        return None
    effect = issued.effect or OPERATIONS[issued.kind].effect
    assert effect is not None, f"{issued.kind.name} is no operation on a key"
    if issued.is_fresh:
        written: dict[bytes, bytes] = {}
        result = effect(written, issued)
        content.update(written)
        return result
    return effect(content, issued)


def replay(history: list[Issued], bounds: Mapping[int, int]) -> dict[bytes, bytes]:
    """The dict after exactly the first bounds[s] operations of each session; none where absent."""
    content: dict[bytes, bytes] = {}
    for issued in history:
        if issued.serial <= bounds.get(issued.session, 0):
            apply(content, issued)
    return content


class Prefix(NamedTuple):
    """The dict after a prefix of operations.

    issued          begins with what it holds
    plain, begins   how many operations it holds, and how many truncations
    """

    content: dict[bytes, bytes]
    issued: list[Issued]
    plain: int = 0
    begins: int = 0

    @property
    def bounds(self) -> dict[int, int]:
        """The highest serial of each session in it."""
        return {each.session: each.serial for each in self.issued[: self.plain + self.begins]}

    def holds(self, plain: int, begins: int) -> bool:
        """True if there are at least so many of both in it."""
        return self.plain >= plain and self.begins >= begins


def prefixes(history: list[Issued]) -> Iterator[Prefix]:
    """Every prefix in issue order, the longest first; each with every number of the truncations made.

    A truncation may be durable where operations issued before it are lost, or lost where they are not.
    """
    begins = [each for each in history if each.session == TRUNCATIONS]
    plain = [each for each in history if each.session != TRUNCATIONS] if begins else history
    for made in range(len(begins), 0, -1):
        for count in range(len(plain), -1, -1):
            yield _prefix(history, plain[:count], begins[:made])
    content = dict[bytes, bytes]()
    found = [Prefix({}, plain)]
    for count, issued in enumerate(plain, 1):  # Each goes on from the one before it.
        apply(content, issued)
        found.append(Prefix(content.copy(), plain, count))
    yield from reversed(found)


def _prefix(history: list[Issued], plain: list[Issued], begins: list[Issued]) -> Prefix:
    """The prefix in which these operations and truncations are in effect, in the order of the history."""
    left, content = {*map(id, plain), *map(id, begins)}, dict[bytes, bytes]()
    for issued in history:
        if id(issued) in left:
            apply(content, issued)
    return Prefix(content, [*plain, *begins], len(plain), len(begins))


def longest_cut(history: list[Issued], content: dict[bytes, bytes]) -> dict[int, int]:
    """The bounds of the longest prefix, in issue order, that explains the content; none if none does."""
    return next((each.bounds for each in prefixes(history) if each.content == content), {})


class Model:
    """The reference store: its content now, and every operation that is still in effect."""

    def __init__(self) -> None:
        self.content: dict[bytes, bytes] = {}
        self.history: list[Issued] = []
        self.issued: dict[int, int] = {}
        self.gone: set[bytes] = set()  # What truncations have taken away, and was not written since.
        self.recoveries = 0

    def next(self, operation: Operation) -> Issued:
        """The operation with its session's next serial."""
        if forgot := forgettings(self.history):
            session = _of_name(operation.session, forgot)
            operation = Operation(operation.kind, session, operation.key, operation.size)
        serial = self.issued.get(operation.session, 0) + 1
        issued = issue(operation, serial, self.recoveries)
        return replace(issued, is_fresh=True) if issued.key in self.gone else issued

    def apply(self, issued: Issued) -> Result:
        """Carry it out; what it should return."""
        self.issued[issued.session] = issued.serial
        self.history.append(issued)
        result = apply(self.content, issued)
        self.gone |= issued.gone
        if issued.is_fresh and issued.key in self.content:
            self.gone.remove(issued.key)
        return result

    def forgetting(self, name: int) -> Issued:
        """The forgetting of the session that has this name now."""
        forgot = forgettings(self.history)
        session = _of_name(name, forgot)
        which = session, self.issued.get(session, 0)
        return Issued(Kind.FORGET, FORGOTTEN, len(forgot) + 1, b"", b"", b"", forgot=which)

    def recover(self, bounds: Mapping[int, int]) -> None:
        """Go back to the prefix `bounds`."""
        self.recoveries += bool(self.history)  # Nothing was issued: there is nothing to tell apart.
        self.history = [each for each in self.history if each.serial <= bounds.get(each.session, 0)]
        self.content = replay(self.history, bounds)
        self.gone = set()  # What is still away is so in the content too.
        self.issued = {session: serial for session, serial in bounds.items() if serial}
