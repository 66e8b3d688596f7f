"""Power cuts inside openings leave what an enumeration finds, whether it was made now or before."""

from collections.abc import Callable
from random import Random

import pytest

from powercut.faultfs import FaultDevice, Image, Law, Trace, crash_states
from powercut.verifier.finders import cuts as module
from powercut.verifier.finders.cuts import Cut, cuts_of

pytestmark = pytest.mark.once
CONTENT = {"a": b"x" * 700, "b": b"y" * 5000}
Call = Callable[[FaultDevice], object]
CALLS: dict[str, Call] = {
    "list": lambda device: device.list(),
    "size": lambda device: device.size("a"),
    "read": lambda device: device.read("b"),
    "mark": lambda device: device.mark("now"),
    "sync": lambda device: device.sync("a"),
    "datasync": lambda device: device.datasync("b"),
    "sync_names": lambda device: device.sync_names(),
    "sync_all": lambda device: device.sync_all(),
    "same size": lambda device: device.truncate("a", 700),
    "shorter": lambda device: device.truncate("b", 100),
    "write": lambda device: device.write("a", 600, b"z" * 200),
    "nothing written": lambda device: device.write("a", 10, b""),
    "create": lambda device: device.create("c"),
    "rename": lambda device: device.rename("a", "b"),
    "remove": lambda device: device.remove("a"),
    "allocate": lambda device: device.allocate("a", 0, 4096),
}
STILL = ("list", "size", "read", "mark", "sync", "datasync", "sync_names", "sync_all", "same size")


def anew(trace: Trace, stop: int, law: Law) -> tuple[list[tuple[int, int, int]], int, int]:
    states = crash_states(trace, law, stop=stop, limit=64)
    kept = [state for state in states if state.key != trace.initial.key()]
    told = [(state.key, state.first, state.last) for state in kept]
    return told, states.legal, states.bounded_points


def told(cut: Cut) -> tuple[int, int, int]:
    assert cut.image.key() == cut.key
    return cut.key, cut.state.first, cut.state.last


@pytest.mark.parametrize("law", Law)
def test_cuts_are_those_of_an_enumeration_whatever_an_opening_calls(law: Law) -> None:
    """Goal: invariants 1 and 2 of `cuts`. Method: 40 openings of up to 5 calls of every kind, half of them
    still ones, each asked twice, beside crash_states."""
    still = changed = 0
    for seed in range(40):
        random, device = Random(seed), FaultDevice(Image.of(CONTENT))
        names = random.choices(STILL if seed % 2 else list(CALLS), k=random.randint(1, 5))
        for name in names:
            try:
                CALLS[name](device)
            except OSError:
                continue
        stop = random.choice((random.randint(0, len(device.trace)), len(device.trace)))
        expected = anew(device.trace, stop, law)
        for _ in range(2):
            states, vectors, bounded = cuts_of(device.trace, stop, law, 64)
            assert ([told(state) for state in states], vectors, bounded) == expected, names
        still, changed = still + (not expected[0]), changed + bool(expected[0])
    assert still > 15
    assert law is Law.STRICT or changed > 5


def test_equal_changes_are_enumerated_once_and_no_later_call_changes_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Goal: kept is by calls, changed files, law and limit, and by nothing else. Method: openings that differ
    in what comes later and in files beside, then in each of these; enumerations are counted."""
    module._kept.clear()
    counted: list[int] = []

    def count(trace: Trace, law: str, *, limit: int) -> object:
        counted.append(len(trace))
        return crash_states(trace, law, limit=limit)

    def written(content: dict[str, bytes], data: bytes = b"1") -> FaultDevice:
        device = FaultDevice(Image.of(content))
        device.write("a", 0, data)
        return device

    monkeypatch.setattr(module, "crash_states", count)
    found = []
    for later in ("sync", "create"):
        for beside in (b"w", bytes(module._BYTES_MAX + 1)):
            device = written({**CONTENT, "b": beside})
            found.append(cuts_of(device.trace, 1, "posix", 64).states)
            CALLS[later](device)
            found.append(cuts_of(device.trace, 1, "posix", 64).states)
            assert found[-1][0].image.files[2] == beside
    assert counted == [1]
    assert all(each[0].state is found[0][0].state for each in found)
    assert len({each[0].key for each in found}) == 2
    for other, law, limit in (
        (written({**CONTENT, "a": b"w" * 700}), "posix", 64),
        (written(CONTENT, b"2"), "posix", 64),
        (written(CONTENT), "prefix", 64),
        (written(CONTENT), "posix", 1),
    ):
        before = len(counted)
        assert cuts_of(other.trace, 1, law, limit).states[0].state is not found[0][0].state
        assert len(counted) == before + 1


@pytest.mark.parametrize("call", ["rename", "exchange", "link", "remove"])
def test_a_file_of_which_a_name_alone_is_told_is_changed(call: str) -> None:
    device = FaultDevice(Image.of({**CONTENT, "c": b"z"}))
    calls: dict[str, Call] = {
        **CALLS,
        "exchange": lambda device: device.exchange("a", "b"),
        "link": lambda device: device.link("a", "d"),
    }
    calls[call](device)
    expected = anew(device.trace, 1, Law.POSIX)
    states, *counts = cuts_of(device.trace, 1, "posix", 64)
    assert ([told(state) for state in states], *counts) == expected
    assert list(states[0].others.names) == (["c"] if call in ("rename", "exchange") else ["b", "c"])


def test_what_is_kept_stays_within_its_bounds() -> None:
    module._kept.clear()
    for number in range(module._KEPT_MAX + 20):
        device = FaultDevice(Image.of({"a": b"x"}))
        device.write("a", 0, b"%d" % number)
        cuts_of(device.trace, 1, "posix", 64)
    assert len(module._kept) == module._KEPT_MAX
    large = FaultDevice(Image.of({"a": bytes(module._BYTES_MAX + 1)}))
    large.write("a", 0, b"1")
    (one, *_), (other, *_) = (cuts_of(large.trace, 1, "posix", 64).states for _ in range(2))
    assert one.state is not other.state
