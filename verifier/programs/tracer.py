"""The tracer: every process and thread below a command, stopped at each call that matters.

Calls of two threads are ordered as they took effect: while a call is at work on the tree, every other
thread that comes to a traced call is held there. Nothing waits for a call that waits for another program:
one that sleeps so that a signal would wake it (a named pipe is opened, a pipe is read from) holds nobody any
more, and stands where it ended. Calls on outputs hold nobody.

Invariants
  1  `inside` is the only thread that is in a call on the tree, but for those that sleep
  2  a thread of a recorded process is recorded from its first instruction; when the tracer ends, all die
  3  what is listed as running has not been waited for: an end may be heard before the call that started it,
     which then lists nothing (`_gone`)

Threads: the one that made the tracer.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from contextlib import suppress
from typing import Final, NoReturn

from ..tracing import requests
from ..tracing.requests import CONT, LISTEN, SEIZE, SYSCALL, Peek, ask, event_message
from .frequent import Frequent
from .recording import Process
from .stops import LOST, Context, Script, Stop, Wish
from .table import FILTER, HANDLERS
from .tracees import MemoryGoneError, Running, Thread
from .tree import NotRecordedError

__all__ = ["Tracer"]

_OPTIONS: Final = (
    requests.SYSGOOD
    | requests.TRACEFORK
    | requests.TRACEVFORK
    | requests.TRACECLONE
    | requests.TRACEEXEC
    | requests.TRACESECCOMP
    | requests.EXITKILL
)
_FORK, _VFORK, _CLONE, _EXEC, _SECCOMP, _STOP = 1, 2, 3, 4, 7, 128
# What waitpid says of a thread that is at a call, and of one whose call has ended.
_AT_CALL: Final = _SECCOMP << 16 | signal.SIGTRAP << 8 | 0x7F
_AFTER_CALL: Final = (signal.SIGTRAP | 0x80) << 8 | 0x7F
_STOPPING: Final = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
_WALL: Final = 0x40000000
_PATIENCE: Final = 0.01  # Seconds until a call under way is asked if it sleeps.
_NOT_FOUND: Final = 127  # As a shell ends where there is no such command.


class Tracer:
    """Runs commands one after another, and records what they do."""

    def __init__(self, context: Context) -> None:
        self.processes: list[Process] = []
        self._context = context
        self._threads: dict[int, Thread] = {}
        self._running: dict[int, Running] = {}
        self._under_way: dict[int, Script] = {}
        self._inside = 0
        self._held: deque[int] = deque()
        self._announced: set[int] = set()  # By who started them, which may be heard after their end:
        self._gone: set[int] = set()  # those that ended before that.
        self._peek = Peek()
        self._frequent = Frequent(context)
        self._step = 0
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})

    def run(self, command: tuple[str, ...], step: int) -> int:
        """Run a command to its end; its exit status, or the signal that ended it, negative.

        What it leaves running goes on in the next one.
        """
        self._step = step
        main = self._start(command)
        wait, heard = self._wait, self._heard
        while True:
            pid, status = wait()
            if heard(pid, status) and pid == main:
                return os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        """Kill what still runs, each outside of its calls on the tree."""
        while self._inside:
            self._heard(*self._wait())
        for pid in list(self._running):
            os.kill(pid, signal.SIGKILL)
        while self._running:
            pid, status = os.waitpid(-1, _WALL)
            if not os.WIFSTOPPED(status):
                self._ended(pid)

    # -- Waiting -------------------------------------------------------------------------------------

    def _start(self, command: tuple[str, ...]) -> int:
        begin, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be_started(command, begin)
        try:
            ask(SEIZE, pid, 0, _OPTIONS)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise NotRecordedError(f"processes cannot be traced here: {error.strerror}") from error
        self._announced.add(pid)
        self._adopt(pid, -1)
        os.write(go, b"!")
        os.close(begin)
        os.close(go)
        return pid

    def _be_started(self, command: tuple[str, ...], begin: int) -> NoReturn:
        try:
            os.read(begin, 1)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            requests.filter_calls(FILTER)
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"powercut: {command[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(_NOT_FOUND)

    def _wait(self) -> tuple[int, int]:
        """The next thread that stopped or ended."""
        while self._held and self._inside:
            for patience in (0.0, _PATIENCE):
                if patience:
                    signal.sigtimedwait({signal.SIGCHLD}, patience)
                pid, status = os.waitpid(-1, _WALL | os.WNOHANG)
                if pid:
                    return pid, status
            if _sleeps(self._inside):
                self._inside = 0  # Invariant 1.
                self._let_in()
        return os.waitpid(-1, _WALL)

    def _heard(self, pid: int, status: int) -> bool:
        """Do what a stop asks for; True where it was an end."""
        try:
            if status == _AFTER_CALL:
                self._leave(pid)
            elif status == _AT_CALL and not self._inside:
                self._enter(pid)
            elif os.WIFSTOPPED(status):
                self._stopped(pid, status >> 8 & 0xFF, status >> 16)
            else:
                self._ended(pid)
                return True
        except ProcessLookupError:
            pass  # It was killed meanwhile: its end is heard next.
        return False

    def _stopped(self, tid: int, number: int, event: int) -> None:
        if tid not in self._threads:
            self._adopt(tid, 0)
        if event == _SECCOMP:
            self._held.append(tid)
            return
        if event == _STOP and number in _STOPPING:
            ask(LISTEN, tid)
            return
        if event in (_FORK, _VFORK, _CLONE):
            self._announce(event_message(tid), tid)
        elif event == _EXEC:
            self._executed(tid, event_message(tid))
        ask(CONT, tid, 0, 0 if event else number)

    # -- Calls ---------------------------------------------------------------------------------------

    def _enter(self, tid: int) -> None:
        """A thread is at a call, and nobody is inside."""
        architecture, number, *_ = call = self._peek.call(tid)
        thread = self._threads.get(tid) or self._adopt(tid, 0)
        if architecture != requests.ARCH_X86_64 or number not in HANDLERS:
            raise NotRecordedError(f"process {thread.process.pid} makes calls of another kind than x86-64")
        name, handler = HANDLERS[number]
        if self._context.mappings:
            self._look(thread)
        if self._frequent.begin(thread, name, handler, call[2:]):
            self._inside = tid
            ask(SYSCALL, tid)
            return
        stop = Stop(thread, name, call[2:], self._context)
        try:
            script = handler(stop)
            wish = next(script, None)
            if wish is Wish.ALONE:
                wish = next(script, None)
                self._inside = tid if wish else 0
        except MemoryGoneError:
            ask(CONT, tid)  # The kernel cannot read its arguments either: the call fails.
            return
        if wish is None:
            ask(CONT, tid)
        else:
            self._under_way[tid] = script
            ask(SYSCALL, tid)

    def _leave(self, tid: int) -> None:
        """A call has ended."""
        try:
            result = self._peek.result(tid)
        except ProcessLookupError:
            result = LOST  # It was killed meanwhile: its end is heard next.
        self._returned(tid, result)
        ask(CONT, tid)
        if self._inside == tid:
            self._inside = 0
            if self._held:
                self._let_in()

    def _returned(self, tid: int, result: int) -> None:
        """A call that was under way has this result, or LOST."""
        if tid == self._frequent.owner:
            self._frequent.finish(result)
            return
        script = self._under_way.pop(tid, None)
        if script is not None:
            try:  # noqa: SIM105 (a frequent one)
                script.send(result)
            except StopIteration:
                pass

    def _let_in(self) -> None:
        while self._held and not self._inside:
            tid = self._held.popleft()
            with suppress(ProcessLookupError):  # As in `_heard`.
                self._enter(tid)

    # -- Processes -----------------------------------------------------------------------------------

    def _announce(self, tid: int, by: int) -> None:
        """A thread has started another; which may have been heard of already, or have ended."""
        if tid in self._gone:
            self._gone.discard(tid)
        else:
            with suppress(ProcessLookupError):  # Invariant 3: it executed as the first thread, say.
                self._adopt(tid, by)
                self._announced.add(tid)

    def _adopt(self, tid: int, by: int) -> Thread:
        """A process or thread that is new: of the command, or started by a recorded one."""
        if tid in self._threads:
            return self._threads[tid]
        pid, parent = _family(tid)
        running = self._running.get(pid)
        if running is None:
            known = None
            if by >= 0:
                known = self._running.get(parent) or (self._threads[by].process if by else None)
            place = known.place if known else -1
            running = self._running[pid] = Running(pid, len(self.processes))
            running.lines = known.lines if known else 0
            self.processes.append(Process(place, _command(pid) if by >= 0 else "", self._step))
        thread = self._threads[tid] = Thread(tid, running)
        return thread

    def _executed(self, pid: int, former: int) -> None:
        """A process runs another program: its thread that asked for it is the only one that is left."""
        running = self._running[pid]
        for tid in [tid for tid, thread in self._threads.items() if thread.process is running and tid != pid]:
            self._threads.pop(tid)
        if former != pid:
            self._announced.discard(former)
            self._lost(former)
            self._lost(pid)
        running.executed()
        if not self._inside:
            self._look(self._threads[pid])
            self._context.mappings.retire(self._running)
        old = self.processes[running.place]
        self.processes[running.place] = Process(old.parent, _command(pid), old.step)

    def _ended(self, tid: int) -> None:
        if tid in self._announced:
            self._announced.discard(tid)
        else:
            self._gone.add(tid)
        thread = self._threads.pop(tid, None)
        self._lost(tid)
        if thread is not None and tid == thread.process.pid:
            self._running.pop(tid, None)
            thread.process.close()
            if not self._inside:
                self._look(thread)
                self._context.mappings.retire(self._running)

    def _lost(self, tid: int) -> None:
        """A thread is gone, or is another one now, in the midst of its call."""
        if tid in self._held:
            self._held.remove(tid)
        self._returned(tid, LOST)
        if self._inside == tid:
            self._inside = 0
            self._let_in()

    def _look(self, thread: Thread) -> None:
        """Record what was stored into mappings; nobody is inside."""
        if self._context.mappings:
            self._context.mappings.look(self._context.entries, thread.process.place, thread.number)


def _sleeps(tid: int) -> bool:
    """True if a thread waits in a way that a signal ends."""
    try:
        with open(f"/proc/{tid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] == b"S"
    except OSError:
        return False


def _family(tid: int) -> tuple[int, int]:
    """The process of a thread, and the parent of that. Raises ProcessLookupError where it has ended."""
    pid, parent = tid, 0
    try:
        with open(f"/proc/{tid}/status", "rb") as lines:
            for line in lines:
                if line.startswith(b"Tgid:"):
                    pid = int(line[5:])
                elif line.startswith(b"PPid:"):
                    parent = int(line[5:])
    except OSError as error:
        raise ProcessLookupError(error.errno, f"thread {tid} has ended") from error
    return pid, parent


def _command(pid: int) -> str:
    """The command line of a process."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
