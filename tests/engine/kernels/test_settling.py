"""Settling of images of the index: what no index has is refused, and what is left is an index at rest."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.kernels.settling import free_rest, settle
from powercut.engine.shared import settling
from powercut.engine.shared.settling import Settle, bind_settling
from powercut.engine.shared.spaces import words_of

FINAL = 1024
LINK = w.BUCKET_ENTRIES


def chart_of(mains: int, used: int, behind: int) -> memoryview:
    chart = words_of(w.C_LINKED + (used - mains + 63) // 64)
    chart[w.C_FINAL], chart[w.C_MAINS], chart[w.C_USED], chart[w.C_BEHIND] = FINAL, mains, used, behind
    return chart


@pytest.fixture
def index() -> memoryview:
    """Two main buckets, and one behind the first."""
    index = words_of(3 * w.BUCKET_WORDS)
    index[1] = 2 << w.TAG_SHIFT | 512
    index[2] = w.TENTATIVE | 5 << w.TAG_SHIFT
    index[3] = 6 << w.TAG_SHIFT | w.PENDING_ADDRESS
    index[4] = 7 << w.TAG_SHIFT | FINAL - 8
    index[LINK] = 2
    index[w.BUCKET_WORDS + LINK] = 3  # Linked after the image began.
    return index


def test_what_is_of_no_use_any_more_goes_and_the_rest_stays(index: memoryview) -> None:
    before = index.tolist()
    assert settle(index, chart_of(2, 3, 0), 0, 3) == 3
    changed = {at: index[at] for at, value in enumerate(before) if index[at] != value}
    assert changed == {2: 0, w.BUCKET_WORDS + LINK: 0}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (0, 1 << 62 | 64),  # A reserved bit.
        (0, 3 << w.TAG_SHIFT | FINAL),  # A record at the end,
        (0, 3 << w.TAG_SHIFT | w.ADDRESS_MASK - 7),  # or far behind it,
        (6, 3 << w.TAG_SHIFT | 68),  # or between two words.
        (LINK, 1),  # A link to a main bucket,
        (w.BUCKET_WORDS + LINK, 2),  # or to one that has another before it,
        (2 * w.BUCKET_WORDS + LINK, 2),  # itself, say.
    ],
)
def test_what_no_index_has_is_refused_where_it_stands(index: memoryview, word: int, value: int) -> None:
    index[word] = value
    assert settle(index, chart_of(2, 3, 0), 0, 3) == word // w.BUCKET_WORDS


def test_overflow_buckets_that_no_link_leads_to_come_back() -> None:
    mains, used, behind = 2, 7, 3
    control, index, chart = words_of(w.CONTROL_WORDS), words_of((used + behind) * 8), chart_of(2, 7, 3)
    index[LINK] = 4
    for bucket in range(mains, used):
        index[(bucket + behind) * 8] = 9 << w.TAG_SHIFT | 64 * bucket
    index[(4 + behind) * 8 + LINK] = 6
    assert settle(index, chart, 0, 2) == 2
    assert settle(index, chart, mains + behind, used + behind) == used + behind
    free_rest(control, index, chart)
    assert (index[LINK], index[(4 + behind) * 8 + LINK]) == (4 + behind, 6 + behind)
    assert [index[(bucket + behind) * 8] != 0 for bucket in range(2, 7)] == [False, False, True, False, True]
    assert control[w.OVERFLOW_NEXT] == 5
    assert control[w.OVERFLOW_FREE] >> w.FREE_SHIFT == 3
    bucket, seen = control[w.OVERFLOW_FREE] & w.FREE_MASK, list[int]()
    while bucket:
        seen.append(bucket)
        assert index[bucket * 8 + LINK] & w.REFUSED
        bucket = index[bucket * 8 + LINK] & w.FREE_MASK
    assert seen == [2 + behind, 3 + behind, 5 + behind]
    assert all(one < other for one, other in pairwise(seen))


def test_none_that_is_left_over_is_none_that_comes_back() -> None:
    control, index, chart = words_of(w.CONTROL_WORDS), words_of(3 * 8), chart_of(2, 3, 0)
    index[LINK] = 2
    assert settle(index, chart, 0, 3) == 3
    free_rest(control, index, chart)
    assert (control[w.OVERFLOW_NEXT], control[w.OVERFLOW_FREE]) == (1, 0)


@pytest.mark.parametrize("place", [0, w.SETTLED_AT_ONCE - 1, w.SETTLED_AT_ONCE, 2 * w.SETTLED_AT_ONCE + 1])
@pytest.mark.parametrize(
    ("slot", "value", "left"),
    [
        (0, 1 << 62 | 64, None),
        (6, 3 << w.TAG_SHIFT | FINAL, None),
        (3, 3 << w.TAG_SHIFT | 68, None),
        (LINK, 1, None),
        (0, w.TENTATIVE | 5 << w.TAG_SHIFT | 64, 0),
        (6, w.TENTATIVE, 0),
        (6, 3 << w.TAG_SHIFT | w.PENDING_ADDRESS, 3 << w.TAG_SHIFT | w.PENDING_ADDRESS),
        (LINK, 500, 0),
    ],
)
def test_one_among_many_is_seen_wherever_it_stands(
    place: int, slot: int, value: int, left: int | None
) -> None:
    mains = 2 * w.SETTLED_AT_ONCE + 2
    index, chart = words_of(2 * mains * w.BUCKET_WORDS), chart_of(mains, 2 * mains, 0)
    for bucket in range(mains):  # All have a link, and entries beside it.
        index[bucket * 8 + 1] = bucket << w.TAG_SHIFT | 8 * (bucket + 1) % FINAL
        index[bucket * 8 + LINK] = 2 * mains - 1 - bucket
    index[place * 8 + slot] = value
    before = index.tolist()
    reached = settle(index, chart, 0, 2 * mains)
    assert reached == (place if left is None else 2 * mains)
    if left is not None:
        before[place * 8 + slot] = left
        assert index.tolist() == before


def drawn(chosen: random.Random) -> tuple[memoryview, memoryview, int, int]:
    """An image, right or wrong in a place or two."""
    mains, more, behind = 1 << chosen.randrange(9), chosen.randrange(150), chosen.randrange(3)
    used = mains + more
    index = words_of((used + behind) * w.BUCKET_WORDS)
    places = [*range(mains), *range(mains + behind, used + behind)]
    for place in places:
        for slot in range(chosen.randrange(8)):
            address = chosen.choice((w.PENDING_ADDRESS, 8 * chosen.randrange(8, FINAL // 8)))
            index[place * 8 + slot] = chosen.getrandbits(w.TAG_BITS) << w.TAG_SHIFT | address
            if chosen.random() < 0.1:
                index[place * 8 + slot] |= w.TENTATIVE
    links = chosen.sample(range(mains, used), more)
    for place in chosen.sample(places, min(len(places), len(links))):
        index[place * 8 + LINK] = links.pop() if chosen.random() < 0.8 else used + chosen.randrange(9)
    for _ in range(chosen.choice((0, 0, 0, 1, 2))):
        index[chosen.choice(places) * 8 + chosen.randrange(8)] = chosen.getrandbits(chosen.choice((3, 9, 64)))
    return index, chart_of(mains, used, behind), mains, used


@pytest.mark.skipif(not available(), reason="needs powercut[speed]")
def test_compiled_is_what_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "COMPILED_LEAST", 0)
    wrong = 0
    for seed in range(400):
        found = []
        for is_compiled in (False, True):
            index, chart, mains, used = drawn(random.Random(seed))
            control = words_of(w.CONTROL_WORDS)
            work: Settle = bind_settling(control, index, used, is_compiled=is_compiled)
            reached = [work(chart, 0, mains)]
            behind = chart[w.C_BEHIND]
            if reached == [mains] and used > mains:
                reached.append(work(chart, mains + behind, used + behind))
            is_right = reached in ([mains], [mains, used + behind])
            wrong += not is_right
            if is_right:
                assert work(chart, 0, 0) == 0
            found.append((reached, control.tolist(), index.tolist(), chart.tolist()))
        assert found[0] == found[1], seed
    assert 100 < wrong < 700


def test_small_ones_are_not_worth_the_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Callable[[], object]] = []
    monkeypatch.setattr("powercut.engine.compiler.compilation.load_compiled", lambda: loaded.append)
    work = bind_settling(words_of(w.CONTROL_WORDS), words_of(3 * 8), 3, is_compiled=True)
    assert work(chart_of(2, 3, 0), 0, 3) == 3
    assert loaded == []
