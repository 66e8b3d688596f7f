"""Amounts: the names of the figures that a stress run is told to reach, for whoever only names them."""

from typing import Final

__all__ = ["AMOUNTS"]

AMOUNTS: Final = (
    *("rounds", "lives", "recoveries", "judged", "audited", "checkpoints", "pages written", "taken back"),
    *("appends", "in batches", "carried off", "pending", "added", "upserts", "deletes", "reads"),
    *("in place", "copied", "device reads"),
)
