"""From a log of requests to the disks that a power cut may leave, without a disk."""

from itertools import combinations
from random import Random

import pytest

from powercut.faultfs.ground.epochs import Blocks, Marks, Piece, Record, epochs_of, is_data, parts


def write(offset: int, data: bytes) -> Record:
    return Record("W", offset, len(data), data)


FLUSH = Record("F", 0, 0, b"")
LOG = [
    write(0, b"a" * 4096),
    FLUSH,
    write(4096, b"b" * 8192),
    Record("D", 0, 4096, b""),
    FLUSH,
    write(0, b"c"),
]


def test_epochs_are_the_pieces_between_flushes() -> None:
    epochs = epochs_of(LOG, 0, len(LOG))
    assert [(epoch.start, epoch.stop) for epoch in epochs] == [(0, 1), (1, 4), (4, 6)]
    assert [len(epoch.pieces) for epoch in epochs] == [1, 3, 1]
    assert epochs[1].pieces[2] == Piece(3, 0, 4096, None)


def test_epochs_that_were_over_before_the_program_are_left_out() -> None:
    assert [(each.start, each.stop) for each in epochs_of(LOG, 3, len(LOG))] == [(1, 4), (4, 6)]
    assert [(each.start, each.stop) for each in epochs_of(LOG, 2, 3)] == [(1, 3)]


def test_write_is_cut_at_blocks_of_the_disk() -> None:
    pieces = epochs_of([write(4000, b"x" * 5000)], 0, 1)[0].pieces
    assert [(piece.offset, piece.size) for piece in pieces] == [(4000, 96), (4096, 4096), (8192, 808)]
    assert b"".join(piece.data or b"" for piece in pieces) == b"x" * 5000


@pytest.mark.parametrize(
    ("start", "stop", "steps"),
    [
        (0, 0, (0, 0)),  # Nothing was sent: the program had not begun.
        (5, 5, (0, 1)),  # The first call may have begun.
        (6, 6, (1, 1)),
        (7, 7, (1, 5)),  # The second call sent nothing, so it may have returned, and the third begun.
        (9, 9, (5, 6)),
        (5, 8, (0, 5)),
    ],
)
def test_half_steps_at_which_the_disk_may_be_found(start: int, stop: int, steps: tuple[int, int]) -> None:
    marks = Marks(5, [(5, 7), (7, 7), (7, 9)], 9)
    assert marks.half_steps(start, stop) == steps


def test_few_pieces_have_all_parts() -> None:
    pieces = epochs_of([write(0, b"n" * 16384)], 0, 1)[0].pieces
    found, is_complete = parts(pieces, Random(1), whole=4, mixed=3, draws=0, torn=0)
    assert is_complete
    expected = {each for size in range(5) for each in combinations(pieces, size)}
    assert {tuple(part) for _, part in found} == expected
    assert len(found) == 16


def test_many_pieces_have_nothing_everything_and_some_and_say_so() -> None:
    pieces = epochs_of([write(0, b"n" * 8192), write(8192, b"\1" * 81920)], 0, 2)[0].pieces
    found, is_complete = parts(pieces, Random(1), whole=4, mixed=3, draws=8, torn=5)
    assert not is_complete
    plain = [part for is_torn, part in found if not is_torn]
    assert [] in plain
    assert pieces in plain
    assert pieces[:2] in plain, "the data alone"
    assert pieces[2:] in plain, "all but the data"
    assert all(part == sorted(part, key=pieces.index) for part in plain)
    torn = [part for is_torn, part in found if is_torn]
    assert len(torn) == 5
    assert any(piece.size == 512 for part in torn for piece in part)
    assert found == parts(pieces, Random(1), whole=4, mixed=3, draws=8, torn=5)[0]


def test_empty_epoch_is_torn_nowhere() -> None:
    assert parts([], Random(1), whole=4, mixed=3, draws=8, torn=5) == ([(False, [])], True)


def test_blocks_are_what_a_plain_disk_holds() -> None:
    """Random writes and discards, also of parts of blocks, to Blocks and to plain bytes."""
    generator = Random(3)
    size = 8 * 4096
    plain, disk = bytearray(size), Blocks()
    for _ in range(300):
        offset, count = generator.randrange(size), generator.randint(1, 9000)
        count = min(count, size - offset)
        data = generator.choice((None, bytes([generator.randint(0, 3)]) * count))
        piece = Piece(0, offset, count, data)
        plain[offset : offset + count] = data or bytes(count)
        changed = disk.after([piece])
        key = disk.key_with(changed)
        disk.take(changed)
        assert disk.key == key == Blocks(dict(disk.blocks)).key
        told = bytearray(size)
        for start, run in disk.runs():
            told[start : start + len(run)] = run
        assert told == plain
        assert not any(set(block) == {0} for block in disk.blocks.values())


def test_later_piece_of_one_block_wins() -> None:
    disk = Blocks({0: b"o" * 4096})
    changed = disk.after([Piece(0, 0, 512, b"a" * 512), Piece(1, 256, 512, b"b" * 512)])
    assert changed == {0: b"a" * 256 + b"b" * 512 + b"o" * 3328}


def test_disks_that_differ_have_other_keys() -> None:
    one, other = Blocks({0: b"a" * 4096}), Blocks({1: b"a" * 4096})
    assert len({one.key, other.key, Blocks().key}) == 3
    assert one.key_with(one.after([Piece(0, 0, 4096, None)])) == Blocks().key


def test_data_of_programs_is_told_from_metadata() -> None:
    assert is_data(b"N" * 4096)
    assert not is_data(bytes(4096))
    assert not is_data(b"N" * 63 + b"M" * 4000)
    assert not is_data(None)
