"""The pytest plugin: lines at the end, findings as files, kept tapes as tests. `-p powercut.verifier.plugin`.

    --powercut-law LAW         the law of every StoreMachine of the run
    --powercut-examples N      their number of examples
    --powercut-profile FILE    a TOML file: attributes of every StoreMachine of the run, as `law`, `keys`
    --powercut-budget SECONDS  of the processor, after which a machine searches no more examples
    --powercut-findings DIR    where tapes of findings go; default: powercut-findings
    tests/tapes/*.json         each tape is a test: no crash state of its programs breaks a promise
    tests/workloads/*.toml     each workload of a program (powercut try) is a test: no crash state is wrong
    fault_device               a FaultDevice
    crash_states               crash_states(device, law="posix"): images of what a power cut can leave
    try_program                try_program(steps=[...], read=..., ...): fails where a crash state is wrong

All of them bear the marker `powercut`, and so does a test of one's own that takes `crash_states` or
`try_program`. What a machine or a program's search has looked at, and the file of what a machine found, are
properties of its report: so they stand in JUnit files, and cross from the workers of xdist.

It is no entry point: of a distribution that has one, pytest loads every module itself, to rewrite its assert
statements, and from that loader nobody has the source of a kernel.

Invariants
  1  nothing of ours is imported before something of it is asked for
  2  a project that does not use it is not touched: no option of another name, no file in another folder
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from powercut.faultfs import FaultDevice, Image

_MARKER: Final = "powercut"
_LINE: Final = "powercut"
_TAPE: Final = "powercut tape"
_SEARCHING: Final = frozenset(("crash_states", "try_program"))  # Fixtures.
# What a profile can say of a machine.
_ATTRIBUTES: Final = (
    *("law", "examples", "budget", "states_max", "depth", "more", "sessions", "keys", "sizes", "floor"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("powercut")
    group.addoption("--powercut-law", metavar="LAW", default="", help="What a power cut may leave.")
    group.addoption(
        "--powercut-examples", metavar="N", type=int, default=0, help="Examples of each StoreMachine."
    )
    group.addoption(
        "--powercut-profile", metavar="FILE", default="", help="Attributes of each StoreMachine, in TOML."
    )
    group.addoption(
        "--powercut-budget", metavar="SECONDS", type=float, default=0.0, help="Of each StoreMachine's search."
    )
    group.addoption("--powercut-findings", metavar="DIR", default="powercut-findings", help="Where tapes go.")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "powercut: a search of the crash states of a store or program")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect kept tapes and workloads."""
    if file_path.suffix == ".toml" and file_path.parent.name == "workloads":
        return _WorkloadFile.from_parent(parent, path=file_path)
    if (
        file_path.suffix == ".json"
        and file_path.parent.name == "tapes"
        and b'"eras"' in file_path.read_bytes()
    ):
        return _TapeFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what searches, and give the machines what the options say."""
    for item in items:
        machine = _machine_of(item)
        if machine is not None:
            _settle(machine, _asked(config))
        elif not isinstance(item, _TapeItem | _WorkloadItem) and _SEARCHING.isdisjoint(
            getattr(item, "fixturenames", ())
        ):
            continue
        item.add_marker(_MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Take down what machines have looked at."""
    before = len(_told())
    try:
        return (yield)
    finally:
        item.user_properties += [(_LINE, line) for line in _told()[before:]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the tape of what was found, and say where."""
    report = yield
    if call.excinfo is not None and type(call.excinfo.value).__name__ == "StoreViolationError":
        from .machine.objection import NondeterministicStoreError

        with suppress(NondeterministicStoreError):  # It has no tape that another run would show.
            path = _keep(item, call.excinfo.value)
            report.user_properties.append((_TAPE, str(path)))
            report.sections.append(("powercut", f"powercut replay {path}"))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell the lines of all machines, and the files of what was found."""
    told = [
        (what, line)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for what, line in report.user_properties
        if what in (_LINE, _TAPE)
    ]
    if told:
        terminalreporter.section("powercut")
        for what, line in sorted(told):
            terminalreporter.write_line(line if what == _LINE else f"powercut replay {line}")


@pytest.fixture
def fault_device() -> FaultDevice:
    """A FaultDevice, empty."""
    from powercut.faultfs import FaultDevice

    return FaultDevice()


@pytest.fixture
def crash_states() -> Callable[..., Iterator[Image]]:
    """Every content that a power cut of a device can leave, as images."""

    def states(device: FaultDevice, law: str = "posix", **bounds: Any) -> Iterator[Image]:
        from powercut.faultfs import crash_states

        return (state.image for state in crash_states(device.trace, law, **bounds))

    return states


@pytest.fixture
def try_program(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Record a program and judge every crash state: the keys of a workload file as arguments."""

    def judge(**values: Any) -> None:
        from .programs.exploring.workload import Workload

        _judge_program(request.node, Workload(**values))

    return judge


def _judge_program(item: pytest.Item, workload: Any) -> None:
    """Fail with the text of what is wrong; skip where nothing can be recorded. A line for each law."""
    from .programs.exploring.running import explore_recording, record_workload
    from .programs.exploring.text import headline, searched, tell
    from .programs.reading.syscalls import why_not
    from .programs.record import record

    if reason := why_not():
        pytest.skip(reason)
    workload.check_values()
    reports = explore_recording(record_workload(workload, record), workload)
    item.user_properties += [
        (_LINE, f"{item.nodeid}: {headline(report)}; {searched(report)}") for report in reports
    ]
    if wrong := [report for report in reports if report.kinds or report.gone]:
        raise AssertionError("\n".join(tell(report) for report in wrong))


def _told() -> list[str]:
    """The lines so far; none where no machine was imported. Invariant 1."""
    bench = sys.modules.get("powercut.verifier.machine.bench")
    return [] if bench is None else bench.StoreMachine.told


def _machine_of(item: pytest.Item) -> Any:
    """The StoreMachine whose test this is, or None."""
    bench = sys.modules.get("powercut.verifier.machine.bench")
    machine = getattr(getattr(item, "obj", None), "_hypothesis_state_machine_class", None)
    is_ours = bench is not None and isinstance(machine, type) and issubclass(machine, bench.StoreMachine)
    return machine if is_ours else None


def _asked(config: pytest.Config) -> dict[str, Any]:
    """The attributes that the profile and the options give each machine. Raises UsageError."""
    import tomllib

    asked: dict[str, Any] = {}
    if path := config.getoption("--powercut-profile"):
        try:
            asked = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise pytest.UsageError(f"--powercut-profile {path}: {error}") from None
        if strange := set(asked).difference(_ATTRIBUTES):
            raise pytest.UsageError(
                f"--powercut-profile {path}: no {min(strange)}: there are {', '.join(_ATTRIBUTES)}"
            )
    options = {name: config.getoption(f"--powercut-{name}") for name in ("law", "examples", "budget")}
    return asked | {name: value for name, value in options.items() if value}


def _settle(machine: Any, asked: dict[str, Any]) -> None:
    """Give the machine these attributes, and check them as those of its class."""
    from .errors import SubjectError
    from .machine.declared import check_machine

    for name, value in asked.items():
        setattr(machine, name, value)
    try:
        check_machine(machine)
    except SubjectError as error:
        raise pytest.UsageError(str(error)) from None


def _keep(item: pytest.Item, error: Any) -> Path:
    """Write the tape of what was found; its path, which no other test of the run has."""
    from .tapes.tape import encode_tape

    folder = Path(item.config.getoption("--powercut-findings"))
    named = item.nodeid.replace(".py::", "-").replace("::", "-")
    name = "".join(each if each.isalnum() else "-" for each in named).strip("-")
    path = folder / f"{name}-{error.verdict.breach.name.lower()}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_tape(error.tape) + b"\n")
    return path


class _TapeFile(pytest.File):
    """A file with a tape."""

    def collect(self) -> Iterator[pytest.Item]:
        yield _TapeItem.from_parent(self, name="tape")


class _TapeItem(pytest.Item):
    """A tape as a test: its store keeps its word."""

    def runtest(self) -> None:
        from .finders.search import search
        from .tapes.kept import load
        from .telling.report import tell

        tape = load(self.path).tape
        finding = search(tape)
        if finding is not None:
            raise AssertionError(tell(finding.tape))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return (
            str(excinfo.value) if isinstance(excinfo.value, AssertionError) else super().repr_failure(excinfo)
        )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"tape {self.path.name}"


class _WorkloadFile(pytest.File):
    """A file with a workload."""

    def collect(self) -> Iterator[pytest.Item]:
        yield _WorkloadItem.from_parent(self, name="workload")


class _WorkloadItem(pytest.Item):
    """A program as a test: no crash state of it is wrong, or as its workload knows."""

    def runtest(self) -> None:
        from .programs.exploring.workload import load_workload

        _judge_program(self, load_workload(self.path))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return (
            str(excinfo.value) if isinstance(excinfo.value, AssertionError) else super().repr_failure(excinfo)
        )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"workload {self.path.name}"
