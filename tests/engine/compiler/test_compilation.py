"""Compiled kernels do what the interpreted ones do, are refused where they could not, and are kept rightly.

The kernels that are compared are small ones of this file and those of `kernels/probe`; whole batches are
compared where stores are (`test_modes`, the model tests).
"""

import random
import sys
import threading
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from powercut.engine.compiler import compilation
from powercut.engine.compiler.compilation import Compiled
from powercut.engine.compiler.sources import source_of
from powercut.engine.kernels import picks, probe, records, settling, splits, walks, words

pytestmark = pytest.mark.skipif(not compilation.available(), reason="needs powercut[speed]")

MASK64 = (1 << 64) - 1
CONSTANTS = {name: value for name, value in vars(words).items() if type(value) is int}
HEAD = """from . import words as w
from .atomics import Space, cas, copy, fetch_add, load, prefetch, same, store
"""

SAMPLE = (
    HEAD
    + '''
from .probe import claim_slot, find_slot, hash_words
from .splits import split
from .picks import run_pick
from .walks import next_record, relink, run_walk

MASK64 = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def numbers(batch: Space, a: int, b: int) -> int:
    """Every operator of the dialect, and constants on both sides of 2**63."""
    mixed = ((a + b) & MASK64) ^ ((a * _STEP) & MASK64)
    mixed ^= (a & ~w.ADDRESS_MASK) | (b >> w.VERSION_SHIFT)
    mixed = (mixed + a // (b | 1) + b % (a | 1)) & MASK64
    if a > b:
        mixed = (mixed - (mixed & b)) & MASK64
    low = mixed if mixed < 1 << 63 <= a else a & 0xFF
    for step in range(low & 7, 13):
        if step == 9:
            continue
        if not (step * low & 64 or b & 1) and step > 11:
            break
        mixed = (mixed << (step & 31) | low) & MASK64
    while mixed & 3 != 0:
        mixed >>= 1
    batch[w.OP_RESULT] = mixed
    batch[w.OP_RESULT] += 1 if mixed != MASK64 else 0
    return low


def shared(log: Space, a: int, b: int) -> bool:
    """Every atomic; the words it works on are those of `a` and `b` modulo 32."""
    here, there = pair_of(a, b)
    prefetch(log, here)
    store(log, here, load(log, here) >> 1)
    old = fetch_add(log, here, b & 0xFFFF)
    is_won = cas(log, there, old, a)
    store(log, here, load(log, there) ^ a)
    copy(log, 32 + (a & 15), log, 64 + (b & 15), a & 7)
    return is_won == same(log, 64, log, 64 + (b & 3), b & 1)


def pair_of(a: int, b: int) -> tuple[int, int]:
    return a & 31, b & 31


def run_batch(control: Space, index: Space, log: Space, epochs: Space, batch: Space) -> int:
    kind = batch[w.B_KIND]
    a = batch[w.OP_KEY]
    b = batch[w.OP_VALUE]
    if kind == 1:
        return numbers(batch, a, b)
    if kind == 2:
        return 7 if shared(log, a, b) else 8
    if kind == 3:
        return hash_words(log, a & 127, b & 255, MASK64)
    if kind == 4:
        return claim_slot(control, index, a)
    if kind == 5:
        return find_slot(control, index, a)
    if kind == 6:
        return next_record(control, log, a & 0x3F8, 1024)
    if kind == 7:
        control[60] = 1
        return wait(control)
    return kind


def wait(control: Space) -> int:
    """Whether another thread changes a word while this one works."""
    for _ in range(1 << 34):
        if load(control, 61) != 0:
            return 1
    return 0
'''
)
SOURCES = {
    "probe": source_of(probe),
    "records": source_of(records),
    "picks": source_of(picks),
    "walks": source_of(walks),
    "splits": source_of(splits),
    "settling": source_of(settling),
    "sample": SAMPLE,
}


class World:
    """Five spaces in memory of this test, and kernels that work on them."""

    def __init__(self, seed: int) -> None:
        chosen = random.Random(seed)
        self.control = array("Q", bytes(8 * 64))
        self.control[words.BUCKET_MASK] = 3
        self.control[words.MAIN_COUNT] = self.control[words.MAIN_ROOM] = 4
        self.control[words.OVERFLOW_END] = 8
        self.control[words.RING_MASK] = 127
        self.control[words.UNIT_MASK] = 63
        self.control[words.HASH_MASK] = MASK64
        self.index = array("Q", bytes(8 * 64))
        for bucket in range(4):
            self.index[8 * bucket + 1] = (bucket << 61 >> words.TAG_FROM) << words.TAG_SHIFT | 64 + bucket
        self.log = array("Q", (chosen.choice((0, chosen.getrandbits(64))) for _ in range(256)))
        self.epochs = array("Q", bytes(64))
        self.batch = array("Q", bytes(8 * 512))
        for word, space in enumerate(self.spaces[:4]):
            self.batch[word] = address_of(space)
        self.batch[words.B_KEYS], self.batch[words.B_VALUES], self.batch[words.B_COUNT] = 100, 200, 1

    @property
    def spaces(self) -> list["array[int]"]:
        return [self.control, self.index, self.log, self.epochs, self.batch]

    @property
    def address(self) -> int:
        return address_of(self.batch)

    def content(self) -> list[list[int]]:
        return [space.tolist() for space in self.spaces[:4]] + [self.batch[4:].tolist()]


def address_of(space: "array[int]") -> int:
    return space.buffer_info()[0]


def interpreted(source: str) -> dict[str, Any]:
    """The module that Python makes of a kernel source of this file."""
    package = "powercut.engine.kernels"
    namespace: dict[str, Any] = {"__name__": f"{package}.sample", "__package__": package}
    exec(source, namespace)
    return namespace


@pytest.fixture(scope="session")
def compiled() -> Compiled:
    """Kept where all kernels are: sources, translator and machine are in the name of its folder."""
    return compilation.load_from(SOURCES, CONSTANTS, compilation.cache_root())


@pytest.fixture
def world() -> World:
    return World(1)


# -- the same results --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", range(1, 7))
def test_compiled_kernel_does_what_the_interpreted_one_does(compiled: Compiled, kind: int) -> None:
    run_batch = interpreted(SAMPLE)["run_batch"]
    machine, plain = World(kind), World(kind)
    views = [memoryview(space) for space in plain.spaces]
    chosen = random.Random(kind)
    seen = set()
    for _ in range(2_000):
        # Few different words, so that tags meet, and the borders of a word.
        a, b = (
            chosen.choice(
                (chosen.getrandbits(64), chosen.getrandbits(3) << 61, chosen.getrandbits(6), MASK64)
            )
            for _ in range(2)
        )
        for world in (machine, plain):
            world.batch[words.B_KIND], world.batch[words.OP_KEY], world.batch[words.OP_VALUE] = kind, a, b
        why = compiled.run(machine.address)
        assert why == run_batch(*views)
        assert machine.content() == plain.content()
        seen.add(why)
    assert len(seen) > 1


def test_relink_does_what_the_interpreted_one_does(compiled: Compiled) -> None:
    reached = set()
    for seed in range(200):
        machine, plain = World(seed), World(seed)
        chosen = random.Random(seed)
        sizes = [chosen.choice((0, 3, 4)) for _ in range(40)]
        for world in (machine, plain):
            at = 0
            for number, allocated in enumerate(sizes):
                world.log[at] = allocated | 8 << words.KEY_SHIFT if allocated else 0
                world.log[at + 1] = (number % 3 == 0) * words.INVALID | (number % 2) * words.LOCK
                world.log[at + 1] |= (number // 8) << words.VERSION_SHIFT
                # A scan goes on behind padding at the next unit.
                at = at + allocated if allocated else (at | 7) + 1
        groups = [array("Q", bytes(8 * words.GROUP_WORDS)) for _ in range(2)]
        stamps = chosen.choice((1 << 63, 0, 200)), chosen.choice((0, 300)), chosen.randrange(16)
        for group in groups:
            group[words.G_CHECKED], group[words.G_FUZZY], group[words.G_VERSION] = stamps
        addresses = [address_of(space) for space in (*machine.spaces[:3], groups[0])]
        views = [memoryview(space) for space in (*plain.spaces[:3], groups[1])]
        end = 8 * chosen.randrange(8, 100)
        a, b, c, d = addresses
        found = compiled.relink(a, b, c, d, 0, end)
        assert found == walks.relink(views[0], views[1], views[2], views[3], 0, end)
        assert machine.content() == plain.content()
        reached.add(found[1])
    assert {words.DONE, words.STRANGE} <= reached


def test_arithmetic_wraps_at_the_word(compiled: Compiled, world: World) -> None:
    place = address_of(world.log)
    world.log[0] = MASK64 - 1
    assert compiled.fetch_add(place, 3) == MASK64 - 1
    assert world.log[0] == 1
    assert compiled.cas(place, 1, MASK64) is True
    assert compiled.cas(place, 1, 5) is False
    assert world.log[0] == MASK64
    assert compiled.fetch_add(place + 8, 0) == world.log[1]


# -- entry points ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(26))
def test_key_and_value_are_staged_zero_padded(compiled: Compiled, world: World, size: int) -> None:
    chosen = random.Random(size)
    key, value = chosen.randbytes(size), chosen.randbytes(25 - size)
    for number in range(50, 400):
        world.batch[number] = MASK64
    before = world.batch[50:]
    assert compiled.run_pair(world.address, 40, key, value) == 40
    for start, data in ((100, key), (200, value)):
        count = -(-len(data) // 8)
        assert world.batch[start : start + count].tobytes() == data.ljust(8 * count, b"\0")
        before[start - 50 : start - 50 + count] = world.batch[start : start + count]
    assert world.batch[50:] == before
    header = [world.batch[word] for word in (words.B_KEY_BYTES, words.B_VALUE_BYTES, words.B_KIND)]
    assert header == [len(key), len(value), 40]
    assert [world.batch[word] for word in (words.B_START, words.B_COUNT, words.B_ISSUE)] == [0, 1, 1]
    assert compiled.run_key(world.address, 41, value) == 41
    assert world.batch[words.B_KEY_BYTES] == len(value)
    assert world.batch[words.B_VALUE_BYTES] == len(value)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda k, a: k.run("1"), TypeError),
        (lambda k, a: k.run(-1), OverflowError),
        (lambda k, a: k.run(1 << 64), OverflowError),
        (lambda k, a: k.run_key(a, 40, "key"), TypeError),
        (lambda k, a: k.run_key(a, 40, bytearray(8)), TypeError),
        (lambda k, a: k.run_pair(a, 40, b"key", None), TypeError),
        (lambda k, a: k.run_pair(a, 1.5, b"key", b""), TypeError),
        (lambda k, a: k.cas(a, 0, -1), OverflowError),
        (lambda k, a: k.relink(a, a, a, a, 0, None), TypeError),
    ],
)
def test_argument_of_the_wrong_type_is_refused_before_any_effect(
    compiled: Compiled, world: World, call: Callable[[Any, int], object], expected: type[Exception]
) -> None:
    before = world.content()
    with pytest.raises(expected):
        call(compiled, world.address)
    assert world.content() == before


@pytest.mark.parametrize(
    "call",
    [
        lambda k, a: k.run(),
        lambda k, a: k.run(a, 1),
        lambda k, a: k.run_key(a, 40),
        lambda k, a: k.run_pair(a, 40, b"key"),
        lambda k, a: k.fetch_add(a),
    ],
)
def test_wrong_number_of_arguments_is_refused_before_one_is_read(
    compiled: Compiled, world: World, call: Callable[[Any, int], object]
) -> None:
    # What stands behind the last argument is anyone's: to look at it would be another error, or none.
    with pytest.raises(TypeError, match="bad argument type"):
        call(compiled, world.address)


def test_calls_keep_no_references(compiled: Compiled, world: World) -> None:
    key, value, address, big = b"a key of some length", b"a value", world.address, (1 << 63) + 1
    objects = (key, value, address, big)
    place = address_of(world.log)
    before = [sys.getrefcount(item) for item in objects]
    for _ in range(1_000):
        compiled.run_pair(address, 40, key, value)
        compiled.run_key(address, 41, value)
        compiled.run(address)
        compiled.cas(place, big, big)
        compiled.fetch_add(place, big)
    assert [sys.getrefcount(item) for item in objects] == before
    found = compiled.relink(place, place, place, place, big, big)
    assert found == (big, words.DONE)
    assert sys.getrefcount(found) == 2


def test_long_batch_gives_the_interpreter_to_other_threads(compiled: Compiled, world: World) -> None:
    world.batch[words.B_KIND], world.batch[words.B_COUNT] = 7, 1_000
    why: list[int] = []
    worker = threading.Thread(target=lambda: why.append(compiled.run(world.address)))
    worker.start()
    while world.control[60] == 0:
        pass
    world.control[61] = 1
    worker.join()
    assert why == [1]
