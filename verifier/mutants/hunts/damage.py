"""The hunt among damages: small media in size order, then those of the gate.

Of either, files and pieces come first, closed and open, and forged values; then a bit of each
byte, and every bit of roots and tables.

Sites of either that have the features which the bank names for the bug come before all others, in
the same order:

    feature   a word of `Sweep.site`, or
                  cut    on a medium that a power cut left
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

from msgspec.structs import replace

from powercut.faultfs.faults.rot import Damage

from ...faster.geometries import GEOMETRIES
from ...finders.crashes import Coverage, Finding
from ...finders.damage import Sweep
from ...finders.sites import BITS, MEDIA, bits, bytes_of_images, sites, while_open
from ...reducing.passes import count_operations
from ...reducing.shrink import shrink
from ...tapes.operations import CHECKPOINTS
from ...tapes.tape import LOGS, SIZES, Crash, Era, Kind, Operation, Tape, encode_tape
from ...verdict import Breach, Violation
from ..planted import OPERATIONS_MAX

__all__ = ["features", "hunt_damage", "ordered", "small_media"]

SHRINK_RUNS: Final = 2_000
CUT: Final = "cut"

Answer = dict[str, Any]


def small_media() -> Iterator[Tape]:
    """Few operations each, in size order."""
    upsert, checkpoint = Operation(Kind.UPSERT), Operation(Kind.CHECKPOINT)
    large = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(3))
    yield MEDIA["created"]
    yield Tape((Era((upsert, checkpoint)),))
    yield Tape((Era((*large[:2], checkpoint)),), "long")
    yield Tape((Era((upsert, checkpoint, upsert, checkpoint), Crash()),))
    yield Tape((Era((*large, checkpoint)),), "paired")
    # Two sessions; a record of the version after the checkpoint's, in a range that the next life voids.
    both = (upsert, Operation(Kind.UPSERT, 1, 1), checkpoint)
    yield from (Tape((Era((*both, *more)),)) for more in ((), (upsert, checkpoint)))
    shifted = (Operation(Kind.START), *[Operation(Kind.STEP)] * 2, upsert, checkpoint)
    yield Tape((Era((checkpoint, *shifted)),))
    yield Tape((Era((upsert, *shifted)),))
    yield Tape((Era(shifted[:-2]), Era((upsert, checkpoint))))
    yield Tape((Era((checkpoint,)), Era((upsert, checkpoint))))
    # A session that the checkpoint before does not have.
    yield MEDIA["a session later"]
    # An image of the index, and a checkpoint before it that has none.
    indexed = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("fold_over with index"))
    yield Tape((Era((*large, upsert, indexed)),))
    yield Tape((Era((upsert, checkpoint, *large[:2], upsert, indexed)),))


def hunt_damage(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the place where it was found, and other finds."""
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    others: dict[str, int] = {}
    coverage = Coverage()
    found = None
    logs = tuple(tape for tape in MEDIA.values() if tape.subject == LOGS)
    small = logs if LOGS in request["around"] else tuple(small_media())
    around = frozenset(request["around"])
    media: list[list[Sweep]] = []
    for is_likely in (True, False) if around else (True,):
        for number, tapes in enumerate((small, tuple(MEDIA.values()))):
            if found is not None:
                break
            if number == len(media):
                media.append([Sweep(tape) for tape in tapes])
            for sweep, damages in ordered(media[number], around, is_likely=is_likely):
                found = found or _search(sweep, damages, wanted, others)
    for sweep in chain.from_iterable(media):
        coverage.merge(sweep.coverage)
    return _told(request["bug"], found, coverage, others)


def ordered(
    sweeps: list[Sweep], around: frozenset[str], *, is_likely: bool
) -> Iterator[tuple[Sweep, Iterator[Damage]]]:
    """The damages of each medium that are around these words, or those that are not, in the hunt's order."""

    def is_meant(sweep: Sweep) -> Callable[[Damage], bool]:
        meant: dict[str, bool] = {}  # By site: most of its damages differ in a number alone.

        def judge(damage: Damage) -> bool:
            site = sweep.site(damage)
            if site not in meant:
                meant[site] = around.issubset(features(sweep, damage)) is is_likely
            return meant[site]

        return judge

    for damages in (_pieces, _bits_of_bytes, _every_bit):
        for sweep in sweeps:
            yield sweep, filter(is_meant(sweep), damages(sweep))


def features(sweep: Sweep, damage: Damage) -> set[str]:
    """The features of one damage of a medium."""
    return {*sweep.site(damage).split(), *[CUT] * (sweep.tape.eras[-1].crash is not None)}


def _told(bug: str, found: Finding | None, coverage: Coverage, others: dict[str, int]) -> Answer:
    answer: Answer = {"tape": "", "operations": 0, "others": others}
    answer |= {"programs": coverage.programs, "distinct": coverage.distinct, "checked": coverage.checked}
    if found is not None:
        tape = shrink(found.tape, verdict=found.verdict, budget=SHRINK_RUNS, enough=OPERATIONS_MAX)
        answer["tape"] = encode_tape(replace(tape, bug=bug)).decode()
        answer["operations"] = max(1, count_operations(tape))  # None at all is a kill too.
    return answer


def _pieces(sweep: Sweep) -> Iterator[Damage]:
    extent_bytes = GEOMETRIES[sweep.tape.geometry].extent_bytes
    yield from sites(sweep.content, sweep.past, extent_bytes)
    yield from while_open(sites(sweep.content, sweep.past, extent_bytes))
    yield from sweep.forgeries()


def _bits_of_bytes(sweep: Sweep) -> Iterator[Damage]:
    yield from bytes_of_images(sweep.content, sweep.past)
    yield from (bit for bit in _every_bit(sweep) if bit.argument == bit.position % BITS)


def _every_bit(sweep: Sweep) -> Iterator[Damage]:
    return bits(sweep.content, sweep.past)


def _search(
    sweep: Sweep, damages: Iterator[Damage], wanted: Violation, others: dict[str, int]
) -> Finding | None:
    while (finding := sweep.run(damages)) is not None:
        if wanted.is_same_kind(finding.verdict):
            return finding
        kind = f"{finding.verdict.oracle}: {finding.verdict.breach.value}"
        others[kind] = others.get(kind, 0) + 1
        if sweep.is_unsound:
            return None  # It fails without any damage.
        sweep.finding = None
    return None
