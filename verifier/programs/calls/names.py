"""Calls that change names: rename, link, symbolic link, removal, folder; and permission bits.

Also a call whose path leads nowhere, or outside, is done alone: let go, it could be done when another thread
has made the path lead into the tree.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Final

from powercut.faultfs import Event, EventKind

from ..stops import Script, Stop, Wish
from ..tracees import AT_FDCWD, Place
from ..tree import Kind, Node, kind_of
from .edge import came, outside, went

__all__ = [
    "chmod",
    "fchmod",
    "fchmodat",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
]

_EXCHANGE, _WHITEOUT = 2, 4
_FOLLOW, _EMPTY_PATH = 0x400, 0x1000
_NO_FOLLOW: Final = 0x100


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _rename(stop: Stop, old: tuple[int, int], new: tuple[int, int], flags: int = 0) -> Script:
    yield Wish.ALONE
    source, target = stop.thread.place(stop.tree, *old), stop.thread.place(stop.tree, *new)
    if source.folder is None and target.folder is None:
        found = _lstat(source.path)
        if (yield Wish.GO) == 0 and found is not None and stop.tree.find(found) is stop.tree.root:
            stop.end("the root of the recording itself")
        return
    keys = [stop.tree.key(place.folder, place.name) for place in (source, target) if place.folder is not None]
    said = [outside(place.path) for place in (source, target) if place.folder is None]
    if not stop.took_effect((yield Wish.GO), *keys):
        return
    if flags & _WHITEOUT:
        stop.end(f"RENAME_WHITEOUT of {source.path}")
    if said:
        _crossed(stop, keys[0], said[0], flags, is_in=source.folder is None)
    else:
        _renamed(stop, keys[0], keys[1], flags)


def _crossed(stop: Stop, key: str, other: str, flags: int, *, is_in: bool) -> None:
    """A rename between a name of the tree and one outside."""
    inside = stop.tree.path_of(key)
    events: list[Event] = []
    known = stop.tree.names.get(key)
    if not is_in or (known is not None and known.kind is Kind.FOLDER):
        events += went(stop, key)
    if is_in or flags & _EXCHANGE:
        events += came(stop, key)
    if events:  # Else a socket, a named pipe or a device file.
        stop.add(f"{other}, {inside}" if is_in else f"{inside}, {other}", *events)


def _renamed(stop: Stop, old: str, new: str, flags: int) -> None:
    tree = stop.tree
    moved, replaced = tree.names.get(old), tree.names.get(new)
    said = f"{tree.path_of(old)}, {tree.path_of(new)}"
    if flags & _EXCHANGE and moved is not None and replaced is not None:
        stop.add(said, Event(EventKind.EXCHANGE, old, moved.number, target=new))
        tree.unbind(old)
        tree.bind(new, moved)
        tree.bind(old, replaced)
    elif moved is None and replaced is None:
        return  # A socket, a named pipe or a device file.
    elif moved is None or flags & _EXCHANGE:
        stop.end(f"{said}: a socket, a named pipe or a device file in the place of a file")
    elif moved is replaced:
        stop.add(said)  # Two names of one file: both stay.
    else:
        stop.add(said, Event(EventKind.RENAME, old, moved.number, target=new))
        tree.unbind(old)
        tree.bind(new, moved)


def rename(stop: Stop) -> Script:
    """rename(old, new)."""
    return _rename(stop, (AT_FDCWD, stop.arguments[0]), (AT_FDCWD, stop.arguments[1]))


def renameat(stop: Stop) -> Script:
    """renameat(folder, old, folder, new)."""
    one, old, other, new, *_ = stop.arguments
    return _rename(stop, (one, old), (other, new))


def renameat2(stop: Stop) -> Script:
    """renameat2(folder, old, folder, new, flags)."""
    one, old, other, new, flags, *_ = stop.arguments
    return _rename(stop, (one, old), (other, new), flags & 0xFFFFFFFF)


def _link(stop: Stop, old: tuple[int, int], new: tuple[int, int], flags: int = 0) -> Script:
    yield Wish.ALONE
    target = stop.thread.place(stop.tree, *new)
    text = stop.thread.text(old[1])
    path = stop.thread.path(old[0], text)
    try:
        node = stop.tree.find(os.stat(path) if flags & (_FOLLOW | _EMPTY_PATH) else os.lstat(path))
    except OSError:
        node = None
    if target.folder is None:
        yield Wish.GO
        return  # A name outside: whatever is done by that name is done to the same file.
    key = stop.tree.key(target.folder, target.name)
    where = outside(path) if node is None else ""
    if not stop.took_effect((yield Wish.GO), key):
        return
    if node is None:
        events = tuple(came(stop, key))
        if events:
            stop.add(f"{where}, {stop.tree.path_of(key)}", *events)
        return
    said = f"{stop.tree.path(node)}, {stop.tree.path_of(key)}"
    stop.add(said, Event(EventKind.LINK, next(iter(node.names), ""), node.number, target=key))
    stop.tree.bind(key, node)


def link(stop: Stop) -> Script:
    """link(old, new)."""
    return _link(stop, (AT_FDCWD, stop.arguments[0]), (AT_FDCWD, stop.arguments[1]))


def linkat(stop: Stop) -> Script:
    """linkat(folder, old, folder, new, flags): also of a file without a name."""
    one, old, other, new, flags, *_ = stop.arguments
    return _link(stop, (one, old), (other, new), flags)


def _make(stop: Stop, place: tuple[int, int], kind: EventKind, data: bytes = b"") -> Script:
    """A name that is made with what it names."""
    yield Wish.ALONE
    target = stop.thread.place(stop.tree, *place)
    if target.folder is None:
        yield Wish.GO
        return
    key = stop.tree.key(target.folder, target.name)
    if stop.took_effect((yield Wish.GO), key):
        made(stop, target._replace(path=stop.tree.real(key)), kind, data)


def made(stop: Stop, target: Place, kind: EventKind, data: bytes = b"") -> None:
    """Record that there is something new at the place."""
    assert target.folder is not None
    found = os.lstat(target.path)
    is_what = kind_of(found.st_mode)
    if is_what is None:
        return  # A socket, a named pipe or a device file.
    key = stop.tree.key(target.folder, target.name)
    node = stop.tree.make(is_what, found)
    event = Event(kind, key, node.number, data=data)
    is_link = is_what is Kind.LINK
    events = (event,) if is_link else stop.with_mode(event, node, found.st_mode)
    stop.add(stop.tree.path_of(key), *events)
    stop.tree.bind(key, node)


def mkdir(stop: Stop) -> Script:
    """mkdir(path, mode)."""
    return _make(stop, (AT_FDCWD, stop.arguments[0]), EventKind.FOLDER)


def mkdirat(stop: Stop) -> Script:
    """mkdirat(folder, path, mode)."""
    return _make(stop, stop.arguments[:2], EventKind.FOLDER)  # type: ignore[arg-type]


def mknod(stop: Stop) -> Script:
    """mknod(path, mode, device): a file; what is neither file nor folder is in no recording."""
    return _make(stop, (AT_FDCWD, stop.arguments[0]), EventKind.CREATE)


def mknodat(stop: Stop) -> Script:
    """mknodat(folder, path, mode, device)."""
    return _make(stop, stop.arguments[:2], EventKind.CREATE)  # type: ignore[arg-type]


def symlink(stop: Stop) -> Script:
    """symlink(target, path)."""
    data = os.fsencode(stop.thread.text(stop.arguments[0]))
    return _make(stop, (AT_FDCWD, stop.arguments[1]), EventKind.SYMLINK, data)


def symlinkat(stop: Stop) -> Script:
    """symlinkat(target, folder, path)."""
    data = os.fsencode(stop.thread.text(stop.arguments[0]))
    return _make(stop, stop.arguments[1:3], EventKind.SYMLINK, data)  # type: ignore[arg-type]


def _remove(stop: Stop, place: tuple[int, int]) -> Script:
    yield Wish.ALONE
    target = stop.thread.place(stop.tree, *place)
    if target.folder is None:
        yield Wish.GO
        return
    key = stop.tree.key(target.folder, target.name)
    if not stop.took_effect((yield Wish.GO), key):
        return
    node = stop.tree.names.get(key)
    if node is not None:  # Else a socket, a named pipe or a device file.
        stop.add(stop.tree.path_of(key), Event(EventKind.REMOVE, key, node.number))
        stop.tree.unbind(key)


def unlink(stop: Stop) -> Script:
    """unlink(path)."""
    return _remove(stop, (AT_FDCWD, stop.arguments[0]))


def unlinkat(stop: Stop) -> Script:
    """unlinkat(folder, path, flags): a folder too."""
    return _remove(stop, stop.arguments[:2])  # type: ignore[arg-type]


def rmdir(stop: Stop) -> Script:
    """rmdir(path)."""
    return _remove(stop, (AT_FDCWD, stop.arguments[0]))


def _mode(stop: Stop, look: Callable[[], os.stat_result]) -> Script:
    yield Wish.ALONE
    try:
        node: Node | None = stop.tree.find(look())
    except OSError:
        node = None
    if (yield Wish.GO) != 0 or node is None:
        return
    try:
        mode = stat.S_IMODE(look().st_mode)
    except OSError:  # The thread was killed, and its paths are gone.
        mode = stat.S_IMODE(os.stat(stop.tree.real(node.name)).st_mode)
    stop.add(f"{stop.tree.path(node)}, {mode:o}", Event(EventKind.MODE, node.name, node.number, size=mode))


def chmod(stop: Stop) -> Script:
    """chmod(path, mode)."""
    path = stop.thread.path(AT_FDCWD, stop.thread.text(stop.arguments[0]))
    return _mode(stop, lambda: os.stat(path))


def fchmod(stop: Stop) -> Script:
    """fchmod(fd, mode)."""
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        if taken >= 0:
            yield from _mode(stop, lambda: os.fstat(taken))


def fchmodat(stop: Stop) -> Script:
    """fchmodat(folder, path, mode), and fchmodat2, which has flags."""
    path = stop.thread.path(stop.arguments[0], stop.thread.text(stop.arguments[1]))
    flags = stop.arguments[3] if stop.name == "fchmodat2" else 0
    return _mode(stop, lambda: os.stat(path, follow_symlinks=not flags & _NO_FOLLOW))
