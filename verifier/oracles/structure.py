"""The structure oracle: a subject's own audit and probe, and the meaning of its exceptions.

Each is one that a subject may lack; then the answer is that there is nothing to say.
"""

from __future__ import annotations

from typing import Final

from powercut.engine import InvariantError

from ..spec.subject import Bound, Subject
from ..tapes.tape import KEYS_MAX
from ..verdict import Breach, Violation
from .prefix import show

__all__ = ["audit", "compare_probe", "failed", "judge_probe", "recovered_bound"]

_PROBED: Final = [b"key-%d" % number for number in range(KEYS_MAX)]  # Deleted ones too.


def audit(subject: Subject) -> None:
    """The subject's own check, if it has one."""
    check = getattr(subject, "check", None)
    if check is not None:
        check()


def recovered_bound(subject: Subject) -> Bound | None:
    """The prefix that the subject says it came back to, if it says."""
    recovered = getattr(subject, "recovered", None)
    bound: Bound | None = recovered() if recovered is not None else None
    return bound


def judge_probe(subject: Subject | None, content: dict[bytes, bytes]) -> Violation | None:
    """Judge whether operations read what the subject lists; None where they do, or it cannot be asked."""
    try:
        return compare_probe(subject, content)
    except Exception as error:  # noqa: BLE001
        return failed("openable", Breach.UNOPENABLE, error)


def compare_probe(subject: Subject | None, content: dict[bytes, bytes]) -> Violation | None:
    """`judge_probe`, but for what the subject raises."""
    probe = getattr(subject, "probe", None)
    if probe is None:
        return None
    found: dict[bytes, bytes] = probe(_PROBED)
    if found == content:
        return None
    key = min(key for key in found.keys() | content.keys() if found.get(key) != content.get(key))
    detail = f"{key.decode()}: listed {show(content.get(key))}, a read finds {show(found.get(key))}"
    return Violation("structure", Breach.WRONG_VALUE, detail)


def failed(oracle: str, breach: Breach, error: Exception) -> Violation:
    """The verdict on an exception of the subject."""
    if isinstance(error, InvariantError):
        return Violation("structure", Breach.BROKEN_INVARIANT, f"{error}")
    return Violation(oracle, breach, f"{type(error).__name__}: {error}")
