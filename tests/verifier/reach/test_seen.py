"""Seen: what two chunks took adds up, in either order, and crosses to another process."""

from __future__ import annotations

import msgspec

from powercut.verifier.reach.seen import Seen

ONE = Seen(b"\0\1\0\1", {"a": 1, "b": 2}, 3, 4)
OTHER = Seen(b"\0\0\1\1", {"b": 1, "c": 5}, 1, 1)


def merged(*several: Seen) -> Seen:
    total = Seen()
    for each in several:
        total.merge(each)
    return total


def test_what_either_took_is_taken_in_either_order() -> None:
    both = Seen(b"\0\1\1\1", {"a": 1, "b": 3, "c": 5}, 4, 5)
    assert merged(ONE, OTHER) == both
    assert merged(OTHER, ONE) == both
    assert merged(ONE, Seen()) == ONE


def test_nothing_is_lost_on_the_way_to_another_process() -> None:
    assert msgspec.json.decode(msgspec.json.encode(ONE), type=Seen) == ONE
