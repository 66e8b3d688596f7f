"""powercut: a store whose checkpoints recover an exact prefix, and the bench that breaks it on purpose.

    powercut.engine     the store: `FasterKv`
    powercut.faultfs    a disk that forgets: `FaultDevice`, `crash_states`
    powercut.verifier   the search, the oracles, the shrinker: `StoreMachine`, `play`

Names are looked up when they are first used, so `import powercut` costs next to nothing, and a process that
plants a bug in the engine can import this package before the engine is.
"""

from importlib import import_module

TYPE_CHECKING = False  # True for a type checker, by its name; importing `typing` costs more than all of this.
if TYPE_CHECKING:
    from .engine import (
        CheckpointKind,
        Device,
        FasterKv,
        FasterLog,
        FileDevice,
        LogSettings,
        MemoryDevice,
        Session,
        Settings,
        ThreadRuntime,
    )
    from .faultfs import FaultDevice, Law, PlannedDevice, crash_states
    from .verifier import StoreMachine, Tape, mend, play, search, search_tape, shrink, tell

__all__ = [
    "CheckpointKind",
    "Device",
    "FasterKv",
    "FasterLog",
    "FaultDevice",
    "FileDevice",
    "Law",
    "LogSettings",
    "MemoryDevice",
    "PlannedDevice",
    "Session",
    "Settings",
    "StoreMachine",
    "Tape",
    "ThreadRuntime",
    "crash_states",
    "mend",
    "play",
    "search",
    "search_tape",
    "shrink",
    "tell",
]

_PACKAGES = {
    "engine": (
        *("CheckpointKind", "Device", "FasterKv", "FasterLog", "FileDevice", "LogSettings", "MemoryDevice"),
        *("Session", "Settings", "ThreadRuntime"),
    ),
    "faultfs": ("FaultDevice", "Law", "PlannedDevice", "crash_states"),
    "verifier": ("StoreMachine", "Tape", "mend", "play", "search", "search_tape", "shrink", "tell"),
}
_HOMES = {name: package for package, names in _PACKAGES.items() for name in names}
_EXTRA = ("greenlet", "hypothesis", "msgspec", "typer")  # What the extra `verify` brings.


def __getattr__(name: str) -> object:
    home = name if name in _PACKAGES else _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        package = import_module(f".{home}", __name__)
        found = package if name == home else getattr(package, name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        needed = f"powercut.{name} needs {missing}: pip install 'powercut[verify]'"
        raise ModuleNotFoundError(needed, name=missing) from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
