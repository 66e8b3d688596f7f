"""Shared set-up of all tests: the profiles of Hypothesis, and commands that are forked.

Both settings that Hypothesis changes by itself where CI is set, `derandomize` and `database`, are named in
every profile: a test does the same on a developer's machine as in CI. No deadline, for tests are not timed.

    quick    the default: the same examples in every run
    nightly  `pytest --hypothesis-profile nightly`: new examples in every run, the failing ones are kept
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

settings.register_profile(
    "quick", derandomize=True, database=None, deadline=None, max_examples=100, print_blob=True
)
settings.register_profile(
    "nightly",
    derandomize=False,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
    deadline=None,
    max_examples=2_000,
    print_blob=True,
)
settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only the tests are asked for that one interpreter is enough for, no other file is read."""
    if config.option.markexpr != "once" or not collection_path.match("test_*.py"):
        return None
    return "pytest.mark.once" not in collection_path.read_text(encoding="utf-8") or None


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """A process of pytest-xdist hands on how many it left out; else the closing line would not say it."""
    told = getattr(items[0].config, "workeroutput", {}) if items else {}
    told["deselected"] = told.get("deselected", 0) + len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each process collects all tests, so one's count is that of the run: ci/check.py reads it."""
    left_out = getattr(node, "workeroutput", {}).get("deselected", 0)
    if left_out:
        reports = [SimpleNamespace() for _ in range(left_out)]  # Each plugin may look at what is counted.
        node.config.pluginmanager.get_plugin("terminalreporter").stats["deselected"] = reports


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: what is there for the whole run is not looked through again.

    What is made from then on is looked through seldom; a test that needs it looked through asks for that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


Forked = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A launcher that ignores Ctrl-C, as a shell does for a job behind it, hands that on to all children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Forks:
    """A process of `forking.py`, and what is asked of it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._files = [folder / name for name in ("in", "out", "err")]
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("forking.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment | {"PYTHONHASHSEED": "0"},
        )

    def run(
        self,
        code: str,
        *arguments: str | Path,
        given: bytes = b"",
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        is_open: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the code as `python -c` does, in a child of its own; its folder and its environment.

        is_open   its standard input does not end after `given`
        """
        for file, data in zip(self._files, (given, b"", b""), strict=True):
            file.write_bytes(data)
        request = {
            "code": code,
            "arguments": [os.fspath(each) for each in arguments],
            "folder": os.fspath(folder or Path.cwd()),
            "environment": dict(self._environment if environment is None else environment),
            "is_open": is_open,
            "files": [os.fspath(file) for file in self._files],
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        ended = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(arguments, ended, *(file.read_bytes() for file in self._files[1:]))

    def end(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """`forked(code, *arguments)`: the code in a process that has imported nothing of the store yet."""
    forks = _Forks(tmp_path_factory.mktemp("forks"))
    yield forks.run
    forks.end()


@pytest.fixture(scope="session")
def forked_kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """As `forked`, in a process that has imported what a worker of the kills does, the store too."""
    forks = _Forks(tmp_path_factory.mktemp("forks"), "kills")
    yield forks.run
    forks.end()
