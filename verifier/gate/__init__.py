"""The gate: judges a store stage by stage, with figures that say what was searched."""

from .document import GateReport, Stage, json_schema
from .progress import Progress
from .runner import run_gate

__all__ = ["GateReport", "Progress", "Stage", "json_schema", "run_gate"]
