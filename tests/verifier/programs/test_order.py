"""Threads and processes side by side: nothing waits for ever, and a thread may die in its call."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.faultfs import EventKind
from powercut.verifier.programs.entries import Entries
from powercut.verifier.programs.mappings import Mappings
from powercut.verifier.programs.recording import Recording
from powercut.verifier.programs.stops import Context
from powercut.verifier.programs.tracer import Tracer
from powercut.verifier.programs.tree import Tree

Record = Callable[..., Recording]


def test_an_opening_that_waits_for_another_program_holds_nobody(recorded: Record) -> None:
    recording = recorded(
        "os.mkfifo('p')\nif not os.fork():\n"
        "  fd = os.open('p', os.O_CREAT | os.O_WRONLY); os.write(fd, b'x'); os._exit(0)\n"
        "time.sleep(.1); open('a', 'w').close(); os.mkdir('d'); fd = os.open('p', os.O_RDONLY)\n"
        "assert os.read(fd, 1) == b'x'; os.wait()"
    )
    assert [call.name for call in recording.calls] == ["openat", "mkdir", "write"]


def test_a_splice_that_waits_for_a_pipe_holds_nobody(recorded: Record) -> None:
    recording = recorded(
        "r, w = os.pipe(); fd = os.open('a', os.O_CREAT | os.O_WRONLY)\n"
        "def work(): os.splice(r, fd, 5)\n"
        "beside = threading.Thread(target=work); beside.start(); time.sleep(.1)\n"
        "os.mkdir('d'); os.rename('d', 'e'); os.write(w, b'12345'); beside.join()"
    )
    assert [call.name for call in recording.calls] == ["openat", "mkdir", "rename", "splice"]


def test_a_file_that_another_thread_has_just_made_is_known(recorded: Record) -> None:
    recording = recorded(
        "def write(n):\n  while True:\n    try: fd = os.open(f'{n}', os.O_WRONLY); break\n"
        "    except FileNotFoundError: pass\n  os.write(fd, b'x')\n"
        "def make(n): os.open(f'{n}', os.O_CREAT | os.O_WRONLY)\n"
        "for n in range(30):\n  a = threading.Thread(target=write, args=(n,)); a.start(); make(n); a.join()"
    )
    assert len([event for event in recording.events if event.kind is EventKind.WRITE]) == 30


WORK = {
    "a long write": "os.write(fd, b'x' * (1 << 25))",
    "writes and syncs": "os.pwrite(fd, b'x' * (1 << 22), 100); os.fsync(fd)",
    "renames": "os.rename('a', 'b'); os.rename('b', 'a')",
    "names": "os.link('a', 'b'); os.unlink('b'); os.mkdir('d'); os.rmdir('d'); os.symlink('a', 'l'); os.unlink('l')",  # noqa: E501
    "sizes": "os.ftruncate(fd, 1 << 22); os.ftruncate(fd, 0)",
    "new files": "os.close(os.open('n', os.O_CREAT)); os.unlink('n')",
}


@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize(
    "script",
    [
        "threading.Thread(target=run).start(); time.sleep(.05); os._exit(0)",
        "pid = os.fork()\nif not pid: run()\ntime.sleep(.05); os.kill(pid, 9); os.wait()",
    ],
)
def test_a_thread_dies_in_its_call(name: str, script: str, recorded: Record) -> None:
    # Whatever it was at, and however far it came, the self-check finds the folder as recorded.
    begin = "fd = os.open('a', os.O_CREAT | os.O_RDWR)\n"
    recorded(f"{begin}def run():\n  while True: {WORK[name]}\n{script}")


def test_a_thread_executes_another_program(recorded: Record) -> None:
    recording = recorded(
        "def run(): os.mkdir('d'); os.execv('/bin/sh', ['sh', '-c', 'exec mkdir e'])\n"
        "threading.Thread(target=run).start(); time.sleep(1000)"
    )
    assert [call.text for call in recording.calls] == ["mkdir(root/d)", "mkdir(root/e)"]
    assert len(recording.processes) == 1
    assert recording.processes[0].command == "mkdir e"


def test_a_program_that_is_stopped_goes_on(recorded: Record) -> None:
    recording = recorded(
        "pid = os.fork()\nif not pid:\n  os.mkdir('a'); os.kill(os.getpid(), signal.SIGSTOP); os.mkdir('b'); "
        "os._exit(0)\n"
        "os.waitpid(pid, os.WUNTRACED); os.mkdir('c'); os.kill(pid, signal.SIGCONT); os.wait()"
    )
    assert [call.text[11:-1] for call in recording.calls] == ["a", "c", "b"]


def test_signals_reach_their_handlers(recorded: Record) -> None:
    recorded(
        "seen = []\nsignal.signal(signal.SIGUSR1, lambda *_: seen.append(1))\n"
        "os.kill(os.getpid(), signal.SIGUSR1); os.mkdir('a')\nassert seen == [1]"
    )


def test_calls_with_addresses_that_are_none_fail_as_without_the_recorder(recorded: Record) -> None:
    recording = recorded(
        "libc = ctypes.CDLL(None, use_errno=True); fd = os.open('a', os.O_CREAT | os.O_WRONLY)\n"
        "bad = ctypes.c_void_p(8); size = ctypes.c_long(10)\n"
        "for call in libc.write, libc.writev: assert (call(fd, bad, size), ctypes.get_errno()) == (-1, 14)\n"
        "assert libc.syscall(437, -100, bad, bad, 24) == -1 and ctypes.get_errno() == 14\n"
        "assert libc.rename(bad, b'b') == -1 and ctypes.get_errno() == 14"
    )
    assert [call.name for call in recording.calls] == ["openat"]


@pytest.mark.parametrize(
    "call",
    [
        "os.mkdir(f'{n}/d')",
        "os.chmod(f'{n}/f', 0o600)",
        "os.truncate(f'{n}/f', 5)",
        "os.unlink(f'{n}/f')",
        "os.rename(f'{n}/f', f'{n}/g')",
        "os.link(f'{n}/f', f'{n}/g')",
    ],
)
def test_a_path_that_leads_nowhere_may_lead_somewhere_when_the_call_is_done(
    call: str, recorded: Record
) -> None:
    recorded(
        "def hunt():\n  for n in range(60):\n    while True:\n"
        f"      try: {call}; break\n      except FileNotFoundError: pass\n"
        "beside = threading.Thread(target=hunt); beside.start()\n"
        "for n in range(60):\n  os.mkdir('new'); open('new/f', 'w').close(); os.rename('new', f'{n}')\n"
        "beside.join()"
    )


def test_other_threads_go_on_after_the_first_has_ended(recorded: Record) -> None:
    recording = recorded(
        "libc = ctypes.PyDLL(None)\n"
        "def run():\n  time.sleep(.2); fd = os.open('a', os.O_CREAT | os.O_WRONLY)\n"
        "  os.write(fd, b'x'); os.fsync(fd); os._exit(0)\n"
        "threading.Thread(target=run).start()\n"
        "ctypes.CDLL(None).syscall(60, 0)  # exit, of this thread alone; the lock of Python is let go before."
    )
    assert [call.name for call in recording.calls] == ["openat", "write", "fsync"]


def test_a_child_that_ends_at_once_is_one_process(recorded: Record) -> None:
    recording = recorded("for n in range(200):\n  if not os.fork(): os._exit(0)\n  os.wait()")
    assert len(recording.processes) == 201


@pytest.mark.parametrize("is_heard", [True, False])
def test_an_end_that_is_heard_before_its_start_leaves_nothing_running(is_heard: bool, tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    tree = Tree(str(tmp_path))
    tracer = Tracer(Context(tree, Entries(), Mappings(tree, 512), 1, 2))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    child = subprocess.Popen(["sleep", "100"])
    tracer._adopt(os.getpid(), -1)
    if is_heard:
        tracer._adopt(child.pid, 0)
    child.kill()
    child.wait()
    tracer._ended(child.pid)
    tracer._announce(child.pid, os.getpid())
    assert list(tracer._running) == list(tracer._threads) == [os.getpid()]
    assert not tracer._gone
