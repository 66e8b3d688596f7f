"""Orders of accesses that promises hang on, and that a program's results show only under rare schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn

SMALL = Settings(page_bytes=1024, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=2)


@pytest.fixture
def store() -> FasterKv:
    return FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels="interpreted")


def accesses(store: FasterKv, call: Callable[[], object]) -> list[tuple[str, int, bool]]:
    """(space, word, is write) of what `call` announces, in order."""
    names = dict(zip(map(id, store.spaces), ("control", "index", "log", "epochs"), strict=True))
    seen: list[tuple[str, int, bool]] = []

    def turn(space: Space, word: int, is_write: bool) -> None:
        seen.append((names.get(id(space), ""), word, is_write))

    set_turn(turn)
    try:
        call()
    finally:
        set_turn(None)
    return seen


def test_the_epoch_is_read_before_the_rows(store: FasterKv) -> None:
    """E1: who enters after its row was passed holds at least the epoch that was read before."""
    store.session("s")
    seen = accesses(store, store._parts.shared.epochs.oldest)
    assert seen[0] == ("control", w.EPOCH, False)
    assert ("epochs", w.ROW_STATE, False) in seen[1:]
    assert seen.count(("control", w.EPOCH, False)) == 1


def test_what_was_pending_has_ended_before_it_is_no_longer_pending(store: FasterKv) -> None:
    """A checkpoint that finds nothing pending reads the mark: it must be there."""
    session = store.session("s")
    session.upsert(b"k", b"v")
    driver = session._driver
    row = driver.state.row
    epochs = store._parts.log.spaces.epochs
    epochs[row + w.ROW_PENDING], epochs[row + w.ROW_APPLIED] = 1, 0
    seen = accesses(store, lambda: driver.release_pending(1))
    writes = [word - row for _, word, is_write in seen if is_write]
    assert writes == [w.ROW_APPLIED, w.ROW_PENDING]


def test_a_row_is_claimed_before_its_numbers_are_taken_over(store: FasterKv) -> None:
    """S2: a checkpoint that claims the row in between would set a commit point that is lost."""
    session = store.session("s")
    session.upsert(b"k", b"v")
    row = session._driver.state.row
    seen = accesses(store, session.close)
    claimed = seen.index(("epochs", row + w.ROW_STATE, True))
    numbers = {
        row + word for word in (w.ROW_SERIAL, w.ROW_APPLIED, w.ROW_COMMIT_SERIAL, w.ROW_COMMIT_VERSION)
    }
    assert {word for _, word, _ in seen[claimed:]} >= numbers
    assert not numbers & {word for name, word, _ in seen[:claimed] if name == "epochs"}


def test_only_what_is_frozen_goes_to_the_device() -> None:
    """A2, A3: read-only may be ahead of what every batch has seen."""
    roomy = replace(SMALL, ring_pages=8)
    store = FasterKv.open(MemoryDevice(), create=True, settings=roomy, kernels="interpreted")
    session = store.session("s")
    for number in range(3):
        session.upsert(b"k%d" % number, bytes(400))
    parts = store._parts
    control, row = parts.log.spaces.control, session._driver.state.row
    parts.log.spaces.epochs[row + w.ROW_STATE] = control[w.EPOCH]  # A batch is under way.
    parts.log.ring.shift_read_only(control[w.TAIL])
    assert control[w.READ_ONLY] > control[w.SAFE_READ_ONLY]
    parts.log.ring.open_page(1000)
    assert control[w.FLUSHED] <= max(control[w.SAFE_READ_ONLY], w.FIRST_ADDRESS)
    parts.log.spaces.epochs[row + w.ROW_STATE] = w.IDLE
    store.close()
