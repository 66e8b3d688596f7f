"""One crash state as a picture (SVG): device calls in time, what survived filled, what was lost hollow.

Each file has a lane, and the names in each folder have one. A call that changed something is a box in its
lane, in the order of time; a sync is a wall through the lane of what it made durable. A call that has lost a
part of its sectors, size and names is filled in part.

Invariants
  1  the picture is a function of its arguments: equal trace, crash and remarks, equal text
  2  a box is hollow iff of each chain that the call moved an earlier version survived; filled iff of none
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from .disk.events import NAME_KINDS, SYNC_KINDS, Event, EventKind
from .disk.paths import Paths
from .disk.places import split
from .disk.trace import Trace
from .law.chains import AnyChain
from .law.history import history_of
from .law.survival import Law, choose, history_under

__all__ = ["picture", "survival"]

_NAMES = "names"
_SILENT = {EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK, EventKind.FAULT, EventKind.MODE}
_LEFT, _TOP, _COLUMN, _LANE, _BOX = 160, 64, 42, 38, 22  # Pixels.
_WALL = _LANE // 2 - 2
_STYLE = (
    "text{font:13px ui-monospace,monospace;fill:#57606a}.lane{stroke:#d0d7de}"
    ".kept{fill:#2da44e;stroke:#2da44e}.lost{fill:none;stroke:#cf222e;stroke-dasharray:3 2}"
    ".wall{stroke:#57606a;stroke-width:5}"
    ".told{stroke:#0969da;stroke-dasharray:2 3}.cut{stroke:#cf222e;stroke-width:3}"
    "text.told{fill:#0969da;stroke:none}text.cut{fill:#cf222e;stroke:none}"
)


def picture(
    trace: Trace,
    index: int,
    digits: Sequence[int],
    law: str | Law,
    *,
    start: int = 0,
    remarks: Mapping[int, str] | None = None,
    below: Sequence[str] = (),
) -> str:
    """The state that a power cut at `index` leaves, as SVG text.

    `start` is the first call shown; `remarks` says what was told after so many calls (an acknowledgement);
    `below` are lines of text under the picture. Costs O(events).
    Raises CrashIndexError for an index that the trace does not have, UnknownLawError.
    """
    trace.check_index(index)
    shown = [each for each in range(start, index) if trace.events[each].kind not in _SILENT]
    paths = Paths(trace.initial, trace.events)
    lane_of = {each: _lane(trace.events[each], each, paths) for each in shown}
    lanes = list(dict.fromkeys([_NAMES, *lane_of.values()]))
    kept, lost = survival(trace, index, digits, law)
    place = {each: _LEFT + _COLUMN * number + _COLUMN // 2 for number, each in enumerate(shown)}
    end = _LEFT + _COLUMN * len(shown) + _COLUMN // 2
    bottom = _TOP + _LANE * len(lanes)
    width, height = end + 110, bottom + 34 + 20 * len(below)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(f'What a power cut after {index} device calls leaves, law {law}')}</title>",
        f"<style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="18">device calls in time, from left to right</text>',
    ]
    for number, lane in enumerate(lanes):
        y = _TOP + _LANE * number + _LANE // 2
        parts.append(f'<text x="8" y="{y + 4}">{escape(lane)}</text>')
        parts.append(f'<line class="lane" x1="{_LEFT}" y1="{y}" x2="{end}" y2="{y}"/>')
    for each in shown:
        event = trace.events[each]
        y = _TOP + _LANE * lanes.index(lane_of[each]) + _LANE // 2
        walls = (_TOP, bottom) if event.kind is EventKind.SYNC_ALL else (y - _WALL, y + _WALL)
        what = _told(event, each, paths)
        parts += _call(event, what, place[each], y, walls, kept[each], lost[each])
    for index, text in sorted((remarks or {}).items()):
        x = max((place[each] for each in shown if each < index), default=_LEFT) + _COLUMN // 2
        parts.append(f'<line class="told" x1="{x}" y1="44" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text class="told" x="{x}" y="40" text-anchor="end">{escape(text)}</text>')
    parts.append(f'<line class="cut" x1="{end}" y1="44" x2="{end}" y2="{bottom}"/>')
    parts.append(f'<text class="cut" x="{end + 6}" y="{_TOP + 12}">power cut</text>')
    parts += _legend(bottom + 22)
    for number, line in enumerate(below, start=1):
        parts.append(f'<text x="8" y="{bottom + 22 + 20 * number}">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _lane(event: Event, index: int, paths: Paths) -> str:
    """The file that an event concerns, or the names of its folder; of all, those of the root."""
    if event.kind in NAME_KINDS:
        folder = split(event.target if event.kind is EventKind.LINK else event.name)[0]
    elif event.kind in (EventKind.SYNC_NAMES, EventKind.SYNC_ALL):
        folder = event.inode
    else:
        return paths.path(event.name, index) or f"file {event.inode}"
    return f"{_NAMES} in {paths.folder(folder, index)}" if folder else _NAMES


def _told(event: Event, index: int, paths: Paths) -> str:
    is_text = event.kind is EventKind.SYMLINK
    target = event.target if is_text else paths.path(event.target, index)
    name = paths.path(event.name, index)
    return " ".join(part for part in (str(index), event.kind.name.lower(), name, target, event.label) if part)


def survival(
    trace: Trace, index: int, digits: Sequence[int], law: str | Law
) -> tuple[Counter[int], Counter[int]]:
    """For each event the number of chains that kept, and that lost, what it gave them. Invariant 2."""
    history = history_under(history_of(trace), Law.of(law))
    choice = choose(history, index, digits, law)
    kept, lost = Counter[int](), Counter[int]()
    every: list[AnyChain] = [*history.sizes.values(), *history.names.values()]
    every += [chain for sectors in history.sectors.values() for chain in sectors.values()]
    for chain in every:
        newest = chain.legal(index)[-1]
        survivor = choice.get(chain, newest)
        for version in range(1, newest + 1):
            (kept if version <= survivor else lost)[chain.births[version] - 1] += 1
    return kept, lost


def _call(
    event: Event, what: str, x: int, y: int, walls: tuple[int, int], kept: int, lost: int
) -> Iterator[str]:
    yield f"<g><title>{escape(what)}</title>"
    if event.kind in SYNC_KINDS:
        yield f'<line class="wall" x1="{x}" y1="{walls[0]}" x2="{x}" y2="{walls[1]}"/>'
    else:
        left, top = f'x="{x - _BOX // 2}" width="{_BOX}"', y - _BOX // 2
        filled = _BOX * kept // (kept + lost) if kept + lost else _BOX
        if filled:
            yield f'<rect class="kept" {left} y="{top + _BOX - filled}" height="{filled}"/>'
        if lost:
            yield f'<rect class="lost" {left} y="{top}" height="{_BOX}"/>'
    yield "</g>"


def _legend(y: int) -> Iterator[str]:
    yield f'<rect class="kept" x="{_LEFT}" y="{y - 11}" width="12" height="12"/>'
    yield f'<text x="{_LEFT + 20}" y="{y}">survived</text>'
    yield f'<rect class="lost" x="{_LEFT + 110}" y="{y - 11}" width="12" height="12"/>'
    yield f'<text x="{_LEFT + 130}" y="{y}">lost</text>'
    yield f'<line class="wall" x1="{_LEFT + 190}" y1="{y - 12}" x2="{_LEFT + 190}" y2="{y + 2}"/>'
    yield f'<text x="{_LEFT + 200}" y="{y}">sync</text>'
