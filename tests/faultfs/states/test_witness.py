"""The digits of a content at another index lead to that content there, and are found wherever it is legal."""

from __future__ import annotations

from random import Random

import pytest

from powercut.faultfs import FaultDevice, Trace, crash_states, survivor_image
from powercut.faultfs.states.witness import witness_at


def _trace(seed: int, steps: int = 9) -> Trace:
    """Writes over sectors, some of what was there before, truncations, names, and a few syncs."""
    random = Random(seed)
    device = FaultDevice()
    device.create("a")
    for step in range(steps):
        names = device.list()
        name = random.choice(names)
        what = random.randrange(8)
        if what < 4:
            device.write(
                name, 512 * random.randrange(2), bytes([random.randrange(3)]) * random.choice((512, 700))
            )
        elif what == 4:
            device.truncate(name, random.choice((0, 600)))
        elif what == 5:
            device.sync(name)
        elif what == 6 and len(names) < 3:
            device.create(f"n{step}")
        else:
            device.sync_names()
    return device.trace


@pytest.mark.parametrize("law", ["posix", "posix_split", "ext4", "prefix", "strict"])
def test_digits_at_every_later_moment_lead_to_the_same_content(law: str) -> None:
    moved = 0
    for seed in range(3):
        trace = _trace(seed)
        legal = {
            index: {state.key for state in crash_states(trace, law, start=index, stop=index)}
            for index in range(len(trace) + 1)
        }
        states = list(crash_states(trace, law))
        for state in Random(seed).sample(states, min(60, len(states))):
            for index in range(state.first, state.last + 1):
                digits = witness_at(trace, law, state.key, state.first, state.digits, index)
                assert (digits is not None) == (state.key in legal[index])
                if digits is not None:
                    assert survivor_image(trace, index, digits, law).key() == state.key
                    moved += digits != state.digits
    assert moved > 30 or law == "strict"  # Under which one content is legal at each moment.


def test_content_at_an_index_of_more_states_than_any_limit_is_found() -> None:
    device = FaultDevice()
    device.create("a")
    device.sync_names()
    device.write("a", 0, b"\1" * 512)
    for sector in range(1, 24):
        device.write("a", 512 * sector, b"\2" * 512)
    trace = device.trace
    last = len(trace)
    (bounded,) = crash_states(trace, "posix", start=last, limit=64).bounded
    state = next(each for each in crash_states(trace, "posix", stop=4, limit=64) if each.first == 4)
    digits = witness_at(trace, "posix", state.key, state.first, state.digits, bounded)
    assert digits is not None
    assert survivor_image(trace, last, digits, "posix").key() == state.key
    empty = next(iter(crash_states(trace, "posix", start=3, stop=3)))
    digits = witness_at(trace, "posix", empty.key, 3, empty.digits, last)
    assert digits is not None
    assert survivor_image(trace, last, digits, "posix").key() == empty.key


def test_content_that_is_lost_for_good_has_no_digits() -> None:
    device = FaultDevice()
    device.create("a")
    device.sync_names()
    device.write("a", 0, b"\1" * 512)
    device.sync("a")
    trace = device.trace
    empty = next(each for each in crash_states(trace, "posix", start=2, stop=3))
    assert witness_at(trace, "posix", empty.key, empty.first, empty.digits, len(trace)) is None
