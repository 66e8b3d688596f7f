"""Tracing a reader: what it asks of the folder, and one start for many crash states.

A reader knows nothing of a crash state before it first has to do with the folder, be it with a file that is
the same in all, which it may open and change. There it is stopped, and for each state a copy of it goes on
(`clone` is put in the place of its call), so that starting a program, linking it and importing its modules is
done once.

    start -> ... runs ... -> openat(db)        stopped: the template
                             clone -> openat(db) ... exit      the reading of one state
                             clone -> openat(db) ... exit      and of the next

Invariants
  1  `asked` holds a question for everything of the initial scene that a call gave away (asking.py)
  2  `soiled` holds each path of the folder that a call may have changed
  3  only a process that is alone, without a second thread, and shares nothing with its copies that cannot be
     put back (shared.py) becomes a template; else each reading is a start
  4  when a reading has ended, or was ended, none of its processes is left but the template

Threads: one, which forked the reader and has no other children. Linux on x86-64 only. Source: ptrace(2); the
deferred fork server of AFL (Zalewski, 2014), which needs the program to be rebuilt.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ...tracing.requests import (
    CONT,
    EXITKILL,
    SETOPTIONS,
    SETREGS,
    SYSCALL,
    SYSGOOD,
    TRACECLONE,
    TRACEEXEC,
    TRACEFORK,
    TRACESECCOMP,
    TRACEVFORK,
    ask,
    event_message,
)
from ...tracing.seccomp import FOREIGN
from .asking import Question
from .deeds import Deed
from .looking import Looking
from .placing import Placed
from .scene import Setting
from .shared import Shared
from .syscalls import ARGUMENTS, CALLS, Registers, be_traced, registers

__all__ = ["Ending", "Limits", "Output", "TracedReader"]

_EXECUTED, _SECCOMP = 4, 7  # Events of a stop.
_OPTIONS: Final = SYSGOOD | TRACEFORK | TRACEVFORK | TRACECLONE | TRACEEXEC | TRACESECCOMP | EXITKILL
_ALL: Final = 0x40000000  # __WALL
_RAX, _ORIG_RAX, _RIP = 10, 15, 16
_CLONE_CALL, _CLONE_PARENT = 56, 0x8000
_NONE: Final = (1 << 64) - 1


class Limits:
    """Bounds of one reading: calls that are seen, seconds of the processor, and a cap of the clock."""

    def __init__(self, calls: int = 200_000, processor: int = 20, clock: float = 60.0) -> None:
        self.calls = calls
        self.processor = processor
        self.clock = clock


class Output:
    """Files in memory for what a reader writes to its standard output and error."""

    def __init__(self) -> None:
        self._files = [os.memfd_create("out"), os.memfd_create("err")]
        self.ends = [os.open(f"/proc/self/fd/{each}", os.O_WRONLY | os.O_APPEND) for each in self._files]
        self._kept = [0, 0]

    def keep(self) -> None:
        """Output so far belongs to every reading from now on."""
        self._kept = [os.fstat(each).st_size for each in self._files]

    def clear(self) -> None:
        """A new reader: nothing was written."""
        self._kept = [0, 0]
        self.cut()

    def cut(self) -> None:
        """Go back to what is kept."""
        for file, size in zip(self._files, self._kept, strict=True):
            os.ftruncate(file, size)

    def read(self) -> tuple[bytes, bytes]:
        """The bytes written to both."""
        out, err = (os.pread(each, os.fstat(each).st_size, 0) for each in self._files)
        return out, err


class Ending:
    """The end of one reading: status as of a shell's child (negative: a signal), or why it was ended."""

    __slots__ = ("asked", "deeds", "err", "out", "soiled", "status", "why")

    def __init__(self, status: int, why: str, told: tuple[bytes, bytes]) -> None:
        self.status = status
        self.why = why
        self.out, self.err = told
        self.asked: dict[Question, None] = {}
        self.soiled: dict[str, None] = {}
        self.deeds: list[Deed] | None = None


class _ExpiredError(Exception):
    """The clock's cap."""


class TracedReader:
    """A command that is asked about one folder, as often as wanted."""

    def __init__(
        self, command: Sequence[str], cwd: str, placed: Placed, setting: Setting, limits: Limits
    ) -> None:
        self._command = list(command)
        self._cwd = cwd
        self._looking = Looking(placed, setting)
        self._root = placed.root
        self._limits = limits
        self._output = Output()
        self._template = 0
        self._shared = Shared()
        self._saved: ctypes.Array[ctypes.c_ulong] | None = None
        self._is_alone = True  # False once it was found that it cannot be a template.
        self._alive: set[int] = set()
        self._born: set[int] = set()  # Processes and threads that have stopped for the first time,
        self._unborn: set[int] = set()  # and those that have not, though their parents told of them.
        self._is_fresh = False  # The template stands before its own call.
        self._main = 0
        self._calls = 0
        self._is_changed = False
        self.starts = 0

    def read(self, *, is_changed: bool = False) -> Ending:
        """One reading of the folder as it is now; or as it `is_changed` by a reading before.

        Raises OSError where tracing fails.
        """
        self._is_changed = is_changed
        self._looking.begin(is_changed=is_changed)
        self._born, self._unborn = set(), set()
        self._calls = 0
        status, why = 0, ""
        signal.signal(signal.SIGALRM, _expire)
        signal.setitimer(signal.ITIMER_REAL, self._limits.clock)
        try:
            if not self._template:
                status, why = self._start()
            if self._template and not why:
                self._copy()
                status, why = self._follow()
        except _ExpiredError:
            why = f"it did not end within {self._limits.clock:g} s"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._end_all()
        ending = Ending(status, why, self._output.read())
        looking = self._looking
        ending.asked, ending.soiled, ending.deeds = looking.asked, looking.soiled, looking.deeds
        self._output.cut()
        return ending

    def close(self) -> None:
        """End the template; the next reading starts anew."""
        if self._template:
            self._alive = {self._template}
            self._template = 0
            self._shared.drop()
            self._end_all()

    def _start(self) -> tuple[int, str]:
        self.starts += 1
        self._output.clear()
        pid = os.fork()
        if pid == 0:
            self._be_reader()
        self._main, self._alive = pid, {pid}
        os.waitpid(pid, _ALL)
        ask(SETOPTIONS, pid, 0, _OPTIONS)
        ask(CONT, pid)
        return self._follow()

    def _be_reader(self) -> None:
        try:
            nowhere = os.open(os.devnull, os.O_RDONLY)
            for number, file in enumerate((nowhere, *self._output.ends)):
                os.dup2(file, number)
            os.closerange(3, 1 << 12)
            os.chdir(self._cwd)
            most = self._limits.processor
            resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            be_traced()
            os.execvp(self._command[0], self._command)
        except OSError as error:
            os.write(2, f"{self._command[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def _copy(self) -> None:
        """Let a copy of the template go on."""
        self._shared.restore()
        pid, saved = self._template, self._saved
        assert saved is not None
        wanted = Registers(*saved)
        wanted[_ORIG_RAX] = wanted[_RAX] = _CLONE_CALL
        for place, value in zip(ARGUMENTS, (_CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0), strict=False):
            wanted[place] = value
        if self._is_fresh:
            self._is_fresh = False  # It stands before its call: this one is done in its place.
        else:
            ask(SYSCALL, pid)
            os.waitpid(pid, _ALL)
            wanted[_ORIG_RAX], wanted[_RIP] = _NONE, saved[_RIP] - 2
        ask(SETREGS, pid, 0, ctypes.byref(wanted))
        ask(CONT, pid)
        os.waitpid(pid, _ALL)
        child = event_message(pid)
        os.waitpid(child, _ALL)
        again = Registers(*saved)
        again[_RAX], again[_ORIG_RAX], again[_RIP] = saved[_ORIG_RAX], _NONE, saved[_RIP] - 2
        ask(SETREGS, child, 0, ctypes.byref(again))
        self._main, self._alive = child, {child}
        ask(CONT, child)

    def _follow(self) -> tuple[int, str]:
        """Until all its processes have ended: the status of the first, or why it was ended; or, where it has
        become a template, until it is one."""
        result = 0
        while self._alive:
            pid, status = os.waitpid(-1, _ALL)
            if not os.WIFSTOPPED(status):
                self._alive.discard(pid)
                if pid == self._main:
                    result = os.waitstatus_to_exitcode(status)
                continue
            if pid not in self._alive or pid in self._unborn:
                self._alive.add(pid)  # Its first stop, before or after its parent told of it.
                self._unborn.discard(pid)
                self._born.add(pid)
                ask(CONT, pid)
                continue
            event, sent = status >> 16, os.WSTOPSIG(status)
            if event == _SECCOMP:
                if self._is_template(pid):
                    return 0, ""
                if self._calls > self._limits.calls:
                    return result, f"it did not end within {self._limits.calls:,} calls"
                sent = 0
            elif event:
                sent = 0
                if event != _EXECUTED and (child := event_message(pid)) not in self._born:
                    self._alive.add(child)
                    self._unborn.add(child)
            ask(CONT, pid, 0, sent)
        if result == -signal.SIGXCPU or result == -signal.SIGKILL:
            return result, f"it did not end within {self._limits.processor} s of the processor"
        return result, ""

    def _is_template(self, pid: int) -> bool:
        """Take in what a call asks; True where its process has to wait for scenes at it."""
        self._calls += 1
        number = event_message(pid)
        if number == FOREIGN:
            self._is_alone = False
            self._looking.see_all()
            return False
        values = registers(pid)
        self._looking.see(pid, CALLS[number], [values[place] for place in ARGUMENTS])
        if not self._is_alone or self._template or not self._looking.is_there:
            return False
        if self._alive != {self._main} or pid != self._main or not self._shared.hold(pid, self._root):
            self._is_alone = False
            return False
        self._template, self._saved, self._is_fresh = pid, values, True
        self._alive = set()
        self._output.keep()
        self._looking.begin(is_changed=self._is_changed)
        return True

    def _end_all(self) -> None:
        for pid in self._alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while self._alive:
            pid, status = os.waitpid(-1, _ALL)
            if os.WIFSTOPPED(status):
                self._alive.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            else:
                self._alive.discard(pid)


def _expire(number: int, frame: object) -> None:
    raise _ExpiredError
