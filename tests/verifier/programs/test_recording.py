"""Recordings: what is saved is what is read, and nothing else is read."""

import pytest

from powercut.faultfs import Event, EventKind
from powercut.verifier.programs.recording import (
    Call,
    Inode,
    Process,
    Recording,
    RecordingError,
    Step,
    dump,
    load,
)

RECORDING = Recording(
    root="/data",
    names={"old": 1, "inner": 2, "2/new": 3},
    inodes={
        1: Inode(0o100644, 0, 0, 5, b"bytes"),
        2: Inode(0o40755, 0, 0, 6),
        3: Inode(0o100600, 0, 0, 7),
    },
    events=[Event(EventKind.WRITE, "old", 1, 0, b"BYTES", 5), Event(EventKind.SYNC_NAMES, inode=2)],
    calls=[Call(0, 1, 0, 0, "write", "write(old, 5 bytes)"), Call(1, 2, 0, 0, "fsync", "fsync(inner)")],
    processes=[Process(-1, "program", 0)],
    steps=[Step(("program",), 0)],
)


def test_what_is_saved_is_read() -> None:
    assert load(dump(RECORDING)) == RECORDING


@pytest.mark.parametrize("cut", range(0, len(dump(RECORDING)), 7))
def test_a_part_of_a_recording_is_refused(cut: int) -> None:
    with pytest.raises(RecordingError):
        load(dump(RECORDING)[:cut])


def test_another_format_is_refused_by_its_number() -> None:
    data = bytearray(dump(RECORDING))
    data[len(b"powercut recording\n")] = 9
    with pytest.raises(RecordingError, match="format 9"):
        load(bytes(data))


def test_its_trace_begins_with_the_tree_as_it_was() -> None:
    inodes = {**RECORDING.inodes, 4: Inode(0o120777, 0, 0, 8, b"../old")}
    recording = Recording(
        root="/data",
        names={**RECORDING.names, "2/link": 4},
        inodes={**inodes, 0: Inode(0o40755, 0, 0, 1)},
        events=RECORDING.events,
        calls=[],
        processes=[],
        steps=[],
    )
    paths = recording.trace().initial.paths()
    assert {path: (item.kind.name, item.data) for path, item in paths.items()} == {
        "inner": ("FOLDER", b""),
        "inner/link": ("LINK", b"../old"),
        "inner/new": ("FILE", b""),
        "old": ("FILE", b"bytes"),
    }
