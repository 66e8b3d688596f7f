"""A campaign of stress: rounds of several lives of one store each, until there was enough.

Each round begins with a fresh device, and geometries and mixes take turns. The switch interval of the
interpreter is SWITCH_SECONDS meanwhile, so that sessions are interrupted anywhere.

What the threads do depends on how they are scheduled: a seed gives other choices, not the same run.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Final

from powercut.engine import MemoryDevice, Settings
from powercut.engine.compiler.compilation import CompilationError, available, load_compiled

from ...verdict import OK, Unknown, Verdict
from .ledger import Ledger
from .life import HANG_SECONDS, Life, live
from .writer import Mix

__all__ = ["MIXES", "STRESSED", "Campaign", "run_stress"]

SWITCH_SECONDS: Final = 1e-5
LIVES: Final = 3  # In a round: two recoveries, the second of a store with a void range.
LIFE_APPENDS: Final = 120_000  # Bounds the log, which is in memory and only grows: half a KiB an append.
AUDITED: Final = 5  # One round in so many is short enough for the engine's own audit.
AUDITED_APPENDS: Final = 4_000

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
        seconds=2.5,
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
        seconds=2.0,
    ),
)


@dataclass(slots=True)
class Campaign:
    """The result of a stress campaign."""

    verdict: Verdict = OK
    reached: Counter[str] = field(default_factory=Counter)
    _list_operations: int = 0  # Of rounds with the first mix.
    _list_copied: int = 0

    def settle(self, number: int, seen: Counter[str]) -> None:
        """Take in what a life has reached, and the share of its operations that ended in a copy."""
        self.reached.update(seen)
        if number % len(MIXES):
            return
        for name in ("appends", "added", "upserts", "deletes", "reads"):
            self._list_operations += seen[name]
        self._list_copied += seen["copied"]
        self.reached["percent copied"] = 100 * self._list_copied // max(1, self._list_operations)


def run_stress(
    *,
    seconds: float = 0,
    appends: int = 0,
    sessions: int = 10,
    seed: int = 0,
    kernels: str = "compiled",
    hang_seconds: float = HANG_SECONDS,
) -> Campaign:
    """Stress stores until `appends` stamps were appended or `seconds` have passed; the first of them given.

    A violation ends it. Where the kernels cannot be had, and where somebody hangs, it is Unknown.
    """
    campaign = Campaign()
    if kernels == "compiled":
        try:
            if not available():
                raise CompilationError("numba is not installed: pip install 'powercut[speed]'")
            load_compiled()
        except CompilationError as error:
            campaign.verdict = Unknown(f"no compiled kernels: {error}")
            return campaign
    deadline = monotonic() + seconds if seconds else None
    with _switching_often():
        number = 0
        while campaign.verdict == OK and not _is_enough(campaign, appends, deadline):
            _run_round(
                campaign, number, appends, deadline, sessions, f"{seed}:{number}", kernels, hang_seconds
            )
            number += 1
    campaign.reached["rounds"] = number
    return campaign


def _run_round(
    campaign: Campaign,
    number: int,
    appends: int,
    deadline: float | None,
    sessions: int,
    seed: str,
    kernels: str,
    hang_seconds: float,
) -> None:
    device = MemoryDevice()
    ledgers = [Ledger(session) for session in range(sessions)]
    mix = MIXES[number % len(MIXES)]
    for count in range(LIVES):
        rest = max(1, appends - campaign.reached["appends"])
        share = -(-rest // (LIVES - count)) if appends else LIFE_APPENDS
        most = LIFE_APPENDS if number % AUDITED else AUDITED_APPENDS
        life = Life(
            device=device,
            settings=STRESSED[number // len(MIXES) % len(STRESSED)],
            kernels=kernels,
            mix=mix,
            seed=f"{seed}:{count}",
            ledgers=ledgers,
            appends=min(share, most),
            deadline=deadline or inf,
            hang_seconds=hang_seconds,
        )
        goes_on = live(life)
        campaign.settle(number, life.reached)
        campaign.reached["lives"] += 1
        campaign.verdict = life.verdict
        if not goes_on:
            return
        if count == LIVES - 1:
            campaign.reached["pages written"] += life.log_bytes // life.settings.page_bytes


def _is_enough(campaign: Campaign, appends: int, deadline: float | None) -> bool:
    return (deadline is not None and monotonic() >= deadline) or 0 < appends <= campaign.reached["appends"]


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
