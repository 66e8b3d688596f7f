"""Kills: every place is come to, what is left is judged, and each judge can say no.

What forks runs in processes of its own: `run_task` has one, which most tests have forked instead of started,
and `killing.py` is one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import msgspec
import pytest

from powercut.faultfs import EventKind, FaultDevice
from powercut.verifier.errors import HarnessError
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.finders.kill import Sweeper, Tally, Task, ptrace, run_task
from powercut.verifier.finders.kill.client import Answer, scratch
from powercut.verifier.finders.kill.folder import FolderDevice, read_folder
from powercut.verifier.finders.kill.lives import Beginning, rehearse
from powercut.verifier.finders.kill.openings import open_twice
from powercut.verifier.spec.model import Issued, Result
from powercut.verifier.tapes.programs import small_programs
from powercut.verifier.tapes.tape import SIZES, Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import Breach

_UPSERT, _CHECKPOINT, _REOPEN = Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)
_PROGRAM = (_UPSERT, _CHECKPOINT, Operation(Kind.RMW), _REOPEN)
_LOOKS = {EventKind.READ, EventKind.SIZE, EventKind.LIST}


Planted = Callable[[str, str], Any]
Forked = Callable[..., "subprocess.CompletedProcess[bytes]"]
# What the process that `run_task` starts does with its task; forked, it has imported everything already.
_SERVES = "import sys; from pathlib import Path; from powercut.verifier.finders.kill import worker; "
_SERVES += "worker._serve(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def swept(forked_kills: Forked) -> Callable[[Task], Tally]:
    """The tally of a task, from a worker of its own."""

    def sweep(task: Task) -> Tally:
        with scratch() as home:
            done = forked_kills(_SERVES, home, given=msgspec.json.encode(task) + b"\n", is_open=True)
        answer = msgspec.json.decode(done.stdout, type=Answer)
        assert answer.tally is not None, answer.error
        return answer.tally

    return sweep


@pytest.fixture(scope="module")
def why_not(forked_kills: Forked) -> str:
    """The reason why system calls cannot be traced here; asked in a process of its own, since it forks."""
    script = "from powercut.verifier.finders.kill.ptrace import why_not; print(why_not())"
    return forked_kills(script).stdout.decode().strip()


@pytest.fixture(params=["traced", "called"])
def way(request: pytest.FixtureRequest, why_not: str) -> str:
    if request.param == "traced" and why_not:
        pytest.skip(f"system calls cannot be traced here: {why_not}")
    return str(request.param)


@pytest.fixture(scope="module")
def planted(forked_kills: Forked) -> Planted:
    """The result of a case of `killing.py`, all of which run in one process; it left nothing behind."""
    script = Path(__file__).with_name("killing.py")
    runs = f"import runpy; runpy.run_path({os.fspath(script)!r}, run_name='__main__')"

    @cache
    def cases(way: str) -> Any:
        done = forked_kills(runs, way)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def result(case: str, way: str) -> Any:
        answer = cases(way)[case]
        assert answer["left"] == 0
        return answer["told"]

    return result


def _objected(told: Any) -> Tally:
    tally = msgspec.convert(told, Tally)
    assert tally.violation is not None
    return tally


def _calls(era: Era) -> int:
    """The number of device calls in a first era that change something."""
    world = rehearse(Beginning(), era, make_faster("tiny"))
    return sum(event.kind not in _LOOKS for event in world.segment.trace.events)


def test_life_is_killed_before_and_after_every_call(way: str, swept: Callable[[Task], Tally]) -> None:
    tally = swept(Task((Tape((Era(_PROGRAM),)),), traced=way == "traced"))
    assert (tally.violation, tally.unknown) == (None, "")
    # Making the folder and making it durable are calls of the system, and none of the device.
    calls = _calls(Era(_PROGRAM)) + (2 if way == "traced" else 0)
    assert tally.fired == {"entry": calls, "exit": calls, "end": 1}
    assert sum(tally.reached.values()) == 2 * calls
    assert tally.lives == 2 * calls + 2
    assert 10 < tally.checked <= tally.distinct < calls
    assert tally.after_checkpoint == 1
    names = {"mkdir folder", "openat root", "pwrite64 tables", "fsync segment", "fsync folder"}
    if way == "called":
        names = {"create root", "write tables", "sync segment", "sync_names folder"}
    assert names <= tally.reached.keys()


def test_kills_begin_at_the_step_asked_for(way: str, swept: Callable[[Task], Tally]) -> None:
    tapes = tuple(Tape((Era(program),)) for program in ((_UPSERT,), (_UPSERT, _CHECKPOINT)))
    tally = swept(Task(tapes, (1, 2), traced=way == "traced"))
    calls = _calls(Era((_UPSERT, _CHECKPOINT))) - _calls(Era((_UPSERT,)))
    assert tally.fired == {"entry": calls, "exit": calls, "end": 2}
    assert tally.violation is None


def test_small_programs_stand_every_kill(swept: Callable[[Task], Tally]) -> None:
    """A third of them, geometries taking turns; the stage `kill` has all in each."""
    every = [program for program in small_programs(2) if {_CHECKPOINT, _REOPEN} & {*program[-1:]}]
    programs = every[::3]
    tapes = tuple(
        Tape((Era(program),), ("tiny", "paired")[number % 2]) for number, program in enumerate(programs)
    )
    tally = swept(Task(tapes, tuple(map(len, programs))))
    assert (tally.violation, tally.unknown, tally.programs) == (None, "", len(programs))
    assert tally.fired["entry"] == tally.fired["exit"] > 25  # Of a third.


def test_several_lives_go_on_where_the_last_was_killed(way: str, swept: Callable[[Task], Tally]) -> None:
    large = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(5))
    eras = (
        Era((_UPSERT, _CHECKPOINT, *large), Crash(3, 1)),
        Era((), Crash(2)),  # Within its recovery.
        Era((Operation(Kind.RMW, 1), _CHECKPOINT, _REOPEN)),
    )
    tally = swept(Task((Tape(eras),), traced=way == "traced"))
    assert (tally.violation, tally.unknown, tally.several_eras) == (None, "", 1)
    # The two lives before the last are watched and killed once each.
    assert tally.fired["entry"] == tally.fired["exit"] + 2
    assert tally.lives == sum(tally.fired.values()) + 3


def test_removed_files_stand_every_kill(way: str, swept: Callable[[Task], Tally]) -> None:
    large = tuple(Operation(Kind.UPSERT, 0, key % 8, SIZES - 1) for key in range(16))
    program = (*large, _CHECKPOINT, Operation(Kind.TRUNCATE), _CHECKPOINT, _CHECKPOINT)
    tally = swept(Task((Tape((Era(program),)),), (len(large) + 2,), traced=way == "traced"))
    assert (tally.violation, tally.unknown) == (None, "")
    removing = "unlinkat" if way == "traced" else "remove"
    assert any(name.startswith(removing) for name in tally.reached)


def test_long_write_is_cut_between_pages(way: str, swept: Callable[[Task], Tally]) -> None:
    values = tuple(Operation(Kind.UPSERT, 0, key % 8, SIZES - 1) for key in range(24))
    tape = Tape((Era((*values, _CHECKPOINT)),), "broad")
    tally = swept(Task((tape,), (len(values) + 1,), traced=way == "traced"))
    assert (tally.violation, tally.unknown) == (None, "")
    assert tally.fired["cut"] >= 1


def test_write_stops_where_it_is_killed_and_the_law_has_just_these_states(way: str, planted: Planted) -> None:
    assert planted("raw", way) == [True] * 7


def test_life_in_circles_is_ended(way: str, planted: Planted) -> None:
    assert planted("endless", way) == "signal 24"  # SIGXCPU


@pytest.mark.parametrize(
    ("case", "oracle", "breach"),
    [
        ("buffering", "openable", Breach.UNOPENABLE),
        ("flushing at sync", "pagecache", Breach.WRONG_VALUE),
        ("locked by file", "openable", Breach.UNOPENABLE),
        ("appending", "prefix", Breach.LOST_ACK),
        ("silent", "pagecache", Breach.WRONG_SERIAL),
        ("talkative", "pagecache", Breach.WRONG_RESULT),
        ("images", "folder", Breach.WRONG_VALUE),
    ],
)
def test_bug_that_only_real_files_show_is_told_without_a_tape(
    case: str, oracle: str, breach: Breach, way: str, planted: Planted
) -> None:
    tally = _objected(planted(case, way))
    assert tally.violation is not None
    assert (tally.violation.oracle, tally.violation.breach, tally.tape) == (oracle, breach, None)


def test_bug_of_the_store_is_told_with_a_tape_that_shows_it_in_the_simulator(
    way: str, planted: Planted
) -> None:
    tally = _objected(planted("hasty", way))
    assert tally.violation is not None
    assert (tally.violation.oracle, tally.violation.breach) == ("prefix", Breach.LOST_ACK)
    assert tally.tape is not None
    assert tally.tape.law == "pagecache"
    assert tally.tape.eras[0].crash is not None


def test_log_is_killed_at_every_call_and_one_that_forgets_is_told(way: str, planted: Planted) -> None:
    whole, forgetful = (msgspec.convert(told, Tally) for told in planted("forgetful", way))
    assert whole.violation is None
    assert whole.fired["entry"] > 1
    assert forgetful.violation is not None
    assert (forgetful.violation.oracle, forgetful.violation.breach) == ("prefix", Breach.LOST_ACK)


def test_who_waits_is_told_before_files_are_removed_and_a_life_that_does_not_hear_it_is_told(
    way: str, planted: Planted
) -> None:
    whole, deaf = (msgspec.convert(told, Tally) for told in planted("removing", way))
    assert (whole.violation, whole.unknown) == (None, "")
    assert any(what in whole.reached for what in ("remove segment", "unlink segment", "unlinkat segment"))
    assert deaf.violation is not None
    assert (deaf.violation.oracle, deaf.violation.breach) == ("pagecache", Breach.WRONG_SERIAL)
    assert "acknowledged {}; simulated" in deaf.violation.detail


def test_life_that_does_not_come_to_its_place_is_a_fault_of_the_harness(
    planted: Planted, why_not: str
) -> None:
    # Only system calls can be one more where the calls of the device are the same.
    if why_not:
        pytest.skip(f"system calls cannot be traced here: {why_not}")
    # It was killed, and elsewhere.
    assert "ended by signal 9 at" in planted("wavering", "traced")


def test_life_that_reaches_its_cap_decides_nothing(planted: Planted) -> None:
    tally = msgspec.convert(planted("tiring", "called"), Tally)
    assert tally.violation is None
    assert tally.unknown == f"a life to be killed at None end ended by signal {signal.SIGXCPU:d}"


def test_folder_and_memory_make_the_same_of_a_truncation(tmp_path: Path) -> None:
    folder, memory = FolderDevice(tmp_path / "store"), FaultDevice()
    for device in (folder, memory):
        assert device.acquire(device)
        device.create("a")
        device.write("a", 3, b"data")
        device.truncate("a", 5)
        device.sync("a")
        assert (device.list(), device.size("a")) == (["a"], 5)
        device.close()
        with pytest.raises(OSError, match=r"closed|Bad file"):
            device.list()
    assert read_folder(tmp_path / "store") == memory.image()


class _Fading:
    """A store that comes back to something else each time, or reads what it does not list."""

    openings = 0
    probed: ClassVar[dict[bytes, bytes]] = {}

    def __init__(self, device: FaultDevice) -> None:
        device.acquire(self)
        self.device = device
        type(self).openings += 1

    def apply(self, issued: Issued) -> Result:
        raise NotImplementedError

    def checkpoint(self) -> None:
        raise NotImplementedError

    def read_all(self) -> dict[bytes, bytes]:
        return {b"key": b"%d" % self.openings}

    def close(self) -> None:
        self.device.release(self)


class _Steady(_Fading):
    def read_all(self) -> dict[bytes, bytes]:
        return {b"key": b"value"}

    def probe(self, keys: list[bytes]) -> dict[bytes, bytes]:
        return self.probed


@pytest.mark.parametrize(
    ("store", "probed", "objection"),
    [
        (_Fading, {}, ("openable", Breach.WRONG_VALUE)),
        (_Steady, {}, ("structure", Breach.WRONG_VALUE)),
        (_Steady, {b"key": b"value"}, None),
    ],
)
def test_two_openings_must_agree_and_reads_must_find_what_is_listed(
    store: type[_Fading], probed: dict[bytes, bytes], objection: tuple[str, Breach] | None
) -> None:
    store.probed = probed
    error = open_twice(FaultDevice(), store).error
    assert (error and (error.oracle, error.breach)) == objection


def test_crash_states_open_from_folders_as_from_memory(swept: Callable[[Task], Tally]) -> None:
    tapes = (
        Tape((Era(_PROGRAM),)),
        Tape((Era((_UPSERT, _CHECKPOINT), Crash(1, 1)), Era(_PROGRAM)), "paired"),
    )
    tally = swept(Task(tapes, states=60, seed="0"))
    assert (tally.violation, tally.unknown, tally.programs, tally.several_eras) == (None, "", 2, 1)
    assert tally.checked == tally.images == tally.distinct > 40


def test_equal_tasks_come_to_equal_tallies() -> None:
    task = Task((Tape((Era((_UPSERT, _CHECKPOINT)),)),), (2,))
    assert run_task(task) == run_task(task)


def test_task_that_breaks_is_told_by_whoever_asked() -> None:
    with pytest.raises(HarnessError, match=r"UnsupportedTapeError: geometry .none such."):
        run_task(Task((Tape(geometry="none such"),)))


def test_sweep_refuses_to_fork_beside_a_thread(tmp_path: Path) -> None:
    is_over = Event()
    beside = Thread(target=is_over.wait)
    beside.start()
    try:
        with pytest.raises(HarnessError, match="no other thread"):
            Sweeper(tmp_path)
    finally:
        is_over.set()
        beside.join()


def test_where_nothing_can_be_traced_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ptrace.why_not.cache_clear()
    monkeypatch.setattr("platform.machine", lambda: "z80")
    try:
        assert "z80" in ptrace.why_not()
    finally:
        ptrace.why_not.cache_clear()
