"""Devices: the seam for bytes, a real folder, a folder in memory, and who has one."""

from .disk import Disk
from .file import FileDevice
from .lease import Lease
from .memory import MemoryDevice
from .seam import Buffer, Device, read_exactly, read_fully, telling, write_fully

__all__ = [
    "Buffer",
    "Device",
    "Disk",
    "FileDevice",
    "Lease",
    "MemoryDevice",
    "read_exactly",
    "read_fully",
    "telling",
    "write_fully",
]
