"""The seams of the engine that a scheduler takes over: tickets, turns, and the error of its own checks."""

from __future__ import annotations

from powercut.engine import InvariantError
from powercut.engine import Ticket as PendingTicket
from powercut.engine.kernels import atomics
from powercut.engine.runtime import Ticket

__all__ = ["InvariantError", "PendingTicket", "Ticket", "atomics"]
