"""The suite: a toy checkout, whose tests tell a mutant, tell nothing, or never end."""

from pathlib import Path

import msgspec
import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.mutants.planted import Span
from powercut.verifier.power import suite
from powercut.verifier.power.generic import ENGINE, Generic
from powercut.verifier.power.suite import Suite, order
from powercut.verifier.reach.monitor import IS_WATCHING

TOY = "def size():\n    return 3\n"
TESTS = {
    "engine/test_toy.py": "from powercut.engine.toy import size\ndef test_size(): assert size() in (3, 4)\n",
    "engine/test_other.py": (
        "import subprocess, sys\n"
        "ASKS = 'from powercut.engine.toy import size; print(size())'\n"
        "def test_in_a_process_of_its_own():\n"
        "    assert subprocess.check_output([sys.executable, '-c', ASKS]).strip() == b'3'\n"
    ),
    "engine/test_broken.py": "from powercut.engine.toy import size\ndef test_no(): assert size() == 99\n",
    "engine/test_unused.py": "import powercut.engine.toy\ndef test_yes(): assert True\n",
    "format/test_nothing.py": "def test_yes(): assert True\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The least that a checkout has."""
    package = tmp_path / "powercut"
    (package / "engine").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "engine" / "__init__.py").write_text("")
    (package / "engine" / "toy.py").write_text(TOY)
    for name, text in TESTS.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def mutant(new: str) -> Generic:
    place = TOY.index("3")
    span = Span(place, place + 1, "3", new)
    return Generic("toy", "powercut.engine.toy", "size", "off-by-one", 2, (span,))


def fates(asked: Suite, *mutants: Generic) -> list[suite.Tested]:
    found = {each.name: tested for each, tested in asked.sift(mutants)}
    return [found[each.name] for each in mutants]


def test_the_nearest_sound_test_that_fails_with_the_mutant_alone_tells(checkout: Path) -> None:
    """One suite for all, and at the end the mutant that changes nothing: none left anything behind."""
    told = {
        "5": "tests/engine/test_toy.py::test_size",
        "4": "tests/engine/test_other.py::test_in_a_process_of_its_own",
        "3": "",
    }
    asked = Suite(checkout / "tests", ENGINE)
    try:
        for new, expected in told.items():
            (found,) = fates(asked, mutant(new))
            assert (found.told, found.unknown) == (expected, "")
            assert found.cpu_seconds > 0
            assert (checkout / "powercut/engine/toy.py").read_text() == TOY
    finally:
        asked.close()


def test_those_whom_no_near_test_tells_are_sifted_together(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one statement, and one of another module that no test sees."""
    monkeypatch.setattr(suite, "NEAR", 0)
    (checkout / "powercut/engine/idle.py").write_text(TOY)
    idle = msgspec.structs.replace(mutant("5"), name="idle", module="powercut.engine.idle")
    asked = Suite(checkout / "tests", ENGINE)
    try:
        found = fates(asked, mutant("5"), msgspec.structs.replace(mutant("4"), name="other"), idle)
    finally:
        asked.close()
    assert [bool(each.told) for each in found] == [True, True, False]


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_a_test_that_goes_round_for_ever_is_told_by_its_work(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "WORK_MAX", 1000)
    asked = Suite(checkout / "tests", ENGINE)
    try:
        (found,) = fates(asked, mutant("3 if [x for x in iter(int, 1)] else 3"))
    finally:
        asked.close()
    assert (found.told, found.unknown) == ("tests/engine/test_toy.py::test_size", "")


def test_tests_that_do_not_end_decide_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Suite(checkout / "tests", ENGINE)
    try:
        assert fates(asked, mutant("3"))[0].unknown == ""
        monkeypatch.setattr(suite, "FILE_SECONDS", 0.01)
        (found,) = fates(asked, mutant("5"))
    finally:
        asked.close()
    assert found.told == ""
    assert "no answer" in found.unknown


def test_a_folder_without_a_checkout_around_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    with pytest.raises(HarnessError, match="no tests of a checkout"):
        Suite(tmp_path / "tests", ENGINE)


def test_files_are_ordered_by_name_then_by_folder_and_those_without_the_package_left_out(
    tmp_path: Path,
) -> None:
    names = ["engine/log/test_index.py", "engine/log/test_ring_pages.py", "engine/test_store.py"]
    names.append("format/test_x.py")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import powercut.engine\n" if "engine" in name else "import os\n")
    found = order([tmp_path / name for name in sorted(names)], tmp_path, "powercut.engine.log.ring")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        *("engine/log/test_ring_pages.py", "engine/log/test_index.py", "engine/test_store.py")
    ]
