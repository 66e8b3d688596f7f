"""Arguments of what a store is opened with: devices, runtimes, settings; for stores see test_arguments.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from powercut.engine import DeviceError, FileDevice, MemoryDevice, Settings, SettingsError, ThreadRuntime

Bad = tuple[Any, ...]

FLAGS: Bad = (None, 0, 1, "yes", [], np.True_)
SIZES: Bad = ("x", None, 1.5, 0, 3, -512, 1 << 80, True, [])
FILES: Bad = ("", "a/b", "/", "..", ".", "a\0b", None, 5, b"a", [], "x" * 256)
OFFSETS: Bad = ("x", None, 1.5, -1, 1 << 70, [])
BUFFERS: Bad = ("text", None, 5, [1])
FILE: dict[str, dict[str, Bad]] = {
    "create": {"name": FILES},
    "remove": {"name": FILES},
    "size": {"name": FILES},
    "sync": {"name": FILES},
    "read_into": {"name": FILES, "offset": OFFSETS, "buffer": (*BUFFERS, b"read-only")},
    "write": {"name": FILES, "offset": OFFSETS, "buffer": BUFFERS},
    "truncate": {"name": FILES, "size": OFFSETS},
}
# What the engine does not ask a device in memory for.
SPAN: dict[str, Bad] = {"name": FILES, "offset": OFFSETS, "size": (*OFFSETS, 0)}
BEYOND: dict[str, dict[str, Bad]] = {
    "punch": SPAN,
    "allocate": SPAN,
    "datasync": {"name": FILES},
    "read": {"name": FILES},
    "rename": {"old": FILES, "new": FILES},
    "link": {"old": FILES, "new": FILES},
    "write_through": {"name": FILES, "offset": OFFSETS, "buffer": BUFFERS},
}
SETTINGS: dict[str, Bad] = {
    **dict.fromkeys(("page_bytes", "segment_bytes", "write_unit", "extent_bytes", "write_bytes"), SIZES),
    "hash_mask": ("x", None, -1, 1 << 64, 1.5, True),
    **dict.fromkeys(("ring_pages", "index_buckets"), ("x", 0, 3, -2, 1.5, True)),
}
FINE: dict[str, Any] = {"name": "a", "offset": 0, "buffer": bytearray(b"1"), "size": 1}
FINE |= {"old": "a", "new": "b"}
# The engine calls these, with what it has made itself.
SEAMS = {"acquire", "release", "submit", "spawn", "wait", "until", "turn", "entropy"}


def each(table: dict[str, dict[str, Bad]]) -> list[tuple[str, str, int]]:
    """(call, parameter, number of the bad value)."""
    return [
        (call, name, n) for call, of in table.items() for name, bad in of.items() for n in range(len(bad))
    ]


def test_every_parameter_of_what_a_store_is_opened_with_has_an_entry(surface: dict[str, set[str]]) -> None:
    table = {
        "FileDevice": {"path", "create", "read_only"},  # For paths: test_arguments.py.
        "ThreadRuntime": {"workers"},
        "Settings": {*SETTINGS},
        **{f"{kind}.{call}": {*of} for kind in ("FileDevice", "MemoryDevice") for call, of in FILE.items()},
        **{f"FileDevice.{call}": {*of} for call, of in BEYOND.items()},
    }
    kinds = {call.partition(".")[0] for call in table}
    found = {
        call: names
        for call, names in surface.items()
        if call.partition(".")[0] in kinds and call.partition(".")[2] not in SEAMS
    }
    assert found == table


@pytest.mark.parametrize("flag", range(len(FLAGS)))
def test_what_is_no_flag_of_a_file_device_is_refused_and_makes_no_folder(tmp_path: Path, flag: int) -> None:
    for given in ({"create": FLAGS[flag]}, {"create": True, "read_only": FLAGS[flag]}):
        with pytest.raises(SettingsError):
            FileDevice(tmp_path / "new", **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [None, 0, -1, 1.5, "2", True, []])
def test_what_is_no_number_of_threads_is_refused(workers: Any) -> None:
    with pytest.raises(SettingsError):
        ThreadRuntime(workers)


@pytest.mark.parametrize(("_", "name", "number"), each({"Settings": SETTINGS}))
def test_what_is_no_setting_is_refused(_: str, name: str, number: int) -> None:
    with pytest.raises(SettingsError):
        Settings(**{name: SETTINGS[name][number]})


@pytest.mark.parametrize(
    ("kind", "call", "name", "number"),
    [*(("memory", *bad) for bad in each(FILE)), *(("file", *bad) for bad in each(FILE | BEYOND))],
)
def test_a_call_of_a_device_that_is_refused_does_nothing(
    tmp_path: Path, kind: str, call: str, name: str, number: int
) -> None:
    device: Any = FileDevice(tmp_path / "disk", create=True) if kind == "file" else MemoryDevice()
    device.create("a")
    device.write("a", 0, b"kept")
    of = (FILE | BEYOND)[call]
    given = {each: FINE[each] for each in of if each in FINE} | {name: of[name][number]}
    with pytest.raises(DeviceError) as caught:
        getattr(device, call)(**given)
    assert caught.value.errno
    data = bytearray(9)
    assert (device.list(), device.read_into("a", 0, data), bytes(data[:4])) == (["a"], 4, b"kept")
    device.close()
