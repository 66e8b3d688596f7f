"""Folders where a store is looked for: what the store says of them, and what would be a disagreement."""

from __future__ import annotations

from typing import Any

import pytest

from powercut.engine import FasterKv, MissingStoreError, StoreLockedError
from powercut.engine.inspection import inspect_store
from powercut.faultfs import FaultDevice
from powercut.verifier.faster import folders
from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.spec.model import issue
from powercut.verifier.tapes.tape import Operation

TINY = GEOMETRIES["tiny"]


@pytest.fixture
def saved() -> FaultDevice:
    """The device of a store with a checkpoint, closed."""
    device = FaultDevice()
    subject: Any = make_faster("tiny")(device)
    subject.apply(issue(Operation(), 1))
    subject.checkpoint()
    subject.close()
    device.acquire(None)
    device.release(None)
    return device


def test_store_and_inspection_agree_on_every_folder(saved: FaultDevice) -> None:
    assert folders.objection(saved, TINY) == ""


def test_disagreements_are_told(saved: FaultDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect = inspect_store

    def refusing(device: FaultDevice) -> Any:
        if not device.list():
            raise StoreLockedError("somebody has it")
        return inspect(device)

    monkeypatch.setattr(folders, "inspect_store", refusing)
    assert folders.objection(saved, TINY).startswith("empty: inspected, opened to read, opened")


def test_what_may_not_be_made_is_told_where_it_is(
    saved: FaultDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FasterKv.open

    def careless(device: FaultDevice, **given: Any) -> FasterKv:
        """Makes a store in a folder that has lost its roots."""
        if given.get("create") and "tables" in device.list():
            device = FaultDevice()
        return real(device, **given)

    monkeypatch.setattr(FasterKv, "open", careless)
    assert folders.objection(saved, TINY) == "headless: a store was made over it"


def test_wrong_error_that_all_agree_on_is_told(saved: FaultDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "NotAStoreError", MissingStoreError)
    assert folders.objection(saved, TINY) == "strangers: NotAStoreError, expected MissingStoreError"
