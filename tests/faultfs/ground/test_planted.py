"""Planted bugs in the laws: a clause dropped, a version missing. What real file systems showed kills each.

An edit is planted in a process of its own, as those of the engine are; there the kept evidence is held
against the law again, and with it a few contents that were found by hand. Without an edit nothing is outside.
"""

import json
import subprocess
import sys
from typing import Final

import pytest

from powercut.faultfs.ground.evidence import kept

_LAW: Final = "powercut.faultfs.law."
# Found by hand, on images of Linux 6.18: file system, program, content after its last call.
BY_HAND: Final = (
    (
        "btrfs",
        "old=O*8192 other=X*4096: rename old other; remove other; create old; write old 0 N*4096; sync old",
        "old=N*4096 other=X*4096",
    ),
    (
        "ext4",
        "old=O*100: write old 16384 N*4096; write old 8192 M*100",
        "old=O*100+0*8092+M*100+0*3996",
    ),
)
# Name, file system, law, module, text, what takes its place.
PLANTED: Final = (
    (
        "page-end-of-an-earlier-end-missing",
        "ext4",
        "posix",
        "edges",
        "        self._pass_end(sizes, birth, size, Shows.XFS | Shows.EXT4 if is_dirty else Shows.XFS)\n",
        "",
    ),
    (
        "page-end-of-a-durable-end-missing",
        "xfs",
        "xfs",
        "edges",
        "Shows.XFS | Shows.EXT4 if is_dirty else Shows.XFS)",
        "Shows.XFS | Shows.EXT4 if is_dirty else Shows(0))",
    ),
    (
        "page-end-below-the-end-missing",
        "ext4",
        "posix",
        "history",
        "                self._edges.below(sizes, birth, start + PAGE_BYTES)\n",
        "                pass\n",
    ),
    (
        "rename-stays-whole",
        "btrfs",
        "posix",
        "history",
        "{} if self.is_torn else self.logged_names.untied()",
        "{}",
    ),
    (
        "names-found-without-the-log",
        "btrfs",
        "btrfs",
        "logged",
        "            elif event.kind in FILE_SYNCS and event.inode in changed:\n",
        "            elif False:\n",
    ),
    (
        "size-waits-for-its-data",
        "ext4",
        "ext4",
        "journal",
        '"ext4": Rules(Shows.EXT4, Needs.NOTHING)',
        '"ext4": Rules(Shows.EXT4, Needs.OLDER)',
    ),
    (
        "size-waits-for-older-data",
        "xfs",
        "xfs",
        "journal",
        '"xfs": Rules(Shows.XFS, Needs.OWN)',
        '"xfs": Rules(Shows.XFS, Needs.OLDER)',
    ),
    (
        "old-size-over-zeroed-sectors-missing",
        "ext4",
        "posix",
        "history",
        "        for sector in cut:\n            self._rewrite(birth, 0, inode, sector, live)\n",
        "",
    ),
    (
        "size-joins-the-journal-at-once",
        "ext4",
        "ext4",
        "journal",
        "range(first, max(first + 1, min(legal.stop, stop)))",
        "range(max(first, min(legal.stop, stop) - 1), max(first + 1, min(legal.stop, stop)))",
    ),
    (
        "sync-commits-all-that-was-issued",
        "ext4",
        "ext4",
        "journal",
        "            self._commit(index, touched)\n",
        "            self._commit(index, len(self.births))\n",
    ),
)
_JUDGE: Final = """
import json, sys
name, title, law, module, old, new, by_hand = json.loads(sys.argv[1])
if module:
    from powercut.verifier.mutants.hook import plant
    from powercut.verifier.mutants.planted import Mutant
    plant(Mutant(name, "", module, old, new, "", ""))
from powercut.faultfs.ground.evidence import Evidence, Sighting, kept
from powercut.faultfs.ground.judging import outside_of
from powercut.faultfs.ground.program import Program
outside = []
for collection in kept():
    if collection.title == title:
        outside += [found.name for each in collection.programs.values() for found in outside_of(each, law)]
for system, program, content in by_hand:
    if system == title:
        end = 2 * len(Program.parse(program).calls)
        seen = [Sighting(content, [(end, end)], 1, "by hand")]
        outside += [found.name for found in outside_of(Evidence("by hand", program, 1, 1, 0, seen), law)]
print(json.dumps(outside))
"""


def outside(name: str, title: str, law: str, module: str, old: str, new: str) -> list[str]:
    """The programs whose contents the law lacks, in a process with the edit."""
    request = json.dumps([name, title, law, _LAW + module if module else "", old, new, BY_HAND])
    done = subprocess.run(
        [sys.executable, "-c", _JUDGE, request], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("bug", PLANTED, ids=[bug[0] for bug in PLANTED])
def test_bug_planted_in_a_law_is_killed_by_what_file_systems_showed(bug: tuple[str, ...]) -> None:
    assert outside(*bug)


@pytest.mark.parametrize(("title", "law"), sorted({bug[1:3] for bug in PLANTED}))
def test_without_a_bug_nothing_is_outside(title: str, law: str) -> None:
    assert outside("", title, law, "", "", "") == []


def test_each_edit_fits_the_law_s_source_once() -> None:
    from powercut.verifier.mutants.hook import read_source
    from powercut.verifier.mutants.planted import Mutant

    for name, _, _, module, old, new in PLANTED:
        bug = Mutant(name, "", _LAW + module, old, new, "", "")
        assert bug.edited(read_source(bug)) != read_source(bug)
    assert {bug[1] for bug in PLANTED} <= {each.title for each in kept()} | {system for system, *_ in BY_HAND}
