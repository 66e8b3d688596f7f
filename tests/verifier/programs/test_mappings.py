"""Shared mappings: what is stored is recorded before the next call, and at the latest at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.faultfs import EventKind
from powercut.verifier.programs.recording import Recording

Record = Callable[..., Recording]

BEGIN = (
    "fd = os.open('a', os.O_CREAT | os.O_RDWR, 0o644); os.ftruncate(fd, 10000)\n"
    "LIBC = ctypes.CDLL(None, use_errno=True)\n"
)
SHARED = BEGIN + "m = mmap.mmap(fd, 0)\n"


def stores(recording: Recording) -> list[tuple[int, int]]:
    """Where each write of sectors begins and how long it is."""
    told = []
    for call in recording.calls:
        if call.name == "store":
            told += [(event.offset, event.size) for event in recording.events[call.first : call.stop]]
    return told


def kinds(recording: Recording) -> list[str]:
    return [event.kind.name for event in recording.events if event.kind is not EventKind.MARK]


def test_stores_are_writes_of_their_sectors_at_the_next_call(recorded: Record) -> None:
    recording = recorded(SHARED + "m[600] = 1; m[5000:6200] = b'x' * 1200; os.mkdir('d'); m[9999] = 2")
    assert stores(recording) == [(512, 512), (4608, 2048), (9728, 272)]
    assert kinds(recording) == ["CREATE", "TRUNCATE", "WRITE", "WRITE", "FOLDER", "WRITE"]


def test_what_is_stored_before_an_exit_is_recorded(recorded: Record) -> None:
    assert stores(recorded(SHARED + "m[0] = 1; os._exit(0)")) == [(0, 512)]


def test_what_is_stored_before_an_execution_is_recorded(recorded: Record) -> None:
    recording = recorded(SHARED + "m[0] = 1; os.execv('/bin/sh', ['sh', '-c', 'mkdir d'])")
    assert kinds(recording) == ["CREATE", "TRUNCATE", "WRITE", "FOLDER"]


def test_msync_makes_its_range_durable_and_no_other(recorded: Record) -> None:
    recording = recorded(SHARED + "m[0] = 1; m[5000] = 2; m.flush(4096, 4096)")
    through = [event for event in recording.events if event.kind is EventKind.WRITE_THROUGH]
    assert [(event.offset, event.size) for event in through] == [(4096, 4096)]
    assert kinds(recording)[-3:] == ["WRITE", "WRITE", "WRITE_THROUGH"]


def test_a_mapping_that_becomes_writable_is_seen_from_then_on(recorded: Record) -> None:
    recording = recorded(
        BEGIN + "LIBC.mmap.restype = ctypes.c_void_p; LIBC.mprotect.argtypes = LIBC.mmap.argtypes = None\n"
        "at = LIBC.mmap(None, ctypes.c_size_t(8192), 1, 1, fd, ctypes.c_long(0))\n"
        "os.pwrite(fd, b'y', 0)\n"
        "assert LIBC.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(8192), 3) == 0\n"
        "ctypes.memset(at + 4096, 7, 5); os.mkdir('d')"
    )
    assert kinds(recording) == ["CREATE", "TRUNCATE", "WRITE", "WRITE", "FOLDER"]
    assert stores(recording) == [(4096, 512)]


def test_writes_and_stores_of_one_file_are_told_apart(recorded: Record) -> None:
    recording = recorded(
        SHARED + "os.pwrite(fd, b'abc', 0); m[3] = 1; os.pwrite(fd, b'def', 8000); os.ftruncate(fd, 12000); "
        "os.pwrite(fd, b'g', 11000); os.ftruncate(fd, 4096); m[4000] = 9"
    )
    assert stores(recording) == [(0, 512), (3584, 512)]


def test_two_processes_store_into_one_file(recorded: Record) -> None:
    recording = recorded(
        SHARED + "if not os.fork():\n  m[0] = 1; os.mkdir('d'); os._exit(0)\n"
        "os.wait(); m[700] = 2; os.rmdir('d')"
    )
    assert stores(recording) == [(0, 512), (512, 512)]


def test_a_removed_file_and_a_closed_descriptor_stay_mapped(recorded: Record) -> None:
    recording = recorded(SHARED + "os.close(fd); os.unlink('a'); m[0] = 1; os.mkdir('d')")
    assert kinds(recording) == ["CREATE", "TRUNCATE", "REMOVE", "WRITE", "FOLDER"]


@pytest.mark.parametrize(
    "mapping",
    [
        "mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE)",
        "mmap.mmap(-1, 10000)",
        "mmap.mmap(os.open('../b', os.O_CREAT | os.O_RDWR | (os.truncate('../b', 10000) or 0)), 0)",
    ],
)
def test_what_is_private_nameless_or_outside_is_no_write(mapping: str, recorded: Record) -> None:
    recording = recorded(BEGIN + f"open('../b', 'w').close(); m = {mapping}; m[0] = 1; os.mkdir('d')")
    assert kinds(recording) == ["CREATE", "TRUNCATE", "FOLDER"]
