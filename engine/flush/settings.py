"""Settings of the flush worker: when it flushes, how far, and how it answers pressure and failures.

Invariants
  1  0 < elevated < high < critical <= 1, and 0 <= hysteresis < elevated
  2  0 < retry_least <= retry_most
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from ..errors import SettingsError

__all__ = ["BehindTail", "FlushSettings", "OlderThan", "Target", "ToReadOnly", "check_flush"]


@dataclass(frozen=True, slots=True)
class ToReadOnly:
    """Flush what is read-only anyway, and freeze more only under pressure."""


@dataclass(frozen=True, slots=True)
class BehindTail:
    """Freeze and flush whole pages that lie `lag_bytes` behind the tail. Raises SettingsError below 0."""

    lag_bytes: int

    def __post_init__(self) -> None:
        if type(self.lag_bytes) is not int or self.lag_bytes < 0:
            raise SettingsError(f"lag_bytes is {self.lag_bytes!r}: expected a number of bytes, at least 0")


@dataclass(frozen=True, slots=True)
class OlderThan:
    """Freeze and flush whole pages that have stood for `seconds`. Raises SettingsError unless above 0."""

    seconds: float

    def __post_init__(self) -> None:
        _check_number("seconds", self.seconds)


Target = ToReadOnly | BehindTail | OlderThan


@dataclass(frozen=True, slots=True)
class FlushSettings:
    """Settings of one store's flush worker. None of them is kept on the device.

    enabled            False: whoever opens a page flushes what is frozen
    target             how far it freezes: ToReadOnly(), BehindTail(lag_bytes) or OlderThan(seconds)
    threshold_bytes    frozen bytes that are worth a flush,
    threshold_pages    or so many pages,
    threshold_seconds  or that the oldest of them has waited so long
    interval           seconds between two looks where nobody calls; under high pressure half of it
    elevated, high, critical    shares of the room for frozen pages, from which a level of pressure holds
    hysteresis         a level is left when the share is so much below where it is entered
    slow_seconds       at critical pressure a writer waits so long for each page, at most
    retry_least, retry_most     seconds after a failure: doubled with each one in a row, up to the second

    Raises SettingsError where a value is none, or breaks an invariant of this module.
    """

    enabled: bool = True
    target: Target = ToReadOnly()
    threshold_bytes: int = 8 << 20
    threshold_pages: int = 4
    threshold_seconds: float = 1.0
    interval: float = 0.1
    elevated: float = 0.70
    high: float = 0.85
    critical: float = 0.95
    hysteresis: float = 0.05
    slow_seconds: float = 0.001
    retry_least: float = 0.05
    retry_most: float = 5.0

    def __post_init__(self) -> None:
        if type(self.enabled) is not bool:
            raise SettingsError(f"enabled is {self.enabled!r}: expected True or False")
        if not isinstance(self.target, Target):
            raise SettingsError(f"target is {self.target!r}: expected ToReadOnly, BehindTail or OlderThan")
        for name in ("threshold_bytes", "threshold_pages"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise SettingsError(f"{name} is {value!r}: expected a number, at least 1")
        for name in ("threshold_seconds", "interval", "retry_least", "retry_most"):
            _check_number(name, getattr(self, name))
        for name in ("elevated", "high", "critical", "hysteresis", "slow_seconds"):
            _check_number(name, getattr(self, name), is_zero_fine=True)
        if not self.hysteresis < self.elevated < self.high < self.critical <= 1:
            raise SettingsError(
                f"hysteresis {self.hysteresis}, elevated {self.elevated}, high {self.high}, "
                f"critical {self.critical}: expected each below the next, and at most 1"
            )
        if self.retry_least > self.retry_most:
            raise SettingsError(
                f"retry_least {self.retry_least}, retry_most {self.retry_most}: expected at most the second"
            )


def check_flush(given: object) -> None:
    """Raises SettingsError for what is neither FlushSettings nor None."""
    if given is not None and not isinstance(given, FlushSettings):
        raise SettingsError(f"flush is {type(given).__name__}: expected FlushSettings, or None")


def _check_number(name: str, value: object, *, is_zero_fine: bool = False) -> None:
    """Raises SettingsError for what is no finite number above 0."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (value >= 0 if is_zero_fine else value > 0) or not value < float("inf"):  # type: ignore[operator]
        raise SettingsError(f"{name} is {value!r}: expected a number above 0")
