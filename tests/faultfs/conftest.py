"""Shared set-up of the tests of faultfs: small random programs over a device."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from random import Random

import pytest

from powercut.faultfs import FaultDevice, Image, Law, Plan, PlannedDevice, crash_states
from powercut.faultfs.disk.tree import Kind

NAMES = ("a", "b", "c")
CALLS = (
    "create",
    "write",
    "write",
    "write",
    "append",
    "truncate",
    "sync",
    "sync_names",
    "datasync",
    "write_through",
    "allocate",
    "remove",
    "rename",
    "link",
    "look",
)


def _call(generator: Random, device: FaultDevice) -> None:
    """One call that succeeds; calls whose precondition does not hold do nothing."""
    names = device.image().names
    present = [name for name in NAMES if name in names]
    absent = [name for name in NAMES if name not in names]
    call = generator.choice(CALLS)
    if call == "create" and absent:
        device.create(generator.choice(absent))
    elif call == "sync_names":
        device.sync_names()
    elif present:
        name = generator.choice(present)
        size = len(device.image().content()[name])
        fill = generator.choice((b"x", b"y", b"\0"))
        match call:
            case "write":
                device.write(
                    name,
                    generator.choice((0, 0, 100, 512, 900, 1100)),
                    fill * generator.choice((1, 400, 512, 700)),
                )
            case "append":
                device.write(name, size, fill * generator.choice((10, 512, 4000)))
            case "truncate":
                device.truncate(name, generator.choice((0, 300, 512, 800, 1600)))
            case "sync":
                device.sync(name)
            case "datasync":
                device.datasync(name)
            case "write_through":
                device.write_through(
                    name, generator.choice((0, 200, size)), fill * generator.choice((300, 600))
                )
            case "allocate":
                device.allocate(name, generator.choice((0, 500)), generator.choice((700, 5000)))
            case "remove":
                device.remove(name)
            case "rename":
                device.rename(name, generator.choice(NAMES))
            case "link" if absent:
                device.link(name, generator.choice(absent))
            case "look":
                device.list()
                device.size(name)
                device.read_into(name, 0, bytearray(100))
                device.mark("looked")


@pytest.fixture(scope="session")
def random_device() -> Callable[[int, int], FaultDevice]:
    """A device after a random program of so many calls, from a seed; with a plan, some of them fail."""

    def make(seed: int, calls: int, plan: Plan | None = None) -> FaultDevice:
        generator = Random(seed)
        content = {
            name: generator.choice((b"", b"o" * 300, b"o" * 1000))
            for name in NAMES
            if generator.random() < 0.4
        }
        sector_bytes = generator.choice((512, 512, 1024))
        image = Image.of(content)
        device = (
            FaultDevice(image, sector_bytes=sector_bytes)
            if plan is None
            else PlannedDevice(image, sector_bytes=sector_bytes, plan=plan)
        )
        for _ in range(calls):
            with suppress(OSError) if plan else nullcontext():
                _call(generator, device)
        return device

    return make


@pytest.fixture(scope="session")
def legal() -> Callable[..., list[dict[str, bytes]]]:
    """The contents that a crash at one index (the end if None) may leave, in a stable order."""

    def contents(
        device: FaultDevice, law: Law = Law.POSIX, index: int | None = None
    ) -> list[dict[str, bytes]]:
        at = len(device.trace) if index is None else index
        found = crash_states(device.trace, law, start=at, stop=at)
        assert found.completeness == "exhaustive"
        return sorted((state.image.content() for state in found), key=lambda content: sorted(content.items()))

    return contents


@pytest.fixture(scope="session")
def sizes() -> Callable[[list[dict[str, bytes]], str], set[int]]:
    """The lengths of a file in those contents that have it."""
    return lambda contents, name: {len(content[name]) for content in contents if name in content}


@pytest.fixture(scope="session")
def wide_device() -> Callable[[int, int], FaultDevice]:
    """A device after a few random calls that come past pages."""

    def make(seed: int, calls: int) -> FaultDevice:
        generator = Random(seed)
        device = FaultDevice(
            Image.of({"a": b"o" * generator.choice((0, 100, 4096, 5000))}), sector_bytes=4096
        )
        for _ in range(min(calls, 9)):
            size = device.size("a")
            fill = generator.choice((b"x", b"y"))
            match generator.choice(
                ("write", "write", "write", "append", "truncate", "allocate", "sync", "datasync")
            ):
                case "write":
                    at = generator.choice((0, 4096, 8192, 12288))
                    device.write("a", at + generator.choice((0, 50)), fill * generator.choice((100, 4096)))
                case "append":
                    device.write("a", size, fill * generator.choice((100, 5000)))
                case "truncate":
                    device.truncate("a", generator.choice((100, 6000, size, size + 5000)))
                case "allocate":
                    device.allocate("a", size // 2, size // 2 + generator.choice((100, 9000)))
                case "sync":
                    device.sync("a")
                case "datasync" if seed % 2:
                    device.datasync("a")
                case _:
                    device.write_through("a", 10, fill * 300)
        return device

    return make


@pytest.fixture(scope="session")
def moving_device() -> Callable[[int, int], FaultDevice]:
    """A device after random calls on names, and syncs of files."""

    def make(seed: int, calls: int) -> FaultDevice:
        generator = Random(seed)
        device = FaultDevice(Image.of({"a": b"o", "b": b"p"}))
        for _ in range(calls):
            names = device.image().names
            present, absent = sorted(names), [name for name in "abc" if name not in names]
            call = generator.choice(
                ("create", "rename", "rename", "rename", "link", "remove", "sync", "sync", "names", "write")
            )
            if call == "create" and absent:
                device.create(generator.choice(absent))
            elif call == "names" and generator.random() < 0.5:
                device.sync_names()
            elif present:
                name = generator.choice(present)
                match call:
                    case "rename":
                        device.rename(name, generator.choice("abc"))
                    case "link" if absent:
                        device.link(name, generator.choice(absent))
                    case "remove":
                        device.remove(name)
                    case "sync":
                        device.sync(name)
                    case "write" if generator.random() < 0.5:
                        device.write(name, 0, b"n")
        return device

    return make


@pytest.fixture(scope="session")
def shrinking_device() -> Callable[[int, int], FaultDevice]:
    """A device after random calls on names and sizes, and syncs."""

    def make(seed: int, calls: int) -> FaultDevice:
        generator = Random(seed)
        device = FaultDevice(Image.of({"a": b"o" * 900, "b": b"p" * 900}), sector_bytes=4096)
        for _ in range(calls):
            names = device.image().names
            present, absent = sorted(names), [name for name in "abc" if name not in names]
            call = generator.choice(
                ("create", "rename", "rename", "link", "truncate", "truncate", "append", "sync", "names")
            )
            if call == "create" and absent:
                device.create(generator.choice(absent))
            elif call == "names":
                device.sync_names()
            elif present:
                name = generator.choice(present)
                match call:
                    case "rename":
                        device.rename(name, generator.choice("abc"))
                    case "link" if absent:
                        device.link(name, generator.choice(absent))
                    case "truncate":
                        device.truncate(name, generator.choice((0, 100, 500, 1000)))
                    case "append" if generator.random() < 0.5:
                        device.write(name, device.size(name), b"n" * 50)
                    case "sync":
                        device.sync(name)
        return device

    return make


@pytest.fixture(scope="session")
def growing_device() -> Callable[[int, int], FaultDevice]:
    """A device after random calls on a small tree: folders, links, moves between folders, syncs of each."""
    paths = ("a", "d", "e", "d/x", "d/y", "e/x", "d/f", "d/f/z", "e/f", "f")
    calls = (
        *("make", "make", "create", "create", "rename", "rename", "rename", "link", "symlink", "remove"),
        *("exchange", "names", "names", "names", "sync", "write", "all", "clear"),
    )

    def call(generator: Random, device: FaultDevice) -> None:
        one, other = generator.choice(paths), generator.choice(paths)
        there = [path for path, item in device.image().paths().items() if item.kind is Kind.FILE]
        match generator.choice(calls):
            case "make":
                device.make_folder(generator.choice(("d", "e", "d/f", "e/f")))
            case "create":
                device.create(one)
            case "rename":
                device.rename(one, other)
            case "link":
                device.link(one, other)
            case "symlink":
                device.symlink(other, one)
            case "remove":
                device.remove(one)
            case "clear":
                device.remove_folder(one)
            case "exchange":
                device.exchange(one, other)
            case "names":
                device.sync_names(generator.choice(("", "d", "e", "d/f")))
            case "sync" if there:
                device.sync(generator.choice(there))
            case "write" if there:
                name = generator.choice(there)
                device.write(name, 0, generator.choice((b"n", b"m"))[: device.size(name)])
            case "all" if generator.random() < 0.3:
                device.sync_all()

    def make(seed: int, count: int) -> FaultDevice:
        generator = Random(seed)
        start = FaultDevice()
        start.make_folder("d")
        for path in ("a", "d/x"):
            start.create(path)
            start.write(path, 0, b"o")
        device = FaultDevice(start.image() if generator.random() < 0.7 else None, record_reads=False)
        while len(device.trace) < count:
            with suppress(OSError):
                call(generator, device)
        return device

    return make
