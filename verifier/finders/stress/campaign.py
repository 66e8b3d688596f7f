"""A campaign of stress: rounds of several lives of one store each, until every amount of work is reached.

Each round begins with a fresh device, and geometries and mixes take turns. The switch interval of the
interpreter is SWITCH_SECONDS meanwhile, so that sessions are interrupted anywhere.

What the threads do depends on how they are scheduled: a seed gives other choices, not the same run.

Invariants
  1  a life ends after so many operations, and a campaign after so much of each amount: on a slow machine both
     end later, and have done no less
  2  an amount is a count that grows with the work; what only some schedules bring about, as retries, is told
     and is none
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from time import monotonic
from typing import Final

from powercut.engine import MemoryDevice, Settings
from powercut.engine.compiler.compilation import CompilationError, available, load_compiled

from ...faster.stepped import SteppedRuntime
from ...verdict import OK, Unknown, Verdict
from .amounts import AMOUNTS
from .ledger import Ledger
from .life import HANG_SECONDS, Life, live
from .limited import WeekSize, recorded
from .logged import LogLife, live_log
from .week import Week
from .writer import Mix

__all__ = ["MIXES", "STRESSED", "Campaign", "run_log_stress", "run_stress", "run_week_stress"]

SWITCH_SECONDS: Final = 1e-5
LIVES: Final = 3  # In a round: two recoveries, the second of a store with a void range.
AUDITED: Final = 5  # One round in so many is short enough for the engine's own audit.
AUDITED_APPENDS: Final = 4_000
LOG_ENTRIES: Final = 5_000  # Of one life.

_LARGE: Final = {"page_bytes": 1 << 16, "segment_bytes": 1 << 22, "write_unit": 512, "extent_bytes": 1 << 16}
_SMALL: Final = {"page_bytes": 1 << 14, "segment_bytes": 1 << 20, "write_unit": 512, "extent_bytes": 1 << 12}
# Small rings are about as large as the lists alone, so that many an append has to ask the device.
STRESSED: Final = (
    Settings(**_SMALL, ring_pages=16, index_buckets=64),
    # A ring that holds all lists several times over: more is done, and more of it in place.
    Settings(**_LARGE, ring_pages=32, index_buckets=64),
    Settings(**_SMALL, ring_pages=8, index_buckets=2, hash_mask=63 << 58 | 1),  # Keys share chains.
)
# Appends, which are read, changed in Python, and written back; and kernels at work for as long as can be, so
# that two of them really are at once.
MIXES: Final = (
    Mix(
        lists=200,
        sums=24,
        registers=24,
        burst=8,
        blind=64,
        batch=64,
        written=64,
        width=0,
        early=8,
        weights=(4, 16, 1, 1, 1, 1, 1),
        operations=28_000,
    ),
    Mix(
        lists=16,
        sums=8,
        registers=8,
        burst=4,
        blind=64,
        batch=1024,
        written=256,
        width=32,
        early=8,
        weights=(1, 1, 1, 24, 3, 1, 3),
        operations=1_200_000,
    ),
)


@dataclass(slots=True)
class Campaign:
    """The outcome of a campaign."""

    verdict: Verdict = OK
    reached: Counter[str] = field(default_factory=Counter)
    mixes: Sequence[Mix] = ()
    _list_operations: int = 0  # Of rounds with the first mix.
    _list_copied: int = 0

    def settle(self, number: int, seen: Counter[str]) -> None:
        """Take in what a life has reached, and the share of its operations that ended in a copy."""
        self.reached.update(seen)
        if number % len(self.mixes):
            return
        for name in ("appends", "added", "upserts", "deletes", "reads"):
            self._list_operations += seen[name]
        self._list_copied += seen["copied"]
        self.reached["percent copied"] = 100 * self._list_copied // max(1, self._list_operations)

    def missing(self, amounts: Mapping[str, int]) -> list[str]:
        """The amounts that are not reached."""
        return [name for name, least in amounts.items() if self.reached[name] < least]


@dataclass(frozen=True, slots=True)
class _Order:
    """The arguments of a campaign that its rounds need."""

    amounts: Mapping[str, int]
    deadline: float
    sessions: int
    seed: int
    kernels: str
    hang_seconds: float


def run_stress(
    amounts: Mapping[str, int],
    *,
    deadline: float = inf,
    sessions: int = 10,
    seed: int = 0,
    kernels: str = "compiled",
    hang_seconds: float = HANG_SECONDS,
    mixes: Sequence[Mix] = (),
) -> Campaign:
    """Stress stores until each of these figures, names of AMOUNTS, is as large as it has to be.

    mixes   of which the rounds take turns; none: MIXES

    A violation ends it, and so does the deadline, a moment of the monotonic clock. Where the kernels cannot
    be had, and where somebody hangs, it is Unknown.
    """
    assert set(amounts) <= set(AMOUNTS), amounts
    campaign = Campaign(mixes=mixes or MIXES)
    if kernels == "compiled":
        try:
            if not available():
                raise CompilationError("numba is not installed: pip install 'powercut[speed]'")
            load_compiled()
        except CompilationError as error:
            campaign.verdict = Unknown(f"no compiled kernels: {error}")
            return campaign
    order = _Order(amounts, deadline, sessions, seed, kernels, hang_seconds)
    with _switching_often():
        while campaign.verdict == OK and campaign.missing(amounts) and monotonic() < deadline:
            _run_round(campaign, campaign.reached["rounds"], order)
            campaign.reached["rounds"] += 1
    return campaign


def run_log_stress(amounts: Mapping[str, int], *, deadline: float = inf, seed: int = 0) -> Campaign:
    """Stress logs likewise, one device a round."""
    campaign = Campaign()
    with _switching_often():
        while campaign.verdict == OK and campaign.missing(amounts) and monotonic() < deadline:
            device = MemoryDevice()
            life: LogLife | None = None
            for _ in range(LIVES):
                life = LogLife(
                    device,
                    f"{seed}:{campaign.reached['log lives']}",
                    LOG_ENTRIES,
                    deadline,
                    {} if life is None else life.kept,
                    (0, 0) if life is None else life.least,
                    reached=campaign.reached,
                )
                goes_on = live_log(life)
                campaign.verdict = life.verdict
                if not goes_on or monotonic() >= deadline:
                    break
    return campaign


def _run_round(campaign: Campaign, number: int, order: _Order) -> None:
    device = MemoryDevice()
    ledgers = [Ledger(session) for session in range(order.sessions)]
    mix = campaign.mixes[number % len(campaign.mixes)]
    for count in range(LIVES):
        # Where appends alone are asked for, the lives of the last round share what is left of them.
        rest = max(1, order.amounts["appends"] - campaign.reached["appends"]) if _is_of_appends(order) else 0
        life = Life(
            device=device,
            settings=STRESSED[number // len(campaign.mixes) % len(STRESSED)],
            kernels=order.kernels,
            mix=mix,
            seed=f"{order.seed}:{number}:{count}",
            ledgers=ledgers,
            appends=min(-(-rest // (LIVES - count)) or mix.operations, _appends_max(number, mix)),
            deadline=order.deadline,
            hang_seconds=order.hang_seconds,
        )
        goes_on = live(life)
        campaign.settle(number, life.reached)
        campaign.reached["lives"] += 1
        campaign.verdict = life.verdict
        if not goes_on or monotonic() >= order.deadline:
            return
        if count == LIVES - 1:
            campaign.reached["pages written"] += life.log_bytes // life.settings.page_bytes


def _is_of_appends(order: _Order) -> bool:
    return list(order.amounts) == ["appends"]


def _appends_max(number: int, mix: Mix) -> int:
    return mix.operations if number % AUDITED else AUDITED_APPENDS


def run_week_stress(
    amounts: Mapping[str, int],
    size: WeekSize,
    laws: Sequence[str],
    *,
    deadline: float = inf,
    seed: int = 0,
) -> Campaign:
    """Play weeks of a store, laws by turns, until each of these figures is as large as it has to be."""
    campaign = Campaign()
    number = 0
    while campaign.verdict == OK and campaign.missing(amounts) and monotonic() < deadline:
        week = Week(
            replace(size, law=laws[number % len(laws)]),
            f"{seed}:{number}",
            recorded,
            SteppedRuntime,
            deadline=deadline,
            reached=campaign.reached,
        )
        week.play()
        campaign.verdict = week.verdict
        number += 1
    return campaign


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
