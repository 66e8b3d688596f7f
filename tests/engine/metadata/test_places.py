"""Which extents a checkpoint needs, and in which file each stands."""

import pytest

from powercut.engine import CorruptionError, Version
from powercut.engine.metadata.layout import Block, Extent, Place, Pointer
from powercut.engine.metadata.places import Places, snapshot_name, snapshot_version
from powercut.engine.metadata.tables import NO_BLOCK, Runs, check_places, is_of_log, is_ours


def block(version: int, *starts: int, is_full: bool = False, places: tuple[Place, ...] = ()) -> Block:
    extents = [Extent(start, 512, version, 1) for start in starts]
    final = starts[-1] + 512 if starts else 0
    return Block(
        Version(1, version), final, final, 0, NO_BLOCK, is_full, extents, (), (), 2 if places else 1, places
    )


def own(version: int, low: int, high: int) -> Place:
    return Place(Version(1, version), low, low, high)


def gathered(*blocks: Block) -> tuple[list[tuple[int, int]], set[str]]:
    """Start and writer of every extent that the first of these blocks needs, and the files that hold them."""
    runs = Runs()
    for each in blocks:
        runs.take(each)
    return [(extent.start, extent.crc) for extent in runs.extents()], runs.files(1024)


def test_a_log_alone_is_the_sum_of_its_blocks_back_to_a_full_one() -> None:
    newest, middle, full, older = block(4, 1536), block(3, 512, 1024), block(2, 0, is_full=True), block(1, 0)
    assert gathered(newest, middle, full, older) == (
        [(0, 2), (512, 3), (1024, 3), (1536, 4)],
        {"segment-00000000", "segment-00000001"},
    )


def test_what_a_snapshot_wrote_beside_the_log_serves_until_a_later_block_lists_it_anew() -> None:
    snapshot = block(2, 512, 1024, 1536, places=(own(2, 1024, 2048),))
    first = block(1, 0)
    assert gathered(snapshot, first) == (
        [(0, 1), (512, 2), (1024, 2), (1536, 2)],
        {"segment-00000000", "snapshot-00000001-00000002"},
    )
    # In the same life the log goes on from where the snapshot began.
    assert gathered(block(3, 1024, 1536, 2048), snapshot, first) == (
        [(0, 1), (512, 2), (1024, 3), (1536, 3), (2048, 3)],
        {"segment-00000000", "segment-00000001", "segment-00000002"},
    )
    # After a recovery of it, from where it ended.
    recovered = block(3, 2048, places=(own(2, 1024, 2048),))
    assert gathered(recovered, snapshot, first) == (
        [(0, 1), (512, 2), (1024, 2), (1536, 2), (2048, 3)],
        {"segment-00000000", "segment-00000002", "snapshot-00000001-00000002"},
    )


def test_a_block_that_lists_nothing_needs_what_the_one_before_it_does() -> None:
    assert gathered(block(3), block(2, 512), block(1, 0)) == ([(0, 1), (512, 2)], {"segment-00000000"})


def test_a_place_is_found_at_its_ends_and_nowhere_else() -> None:
    places = Places(bytes(16), 1024, [own(1, 512, 1024), Place(Version(2, 7), 1024, 1536, 2048)])
    assert places.find(0) == ("segment-00000000", 0)
    assert places.find(512) == ("snapshot-00000001-00000001", 0)
    assert places.find(768) == ("snapshot-00000001-00000001", 256)
    assert places.find(1024) == ("segment-00000001", 0)
    assert places.find(1536) == ("snapshot-00000002-00000007", 512)
    assert places.find(2048) == ("segment-00000002", 0)


def test_one_segment_is_told_as_each_place_tells_it() -> None:
    for ranges in ([], [own(1, 512, 1024)], [own(1, 512, 768), own(2, 1536, 2048)]):
        places = Places(bytes(16), 1024, ranges)
        for low in range(0, 3072, 256):
            for high in range(low, 3072, 256):
                files = {places.find(address)[0] for address in range(low, high + 1, 256)}
                is_one = len(files) == 1 and not next(iter(files)).startswith("snapshot")
                assert places.is_one_segment(low, high) == is_one


def test_the_name_of_a_snapshot_is_that_of_its_version_alone() -> None:
    for version in (Version(0, 1), Version(1, 2), Version(123456789, 1 << 40)):
        name = snapshot_name(version)
        assert snapshot_version(name) == version
        assert is_of_log(name)
    for name in ("snapshot-1-2", "snapshot-00000001", "snapshot-00000001-00000002x", "snapshot--", "notes"):
        assert snapshot_version(name) is None
        assert not is_ours(name)
    assert is_ours("tables")
    assert not is_of_log("root-a")


@pytest.mark.parametrize(
    "places",
    [
        [Place(Version(1, 1), 512, 512, 512)],  # Nothing.
        [Place(Version(1, 1), 512, 1024, 512)],
        [Place(Version(1, 1), 512, 512, 2560)],  # Past the log's end.
        [Place(Version(1, 1), 1024, 512, 1536)],  # Below the file's first byte.
        [own(1, 512, 1536), own(2, 1024, 2048)],
        [own(2, 1024, 2048), own(1, 0, 512)],
    ],
)
def test_places_that_no_store_has_are_refused(places: list[Place]) -> None:
    with pytest.raises(CorruptionError, match="a place"):
        check_places(block(2, 1536)._replace(places=places), Pointer(0, 1, 0))
    check_places(block(2, 1536)._replace(places=[own(1, 0, 512), own(2, 512, 2048)]), Pointer(0, 1, 0))
