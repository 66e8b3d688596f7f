"""The checkout that these tests read, whatever the working directory is."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Script(Protocol):
    def __call__(self, name: str) -> ModuleType: ...


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Load `ci/<name>.py` as a module: the folder is no package and no part of the wheel."""

    def load(name: str) -> ModuleType:
        path = ROOT / "ci" / f"{name}.py"
        specification = importlib.util.spec_from_file_location(f"powercut_ci_{name}", path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        # A dataclass looks its own module up by name.
        monkeypatch.setitem(sys.modules, specification.name, module)
        specification.loader.exec_module(module)
        return module

    return load
