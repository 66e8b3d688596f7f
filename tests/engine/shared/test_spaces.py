"""Spaces: memory of this process alone, in huge pages where the system gives them, and told where not."""

import os
from pathlib import Path

import numpy as np
import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.shared import spaces
from powercut.engine.shared.spaces import HUGE_BYTES, MAPPED_BYTES, address_of, huge_bytes, words_of

LARGE = Settings(page_bytes=1 << 20, ring_pages=8, index_buckets=1 << 15)
SWITCH = spaces.SWITCH


def gives_huge_pages() -> bool:
    """True if a plain mapping gets one here; the system may have them and yet none to give."""
    if not SWITCH.exists() or "[never]" in SWITCH.read_text(encoding="ascii"):
        return False
    probe = words_of(2 * HUGE_BYTES // 8)
    probe[0] = 1
    return huge_bytes(probe) > 0


needs_huge = pytest.mark.skipif(not gives_huge_pages(), reason="no huge pages here")


@pytest.mark.parametrize(
    "size", [8, MAPPED_BYTES - 8, MAPPED_BYTES, HUGE_BYTES - 8, HUGE_BYTES, 5 * HUGE_BYTES + 8]
)
def test_a_space_is_zeros_and_as_long_as_asked(size: int) -> None:
    space = words_of(size // 8)
    assert (len(space), space.nbytes, space.format) == (size // 8, size, "Q")
    assert not np.frombuffer(space, np.uint64).any()
    space[0] = space[-1] = 7
    assert space[0] == space[-1] == 7


@pytest.mark.parametrize("size", [HUGE_BYTES, 3 * HUGE_BYTES, 3 * HUGE_BYTES + 4096])
def test_a_large_space_starts_where_a_huge_page_can(size: int) -> None:
    assert [address_of(words_of(size // 8)) % HUGE_BYTES for _ in range(3)] == [0, 0, 0]


@needs_huge
def test_a_touched_space_stands_in_huge_pages() -> None:
    space = words_of(4 * HUGE_BYTES // 8)
    assert huge_bytes(space) == 0
    space[:] = memoryview(bytes(space.nbytes)).cast("Q")
    assert huge_bytes(space) == space.nbytes
    assert huge_bytes(words_of(8)) == 0


@needs_huge
def test_ring_and_index_stand_in_huge_pages() -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=LARGE, kernels="interpreted") as store:
        with store.session("s") as session:
            for number in range(2_000):
                session.upsert(b"%d" % number, bytes(1_000))
        _, index, log, _ = store.spaces
        assert store.stats().huge_pages == "asked"
        assert huge_bytes(log) >= HUGE_BYTES <= huge_bytes(index)


def test_a_small_store_says_that_it_asks_for_none() -> None:
    small = Settings(page_bytes=4096, extent_bytes=4096, segment_bytes=1 << 14, ring_pages=2, index_buckets=4)
    with FasterKv.open(MemoryDevice(), create=True, settings=small, kernels="interpreted") as store:
        assert store.stats().huge_pages == "small"


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "absent"), ("always madvise [never]", "off"), ("always [madvise] never", "asked")],
)
def test_a_store_says_what_the_system_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, told: str
) -> None:
    switch = tmp_path / "enabled"
    if content is not None:
        switch.write_text(content, encoding="ascii")
    monkeypatch.setattr(spaces, "SWITCH", switch)
    with FasterKv.open(MemoryDevice(), create=True, settings=LARGE, kernels="interpreted") as store:
        assert store.stats().huge_pages == told


def test_a_store_works_where_advice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "_has_advice", lambda: False)
    with FasterKv.open(MemoryDevice(), create=True, settings=LARGE, kernels="interpreted") as store:
        assert store.stats().huge_pages == "absent"
        with store.session("s") as session:
            session.upsert(b"k", b"v")
            assert session.read(b"k") == b"v"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("size", [MAPPED_BYTES, 2 * HUGE_BYTES])
def test_what_a_forked_child_writes_the_parent_does_not_see(size: int) -> None:
    space = words_of(size // 8)
    child = os.fork()
    if child == 0:
        space[1] = 1
        os._exit(0)
    os.waitpid(child, 0)
    assert space[1] == 0
