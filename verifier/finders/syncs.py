"""Syncs: each sync of a store is left out in turn, and the search is made again.

    needed      without it some oracle objects: to what, in which program
    redundant   without it none does, though there was something for it to make durable: within the bound, and
                under each law that was searched, it could go
    idle        there never was anything for it to make durable: it could go, or the programs do not come to
                what it is for

A site is a line of the store's own code, with the call that it makes and the kind of file. The call goes
at the device: the store's code is what it is. A sync that is needed may be weakened in place of that:
`datasync` for `sync`, where no law tells them apart.

Redundant ones may stand in for each other. So all of them are left out together last, and where that is too
many, as many as can go together, in the order in which they were found.

Invariants
  1  sites are found by the programs that are searched, and by the openings of their crash states
  2  redundant is said within a bound: these programs, these laws, so many crash points not exhausted
  3  of a store to which some oracle objects as it is nothing is said but that
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from powercut.faultfs import Event, EventKind, FaultDevice, descriptors, opening
from powercut.faultfs.disk.events import NAME_KINDS
from powercut.faultfs.disk.places import ROOT, split

from ..spec.spec import StoreMaker
from ..tapes.tape import Era, Operation, Tape
from .continuations import Continuations, continuations
from .crashes import search_tape
from .recoveries import Recoveries
from .ways import Finding

__all__ = ["Left", "Site", "SyncBound", "leave_out", "left_out", "sites_of"]

Program = tuple[Operation, ...]
_CALLS: Final = ("sync", "datasync", "sync_names", "write_through")
_BYTES: Final = frozenset({EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE})
_OF_FILE: Final = frozenset({EventKind.SYNC, EventKind.DATASYNC, EventKind.SYNC_ALL})
# Who stands between a store written over `os` and the device: the store's own line is told.
_BETWEEN: Final = frozenset(str(module.__file__) for module in (descriptors, opening))


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A sync in the code of a store: the file and line, the function, the call, and the kind of file."""

    file: str
    line: int
    function: str
    call: str
    role: str = ""

    def __str__(self) -> str:
        what = f"{self.call}({self.role})" if self.role else f"{self.call}()"
        return f"{self.file}:{self.line} {self.function}: {what}"


@dataclass(frozen=True, slots=True)
class SyncBound:
    """The search that is made without each sync.

    limit   states of one crash point
    further what follows each recovery
    """

    programs: tuple[Program, ...]
    laws: tuple[str, ...] = ("posix",)
    limit: int = 64
    further: tuple[Program, ...] = continuations(1)


@dataclass(slots=True)
class Left:
    """A site, and what came of leaving its syncs out."""

    site: Site
    calls: int = 0  # Of it, in all programs;
    idle: int = 0  # and such as had nothing to make durable.
    finding: Finding | None = None
    law: str = ""  # Under which it was found.
    bounded: int = 0  # Crash points that were not exhausted, where nothing was found.
    weaker: str = ""  # A weaker call that would do, where it is needed.

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.finding is not None:
            return "needed"
        return "idle" if self.calls == self.idle else "redundant"


@dataclass(slots=True)
class LeftOut:
    """All sites of a store, and which of those that are not needed can go together."""

    broken: Finding | None = None  # Of the store as it is: then nothing is told of its syncs.
    sites: list[Left] = field(default_factory=list)
    together: list[Site] = field(default_factory=list)
    calls: int = 0  # Syncs that the programs made in all,
    saved: int = 0  # and those of them that need not have been made.


def leave_out(make_store: StoreMaker, bound: SyncBound, subject: str) -> LeftOut:
    """Leave each sync out in turn, and then all that are not needed.

    subject   the store's name, for the tapes of what is found
    """
    broken, _, _ = _search(make_store, bound, {}, subject)
    if broken is not None:
        return LeftOut(broken)
    result = LeftOut(sites=list(sites_of(make_store, bound).values()))
    for left in result.sites:
        left.finding, left.law, left.bounded = _search(make_store, bound, {left.site: ""}, subject)
        if left.finding is not None and left.site.call == "sync":
            found, _, _ = _search(make_store, bound, {left.site: "datasync"}, subject)
            left.weaker = "" if found is not None else "datasync"
    result.together = _together(
        make_store, bound, [each for each in result.sites if each.finding is None], subject
    )
    result.calls = sum(each.calls for each in result.sites)
    result.saved = sum(each.calls for each in result.sites if each.site in result.together)
    return result


def sites_of(make_store: StoreMaker, bound: SyncBound) -> dict[Site, Left]:
    """Every site that the programs come to, with its calls, in order. Invariant 1."""
    sites: dict[Site, Left] = {}

    def seen(site: Site, device: FaultDevice, name: str) -> bool:
        left = sites.setdefault(site, Left(site))
        left.calls += 1
        left.idle += not _has_pending(device, site.call, name)
        return False

    watched = _over(make_store, lambda device: _Passing(device, seen))
    for program in bound.programs:
        search_tape(
            Tape((Era(program),), law=bound.laws[0]),
            limit=bound.limit,
            make_store=watched,
            depth=0,
        )
    return dict(sorted(sites.items()))


def _together(make_store: StoreMaker, bound: SyncBound, spare: list[Left], subject: str) -> list[Site]:
    """As many of these as can go at once."""
    gone: dict[Site, str] = {each.site: "" for each in spare}
    if len(gone) > 1 and _search(make_store, bound, gone, subject)[0] is not None:
        gone = {}
        for each in spare:
            if _search(make_store, bound, {**gone, each.site: ""}, subject)[0] is None:
                gone[each.site] = ""
    return list(gone)


def _search(
    make_store: StoreMaker, bound: SyncBound, gone: Mapping[Site, str], subject: str
) -> tuple[Finding | None, str, int]:
    """Search all programs under each law, without these syncs; the finding, its law, points not exhausted."""
    maker, bounded = left_out(make_store, gone), 0
    for law in bound.laws:
        recoveries = Recoveries(maker, law, bound.limit)
        further = Continuations(maker, law, bound.limit, bound.further, recoveries)
        for program in bound.programs:
            seen, finding = search_tape(
                Tape((Era(program),), law=law, subject=subject),
                limit=bound.limit,
                make_store=maker,
                recoveries=recoveries,
                continuations=further,
            )
            bounded += seen.bounded
            if finding is not None:
                return finding, law, bounded
    return None, "", bounded


def left_out(make_store: StoreMaker, gone: Mapping[Site, str]) -> StoreMaker:
    """The store over a device that makes none of these syncs, or in place of one the call that is named."""

    def skips(site: Site, device: FaultDevice, name: str) -> bool:
        if site not in gone:
            return False
        if gone[site]:
            getattr(device, gone[site])(name)
        return True

    return _over(make_store, lambda device: _Passing(device, skips))


def _over(make_store: StoreMaker, wrap: Callable[[FaultDevice], Any]) -> StoreMaker:
    make: Callable[[Any], Any] = make_store.make
    return StoreMaker(lambda device: make(wrap(device)), make_store.spec, make_store.image)


class _Passing:
    """A device that passes every call on but those syncs that are taken. All else is the device's own."""

    def __init__(self, device: FaultDevice, takes: Callable[[Site, FaultDevice, str], bool]) -> None:
        object.__setattr__(self, "_device", device)
        object.__setattr__(self, "_takes", takes)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._device, name)
        return self._passing(found, name) if name in _CALLS else found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._device, name, value)

    def _passing(self, call: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def passed(*given: Any, **named: Any) -> Any:
            name = (*given, *named.values(), "")[0]
            frame = sys._getframe(1)
            while frame.f_code.co_filename in _BETWEEN and frame.f_back is not None:
                frame = frame.f_back
            code = frame.f_code
            site = Site(Path(code.co_filename).name, frame.f_lineno, code.co_name, kind, role_of(name))
            if self._takes(site, self._device, name):
                return self._device.write(*given, **named) if kind == "write_through" else None
            return call(*given, **named)

        return passed


def role_of(name: str) -> str:
    """The kind of a file: its name without the numbers in it."""
    return re.sub(r"\d+", "N", name)


def _has_pending(device: FaultDevice, call: str, name: str) -> bool:
    """True if the sync has something to make durable."""
    events = device.trace.events[::-1]
    if call == "write_through":
        return True
    if call == "sync_names":
        folder = _inode_of(device, name)
        told = (event.kind in NAME_KINDS for event in events if _concerns_names(event, folder))
        return next(told, False)
    inode = _inode_of(device, name)
    told = (
        event.kind in _BYTES
        for event in events
        if event.kind is EventKind.SYNC_ALL or (event.inode == inode and event.kind in _BYTES | _OF_FILE)
    )
    return next(told, False)


def _inode_of(device: FaultDevice, name: str) -> int:
    """The inode of a file or folder by its name now: it may have been made, or come to it, since."""
    item = device.resolve(name or "/")[1]
    return ROOT if item is None else item.inode


def _concerns_names(event: Event, folder: int) -> bool:
    """True for a sync of the names in a folder, and for what changes one."""
    if event.kind in NAME_KINDS:
        is_move = event.kind in (EventKind.RENAME, EventKind.LINK, EventKind.EXCHANGE)
        return folder in {split(key)[0] for key in (event.name, event.target if is_move else event.name)}
    return event.kind is EventKind.SYNC_ALL or (event.kind is EventKind.SYNC_NAMES and event.inode == folder)
