"""Modes: which kernels run is chosen and told, and a result does not depend on it."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from random import Random

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings, SettingsError, ThreadRuntime
from powercut.engine.compiler import compilation
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.shared import modes
from powercut.engine.shared.modes import Compiled, Interpreted, choose_mode
from powercut.verifier.faster.stepped import SteppedRuntime

Contents = Callable[[MemoryDevice], dict[str, bytes]]

needs_numba = pytest.mark.skipif(not compilation.available(), reason="numba is not installed")


@pytest.fixture
def no_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "available", lambda: False)
    monkeypatch.setattr(modes, "_warned", False)
    monkeypatch.delenv(modes.VARIABLE, raising=False)


class FixedRuntime(ThreadRuntime):
    """Every store gets the same id."""

    def entropy(self, count: int) -> bytes:
        return bytes(range(count))


def run(settings: Settings, kernels: str, seed: int) -> tuple[list[object], MemoryDevice]:
    """A random program of everything; what it answered, and the closed device."""
    random = Random(seed)
    device = MemoryDevice()
    told: list[object] = []
    for _ in range(2):
        store = FasterKv.open(device, create=True, settings=settings, kernels=kernels, runtime=FixedRuntime())
        assert store.kernels == kernels
        sessions = [store.session(name) for name in ("a", "b")]
        for _ in range(200):
            s = random.choice(sessions)
            key = b"key-%d" % random.randrange(12)
            value = bytes([random.randrange(256)]) * random.choice((0, 3, 8, 8, 8, 17, 100, 300))
            match random.randrange(10):
                case 0 | 1:
                    s.upsert(key, value)
                case 2:
                    told.append(s.insert(key, value))
                case 3:
                    told.append(s.delete(key))
                case 4:
                    told.append(s.rmw(key, lambda old, value=value: (old or b"")[-50:] + value))  # type: ignore[misc]
                case 5:
                    told.append(s.read(key))
                case 6:
                    s.upsert_many([key, b"n"], [value, bytes(8)])
                    s.add_many([b"n", b"n"], random.randrange(-5, 1 << 40))
                    told.append(s.read_many([key, b"n", b"none"]))
                case 7:
                    tickets = s.start_read(key), s.start_rmw(key, lambda old: old)
                    s.complete_pending()
                    told += [ticket.result() for ticket in tickets]
                case 8:
                    s.append_many([key, b"long"] * 2, [value[:100], value[:5]] * 2)
                    told.append(s.read_many([key, b"long"]))
                    if len(told[-1][1]) > 400:  # type: ignore[index]
                        s.upsert(b"long", value[:9])
                    if len(told[-1][0]) > 400:  # type: ignore[index]
                        s.upsert(key, value[:9])
                case _:
                    if random.random() < 0.3:
                        told.append(store.checkpoint())
        told += [store.checkpoint(), store.serials(), sorted(store.items()), store.stats().in_place]
        store.check()
        store.close()
    return told, device


@needs_numba
@pytest.mark.parametrize("seed", range(3))
def test_both_modes_give_the_same_results_and_the_same_bytes(
    geometry: Settings, contents: Contents, seed: int
) -> None:
    told, device = run(geometry, "interpreted", seed)
    told_compiled, device_compiled = run(geometry, "compiled", seed)
    assert told_compiled == told
    for closed in (device, device_compiled):
        assert closed.acquire(seed)
    files = contents(device)
    assert len(files) > 5
    assert contents(device_compiled) == files


# -- the choice --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "fast", "Compiled"])
def test_an_unknown_mode_is_refused_and_the_device_is_free(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(modes.VARIABLE, name or "turbo")
    device = MemoryDevice()
    with pytest.raises(SettingsError, match="interpreted"):
        FasterKv.open(device, create=True)
    FasterKv.open(device, create=True, kernels="interpreted").close()


def test_what_is_asked_for_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(modes.VARIABLE, "no such mode")
    assert isinstance(choose_mode(ThreadRuntime(), "interpreted"), Interpreted)
    monkeypatch.setenv(modes.VARIABLE, "interpreted")
    assert isinstance(choose_mode(ThreadRuntime()), Interpreted)


@needs_numba
def test_auto_takes_compiled_kernels_where_there_is_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(modes.VARIABLE, raising=False)
    for wanted in (None, "auto", "compiled"):
        assert isinstance(choose_mode(ThreadRuntime(), wanted), Compiled)


def test_a_scheduler_gets_interpreted_kernels_unless_it_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERCUT_KERNELS", "compiled")  # It could not see into them.
    for wanted in (None, "auto", "interpreted"):
        assert isinstance(choose_mode(SteppedRuntime(), wanted), Interpreted)


@pytest.mark.skipif(not available(), reason="no numba here")
def test_compiled_kernels_are_to_be_had_one_operation_after_another() -> None:
    assert choose_mode(SteppedRuntime(), "compiled").name == "compiled"


@pytest.mark.usefixtures("no_numba")
def test_auto_without_numba_warns_once() -> None:
    with pytest.warns(RuntimeWarning, match=r"powercut\[speed\]"):
        assert isinstance(choose_mode(ThreadRuntime()), Interpreted)
    with warnings.catch_warnings(action="error"):
        assert isinstance(choose_mode(ThreadRuntime()), Interpreted)
        assert isinstance(choose_mode(ThreadRuntime(), "interpreted"), Interpreted)


@pytest.mark.usefixtures("no_numba")
def test_compiled_without_numba_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"powercut\[speed\]"):
        choose_mode(ThreadRuntime(), "compiled")


# -- loading -----------------------------------------------------------------------------------------


def test_a_small_store_opens_and_closes_without_numpy_numba_or_a_compiled_kernel() -> None:
    """Opening is what a search does thousands of times a second."""
    program = (
        "import sys; from powercut.engine import *; d = MemoryDevice();"
        "FasterKv.open(d, create=True).close();"
        "s = FasterKv.open(d); s.close(); print(s.kernels, {'numba', 'numpy', 'llvmlite'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split(" ", 1)[1] == "set()\n"


@needs_numba
def test_a_compiled_mode_answers_before_its_kernels_are_loaded_and_after(tiny: Settings) -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, kernels="compiled") as store:
        mode, control = store._parts.shared.mode, store._parts.log.spaces.control
        assert isinstance(mode, Compiled)
        for is_loaded in (False, True):
            assert (mode._loaded is not None) is is_loaded
            before = control[w.EPOCH]
            assert mode.fetch_add(control, w.EPOCH, 2) == before
            assert not mode.cas(control, w.EPOCH, before, 0)
            assert mode.cas(control, w.EPOCH, before + 2, before)
            assert control[w.EPOCH] == before
            store.session("s").close()


class CountingRuntime(ThreadRuntime):
    """Counts how often a lock of its is held."""

    def __init__(self) -> None:
        super().__init__()
        self.held = 0

    def lock(self) -> "CountingRuntime":
        return self

    def __enter__(self) -> None:
        self.held += 1

    def __exit__(self, *error: object) -> None:
        pass


def test_interpreted_kernels_hold_a_lock_where_threads_may_really_run_at_once(tiny: Settings) -> None:
    runtime = CountingRuntime()
    with FasterKv.open(
        MemoryDevice(), create=True, settings=tiny, kernels="interpreted", runtime=runtime
    ) as store:
        s = store.session("s")
        before = runtime.held
        s.upsert(b"k", b"v")
        s.read(b"k")
        assert runtime.held == before + 2
