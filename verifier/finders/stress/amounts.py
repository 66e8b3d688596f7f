"""Amounts: the names of the figures that a stress run is told to reach, for whoever only names them."""

from typing import Final

__all__ = ["AMOUNTS", "of_log", "of_week"]

AMOUNTS: Final = (
    *("rounds", "lives", "recoveries", "judged", "audited", "checkpoints", "pages written", "taken back"),
    *("appends", "in batches", "carried off", "pending", "added", "upserts", "deletes", "reads"),
    *("in place", "copied", "device reads", "grown", "compacted", "moved"),
    # Of logs.
    *("log lives", "log entries", "log batches", "log commits", "log waits", "log awaits", "log followed"),
    *("log scans", "log truncations", "log taken back"),
    # Of weeks.
    *("week days", "week operations", "week judged", "week checkpoints", "week by itself", "week restarts"),
    *("week growths", "week compactions", "week moved", "week forgotten", "week states", "week taken back"),
)


def of_log(amount: str) -> bool:
    """True if it is one of logs."""
    return amount.startswith("log ")


def of_week(amount: str) -> bool:
    """True if it is one of weeks."""
    return amount.startswith("week ")
