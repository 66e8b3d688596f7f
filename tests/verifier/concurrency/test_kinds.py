"""Programs of checkpoints of the other kinds, beside sessions."""

from __future__ import annotations

from powercut.verifier.concurrency.kinds import kinds_tapes
from powercut.verifier.concurrency.lanes import FAR_LANE, lanes_of, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.tapes.operations import PLAIN
from powercut.verifier.tapes.tape import Kind


def test_every_kind_but_the_usual_one_is_beside_sessions() -> None:
    tapes = list(kinds_tapes("narrow"))
    assert len(set(tapes)) == len(tapes) == 50 * (len(PLAIN) - 1)
    sizes = set()
    for tape in tapes:
        lanes = lanes_of(split(tape.eras[-1].program)[1])
        assert FAR_LANE in lanes
        assert min(lanes) < FAR_LANE
        sizes |= {each.size for each in lanes[FAR_LANE] if each.kind == Kind.CHECKPOINT}
    assert sizes == set(range(len(PLAIN)))


def test_the_store_stands_them() -> None:
    for tape in list(kinds_tapes("narrow"))[::9]:
        searched = search_lanes(tape, [Bounded(1)], 2_000)
        assert searched.is_complete
        assert searched.verdict is None
