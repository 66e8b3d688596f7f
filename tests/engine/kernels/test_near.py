"""The short way of a batch: answers as the long way's, and gives way to whoever comes in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from random import Random

import numpy as np
import pytest

from powercut.engine import FasterKv, MemoryDevice, Session, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import set_turn
from powercut.engine.sessions.staging import Rooms, Stage
from powercut.verifier.faster.stepped import SteppedRuntime

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
ROOMY = Settings(page_bytes=1 << 15, segment_bytes=1 << 15, ring_pages=4, index_buckets=64)
# Most of the log is read-only or on the device soon.
TIGHT = replace(ROOMY, page_bytes=1024, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=2)


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("settings", [ROOMY, TIGHT], ids=["roomy", "tight"])
@pytest.mark.parametrize("width", [1, 8, 20])
@pytest.mark.parametrize("size", [5, 8, 12])
def test_batches_of_arrays_are_a_dict(kernels: str, settings: Settings, width: int, size: int) -> None:
    random, content, kind = Random(width * 100 + size), dict[bytes, bytes](), f"V{size}"
    names = np.array([bytes([number]) * width for number in range(1, 31)], f"V{width}")
    device = MemoryDevice()
    with (
        FasterKv.open(device, create=True, settings=settings, kernels=kernels) as store,
        store.session("s") as session,
    ):
        ticket = store.start_checkpoint()
        for step in range(28):
            keys = names[[random.randrange(30) for _ in range(random.choice((2, 3, 17, 40)))]]
            values, found = session.read_many(keys, kind)
            for key, value, is_there in zip(keys.tolist(), values.tolist(), found.tolist(), strict=True):
                assert (value if is_there else None) == content.get(key)
            given = np.frombuffer(random.randbytes(size * len(keys)), kind)
            session.upsert_many(keys, given)
            content |= dict(zip(keys.tolist(), given.tolist(), strict=True))
            if size == 8:
                session.add_many(keys, 3)
                for key in keys.tolist():
                    content[key] = ((int.from_bytes(content[key], "little") + 3) % (1 << 64)).to_bytes(
                        8, "little"
                    )
            gone = keys.tolist()[0]
            assert session.delete(gone) == (content.pop(gone, None) is not None)
            if step % 9 in (0, 1):
                ticket.advance()  # Batches meet it in all its phases.
            elif step % 9 == 2:
                ticket.result()
            elif step % 9 == 8:
                ticket = store.start_checkpoint()
        assert dict(store.items()) == content
        store.check()
        ticket.result()
    with FasterKv.open(device, settings=settings, kernels=kernels) as store:
        assert dict(store.items()) == content


class Between:
    """A batch of two keys on the short way, and another session's operation between two of its accesses."""

    KEYS = np.array([b"a", b"b"], "S1")

    def __init__(self) -> None:
        self.store = FasterKv.open(
            MemoryDevice(), create=True, settings=ROOMY, runtime=SteppedRuntime(), kernels="interpreted"
        )
        parts = self.store._parts
        self.session = self.store.session("one")
        self.session.upsert_many(self.KEYS, np.array([10, 20], "<u8"))
        state = parts.sessions.open("other")
        self.other = Stage(parts.log.spaces, parts.shared.mode, state.row, Rooms(1, 2, 16))
        self.other.batch[w.B_RECORD_WORDS] = 100

    def played(
        self, work: Callable[[Session], object], kind: int, value: bytes, at: int
    ) -> tuple[bool, bool]:
        """(there was an access `at`, the other's operation was done there)."""
        left, done = [at], [False]

        def turn(*_: object) -> None:
            left[0] -= 1
            if left[0] == -1:
                kernels = self.other.kernels
                why = kernels.run_key(kind, b"b") if kind == w.DELETE else kernels.run_pair(kind, b"b", value)
                done[0] = why == w.DONE

        set_turn(turn)
        try:
            work(self.session)
        finally:
            set_turn(None)
        return left[0] < 0, done[0]

    def value(self) -> int | None:
        told = self.session.read(b"b")
        return None if told is None else int.from_bytes(told, "little")


WORKS: dict[str, Callable[[Session], object]] = {
    "add": lambda session: session.add_many(Between.KEYS, 5),
    "upsert": lambda session: session.upsert_many(Between.KEYS, np.array([76, 77], "<u8")),
}
ADDING = (w.ADD, (7).to_bytes(8, "little"))
WRITING = (w.UPSERT, (1000).to_bytes(8, "little"))
LONGER = (w.UPSERT, (1000).to_bytes(16, "little"))
DELETING = (w.DELETE, b"")


@pytest.mark.parametrize(
    ("method", "other", "orders"),
    [
        ("add", ADDING, {32}),
        ("add", WRITING, {1005, 1000}),
        ("add", DELETING, {None, 5}),
        ("upsert", ADDING, {77, 84}),
        ("upsert", WRITING, {77, 1000}),
        ("upsert", LONGER, {77, 1000}),
        ("upsert", DELETING, {None, 77}),
    ],
)
def test_an_operation_between_any_two_accesses_comes_before_or_after(
    method: str, other: tuple[int, bytes], orders: set[int | None]
) -> None:
    seen, refused = set[int | None](), 0
    for at in count():
        between = Between()

        is_there, done = between.played(WORKS[method], *other, at)
        if not is_there:
            break
        between.store.check()
        value = between.value()
        if done:
            assert value in orders, f"access {at}"
            seen.add(value)
        else:
            refused += 1
            assert value == (25 if method == "add" else 77), f"access {at}"
    assert seen == orders
    assert refused  # While it was locked.


@pytest.mark.parametrize(("other", "after"), [(ADDING, 27), (WRITING, 1000), (DELETING, None)])
def test_a_read_tells_what_stood_before_or_after(other: tuple[int, bytes], after: int | None) -> None:
    seen = set[int | None]()
    for at in count():
        between, told = Between(), list[tuple[list[int], list[bool]]]()

        def work(session: Session, told: list[tuple[list[int], list[bool]]] = told) -> None:
            values, found = session.read_many(Between.KEYS, "<u8")
            told.append((values.tolist(), found.tolist()))

        is_there, done = between.played(work, *other, at)
        if not is_there:
            break
        assert done
        ((values, found),) = told
        assert (values[0], found[0]) == (10, True)
        seen.add(values[1] if found[1] else None)
    assert seen == {20, after}
