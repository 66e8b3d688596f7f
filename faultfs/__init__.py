"""faultfs: a disk that forgets what was not synced, and every way in which it can.

device = FaultDevice()                       # run a program over it
states = crash_states(device.trace, "posix") # every content that a power cut could have left, each once
for state in states:
    recovered = FaultDevice(state.image)     # and recover from each
"""

from .disk.device import FaultDevice
from .disk.events import SYNC_KINDS, Aftermath, Event, EventKind
from .disk.image import Image
from .disk.trace import PAGE_BYTES, SECTOR_BYTES, Trace
from .errors import CrashIndexError, FaultfsError, RunawayError, SectorSizeError, UnknownLawError
from .faults.plan import Effect, Fault, Plan
from .faults.planned import PlannedDevice
from .law.chains import ChainKind
from .law.history import History
from .law.survival import ChainInfo, Law, Survivors, chains, survivor_image
from .os import filesystem
from .render import render_trace, tell_crash
from .states.enumeration import CrashState, Enumeration, crash_states

__all__ = [
    "PAGE_BYTES",
    "SECTOR_BYTES",
    "SYNC_KINDS",
    "Aftermath",
    "ChainInfo",
    "ChainKind",
    "CrashIndexError",
    "CrashState",
    "Effect",
    "Enumeration",
    "Event",
    "EventKind",
    "Fault",
    "FaultDevice",
    "FaultfsError",
    "History",
    "Image",
    "Law",
    "Plan",
    "PlannedDevice",
    "RunawayError",
    "SectorSizeError",
    "Survivors",
    "Trace",
    "UnknownLawError",
    "chains",
    "crash_states",
    "filesystem",
    "render_trace",
    "survivor_image",
    "tell_crash",
]
