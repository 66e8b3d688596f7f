"""The machine: it says no to a store that forgets, yes to one that does not, and repeats itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, ClassVar
from zlib import crc32

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.stateful import run_state_machine_as_test

from powercut.faultfs import FaultDevice
from powercut.verifier.errors import HarnessError, SubjectError
from powercut.verifier.examples import FasterMachine, run_machine
from powercut.verifier.machine import StoreMachine, StoreViolationError
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result, apply
from powercut.verifier.spec.subject import Bound, Subject
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import Breach

_FEW = settings(max_examples=60, stateful_step_count=8, derandomize=True, database=None, deadline=None)


class Snapshots:
    """A dict; each checkpoint writes all of it to a new file, and the newest whole one is recovered."""

    syncs_data = True
    syncs_names = True

    def __init__(self, device: FaultDevice) -> None:
        self._device = device
        self._content: dict[bytes, bytes] = {}
        self._count = 0
        for name in reversed(device.list()):
            data = bytearray(device.size(name))
            device.read_into(name, 0, data)
            if data[:8] == b"%08x" % crc32(data[8:]):
                self._count = int(name)
                self._content = {key.encode(): value.encode() for key, value in json.loads(data[8:]).items()}
                device.sync(name)
                break
            device.remove(name)
        device.sync_names()
        self._recovered = self._count

    def recovered(self) -> Bound:
        return self._recovered

    def apply(self, issued: Issued) -> Result:
        self._count += 1
        return apply(self._content, issued)

    def checkpoint(self) -> Bound:
        name = f"{self._count:06}"
        if name not in self._device.list():
            texts = {key.decode(): value.decode() for key, value in self._content.items()}
            body = json.dumps(texts).encode()
            self._device.create(name)
            self._device.write(name, 0, b"%08x%s" % (crc32(body), body))
            if self.syncs_data:
                self._device.sync(name)
            if self.syncs_names:
                self._device.sync_names()
        return self._count

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self._content)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class _SyncsNoData(Snapshots):
    syncs_data = False


class _SyncsNoNames(Snapshots):
    syncs_names = False


class _ReadsNothing(Snapshots):
    def apply(self, issued: Issued) -> Result:
        result = super().apply(issued)
        return None if issued.kind is Kind.READ else result


class SnapshotMachine(StoreMachine):
    store_class: ClassVar[type[Snapshots]] = Snapshots

    def make_store(self, device: FaultDevice) -> Subject:
        return self.store_class(device)


class _SyncsNoDataMachine(SnapshotMachine):
    store_class = _SyncsNoData


class _SyncsNoNamesMachine(SnapshotMachine):
    store_class = _SyncsNoNames


class _ReadsNothingMachine(SnapshotMachine):
    store_class = _ReadsNothing


def _search(machine: type[StoreMachine], seed: int = 1) -> object:
    return run_machine(machine, seed=seed, examples=4, steps=8)


@pytest.mark.parametrize("machine", [FasterMachine, SnapshotMachine])
def test_store_that_keeps_its_word_passes_with_every_kind_of_era_seen(machine: type[StoreMachine]) -> None:
    """A part of what the stage `model` has of the machine, in every geometry."""
    coverage, finding = run_machine(machine, seed=1, examples=60, steps=12)
    assert finding is None
    assert coverage.programs > 10
    assert coverage.checked > 20
    assert coverage.after_checkpoint > 0
    assert coverage.several_eras > 0


@pytest.mark.parametrize("geometry", ["colliding", "paired"])
def test_faster_passes_in_other_geometries(geometry: str) -> None:
    coverage, finding = run_machine(FasterMachine, seed=2, examples=4, steps=12, geometry=geometry)
    assert finding is None
    assert coverage.distinct > 100


@pytest.mark.parametrize(
    ("machine", "oracle", "breach"),
    [
        (_SyncsNoDataMachine, "prefix", Breach.LOST_ACK),
        (_SyncsNoNamesMachine, "prefix", Breach.LOST_ACK),
        (_ReadsNothingMachine, "model", Breach.WRONG_RESULT),
    ],
)
def test_broken_store_is_found_and_the_tape_plays_it_again(
    machine: type[SnapshotMachine], oracle: str, breach: Breach
) -> None:
    _, finding = run_machine(machine, seed=1, examples=200, steps=10)
    assert finding is not None
    assert (finding.verdict.oracle, finding.verdict.breach) == (oracle, breach)
    assert finding.verdict.is_same_kind(play(finding.tape, machine.store_class).verdict)
    assert not finding.verdict.is_same_kind(play(finding.tape, Snapshots).verdict)


def test_examples_do_not_depend_on_the_modules_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis takes constants out of them, and draws one now and then where it leaves rules out."""
    seam: Any = providers
    once = run_machine(FasterMachine, seed=3, examples=30, steps=8)
    around = type(seam._local_constants)()
    for constant in range(100, 250):
        around.add(constant)
    monkeypatch.setattr(seam, "_get_local_constants", lambda: around)
    assert run_machine(FasterMachine, seed=3, examples=30, steps=8) == once


def test_equal_seeds_give_equal_searches_and_others_do_not() -> None:
    once = _search(FasterMachine)
    assert once == _search(FasterMachine)
    assert once != _search(FasterMachine, seed=2)


@pytest.fixture(scope="module")
def nameless() -> StoreViolationError:
    """The failure of the store that syncs no names, under `posix`."""
    with pytest.raises(StoreViolationError) as raised:
        run_state_machine_as_test(_SyncsNoNamesMachine, settings=_FEW)
    return raised.value


@pytest.mark.parametrize("real", ["ext4", "xfs", "btrfs"])
def test_store_that_syncs_no_names_fails_under_the_law_of_no_real_file_system(
    real: str, nameless: StoreViolationError
) -> None:
    """The sync of a new file brings its name there; and the failure under `posix` says so."""

    assert run_machine(_SyncsNoNamesMachine, seed=1, examples=8, steps=8, law=real)[1] is None
    assert "none that was measured leaves this, the law posix alone does" in str(nameless)


def test_store_that_syncs_no_data_fails_under_the_law_of_btrfs_and_is_told_who_else_shows_it() -> None:
    class Real(_SyncsNoDataMachine):
        law = "btrfs"

    with pytest.raises(StoreViolationError) as raised:
        run_state_machine_as_test(Real, settings=_FEW)
    assert "real disks: ext4 (F26 to F28), xfs (F26, F28, F40), btrfs (F41 to F43)" in str(raised.value)


def test_users_example_is_shrunk_and_tells_the_story(nameless: StoreViolationError) -> None:
    tape = nameless.tape
    assert [operation.kind for era in tape.eras for operation in era.program][-1] == Kind.CHECKPOINT
    assert sum(len(era.program) for era in tape.eras) == 2
    story = str(nameless)
    assert story.startswith("lost acknowledged operation (prefix oracle, law posix)\n")
    assert "recovered 0 of 1 acknowledged" in story
    assert "lost: name 000001: absent" in story


def test_users_right_store_passes() -> None:
    run_state_machine_as_test(SnapshotMachine, settings=_FEW)


def test_search_at_the_end_does_not_mask_what_a_rule_saw() -> None:
    """The store both reads wrong and syncs nothing; an example that fails in a rule is not searched."""

    class Both(_ReadsNothing):
        syncs_data = False

    class Machine(SnapshotMachine):
        store_class = Both

        def searched(self, coverage: object) -> None:
            raise AssertionError("searched after an objection")

    def example() -> None:
        machine = Machine()
        machine.open()
        machine.give(Operation(Kind.UPSERT))
        try:
            machine.give(Operation(Kind.READ))
        finally:
            machine.teardown()

    with pytest.raises(StoreViolationError) as raised:
        example()
    assert raised.value.verdict.breach is Breach.WRONG_RESULT


def test_store_without_steps_and_operations_left_out_are_respected() -> None:
    seen: set[int] = set()

    class Machine(SnapshotMachine):
        kinds = frozenset({Kind.UPSERT, Kind.CHECKPOINT, Kind.START, Kind.STEP})
        sessions = 1

        def searched(self, coverage: object) -> None:
            for era in self.tape().eras:
                seen.update(operation.kind for operation in era.program)
                assert all(operation.session == 0 for operation in era.program)

    run_state_machine_as_test(Machine, settings=_FEW)
    assert seen == {Kind.UPSERT, Kind.CHECKPOINT}


def test_failure_that_does_not_repeat_is_the_harness_speaking() -> None:
    calls = 0

    class Once(Snapshots):
        def read_all(self) -> dict[bytes, bytes]:
            nonlocal calls
            calls += 1
            return {b"ghost": b"0.9;"} if calls == 12 else super().read_all()

    class Machine(SnapshotMachine):
        store_class = Once

    with pytest.raises(HarnessError):
        run_machine(Machine, seed=1, examples=6, steps=8)


def test_importing_the_package_imports_nothing_heavy_and_its_machine_no_engine() -> None:
    code = (
        "import sys; from powercut import verifier;"
        "heavy = {'powercut.engine', 'powercut.faultfs', 'hypothesis', 'msgspec'};"
        "early = heavy & set(sys.modules);"
        "verifier.StoreMachine; print(sorted(early), 'powercut.engine' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False"]


def test_machine_without_a_store_or_over_half_a_store_is_an_error_and_no_finding() -> None:
    class Bare(StoreMachine):
        """It does not say how its store is made."""

    class Missing(Snapshots):
        apply: Any = None

    for machine, told in (
        (Bare, "Bare does not override make_store"),
        (type("Machine", (SnapshotMachine,), {"store_class": Missing}), "apply is no method"),
    ):
        with pytest.raises(SubjectError, match=told):
            run_state_machine_as_test(machine, settings=_FEW)


def test_public_names_are_found_and_others_are_not() -> None:
    from powercut import verifier

    for name in verifier.__all__:
        assert getattr(verifier, name) is not None
    with pytest.raises(AttributeError):
        _ = verifier.absent
