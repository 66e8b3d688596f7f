"""Planted bugs of a store's memory: of pages that are a process' own, of what is made of them again."""

from __future__ import annotations

from typing import Final

from ..planted import CONTRACT, Mutant

__all__ = ["MEMORY"]

_SPACES: Final = "powercut.engine.shared.spaces"

MEMORY: Final[tuple[Mutant, ...]] = (
    Mutant(
        "mapping-shared-after-fork",
        "powercut 71c2047: ring and index were shared mappings, which a child writes into as well",
        _SPACES,
        "flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS",
        "flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS",
        CONTRACT,
        "WRONG_VALUE",
        CONTRACT,
    ),
    Mutant(
        "child-goes-on-after-fork",
        "SQLite, how to corrupt (2.6): a connection that is carried across a fork",
        "powercut.engine.poison",
        "os.register_at_fork(after_in_child=_poison_child)\n",
        "",
        CONTRACT,
        "PHANTOM",
        CONTRACT,
    ),
)
