"""Ordered: in which order a log made the appends and rollbacks of tasks side by side.

An append and a rollback that overlap leave the same addresses either way: only the log knows which came
first. Each of them happens at one call of its tail, under the log's lock, and there it is counted.

Invariants
  1  `turn_of` an append is the number of rollbacks that the tail had made before it
  2  nothing is announced to the scheduler, so no schedule differs

Threads: one; tasks take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final

from ..faster.fasterlog.seams import FasterLog
from ..oracles.committed import Back

__all__ = ["Ordered"]


class Ordered:
    """Counts at the tail of one log; `backs` is what it fills, one of each rollback."""

    def __init__(self, log: FasterLog, backs: list[Back]) -> None:
        self._backs: Final = backs
        self._turns: dict[bytes, int] = {}  # By the bytes of a call's entries, of which no other has any.
        tail: Any = log._source.tail
        tail.append = self._counting(tail.append, lambda entry: entry)
        tail.append_many = self._counting(tail.append_many, lambda batch: b"".join(batch._entries))
        roll_back = tail.roll_back

        def counted(address: int) -> None:
            roll_back(address)
            self._backs.append(Back(address))

        tail.roll_back = counted

    def _counting(self, append: Callable[..., Any], data_of: Callable[[Any], bytes]) -> Callable[..., Any]:
        def counted(given: Any) -> Any:
            found = append(given)
            self._turns[data_of(given)] = len(self._backs)  # Of one that found no room the next try's stands.
            return found

        return counted

    def turn_of(self, data: bytes) -> int:
        """The number of rollbacks that came before the append of these bytes."""
        return self._turns[data]

    def returned(self, address: int, at: int, asked: float, tick: float) -> None:
        """Note that a rollback to this address has returned: the first of those that had not.

        Of two to one address whose callers overlap, the first made is so taken to have returned first; it has
        at least been made by then. When that was asked for is not known.
        """
        open_ones = [number for number, back in enumerate(self._backs) if back == Back(address)]
        self._backs[open_ones[0]] = Back(address, at, asked if len(open_ones) == 1 else -inf, tick)
