"""Planted bugs of what records programs and of what judges them: found by small programs, each known."""

from __future__ import annotations

from typing import Final

from ..planted import PROGRAMS, Mutant

__all__ = ["EXPLORED"]

_AT: Final = "powercut.verifier.programs."
_ORACLE: Final = "programs"


def _planted(
    name: str, ancestor: str, module: str, old: str, new: str, program: str, breach: str = "BROKEN_INVARIANT"
) -> Mutant:
    """A bug that the named program shows."""
    return Mutant(name, ancestor, _AT + module, old, new, _ORACLE, breach, PROGRAMS, around=(program,))


EXPLORED: Final[tuple[Mutant, ...]] = (
    _planted(
        "rename-is-not-recorded",
        "constructed: a call of a table that has no handler",
        "table",
        '    "rename": names.rename,\n',
        '    "rename": lambda stop: iter(()),\n',
        "replace",
        "ERROR",
    ),
    _planted(
        "open-that-empties-is-not-recorded",
        "constructed: flags of open are looked at for O_CREAT alone",
        "calls.opens",
        "        if node is not None and flags & os.O_TRUNC:\n            _emptied(stop, node)\n",
        "",
        "emptied",
    ),
    _planted(
        "mapping-is-not-looked-at",
        "constructed: what is stored into a shared mapping is no call, and is missed",
        "mappings",
        "        for mapped in self._written:\n",
        "        for mapped in self._written[:0]:\n",
        "mapped",
        "ERROR",
    ),
    _planted(
        "sync-of-mapping-is-not-recorded",
        "constructed: msync is taken for one that only asks for writes",
        "calls.syncs",
        "stop.add(said, *events)",
        "stop.add(said)",
        "mapped",
    ),
    _planted(
        "sync-is-not-recorded",
        "constructed: a call that changes nothing that the disk shows is left out",
        "table",
        '    "fsync": syncs.fsync,\n',
        '    "fsync": lambda stop: iter(()),\n',
        "replace",
    ),
    _planted(
        "folder-sync-taken-for-anothers",
        "constructed: a sync of any folder is one of the names of the root",
        "calls.syncs",
        "Event(EventKind.SYNC_NAMES, inode=node.number)",
        "Event(EventKind.SYNC_NAMES, inode=0)",
        "folder",
    ),
    _planted(
        "write-through-taken-for-a-write",
        "constructed: flags of the descriptor are looked at for O_APPEND alone",
        "frequent",
        "is_through = bool(self._opened & _DSYNC) and result != LOST",
        "is_through = False",
        "through",
    ),
    _planted(
        "acknowledgement-an-event-late",
        "constructed: what a line tells counts from the call after it",
        "exploring.legality",
        "points.append(Point(position, begun, True,",
        "points.append(Point(position + 1, begun, True,",
        "told",
    ),
    _planted(
        "older-answer-stays-legal",
        "constructed: an answer that was legal once is legal",
        "exploring.legality",
        "set(self.answers[part.low : part.high + 1])",
        "set(self.answers[: part.high + 1])",
        "in-place-unsynced",
    ),
    _planted(
        "last-range-is-not-judged",
        "constructed: an end that is a part of its range is taken for one behind it",
        "exploring.legality",
        "part.start <= last and first <= part.stop",
        "part.start < last and first <= part.stop",
        "in-place-unsynced",
    ),
    _planted(
        "status-is-not-looked-at",
        "constructed: only a signal is an end that nobody expects",
        "exploring.verdicts",
        "if answer.status not in {each.status for each in legal}:",
        "if answer.status < 0:",
        "linked",
    ),
    _planted(
        "state-judged-only-where-it-begins",
        "constructed: a state that is well when it first arises is taken for well",
        "exploring.search",
        "        if verdict is None:\n            continue\n",
        "        if verdict is None:\n            return\n",
        "in-place-unsynced",
    ),
)
