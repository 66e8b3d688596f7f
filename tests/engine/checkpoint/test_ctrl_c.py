"""Ctrl-C in a checkpoint: it costs the answer and no data; the store goes on, content and serials right.

Method: a trace function raises KeyboardInterrupt in the main thread before one line of the engine, or of what
it submits and waits with. What other threads do is not traced, as no signal reaches them. Lines that clean up
after an exception are left alone: who is interrupted twice has no such promise.
"""

from __future__ import annotations

import ast
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest

from powercut.engine import CheckpointError, FasterKv, MemoryDevice, Session, Settings
from powercut.engine.compiler.compilation import available

pytestmark = pytest.mark.skipif(not available(), reason="interpreted kernels may be interrupted within")

TINY = Settings(
    page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=2
)
WAITING = ("concurrent.futures", "threading")
# Interrupted between two lines of Condition.wait, Python's own library lets go of a lock twice.
INTERRUPTED = (KeyboardInterrupt, RuntimeError)
ENGINE = "powercut.engine"


@cache
def tree_of(file: str) -> list[ast.AST]:
    """The nodes of a file's source; none of what is made, as a dataclass makes some."""
    path = Path(file)
    return [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))] if path.exists() else []


@cache
def leaving(file: str) -> frozenset[int]:
    """The lines of `with`, which come once more when it is left."""
    return frozenset(node.lineno for node in tree_of(file) if isinstance(node, ast.With))


@cache
def cleaning(file: str) -> frozenset[int]:
    """The lines of `finally` and `except`, and of what stands in `__exit__`, in a file."""
    spared: set[int] = set()
    for node in tree_of(file):
        parts: list[Any] = []
        if isinstance(node, ast.Try):
            parts = [*node.finalbody, *node.handlers]
            spared.add(node.lineno)  # `try:` itself, where no signal is looked at.
        elif isinstance(node, ast.FunctionDef) and node.name in ("__exit__", "abandon", "_rest"):
            parts = [node]
        spared.update(n for part in parts for n in range(part.lineno, (part.end_lineno or 0) + 1))
    return frozenset(spared)


@contextmanager
def interrupting(at: int, *modules: str) -> Iterator[list[int]]:
    """Raises before line number `at` of these modules; yields how many lines came."""
    seen = [0]

    def tracer() -> Callable[[FrameType, str, object], Any]:
        """The tracer of one call, which knows the `with` statements that it is in."""
        entered: set[int] = set()

        def line(frame: FrameType, event: str, _: object) -> Any:
            file, number = frame.f_code.co_filename, frame.f_lineno
            if event == "line" and number in leaving(file):
                entered.symmetric_difference_update({number})
                if number not in entered:
                    return line  # Left: from here on to the end of `__exit__` no signal is looked at.
            if event == "line" and number not in cleaning(file):
                seen[0] += 1
                if seen[0] == at:
                    sys.settrace(None)
                    raise KeyboardInterrupt
            return line

        return line

    def call(frame: FrameType, event: str, _: object) -> Any:
        name = str(frame.f_globals.get("__name__"))
        is_meant = name.startswith(modules) and not is_within_cleaning(frame)
        return tracer() if is_meant else None

    gc.disable()  # What becomes of stores of other tests that are collected is no line of a checkpoint.
    sys.settrace(call)
    try:
        yield seen
    finally:
        sys.settrace(None)
        gc.enable()


def is_within_cleaning(frame: FrameType) -> bool:
    """True if a function is called from a line that cleans up."""
    caller = frame.f_back
    while caller is not None and str(caller.f_globals.get("__name__")).startswith(ENGINE):
        if caller.f_lineno in cleaning(caller.f_code.co_filename):
            return True
        caller = caller.f_back
    return False


class Kept:
    """A store, what was written to it, and a way to see that nothing of that is lost."""

    def __init__(self) -> None:
        self.device = MemoryDevice()
        self.store = FasterKv.open(self.device, create=True, settings=TINY, kernels="compiled")
        self.session: Session = self.store.session("s")
        self.content: dict[bytes, bytes] = {}

    def write(self, count: int, random: Random) -> None:
        for _ in range(count):
            key, value = b"%d" % random.randrange(9), random.randbytes(random.choice((8, 60)))
            self.session.upsert(key, value)
            self.content[key] = value

    def judge(self) -> None:
        """The store goes on; a checkpoint, and opening after it, have everything."""
        assert dict(self.store.items()) == self.content
        self.session.upsert(b"on", b"and on")
        self.content[b"on"] = b"and on"
        point = self.store.checkpoint(timeout=None)
        assert point.serials == {"s": self.session.serial}
        assert self.store.newest == point
        assert self.store.checkpoints()[0].version == point.version
        self.store.check()
        serial = self.session.serial
        self.session.close()
        self.store.close()
        with FasterKv.open(self.device, settings=TINY, kernels="compiled") as again:
            assert again.serials() == {"s": serial}
            assert dict(again.items()) == self.content
            again.check()


def by_call(store: FasterKv) -> object:
    return store.checkpoint(timeout=None)


def by_steps(store: FasterKv) -> object:
    ticket = store.start_checkpoint(timeout=None)
    try:
        while not ticket.advance():
            pass
    except INTERRUPTED:
        return ticket.result()  # It can be taken to its end still, if it was not given up.
    return None


@pytest.mark.parametrize("modules", [(ENGINE,), (ENGINE, *WAITING)], ids=["engine", "waiting"])
@pytest.mark.parametrize("way", [by_call, by_steps])
def test_before_every_line_of_a_checkpoint(
    modules: tuple[str, ...], way: Callable[[FasterKv], object]
) -> None:
    at, interrupted, every = 0, 0, 1
    if modules != (ENGINE,):
        every = 2  # Of these many only say the same.
    while True:
        at += every
        kept, random = Kept(), Random(at)
        kept.write(30, random)
        kept.store.checkpoint()
        kept.write(20, random)
        # Where it was given up, its ticket says so.
        with interrupting(at, *modules) as seen, suppress(*INTERRUPTED, CheckpointError):
            way(kept.store)
        interrupted += seen[0] >= at
        kept.judge()
        if seen[0] < at:  # It ended by itself.
            break
    assert interrupted > 40


@pytest.mark.parametrize("seed", range(4))
def test_at_random_lines_of_anything_that_a_session_does(seed: int) -> None:
    random = Random(seed)
    kept, interrupted = Kept(), 0
    for _ in range(50):
        with interrupting(random.randrange(1, 2_000), ENGINE, *WAITING), suppress(*INTERRUPTED):
            kept.store.checkpoint()
            kept.store.checkpoint()
            interrupted -= 1
        interrupted += 1
        kept.write(5, random)
    assert interrupted > 10
    kept.judge()


@pytest.mark.parametrize("countdown", range(8))
def test_while_the_step_that_cannot_be_repeated_is_taken(countdown: int) -> None:
    """The main thread waits for it and is interrupted; the thread that takes it goes on when it has left."""

    class Halting(MemoryDevice):
        left = -1

        def sync(self, name: str) -> None:
            if self.left == 0:
                reached.set()
                goes_on.wait()
            self.left -= 1
            super().sync(name)

    reached, goes_on = threading.Event(), threading.Event()
    kept = Kept()
    kept.store.close()
    kept.device = device = Halting()
    kept.store = FasterKv.open(device, create=True, settings=TINY, kernels="compiled")
    kept.session = kept.store.session("s")
    kept.write(20, Random(countdown))
    kept.store.checkpoint()
    kept.write(3, Random(countdown))
    device.left = countdown % 4

    def interrupted(what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        if what != "a step of the checkpoint":
            return until(what, condition, deadline)
        while not condition():
            if reached.wait(0.001):
                vars(kept.store._runtime).pop("until")
                # Not before the main thread asks for the lock that the step has, or nothing would be shown.
                threading.Timer(0.01, goes_on.set).start()
                raise KeyboardInterrupt
        return True

    until = kept.store._runtime.until
    vars(kept.store._runtime)["until"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        kept.store.checkpoint()
    assert kept.store.phase.name == "REST"
    kept.judge()
