"""Bugs planted in the laws themselves, each a clause that allows less: the kept evidence tells every one."""

import json
import subprocess
import sys
from typing import NamedTuple

import pytest


class Bug(NamedTuple):
    """An edit of the law's source, and the evidence and law that tell it."""

    name: str
    module: str
    old: str
    new: str
    title: str
    law: str


CHAINS, HISTORY, JOURNAL = (f"powercut.faultfs.law.{name}" for name in ("chains", "history", "journal"))
SYNC = "self._file_syncs.setdefault(event.inode, []).append(birth - 1)"
EVERY = "[self._file_syncs.setdefault(each, []).append(birth - 1) for each in self.sizes]"
NAMES = "self.name_syncs.append(birth - 1)"
COMMIT, ALL = "self._commit(index, touched)", "self._commit(index, len(self.births))"
NOTHING = "(lambda *_: None)("
EDGES, LOGGED = (f"powercut.faultfs.law.{name}" for name in ("edges", "logged"))
DIRTY = "Shows.XFS | Shows.EXT4 if is_dirty else Shows"
JOINS, AT_ONCE = "range(first, max(first + 1", "range(max(first, min(legal.stop, stop) - 1), max(first + 1"
LOGS = "elif event.kind in FILE_SYNCS and event.inode in changed:"
OWN = "found.update(self._data.get((inode, version), ()))"
OLDER = "[found.update(self._data.get((inode, at), ())) for at in range(start + 1, version + 1)]"
FREED = "if version - 1 in chain.passing"
COMMITTED, WINDOWS = (f"powercut.faultfs.law.{name}" for name in ("committed", "windows"))
BROUGHT, LATER = "return syncs[at - 1] if at else 0", "[self, log._replace(written=dict(now))]"
FOLDER, BETWEEN = "if self.has_folder and event.kind is EventKind.RENAME", "elif chain in self.given"

BUGS = (
    Bug("F3-sync-holds-before-it-returns", CHAINS, "syncs[at] + 1 if", "syncs[at] if", "xfs", "posix"),
    Bug("F7-no-end-of-the-page-before", HISTORY, "self._edges.before_write(", NOTHING, "xfs", "posix"),
    Bug("F7-no-end-that-was-durable", EDGES, f"{DIRTY}.XFS", f"{DIRTY}(0)", "xfs", "xfs"),
    Bug("F7-no-page-below-the-end", HISTORY, "self._edges.below(", NOTHING, "ext4", "posix"),
    Bug("F7-xfs-shows-what-ext4-does", JOURNAL, "Rules(Shows.XFS", "Rules(Shows.EXT4", "xfs", "xfs"),
    Bug("F8-cut-bytes-are-never-zeroed", HISTORY, "for sector in cut:", "for sector in ():", "ext4", "posix"),
    Bug("F9-sync-of-one-file-syncs-all", HISTORY, SYNC, EVERY, "ext4", "posix"),
    Bug("F10-sync-of-names-syncs-files", HISTORY, NAMES, f"{NAMES}; {EVERY}", "ext4", "posix"),
    Bug("F12-no-rename-is-untied", HISTORY, "else self.logged_names.untied()", "else {}", "btrfs", "posix"),
    Bug("F27-no-size-without-data", JOURNAL, "Needs.NOTHING),", "Needs.NEW),", "ext4", "ext4"),
    Bug("F27-size-joins-at-once", JOURNAL, JOINS, AT_ONCE, "ext4", "ext4"),
    Bug("F28-sync-commits-all", JOURNAL, COMMIT, ALL, "ext4", "ext4"),
    Bug("F40-size-waits-for-older-data", JOURNAL, OWN, OLDER, "xfs", "xfs"),
    Bug("F27-size-waits-for-older-data", JOURNAL, OWN, OLDER, "ext4 nodioread_nolock", "ext4_ordered"),
    Bug("F41-sync-commits-names", JOURNAL, "is_logged=True", "is_logged=False", "btrfs", "btrfs"),
    Bug("F42-sync-logs-no-name", LOGGED, LOGS, "elif False:", "btrfs", "btrfs"),
    Bug("F12-no-name-is-found-free", WINDOWS, FREED, "if False", "btrfs", "posix"),
    Bug("F41-datasync-brings-its-bytes", COMMITTED, BROUGHT, "return 0", "btrfs", "btrfs"),
    Bug("F42-nobody-else-writes-the-log", LOGGED, LATER, "[self]", "btrfs", "btrfs"),
    Bug("F42-folder-joins-no-log", LOGGED, FOLDER, "if False", "btrfs", "btrfs"),
    Bug("F42-no-name-between-is-free", LOGGED, BETWEEN, "elif False", "btrfs", "btrfs"),
    Bug("F43-link-brings-no-size", JOURNAL, "is EventKind.LINK", "is None", "btrfs", "btrfs"),
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
from powercut.faultfs.ground.judging import outside_of
from powercut.faultfs.law.survival import Law
collection = next(each for each in kept() if each.title == sys.argv[5])
scenarios = [each for each in collection.programs.values() if not each.is_drawn]
print(json.dumps([each.name for one in scenarios for each in outside_of(one, Law(sys.argv[6]))]))
"""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_clause_that_allows_less_is_told_by_the_evidence(bug: Bug) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *bug], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
