"""Outcomes that the examples of a run leave to one another; nothing else of ours grows with their number."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import powercut
from powercut import StoreMachine
from powercut.faultfs.disk import image
from powercut.faultfs.states import product
from powercut.verifier import apply
from powercut.verifier.finders import cuts
from powercut.verifier.machine import bench

_OURS = str(Path(powercut.__file__).parent)
_FEW = settings(max_examples=60, stateful_step_count=8, derandomize=True, database=None)
_EXAMPLES = 60
# Of a fixed size, however many examples there are.
_CACHES = (
    cuts._kept.clear,
    image.file_key.cache_clear,
    image.named_key.cache_clear,
    image.size_key.cache_clear,
    product._sector_keys.cache_clear,
)
_BYTES_MAX = 2048  # An example.


class Kept:
    """A dict that is written whole."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.content = eval(device.read("all")) if "all" in device.list() else {}

    def apply(self, operation: Any) -> Any:
        return apply(self.content, operation)

    def checkpoint(self) -> None:
        if "aside" in self.device.list():
            self.device.remove("aside")
            self.device.sync_names()
        self.device.create("aside")
        self.device.write("aside", 0, repr(self.content).encode())
        self.device.sync("aside")
        self.device.rename("aside", "all")
        self.device.sync_names()

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.content)

    def close(self) -> None:
        pass


def grown(*, is_kept: bool) -> float:
    """The bytes an example by which a run grows, of the package and of what this file keeps."""
    looks: list[tuple[int, tracemalloc.Snapshot]] = []
    kept: list[bytearray] = []

    class Machine(StoreMachine):
        states_max = 8
        count = 0

        def make_store(self, device: Any) -> Kept:
            return Kept(device)

        def teardown(self) -> None:
            super().teardown()
            Machine.count += 1
            if is_kept:
                kept.append(bytearray(2 * _BYTES_MAX))
            if Machine.count in (_EXAMPLES // 3, _EXAMPLES - 1):
                for empty in _CACHES:
                    empty()
                gc.collect()
                looks.append((Machine.count, tracemalloc.take_snapshot()))

    tracemalloc.start()
    try:
        Machine.run(settings(max_examples=_EXAMPLES, stateful_step_count=5, database=None, derandomize=True))
    finally:
        tracemalloc.stop()
    (first, before), (last, after) = looks[0], looks[-1]
    own = [
        line
        for line in after.compare_to(before, "filename")
        if line.traceback[0].filename.startswith((_OURS, __file__))
    ]
    assert own
    return sum(line.size_diff for line in own) / (last - first)


def test_an_example_that_has_ended_leaves_nothing_of_ours_behind() -> None:
    assert grown(is_kept=False) < _BYTES_MAX
    assert grown(is_kept=True) > _BYTES_MAX


class Opening(Kept):
    """A store that counts how often one is opened."""

    opened = 0

    def __init__(self, device: Any) -> None:
        type(self).opened += 1
        super().__init__(device)


class _Given(StoreMachine):
    """A machine whose store may know what an example has drawn."""

    def make_store(self, device: Any) -> Any:
        return Opening(device)


def test_examples_leave_openings_to_one_another_where_a_store_is_given_its_device_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts, lines = [], []
    for is_shared in (True, False):
        Opening.opened = 0
        if not is_shared:
            monkeypatch.setattr(bench, "opened_before", lambda machine: None)
        lines.append(StoreMachine.of(Opening).run(_FEW))
        counts.append(Opening.opened)
    assert lines[0] == lines[1]  # Counted as if each example were alone.
    assert counts[0] < counts[1] * 0.8


def test_a_machine_that_its_store_may_look_at_shares_no_openings() -> None:
    _Given.run(_FEW)
    assert _Given._opened is None
