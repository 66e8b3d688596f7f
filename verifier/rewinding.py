"""Rewinding: everything that is reachable from a few objects, put back as it was.

A snapshot copies the content of each mutable object once: attributes, slots, cells, lists, dicts, sets,
deques, byte arrays and arrays. `rewind` puts it back in place, so whatever refers to an object (a bound
method, a closure, a view of a space) finds it as it was; what was made since is garbage.

Invariants
  1  after `rewind` each object in reach has the content that it had at the snapshot, in the same order
  2  an object whose content cannot be put back (a generator under way, a file, a lock that is taken) is an
     error at the snapshot and never left out in silence
  3  modules, classes and what is `spared` are not looked into: nothing that a run changes may be kept there

Threads: one. A greenlet in reach must not be under way.
"""

from __future__ import annotations

import array
import types
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from enum import Enum
from functools import cache, partial
from threading import Lock, RLock
from typing import Any, Final
from weakref import ReferenceType

import msgspec

from .errors import HarnessError

__all__ = ["Snapshot"]

_ATOMS: Final = (
    *(type, types.ModuleType, types.CodeType, types.NoneType, types.NotImplementedType, types.EllipsisType),
    *(types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType),
    *(types.MethodDescriptorType, types.ClassMethodDescriptorType),
    *(bool, int, float, str, bytes, Enum, range),
)
_HEAP_TYPE: Final = 1 << 9  # Of `type.__flags__`: the class was made by a `class` statement or its like.
_CELL: Final = vars(types.CellType)["cell_contents"]
_PLAIN_LOCK: Final = type(Lock())
_OWNED_LOCK: Final = type(RLock())  # Nobody else can hold it: there is one thread.


class Snapshot:
    """The state that `roots` reach, as it is now. `spared` objects are not looked into."""

    def __init__(self, roots: Iterable[object], spared: Iterable[object] = ()) -> None:
        self._seen: dict[int, object] = {id(each): each for each in spared}  # Held, so that ids stay theirs.
        self._sequences: list[tuple[Any, Any]] = []
        self._refilled: list[tuple[Callable[[], None], Callable[[Any], None], Any]] = []
        self._slots: list[tuple[Callable[[object, Any], None], object, Any]] = []
        self._emptied: list[tuple[Callable[[object], None], object]] = []
        stack: list[object] = list(roots)
        while stack:
            found = stack.pop()
            kind: Any = type(found)
            if not _is_atom(kind) and id(found) not in self._seen:
                self._seen[id(found)] = found
                stack.extend(self._take(found))

    def rewind(self) -> None:
        """Put everything back (invariant 1)."""
        for sequence, content in self._sequences:
            sequence[:] = content
        for clear, refill, content in self._refilled:
            clear()
            refill(content)
        for put, owner, value in self._slots:
            put(owner, value)
        for empty, owner in self._emptied:
            with suppress(AttributeError):  # It is empty still.
                empty(owner)

    def _take(self, found: Any) -> Iterable[object]:
        """Note the content of one object; what it refers to."""
        kind = type(found)
        if kind in (list, bytearray, array.array):
            self._sequences.append((found, found[:]))
            return found if kind is list else ()
        if kind is dict:
            self._refilled.append((found.clear, found.update, dict(found)))
            return (*found.keys(), *found.values())
        if kind is set:
            self._refilled.append((found.clear, found.update, set(found)))
            return tuple(found)
        if kind is deque:
            self._refilled.append((found.clear, found.extend, tuple(found)))
            return tuple(found)
        if isinstance(found, tuple | frozenset) and not hasattr(found, "__dict__"):
            return tuple(found)
        if kind is memoryview:
            return (found.obj,)
        if kind is ReferenceType:
            return (found(),)
        if kind is types.CellType:
            return self._take_slot(_CELL, found)
        return self._take_callable(found)

    def _take_callable(self, found: Any) -> Iterable[object]:
        if isinstance(found, types.FunctionType):
            return (*(found.__closure__ or ()), found.__defaults__, found.__kwdefaults__)
        if isinstance(found, types.MethodType):
            return found.__self__, found.__func__
        if isinstance(found, types.BuiltinFunctionType | types.MethodWrapperType):
            return (found.__self__,)
        if isinstance(found, partial):
            return found.func, found.args, found.keywords
        return self._take_instance(found)

    def _take_instance(self, found: Any) -> Iterable[object]:
        kind: Any = type(found)
        if (kind is _PLAIN_LOCK and not found.locked()) or (kind is _OWNED_LOCK and not found._is_owned()):
            return ()
        if issubclass(kind, msgspec.Struct) and kind.__struct_config__.frozen:
            return [getattr(found, name) for name in kind.__struct_fields__]
        if not _is_plain(kind):
            raise HarnessError(f"a {kind.__module__}.{kind.__qualname__} cannot be put back as it was")
        params = getattr(kind, "__dataclass_params__", None)
        if params is not None and params.frozen and not hasattr(found, "__dict__"):
            return [getattr(found, each.name) for each in fields(found)]
        inside: list[object] = [vars(found)] if hasattr(found, "__dict__") else []
        for base in kind.__mro__:
            for slot in vars(base).values():
                if isinstance(slot, types.MemberDescriptorType):
                    inside += self._take_slot(slot, found)
        return inside

    def _take_slot(self, slot: Any, owner: object) -> tuple[object, ...]:
        try:
            value = slot.__get__(owner)
        except (AttributeError, ValueError):  # Of an empty slot, of an empty cell.
            self._emptied.append((slot.__delete__, owner))
            return ()
        self._slots.append((slot.__set__, owner, value))
        return (value,)


@cache
def _is_atom(kind: Any) -> bool:
    return issubclass(kind, _ATOMS)


@cache
def _is_plain(kind: Any) -> bool:
    """True if all state of an instance is in its attributes: none of its classes is made in C."""
    return all(
        base is object or base.__module__ == "typing" or not _is_made_in_c(base) for base in kind.__mro__
    )


def _is_made_in_c(kind: type) -> bool:
    of_c = types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType
    return not kind.__flags__ & _HEAP_TYPE or any(isinstance(each, of_c) for each in vars(kind).values())
