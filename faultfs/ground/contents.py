"""Contents as text: the names of a disk, with the bytes of each file as runs.

    old=O*8192+N*100 other=X*4096 third~old         three names, of which the first and the last share a file
    old=                                            an empty file
    a/ a/f=N*100 a/b/ l->old                        folders, a file in one of them, a symbolic link to `old`
    -                                               no name at all

A run is a byte and how often it stands there: a letter or a digit of 1 to 9 for itself, 0 for the zero byte,
any other in angle brackets, in hexadecimal. What could not be mounted or read is told as `!` and a reason: it
is no content, and no law has it.

Invariants
  1  parse(tell(image)) == image, and tell(parse(text)) == text for every text that tell makes
  2  equal images have equal texts

Threads: pure.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import groupby

from ..disk.image import Image
from ..disk.places import ROOT, key_of
from ..disk.tree import Item, Kind
from ..errors import ProgramError

NOTHING = "-"
_SHAPE = re.compile(r"(.*?)(->|=|~|/? )(.*?) ?", re.DOTALL)
FAILURE = "!"


def tell(image: Image) -> str:
    """The text of a content. Invariants 1 and 2."""
    return " ".join(tell_items(image.paths())) or NOTHING


def tell_items(paths: Mapping[str, Item]) -> Iterator[str]:
    """The text of each path, in order."""
    first: dict[int, str] = {}
    for path, (kind, inode, data) in sorted(paths.items()):
        if kind is Kind.FOLDER:
            yield f"{path}/"
        elif first.setdefault(inode, path) != path:
            yield f"{path}~{first[inode]}"
        else:
            yield f"{path}->{data.decode()}" if kind is Kind.LINK else f"{path}={tell_bytes(data)}"


def parse(text: str) -> Image:
    """The content of a text; ProgramError if it is none."""
    paths: dict[str, int] = {}
    names: dict[str, int] = {}
    files: dict[int, bytes] = {}
    folders, links = set[int](), dict[int, str]()
    for number, part in enumerate(() if text == NOTHING else text.split(" "), 1):
        path, target, runs = _SHAPE.fullmatch(part + " ").groups()  # type: ignore[union-attr]
        if part.endswith("/"):
            folders.add(number)
        elif target == "->":
            links[number] = runs
        elif target == "=":
            files[number] = parse_bytes(runs)
        elif target != "~" or runs not in paths:
            raise ProgramError(f"{part!r} is no file, and shares none that stands before it")
        above, slash, name = path.rpartition("/")
        if slash and paths.get(above) not in folders:
            raise ProgramError(f"{part!r} is in no folder that stands before it")
        paths[path] = paths[runs] if target == "~" else number
        names[key_of(paths[above] if slash else ROOT, name)] = paths[path]
    return Image(names, files, folders, links)


def is_failure(text: str) -> bool:
    """True if the text tells why there is no content."""
    return text.startswith(FAILURE)


def tell_bytes(data: bytes) -> str:
    """The runs of some bytes."""
    return "+".join(f"{_tell_byte(byte)}*{len(list(run))}" for byte, run in _runs(data))


def parse_bytes(text: str) -> bytes:
    """The bytes of some runs; ProgramError if they are none."""
    parts = []
    for run in text.split("+") if text else ():
        byte, star, count = run.rpartition("*")
        if not star or not count.isdecimal():
            raise ProgramError(f"{run!r} is no run of bytes: a letter, *, a number")
        parts.append(_parse_byte(byte) * int(count))
    return b"".join(parts)


def _runs(data: bytes) -> "groupby[int, int] | list[tuple[int, bytes]]":
    if data and data.count(data[:1]) == len(data):
        return [(data[0], data)]  # Most files are one run.
    return groupby(data)


def _tell_byte(byte: int) -> str:
    if byte == 0:
        return "0"
    letter = chr(byte)
    return letter if letter.isascii() and letter.isalnum() and letter != "0" else f"<{byte:02x}>"


def _parse_byte(text: str) -> bytes:
    if text == "0":
        return b"\0"
    if len(text) == 1 and text.isascii() and text.isalnum():
        return text.encode()
    if len(text) == 4 and text[0] == "<" and text[3] == ">":
        try:
            return bytes([int(text[1:3], 16)])
        except ValueError:
            pass
    raise ProgramError(f"{text!r} is no byte: a letter, a digit, or <hexadecimal>")
