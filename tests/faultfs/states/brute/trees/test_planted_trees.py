"""Bugs planted in the laws of trees: trying every subset tells each of them from the genuine ones."""

from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs import EventKind, FaultDevice, Law
from powercut.faultfs.disk.tree import Forest
from powercut.faultfs.law.names import Names

pytestmark = pytest.mark.once

MOST_PENDING = 7
_sync, _paths, _syncs_of = Names.sync, Forest.paths, Names.syncs_of


def anothers_sync(names: Names, index: int, folder: int) -> None:
    _sync(names, index, 0)


def sync_of_one_is_of_all(names: Names, chain: Any) -> list[int]:
    return sorted(
        {index for syncs in names._syncs.values() for index in syncs} | set(_syncs_of(names, chain))
    )


def unreachable_names_are_kept(forest: Forest, bindings: Any) -> list[tuple[str, int]]:
    found = _paths(forest, bindings)
    there = {inode for _, inode in found}
    return sorted([*found, *((f"lost+{key}", inode) for key, inode in bindings if inode not in there)])


BUGS: dict[str, tuple[Any, str, Any]] = {
    "a folder's sync taken for that of the root": (Names, "sync", anothers_sync),
    "the sync of one folder taken for that of all": (Names, "syncs_of", sync_of_one_is_of_all),
    "a sync of everything passed over": (Names, "sync_all", lambda names, index: None),
    "names that no path leads to kept": (Forest, "paths", unreachable_names_are_kept),
    "a sync of the old folder leaves the new name on its own": (Names, "_note_move", lambda *_: None),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_told_by_trying(
    bug: str,
    growing_device: Callable[[int, int], FaultDevice],
    tree_of: Any,
    hold_tree: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(400):
        device = growing_device(seed, 6 + seed % 9)
        if any(event.kind is EventKind.WRITE for event in device.trace.events):
            continue
        tree = tree_of(device, Law.POSIX)
        if tree.most_pending() > MOST_PENDING:
            continue
        with monkeypatch.context() as patch:
            patch.setattr(*BUGS[bug])
            is_found = False
            try:
                hold_tree(Law.POSIX, device, tree.states, seed)
            except AssertionError:
                is_found = True
        if is_found:
            again = growing_device(seed, 6 + seed % 9)
            hold_tree(Law.POSIX, again, tree_of(again, Law.POSIX).states, seed)
            return
    raise AssertionError(bug)
