"""Shared set-up of the engine's tests: smallest geometries, stores in memory, devices that fail on demand."""

import errno
import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import count

import pytest

import powercut.engine
from powercut.engine import Device, EngineError, FasterKv, MemoryDevice, Settings
from powercut.engine.checkpoint.parts import Parts
from powercut.engine.compiler.compilation import available
from powercut.engine.device import Buffer
from powercut.engine.inspection import inspect_store
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.verifier.faster.stepped import SteppedRuntime

TINY = Settings(
    page_bytes=1024,
    segment_bytes=2048,
    write_unit=512,
    extent_bytes=512,
    ring_pages=2,
    index_buckets=2,
    write_bytes=512,
)
# All keys collide: one chain holds everything.
COLLIDING = Settings(
    page_bytes=1024,
    segment_bytes=2048,
    write_unit=512,
    extent_bytes=512,
    hash_mask=0,
    ring_pages=2,
    index_buckets=2,
)

Fails = Callable[[str, str], bool]


class FailingDevice(MemoryDevice):
    """Raises EIO, before any effect, from the calls that `fails(call, name)` picks."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Fails = lambda call, name: False

    def _try(self, call: str, name: str) -> None:
        if self.fails(call, name):
            raise OSError(errno.EIO, f"{call} fails", name)

    def create(self, name: str) -> None:
        self._try("create", name)
        super().create(name)

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        self._try("write", name)
        return super().write(name, offset, buffer)

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        self._try("read", name)
        return super().read_into(name, offset, buffer)

    def sync(self, name: str) -> None:
        self._try("sync", name)
        super().sync(name)

    def sync_names(self) -> None:
        self._try("sync_names", "")
        super().sync_names()


@pytest.fixture
def tiny() -> Settings:
    return TINY


@pytest.fixture(params=["spread", "colliding"])
def geometry(request: pytest.FixtureRequest) -> Settings:
    return TINY if request.param == "spread" else COLLIDING


@pytest.fixture
def device() -> MemoryDevice:
    return MemoryDevice()


@pytest.fixture
def failing() -> FailingDevice:
    return FailingDevice()


@pytest.fixture
def fail_once() -> Callable[[str, str], Fails]:
    """Makes a `fails` that fires at the first such call on a name with this beginning, then never again."""

    def make(call: str, beginning: str) -> Fails:
        fired: list[str] = []

        def fails(made: str, name: str) -> bool:
            if fired or made != call or not name.startswith(beginning):
                return False
            fired.append(name)
            return True

        return fails

    return make


@pytest.fixture
def store(device: MemoryDevice) -> Iterator[FasterKv]:
    """A new store of the tiny geometry on `device`."""
    opened = FasterKv.open(device, create=True, settings=TINY)
    yield opened
    opened.close()  # Without a checkpoint, whatever state a test has left it in.


@pytest.fixture(
    params=[
        "interpreted",
        pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
    ]
)
def kernels(request: pytest.FixtureRequest) -> str:
    """Both ways to run the kernels."""
    return str(request.param)


@pytest.fixture
def either(device: MemoryDevice, kernels: str) -> Iterator[FasterKv]:
    """A store as `store`, in both kernel modes."""
    opened = FasterKv.open(device, create=True, settings=TINY, kernels=kernels)
    yield opened
    opened.close()  # Without a checkpoint, whatever state a test has left it in.


@pytest.fixture
def stepped(device: MemoryDevice) -> Iterator[FasterKv]:
    """A store as `store`, without threads: a wait that nothing will end fails at once."""
    opened = FasterKv.open(device, create=True, settings=TINY, runtime=SteppedRuntime())
    yield opened
    opened.close()  # Without a checkpoint, whatever state a test has left it in.


@pytest.fixture
def parts(stepped: FasterKv) -> Parts:
    """The parts of a new store; interpreted kernels, one task."""
    return stepped._parts


@pytest.fixture
def push_out() -> Callable[[FasterKv], None]:
    """Writes so much that everything before it is on the device only."""

    def push(store: FasterKv) -> None:
        with store.session("filler") as session:
            for number in range(6):
                session.upsert(b"filler-%d" % number, bytes(500))

    return push


@pytest.fixture
def contents() -> Callable[[Device], dict[str, bytes]]:
    """Every file of a device that is not closed, with its bytes."""

    def read(device: Device) -> dict[str, bytes]:
        files = {}
        for name in device.list():
            data = bytearray(device.size(name))
            assert device.read_into(name, 0, data) == len(data)
            files[name] = bytes(data)
        return files

    return read


@pytest.fixture
def interrupt() -> Callable[[Callable[[], object], Callable[[], object], int], bool]:
    """Runs a call, and another one just before its access number `at`; whether it had that many."""

    def run(call: Callable[[], object], by: Callable[[], object], at: int) -> bool:
        seen, came = count(), False

        def hook(space: Space, word: int, is_write: bool) -> None:
            nonlocal came
            if next(seen) == at:
                came = True
                set_turn(None)
                by()
                set_turn(hook)

        set_turn(hook)
        try:
            call()
        finally:
            set_turn(None)
        return came

    return run


def parameters(call: Callable[..., object]) -> set[str]:
    return set(inspect.signature(call).parameters) - {"self"}


@pytest.fixture
def surface() -> dict[str, set[str]]:
    """The parameters of every public call of the engine that has any: `Class`, `Class.method`, `function`."""
    found = {"inspect_store": parameters(inspect_store)}
    for name in powercut.engine.__all__:
        kind = getattr(powercut.engine, name)
        if issubclass(kind, EngineError | Enum | tuple) or getattr(kind, "_is_protocol", False):
            continue  # Values, and what others implement.
        bases = [each for each in kind.__mro__ if each.__module__.startswith("powercut.engine")]
        for method in {each: None for base in bases for each in vars(base) if not each.startswith("_")}:
            call = getattr(kind, method)
            if callable(call):
                found[f"{name}.{method}"] = parameters(call)
        found[name] = parameters(kind)
    return {call: names for call, names in found.items() if names}
