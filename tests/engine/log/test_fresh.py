"""Fresh frames are had ahead of whoever fills them, a bounded way, and stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings, ThreadRuntime
from powercut.engine.log import fresh
from powercut.engine.log.fresh import AHEAD_BYTES, FreshFrames
from powercut.engine.settings import plan_memory
from powercut.engine.shared.spaces import HUGE_BYTES, Spaces, touch, words_of
from powercut.verifier.faster.stepped import SteppedRuntime

PAGE = 1 << 20
ROOMY = Settings(page_bytes=PAGE, ring_pages=16, index_buckets=64)


class Waiting(ThreadRuntime):
    """Keeps what is handed in until it is called for."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], object]] = []

    def submit(self, call: Callable[[], object]) -> Any:
        self.calls.append(call)


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(first byte, number of bytes) of each touch."""
    told = list[tuple[int, int]]()
    monkeypatch.setattr(fresh, "touch", lambda space, start, size: told.append((start, size)))
    return told


def spaces_of(settings: Settings) -> Spaces:
    return Spaces(settings, plan_memory(settings, 1 << 26), [])


def test_each_frame_of_the_first_round_is_had_once_and_in_time(touched: list[tuple[int, int]]) -> None:
    runtime = Waiting()
    frames = FreshFrames(spaces_of(ROOMY), runtime)
    for page in range(1, 40):
        frames.ask(page * PAGE)
        while runtime.calls:
            runtime.calls.pop()()
        had = touched[-1][0] + touched[-1][1]
        assert min(page, 16) * PAGE <= had <= min(page * PAGE + AHEAD_BYTES, 16 * PAGE)
    assert touched == [(at, HUGE_BYTES) for at in range(0, 16 * PAGE, HUGE_BYTES)]


def test_one_thread_is_asked_at_a_time_and_what_was_passed_is_left_out(
    touched: list[tuple[int, int]],
) -> None:
    runtime = Waiting()
    frames = FreshFrames(spaces_of(ROOMY), runtime)
    frames.ask(PAGE)
    frames.ask(9 * PAGE)
    assert len(runtime.calls) == 1
    runtime.calls.pop()()
    frames.ask(9 * PAGE)
    runtime.calls.pop()()
    assert touched == [
        (0, HUGE_BYTES),
        (2 * PAGE, HUGE_BYTES),
        (8 * PAGE, HUGE_BYTES),
        (10 * PAGE, HUGE_BYTES),
    ]


@pytest.mark.parametrize(
    ("settings", "runtime"),
    [(ROOMY, SteppedRuntime()), (Settings(page_bytes=PAGE, ring_pages=4, index_buckets=64), Waiting())],
    ids=["one task", "small ring"],
)
def test_nothing_is_had_where_it_is_not_worth_it(
    touched: list[tuple[int, int]], settings: Settings, runtime: Any
) -> None:
    frames = FreshFrames(spaces_of(settings), runtime)
    for page in range(1, 40):
        frames.ask(page * PAGE)
    assert not touched
    assert not getattr(runtime, "calls", [])


def test_no_threads_any_more_is_no_error() -> None:
    class Ending(ThreadRuntime):
        def submit(self, call: Callable[[], object]) -> Any:
            raise RuntimeError("cannot schedule new futures after shutdown")

    FreshFrames(spaces_of(ROOMY), Ending()).ask(PAGE)


def test_touched_bytes_stay_as_they_are() -> None:
    space = words_of(3 * HUGE_BYTES // 8)
    space[0], space[-1] = 1, 2
    touch(space.cast("B"), 0, 2 * HUGE_BYTES)
    touch(space.cast("B"), 0, 1 << 60)  # Refused.
    assert (space[0], space[1], space[-1]) == (1, 0, 2)


class Prompt(ThreadRuntime):
    """Does at once what is handed in."""

    def submit(self, call: Callable[[], object]) -> Future[object]:
        future: Future[object] = Future()
        future.set_result(call())
        return future


def test_a_store_that_is_filled_has_its_frames_ahead(touched: list[tuple[int, int]]) -> None:
    with (
        FasterKv.open(MemoryDevice(), create=True, settings=ROOMY, runtime=Prompt()) as store,
        store.session("s") as session,
    ):
        session.upsert(b"k", bytes(PAGE // 2))
        assert touched == []
        session.upsert(b"l", bytes(PAGE // 2))
        assert touched == [(HUGE_BYTES, HUGE_BYTES), (2 * HUGE_BYTES, HUGE_BYTES)]
        assert session.read(b"l") == bytes(PAGE // 2)
