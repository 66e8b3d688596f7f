"""Growing trees: random programs of four to eight calls on folders, and on the files in them.

Invariants
  1  a program is a function of its generator, and every call of it succeeds
  2  each write has a letter of its own

Threads: pure.
"""

from random import Random
from string import ascii_uppercase
from typing import Final

from ..disk.device import FaultDevice
from ..disk.tree import Kind
from .contents import parse
from .program import Call, Program

_START: Final = "a/ a/f=O*100 b/ f=X*100 m=T*100"
_CUT: Final = Call(
    "truncate", ("m", 50)
)  # No sync of a file or folder brings it: a commit is told from a log.
_FOLDERS: Final = ("a", "b", "a/d", "b/d")
_FILES: Final = ("f", "g", "a/f", "a/g", "b/f", "b/g", "a/d/f", "b/d/f")
_LETTERS: Final = [letter.encode() for letter in ascii_uppercase if letter not in "OXT"]
_WORDS: Final = (
    "create", "create", "make_folder", "make_folder", "remove_folder", "rename", "rename", "rename", "move",
    "move", "move", "link", "link", "remove", "symlink", "exchange", "write", "sync", "sync_folder",
    "sync_folder", "sync_names",
)  # fmt: skip


def grow(generator: Random) -> Program:
    """A program on folders; the first call shortens a file that no other call touches."""
    device = FaultDevice(parse(_START), record_reads=False)
    letters = _LETTERS
    calls = [_CUT]
    _CUT.tell_to(device)
    wanted = generator.randint(4, 8)
    while len(calls) <= wanted:
        call = _call(generator.choice(_WORDS), device, letters[0], generator)
        try:
            call.tell_to(device)
        except OSError:  # The tree is not so just now.
            continue
        calls.append(call)
        letters = letters[call.word == "write" :]
    return Program(_START, tuple(calls))


def _call(word: str, device: FaultDevice, letter: bytes, generator: Random) -> Call:
    paths = device.image().paths()
    files = [path for path, item in paths.items() if item.kind is Kind.FILE and path != "m"]
    one, other = generator.choice(files or ["f"]), generator.choice(_FILES)
    match word:
        case "create":
            return Call(word, (other,))
        case "make_folder" | "remove_folder" | "sync_folder":
            return Call(word, (generator.choice(_FOLDERS),))
        case "move":
            return Call("rename", (generator.choice(_FOLDERS), generator.choice(_FOLDERS)))
        case "rename" | "link":
            return Call(word, (one, other))
        case "exchange":
            return Call(
                word, (one, generator.choice([path for path in paths if path not in ("m", one)] or ["b"]))
            )
        case "symlink":
            return Call(word, ("m", other))
        case "write":
            return Call(word, (one, 0, letter * 100))
        case "sync_names":
            return Call(word, ())
        case _:
            return Call(word, (one,))
