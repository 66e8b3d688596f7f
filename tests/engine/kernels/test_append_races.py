"""Appends beside others, played by hand: fuzzy and frozen regions, versions, spent sequences, races.

A second session's operation is run from the turn hook, between two accesses of the first's kernel, at every
such place in turn. Interpreted kernels, one task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import set_turn
from powercut.engine.sessions.staging import Rooms, Stage
from powercut.engine.shared.phases import Phase
from powercut.verifier.faster.stepped import SteppedRuntime

Interrupt = Callable[[Callable[[], object], Callable[[], object], int], bool]

RECORD_BYTES_MAX = 1024 - w.FIRST_ADDRESS  # Of the tiny geometry.


class Sides:
    """Two sessions on one store, each with a stage, and no driver; interpreted kernels, one task."""

    def __init__(self, settings: Settings) -> None:
        self.store = FasterKv.open(
            MemoryDevice(), create=True, settings=settings, runtime=SteppedRuntime(), kernels="interpreted"
        )
        self.parts = self.store._parts
        self.spaces = self.parts.log.spaces
        self.states = [self.parts.sessions.open(name) for name in ("one", "other")]
        self.one, self.other = (
            Stage(self.spaces, self.parts.shared.mode, state.row, Rooms(1, 2, 16)) for state in self.states
        )
        for stage in (self.one, self.other):
            stage.batch[w.B_RECORD_WORDS] = RECORD_BYTES_MAX // w.WORD_BYTES

    def run(self, stage: Stage, kind: int, value: bytes) -> int:
        return stage.kernels.run_pair(kind, b"key", value)

    def read(self) -> bytes:
        told = self.one.kernels.run_key(w.READ, b"key")
        assert told == w.DONE
        return self.one.value(0, self.one.batch[self.one.results])

    def freeze(self) -> None:
        control = self.spaces.control
        control[w.READ_ONLY] = control[w.SAFE_READ_ONLY] = control[w.TAIL]

    @property
    def link_at(self) -> int:
        """The link of the newest record of the only chain."""
        (entry,) = (word for n, word in enumerate(self.spaces.index) if word & w.ADDRESS_MASK and n % 8 != 7)
        return (((entry & w.ADDRESS_MASK) >> 3) & self.spaces.control[w.RING_MASK]) + w.LINK


@pytest.fixture
def sides(tiny: Settings) -> Iterator[Sides]:
    yield Sides(tiny)
    set_turn(None)


def test_fuzzy_region_is_left_alone(sides: Sides) -> None:
    control = sides.spaces.control
    assert sides.run(sides.one, w.UPSERT, b"value") == w.DONE
    control[w.READ_ONLY] = control[w.TAIL]
    before = bytes(sides.spaces.log)
    assert sides.run(sides.one, w.APPEND, b"+") == w.RETRY
    assert bytes(sides.spaces.log) == before
    control[w.SAFE_READ_ONLY] = control[w.TAIL]
    assert sides.one.kernels.run() == w.DONE
    assert sides.read() == b"value+"


def test_record_of_the_old_version_is_copied_and_one_of_the_next_is_left(sides: Sides) -> None:
    """P3: the v + 1 session has room in place and does not take it; the v session shifts first."""
    control, parts = sides.spaces.control, sides.parts
    sides.run(sides.one, w.UPSERT, bytes(40))
    sides.run(sides.one, w.UPSERT, b"v")
    old = sides.link_at
    parts.shared.system.set_fuzzy_start(control[w.TAIL])
    parts.shared.system.set(1, Phase.PREPARE)
    parts.shared.system.set(2, Phase.IN_PROGRESS)
    parts.sessions.shift_all()
    record = [sides.spaces.log[old + word] for word in (-1, 1, 2, 3)]  # All but the link, which is sealed.
    assert sides.run(sides.other, w.APPEND, b"+1") == w.DONE
    assert sides.link_at != old
    assert [sides.spaces.log[old + word] for word in (-1, 1, 2, 3)] == record
    assert sides.read() == b"v+1"
    # The other has not noticed: it entered before the version's edge.
    sides.spaces.epochs[sides.states[0].row + w.ROW_VERSION] = 1
    before = bytes(sides.spaces.log)
    assert sides.run(sides.one, w.APPEND, b"-") == w.SHIFT
    assert bytes(sides.spaces.log) == before


def test_record_whose_sequence_is_spent_is_copied(sides: Sides) -> None:
    """P7: else two equal link words could stand around another value."""
    sides.run(sides.one, w.UPSERT, bytes(40))
    sides.run(sides.one, w.UPSERT, b"v")
    at = sides.link_at
    link = sides.spaces.log[at]
    for _ in range(w.SEQUENCE_MASK // w.SEQUENCE_UNIT - (link & w.SEQUENCE_MASK) // w.SEQUENCE_UNIT):
        assert sides.run(sides.one, w.APPEND, b"") == w.DONE
    assert sides.link_at == at
    assert sides.run(sides.one, w.APPEND, b"+") == w.DONE
    assert sides.link_at != at
    assert sides.read() == b"v+"


@pytest.mark.parametrize("is_frozen", [False, True])
def test_what_stands_behind_the_last_byte_means_nothing(sides: Sides, is_frozen: bool) -> None:
    sides.run(sides.one, w.UPSERT, b"value" if is_frozen else bytes(40))
    sides.run(sides.one, w.UPSERT, b"value")
    sides.spaces.log[sides.link_at + 2] |= 0xABCDEF << 40
    if is_frozen:
        sides.freeze()
    assert sides.run(sides.one, w.APPEND, b"\0+\0") == w.DONE
    assert sides.read() == b"value\0+\0"


# -- beside others -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["an append", "an upsert"])
@pytest.mark.parametrize("place", ["with room", "without room", "frozen", "absent"])
def test_two_at_once_are_both_there_or_one_gives_up(
    tiny: Settings, place: str, kind: str, interrupt: Interrupt
) -> None:
    """At whatever place the other one comes, none is lost and none is done twice."""
    seen: set[tuple[int, ...]] = set()
    before = b"" if place == "absent" else b"sixteen bytes..."
    for at in count():
        sides = Sides(tiny)
        if place == "with room":
            sides.run(sides.one, w.UPSERT, bytes(60))
        if before:
            sides.run(sides.one, w.UPSERT, before)
        if place == "frozen":
            sides.freeze()
        other = w.APPEND if kind == "an append" else w.UPSERT
        whys: list[int] = []

        def append(sides: Sides = sides, whys: list[int] = whys) -> None:
            whys.append(sides.run(sides.one, w.APPEND, b"-one-"))

        def meet(sides: Sides = sides, whys: list[int] = whys, kind: int = other) -> None:
            whys.append(sides.run(sides.other, kind, b"-the-other-"))

        if not interrupt(append, meet, at):
            break
        is_in, is_one_in = (why == w.DONE for why in whys)
        assert set(whys) <= {w.DONE, w.RETRY}
        assert w.DONE in whys
        if other == w.APPEND:
            ways = [b"-the-other-" * is_in + b"-one-" * is_one_in, b"-one-" + b"-the-other-"]
            expected = {before + way for way in ways[: 1 + (is_in and is_one_in)]}
        else:
            ways = [b"-the-other-" + b"-one-" * is_one_in] if is_in else [before + b"-one-"]
            expected = {*ways, b"-the-other-"} if is_in and is_one_in else set(ways)
        assert sides.read() in expected, at
        seen.add(tuple(whys))
    assert seen >= {(w.DONE, w.DONE), (w.DONE, w.RETRY)}


@pytest.mark.parametrize("place", ["with room", "without room"])
def test_read_beside_an_append_finds_the_value_before_or_after(
    tiny: Settings, place: str, interrupt: Interrupt
) -> None:
    before, after = b"twenty bytes in all.", b"twenty bytes in all. And some more."
    found: list[list[bytes | None]] = [[], []]
    for is_read_inside, seen in enumerate(found):
        for at in count():
            sides = Sides(tiny)
            sides.run(sides.one, w.UPSERT, bytes(80) if place == "with room" else before)
            sides.run(sides.one, w.UPSERT, before)

            def look(sides: Sides = sides, seen: list[bytes | None] = seen) -> None:
                why = sides.one.kernels.run_key(w.READ, b"key")
                assert why in (w.DONE, w.RETRY)
                told = sides.one.batch[sides.one.results]
                seen.append(sides.one.value(0, told) if why == w.DONE else None)

            def append(sides: Sides = sides) -> None:
                assert sides.run(sides.other, w.APPEND, after[len(before) :]) == w.DONE

            call, by = (append, look) if is_read_inside else (look, append)
            if not interrupt(call, by, at):
                break
    assert set(found[0]) == {before, after}
    assert set(found[1]) - {None} == {before, after}
    assert None in found[1]
