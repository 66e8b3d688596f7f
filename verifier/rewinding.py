"""Rewinding: everything that is reachable from a few objects, put back as it was.

A snapshot copies the content of each mutable object once: attributes, slots, cells, lists, dicts, sets,
deques, what is derived from these, byte arrays and arrays. `rewind` puts it back in place, so whatever
refers to an object (a bound method, a closure, a view of a space) finds it as it was; what was made since is
garbage.

Invariants
  1  after `rewind` each object in reach has the content that it had at the snapshot, in the same order
  2  an object whose content cannot be put back (a generator under way, a file, a lock that is taken) is a
     RewindError at the snapshot and never left out in silence
  3  modules, classes and what is `spared` are not looked into: nothing that a run changes may be kept there

Threads: one. A greenlet in reach must not be under way.
"""

from __future__ import annotations

import array
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from enum import Enum
from functools import partial
from threading import Lock, RLock
from typing import Any, Final
from weakref import ReferenceType

import msgspec

from .errors import HarnessError

__all__ = ["RewindError", "Snapshot"]

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


class RewindError(HarnessError):
    """Something in reach cannot be put back as it was."""


class Snapshot:
    """State that `roots` reach, as it is now; `spared` objects are not looked into. Raises RewindError."""

    def __init__(self, roots: Iterable[object], spared: Iterable[object] = ()) -> None:
        self._seen: dict[int, object] = {id(each): each for each in spared}  # Held, so that ids stay theirs.
        self._sequences: list[tuple[Any, Any]] = []
        self._refilled: list[tuple[Callable[[], None], Callable[[Any], None], Any]] = []
        self._slots: list[tuple[Callable[[object, Any], None], object, Any]] = []
        self._emptied: list[tuple[Callable[[object], None], object]] = []
        seen, ways = self._seen, _WAYS
        stack: list[object] = list(roots)
        while stack:
            found = stack.pop()
            take = ways[type(found)]
            if take is not None and id(found) not in seen:
                seen[id(found)] = found
                stack.extend(take(self, found))

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

    # Each notes the content of one object, and says what it refers to.

    def _take_list(self, found: list[object]) -> Iterable[object]:
        self._sequences.append((found, found[:]))
        return found

    def _take_array(self, found: Any) -> Iterable[object]:
        self._sequences.append((found, found[:]))
        return ()

    def _take_dict(self, found: dict[object, object]) -> Iterable[object]:
        content = dict(found)
        self._refilled.append((found.clear, found.update, content))
        return (*content.keys(), *content.values())

    def _take_set(self, found: set[object]) -> Iterable[object]:
        self._refilled.append((found.clear, found.update, set(found)))
        return tuple(found)

    def _take_deque(self, found: deque[object]) -> Iterable[object]:
        self._refilled.append((found.clear, found.extend, tuple(found)))
        return tuple(found)

    def _take_derived(self, found: Any, base: Any) -> Iterable[object]:
        """The content that `base` holds of what is derived from it, whatever that overrides."""
        content = tuple(base.items(found) if issubclass(base, dict) else base.__iter__(found))
        clear, refill = partial(base.clear, found), partial(_REFILLS[base], found)
        self._refilled.append((clear, refill, content))
        return [each for pair in content for each in pair] if issubclass(base, dict) else content

    def _take_cell(self, found: types.CellType) -> Iterable[object]:
        return self._take_slots(found, (_CELL,))

    def _take_lock(self, found: Any) -> Iterable[object]:
        if found.locked() if isinstance(found, _PLAIN_LOCK) else found._is_owned():
            raise RewindError(f"a {type(found).__qualname__} that is taken cannot be put back as it was")
        return ()

    def _take_slots(self, found: object, slots: Iterable[Any]) -> list[object]:
        inside = []
        for slot in slots:
            try:
                value = slot.__get__(found)
            except (AttributeError, ValueError):  # Of an empty slot, of an empty cell.
                self._emptied.append((slot.__delete__, found))
                continue
            self._slots.append((slot.__set__, found, value))
            inside.append(value)
        return inside


# How an object of a kind is taken; None: it never changes, and refers to nothing that does.
_Way = Callable[[Snapshot, Any], Iterable[object]]


class _Ways(dict[type, _Way | None]):
    """By kind, found out when one is first met."""

    def __missing__(self, kind: Any) -> _Way | None:
        way = self[kind] = _way(kind)
        return way


def _way(kind: Any) -> _Way | None:
    if issubclass(kind, _ATOMS):
        return None
    for known, way in _KNOWN.items():
        if kind is known:
            return way
    if issubclass(kind, tuple | frozenset) and not kind.__dictoffset__:
        return lambda snapshot, found: found
    if issubclass(kind, types.FunctionType):
        return lambda snapshot, found: (*(found.__closure__ or ()), found.__defaults__, found.__kwdefaults__)
    if issubclass(kind, types.MethodType):
        return lambda snapshot, found: (found.__self__, found.__func__)
    if issubclass(kind, types.BuiltinFunctionType | types.MethodWrapperType):
        return lambda snapshot, found: (found.__self__,)
    if issubclass(kind, partial):
        return lambda snapshot, found: (found.func, found.args, found.keywords)
    return _way_of_instances(kind)


def _way_of_instances(kind: Any) -> _Way | None:
    is_struct = issubclass(kind, msgspec.Struct)
    if is_struct and kind.__struct_config__.frozen:
        types_ = [each.type for each in msgspec.structs.fields(kind)]
        if all(isinstance(each, type) and issubclass(each, _ATOMS) for each in types_):
            return None
        return _constants(tuple(kind.__struct_fields__))
    base = next((each for each in _REFILLS if issubclass(kind, each)), None)
    if not _is_plain(kind, base):
        raise RewindError(f"a {kind.__module__}.{kind.__qualname__} cannot be put back as it was")
    params = getattr(kind, "__dataclass_params__", None)
    if base is None and params is not None and params.frozen and not kind.__dictoffset__:
        return _constants(tuple(each.name for each in fields(kind)))
    members = [slot for each in kind.__mro__ for slot in vars(each).values()]
    slots = tuple(each for each in members if isinstance(each, types.MemberDescriptorType))
    if base is not None:
        return lambda snapshot, found: [
            *snapshot._take_derived(found, base),
            *([vars(found)] if kind.__dictoffset__ else []),
            *snapshot._take_slots(found, slots),
        ]
    if not kind.__dictoffset__:
        return lambda snapshot, found: snapshot._take_slots(found, slots)
    if not slots:
        return lambda snapshot, found: (vars(found),)
    return lambda snapshot, found: [vars(found), *snapshot._take_slots(found, slots)]


def _constants(names: tuple[str, ...]) -> _Way:
    return lambda snapshot, found: [getattr(found, name) for name in names]


_KNOWN: Final[dict[Any, _Way]] = {
    list: Snapshot._take_list,
    dict: Snapshot._take_dict,
    set: Snapshot._take_set,
    deque: Snapshot._take_deque,
    bytearray: Snapshot._take_array,
    array.array: Snapshot._take_array,
    memoryview: lambda snapshot, found: (found.obj,),
    ReferenceType: lambda snapshot, found: (found(),),
    types.CellType: Snapshot._take_cell,
    _PLAIN_LOCK: Snapshot._take_lock,
    _OWNED_LOCK: Snapshot._take_lock,
}
_WAYS: Final = _Ways()


def _fill_ordered(found: OrderedDict[object, object], pairs: Iterable[tuple[object, object]]) -> None:
    for key, value in pairs:  # Its `update` asks the instance, which may be of a class that overrides that.
        OrderedDict.__setitem__(found, key, value)


# What is derived from one of these is emptied and filled by that one's own methods; the first that fits.
_REFILLS: Final[dict[Any, Callable[[Any, Any], None]]] = {
    OrderedDict: _fill_ordered,
    defaultdict: dict.update,
    dict: dict.update,
    list: list.extend,
    set: set.update,
    deque: deque.extend,
}


def _is_plain(kind: Any, base: Any) -> bool:
    """True if all state of an instance is in its attributes, and in what `base` holds of it.

    So none of its other classes is made in C.
    """
    held = frozenset(() if base is None else base.__mro__) | {object}
    return all(
        each in held or each.__module__ == "typing" or not _is_made_in_c(each) for each in kind.__mro__
    )


def _is_made_in_c(kind: type) -> bool:
    of_c = types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType
    return not kind.__flags__ & _HEAP_TYPE or any(isinstance(each, of_c) for each in vars(kind).values())
