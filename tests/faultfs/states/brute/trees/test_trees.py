"""The fast enumeration of small trees against trying every subset of what was issued."""

from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs import EventKind, FaultDevice, Law

pytestmark = pytest.mark.once

MOST_PENDING = 8
LAWS = [law for law in Law if law not in (Law.BTRFS, Law.POSIX_GARBAGE)]


@pytest.mark.parametrize("law", LAWS)
def test_states_of_small_trees_are_those_that_trying_finds(
    law: Law, growing_device: Callable[[int, int], FaultDevice], tree_of: Any, hold_tree: Callable[..., int]
) -> None:
    checked, halves, kinds = 0, 0, set[EventKind]()
    for seed in range(160):
        device = growing_device(seed, 6 + seed % 9)
        tree = tree_of(device, law)
        if tree.most_pending() <= MOST_PENDING:
            checked += hold_tree(law, device, tree.states, seed)
            kinds |= {event.kind for event in device.trace.events}
            halves += any(
                len({tree.is_durable(when, key, index) for key in move}) > 1
                for index in range(len(tree.events) + 1)
                for when, move in tree.moves
            )
    assert checked > 300, checked
    assert law is Law.POSIX_SPLIT or halves > 5, halves
    wanted = {EventKind.FOLDER, EventKind.SYMLINK, EventKind.EXCHANGE, EventKind.SYNC_ALL, EventKind.LINK}
    assert wanted <= kinds
