"""The player: a program on a real folder, with the recorder's count before and after each call.

After one of the calls, or beside it, it may make noise: something that the kernel, or another process, may do
at any time, and which no program can forbid.

    commit      another file grows and is synced: the journal, or the transaction, is committed
    syncfs      everything is written back and committed
    writeback   the files' pages are written back, and waited for; nothing is committed
    begun       writeback of the files begins, and before it ends another file is synced that grew
    chmod       the same, and the other file is only changed in its mode: no data wait for that commit
    slow        as chmod, on a disk that takes 40 ms for each write of data
    page0, page2, page4   one page of a file is written back, then the journal is committed as by chmod
    beside      while that call runs, another thread commits again and again, as by chmod
    late        41 seconds pass: whatever the kernel does by itself has been done

Threads: one, and that of `beside`. Every descriptor and map that a program opened is closed with the player.
"""

import errno
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread
from time import sleep
from typing import Final, NamedTuple

from ..disk.image import Image
from . import kernel
from .epochs import Marks
from .fuse import Recorder
from .program import Call, Program
from .reading import files_below

PAGES: Final = {"page0": 0, "page2": 8192, "page4": 16384}
NOISES: Final = ("commit", "syncfs", "writeback", "begun", "chmod", "slow", *PAGES, "beside", "late")
_PAGE_BYTES: Final = 4096
_SLOW_MILLISECONDS: Final = 40
_LATE_SECONDS: Final = 41  # The kernel writes back what is older than 30 s, and looks every 5 s.
_UNRELATED: Final = "unrelated"


class Noise(NamedTuple):
    """A kind of noise, and after how many calls it is made."""

    kind: str
    after: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.after}"


class Player:
    """Plays on the file system that is mounted at `top`, in a folder of its own, which it makes."""

    def __init__(self, top: str, file_system: str, recorder: Recorder) -> None:
        self.folder = top + "/d"
        self._top = top
        self._is_btrfs = file_system == "btrfs"
        self._recorder = recorder
        self._files: dict[str, int] = {}
        self._maps: dict[str, mmap.mmap] = {}
        self._mode = 0
        os.mkdir(self.folder)
        self._directory = os.open(self.folder, os.O_RDONLY)
        self._other = os.open(f"{top}/{_UNRELATED}", os.O_RDWR | os.O_CREAT, 0o600)
        os.write(self._other, b"u" * 100)

    def prepare(self, start: Image) -> None:
        """Puts a content into the folder and makes it durable."""
        start.materialise(self.folder)
        kernel.sync_file_system(self._directory)
        kernel.sync_file_system(self._directory)  # What the first one left to be done.

    def play(self, program: Program, noise: Noise | None = None) -> Marks:
        """Carries out every call; OSError where the file system refuses one."""
        first = self._recorder.count
        calls = []
        for number, call in enumerate(program.calls, 1):
            act = self._prepared(call)
            kind = noise.kind if noise is not None and noise.after == number else ""
            with self._beside() if kind == "beside" else nullcontext():
                before = self._recorder.count
                act()
                calls.append((before, self._recorder.count))
            if kind and kind != "beside":
                self._make(kind)
        return Marks(first, calls, self._recorder.count)

    def close(self) -> None:
        """Closes all that is open."""
        for each in self._maps.values():
            each.close()
        for descriptor in [*self._files.values(), self._directory, self._other]:
            os.close(descriptor)

    # One call: all that is not the call itself is done before.

    def _prepared(self, call: Call) -> Callable[[], object]:
        word, arguments = call
        if word in _ON_FILE:
            name, *rest = arguments
            file = self._file(str(name))
            return lambda: _ON_FILE[word](file, *rest)
        prepare: Callable[..., Callable[[], object]] = getattr(self, f"_do_{word}")
        return prepare(*arguments)

    def _do_create(self, name: str) -> Callable[[], object]:
        def act() -> None:
            self._files[name] = os.open(self._path(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)

        return act

    def _do_empty(self, name: str) -> Callable[[], object]:
        self._drop(name)

        def act() -> None:
            self._files[name] = os.open(self._path(name), os.O_RDWR | os.O_TRUNC)

        return act

    def _do_sync_fails(self, name: str) -> Callable[[], object]:
        file = self._file(name)

        def act() -> None:
            self._recorder.refuse(is_on=True)
            try:
                os.fsync(file)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
            else:
                raise OSError(errno.EPROTO, "the sync did not fail")
            finally:
                self._recorder.refuse(is_on=False)

        return act

    def _do_sync_names(self) -> Callable[[], object]:
        return lambda: os.fsync(self._directory)

    def _do_rename(self, old: str, new: str) -> Callable[[], object]:
        is_same = os.path.exists(self._path(new)) and os.path.samefile(self._path(old), self._path(new))

        def act() -> None:
            os.rename(self._path(old), self._path(new))
            if not is_same:
                self._drop(new)
                self._move(old, new)

        return act

    def _do_exchange(self, old: str, new: str) -> Callable[[], object]:
        def act() -> None:
            kernel.exchange(self._path(old), self._path(new))
            self._move(old, "")
            self._move(new, old)
            self._move("", new)

        return act

    def _do_make_folder(self, name: str) -> Callable[[], object]:
        return lambda: os.mkdir(self._path(name))

    def _do_remove_folder(self, name: str) -> Callable[[], object]:
        return lambda: os.rmdir(self._path(name))

    def _do_symlink(self, target: str, name: str) -> Callable[[], object]:
        return lambda: os.symlink(target, self._path(name))

    def _do_sync_folder(self, name: str) -> Callable[[], object]:
        folder = os.open(self._path(name), os.O_RDONLY)

        def act() -> None:
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

        return act

    def _do_sync_all(self) -> Callable[[], object]:
        return lambda: kernel.sync_file_system(self._directory)

    def _do_link(self, old: str, new: str) -> Callable[[], object]:
        return lambda: os.link(self._path(old), self._path(new))

    def _do_remove(self, name: str) -> Callable[[], object]:
        def act() -> None:
            os.unlink(self._path(name))
            self._drop(name)

        return act

    def _do_close(self, name: str) -> Callable[[], object]:
        self._file(name)
        return lambda: self._drop(name)

    def _do_write_through(self, name: str, offset: int, data: bytes) -> Callable[[], object]:
        file = os.open(self._path(name), os.O_RDWR | os.O_DSYNC)

        def act() -> None:
            try:
                os.pwrite(file, data, offset)
            finally:
                os.close(file)

        return act

    def _do_copy(self, old: str, new: str, size: int) -> Callable[[], object]:
        source, target = self._file(old), self._file(new)
        return lambda: os.copy_file_range(source, target, size, 0, 0)

    def _do_clone(self, old: str, new: str) -> Callable[[], object]:
        source, target = self._file(old), self._file(new)
        return lambda: kernel.clone(source, target)

    def _do_store(self, name: str, offset: int, data: bytes) -> Callable[[], object]:
        store = self._map(name)
        return lambda: store.__setitem__(slice(offset, offset + len(data)), data)

    def _do_msync(self, name: str) -> Callable[[], object]:
        return self._map(name).flush

    def _map(self, name: str) -> mmap.mmap:
        if name not in self._maps:
            self._maps[name] = mmap.mmap(self._file(name), 0)
        return self._maps[name]

    def _file(self, name: str) -> int:
        if name not in self._files:
            self._files[name] = os.open(self._path(name), os.O_RDWR)
        return self._files[name]

    def _move(self, old: str, new: str) -> None:
        """Has the open files of a name, and of all below it, go by another one."""
        for name in [each for each in self._files if f"{each}/".startswith(f"{old}/")]:
            self._files[new + name[len(old) :]] = self._files.pop(name)

    def _drop(self, name: str) -> None:
        if name in self._files:
            os.close(self._files.pop(name))

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    # Noise.

    def _make(self, kind: str) -> None:
        match kind:
            case "commit":
                self._commit_by_growth()
            case "syncfs":
                kernel.sync_file_system(self._directory)
            case "writeback":
                self._write_back(is_waited=True)
            case "begun":
                self._write_back(is_waited=False)
                self._commit_by_growth()
            case "chmod":
                self._write_back(is_waited=False)
                self._commit_by_mode()
            case "slow":
                self._recorder.slow_down(_SLOW_MILLISECONDS)
                try:
                    self._write_back(is_waited=False)
                    self._commit_by_mode()
                finally:
                    self._recorder.slow_down(0)
            case "late":
                sleep(_LATE_SECONDS)
            case _:
                files = sorted(files_below(self.folder), key=lambda path: (path != self._path("old"), path))
                for path in files[:1]:
                    file = os.open(path, os.O_RDWR)
                    kernel.flush_range(file, PAGES[kind], _PAGE_BYTES)
                    os.close(file)
                self._commit_by_mode()

    @contextmanager
    def _beside(self) -> Iterator[None]:
        over = Event()

        def commit() -> None:
            while not over.is_set():
                self._commit_by_mode()

        thread = Thread(target=commit)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _commit_by_growth(self) -> None:
        if self._is_btrfs:
            kernel.commit_btrfs(self._directory)
        else:
            os.pwrite(self._other, b"u", os.fstat(self._other).st_size)
            os.fsync(self._other)

    def _commit_by_mode(self) -> None:
        self._mode ^= 0o040
        os.fchmod(self._other, 0o600 | self._mode)
        os.fsync(self._other)

    def _write_back(self, *, is_waited: bool) -> None:
        for path in files_below(self.folder):
            file = os.open(path, os.O_RDWR)
            kernel.flush_range(file, is_waited=is_waited)
            os.close(file)


_ON_FILE: Final[dict[str, Callable[..., object]]] = {
    "write": lambda file, offset, data: os.pwrite(file, data, offset),
    "truncate": os.ftruncate,
    "sync": os.fsync,
    "datasync": os.fdatasync,
    "allocate": os.posix_fallocate,
    "reserve": kernel.reserve,
    "punch": kernel.punch,
    "flush_range": kernel.flush_range,
}
