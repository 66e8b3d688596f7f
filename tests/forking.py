"""Run by the fixture `forked`: a process of which commands are forked, each as if it had been started.

What most of them import is imported here, once, and nothing of the store: a bug is planted before it is
imported. Started with `kills` it imports what a worker of the kills does and nothing else: each life is a
fork of it, and costs the more the larger it is.

    request  a line of JSON: the code, its arguments, folder, environment, files for descriptors 0, 1, 2,
             and whether the first is a pipe that stays open
    answer   a line: the exit code
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import sys
import traceback
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, Final, NoReturn

_WARM: Final = (
    *(
        "hypothesis.stateful",
        "msgspec.json",
        "numpy",
        "fastcrc",
        "greenlet",
        "rich.progress",
        "typer.rich_utils",
    ),
    *("concurrent.futures.process", "concurrent.futures.thread", "multiprocessing.spawn", "unittest.mock"),
    *("powercut.faultfs", "powercut.verifier.cli.app", "powercut.verifier.machine"),
    *("powercut.verifier.reducing.mend", "powercut.verifier.reducing.shrink", "powercut.verifier.runs.play"),
    *("powercut.verifier.telling.report", "powercut.verifier.cli.tapes", "powercut.verifier.cli.planted"),
    *("powercut.verifier.examples", "powercut.verifier.finders.faults", "powercut.verifier.finders.damage"),
)
_FLAGS: Final = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)


def _keep_open(file: str) -> None:
    """Put a pipe in the place of the standard input, which holds as much and does not end."""
    source, sink = os.pipe()
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 1 << 20)
    with open(file, "rb") as given:
        os.write(sink, given.read())
    os.dup2(source, 0)


def _run(request: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        for number, (file, flags) in enumerate(zip(request["files"], _FLAGS, strict=True)):
            os.dup2(os.open(file, flags), number)
        if request["is_open"]:
            _keep_open(request["files"][0])
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        first = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        sys.path[:] = [*first, *(path for path in sys.path if path not in first)]
        sys.argv = ["-c", *request["arguments"]]
        exec(compile(request["code"], "<string>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else bool(ended.code)
    except BaseException:  # noqa: BLE001 (told as Python tells it)
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _warm() -> None:
    for name in _WARM:
        import_module(name)
    faultfs = import_module("powercut.faultfs")
    for name in faultfs.__all__:
        getattr(faultfs, name)  # It looks them up when they are first used.
    import hypothesis
    from hypothesis.strategies import integers

    # What Hypothesis finds out of the modules that are there it keeps.
    settings = hypothesis.settings(max_examples=1, database=None, deadline=None, derandomize=True)
    hypothesis.find(integers(), lambda drawn: True, settings=settings)
    # What the command line imports with the first line that it reads.
    from powercut.verifier.cli.app import app

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        app(["--version"], standalone_mode=False)
    assert "powercut.engine" not in sys.modules


def main() -> None:
    """Answer requests until there are no more."""
    source, sink = os.dup(0), os.dup(1)
    if sys.argv[1:] == ["kills"]:
        import_module("powercut.verifier.finders.kill.worker")
    else:
        _warm()
    gc.collect()
    gc.freeze()  # What is there is not looked through in every child.
    with open(source, "rb", buffering=0) as requests:
        while line := requests.readline():
            if not (child := os.fork()):
                os.close(sink)
                os.close(source)
                _run(json.loads(line))
            os.write(sink, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
