"""Idioms: the usual ways to replace a file and to append to one, each with what its user relies on.

    during    what the file may hold at every crash, from before the first call
    after     what it must hold once the last call has returned

An idiom is a program of the rig and of the simulator. It is safe under a law if no crash state of its trace
breaks the promise, and lost on a file system if some image did.

Threads: values, and pure.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ..law.survival import Law
from ..states.enumeration import crash_states
from .contents import is_failure, tell
from .evidence import Collection, Evidence
from .program import Program

ABSENT: Final = "absent"
_STATES: Final = 1 << 16


class Idiom(NamedTuple):
    """A way to do something: its program, the file that counts, and patterns of its runs.

    Without such a file the patterns are of the whole content.
    """

    name: str
    title: str
    program: Program
    file: str
    during: str
    after: str

    def breach(self, content: str, half_steps: Iterable[int]) -> str:
        """The state of the file where a content breaks the promise at one of the half steps, else nothing."""
        found = _state_of(content, self.file)
        last = 2 * len(self.program.calls)
        for step in half_steps:
            if not re.fullmatch(self.after if step == last else self.during, found):
                return found
        return ""


class Lost(NamedTuple):
    """A state of the file that breaks a promise, and how many images showed it."""

    state: str
    is_after: bool
    images: int


def lost_under(idiom: Idiom, law: Law) -> list[str]:
    """The states of the file, at sectors of 4096 bytes, that a law has and that break the promise, sorted.

    ValueError if the law has too many states to list them all.
    """
    trace = idiom.program.device(sector_bytes=4096).trace
    indices = idiom.program.indices()
    states = crash_states(trace, law, limit=_STATES)
    if states.completeness != "exhaustive":
        raise ValueError(f"{idiom.name} under {law}: {states.completeness}")
    found = set()
    for step in range(2 * len(idiom.program.calls) + 1):
        for index in range(indices[step // 2], indices[(step + 1) // 2] + 1):
            found |= {idiom.breach(tell(state.image), [step]) for state in states.at(index)}
    return sorted(found - {""})


def lost_on(idiom: Idiom, evidence: Evidence) -> Iterator[Lost]:
    """The states of the file that images showed and that break the promise, those of most images first."""
    last = 2 * len(idiom.program.calls)
    images: dict[tuple[str, bool], int] = {}
    for sighting in evidence.seen:
        for is_after in (True, False):
            steps = [step for step in sighting.half_steps() if (step == last) is is_after]
            state = idiom.breach(sighting.content, steps)
            if state:
                images[state, is_after] = images.get((state, is_after), 0) + sighting.images
                break
    for (state, is_after), count in sorted(images.items(), key=lambda each: (-each[1], each[0])):
        yield Lost(state, is_after, count)


def _state_of(content: str, file: str) -> str:
    if is_failure(content) or not file:
        return content
    parts = {}
    for part in content.split(" "):
        name, equals, runs = part.partition("=")
        if equals:
            parts[name] = runs or "empty"
        elif "~" in part:
            name, _, other = part.partition("~")
            parts[name] = parts[other]
    return parts.get(file, ABSENT)


def _idiom(name: str, title: str, program: str, file: str, during: str, after: str) -> Idiom:
    return Idiom(name, title, Program.parse(program), file, during, after)


_OLD: Final = "f=O*8192 g=X*4096"
_EITHER: Final = r"O\*8192|N\*8192"
_NEW: Final = r"N\*8192"
_PREFIX: Final = r"O\*8192(\+.*)?"  # Whatever follows, a checksum of the record must tell.
_GROWN: Final = r"O\*8192\+N\*4096"

IDIOMS: Final[dict[str, Idiom]] = {
    each.name: each
    for each in (
        _idiom(
            "replace",
            "Write a new file, sync it, rename it over the old one, sync the folder",
            f"{_OLD}: create t; write t 0 N*8192; sync t; rename t f; sync_names",
            "f",
            _EITHER,
            _NEW,
        ),
        _idiom(
            "replace-folder-only",
            "The same, and only the folder is synced",
            f"{_OLD}: create t; write t 0 N*8192; rename t f; sync_names",
            "f",
            _EITHER,
            _NEW,
        ),
        _idiom(
            "replace-file-only",
            "The same, and only the file is synced, before the rename",
            f"{_OLD}: create t; write t 0 N*8192; sync t; rename t f",
            "f",
            _EITHER,
            _NEW,
        ),
        _idiom(
            "rewrite",
            "Open with O_TRUNC, write, sync",
            f"{_OLD}: empty f; write f 0 N*8192; sync f",
            "f",
            _EITHER,
            _NEW,
        ),
        _idiom(
            "append",
            "Append, fdatasync; records carry checksums",
            f"{_OLD}: write f 8192 N*4096; datasync f",
            "f",
            _PREFIX,
            _GROWN,
        ),
        _idiom(
            "append-then-name",
            "Append without a sync, then sync a file that says how far it goes",
            f"{_OLD}: write f 8192 N*4096; write g 4096 Y*4096; sync g",
            "f",
            _PREFIX,
            _GROWN,
        ),
        _idiom(
            "append-allocated",
            "Make room with fallocate and sync it once; append into it, fdatasync",
            f"{_OLD}: allocate f 8192 8192; sync f; write f 8192 N*4096; datasync f",
            "f",
            _PREFIX,
            rf"{_GROWN}\+0\*4096",
        ),
        _idiom(
            "rotate",
            "Move the last log on, the log to its place, begin a new log, sync it",
            f"{_OLD}: rename g h; rename f g; create f; write f 0 N*8192; sync f",
            "",
            r"(.* )?\w=O\*8192( .*)?",
            r"f=N\*8192 g=O\*8192( .*)?",
        ),
    )
}

assert len(IDIOMS) == 8, "the page speaks of eight"


def law_rows(laws: Iterable[Law]) -> Iterator[str]:
    """A table of the idioms under laws: safe, or the shortest state that is lost."""
    laws = list(laws)
    yield f"| idiom | {' | '.join(f'`{law}`' for law in laws)} |"
    yield f"|---|{'---|' * len(laws)}"
    for idiom in IDIOMS.values():
        cells = []
        for law in laws:
            lost = lost_under(idiom, law)
            cells.append(f"lost: `{min(lost, key=lambda state: (len(state), state))}`" if lost else "safe")
        yield f"| `{idiom.name}` | {' | '.join(cells)} |"


def seen_rows(collections: Iterable[Collection]) -> Iterator[str]:
    """A table of the idioms on file systems: their images, and the most frequent state that is lost."""
    collections = list(collections)
    yield f"| idiom | {' | '.join(f'{each.title}' for each in collections)} |"
    yield f"|---|{'---|' * len(collections)}"
    for idiom in IDIOMS.values():
        cells = [_seen(idiom, each.programs[str(idiom.program)]) for each in collections]
        yield f"| `{idiom.name}` | {' | '.join(cells)} |"


def _seen(idiom: Idiom, evidence: Evidence) -> str:
    lost = list(lost_on(idiom, evidence))
    if not lost:
        return f"safe in {evidence.images}"
    after = [each for each in lost if each.is_after]
    worst = (after or lost)[0]
    count = sum(each.images for each in lost)
    return f"lost in {count} of {evidence.images}: `{worst.state}` {'after' if after else 'before'} the end"
