"""The hunt for generic mutants: through the chunks of a gate, the cheap ones first, until one tells.

    told by the gate  <=>  a chunk that passes without the mutant is red with it: a violation, a stage that
                           breaks, more work than any chunk takes

The chunks stand in three rungs. In the first is one of each stage, in the second one of each other kind and
an eighth of all, in the third the rest, by what a stage costs. The first is climbed by each mutant alone, and
who is left goes on together with the others (`sieve`). Where a mutant is in the kernels or in their
translator, machine code is made for each group anew: so chunks of compiled kernels come late.

Invariants
  1  a mutant whose question a clock ended is neither told nor a survivor
  2  the order is a function of the profile alone
  3  a chunk tells nothing before the unchanged store has passed it, in such a process

Threads: one caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from math import inf
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from ..errors import HarnessError
from ..mutants.client import Answer, Server
from ..mutants.hook import read_source
from ..mutants.planted import Edit
from ..reach.monitor import IS_WATCHING
from .generic import COMPILED as IN_KERNELS
from .generic import Generic
from .region import regions
from .sieve import Told, UndecidedError, groups, sift, together

__all__ = ["COMPILED", "RUNGS", "Hunted", "Hunter", "limit_of", "rungs_of"]

RUNGS: Final = 3
# Of processor time, for one question: a cap, and told as inconclusive. Where nobody counts rounds it is all
# that ends a mutant which goes on for ever, so there it grows with the chunks that are asked.
LIMIT_SECONDS: Final = 900
CHUNK_SECONDS: Final = 60
AT_ONCE: Final = 16  # Chunks of one question to a group.
# Of the third rung. What a stage finds for its price was measured; who has processes of its own comes last.
_ORDER: Final = ("model", "schedule", "crash", "faults", "damage", "cpr", "kill", "programs", "stress")
_LAST: Final = ("cpr", "kill", "programs", "stress")  # Of the third rung alone, as all that is compiled.
COMPILED: Final = ", compiled"  # At the end of a kind.
_ANSWERS: Final = "powercut.verifier.gate.hunted"
_WARM: Final = (
    "hypothesis",
    "hypothesis.stateful",
    "tomllib",
    "multiprocessing",
    "concurrent.futures.process",
)
_FOLDERS: Final = ("verifier/gate", "verifier/finders", "verifier/power")
_CACHE: Final = "POWERCUT_CACHE"
_DIED: Final = ("the child died", "the child ended")

Piece = tuple[str, int, str]  # Stage, number, kind.


class Hunted(msgspec.Struct):
    """The fate of one mutant in the gate."""

    told: str = ""  # By what; "": not at all.
    stage: str = ""
    chunk: int = -1
    unknown: str = ""  # Why it was not decided.
    is_born: bool = True
    is_reached: bool = False  # A chunk was seen to run its lines, or nobody can see it.
    cpu_seconds: float = 0.0


class Hunter:
    """Asks mutants: each alone first, then those that are left together.

    rungs     that are climbed at most; fewer cost less, and find less
    deadline  a moment of the monotonic clock, after which nothing is decided
    """

    def __init__(
        self, profile: str = "ci", seed: int | None = None, *, rungs: int = RUNGS, deadline: float = inf
    ) -> None:
        self._gate: Answer = {"profile": profile, "seed": seed, "limit_seconds": LIMIT_SECONDS}
        self.deadline = deadline
        self._cache = TemporaryDirectory(prefix="powercut-power-")
        self._server = Server(_ANSWERS, _WARM, _FOLDERS)
        self.pieces: list[Piece] = [tuple(piece) for piece in self._ask({"task": "pieces", "bug": ""})]
        self._first, *others = rungs_of(self.pieces)[:rungs]
        self._others = [piece for rung in others for piece in rung]
        self._passed: set[tuple[str, int]] = set()
        self._reaching: dict[str, list[Piece]] = {}
        self.chunks = 0  # Asked, of the unchanged store too.

    def close(self) -> None:
        """End the processes."""
        self._server.close()
        self._cache.cleanup()

    def survey(self, mutants: Sequence[Generic]) -> None:
        """Ask the unchanged store which of the first rung run the lines of each, once and for all of them."""
        edits = [Edit(module, module, ()) for module in sorted({each.module for each in mutants})]
        keys = [(stage, number) for stage, number, _ in self._first]
        request = {"task": "hunt", "bug": "", "deadline": self._by(), "chunks": keys}
        unknown, answer = self._server.ask(self._gate | request | {"regions": _regions(mutants, edits)})
        if unknown:
            return  # All is asked of all.
        self.chunks += len(answer["reached"])
        if answer["told"]:
            stage, number = keys[len(answer["reached"]) - 1]
            raise HarnessError(f"the unchanged store fails, in chunk {number} of {stage}: {answer['told']}")
        self._passed.update(keys)
        for mutant in mutants:
            asked = zip(self._first, answer["reached"], strict=True)
            self._reaching[mutant.name] = [piece for piece, names in asked if mutant.name in names]

    def hunt(self, mutant: Generic) -> Hunted:
        """Climb the first rung; of that only what runs its lines, where that is known."""
        found = Hunted()
        pieces = self._reaching.get(mutant.name, self._first)
        try:
            told = _Together(self, pieces, {mutant.name: found}).first([mutant], 0)
        except UndecidedError as error:
            found.unknown = str(error)
            found.is_born = not self._server.is_broken
        else:
            if told is not None:
                self._judge(found, told, pieces)
        return found

    def sift(self, mutants: Sequence[Generic]) -> Iterator[tuple[Generic, Hunted]]:
        """Climb the other rungs with those that are left; each with what came of it."""
        if not self._others:
            yield from ((mutant, Hunted()) for mutant in mutants)
            return
        for group in groups(mutants):
            fates = {mutant.name: Hunted() for mutant in group}
            bench = _Together(self, self._others, fates)
            decided = set()
            for mutant, told in sift(group, bench):
                decided.add(mutant.name)
                found = fates[mutant.name]
                if isinstance(told, Told):
                    self._judge(found, told, self._others)
                else:
                    found.unknown = told
                yield mutant, found
            for mutant in group:
                if mutant.name not in decided:
                    fates[mutant.name].is_reached |= _is_compiled(mutant)  # Machine code is not seen.
                    yield mutant, fates[mutant.name]

    def _judge(self, found: Hunted, told: Told, pieces: Sequence[Piece]) -> None:
        """Note who told. Raises HarnessError where the unchanged store does not pass the chunk."""
        found.told = told.words
        found.stage, found.chunk, _ = pieces[told.place]
        found.is_reached = True
        key = found.stage, found.chunk
        if key not in self._passed:
            told_too = self._ask({"task": "hunt", "bug": "", "deadline": self._by(), "chunks": [key]})["told"]
            if told_too:
                where = f"chunk {found.chunk} of {found.stage}"
                raise HarnessError(f"the unchanged store fails too, in {where}: {told_too}")
            self._passed.add(key)

    def _by(self) -> float | None:
        return None if self.deadline == inf else self.deadline

    def _ask(self, request: Answer) -> Any:
        unknown, answer = self._server.ask(self._gate | request)
        if unknown:
            raise HarnessError(unknown)
        return answer

    def ask_planted(
        self, mutants: Sequence[Generic], chunks: Sequence[Piece], *, is_seen: bool = True
    ) -> tuple[Answer, float]:
        """The chunks, in their order, up to the first that is red with all of these planted; its price.

        is_seen  tell too whose lines each runs
        Raises UndecidedError.
        """
        edits = together(mutants)
        request = self._gate | {
            "task": "hunt",
            "deadline": self._by(),
            "limit_seconds": limit_of(len(chunks)),
        }
        request |= {"bug": _digest(mutants), "regions": _regions(mutants, edits) if is_seen else ()}
        request["edits"] = [(edit.name, edit.module, edit.spans) for edit in edits]
        request["chunks"] = [(stage, number) for stage, number, _ in chunks]
        if compiled := [each for each in mutants if _is_compiled(each)]:
            # Made with a mutant in it, in the code or in the translator, it is for nobody else.
            request["environment"] = {_CACHE: f"{self._cache.name}/{_digest(compiled)}"}
        before = self._server.cpu_seconds
        unknown, answer = self._server.ask(request)
        spent = self._server.cpu_seconds - before
        if unknown.startswith(_DIED):
            # Which chunk it was is not known: the first is as good as any, and one alone is the one.
            if len(chunks) == 1:
                return {"told": f"crash: {unknown}", "reached": [[]]}, spent
            for at, chunk in enumerate(chunks):
                answer, more = self.ask_planted(mutants, [chunk], is_seen=is_seen)
                spent += more
                if answer["told"]:
                    return answer | {"reached": [[]] * at + answer["reached"]}, spent
        if unknown:
            raise UndecidedError(unknown)
        self.chunks += len(answer["reached"])
        return answer, spent


class _Together:
    """Asks pieces with mutants planted together; each bears its share of the price."""

    def __init__(self, hunter: Hunter, pieces: Sequence[Piece], fates: dict[str, Hunted]) -> None:
        self._hunter = hunter
        self._pieces = pieces
        self._fates = fates

    def first(self, mutants: Sequence[Generic], start: int) -> Told | None:
        """Ask from this one on, some at once."""
        # Once even where there is nothing to ask: who cannot be imported is told so.
        for at in range(start, max(start + 1, len(self._pieces)), AT_ONCE):
            told = self._asked(mutants, at, self._pieces[at : at + AT_ONCE])
            if told is not None:
                return told
        return None

    def again(self, mutants: Sequence[Generic], told: Told) -> Told | None:
        """Ask this one."""
        return self._asked(mutants, told.place, self._pieces[told.place : told.place + 1], is_seen=False)

    def _asked(
        self, mutants: Sequence[Generic], at: int, pieces: Sequence[Piece], *, is_seen: bool = True
    ) -> Told | None:
        answer, spent = self._hunter.ask_planted(mutants, pieces, is_seen=is_seen)
        for mutant in mutants:
            fate = self._fates[mutant.name]
            fate.cpu_seconds += spent / len(mutants)
            fate.is_reached |= any(mutant.name in names for names in answer["reached"])
        if not answer["told"]:
            return None
        reached: list[list[str]] = answer["reached"]
        return Told(at + len(reached) - 1, answer["told"], suspects=frozenset(reached[-1]))


def limit_of(chunks: int, *, is_counted: bool = IS_WATCHING) -> int:
    """Seconds of processor time that a question of so many chunks may take."""
    return LIMIT_SECONDS if is_counted else min(LIMIT_SECONDS, CHUNK_SECONDS * max(1, chunks))


def _is_compiled(mutant: Generic) -> bool:
    return mutant.module.removeprefix("powercut.").startswith(IN_KERNELS)


def _digest(mutants: Sequence[Generic]) -> str:
    names = "\n".join(each.name for each in mutants)
    return blake2b(names.encode(), digest_size=16).hexdigest()


def _regions(mutants: Sequence[Generic], edits: Sequence[Edit]) -> list[tuple[str, str, list[int] | None]]:
    """(name, file below the engine, lines) of each, in the text with all of them; None: whatever runs."""
    found = []
    for edit in edits:
        own = {each.name: each.spans for each in mutants if each.module == edit.module}
        file = edit.module.removeprefix("powercut.engine.").replace(".", "/") + ".py"
        for name, lines in regions(edit, own, read_source(edit)).items():
            found.append((name, file, None if lines is None else sorted(lines)))
    return found


def _price(piece: Piece) -> tuple[bool, bool, int, int]:
    stage, number, kind = piece
    return stage in _LAST, kind.endswith(COMPILED), _ORDER.index(stage), number


def rungs_of(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The chunks in their rungs; each stands in one."""
    by_kind: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        by_kind.setdefault((piece[0], piece[2]), []).append(piece)
    first: list[Piece] = []
    second: list[Piece] = []
    third: list[Piece] = []
    begun: set[str] = set()
    for (stage, kind), every in by_kind.items():
        if stage in _LAST or kind.endswith(COMPILED):
            third += every
            continue
        (second if stage in begun else first).append(every[0])
        begun.add(stage)
        second += every[4::8]
        third += [piece for at, piece in enumerate(every) if at and at % 8 != 4]
    for rung in (first, second, third):
        rung.sort(key=_price)
    return [first, second, third]
