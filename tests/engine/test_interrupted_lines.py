"""Ctrl-C before any line of the engine's ordinary Python: nothing waits for it afterwards, nothing is lost.

Method: a trace function raises KeyboardInterrupt before the n-th line that a call executes in some functions,
for n = 1, 2, ... until the call ends by itself. Lines that clean up after an exception are left alone: who is
interrupted twice has no such promise. Kernels are compiled, so they are not interrupted; each store is new.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

from powercut.engine import FasterKv, FasterLog, LogSettings, MemoryDevice, Session, Settings
from powercut.engine.compiler.compilation import available

TINY = Settings(
    page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=2
)
SMALL = LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512)
needs_compiled = pytest.mark.skipif(not available(), reason="numba is not installed")

SESSIONS = "powercut.engine.sessions"


def cleaning(module: str) -> set[int]:
    """The lines of `finally` and `except` in a module, and of `try:`, where no signal is looked at."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    parts: list[ast.stmt | ast.ExceptHandler] = []
    for node in tries:
        parts += [*node.finalbody, *node.handlers]
    lines = {number for part in parts for number in range(part.lineno, (part.end_lineno or 0) + 1)}
    return lines | {node.lineno for node in tries}


def withs(module: str) -> set[int]:
    """The lines of `with` in the source of a module."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.lineno for node in ast.walk(tree) if isinstance(node, ast.With)}


@contextmanager
def interrupting(module: str, functions: set[str], at: int) -> Iterator[list[int]]:
    """Raises before line number `at` of these functions; yields how many lines came."""
    seen, spared, leaving = [0], cleaning(module), withs(module)
    entered: set[tuple[FrameType, int]] = set()

    def line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and frame.f_lineno in leaving:
            # It comes once more when it is left; from there to the end of `__exit__` no signal is looked at.
            entered.symmetric_difference_update({(frame, frame.f_lineno)})
            if (frame, frame.f_lineno) not in entered:
                return line
        if event == "line" and frame.f_lineno not in spared:
            seen[0] += 1
            if seen[0] == at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return line

    def call(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        is_meant = frame.f_globals.get("__name__") == module and code.co_name in functions
        return line if is_meant else None

    sys.settrace(call)
    try:
        yield seen
    finally:
        sys.settrace(None)


def every_line(
    module: str, functions: set[str], do: Callable[[FasterKv], object], then: Callable[[FasterKv], None]
) -> int:
    """`do` interrupted before each of its lines in turn, and `then`; how many lines there were."""
    at = 0
    while True:
        at += 1
        with FasterKv.open(MemoryDevice(), create=True, settings=TINY, kernels="compiled") as store:
            held = store.session("s")
            held.upsert(b"key", b"value")
            with interrupting(module, functions, at) as seen, suppress(KeyboardInterrupt):
                do(store)
            then(store)
            if seen[0] < at:  # It ended by itself.
                return at - 1


def session_of(store: FasterKv) -> Session:
    (session,) = store._handles.live()
    return session


@needs_compiled
def test_an_interrupted_drain_is_taken_up_by_the_next() -> None:
    ran: list[int] = []

    def do(store: FasterKv) -> None:
        ran.clear()
        store._parts.shared.epochs.defer(lambda: ran.append(1))

    def then(store: FasterKv) -> None:
        store._parts.shared.epochs.poll()
        assert store._parts.shared.epochs.waiting == 0
        assert store.checkpoint(timeout=None).serials == {"s": 1}

    assert every_line("powercut.engine.shared.epoch", {"poll"}, do, then) > 6


@needs_compiled
def test_an_interrupted_close_is_closed_by_the_next() -> None:
    def then(store: FasterKv) -> None:
        session_of(store).close()
        assert store.checkpoint(timeout=None).serials == {"s": 1}
        with store.session("s") as again:
            assert again.serial == 1

    lines = every_line(f"{SESSIONS}.session", {"close"}, lambda store: session_of(store).close(), then)
    lines += every_line(f"{SESSIONS}.registry", {"retire"}, lambda store: session_of(store).close(), then)
    assert lines > 12


@needs_compiled
def test_an_interrupted_walk_leaves_the_epoch() -> None:
    """A chain into the device is followed by hand, through the records in memory that come before it."""
    content = {b"%d" % number: bytes(60) for number in range(24)}

    def do(store: FasterKv) -> None:
        for key, value in content.items():
            session_of(store).upsert(key, value)
        assert dict(store.items()) == {b"key": b"value", **content}

    def then(store: FasterKv) -> None:
        assert dict(store.items()) == {b"key": b"value", **content}
        for key, value in content.items():  # Pages turn where nobody is in the epoch.
            session_of(store).upsert(key, value)
        assert store.checkpoint(timeout=None).serials == {"s": 49}

    assert every_line(f"{SESSIONS}.reader", {"entered"}, do, then) > 20


@needs_compiled
def test_an_interrupted_entry_leaves_the_session_free() -> None:
    large = bytes(400)

    def then(store: FasterKv) -> None:
        session = session_of(store)
        session.upsert(b"key", b"again")
        assert session.read(b"key") == b"again"

    for module, functions in (
        (f"{SESSIONS}.session", {"_enter"}),
        (f"{SESSIONS}.single", {"make_room", "_lay_out"}),
    ):
        assert every_line(module, functions, lambda store: session_of(store).start_read(large), then) > 3


@needs_compiled
@pytest.mark.parametrize(
    ("module", "functions", "do"),
    [
        ("powercut.engine.upkeep.growth", {"run", "_begin"}, FasterKv.grow_index),
        ("powercut.engine.upkeep.compaction", {"run", "_claim"}, FasterKv.compact),
    ],
)
def test_an_interrupted_growth_or_compaction_is_not_under_way_for_ever(
    module: str, functions: set[str], do: Callable[[FasterKv], object]
) -> None:
    def then(store: FasterKv) -> None:
        do(store)
        assert session_of(store).read(b"key") == b"value"
        assert store.checkpoint(timeout=None).serials == {"s": 2}

    assert every_line(module, functions, do, then) > 6


@needs_compiled
def test_who_is_interrupted_while_it_tells_leaves_the_rest_to_the_next() -> None:
    told: list[int] = []

    def do(store: FasterKv) -> None:
        told.clear()
        store.on_durable(lambda name, serial: told.append(serial))
        store.checkpoint(timeout=None)

    def then(store: FasterKv) -> None:
        session_of(store).upsert(b"key", b"again")
        assert store.checkpoint(timeout=None).serials == {"s": 2}
        assert told[-1] == 2

    assert every_line(f"{SESSIONS}.durable", {"tell"}, do, then) > 6


@pytest.mark.parametrize("functions", [{"commit", "_leads"}, {"_commit", "_publish"}, {"_write"}])
def test_an_interrupted_commit_of_a_log_lets_the_next_one_lead(functions: set[str]) -> None:
    at, lines = 0, 0
    while lines == at:
        at += 1
        device = MemoryDevice()
        log = FasterLog.open(device, create=True, settings=SMALL)
        log.enqueue(b"one")
        module = "powercut.engine.fasterlog.groups"
        with interrupting(module, functions, at) as seen, suppress(KeyboardInterrupt):
            log.commit()
        lines = seen[0]
        assert log._source.groups._leader is None, "or whoever commits next waits for it for ever"
        log.enqueue(b"two")
        log.commit()
        log.close()
        with FasterLog.open(device) as again:
            assert [bytes(entry) for _, entry in again.scan()] == [b"one", b"two"]
    assert at > 4
