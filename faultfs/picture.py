"""One crash state as a picture (SVG): device calls in time, what survived filled, what was lost hollow.

Each file has a lane, and the folder's names have one. A call that changed something is a box in its lane, in
the order of time; a sync is a wall through the lane of what it made durable. A call that has lost a part of
its sectors, size and names is filled in part.

Invariants
  1  the picture is a function of its arguments: equal trace, crash and remarks, equal text
  2  a box is hollow iff of each chain that the call moved an earlier version survived; filled iff of none
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from .disk.events import SYNC_KINDS, Event, EventKind
from .disk.trace import Trace
from .law.chains import AnyChain
from .law.history import history_of
from .law.survival import Law, choose, history_under

__all__ = ["picture"]

_NAMES = "names"
_OF_NAMES = {EventKind.CREATE, EventKind.REMOVE, EventKind.LINK, EventKind.RENAME, EventKind.SYNC_NAMES}
_SILENT = {EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK, EventKind.FAULT}
_LEFT, _TOP, _COLUMN, _LANE, _BOX = 160, 64, 42, 38, 22  # Pixels.
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
    lanes = [_NAMES, *dict.fromkeys(_lane(trace.events[each]) for each in shown)]
    lanes = list(dict.fromkeys(lanes))
    kept, lost = _survival(trace, index, digits, law)
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
        y = _TOP + _LANE * lanes.index(_lane(event)) + _LANE // 2
        parts += _call(event, each, place[each], y, kept[each], lost[each])
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


def _lane(event: Event) -> str:
    return _NAMES if event.kind in _OF_NAMES else event.name


def _survival(
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


def _call(event: Event, index: int, x: int, y: int, kept: int, lost: int) -> Iterator[str]:
    what = " ".join(part for part in (event.kind.name.lower(), event.name, event.target, event.label) if part)
    yield f"<g><title>{escape(f'{index} {what}')}</title>"
    if event.kind in SYNC_KINDS:
        half = _LANE // 2 - 2
        yield f'<line class="wall" x1="{x}" y1="{y - half}" x2="{x}" y2="{y + half}"/>'
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
