"""Bugs planted in the laws themselves, each a clause that allows less: the kept evidence tells every one."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.once


class Bug(NamedTuple):
    """An edit of the law's source, and the evidence and law that tell it."""

    name: str
    module: str
    old: str
    new: str
    title: str
    law: str


CHAINS, HISTORY, JOURNAL = (f"powercut.faultfs.law.{name}" for name in ("chains", "history", "journal"))
SYNC = "self._sync(birth, event.inode)\n            case EventKind.SYNC_NAMES"
SYNCED = "self._file_syncs.setdefault(event.inode, []).append(birth - 1)"
EVERY = "[self._file_syncs.setdefault(each, []).append(birth - 1) for each in self.sizes]"
NAMES = "self._naming.sync(birth - 1, event.inode)"
COMMIT, ALL = "self._commit(index, touched)", "self._commit(index, len(self.births))"
NOTHING = "(lambda *_: None)("
EDGES, WALKS, WRITTEN = (f"powercut.faultfs.law.{name}" for name in ("edges", "walks", "logs"))
DIRTY = "Shows.XFS | Shows.EXT4 if is_dirty else Shows"
JOINS, AT_ONCE = "range(first, max(first + 1", "range(max(first, min(legal.stop, stop) - 1), max(first + 1"
LOGS = "elif event.kind in FILE_SYNCS and event.inode in self._changed | self._less:"
OWN = "found.update(self._data.get((inode, version), ()))"
OLDER = "[found.update(self._data.get((inode, at), ())) for at in range(start + 1, version + 1)]"
EDGE, WHOLE = "self._resize(birth, page, inode, page_end)", "self._resize(birth, page, inode, end)"
SPAN = "self._cover(birth - 1, event.inode, 0, len(self._bytes(event.inode)))"
ALLOCATED = "edge + PAGE_BYTES, size"
NAMED = "event.kind in MOVES"
UNTIED = "else self.logged_names.untied()"
FREED = "if is_freed and version - 1 in chain.passing"
COMMITTED, WINDOWS = (f"powercut.faultfs.law.{name}" for name in ("committed", "windows"))
BROUGHT, LATER = "return syncs[at - 1] if at else 0", "[self, log._replace(written=dict(now))]"
FOLDER = "if self.folders & self.tree.of_event(event) and event.kind in _RENAMES"
NEWS = "        if event.inode in log.files and event.kind in MOVES:\n            logs"
TAKEN, GONE = "if inode in self._taken else found", "for lost in combinations(gone, count)"
COUNTS, _BTRFS = "range(len(gone) + 1 if self.folders else 1)", ("btrfs", "btrfs")
NAMING, PART = (
    "powercut.faultfs.law.names",
    "step if len(moves) == len(step.moves) else step._replace(moves=moves)",
)
OWN_NAMES = "own = self._syncs.get(split(chain.name)[0], [])"
ALL_NAMES = "own = sorted(each for syncs in self._syncs.values() for each in syncs)"
UP_TO, ELSEWHERE = "max(within.get(event.inode, 0), own)", "if inode not in self.loose or"
ABOVE, HELD = "more |= {self.tree.above[chain] for chain in names} - old", "for chain in names} & left"
TOGETHER, IDLE = "range(len(folders), len(folders) + 1)", "else [*made, self]"
AGAIN = "if chain.values[version] or is_again"

BUGS = (
    Bug("F3-sync-holds-before-it-returns", CHAINS, "syncs[at] + 1 if", "syncs[at] if", "xfs", "posix"),
    Bug("F7-no-end-of-the-page-before", HISTORY, "self._edges.before_write(", NOTHING, "xfs", "posix"),
    Bug("F7-no-end-that-was-durable", EDGES, f"{DIRTY}.XFS", f"{DIRTY}(0)", "xfs", "xfs"),
    Bug("F7-no-edge-of-a-page-inside-one-write", HISTORY, EDGE, WHOLE, "ext4", "ext4"),
    Bug("F7-no-edge-of-a-page-inside-one-write", HISTORY, EDGE, WHOLE, "xfs", "xfs"),
    Bug("F7-no-page-below-the-end", HISTORY, "self._edges.below(", NOTHING, "ext4", "posix"),
    Bug("F7-xfs-shows-what-ext4-does", JOURNAL, "Rules(Shows.XFS", "Rules(Shows.EXT4", "xfs", "xfs"),
    Bug("F8-cut-bytes-are-never-zeroed", HISTORY, "for sector in cut:", "for sector in ():", "ext4", "posix"),
    Bug(
        "F9-sync-of-one-file-syncs-all",
        HISTORY,
        SYNC,
        f"{EVERY}\n            case EventKind.SYNC_NAMES",
        "ext4",
        "posix",
    ),
    Bug("F10-sync-of-names-syncs-files", HISTORY, NAMES, f"{NAMES}; {EVERY}", "ext4", "posix"),
    Bug(
        "F12-no-rename-is-untied",
        HISTORY,
        "else self.logged_names.untied()",
        "else Untied({}, {})",
        "btrfs",
        "posix",
    ),
    Bug("F27-no-size-without-data", JOURNAL, "Needs.NOTHING),", "Needs.NEW),", "ext4", "ext4"),
    Bug("F27-size-joins-at-once", JOURNAL, JOINS, AT_ONCE, "ext4", "ext4"),
    Bug("F28-sync-commits-all", JOURNAL, COMMIT, ALL, "ext4", "ext4"),
    Bug("F40-size-waits-for-older-data", JOURNAL, OWN, OLDER, "xfs", "xfs"),
    Bug("F27-size-waits-for-older-data", JOURNAL, OWN, OLDER, "ext4 nodioread_nolock", "ext4_ordered"),
    Bug("F41-sync-commits-names", JOURNAL, "is_logged=True", "is_logged=False", "btrfs", "btrfs"),
    Bug("F42-sync-logs-no-name", WALKS, LOGS, "elif False:", "btrfs", "btrfs"),
    Bug("F12-no-name-is-found-free", WINDOWS, FREED, "if False", "btrfs", "posix"),
    Bug("F41-datasync-brings-its-bytes", COMMITTED, BROUGHT, "return 0", "btrfs", "btrfs"),
    Bug("F42-nobody-else-writes-the-log", WRITTEN, LATER, "[self]", "btrfs", "btrfs"),
    Bug("F42-folder-joins-no-log", WRITTEN, FOLDER, "if False", "btrfs", "btrfs"),
    Bug(
        "F42-new-name-brings-no-folder", WRITTEN, NEWS, NEWS.replace("event.kind in MOVES", "False"), *_BTRFS
    ),
    Bug("F41-name-brings-no-size", COMMITTED, TAKEN, "if False else found", *_BTRFS),
    Bug("F41-name-never-empties", COMMITTED, AGAIN, "if chain.values[version]", *_BTRFS),
    Bug("F42-last-name-is-lost", WRITTEN, GONE, "for lost in [gone]", *_BTRFS),
    Bug("F42-folder-loses-every-last-name", WRITTEN, COUNTS, "range(len(gone), len(gone) + 1)", *_BTRFS),
    Bug("F45-sync-of-a-folder-syncs-all-names", NAMING, OWN_NAMES, ALL_NAMES, "xfs", "posix"),
    Bug("F46-a-move-between-folders-stays-whole", WINDOWS, PART, "step", "btrfs", "posix"),
    Bug("F47-sync-of-a-folder-commits-all", JOURNAL, UP_TO, "len(self.births)", "xfs", "xfs"),
    Bug("F48-file-keeps-no-name-elsewhere", WRITTEN, ELSEWHERE, "if True or", *_BTRFS),
    Bug("F48-new-folders-below-bring-nothing", WRITTEN, "found |= moved", "pass", *_BTRFS),
    Bug("F48-file-brings-no-folder-above", WRITTEN, ABOVE, "pass", *_BTRFS),
    Bug("F48-folders-of-a-file-join-together", WRITTEN, "range(1, len(folders) + 1)", TOGETHER, *_BTRFS),
    Bug("F48-sync-of-a-folder-always-writes", WRITTEN, IDLE, "else made", *_BTRFS),
    Bug("F42-nobody-joins-for-a-name-it-had", WRITTEN, HELD, "for chain in ()}", *_BTRFS),
    Bug("F43-link-brings-no-size", JOURNAL, "is EventKind.LINK", "is None", "btrfs", "btrfs"),
)

# Clauses that allow what no scenario showed.
UNSEEN = (
    Bug("F7-no-edge-of-a-page-inside-one-write", HISTORY, EDGE, WHOLE, "btrfs", "btrfs"),
    Bug("F22-datasync-makes-a-shorter-size-durable", HISTORY, SPAN, SYNCED, "btrfs", "btrfs"),
    Bug("F24-no-edge-inside-an-allocation", EDGES, ALLOCATED, "0, 0", "ext4", "ext4"),
    Bug("F41-new-name-brings-no-size", COMMITTED, NAMED, "event.kind is None", "btrfs", "btrfs"),
)

CODE = """
import json, sys
from powercut.verifier.mutants.hook import plant
class Edit:
    name, module, old, new = sys.argv[1:5]
    def edited(self, source):
        assert source.count(self.old) == 1, (self.name, source.count(self.old))
        return source.replace(self.old, self.new)
if Edit.module: plant(Edit())
from powercut.faultfs.ground.evidence import kept
from powercut.faultfs import crash_states
from powercut.faultfs.ground.contents import tell
from powercut.faultfs.ground.judging import outside_of
from powercut.faultfs.ground.program import Program
from powercut.faultfs.law.survival import Law
collection = next(each for each in kept() if each.title == sys.argv[5])
scenarios = [each for each in collection.programs.values() if not each.is_drawn]
scenarios = [each for each in scenarios if "sync_fails" not in each.program]
law, states, seen = Law(sys.argv[6]), [], []
for each in scenarios:
    if not sys.argv[7]: break
    found = crash_states(Program.parse(each.program).device(sector_bytes=4096).trace, law, limit=1 << 12)
    states += {f"{each.name} {tell(state.image)}" for state in found}
    seen += [f"{each.name} {sighting.content}" for sighting in each.seen]
outside = [each.name for one in scenarios for each in outside_of(one, law)]
print(json.dumps([outside, states, seen]))
"""


@cache
def run(*bug: str, is_counted: bool = False) -> tuple[list[str], set[str], set[str]]:
    """The scenarios of which the law lacks a content; counted, all its states, and all that was seen."""
    command = [sys.executable, "-c", CODE, *bug, "counted" if is_counted else ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outside, states, seen = json.loads(done.stdout)
    return outside, set(states), set(seen)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.name}-{bug.law}")
def test_clause_that_allows_less_is_told_by_the_evidence(bug: Bug) -> None:
    outside, _, _ = run(*bug)
    assert outside


@pytest.mark.parametrize("bug", UNSEEN, ids=lambda bug: bug.name)
def test_clause_of_which_nothing_was_seen_is_said_to_be_such_a_one(bug: Bug) -> None:
    outside, states, _ = run(*bug, is_counted=True)
    _, whole, seen = run("", "", "", "", bug.title, bug.law, is_counted=True)
    needed = whole - states
    assert not outside
    assert needed
    assert not needed & seen
    clause, words = bug.name.split("-", 1)
    row = f"| {clause}: {words.replace('-', ' ')} | `{bug.law}` | {len(needed)} |"
    assert row in (Path(__file__).parents[3] / "FAULTS.md").read_text(encoding="utf-8"), row
