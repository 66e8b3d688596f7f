"""Folders: what may lie where a store is looked for, and what inspecting and opening it must both say.

    empty, strangers    nothing, or files of other names alone
    beside              the store, and a file of another name
    begun               roots that hold nothing: a creation that was broken off
    unfinished          roots of a store whose first segment is not there yet: it is one all the same
    longer              roots that are no record and longer than one: somebody else's
    headless            the store without its roots, or with each of them damaged

Inspecting, opening read-only, opening and opening to create are held against one another: they refuse with
one error, or agree on the checkpoint, its sessions and what is damaged. Nothing is written but by a creation.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from powercut.engine import (
    CorruptionError,
    EngineError,
    FasterKv,
    MissingStoreError,
    NotAStoreError,
    Settings,
)
from powercut.engine.inspection import inspect_store
from powercut.engine.metadata.roots import ROOT_FILES
from powercut.faultfs import FaultDevice, Image

from ..reach.collector import anew
from .foresight import READING
from .stepped import SteppedRuntime

__all__ = ["objection"]

_STRANGER: Final = "notes.txt"
_LONG: Final = 1_000


class _Folder(NamedTuple):
    """Files, and the error that whoever opens them gets; None: it is a store, or becomes one where asked."""

    name: str
    files: dict[str, bytes]
    refused: type[EngineError] | None
    is_made: bool  # By an opening that may create.


def _folders(files: dict[str, bytes], settings: Settings) -> Iterator[_Folder]:
    others = {name: data for name, data in files.items() if name not in ROOT_FILES}
    damaged = {name: bytes(reversed(data)) for name, data in files.items() if name in ROOT_FILES}
    yield _Folder("empty", {}, MissingStoreError, True)
    yield _Folder("strangers", {_STRANGER: b"mine"}, NotAStoreError, True)
    yield _Folder("begun", dict.fromkeys(ROOT_FILES, b""), MissingStoreError, True)
    made = FaultDevice()
    FasterKv.open(made, create=True, settings=settings, **_how()).close()
    roots = {name: data for name, data in made.image().content().items() if name in ROOT_FILES}
    yield _Folder("unfinished", roots, None, False)
    yield _Folder("longer", dict.fromkeys(ROOT_FILES, bytes(_LONG)), MissingStoreError, False)
    yield _Folder("beside", files | {_STRANGER: b"mine"}, None, False)
    yield _Folder("headless", others, CorruptionError, False)
    yield _Folder("headless, damaged", others | damaged, CorruptionError, False)


def objection(device: FaultDevice, settings: Settings) -> str:
    """The first disagreement about a folder made of the store on the device, in words; "": there is none."""
    plain = FaultDevice()
    FasterKv.open(plain, create=True, runtime=SteppedRuntime(), kernels="interpreted").close()
    if inspect_store(FaultDevice(plain.image())).settings != Settings():
        return "a store that was made without settings has others than the usual ones"
    for folder in _folders(device.image().content(), settings):
        if found := _disagreement(folder, settings):
            return f"{folder.name}: {found}"
    return ""


def _disagreement(folder: _Folder, settings: Settings) -> str:
    told = [_told(folder, look) for look in (_inspected, _opened_to_read, _opened)]
    if any(each != told[0] for each in told[1:]):
        return f"inspected, opened to read, opened: {told}"
    if folder.refused is not None and told[0] != folder.refused.__name__:
        return f"{told[0]}, expected {folder.refused.__name__}"
    made = _device(folder)
    try:
        FasterKv.open(made, create=True, settings=settings, **_how()).close()
    except EngineError as error:
        is_right = not folder.is_made and (type(error) is folder.refused or folder.name == "longer")
        return "" if is_right else f"created: {type(error).__name__}: {error}"
    if not folder.is_made and folder.refused is not None:
        return "a store was made over it"
    content = made.image().content()
    kept = folder.files.get(_STRANGER)
    if content.get(_STRANGER) != kept or (_inspected(made) is None):
        return "made, and not as it should be"
    return ""


def _told(folder: _Folder, look: Any) -> object:
    """The word of a look, or the name of the error that it refuses with; it has written nothing."""
    anew(folder.name)
    device = _device(folder)
    try:
        found: object = look(device)
    except EngineError as error:
        found = type(error).__name__
    # An opening for writing mends the roots of a store that it opens.
    if look is not _opened and any(event.kind not in READING for event in device.trace.events):
        return f"{found}, and it has written"
    return found


def _device(folder: _Folder) -> FaultDevice:
    return FaultDevice(Image.of(folder.files))


def _how() -> dict[str, Any]:
    return {"runtime": SteppedRuntime(), "kernels": "interpreted", "memory": 1 << 20}


def _inspected(device: FaultDevice) -> object:
    found = inspect_store(device)
    if found.damage:
        return CorruptionError.__name__
    return found.newest, {mark.name: mark.serial for mark in found.sessions}


def _opened_to_read(device: FaultDevice) -> object:
    with FasterKv.open(device, read_only=True, **_how()) as store:
        return store.newest and store.newest.version, store.serials()


def _opened(device: FaultDevice) -> object:
    with FasterKv.open(device, **_how()) as store:
        return store.newest and store.newest.version, store.serials()
