"""Three roots, stalest first, never two in flight, rewritten at opening: nothing less is enough.

`explore` (its docstring says what may befall the disk) tries every run of two eras and one more opening.
The number of states is asserted, so that a search which stopped early, or a disk which can do less, is seen.
"""

from collections.abc import Callable

import pytest

from powercut.engine.metadata import roots
from powercut.engine.metadata.layout import Root, encode_root
from powercut.engine.metadata.roots import LIFE_SHIFT, Roots

Explore = Callable[..., tuple[list[str], int]]


def test_no_run_within_the_bound_finds_an_older_state_or_a_refusal(explore: Explore) -> None:
    trace, states = explore(Roots, "kill damage")
    assert trace == []
    assert states == 7_753


def test_kills_and_power_cuts_alone_are_survived_over_four_eras(explore: Explore) -> None:
    trace, states = explore(Roots, "kill", eras=4)
    assert trace == []
    assert states == 1_601


class NewestFirst(Roots):
    """Writes the newest copy first, in place of the stalest."""

    def commit(self, root: Root) -> None:
        self.settle()
        for file in sorted(self._sequences, key=lambda file: -self._sequences[file]):
            self._write(file, root, self._last + 1)


class TwoInFlight(Roots):
    """Writes two copies before it syncs either."""

    def commit(self, root: Root) -> None:
        first, second, third = sorted(self._sequences, key=lambda file: (self._sequences[file], file))
        for file in (first, second):
            self._last += 1
            self._sequences[file] = self._last
            self._device.write(file, 0, encode_root(root._replace(sequence=self._last)))
        for file in (first, second):
            try:
                self._device.sync(file)
            except OSError as error:
                raise self._poison.failed("syncing", error) from error
        self._write(third, root, self._last + 1)


class OneCopyAcknowledges(Roots):
    """Acknowledges after the first copy; the other two are owed."""

    def commit(self, root: Root) -> None:
        self.settle()
        first, *others = sorted(self._sequences, key=lambda file: (self._sequences[file], file))
        self._write(first, root, self._last + 1)

        def pay() -> None:
            for file in others:
                self._write(file, root, self._last + 1)

        self._owed = self._runtime.submit(pay)


class AllCopies(Roots):
    """However many there are, one after the other, and acknowledges then."""

    def commit(self, root: Root) -> None:
        for file in sorted(self._sequences, key=lambda file: (self._sequences[file], file)):
            self._write(file, root, self._last + 1)


class NumbersAgain(Roots):
    """A new life goes on from the highest number that it can see."""

    def take_over(self, root: Root) -> None:
        for file in roots.ROOT_FILES:
            self._device.sync(file)
        self.commit(root)


class NothingSynced(Roots):
    """An opening trusts that what it reads is durable."""

    def take_over(self, root: Root) -> None:
        self._last = max(self._last, root.life << LIFE_SHIFT)
        self.commit(root)


class NoRepair(Roots):
    """An opening reports what it read and writes nothing."""

    def take_over(self, root: Root) -> None:
        self._last = max(self._last, root.life << LIFE_SHIFT)


@pytest.mark.parametrize(
    ("worse", "kinds", "outcome"),
    [
        (NewestFirst, "damage", "refuses"),
        (TwoInFlight, "damage", "refuses"),
        (OneCopyAcknowledges, "damage", "older"),
        (NumbersAgain, "damage", "older"),
        (NothingSynced, "kill damage", "refuses"),
        (NoRepair, "damage", "refuses"),
    ],
)
def test_a_worse_protocol_is_found_wanting(
    explore: Explore, worse: type[Roots], kinds: str, outcome: str
) -> None:
    trace, _ = explore(worse, kinds)
    assert len(trace) in (2, 3)
    assert outcome in trace[-1], trace


def test_two_copies_are_too_few(explore: Explore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "ROOT_FILES", roots.ROOT_FILES[:2])
    trace, _ = explore(AllCopies, "damage")
    assert len(trace) == 2, trace
    assert "an opening" in trace[-1]


def test_three_copies_written_one_by_one_are_enough(explore: Explore) -> None:
    """It is the third copy that helps where two were too few, not how the variant writes."""
    assert explore(AllCopies, "damage")[0] == []
