"""The damage sweep: what a medium can come to, how each of it ends, and that a weak store does not pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

import pytest

import powercut.engine.checkpoint.kinds.cpr
import powercut.engine.checkpoint.loading
import powercut.engine.checkpoint.recovery
import powercut.engine.log.cold
import powercut.engine.log.segments
import powercut.engine.metadata.roots
import powercut.engine.metadata.tables
from powercut.engine import CorruptionError, FasterKv
from powercut.engine.metadata.layout import Block, Extent, Pointer, Root, decode_root
from powercut.engine.metadata.tables import Runs
from powercut.faultfs import FaultDevice, Image
from powercut.faultfs.faults.rot import Damage, How
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.finders.damage import Sweep
from powercut.verifier.finders.sites import MEDIA, bits, sampled_bytes, sites, while_open
from powercut.verifier.oracles.damage import CORRECTED, HARMLESS, REFUSED, SPARED
from powercut.verifier.reducing.passes import count_operations
from powercut.verifier.reducing.shrink import shrink
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import Breach, Violation

_UPSERT, _CHECKPOINT = Operation(), Operation(Kind.CHECKPOINT)
_SMALL = MEDIA["one checkpoint"]
# The third copy of the root is a checkpoint behind.
_BEHIND = Tape((Era((_UPSERT, _CHECKPOINT, _UPSERT, _CHECKPOINT), Crash()),))
# The first of three pages is on the device only.
_COLD = Tape((Era((*(Operation(Kind.UPSERT, 0, key, 2) for key in range(3)), _CHECKPOINT)),), "paired")


def _all_pieces(sweep: Sweep) -> Iterator[Damage]:
    yield from sites(sweep.content, sweep.past, 1024)
    yield from while_open(sites(sweep.content, sweep.past, 1024))


def _a_bit_of_each_byte(sweep: Sweep) -> Iterator[Damage]:
    return (bit for bit in bits(sweep.content, sweep.past) if bit.argument == bit.position % 8)


def _breach(tape: Tape, damages: Callable[[Sweep], Iterator[Damage]]) -> Breach | None:
    """The first violation, which its tape must show too when it is played."""
    sweep = Sweep(tape)
    finding = sweep.run(damages(sweep))
    if finding is None:
        return None
    assert play(finding.tape).verdict == finding.verdict
    assert finding.verdict.oracle == "damage"
    return finding.verdict.breach


def _number(sweep: Sweep, name: str) -> int:
    return sorted(sweep.content.keys() | sweep.past.keys()).index(name)


# -- the store stands it -----------------------------------------------------------------------------


@pytest.mark.parametrize("medium", sorted(MEDIA))
def test_pieces_closed_and_open_end_as_they_may(medium: str) -> None:
    """A seventh of the pieces; the stage `damage` has all of them."""
    sweep = Sweep(MEDIA[medium])
    assert sweep.run(islice(_all_pieces(sweep), 0, None, 7)) is None
    assert sweep.run(sampled_bytes(sweep.content, sweep.past, Random(3), 12)) is None
    reached, fired = sweep.coverage.reached, sweep.coverage.fired
    assert (
        sum(reached.get(end, 0) for end in (CORRECTED, REFUSED, HARMLESS, SPARED)) == sum(fired.values()) > 0
    )
    assert reached[CORRECTED] > 0
    assert 0 < sweep.coverage.checked <= sweep.coverage.distinct <= sum(fired.values())


def test_media_have_what_they_are_named_for() -> None:
    def opened(medium: str) -> FasterKv:
        content = Sweep(MEDIA[medium]).content
        return FasterKv.open(FaultDevice(Image.of(content)), runtime=SteppedRuntime(), memory=1 << 20)

    def heads(medium: str) -> list[Pointer]:
        content = Sweep(MEDIA[medium]).content
        roots = [decode_root(content[file], file) for file in powercut.engine.metadata.roots.ROOT_FILES]
        return [root.head for root in roots if isinstance(root, Root)]

    assert opened("created").newest is None
    assert len(opened("closed").checkpoints()) == 3
    assert opened("closed").stats().tail > 2048  # A second segment.
    assert opened("truncated").stats().begin > 2048
    assert len(Sweep(MEDIA["truncated"]).past) > len(Sweep(MEDIA["truncated"]).content)
    for medium in ("cut, long extents", "cut, one root ahead", "truncated, cut"):
        assert len(heads(medium)) == 3
        assert len(set(heads(medium))) == 2, medium
    assert len(set(heads("closed"))) == 1


def test_rotten_copy_of_the_root_is_corrected_whatever_bit_it_is() -> None:
    """A bit of every fourth byte; the stage `damage` has every bit."""
    sweep = Sweep(_BEHIND)
    roots = [bit for bit in _a_bit_of_each_byte(sweep) if bit.file < 3 and bit.position % 4 == bit.file]
    assert sweep.run(roots) is None
    assert sweep.coverage.reached[CORRECTED] == len(roots) == 3 * 128


def test_rotten_bit_of_a_table_is_refused_and_one_between_two_tables_does_not_matter() -> None:
    sweep = Sweep(_BEHIND)
    tables = [bit for bit in _a_bit_of_each_byte(sweep) if bit.file == _number(sweep, "tables")]
    assert sweep.run(tables) is None
    assert sweep.coverage.reached[REFUSED] + sweep.coverage.reached[HARMLESS] == len(tables)
    assert sweep.coverage.reached[HARMLESS] > 100


def test_damage_of_what_was_truncated_is_harmless() -> None:
    sweep = Sweep(MEDIA["truncated"])
    gone = _number(sweep, "segment-00000000")
    back = [Damage(How.STALE, 0, gone, 0, number) for number in range(3)]
    assert sweep.run(back) is None
    assert sweep.coverage.reached[HARMLESS] == len(back)


def test_older_checkpoint_whose_table_is_damaged_is_refused_and_the_newest_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(powercut.engine.checkpoint.kinds.cpr, "CHAIN_BLOCKS_MAX", 2)
    sweep = Sweep(Tape((Era((_UPSERT, _CHECKPOINT) * 5),)))
    oldest = Damage(How.ZERO, 512, _number(sweep, "tables"), 0)
    assert sweep.run([oldest]) is None
    assert sweep.coverage.reached["older refused"] == 1


# -- what is not run is known ------------------------------------------------------------------------


def test_every_end_is_the_one_that_a_sweep_of_this_damage_alone_comes_to() -> None:
    together = Sweep(_BEHIND)
    damages = [*list(_all_pieces(together))[::6], *list(_a_bit_of_each_byte(together))[::97]]
    for damage in damages:
        before = dict(together.coverage.reached)
        assert together.run([damage]) is None
        alone = Sweep(_BEHIND)
        assert alone.run([damage]) is None
        ends = (CORRECTED, REFUSED, HARMLESS)
        grown = {
            end: together.coverage.reached.get(end, 0) - before.get(end, 0)
            for end in ends
            if together.coverage.reached.get(end, 0) != before.get(end, 0)
        }
        assert grown == {end: count for end, count in alone.coverage.reached.items() if end in ends}, damage
    assert together.coverage.checked < together.coverage.distinct + 100


def test_copy_that_one_damage_gets_mended_is_looked_at_again_under_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    genuine = powercut.engine.metadata.roots.Roots.take_over

    def picky(roots: powercut.engine.metadata.roots.Roots, root: Root) -> None:
        if 0 in roots._sequences.values() and any(roots._device.image().content()["root-a"]):  # type: ignore[attr-defined]
            roots._last = max(roots._last, root.life << powercut.engine.metadata.roots.LIFE_SHIFT)
        else:
            genuine(roots, root)

    monkeypatch.setattr(powercut.engine.metadata.roots.Roots, "take_over", picky)
    sweep = Sweep(_SMALL)
    assert sweep.run([Damage(How.ZERO)]) is None
    finding = sweep.run([Damage(How.GARBLE)])
    assert finding is not None
    assert finding.verdict.breach is Breach.OVERLOOKED


def test_equal_sweeps_give_equal_figures() -> None:
    first, second = Sweep(_BEHIND), Sweep(_BEHIND)
    for sweep in (first, second):
        assert sweep.run(_all_pieces(sweep)) is None
    assert first.coverage == second.coverage


# -- a weak store does not pass ----------------------------------------------------------------------


def test_store_that_does_not_check_extents_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powercut.engine.log.segments, "checksum", lambda *_: 0)

    def zeroed(sweep: Sweep) -> Iterator[Damage]:
        yield Damage(How.ZERO, 512, _number(sweep, "segment-00000000"))

    assert _breach(_SMALL, zeroed) is Breach.SILENT


def test_store_that_does_not_check_tables_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powercut.engine.metadata.tables, "checksum", lambda *_: 0)

    def serials(sweep: Sweep) -> Iterator[Damage]:
        table = sweep.content["tables"]
        at = table.index(b"\x02\x00s0") - 8  # The serial of the session that is named behind it.
        yield Damage(How.FLIP, 1, _number(sweep, "tables"), at)

    assert _breach(_SMALL, serials) is Breach.SILENT


def test_store_that_takes_a_missing_segment_for_an_empty_one_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    genuine = powercut.engine.log.segments.check_extent

    def lenient(store_id: bytes, place: tuple[str, int], extent: Extent, data: bytes, count: int) -> None:
        if count >= 0:
            genuine(store_id, place, extent, data, count)

    for module in (powercut.engine.log.segments, powercut.engine.checkpoint.loading):
        monkeypatch.setattr(module, "check_extent", lenient)
    assert _breach(_SMALL, _all_pieces) is Breach.SILENT


def test_store_that_goes_back_to_an_older_state_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = powercut.engine.checkpoint.recovery._load_tables

    def forgiving(
        tables: powercut.engine.metadata.tables.Tables, *rest: object
    ) -> tuple[Block | None, Block | None, Runs]:
        try:
            return genuine(tables, *rest)  # type: ignore[arg-type]
        except CorruptionError:
            return None, None, Runs()

    monkeypatch.setattr(powercut.engine.checkpoint.recovery, "_load_tables", forgiving)
    assert _breach(_SMALL, _all_pieces) is Breach.SILENT


def test_cold_read_that_swallows_its_error_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = powercut.engine.log.cold.ColdLog.follow

    def swallowing(log: powercut.engine.log.cold.ColdLog, address: int, key: bytes, begin: int) -> object:
        try:
            return genuine(log, address, key, begin)
        except CorruptionError:
            return None

    monkeypatch.setattr(powercut.engine.log.cold.ColdLog, "follow", swallowing)
    assert _breach(_COLD, lambda sweep: sites(sweep.content, sweep.past, 512)) is None
    assert _breach(_COLD, _all_pieces) is Breach.SILENT


def test_store_that_leaves_a_rotten_root_as_it_is_has_overlooked_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unmended(roots: powercut.engine.metadata.roots.Roots, root: Root) -> None:
        roots._last = max(roots._last, root.life << powercut.engine.metadata.roots.LIFE_SHIFT)

    monkeypatch.setattr(powercut.engine.metadata.roots.Roots, "take_over", unmended)
    assert _breach(_SMALL, _all_pieces) is Breach.OVERLOOKED


def test_store_that_needs_every_copy_of_the_root_refuses_what_it_should_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    genuine = powercut.engine.metadata.roots.read_roots

    def strict(device: FaultDevice, names: list[str], findings: list[object]) -> object:
        reading = genuine(device, names, findings)  # type: ignore[arg-type]
        for file, why in reading.complaints.items():
            if reading.newest is not None:
                raise CorruptionError(file, 0, why, "a root")
        return reading

    monkeypatch.setattr(powercut.engine.checkpoint.recovery, "read_roots", strict)
    assert _breach(_SMALL, _all_pieces) is Breach.REFUSED


@pytest.mark.parametrize(("tape", "breach"), [(_SMALL, Breach.REFUSED), (_BEHIND, Breach.SILENT)])
def test_store_that_begins_its_repair_by_emptying_every_copy_is_caught_by_a_cut_inside(
    monkeypatch: pytest.MonkeyPatch, tape: Tape, breach: Breach
) -> None:
    genuine = powercut.engine.metadata.roots.Roots.take_over

    def hasty(roots: powercut.engine.metadata.roots.Roots, root: Root) -> None:
        for file in powercut.engine.metadata.roots.ROOT_FILES:
            roots._device.truncate(file, 0)
            roots._device.sync(file)
        genuine(roots, root)

    monkeypatch.setattr(powercut.engine.metadata.roots.Roots, "take_over", hasty)
    assert _breach(tape, _all_pieces) is None
    sweep = Sweep(tape)
    finding = sweep.cut_repairs(_all_pieces(sweep))
    assert finding is not None
    assert finding.verdict.breach is breach
    verdict = play(finding.tape).verdict
    assert finding.verdict.is_same_kind(verdict)
    small = play(shrink(finding.tape, verdict=finding.verdict, budget=300))
    assert finding.verdict.is_same_kind(small.verdict)


def test_repair_of_a_copy_of_the_root_may_be_cut_anywhere() -> None:
    sweep = Sweep(_BEHIND)
    assert sweep.cut_repairs(_all_pieces(sweep)) is None
    assert sweep.coverage.reached["cut inside a repair"] == sweep.coverage.checked > 50


@pytest.mark.parametrize("error", [KeyError("head"), CorruptionError("root-a", 0, "x", "y")])
def test_bare_error_and_one_that_names_another_file_are_violations(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    genuine = powercut.engine.checkpoint.recovery._load_tables

    def misled(
        tables: powercut.engine.metadata.tables.Tables, *rest: object
    ) -> tuple[Block | None, Block | None, Runs]:
        try:
            return genuine(tables, *rest)  # type: ignore[arg-type]
        except CorruptionError:
            raise error from None

    monkeypatch.setattr(powercut.engine.checkpoint.recovery, "_load_tables", misled)
    assert _breach(_SMALL, _all_pieces) is Breach.ERROR


def test_store_that_fails_undamaged_fails_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FasterKv, "items", lambda store: iter([(b"key-0", b"wrong")]))
    sweep = Sweep(_SMALL)
    assert sweep.is_unsound
    finding = sweep.run(_all_pieces(sweep))
    assert finding is not None
    assert finding.verdict.oracle != "damage"
    assert sweep.coverage.checked == 0


# -- tapes -------------------------------------------------------------------------------------------


def test_finding_shrinks_to_few_operations_and_still_shows_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powercut.engine.log.segments, "checksum", lambda *_: 0)
    sweep = Sweep(MEDIA["closed"])
    finding = sweep.run([Damage(How.ZERO, 512, _number(sweep, "segment-00000001"), 1)])
    assert finding is not None
    small = shrink(finding.tape, verdict=finding.verdict, budget=3_000)
    verdict = play(small).verdict
    assert isinstance(verdict, Violation)
    assert verdict.is_same_kind(finding.verdict)
    assert count_operations(small) <= 3
    monkeypatch.undo()
    assert not isinstance(play(small).verdict, Violation)
