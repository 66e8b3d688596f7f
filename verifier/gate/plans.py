"""Plans: the types and checks that the parts of a profile share, and the floors that stages owe.

Invariants
  1  every floor names at least one figure, each of its figures is one that a stage has, and none is below 1
  2  a floor is a count of work, never one of seconds or of what a fast machine does more of
"""

from __future__ import annotations

from typing import Annotated, Final, Protocol

import msgspec

from ..faster.geometries import GEOMETRIES

__all__ = [
    "COUNTS",
    "TABLES",
    "Count",
    "Figures",
    "Floor",
    "Names",
    "Plan",
    "Positive",
    "RandomPlan",
    "check_floor",
    "check_geometries",
    "check_names",
]

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Figures = Annotated[dict[str, Positive], msgspec.Meta(min_length=1)]
Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
Floor = Annotated[dict[str, Positive | Figures], msgspec.Meta(min_length=1)]
# What a stage counts: as one number, and by name. A test holds them to the document of the gate.
COUNTS: Final = (
    *("programs", "vectors", "contents", "distinct", "checked", "judged", "read_paths"),
    *("after_checkpoint", "several_eras", "bounded", "closed", "sampled", "missed", "killed"),
)
TABLES: Final = ("reached", "fired")


class Plan(Protocol):
    """The part of a profile that says what one stage searches."""

    @property
    def floor(self) -> Floor: ...


class RandomPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random tapes of at most so many steps an era; geometries take turns."""

    geometries: Names
    tapes: Positive
    steps: Annotated[int, msgspec.Meta(ge=2)]
    chunk: Positive  # Tapes a chunk.


def check_floor(floor: Floor) -> None:
    """Refuse a figure that no stage has, or that is not of its kind. Raises ValidationError."""
    for name, least in floor.items():
        known = TABLES if isinstance(least, dict) else COUNTS
        if name not in known:
            raise msgspec.ValidationError(f"no figure {name!r} for a floor: there are {', '.join(known)}")


def check_geometries(names: tuple[str, ...]) -> None:
    """Refuse a geometry that there is not, or that is named twice. Raises ValidationError."""
    if set(names).difference(GEOMETRIES) or len(set(names)) != len(names):
        raise msgspec.ValidationError(f"geometries {', '.join(names)}: each once, of {', '.join(GEOMETRIES)}")


def check_names(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Refuse a name that is not known; `what` it names. Raises ValidationError."""
    strange = sorted(set(names).difference(known))
    if strange:
        raise msgspec.ValidationError(f"no {what} {', '.join(strange)}: there are {', '.join(known)}")
