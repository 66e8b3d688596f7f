"""Contents as text: the names of a disk, with the bytes of each file as runs.

    old=O*8192+N*100 other=X*4096 third~old         three names, of which the first and the last share a file
    old=                                            an empty file
    -                                               no name at all

A run is a byte and how often it stands there: a letter or a digit of 1 to 9 for itself, 0 for the zero byte,
any other in angle brackets, in hexadecimal. What could not be mounted or read is told as `!` and a reason: it
is no content, and no law has it.

Invariants
  1  parse(tell(image)) == image, and tell(parse(text)) == text for every text that tell makes
  2  equal images have equal texts

Threads: pure.
"""

from itertools import groupby

from ..disk.image import Image
from ..errors import ProgramError

NOTHING = "-"
FAILURE = "!"


def tell(image: Image) -> str:
    """The text of a content. Invariants 1 and 2."""
    groups = image.groups()
    told = []
    for name, inode in sorted(image.names.items()):
        first = groups[inode][0]
        told.append(f"{name}={tell_bytes(image.files[inode])}" if name == first else f"{name}~{first}")
    return " ".join(told) or NOTHING


def parse(text: str) -> Image:
    """The content of a text; ProgramError if it is none."""
    names: dict[str, int] = {}
    files: dict[int, bytes] = {}
    for part in () if text == NOTHING else text.split(" "):
        name, equals, runs = part.partition("=")
        if equals:
            names[name] = len(files) + 1
            files[names[name]] = parse_bytes(runs)
            continue
        name, _, other = part.partition("~")
        if other not in names:
            raise ProgramError(f"{part!r} is no file, and shares none that stands before it")
        names[name] = names[other]
    return Image(names, files)


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
