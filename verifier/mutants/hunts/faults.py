"""The hunt among faults: small programs in size order, each with every call struck in every way.

Sweeps that have the features which the bank names for the bug come first, in the same order:

    feature   the effect of a fault, the call that it strikes, the name of the program, or one of
                  torn   after a life and an opening that a power cut ended
                  cut    with the power cuts behind it

Source: the sweep that the stage `faults` makes, over fewer programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from powercut.faultfs import Effect, Fault
from powercut.faultfs.faults.plan import CALLS

from ...finders.beginnings import Kept
from ...finders.crashes import Coverage, Finding
from ...finders.faults import search_again, sweep
from ...finders.templates import OF_GEOMETRY, OF_SUBJECT, PROGRAMS, TEMPLATES, torn
from ...reducing.passes import count_operations
from ...reducing.shrink import descend
from ...runs.play import play
from ...tapes.tape import SIZES, STORE, Era, Kind, Operation, Tape, encode_tape
from ...verdict import Breach, Violation
from ..planted import OPERATIONS_MAX
from .order import likely_first

__all__ = ["STRUCK_FEATURES", "Struck", "hunt_faults", "programs", "sweeps"]

GEOMETRY: Final = "tiny"
WITH_WORKER: Final = ("flushed", "gathered")
LAW: Final = "posix"
LIMIT: Final = 64
SHRINK_RUNS: Final = 3_000

Answer = dict[str, Any]
_TORN: Final = "torn"
_CUT: Final = "cut"
STRUCK_FEATURES: Final = frozenset(
    (*(each.name.lower() for each in (*Effect, *CALLS)), _TORN, _CUT, *PROGRAMS)
)


class Struck(NamedTuple):
    """One kind of fault, at every call of a program; states of one crash point, and the eras before."""

    template: Fault
    program: tuple[Operation, ...]
    limit: int
    before: tuple[Era, ...]

    def features(self) -> set[str]:
        """The features of the sweep."""
        found = {self.template.effect.name.lower(), self.template.call.name.lower()}
        found |= {name for name, program in PROGRAMS.items() if self.program == program}
        return found | ({_TORN} if self.before else set()) | ({_CUT} if self.limit else set())


def programs() -> Iterator[tuple[tuple[Operation, ...], int, tuple[Era, ...]]]:
    """The programs to strike, the depth of the power cuts behind them, and the eras before; by cost."""
    usual = [program for name, program in PROGRAMS.items() if name not in WITH_WORKER]
    for several in (_small(), [*_paged(), *sorted(usual, key=len)]):
        for limit in (0, LIMIT):
            yield from ((program, limit, ()) for program in several)
            yield from (((), limit, torn(sync)) for sync in range(4))


def sweeps() -> Iterator[Struck]:
    """Every sweep, in the order of the programs."""
    for program, limit, before in programs():
        yield from (Struck(template, program, limit, before) for template in TEMPLATES)


def _small() -> list[tuple[Operation, ...]]:
    upsert, checkpoint, reopen = (Operation(kind) for kind in (Kind.UPSERT, Kind.CHECKPOINT, Kind.REOPEN))
    saved = (upsert, checkpoint)
    return [(), (reopen,), saved, (*saved, reopen), (*saved, checkpoint)]


def _paged() -> list[tuple[Operation, ...]]:
    large = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(4))
    return [(*large, Operation(Kind.READ)), (*large, Operation(Kind.CHECKPOINT))]


def hunt_faults(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the place where it was found, and other finds."""
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    coverage, others = Coverage(), dict[str, int]()
    found = _search(wanted, request["around"], coverage, others)
    answer: Answer = {"tape": "", "operations": 0, "others": others}
    answer |= {"programs": coverage.programs, "distinct": coverage.distinct, "checked": coverage.checked}
    if found is not None:
        tape = descend(found.tape, found.verdict, play, _again, SHRINK_RUNS, OPERATIONS_MAX)
        answer["tape"] = encode_tape(replace(tape, bug=request["bug"])).decode()
        answer["operations"] = max(1, count_operations(tape))  # None at all is a kill too.
    return answer


def _search(
    wanted: Violation, around: Iterable[str], coverage: Coverage, others: dict[str, int]
) -> Finding | None:
    kept: dict[tuple[str, str], Kept] = {}
    subjects = {PROGRAMS[name]: subject for name, subject in OF_SUBJECT.items()}
    geometries = {PROGRAMS[name]: geometry for name, geometry in OF_GEOMETRY.items()}
    for (template, program, limit, before), _ in likely_first(sweeps(), around, Struck.features):
        own = geometries.get(program, GEOMETRY)
        subject = subjects.get(program, STORE)
        known = kept.setdefault((own, subject), Kept())
        seen, finding = sweep(
            program, own, LAW, [template], limit=limit, before=before, kept=known, subject=subject
        )
        coverage.merge(seen)
        if finding is None:
            continue
        if wanted.is_same_kind(finding.verdict):
            return finding
        kind = f"{finding.verdict.oracle}: {finding.verdict.breach.value}"
        others[kind] = others.get(kind, 0) + 1
    return None


def _again(tape: Tape) -> tuple[Tape | None, int]:
    return search_again(tape, limit=LIMIT)
