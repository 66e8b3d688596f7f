"""Programs of the rig: a start, and calls that a real folder and a FaultDevice both carry out.

    old=O*8192 other=X*4096: create tmp; write tmp 0 N*8192; sync tmp; rename tmp old; sync_names

A call is a word and its arguments. The words of a Device are told to the FaultDevice as they are; the others
are of the kernel alone, and are told as what they mean to whoever reads the file:

    word           arguments         the kernel                          the device
    create         name              open(O_CREAT | O_EXCL)              create
    write          name offset runs  pwrite                              write
    truncate       name size         ftruncate                           truncate
    empty          name              open(O_TRUNC)                       truncate to 0
    sync           name              fsync                               sync
    datasync       name              fdatasync                           datasync
    sync_names                       fsync of the folder                 sync_names
    rename, link   old new           rename, link                        the same
    remove         name              unlink                              remove
    allocate       name offset size  posix_fallocate                     allocate
    write_through  name offset runs  pwrite, O_DSYNC                     write_through
    close          name              close                               -
    reserve        name offset size  fallocate(KEEP_SIZE)                -
    punch          name offset size  fallocate(PUNCH_HOLE)               write of zeros
    copy           old new size      copy_file_range from 0 to 0         write
    clone          old new           FICLONE                             write
    store          name offset runs  through a shared memory map         write
    msync          name              msync(MS_SYNC)                      datasync
    flush_range    name              sync_file_range, waited for         -
    sync_fails     name              fsync, no write of data succeeds    sync, which fails
    make_folder    name              mkdir                               make_folder
    remove_folder  name              rmdir                               remove_folder
    sync_folder    name              fsync of that folder                sync_names of it
    symlink        target name       symlink                             symlink
    exchange       old new           renameat2(RENAME_EXCHANGE)          exchange
    sync_all                         syncfs                              sync_all

A name is a path below the folder of the program: `a/b` is the name b in the folder a.

Invariants
  1  parse(str(program)) == program
  2  after `events(device, count)` the device has carried out the first `count` calls

Threads: values; pure.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..disk.device import FaultDevice
from ..disk.events import EventKind
from ..errors import ProgramError
from ..faults.plan import Effect, Fault, Plan
from ..faults.planned import PlannedDevice
from .contents import parse, parse_bytes, tell, tell_bytes

Argument = str | int | bytes


class Call(NamedTuple):
    """A word and its arguments: names, numbers, bytes."""

    word: str
    arguments: tuple[Argument, ...]

    def __str__(self) -> str:
        told = [tell_bytes(each) if isinstance(each, bytes) else str(each) for each in self.arguments]
        return " ".join([self.word, *told])

    def tell_to(self, device: FaultDevice) -> None:
        """Carries the call out on a device."""
        told = _TOLD[self.word]
        if told is not None:
            told(device, *self.arguments)


class Program(NamedTuple):
    """A content that stands there when it begins, in the notation of contents, and calls."""

    start: str
    calls: tuple[Call, ...]

    @classmethod
    def parse(cls, text: str) -> "Program":
        """The program of a text; ProgramError where it is none, or where its calls do not fit its start."""
        start, colon, rest = text.partition(":")
        if not colon:
            raise ProgramError(f"{text!r} has no start: a content and a colon stand before the calls")
        calls = tuple(parse_call(each.strip()) for each in rest.split(";") if each.strip())
        program = cls(tell(parse(start.strip())), calls)
        program.device(len(calls))
        return program

    def __str__(self) -> str:
        return f"{self.start}: {'; '.join(map(str, self.calls))}"

    def device(
        self, count: int | None = None, sector_bytes: int = 512, effect: Effect = Effect.KEPT
    ) -> FaultDevice:
        """A device that has carried out the first `count` calls (all if None); ProgramError if it cannot.

        `effect` is that of a sync that fails.
        """
        device = self._begun(sector_bytes, effect)
        for call in self.calls[:count]:
            try:
                call.tell_to(device)
            except OSError as error:
                raise ProgramError(f"{call}: {error.strerror}") from None
        return device

    def indices(self) -> list[int]:
        """The crash index after each number of calls: 0 after none."""
        device, found = self._begun(), [0]
        for call in self.calls:
            call.tell_to(device)
            found.append(len(device.trace))
        return found

    @property
    def has_failure(self) -> bool:
        """True if one of its syncs fails."""
        return any(call.word == "sync_fails" for call in self.calls)

    def _begun(self, sector_bytes: int = 512, effect: Effect = Effect.KEPT) -> FaultDevice:
        """A device with the start, and a plan of the syncs that fail."""
        image = parse(self.start)
        if not self.has_failure:
            return FaultDevice(image, sector_bytes=sector_bytes, record_reads=False)
        syncs = [call.word for call in self.calls if call.word in ("sync", "sync_fails")]
        fails = [number for number, word in enumerate(syncs) if word == "sync_fails"]
        plan = Plan(*(Fault(effect, EventKind.SYNC, number=number) for number in fails))
        return PlannedDevice(image, sector_bytes=sector_bytes, record_reads=False, plan=plan)


def parse_call(text: str) -> Call:
    """The call of a text; ProgramError if it is none."""
    word, *arguments = text.split()
    shape = _SHAPES.get(word)
    if shape is None:
        raise ProgramError(f"no word {word!r}: one of {', '.join(_SHAPES)}")
    kinds = shape.split()
    if len(kinds) != len(arguments):
        raise ProgramError(f"{text!r}: {word} takes {shape or 'nothing'}")
    parsed: list[Argument] = []
    for kind, argument in zip(kinds, arguments, strict=True):
        if kind == "runs":
            parsed.append(parse_bytes(argument))
        elif kind in ("offset", "size"):
            if not argument.isdecimal():
                raise ProgramError(f"{text!r}: {argument} is no {kind}")
            parsed.append(int(argument))
        else:
            parsed.append(argument)
    return Call(word, tuple(parsed))


_SHAPES = {
    "create": "name",
    "write": "name offset runs",
    "truncate": "name size",
    "empty": "name",
    "sync": "name",
    "datasync": "name",
    "sync_names": "",
    "rename": "old new",
    "link": "old new",
    "remove": "name",
    "allocate": "name offset size",
    "write_through": "name offset runs",
    "close": "name",
    "reserve": "name offset size",
    "punch": "name offset size",
    "copy": "old new size",
    "clone": "old new",
    "store": "name offset runs",
    "msync": "name",
    "flush_range": "name",
    "sync_fails": "name",
    "make_folder": "name",
    "remove_folder": "name",
    "sync_folder": "name",
    "symlink": "target name",
    "exchange": "old new",
    "sync_all": "",
}


def _copy(device: FaultDevice, old: str, new: str, size: int) -> None:
    device.write(new, 0, device.read(old)[:size])


def _clone(device: FaultDevice, old: str, new: str) -> None:
    device.write(new, 0, device.read(old))


def _punch(device: FaultDevice, name: str, offset: int, size: int) -> None:
    device.write(name, offset, bytes(max(0, min(size, device.size(name) - offset))))


def _fail(device: FaultDevice, name: str) -> None:
    try:
        device.sync(name)
    except OSError:
        return
    raise AssertionError("the plan has this sync fail")


def _empty(device: FaultDevice, name: str) -> None:
    device.truncate(name, 0)


# Typed loosely: the shapes above say which arguments each takes.
_TOLD: dict[str, Callable[..., object] | None] = {
    **{
        word: getattr(FaultDevice, word) for word in _SHAPES if hasattr(FaultDevice, word) and word != "close"
    },
    "empty": _empty,
    "close": None,
    "reserve": None,
    "punch": _punch,
    "copy": _copy,
    "clone": _clone,
    "store": FaultDevice.write,
    "msync": FaultDevice.datasync,
    "flush_range": None,
    "sync_fails": _fail,
    "sync_folder": FaultDevice.sync_names,
}
assert _TOLD.keys() == _SHAPES.keys()
