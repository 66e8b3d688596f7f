"""Declarations: the attributes of a machine, checked when its class is made.

Invariant: what cannot be meant is an error, and never clamped or passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from powercut.faultfs import Law, UnknownLawError

from ..errors import SubjectError
from ..spec.own import Own
from ..spec.spec import Spec
from ..tapes.operations import OWN_MAX
from ..tapes.tape import KEYED, KEYS_MAX, SESSIONS_MAX, SIZES, Kind
from .known import Known
from .names import check_names
from .summary import Summary

__all__ = ["check_machine"]

_NUMBERS: Final = {
    "sessions": (1, SESSIONS_MAX),
    "keys": (1, KEYS_MAX),
    "sizes": (1, SIZES),
    "states_max": (1, 1 << 20),
    "depth": (0, 4),
    "more": (-1, 3),
    "examples": (0, 1 << 31),
}
_FIGURES: Final = tuple(Summary("").figures)


def check_machine(machine: type[Any]) -> None:
    """Check the attributes of a machine. Raises SubjectError."""
    check_names(machine)
    named = machine.__qualname__
    for name, (least, most) in _NUMBERS.items():
        found = getattr(machine, name)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise SubjectError(f"{named}.{name} is {found!r}: a number from {least} to {most} is expected")
    _check_each(named, "kinds", machine.kinds, Kind)
    _check_each(named, "operations", machine.operations, Own)
    _check_each(named, "known", machine.known, Known)
    if len(machine.operations) > OWN_MAX:
        raise SubjectError(
            f"{named}.operations: {len(machine.operations)}, and at most {OWN_MAX} are expected"
        )
    if not (KEYED & frozenset(machine.kinds) or machine.operations):
        raise SubjectError(
            f"{named} gives its store no operation: kinds has none on a key, and operations none"
        )
    if not isinstance(machine.budget, int | float) or not 0 <= machine.budget < 1 << 31:
        raise SubjectError(f"{named}.budget is {machine.budget!r}: processor seconds are expected, 0: no end")
    refusals = machine.refusals
    if not isinstance(refusals, tuple) or not all(
        isinstance(each, type) and issubclass(each, Exception) for each in refusals
    ):
        raise SubjectError(f"{named}.refusals is {refusals!r}: a tuple of types of exceptions is expected")
    if not isinstance(machine.spec, Spec):
        raise SubjectError(f"{named}.spec is {machine.spec!r}: a Spec is expected")
    try:
        Law.of(machine.law)
    except UnknownLawError as error:
        raise SubjectError(f"{named}.law: {error}") from None
    floor = machine.floor
    if not isinstance(floor, Mapping) or set(floor) - set(_FIGURES):
        raise SubjectError(f"{named}.floor is {floor!r}: least figures of {', '.join(_FIGURES)} are expected")


def _check_each(named: str, attribute: str, found: object, kind: type) -> None:
    if isinstance(found, str) or not isinstance(found, Collection):
        raise SubjectError(f"{named}.{attribute} is {found!r}: a collection of {kind.__name__} is expected")
    for each in found:
        if not isinstance(each, kind):
            raise SubjectError(f"{named}.{attribute} has {each!r}: a {kind.__name__} is expected")
