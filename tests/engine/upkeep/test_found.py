"""Live bytes that compactions have found: what `stats` tells of them is so, and of no log that is gone."""

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.upkeep.found import Found
from powercut.verifier.faster.stepped import SteppedRuntime

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
SMALL = Settings(
    page_bytes=512, segment_bytes=1024, write_unit=512, extent_bytes=512, ring_pages=4, index_buckets=64
)
VALUE, RECORD = bytes(104), 128


def small(device: MemoryDevice, kernels: str = "interpreted", settings: Settings = SMALL) -> FasterKv:
    return FasterKv.open(device, create=True, settings=settings, runtime=SteppedRuntime(), kernels=kernels)


def fill(store: FasterKv, count: int) -> None:
    """So many keys, all live, in the log's first segments, and frozen."""
    with store.session() as session:
        session.upsert_many([b"%08d" % number for number in range(count)], [VALUE] * count)
    store.checkpoint()


@pytest.mark.parametrize("kernels", MODES)
def test_dead_is_all_but_what_compactions_have_found_live(kernels: str) -> None:
    device = MemoryDevice()
    store = small(device, kernels)
    assert store.stats().dead_most == 1
    fill(store, 16)
    assert (store.stats().live_found, store.stats().dead_most) == (0, 1)
    with store.session() as session:
        for number in (0, 1, 2):
            session.upsert(b"%08d" % number, VALUE)  # Overwritten,
        session.delete(b"%08d" % 3)  # and a tombstone for what is in the first segment.
    store.checkpoint()
    done = store.compact(1024)
    stats = store.stats()
    assert (done.records, done.bytes) == (7, 3 * RECORD)  # Seven fit in it behind the log's first 64 bytes.
    assert stats.live_found == 3 * RECORD
    assert stats.dead_most == 1 - 3 * RECORD / stats.log_bytes
    store.truncate_before(stats.tail)  # What is gone is not counted, whoever let it go.
    assert 0 <= store.stats().live_found <= store.stats().log_bytes
    store.close(checkpoint=True)
    with small(device, kernels) as store:
        assert (store.stats().live_found, store.stats().dead_most) == (0, 1)


def test_what_was_found_goes_with_the_log_that_has_it() -> None:
    found = Found().after(100, 1000, 2000, 600).after(200, 3000, 3400, 400).after(300, 3400, 3500, 0)
    assert [found.above(begin) for begin in (300, 1000, 1400, 1500, 2000, 3000, 3100, 3400)] == [
        *(1000, 1000, 1000, 900, 400, 400, 300, 0)
    ]
    assert len(found.runs) == 3
    assert found.after(2000, 4000, 4100, 50).runs[0] == (3000, 3400, 400)
