"""A store with a budget of disk: how large, opened how, on which device, and what a power cut leaves of it.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from powercut.engine import Device, FasterKv, Runtime
from powercut.engine.settings import settings_for
from powercut.faultfs import FaultDevice, Image, Law, Trace
from powercut.faultfs.law.history import history_of
from powercut.faultfs.law.survival import chains_at, choose, image_of

__all__ = ["SIZE", "WeekSize", "drawn", "numbered", "record_bytes", "recorded", "used_bytes"]

SIZE: Final = 1  # Of values: about 160 bytes.
KEYS_A_BUCKET: Final = 24  # To begin with: the index is too small, and grows.
_HEADER: Final = 16


@dataclass(frozen=True, slots=True)
class WeekSize:
    """The size of a week.

    operations   of an hour
    parts        the disk's budget in parts of the live data
    states       crash states of a day that are opened and judged, the one it ends in besides
    skew         exponent of Zipf's law; 0 is uniform
    """

    keys: int = 1400
    operations: int = 160
    days: int = 7
    parts: int = 4
    states: int = 3
    skew: float = 0.99
    law: str = "posix"
    kernels: str = "compiled"
    memory: int = 1 << 18

    @property
    def live_bytes(self) -> int:
        """Bytes of log that the keys take once."""
        return self.keys * record_bytes()

    @property
    def disk(self) -> int:
        """The budget."""
        return self.parts * self.live_bytes

    def open(self, device: Device, runtime: Runtime) -> FasterKv:
        """The store, made where there is none."""
        buckets = 1 << (self.keys // KEYS_A_BUCKET).bit_length()
        return FasterKv.open(
            device,
            create=True,
            settings=replace(settings_for(self.disk), index_buckets=buckets),
            memory=self.memory,
            runtime=runtime,
            kernels=self.kernels,
            disk=self.disk,
        )


def record_bytes() -> int:
    """Bytes of log of a record, about."""
    return _HEADER + 8 + 160


def recorded(image: Image | None) -> tuple[Device, FaultDevice]:
    """The device of a day in memory, which is its own record."""
    disk = FaultDevice(image, record_reads=False)
    return disk, disk


def drawn(trace: Trace, index: int, law: str, random: Random) -> Image:
    """Something that a power cut at this index leaves: each chain keeps a version by chance."""
    under, history = Law.of(law), history_of(trace)
    digits = [random.randrange(each.values) for each in chains_at(history, index, under)]
    return image_of(history, index, choose(history, index, digits, under))


def numbered(serials: Mapping[str, int]) -> dict[int, int]:
    """Serials by the number of the session; of those that have issued anything."""
    return {int(name[1:]): serial for name, serial in serials.items() if serial}


def used_bytes(disk: FaultDevice) -> int:
    """Bytes of the files that are there; one that goes while they are counted has none."""
    used = 0
    for name in disk.list():
        with suppress(FileNotFoundError):
            used += disk.size(name)
    return used
