"""The hash index: keys to the newest record of their chain.

A table of 64-byte buckets, seven entries and a link each; behind a full bucket come overflow
buckets from the end of the same space. The kernels of `probe` find and claim entries, and put buckets
behind a chain, those of `splits` make two main buckets of one; here is what is rare: walking all of it,
auditing it.

Invariants (audited by `check`)
  H1  a bucket chain has at most one entry of a tag that is not tentative
  H2  an entry's address is PENDING_ADDRESS or that of a record in [begin, tail)
  H4  at rest no entry is tentative
  H5  overflow buckets are used once: no bucket is in two chains, and none that is in one has come back

Threads: any; `entries` and `check` at rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ..errors import IndexFullError, InvariantError
from ..kernels import words as w
from ..kernels.atomics import load
from ..kernels.probe import bucket_of, hash_words
from ..shared.modes import Mode
from ..shared.spaces import Spaces

__all__ = ["HashIndex", "Width"]

ZEROS: Final = 1 << 20  # Bytes cleared at once.


class Width(NamedTuple):
    """The main buckets at some moment: their number, and the mask that goes with it."""

    buckets: int
    mask: int

    def bucket(self, hashed: int) -> int:
        """The main bucket of a hash (`probe.bucket_of`)."""
        bucket = hashed & self.mask
        return bucket if bucket < self.buckets else hashed & self.mask >> 1

    @property
    def is_whole(self) -> bool:
        """True if none is to be split any more before all are."""
        return self.buckets == self.mask + 1


class HashIndex:
    """The index over the spaces of one store.

    on_load   called where the index may have become crowded: off the fast path of a session
    on_full   called where it is full: waits for a growth that is under way; whether one was
    """

    def __init__(self, spaces: Spaces, mode: Mode) -> None:
        self.spaces = spaces
        self.mode = mode
        self.growths = 0  # Times that the number of main buckets was doubled.
        self.on_load: Callable[[], None] = lambda: None
        self.on_full: Callable[[], bool] = lambda: False

    @property
    def width(self) -> Width:
        control = self.spaces.control
        return Width(load(control, w.MAIN_COUNT), control[w.BUCKET_MASK])

    @property
    def overflow(self) -> int:
        """Overflow buckets that are in use."""
        control = self.spaces.control
        most = control[w.OVERFLOW_END] - control[w.MAIN_ROOM]
        return min(load(control, w.OVERFLOW_NEXT), most) - (load(control, w.OVERFLOW_FREE) >> w.FREE_SHIFT)

    def full(self) -> IndexFullError:
        """The error to raise where a chain needs an overflow bucket and none is left."""
        return IndexFullError(
            f"all overflow buckets of {self.width.buckets} main buckets are used, by keys that are there and "
            "by ones that were deleted, and there is no room for more buckets: if these are many, compact() "
            "and take a checkpoint, else reopen with twice the memory"
        )

    def empty(self) -> None:
        """Take all entries and links away. Nobody else has the index."""
        control, room = self.spaces.control, self.spaces.index.cast("B")
        zeros = bytes(min(len(room), ZEROS))
        for start in range(0, len(room), ZEROS):
            part = room[start : start + ZEROS]
            part[:] = zeros[: len(part)]
        control[w.OVERFLOW_NEXT] = control[w.OVERFLOW_FREE] = 0

    def hash_key(self, key: bytes) -> int:
        """The key's hash, as the kernels compute it over a record."""
        words = memoryview(key + bytes(-len(key) % w.WORD_BYTES)).cast("Q")
        return hash_words(words, 0, len(key), self.spaces.control[w.HASH_MASK])

    def is_home(self, width: Width, bucket: int, entry: int, key: bytes) -> bool:
        """True if the key is found through this entry of this main bucket, of so many.

        A chain made under fewer buckets holds keys that another entry names by now.
        """
        hashed = self.hash_key(key)
        return width.bucket(hashed) == bucket and hashed >> w.TAG_FROM == entry >> w.TAG_SHIFT

    def chain_of(self, hashed: int) -> Iterator[tuple[int, int]]:
        """(word number, entry) of every used entry in the hash's bucket chain that is not tentative."""
        index = self.spaces.index
        bucket = bucket_of(self.spaces.control, hashed)
        while True:
            base = bucket * w.BUCKET_WORDS
            for slot in range(base, base + w.BUCKET_ENTRIES):
                if 0 < (entry := load(index, slot)) < w.TENTATIVE:
                    yield slot, entry
            bucket = load(index, base + w.BUCKET_ENTRIES)
            if bucket == 0:
                return

    def entries(self, first: int = 0, step: int = 1) -> Iterator[tuple[int, int]]:
        """(main bucket, entry) of every used entry, bucket by bucket, of each `step`-th. O(buckets)."""
        index = self.spaces.index
        for main in range(first, self.width.buckets, step):
            bucket = main
            while True:
                base = bucket * w.BUCKET_WORDS
                for slot in range(base, base + w.BUCKET_ENTRIES):
                    if entry := load(index, slot):
                        yield main, entry
                bucket = load(index, base + w.BUCKET_ENTRIES)
                if bucket == 0:
                    break

    def check(self) -> None:
        """Audit H1, H2, H4 and H5. Raises InvariantError."""
        control, index = self.spaces.control, self.spaces.index
        used: set[int] = set()
        room = range(control[w.OVERFLOW_END] - control[w.OVERFLOW_NEXT], control[w.OVERFLOW_END])
        for main in range(self.width.buckets):
            tags: set[int] = set()
            bucket = main
            while True:
                base = bucket * w.BUCKET_WORDS
                for entry in index[base : base + w.BUCKET_ENTRIES]:
                    if entry:
                        self._check_entry(entry, tags)
                bucket = index[base + w.BUCKET_ENTRIES]
                if bucket == 0:
                    break
                if bucket in used or bucket not in room or bucket < control[w.MAIN_ROOM]:
                    raise InvariantError("H5", f"bucket {main} links to overflow bucket {bucket}")
                used.add(bucket)
        bucket = control[w.OVERFLOW_FREE] & w.FREE_MASK
        for _ in range(control[w.OVERFLOW_FREE] >> w.FREE_SHIFT):
            if bucket in used or bucket not in room:
                raise InvariantError("H5", f"overflow bucket {bucket} has come back, and is used or none")
            used.add(bucket)
            bucket = index[bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES] & w.FREE_MASK

    def _check_entry(self, entry: int, tags: set[int]) -> None:
        if entry & w.TENTATIVE:
            raise InvariantError("H4", f"entry {entry:#x} is tentative")
        tag = entry >> w.TAG_SHIFT
        if tag in tags:
            raise InvariantError("H1", f"tag {tag:#x} has two entries")
        tags.add(tag)
        address = entry & w.ADDRESS_MASK
        if address != w.PENDING_ADDRESS and not w.FIRST_ADDRESS <= address < self.spaces.control[w.TAIL]:
            raise InvariantError("H2", f"entry of tag {tag:#x} has address {address}")
