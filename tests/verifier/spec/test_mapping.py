"""A mapping on the bench: it is tested like any store, or refused."""

from __future__ import annotations

from ast import literal_eval
from collections import UserDict
from typing import Any

import pytest

from powercut import FaultDevice
from powercut.verifier import StoreMachine, SubjectError, play, run_machine, search_tape
from powercut.verifier.spec.mapping import MappingSubject, subject_of
from powercut.verifier.spec.spec import StoreMaker


class Saved(UserDict[bytes, bytes]):
    """Writes itself anew, and syncs both."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__()
        self.device = device
        self.is_closed = False
        if "now" in device.list():
            self.update(literal_eval(device.read("now").decode()))

    def sync(self) -> None:
        if "new" in self.device.list():
            self.device.remove("new")
        self.device.create("new")
        self.device.write("new", 0, repr(self.data).encode())
        self.device.sync("new")
        self.device.rename("new", "now")
        self.device.sync_names()

    def close(self) -> None:
        self.is_closed = True


class Unsynced(Saved):
    def checkpoint(self) -> None:
        self.device.sync_names, kept = (lambda folder="": None), self.device.sync_names  # type: ignore[method-assign]
        try:
            self.sync()
        finally:
            self.device.sync_names = kept  # type: ignore[method-assign]


class Answering(Saved):
    """Tells by what it returns that it has saved."""

    answer: object = True

    def sync(self) -> object:  # type: ignore[override]
        super().sync()
        return self.answer


class Counting(Answering):
    def checkpoint(self) -> object:
        return self.sync()


class Keyed:
    """Has the items of a mapping, and nothing else of one, like many a key-value store."""

    def __getitem__(self, key: bytes) -> bytes:
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Forget it."""

    def sync(self) -> None:
        """Do nothing."""


class Telling(Saved):
    def recovered(self) -> int:
        return 0


def test_a_mapping_that_keeps_what_it_synced_stands() -> None:
    _, finding = run_machine(StoreMachine.of(Saved), seed=0, examples=20, steps=8)
    assert finding is None


def test_a_mapping_that_does_not_is_found_and_its_tape_names_it() -> None:
    machine = StoreMachine.of(Unsynced, keys=1)
    assert machine.keys == 1
    _, finding = run_machine(machine, seed=0, examples=40, steps=8)
    assert finding is not None
    assert finding.tape.subject == f"{__name__}:Unsynced"
    assert finding.verdict.is_same_kind(play(finding.tape, Unsynced).verdict)
    assert search_tape(finding.tape, make_store=Saved)[1] is None


@pytest.mark.parametrize("answer", [True, False, 4096, "saved"])
def test_what_sync_returns_says_nothing_of_operations(
    answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "answer", answer)
    _, finding = run_machine(StoreMachine.of(Answering), seed=0, examples=10, steps=8)
    assert finding is None


@pytest.mark.parametrize("answer", [True, False, "saved"])
def test_a_checkpoint_that_returns_no_bound_is_refused(
    answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "answer", answer)
    with pytest.raises(SubjectError, match=f"checkpoint returned {answer!r}: None, a number"):
        run_machine(StoreMachine.of(Counting), seed=0, examples=10, steps=8)


def test_close_is_the_mapping_s_own_if_it_has_one() -> None:
    saved = Saved(FaultDevice())
    subject_of(saved).close()
    assert saved.is_closed


class Appending:
    """A log without a commit."""

    def append(self, entry: bytes) -> None: ...

    def entries(self) -> None: ...


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        ({}, "dict has no checkpoint and no sync"),
        (Telling(FaultDevice()), "Telling has recovered: it needs apply"),
        (Keyed(), "Keyed has no apply, and is no MutableMapping"),
        (Appending(), r"the log Appending has no commit\(\)"),
    ],
)
def test_a_mapping_that_lacks_or_has_too_much_is_refused(made: Any, complaint: str) -> None:
    with pytest.raises(SubjectError, match=complaint):
        StoreMaker(lambda device: made)(FaultDevice())


def test_a_mapping_that_takes_operations_itself_is_left_as_it_is() -> None:
    class Own(dict[bytes, bytes]):
        def apply(self, operation: object) -> None: ...

    own: object = Own()
    assert subject_of(own) is own
    assert isinstance(subject_of(Saved(FaultDevice())), MappingSubject)
