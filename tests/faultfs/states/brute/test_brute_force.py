"""The fast enumeration against trying every subset of what was issued: the laws of chains and of steps."""

from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs import Law
from powercut.faultfs.law.journal import RULES

pytestmark = pytest.mark.once

# Torn sectors and garbage are tried in tests/faultfs/law/test_law_garbage.py.
LAWS = [law for law in Law if law not in RULES and law is not Law.POSIX_GARBAGE]


@pytest.mark.parametrize("law", LAWS)
def test_fast_enumeration_equals_trying_every_subset(law: Law, agree: Callable[..., None]) -> None:
    def states_at(disk: Any, index: int) -> Any:
        return disk.states(law, index)

    agree(law, states_at, range(0, 120, 2))


@pytest.mark.parametrize("law", LAWS)
def test_sizes_that_no_call_made_are_those_that_trying_finds(
    law: Law, agree: Callable[..., Any], wide_device: Any
) -> None:
    def states_at(disk: Any, index: int) -> Any:
        return disk.states(law, index)

    seen = agree(law, states_at, range(0, 120, 2), wide_device)
    assert (
        law not in (Law.POSIX, Law.POSIX_SPLIT)
        or min(seen[role] for role in ("xfs", "ext4 xfs", "ext4", "again")) > 1
    ), seen  # F7, F24


@pytest.mark.parametrize("law", LAWS)
def test_names_that_came_apart_are_those_that_trying_finds(
    law: Law, agree: Callable[..., Any], moving_device: Any
) -> None:
    def states_at(disk: Any, index: int) -> Any:
        return disk.states(law, index)

    seen = agree(law, states_at, range(0, 120, 2), moving_device)
    assert law is not Law.POSIX or seen["untied"] > 10, seen  # F12
