"""Records under races that are played by hand: torn reads, locks, seals, spent sequences.

A second session's operation is run from the turn hook, between two accesses of the first's kernel, at every
such place in turn. Interpreted kernels, one task.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.checkpoint.parts import Parts
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.engine.sessions.staging import Rooms, Stage
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

Interrupt = Callable[[Callable[[], object], Callable[[], object], int], bool]

KEY = b"key"
VALUE_WORDS = 8
ONE = (1).to_bytes(8, "little")
KINDS = {"upsert": w.UPSERT, "insert": w.INSERT, "delete": w.DELETE, "swap": w.SWAP, "add": w.ADD}


class Sides:
    """Two sessions on one store, each with a stage, and no driver: what a kernel stops for is told."""

    def __init__(self, parts: Parts) -> None:
        self.spaces: Spaces = parts.log.spaces
        self.spaces.control[w.IMAGING] = w.COPIED  # So that slots stay, and tombstones are found.
        self.seen: list[tuple[int, bytes | None]] = []
        self.one, self.other = (
            Stage(self.spaces, parts.shared.mode, parts.sessions.open(name).row, Rooms(1, 2, VALUE_WORDS))
            for name in ("one", "other")
        )

    def read(self, stage: Stage) -> tuple[int, bytes | None]:
        """(why, value)."""
        why = stage.kernels.run_key(w.READ, KEY)
        told = stage.batch[stage.results]
        is_found = why == w.DONE and told & w.RESULT_MASK == w.FOUND
        return why, stage.value(0, told) if is_found else None

    def look(self) -> None:
        self.seen.append(self.read(self.one))

    def change(self, stage: Stage, kind: int, value: bytes = b"", expected: bytes | None = None) -> int:
        stage.expect(expected)
        if kind == w.DELETE:
            return stage.kernels.run_key(kind, KEY)
        return stage.kernels.run_pair(kind, KEY, value)

    @property
    def at(self) -> int:
        """First word of the newest record of the only chain."""
        (entry,) = (word for n, word in enumerate(self.spaces.index) if word & w.ADDRESS_MASK and n % 8 != 7)
        return ((entry & w.ADDRESS_MASK) >> 3) & self.spaces.control[w.RING_MASK]

    @property
    def link(self) -> int:
        return self.spaces.log[self.at + w.LINK]


@pytest.fixture
def sides(parts: Parts) -> Iterator[Sides]:
    yield Sides(parts)
    set_turn(None)


Fresh = Callable[[], Iterator[tuple[int, Sides]]]


@pytest.fixture
def fresh(tiny: Settings) -> Fresh:
    """A new store for every place to interrupt at; whoever takes them breaks after the last."""

    def stores() -> Iterator[tuple[int, Sides]]:
        for at in count():
            store = FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=SteppedRuntime())
            yield at, Sides(store._parts)

    return stores


# -- torn reads --------------------------------------------------------------------------------------

OLD = b"old-old-OLD-OLD-old."
WRITES: dict[str, tuple[bytes, Callable[[Sides], int], bytes | None]] = {
    "of equal length": (OLD, lambda s: s.change(s.other, w.UPSERT, OLD.swapcase()), OLD.swapcase()),
    "shorter": (OLD, lambda s: s.change(s.other, w.UPSERT, b"new"), b"new"),
    "longer": (OLD, lambda s: s.change(s.other, w.UPSERT, b"new" * 20), b"new" * 20),
    "of one word": (b"one word", lambda s: s.change(s.other, w.UPSERT, b"another!"), b"another!"),
    "a swap": (OLD, lambda s: s.change(s.other, w.SWAP, OLD.upper(), OLD), OLD.upper()),
    "a delete": (OLD, lambda s: s.change(s.other, w.DELETE), None),
    "an addition": (bytes(8), lambda s: s.change(s.other, w.ADD, b"\1" * 8), b"\1" * 8),
}


@pytest.mark.parametrize("write", list(WRITES))
def test_a_read_that_a_write_comes_between_finds_the_old_or_the_new_value(
    fresh: Fresh, write: str, interrupt: Interrupt
) -> None:
    old, do, new = WRITES[write]
    found: list[bytes | None] = []
    for at, sides in fresh():
        sides.change(sides.one, w.UPSERT, old)
        came = interrupt(sides.look, partial(do, sides), at)
        why, value = sides.seen[0]
        assert why == w.DONE
        assert value in (old, new), at
        found.append(value)
        if not came:
            break
    assert found[0] == new
    assert found[-1] == old
    assert len(found) > 10


@pytest.mark.parametrize("write", list(WRITES))
def test_a_read_in_the_middle_of_a_write_finds_the_old_or_the_new_value_or_gives_up(
    fresh: Fresh, write: str, interrupt: Interrupt
) -> None:
    old, do, new = WRITES[write]
    whys: set[int] = set()
    for at, sides in fresh():
        sides.change(sides.one, w.UPSERT, old)
        if not interrupt(partial(do, sides), sides.look, at):
            break
        assert sides.read(sides.one) == (w.DONE, new)
        why, value = sides.seen[0]
        assert why in (w.DONE, w.RETRY)
        assert why == w.RETRY or value in (old, new), at
        whys.add(why)
    # A delete takes one compare and swap, so nobody ever sees it half done.
    assert whys == ({w.DONE} if write == "a delete" else {w.DONE, w.RETRY})


def test_a_read_that_a_write_half_done_comes_between_finds_the_old_value_or_gives_up(
    fresh: Fresh, interrupt: Interrupt
) -> None:
    """The writer has the lock, has changed one word, and does not get on."""
    for at, sides in fresh():
        sides.change(sides.one, w.UPSERT, OLD)
        log, word = sides.spaces.log, sides.at

        def lock(log: Space = log, word: int = word) -> None:
            log[word + w.LINK] |= w.LOCK
            log[word + 4] ^= 1

        if not interrupt(sides.look, lock, at):
            break
        assert sides.seen in ([(w.RETRY, None)], [(w.DONE, OLD)]), at
    assert at > 10


@pytest.mark.parametrize("is_frozen", [False, True])
def test_two_additions_at_once_are_both_there_or_one_gives_up(
    fresh: Fresh, is_frozen: bool, interrupt: Interrupt
) -> None:
    """At whatever place the other one comes, none is lost and none is done twice."""
    seen: set[tuple[int, ...]] = set()
    for at, sides in fresh():
        sides.change(sides.one, w.UPSERT, bytes(8))
        if is_frozen:  # Both have to copy.
            control = sides.spaces.control
            control[w.READ_ONLY] = control[w.SAFE_READ_ONLY] = control[w.TAIL]
        whys: list[int] = []
        add, other = (change_into(whys, sides, w.ADD, ONE, is_other) for is_other in (False, True))
        if not interrupt(add, other, at):
            break
        assert set(whys) <= {w.DONE, w.RETRY}
        assert w.DONE in whys
        assert sides.read(sides.one) == (w.DONE, whys.count(w.DONE).to_bytes(8, "little")), at
        seen.add(tuple(whys))
    assert len(seen) > 1


@pytest.mark.parametrize("kind", ["insert", "swap"])
def test_two_who_both_expect_no_value_do_not_both_succeed(
    fresh: Fresh, kind: str, interrupt: Interrupt
) -> None:
    for at, sides in fresh():
        whys: list[int] = []
        one = change_into(whys, sides, KINDS[kind], b"one")
        if not interrupt(one, change_into(whys, sides, KINDS[kind], b"other", True), at):
            break
        done = [
            why == w.DONE and not (kind == "insert" and stage.batch[stage.results] == w.FOUND)
            for why, stage in zip(whys, (sides.other, sides.one), strict=True)
        ]
        assert done.count(True) == 1, (at, whys)
        assert sides.read(sides.one) == (w.DONE, b"other" if done[0] else b"one")


def change_into(
    whys: list[int], sides: Sides, kind: int, value: bytes, is_other: bool = False
) -> Callable[[], None]:
    """The other's comes first in `whys`, for it runs inside."""
    return lambda: whys.append(sides.change(sides.other if is_other else sides.one, kind, value))


# -- sequences ---------------------------------------------------------------------------------------


def test_a_record_whose_sequence_is_spent_is_copied(sides: Sides) -> None:
    """A reader could otherwise find the same link again after as many changes as the sequence has values."""
    batch = sides.one.batch
    values = [b"%020d" % number for number in range(600)]
    links = set()
    for number, value in enumerate(values):
        assert sides.change(sides.one, w.UPSERT, value) == w.DONE
        assert sides.read(sides.other) == (w.DONE, value)
        place = (sides.at, sides.link)
        assert place not in links
        links.add(place)
        assert batch[w.N_IN_PLACE] == number - number // 256
        assert batch[w.N_COPIED] == number // 256


def test_one_word_for_one_word_spends_no_sequence(sides: Sides) -> None:
    sides.change(sides.one, w.UPSERT, bytes(8))
    place = (sides.at, sides.link)
    for number in range(1, 600):
        assert sides.change(sides.one, w.UPSERT, number.to_bytes(8, "big")) == w.DONE
        assert sides.change(sides.one, w.ADD, b"\1" + bytes(7)) == w.DONE
    assert (sides.at, sides.link) == place
    assert sides.one.batch[w.N_COPIED] == 0


# -- locks and seals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("held", [w.LOCK, w.SEALED])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_what_another_holds_is_left_alone(sides: Sides, kind: str, held: int, is_deleted: bool) -> None:
    sides.change(sides.one, w.UPSERT, b"12345678")
    if is_deleted:
        sides.change(sides.one, w.DELETE)
    sides.spaces.log[sides.at + w.LINK] |= held
    before = bytes(sides.spaces.log), bytes(sides.spaces.index), sides.spaces.control[w.TAIL]
    is_nothing_to_do = held == w.SEALED and (kind, is_deleted) in (("insert", False), ("delete", True))
    expected = None if is_deleted else b"12345678"
    why = sides.change(sides.one, KINDS[kind], b"87654321", expected)
    assert why == (w.DONE if is_nothing_to_do else w.RETRY)
    assert (bytes(sides.spaces.log), bytes(sides.spaces.index), sides.spaces.control[w.TAIL]) == before
    # A sealed record does not change any more, and its copy is not published: it is the value.
    assert sides.read(sides.other) == ((w.RETRY, None) if held == w.LOCK else (w.DONE, expected))


@pytest.mark.parametrize("kind", ["upsert", "swap", "add", "delete"])
def test_a_fuzzy_record_is_written_by_nobody(sides: Sides, kind: str) -> None:
    """A session that has not seen the new read-only address may still write it in place (P2)."""
    sides.change(sides.one, w.UPSERT, b"12345678")
    control = sides.spaces.control
    control[w.READ_ONLY] = control[w.TAIL]
    before = bytes(sides.spaces.log), bytes(sides.spaces.index), control[w.TAIL]
    assert sides.change(sides.one, KINDS[kind], b"87654321", b"12345678") == w.RETRY
    assert (bytes(sides.spaces.log), bytes(sides.spaces.index), control[w.TAIL]) == before
    assert sides.read(sides.one) == (w.DONE, b"12345678")
    control[w.SAFE_READ_ONLY] = control[w.READ_ONLY]
    at = sides.at
    assert sides.change(sides.one, KINDS[kind], b"87654321", b"12345678") == w.DONE
    assert sides.at != at
    assert bytes(sides.spaces.log)[: at + 40] == before[0][: at + 40]


@pytest.mark.parametrize("why", [w.PAGE_FULL, w.RETRY])
@pytest.mark.parametrize("kind", [w.UPSERT, w.SWAP])
def test_a_seal_is_undone_where_the_copy_is_not_published(sides: Sides, kind: int, why: int) -> None:
    """No room in the page; or another record of the chain is published first, so the entry has changed."""
    value, old = b"new" * 9, b"12345678"
    sides.change(sides.one, w.UPSERT, old)
    at, link = sides.at, sides.link
    spaces, control = sides.spaces, sides.spaces.control
    sealed: list[int] = []
    (slot,) = (n for n, word in enumerate(spaces.index) if word & w.ADDRESS_MASK and n % 8 != 7)
    entry = spaces.index[slot]

    def hook(space: Space, word: int, is_write: bool) -> None:
        if space is spaces.log and word == at + w.LINK and space[word] & w.SEALED:
            sealed.append(space[word])
        if why == w.RETRY and space is spaces.index and word == slot and is_write:
            space[word] = entry ^ w.TENTATIVE

    end = control[w.PAGE_END]
    if why == w.PAGE_FULL:
        control[w.PAGE_END] = control[w.TAIL]
    set_turn(hook)
    assert sides.change(sides.one, kind, value, old) == why
    set_turn(None)
    assert sealed
    assert spaces.log[at + w.LINK] == link
    control[w.PAGE_END], spaces.index[slot] = end, entry
    assert sides.read(sides.other) == (w.DONE, old)
    assert sides.change(sides.other, kind, value, old) == w.DONE
    assert sides.read(sides.one) == (w.DONE, value)
    assert spaces.log[at + w.LINK] & w.SEALED


def test_a_tail_that_others_keep_moving_is_given_up(sides: Sides) -> None:
    control = sides.spaces.control
    tries: list[int] = []

    def hook(space: Space, word: int, is_write: bool) -> None:
        if space is control and word == w.TAIL and is_write:
            tries.append(space[word])
            space[word] += 8

    set_turn(hook)
    assert sides.change(sides.one, w.UPSERT, b"v") == w.RETRY
    set_turn(None)
    assert len(tries) == w.ATTEMPTS


@pytest.mark.parametrize(
    ("kind", "value", "expected", "why"),
    [
        (w.SWAP, b"87654321", b"12345679", w.CHANGED),
        (w.SWAP, b"87654321", b"1234567", w.CHANGED),
        (w.SWAP, b"87654321", None, w.CHANGED),
        (w.ADD, b"87654321", None, w.MISFIT),
    ],
)
@pytest.mark.parametrize("is_frozen", [False, True])
def test_what_does_not_come_about_leaves_the_record_as_it_was(
    sides: Sides, kind: int, value: bytes, expected: bytes | None, why: int, is_frozen: bool
) -> None:
    sides.change(sides.one, w.UPSERT, b"1234567" if kind == w.ADD else b"12345678")
    control = sides.spaces.control
    if is_frozen:
        control[w.READ_ONLY] = control[w.SAFE_READ_ONLY] = control[w.TAIL]
    before = bytes(sides.spaces.log), bytes(sides.spaces.index), control[w.TAIL]
    assert sides.change(sides.one, kind, value, expected) == why
    assert (bytes(sides.spaces.log), bytes(sides.spaces.index), control[w.TAIL]) == before
