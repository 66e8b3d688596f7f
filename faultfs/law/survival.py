"""The law: the images that a power cut at an index of a trace may leave.

Each law says how many digits a crash has and what they choose (the clauses of FAULTS.md):

    posix       one digit a pending chain: sectors by (inode, sector), then sizes by inode, then names   F14
    posix_split the same, but a rename and a removal are in parts, with versions of their own  F29 to F31
    posix_garbage   the same as posix, and sectors may be torn, or hold garbage                          F44
    ext4, ext4_ordered, xfs, btrfs
                sectors, then sizes, then one: how many points, counted from the newest, that have been
                committed are lost                                                   F26 to F28, F40 to F43
    strict      none: every chain at its floor                                                           F15
    prefix      one: how many of the pending steps, counted from the last issued, are lost               F16
    pagecache   one: how many pages of the last event are lost                                           F17
    lazyfs      one a file with unsynced data, by inode: whether they are lost                           F32

Survivors are those digits, counted from the newest: 0 is the dullest, everything survived. Any sequence of
integers is a legal choice: what is too large is clamped, what is negative or missing is 0, what is too much
is ignored.

Invariants
  1  the image of any (index, digits) under a law is legal under that law; each legal image has such a pair
  2  strict <= prefix <= posix <= posix_split, ext4_ordered <= ext4, and pagecache, ext4, xfs, btrfs, lazyfs
     <= posix <= posix_garbage, at every index, as sets of contents
  3  a pending rename moves both its names or neither, unless a log untied it (F12) or under `posix_split`

Threads: pure; a trace that grows meanwhile is read up to the index only.

Sources: the version-vector form of the crash-state algebra (order ideals of chains). Where we differ: a
rename is one step of two chains, so the ideals of names are those of a small partial order instead of a
product.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from ..disk.image import Image
from ..disk.trace import Trace
from ..errors import UnknownLawError
from .chains import NO_FILE, AnyChain, ChainKind, Step
from .committed import journal_of
from .history import History, history_of
from .journal import RULES, TO_JOURNAL

Survivors: TypeAlias = tuple[int, ...]
Choice: TypeAlias = dict[AnyChain, int]  # A version for each pending chain; all others have only one.


class Law(StrEnum):
    """The laws, by the names that results and tapes carry."""

    POSIX = "posix"
    STRICT = "strict"
    PREFIX = "prefix"
    PAGECACHE = "pagecache"
    POSIX_SPLIT = "posix_split"
    EXT4 = "ext4"
    LAZYFS = "lazyfs"
    EXT4_ORDERED = "ext4_ordered"
    XFS = "xfs"
    BTRFS = "btrfs"
    POSIX_GARBAGE = "posix_garbage"

    @classmethod
    def of(cls, name: "str | Law") -> "Law":
        """The law of this name; UnknownLawError if there is none."""
        try:
            return cls(name)
        except ValueError:
            raise UnknownLawError(f"no law {name!r}: one of {', '.join(cls)}") from None


# The laws under which each pending chain has a digit of its own.
PRODUCTS = frozenset({Law.POSIX, Law.POSIX_SPLIT, Law.POSIX_GARBAGE})


class ChainInfo(msgspec.Struct, frozen=True):
    """One digit described: how many values it has and what they mean.

    `kind` is sector, size, name, journal, prefix, pages or data. `values` is how many digits mean something
    different: 0 to values - 1.
    `events[d]` is the index of the event that is the first one lost when digit d + 1 is chosen.
    """

    kind: str
    names: tuple[str, ...]
    inode: int
    sector: int
    values: int
    events: tuple[int, ...]


def survivor_image(trace: Trace, index: int, digits: Sequence[int], law: str | Law) -> Image:
    """The image that survives a power cut at this index. Costs O(events), again of the same trace less."""
    history = history_of(trace)
    return image_of(history, trace.check_index(index), choose(history, index, digits, law))


def chains(trace: Trace, index: int, law: str | Law) -> list[ChainInfo]:
    """The chain of each digit at this index, in order."""
    trace.check_index(index)
    return chains_at(history_of(trace), index, Law.of(law))


def chains_at(history: History, index: int, law: Law) -> list[ChainInfo]:
    """The same of a history that there is already."""
    history = history_under(history, law)
    if law in PRODUCTS:
        window = history.at(index)
        return [_describe(history, index, chain, window.legal[chain]) for chain in window.pending]
    if law in RULES:
        return _describe_journal(history, index, law)
    if law is Law.LAZYFS:
        return _describe_data(history, index)
    if law is Law.PREFIX:
        events = tuple(step.birth - 1 for step in reversed(history.pending_steps(index)))
        return [ChainInfo("prefix", (), 0, 0, len(events) + 1, events)] if events else []
    if law is Law.PAGECACHE and (pages := page_count(history, index)):
        return [ChainInfo("pages", (), 0, 0, pages + 1, (index - 1,) * pages)]
    return []


def choose(history: History, index: int, digits: Sequence[int], law: str | Law) -> Choice:
    """The version of each pending chain that these digits choose.

    Under `posix_split` the chains are those of `history.torn`, under `posix_garbage` of `history.garbled`.
    """
    law = Law.of(law)
    first = max(0, digits[0]) if digits else 0
    if law in PRODUCTS:
        return _choose_posix(history_under(history, law), index, digits)
    if law in RULES:
        return _choose_journalled(history, index, digits, law)
    if law is Law.LAZYFS:
        return _choose_lazyfs(history, index, digits)
    if law is Law.PAGECACHE:
        kept = max(0, page_count(history, index) - first)
        lost = [step for step in history.steps_of(index) if step.page >= kept]
        window = history.at(index)
        choice: Choice = {chain: window.legal[chain][-1] for chain in window.pending}
        for step in reversed(lost):
            choice.update((chain, chain.before(version)) for chain, version in step.moves)
        return choice
    window = history.at(index)
    choice = {chain: chain.settled(window.legal[chain][0]) for chain in window.pending}
    if law is Law.PREFIX:
        steps = history.pending_steps(index)
        for step in steps[: max(0, len(steps) - first)]:
            choice.update(step.moves)
    return choice


def digits_of(
    history: History, index: int, choice: Mapping[AnyChain, int], law: Law, cut: int = 0
) -> Survivors:
    """The digits of a choice under `posix`, `posix_split` or, with a prefix, a law with a journal.

    No zeros at the end.
    """
    legal, digits = history.at(index).legal, []
    journal = journal_of(history, law) if law in RULES else None
    for chain in history.pending(index) if journal is None else journal.pending(index):
        newest = legal[chain][-1]
        digits.append(newest - choice.get(chain, newest))
    if journal is not None:
        names = {chain: version for chain, version in choice.items() if chain.kind is ChainKind.NAME}
        digits.append(journal.points(index) - 1 - journal.place(index, cut, names))
    while digits and not digits[-1]:
        digits.pop()
    return tuple(digits)


def history_under(history: History, law: Law) -> History:
    """The history whose chains the law speaks of."""
    if law is Law.POSIX_GARBAGE:
        return history.garbled
    return history.torn if law is Law.POSIX_SPLIT else history


def lost_data(history: History, index: int, inode: int) -> Choice:
    """The versions of a file's chains where it lost its unsynced data and kept its metadata (F32)."""
    lost: Choice = {}
    window = history.at(index)
    for chain in history.file_chains(inode):
        legal = window.legal[chain]
        version = legal[-1]
        while version > legal[0] and history.trace.events[chain.births[version] - 1].kind not in TO_JOURNAL:
            version -= 1
        version = chain.settled(version)
        is_same = chain.kind is ChainKind.SIZE and chain.values[version] == chain.values[legal[-1]]
        if version < legal[-1] and not is_same:
            lost[chain] = version
    return lost


def named_now(history: History, index: int) -> list[int]:
    """The inodes that have a name if nothing was lost, ascending."""
    legal = history.at(index).legal
    newest = [(name, chain.values[legal[chain][-1]]) for name, chain in history.ordered_names]
    return sorted(history.forest.bound([each for each in newest if each[1] != NO_FILE]).files)


def page_count(history: History, index: int) -> int:
    """The number of pieces in which a kill may leave the event before this index; 0 if it changed nothing."""
    steps = history.steps_of(index)
    return steps[-1].page + 1 if steps else 0


def close_names(history: History, steps: list[Step], index: int, choice: Mapping[AnyChain, int]) -> Choice:
    """The largest legal state of names within a choice: a step whose names cannot all have it is lost whole.

    Invariant 3. `steps` are the pending steps on names; the result has a version for each name they move.
    """
    closed: Choice = {}
    blocked: set[AnyChain] = set()
    for step in steps:
        fits = all(chain not in blocked and choice[chain] >= version for chain, version in step.moves)
        for chain, version in step.moves:
            if fits:
                closed[chain] = version
            else:
                blocked.add(chain)
                closed.setdefault(chain, history.at(index).legal[chain][0])
    return closed


def image_of(history: History, index: int, choice: Mapping[AnyChain, int]) -> Image:
    """The image of a choice; a chain that the choice leaves out is at its newest version."""
    if choice:
        history = history.owner(next(iter(choice)))
    bindings, legal = [], history.at(index).legal
    for name, chain in history.ordered_names:
        inode = chain.values[choice[chain] if chain in choice else legal[chain][-1]]
        if inode != NO_FILE:
            bindings.append((name, inode))
    bound = history.forest.bound(bindings)
    files = {inode: file_bytes(history, index, inode, choice) for inode in sorted(bound.files)}
    return Image.under(history.forest, bound.bindings, files)


def file_bytes(history: History, index: int, inode: int, choice: Mapping[AnyChain, int]) -> bytes:
    """One file of a choice: as many bytes as the chosen size, each from its sector's chosen version, else
    zero."""
    chain, legal = history.sizes[inode], history.at(index).legal
    size = chain.values[choice[chain] if chain in choice else legal[chain][-1]]
    initial = history.trace.initial.files.get(inode, b"")
    if size == len(initial) and not history.sectors[inode]:
        return initial  # The same object: what is kept of its hash is found again.
    buffer = bytearray(initial[:size])
    buffer.extend(bytes(size - len(buffer)))
    width = history.sector_bytes
    for sector, versions in history.sectors[inode].items():
        start = sector * width
        if start < size:
            value = versions.values[choice[versions] if versions in choice else legal[versions][-1]]
            # A version is short where the file ended when it was made; past its end the sector holds zeros.
            buffer[start : start + width] = value.ljust(width, b"\0")[: size - start]
    return bytes(buffer)


def _choose_posix(history: History, index: int, digits: Sequence[int]) -> Choice:
    choice: Choice = {}
    window = history.at(index)
    for position, chain in enumerate(window.pending):
        digit = max(0, digits[position]) if position < len(digits) else 0
        legal = window.legal[chain]
        choice[chain] = max(legal[0], legal[-1] - digit)
    if window.name_steps:
        choice.update(close_names(history, window.name_steps, index, choice))
    return choice


def _choose_journalled(history: History, index: int, digits: Sequence[int], law: Law) -> Choice:
    journal = journal_of(history, law)
    pending = journal.pending(index)
    wanted = {chain: max(0, digit) for chain, digit in zip(pending, digits, strict=False)}
    lost = max(0, digits[len(pending)]) if len(digits) > len(pending) else 0
    cut, names = journal.point(index, max(0, journal.points(index) - 1 - lost))
    choice: Choice = dict(names)
    window = history.at(index)
    for inode in journal.reachable(index):
        sizes, allowed = history.sizes[inode], journal.sizes(index, inode, cut)
        size = window.legal[sizes][-1] - wanted.get(sizes, 0)
        choice[sizes] = size = max((each for each in allowed if each <= size), default=allowed[0])
        narrowed = journal.narrowed(index, inode, size, cut)
        for number, sector in history.sectors[inode].items():
            legal = window.legal[sector]
            left = narrowed.get(number, legal)
            choice[sector] = min(max(left[0], legal[-1] - wanted.get(sector, 0)), left[-1])
    return choice


def _choose_lazyfs(history: History, index: int, digits: Sequence[int]) -> Choice:
    window = history.at(index)
    choice: Choice = {chain: window.legal[chain][-1] for chain in window.pending}
    dirty = [lost for inode in named_now(history, index) if (lost := lost_data(history, index, inode))]
    for lost, digit in zip(dirty, digits, strict=False):
        if digit > 0:
            choice.update(lost)
    return choice


def _describe_journal(history: History, index: int, law: Law) -> list[ChainInfo]:
    journal = journal_of(history, law)
    pending = journal.pending(index)
    described = [_describe(history, index, chain, journal.span(index, chain)) for chain in pending]
    if (points := journal.points(index)) > 1:
        cuts = [journal.point(index, place)[0] for place in range(points - 1, 0, -1)]
        events = tuple(journal.births[max(0, cut - 1)] - 1 for cut in cuts)
        described.append(ChainInfo("journal", (), 0, 0, points, events))
    return described


def _describe_data(history: History, index: int) -> list[ChainInfo]:
    described = []
    for inode in named_now(history, index):
        if lost := lost_data(history, index, inode):
            first = min(chain.births[version + 1] - 1 for chain, version in lost.items())
            described.append(ChainInfo("data", names_of(history, index, inode), inode, 0, 2, (first,)))
    return described


def _describe(history: History, index: int, chain: AnyChain, legal: range) -> ChainInfo:
    events = tuple(chain.births[version] - 1 for version in reversed(legal[1:]))
    if chain.kind is ChainKind.NAME:
        return ChainInfo("name", (history.paths.path(chain.name, index),), 0, 0, len(legal), events)
    names = names_of(history, index, chain.inode)
    return ChainInfo(chain.kind.name.lower(), names, chain.inode, chain.sector, len(legal), events)


def names_of(history: History, index: int, inode: int) -> tuple[str, ...]:
    """Every name under which a crash at this index may show the file."""
    found = []
    for name, chain in history.ordered_names:
        if any(chain.values[version] == inode for version in chain.legal(index)):
            found.append(history.paths.path(name, index))
    return tuple(found)
