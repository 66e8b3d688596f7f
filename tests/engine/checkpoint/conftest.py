"""A store that goes on, with checkpoints to copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from powercut.engine import CheckpointPoint, Device, FasterKv, MemoryDevice, Session, Settings
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.stepped import SteppedRuntime

Content = dict[bytes, bytes]


@dataclass
class Filled:
    """A store that goes on, and what each of its checkpoints holds, the newest first."""

    store: FasterKv
    held: list[tuple[CheckpointPoint, Content]]

    def seen_in(self, where: Path | Device) -> list[tuple[CheckpointPoint, Content]]:
        """The same of a copy. Raises what opening does."""
        with FasterKv.open(where, read_only=True, memory=1 << 17, runtime=SteppedRuntime()) as copy:
            points = copy.checkpoints()
        found = []
        for point in points:
            device = where if isinstance(where, Path) else duplicate(where)
            with FasterKv.open(
                device, read_only=True, memory=1 << 17, version=point.version, runtime=SteppedRuntime()
            ) as copy:
                assert copy.serials() == point.serials
                found.append((point, dict(copy.items())))
        return found


def duplicate(device: Device) -> Device:
    """Closing closes a device, so each opening has one of its own."""
    assert isinstance(device, FaultDevice)
    return FaultDevice(device.image())


@pytest.fixture(params=[2, 7])
def filled(request: pytest.FixtureRequest, tiny: Settings) -> Iterator[Filled]:
    """Checkpoints over one segment or several, and operations that none of them holds."""
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=SteppedRuntime()) as store:
        session = store.session("s")
        held: list[tuple[CheckpointPoint, Content]] = []
        for number in range(request.param):
            for key in range(3):
                session.upsert(b"key-%d" % key, b"%d" % number * (40 * key + 1))
            held.insert(0, (store.checkpoint(), dict(store.items())))
        session.upsert(b"key-0", b"in no checkpoint")
        session.delete(b"key-1")
        yield Filled(store, held)


# -- images of the index ---------------------------------------------------------------------------

SMALL = Settings(
    page_bytes=1024,
    segment_bytes=2048,
    write_unit=512,
    extent_bytes=512,
    ring_pages=8,
    index_buckets=64,
    write_bytes=512,
    hash_mask=0xFFFC_0000_0000_0038,  # Eight buckets, one an extent, and chains of them.
)


def opened(device: MemoryDevice, settings: Settings = SMALL, **how: object) -> FasterKv:
    return FasterKv.open(
        device,
        create=True,
        settings=settings,
        runtime=SteppedRuntime(),
        kernels="interpreted",
        **how,  # type: ignore[arg-type]
    )


def fill(session: Session, numbers: range, value: bytes = b"value") -> dict[bytes, bytes]:
    content = {b"key-%02d" % number: b"%s-%d" % (value, number) for number in numbers}
    for key, each in content.items():
        session.upsert(key, each)
    return content


@contextmanager
def owned(device: MemoryDevice) -> Iterator[None]:
    """A context in which a closed device can be looked at and harmed."""
    owner = object()
    assert device.acquire(owner)
    yield
    device.release(owner)


def images(device: MemoryDevice) -> list[str]:
    return [name for name in device.list() if name.startswith("index-")]


def copy_of(device: MemoryDevice, *, without: str = "") -> MemoryDevice:
    """A copy of a closed device, without the files of that prefix, if one is given."""
    copy = MemoryDevice()
    with owned(device):
        for name in device.list():
            if not without or not name.startswith(without):
                data = bytearray(device.size(name))
                device.read_into(name, 0, data)
                copy.create(name)
                copy.write(name, 0, data)
    return copy


def seen(device: MemoryDevice, settings: Settings = SMALL, **how: object) -> tuple[Any, list[Any], int]:
    """All that a read-only opening shows, audited; and the findings of images."""
    with opened(device, settings, read_only=True, **how) as kv:
        kv.check()
        stats = kv.stats()
        found = [each.verdict for each in kv.findings if each.file.startswith("index-")]
        return (dict(kv.items()), kv.serials(), stats.begin, stats.tail, kv.newest), found, stats.head


def check_same(device: MemoryDevice, settings: Settings = SMALL, **how: object) -> dict[bytes, bytes]:
    """An opening with the image is one without it; what it has."""
    ours, found, head = seen(device, settings, **how)
    assert found
    assert set(found) == {"accepted"}
    theirs, found, first = seen(copy_of(device, without="index-"), settings, **how)
    assert found == ["absent"]
    assert ours == theirs
    assert head >= first
    content: dict[bytes, bytes] = ours[0]
    return content


def saved() -> tuple[MemoryDevice, dict[bytes, bytes]]:
    device = MemoryDevice()
    kv = opened(device)
    content = fill(kv.session("s"), range(30))
    kv.checkpoint(index=True)
    content |= fill(kv.session("s2"), range(3), b"tail")
    kv.checkpoint()
    kv.close()
    return device, content


@pytest.fixture
def at() -> SimpleNamespace:
    """Helpers of tests of images: stores over a MemoryDevice, and what openings of them see."""
    return SimpleNamespace(
        small=SMALL,
        opened=opened,
        fill=fill,
        owned=owned,
        images=images,
        copy_of=copy_of,
        seen=seen,
        check_same=check_same,
        saved=saved,
    )
