"""Truncating: capabilities of subjects that give up storage, and a truncation as it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ..tapes.tape import Operation

__all__ = ["Bound", "Truncates", "TruncatesAt", "TruncatesAtOnce", "Truncation"]

Bound = Mapping[int, int] | int  # A prefix: the serial of each session, or a number of operations.


class Truncates(Protocol):
    """Gives up storage that nothing needs any more."""

    def truncate(self) -> None:
        """Do so; no content is lost."""


class Truncation(NamedTuple):
    """A truncation as it went."""

    before: int  # The begin until then,
    begin: int  # the one that the store says it has made,
    expected: int  # and the one that its documents promise for this address.
    gone: frozenset[bytes]  # The keys whose newest record lies below that.
    # The begins that it comes by, each with what goes there: a power cut may leave it at one of them.
    ways: tuple[tuple[int, frozenset[bytes]], ...] = ()


class TruncatesAt(Protocol):
    """Gives up storage below any address, with the keys whose newest record is there.

    Once there is a begin, it stands under `TRUNCATIONS` in what `checkpoint` returns and `recovered` says.
    """

    def truncate_at(self, operation: Operation) -> Truncation:
        """Truncate where the operation's key and size say."""


class TruncatesAtOnce(Protocol):
    """The same; the begin is durable as soon as it is made, and with it all that was acknowledged; or it is
    with the next checkpoint, and may be before."""

    def plan_truncation(self, operation: Operation) -> Truncation:
        """The truncation that the operation comes to; nothing is done."""

    def truncate_at_once(self, operation: Operation) -> tuple[int, Bound | None]:
        """Truncate where the operation says: the begin, and all that is durable now; None: as before."""
