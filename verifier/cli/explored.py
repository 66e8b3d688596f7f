"""Try and explore: every crash state of any program, judged by what a command reads in it."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from .arguments import Html, Where, check_named, check_page, elsewhere, write
from .arguments import Json as AsJson
from .errors import ENVIRONMENT, INCONCLUSIVE, OK, VIOLATION, UsageError

if TYPE_CHECKING:
    from ..programs.exploring.report import Report
    from ..programs.exploring.workload import Workload
    from ..programs.recording import Recording

__all__ = ["explore", "try_once"]

Read = Annotated[str, typer.Option("--read", metavar="CMD", help="Reads the folder, or module:function.")]
Laws = Annotated[
    list[str] | None, typer.Option("--law", help="What a disk may do; may be given again. Default: posix.")
]
Ack = Annotated[str | None, typer.Option("--ack", metavar="REGEX", help="Lines of output that acknowledge.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="CMD", help="Run after a recovery, and cut once more.")
]
Check = Annotated[
    str | None, typer.Option("--check", metavar="CMD", help="A checker: exits with 0 if all is well.")
]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="PATTERN", help="Files left out; may be given again.")
]
Between = Annotated[
    bool, typer.Option("--between", help="Steps are not atomic: what a kill leaves is legal meanwhile.")
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Crash states of one index, above which it is bounded. Default: 1024."),
]
Sector = Annotated[
    int | None, typer.Option(min=1, metavar="BYTES", help="Bytes that a disk writes whole. Default: 512.")
]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes that read.")]
IsWhole = Annotated[
    bool, typer.Option("--whole", help="Read each distinct state, whatever the reader looks at.")
]


def explore(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="A recording (powercut record).")],
    read: Read,
    law: Laws = None,
    ack: Ack = None,
    after: After = None,
    check: Check = None,
    ignore: Ignore = None,
    is_between: Between = False,
    limit: Limit = None,
    sector: Sector = None,
    jobs: Jobs = None,
    is_whole: IsWhole = False,
    json: AsJson = False,
    html: Html = None,
    where: Where = "",
) -> int:
    """Judge every crash state of a recorded program by what a command reads in it."""
    from ..programs.exploring.workload import Workload
    from ..programs.recording import load

    check_named(trace)
    check_page(html)
    asked = _changed(Workload(read), laws=law, ack=ack, after=after, check=check, ignore=ignore)
    asked = _changed(asked, limit=limit, sector=sector, atomic=False if is_between else None)
    asked.check_values()
    recording = load(Path(trace).read_bytes())
    with elsewhere(where, jobs) as workers:
        return _judge(recording, asked, workers, html, is_pruned=not is_whole, is_json=json)


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
    ack: Ack = None,
    after: After = None,
    check: Check = None,
    ignore: Ignore = None,
    is_between: Between = False,
    limit: Limit = None,
    sector: Sector = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Keep the recording.")
    ] = None,
    jobs: Jobs = None,
    is_whole: IsWhole = False,
    json: AsJson = False,
    html: Html = None,
    where: Where = "",
) -> int:
    """Record a program, cut the power at every call, and ask a command what is left."""
    from ..programs.exploring.workload import Workload, load_workload

    check_page(html)
    stated = {"--write": written, "--read": read, "--root": root, "--init": init}
    if workload is not None:
        if given := [name for name, value in stated.items() if value]:
            raise UsageError(f"--workload names a file, and {given[0]} stands in it")
        asked = load_workload(workload)
    elif written and read:
        asked = Workload(read, written, init or [], root)
    else:
        raise UsageError("--write and --read are needed, or --workload")
    asked = _changed(asked, laws=law, ack=ack, after=after, check=check, ignore=ignore)
    asked = _changed(asked, limit=limit, sector=sector, atomic=False if is_between else None)
    asked.check_values()
    from ..programs.exploring.running import record_workload
    from ..programs.record import record
    from ..programs.recording import dump

    with elsewhere(where, jobs) as workers:  # First: a recording may be long, and nobody there to read it.
        recording = record_workload(asked, record)
        if out is not None and not write(out, dump(recording)):
            return ENVIRONMENT
        return _judge(recording, asked, workers, html, is_pruned=not is_whole, is_json=json)


def _changed(workload: Workload, **given: object) -> Workload:
    """The workload with each value that was given in the place of its own."""
    changed = {name: value for name, value in given.items() if value not in (None, [])}
    return msgspec.structs.replace(workload, **changed)


def _judge(
    recording: Recording,
    workload: Workload,
    workers: tuple[Executor | None, int],
    html: Path | None,
    *,
    is_pruned: bool,
    is_json: bool,
) -> int:
    from ..programs.exploring.running import explore_recording
    from ..programs.exploring.text import tell

    executor, jobs = workers
    reports = explore_recording(recording, workload, jobs=jobs, is_pruned=is_pruned, executor=executor)
    if is_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(reports)).decode())
    else:
        typer.echo("\n".join(tell(report) for report in reports), nl=False)
    if html is not None:
        from ..telling.html.program import page_of_reports

        if not write(html, page_of_reports(reports).encode()):
            return ENVIRONMENT
    return _code(reports)


def _code(reports: list[Report]) -> int:
    if any(report.kinds or report.gone for report in reports):
        return VIOLATION
    return INCONCLUSIVE if any(report.is_bounded for report in reports) else OK
