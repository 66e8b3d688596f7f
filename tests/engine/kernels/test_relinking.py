"""Relinking, group by group of records: compiled as interpreted, and to the first that cannot be."""

import random

import pytest

from powercut.engine.compiler.compilation import available, load_compiled
from powercut.engine.kernels import words as w
from powercut.engine.kernels.walks import relink
from powercut.engine.shared.spaces import address_of, words_of

pytestmark = pytest.mark.skipif(not available(), reason="needs powercut[speed]")

RECORD = 3 * w.WORD_BYTES
OWN, LATER = 3, 5


def spaces_of(keys: list[int], odd: int) -> list[memoryview]:
    """Control, index, log and group for records of these keys; from number `odd` on of a later version."""
    control, index, log, group = (words_of(size) for size in (64, 16 * 8, 1024, w.GROUP_WORDS))
    control[w.BUCKET_MASK], control[w.MAIN_COUNT], control[w.MAIN_ROOM], control[w.OVERFLOW_END] = 3, 4, 4, 16
    control[w.RING_MASK], control[w.UNIT_MASK], control[w.HASH_MASK] = 1023, 63, w.MASK64
    group[w.G_VERSION] = OWN
    for number, key in enumerate(keys):
        at = 3 * number
        log[at + w.SIZES] = 3 | 8 << w.KEY_SHIFT
        log[at + w.LINK] = (LATER if number >= odd else OWN) << w.VERSION_SHIFT | (key % 3 == 0) * w.TOMBSTONE
        log[at + w.RECORD_HEADER_WORDS] = key
    return [control, index, log, group]


@pytest.mark.parametrize("count", [1, w.RELINKED - 1, w.RELINKED, w.RELINKED + 1, 2 * w.RELINKED + 9])
@pytest.mark.parametrize("behind", [0, 1, w.RELINKED // 2])
def test_all_records_are_named_up_to_the_first_that_cannot_be(count: int, behind: int) -> None:
    for seed in range(10):
        chosen = random.Random(seed)
        keys, odd = [chosen.randrange(40) for _ in range(count)], max(count - behind, 0)
        machine, plain = spaces_of(keys, odd), spaces_of(keys, odd)
        a, b, c, d = (address_of(space) for space in machine)
        found = load_compiled().relink(a, b, c, d, 0, RECORD * count)
        assert found == relink(plain[0], plain[1], plain[2], plain[3], 0, RECORD * count)
        assert found == ((RECORD * count, w.DONE) if odd == count else (RECORD * odd, w.STRANGE))
        assert [space.tolist() for space in machine[:3]] == [space.tolist() for space in plain[:3]]
        if odd == count:
            newest = {key: RECORD * number for number, key in enumerate(keys) if key % 3}
            named = [entry & w.ADDRESS_MASK for entry in plain[1] if entry >> w.TAG_SHIFT]
            assert set(newest.values()) <= {*named, 0}
