"""Shared set-up of the tests of planted bugs: a fork server with fewer programs to search."""

from collections.abc import Iterator
from os import pathsep
from pathlib import Path

import pytest

from powercut.verifier.mutants.client import Server


@pytest.fixture(scope="module")
def eighth() -> Iterator[Server]:
    """A server of its own, whose hunts among schedules have an eighth of the programs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=pathsep)
        server = Server("eighth")
    yield server
    server.close()
