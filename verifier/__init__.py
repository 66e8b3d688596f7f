"""verifier: every state that a power cut can leave, opened and judged.

class LogMachine(StoreMachine):            # the bench, for a store of one's own, with Hypothesis
    def make_store(self, device): ...

play(tape).verdict                         # one run, again
search_tape(tape)                          # and every crash state of it

Names are looked up when they are first used: a process that plants a bug in the engine must be able
to import this package before the engine is.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import HarnessError, TapeError, VerifierError
    from .finders.crashes import Coverage, Finding, search_tape
    from .machine import StoreMachine, StoreViolationError, run_machine
    from .runs.world import Run, play
    from .spec.model import Issued, Result, apply
    from .spec.subject import Bound, FasterSubject, Subject
    from .tapes.tape import Crash, Era, Kind, Operation, Tape, decode_tape, encode_tape
    from .verdict import Breach, Ok, Unknown, Verdict, Violation

__all__ = [
    "Bound",
    "Breach",
    "Coverage",
    "Crash",
    "Era",
    "FasterSubject",
    "Finding",
    "HarnessError",
    "Issued",
    "Kind",
    "Ok",
    "Operation",
    "Result",
    "Run",
    "StoreMachine",
    "StoreViolationError",
    "Subject",
    "Tape",
    "TapeError",
    "Unknown",
    "Verdict",
    "VerifierError",
    "Violation",
    "apply",
    "decode_tape",
    "encode_tape",
    "play",
    "run_machine",
    "search_tape",
]

_MODULES = {
    "finders.crashes": ("Coverage", "Finding", "search_tape"),
    "errors": ("HarnessError", "TapeError", "VerifierError"),
    "machine": ("StoreMachine", "StoreViolationError", "run_machine"),
    "spec.model": ("Issued", "Result", "apply"),
    "spec.subject": ("Bound", "FasterSubject", "Subject"),
    "tapes.tape": ("Crash", "Era", "Kind", "Operation", "Tape", "decode_tape", "encode_tape"),
    "verdict": ("Breach", "Ok", "Unknown", "Verdict", "Violation"),
    "runs.world": ("Run", "play"),
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
