"""The memory that each example of a machine keeps until its run ends, by whose code took it.

Usage: python bench/examples.py [EXAMPLES]

The machine is that of docs/own-store/slotted.py, in examples of five steps with `states_max` 8. What is in
use is looked at after a third of the examples and after the last; caches of a fixed size are emptied before.

Invariant: nothing is asserted.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from hypothesis import settings

from powercut.faultfs.disk import image
from powercut.faultfs.states import product
from powercut.verifier.finders import cuts

HERE: Final = Path(__file__).resolve().parent.parent
EXAMPLES: Final = 2000
TOLD: Final = 5
# Each has a size of its own: at most so many contents, or keys of contents, however many examples there are.
CACHES: Final = (
    cuts._kept.clear,
    image.file_key.cache_clear,
    image.named_key.cache_clear,
    image.size_key.cache_clear,
    product._sector_keys.cache_clear,
)


def main() -> None:
    """Run, and print a line an owner, and one for each place that takes most."""
    examples = int(sys.argv[1]) if sys.argv[1:] else EXAMPLES
    sys.path.insert(0, str(HERE / "docs" / "own-store"))
    slotted: Any = import_module("slotted")
    looks: list[tuple[int, tracemalloc.Snapshot]] = []

    class Machine(slotted.SlottedMachine):  # type: ignore[misc]
        """The same, which counts its examples."""

        states_max = 8
        count = 0

        def teardown(self) -> None:
            super().teardown()
            Machine.count += 1
            if Machine.count in (examples // 3, examples - 1):
                for empty in CACHES:
                    empty()
                gc.collect()
                looks.append((Machine.count, tracemalloc.take_snapshot()))

    tracemalloc.start()
    Machine.run(settings(max_examples=examples, stateful_step_count=5, database=None, derandomize=True))
    (first, before), (last, after) = looks[0], looks[-1]
    owners: dict[str, list[tuple[float, str]]] = {"Hypothesis": [], "powercut": [], "others": []}
    for line in after.compare_to(before, "lineno"):
        place = str(line.traceback)
        owner = "Hypothesis" if "/hypothesis/" in place else "others"
        owner = "powercut" if "/powercut/" in place or str(HERE) in place else owner
        owners[owner].append((line.size_diff / (last - first), place.rpartition("site-packages/")[2]))
    print(f"bytes an example keeps, examples {first} to {last}")
    for owner, lines in owners.items():
        print(f"{sum(size for size, _ in lines):10,.0f}  {owner}")
        for size, place in sorted(lines, reverse=True)[:TOLD]:
            print(f"{'':12}{size:8,.0f}  {place}")


if __name__ == "__main__":
    main()
