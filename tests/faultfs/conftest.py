"""Shared set-up of the tests of faultfs: small random programs over a device."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from itertools import product
from random import Random
from typing import Any

import pytest

from powercut.faultfs import EventKind, FaultDevice, Image, Law, Plan, PlannedDevice, crash_states

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


FILE_SYNCS = (EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH)
CHANGES = (EventKind.CREATE, EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE)


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


class TriedNames:
    """The names that a file system with a log finds (F12, F42), read out; `disk` knows no chains."""

    def __init__(self, disk: Any) -> None:
        self.disk = disk
        self.came_apart: dict[int, int] = {}  # Renames that a sync has untied, by event: from which index on.

    def name_versions(self, name: str) -> list[tuple[int, Any]]:
        """Its event, and what the name is bound to, for each version."""
        key = "name", name
        return [
            (-1, self.disk.start.get(key)),
            *((op[0], op[2][key]) for op in self.disk.operations if key in op[2]),
        ]

    def names_at(self, index: int) -> dict[str, tuple[int, Any]]:
        """For each name, how often it had changed by then, and what it was bound to."""
        names = {key[1] for op in self.disk.operations for key in op[2] if key[0] == "name"}
        names |= {key[1] for key in self.disk.start if key[0] == "name"}
        found = {}
        for name in sorted(names):
            before = [inode for when, inode in self.name_versions(name) if when < index]
            found[name] = len(before) - 1, before[-1]
        return found

    def found(self, commit: int, index: int) -> dict[str, tuple[int, Any]]:
        """The names, if the last commit took what was issued before that event."""
        disk, log, changed, text = self.names_at(commit), set(), set(), None
        for at, event in enumerate(self.disk.trace.events[commit:index], commit):
            before, now = self.names_at(at), self.names_at(at + 1)
            moved = {name for name in now if now[name] != before[name]}
            if moved or event.kind in CHANGES:
                changed |= {event.inode, *(before[name][1] for name in moved)}
            if event.kind == EventKind.SYNC_NAMES:
                disk = text = now
            elif event.kind in FILE_SYNCS and event.inode in changed:
                changed -= {event.inode}
                more, text = {event.inode}, now
                while more:
                    log |= more
                    names = {name for name, (_, inode) in now.items() if inode in more}
                    holders = {disk[name][1] for name in names} - {None} - log
                    more = holders & {inode for _, inode in now.values()}
        found = dict(disk)
        for name, (version, inode) in disk.items():
            named = {bound for _, bound in text.values()} if text else set()
            if text and inode in log & named and text[name][1] != inode:
                found[name] = version + 1, self.name_versions(name)[version + 1][1]
        for name, (version, inode) in (text or {}).items():
            if inode in log:
                found[name] = version, inode
        return found

    def come_apart(self, index: int) -> None:
        """Note the fewest renames of which a crash from now on may show one name and not the other."""
        for commit in range(index + 1):
            found = self.found(commit, index)
            whole = [op for op in self.disk.operations if len(op[2]) == 2 and op[0] not in self.came_apart]
            whole = [op for op in whole if not self.disk.durable(op, index)]
            names = sorted({key[1] for op in whole for key in op[2]})
            # Any way to read what a name is bound to as one of its versions.
            ways = []
            for name in names:
                alike = [at for at, each in enumerate(self.name_versions(name)) if each[1] == found[name][1]]
                at_least = sum(
                    self.disk.durable(op, index) for op in self.disk.operations if ("name", name) in op[2]
                )
                ways.append(
                    sorted((at for at in alike if at >= at_least), key=lambda at: at != found[name][0])
                )
            torn = [self.halves(whole, dict(zip(names, way, strict=True))) for way in product(*ways)]
            fewest: list[int] = min(torn, key=len)
            self.came_apart |= dict.fromkeys(fewest, index)

    def halves(self, renames: list[Any], at: dict[str, int]) -> list[int]:
        """The renames, by event, of whose names one has come to it and the other has not."""
        halves = []
        for op in renames:
            come = set()
            for _, name in op[2]:
                made = [when for when, _ in self.name_versions(name)].index(op[0])
                come.add(at[name] >= made)
            halves += [op[0]] * (len(come) > 1)
        return halves


@pytest.fixture(scope="session")
def tried_names() -> type[TriedNames]:
    """The names, for a disk."""
    return TriedNames
