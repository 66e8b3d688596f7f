"""The command `power`: a sample of generic mutants, told as it goes, and the shares at the end.

Nothing is planted here: that is done in processes of their own.
"""

from __future__ import annotations

import msgspec
import typer

from ..gate.profile import load_profile
from ..power.generic import ENGINE, HARNESS, generate_all
from ..power.measure import Asked, measure
from ..power.tally import Fate
from ..power.telling import tell_fate, tell_report
from .errors import UsageError

__all__ = ["sample"]


def sample(asked: Asked, *, is_json: bool, is_list: bool) -> int:
    """Take the measure; print each mutant, or one document at the end."""
    if not is_list:
        _check(asked)  # Before the mutants are made, which takes seconds.
    mutants = generate_all(asked.of, asked.module)
    if not mutants:
        raise UsageError(f"--module {asked.module}: no module of {asked.of} has that name, or a mutant")
    names = {each.name for each in mutants}
    if strange := sorted(set(asked.only) - names):
        raise UsageError(f"--only {strange[0]}: no such mutant of {asked.of}")
    if is_list:
        for each in mutants:
            if not asked.only or each.name in asked.only:
                typer.echo(f"{each.name}  line {each.line}")
        return 0

    def tell(fate: Fate) -> None:
        if not is_json:
            is_tested, is_hunted = asked.tests is not None, asked.of == ENGINE
            typer.echo(tell_fate(fate, is_tested=is_tested, is_hunted=is_hunted))

    report = measure(asked, tell)
    if is_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        typer.echo(tell_report(report))
    return report.exit


def _check(asked: Asked) -> None:
    """Refuse what could not be measured, whichever mutants there are."""
    if asked.tests is None and asked.of == HARNESS:
        raise UsageError("--of harness: its mutants are told by tests alone: name them with --tests FOLDER")
    if asked.tests is not None and not asked.tests.is_dir():
        raise UsageError(f"--tests {asked.tests}: no such folder")
    if asked.of == ENGINE and asked.profile is not None:
        load_profile(asked.profile)  # Those processes would refuse it too, and in many lines.
