"""The structure oracle: a subject's own audit and probe, and the meaning of its exceptions.

Each is one that a subject may lack; then the answer is that there is nothing to say.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from ..spec.spec import Errors, Spec
from ..spec.subject import Bound, Mounted, bound_of
from ..tapes.tape import KEYS_MAX
from ..verdict import Breach, Violation
from .prefix import show
from .progress import HungError

__all__ = ["audit", "compare_probe", "failed", "judge_probe", "judge_spares", "recovered_bound", "release"]

_PROBED: Final = [b"key-%d" % number for number in range(KEYS_MAX)]  # Deleted ones too.


def audit(mounted: Mounted) -> None:
    """The subject's own check, if it has one."""
    if mounted.audits is not None:
        mounted.audits.check()


def recovered_bound(mounted: Mounted) -> Bound | None:
    """The prefix that the subject says it came back to, if it says. Raises SubjectError."""
    told: object = None if mounted.recovers is None else mounted.recovers.recovered()
    return None if told is None else bound_of(told, "recovered")


def judge_probe(mounted: Mounted, content: dict[bytes, bytes], errors: Errors) -> Violation | None:
    """Judge whether operations read what the subject lists; None where they do, or it cannot be asked."""
    try:
        return compare_probe(mounted, content)
    except Exception as error:  # noqa: BLE001
        return failed("openable", Breach.UNOPENABLE, error, errors)


def compare_probe(mounted: Mounted | None, content: dict[bytes, bytes]) -> Violation | None:
    """`judge_probe`, but for what the subject raises."""
    if mounted is None or mounted.probes is None:
        return None
    found = mounted.probes.probe(_PROBED)
    if found == content:
        return None
    key = min(key for key in found.keys() | content.keys() if found.get(key) != content.get(key))
    detail = f"{key.decode()}: listed {show(content.get(key))}, a read finds {show(found.get(key))}"
    return Violation("structure", Breach.WRONG_VALUE, detail)


def judge_spares(mounted: Mounted, spec: Spec) -> Violation | None:
    """Judge an opening where nothing is damaged: each file that it could do without was there, and good."""
    reads = () if mounted.tells is None or not spec.spares else mounted.tells.reading()
    for each in reads:
        if isinstance(each, tuple) and each[-1] != "accepted" and str(each[0]).startswith(spec.spares):
            detail = f"{each[0]} is {each[-1]}, and nothing was damaged"
            return Violation("structure", Breach.BROKEN_INVARIANT, detail)
    return None


def release(mounted: Mounted | None, spec: Spec) -> None:
    """Let a store go of its threads and files; its device is dead, so what it raises means nothing."""
    if mounted is not None and not spec.is_dropped:
        with suppress(Exception):
            mounted.subject.close()


def failed(oracle: str, breach: Breach, error: Exception, errors: Errors) -> Violation:
    """The verdict on an exception of the subject."""
    if isinstance(error, HungError):
        return Violation("progress", Breach.HANG, f"{error}")
    if isinstance(error, errors.invariants):
        return Violation("structure", Breach.BROKEN_INVARIANT, f"{error}")
    return Violation(oracle, breach, f"{type(error).__name__}: {error}")
