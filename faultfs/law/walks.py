"""Walks: from one commit of a file system like btrfs, event by event, the logs that there may be since.

Invariants
  1  a walk that has gone past n events is a function of the commit and of these events

Threads: one at a time.
Source: FAULTS.md, F41, F42 and F48.
"""

from collections.abc import Set
from typing import Final, TypeAlias

from ..disk.events import Event, EventKind
from .chains import NO_FILE, Step
from .logs import MOVES, ROOTS, Log, Names, Tree, bound_to

__all__ = ["CHANGES", "FILE_SYNCS", "Taken", "Walk"]

# For a file: the events at which a log may take it in for its names, and if it may have had it before.
Taken: TypeAlias = dict[int, dict[int, bool]]

FILE_SYNCS: Final = frozenset({EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH})
CHANGES: Final = frozenset({EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE})
_LOGS_MAX: Final = 256  # Of one walk.


class Walk:
    """A walk from one commit, event by event: the logs that there may be since."""

    __slots__ = (
        "_changed",
        "_left",
        "_less",
        "_logs",
        "_moved",
        "_now",
        "_own",
        "_parted",
        "_replayed",
        "_taken",
        "_tree",
        "index",
        "is_cut",
    )

    def __init__(self, now: Names, position: int, tree: Tree, taken: Taken) -> None:
        self.index = position
        self.is_cut = False
        self._tree = tree
        self._logs = [Log(dict(now), tree)]
        self._replayed: list[Names] | None = None
        self._now = now
        self._changed: set[int] = set()  # Files that a sync writes,
        self._less: set[int] = set()  # those that it may write, for they have lost a name,
        self._moved: set[int] = set()  # and those that have got another name, or lost one.
        self._own: set[int] = set()  # Files that are in every log because they were synced.
        self._taken = taken
        self._left: set[int] = set()  # Folders of which a name went into another; or they did;
        self._parted: set[int] = set()  # and those of which one did that was in a log, or the folder was.

    def advance(self, event: Event, step: Step | None) -> int:
        """Go past the next event; `step` is what it does to names. Gives the number of logs then."""
        self._advance(event, step)
        if len(self._logs) > _LOGS_MAX:
            self._logs, self.is_cut = self._logs[:_LOGS_MAX], True
        return len(self._logs)

    def _advance(self, event: Event, step: Step | None) -> None:
        self.index += 1
        now, logs = self._now, self._logs
        if step is not None:
            lost = {bound_to(now, chain) for chain, _ in step.moves} - {NO_FILE}
            self._less |= lost
            self._changed |= {event.inode} if event.kind is not EventKind.REMOVE else set()
            self._moved |= lost | ({event.inode} if event.kind in MOVES else set())
            if len({self._tree.above[chain] for chain, _ in step.moves}) > 1:
                is_both = event.kind is EventKind.EXCHANGE or event.inode in self._tree.folders
                left = {event.inode} if is_both else set[int]()
                left |= {
                    self._tree.above[chain]
                    for chain, version in step.moves
                    if is_both or chain.values[version] == NO_FILE
                }
                is_logged = any(event.inode in log.files or log.folders & left for log in logs)
                (self._parted if is_logged and not is_both else self._left).update(left)
            for chain, version in step.moves:
                now[chain] = version  # type: ignore[index]
            for log in logs:
                self._take_moved(log, event)
            logs = [each for log in logs for each in log.after(event, lost, now)]
        elif event.kind in CHANGES:
            self._changed.add(event.inode)
            return
        elif event.kind is EventKind.SYNC_NAMES and self._tree.folders:
            if event.inode in self._left:  # F48: it is a commit.
                logs = [Log(dict(now), self._tree)]
                self._forget()
            else:
                is_parted = event.inode in self._parted  # The log may have all that there was to it.
                logs = self._after_folder(event.inode) + [Log(dict(now), self._tree)] * is_parted
        elif event.kind is EventKind.SYNC_NAMES:
            for log in logs:
                self._take(log.named(now, ROOTS))
            joined = frozenset[int]().union(*(log.with_names(now, ROOTS) for log in logs))
            logs = [Log(dict(now), self._tree, joined, dict(now), ROOTS)]
        elif event.kind is EventKind.SYNC_ALL:
            logs = [Log(dict(now), self._tree)]
            self._forget()
        elif event.kind in FILE_SYNCS and event.inode in self._changed | self._less:
            written = [log.synced(event.inode, now) for log in logs]
            for log, new in zip(logs, written, strict=True):
                self._take(new.files - log.files - {event.inode})
            if event.inode in self._moved:
                written += self._with_folders_of(event.inode, written)
            if event.inode in self._changed:
                logs = written
                self._own.add(event.inode)
            else:
                logs += written
            self._changed.discard(event.inode)
            self._less.discard(event.inode)
        else:
            return
        self._logs = [log for place, log in enumerate(logs) if log not in logs[:place]]
        self._replayed = None

    def _after_folder(self, folder: int) -> list[Log]:
        """The logs after a sync of a folder; if it has got another name, those above may join as well."""
        made = list[Log]()
        for log in self._logs:
            made += (new := log.with_names_of(folder, self._now))
            for each in new:
                self._take(log.named(self._now, each.folders) | each.files - log.files)
        return made + self._with_folders_of(folder, made) if folder in self._moved else made

    def _with_folders_of(self, inode: int, logs: list[Log]) -> list[Log]:
        """These logs when any of the folders join in which the file has, or had, a name."""
        made = list[Log]()
        for log in logs:
            made += (new := log.with_folders_of(inode, self._now))
            for each in new:
                joined = each.files - log.files if self._tree.folders else frozenset[int]()
                self._take((log.named(self._now, each.folders) | joined) - {inode})
        return made

    def _take(self, files: Set[int], *, is_again: bool = False) -> None:
        """Note that a log takes in files for their names, unless they are in all logs by their own syncs."""
        for inode in sorted(files - self._own):
            events = self._taken.setdefault(inode, {})
            events[self.index - 1] = events.get(self.index - 1, False) or is_again

    def _take_moved(self, log: Log, event: Event) -> None:
        """Note what a new name has a log take in: its file, and with the folder all that have got names."""
        if event.kind in MOVES and event.inode in log.files:
            self._take({event.inode}, is_again=True)
            folders = self._tree.of_file(event.inode, self._now, log.commit) | self._tree.of_event(event)
            self._take(log.named(self._now, folders) - {event.inode})
        elif event.kind is EventKind.RENAME and log.folders & self._tree.of_event(event):
            self._take({event.inode})

    def _forget(self) -> None:
        """Note that all is committed that there was."""
        self._changed, self._less, self._moved = set(), set(), set()
        self._own, self._left, self._parted = set(), set(), set()

    def replayed(self) -> list[Names]:
        """The commit with each of the logs applied to it."""
        if self._replayed is None:
            self._replayed = [names for log in self._logs for names in log.replayed()]
        return self._replayed
