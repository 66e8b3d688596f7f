"""Text for people: a trace line by line, and the losses of a crash.

Invariants
  1  a line of a trace begins with the index of its event, the number by which everything else names it
  2  tell_crash speaks of exactly the chains whose newest version did not survive
"""

from collections.abc import Sequence

from .disk.events import SYNC_KINDS, Event, EventKind
from .disk.paths import Paths
from .disk.trace import Trace
from .law.chains import NO_FILE, AnyChain, ChainKind
from .law.history import History, history_of
from .law.survival import Law, choose, history_under, names_of


def render_trace(trace: Trace, *, start: int = 0, stop: int | None = None, crash: int | None = None) -> str:
    """The events from start to stop, one a line; syncs stand out, a crash index is shown where it falls."""
    end = trace.check_index(len(trace) if stop is None else stop)
    paths = Paths(trace.initial, trace.events)
    lines = []
    for index in range(trace.check_index(start), end + 1):
        if index == crash:
            lines.append("~" * 12 + f" the power is cut: {index} events issued " + "~" * 12)
        if index < end:
            lines.append(_line(index, trace.events[index], paths))
    return "\n".join(lines)


def tell_crash(trace: Trace, index: int, digits: Sequence[int], law: str | Law) -> list[str]:
    """Say what did not survive, one line a chain: `log sector 3: version 1 of 2 (write #14 lost)`."""
    trace.check_index(index)
    history = history_under(history_of(trace), Law.of(law))
    choice = choose(history, index, digits, law)
    lines = []
    for chain in history.pending(index):
        if choice.get(chain, chain.legal(index)[-1]) < chain.legal(index)[-1]:
            lines.append(_loss(history, index, chain, choice[chain]))
    return lines


def _line(index: int, event: Event, paths: Paths) -> str:
    call = event.kind.name.lower()
    name = paths.path(event.name, index)
    match event.kind:
        case EventKind.WRITE | EventKind.READ:
            what = f"{name}  {event.offset}+{event.size}"
        case EventKind.TRUNCATE:
            what = f"{name}  to {event.size}"
        case EventKind.SIZE:
            what = f"{name}  {event.size}"
        case EventKind.LINK | EventKind.RENAME:
            what = f"{name or 'no name'} -> {paths.path(event.target, index)}"
        case EventKind.EXCHANGE:
            what = f"{name} <-> {paths.path(event.target, index)}"
        case EventKind.SYMLINK:
            what = f"{name} -> {event.target}"
        case EventKind.SYNC_NAMES | EventKind.LIST if event.inode:
            what = paths.folder(event.inode, index)
        case EventKind.MODE:
            what = f"{name}  {event.size:o}"
        case EventKind.MARK:
            what = f"{event.label}  {len(event.data)} bytes" if event.data else event.label
        case _:
            what = name
    if event.kind in (EventKind.READ, EventKind.SIZE) and event.inode == NO_FILE:
        what = f"{name}  absent"
    text = f"{index:6}  {call:<10}  {what}".rstrip()
    if event.label and event.kind is not EventKind.MARK:
        text = f"{text}  [{event.label}]"
    return f"{text}  {'=' * 12}" if event.kind in SYNC_KINDS else text


def _loss(history: History, index: int, chain: AnyChain, version: int) -> str:
    legal = chain.legal(index)
    lost = [chain.births[later] - 1 for later in range(version + 1, legal[-1] + 1)]
    events = ", ".join(
        f"{history.trace.events[event].kind.name.lower()} #{event}" for event in dict.fromkeys(lost)
    )
    if chain.kind is ChainKind.NAME:
        return (
            f"name {history.paths.path(chain.name, index)}: {_binding(index, chain, version)} ({events} lost)"
        )
    file = " or ".join(names_of(history, index, chain.inode))
    if chain.kind is ChainKind.SIZE:
        sizes = history.sizes[chain.inode].values
        return f"{file} size: {sizes[version]} instead of {sizes[legal[-1]]} ({events} lost)"
    return f"{file} sector {chain.sector}: version {version - legal[0]} of {len(legal) - 1} ({events} lost)"


def _binding(index: int, chain: AnyChain, version: int) -> str:
    before, after = chain.values[version], chain.values[chain.legal(index)[-1]]
    if before == NO_FILE:
        return "absent"
    return "present again" if after == NO_FILE else "the file it was before"
