"""Real disks: which file systems, as they were measured, leave what a power cut left in a tape.

A law that is meant for every disk allows more than any one of them does. Whoever reads a failure wants to
know whether a disk in the field shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .disk.trace import Trace
from .law.survival import Law, survivor_image
from .states.membership import Membership

__all__ = ["MEASURED", "leave", "tell_real"]

KERNEL: Final = "Linux 6.18"
_CLAUSES: Final = {Law.EXT4: "F26 to F28", Law.XFS: "F26, F28, F40", Law.BTRFS: "F41 to F43"}
MEASURED: Final = tuple(_CLAUSES)


def leave(trace: Trace, index: int, survivors: Sequence[int], law: str) -> list[Law]:
    """The laws of measured file systems that have what these survivors leave."""
    image = survivor_image(trace, index, survivors, law)
    return [real for real in MEASURED if Membership(trace, real).has(image, index)]


def tell_real(trace: Trace, index: int, survivors: Sequence[int], law: str) -> str:
    """One line: the file systems, and the clauses of FAULTS.md, whose law has what these survivors leave."""
    found = leave(trace, index, survivors, law)
    if not found:
        return f"real disks: none that was measured leaves this, the law {law} alone does"
    names = ", ".join(f"{real} ({_CLAUSES[real]})" for real in found)
    return f"real disks: {names} of {KERNEL}"
