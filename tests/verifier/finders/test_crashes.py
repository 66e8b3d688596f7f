"""The crash search: complete by its own count, and it finds what it should."""

from __future__ import annotations

import pytest

from powercut.engine.device import read_exactly
from powercut.engine.metadata.layout import ROOT_BYTES, Root, decode_root
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.crashes import Coverage, search_tape
from powercut.verifier.finders.shared import exhaust
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result, apply
from powercut.verifier.spec.subject import Bound
from powercut.verifier.tapes.programs import count_programs, small_programs
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import Breach

_UPSERT, _CHECKPOINT = Operation(), Operation(Kind.CHECKPOINT)


class _NoSync(FaultDevice):
    """A device under a store that forgets to sync one file role."""

    def __init__(self, device: FaultDevice, role: str) -> None:
        self._device = device
        self._role = role

    def __getattribute__(self, name: str) -> object:
        if name in ("_device", "_role", "sync"):
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_device"), name)

    def sync(self, name: str) -> None:
        if not name.startswith(self._role):
            self._device.sync(name)


class _Careless(FasterSubject):
    role = "segment"

    def __init__(self, device: FaultDevice) -> None:
        device.label = "OPEN"
        super().__init__(_NoSync(device, self.role), GEOMETRIES["tiny"], SteppedRuntime())


class _CarelessOfTables(_Careless):
    role = "tables"


class _CarelessOfRoots(_Careless):
    role = "root"


@pytest.mark.parametrize("geometry", ["tiny", "colliding"])
def test_all_small_programs_are_complete_and_without_violation(geometry: str) -> None:
    coverage, finding = exhaust(small_programs(2), geometry, "posix")
    assert finding is None
    assert coverage.programs == sum(count_programs(steps) for steps in range(3))
    assert coverage.visited == coverage.legal > 0
    assert coverage.bounded == 0
    assert coverage.distinct > coverage.checked / 2 > 0


@pytest.mark.parametrize("law", ["strict", "prefix", "pagecache"])
def test_every_law_is_searched_without_violation(law: str) -> None:
    coverage, finding = exhaust(small_programs(2), "tiny", law)
    assert finding is None
    assert coverage.visited == coverage.legal > 0


@pytest.mark.parametrize(
    ("subject", "breaches"),
    [
        (_Careless, {("openable", Breach.UNOPENABLE)}),
        (_CarelessOfTables, {("openable", Breach.UNOPENABLE)}),
        (_CarelessOfRoots, {("prefix", Breach.LOST_ACK), ("openable", Breach.UNOPENABLE)}),
    ],
)
def test_missing_sync_is_found_and_its_tape_replays(
    subject: type[_Careless], breaches: set[tuple[str, Breach]]
) -> None:
    _, finding = search_tape(Tape((Era((_UPSERT, _CHECKPOINT)),)), make_store=subject)
    assert finding is not None
    assert (finding.verdict.oracle, finding.verdict.breach) in breaches
    again = play(finding.tape, subject)
    assert finding.verdict.is_same_kind(again.verdict)
    assert play(finding.tape).verdict != again.verdict


class _DiesInTheSecondLife(FasterSubject):
    """Refuses roots of which some say life 2 and others do not: what a crash inside recovery leaves."""

    def __init__(self, device: FaultDevice) -> None:
        lives = set()
        for name in device.list():
            if name.startswith("root"):
                root = decode_root(read_exactly(device, name, 0, ROOT_BYTES), name)
                lives.add(root.life if isinstance(root, Root) else 0)
        if max(lives, default=0) >= 2 and len(lives) > 1:
            raise OSError("planted")
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())


def test_crash_inside_recovery_is_judged_too() -> None:
    tape = Tape((Era((_UPSERT, _CHECKPOINT)),))
    _, shallow = search_tape(tape, make_store=_DiesInTheSecondLife, depth=0)
    assert shallow is None
    _, deep = search_tape(tape, make_store=_DiesInTheSecondLife, depth=1)
    assert deep is not None
    assert len(deep.tape.eras) == 3
    assert deep.verdict.is_same_kind(play(deep.tape, _DiesInTheSecondLife).verdict)


class _Unnamed:
    """Keeps a dict beside a device that it never asks: everything is lost, nothing was promised."""

    def __init__(self, device: FaultDevice) -> None:
        if not device.list():
            device.create("log")
        self._content: dict[bytes, bytes] = {}

    def apply(self, issued: Issued) -> Result:
        return apply(self._content, issued)

    def checkpoint(self) -> Bound:
        return 0

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self._content)

    def close(self) -> None:
        """Keep nothing."""


def test_store_without_a_named_cut_is_searched_for_one() -> None:
    _, finding = search_tape(Tape((Era((_UPSERT, _CHECKPOINT)),)), make_store=_Unnamed)
    assert finding is None


def test_coverage_adds_up() -> None:
    total = Coverage(programs=1, reached={"a": 1})
    total.merge(Coverage(programs=2, distinct=3, reached={"a": 1, "b": 4}))
    assert total == Coverage(programs=3, distinct=3, reached={"a": 2, "b": 4})


class _ListsMoreThanItReads(FasterSubject):
    """Its audit and its listing are right; a read of key-0 misses, once the store was opened again."""

    def __init__(self, device: FaultDevice) -> None:
        self._is_reopened = bool(device.list())
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())

    def probe(self, keys: list[bytes]) -> dict[bytes, bytes]:
        found = super().probe(keys)
        return {key: value for key, value in found.items() if not (self._is_reopened and key == b"key-0")}


def test_read_that_misses_what_is_listed_is_found_and_its_tape_replays() -> None:
    _, finding = search_tape(Tape((Era((_UPSERT, _CHECKPOINT)),)), make_store=_ListsMoreThanItReads)
    assert finding is not None
    assert (finding.verdict.oracle, finding.verdict.breach) == ("structure", Breach.WRONG_VALUE)
    assert play(finding.tape, _ListsMoreThanItReads).verdict == finding.verdict


class _Flagged(_Unnamed):
    """Its opening passes through a state that it cannot open again; its close syncs too."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device)
        self._device = device
        device.sync_names()
        flag = bytearray(4)
        device.read_into("log", 0, flag)
        if flag == b"half":
            raise OSError("planted")
        for value in (b"half", b"full"):
            self._set(value)

    def _set(self, value: bytes) -> None:
        self._device.write("log", 0, value)
        self._device.sync("log")

    def close(self) -> None:
        for _ in range(3):
            self._set(b"full")


def test_crash_inside_the_opening_of_any_store_replays_where_it_was_seen() -> None:
    _, finding = search_tape(Tape((Era((_UPSERT,)),)), make_store=_Flagged)
    assert finding is not None
    assert len(finding.tape.eras) == 3
    assert finding.verdict == play(finding.tape, _Flagged).verdict


class _OneSector:
    """All that it holds in one sector, written and synced after each operation; it names no prefix."""

    def __init__(self, device: FaultDevice) -> None:
        self._device = device
        if "all" not in device.list():
            device.create("all")
            device.sync_names()
        data = bytearray(512)
        data = data[: device.read_into("all", 0, data)]
        device.sync("all")
        pairs = bytes(data).rstrip(b"\0").split(b"|")[:-1]
        self.content = dict(pair.split(b"=") for pair in pairs)

    def apply(self, issued: Issued) -> Result:
        result = apply(self.content, issued)
        data = b"".join(key + b"=" + value + b"|" for key, value in sorted(self.content.items()))
        self._device.write("all", 0, data.ljust(512, b"\0"))
        self._device.sync("all")
        return result

    def checkpoint(self) -> Bound | None:
        return None

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.content)

    def close(self) -> None:
        pass


def test_content_that_was_lost_for_good_and_written_again_is_judged_while_it_is_there() -> None:
    """Empty at first and empty at last: what was acknowledged between is not owed by an empty disk."""
    keys = (Operation(), Operation(Kind.UPSERT, 0, 1))
    gone = (Operation(Kind.DELETE), Operation(Kind.DELETE, 0, 1))
    tape = Tape((Era((keys[0], _CHECKPOINT, keys[1], *gone)),))
    coverage, finding = search_tape(tape, make_store=_OneSector)
    assert finding is None
    assert coverage.distinct >= 4
