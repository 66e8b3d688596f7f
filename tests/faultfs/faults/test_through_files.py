"""Writes through a file opened with O_DSYNC whose sync fails as on ext4, xfs or btrfs: F39, page by page.

The model is of one file of whole pages. Of each page it keeps what the disk may have, oldest first, if it is
dirty, if it has a place on the disk, and on ext4 if that place stays unwritten for good; of the size, all
that the disk may have, oldest first, and the one that waits for data to be written again.
"""

from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from powercut.faultfs import (
    Effect,
    EventKind,
    Fault,
    FaultDevice,
    Image,
    Law,
    Plan,
    PlannedDevice,
    crash_states,
)

PAGE, PAGES = 4096, 4
SYSTEMS = (Effect.KEPT, Effect.EXT4, Effect.XFS, Effect.BTRFS)
LAWS = {Effect.KEPT: Law.EXT4, Effect.EXT4: Law.EXT4, Effect.XFS: Law.XFS, Effect.BTRFS: Law.BTRFS}
OLD, N, NIL = b"o" * PAGE, b"n" * PAGE, bytes(PAGE)
Legal = Callable[..., list[dict[str, bytes]]]


class Model:
    """A file of one page, and what an effect makes of it."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        self.versions: list[list[bytes]] = [[b"o"], *([b"\0"] for _ in range(PAGES - 1))]
        self.dirty, self.lost = set[int](), set[int]()
        self.placed = {0}
        self.sizes = [1]
        self.waiting: int | None = None  # The size, in pages, that waits.

    def write(self, page: int, fill: bytes) -> None:
        self.versions[page].append(fill)
        self.dirty.add(page)
        if page == self.sizes[-1]:
            self.sizes.append(page + 1)
        elif self.waiting == page + 1:
            self.waiting = None  # Its data are there again.

    def succeed(self, pages: range) -> None:
        for page in self.dirty & set(pages) - self.lost:
            self.versions[page] = self.versions[page][-1:]
            self.placed.add(page)
        self.dirty -= set(pages)
        if self.waiting == self.sizes[-1]:  # What stands before it is written.
            floor = min(self.waiting - 1, pages.stop)
        else:
            floor = min(self.sizes[-1], pages.stop)
        while self.sizes[0] < floor:
            del self.sizes[0]

    def fail(self, pages: range) -> None:
        if self.effect is Effect.EXT4:
            self.lost |= {page for page in pages if len(self.versions[page]) > 1} - self.placed
        self.dirty -= set(pages)
        if self.effect in (Effect.XFS, Effect.BTRFS) and self.sizes[-1] - 1 in pages and len(self.sizes) > 1:
            self.waiting = self.sizes[-1]

    def states(self) -> set[bytes]:
        contents = set()
        for size in self.sizes:
            contents |= {b"".join(fills) for fills in product(*self.versions[:size])}
        return contents


def found(device: FaultDevice, law: Law) -> set[bytes]:
    """The contents that a power cut now leaves, a byte a page."""
    device.mark("now")
    states = crash_states(device.trace, law, start=len(device.trace))
    assert states.completeness == "exhaustive"
    contents = {state.image.content()["a"] for state in states}
    assert all(content == b"".join(fill * PAGE for fill in told(content)) for content in contents)
    return {b"".join(told(content)) for content in contents}


def told(content: bytes) -> list[bytes]:
    return [content[at : at + 1] for at in range(0, len(content), PAGE)]


@pytest.mark.parametrize("effect", SYSTEMS)
def test_f39_random_writes_through_leave_what_the_model_says(effect: Effect) -> None:
    """Goal: F39 for writes through. Method: after each of 12 calls, for 60 programs, the contents of `posix`
    are those of the model, and those of the file system's own law are among them."""
    fired, waited, most = 0, 0, 0
    for seed in range(60):
        random, model = Random(seed), Model(effect)
        device = PlannedDevice(Image.of({"a": OLD}), sector_bytes=PAGE)
        for number in range(12):
            page, fill = random.randint(0, min(model.sizes[-1], PAGES - 1)), bytes([65 + number])
            is_through, is_failing = random.random() < 0.6, random.random() < 0.4
            if model.waiting is not None and not is_through and is_failing:
                continue  # That a whole file fails while its size waits is for the tests of F39.
            device.plan = Plan(
                *(Fault(effect, call) for call in (EventKind.SYNC, EventKind.DATASYNC) if is_failing)
            )
            if is_through:
                model.write(page, fill)
                pages = range(page, page + 1)
            else:
                pages = range(PAGES)
                if random.random() < 0.7:
                    device.write("a", page * PAGE, fill * PAGE)
                    model.write(page, fill)
                    pages = range(0)
            try:
                if is_through:
                    device.write_through("a", page * PAGE, fill * PAGE)
                elif pages:
                    device.sync("a")
            except OSError:
                model.fail(pages)
                fired += 1
            else:
                if pages:
                    model.succeed(pages)
            expected = model.states()
            if len(expected) > 500:
                break
            assert found(device, Law.POSIX) == expected, (seed, number)
            assert found(device, LAWS[effect]) <= expected, (seed, number)
            most, waited = max(most, len(expected)), waited + (model.waiting is not None)
    assert fired > 100
    assert most > 50
    assert bool(waited) is (effect in (Effect.XFS, Effect.BTRFS))


def struck(effect: Effect, offset: int) -> PlannedDevice:
    """A write through of which the sync has failed."""
    plan = Plan(Fault(effect, EventKind.DATASYNC))
    device = PlannedDevice(Image.of({"a": OLD}), sector_bytes=PAGE, plan=plan)
    with pytest.raises(OSError, match="Input/output error"):
        device.write_through("a", offset, N)
    return device


@pytest.mark.parametrize("law", sorted(set(Law) - {Law.POSIX_GARBAGE}))  # It has more, as it should.
@pytest.mark.parametrize(
    ("effect", "allowed"),
    [
        (Effect.KEPT, {OLD + NIL, OLD + N}),
        (Effect.EXT4, {OLD + NIL, OLD + N}),
        (Effect.XFS, {OLD, OLD + N, OLD + NIL}),
        (Effect.BTRFS, {OLD, OLD + N, OLD + NIL}),
    ],
)
def test_f39_an_append_through_that_failed_and_was_synced_has_its_size_or_waits(
    effect: Effect, allowed: set[bytes], law: Law, legal: Legal
) -> None:
    device = struck(effect, PAGE)
    assert device.image().content() == {"a": OLD + N}
    device.sync("a")
    device.mark("now")
    contents = {content["a"] for content in legal(device, law)}
    assert contents <= allowed
    if law is Law.POSIX:
        assert contents == allowed


@pytest.mark.parametrize("effect", SYSTEMS)
def test_f39_what_was_written_through_well_has_its_place(effect: Effect, legal: Legal) -> None:
    device = PlannedDevice(Image.of({"a": OLD}), sector_bytes=PAGE)
    device.write_through("a", PAGE, N)
    device.plan = Plan(Fault(effect, EventKind.DATASYNC))
    with pytest.raises(OSError, match="Input/output error"):
        device.write_through("a", PAGE, b"m" * PAGE)
    device.write_through("a", PAGE, N)  # On ext4, too: it overwrites.
    device.mark("now")
    assert [content["a"] for content in legal(device)] == [OLD + N]


@pytest.mark.parametrize("effect", [Effect.XFS, Effect.BTRFS])
def test_f39_what_stands_before_a_size_that_waits_is_durable_with_the_next_sync(
    effect: Effect, legal: Legal
) -> None:
    plan = Plan(Fault(effect, EventKind.DATASYNC))
    device = PlannedDevice(Image.of({"a": OLD}), sector_bytes=PAGE, plan=plan)
    device.write("a", PAGE, N)
    with pytest.raises(OSError, match="Input/output error"):
        device.write_through("a", 2 * PAGE, N)
    device.sync("a")
    device.mark("now")
    assert {content["a"] for content in legal(device)} == {OLD + N, OLD + N + NIL, OLD + N + N}
