"""Entries that are noted ahead of their operations: a hint that is never trusted, and never left over."""

from random import Random

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
# No bit of the tag is kept: an entry of any bucket looks right.
ALIKE = Settings(page_bytes=1 << 15, segment_bytes=1 << 15, ring_pages=4, index_buckets=64, hash_mask=0xFFFF)
CROWDED = Settings(page_bytes=1 << 15, segment_bytes=1 << 15, ring_pages=4, index_buckets=2)


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("settings", [ALIKE, CROWDED], ids=["alike", "crowded"])
@pytest.mark.parametrize("seed", range(4))
def test_batches_of_any_length_one_after_another(kernels: str, settings: Settings, seed: int) -> None:
    random, content = Random(seed), dict[bytes, bytes]()
    with (
        FasterKv.open(MemoryDevice(), create=True, settings=settings, kernels=kernels) as store,
        store.session("s") as session,
    ):
        for _ in range(60):
            count = random.choice((1, 1, 2, w.GROUP - 1, w.GROUP, w.GROUP + 1, 3 * w.GROUP + 1))
            keys = [b"%d" % random.randrange(100) for _ in range(count)]
            values = [b"%d" % random.randrange(1 << 20) for _ in range(count)]
            assert session.read_many(keys) == [content.get(key) for key in keys]
            session.upsert_many(keys, values)
            content |= dict(zip(keys, values, strict=True))
            gone = random.choice(keys)
            assert session.delete(gone) == (content.pop(gone, None) is not None)
            assert session.read(gone) is None
        assert dict(store.items()) == content
        store.check()


@pytest.mark.parametrize("kernels", MODES)
def test_a_full_bucket_gets_another_behind_it_without_leaving_the_batch(kernels: str) -> None:
    with (
        FasterKv.open(MemoryDevice(), create=True, settings=CROWDED, kernels=kernels) as store,
        store.session("s") as session,
    ):
        session.upsert_many([b"%d" % number for number in range(200)], [b""] * 200)
        assert store.stats().left == 0
        assert store.spaces[0][w.OVERFLOW_NEXT] > 2
        store.check()
