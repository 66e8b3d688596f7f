"""A project with packages `engine`, `faultfs` and `verifier` of its own runs the bench in its folder.

Each test is a process that has this folder first on sys.path, as a user has it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OWN = ("engine", "faultfs", "verifier")
# A store that syncs everything, on the bench: what it is made of comes from the project's own packages.
TEST_STORE = """
import sys

from hypothesis import settings
from powercut import FaultDevice, StoreMachine

import engine, faultfs, verifier

settings.register_profile(
    "few", max_examples=12, stateful_step_count=6, derandomize=True, database=None, deadline=None
)
settings.load_profile("few")


class OwnMachine(StoreMachine):
    def make_store(self, device: FaultDevice) -> "engine.Store":
        return engine.Store(device)


class TestOwn(OwnMachine.TestCase):
    def runTest(self) -> None:
        engine.Store.opened = 0
        super().runTest()
        assert engine.Store.opened > 3
        for package in (engine, faultfs, verifier):
            assert package.MINE == sys.modules[package.__name__].MINE == package.__name__
        assert sys.modules["powercut.faultfs"] is not faultfs
"""
STORE = '''
from zlib import crc32


class Store:
    """A dict, written whole at each checkpoint; the name of the newest is the number of operations in it."""

    opened = 0

    def __init__(self, device):
        Store.opened += 1
        self.device, self.content, self.count = device, {}, 0
        for name in device.list():
            data = bytearray(device.size(name))
            device.read_into(name, 0, data)
            if data[:8] == b"%08x" % crc32(data[8:]):
                self.content, self.count = eval(data[8:]), int(name)
            else:
                device.remove(name)
        self.since = self.count

    def recovered(self):
        return self.since

    def apply(self, issued):
        from powercut.verifier.spec.model import apply

        self.count += 1
        return apply(self.content, issued)

    def checkpoint(self):
        name = f"{self.count:06}"
        if name not in self.device.list():
            data = repr(self.content).encode()
            self.device.create(name)
            self.device.write(name, 0, b"%08x" % crc32(data) + data)
            self.device.sync(name)
            self.device.sync_names()
        return self.count

    def read_all(self):
        return dict(self.content)

    def close(self):
        pass
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in OWN:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"MINE = {name!r}\n", encoding="utf-8")
    with (folder / "engine" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(STORE)
    (folder / "test_store.py").write_text(TEST_STORE, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """The output of `python ARGUMENTS` in `folder`, which must succeed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_its_store_is_searched_under_pytest(project: Path) -> None:
    said = run(project, *("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "test_store.py"))
    assert "1 passed" in said


def test_its_store_is_searched_under_unittest(project: Path) -> None:
    said = run(project, "-m", "unittest", "test_store")
    assert "Ran 1 test" in said


def test_the_demo_tells_its_story_there(project: Path) -> None:
    said = run(project, "-c", "from powercut.verifier.cli import main; main()", "demo")
    assert "lost acknowledged operation, in" in said
    assert "VIOLATION" in said
    assert "THE POWER IS CUT" in said
    assert said.endswith("The unchanged store stands the same tape.\n")
