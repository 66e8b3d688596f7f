"""Evidence: the contents that real file systems showed after a power cut, program by program.

It is kept as JSON, one line a program, below a head that says how it came about; no image is kept. A content
stands there with the half steps (see `epochs`) at which some image with it may have been found: it was seen,
so a law that holds for the file system must allow it there.

Invariants
  1  merging is a union: the order in which recordings come in does not matter, but for the examples
  2  load(save(evidence)) == evidence, and equal evidence has equal bytes

Threads: pure, but for reading the kept files.
"""

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

DRAWN: Final = "drawn "  # Begins the name of a drawn program.
KEPT: Final = files(__package__) / "kept"
_WORD: Final = re.compile(r"[A-Za-z0-9_^]+")


class Sighting(msgspec.Struct, array_like=True):
    """One content: the runs of half steps, how many images showed it, and the first of them in words."""

    content: str
    steps: list[tuple[int, int]]
    images: int
    example: str

    def half_steps(self) -> Iterator[int]:
        """Every half step, in order."""
        for first, last in self.steps:
            yield from range(first, last + 1)


class Evidence(msgspec.Struct, array_like=True):
    """One program on one file system: its recordings, its images, and every content that they showed.

    `unmounted` of the images that were torn at 512 bytes could not be mounted: that is counted, and no
    content. An image torn nowhere that cannot be mounted is told as one, and no law has it.
    """

    name: str
    program: str
    recordings: int
    images: int
    unmounted: int
    seen: list[Sighting]

    @property
    def is_drawn(self) -> bool:
        """True if a generator made the program: it was tried once, with one noise at most."""
        return self.name.startswith(DRAWN)

    def merge(self, other: "Evidence") -> None:
        """Takes in what another run of the same program showed. Invariant 1."""
        self.recordings += other.recordings
        self.images += other.images
        self.unmounted += other.unmounted
        known = {sighting.content: sighting for sighting in self.seen}
        for sighting in other.seen:
            mine = known.get(sighting.content)
            if mine is None:
                self.seen.append(sighting)
                continue
            mine.steps = union([*mine.steps, *sighting.steps])
            mine.images += sighting.images
        self.seen.sort(key=lambda sighting: sighting.content)


class New(msgspec.Struct):
    """A content that was not seen before of its program."""

    name: str
    program: str
    content: str


class Head(msgspec.Struct):
    """The line above all others: the file system, the kernel, the tools, and the seed of what was tried."""

    file_system: str
    mkfs: str
    mount: str
    kernel: str
    tools: str
    seed: int


class Collection(msgspec.Struct):
    """The evidence about one file system with one set of options, by program."""

    head: Head
    programs: dict[str, Evidence]

    def add(self, evidence: Evidence) -> None:
        """Takes in what a recording showed."""
        known = self.programs.get(evidence.program)
        if known is None:
            self.programs[evidence.program] = evidence
        else:
            known.merge(evidence)

    @property
    def title(self) -> str:
        """The file system with its options."""
        return " ".join(filter(None, (self.head.file_system, self.head.mkfs, self.head.mount)))

    def count(self, what: str) -> int:
        """The sum over all programs of `recordings`, `images` or `unmounted`."""
        return sum(getattr(each, what) for each in self.programs.values())

    @property
    def contents(self) -> int:
        """The number of contents seen, summed over programs."""
        return sum(len(each.seen) for each in self.programs.values())


def union(steps: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of half steps, in order and apart."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(steps):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def save(collection: Collection) -> bytes:
    """The lines of a kept file: the head, then each program, in order. Invariant 2."""
    programs = sorted(collection.programs.values(), key=lambda each: (each.name, each.program))
    return b"\n".join(map(msgspec.json.encode, (collection.head, *programs))) + b"\n"


def load(data: bytes) -> Collection:
    """The evidence of a kept file; msgspec.DecodeError if it is none."""
    head, *lines = data.splitlines()
    decoder = msgspec.json.Decoder(Evidence)
    programs = [decoder.decode(line) for line in lines]
    return Collection(msgspec.json.decode(head, type=Head), {each.program: each for each in programs})


def keep(collection: Collection, folder: Path | None = None, *, is_part: bool = False) -> Path:
    """Writes a collection in the place of what was kept of the same file system and options.

    A part takes the place of its own programs only.
    """
    folder = Path(str(KEPT)) if folder is None else folder
    path = folder / f"{'-'.join(_WORD.findall(collection.title))}.jsonl"
    if is_part and path.exists():
        collection = Collection(collection.head, load(path.read_bytes()).programs | collection.programs)
    path.write_bytes(save(collection))
    return path


def new_in(collection: Collection, known: Iterable[Collection]) -> list[New]:
    """The contents of a collection that the kept one of its file system and options does not have."""
    found: list[New] = []
    for other in known:
        if other.title == collection.title:
            for each in collection.programs.values():
                before = other.programs.get(each.program)
                if before is not None:
                    contents = {sighting.content for sighting in before.seen}
                    new = [sighting.content for sighting in each.seen if sighting.content not in contents]
                    found += [New(each.name, each.program, text) for text in new]
    return found


def kept() -> list[Collection]:
    """All evidence that stands in the package, by the names of its files."""
    found = sorted(KEPT.iterdir(), key=lambda path: path.name)
    return [load(path.read_bytes()) for path in found if path.name.endswith(".jsonl")]
