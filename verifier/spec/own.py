"""Operations of a store's own: declared once, then on the tape, generated, told and shrunk.

    Own("swap", swap)    a method `swap(issued)`; `swap(content, issued)` says what it does to the dict of the
                         model, and what it returns
    Own("compact")       maintenance: a method `compact()`, which changes nothing that anybody reads

`issued` has a key, a value of its own (`value`), and what is made of an old one (`appended`), as operations
have that every store is given. A value that two operations could both have written does not tell which was
lost: write `issued.value`, or what `issued.appended` makes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..tapes.operations import Effect

__all__ = ["Own"]


@dataclass(frozen=True, slots=True)
class Own:
    """An operation of one's own: the name of the store's method, and its effect; None: it has none."""

    name: str
    effect: Effect | None = None
