"""Workers: the processes of a gate, and the chunks that go through them.

Invariants
  1  results come in the order of the chunks, whatever the order in which they are begun or end: where
     several run at once the dearest are begun first, so that none is left alone at the end; where there is a
     deadline they are begun last, so that as many as can be are done
  2  after a stage's deadline no further chunk is handed out, and those handed out end at their next program;
     after the gate's nothing more is waited for, and the workers are ended whatever they are at
  3  Ctrl-C is the parent's alone: it is held back from a worker since before it is born, and
     the worker ends when it is told to, or with its parent
  4  between entering and leaving, Ctrl-C is noted, and raised where no lock of a future is held: raised
     inside `concurrent.futures.wait` it would leave one taken, and the executor would never end. A second one
     is raised at once

Threads: one caller. Processes are spawned, so that a worker holds nothing of its parent's threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from math import inf
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

from ..concurrency.grounds import forget
from ..finders.lasting import Lasting, lasting
from ..garbage import collected_seldom
from ..reach.seen import watched
from .chunks import Chunk, Deadline, Result, Until

__all__ = ["Workers", "cpu_seconds"]

P = ParamSpec("P")
T = TypeVar("T")
_SLICE: Final = 0.2  # Seconds after which an interruption is looked for.
_AHEAD: Final = 3  # Chunks a worker that are handed out at once, so that a long one delays no other.


class Workers:
    """An executor, handed in or made here, and how many chunks it is given at once.

    deadline   after which nothing is waited for
    """

    def __init__(self, jobs: int, executor: Executor | None = None, deadline: float = inf) -> None:
        self._end = Deadline(deadline)
        self._before = frozenset(multiprocessing.active_children())
        self._own = executor is None
        self._executor = executor or _make(jobs)
        self._window = 1 if isinstance(self._executor, _Here) else jobs * _AHEAD
        self._is_interrupted = False
        self._handler: Any = None

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function in one of the workers, and return its result."""
        future = self._submit(function, *args, **kwargs)
        while not future.done():
            self._await([future], None)
        return future.result()

    def results(
        self, chunks: Iterable[Chunk], deadline: float = inf, *, is_watched: bool = False
    ) -> Generator[tuple[Chunk, Result | Exception], None, None]:
        """Each chunk with its result, or with what went wrong in it; the deadline is the stage's.

        is_watched  note what of the engine each of them takes
        """
        every = list(chunks)
        rest = deque(range(len(every)))
        if self._window > 1:
            sign = -1 if deadline == inf else 1
            rest = deque(sorted(rest, key=lambda number: sign * _cost(every[number])))
        out: dict[int, Future[Result]] = {}
        stage = Deadline(deadline)
        try:
            for number, chunk in enumerate(every):
                while not (number in out and out[number].done()) and not self._end.is_over():
                    under_way = [future for future in out.values() if not future.done()]
                    if rest and len(under_way) < self._window and not stage.is_over():
                        begun = rest.popleft()
                        out[begun] = self._submit(_run, every[begun], Until.of(deadline), is_watched)
                    elif under_way:
                        self._await(under_way, _patience(self._end))
                    else:
                        break
                if number in out and out[number].done():
                    yield chunk, _outcome(out.pop(number))
        finally:
            for future in out.values():
                future.cancel()

    def _await(self, futures: Collection[Future[Any]], seconds: float | None) -> None:
        """Wait for one of them, a part of a second at most, and raise what was noted. Invariant 4."""
        wait(futures, _SLICE if seconds is None else min(seconds, _SLICE), return_when=FIRST_COMPLETED)
        self._stop_if_interrupted()

    def _stop_if_interrupted(self) -> None:
        if self._is_interrupted:
            raise KeyboardInterrupt

    def _note_interruption(self, number: int, frame: object) -> None:
        again, self._is_interrupted = self._is_interrupted, True
        if again:
            raise KeyboardInterrupt

    def _submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if not self._own or isinstance(self._executor, _Here):
            return self._executor.submit(function, *args, **kwargs)
        # Processes are born in here, and keep for life what is held back at birth.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._executor.submit(function, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __enter__(self) -> Self:
        is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._window > 1 and is_ours and threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._note_interruption)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the processes made here; after an error or the deadline, end them whatever they are at."""
        try:
            self._end_processes(kind is not None)
        finally:
            if self._handler is not None:
                signal.signal(signal.SIGINT, self._handler)
        if kind is None:
            self._stop_if_interrupted()

    def _end_processes(self, is_broken: bool) -> None:
        if not self._own:
            return
        if not is_broken and not self._end.is_over():
            self._executor.shutdown(wait=True, cancel_futures=True)
            return
        self._executor.shutdown(wait=False, cancel_futures=True)
        workers = [child for child in multiprocessing.active_children() if child not in self._before]
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


class _Here(Executor):
    """One worker that is this process; what it leaves to its chunks ends with it."""

    def __init__(self) -> None:
        self._kept: Lasting = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            with lasting(self._kept):
                future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (handed to whoever asks for the result)
            future.set_exception(error)
        return future


_KEPT: Final = ExitStack()  # For as long as a worker lives.


def _make(jobs: int) -> Executor:
    if jobs == 1:
        return _Here()
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin_lane)


def _begin_lane() -> None:
    _KEPT.enter_context(lasting({}))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cost(chunk: Chunk) -> int:
    """The cost of a chunk against those of its stage; most chunks of a stage cost the same."""
    return getattr(chunk, "cost", 0)


def _run(chunk: Chunk, deadline: Until, is_watched: bool) -> Result:
    own, before = deadline.here(), cpu_seconds()
    with collected_seldom():
        if is_watched and not getattr(
            chunk, "has_threads", False
        ):  # What these take is no function of the seed.
            forget()  # What an earlier chunk has built, this one would not be seen to take.
            with watched() as seen:
                result = chunk.run(own)
            seen.programs, seen.checked = result.coverage.programs, result.coverage.checked
            result.seen = seen
        else:
            result = chunk.run(own)
    result.is_cut = own.has_cut
    result.cpu_seconds += cpu_seconds() - before
    return result


def cpu_seconds() -> float:
    """Processor seconds of this process, and of its children that have ended."""
    return sum(os.times()[:4])


def _patience(deadline: Deadline) -> float | None:
    return None if deadline.at == inf else deadline.left


def _outcome(future: Future[Result]) -> Result | Exception:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 (a chunk that fails is the harness's failure, told by the stage)
        return error
