"""Drawn programs: random ones of four to eight calls, on four names.

Every other program begins with a fifth name that no later call touches, and shortens its file: no other sync
brings that, so the content tells whether a commit was there, or a log alone.

Invariants
  1  a program is a function of its generator, and every call of it succeeds
  2  each write has a letter of its own, so a content says which writes it holds

Threads: pure.
"""

from random import Random
from string import ascii_uppercase
from typing import Final

from ..disk.device import FaultDevice
from .contents import parse
from .program import Call, Program

_NAMES: Final = ("a", "b", "old", "other")
_START: Final = "old=O*8192 other=X*4096"
_LETTERS: Final = [letter.encode() for letter in ascii_uppercase if letter not in "OX"]
_CALLS: Final = (
    "create", "write", "write", "append", "append", "over", "far", "truncate", "grow", "rename", "rename",
    "link", "remove", "sync", "sync", "datasync", "sync_names", "allocate", "write_through", "punch", "empty",
)  # fmt: skip
_ON_NAMES: Final = (
    "create", "create", "append", "rename", "rename", "rename", "link", "link", "remove", "remove", "sync",
    "sync", "datasync", "sync_names",
)  # fmt: skip


def draw(generator: Random) -> Program:
    """A program: of all calls, or, as often, above all of those on names."""
    words = generator.choice((_CALLS, _ON_NAMES))
    device = FaultDevice(parse(_START), record_reads=False)
    letters = list(_LETTERS)
    calls: list[Call] = []
    wanted = generator.randint(4, 8)
    while len(calls) < wanted:
        call = _call(generator.choice(words), device, letters, generator)
        if call is not None:
            call.tell_to(device)
            calls.append(call)
    if generator.random() < 0.5:
        return Program(_START, tuple(calls))
    return Program(f"{_START} third=T*100", (Call("truncate", ("third", 50)), *calls))


def _call(word: str, device: FaultDevice, letters: list[bytes], generator: Random) -> Call | None:
    """The call of a word on a file that is there; None where it has no sense now."""
    image = device.image()
    free = [name for name in _NAMES if name not in image.names]
    if word == "create":
        return Call(word, (generator.choice(free),)) if free else None
    if word == "sync_names" or not image.names:
        return Call("sync_names", ())
    name = generator.choice(sorted(image.names))
    size = len(image.files[image.names[name]])
    match word:
        case "sync" | "datasync" | "remove" | "empty":
            return Call(word, (name,))
        case "link":
            return Call(word, (name, generator.choice(free))) if free else None
        case "rename":
            new = generator.choice(_NAMES)
            return Call(word, (name, new)) if image.names.get(new) != image.names[name] else None
        case "truncate" if size:
            return Call(word, (name, generator.choice((0, size // 2, size // 4096 * 4096))))
        case "truncate":
            return None
        case "grow":
            return Call("truncate", (name, size + generator.choice((100, 4096, 9000))))
        case "allocate":
            return Call(word, (name, size, generator.choice((100, 4096, 12288))))
        case "punch":
            return Call(word, (name, 0, 4096)) if size > 4096 else None
    offset, lengths = {
        "write": (0, (100, 4096, 8192)),
        "append": (size, (100, 4096, 5000)),
        "over": (size // 2 // 512 * 512, (512,)),
        "far": (size + generator.choice((4096, 8192)), (100, 4096)),
        "write_through": (generator.choice((0, size)), (100, 4096)),
    }[word]
    data = letters.pop(0) * generator.choice(lengths)
    return Call(word if word == "write_through" else "write", (name, offset, data))
