"""Mending syncs: the added syncs are enough, none is too much, and they stand where they must."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from powercut.faultfs import Effect, EventKind, Fault, FaultDevice
from powercut.faultfs.faults.place import Place
from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.reducing.mend import AddedSync, Mend, _SyncingDevice, mend
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result
from powercut.verifier.spec.subject import MakeStore
from powercut.verifier.tapes.kept import UnsupportedTapeError
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape

_UPSERT, _CHECKPOINT = Operation(), Operation(Kind.CHECKPOINT)
_PROGRAM = Tape((Era((_UPSERT, _CHECKPOINT)),))


class _Forgetful:
    """A device under a store that forgets the syncs of some roles; "" are the names."""

    def __init__(self, device: FaultDevice, roles: tuple[str, ...]) -> None:
        object.__setattr__(self, "_device", device)
        object.__setattr__(self, "_roles", roles)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._device, name, value)

    def sync(self, name: str) -> None:
        if name.partition("-")[0] not in self._roles:
            self._device.sync(name)

    def sync_names(self) -> None:
        if "" not in self._roles:
            self._device.sync_names()


def _forgetting(*roles: str) -> MakeStore:
    make: Callable[..., Any] = FasterSubject
    return lambda device: make(_Forgetful(device, roles), GEOMETRIES["tiny"], SteppedRuntime())


def _mend(make_store: MakeStore, program: Tape = _PROGRAM) -> Mend:
    _, finding = search_tape(program, make_store=make_store)
    assert finding is not None
    return mend(finding.tape, make_store)


def _is_mended(make_store: MakeStore, syncs: tuple[AddedSync, ...], program: Tape = _PROGRAM) -> bool:
    make: Callable[..., Any] = make_store
    return search_tape(program, make_store=lambda device: make(_SyncingDevice(device, syncs)))[1] is None


@pytest.mark.parametrize(
    ("role", "places"),
    [
        ("segment", ["WAIT_FLUSH write segment"]),
        ("tables", ["PERSIST write tables"]),
        ("root", ["OPEN write root", "PERSIST write root"]),
    ],
)
def test_sync_that_was_forgotten_is_the_one_that_is_named(role: str, places: list[str]) -> None:
    found = _mend(_forgetting(role))
    assert [str(sync.after) for sync in found.syncs] == places
    assert _is_mended(_forgetting(role), found.syncs)
    assert f"sync the {role} after" in found.lines()[1]


def test_names_that_were_forgotten_are_named() -> None:
    found = _mend(_forgetting(""))
    assert found.syncs
    assert all(sync.is_of_names for sync in found.syncs)
    assert _is_mended(_forgetting(""), found.syncs)
    assert "sync names after" in found.lines()[1]


def test_no_smaller_set_would_do() -> None:
    make_store = _forgetting("segment", "tables")
    found = _mend(make_store)
    assert len(found.syncs) == 2
    trace = play(_PROGRAM, make_store).segments[0].trace
    places = {Place.of(event) for event in trace.events if event.kind.name in ("WRITE", "CREATE")}
    assert len(places) > 4
    for size in range(2):
        for chosen in combinations(sorted(places), size):
            assert not _is_mended(make_store, tuple(AddedSync(place) for place in chosen))


def test_sync_is_put_off_as_long_as_it_still_mends() -> None:
    """Written before the first of two roots, durable before it may count."""
    (sync,) = _mend(_forgetting("tables")).syncs
    assert sync.before is not None
    assert _is_mended(_forgetting("tables"), (sync,))
    too_late = AddedSync(sync.after, Place("CLOSE", "write", "root"))
    assert not _is_mended(_forgetting("tables"), (too_late,))


class _TooEarly(FasterSubject):
    """Says that a checkpoint is durable before it has begun."""

    def checkpoint(self) -> dict[int, int]:
        return {0: self.open_session(0).serial}


class _Wrong(FasterSubject):
    def apply(self, issued: Issued) -> Result:
        return b"wrong" if issued.kind is Kind.READ else super().apply(issued)


@pytest.mark.parametrize("subject", [_TooEarly, _Wrong])
def test_no_sync_mends_what_lost_nothing(subject: type[FasterSubject]) -> None:
    program = Tape((Era((_UPSERT, Operation(Kind.READ), _CHECKPOINT)),))
    found = _mend(lambda device: subject(device, GEOMETRIES["tiny"], SteppedRuntime()), program)
    assert found.syncs == ()
    assert found.why
    assert found.lines() == [f"what would mend it: no added sync; {found.why}"]


def test_store_that_stands_the_tape_is_told_so() -> None:
    tape = Tape((Era((_UPSERT, _CHECKPOINT), Crash(1)), Era()))
    found = mend(tape, make_faster("tiny"))
    assert found.syncs == ()
    assert found.why == "the tape shows no violation"


@pytest.mark.parametrize("law", ["posix_split", "ext4"])
def test_other_laws_are_mended_too(law: str) -> None:
    program = Tape((Era((_UPSERT, _CHECKPOINT)),), law=law)
    found = _mend(_forgetting("tables"), program)
    assert _is_mended(_forgetting("tables"), found.syncs, program)
    assert found.syncs


class _Unsynced:
    """A store of one file whose checkpoint makes no call at all."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        if "all" not in device.list():
            device.create("all")
        device.sync_names()

    def apply(self, issued: Issued) -> Result:
        self.device.write("all", 0, issued.value)
        return None

    def checkpoint(self) -> None:
        """Say that it is durable, and do nothing for it."""

    def read_all(self) -> dict[bytes, bytes]:
        value = self.device.read("all").strip(b"\0")
        return {b"key-0": value} if value else {}

    def close(self) -> None:
        """Do nothing."""


def test_sync_behind_the_last_call_is_named_where_nothing_follows_it() -> None:
    """The operation is acknowledged without another call: the power is cut right behind the lost write."""
    found = _mend(_Unsynced, Tape((Era((_UPSERT, _CHECKPOINT)),)))
    assert [str(sync) for sync in found.syncs] == ["sync the all after `RUN write all`, at once"]


class _Foldered:
    """Each operation in a file of its own in a folder, made aside; some syncs are forgotten."""

    def __init__(self, device: FaultDevice, *forgotten: str) -> None:
        self.device, self.omits = device, forgotten
        if "all" not in device.list():
            device.make_folder(name="all")
        if "above" not in forgotten:
            device.sync_names()
        self.names = [name for name in device.list("all") if name.startswith("r")]

    def apply(self, issued: Issued) -> Result:
        name, data = f"r{len(self.names)}", issued.key + b" " + issued.value
        if "new" in self.device.list("all"):
            self.device.remove("all/new")
        self.device.create("all/new")
        self.device.write("all/new", offset=0, buffer=data)
        if "bytes" not in self.omits:
            self.device.sync(name="all/new")
        self.device.rename("all/new", new=f"all/{name}")
        self.names.append(name)
        return None

    def checkpoint(self) -> None:
        if "names" not in self.omits:
            self.device.sync_names(folder="all")

    def read_all(self) -> dict[bytes, bytes]:
        held = (self.device.read(f"all/{name}").partition(b" ") for name in self.names)
        return {key: value for key, _, value in held}

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("forgotten", "sync"),
    [
        ("above", "sync names after `OPEN folder all`, before `RUN sync_names all` at the latest"),
        ("bytes", "sync the all/new after `RUN write all/new`, before `RUN rename all/new` at the latest"),
        ("names", "sync names of all after `RUN rename all/new`, at once"),
    ],
)
def test_sync_that_was_forgotten_in_a_folder_is_named(forgotten: str, sync: str) -> None:
    make: Callable[..., Any] = _Foldered
    assert _is_mended(make, ())
    found = _mend(lambda device: make(device, forgotten))
    assert [str(each) for each in found.syncs] == [sync], found.why


def test_it_is_the_same_every_time() -> None:
    assert _mend(_forgetting("segment")) == _mend(_forgetting("segment"))


@pytest.mark.parametrize(
    "era",
    [
        Era((_UPSERT, _CHECKPOINT), faults=Fault(Effect.ERROR, EventKind.CREATE).digits),
        Era((_UPSERT,), damage=(1, 512)),
    ],
    ids=["faults", "damage"],
)
def test_what_the_disk_did_wrong_is_mended_by_no_sync_and_is_no_matter_of_crash_states(era: Era) -> None:
    def make_store(device: FaultDevice) -> FasterSubject:
        raise KeyError("never opens")

    assert mend(Tape((era,)), make_store).lines() == [
        "what would mend it: no added sync; what its disk did wrong is more than a power cut may do"
    ]
    with pytest.raises(UnsupportedTapeError, match="each has a search of its own"):
        search_tape(Tape((era,)))
