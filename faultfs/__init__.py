"""faultfs: a disk that forgets what was not synced, and every way in which it can.

device = FaultDevice()                       # run a program over it
states = crash_states(device.trace, "posix") # every content that a power cut could have left, each once
for state in states:
    recovered = FaultDevice(state.image)     # and recover from each

Names are looked up when they are first used: who records a program needs events, and no law.
"""

from importlib import import_module

TYPE_CHECKING = False  # True for a type checker, by its name.
if TYPE_CHECKING:
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

_MODULES = {
    "disk.device": ("FaultDevice",),
    "disk.events": ("SYNC_KINDS", "Aftermath", "Event", "EventKind"),
    "disk.image": ("Image",),
    "disk.trace": ("PAGE_BYTES", "SECTOR_BYTES", "Trace"),
    "errors": ("CrashIndexError", "FaultfsError", "RunawayError", "SectorSizeError", "UnknownLawError"),
    "faults.plan": ("Effect", "Fault", "Plan"),
    "faults.planned": ("PlannedDevice",),
    "law.chains": ("ChainKind",),
    "law.history": ("History",),
    "law.survival": ("ChainInfo", "Law", "Survivors", "chains", "survivor_image"),
    "os": ("filesystem",),
    "render": ("render_trace", "tell_crash"),
    "states.enumeration": ("CrashState", "Enumeration", "crash_states"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
