"""Answers that come while they are looked for, and completions that are interrupted: nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.runtime import Ticket
from powercut.verifier.faster.stepped import SteppedRuntime

Push = Callable[[FasterKv], None]


class _Late:
    """A submitted call whose answer comes right after it was first looked for."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._looks = 0

    def done(self) -> bool:
        self._looks += 1
        return self._looks > 1

    def result(self) -> object:
        return self._call()


class _LateRuntime(SteppedRuntime):
    def submit(self, call: Callable[[], object]) -> _Late:
        return _Late(call)

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        asked = [ticket.done() for ticket in tickets]
        return all(asked)


def test_an_answer_that_comes_while_it_is_looked_for_is_taken_the_next_time(
    tiny: Settings, push_out: Push
) -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=_LateRuntime()) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        s.upsert(b"n", b"1")
        push_out(store)
        read, change = s.start_read(b"k"), s.start_rmw(b"n", lambda old: (old or b"") + b"+")
        assert not s.complete_pending(wait=False)
        assert s.pending == 2
        assert s.complete_pending(wait=False)
        assert (read.result(), change.result(), s.pending) == (b"v", b"1+", 0)
        assert store.checkpoint().serials["s"] == s.serial


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_completion_loses_none_of_the_others(
    error: type[BaseException], either: FasterKv, push_out: Push
) -> None:
    def interrupted(old: bytes | None) -> bytes:
        raise error

    with either.session("s") as s:
        s.upsert(b"a", b"1")
        s.upsert(b"b", b"2")
        push_out(either)
        first = s.start_rmw(b"a", interrupted)
        second = s.start_rmw(b"b", lambda old: (old or b"") + b"+")
        with pytest.raises(error):
            s.complete_pending()
        assert (first.is_done, second.is_done, s.pending) == (True, False, 1)
        with pytest.raises(error):
            first.result()
        assert s.complete_pending()
        assert second.result() == b"2+"
        assert (s.read(b"a"), s.read(b"b")) == (b"1", b"2+")
    assert either.stats().pending == 0
    either.checkpoint()
