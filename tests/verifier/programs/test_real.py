"""Real programs, as they are installed: each recording ends in its self-check."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from powercut.faultfs import EventKind
from powercut.verifier.programs.record import record
from powercut.verifier.programs.recording import Recording

Record = Callable[..., Recording]

SQL = (
    "import sqlite3\nbase = sqlite3.connect('base.db', isolation_level=None)\n"
    "base.execute('pragma journal_mode={mode}'); base.execute('pragma synchronous=full')\n"
    "base.execute('create table t(a)'); base.execute('begin')\n"
    "base.executemany('insert into t values(?)', [(bytes(3000),)] * 20); base.execute('commit')\n"
    "base.execute('update t set a = 1'); base.execute('delete from t'); base.execute('vacuum'); base.close()"
)


def kinds(recording: Recording) -> set[EventKind]:
    return {event.kind for event in recording.events}


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_sqlite(mode: str, recorded: Record) -> None:
    recording = recorded(SQL.replace("{mode}", mode))
    assert {EventKind.CREATE, EventKind.WRITE} < kinds(recording)
    assert kinds(recording) & {EventKind.SYNC, EventKind.DATASYNC}


def test_the_index_of_a_sqlite_log_is_stored_into(recorded: Record) -> None:
    recording = recorded(SQL.replace("{mode}", "wal"))
    assert any(call.text.startswith("store(root/base.db-shm") for call in recording.calls)


LIBRARY = {
    "dbm.dumb": "import dbm.dumb\nwith dbm.dumb.open('d', 'c') as d: d['a'] = 'b'; d['c'] = 'd'; del d['a']",
    "shelve": "import shelve\nwith shelve.open('s') as s: s['a'] = list(range(99))",
    "shutil": (
        "import shutil\nos.makedirs('a/b/c'); open('a/b/x', 'w').write('y' * 9999); os.link('a/b/x', 'a/z')\n"
        "os.symlink('x', 'a/b/l'); shutil.copytree('a', 'b', symlinks=True); shutil.rmtree('a')\n"
        "shutil.move('b/b', 'c'); shutil.make_archive('d', 'tar', 'c'); shutil.unpack_archive('d.tar', 'e')"
    ),
    "zipfile": "import zipfile\nwith zipfile.ZipFile('z', 'w') as z: z.writestr('a', 'b' * 9999)",
    "tempfile": (
        "import tempfile\nwith tempfile.TemporaryDirectory(dir='.') as d: open(d + '/x', 'w').write('1')\n"
        "with tempfile.TemporaryFile(dir='.') as f: f.write(b'1'); f.flush(); os.fsync(f.fileno())\n"
        "with tempfile.NamedTemporaryFile(dir='.', delete=False) as f: f.write(b'2')\nos.replace(f.name, 'g')"
    ),
    "multiprocessing": (
        "import multiprocessing\ndef work(n): open(f'{n}', 'w').write('x' * n); return n\n"
        "if __name__ == '__main__':\n"
        "  with multiprocessing.get_context('fork').Pool(3) as pool: pool.map(work, range(9))"
    ),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_the_standard_library(name: str, recorded: Record) -> None:
    assert EventKind.WRITE in kinds(recorded(LIBRARY[name]))


GIT = (
    "git init -q g && cd g && echo one > a && git add a && "
    "git -c user.name=a -c user.email=b commit -qm x && git gc -q && cd .. && "
    "git clone -q --no-local g h && cd h && git checkout -qb n && git repack -adq"
)
COMMANDS = {
    "git": ["sh", "-c", GIT],
    "tar": ["sh", "-c", "mkdir -p a/b; echo x > a/b/c; ln a/b/c a/d; tar cf t a; rm -r a; tar xpf t"],
    "cp": ["sh", "-c", "mkdir a; seq 9999 > a/x; ln -s x a/l; cp -a a b; cp a/x c; mv b d"],
    "dd": ["sh", "-c", "seq 9999 | dd of=x bs=512 oflag=dsync; dd if=x of=y conv=fsync"],
    "sqlite3": ["sqlite3", "base.db", "create table t(a); insert into t values(1); pragma journal_mode=wal"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(name: str, tmp_path: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "root").mkdir()
    command: Sequence[str] = COMMANDS[name]
    recording = record([command], tmp_path / "root", folder=tmp_path / "root", err=sys.stderr.buffer)
    assert recording.steps[0].status == 0
    assert EventKind.WRITE in kinds(recording)
