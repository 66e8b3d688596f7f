"""Questions of a reader to its folder, and the tree of all that were ever asked.

A question is put to the scene with which the reader began, never to what it made of it:

    NAME  path        whether it is there           -> kind, target of a link, names of its file; or absent
    STAT  path        what stat tells               -> mode, owner, time, size, names; of a folder its names
    LIST  path        which names the folder has    -> sorted names with their kinds, or absent
    READ  path o n    what n bytes from offset o hold                 -> bytes; or absent
    FILE  path        the whole file                                  -> its bytes and names; or absent
    TREE  path        all below                                       -> everything; or absent

A reader is a deterministic program: two scenes that answer alike are read alike.

Invariants
  1  a leaf found for a scene: the scene answers every question asked to make the leaf as the scene did for
     which it was made
  2  no leaf is lost or changed by `add`

Source: `faultfs.states.readset`, for recoveries on a device; this is the same for files of a folder.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

from .scene import Entry, Scene

__all__ = ["FILE", "LIST", "NAME", "READ", "STAT", "TREE", "Answers", "Question", "answer"]

NAME, STAT, LIST, READ, FILE, TREE = range(6)
Question = tuple[int, str, int, int]  # What is asked, of which path, from which offset, how much.
Outcome = TypeVar("Outcome")
_ABSENT: Final = None


def answer(scene: Scene, question: Question) -> Any:
    """The answer of this scene; equal answers are equal values, and hashable."""
    what, path, offset, length = question
    entry = scene.get(path)
    if entry is None:
        return _ABSENT
    if what == READ:
        return entry.data[offset : offset + length]
    if what == NAME:
        return stat.S_IFMT(entry.mode), entry.data if entry.is_link else b"", _names(scene, entry)
    if what == LIST:
        return _listed(scene, path)
    if what == STAT:
        told = entry.mode, entry.uid, entry.gid, entry.modified, len(entry.data)
        return told, _listed(scene, path) if entry.is_folder else _names(scene, entry)
    if what == FILE:
        return entry.data, _names(scene, entry)
    return tuple(
        (below, each.mode, each.data, _names(scene, each))
        for below, each in sorted(scene.items())
        if below == path or below.startswith(path + "/") or not path
    )


def _names(scene: Scene, entry: Entry) -> tuple[str, ...]:
    """The names of its file, if it has several."""
    if entry.is_folder:
        return ()
    names = [path for path, each in scene.items() if each.inode == entry.inode]
    return tuple(sorted(names)) if len(names) > 1 else ()


def _listed(scene: Scene, path: str) -> tuple[tuple[str, int], ...]:
    head = f"{path}/" if path else ""
    inside = (
        (below[len(head) :], stat.S_IFMT(each.mode))
        for below, each in scene.items()
        if below.startswith(head)
    )
    return tuple(sorted((name, kind) for name, kind in inside if name and "/" not in name))


class _Node:
    """A question, and what hangs behind each answer to it."""

    __slots__ = ("branches", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.branches: dict[Any, Any] = {}


class Answers(Generic[Outcome]):
    """Outcomes of readings, found by what was asked instead of by all that the folder holds."""

    def __init__(self) -> None:
        self._root: dict[Any, Any] = {}  # One branch, without a question.
        self.leaves = 0

    def find(self, scene: Scene) -> Outcome | None:
        """The outcome of a scene that answers like this one, if any was added."""
        node = self._root.get(None)
        while type(node) is _Node:
            node = node.branches.get(answer(scene, node.question))
        return None if node is None else node[0]

    def add(self, scene: Scene, asked: Iterable[Question], outcome: Outcome) -> None:
        """Keep what came of a scene, with what was asked of it; nothing happens if it is found already."""
        open_questions = dict.fromkeys(asked)
        branches, key = self._root, None
        while type(node := branches.get(key)) is _Node:
            open_questions.pop(node.question, None)
            branches, key = node.branches, answer(scene, node.question)
        if node is not None:
            return
        for question in open_questions:
            node = branches[key] = _Node(question)
            branches, key = node.branches, answer(scene, question)
        branches[key] = (outcome,)
        self.leaves += 1
