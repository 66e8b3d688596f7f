"""The commands of `powercut`, and their options.

Invariants
  1  one line to stderr for an error, never a traceback; the exit codes are those of `errors`
  2  nothing heavy is imported before it is needed: the store only after a tape has said which bug
     is to be planted in it
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import monotonic, process_time
from typing import Annotated, Final, Literal, NoReturn

import typer

from ..tapes.kept import Kept, load, parse
from .arguments import (
    Html,
    Json,
    Seed,
    Store,
    Tape,
    Where,
    check_named,
    check_page,
    check_targets,
    cores,
    elsewhere,
    end_unread,
    seconds_of,
    version_told,
    write,
)
from .errors import ENVIRONMENT, OK, USAGE, UsageError, explain
from .explored import explore, try_once
from .interrupt import INTERRUPTED, end_interrupted
from .recorded import record
from .stores import backup, checkpoints, inspect, migrate, salvage

__all__ = ["main"]

# About when this process began: until here it has done nothing but work.
_STARTED: Final = monotonic() - process_time()

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Cuts the power of a store at every write, and tells what it lost.",
)


def main() -> NoReturn:
    """Run the command line; ends the process."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        end_unread()
    except SystemExit as error:
        # Not in standalone mode, so typer does this where a pipe was closed.
        if isinstance(error.__context__, OSError):
            end_unread()
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (invariant 1)
        code, line = explain(error)
        if code != INTERRUPTED:
            typer.echo(f"powercut: {line}", err=True)
    if code == INTERRUPTED:
        end_interrupted()
    sys.exit(code or 0)


@app.callback(invoke_without_command=True)
def _powercut(
    context: typer.Context,
    is_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if is_version:
        typer.echo(f"powercut {version_told()}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)


@app.command()
def gate(
    profile: Annotated[str, typer.Option(help="ci, nightly, or a TOML file.")] = "ci",
    stage: Annotated[list[str] | None, typer.Option(help="Run this stage; may be given again.")] = None,
    budget: Annotated[str | None, typer.Option(help="End after 90s, 5m, 1h: a part for each stage.")] = None,
    seed: Seed = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes.")] = None,
    law: Annotated[str | None, typer.Option(help="What a disk may do; default: the profile's.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the document there.")] = None,
    findings: Annotated[Path, typer.Option(metavar="DIR", help="Where tapes of violations go.")] = Path(
        "powercut-findings"
    ),
    store: Annotated[str, typer.Option(metavar="MODULE:FACTORY", help="Search this store.")] = "",
    html: Html = None,
    where: Where = "",
) -> int:
    """Search the store: programs, crashes, faults, schedules, planted bugs."""
    seconds = seconds_of(budget)
    check_targets(json, findings)
    check_page(html)
    if store:
        from .own import OwnGate, gate_own

        named = {
            "--seed": seed,
            "--jobs": jobs,
            "--law": law,
            "--budget": budget,
            "--executor": where or None,
        }
        asked = OwnGate(store, "" if profile == "ci" else profile, tuple(stage or ()), json, findings, html)
        return gate_own(asked, named)
    from ..gate import run_gate
    from ..gate.profile import load_profile
    from .progress import ProgressLine
    from .summary import tell_gate

    plan = load_profile(profile)
    with elsewhere(where, jobs) as (executor, count), ProgressLine() as line:
        report = run_gate(
            plan,
            stages=stage or (),
            seed=seed,
            jobs=count,
            executor=executor,
            law=law,
            budget=None if seconds is None else seconds - (monotonic() - _STARTED),
            findings_folder=findings,
            progress=line.show,
        )
    try:
        typer.echo(tell_gate(report))
    finally:  # Also where nobody reads the text.
        is_written = json is None or write(json, report.to_json())
        if html is not None:
            from .pages import page_of_gate

            is_written &= write(html, page_of_gate(report).encode())
    return report.exit or (OK if is_written else ENVIRONMENT)


@app.command()
def demo() -> int:
    """Watch one planted bug being found, shrunk and told."""
    from .demo import show

    return show()


@app.command()
def replay(tape: Tape, store: Store = "", json: Json = False, html: Html = None) -> int:
    """Play a tape again, and tell its story."""
    check_page(html)
    kept = _load(tape)
    from . import tapes

    return tapes.replay_tape(kept, "" if tape == "-" else tape, store, html, is_json=json)


@app.command()
def shrink(
    tape: Tape,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Keep the result there.")
    ] = None,
    store: Store = "",
    json: Json = False,
) -> int:
    """Make a failing tape as small as it gets."""
    if out is not None and (out.exists() or not out.absolute().parent.is_dir()):
        raise UsageError(f"--out {out}: exists, or its folder does not")
    kept = _load(tape)
    from . import tapes

    return tapes.shrink_tape(kept, out, store, is_json=json)


@app.command()
def mend(tape: Tape, store: Store = "", json: Json = False) -> int:
    """Name the smallest set of added syncs that mends what a tape shows."""
    kept = _load(tape)
    from . import tapes

    return tapes.mend_tape(kept, store, is_json=json)


@app.command()
def mutants(
    only: Annotated[list[str] | None, typer.Option(help="A planted bug; may be given again.")] = None,
    seed: Seed = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Hunts at once.")] = None,
    is_list: Annotated[
        bool, typer.Option("--list", help="Hunt nothing: tell what can be planted, and who must find it.")
    ] = False,
    json: Json = False,
) -> int:
    """Check the checker: plant each bug, hunt it down."""
    from .planted import hunt_all, list_all

    if is_list:
        return list_all(only or [], is_json=json)

    return hunt_all(only or [], seed or 0, jobs or cores(), is_json=json)


@app.command()
def power(
    sample: Annotated[int, typer.Option(min=1, help="Mutants to draw.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    module: Annotated[str, typer.Option(help="Of one module only: log.ring.")] = "",
    of: Annotated[Literal["engine", "harness"], typer.Option(help="What is changed.")] = "engine",
    only: Annotated[list[str] | None, typer.Option(help="This mutant; may be given again.")] = None,
    profile: Annotated[str, typer.Option(help="Of the gate that hunts: ci, nightly, a TOML file.")] = "ci",
    rungs: Annotated[int, typer.Option(min=1, max=3, help="Of the gate: the dearest only with 3.")] = 3,
    tests: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Tests for what survives; those of a checkout.")
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="Hunt nothing: name the mutants.")] = False,
    json: Json = False,
) -> int:
    """Measure the checker: draw bugs that nobody chose, and count who tells them."""
    from ..power.measure import Asked
    from .power import sample as measured

    asked = Asked(of, sample, seed, module, tuple(only or ()), profile, rungs, tests)
    return measured(asked, is_json=json, is_list=is_list)


@app.command()
def ground(
    fs: Annotated[
        str, typer.Option(metavar="NAMES", help="File systems: ext4,xfs,btrfs.")
    ] = "ext4,xfs,btrfs",
    mkfs_options: Annotated[str, typer.Option(help="For mkfs, besides the defaults.")] = "",
    mount_options: Annotated[str, typer.Option(help="For mount, besides the defaults.")] = "",
    only: Annotated[list[str] | None, typer.Option(help="This scenario; may be given again.")] = None,
    fuzz: Annotated[int, typer.Option(min=0, help="Programs to draw, for each file system.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawn programs and chosen images.")] = 1,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes.")] = None,
    is_kept: Annotated[bool, typer.Option("--kept", help="Mount nothing: judge the kept evidence.")] = False,
    is_refresh: Annotated[bool, typer.Option("--refresh", help="Keep what is seen in the package.")] = False,
    json: Json = False,
) -> int:
    """Hold the laws against real file systems: needs root, FUSE and loop devices.

    Cuts the power of small programs on each, mounts what may be left, and tells which law lacks it.
    """
    from .ground import Asked, judge_kept, measure

    if is_kept:
        return judge_kept(is_json=json)
    work = fuzz, seed, jobs or 3 * cores()
    asked = Asked(fs, mkfs_options, mount_options, only or [], work, is_refresh, json)
    return measure(asked)


for _command in (inspect, migrate, backup, salvage, checkpoints):
    app.command()(_command)
# What follows the command's name is the command's.
app.command(context_settings={"allow_interspersed_args": False})(record)
app.command()(explore)
app.command("try")(try_once)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> int:
    """Measure, side by side; needs a checkout.

    Options go to bench/run.py, which is not in the wheel.
    """
    script = Path("bench", "run.py")
    if not script.is_file():
        typer.echo("powercut: bench/run.py is not here; run this in a checkout of powercut", err=True)
        return ENVIRONMENT
    code = subprocess.run([sys.executable, str(script), *context.args], check=False).returncode
    return ENVIRONMENT if code else 0


def _load(name: str) -> Kept:
    """The kept tape, with its bug planted; the store may be imported after this and not before."""
    check_named(name)
    kept = parse(sys.stdin.buffer.read(), "stdin") if name == "-" else load(Path(name))
    if kept.tape.bug:
        from .planted import plant_bug

        plant_bug(kept.tape.bug)
    return kept
