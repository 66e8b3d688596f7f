"""The gate: whether a store may pass, stage by stage, with figures that say what was searched."""

from .conduct import run_gate
from .document import GateReport, Stage, json_schema

__all__ = ["GateReport", "Stage", "json_schema", "run_gate"]
