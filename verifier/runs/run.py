"""The run: the result of playing a tape, as a value.

Invariant: equal runs have equal digests, on every interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from ..oracles.prefix import show
from ..spec.history import Segment
from ..spec.model import Result
from ..spec.subject import Bound
from ..tapes.tape import Tape
from ..verdict import OK, Verdict

if TYPE_CHECKING:  # They are there where such a tape was played.
    from ..answers.player import AnswersRun
    from ..concurrency.lanes import SessionsRun

__all__ = ["Run", "difference", "plain", "text"]


@dataclass(slots=True)
class Run:
    """The result of playing a tape: its segments, and the first objection."""

    tape: Tape
    segments: list[Segment] = field(default_factory=list)
    verdict: Verdict = OK
    beside: SessionsRun | None = None  # Of a tape whose sessions ran side by side; it has no segments.
    answers: AnswersRun | None = None  # Of a tape whose every answer was judged; it has none either.
    damaged: str = ""  # What came to the medium.
    raised: Exception | None = None  # By the store, where the verdict is on that.

    def digest(self) -> str:
        """A hash of everything that happened: device events, results, acknowledgements, verdict."""
        if self.beside is not None:
            return self.beside.digest()
        if self.answers is not None:
            return self.answers.digest()
        state = blake2b(digest_size=16)
        for segment in self.segments:
            state.update(segment.trace.digest().encode())
            for seen in segment.observations:
                state.update(f"{seen.index}|{seen.what}|{seen.returned}|{seen.expected}\n".encode())
            for index, bound in segment.acks:
                state.update(f"{index}|{plain(bound)}\n".encode())
        state.update(msgspec.json.encode(self.verdict))
        return state.hexdigest()


def difference(expected: dict[bytes, bytes], found: dict[bytes, bytes]) -> str:
    """The first key, in order, of which two contents say different things."""
    key = min(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    return f"{key.decode()}: expected {show(expected.get(key))}, found {show(found.get(key))}"


def text(result: Result) -> str:
    """The result of an operation."""
    return show(result) if result is None or isinstance(result, bytes) else str(result)


def plain(bound: Bound) -> str:
    """A bound for people and for digests."""
    return str(dict(sorted(bound.items()))) if isinstance(bound, Mapping) else str(bound)
