"""Apart: what a store stands on, and calls with what they cannot take; asked in a program, beside all others.

    ground  settings, memory, devices, folders, handles that nobody closes: none of it is the store's that is
            open (`faster.budgets`, `faster.devices`, `faster.handed`)
    wrong   calls that are refused before anything is done (`faster.wrong`)

Of what is asked there only the first answer that is another than expected is told.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..faster.budgets import asked_flush_settings, asked_memory, asked_settings
from ..faster.devices import asked_folder, asked_memory_device, asked_paths
from ..faster.handed import asked_sessions
from ..tapes.tape import Operation
from .asking import Answers, Asker, Raised, told_by

__all__ = ["ground", "wrong"]

_GROUND: Final[tuple[Callable[[], tuple[list[object], list[object]]], ...]] = (
    *(asked_settings, asked_flush_settings, asked_memory),
    *(asked_memory_device, asked_folder, asked_paths, asked_sessions),
)


def ground(operation: Operation) -> Answers:
    """The part of that size."""
    return _first_other(*_GROUND[operation.size]())


def wrong(asker: Asker, operation: Operation) -> Answers:
    """The group of that size, asked of the operation's session and of the store."""
    from ..faster.wrong import wrong_calls  # And numpy with it.

    calls = wrong_calls(operation.size, asker.store, asker.session(operation))
    expected: list[object] = [Raised(error.__name__, done) for error, done, _ in calls]
    return _first_other(expected, [told_by(call) for *_, call in calls])


def _first_other(expected: list[object], found: list[object]) -> Answers:
    """The number of answers, or the first that is another, with its place."""
    for place, (one, other) in enumerate(zip(expected, found, strict=True)):
        if one != other or type(one) is not type(other):
            return Answers((place, one), (place, other))
    return Answers(len(expected), len(found))
