"""Syncs left out in turn: what is needed is told with what it prevents, and what is not, within its bound."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.verifier.finders import syncs as module
from powercut.verifier.finders.syncs import LeftOut, SyncBound, leave_out
from powercut.verifier.runs.play import play
from powercut.verifier.spec.spec import StoreMaker
from powercut.verifier.tapes.programs import small_programs
from powercut.verifier.tapes.tape import Kind, Operation

_SOURCE = Path(__file__).parents[3] / "docs" / "own-store" / "slotted.py"
_LONGER = ((*[Operation(Kind.UPSERT)] * 3, Operation(Kind.CHECKPOINT)),)
_SYNC = '        self.device.sync("slots")\n\n    def read_all'


def _slotted(*edits: tuple[str, str]) -> Any:
    source = _SOURCE.read_text(encoding="utf-8")
    for old, new in edits:
        assert source.count(old) == 1
        source = source.replace(old, new)
    made = ModuleType("slotted")
    exec(compile(source, "slotted.py", "exec"), made.__dict__)
    return made.Slotted


def _left(store: Any, *laws: str, leave: Any = leave_out) -> LeftOut:
    bound = SyncBound((*small_programs(1), *_LONGER), laws or ("posix",))
    left: LeftOut = leave(StoreMaker.of(store), bound, "slotted:Slotted")
    return left


def _verdicts(left: LeftOut) -> dict[str, str]:
    return {f"{each.site.function} {each.site.call}": each.verdict for each in left.sites}


def test_every_sync_of_a_store_that_makes_none_too_many_is_needed_and_told_with_what_it_prevents() -> None:
    left = _left(_slotted())
    assert _verdicts(left) == {
        "__init__ sync": "needed",
        "__init__ sync_names": "needed",
        "checkpoint sync": "needed",
    }
    assert left.together == []
    assert left.saved == 0
    assert str(left.sites[-1].site).startswith("slotted.py:")
    assert str(left.sites[-1].site).endswith("checkpoint: sync(slots)")
    for each in left.sites:
        assert each.finding is not None
        # The store itself does not show it: the sync is what keeps it away.
        assert play(each.finding.tape, _slotted()).verdict != each.finding.verdict


def test_syncs_whose_file_is_named_by_a_keyword_are_left_out_like_any_other() -> None:
    said = _left(_slotted((_SYNC, _SYNC.replace('sync("slots")', 'sync(name="slots")'))))
    assert _verdicts(said) == _verdicts(_left(_slotted()))
    assert str(said.sites[-1].site).endswith("checkpoint: sync(slots)")


def test_sync_of_bytes_alone_would_do_where_no_size_is_cut() -> None:
    weaker = {f"{each.site.function} {each.site.call}": each.weaker for each in _left(_slotted()).sites}
    assert weaker["checkpoint sync"] == "datasync"
    assert weaker["__init__ sync_names"] == ""


def test_sync_that_nobody_misses_is_redundant_with_the_calls_that_it_costs() -> None:
    left = _left(
        _slotted(
            (
                "        self.count += 1\n        return",
                '        self.count += 1\n        self.device.sync("slots")\n        return',
            ),
            (_SYNC, f"        pass\n{_SYNC}"),
        ),
        "posix",
        "ext4",
    )
    verdicts = _verdicts(left)
    assert verdicts["apply sync"] == "redundant"
    assert verdicts["checkpoint sync"] == "idle"  # All that it could make durable is so already.
    assert len({"apply", "checkpoint"} & {site.function for site in left.together}) == 1  # Not both.
    assert 0 < left.saved < left.calls


def test_two_syncs_that_stand_in_for_each_other_do_not_go_together() -> None:
    twice = (_SYNC, f'        self.device.sync("slots")\n{_SYNC}')
    left = _left(_slotted(twice))
    spare = [each for each in left.sites if each.verdict != "needed"]
    assert [each.site.function for each in spare] == ["checkpoint", "checkpoint"]
    assert len(left.together) == 1


def test_sync_of_what_is_never_changed_is_idle() -> None:
    left = _left(_slotted((_SYNC, f"        self.device.sync_names()\n{_SYNC}")))
    assert _verdicts(left)["checkpoint sync_names"] == "idle"


# Bugs of the harness itself.
_PLANTED = {
    "nothing is left out": ("if site not in gone:\n            return False", "return False"),
    "all is left out at once": ("if site not in gone:\n            return False", "pass"),
    "they are never left out together": ("if len(gone) > 1 and", "if False and"),
    "what is pending is not looked at": ("left.idle += not _has_pending(device, site.call, name)", "pass"),
    "a weaker call is not made": ("getattr(device, gone[site])(name)", "pass"),
}


@pytest.mark.parametrize("planted", ["", *_PLANTED])
def test_bug_planted_in_the_search_without_syncs_is_told(planted: str) -> None:
    source = Path(module.__file__).read_text(encoding="utf-8")
    if planted:
        assert source.count(_PLANTED[planted][0]) == 1
        source = source.replace(*_PLANTED[planted])
    changed = ModuleType(module.__name__)
    changed.__package__ = module.__package__
    import sys

    was, sys.modules[module.__name__] = sys.modules[module.__name__], changed
    try:
        exec(compile(source, module.__file__, "exec"), changed.__dict__)
    finally:
        sys.modules[module.__name__] = was
    programs = (*small_programs(1), *_LONGER)

    def left(store: Any) -> Any:
        return changed.leave_out(StoreMaker.of(store), changed.SyncBound(programs), "slotted:Slotted")

    plain, twice = left(_slotted()), left(_slotted((_SYNC, f'        self.device.sync("slots")\n{_SYNC}')))
    idle = left(_slotted((_SYNC, f"        self.device.sync_names()\n{_SYNC}")))
    told = (
        _verdicts(plain),
        [each.weaker for each in plain.sites][-1:],
        len(twice.together),
        _verdicts(idle).get("checkpoint sync_names"),
    )
    expected = (
        {"__init__ sync": "needed", "__init__ sync_names": "needed", "checkpoint sync": "needed"},
        ["datasync"],
        1,
        "idle",
    )
    assert (told == expected) == (not planted)
