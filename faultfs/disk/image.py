"""The image: the whole content of a disk, as a value.

Two images are equal iff the same paths hold the same things (a folder; a link to the same target; a file with
the same bytes) and the same paths share a file. Inode numbers say which names share a file, and in which
folder a name stands, and nothing more: a name in a folder that no path leads to is not there.

The key is a hash that can be moved step by step:
    key(image) = XOR over files f with a path of  named_key(paths of f, file_key(f))
                 XOR over folders with a path and symbolic links of  their own keys (`tree`)
    file_key(f) = size_key(size of f) XOR grain_key(g, bytes of grain g) for every grain g below the size
so a changed sector costs one XOR out and one in. A grain of zeros contributes 0: a hole and written zeros are
one.

Invariants
  1  every inode in names that a path leads to is in files, in folders or in links
  2  a == b  =>  a.key() == b.key();  a != b with equal keys happens with probability 2**-128

Threads: a value; nobody changes it once it is built.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from .tree import FLAT, Forest, Item, Kind, groups_of

GRAIN_BYTES = (
    512  # The unit of hashing: the smallest sector, so that every sector is a whole number of grains.
)
KEY_BYTES = 16


class Image:
    """A durable disk content: names bound to inodes, inodes bound to bytes, to a target or to a folder."""

    __slots__ = ("_at", "_files", "_key", "_paths", "files", "forest", "names")

    def __init__(
        self,
        names: dict[str, int],
        files: dict[int, bytes],
        folders: Set[int] = frozenset(),
        links: Mapping[int, str] | None = None,
    ) -> None:
        """`names` are keys of `places`; `folders` the inodes of folders, `links` the targets of symbolic
        links."""
        self.names = names
        self.files = files
        self.forest = Forest(frozenset(folders), links or {}) if folders or links else FLAT
        self._key: int | None = None
        self._at: dict[str, int] | None = None
        self._paths: list[tuple[str, int]] | None = None
        self._files: dict[int, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, content: Mapping[str, bytes]) -> "Image":
        """The image in which each name has a file of its own."""
        ordered = sorted(content.items())
        names = {name: inode for inode, (name, _) in enumerate(ordered, 1)}
        return cls(names, {inode: bytes(data) for inode, (_, data) in enumerate(ordered, 1)})

    @classmethod
    def under(cls, forest: Forest, bindings: Iterable[tuple[str, int]], files: dict[int, bytes]) -> "Image":
        """The image of these bindings, where the forest says which inodes are no files."""
        return cls(dict(bindings), files, forest.folders, forest.links)

    @property
    def folders(self) -> frozenset[int]:
        """The inodes of folders, but for the root."""
        return self.forest.folders

    @property
    def links(self) -> Mapping[int, str]:
        """The target of each symbolic link, by inode."""
        return self.forest.links

    def content(self) -> dict[str, bytes]:
        """The bytes of each file by its path, sorted by path."""
        return {path: self.files[inode] for path, inode in self.bound() if not self.forest.has(inode)}

    def paths(self) -> dict[str, Item]:
        """Everything there is by its path, sorted by path; names that share a file have one inode."""
        return {path: self._item(inode) for path, inode in self.bound()}

    def at(self, path: str) -> int | None:
        """The inode at a path, None if there is none."""
        if not self.forest.folders:
            return self.names.get(path)
        if self._at is None:
            self._at = dict(self.bound())
        return self._at.get(path)

    def groups(self) -> dict[int, tuple[str, ...]]:
        """The sorted paths of each file that has one."""
        if self._files is None:
            self._files = groups_of([each for each in self.bound() if not self.forest.has(each[1])])
        return self._files

    def key(self) -> int:
        """The content hash, 128 bits: the same for equal images, on every interpreter."""
        if self._key is None:
            key = self.forest.key(self.bound())
            for inode, names in self.groups().items():
                key ^= named_key(names, file_key(self.files[inode]))
            self._key = key
        return self._key

    def materialise(self, folder: str | os.PathLike[str]) -> None:
        """Writes the content into a real folder, which is made if it is missing; hard and symbolic links stay
        what they are.

        Raises OSError.
        """
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        made: dict[int, Path] = {}
        for path, inode in self.bound():  # A folder sorts before what is in it.
            place = root / path
            if inode in self.folders:
                place.mkdir(exist_ok=True)
            elif inode in made:
                os.link(made[inode], place, follow_symlinks=False)
            elif inode in self.links:
                place.symlink_to(self.links[inode])
            else:
                place.write_bytes(self.files[inode])
            made.setdefault(inode, place)

    def bound(self) -> list[tuple[str, int]]:
        """Every path and its inode, sorted by path; not to be changed."""
        if self._paths is None:
            self._paths = self.forest.paths(sorted(self.names.items()))
        return self._paths

    def _item(self, inode: int) -> Item:
        if inode in self.folders:
            return Item(Kind.FOLDER, inode)
        if inode in self.links:
            return Item(Kind.LINK, inode, self.links[inode].encode("utf-8", "surrogateescape"))
        return Item(Kind.FILE, inode, self.files[inode])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        if [_seen(item) for item in self.paths().items()] != [_seen(item) for item in other.paths().items()]:
            return False
        return _shared(self) == _shared(other)

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        shown = (
            f"{path}/"
            if kind is Kind.FOLDER
            else f"{path} -> {data!r}"
            if kind is Kind.LINK
            else f"{path}: {len(data)}"
            for path, (kind, _, data) in self.paths().items()
        )
        return f"Image({{{', '.join(shown)}}})"


def _seen(item: tuple[str, Item]) -> tuple[str, Kind, bytes]:
    return item[0], item[1].kind, item[1].data


def _shared(image: Image) -> list[tuple[str, ...]]:
    """The paths that lead to one file or symbolic link."""
    groups = groups_of([each for each in image.bound() if each[1] not in image.folders])
    return sorted(groups.values())


def grain_key(grain: int, data: bytes) -> int:
    """The part of a file's key that grain number `grain` adds; trailing zeros do not matter."""
    data = data.rstrip(b"\0")
    if not data:
        return 0
    return int.from_bytes(
        blake2b(data, digest_size=KEY_BYTES, salt=grain.to_bytes(16, "little")).digest(), "little"
    )


def span_key(offset: int, data: bytes) -> int:
    """The part of a file's key that the bytes from `offset`, a multiple of the grain, add."""
    key = 0
    for grain, piece in _grains(offset, data):
        key ^= grain_key(grain, piece)
    return key


@lru_cache(maxsize=1 << 16)
def size_key(size: int) -> int:
    """The part of a file's key that its size adds."""
    return _digest(b"size", size.to_bytes(8, "little"))


@lru_cache(maxsize=1 << 10)
def file_key(data: bytes) -> int:
    """The hash of one file's content; kept, for many contents share it."""
    return size_key(len(data)) ^ span_key(0, data)


@lru_cache(maxsize=1 << 16)
def named_key(names: tuple[str, ...], key: int) -> int:
    """The part of the image's key that a file with these sorted names and this file key adds."""
    text = "\0".join(names).encode("utf-8", "surrogateescape")
    return _digest(b"file", key.to_bytes(KEY_BYTES, "little") + text)


def _digest(role: bytes, data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=KEY_BYTES, person=role).digest(), "little")


def _grains(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    first = offset // GRAIN_BYTES
    for index, start in enumerate(range(0, len(data), GRAIN_BYTES), first):
        yield index, data[start : start + GRAIN_BYTES]
