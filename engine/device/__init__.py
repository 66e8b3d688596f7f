"""Devices: the seam for bytes, a real folder, a folder in memory, and who has one."""

from .disk import Disk
from .file import FileDevice
from .lease import Lease
from .memory import MemoryDevice
from .seam import Buffer, Device, give_up_behind, read_exactly, read_fully, telling, write_fully

__all__ = [
    "Buffer",
    "Device",
    "Disk",
    "FileDevice",
    "Lease",
    "MemoryDevice",
    "give_up_behind",
    "read_exactly",
    "read_fully",
    "telling",
    "write_fully",
]
