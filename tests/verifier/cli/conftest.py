"""Shared set-up of the command's tests: the command in the test's own process, and a store."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import chdir
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from powercut.engine import FasterKv
from powercut.verifier.cli import main

Called = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Called:
    """The command in this process: for what plants nothing, and is not interrupted."""

    def call(
        *arguments: str, given: bytes = b"", folder: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        monkeypatch.setattr("sys.argv", ["powercut", *arguments])
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given)))
        capfdbinary.readouterr()
        with chdir(folder or Path.cwd()), pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code, *capfdbinary.readouterr())

    return call


@pytest.fixture
def command(forked: Called) -> Called:
    """The command in a process of its own, in which nothing of the store is imported yet."""
    return partial(forked, "from powercut.verifier.cli import main; main()")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of a closed store with one key and one checkpoint."""
    path = tmp_path / "store"
    with FasterKv.open(path, create=True) as store:
        with store.session("s") as session:
            session.upsert(b"key", b"value")
        store.checkpoint()
    return path
