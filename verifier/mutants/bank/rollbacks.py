"""Planted bugs in the rollback of a log, beside who commits, appends or reads ahead of the commits, and in
its way back to an older commit."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["BACKS"]

_LOG: Final = "powercut.engine.fasterlog."
_planted: Final = partial(Mutant, search=SCHEDULES, preemptions=1)

BACKS: Final[tuple[Mutant, ...]] = (
    _planted(
        "log-rolled-back-beside-a-commit",
        "powercut: a rollback that takes no turn drops what a commit is about to make durable",
        _LOG + "groups",
        """        with self.turn, self._telling("rolling back"):
            self.check_open()
""",
        """        with self._telling("rolling back"):
            self.check_open()
""",
        "model",
        "ERROR",
        around=("rollback", "checkpoint"),
    ),
    _planted(
        "log-rollback-told-to-no-reader",
        "powercut: an iterator that sees what is not committed stays behind what came in its place",
        _LOG + "tail",
        """        for dropped in self.watched:
""",
        """        for dropped in ():
""",
        "committed",
        "WRONG_RESULT",
        around=("iterate", "rollback"),
    ),
    _planted(
        "log-reader-looks-beside-a-rollback",
        "powercut: an iterator forgets what was dropped, and reads then what is dropped meanwhile",
        _LOG + "iterator",
        '''            if self._go_back():
                return None
            if self.position < begin:  # A truncation was faster meanwhile.
                self._pass_to(min(entry.address, begin))
            self.position = onward
            return entry

    def _look(self) -> None:
        """Look for the entries that there are now."""
        if not self._is_uncommitted:
            found, end = self._source.next_entries(self.position)
        else:
            with self._source.lock:  # So nothing is dropped in between.
''',
        '''            if self.position < begin:  # A truncation was faster meanwhile.
                self._pass_to(min(entry.address, begin))
            self.position = onward
            return entry

    def _look(self) -> None:
        """Look for the entries that there are now."""
        if not self._is_uncommitted:
            found, end = self._source.next_entries(self.position)
        else:
            if True:
''',
        "committed",
        "WRONG_RESULT",
        around=("iterate", "rollback"),
    ),
    _planted(
        "log-append-kept-by-the-rollback-before-it",
        "powercut: a rollback that keeps what stands below it, as that was before another appended",
        _LOG + "groups",
        """            with self.lock:
                self._tail.roll_back(address)
""",
        """            if True:
                self._tail.roll_back(address)
""",
        "committed",
        "WRONG_RESULT",
        around=("enqueue", "rollback"),
    ),
    _planted(
        "log-comes-back-to-no-older-commit",
        "powercut power, seed 7103: who asked for an older commit took a refusal for an answer",
        _LOG + "recovery",
        """    if found is None:
        raise SettingsError(f"no such commit""",
        """    if found is None or last.number > 1:
        raise SettingsError(f"no such commit""",
        "committed",
        "WRONG_SERIAL",
        preemptions=0,
    ),
)
