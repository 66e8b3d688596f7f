"""verifier: every state that a power cut can leave, opened and judged.

class LogMachine(StoreMachine):            # the bench, for a store of one's own, with Hypothesis
    def make_store(self, device): ...

play(tape).verdict                         # one run, again
search(tape)                               # every crash state of it, or every like schedule, fault, damage
shrink(tape)                               # the smallest tape of the same violation
mend(tape)                                 # the syncs that are missing
tell(tape)                                 # the story

Each of these takes `make_store` after the tape; without it the store is the one that the tape names.

Names are looked up when they are first used: a process that plants a bug in the engine must be able
to import this package before the engine is.
"""

from importlib import import_module

TYPE_CHECKING = False  # True for a type checker, by its name.
if TYPE_CHECKING:
    from .appending import AppendOnly, LogMachine
    from .concurrency.threads import Explored, OwnThreads, explore_threads
    from .errors import HarnessError, SubjectError, TapeError, VerifierError
    from .examples import FasterMachine, run_machine
    from .faster.subject import FasterSubject
    from .finders.crashes import Coverage, Finding, search_tape
    from .finders.search import search
    from .machine import NondeterministicStoreError, StoreMachine, StoreViolationError
    from .machine.known import Known
    from .reducing.mend import Mend, mend
    from .reducing.shrink import shrink
    from .runs.play import play
    from .runs.run import Run
    from .spec.model import Issued, Model, Result, apply
    from .spec.own import Own
    from .spec.spec import Errors, Spec, StoreMaker
    from .spec.subject import Bound, MakeStore, Subject
    from .tapes.kept import Kept, keep, load
    from .tapes.tape import Crash, Era, Kind, Operation, Tape, decode_tape, encode_tape
    from .telling.report import tell
    from .verdict import Breach, Ok, Unknown, Verdict, Violation

__all__ = [
    "AppendOnly",
    "Bound",
    "Breach",
    "Coverage",
    "Crash",
    "Era",
    "Errors",
    "Explored",
    "FasterMachine",
    "FasterSubject",
    "Finding",
    "HarnessError",
    "Issued",
    "Kept",
    "Kind",
    "Known",
    "LogMachine",
    "MakeStore",
    "Mend",
    "Model",
    "NondeterministicStoreError",
    "Ok",
    "Operation",
    "Own",
    "OwnThreads",
    "Result",
    "Run",
    "Spec",
    "StoreMachine",
    "StoreMaker",
    "StoreViolationError",
    "Subject",
    "SubjectError",
    "Tape",
    "TapeError",
    "Unknown",
    "Verdict",
    "VerifierError",
    "Violation",
    "apply",
    "decode_tape",
    "encode_tape",
    "explore_threads",
    "keep",
    "load",
    "mend",
    "play",
    "run_machine",
    "search",
    "search_tape",
    "shrink",
    "tell",
]

_MODULES = {
    "appending": ("AppendOnly", "LogMachine"),
    "concurrency.threads": ("Explored", "OwnThreads", "explore_threads"),
    "errors": ("HarnessError", "SubjectError", "TapeError", "VerifierError"),
    "examples": ("FasterMachine", "run_machine"),
    "faster.subject": ("FasterSubject",),
    "finders.crashes": ("Coverage", "Finding", "search_tape"),
    "finders.search": ("search",),
    "machine": ("NondeterministicStoreError", "StoreMachine", "StoreViolationError"),
    "machine.known": ("Known",),
    "reducing.mend": ("Mend", "mend"),
    "reducing.shrink": ("shrink",),
    "runs.play": ("play",),
    "runs.run": ("Run",),
    "spec.model": ("Issued", "Model", "Result", "apply"),
    "spec.own": ("Own",),
    "spec.spec": ("Errors", "Spec", "StoreMaker"),
    "spec.subject": ("Bound", "MakeStore", "Subject"),
    "tapes.kept": ("Kept", "keep", "load"),
    "tapes.tape": ("Crash", "Era", "Kind", "Operation", "Tape", "decode_tape", "encode_tape"),
    "telling.report": ("tell",),
    "verdict": ("Breach", "Ok", "Unknown", "Verdict", "Violation"),
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
