"""The store comes alone; asked for the bench or the command without their extra, a line says so."""

import subprocess
import sys

import pytest

ABSENT = "import sys; sys.modules['{name}'] = None; "


def run(code: str, name: str) -> subprocess.CompletedProcess[str]:
    """In a process in which one package cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", ABSENT.format(name=name) + code], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["greenlet", "hypothesis", "msgspec", "typer"])
def test_store_needs_nothing_of_the_extra(name: str) -> None:
    code = "from powercut import FasterKv, MemoryDevice; FasterKv.open(MemoryDevice(), create=True).close()"
    assert run(code, name).returncode == 0


@pytest.mark.parametrize(
    ("code", "name"),
    [("from powercut import FaultDevice", "msgspec"), ("from powercut import StoreMachine", "hypothesis")],
)
def test_name_that_needs_the_extra_says_so(code: str, name: str) -> None:
    done = run(code, name)
    assert done.returncode == 1
    assert f"needs {name}: pip install 'powercut[verify]'" in done.stderr.splitlines()[-1]


def test_command_without_the_extra_is_one_line_and_no_traceback() -> None:
    done = run("from powercut.verifier.cli import main; main()", "typer")
    assert done.returncode == 3
    assert done.stderr == "powercut: the command needs typer: pip install 'powercut[verify]'\n"


def test_name_that_is_not_there_is_an_attribute_error() -> None:
    import powercut

    assert {"FasterKv", "StoreMachine", "FaultDevice", "engine"} <= set(dir(powercut))
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = powercut.absent
