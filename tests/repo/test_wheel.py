"""The installed distribution is one package, `powercut`, with the checkout's three in it, and nothing else.

Under tox the wheel is installed, so these tests read what a user gets; a checkout on PYTHONPATH has no wheel.
"""

import importlib
import os
import re
import sysconfig
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path, PurePosixPath

import pytest

PACKAGES = ("engine", "faultfs", "verifier")
UNDER_TOX = "TOX_ENV_NAME" in os.environ


def wheel_faults(files: set[PurePosixPath], checkout: set[PurePosixPath]) -> list[str]:
    """Every difference between the files that were installed and those that the checkout's packages hold."""
    metadata = {path for path in files if path.parts[0].endswith(".dist-info")}
    commands = {path for path in files if path.parts[0] == ".." and path.name == "powercut"}
    installed = files - metadata - commands
    faults = [
        f"installed, but no part of a package: {path}" for path in installed if path.parts[0] != "powercut"
    ]
    faults += [f"missing in the wheel: {path}" for path in checkout - installed]
    faults += [
        f"installed, but not in the checkout: {path}"
        for path in installed - checkout
        if path.parts[0] == "powercut"
    ]
    faults += [
        f"not typed: {package}"
        for package in PACKAGES
        if PurePosixPath("powercut", package, "py.typed") not in files
    ]
    if not commands:
        faults.append("no command powercut")
    if not any(path.parts[-2:] == ("licenses", "LICENSE") for path in metadata):
        faults.append("no licence")
    return sorted(faults)


def without_caches(paths: set[PurePosixPath]) -> set[PurePosixPath]:
    hidden = re.compile(r"__pycache__|\.[^.].*")
    return {path for path in paths if not any(map(hidden.fullmatch, path.parts))}


def checkout_files(root: Path) -> set[PurePosixPath]:
    """The files that the wheel must hold, by the names they have there."""
    own = {path.name for path in (root / "powercut").iterdir() if not path.is_dir()}
    return without_caches(
        {
            *(PurePosixPath("powercut", name) for name in own),
            *(
                PurePosixPath("powercut", path.relative_to(root).as_posix())
                for package in PACKAGES
                for path in (root / package).rglob("*")
                if path.is_file()
            ),
        }
    )


@pytest.fixture
def installed() -> set[PurePosixPath]:
    try:
        files: list[PackagePath] | None = distribution("powercut").files
    except PackageNotFoundError:
        files = None
    if not UNDER_TOX:
        pytest.skip("the wheel is installed by tox only")
    assert files, "tox runs these tests against an installed wheel"
    return without_caches({PurePosixPath(path) for path in files})


def test_wheel_holds_one_name_and_nothing_else(root: Path, installed: set[PurePosixPath]) -> None:
    assert wheel_faults(installed, checkout_files(root)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_imported_from_the_wheel(package: str) -> None:
    if not UNDER_TOX:
        pytest.skip("the wheel is installed by tox only")
    file = importlib.import_module(f"powercut.{package}").__file__
    assert file is not None
    assert Path(file).is_relative_to(sysconfig.get_path("purelib"))


def test_caches_of_tools_are_no_part_of_the_checkout() -> None:
    kept = paths({"engine/log/index.py", "../../../bin/powercut"})
    caches = paths({"engine/__pycache__/index.pyc", "engine/.mypy_cache/3.12/x.db"})
    assert without_caches(kept | caches) == kept


SOUND = {
    *("powercut/__init__.py", "powercut/py.typed"),
    *(f"powercut/{package}/{name}" for package in PACKAGES for name in ("__init__.py", "py.typed")),
    *("../../../bin/powercut", "powercut-1.dist-info/licenses/LICENSE", "powercut-1.dist-info/RECORD"),
}


def paths(names: set[str]) -> set[PurePosixPath]:
    return {PurePosixPath(name) for name in names}


CHECKOUT = paths({name for name in SOUND if name.startswith("powercut/")})


def test_sound_wheel_is_accepted() -> None:
    assert wheel_faults(paths(SOUND), CHECKOUT) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (SOUND | {"engine/__init__.py"}, "installed, but no part of a package: engine/__init__.py"),
        (
            SOUND | {"powercut/engine/stale.py"},
            "installed, but not in the checkout: powercut/engine/stale.py",
        ),
        (SOUND - {"powercut/verifier/__init__.py"}, "missing in the wheel: powercut/verifier/__init__.py"),
        (SOUND - {"../../../bin/powercut"}, "no command powercut"),
        (SOUND - {"powercut-1.dist-info/licenses/LICENSE"}, "no licence"),
    ],
)
def test_unsound_wheel_is_named(names: set[str], expected: str) -> None:
    assert wheel_faults(paths(names), CHECKOUT) == [expected]


def test_untyped_package_is_named() -> None:
    untyped = paths(SOUND - {"powercut/faultfs/py.typed"})
    assert wheel_faults(untyped, CHECKOUT & untyped) == ["not typed: faultfs"]
