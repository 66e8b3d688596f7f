"""Continuations: bugs that take a write after a recovery are found, and only those are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.verifier.errors import SubjectError
from powercut.verifier.finders import continuations as module
from powercut.verifier.finders.continuations import Continuations, continuations
from powercut.verifier.finders.crashes import CONTINUED, Coverage, Finding, search_tape
from powercut.verifier.finders.recoveries import Recoveries
from powercut.verifier.finders.shared import exhaust
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.programs import small_programs
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import Breach

_STORES = Path(__file__).parents[3] / "docs" / "own-store"
_LIMIT = 64


def store(name: str, *edits: tuple[str, str]) -> Any:
    """The module of an example, its source changed by these edits."""
    source = (_STORES / f"{name}.py").read_text(encoding="utf-8")
    for old, new in edits:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {name}"
        source = source.replace(old, new)
    made = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), made.__dict__)
    return made


def exhausted(
    make_store: Callable[..., Any], steps: int, more: int | None, *, is_pruned: bool = True
) -> tuple[Coverage, Finding | None, Continuations | None]:
    """Every program of so many steps, every crash state, every continuation."""
    recoveries = Recoveries(make_store, "posix", _LIMIT, is_pruned=is_pruned)
    further = None
    if more is not None:
        further = Continuations(make_store, "posix", _LIMIT, continuations(more), recoveries)
    coverage = Coverage()
    for program in small_programs(steps):
        seen, finding = search_tape(
            Tape((Era(program),), subject="own:Store"),
            start_step=len(program) - 1 if program else None,
            limit=_LIMIT,
            make_store=make_store,
            recoveries=recoveries,
            continuations=further,
        )
        coverage.merge(seen)
        if finding is not None:
            return coverage, finding, further
    return coverage, None, further


_NO_TAIL = 'device.truncate("slots", self.count * SLOT)', "pass"


def test_stale_slot_is_found_by_a_write_after_the_recovery_and_by_nothing_else() -> None:
    slotted = store("slotted", _NO_TAIL).Slotted
    assert exhausted(slotted, 2, None)[1] is None  # As before: only a power cut, and an opening.
    _, finding, _ = exhausted(slotted, 2, 1)
    assert finding is not None
    assert finding.verdict.breach is Breach.HOLE
    assert finding.verdict.is_same_kind(play(finding.tape, slotted).verdict)
    # The way: two operations, the power cut that loses the first, and one that fills its slot.
    assert [len(era.program) for era in finding.tape.eras] == [2, 3]
    assert finding.tape.eras[0].crash is not None
    assert play(finding.tape, store("slotted").Slotted).verdict != finding.verdict


def test_store_that_forgets_to_sync_only_after_a_recovery_is_found_at_the_second_power_cut() -> None:
    """Its second life believes that the log's name is durable and its checkpoint needs no sync."""
    edit = (
        'self.device.sync("slots")\n\n    def read_all',
        'self.count == 2 or self.device.sync("slots")\n\n    def read_all',
    )
    slotted = store("slotted", edit, ("self.count += 1\n        return", "self.count += 1\n        return"))
    _, finding, _ = exhausted(slotted.Slotted, 1, 1)
    assert finding is not None
    assert finding.verdict.breach is Breach.LOST_ACK
    assert sum(era.crash is not None for era in finding.tape.eras) == 2
    assert finding.verdict.is_same_kind(play(finding.tape, slotted.Slotted).verdict)


@pytest.mark.parametrize("name", ["slotted", "snapshots"])
def test_right_store_passes_and_what_it_went_on_from_is_counted(name: str) -> None:
    maker = getattr(store(name), name.capitalize())
    coverage, finding, further = exhausted(maker, 2, 2)
    assert finding is None
    assert further is not None
    assert further.contents == coverage.reached[CONTINUED] > 20
    assert further.opened > further.contents
    assert coverage.bounded == 0  # Exhaustive within the bound.


@pytest.mark.parametrize("edits", [(), (_NO_TAIL,)])
def _littering() -> Any:
    """A right store whose first life leaves a file that is never looked at, in many states."""
    made = store("slotted").Slotted

    class Littering(made):  # type: ignore[misc, valid-type]
        def __init__(self, device: Any) -> None:
            is_fresh = "slots" not in device.list()
            if is_fresh:
                device.create("litter")
                device.write("litter", 0, b"litter" * 200)
            super().__init__(device)

    return Littering


@pytest.mark.parametrize(
    ("make_store", "steps"), [(_littering(), 1), (store("slotted", _NO_TAIL).Slotted, 2)]
)
def test_contents_that_answer_alike_share_what_each_would_show_by_itself(make_store: Any, steps: int) -> None:
    """The searches with and without sharing find the same; the one with it opens less."""
    _, one, shared = exhausted(make_store, steps, 1)
    _, other, single = exhausted(make_store, steps, 1, is_pruned=False)
    assert (one is None) == (other is None)
    assert shared is not None
    assert single is not None
    assert shared.contents == single.contents
    if one is None:
        assert shared.opened < single.opened / 2
    else:
        assert other is not None
        assert one.verdict == other.verdict


class _Reader:
    """A flag goes up with the first write, and is looked at before a write and never by an opening."""

    def __init__(self, device: Any) -> None:
        self.device = device
        for name in ("log", "flag"):
            if name not in device.list():
                device.create(name)
                device.sync(name)
                device.sync_names()
        self.content: dict[bytes, bytes] = {}

    def apply(self, operation: Any) -> Any:
        # Written through two lives, the flag says that all is lost.
        self.device.write("log", 0, b"1")
        if self.device.size("flag"):
            raise ValueError("the flag is up")
        self.device.write("flag", 0, b"1")
        from powercut.verifier import apply

        return apply(self.content, operation)

    def checkpoint(self) -> int:
        return 0

    def recovered(self) -> int:
        return 0

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.content)

    def close(self) -> None:
        """Do nothing."""


def test_file_that_the_first_opening_did_not_read_tells_contents_apart() -> None:
    """The opening answers alike whether the flag survived; only the continuation reads it."""
    _, finding, _ = exhausted(_Reader, 1, 1)
    assert finding is not None
    assert "the flag is up" in finding.verdict.detail
    assert len(finding.tape.eras) == 2


def test_refusal_of_the_first_opening_is_left_to_whoever_opened_it_first() -> None:
    def refuse(device: Any) -> Any:
        if device.list():
            raise ValueError("no")
        device.create("it")
        device.sync_names()
        return _Reader(device)

    _, finding, _ = exhausted(refuse, 0, 1)
    assert finding is not None
    assert finding.verdict.oracle == "openable"


def test_subject_that_is_none_is_an_error_in_a_continuation_too() -> None:
    further = Continuations(lambda device: object(), "posix", _LIMIT, continuations(0))  # type: ignore[arg-type, return-value]
    from powercut.faultfs import FaultDevice, crash_states

    device = FaultDevice()
    device.create("it")
    with pytest.raises(SubjectError):
        further.judge(next(iter(crash_states(device.trace, "posix"))))


def test_faster_passes_and_the_stage_counts_what_it_went_on_from() -> None:
    coverage, finding = exhaust(small_programs(1), "tiny", "posix", more=1)
    assert finding is None
    assert coverage.reached[CONTINUED] > 20
    assert coverage.legal == coverage.visited
    assert coverage.bounded == 0


# Bugs of the harness itself; each makes one of the searches above say the opposite.
_PLANTED = {
    "the files that were changed are not asked for": (
        "asked.update(dict.fromkeys((int(Ask.FILE), name, 0, 0) for name in device.changed))",
        "pass",
    ),
    "what is left by the second power cut is not judged": (
        "for state in states:",
        "for state in ():",
    ),
    "the run of the continuation itself is not judged": (
        "if not (take_steps(world, program) and world.inspect()):",
        "take_steps(world, program)\n        if False:",
    ),
    "the continuation has no operation": ("product(alphabet, repeat=count)", "product(alphabet, repeat=0)"),
    "what was recovered is not acknowledged": (
        "world.segment.acks.append((len(device.trace), named))",
        "world.segment.floor = 0",
    ),
    "all contents share one verdict": (
        "return self._kept[state.key]",
        "return next(iter(self._kept.values()))",
    ),
}


def _found_with(planted: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each broken store, whether it is found while the harness has this bug."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    if planted:
        old, new = _PLANTED[planted]
        assert source.count(old) == 1
        source = source.replace(old, new)
    changed = ModuleType(module.__name__)
    changed.__package__ = module.__package__
    monkeypatch.setitem(__import__("sys").modules, module.__name__, changed)
    exec(compile(source, module.__file__, "exec"), changed.__dict__)
    stores = ((_marked(), 2), (_Reader, 1), (_forgetful(), 1), (_rewriting(), 1))
    found = []
    for make_store, steps in stores:
        recoveries = Recoveries(make_store, "posix", _LIMIT)
        further = changed.Continuations(make_store, "posix", _LIMIT, changed.continuations(1), recoveries)
        finding = None
        for program in small_programs(steps):
            tape = Tape((Era(program),), subject="own:Store")
            _, finding = search_tape(
                tape, limit=_LIMIT, make_store=make_store, recoveries=recoveries, continuations=further
            )
            if finding is not None:
                break
        found.append(finding is not None)
    return found


_FRESH = (
    'if "slots" not in device.list():',
    'self.fresh = "slots" not in device.list()\n        if self.fresh:',
)


def _marked() -> Any:
    """The one with stale slots, which it does not read after a clean close: there is a mark then."""
    made = store("slotted", _NO_TAIL).Slotted

    class Marked(made):  # type: ignore[misc, valid-type]
        def __init__(self, device: Any) -> None:
            if "mark" not in device.list():
                super().__init__(device)
                return
            self.device = device
            self.content, self.count = eval(device.read("mark"))
            device.remove("mark")
            device.sync_names()

        def close(self) -> None:
            self.device.sync("slots")
            if "aside" not in self.device.list():
                self.device.create("aside")
            self.device.truncate("aside", 0)
            self.device.write("aside", 0, repr((self.content, self.count)).encode())
            self.device.sync("aside")
            self.device.rename("aside", "mark")
            self.device.sync_names()

    return Marked


def _forgetful() -> Any:
    """A store that syncs in its first life and not in its second."""
    sync = 'self.device.sync("slots")\n\n    def read_all'
    return store("slotted", (sync, f"self.fresh and {sync}"), _FRESH).Slotted


def _rewriting() -> Any:
    """A store whose second life writes what the first one left once more, and syncs that with the rest."""
    write = 'self.device.write("slots", self.count * SLOT, b"%08x" % crc32(body) + body)'
    once_more = "self.fresh or (was := self.device.read('slots'), self.device.truncate('slots', 0), "
    edit = write, f"{once_more} self.device.write('slots', 0, was))\n        {write}"
    return store("slotted", edit, _FRESH).Slotted


@pytest.mark.parametrize("planted", ["", *_PLANTED])
def test_bug_planted_in_the_continuations_lets_a_broken_store_pass(
    planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(_found_with(planted, monkeypatch)) == (not planted)


def test_checkpoint_that_loses_what_a_recovery_found_is_told_though_nothing_was_written_since() -> None:
    # All is well where something is written between the opening and the checkpoint.
    made = store(
        "slotted",
        (
            '        self.device.sync("slots")\n\n    def read_all',
            """        if not self.written:
            self.device.truncate("slots", 0)
        self.device.sync("slots")

    def read_all""",
        ),
        (
            "        self.count += 1\n        return result",
            "        self.written = self.count = self.count + 1\n        return result",
        ),
        ("        self.count = 0\n", "        self.count = self.written = 0\n"),
    )
    _, finding, _ = exhausted(made.Slotted, 1, 0)
    assert finding is not None
    assert finding.tape.eras[-1].program == (Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN))
    assert finding.verdict.is_same_kind(play(finding.tape, made.Slotted).verdict)
