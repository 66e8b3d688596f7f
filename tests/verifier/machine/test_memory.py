"""The examples of a run keep nothing of ours that grows with their number."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

from hypothesis import settings

import powercut
from powercut import StoreMachine
from powercut.faultfs.disk import image
from powercut.faultfs.states import product
from powercut.verifier import apply
from powercut.verifier.finders import cuts

_OURS = str(Path(powercut.__file__).parent)
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
