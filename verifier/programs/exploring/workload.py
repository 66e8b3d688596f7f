"""Workloads: a program to record, the command that reads, and what is wanted, as a TOML file.

    root = "data"                       the folder; made if it is missing. Default: a new one, called {root}
    init = ["./app create"]             run before, not recorded
    steps = ["./app put k v"]           recorded; each ends in an acknowledgement
    read = "./app dump"                 or "module:function", called with the folder
    after = "./app put k2 v2"           run after a recovery, recorded; the power is cut once more
    check = "./app fsck"                a checker: a status other than 0 is a finding
    ack = "^ok"                         each line of output that matches is an acknowledgement as well
    laws = ["posix"]
    ignore = ["*.log", "cache/*"]       files whose crash states nobody asks for
    atomic = false                      what a kill in the midst of a step leaves is legal there
    limit = 1024                        crash states of one index, above which it is bounded
    sector = 512                        bytes that a disk writes whole
    [[known]]
    verdict = "mixed"
    law = "posix"                       default: each
    reason = "…"

Commands stand in the folder of the file. Raises WorkloadError for what is none.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from powercut.faultfs import Law, SectorSizeError, Trace

from ...errors import VerifierError
from .verdicts import Verdict

__all__ = ["Known", "Workload", "WorkloadError", "check_found", "command_of", "load_workload"]

ROOT: Final = "{root}"
_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_QUOTED: Final = r"""'[^']*'|"[^"$`\\]*\""""
_SHELL: Final = frozenset("|&;<>()$`*?[]#~\n")
# Imports first: a reader is started once for many crash states, up to where it first looks at the folder.
_CALL: Final = """
import os, sys
from importlib import import_module
sys.path.insert(0, "")
function = getattr(import_module(sys.argv[1]), sys.argv[2])
try:
    result = function(sys.argv[3])
    if result is not None:
        print(result.decode(errors="replace") if isinstance(result, bytes) else result)
    status = 0
except SystemExit as error:
    status = error.code if isinstance(error.code, int) else error.code is not None
except BaseException:
    import traceback
    traceback.print_exc()
    status = 1
sys.stdout.flush()
sys.stderr.flush()
os._exit(status)
"""


class WorkloadError(VerifierError, ValueError):
    """A file is no workload, or a command none that can be run."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding that is known, and why it stays."""

    verdict: str
    reason: str
    law: str = ""


class Workload(msgspec.Struct, forbid_unknown_fields=True):
    """The values of a file. Commands are as a shell takes them."""

    read: str
    steps: list[str] = []
    init: list[str] = []
    root: str = ""
    after: str = ""
    check: str = ""
    ack: str = ""
    laws: list[str] = msgspec.field(default_factory=lambda: ["posix"])
    ignore: list[str] = []
    atomic: bool = True
    limit: int = 1024
    sector: int = 512
    known: list[Known] = []
    folder: str = "."  # In which commands are run; of a file, its own.

    def check_values(self) -> None:
        """Refuse what cannot be meant. Raises WorkloadError, UnknownLawError."""
        for law in self.laws:
            Law.of(law)
        if not self.laws:
            raise WorkloadError("laws: none is named")
        if not self.read.strip():
            raise WorkloadError("read: a command is expected")
        try:
            Trace(sector_bytes=self.sector)
        except SectorSizeError as error:
            raise WorkloadError(f"sector: {error}") from None
        if self.limit < 1:
            raise WorkloadError(f"limit: {self.limit}; expected at least 1")
        try:
            re.compile(self.ack)
        except re.error as error:
            raise WorkloadError(f"ack: {self.ack!r} is no pattern: {error}") from None
        for each in self.known:
            if each.verdict not in set(Verdict):
                raise WorkloadError(f"known: no verdict {each.verdict!r}: one of {', '.join(Verdict)}")
            if not each.reason.strip():
                raise WorkloadError(f"known: {each.verdict} without a reason")


def load_workload(path: Path) -> Workload:
    """The workload of a file. Raises WorkloadError, OSError."""
    try:
        workload = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Workload)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise WorkloadError(f"{path}: {error}") from None
    workload.folder = str(path.absolute().parent / workload.folder)
    workload.check_values()
    return workload


def check_found(text: str, command: Sequence[str], folder: str) -> None:
    """Refuse a command whose program is nowhere: a shell would end with 127. Raises WorkloadError."""
    program = command[0]
    if shutil.which(os.path.join(folder, program) if os.sep in program else program) is None:
        raise WorkloadError(f"{text!r}: no such command: {program}")


def command_of(text: str, root: str) -> tuple[str, ...]:
    """The words of a command: run as it is, by a shell where it needs one, or a function of a module."""
    text = text.replace(ROOT, root)
    if _FUNCTION.fullmatch(text):
        module, _, function = text.partition(":")
        return sys.executable, "-c", _CALL, module, function, root
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise WorkloadError(f"{text!r} is no command: {error}") from None
    if not words:
        raise WorkloadError("a command is expected, and this one is empty")
    plain = re.sub(_QUOTED, "", text)
    is_assignment = "=" in words[0]
    return ("/bin/sh", "-c", text) if is_assignment or _SHELL & set(plain) else words
