"""Thin: how long a log may be whose store gives dead log back, and when it may begin to.

    D1   once it has grown by a segment and two pages, log <= two pages and the longer one of
             a segment more than what is looked at
             a segment more than live / (1 - share), where each key that was ever used has a page
         and the files of segments have one segment more
    D2   nothing is given back before the log has grown by a segment since it was opened

Invariant: who looks reads words of the store, and no device.
Threads: none.
"""

from __future__ import annotations

from typing import Final

from powercut.engine import FasterKv, InvariantError
from powercut.engine.kernels import words as w
from powercut.engine.upkeep.dead import LEAST

__all__ = ["SHARES", "Thin"]

SHARES: Final = {"thinned": 0.5}  # Of the geometries that give dead log back: the share at which they do.


class Thin:
    """The log of one store, looked at before each operation and after the last."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._keys: set[bytes] = set()
        self._due: int | None = None  # The tail from which on a pass may begin.
        self._begin = 0
        self._page_end = 0  # When it was looked at last: an operation opens one page at most.

    def uses(self, *keys: bytes) -> None:
        """Take in that there are these keys, or may be."""
        self._keys.update(keys)

    def judge(self, store: FasterKv, files: int) -> None:
        """Judge the log, and these bytes of segments. Raises InvariantError."""
        control, page, segment = store.spaces[0], store.settings.page_bytes, store.settings.segment_bytes
        begin, tail = control[w.BEGIN], control[w.TAIL]
        if self._due is None:
            self._due, self._begin = tail + segment, begin
        if begin > self._begin and self._page_end < self._due:
            raise InvariantError("D2", f"begin has moved to {begin}, and till {self._due} it may not")
        self._page_end = control[w.PAGE_END]
        if tail <= self._due + 2 * page:
            return
        live = int(len(self._keys) * page / (1 - self._share))
        most, log = max(LEAST * segment, live) + segment + 2 * page, tail - begin
        if log > most or files > most + segment:
            raise InvariantError("D1", f"{log} bytes of log, {files} of segments; {most} are allowed")
