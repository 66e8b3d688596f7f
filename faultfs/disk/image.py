"""The image: the whole content of a disk, as a value.

Two images are equal iff the same names hold the same bytes and the same names share a file. Inode numbers say
which names share a file and nothing more.

The key is a hash that can be moved step by step:
    key(image) = XOR over files f with a name of  named_key(names of f, file_key(f))
    file_key(f) = size_key(size of f) XOR grain_key(g, bytes of grain g) for every grain g below the size
so a changed sector costs one XOR out and one in. A grain of zeros contributes 0: a hole and written zeros are
one.

Invariants
  1  every inode in names is in files
  2  a == b  =>  a.key() == b.key();  a != b with equal keys happens with probability 2**-128

Threads: a value; nobody changes it once it is built.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b

GRAIN_BYTES = (
    512  # The unit of hashing: the smallest sector, so that every sector is a whole number of grains.
)
KEY_BYTES = 16


class Image:
    """A durable disk content: names bound to inodes, inodes bound to bytes."""

    __slots__ = ("_groups", "_key", "files", "names")

    def __init__(self, names: dict[str, int], files: dict[int, bytes]) -> None:
        self.names = names
        self.files = files
        self._key: int | None = None
        self._groups: dict[int, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, content: Mapping[str, bytes]) -> "Image":
        """The image in which each name has a file of its own."""
        ordered = sorted(content.items())
        names = {name: inode for inode, (name, _) in enumerate(ordered, 1)}
        return cls(names, {inode: bytes(data) for inode, (_, data) in enumerate(ordered, 1)})

    def content(self) -> dict[str, bytes]:
        """The bytes of each name, sorted by name."""
        return {name: self.files[self.names[name]] for name in sorted(self.names)}

    def groups(self) -> dict[int, tuple[str, ...]]:
        """The sorted names of each file that has one."""
        if self._groups is None:
            self._groups = groups_of(sorted(self.names.items()))
        return self._groups

    def key(self) -> int:
        """The content hash, 128 bits: the same for equal images, on every interpreter."""
        if self._key is None:
            key = 0
            for inode, names in self.groups().items():
                key ^= named_key(names, file_key(self.files[inode]))
            self._key = key
        return self._key

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        if self.content() != other.content():
            return False
        return sorted(self.groups().values()) == sorted(other.groups().values())

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {len(data)}" for name, data in self.content().items())
        return f"Image({{{sizes}}})"


def groups_of(bindings: list[tuple[str, int]]) -> dict[int, tuple[str, ...]]:
    """Inode to its names, from (name, inode) pairs in name order."""
    groups: dict[int, tuple[str, ...]] = {}
    for name, inode in bindings:
        groups[inode] = (*groups.get(inode, ()), name)
    return groups


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
