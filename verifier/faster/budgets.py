"""Budgets: which settings a store can have, and how memory is spent, value by value held against rules.

    settings   every field with every value around its edges, the other fields as they are
    flush      the same of a flush worker's
    memory     what an opening with so much memory has; where it is refused, the number that the refusal names
               is enough, and one less is not

Threads: none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from powercut.engine import (
    BehindTail,
    FasterKv,
    FlushSettings,
    OlderThan,
    Settings,
    SettingsError,
    ToReadOnly,
)
from powercut.engine.settings import plan_memory
from powercut.faultfs import FaultDevice

from .stepped import SteppedRuntime

__all__ = ["asked_flush_settings", "asked_memory", "asked_settings"]

Asked = tuple[list[object], list[object]]  # What was expected, and what was found.
_REFUSED: Final = "refused"
_SECTOR: Final = 512
_SIZES: Final = ("write_unit", "extent_bytes", "page_bytes", "segment_bytes", "write_bytes")
_BASE: Final[dict[str, Any]] = {
    "write_unit": 1024,
    "extent_bytes": 2048,
    "page_bytes": 4096,
    "segment_bytes": 8192,
    "write_bytes": 4096,
    "hash_mask": 5,
    "ring_pages": 4,
    "index_buckets": 2,
}
_VALUES: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(
        _SIZES,
        (
            *(0, 1, -512, 256, 511, 512, 513, 768, 1024, 2048, 4096, 8192, 16384, 512.0, "512", True, None),
            *(1 << 25, 1 << 26, 1 << 46, 1 << 47),
        ),
    ),
    "hash_mask": (0, 1, -1, (1 << 64) - 1, 1 << 64, 1.0, None, True),
    "ring_pages": (None, 0, 1, 2, 3, 4, -2, 2.0, True),
    "index_buckets": (None, 0, 1, 2, 3, -1, 1.0, True),
}


def _is_power(value: Any, least: int) -> bool:
    return type(value) is int and value in {1 << bit for bit in range(64)} and value >= least


def _is_fine(given: dict[str, Any]) -> bool:
    sizes = [given[name] for name in _SIZES]
    if not all(_is_power(size, _SECTOR) for size in sizes):
        return False
    unit, extent, page, segment, write = sizes
    return (
        unit <= extent <= page <= segment
        and page <= 2**25
        and segment <= 2**46
        and write <= 2**46
        and type(given["hash_mask"]) is int
        and given["hash_mask"] in range(2**64)
        and (given["ring_pages"] is None or _is_power(given["ring_pages"], 2))
        and (given["index_buckets"] is None or _is_power(given["index_buckets"], 1))
    )


def _made(given: dict[str, Any]) -> object:
    try:
        made = Settings(**given)
    except SettingsError:
        return _REFUSED
    return made.persisted(), made.piece_bytes


def asked_settings() -> Asked:
    """Settings, one field at a time, and pages of every size under segments of every size."""
    asked = [_BASE | {name: value} for name, values in _VALUES.items() for value in values]
    powers = [1 << bit for bit in (9, 10, 25, 26, 46, 47)]
    asked += [_BASE | {"page_bytes": page, "segment_bytes": most} for page, most in product(powers, powers)]
    asked += [
        dict.fromkeys(_SIZES, size) | {name: _BASE[name] for name in _VALUES if name not in _SIZES}
        for size in powers
    ]
    expected: list[object] = []
    for given in asked:
        unit, extent, page, segment, write = (given[name] for name in _SIZES)
        told = (page, segment, unit, extent, given["hash_mask"])
        expected.append((told, sorted((extent, write, segment))[1]) if _is_fine(given) else _REFUSED)
    return expected, [_made(given) for given in asked]


# -- the flush worker ----------------------------------------------------------------------------------

_NUMBERS: Final = (0, 0.0, 1e-9, 0.05, 0.1, 1, 5, -1, -0.5, float("nan"), float("inf"), "1", None, True, 1j)
_ABOVE: Final = ("threshold_seconds", "interval", "retry_least", "retry_most")
_SHARES: Final = ("hysteresis", "elevated", "high", "critical")
_FLUSH: Final[dict[str, Any]] = {
    "threshold_bytes": 1,
    "threshold_pages": 1,
    "threshold_seconds": 1.0,
    "interval": 1.0,
    "hysteresis": 0.1,
    "elevated": 0.2,
    "high": 0.4,
    "critical": 0.6,
    "slow_seconds": 0.5,
    "retry_least": 0.05,
    "retry_most": 5.0,
}
_TARGETS: Final = (ToReadOnly(), BehindTail(1), OlderThan(1), ToReadOnly, 5, "x", None)


def _is_number(value: Any, *, is_zero_fine: bool) -> bool:
    if type(value) not in (int, float) or not value < float("inf"):
        return False
    return bool(value >= 0 if is_zero_fine else value > 0)


def _flushes(given: dict[str, Any]) -> bool:
    return (
        type(given.get("enabled", True)) is bool
        and type(given.get("target", ToReadOnly())) in (ToReadOnly, BehindTail, OlderThan)
        and all(
            type(given[name]) is int and given[name] > 0 for name in ("threshold_bytes", "threshold_pages")
        )
        and all(_is_number(given[name], is_zero_fine=False) for name in _ABOVE)
        and all(_is_number(given[name], is_zero_fine=True) for name in (*_SHARES, "slow_seconds"))
        and given["hysteresis"] < given["elevated"] < given["high"] < given["critical"] <= 1
        and given["retry_least"] <= given["retry_most"]
    )


def asked_flush_settings() -> Asked:
    """Settings of a flush worker, one field at a time, and two shares that are equal; lags and ages."""
    asked = [_FLUSH | {name: value} for name in _FLUSH for value in _NUMBERS]
    asked += [_FLUSH | {one: _FLUSH[other]} for one, other in product(_SHARES, _SHARES)]
    asked += [_FLUSH | {"critical": share} for share in (0.999, 1.0, 1.001)]
    asked += [_FLUSH | {"retry_least": least} for least in (4.9, 5.0, 5.1)]
    asked += [_FLUSH | {"target": target} for target in _TARGETS]
    asked += [_FLUSH | {"enabled": flag} for flag in (True, False, None, 0, 1)]
    expected: list[object] = [given if _flushes(given) else _REFUSED for given in asked]
    found = [_told(given) for given in asked]
    for lag in (0, 1, -1, 1.0, "1", None, True):
        expected.append(lag if type(lag) is int and lag >= 0 else _REFUSED)
        found.append(_attempt(lambda lag=lag: BehindTail(lag).lag_bytes))
    for seconds in _NUMBERS:
        expected.append(seconds if _is_number(seconds, is_zero_fine=False) else _REFUSED)
        found.append(_attempt(lambda seconds=seconds: OlderThan(seconds).seconds))
    return expected, found


def _told(given: dict[str, Any]) -> object:
    def told() -> object:
        made = FlushSettings(**given)
        return {name: getattr(made, name) for name in given}

    return _attempt(told)


def _attempt(call: Any) -> object:
    try:
        return call()
    except SettingsError:
        return _REFUSED


# -- memory --------------------------------------------------------------------------------------------

_BUCKET: Final = 64
_PLANS: Final[tuple[dict[str, int], ...]] = (
    *({}, {"ring_pages": 2}, {"ring_pages": 8}, {"index_buckets": 1}, {"index_buckets": 16}),
    {"ring_pages": 4, "index_buckets": 4},
)
_PAGES: Final = (512, 4096)
_MEMORY: Final = (
    *(0, -1, 1, 64, 255, 256, 257, 511, 512, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 5000, 8192),
    *(16383, 16384, 16385, 65536, 100_000, 1 << 20, 1 << 21, 1 << 22, 1 << 25),
)
_LEASTS: Final = (0, 1, 4, 64)
_CACHES: Final = (0, 1024, 3000)  # A read cache goes first, and what is left is planned as it would be alone.


def _floor(value: int) -> int:
    """The largest power of two that is no more, 0 for none."""
    return max((1 << bit for bit in range(64) if 1 << bit <= value), default=0)


def _planned(given: dict[str, int], page: int, memory: int, least: int) -> object:
    """Half for the ring, a quarter for main buckets, up to a quarter more than those for overflow. Of more
    than 4,096 main buckets that nobody fixed there are a quarter to begin with, 4,096 at least.
    """
    if memory <= 0:
        return _REFUSED
    own, ring = given.get("index_buckets"), given.get("ring_pages")
    share = own or _floor(memory // 4 // _BUCKET)
    most = max(share, least)
    index = most + 64 + (4 * most if own else most + most // 4)
    room = memory // 2
    if not own and least > share:
        room = min(room, memory - index * _BUCKET)
    if not most or room < (0 if ring else 2 * page):
        return _REFUSED
    first = share if own or share <= 4096 else max(4096, share // 4)
    buckets = max(first, least)
    return ring or _floor(room // page), buckets, index - buckets, most


def _named(error: SettingsError) -> int | None:
    """The number of bytes that a refusal names; None: it names none."""
    found = re.search(r"expected at least (\d+)", str(error))
    return None if found is None else int(found[1])


def _budgets() -> Iterator[tuple[dict[str, int], int, int, int, int]]:
    yield from product(_PLANS, _PAGES, _MEMORY, _LEASTS, _CACHES)


def asked_memory() -> Asked:
    """Plans for so much memory, and a few stores that are opened with it."""
    expected: list[object] = []
    found: list[object] = []
    for given, page, memory, least, cache in _budgets():
        settings = Settings(page, page, 512, 512, **given)
        expected.append(_planned(given, page, memory - cache, least))
        try:
            found.append(tuple(plan_memory(settings, memory, least, cache)))
        except SettingsError as error:
            found.append(_REFUSED)
            if (enough := _named(error)) is not None and not given.get("index_buckets"):
                expected.append((True, False))
                tried = (_is_enough(settings, each, least, cache) for each in (enough, enough - 1))
                found.append(tuple(tried))
    for memory in (4096, 20_000, 1 << 20):
        planned = _planned({}, 512, memory, 0)
        assert isinstance(planned, tuple)
        expected.append((planned[0] * 512, planned[1] * _BUCKET))
        settings = Settings(512, 512, 512, 512)
        opened: dict[str, Any] = {
            "settings": settings,
            "memory": memory,
            "runtime": SteppedRuntime(),
            "kernels": "interpreted",
        }
        with FasterKv.open(FaultDevice(), create=True, **opened) as store:
            stats = store.stats()
        found.append((stats.ring_bytes, stats.index_bytes))
    return expected, found


def _is_enough(settings: Settings, memory: int, least: int, cache: int) -> bool:
    try:
        plan_memory(settings, memory, least, cache)
    except SettingsError:
        return False
    return True
