"""Cutting the power of a load's disk, afterwards and at many calls; what is left is proved by value.

    recovered  a new store on what the law leaves at a call. Its newest checkpoint has the N(s) that the load
               was told for this version, and no less than was acknowledged by that call
    content    exactly the stamps 1 .. N(s) of each writer, each once, in the order in which the load's own
               store had them at its end (`oracles.columns`)
    readers    a read that is of version v, for it is one of the first N(r) of its reader, has seen no stamp
               of v + 1, for every checkpoint that was told

Threads: one; the load's have ended.
Source: CPR (Prasaad et al., SIGMOD 2019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from powercut.engine import EngineError, FasterKv
from powercut.engine.compiler.compilation import available
from powercut.faultfs import EventKind, FaultDevice, History, Image, Law, survivor_image
from powercut.faultfs.law.survival import choose, image_of

from ...oracles.columns import Content, judge_columns
from ...oracles.columns import History as Rows
from ...tapes.tape import Kind
from ...verdict import OK, Breach, Unknown, Verdict, Violation
from .load import SETTINGS, WRITERS, Load, Loaded, Words, run_load

__all__ = [
    "Searched",
    "columns",
    "cut_load",
    "judge_load",
    "judge_readers",
    "judge_told",
    "rows_of",
    "search_load",
]

WORD_BYTES: Final = 8
_WAYS: Final = ("nothing is lost", "drawn", "strict")  # What is left of what was not synced.


@dataclass(slots=True)
class Searched:
    """The verdict on a load, and what it came to."""

    verdict: Verdict
    reached: Counter[str] = field(default_factory=Counter)


def search_load(
    seed: str, operations: int, checkpoints: int, cuts: int, *, kernels: str, deadline: float
) -> Searched:
    """Run a load, then judge it and so many power cuts. Unknown where kernels or time are missing."""
    if kernels == "compiled" and not available():
        return Searched(Unknown("no compiled kernels: pip install 'powercut[speed]'"))
    loaded = run_load(Load(seed, operations, checkpoints, deadline, kernels))
    if loaded.errors:
        return Searched(_blame(loaded.errors[0]))
    if loaded.unknown:
        return Searched(Unknown(loaded.unknown))
    verdict, reached = judge_load(loaded, cuts, seed, kernels)
    reached["operations"] += WRITERS * operations
    reached["checkpoints"] += len(loaded.acks)
    reached["flushes of the worker"] += loaded.flushed
    reached["told to who waits"] += len(loaded.waits)
    return Searched(verdict, reached)


def _blame(error: BaseException) -> Verdict:
    """The verdict for the first error of a thread. Raises it where it is no error of the store."""
    if isinstance(error, EngineError):
        return Violation("model", Breach.ERROR, f"{type(error).__name__}: {error}")
    raise error


def judge_load(loaded: Loaded, cuts: int, seed: str, kernels: str) -> tuple[Verdict, Counter[str]]:
    """Judge what the load was told, its content at the end, and so many power cuts."""
    reached: Counter[str] = Counter()
    rows = rows_of(loaded.keys, loaded.content)
    if isinstance(rows, Violation):
        return rows, reached
    verdict: Verdict = judge_told(loaded)
    if verdict == OK:
        everything = {number: len(keys) for number, keys in enumerate(loaded.keys)}
        content = columns(loaded.content)
        verdict = content if isinstance(content, Violation) else judge_columns(rows, {}, everything, content)
    if verdict == OK:
        verdict = judge_readers(loaded, reached)
    return (verdict, reached) if verdict != OK else cut_load(loaded, rows, cuts, seed, kernels, reached)


def judge_told(loaded: Loaded) -> Verdict:
    """Judge the checkpoints that were told: all that had ended before, nothing that was not issued."""
    before: dict[str, int] = {}
    for acked in loaded.acks:
        serials = acked.point.serials
        for name, least in acked.least.items():
            count = serials.get(name, 0)
            if not max(least, before.get(name, 0)) <= count <= acked.issued[name]:
                detail = f"{name}: reported {count}, expected {least} to {acked.issued[name]}"
                return Violation("serials", Breach.WRONG_SERIAL, detail)
        before = serials
    return OK


def judge_readers(loaded: Loaded, reached: Counter[str]) -> Verdict:
    """Require that no read of a version has seen a stamp of the next one (P6)."""
    for read in loaded.reads:
        content = columns(read.values)
        if isinstance(content, Violation):
            return content
        reached["values read"] += len(read.values)
        serials = content.keys.astype(np.int64) + read.first  # Of the read that saw each stamp.
        for acked in loaded.acks:
            bound = acked.point.serials.get(read.reader, 0)
            if bound < read.first:
                continue
            most = np.array([acked.point.serials.get(f"s{each}", 0) for each in range(WRITERS)], np.int64)
            late = (serials <= bound) & (content.serials > most[content.sessions])
            if late.any():
                at = int(np.flatnonzero(late)[0])
                detail = (
                    f"{read.reader} #{serials[at]} of version {acked.point.version.counter} saw "
                    f"s{content.sessions[at]} #{content.serials[at]} of a later one"
                )
                return Violation("prefix", Breach.PHANTOM, detail)
            reached["stamps seen by readers"] += len(serials)
            break  # Of later checkpoints it is one as well, with bounds no less.
    return OK


def cut_load(
    loaded: Loaded, rows: Rows, cuts: int, seed: str, kernels: str, reached: Counter[str]
) -> tuple[Verdict, Counter[str]]:
    """Cut the power at so many calls; the first violation."""
    random = Random(f"{seed}:cuts")
    history = History(loaded.device.trace)
    for number, index in enumerate(_indices(loaded, cuts, random)):
        way = _WAYS[number % len(_WAYS)]
        image = _left(loaded, history, index, way, random)
        verdict = _judge_cut(loaded, rows, index, image, kernels, reached)
        if isinstance(verdict, Violation):
            where = f"cut at call {index} of {len(loaded.device.trace)}, {way}: {verdict.detail}"
            return Violation(verdict.oracle, verdict.breach, where), reached
        reached["cuts"] += 1
    return OK, reached


def _indices(loaded: Loaded, cuts: int, random: Random) -> list[int]:
    """Half of them around the syncs of roots, where a checkpoint comes to count; the others anywhere."""
    events = loaded.device.trace.events
    roots = [
        at
        for at, event in enumerate(events)
        if event.kind is EventKind.SYNC and event.name.startswith("root")
    ]
    drawn = [random.choice(roots) + random.choice((0, 1)) for _ in range(cuts // 2)]
    return sorted(drawn + [random.randrange(len(events) + 1) for _ in range(cuts - len(drawn))])


def _left(loaded: Loaded, history: History, index: int, way: str, random: Random) -> Image:
    trace = loaded.device.trace
    if way == "strict":
        return survivor_image(trace, index, (), Law.STRICT)
    digits: Sequence[int] = ()
    if way == "drawn":
        digits = [random.choice((0, 0, 1, 2, 9)) for _ in history.pending(index)]
    return image_of(history, index, choose(history, index, digits, Law.POSIX))


def _judge_cut(
    loaded: Loaded, rows: Rows, index: int, image: Image, kernels: str, reached: Counter[str]
) -> Verdict:
    try:
        with FasterKv.open(FaultDevice(image), create=True, settings=SETTINGS, kernels=kernels) as store:
            serials, newest = store.serials(), store.newest
            images = {each.verdict for each in store.findings if each.file.startswith("index-")}
            with store.session("judge") as session:
                values = session.read_many(np.arange(len(loaded.content), dtype=np.uint64))
            store.close(checkpoint=False)
    except EngineError as error:
        return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}")
    if images - {"accepted"}:
        return Violation("structure", Breach.BROKEN_INVARIANT, f"an image of the index is {sorted(images)}")
    reached["from an image"] += bool(images)
    told = {acked.point.version: acked.point.serials for acked in loaded.acks}
    if newest is not None and newest.version in told and serials != told[newest.version]:
        detail = f"version {newest.version.counter} was told with {told[newest.version]}, it has {serials}"
        return Violation("serials", Breach.WRONG_SERIAL, detail)
    content = columns(values)
    if isinstance(content, Violation):
        return content
    recovered = {number: serials.get(f"s{number}", 0) for number in range(WRITERS)}
    reached["with a checkpoint"] += newest is not None
    reached["operations proved"] += sum(recovered.values())
    return judge_columns(rows, _acked_by(loaded, index), recovered, content)


def _acked_by(loaded: Loaded, index: int) -> dict[int, int]:
    """The least of each writer that has to be there: what checkpoints told, and who waited for it."""
    least = dict.fromkeys(range(WRITERS), 0)
    told = [(acked.at, name, count) for acked in loaded.acks for name, count in acked.point.serials.items()]
    for at, name, serial in (*told, *loaded.waits):
        if at <= index and name.startswith("s"):
            least[int(name[1:])] = max(least[int(name[1:])], serial)
    return least


def columns(values: Sequence[bytes | None]) -> Content | Violation:
    """The stamps in these values; keys are places in the list."""
    sizes = np.array([len(value or b"") for value in values], np.int64)
    if (sizes % WORD_BYTES).any():
        at = int(np.flatnonzero(sizes % WORD_BYTES)[0])
        return Violation("prefix", Breach.WRONG_VALUE, f"key {at} has {sizes[at]} bytes: no stamps")
    words = np.frombuffer(b"".join(value or b"" for value in values), np.uint64)
    keys: NDArray[np.uint32] = np.repeat(np.arange(len(values), dtype=np.uint32), sizes // WORD_BYTES)
    sessions = words >> np.uint64(32)
    if (sessions >= WRITERS).any():
        at = int(np.flatnonzero(sessions >= WRITERS)[0])
        return Violation("prefix", Breach.WRONG_VALUE, f"key {keys[at]} holds {words[at]:016x}: no stamp")
    return Content(keys, sessions.astype(np.uint8), (words & np.uint64(0xFFFFFFFF)).astype(np.uint32))


def rows_of(taken: Sequence[Words], values: Sequence[bytes | None]) -> Rows | Violation:
    """All appends to the keys that each writer took, those of a key in the order of their stamps there."""
    content = columns(values)
    if isinstance(content, Violation):
        return content
    counts = np.array([len(keys) for keys in taken])
    starts = np.cumsum(counts) - counts
    sessions = np.repeat(np.arange(WRITERS, dtype=np.uint8), counts)
    serials = np.concatenate([np.arange(1, count + 1, dtype=np.uint32) for count in counts])
    keys = np.concatenate(taken).astype(np.uint32)
    is_known = (content.serials > 0) & (content.serials <= counts[content.sessions])
    places = (starts[content.sessions] + content.serials.astype(np.int64) - 1)[is_known]
    ranks = np.full(len(keys), len(keys), np.int64)
    ranks[places] = np.arange(len(places))
    order = np.argsort(ranks, kind="stable")
    kinds = np.full(len(keys), int(Kind.RMW), np.uint8)
    return Rows(sessions[order], serials[order], kinds, keys[order])
