"""No power cut brings a removed file and its need together.

Goal: after a cut at any moment of a run with truncations, whatever of the unsynced survived, the store
opens at a checkpoint between the last acknowledged and the last issued one, with exactly its keys; every
checkpoint it lists opens too; and going on removes what a cut has brought back. Method: enumerate the
crash states of hand-written programs over a recording device; then the same with edited copies of the
checkpoint's source, in which one thing is done in the wrong order or not at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

import powercut.engine.checkpoint.driver
import powercut.engine.checkpoint.kinds.cpr
from powercut.engine import EngineError, FasterKv, Settings, Version
from powercut.faultfs import FaultDevice, Image, Law, crash_states
from powercut.verifier.faster.stepped import SteppedRuntime

# One record a page, two pages a segment.
SMALL = Settings(
    page_bytes=512,
    segment_bytes=1024,
    write_unit=512,
    extent_bytes=512,
    ring_pages=2,
    index_buckets=2,
    write_bytes=512,
)
Content = dict[bytes, bytes]


def open_store(device: FaultDevice, **more: object) -> FasterKv:
    return FasterKv.open(device, create=True, settings=SMALL, runtime=SteppedRuntime(), **more)  # type: ignore[arg-type]


@dataclass
class Told:
    """A checkpoint: when it was issued and acknowledged, as trace lengths, and what it holds."""

    version: Version
    content: Content
    issued: int
    acked: int


@dataclass
class Run:
    """A program over one device."""

    device: FaultDevice
    told: list[Told] = field(default_factory=list)
    keys: int = 0

    def fill(self, store: FasterKv, count: int) -> None:
        with store.session(f"from-{self.keys}") as session:
            for _ in range(count):
                session.upsert(b"key-%02d" % self.keys, b"%02d" % self.keys * 200)
                self.keys += 1

    def checkpoint(self, store: FasterKv) -> None:
        store.session(f"named-{len(self.told)}").close()  # Where nothing is new, there is none.
        content, issued = dict(store.items()), len(self.device.trace)
        version = store.checkpoint().version
        self.told.append(Told(version, content, issued, len(self.device.trace)))


def one_life(run: Run) -> None:
    """Two truncations of the chain, and a truncation that leaves no segment."""
    store = open_store(run.device)
    for _ in range(2):
        run.fill(store, 3)
        run.checkpoint(store)
    store.truncate_before(1100)
    run.checkpoint(store)
    run.fill(store, 2)
    store.truncate_before(1536)
    run.checkpoint(store)
    store.truncate_before(store.stats().head)
    run.fill(store, 1)
    run.checkpoint(store)
    store.close()


def two_lives(run: Run) -> None:
    """The truncation of one life is made durable in the next only where it is asked for again."""
    store = open_store(run.device)
    for _ in range(2):
        run.fill(store, 3)
        run.checkpoint(store)
    store.truncate_before(2000)
    store.close()
    run.device.acquire(run)
    run.device.release(run)
    store = open_store(run.device)
    run.fill(store, 1)
    store.truncate_before(2048)
    run.checkpoint(store)
    run.checkpoint(store)
    store.close()


def before_the_first(run: Run) -> None:
    """The first checkpoint of all does without the first segment already."""
    store = open_store(run.device)
    run.fill(store, 4)
    store.truncate_before(store.stats().head)
    run.checkpoint(store)
    run.checkpoint(store)
    store.close()


def void_range(run: Run) -> None:
    """Records of the next version stand where the log is truncated, and are void in the next life."""
    store = open_store(run.device)
    run.fill(store, 3)
    content, issued = dict(store.items()), len(run.device.trace)
    ticket = store.start_checkpoint()
    ticket.advance()
    ticket.advance()
    session = store.session("ahead")
    session.upsert(b"key-02", b"of the next version")
    session.upsert(b"key-99", b"x" * 400)
    run.told.append(Told(ticket.result().version, content, issued, len(run.device.trace)))
    store.close()
    run.device.acquire(run)
    run.device.release(run)
    store = open_store(run.device)
    assert dict(store.items()) == content
    store.truncate_before(1024)
    run.checkpoint(store)
    run.fill(store, 2)
    store.truncate_before(store.stats().head)
    run.checkpoint(store)
    store.close()


def went_on(told: list[Told]) -> Callable[[Run], None]:
    """Opens what a power cut left after these, and goes on."""

    def program(run: Run) -> None:
        store = open_store(run.device)
        run.told += [Told(each.version, each.content, -1, 0) for each in told]
        run.keys = 50
        run.fill(store, 1)
        run.checkpoint(store)
        store.close()

    return program


# -- judging -----------------------------------------------------------------------------------------


def objection(told: list[Told], image: Image, first: int, last: int) -> str:
    """The fault in a crash state that is legal from trace length `first` to `last`; "" for none."""
    device = FaultDevice(image)
    try:
        store = open_store(device)
        content = dict(store.items())
        store.check()
        newest = store.newest
        listed = [point.version for point in store.checkpoints()]
        store.close()
    except EngineError as error:
        return f"cannot be opened: {error}"
    acked = sum(each.acked <= last for each in told)
    issued = sum(each.issued < first for each in told)
    held = {each.version: each.content for each in told}
    number = 0 if newest is None else 1 + [each.version for each in told].index(newest.version)
    if not acked <= number <= issued:
        return f"checkpoint {number} where {acked} were acknowledged and {issued} issued"
    if content != (held[newest.version] if newest else {}):
        return f"checkpoint {number} has {sorted(content)}"
    for version in listed:
        try:
            with open_store(FaultDevice(image), read_only=True, version=version) as older:
                if dict(older.items()) != held[version]:
                    return f"listed checkpoint {version} has other keys"
        except EngineError as error:
            return f"listed checkpoint {version} cannot be opened: {error}"
    return _objection_to_going_on(image, content)


def _objection_to_going_on(image: Image, content: Content) -> str:
    device = FaultDevice(image)
    with open_store(device) as store:
        store.session("later").upsert(b"later", b"1")
        store.checkpoint()
        if dict(store.items()) != content | {b"later": b"1"}:
            return "after another checkpoint it has other keys"
        names = [name for name in device.list() if name.startswith("segment")]
        oldest = int(names[0].removeprefix("segment-"))
        if oldest != store.stats().begin // SMALL.segment_bytes:
            return f"{names[0]} is still there, begin is {store.stats().begin}"
    return ""


def oldest_segment(image: Image) -> str:
    return min(name for name in image.content() if name.startswith("segment"))


@dataclass
class Seen:
    """The cases that a search came by."""

    told: list[Told]
    states: int = 0
    undone: list[Image] = field(default_factory=list)  # With files below the newest checkpoint's begin.


def search(program: Callable[[Run], None], start: Image | None = None) -> tuple[Seen, str]:
    """Judge every crash state of the program; the first objection ends it."""
    run = Run(FaultDevice(start) if start else FaultDevice())
    program(run)
    seen = Seen(run.told)
    states = crash_states(run.device.trace, Law.POSIX, limit=4096)
    assert states.completeness == "exhaustive"
    final = run.device.image()
    for state in states:
        seen.states += 1
        if complaint := objection(run.told, state.image, state.first, state.last):
            return seen, complaint
        if state.last == len(run.device.trace) and oldest_segment(state.image) < oldest_segment(final):
            seen.undone.append(state.image)
    return seen, ""


# -- the engine stands it ----------------------------------------------------------------------------


@pytest.mark.parametrize("program", [one_life, two_lives, before_the_first, void_range])
def test_every_crash_state_is_one_of_the_checkpoints(program: Callable[[Run], None]) -> None:
    seen, complaint = search(program)
    assert complaint == ""
    assert seen.states > 80
    # A removal that a cut has undone, and the cuts of what comes after it.
    assert seen.undone
    for image in seen.undone:
        again, complaint = search(went_on(seen.told), image)
        assert complaint == ""
        assert again.states > 10


# -- and copies of it do not -------------------------------------------------------------------------

Edit = Callable[[str, str], None]


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Puts a copy of the checkpoint, or of its kind, in place, in which one piece of source stands for
    another."""

    def edit(old: str, new: str) -> None:
        modules = powercut.engine.checkpoint.driver, powercut.engine.checkpoint.kinds.cpr
        sources = {each: Path(str(each.__file__)).read_text(encoding="utf-8") for each in modules}
        assert sum(source.count(old) for source in sources.values()) == 1, old
        module, source = next((module, source) for module, source in sources.items() if old in source)
        copy = ModuleType(f"{module.__package__}.copy")
        copy.__package__ = module.__package__
        monkeypatch.setitem(sys.modules, copy.__name__, copy)
        exec(compile(source.replace(old, new), copy.__name__, "exec"), copy.__dict__)
        if hasattr(copy, "Checkpointer"):
            monkeypatch.setattr("powercut.engine.checkpoints.Checkpointer", copy.Checkpointer)
        else:
            monkeypatch.setattr(powercut.engine.checkpoint.kinds.cpr, "_ENTER", copy._ENTER)

    return edit


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "    _commit(parts, head, running.begin)\n",
            "    parts.log.segments.remove_below(start)\n    _commit(parts, head, running.begin)\n",
            "cannot be opened: segment-00000000",
            id="removed-before-the-acknowledgement",
        ),
        pytest.param(
            "        head = tables.rewrite([*kept.blocks, block], room)\n",
            "        head = tables.append(block)\n",
            "cannot be opened: segment-00000000",
            id="older-checkpoints-still-listed",
        ),
        pytest.param(
            "    first = extents.below(start) if is_full else extents.named\n",
            "    first = extents.below(start + parts.settings.segment_bytes * (kept is not None))"
            " if is_full else extents.named\n",
            "cannot be opened: tables",
            id="extents-of-a-needed-segment-dropped",
        ),
        pytest.param(
            "        self._log.segments.remove_below(self._log.extents.start)\n",
            "        pass\n",
            "segment-00000000 is still there",
            id="never-removed",
        ),
        pytest.param(
            "        begin=running.begin,\n",
            "        begin=64,\n",
            "cannot be opened: tables",
            id="begin-not-kept",
        ),
    ],
)
def test_a_wrong_order_is_found(edited: Edit, old: str, new: str, expected: str) -> None:
    edited(old, new)
    _, complaint = search(one_life)
    assert expected in complaint
