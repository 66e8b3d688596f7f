"""Try and explore: every crash state of any program, judged by what a command reads in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from .arguments import Json as AsJson
from .arguments import check_named, cores, write
from .errors import ENVIRONMENT, INCONCLUSIVE, OK, VIOLATION, UsageError

if TYPE_CHECKING:
    from ..programs.exploring.report import Report
    from ..programs.exploring.workload import Workload
    from ..programs.recording import Recording

__all__ = ["explore", "try_once"]

_LIMIT: Final = 1024
Read = Annotated[str, typer.Option("--read", metavar="CMD", help="Reads the folder, or module:function.")]
Laws = Annotated[
    list[str] | None, typer.Option("--law", help="What a disk may do; may be given again. Default: posix.")
]
Ack = Annotated[str, typer.Option("--ack", metavar="REGEX", help="Lines of output that acknowledge.")]
After = Annotated[
    str, typer.Option("--after", metavar="CMD", help="Run after a recovery, and cut once more.")
]
Check = Annotated[str, typer.Option("--check", metavar="CMD", help="A checker: exits with 0 if all is well.")]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="PATTERN", help="Files left out; may be given again.")
]
Between = Annotated[
    bool, typer.Option("--between", help="Steps are not atomic: what a kill leaves is legal meanwhile.")
]
Limit = Annotated[int, typer.Option(min=1, help="Crash states of one index, above which it is bounded.")]
Sector = Annotated[int, typer.Option(metavar="BYTES", help="Bytes that a disk writes whole.")]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes that read.")]
IsWhole = Annotated[
    bool, typer.Option("--whole", help="Read each distinct state, whatever the reader looks at.")
]


def explore(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="A recording (powercut record).")],
    read: Read,
    law: Laws = None,
    ack: Ack = "",
    after: After = "",
    check: Check = "",
    ignore: Ignore = None,
    is_between: Between = False,
    limit: Limit = _LIMIT,
    sector: Sector = 512,
    jobs: Jobs = None,
    is_whole: IsWhole = False,
    json: AsJson = False,
) -> int:
    """Judge every crash state of a recorded program by what a command reads in it."""
    from ..programs.exploring.workload import Workload
    from ..programs.recording import load

    check_named(trace)
    workload = Workload(
        read=read,
        laws=law or ["posix"],
        ack=ack,
        after=after,
        check=check,
        ignore=ignore or [],
        atomic=not is_between,
        limit=limit,
        sector=sector,
    )
    workload.check_values()
    return _judge(load(Path(trace).read_bytes()), workload, jobs, is_pruned=not is_whole, is_json=json)


def try_once(
    written: Annotated[
        list[str] | None, typer.Option("--write", metavar="CMD", help="A step to record; may be given again.")
    ] = None,
    read: Read = "",
    root: Annotated[
        str, typer.Option("--root", metavar="DIR", help="Default: here; {root}: a new one.")
    ] = "",
    init: Annotated[
        list[str] | None, typer.Option("--init", metavar="CMD", help="Run before, not recorded.")
    ] = None,
    workload: Annotated[
        Path | None, typer.Option("--workload", metavar="FILE", help="A workload in TOML.")
    ] = None,
    law: Laws = None,
    ack: Ack = "",
    after: After = "",
    check: Check = "",
    ignore: Ignore = None,
    is_between: Between = False,
    limit: Limit = _LIMIT,
    sector: Sector = 512,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Keep the recording.")
    ] = None,
    jobs: Jobs = None,
    is_whole: IsWhole = False,
    json: AsJson = False,
) -> int:
    """Record a program, cut the power at every call, and ask a command what is left."""
    from ..programs.exploring.workload import Workload, load_workload

    if workload is not None:
        if written or read:
            raise UsageError("--workload names a file; --write and --read stand in it")
        asked = load_workload(workload)
        if law:
            asked.laws = law
    elif not (written and read):
        raise UsageError("--write and --read are needed, or --workload")
    else:
        asked = Workload(
            read=read,
            steps=written,
            init=init or [],
            root=root,
            laws=law or ["posix"],
            ack=ack,
            after=after,
            check=check,
            ignore=ignore or [],
            atomic=not is_between,
            limit=limit,
            sector=sector,
        )
    asked.check_values()
    from ..programs.exploring.running import record_workload
    from ..programs.record import record
    from ..programs.recording import dump

    recording = record_workload(asked, record)
    if out is not None and not write(out, dump(recording)):
        return ENVIRONMENT
    return _judge(recording, asked, jobs, is_pruned=not is_whole, is_json=json)


def _judge(
    recording: Recording, workload: Workload, jobs: int | None, *, is_pruned: bool, is_json: bool
) -> int:
    from ..programs.exploring.running import explore_recording
    from ..programs.exploring.text import tell

    reports = explore_recording(recording, workload, jobs=jobs or cores(), is_pruned=is_pruned)
    if is_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(reports)).decode())
    else:
        typer.echo("\n".join(tell(report) for report in reports), nl=False)
    return _code(reports)


def _code(reports: list[Report]) -> int:
    if any(report.kinds or report.gone for report in reports):
        return VIOLATION
    return INCONCLUSIVE if any(report.is_bounded for report in reports) else OK
