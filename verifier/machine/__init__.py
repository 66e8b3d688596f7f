"""The bench as a Hypothesis state machine, for a store of one's own."""

from .bench import STATES_MAX, StoreMachine
from .objection import NondeterministicStoreError, StoreViolationError, tell_briefly
from .summary import Summary

__all__ = [
    "STATES_MAX",
    "NondeterministicStoreError",
    "StoreMachine",
    "StoreViolationError",
    "Summary",
    "tell_briefly",
]
