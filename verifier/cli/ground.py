"""`powercut ground`: the laws held against real file systems, or against what these showed before."""

from __future__ import annotations

from time import perf_counter
from typing import Final, NamedTuple

import msgspec
import typer

from powercut.faultfs import Law
from powercut.faultfs.ground import campaign, claims, evidence, judging
from powercut.faultfs.ground.rig import Options
from powercut.faultfs.ground.scenarios import OTHERS, SCENARIOS

from ..gate.progress import Progress
from .errors import OK, VIOLATION, UsageError
from .progress import ProgressLine

__all__ = ["Asked", "judge_kept", "measure"]

_TOLD: Final = 12  # Contents outside a law that the text tells; the JSON document has all.


class Asked(NamedTuple):
    """The arguments of the command."""

    file_systems: str  # Between commas.
    mkfs: str
    mount: str
    only: list[str]
    work: tuple[int, int, int]  # Programs to draw, the seed, processes.
    is_refresh: bool
    is_json: bool


class _Outside(msgspec.Struct):
    """A content that a law does not have, where it was seen."""

    name: str
    program: str
    content: str
    half_step: int
    place: str
    images: int
    example: str


class _Unseen(msgspec.Struct):
    """A crash state of a law that no image of a scenario showed."""

    name: str
    content: str


class _Row(msgspec.Struct):
    """One law: whether it says that it holds here, what it lacks, and what of its states nobody saw."""

    law: str
    is_claimed: bool
    outside: list[_Outside]
    states: int
    unseen: list[_Unseen]


class _Document(msgspec.Struct):
    """One file system with its options; `new` are contents that the kept evidence does not have."""

    head: evidence.Head
    programs: int
    recordings: int
    images: int
    unmounted: int
    contents: int
    laws: list[_Row]
    new: list[evidence.New]

    @property
    def is_sound(self) -> bool:
        return not any(row.is_claimed and row.outside for row in self.laws)


def judge_kept(*, is_json: bool) -> int:
    """Hold the evidence that stands in the package against the laws; needs no root."""
    return _tell(evidence.kept(), is_json=is_json)


def measure(asked: Asked) -> int:
    """Measure the file systems, and hold what they show against the laws."""
    unknown = [name for name in asked.only if name not in SCENARIOS | OTHERS]
    if unknown:
        raise UsageError(f"no scenario {unknown[0]!r}: one of {', '.join(SCENARIOS)}")
    systems = [each for each in asked.file_systems.split(",") if each]
    if not systems:
        raise UsageError("--fs names no file system")
    names = tuple(asked.only or SCENARIOS)
    fuzz, seed, jobs = asked.work
    plans = [campaign.Plan(Options(each, asked.mkfs, asked.mount), names, fuzz, seed) for each in systems]
    for plan in plans:
        campaign.check_machine(plan.options.file_system)
    found = [_run(plan, jobs) for plan in plans]
    code = _tell([collection for collection, _ in found], is_json=asked.is_json)
    if asked.is_refresh:
        for collection, _ in found:
            evidence.keep(collection, is_part=bool(asked.only))
    return code if all(is_whole for _, is_whole in found) else VIOLATION


def _run(plan: campaign.Plan, jobs: int) -> tuple[evidence.Collection, bool]:
    """Carry out a plan, and say on stderr how fast it went and what was refused; False if anything was."""
    before = perf_counter()
    heard: list[campaign.Done] = []
    images, total = 0, len(campaign.tasks_in_order(plan))

    def hear(done: campaign.Done) -> None:
        nonlocal images
        heard.append(done)
        images += done.evidence.images if done.evidence else 0
        seconds = perf_counter() - before
        line.show(Progress(plan.options.file_system, len(heard), total, images, seconds))

    with ProgressLine() as line:
        found = campaign.run(plan, jobs, hear)
    seconds = perf_counter() - before
    images, read = found.count("images"), sum(done.read for done in heard)
    speed = f"{images} images, {read} mounted, in {seconds:.0f} s: {images / seconds:.0f} a second"
    typer.echo(f"{found.title}: {speed}", err=True)
    refused = [done for done in heard if done.error]
    for done in refused:
        typer.echo(f"{found.title}: not played: {done.task.name}, {done.task.noise}: {done.error}", err=True)
    return found, not refused


def _tell(collections: list[evidence.Collection], *, is_json: bool) -> int:
    kept = evidence.kept()
    documents = [_document(each, kept) for each in collections]
    if is_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(documents)).decode())
    else:
        for collection, document in zip(collections, documents, strict=True):
            _tell_text(collection.title, document)
    return OK if all(document.is_sound for document in documents) else VIOLATION


def _document(collection: evidence.Collection, kept: list[evidence.Collection]) -> _Document:
    claimed = claims.laws_of(collection.head)
    return _Document(
        collection.head,
        len(collection.programs),
        collection.count("recordings"),
        collection.count("images"),
        collection.count("unmounted"),
        collection.contents,
        [_row(judging.judge(collection, law), is_claimed=law in claimed) for law in Law],
        evidence.new_in(collection, kept),
    )


def _row(verdict: judging.Verdict, *, is_claimed: bool) -> _Row:
    outside = [
        _Outside(
            each.name,
            each.program,
            each.sighting.content,
            each.half_step,
            each.place,
            each.sighting.images,
            each.sighting.example,
        )
        for each in verdict.outside
    ]
    unseen = [_Unseen(*each) for each in verdict.unseen]
    return _Row(verdict.law.value, is_claimed, outside, verdict.states, unseen)


def _tell_text(title: str, document: _Document) -> None:
    counts = f"{document.programs} programs, {document.recordings} recordings, {document.images} images"
    typer.echo(f"{title}, Linux {document.head.kernel}: {counts}, {document.contents} contents")
    for row in document.laws:
        claimed = ", claimed" if row.is_claimed else ""
        unseen = f"of {row.states:4} states {len(row.unseen):4} never seen"
        typer.echo(f"  {row.law:12} {len(row.outside):5} outside, {unseen}{claimed}")
    if document.new:
        typer.echo(f"  {len(document.new)} contents that the kept evidence does not have")
    for row in document.laws:
        if not row.is_claimed:
            continue
        for each in row.outside[:_TOLD]:
            typer.echo(f"outside {row.law}, {each.name}: {each.program}")
            typer.echo(f"    {each.place}: {each.content}   ({each.images} images; {each.example})")
        if len(row.outside) > _TOLD:
            typer.echo(f"outside {row.law}: {len(row.outside) - _TOLD} more; --json has them")
