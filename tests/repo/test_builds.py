"""Every way from the checkout to an installed package gives the same names: wheel, sdist, editable.

The builds run here, by the hooks of PEP 517 that pip calls, and reach no network.
"""

import contextlib
import importlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGES = ("engine", "faultfs", "verifier")


def build(hook: str, tree: Path, target: Path) -> Path:
    """The product of the hook `hook` of the backend that `tree` names, in the folder `target`."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    backend = importlib.import_module(project["build-system"]["build-backend"])
    target.mkdir(exist_ok=True)
    with contextlib.chdir(tree):
        name: str = getattr(backend, hook)(str(target))
    return target / name


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def wheel_by_way_of_an_sdist(tree: Path, target: Path) -> Path:
    """The wheel that pip makes where it is given the sdist."""
    with tarfile.open(build("build_sdist", tree, target)) as file:
        file.extractall(target / "unpacked", filter="data")
    (unpacked,) = (target / "unpacked").iterdir()
    return build("build_wheel", unpacked, target)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """`copied(old, new)`: a checkout in whose pyproject.toml `old`, which stands there once, is `new`."""
    root = Path(__file__).resolve().parents[2]

    def copy(old: str, new: str) -> Path:
        tree = tmp_path_factory.mktemp("tree")
        for name in PACKAGES:
            shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(root / "powercut", tree / "powercut", symlinks=True)
        for path in root.iterdir():
            if path.is_file():
                shutil.copy(path, tree)
        text = (tree / "pyproject.toml").read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tree / "pyproject.toml").write_text(text.replace(old, new), encoding="utf-8")
        return tree

    return copy


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel of the checkout."""
    root = Path(__file__).resolve().parents[2]
    return names_in(build("build_wheel", root, tmp_path_factory.mktemp("wheel")))


def test_a_wheel_by_way_of_the_sdist_holds_the_names_of_the_wheel(
    root: Path, wheel: set[str], tmp_path: Path
) -> None:
    assert names_in(wheel_by_way_of_an_sdist(root, tmp_path)) == wheel


def test_a_wheel_puts_one_name_beside_its_metadata(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"powercut"}
    assert {name for name in wheel if name.count("/") == 1 and name.startswith("powercut/")} == {
        *("powercut/__init__.py", "powercut/py.typed")
    }
    for package in PACKAGES:
        assert {f"powercut/{package}/__init__.py", f"powercut/{package}/py.typed"} <= wheel


def test_an_sdist_that_may_take_anything_takes_too_little(
    copied: Callable[[str, str], Path], wheel: set[str], tmp_path: Path
) -> None:
    """A builder that enters each real folder once leaves the link powercut/engine out, and says nothing."""
    tree = copied("\nonly-include = ", "\n# ")
    missing = wheel - names_in(wheel_by_way_of_an_sdist(tree, tmp_path))
    assert "powercut/engine/__init__.py" in missing


def test_an_editable_install_imports_the_checkout(root: Path, tmp_path: Path) -> None:
    """In a process of its own, that reads no .pth file but the one of this install."""
    site = tmp_path / "site"
    with zipfile.ZipFile(build("build_editable", root, tmp_path)) as file:
        file.extractall(site)
    asks = (
        "import site, sys; site.addsitedir(sys.argv[1]); sys.path += sys.argv[2:]\n"
        "import powercut, powercut.engine, powercut.faultfs, powercut.verifier\n"
        "from powercut import FasterKv, FaultDevice\n"
        "print(*(each.__file__ for each in (powercut, powercut.engine, powercut.faultfs, powercut.verifier)))"
    )
    dependencies = sysconfig.get_path("purelib"), sysconfig.get_path("platlib")
    command = [sys.executable, "-I", "-S", "-B", "-c", asks, str(site), *dependencies]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    package = root / "powercut"
    assert done.stdout.split() == [
        *(str(package / "__init__.py"), str(package / "engine" / "__init__.py")),
        *(str(package / "faultfs" / "__init__.py"), str(package / "verifier" / "__init__.py")),
    ]
