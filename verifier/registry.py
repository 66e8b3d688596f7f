"""The registry: which store the subject of a tape is, and the spec that it is held against.

    store             FasterKv, in the tape's geometry, with its kernels
    log               FasterLog, likewise
    sessions          FasterKv with its sessions side by side: played by `concurrency`, made by no maker
    appenders         FasterLog with several tasks side by side, likewise
    answers           FasterKv with every answer judged: played by `answers`, likewise
    module:factory    one's own: a callable that takes a device and makes a store or a log, or a StoreMachine

Invariants
  1  a subject that cannot be loaded is refused, and no other store is played in its place
  2  nothing is imported for a subject before it is asked for: a tape of one's own store needs no engine

A tape of one's own store names code, and who plays it runs that code.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, reduce
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast, runtime_checkable

from powercut.faultfs import FaultDevice

from .errors import SubjectError
from .spec.appended import Appended
from .spec.spec import APPENDED, Spec, StoreMaker
from .spec.subject import MakeStore
from .tapes.kept import UnsupportedTapeError
from .tapes.tape import (
    ANSWERS,
    APPENDERS,
    COMPILED,
    INTERPRETED,
    LOGS,
    SESSIONS,
    SIDE_BY_SIDE,
    STORE,
    Kind,
    Tape,
)

__all__ = ["load", "machine_of", "maker_of", "name_of"]

_OWN: Final = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_MAIN: Final = "__main__"


@runtime_checkable
class _Machine(Protocol):
    """A StoreMachine, which opens stores, and says what they are held against and what they are given."""

    make_store: MakeStore
    spec: Spec
    kinds: Collection[Kind]


def maker_of(tape: Tape, make_store: MakeStore | None = None) -> StoreMaker:
    """The maker of the tape's store: `make_store`, or else what its subject names.

    Raises SubjectError where that cannot be loaded, UnsupportedTapeError where it cannot be played so.
    """
    if tape.subject == ANSWERS:
        raise UnsupportedTapeError("every answer judged: its reference is that of FasterKv alone")
    if tape.subject in SIDE_BY_SIDE:
        raise UnsupportedTapeError(
            f"{tape.subject} side by side: they have a scheduler, and no store of one's own"
        )
    if make_store is not None:
        return StoreMaker.of(make_store)
    known = _REGISTRY.get(tape.subject)
    return load(tape.subject) if known is None else known(tape)


@lru_cache(maxsize=64)
def load(name: str) -> StoreMaker:
    """The maker that `module:factory` names; modules of the working folder are found. Raises SubjectError."""
    named = _OWN.fullmatch(name)
    if named is None:
        known = ", ".join((*_REGISTRY, SESSIONS, APPENDERS, ANSWERS))
        raise SubjectError(f"subject {name!r}: there are {known}, and module:factory of one's own")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = _found(name)
        if isinstance(found, type) and isinstance(found, _Machine):
            machine = found()
            assert isinstance(machine, _Machine)
            kinds = machine.spec.kinds & frozenset(machine.kinds)
            maker = StoreMaker(machine.make_store, replace(machine.spec, kinds=kinds))
            return _offering(maker) if Kind.ENQUEUE in kinds else maker
    except Exception as error:  # noqa: BLE001 (whatever its module raises, it cannot be loaded)
        raise SubjectError(f"subject {name} cannot be loaded: {type(error).__name__}: {error}") from None
    if not callable(found):
        raise SubjectError(f"subject {name} cannot be loaded: it is no callable")
    maker = StoreMaker.of(found)
    return maker if isinstance(found, type) else _offering(maker)


def machine_of(name: str) -> type | None:
    """The StoreMachine that `module:factory` names; None where it names a maker. Raises SubjectError."""
    load(name)
    found = _found(name)
    return found if isinstance(found, type) and isinstance(found, _Machine) else None


def _found(name: str) -> object:
    """The object of this name, in a module that can be imported."""
    module, _, path = name.partition(":")
    return reduce(getattr, path.split("."), cast("object", import_module(module)))


def _offering(maker: StoreMaker) -> StoreMaker:
    """The maker, given what its log takes, if it is one of a log: that is seen on an empty disk."""
    subject = None
    with suppress(Exception):  # What it cannot do there is told of by whoever asks it for more.
        subject = maker(FaultDevice())
    if subject is None:
        return maker
    kinds = subject.offered if isinstance(subject, Appended) else None
    with suppress(Exception):
        subject.close()
    if kinds is None:
        return maker
    spec = maker.spec
    if Kind.ENQUEUE not in spec.kinds:  # Of a function, which does not tell what it makes.
        errors = replace(spec.errors, invariants=APPENDED.errors.invariants)
        spec = replace(APPENDED, errors=errors)
    return replace(maker, spec=replace(spec, kinds=spec.kinds & kinds))


def name_of(factory: Callable[..., object]) -> str:
    """The subject of a tape of this class or maker: as another process can load it, if it can."""
    module = factory.__module__
    if module == _MAIN:
        main = sys.modules[_MAIN]
        if main.__spec__ is not None:
            module = main.__spec__.name
        elif isinstance(main.__file__, str):
            module = Path(main.__file__).stem
    return f"{module}:{getattr(factory, '__qualname__', type(factory).__qualname__)}"


def _faster(tape: Tape) -> StoreMaker:
    from .faster.geometries import GEOMETRIES, make_faster

    if tape.geometry not in GEOMETRIES:
        raise UnsupportedTapeError(f"geometry {tape.geometry!r}: there are {', '.join(GEOMETRIES)}")
    if tape.kernels not in (INTERPRETED, COMPILED):
        raise UnsupportedTapeError(f"kernels {tape.kernels!r}: there are {INTERPRETED} and {COMPILED}")
    return make_faster(tape.geometry, tape.kernels)


def _log(tape: Tape) -> StoreMaker:
    from .faster.fasterlog.geometries import make_log
    from .faster.fasterlog.seams import LOG_GEOMETRIES

    if tape.geometry not in LOG_GEOMETRIES:
        raise UnsupportedTapeError(f"geometry {tape.geometry!r}: a log has {', '.join(LOG_GEOMETRIES)}")
    return make_log(tape.geometry)


_REGISTRY: Final[dict[str, Callable[[Tape], StoreMaker]]] = {STORE: _faster, LOGS: _log}
