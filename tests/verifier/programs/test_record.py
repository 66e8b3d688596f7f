"""Recordings of whole programs: processes, threads, outputs, steps, and what is there at the start."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.faultfs import Event, EventKind
from powercut.verifier.programs import record as recorder
from powercut.verifier.programs.record import record
from powercut.verifier.programs.recording import Call, Recording, dump, load

Record = Callable[..., Recording]


def marks(recording: Recording) -> list[tuple[str, bytes]]:
    return [(event.label, event.data) for event in recording.events if event.kind is EventKind.MARK]


def test_a_recording_is_saved_with_all_that_it_has(recorded: Record) -> None:
    recording = recorded("open('a', 'w').write('x'); print('ok')")
    assert load(dump(recording)) == recording
    assert [call.text for call in recording.calls] == [
        "openat(root/a)",
        "write(root/a, 1 bytes, at 0)",
        "write(out, 3 bytes)",
    ]


def test_steps_and_outputs_are_marks_in_their_order(recorded: Record) -> None:
    one = "os.write(1, b'one'); os.write(2, b'two'); open('a', 'w').close(); os.write(1, b'three')"
    recording = recorded(one, "print('four')")
    assert marks(recording) == [
        *(("step", b"0"), ("out", b"one"), ("err", b"two"), ("out", b"three"), ("done", b"0")),
        *(("step", b"1"), ("out", b"four\n"), ("done", b"1")),
    ]
    kinds = [event.kind for event in recording.events]
    assert kinds.index(EventKind.CREATE) == 3


def test_every_event_but_those_of_steps_is_of_one_call(recorded: Record) -> None:
    recording = recorded("open('a', 'wb', 0).write(b'x'); print('ok')", "os.rename('a', 'b')")
    covered = [index for call in recording.calls for index in range(call.first, call.stop)]
    own = [index for index, event in enumerate(recording.events) if event.label not in ("step", "done")]
    assert covered == own


def test_processes_are_recorded_with_their_parents(recorded: Record) -> None:
    recording = recorded(
        "child = [sys.executable, '-S', '-c', 'open(\"b\", \"w\").write(\"y\")']\n"
        "open('a', 'w').close(); subprocess.run(child, check=True); pid = os.fork()\n"
        "if not pid: open('c', 'w').close(); os._exit(0)\n"
        "os.waitpid(pid, 0); open('d', 'w').close()"
    )
    assert [process.parent for process in recording.processes] == [-1, 0, 0]
    assert "open(" in recording.processes[1].command
    made = [(call.process, call.text) for call in recording.calls if call.name == "openat"]
    assert made == [
        (0, "openat(root/a)"),
        (1, "openat(root/b)"),
        (2, "openat(root/c)"),
        (0, "openat(root/d)"),
    ]


def test_threads_are_numbered_and_their_calls_are_in_order(recorded: Record) -> None:
    recording = recorded(
        "fd = os.open('a', os.O_CREAT | os.O_RDWR | os.O_APPEND)\n"
        "def work(number):\n  for _ in range(40): os.write(fd, b'%d' % number); os.fsync(fd)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()"
    )
    writes = [event for event in recording.events if event.kind is EventKind.WRITE]
    assert [event.offset for event in writes] == list(range(160))
    assert {call.thread for call in recording.calls} == {0, 1, 2, 3, 4}


def test_two_processes_append_to_one_file(recorded: Record) -> None:
    recording = recorded(
        "fd = os.open('a', os.O_CREAT | os.O_WRONLY | os.O_APPEND)\n"
        "for n in range(3):\n  if not os.fork():\n    for _ in range(30): os.write(fd, b'%d' % n)\n"
        "    os._exit(0)\n"
        "for n in range(3): os.wait()"
    )
    assert len([event for event in recording.events if event.kind is EventKind.WRITE]) == 90


def test_what_is_there_at_the_start_is_in_the_recording(recorded: Record, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "d").mkdir()
    (root / "d" / "a").write_bytes(b"bytes")
    os.link(root / "d" / "a", root / "b")
    (root / "l").symlink_to("b")
    recording = recorded("open('b', 'a').write('!'); os.unlink('l'); os.rmdir('e') if 0 else None")
    inode = recording.names["b"]
    assert recording.names == {"b": inode, "d": 2, "2/a": inode, "l": recording.names["l"]}
    assert recording.inodes[inode].data == b"bytes"
    assert recording.inodes[recording.names["l"]].data == b"b"
    wrote = next(event for event in recording.events if event.kind is EventKind.WRITE)
    assert (wrote.inode, wrote.offset, wrote.data) == (inode, 5, b"!")


def test_pipes_between_recorded_programs_are_no_marks(recorded: Record) -> None:
    recording = recorded(
        "r, w = os.pipe(); os.write(w, b'x'); a, b = socket.socketpair(); a.send(b'y')\n"
        "subprocess.run('echo hi | cat > a', shell=True, check=True)"
    )
    assert [label for label, _ in marks(recording)] == ["step", "done"]


def test_what_a_socket_is_told_is_a_mark(recorded: Record) -> None:
    recording = recorded(
        "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n"
        "t, _ = s.accept(); t.sendall(b'one'); os.write(t.fileno(), b'two'); t.sendmsg([b'th', b'ree'])"
    )
    assert [data for label, data in marks(recording) if label == "sent"] == [b"one", b"two", b"three"]


def test_a_program_that_fails_is_recorded_with_its_status(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    recording = record([["sh", "-c", "exit 3"], ["sh", "-c", "kill -9 $$"]], tmp_path / "root")
    assert [step.status for step in recording.steps] == [3, -9]


def test_what_a_step_leaves_running_goes_on_and_is_killed_at_the_end(recorded: Record) -> None:
    wait = "while not os.path.exists('go'): time.sleep(.01)\n"
    recording = recorded(
        f"if not os.fork():\n os.close(1)\n {wait.replace(chr(10), '')}\n open('made', 'w').close()\n"
        " time.sleep(1000)",
        "open('go', 'w').close()\nwhile not os.path.exists('made'): time.sleep(.01)",
    )
    assert [call.text for call in recording.calls] == ["openat(root/go)", "openat(root/made)"]


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        record([["true"]], tmp_path / "absent")


def test_calls_of_python_programs_name_the_line_behind_them(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "app.py").write_text(
        "import os, shutil, threading\n"
        "def save(name):\n"
        "    with open(name, 'w') as file:\n"
        "        file.write('x')\n"
        "save('a')\n"
        "shutil.copyfile('a', 'b')\n"
        "thread = threading.Thread(target=lambda: os.rename('b', 'c'))\n"
        "thread.start(); thread.join()\n"
        "if not os.fork():\n"
        "    os.mkdir('d')\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    recording = record([[sys.executable, str(tmp_path / "app.py")]], root, folder=root, lines=True)
    assert recording.steps[0].status == 0
    sites = [(call.text, call.site) for call in recording.calls]
    assert sites[:3] == [
        ("openat(root/a)", "app.py:3 save"),
        ("write(root/a, 1 bytes, at 0)", "app.py:3 save"),
        ("openat(root/b)", "app.py:6 <module>"),
    ]
    assert ("rename(root/b, root/c)", "app.py:7 <lambda>") in sites
    assert ("mkdir(root/d)", "app.py:10 <module>") in sites


def test_numbers_of_removed_things_may_be_used_again_outside(recorded: Record) -> None:
    # ext4 gives the number of a removed file or folder to the next one.
    recording = recorded(
        "for n in range(20):\n"
        "  os.mkdir('d'); open('d/a', 'w').close(); os.unlink('d/a'); os.rmdir('d')\n"
        "  os.mkdir(f'../o{n}'); open(f'../o{n}/a', 'w').write('x'); os.mkdir(f'../o{n}/b')\n"
        "  os.chmod(f'../o{n}/a', 0o600); os.unlink(f'../o{n}/a')"
    )
    assert len(recording.calls) == 80
    assert all("root/d" in call.text for call in recording.calls)


# Each of the frequent calls, on a file, a folder, an output, a descriptor that is none, and with an error.
FREQUENT = """
fd = os.open('a', os.O_CREAT | os.O_RDWR); more = os.open('a', os.O_WRONLY | os.O_APPEND)
through = os.open('b', os.O_CREAT | os.O_WRONLY | os.O_DSYNC); read = os.open('a', os.O_RDONLY)
def every(call, *data):
    for each in (fd, more, through, read, 1, 99, os.open('.', os.O_RDONLY)):
        try: call(each, *data)
        except OSError: pass
for n in range(2):
    every(os.write, b'one'); every(os.pwrite, b'two', 700); every(os.fsync); every(os.fdatasync)
    for each in (fd, 1, more): os.dup2(each, 98); os.write(98, b''); os.write(98, b'x')
if not os.fork(): os.write(fd, b'child'); os.fsync(fd); os._exit(0)
os.wait(); os.unlink('b'); os.write(through, b'gone'); os.write(1, b'end')
"""


def test_frequent_calls_are_recorded_as_by_their_handlers(
    recorded: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second time in a Python that was started anew, where they have no short way.
    def made() -> tuple[list[Event], list[Call], list[int]]:
        recording = recorded(FREQUENT)
        (tmp_path / "root" / "a").unlink()
        return recording.events, recording.calls, [process.parent for process in recording.processes]

    short = made()
    monkeypatch.setattr(recorder, "is_alone", lambda: False)
    start = recorder._WORKER.index("answer(")
    slow = "from powercut.verifier.programs.frequent import Frequent\nFrequent.begin = lambda *_: False\n"
    monkeypatch.setattr(recorder, "_WORKER", recorder._WORKER[:start] + slow + recorder._WORKER[start:])
    assert made() == short
    assert len(short[0]) > 40
