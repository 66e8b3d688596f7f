"""Names in the body of a machine: one that is most likely meant to be an attribute of ours is an error.

A machine is a class of the user's, and may have whatever he needs besides: rules, bundles, invariants,
helpers. But an attribute that is misspelt is taken by nobody: the run has the default in its place, looks at
something else, and is green. So a name is refused

    that is a letter away from one of ours, two where that is long, or has its words in another order
    under which there is a Spec, or nothing but Own or Known, for nobody but us takes these

and let pass are

    names that begin with _, and all that Hypothesis takes or has marked: rules, invariants, bundles
    names beside the right one, where the user has given that as well: both cannot be meant
    methods, unless near to `make_store` or `make_log`, which are all that is to be overridden; properties
    and classes
    an Own or Known that stands in `operations` or `known` too

A helper that is refused though it is meant so takes another name, or a _: a message now is worth more than a
run that looked at something else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import FunctionType, ModuleType
from typing import Any, Final

from hypothesis.stateful import Bundle
from hypothesis.strategies import SearchStrategy

from ..errors import SubjectError
from ..spec.own import Own
from ..spec.spec import Spec
from ..spec.spelling import nearest
from .known import Known

__all__ = ["check_names"]

_METHODS: Final = frozenset({"make_store", "make_log"})
_ATTRIBUTES: Final = frozenset(
    {
        *("kinds", "sessions", "keys", "sizes", "law", "states_max", "depth", "more", "operations", "known"),
        *("floor", "refusals", "spec", "subject", "geometry", "kernels", "budget", "examples"),
    }
)
_PACKAGES: Final = ("hypothesis", __name__.rpartition(".machine")[0])
_MARKS: Final = "hypothesis_stateful"
_ONLY_OURS: Final[dict[type, str]] = {Spec: "spec", Own: "operations", Known: "known"}


def check_names(machine: type[Any]) -> None:
    """Refuse what is most likely misspelt in a machine, or in a class of the user's that it is made of.

    Raises SubjectError.
    """
    given = dict(_given(machine))
    ours = {name for each in machine.__mro__ if each.__module__.startswith(_PACKAGES) for name in vars(each)}
    for name, value in given.items():
        if name.startswith("_") or name in ours:
            continue
        meant = _by_type(machine, value) or nearest(name, _like(value) - given.keys())
        if meant is not None:
            raise SubjectError(f"{machine.__qualname__} has {name}: is {meant} meant? Else name it otherwise")


def _given(machine: type[Any]) -> Iterator[tuple[str, object]]:
    """The names that classes of the user's give to the machine."""
    for each in reversed(machine.__mro__):
        if each is not object and not each.__module__.startswith(_PACKAGES):
            yield from vars(each).items()


def _like(value: object) -> frozenset[str]:
    """The names of ours under which there could be such a value."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, FunctionType):
        return frozenset() if any(mark.startswith(_MARKS) for mark in vars(value)) else _METHODS
    is_other = isinstance(value, property | type | ModuleType | Bundle | SearchStrategy) or callable(value)
    return frozenset() if is_other else _ATTRIBUTES


def _by_type(machine: type[Any], value: object) -> str | None:
    """The name of ours that a value is for by its type, unless it is there already."""
    is_many = isinstance(value, Collection) and not isinstance(value, str | bytes)
    each: list[Any] = list(value) if is_many else [value]  # type: ignore[call-overload]
    for kind, name in _ONLY_OURS.items():
        taken = getattr(machine, name)
        if each and all(isinstance(one, kind) for one in each):
            there = taken if isinstance(taken, Collection) else [taken]
            return None if all(one in there for one in each) else name
    return None
