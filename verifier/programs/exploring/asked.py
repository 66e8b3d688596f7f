"""Readings of crash states: each content read once, and those that answer alike to all that was asked, once.

Invariants
  1  `all(contents)` gives for each what a reader of its own would have answered
  2  what is read, and counted as made, does not depend on how many processes read: of those that read at once
     one that is known by another before it is not kept
  3  without `is_pruned` every distinct image is read

Threads: one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from itertools import islice
from typing import Final, Protocol, TypeVar

import msgspec

from powercut.faultfs import Image

from ..reading.asking import Answers
from ..reading.deeds import done
from ..reading.far import FarReader
from ..reading.readers import Answer, Command, Reader, Reading
from ..reading.scene import Scene, Setting
from ..recording import Recording, dump

__all__ = ["NondeterministicReaderError", "Readings", "Still"]

_BATCH: Final = 8
_Item = TypeVar("_Item")


class Content(Protocol):
    """A content of the disk by its key, as a CrashState is."""

    @property
    def key(self) -> int: ...

    @property
    def image(self) -> Image: ...


_Content = TypeVar("_Content", bound=Content)


class Still:
    """An image that is there."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.key = image.key()


class NondeterministicReaderError(ValueError):
    """The command that reads answers differently where nothing differs."""


class Readings:
    """A pool of readers of one recording's states, and all that they have answered."""

    def __init__(
        self,
        recording: Recording,
        command: Command,
        *,
        jobs: int = 1,
        is_pruned: bool = True,
        executor: Executor | None = None,
    ) -> None:
        """`jobs` processes read, of the executor if there is one, else made here."""
        self.command = command
        self.setting = Setting(recording)
        self.made = 0  # Readings that a process made.
        self._is_pruned = is_pruned
        self._by_key: dict[int, Reading] = {}
        self._tree: Answers[Reading] = Answers()
        self._again: Answers[Answer] = Answers()  # Second readings, by what the first has left.
        data, command = dump(recording), msgspec.structs.replace(command, is_pruned=is_pruned)
        self._readers: list[Reader | FarReader] = []
        try:
            for _ in range(jobs):
                far = executor and FarReader(executor, data, command)
                self._readers.append(far or Reader(data, command))
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> list[str]:
        """Things that could not be had, each in a line."""
        return list(dict.fromkeys(each.note for each in self._readers if each.note))

    @property
    def distinct(self) -> int:
        """The number of distinct contents that have an answer."""
        return len(self._by_key)

    def __enter__(self) -> Readings:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for reader in self._readers:
            reader.close()
        self._readers = []

    def of(self, image: Image) -> Reading:
        """The reading of one image."""
        return next(self.all([Still(image)]))[1]

    def fresh(self, image: Image) -> Reading:
        """The reading of an image by a command that is started anew, whatever is known of it."""
        self.made += 1
        self._readers[0].begin(self.setting.scene(image), is_fresh=True)
        return self._readers[0].end()

    def check_determinism(self, image: Image) -> None:
        """Ask about one content from two starts. Raises NondeterministicReaderError."""
        first, second = self.fresh(image), self.fresh(image)
        if (first.answer, first.again, first.why) != (second.answer, second.again, second.why):
            shown = " and ".join(repr(each.answer.output[:60]) for each in (first, second))
            raise NondeterministicReaderError(
                f"the command that reads gives two answers on one content, nothing lost: {shown}"
            )

    def all(self, contents: Iterable[_Content]) -> Iterator[tuple[_Content, Reading]]:
        """Each content with its reading, in order; the image of one that is known is not made."""
        for batch in _batches(contents, _BATCH):
            wanted: dict[int, Scene] = {}
            for content in batch:
                key = content.key
                if key in self._by_key or key in wanted:
                    continue
                scene = self.setting.scene(content.image)
                known = self._known(scene) if self._is_pruned else None
                if known is None:
                    wanted[key] = scene
                else:
                    self._by_key[key] = known
            self._read(wanted)
            for content in batch:
                yield content, self._by_key[content.key]

    def _read(self, wanted: dict[int, Scene]) -> None:
        left = iter(wanted.items())
        while group := list(islice(self._unknown(left), len(self._readers))):
            for reader, (_, scene) in zip(self._readers, group, strict=False):
                reader.begin(scene)
            for reader, (key, scene) in zip(self._readers, group, strict=False):
                reading = reader.end()
                known = self._known(scene) if self._is_pruned else None
                if known is not None:  # By a reading of the same group: invariant 2.
                    self._by_key[key] = known
                    continue
                self._by_key[key] = reading
                self.made += 1
                if self._is_pruned:
                    self._keep(scene, reading)

    def _unknown(self, wanted: Iterator[tuple[int, Scene]]) -> Iterator[tuple[int, Scene]]:
        """Those that are not read as one that was read meanwhile."""
        for key, scene in wanted:
            known = self._known(scene) if self._is_pruned else None
            if known is None:
                yield key, scene
            else:
                self._by_key[key] = known

    def _known(self, scene: Scene) -> Reading | None:
        """The reading of a scene that is read as one before was. Invariant 1."""
        known = self._tree.find(scene)
        if known is None or known.deeds is None:
            return known
        again = self._again.find(done(scene, known.deeds))
        return None if again is None else msgspec.structs.replace(known, again=again)

    def _keep(self, scene: Scene, reading: Reading) -> None:
        self._tree.add(scene, reading.asked, reading)
        if reading.deeds is not None and reading.again is not None:
            self._again.add(done(scene, reading.deeds), reading.asked_again, reading.again)


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
