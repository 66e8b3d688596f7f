"""The law: what a power cut at an index of a trace may leave behind.

Each law says how many digits a crash has and what they choose (the clauses of FAULTS.md):

    posix       one digit a pending chain: sectors by (inode, sector), then sizes by inode, then names   F14
    strict      none: every chain at its floor                                                           F15
    prefix      one: how many of the pending steps, counted from the last issued, are lost               F16
    pagecache   one: how many pages of the last event are lost                                           F17

Survivors are those digits, counted from the newest: 0 is the dullest, everything survived. Any sequence of
integers is a legal choice: what is too large is clamped, what is negative or missing is 0, what is too much
is ignored.

Invariants
  1  the image of any (index, digits) under a law is legal under that law; each legal image has such a pair
  2  strict <= prefix <= posix and pagecache <= posix, at every index, as sets of contents
  3  a pending rename moves both its names or neither (F12)

Threads: pure; a trace that grows meanwhile is read up to the index only.

Sources: the version-vector form of the crash-state algebra (order ideals of chains). Where we differ: a
rename is one step of two chains, so the ideals of names are those of a small partial order instead of a
product.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from .chains import NO_FILE, AnyChain, ChainKind, History, Step
from .errors import UnknownLawError
from .image import Image
from .trace import Trace

Survivors: TypeAlias = tuple[int, ...]
Choice: TypeAlias = dict[AnyChain, int]  # A version for each pending chain; all others have only one.


class Law(StrEnum):
    """The laws, by the names that results and tapes carry."""

    POSIX = "posix"
    STRICT = "strict"
    PREFIX = "prefix"
    PAGECACHE = "pagecache"

    @classmethod
    def of(cls, name: "str | Law") -> "Law":
        """The law of this name; UnknownLawError if there is none."""
        try:
            return cls(name)
        except ValueError:
            raise UnknownLawError(f"no law {name!r}: one of {', '.join(cls)}") from None


class ChainInfo(msgspec.Struct, frozen=True):
    """One digit described: how many values it has and what they mean.

    `kind` is sector, size, name, prefix or pages. `values` is how many digits mean something different: 0 to
    values - 1.
    `events[d]` is the index of the event that is the first one lost when digit d + 1 is chosen.
    """

    kind: str
    names: tuple[str, ...]
    inode: int
    sector: int
    values: int
    events: tuple[int, ...]


def survivor_image(trace: Trace, index: int, digits: Sequence[int], law: str | Law) -> Image:
    """The image that survives a power cut at this index. Costs O(events); see `choose` for many of one
    trace."""
    history = History(trace)
    return image_of(history, trace.check_index(index), choose(history, index, digits, law))


def chains(trace: Trace, index: int, law: str | Law) -> list[ChainInfo]:
    """What each digit at this index stands for, in order."""
    history, law = History(trace), Law.of(law)
    trace.check_index(index)
    if law is Law.POSIX:
        return [_describe(history, index, chain) for chain in history.pending(index)]
    if law is Law.PREFIX:
        events = tuple(step.birth - 1 for step in reversed(history.pending_steps(index)))
        return [ChainInfo("prefix", (), 0, 0, len(events) + 1, events)] if events else []
    if law is Law.PAGECACHE and (pages := page_count(history, index)):
        return [ChainInfo("pages", (), 0, 0, pages + 1, (index - 1,) * pages)]
    return []


def choose(history: History, index: int, digits: Sequence[int], law: str | Law) -> Choice:
    """The version of each pending chain that these digits choose."""
    law = Law.of(law)
    first = max(0, digits[0]) if digits else 0
    if law is Law.POSIX:
        return _choose_posix(history, index, digits)
    if law is Law.PAGECACHE:
        kept = max(0, page_count(history, index) - first)
        lost = [step for step in history.steps_of(index) if step.page >= kept]
        choice: Choice = {chain: chain.legal(index)[-1] for chain in history.pending(index)}
        for step in lost:
            for chain, _ in step.moves:
                choice[chain] -= 1
        return choice
    choice = {chain: chain.legal(index)[0] for chain in history.pending(index)}
    if law is Law.PREFIX:
        steps = history.pending_steps(index)
        for step in steps[: max(0, len(steps) - first)]:
            choice.update(step.moves)
    return choice


def page_count(history: History, index: int) -> int:
    """In how many pieces the event before this index may be cut short by a kill; 0 if it changed nothing."""
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
                closed.setdefault(chain, chain.legal(index)[0])
    return closed


def image_of(history: History, index: int, choice: Mapping[AnyChain, int]) -> Image:
    """The image of a choice; a chain that the choice leaves out is at its newest version."""
    names = {}
    for name in sorted(history.names):
        chain = history.names[name]
        inode = chain.values[choice.get(chain, chain.legal(index)[-1])]
        if inode != NO_FILE:
            names[name] = inode
    return Image(
        names, {inode: file_bytes(history, index, inode, choice) for inode in sorted(set(names.values()))}
    )


def file_bytes(history: History, index: int, inode: int, choice: Mapping[AnyChain, int]) -> bytes:
    """One file of a choice: as many bytes as the chosen size, each from its sector's chosen version, else
    zero."""
    chain = history.sizes[inode]
    size = chain.values[choice.get(chain, chain.legal(index)[-1])]
    buffer = bytearray(history.trace.initial.files.get(inode, b"")[:size])
    buffer.extend(bytes(size - len(buffer)))
    width = history.sector_bytes
    for sector, versions in history.sectors[inode].items():
        start = sector * width
        if start < size:
            value = versions.values[choice.get(versions, versions.legal(index)[-1])]
            # A version is short where the file ended when it was made; past its end the sector holds zeros.
            buffer[start : start + width] = value.ljust(width, b"\0")[: size - start]
    return bytes(buffer)


def _choose_posix(history: History, index: int, digits: Sequence[int]) -> Choice:
    choice: Choice = {}
    for position, chain in enumerate(history.pending(index)):
        digit = max(0, digits[position]) if position < len(digits) else 0
        legal = chain.legal(index)
        choice[chain] = max(legal[0], legal[-1] - digit)
    choice.update(close_names(history, history.pending_name_steps(index), index, choice))
    return choice


def _describe(history: History, index: int, chain: AnyChain) -> ChainInfo:
    legal = chain.legal(index)
    events = tuple(chain.births[version] - 1 for version in reversed(legal[1:]))
    if chain.kind is ChainKind.NAME:
        return ChainInfo("name", (chain.name,), 0, 0, len(legal), events)
    names = names_of(history, index, chain.inode)
    return ChainInfo(chain.kind.name.lower(), names, chain.inode, chain.sector, len(legal), events)


def names_of(history: History, index: int, inode: int) -> tuple[str, ...]:
    """Every name under which a crash at this index may show the file."""
    found = []
    for name, chain in sorted(history.names.items()):
        if any(chain.values[version] == inode for version in chain.legal(index)):
            found.append(name)
    return tuple(found)
