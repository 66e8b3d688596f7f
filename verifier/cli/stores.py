"""Commands on the folder of a store or a log: look at it, copy it, mend it, manage its checkpoints.

Invariant: `checkpoints drop` alone changes a store, and `backup` and `salvage` alone make one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .arguments import Json, check_named
from .errors import UsageError

__all__ = ["backup", "checkpoints", "inspect", "migrate", "salvage"]


def inspect(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a store or a log.")],
    json: Json = False,
    entries: Annotated[bool, typer.Option("--entries", help="Of a log, list every entry.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Of a log, read every byte.")] = False,
) -> int:
    """Look at the files of a store or a log; nothing is written.

    Roots, settings, checkpoints or commits, segments, sessions or iterators, and all damage.
    """
    check_named(path)
    folder = Path(path)
    if not folder.is_dir():
        raise UsageError(f"{path}: {'a file and not a folder' if folder.exists() else 'no such folder'}")
    from ..faster.fasterlog.inspection import encode_log, inspect_log, is_log, tell_log
    from ..faster.inspection import encode_inspection, inspect_store, tell_inspection

    if is_log(folder):
        log = inspect_log(folder, entries=entries, verify=verify)
        typer.echo(encode_log(log) if json else tell_log(log))
        return 0 if log.is_sound else 1
    if entries or verify:
        raise UsageError(f"{path}: --entries and --verify are for logs, and this is none")
    found = inspect_store(folder)
    typer.echo(encode_inspection(found) if json else tell_inspection(found))
    return 0 if found.is_sound else 1


def migrate(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a store or a log.")],
) -> int:
    """Bring a store or a log to the format of this release; there is one so far, so there is nothing to do.

    A format that this release does not know is refused as such, and nothing is written.
    """
    check_named(path)
    from ..faster.fasterlog.inspection import FORMAT_VERSION, inspect_log, is_log
    from ..faster.inspection import inspect_store

    what, look = ("log", inspect_log) if is_log(path) else ("store", inspect_store)
    look(path)
    typer.echo(f"{path}: a {what} of format {FORMAT_VERSION}, the newest: nothing to migrate")
    return 0


def backup(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a store.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="A folder without a store, or none yet.")],
) -> int:
    """Copy the checkpoints of a store; where it is broken off, the copy is whole or no store at all."""
    check_named(path)
    check_named(out)
    from ..faster.inspection import backup_store

    point = backup_store(path, out)
    life, counter = point.version
    typer.echo(f"{out}: checkpoint {counter} of life {life}, sessions {len(point.serials)}")
    return 0


def salvage(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a store; nothing is changed.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="A folder without a store, or none yet.")],
    certain: Annotated[bool, typer.Option("--certain", help="Leave out keys that are in doubt.")] = False,
    json: Json = False,
) -> int:
    """Make a new store of what can be read of a damaged one, and tell what is given up."""
    check_named(path)
    check_named(out)
    from .salvaging import salvage_told

    return salvage_told(path, out, certain=certain, is_json=json)


def checkpoints(
    do: Annotated[Literal["list", "verify", "drop"], typer.Argument(help="What to do.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a store.")],
    which: Annotated[
        str, typer.Argument(metavar="[WHICH]", help="To drop: a version (life.counter) or a name.")
    ] = "",
    json: Json = False,
) -> int:
    """List the checkpoints of a store, verify every byte that each needs, or drop one; it is not opened."""
    check_named(path)
    if (do == "drop") != bool(which):
        raise UsageError(f"{do}: {'which one?' if do == 'drop' else 'it takes all of them'}")
    from .keeping import manage

    return manage(do, path, which, is_json=json)
