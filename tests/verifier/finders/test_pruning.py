"""Pruning by read sets: every count and every verdict of the unpruned search, from fewer openings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from zlib import crc32

import pytest

from powercut.faultfs import FaultDevice, Image, crash_states
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.finders.crashes import Coverage, Finding, search_tape
from powercut.verifier.finders.recoveries import Outcome, Recoveries
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result, apply
from powercut.verifier.spec.subject import Bound, MakeStore
from powercut.verifier.tapes.programs import random_tapes, small_programs
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape

_UPSERT, _CHECKPOINT = Operation(), Operation(Kind.CHECKPOINT)


def both_ways(tape: Tape, depth: int, limit: int = 512, make: MakeStore | None = None) -> list[Coverage]:
    """The coverage of the pruned and of the unpruned search; neither finds anything."""
    seen = []
    for is_pruned in (True, False):
        make_store = make or make_faster(tape.geometry)
        recoveries = Recoveries(make_store, tape.law, limit, is_pruned=is_pruned)
        coverage, finding = search_tape(
            tape, depth=depth, limit=limit, make_store=make_store, recoveries=recoveries
        )
        assert finding is None
        seen.append(coverage)
    return seen


def same_but_for_openings(pruned: Coverage, plain: Coverage) -> bool:
    names = ("vectors", "contents", "distinct", "read_paths", "bounded", "reached")
    return all(getattr(pruned, name) == getattr(plain, name) for name in names)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_small_programs_are_searched_alike_to_any_depth(depth: int) -> None:
    opened = [0, 0]
    for program in list(small_programs(2))[:: 1 + 2 * depth]:
        pruned, plain = both_ways(Tape((Era(program),), "tiny"), depth)
        assert same_but_for_openings(pruned, plain)
        opened[0] += pruned.checked
        opened[1] += plain.checked
    assert opened[0] < opened[1]


def test_three_cuts_inside_each_other_are_searched_alike() -> None:
    pruned, plain = both_ways(Tape((Era((_UPSERT, _CHECKPOINT)),), "tiny"), 3)
    assert same_but_for_openings(pruned, plain)
    assert pruned.checked < plain.checked


def test_random_tapes_are_searched_alike() -> None:
    # Without a limit that would bound a point: there the two searches know different things.
    opened = [0, 0]
    for tape in random_tapes(Random("pruning"), 6, ("tiny", "colliding", "paired"), "posix", 8):
        pruned, plain = both_ways(tape, 1, 1 << 14)
        assert same_but_for_openings(pruned, plain)
        opened[0] += pruned.checked
        opened[1] += plain.checked
    assert opened[0] < opened[1]


class _Toy:
    """Opens by doing what its own answers say next; what it holds is what it was told."""

    def __init__(self, device: FaultDevice, seed: int) -> None:
        told: list[object] = []
        seen = Random(seed)
        for _ in range(seen.randint(2, 6)):
            told.append(self._step(device, seen))
            seen = Random(f"{seed} {told}")
        self._content = {b"told": repr(told).encode()}

    def _step(self, device: FaultDevice, seen: Random) -> object:
        name, other = seen.choice("abc"), seen.choice("abc")
        buffer = bytearray(seen.choice((1, 512, 1000)))
        at = seen.choice((0, 300, 512))
        steps: tuple[Callable[[], object], ...] = (
            lambda: tuple(device.list()),
            lambda: device.size(name),
            lambda: bytes(buffer[: device.read_into(name, at, buffer)]),
            lambda: bytes(buffer[: device.read_into(name, at, buffer)]),
            lambda: device.write(name, at, b"w" * len(buffer)),
            lambda: device.truncate(name, at),
            lambda: device.sync(name),
            lambda: device.sync_names(),
            lambda: device.create(name),
            lambda: device.remove(name),
            lambda: device.rename(name, other),
            lambda: device.link(name, other),
        )
        try:
            return seen.choice(steps)()
        except OSError as error:
            return error.errno

    def apply(self, issued: Issued) -> Result:
        raise NotImplementedError

    def checkpoint(self) -> Bound:
        raise NotImplementedError

    def read_all(self) -> dict[bytes, bytes]:
        return self._content

    def close(self) -> None:
        """Keep nothing."""


def all_of(outcome: Outcome, shift: int) -> set[tuple[int, int, bytes]]:
    """Every content inside an outcome with what it was recovered to, as seen from the content it serves."""
    found = {(outcome.key ^ shift, outcome.path, outcome.content[b"told"])}
    for nested in outcome.nested:
        found |= all_of(nested.outcome, shift ^ nested.shift)
    return found


def some_disk(seed: int) -> FaultDevice:
    """A few files, linked perhaps, some of them with writes in flight."""
    random = Random(f"disk {seed}")
    names = {name: random.randint(1, 3) for name in "abc" if random.random() < 0.7}
    device = FaultDevice(Image(names, {inode: b"o" * random.choice((0, 300, 1024)) for inode in range(1, 4)}))
    for name in sorted(names):
        for _ in range(random.randint(0, 2)):
            device.write(name, random.choice((0, 400, 512, 900)), random.choice((b"x", b"y")) * 300)
    if random.random() < 0.4 and "a" in names:
        device.rename("a", "d" if random.random() < 0.5 else "c")
    return device


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_toys_that_write_as_they_open_end_alike_content_by_content(depth: int) -> None:
    opened = plainly = shared = 0
    for seed in range(0, 30, 1 + depth):
        make = partial(_Toy, seed=seed % 20)
        pruned = Recoveries(make, "posix", 1 << 9)
        plain = Recoveries(make, "posix", 1 << 9, is_pruned=False)
        for state in list(crash_states(some_disk(seed).trace, "posix", limit=60))[:40]:
            ours, theirs = pruned.of(state, depth), plain.of(state, depth)
            if plain.bounded:
                break
            shift = ours.key ^ state.key
            shared += bool(shift)
            told = {(key, content) for key, _, content in all_of(ours, shift)}
            assert told == {(key, content) for key, _, content in all_of(theirs, 0)}, f"seed {seed}: {state}"
            assert {key ^ shift for key in ours.keys} == set(theirs.keys)
            assert ours.vectors == theirs.vectors
        opened += pruned.opened
        plainly += plain.opened
    assert shared > 50 // (1 + depth)
    assert opened < plainly


class _Scanner:
    """A log of records of two sectors with a checksum; nothing is synced but by a checkpoint."""

    BYTES = 1024

    def __init__(self, device: FaultDevice) -> None:
        self._device = device
        self._content: dict[bytes, bytes] = {}
        self._count = 0
        if "log" not in device.list():
            device.create("log")
            device.sync_names()
            device.write("log", 0, bytes(16 * self.BYTES))
            device.sync("log")
        self._scan()

    def _scan(self) -> None:
        buffer = bytearray(self.BYTES)
        while self._device.read_into("log", self._count * self.BYTES, buffer) == self.BYTES:
            key, value = bytes(buffer[4:12]).rstrip(b"\0"), bytes(buffer[12:]).rstrip(b"~")
            if not key or crc32(buffer[4:]) != int.from_bytes(buffer[:4], "little"):
                break
            self._content[key] = value
            self._count += 1

    def apply(self, issued: Issued) -> Result:
        body = issued.key.ljust(8, b"\0") + issued.value.ljust(self.BYTES - 12, b"~")
        record = crc32(body).to_bytes(4, "little") + body
        self._device.write("log", self._count * self.BYTES, record)
        self._count += 1
        return apply(self._content, issued)

    def checkpoint(self) -> Bound:
        self._device.sync("log")
        return self._count

    def recovered(self) -> Bound:
        return self._count

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self._content)

    def close(self) -> None:
        """Keep nothing."""


class _Forgetful(_Scanner):
    """Promises what it did not sync."""

    def checkpoint(self) -> Bound:
        return self._count


def eight_upserts(*more: Operation, count: int = 8) -> Tape:
    return Tape((Era((*(Operation(key=number % 3) for number in range(count)), *more)),))


def test_points_past_the_limit_are_closed_by_what_recovery_reads() -> None:
    coverage, finding = search_tape(eight_upserts(), make_store=_Scanner, limit=200)
    assert finding is None
    assert coverage.bounded == 0
    assert coverage.closed > 0
    assert coverage.checked < 60
    assert coverage.vectors > 65_536


class _Holed(_Forgetful):
    """Fails where four records stand, none of the next three, and the eighth: far from all, and from none."""

    def _scan(self) -> None:
        super()._scan()
        if self._count == 4 and not any(map(self._holds, range(8, 14))) and self._holds(14):
            raise OSError("planted")

    def _holds(self, sector: int) -> bool:
        buffer = bytearray(512)
        self._device.read_into("log", 512 * sector, buffer)
        return any(buffer)

    def checkpoint(self) -> Bound:
        return 0


def test_violation_past_the_limit_is_found_by_branching_and_its_tape_replays() -> None:
    coverage, finding = search_tape(eight_upserts(), make_store=_Holed, limit=200)
    assert coverage.bounded == 0
    assert finding is not None
    assert finding.verdict == play(finding.tape, _Holed).verdict
    (crash,) = (era.crash for era in finding.tape.eras if era.crash)
    assert crash.survivors.count(1) >= 6


def test_lost_acknowledgement_is_told_of_a_content_that_was_opened() -> None:
    _, finding = search_tape(eight_upserts(_CHECKPOINT), make_store=_Forgetful, limit=200)
    assert isinstance(finding, Finding)
    assert finding.verdict.is_same_kind(play(finding.tape, _Forgetful).verdict)


class _Gluttonous(_Scanner):
    """Reads all of the log at once, so that every content is one of its own."""

    def _scan(self) -> None:
        self._device.read_into("log", 0, bytearray(16 * self.BYTES))
        super()._scan()


def test_point_that_does_not_close_is_bounded_and_sampled_if_draws_are_asked_for() -> None:
    tape = eight_upserts(count=5)
    plain, _ = search_tape(tape, make_store=_Gluttonous, limit=100)
    assert plain.bounded > 0
    assert (plain.sampled, plain.missed) == (0, 0)
    drawn, finding = search_tape(tape, make_store=_Gluttonous, limit=100, draws=50)
    assert finding is None
    assert drawn.bounded == drawn.sampled == plain.bounded
    assert drawn.missed > 0
    assert drawn.distinct > plain.distinct
    again, _ = search_tape(tape, make_store=_Gluttonous, limit=100, draws=50)
    assert again == drawn


def test_opening_that_looks_at_the_whole_disk_shares_nothing() -> None:
    class _Whole(_Scanner):
        def __init__(self, device: FaultDevice) -> None:
            device.image()
            super().__init__(device)

    device = FaultDevice(Image.of({"log": bytes(4096), "other": bytes(1024)}))
    device.write("other", 0, b"x" * 1024)
    shared, alone = Recoveries(_Scanner, "posix", 512), Recoveries(_Whole, "posix", 512)
    for state in crash_states(device.trace, "posix"):
        shared.of(state, 1)
        alone.of(state, 1)
    assert (shared.opened, alone.opened) == (1, 4)
