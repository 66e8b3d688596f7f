"""The damage oracle: the damage that came to a medium, and what the store may say and do from then on.

    refused     the store names what is wrong, and stops there; nothing more is asked of it
    corrected   all content is right, and what was damaged has been written anew
    harmless    all content is right, and nothing has read what was damaged
    spared      all content is right, of a file without which an opening does, and which it said to be wrong

Each run ends in one of these, or in a violation by the oracle `damage`:

    SILENT      something else than the model's content, results or serials, and no typed error
    REFUSED     one copy of the root was damaged, and the store does not open with the others; or a file
                without which an opening does, and it is refused
    OVERLOOKED  the damaged bytes were read, nothing was said of it, and they stand there still
    ERROR       an error of another kind, or one that names another file

Where a store can be looked at without being opened, the look is held against what opening it then says, by
the oracle `inspection`: of a sound store no opening may refuse anything, older checkpoints included; what is
refused stands among what it named; it names no file that was not damaged; what it says will be mended is,
so that a second look finds nothing; and it writes nothing. Of bits it looks at one a byte: their checksum is
one.

Operations past the newest checkpoint are not lost by damage; they are lost by every ending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate
from typing import Final

from powercut.faultfs import EventKind, FaultDevice, Trace
from powercut.faultfs.faults.rot import (
    OPEN,
    Changes,
    Damage,
    How,
    Past,
    Span,
    changes,
    describe,
    spans,
    touches,
    versions,
)

from ..spec.model import Issued, replay
from ..spec.spec import PLAIN, Foreseen, Forged, Spec
from ..spec.subject import Bound, Mounted
from ..verdict import OK, Breach, Verdict, Violation

__all__ = ["CORRECTED", "HARMLESS", "REFUSED", "SPARED", "UNCONTRADICTED", "DamageOracle"]

CORRECTED: Final = "corrected"
HARMLESS: Final = "harmless"
REFUSED: Final = "refused"
SPARED: Final = "spared"
UNCONTRADICTED: Final = "not contradicted"  # Forged so that a sound store could have these very bytes.
LABEL: Final = "ROT"
ORACLE: Final = "damage"
INSPECTION: Final = "inspection"
_BITS: Final = 8
_OF_PREFIX: Final = ("prefix", "serials")  # What says N(s), and what each of its operations has done.


class DamageOracle:
    """The damage to the medium of one run; none at first."""

    def __init__(self, past: Past | None = None, spec: Spec = PLAIN) -> None:
        self.described = ""  # The damage in words.
        self.refusal = ""  # The error that the run ended in.
        self.spans: list[Span] = []
        self.outcome = HARMLESS
        self.older_refused = False  # The newest checkpoint opened, and an older one did not.
        self._spec = spec
        self._past = past  # Known already, or made of the traces.
        self._traces: list[Trace] = []
        self._damage = Damage()
        self._files: frozenset[str] = frozenset()
        self._forged: Forged | None = None
        self._since = 0
        self._foreseen: Foreseen | None = None
        self._objection: Verdict = OK  # Of the look.

    @property
    def is_struck(self) -> bool:
        """True if anything was changed."""
        return bool(self.described)

    def cut(self, ended: Trace) -> None:
        """Take in that the power went; the run goes on with another device."""
        self._traces.append(ended)
        self.spans = []  # Survivors are laid over what was damaged: no telling any more what was read.

    def strike(self, device: FaultDevice, damage: Damage) -> None:
        """Damage what is on the device, and make that durable, as if the medium had done it.

        Once in a run: a store is not promised to survive more.
        """
        if self.is_struck or damage.how == How.NONE:
            return
        content = device.image().content()
        if self._past is None:
            self._past = versions([*self._traces, device.trace])
        if damage.how == How.FORGE and self._spec.forge is not None:
            self._forged = self._spec.forge(content)
        if self._forged is not None:
            changed = self._forged.changes(damage.argument)
        else:
            changed = changes(damage, content, self._past)
        if not changed:
            return
        self._damage = damage
        self.spans = spans(content, changed)
        self._files = frozenset(changed)
        self.described = describe(damage, self.spans)
        if self._forged is not None:
            self.described += f" ({self._forged.tell(damage.argument)})"
        before, device.label = device.label, LABEL
        _put(device, content, changed)
        device.label = before
        self._since = len(device.trace)
        is_looked_at = damage.size != 1 or damage.position % _BITS == damage.argument
        if damage.is_open != OPEN and is_looked_at and self._forged is None:
            self._foreseen = self._look(device)

    # -- the look from outside -------------------------------------------------------------------------

    def _look(self, device: FaultDevice) -> Foreseen | None:
        """Look at the files of a closed store."""
        if self._spec.foresee is None:
            return None
        try:
            found = self._spec.foresee(device)
        except Exception as error:  # noqa: BLE001 (it says what is wrong, and never raises it)
            self._object_to_look(f"it raised {type(error).__name__}: {error}")
            return None
        if found.has_written:
            self._object_to_look("it has written")
        if strange := (found.damaged | found.mended) - self._files:
            self._object_to_look(f"it names {sorted(strange)}")
        return found

    def _object_to_look(self, what: str) -> None:
        if self._objection == OK:
            self._objection = Violation(INSPECTION, Breach.WRONG_RESULT, f"{what}; {self.described}")

    def judge_opening(self, recovered: Bound | None) -> Verdict:
        """Judge the look by an opening that came back to this."""
        foreseen = self._foreseen
        if foreseen is None or self._objection != OK or not isinstance(recovered, Mapping):
            return self._objection
        serials = {number: serial for number, serial in recovered.items() if number >= 0}
        if foreseen.absent and serials:
            self._object_to_look(f"{foreseen.absent}, and the store opens with {serials}")
        elif foreseen.damaged and self.is_of_copies(foreseen.damaged):
            self._object_to_look(f"it calls {sorted(foreseen.damaged)} damaged for good, and the store opens")
        elif foreseen.serials is not None and dict(foreseen.serials) != serials:
            self._object_to_look(f"sound with {dict(foreseen.serials)}, and the store opens with {serials}")
        self._foreseen = replace(foreseen, absent="", serials=None)  # Of this opening, and no later one.
        return self._objection

    def _judge_refusal(self, error: Exception) -> None:
        """Judge the look by an opening that was refused with a corruption."""
        foreseen, file_of = self._foreseen, self._spec.errors.file_of
        if foreseen is None:
            return
        if not foreseen.damaged:
            self._object_to_look("sound, and an opening is refused")
        elif file_of is not None and file_of(error) not in foreseen.damaged | foreseen.mended:
            self._object_to_look(f"it names {sorted(foreseen.damaged)}, and an opening {file_of(error)}")

    # -- oracles -----------------------------------------------------------------------------------

    def judge(self, verdict: Verdict) -> Verdict:
        """The ending that an objection of another oracle amounts to."""
        if not self.is_struck or not isinstance(verdict, Violation) or verdict.oracle in (ORACLE, INSPECTION):
            return verdict
        if verdict.oracle in _OF_PREFIX and self._could_be_sound():
            return OK
        return self._object(Breach.SILENT, f"{verdict.oracle}: {verdict.breach.value}: {verdict.detail}")

    def _could_be_sound(self) -> bool:
        """True if it was forged into what a sound store could hold."""
        if self._forged is None or self._forged.is_contradicted(self._damage.argument):
            return False
        self.outcome = UNCONTRADICTED
        return True

    def hear(self, error: Exception) -> Verdict:
        """Judge whether the store may end in this error."""
        self.refusal = what = f"{type(error).__name__}: {error}"
        self.outcome = REFUSED
        files = self._files
        errors = self._spec.errors
        if self._damage.is_open == OPEN and isinstance(error, errors.robbed):
            return OK
        if (
            self._forged is not None
            and isinstance(error, errors.refusals)
            and not isinstance(error, errors.invariants)
        ):
            return OK  # It contradicts something else, and which of the two is wrong nobody can say.
        if self.is_of_copies(files) or self._is_spare(files):
            return self._object(Breach.REFUSED, what)
        if isinstance(error, errors.invariants):
            return self._object(Breach.BROKEN_INVARIANT, what)
        if not isinstance(error, errors.corruption):
            return self._object(Breach.ERROR, what)
        is_named = errors.file_of is None or errors.file_of(error) in files
        self._judge_refusal(error)
        return self._objection if is_named else self._object(Breach.ERROR, what)

    def is_of_copies(self, files: Iterable[str]) -> bool:
        """True if others hold the same as each of these files."""
        return all(name.startswith(self._spec.copies) for name in files)

    def _is_spare(self, files: Iterable[str]) -> bool:
        """True if an opening does without each of these files."""
        return all(name.startswith(self._spec.spares) for name in files)

    def rest(self, device: FaultDevice, mounted: Mounted, history: list[Issued]) -> Verdict:
        """Judge after a close: whether damaged bytes were read all the same, and the older checkpoints."""
        if not self.is_struck:
            return OK
        events = touches(device.trace, self._since)
        before = len(self.spans)
        self.spans = [span for span in self.spans if not _is_touched(span, EventKind.WRITE, events)]
        read = [span for span in self.spans if _is_touched(span, EventKind.READ, events)]
        untold = [span for span in read if not self._is_told(span, mounted)]
        if untold and self._forged is None:
            return self._object(Breach.OVERLOOKED, f"{untold[0].name} at byte {untold[0].start}")
        if read and self._forged is None:
            self.outcome = SPARED
        if len(self.spans) < before and self._forged is None:
            self.outcome = CORRECTED
        if self._foreseen is not None and self._foreseen.mended and not self._foreseen.damaged:
            self._foreseen = self._look(device)
            if self._foreseen is not None and self._foreseen.mended:
                self._object_to_look("what the next opening for writing should have mended it names again")
        verdict = self._judge_older(device, mounted, history)
        verdict = self._objection if verdict == OK else verdict
        self._since = len(device.trace)  # What an older one reads, it refuses or holds.
        return verdict

    def _is_told(self, span: Span, mounted: Mounted) -> bool:
        """True if the opening has done without the file, and says so."""
        if not self._is_spare([span.name]) or mounted.tells is None:
            return False
        return any(
            isinstance(each, tuple) and each[0] == span.name and each[-1] != "accepted"
            for each in mounted.tells.reading()
        )

    def _object(self, breach: Breach, what: str) -> Violation:
        return Violation(ORACLE, breach, f"{what}; {self.described}")

    # -- older checkpoints ---------------------------------------------------------------------------

    def _judge_older(self, device: FaultDevice, mounted: Mounted, history: list[Issued]) -> Verdict:
        """Judge whether each older checkpoint of a closed subject holds what it held, or is refused."""
        if mounted.older is None:
            return OK
        listed = 0
        try:
            for version, bound, content in mounted.older.read_older(device):
                listed += 1
                if content != replay(history, bound):
                    found = f"checkpoint {tuple(version)} holds something else than {dict(bound)}"
                    return OK if self._could_be_sound() else self._object(Breach.SILENT, found)
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            outcome, refusal = self.outcome, self.refusal  # Of the newest, which did open.
            verdict = self.hear(error)
            self.outcome, self.refusal = outcome, refusal
            self.older_refused = True
            return verdict
        if self._forged is not None and listed < self._forged.blocks - 1 and not self._could_be_sound():
            return self._object(Breach.SILENT, f"{listed} checkpoints are listed as older than the newest")
        return OK


def _put(device: FaultDevice, content: Mapping[str, bytes], changed: Changes) -> None:
    for name, data in changed.items():
        if data is None:
            device.remove(name)
            continue
        if name not in content:
            _create(device, name)
        if len(data) < len(content.get(name, b"")):
            device.truncate(name, len(data))
        device.write(name, 0, data)
        device.sync(name)
    for folder in sorted({"", *(name.rpartition("/")[0] for name in changed)}):
        device.sync_names(folder)


def _create(device: FaultDevice, name: str) -> None:
    """Make a file that is gone, and the folders above it."""
    *folders, _ = accumulate(name.split("/"), "{}/{}".format)
    for folder in folders:
        with suppress(FileExistsError):
            device.make_folder(folder)
    device.create(name)


def _is_touched(span: Span, kind: EventKind, events: Iterable[tuple[EventKind, str, int, int]]) -> bool:
    return any(each is kind and span.meets(name, offset, size) for each, name, offset, size in events)
