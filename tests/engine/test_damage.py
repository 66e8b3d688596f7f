"""Damage at any single site is corrected or refused, never silent.

Goal: every byte of every file flipped, every sector zeroed and garbled, every file shortened, deleted, rolled
back to each of its earlier durable contents, and swapped with every other. Method: open each damaged copy
of a store with several checkpoints, lives, sessions and a void range, and compare everything that can be
read with the undamaged one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import powercut.engine.log.segments
from powercut.engine import CorruptionError, FasterKv, Settings
from powercut.faultfs import FaultDevice, Image
from powercut.verifier.faster.stepped import SteppedRuntime

_SETTINGS = Settings(
    page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=2
)
Content = dict[str, bytes]
State = tuple[dict[bytes, bytes], dict[str, int]]


def _open(device: FaultDevice) -> FasterKv:
    return FasterKv.open(device, create=True, settings=_SETTINGS, runtime=SteppedRuntime())


def _build() -> tuple[Content, list[Content]]:
    """A closed store, and its durable contents on the way there."""
    device = FaultDevice()
    earlier = []

    def note() -> None:
        earlier.append(device.image().content())

    store = _open(device)
    note()
    first, second = store.session("first"), store.session("second")
    for number in range(6):
        first.upsert(b"key-%d" % number, b"x" * (number * 60))
    store.checkpoint()
    note()
    second.upsert(b"key-1", b"new")
    first.delete(b"key-2")
    ticket = store.start_checkpoint()
    first.upsert(b"shifted", b"in the version")
    ticket.advance()
    ticket.advance()
    first.upsert(b"shifted", b"past it, and void after the next opening")
    ticket.result()
    note()
    store.close()
    note()
    store = _open(device)
    store.resume_session("first").upsert(b"last", b"1")
    store.checkpoint()
    store.close()
    return device.image().content(), earlier


def _read(content: Content) -> State:
    store = _open(FaultDevice(Image.of(content)))
    state = dict(store.items()), store.serials()
    store.check()
    store.close()
    return state


def _silent(damaged: Iterator[tuple[str, Content]], expected: State) -> list[str]:
    """The damages after which the store opens and tells something else."""
    silent = []
    for what, content in damaged:
        try:
            if _read(content) != expected:
                silent.append(what)
        except CorruptionError:
            continue
    return silent


def _flips(final: Content, _: list[Content]) -> Iterator[tuple[str, Content]]:
    """A bit of every third byte; the stage `damage` has every bit of such stores."""
    for number, (file, data) in enumerate(final.items()):
        for at in range(number % 3, len(data), 3):
            flipped = data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
            yield f"{file} byte {at}", final | {file: flipped}


def _sectors(final: Content, _: list[Content]) -> Iterator[tuple[str, Content]]:
    for file, data in final.items():
        for at in range(0, len(data), 512):
            for fill in (b"\0", b"\xff"):
                sector = fill * len(data[at : at + 512])
                yield f"{file} sector {at}", final | {file: data[:at] + sector + data[at + 512 :]}


def _files(final: Content, earlier: list[Content]) -> Iterator[tuple[str, Content]]:
    for file, data in final.items():
        for size in range(0, len(data), 61):
            yield f"{file} cut to {size}", final | {file: data[:size]}
        yield f"{file} deleted", {name: final[name] for name in final if name != file}
        for number, old in enumerate(earlier):
            if file in old:
                yield f"{file} as of {number}", final | {file: old[file]}
        for other in final:
            if file < other:
                yield f"{file} and {other} swapped", final | {file: final[other], other: data}


@pytest.mark.parametrize("damages", [_flips, _sectors, _files])
def test_damage_at_one_site_is_never_silent(
    damages: Callable[[Content, list[Content]], Iterator[tuple[str, Content]]],
) -> None:
    final, earlier = _build()
    assert _silent(damages(final, earlier), _read(final)) == []


def test_damage_is_silent_where_extents_go_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powercut.engine.log.segments, "checksum", lambda *_: 0)
    final, _ = _build()
    file = next(name for name, data in final.items() if name.startswith("segment") and b"new" in data)
    damaged = [("a value", final | {file: final[file].replace(b"new", b"old")})]
    assert _silent(iter(damaged), _read(final)) == ["a value"]
