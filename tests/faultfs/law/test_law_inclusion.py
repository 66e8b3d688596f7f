"""Inclusions among the laws, at every crash index of small random traces of every kind of event."""

from collections.abc import Callable
from random import Random

import pytest

from powercut.faultfs import (
    Effect,
    EventKind,
    Fault,
    FaultDevice,
    Law,
    Plan,
    Trace,
    crash_states,
    survivor_image,
)
from powercut.faultfs.faults.plan import calls_of

pytestmark = pytest.mark.once

MakeDevice = Callable[..., FaultDevice]
WITHIN = [
    (Law.STRICT, Law.PREFIX),
    (Law.PREFIX, Law.POSIX),
    (Law.PAGECACHE, Law.POSIX),
    (Law.EXT4, Law.POSIX),
    (Law.EXT4_ORDERED, Law.EXT4),
    (Law.XFS, Law.POSIX),
    (Law.BTRFS, Law.POSIX),
    (Law.LAZYFS, Law.POSIX),
    (Law.POSIX, Law.POSIX_SPLIT),
    (Law.POSIX, Law.POSIX_GARBAGE),
]


def plan_of(seed: int) -> Plan:
    random = Random(seed)
    effects = random.choices(list(Effect), k=3)
    return Plan(
        *(Fault(effect, random.choice(calls_of(effect)), number=random.randrange(3)) for effect in effects)
    )


def keys(trace: Trace, law: Law, index: int) -> set[int] | None:
    """The contents that are legal at an index; None if there are too many to try."""
    found = crash_states(trace, law, start=index, stop=index, limit=1 << 8)
    return {state.key for state in found} if found.completeness == "exhaustive" else None


@pytest.fixture(scope="module")
def traces(random_device: MakeDevice) -> list[Trace]:
    good = [random_device(seed, 14).trace for seed in range(1000, 1070, 3)]
    return good + [random_device(seed, 14, plan_of(seed)).trace for seed in range(1200, 1270, 3)]


def test_the_traces_have_every_kind_of_event(traces: list[Trace]) -> None:
    folders = {EventKind.FOLDER, EventKind.SYMLINK, EventKind.EXCHANGE, EventKind.UNNAMED, EventKind.SYNC_ALL}
    assert {event.kind for trace in traces for event in trace.events} == set(EventKind) - folders - {
        EventKind.MODE
    }


def test_f18_every_law_is_within_posix_and_posix_within_posix_split(traces: list[Trace]) -> None:
    proper = dict.fromkeys(WITHIN, 0)
    for number, trace in enumerate(traces):
        for index in range(len(trace) + 1):
            found = {law: keys(trace, law, index) for law in Law}
            for inner, outer in WITHIN:
                smaller, larger = found[inner], found[outer]
                if smaller is not None and larger is not None:
                    assert smaller <= larger, (number, index, inner, outer)  # F18
                    proper[inner, outer] += smaller < larger
    assert min(proper.values()) > 67, proper


def test_f19_under_every_law_no_digits_mean_that_everything_survived(traces: list[Trace]) -> None:
    for number, trace in enumerate(traces):
        images = {survivor_image(trace, len(trace), (), law) for law in Law if law is not Law.STRICT}
        assert len(images) == 1, number  # F19
