"""The rig: one file system on a recorded disk, and what is found on it after a power cut at any place.

    record    a fresh file system, the program played on it, all that reached the disk
    search    the images that a power cut may leave of that, each mounted and read

Everything stands in memory, below a mount of its own, in a mount namespace of its own. A rig makes its own
file system, so with an UUID of its own: two mounted ones of one UUID disturb one another on xfs and btrfs,
and a rig mounts one at a time.

Invariants
  1  an image is mounted read-only, which replays the log all the same; what that wrote is gone before the
     next image: the whole disk is written anew
  2  an image that was read before is not read again: the key of its blocks tells

Threads: one rig a process, and one thread.
"""

import os
import subprocess
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from ..errors import UnfitMachineError
from . import kernel
from .contents import parse
from .epochs import BLOCK_BYTES, Blocks, Epoch, Marks, Piece, Record, epochs_of, parts
from .fuse import Recorder
from .player import Noise, Player
from .program import Program
from .reading import read_folder

_MIB: Final = 1 << 20
# The least size at which mkfs chooses what it would for a large disk: blocks of 4096, a journal, two copies
# of metadata. Tables that ext4 would fill after the first mount are filled at once.
_SIZES: Final = {"ext4": 600 * _MIB, "xfs": 300 * _MIB, "btrfs": 256 * _MIB}
_MKFS: Final = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
FILE_SYSTEMS: Final = tuple(_MKFS)


class Options(NamedTuple):
    """A file system, and how it is made and mounted; empty for the defaults."""

    file_system: str
    mkfs: str = ""
    mount: str = ""


class Depth(NamedTuple):
    """The parts of each epoch that are tried: see `parts`."""

    whole: int
    mixed: int
    draws: int
    torn: int


class Recording(NamedTuple):
    """The disk when the program began, and all that it was sent since.

    `clean` is the content after a clean unmount, of a program in which a sync failed.
    """

    base: Blocks
    epochs: list[Epoch]
    marks: Marks
    clean: str = ""


class Found(NamedTuple):
    """One image: the content it showed, the half steps at which it may be found, and of what it is made.

    `is_read` if it was mounted, and not known from an equal image before.
    """

    content: str
    first: int
    last: int
    is_torn: bool
    is_read: bool
    told: str


class Rig:
    """A disk with a recorder, and a place to read images; below `folder`, which must be in memory."""

    def __init__(self, folder: str, options: Options, *, is_readonly: bool = True) -> None:
        self.options = options
        self._size = _SIZES[options.file_system]
        self._is_readonly = is_readonly
        self._where = f"{folder}/mounted"
        os.makedirs(self._where, exist_ok=True)
        self._image = f"{folder}/image"
        self._template = self._make_template(f"{folder}/template")
        self._backing = f"{folder}/backing"
        self._recorder = Recorder(f"{folder}/disk", self._backing, f"{folder}/log", self._size)

    def record(self, program: Program, noise: Noise | None = None) -> Recording:
        """Plays the program on a fresh file system; OSError where that refuses a call."""
        recorder, kind = self._recorder, self.options.file_system
        os.ftruncate(recorder.backing, 0)
        os.ftruncate(recorder.backing, self._size)
        for offset, data in self._template.runs():
            os.pwrite(recorder.backing, data, offset)
        recorder.forget()
        with Mounted(recorder.disk, self._where, kind, self.options.mount):
            player = Player(self._where, kind, recorder)
            try:
                player.prepare(parse(program.start))
                marks = player.play(program, noise)
            finally:
                player.close()
        recording = _recording(self._template, recorder.records(), marks)
        if program.has_failure:
            recording = recording._replace(clean=self._mounted(self._backing))
        return recording

    def search(self, recording: Recording, depth: Depth, generator: Random) -> Iterator[Found]:
        """Every image that is chosen of a recording, and what was found on it."""
        disk = Blocks(recording.base.blocks)
        known: dict[int, str] = {}
        for number, epoch in enumerate(recording.epochs):
            runs = disk.runs()
            chosen, _ = parts(epoch.pieces, generator, **depth._asdict())
            for is_torn, pieces in chosen:
                changed = disk.after(pieces)
                key = disk.key_with(changed)
                is_read = key not in known
                if is_read:
                    known[key] = self.read(runs, changed)
                start = max((piece.position + 1 for piece in pieces), default=epoch.start)
                first, last = recording.marks.half_steps(start, epoch.stop)
                count = len(epoch.pieces)
                told = (
                    f"epoch {number}, torn" if is_torn else f"epoch {number}, {len(pieces)} of {count} pieces"
                )
                yield Found(known[key], first, last, is_torn, is_read, told)
            disk.take(disk.after(epoch.pieces))
        if recording.clean:
            last = 2 * len(recording.marks.calls)
            yield Found(recording.clean, last, last, False, True, "unmounted")

    def read(self, runs: list[tuple[int, bytes]], changed: dict[int, bytes]) -> str:
        """Mounts a disk of these runs, and blocks in place of theirs, and reads the folder."""
        file = os.open(self._image, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, 0)
            os.ftruncate(file, self._size)
            for offset, data in runs:
                os.pwrite(file, data, offset)
            for number, data in changed.items():
                os.pwrite(file, data, number * BLOCK_BYTES)
        finally:
            os.close(file)
        return self._mounted(self._image)

    def _mounted(self, path: str) -> str:
        """The content of a disk that is a file."""
        kind = self.options.file_system
        try:
            with Mounted(path, self._where, kind, self.options.mount, is_readonly=self._is_readonly):
                return read_folder(f"{self._where}/d")
        except OSError as error:
            return f"!mount {error.errno}"

    def close(self) -> None:
        """Ends the recorder."""
        self._recorder.close()

    def _make_template(self, path: str) -> Blocks:
        with open(path, "wb") as file:
            file.truncate(self._size)
        command = [*_MKFS[self.options.file_system], *self.options.mkfs.split(), path]
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise UnfitMachineError(f"{command[0]} is not installed") from None
        if made.returncode:
            raise UnfitMachineError(f"{' '.join(command[:-1])}: {made.stderr.strip()}")
        blocks = _blocks_of(path)
        os.unlink(path)
        return Blocks(blocks)


class Mounted:
    """A mount of a disk that is a file, for as long as the block runs; the loop device goes with it."""

    def __init__(self, path: str, where: str, kind: str, options: str, *, is_readonly: bool = False) -> None:
        self._where = where
        device, descriptor = kernel.attach_loop(path)
        try:
            if kind == "btrfs":
                kernel.forget_btrfs(device)
            kernel.mount(device, where, kind, options, is_readonly=is_readonly)
        finally:
            os.close(descriptor)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        kernel.unmount(self._where)


def _recording(template: Blocks, records: list[Record], marks: Marks) -> Recording:
    epochs = epochs_of(records, marks.first, marks.last)
    before = [
        Piece(at, each.offset, each.size, each.data if each.kind == "W" else None)
        for at, each in enumerate(records[: epochs[0].start])
        if each.kind != "F"
    ]
    base = Blocks(template.blocks)
    base.take(base.after(before))
    return Recording(base, epochs, marks)


def _blocks_of(path: str) -> dict[int, bytes]:
    """The blocks of a sparse file that are not zero."""
    found = {}
    file = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(file).st_size
        end = 0
        while end < size:
            try:
                start = os.lseek(file, end, os.SEEK_DATA)
            except OSError:  # There is no more.
                break
            end = os.lseek(file, start, os.SEEK_HOLE)
            for number in range(start // BLOCK_BYTES, -(-end // BLOCK_BYTES)):
                data = os.pread(file, BLOCK_BYTES, number * BLOCK_BYTES)
                if data.count(0) != len(data):
                    found[number] = data
    finally:
        os.close(file)
    return found
