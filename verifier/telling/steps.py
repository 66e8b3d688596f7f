"""Steps: the operations of a run beside what they returned, and the setting that they ran in.

Between two power cuts the eras of a tape are one program; its operations, what was issued for them and what
came back stand in three lists of a segment, of which this makes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from powercut.faultfs import Plan

from ..oracles.prefix import show
from ..runs.run import Run
from ..spec.history import Observation, Segment
from ..spec.model import Issued, issue
from ..tapes.operations import CHECKPOINTS, KEYED, OPERATIONS
from ..tapes.tape import Crash, Era, Kind, Operation, Tape
from .comparison import count_of

__all__ = ["Group", "Step", "groups_of", "setting_of", "steps_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """The eras between two power cuts, as one program."""

    program: tuple[Operation, ...]
    crash: Crash | None


def groups_of(tape: Tape) -> list[Group]:
    """A group for each segment of the tape's run."""
    groups, open_eras = [], list[Era]()
    for number, era in enumerate(tape.eras):
        open_eras.append(era)
        if era.crash is not None or number == len(tape.eras) - 1:
            groups.append(Group(tuple(op for each in open_eras for op in each.program), era.crash))
            open_eras = []
    # A tape that ends in a cut has one more segment: the disk as the cut left it.
    return [*groups, Group((), None)]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a program, and the device calls [start, stop) that it made."""

    number: int
    operation: Operation
    start: int
    stop: int
    issued: Issued | None  # What it was, and what it returned: of operations on keys.
    seen: Observation | None

    @property
    def is_keyed(self) -> bool:
        """True for an operation of one session on one key."""
        return self.operation.kind in KEYED

    def text(self, *, is_cut: bool = False) -> str:
        """The operation in words, and its result; `is_cut`: the power went before it was done."""
        operation, cut = self.operation, " (cut short)" if is_cut else ""
        kind = Kind(operation.kind)
        row = OPERATIONS[kind]
        if not self.is_keyed:
            told = ""
            if kind in (Kind.CHECKPOINT, Kind.START) and operation.size:
                told = f": {CHECKPOINTS[operation.size % len(CHECKPOINTS)]}"
            return f"{row.told}{told}{cut}"
        issued = self.issued or issue(operation, 0)
        text = f"#{issued.serial} {row.told} {issued.key.decode()}"
        if row.sign:
            text += f" {row.sign} {show(issued.value)}"
        if not is_cut and self.seen is not None and row.has_result:
            text += f" -> {self.seen.returned}"
        return text + cut


def steps_of(program: tuple[Operation, ...], segment: Segment) -> Iterator[Step]:
    """The operations of the program that were begun."""
    starts = segment.step_starts
    results = iter([seen for seen in segment.observations if seen.session >= 0])
    own = [each for life in segment.lives for each in life.history[life.base :]]
    # The others are truncations and progress.
    history = iter([each for each in own if each.session >= 0])
    for number, (operation, start) in enumerate(zip(program, starts, strict=False)):
        stop = starts[number + 1] if number + 1 < len(starts) else len(segment.trace)
        is_keyed = operation.kind in KEYED
        yield Step(
            number,
            operation,
            start,
            stop,
            next(history, None) if is_keyed else None,
            next(results, None) if is_keyed else None,
        )


def setting_of(tape: Tape, run: Run) -> Iterator[tuple[str, str]]:
    """The setting and the length of a tape: words, each with what it stands for."""
    if tape.bug:
        yield "planted", tape.bug
    yield "setting", f"{tape.subject}, geometry {tape.geometry}, law {tape.law}, {tape.kernels} kernels"
    for era in tape.eras:
        yield from (("fault", fault.name) for fault in Plan.of(era.faults).faults)
    if run.damaged:
        yield "damaged", run.damaged
    cuts = sum(era.crash is not None for era in tape.eras)
    operations = sum(len(era.program) for era in tape.eras)
    yield "length", f"{count_of(operations, 'operation')}, {count_of(cuts, 'power cut')}"
