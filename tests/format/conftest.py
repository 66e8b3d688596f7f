"""Golden images: stores written by known programs, kept byte for byte under `golden/`.

`golden/<name>/` is a store; `golden/<name>.json` says what it holds. A changed byte means that a released
store reads differently, so an image changes with the format version, never alone. To write them anew:

    PYTHONPATH=. python tests/format/conftest.py
"""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from powercut.engine import CheckpointKind, FasterKv, MemoryDevice, Settings, ThreadRuntime

GOLDEN = Path(__file__).parent / "golden"
TINY = Settings(
    page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=2
)


class FixedRuntime(ThreadRuntime):
    """Every store gets the same id."""

    def entropy(self, count: int) -> bytes:
        return bytes(range(count))


def empty(device: MemoryDevice) -> None:
    """Created and closed."""
    FasterKv.open(device, create=True, settings=TINY, runtime=FixedRuntime()).close()


def two_checkpoints(device: MemoryDevice) -> None:
    """Sessions, tombstones, several pages and segments; a recovery in between leaves a void range."""
    with closing(FasterKv.open(device, create=True, settings=TINY, runtime=FixedRuntime())) as store:
        west, east = store.session("west"), store.session("east")
        for number in range(200):
            west.upsert(b"key-%02d" % (number % 25), b"%d" % number * (number % 17))
        for number in range(0, 25, 4):
            assert east.delete(b"key-%02d" % number)
        east.rmw(b"counter", lambda old: b"one")
        ticket = store.start_checkpoint()
        east.rmw(b"counter", lambda old: (old or b"") + b", still the first version")
        ticket.advance()
        ticket.advance()
        west.upsert(b"key-01", b"of the next version, and void")
        east.upsert("schlüssel".encode(), b"void too")
        assert ticket.result().serials == {"west": 200, "east": 9}
        west.upsert(b"lost", b"after the checkpoint")
    with closing(FasterKv.open(device, settings=TINY, runtime=FixedRuntime())) as store:
        north = store.session("nörd")
        north.upsert(b"key-02", b"of the second life")
        north.insert(b"new", b"x" * 700)
        store.resume_session("east").rmw(b"counter", lambda old: (old or b"")[:3])
        store.forget_session("west")
        store.checkpoint()


def snapshots(device: MemoryDevice) -> None:
    """A snapshot that a recovery made a part of the log, one that it did not, and the log between them."""
    with FasterKv.open(device, create=True, settings=TINY, runtime=FixedRuntime()) as store:
        west = store.session("west")
        for number in range(90):
            west.upsert(b"key-%02d" % (number % 30), b"%d" % number * (number % 13))
        ticket = store.start_checkpoint(CheckpointKind.SNAPSHOT)
        west.rmw(b"key-07", lambda old: (old or b"") + b"!")
        ticket.advance()
        ticket.advance()
        west.upsert(b"key-29", b"of the next version, and void")
        ticket.result()
        west.delete(b"key-28")
        store.close(checkpoint=False)
    with FasterKv.open(device, settings=TINY, runtime=FixedRuntime()) as store:
        west = store.resume_session("west")
        for number in range(20):
            west.upsert(b"more-%02d" % number, b"y" * 30)
        store.checkpoint()
        west.upsert(b"key-01", b"in the second snapshot")
        store.checkpoint(CheckpointKind.SNAPSHOT)
        store.close(checkpoint=False)


def deltas(device: MemoryDevice) -> None:
    """A chain of deltas behind a log, whose extents stand in three files beside it."""
    with FasterKv.open(device, create=True, settings=TINY, runtime=FixedRuntime()) as store:
        west = store.session("west")
        for number in range(60):
            west.upsert(b"key-%02d" % (number % 25), b"%d" % number * 8)
        store.checkpoint()
        for number in range(16):
            west.upsert(b"key-%02d" % number, b"%d" % number * 9)
        store.checkpoint(CheckpointKind.INCREMENTAL)
        west.upsert(b"key-00", b"changed")
        store.checkpoint(CheckpointKind.INCREMENTAL)
        west.upsert(b"more", b"z" * 200)
        store.checkpoint(CheckpointKind.INCREMENTAL)
        west.delete(b"key-08")
        store.close(checkpoint=False)


def indexed(device: MemoryDevice) -> None:
    """An image of the index with overflow buckets, named by the checkpoint of a later life as well."""
    with FasterKv.open(device, create=True, settings=TINY, runtime=FixedRuntime()) as store:
        west = store.session("west")
        for number in range(160):
            west.upsert(b"key-%02d" % (number % 40), b"%d" % number * (number % 11))
        west.delete(b"key-03")
        store.checkpoint(CheckpointKind.INCREMENTAL, index=True)
    with FasterKv.open(device, settings=TINY, runtime=FixedRuntime()) as store:
        store.resume_session("west").upsert(b"key-04", b"of the second life")
        store.checkpoint()
        store.close(checkpoint=False)


def sessions(device: MemoryDevice) -> None:
    """Sessions that come, go on, rest, are forgotten and come again; behind a chain that was written anew."""
    with FasterKv.open(device, create=True, settings=TINY, runtime=FixedRuntime()) as store:
        for name in ("first", "resting", "zwölf"):
            with store.session(name) as session:
                for number in range(40):
                    session.upsert(b"%d of %b" % (number, name.encode()), b"%d" % number)
        store.checkpoint()
        store.forget_session("first")
        with store.session("first") as again, store.session("late") as late:
            again.read(b"of first")
            late.read(b"of first")
            store.checkpoint()
            store.pin("kept")
            late.upsert(b"of late", b"2")
        store.forget_session("zwölf")
        store.checkpoint()
        store.close(checkpoint=False)
    with FasterKv.open(device, settings=TINY, runtime=FixedRuntime()) as store:
        store.forget_session("late")
        with store.session("first") as first:
            first.upsert(b"of first", b"3")
        store.checkpoint()
        store.close(checkpoint=False)


PROGRAMS: dict[str, Callable[[MemoryDevice], None]] = {
    "empty": empty,
    "two-checkpoints-2": two_checkpoints,
    "snapshots-2": snapshots,
    "deltas-2": deltas,
    "described-2": indexed,
    "sessions": sessions,
}
# Written by the same programs when every block listed all of its sessions; of "described", also when overflow
# buckets were taken in another order, and when the record of an image did not say how long its extents are.
# They are of the format as well.
EARLIER = ("two-checkpoints", "snapshots", "deltas", "described", "indexed", "overflowing")


def image_of(device: MemoryDevice) -> dict[str, bytes]:
    """Every file of a closed device."""
    owner = object()
    assert device.acquire(owner)
    files = {}
    for name in device.list():
        data = bytearray(device.size(name))
        device.read_into(name, 0, data)
        files[name] = bytes(data)
    device.release(owner)
    return files


def device_of(image: dict[str, bytes]) -> MemoryDevice:
    device = MemoryDevice()
    for name, data in image.items():
        device.create(name)
        device.write(name, 0, data)
    return device


def content_of(device: MemoryDevice) -> object:
    """The content that the golden JSON describes: items, sessions, checkpoints."""
    with FasterKv.open(device, read_only=True, settings=TINY) as store:
        store.check()
        return {
            "items": {key.hex(): value.hex() for key, value in sorted(store.items())},
            "serials": store.serials(),
            "checkpoints": [[*point.version, point.serials] for point in store.checkpoints()],
        }


def written(name: str) -> dict[str, bytes]:
    device = MemoryDevice()
    PROGRAMS[name](device)
    return image_of(device)


def kept(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((GOLDEN / name).iterdir())}


@pytest.fixture(params=[*PROGRAMS, *EARLIER])
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def folder(name: str) -> Path:
    """The golden folder; not to be written to."""
    return GOLDEN / name


@pytest.fixture
def image(name: str) -> dict[str, bytes]:
    """The golden files by name."""
    return kept(name)


@pytest.fixture(params=list(PROGRAMS))
def both(request: pytest.FixtureRequest) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The golden files of a program, and those that today's code writes for it."""
    return kept(request.param), written(request.param)


@pytest.fixture
def expected(name: str) -> object:
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture
def read_content() -> Callable[[dict[str, bytes]], object]:
    """Open an image and read all of it. Raises what opening and reading raise."""
    return lambda image: content_of(device_of(image))


def regenerate() -> None:
    for name in PROGRAMS:
        folder = GOLDEN / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        image = written(name)
        for file, data in image.items():
            (folder / file).write_bytes(data)
        text = json.dumps(content_of(device_of(image)), indent=1, ensure_ascii=False)
        (GOLDEN / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    regenerate()
