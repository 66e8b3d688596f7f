"""Moving: a record with a newer one is passed by where memory or the device knows it, in few reads."""

from collections import Counter
from contextlib import AbstractContextManager

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.log.segments import Segments
from powercut.engine.sessions.reader import SharedReader
from powercut.engine.upkeep.moving import Moving

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
KEYS = [b"key %03d" % number for number in range(120)]
SMALL = {"page_bytes": 4096, "segment_bytes": 1 << 14, "write_unit": 512, "extent_bytes": 2048}


@pytest.fixture
def picked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The rows that were picked, and those of them that were left to be moved."""
    counts, asked = Counter[str](), Moving._asked

    def count(self: Moving, rows: int) -> int:
        counts["picked"] += rows
        left = asked(self, rows)
        counts["left"] += left
        return left

    monkeypatch.setattr(Moving, "_asked", count)
    return counts


def filled(kernels: str, ring_pages: int, hash_mask: int, turns: int) -> FasterKv:
    settings = Settings(**SMALL, ring_pages=ring_pages, index_buckets=64, hash_mask=hash_mask)
    store = FasterKv.open(MemoryDevice(), create=True, settings=settings, kernels=kernels)
    with store.session("s") as session:
        for turn in range(turns):
            for key in KEYS:
                session.upsert(key, b"%d" % turn * 30)
            store.checkpoint()  # So the next turn writes them anew.
        session.upsert(b"fills the page", bytes(4000))  # So that all others are on pages that can go.
    store.checkpoint()
    return store


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("hash_mask", [(1 << 64) - 1, 0xF, 0])
def test_what_memory_knows_a_newer_record_of_is_not_picked(
    kernels: str, hash_mask: int, picked: Counter[str]
) -> None:
    with filled(kernels, 64, hash_mask, 4) as store:
        done = store.compact()
        assert done.records == 4 * len(KEYS)
        assert done.moved == len(KEYS)
        assert picked == {"picked": len(KEYS), "left": len(KEYS)}
        assert dict(store.items())[KEYS[7]] == b"3" * 30


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("hash_mask", [(1 << 64) - 1, 0xF])
def test_what_the_device_knows_a_newer_record_of_is_read_by_extents(
    kernels: str, hash_mask: int, picked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(kernels, 2, hash_mask, 4) as store:
        content, reads, read = dict(store.items()), list[object](), Segments.read

        def count(self: Segments, extent: object) -> bytes:
            reads.append(extent)
            return read(self, extent)  # type: ignore[arg-type]

        monkeypatch.setattr(Segments, "read", count)
        done = store.compact()
        assert done.moved == len(KEYS)
        assert picked["picked"] > picked["left"]
        if hash_mask > 0xF:
            assert picked["left"] == len(KEYS)
            # Each page, and for each pick of it no extent above twice; interpreted ones have three rows.
            assert len(set(reads)) < len(reads) < done.records / (1 if kernels == "interpreted" else 6)
        assert dict(store.items()) == content
        store.check()


def test_a_page_whose_frame_goes_before_it_is_looked_at_comes_from_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = filled("interpreted", 8, (1 << 64) - 1, 1)
    content, entered, turned = dict(store.items()), SharedReader.entered, list[int]()

    def turn(self: SharedReader) -> AbstractContextManager[None]:
        """Another session fills the ring, once, after head was looked at."""
        if not turned:
            turned.append(store.stats().head)
            with store.session("other") as other:
                for number in range(9):
                    other.upsert(b"%d" % number, bytes(4000))
                    content[b"%d" % number] = bytes(4000)
        return entered(self)

    monkeypatch.setattr(SharedReader, "entered", turn)
    assert store.compact().moved == len(KEYS)
    assert store.stats().head > turned[0]
    assert dict(store.items()) == content
    store.close()
