"""The hunt for a generic mutant: through the chunks of a gate, the cheap ones first, until one tells.

    told by the gate  <=>  a chunk that passes without the mutant is red with it: a violation, a stage that
                           breaks, more work than any chunk takes

The chunks stand in three rungs. In the first is one of each stage, in the second one of each other kind and
an eighth of all, in the third the rest, by what a stage costs. The unchanged store may be asked once, before,
which lines each chunk runs: those that do not run what is changed need not be asked then. Processes of the
store's own, and compiled code, are not seen so: chunks of these are always asked.

Invariants
  1  a mutant whose question a clock ended is neither told nor a survivor
  2  the order is a function of the profile alone
  3  a chunk tells nothing before the unchanged store has passed it, in such a process

Threads: one caller.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from hashlib import blake2b
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from ..errors import HarnessError
from ..mutants.client import Answer, Server
from ..mutants.hook import read_source
from .generic import COMPILED, Generic
from .region import region

__all__ = ["RUNGS", "Hunted", "Hunter", "rungs_of", "sources_digest"]

RUNGS: Final = 3
LIMIT_SECONDS: Final = 900  # Of processor time, for one question: a cap, and told as inconclusive.
# Of the third rung. What a stage finds for its price was measured; who has processes of its own comes last.
_ORDER: Final = ("model", "schedule", "crash", "faults", "damage", "kill", "stress")
_UNSEEN: Final = ("kill", "stress")  # Stages that run the store elsewhere.
_EITHER: Final = "model"  # Some chunks of which have compiled kernels.
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
_ROOT: Final = Path(__file__).parents[2]  # The package that has ours.

Piece = tuple[str, int, str]  # Stage, number, kind.


class Hunted(msgspec.Struct):
    """The fate of one mutant in the gate."""

    told: str = ""  # By what; "": not at all.
    stage: str = ""
    chunk: int = -1
    chunks: int = 0  # Asked until then.
    unknown: str = ""  # Why it was not decided.
    is_born: bool = True
    cpu_seconds: float = 0.0


class Hunter:
    """Asks one mutant after another.

    rungs     that are climbed at most; fewer cost less, and find less
    deadline  a moment of the monotonic clock, after which nothing is decided
    reach     a file that keeps which lines the chunks run, for as long as no source changes; None: no file
    """

    def __init__(
        self,
        profile: str = "ci",
        seed: int | None = None,
        *,
        rungs: int = RUNGS,
        reach: Path | None = None,
        deadline: float = inf,
    ) -> None:
        self._gate: Answer = {"profile": profile, "seed": seed, "limit_seconds": LIMIT_SECONDS}
        self.deadline = deadline
        self._rungs = rungs
        self._file = reach
        self._cache = TemporaryDirectory(prefix="powercut-power-")
        self._server = Server(_ANSWERS, _WARM, _FOLDERS)
        self._compiling: Server | None = None
        pieces = self._ask(self._server, {"task": "pieces", "bug": ""})
        self.pieces: list[Piece] = [tuple(piece) for piece in pieces]
        self._reached: dict[tuple[str, int], dict[str, set[int]]] | None = None
        self._passed: set[tuple[str, int]] = set()
        self.survey_seconds = 0.0

    def close(self) -> None:
        """End the processes."""
        self._server.close()
        if self._compiling is not None:
            self._compiling.close()
        self._cache.cleanup()

    def hunt(self, mutant: Generic) -> Hunted:
        """Climb the rungs until one tells."""
        is_compiled = mutant.module.removeprefix("powercut.").startswith(COMPILED)
        # In the first rung nothing is compiled.
        server = self._compiler() if is_compiled and self._rungs > 1 else self._server
        found = Hunted()
        for pieces in rungs_of(self.pieces)[: self._rungs]:
            chunks = self._reaching(mutant, pieces, is_compiled)
            before = server.cpu_seconds
            request = self._gate | {"task": "hunt", "deadline": self._by()}
            request |= {"bug": mutant.name, "module": mutant.module, "edit": mutant.spans}
            request["chunks"] = [(stage, number) for stage, number, _ in chunks]
            unknown, answer = server.ask(request)
            found.cpu_seconds += server.cpu_seconds - before
            if server.is_broken:
                return Hunted(is_born=False, unknown=unknown)
            if unknown.startswith(("the child died", "the child ended")):
                found.told, found.stage = f"crash: {unknown}", chunks[0][0] if chunks else ""
                return found
            if unknown:
                found.unknown = unknown
                return found
            found.chunks += answer["chunks"]
            if answer["told"]:
                found.told, found.stage, found.chunk = answer["told"], answer["stage"], answer["chunk"]
                self._check(found.stage, found.chunk)
                return found
        return found

    def _check(self, stage: str, number: int) -> None:
        """Raise HarnessError where the unchanged store does not pass the chunk; asked once."""
        if (stage, number) in self._passed:
            return
        request = {"task": "hunt", "bug": "", "deadline": self._by(), "chunks": [(stage, number)]}
        told = self._ask(self._server, request)["told"]
        if told:
            raise HarnessError(f"the unchanged store fails too, in chunk {number} of {stage}: {told}")
        self._passed.add((stage, number))

    def _by(self) -> float | None:
        return None if self.deadline == inf else self.deadline

    def _compiler(self) -> Server:
        """A server with a cache of its own.

        Kernels with a mutant in them are compiled for nobody else, and never taken from a cache that knows
        nothing of it: the mutant may be in the translator.
        """
        if self._compiling is None:
            before = os.environ.get(_CACHE)
            os.environ[_CACHE] = self._cache.name
            try:
                self._compiling = Server(_ANSWERS, _WARM, _FOLDERS)
            finally:
                del os.environ[_CACHE]
                if before is not None:
                    os.environ[_CACHE] = before
        return self._compiling

    def _ask(self, server: Server, request: Answer) -> Any:
        unknown, answer = server.ask(self._gate | request)
        if unknown:
            raise HarnessError(unknown)
        return answer

    def _reaching(self, mutant: Generic, pieces: list[Piece], is_compiled: bool) -> list[Piece]:
        """Those that run one of the lines that change, and those of which that is not known."""
        if self._reached is None or (lines := region(mutant.edit(), read_source(mutant.edit()))) is None:
            return pieces
        reached = self._reached
        file = mutant.module.removeprefix("powercut.engine.").replace(".", "/") + ".py"
        kept = []
        for stage, number, kind in pieces:
            seen = reached.get((stage, number))
            is_run = seen is None or not lines.isdisjoint(seen.get(file, ()))
            if is_run or (is_compiled and stage == _EITHER):
                kept.append((stage, number, kind))
        return kept

    def survey(self) -> None:
        """Ask the unchanged store which lines each chunk runs, or the file. Costs about as much as a gate."""
        if self._reached is None:
            before = self._server.cpu_seconds
            told = self._kept() or self._seen()
            self._reached = {
                (each["stage"], each["chunk"]): {file: set(lines) for file, lines in each["lines"].items()}
                for each in told
            }
            self.survey_seconds = self._server.cpu_seconds - before

    def _seen(self) -> Any:
        chunks = [(stage, number) for stage, number, _ in self.pieces if stage not in _UNSEEN]
        told = self._ask(self._server, {"task": "survey", "bug": "", "chunks": chunks})
        if self._file is not None:
            self._file.write_text(json.dumps({"of": self._of(), "told": told}), encoding="utf-8")
        return told

    def _kept(self) -> Any:
        """The file's content, where it is of these sources."""
        if self._file is None or not self._file.is_file():
            return None
        kept = json.loads(self._file.read_text(encoding="utf-8"))
        return kept["told"] if kept["of"] == self._of() else None

    def _of(self) -> list[object]:
        return [self._gate["profile"], self._gate["seed"], sources_digest()]


def sources_digest() -> str:
    """Names the sources of what is run: all of the package but for this folder, and the command."""
    mixed = blake2b(digest_size=16)
    for path in sorted([*_ROOT.rglob("*.py"), *_ROOT.rglob("*.toml")]):
        name = path.relative_to(_ROOT).as_posix()
        if not name.startswith(("verifier/power/", "verifier/cli/")):
            mixed.update(f"{name}\0".encode() + path.read_bytes())
    return mixed.hexdigest()


def rungs_of(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The chunks in their rungs; each stands in one."""
    by_kind: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        by_kind.setdefault((piece[0], piece[2]), []).append(piece)
    first: list[Piece] = []
    second: list[Piece] = []
    third: list[Piece] = []
    begun: set[str] = set()
    for (stage, _), every in by_kind.items():
        if stage in _UNSEEN:
            third += every
            continue
        (second if stage in begun else first).append(every[0])
        begun.add(stage)
        second += every[4::8]
        third += [piece for at, piece in enumerate(every) if at and at % 8 != 4]
    for rung in (first, second, third):
        rung.sort(key=lambda piece: (_ORDER.index(piece[0]), piece[1]))
    return [first, second, third]
