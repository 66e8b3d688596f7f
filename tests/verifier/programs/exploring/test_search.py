"""The search: idioms found or silent, each verdict saying no, and pruning that changes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from powercut.faultfs import FaultDevice, Law, survivor_image
from powercut.faultfs.real import leave
from powercut.verifier.programs.exploring.asked import NondeterministicReaderError
from powercut.verifier.programs.exploring.legality import NothingToExploreError
from powercut.verifier.programs.exploring.losses import smallest, telling
from powercut.verifier.programs.exploring.report import report_of
from powercut.verifier.programs.exploring.search import Exploration, Wanted, explore
from powercut.verifier.programs.exploring.story import EVERYWHERE
from powercut.verifier.programs.exploring.syncs import mend, needless, unsynced
from powercut.verifier.programs.exploring.verdicts import Verdict, judge

if TYPE_CHECKING:
    from tests.verifier.programs.exploring.conftest import Program, Recorder

WIDE = 900  # Bytes: two sectors.
PYTHON = (sys.executable, "-S", "-E", "-c")
OLD = {"f": b"0" * WIDE}


def replacing(*, has_file_sync: bool, has_folder_sync: bool) -> Program:
    """Writes a new file and renames it over f."""

    def program(device: FaultDevice, number: int) -> None:
        device.create("t")
        device.write("t", 0, b"%d" % (number + 1) * WIDE)
        if has_file_sync:
            device.sync("t")
        device.rename("t", "f")
        if has_folder_sync:
            device.sync_names()

    return program


def rewriting(device: FaultDevice, number: int) -> None:
    """Writes f in place, and syncs it."""
    device.truncate("f", 0)
    device.write("f", 0, b"%d" % (number + 1) * WIDE)
    device.sync("f")


RIGHT = replacing(has_file_sync=True, has_folder_sync=True)


@pytest.mark.parametrize(
    ("program", "law", "verdicts"),
    [
        (RIGHT, Law.POSIX, set()),
        (RIGHT, Law.EXT4, set()),
        (RIGHT, Law.POSIX_SPLIT, {Verdict.UNREADABLE, Verdict.MIXED}),
        (replacing(has_file_sync=False, has_folder_sync=True), Law.POSIX, {Verdict.MIXED}),
        (replacing(has_file_sync=True, has_folder_sync=False), Law.POSIX, {Verdict.LOST}),
        (replacing(has_file_sync=True, has_folder_sync=False), Law.STRICT, {Verdict.LOST}),
        (rewriting, Law.POSIX, {Verdict.MIXED}),
        (rewriting, Law.PREFIX, {Verdict.MIXED}),
    ],
)
def test_an_idiom_is_found_under_the_laws_that_show_it(
    recorder: Recorder, program: Program, law: Law, verdicts: set[Verdict]
) -> None:
    recording = recorder.record(program, program, start=OLD)
    readings = recorder.readings(recording, "cat", "{root}/f")
    found = explore(recording, readings, Wanted(law))
    assert found.completeness == "exhaustive"
    assert set(found.first) == verdicts
    for finding in found.first.values():
        image = survivor_image(found.trace, finding.index, finding.survivors, law)
        assert image.key() == finding.key
        small = smallest(found, finding, readings)
        assert judge(readings.of(image), found.legality, finding.part) is small.verdict
        assert sum(small.survivors) <= sum(finding.survivors)


def test_a_finding_is_told_by_a_state_that_a_measured_file_system_leaves(recorder: Recorder) -> None:
    def program(device: FaultDevice, number: int) -> None:
        replacing(has_file_sync=True, has_folder_sync=False)(device, number)
        device.create("g")  # A journal that lost the rename does not have this either; posix allows it.

    recording = recorder.record(program, start=OLD)
    readings = recorder.readings(recording, "cat", "{root}/f")
    found = explore(recording, readings, Wanted())
    first = smallest(found, found.first[Verdict.LOST], readings)
    assert not leave(found.trace, first.index, first.survivors, first.law)
    told = telling(found, readings, Wanted())[Verdict.LOST]
    assert told.law is Law.EXT4
    assert Law.EXT4 in leave(found.trace, told.index, told.survivors, told.law)
    image = survivor_image(found.trace, told.index, told.survivors, told.law)
    assert judge(readings.of(image), found.legality, told.part) is Verdict.LOST


def test_a_story_tells_what_was_lost_and_where_a_sync_is_missing(recorder: Recorder) -> None:
    def program(device: FaultDevice, number: int) -> None:
        device.make_folder("sub")
        for name in "abcd":
            device.create(f"sub/{name}")
        device.sync_all()
        replacing(has_file_sync=True, has_folder_sync=False)(device, number)

    recording = recorder.record(program, start=OLD)
    readings = recorder.readings(recording, "cat", "{root}/f")
    (kind,) = report_of(recording, explore(recording, readings, Wanted()), readings, Wanted()).kinds
    rename, missing, done, cut = kind.story.told[-4:]
    assert (rename.fate, rename.places, rename.text) == ("lost", ("./",), "rename(t to f)")
    assert (missing.fate, missing.places) == ("mend", ("./",))
    assert missing.text == "fsync of the folder . after rename of t to f"
    assert (done.fate, cut.fate) == ("acknowledged", "cut")
    create, write, sync = kind.story.told[:-4]
    assert (create.places, write.places, write.fate, sync.fate) == (("./",), ("t",), "", "sync")
    before = kind.story.before
    assert [each.places for each in before[1:]] == [("./",), *[("sub/",)] * 4, (EVERYWHERE,)]
    assert kind.story.left_out == 0


def looked(recorder: Recorder, script: str, *, check: str = "") -> Exploration:
    """The right idiom, read by a program of Python."""
    recording = recorder.record(RIGHT, start=OLD)
    readings = recorder.readings(recording, *PYTHON, script, "{root}", check=check)
    return explore(recording, readings, Wanted())


def test_a_reader_that_changes_its_mind_is_told(recorder: Recorder) -> None:
    # What stands there before the rename is taken away, and told only before that.
    script = (
        "import os,sys; r=sys.argv[1]; t=os.path.exists(r+'/t') and not os.path.getsize(r+'/t')\n"
        "print(open(r+'/f').read(), '' if not t else os.remove(r+'/t') or '')\n"
        "if t: open(r+'/f','w').close()"
    )
    assert set(looked(recorder, script).first) == {Verdict.UNSTABLE}


def test_a_reader_that_hangs_is_told(recorder: Recorder) -> None:
    script = (
        "import os,sys; r=sys.argv[1]; print(open(r+'/f').read(), flush=True)\n"
        "while os.path.exists(r+'/t') and not os.path.getsize(r+'/t'): pass"
    )
    found = looked(recorder, script)
    assert set(found.first) == {Verdict.HANGS}
    assert found.first[Verdict.HANGS].reading.why == "it did not end within 3,000 calls"


def test_a_reader_that_spins_is_ended_by_its_processor_time(recorder: Recorder) -> None:
    script = (
        "import os,sys; r=sys.argv[1]; print(open(r+'/f').read(), flush=True)\n"
        "t = os.path.exists(r+'/t') and os.path.getsize(r+'/t')==0\n"
        "while t: pass"
    )
    found = looked(recorder, script)
    assert found.first[Verdict.HANGS].reading.why == "it did not end within 2 s of the processor"


def test_a_reader_that_is_ended_by_a_signal_is_told(recorder: Recorder) -> None:
    script = (
        "import os,sys; r=sys.argv[1]; print(open(r+'/f').read(), flush=True)\n"
        "if os.path.exists(r+'/t') and os.path.getsize(r+'/t') == 0: os.kill(os.getpid(), 9 + 2)"
    )
    finding = looked(recorder, script).first[Verdict.UNREADABLE]
    assert finding.reading.answer.status == -11


def test_a_checker_says_no(recorder: Recorder) -> None:
    script = "import sys; print(open(sys.argv[1]+'/f').read())"
    found = looked(recorder, script, check="test ! -e {root}/t")
    assert set(found.first) == {Verdict.REFUSED}
    assert not looked(recorder, script, check="test -e {root}/f").first


def test_a_reader_that_answers_by_chance_is_refused(recorder: Recorder) -> None:
    with pytest.raises(NondeterministicReaderError, match="two answers on one content"):
        looked(recorder, "import os; print(os.getpid(), os.urandom(8))")


def test_a_run_that_explores_nothing_fails(recorder: Recorder) -> None:
    idle = recorder.record(lambda device, number: None, start=OLD)
    with pytest.raises(NothingToExploreError, match="no event"):
        explore(idle, recorder.readings(idle, "cat", "{root}/f"), Wanted())
    stepless = recorder.record(start=OLD)
    device = FaultDevice(stepless.trace().initial)
    device.write("f", 0, b"1")
    stepless.events.extend(device.trace.events)
    with pytest.raises(NothingToExploreError, match="nothing is owed"):
        explore(stepless, recorder.readings(stepless, "cat", "{root}/f"), Wanted())


def test_a_step_that_is_not_atomic_may_leave_what_a_kill_leaves(recorder: Recorder) -> None:
    def two(device: FaultDevice, number: int) -> None:
        device.write("f", 0, b"a")
        device.sync("f")
        device.write("f", 1, b"b")
        device.sync("f")

    recording = recorder.record(two, start={"f": b"00"})
    readings = recorder.readings(recording, "cat", "{root}/f")
    assert set(explore(recording, readings, Wanted()).first) == {Verdict.MIXED}
    assert not explore(recording, readings, Wanted(is_atomic=False)).first


ELSEWHERE = (
    "import os,sys; d=os.open(sys.argv[1]+'/other',2); print(os.pread(d, 9, 0)); "
    "f=open(sys.argv[1]+'/f','rb').read(); os.pwrite(d, f[:2], 1); os.ftruncate(d, 2 + len(f) % 2)"
)
READERS = {
    "one file": ("cat", "{root}/f"),
    "a listing": ("ls", "-l", "--time-style=+%s", "{root}"),
    "all files": ("sh", "-c", "cd {root} && for each in *; do echo $each; cat $each; done"),
    "a recovery": ("sh", "-c", "cd {root} && rm -f t && mv f g && mv g f && cat f"),
    "a part": (*PYTHON, "import os,sys; d=os.open(sys.argv[1]+'/f',0); print(os.pread(d, 9, 700))", "{root}"),
    # What it changes is no other file in any state, and what the second reading finds there is.
    "a write elsewhere": (*PYTHON, ELSEWHERE, "{root}"),
    "a removal elsewhere": (
        "sh",
        "-c",
        "cd {root} && ls other; if cmp -s f t; then chmod 600 f; else rm -f other; fi",
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_pruning_changes_no_verdict(recorder: Recorder, name: str) -> None:
    # Beside the plain way: each state written whole, and the reader started for it.
    law = Law.POSIX_SPLIT
    program = replacing(has_file_sync=False, has_folder_sync=False)
    recording = recorder.record(program, rewriting, start={**OLD, "other": b"x"})
    seen, made = [], 0
    for jobs, is_pruned in ((1, True), (2, True), (1, False)):
        readings = recorder.readings(
            recording, *READERS[name], jobs=jobs, is_pruned=is_pruned, is_plain=not is_pruned
        )
        found = explore(recording, readings, Wanted(law, limit=64))
        seen.append((found.states, found.judged, found.counts, found.first.keys()))
        made = readings.made
        if is_pruned and name in ("one file", "a part", "a write elsewhere"):
            assert made < found.states
    assert seen[0] == seen[1] == seen[2]
    assert made >= seen[2][0]


def test_the_syncs_that_are_missing_are_named(recorder: Recorder) -> None:
    program = replacing(has_file_sync=False, has_folder_sync=False)
    recording = recorder.record(program, program, start=OLD)
    readings = recorder.readings(recording, "cat", "{root}/f")
    found = explore(recording, readings, Wanted())
    small = smallest(found, next(iter(found.first.values())), readings)
    mending = mend(recording, found, small, readings, Wanted())
    assert {str(place) for place in mending.places} == {
        "fsync of t after write of t",
        "fsync of the folder . after rename of t to f",
    }
    assert not mending.is_bounded
    never = unsynced(recording, found.trace, found.legality)
    assert [(each.path, each.sectors, each.has_size, each.has_name) for each in never] == [
        ("f", 2, True, True),
        ("t", 0, False, True),
    ]


def test_a_sync_that_no_state_needs_is_named(recorder: Recorder) -> None:
    def twice(device: FaultDevice, number: int) -> None:
        RIGHT(device, number)
        device.sync("f")

    recording = recorder.record(twice, start=OLD)
    readings = recorder.readings(recording, "cat", "{root}/f")
    found = explore(recording, readings, Wanted())
    assert not found.first
    assert needless(recording, found, readings, Wanted()) == ({"sync of f": [6]}, 3)
    assert not unsynced(recording, found.trace, found.legality)
