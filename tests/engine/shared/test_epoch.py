"""Epochs: what is deferred runs once, and only when every batch from before has left."""

from collections.abc import Callable
from random import Random

import pytest

from powercut.engine.checkpoint.parts import Parts
from powercut.engine.kernels import words as w
from powercut.engine.shared.epoch import Epochs
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

ROWS = 4


@pytest.fixture
def spaces(parts: Parts) -> Spaces:
    """Spaces with rows that are set by hand."""
    parts.log.spaces.rows_used = ROWS
    return parts.log.spaces


@pytest.fixture
def epochs(parts: Parts, spaces: Spaces) -> Epochs:
    return parts.shared.epochs


def enter(spaces: Spaces, row: int) -> None:
    spaces.epochs[row * w.ROW_WORDS + w.ROW_STATE] = spaces.control[w.EPOCH]


def leave(spaces: Spaces, row: int) -> None:
    spaces.epochs[row * w.ROW_WORDS + w.ROW_STATE] = w.IDLE


def test_nobody_in_a_batch_lets_it_run_at_once(epochs: Epochs) -> None:
    ran: list[int] = []
    epochs.defer(lambda: ran.append(1))
    assert ran == [1]
    epochs.poll()
    assert ran == [1]
    assert (epochs.waiting, epochs.drained) == (0, 1)


@pytest.mark.parametrize("last", range(ROWS))
def test_it_waits_for_every_row_that_entered_before_and_for_none_that_entered_after(
    epochs: Epochs, spaces: Spaces, last: int
) -> None:
    for row in range(ROWS):
        enter(spaces, row)
    ran: list[int] = []
    epochs.defer(lambda: ran.append(1))
    for row in range(ROWS):
        if row != last:
            leave(spaces, row)
            epochs.poll()
            enter(spaces, row)  # Of the new epoch.
            epochs.poll()
    assert ran == []
    leave(spaces, last)
    epochs.poll()
    epochs.poll()
    assert ran == [1]


def test_a_claim_is_no_batch(epochs: Epochs, spaces: Spaces) -> None:
    spaces.epochs[w.ROW_STATE] = w.CLAIMED
    ran: list[int] = []
    epochs.defer(lambda: ran.append(1))
    assert ran == [1]
    assert epochs.oldest() == epochs.current


def test_rows_that_were_never_anybodys_are_not_looked_at(epochs: Epochs, spaces: Spaces) -> None:
    enter(spaces, ROWS)
    assert epochs.current == spaces.epochs[ROWS * w.ROW_WORDS]
    ran: list[int] = []
    epochs.defer(lambda: ran.append(1))
    assert ran == [1]


@pytest.mark.parametrize("seed", range(20))
def test_every_action_runs_as_soon_as_its_own_rows_have_left(
    epochs: Epochs, spaces: Spaces, seed: int
) -> None:
    """Against a model that remembers, for each action, who was in a batch when it was deferred."""
    random = Random(seed)
    entries = [0] * ROWS  # The number of the stay of each row; even: it is out.
    held: dict[int, set[tuple[int, int]]] = {}
    ran: list[int] = []
    expected: set[int] = set()
    for step in range(300):
        row = random.randrange(ROWS)
        if random.random() < 0.3:
            held[step] = {(row, stay) for row, stay in enumerate(entries) if stay % 2}
            epochs.defer(lambda step=step: ran.append(step))  # type: ignore[misc]
        elif entries[row] % 2:
            leave(spaces, row)
            entries[row] += 1
        else:
            enter(spaces, row)
            entries[row] += 1
        epochs.poll()
        expected |= {action for action, stays in held.items() if all(entries[r] != s for r, s in stays)}
        assert set(ran) == expected
    assert len(ran) == len(set(ran))
    assert 0 < len(ran) < len(held) or not epochs.waiting


def test_an_action_may_defer_another_which_waits_for_its_own_rows(epochs: Epochs, spaces: Spaces) -> None:
    enter(spaces, 0)
    ran: list[str] = []

    def first() -> None:
        enter(spaces, 1)
        epochs.defer(lambda: ran.append("second"))
        ran.append("first")

    epochs.defer(first)
    leave(spaces, 0)
    epochs.poll()
    assert ran == ["first"]
    leave(spaces, 1)
    epochs.poll()
    assert ran == ["first", "second"]


def test_a_long_chain_of_actions_that_defer_does_not_recurse(epochs: Epochs) -> None:
    left = [5_000]

    def defer_next() -> None:
        left[0] -= 1
        if left[0]:
            epochs.defer(defer_next)

    epochs.defer(defer_next)
    assert left == [0]
    assert epochs.drained == 5_000


def test_an_action_that_asks_for_draining_does_not_run_twice(epochs: Epochs, spaces: Spaces) -> None:
    enter(spaces, 0)
    ran: list[int] = []

    def action(number: int) -> Callable[[], None]:
        def act() -> None:
            ran.append(number)
            epochs.poll()

        return act

    for number in range(3):
        epochs.defer(action(number))
    leave(spaces, 0)
    epochs.poll()
    assert sorted(ran) == [0, 1, 2]


# -- waiting -----------------------------------------------------------------------------------------


class Others(SteppedRuntime):
    """While somebody waits, others do one thing after another."""

    def __init__(self) -> None:
        super().__init__()
        self.doings: list[Callable[[], None]] = []
        self.asked = 0

    def until(self, what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        while not condition():
            self.asked += 1
            if not self.doings:
                return super().until(what, condition, deadline)
            self.doings.pop(0)()
        return True


def test_draining_waits_for_the_batches_of_now(parts: Parts, spaces: Spaces) -> None:
    runtime = Others()
    epochs = Epochs(spaces, parts.shared.mode, runtime)
    enter(spaces, 0)
    enter(spaces, 1)
    runtime.doings = [
        lambda: leave(spaces, 1),
        lambda: enter(spaces, 1),
        lambda: leave(spaces, 0),
    ]
    epochs.drain("them")
    assert runtime.asked == 3
    assert spaces.epochs[w.ROW_WORDS] != w.IDLE


def test_who_waits_drains_and_what_drains_may_be_what_is_waited_for(parts: Parts, spaces: Spaces) -> None:
    runtime = Others()
    epochs = Epochs(spaces, parts.shared.mode, runtime)
    enter(spaces, 0)
    ran: list[int] = []
    epochs.defer(lambda: ran.append(1))
    runtime.doings = [lambda: leave(spaces, 0)]
    assert epochs.until("it", lambda: bool(ran))


def test_a_wait_that_nobody_ends_is_false_at_its_deadline_and_names_itself_without(
    epochs: Epochs, spaces: Spaces
) -> None:
    assert not epochs.until("what never comes", lambda: False, deadline=1.0)
    enter(spaces, 0)
    with pytest.raises(AssertionError, match="those of before"):
        epochs.drain("those of before")
