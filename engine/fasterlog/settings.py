"""Settings of a log: its geometry, which is written into the root when it is created and holds for its life.

Invariants
  1  every size is a power of two
  2  512 <= write_unit <= page_bytes <= segment_bytes, page_bytes <= 2**25
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError
from ..settings import PAGE_BYTES_MAX, SECTOR_BYTES, SEGMENT_BYTES_MAX

__all__ = ["LogSettings"]


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Geometry of a log; every size in bytes, a power of two.

    page_bytes      an entry never crosses a page, so this bounds its size
    segment_bytes   one file of the log; truncation removes whole segments
    write_unit      what one commit may not share with a later one; 4096 on real disks

    Raises SettingsError where a value breaks an invariant of this module.
    """

    page_bytes: int = 1 << 20
    segment_bytes: int = 1 << 28
    write_unit: int = 4096

    def __post_init__(self) -> None:
        for name in ("page_bytes", "segment_bytes", "write_unit"):
            value = getattr(self, name)
            if type(value) is not int or value < SECTOR_BYTES or value & (value - 1):
                raise SettingsError(
                    f"{name} is {value!r}: expected a power of two of at least {SECTOR_BYTES}"
                )
        if not self.write_unit <= self.page_bytes <= self.segment_bytes:
            raise SettingsError(
                f"write_unit {self.write_unit}, page_bytes {self.page_bytes}, "
                f"segment_bytes {self.segment_bytes}: expected each at most the next"
            )
        if self.page_bytes > PAGE_BYTES_MAX:
            raise SettingsError(f"page_bytes is {self.page_bytes}: expected at most {PAGE_BYTES_MAX}")
        if self.segment_bytes > SEGMENT_BYTES_MAX:
            raise SettingsError(
                f"segment_bytes is {self.segment_bytes}: expected at most {SEGMENT_BYTES_MAX}"
            )

    def persisted(self) -> tuple[int, int, int, int, int]:
        """The part that the root record keeps; the last two mean nothing to a log."""
        return (self.page_bytes, self.segment_bytes, self.write_unit, 0, 0)
