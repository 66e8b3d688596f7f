"""A checkpoint and operations that are pending: which it waits for, and which belong to it."""

from collections.abc import Callable
from contextlib import closing

import pytest

from powercut.engine import CheckpointError, FasterKv, MemoryDevice, Phase, Settings

Push = Callable[[FasterKv], None]


def append(old: bytes | None) -> bytes:
    return (old or b"") + b"+"


def test_a_checkpoint_is_refused_while_an_rmw_is_pending_and_succeeds_after(
    device: MemoryDevice, tiny: Settings, kernels: str, push_out: Push
) -> None:
    with FasterKv.open(device, create=True, settings=tiny, kernels=kernels) as store:
        s, idle = store.session("slow"), store.session("idle")
        s.upsert(b"k", b"v")
        push_out(store)
        ticket = s.start_rmw(b"k", append)
        idle.upsert(b"i", b"1")
        s.upsert(b"after", b"1")
        with pytest.raises(CheckpointError, match="slow") as caught:
            store.checkpoint(timeout=0)
        assert "idle" not in str(caught.value)
        assert store.phase is Phase.REST
        assert store.newest is None
        assert s.complete_pending()
        assert ticket.result() == b"v+"
        point = store.checkpoint(timeout=0)
        assert point.version.counter == 1  # None was spent.
        assert point.serials == {"slow": 3, "idle": 1, "filler": 6}
    with FasterKv.open(device, kernels=kernels) as store:
        assert store.session("slow").read(b"k") == b"v+"


def test_a_checkpoint_does_not_wait_for_pending_reads(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(either)
        ticket = s.start_read(b"k")
        assert either.checkpoint(timeout=0).serials["s"] == 2
        s.upsert(b"k", b"w")
        s.complete_pending()
        assert ticket.result() == b"v"


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_while_a_checkpoint_runs_nothing_with_effects_is_left_pending(
    device: MemoryDevice, tiny: Settings, kernels: str, push_out: Push, steps: int
) -> None:
    """At PREPARE, WAIT_PENDING, IN_PROGRESS and WAIT_FLUSH the call waits; it is of the session's version."""
    with closing(FasterKv.open(device, create=True, settings=tiny, kernels=kernels)) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        push_out(store)
        running = store.start_checkpoint(timeout=0)
        for _ in range(steps):
            running.advance()
        ticket = s.start_rmw(b"k", append)
        assert ticket.is_done
        assert running.result().serials["s"] == (2 if steps < 2 else 1)
    with closing(FasterKv.open(device, kernels=kernels)) as store:
        assert store.session("s").read(b"k") == (b"v+" if steps < 2 else b"v")


def test_completing_during_a_checkpoint_that_waits_for_it_lets_it_go_on(
    device: MemoryDevice, tiny: Settings, kernels: str, push_out: Push
) -> None:
    """The operation was begun at REST and is completed after PREPARE: it belongs to the checkpoint."""
    with closing(FasterKv.open(device, create=True, settings=tiny, kernels=kernels)) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        push_out(store)
        s.start_rmw(b"k", append)
        running = store.start_checkpoint(timeout=0)
        s.upsert(b"late", b"1")
        assert s.complete_pending()
        assert running.result().serials["s"] == 3
        s.upsert(b"k", b"lost")
    with closing(FasterKv.open(device, kernels=kernels)) as store:
        s = store.session("s")
        assert (s.serial, s.read(b"k"), s.read(b"late")) == (3, b"v+", b"1")
