"""The ground of a store, and calls with what they cannot take: another answer than expected is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from powercut.engine import CheckpointTicket, FileDevice, FlushSettings, MemoryDevice, Session, Settings
from powercut.engine.checkpoint.driver import Checkpointer
from powercut.verifier.answers.player import play_answers
from powercut.verifier.faster import budgets
from powercut.verifier.tapes.operations import OPERATIONS
from powercut.verifier.tapes.tape import ANSWERS, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Violation


def asked(*program: Operation) -> object:
    return play_answers(Tape((Era(program),), "tiny", subject=ANSWERS)).verdict


@pytest.mark.parametrize("kind", [Kind.WRONG, Kind.GROUND])
def test_store_as_it_is_answers_as_expected(kind: Kind) -> None:
    program = [Operation(kind, 0, 0, size) for size in range(OPERATIONS[kind].size_max + 1)]
    assert asked(Operation(Kind.UPSERT, 0, 1), *program, Operation(Kind.CHECKPOINT)) == OK


CHANGES: dict[str, tuple[int, Any, str, Callable[[Any], Any]]] = {
    "a setting that is none": (0, Settings, "__post_init__", lambda right: lambda settings: None),
    "a share that is none": (1, FlushSettings, "__post_init__", lambda right: lambda settings: None),
    "more memory than there is": (
        2,
        budgets,
        "plan_memory",
        lambda right: lambda settings, memory, least: right(settings, 2 * memory, least),
    ),
    "a gap that is no zeros": (
        3,
        MemoryDevice,
        "write",
        lambda right: lambda device, name, offset, buffer: right(device, name, min(offset, 10), buffer),
    ),
    "names in another order": (4, FileDevice, "list", lambda right: lambda device: right(device)[::-1]),
    "folders that stay": (5, FileDevice, "unmake", lambda right: lambda device: None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_answer_that_is_another_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    size, owner, what, change = CHANGES[name]
    monkeypatch.setattr(owner, what, change(getattr(owner, what)))
    assert isinstance(asked(Operation(Kind.GROUND, 0, 0, size)), Violation)


def test_argument_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Session.upsert_many

    def longer(session: Session, keys: Any, values: Any) -> None:
        if isinstance(keys, list) and isinstance(values, list) and len(values) > len(keys):
            values = values[: len(keys)]
        right(session, keys, values)

    monkeypatch.setattr(Session, "upsert_many", longer)
    verdict = asked(Operation(Kind.WRONG, 0, 0, 1))
    assert isinstance(verdict, Violation)
    assert "Raised(kind='OperationError', done=0)" in verdict.detail


def test_ticket_that_moves_another_checkpoint_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        CheckpointTicket,
        "advance",
        lambda ticket: Checkpointer.advance(ticket._checkpointer) is None or ticket.is_done,
    )
    assert isinstance(asked(Operation(Kind.ABANDON, 0, 0, 2)), Violation)


def test_checkpoint_that_waits_for_nobody_is_given_up() -> None:
    cold = Operation(Kind.PUT_MANY, 0, 0, 42)
    program = [
        Operation(Kind.PUT, 0, 1, 3),
        cold,
        Operation(Kind.START_RMW, 0, 1),
        Operation(Kind.ABANDON, 0, 0, 4),
    ]
    assert asked(*program, Operation(Kind.STEP), Operation(Kind.STEP), Operation(Kind.COMPLETE)) == OK
