"""The read set: the questions of a recovery to a disk, and the decision tree of all that were ever asked.

A question is put to the content that a recovery began with, never to what it made of it:

    NAMES             which names there are                    -> sorted names
    NAME   name       whether the name is there                -> yes or no
    GROUP  name       which names share its file               -> sorted names, none if it is absent
    SIZE   name       how long the file is                     -> bytes, None if it is absent
    READ   name o n   what n bytes from offset o hold          -> bytes, short at the end; None if absent
    FILE   name       the whole file: its names and its bytes  -> None if it is absent
    ALL               the whole content                        -> its key

A recovery is a deterministic program, and a device answers each of its calls by the content that it began
with and by its own changes so far. So its run is a function of the answers to its questions: two contents
that answer alike are recovered alike, byte for byte, whatever else they hold.

    tree      node: a question; edge: an answer; leaf: what came of the contents that answer so
    find      walks from the root by the answers of a content: a leaf, or nothing yet
    add       goes the same way as far as the tree goes, and hangs the questions still open below

Invariants
  1  asked holds a question for every answer that a call gave away: what was read, listed, measured, what was
     there or absent when a call failed, which names shared a file that was changed
  2  a leaf found for a content: the content answers every question that was asked to make the leaf as the
     content did for which it was made
  3  no leaf is lost or changed by `add`

Soundness ends where a recovery knows what it did not ask: it looks into `trace.initial`, at a clock, at
chance, at what an earlier recovery left in memory; or it hands the list of names to code in C that reads a
list's memory and calls none of its methods (`heapq`). Such a one is not a function of the disk, and no search
over disk contents, pruned or not, speaks for it.

Threads: one recovery at a time on a device; a tree belongs to one search.
Source: the lazy choice of what a post-crash read returns (Jaaru, ASPLOS 2021; Vinter, ATC 2022), which are
about memory. Where we differ: names and sizes are read too, and one tree serves many crash points and traces.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import wraps
from typing import Any, Generic, SupportsIndex, TypeAlias, TypeVar

from ..disk.device import FaultDevice
from ..disk.events import SYNC_KINDS, EventKind
from ..disk.image import Image
from ..disk.tree import FLAT, Item

Outcome = TypeVar("Outcome")


class Ask(IntEnum):
    """A question to the disk."""

    NAMES = 0
    NAME = 1
    GROUP = 2
    SIZE = 3
    READ = 4
    FILE = 5
    ALL = 6


Question: TypeAlias = tuple[int, str, int, int]  # What is asked, of which name, from which offset, how much.

# Plain numbers: looking a member up in its class costs as much as the answer.
_NAMES, _NAME, _GROUP, _SIZE, _READ, _FILE = (int(ask) for ask in Ask if ask is not Ask.ALL)
_LOOKS = frozenset({EventKind.READ, EventKind.SIZE, EventKind.LIST})  # Their methods ask.
_NAMELESS = frozenset({EventKind.SYNC_NAMES, EventKind.MARK})  # They change no file and cannot fail.


def answer(image: Image, question: Question) -> Any:
    """The answer of this crash state; equal answers are equal values, and hashable."""
    what, name, offset, length = question
    inode = image.at(name)
    if inode is not None and image.forest.has(inode):
        return image.forest.told(inode) if what == _NAME else None
    if what == _READ:
        return None if inode is None else image.files[inode][offset : offset + length]
    if what == _SIZE:
        return None if inode is None else len(image.files[inode])
    if what == _NAMES:
        return tuple(path for path, _ in image.bound())
    if what == _NAME:
        return inode is not None
    if what == _GROUP:
        return _group(image, inode)
    if what == _FILE:
        return None if inode is None else (_group(image, inode), image.files[inode])
    return image.key()


def _group(image: Image, inode: int | None) -> tuple[str, ...]:
    return () if inode is None else image.groups().get(inode, ())


class WatchedDevice(FaultDevice):
    """A FaultDevice that keeps the questions which the calls on it amount to."""

    __slots__ = ("_first_names", "asked", "changed")

    def __init__(self, image: Image | None = None, **options: Any) -> None:
        super().__init__(image, **options)
        self.asked: dict[Question, None] = {}  # In the order in which they were first asked.
        self.changed: dict[str, None] = {}  # Names whose file, or which themselves, a call has changed.
        if self.trace.initial.forest is not FLAT:
            self._ask_all()
        # By inode: a file that was renamed since is asked for under a name that the content knows.
        self._first_names = {inode: name for name, inode in reversed(self.trace.initial.names.items())}

    def list(self, folder: str = "") -> list[str]:
        """The names, sorted; what is asked of them is asked of the content, and no more."""
        if folder:
            self._ask_all()
        return _Names(super().list(folder), self.asked)

    def size(self, name: str) -> int:
        """The length of the file in bytes."""
        self._ask_file(_SIZE, name, 0, 0)
        return super().size(name)

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        """Fills the buffer from the file."""
        # A range that was written over meanwhile is asked for too: more than is needed, never less.
        self._ask_file(_READ, name, offset, len(buffer) if type(buffer) is bytearray else _bytes(buffer))
        return super().read_into(name, offset, buffer)

    def create(self, name: str) -> None:
        """A new empty file; FileExistsError if the name is taken."""
        self._ask_name(name)
        super().create(name)

    def link(self, old: str, new: str) -> None:
        """A second name for the file; FileExistsError if it is taken."""
        self._ask_name(new)
        super().link(old, new)

    def image(self) -> Image:
        """The live content."""
        self._ask_all()
        return super().image()

    def resolve(self, path: str, *, follows: bool = True) -> tuple[str, Item | None]:
        """The path as this device knows it, and what is there: a name of the root is asked for, or all."""
        self._ask_name(path)
        return super().resolve(path, follows=follows)

    def name_of(self, inode: int) -> str:
        """A name of a file that is held; any may be it."""
        self._ask_all()
        return super().name_of(inode)

    def links_of(self, inode: int) -> int:
        """The number of names of a file; any may be one."""
        self._ask_all()
        return super().links_of(inode)

    def _ask_all(self) -> None:
        """Ask for the whole content: nothing less is known to answer alike."""
        self.asked[Ask.ALL, "", 0, 0] = None

    def _ask_name(self, name: str) -> None:
        """Ask whether a name is there; in a folder the way there matters as well."""
        if type(name) is str and "/" in name:
            self._ask_all()
        else:
            self.asked[_NAME, name, 0, 0] = None

    def _ask_file(self, what: int, name: str, offset: int, length: int) -> None:
        inode = None if type(name) is str and "/" in name else self._names.get(name)
        if inode is None:
            self._ask_name(name)
        elif self.trace.initial.names.get(name) == inode:
            self.asked[what, name, offset, length] = None
        elif (first := self._first_names.get(inode)) is not None:
            self.asked[what, first, offset, length] = None

    def _inode(self, name: str, probe: EventKind | None = None) -> tuple[str, int]:
        # Every call on a name that must be there passes here, one that fails or will fail too.
        if probe is None:
            self._ask_name(name)
        return super()._inode(name, probe)

    def _bound(self, name: str) -> tuple[str, int]:
        self._ask_name(name)
        return super()._bound(name)

    def _free(self, name: str) -> str:
        self._ask_name(name)
        return super()._free(name)

    def _before(self, kind: EventKind, name: str, target: str) -> None:
        if kind not in _LOOKS and kind not in _NAMELESS:
            self._ask_change(kind, name)
            if target:
                self._ask_change(kind, target)

    def _ask_change(self, kind: EventKind, name: str) -> None:
        """Ask whether a change would succeed; it is seen under every name of its file."""
        if name:
            self._ask_name(name)
        if name and kind not in SYNC_KINDS:
            self.changed[name] = None
            inode = self._names.get(name)
            first = None if inode is None else self._first_names.get(inode)
            if first is not None and (_GROUP, first, 0, 0) not in self.asked:
                self.asked[_GROUP, first, 0, 0] = None
                self.changed.update(dict.fromkeys(_group(self.trace.initial, inode)))


class _Names(list[str]):
    """A list of names that asks for one where it is looked for with `in`, and for all where else it is used.

    A recovery that only looks for its own files is so a function of these, and not of what else lies there.
    """

    __slots__ = ("_asked",)

    def __init__(self, names: list[str], asked: dict[Question, None]) -> None:
        super().__init__(names)
        self._asked = asked

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self._asked[_NAME, name, 0, 0] = None
        return super().__contains__(name)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return list, (list(self),)

    def __radd__(self, others: list[str]) -> list[str]:
        return [*others, *self]  # Without it the other list would be added to as memory, and nothing asked.


def _asking_for_all(name: str) -> Callable[..., Any]:
    genuine = getattr(list, name)

    @wraps(genuine)
    def call(self: _Names, *arguments: Any, **options: Any) -> Any:
        self._asked[_NAMES, "", 0, 0] = None
        return genuine(self, *arguments, **options)

    return call


_COMPARING = {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__"}
_ALL = {*dir(list), *_COMPARING} - (set(dir(object)) - _COMPARING) - {"__contains__", "__class_getitem__"}
for _name in sorted(_ALL):
    setattr(_Names, _name, _asking_for_all(_name))


def _bytes(buffer: bytearray | memoryview) -> int:
    return memoryview(buffer).nbytes


class Node:
    """A question, and the node or leaf behind each answer to it."""

    __slots__ = ("branches", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.branches: dict[Any, Any] = {}


class Leaf(Generic[Outcome]):
    """The outcome of all crash states that end here."""

    __slots__ = ("outcome",)

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class ReadTree(Generic[Outcome]):
    """Outcomes of recoveries, found by what recovery asks instead of by all that the disk holds."""

    def __init__(self) -> None:
        self.root: dict[Any, Any] = {}  # One branch, without a question.
        self.leaves = 0

    def find(self, image: Image) -> Outcome | None:
        """The outcome of a crash state that answers like this one, if any was added."""
        node = self.root.get(None)
        while type(node) is Node:
            node = node.branches.get(answer(image, node.question))
        return None if node is None else node.outcome

    def add(self, image: Image, asked: Iterable[Question], outcome: Outcome) -> None:
        """Keeps what came of a content that is not found yet, with what was asked of it."""
        open_questions = dict.fromkeys(asked)
        branches, key = self.root, None
        while type(node := branches.get(key)) is Node:
            open_questions.pop(node.question, None)
            branches, key = node.branches, answer(image, node.question)
        assert node is None, "a content that is found is not added"
        for question in open_questions:
            node = branches[key] = Node(question)
            branches, key = node.branches, answer(image, question)
        branches[key] = Leaf(outcome)
        self.leaves += 1
