"""Planted bugs in a log that take two tasks: found among their schedules, and the power cuts in these.

Families: two that append, a commit beside them, who waits for one, who reads beside a truncation, and who
is still at it when the log is closed.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["APPENDING"]

_LOG: Final = "powercut.engine.fasterlog."
_planted: Final = partial(Mutant, search=SCHEDULES, preemptions=1)

_APPENDS: Final = (
    _planted(
        "log-appenders-share-a-range",
        "oxifaster faster_log.rs: between reservation and copy nothing kept another thread away",
        _LOG + "log",
        """            with self._source.lock:
                self._source.check_writable()
                address = self._source.tail.append(data)
                self._automatic.appended()
""",
        """            self._source.check_writable()
            address = self._source.tail.append(data)
            self._automatic.appended()
""",
        "committed",
        "WRONG_RESULT",
        around=("enqueue",),
    ),
    _planted(
        "log-sealed-while-an-appender-copies",
        "oxifaster faster_log.rs: a flush copied the tail page while others had reserved and not copied",
        _LOG + "groups",
        """            with self.lock:
                progress = dict(self.progress)
                if cookie is None and self.last.end >= wanted and progress == self.last.progress:
                    return self.committed  # The one before had it all.
                self._tail.seal_commit(cookie, encode_progress(progress))
                blocks = list(self._tail.sealed)
""",
        """            progress = dict(self.progress)
            if cookie is None and self.last.end >= wanted and progress == self.last.progress:
                return self.committed  # The one before had it all.
            self._tail.seal_commit(cookie, encode_progress(progress))
            blocks = list(self._tail.sealed)
""",
        "model",
        "ERROR",
        around=("enqueue", "checkpoint"),
    ),
    _planted(
        "log-batch-taken-entry-by-entry",
        "oxifaster faster_log.rs: append_batch was a loop of appends, documented as atomic",
        _LOG + "log",
        """            with self._source.lock:
                self._source.check_writable()
                runs = self._source.tail.append_many(batch)
                self._automatic.appended()
""",
        """            self._source.check_writable()
            runs = self._source.tail.append_many(batch)
            self._automatic.appended()
""",
        "committed",
        "HOLE",
        around=("enqueue_many", "checkpoint"),
    ),
)

_COMMITS: Final = (
    _planted(
        "log-commit-told-before-its-sync",
        "oxifaster faster_log.rs: committed_until moved before anything was flushed",
        _LOG + "groups",
        """                    self._write(blocks)
                    self._parts.files.sync()
            except EngineError as error:
                self._failure = blocks[-1].header.end, error
                self.waiters.tell(self.last.end, error)
                raise
            self._publish(blocks[-1])
""",
        """                    self._write(blocks)
                    self._publish(blocks[-1])
                    self._parts.files.sync()
            except EngineError as error:
                self._failure = blocks[-1].header.end, error
                self.waiters.tell(self.last.end, error)
                raise
""",
        "committed",
        "LOST_ACK",
        around=("checkpoint", "complete"),
    ),
    _planted(
        "log-commits-coalesce-to-the-last",
        "oxifaster faster_log.rs: commit requests coalesced to the last received, and not to the highest",
        _LOG + "groups",
        """        while True:
            self._runtime.until("the commit before", lambda: self._leader is None or is_had())
            with self.lock:
""",
        """        before = self.last
        while True:
            self._runtime.until("the commit before", lambda: self._leader is None or is_had())
            with self.lock:
                if cookie is None and self.last is not before:
                    return False
""",
        "committed",
        "LOST_ACK",
        around=("checkpoint", "enqueue"),
    ),
    _planted(
        "log-progress-told-during-a-commit-is-lost",
        "FASTER #770: progress that was completed while a commit ran was in no later one",
        _LOG + "groups",
        ", header.crc, *block.trailer)\n",
        """, header.crc, *block.trailer)
            self.progress = dict(self.last.progress)
""",
        "committed",
        "WRONG_RESULT",
        around=("iterate", "checkpoint"),
    ),
    _planted(
        "log-commits-behind-its-own-end",
        "powercut: a commit that waited while the log was closed stood behind the end that the root told",
        _LOG + "groups",
        """        with self.turn:
            self.check_open()
            with self.lock:
                progress = dict(self.progress)
""",
        """        with self.turn:
            self._parts.disk.poison.check()
            with self.lock:
                progress = dict(self.progress)
""",
        "model",
        "ERROR",
        around=("checkpoint", "reopen"),
    ),
)

_WAITS: Final = (
    _planted(
        "log-waiter-woken-by-the-wrong-commit",
        "FASTER ebf0249b: who waited for a commit was let go by another one",
        _LOG + "waiting",
        "            due = [each for each in self._calls if error is not None or each[0] < end]\n",
        "            due = list(self._calls)\n",
        "committed",
        "LOST_ACK",
        around=("checkpoint", "complete"),
    ),
    _planted(
        "log-waits-for-a-commit-that-was",
        "FASTER ebf0249b: a wait for an address that was committed already never ended",
        _LOG + "groups",
        """        failure: EngineError | None = None

        def has_ended() -> bool:
            nonlocal failure
            self.look()
            failure = self.failure_of(address)
            has_failed = poison.reason is not None or failure is not None
            return self.last.end > address or""",
        """        failure: EngineError | None = None
        before = self.last.number

        def has_ended() -> bool:
            nonlocal failure
            self.look()
            failure = self.failure_of(address)
            has_failed = poison.reason is not None or failure is not None
            return (self.last.end > address and self.last.number > before) or""",
        "progress",
        "HANG",
        around=("complete", "checkpoint"),
    ),
    _planted(
        "log-awaits-a-commit-that-was",
        "FASTER ebf0249b: a wait for an address that was committed already never ended",
        _LOG + "view",
        "        source.groups.waiters.tell(source.groups.last.end)  # It may be durable by now.\n",
        "",
        "progress",
        "HANG",
        around=("complete", "checkpoint"),
    ),
    _planted(
        "log-waits-behind-a-failed-commit",
        "oxifaster faster_log.rs: after a failed flush wait_for_commit spun for ever",
        _LOG + "groups",
        "            has_failed = poison.reason is not None or failure is not None\n",
        "            has_failed = poison.reason is not None and failure is not None\n",
        "progress",
        "HANG",
        around=("complete", "failed"),
    ),
    _planted(
        "log-failed-commit-told-to-nobody",
        "oxifaster faster_log.rs: the error of a flush stood in last_error alone",
        _LOG + "groups",
        "                self._failure = blocks[-1].header.end, error\n"
        "                self.waiters.tell(self.last.end, error)\n",
        "",
        "progress",
        "HANG",
        around=("complete", "failed"),
    ),
)

_READERS: Final = (
    _planted(
        "log-iterator-shared-without-its-lock",
        "FASTER 78aff2b7: an iterator that threads share moved its next address in a local variable",
        _LOG + "iterator",
        """        with self._lock:
            if self._is_closed:
                return None
            self._source.check_open()
""",
        """        if True:
            if self._is_closed:
                return None
            self._source.check_open()
""",
        "committed",
        "WRONG_RESULT",
        around=("iterate",),
    ),
    _planted(
        "log-truncation-taken-for-damage",
        "powercut: a read that a truncation overtook said that the log is damaged",
        _LOG + "reading",
        """            if self._begin(life) <= address:
                raise
            return None
""",
        """            raise
""",
        "model",
        "ERROR",
        around=("read", "truncate_at"),
    ),
    _planted(
        "log-begin-told-behind-its-files",
        "oxifaster faster_log.rs: begin and the files moved in two steps that a reader could come between",
        _LOG + "groups",
        """                self.begin = address  # After it is durable: who is told of it may count on it.
                # The last block stays, for the root names it.
                self._parts.files.free_below(min(address, self.last.start))
""",
        """                self._parts.files.free_below(min(address, self.last.start))
                self.begin = address
""",
        "model",
        "ERROR",
        around=("pages", "truncate_at"),
    ),
)

_ENDS: Final = (
    _planted(
        "log-closed-before-its-worker",
        "FASTER cb49ee26: a log was disposed before its iterators and flush callbacks had finished",
        _LOG + "log",
        """        self._automatic.stop()
        groups = self._source.groups
""",
        """        groups = self._source.groups
""",
        "model",
        "ERROR",
        around=("flush", "reopen"),
    ),
    _planted(
        "log-left-without-a-commit",
        "oxifaster faster_log.rs: drop() did not commit",
        _LOG + "log",
        "            if error is None and not self._source.is_closed",
        "            if error is not None and not self._source.is_closed",
        "committed",
        "LOST_ACK",
        preemptions=0,
        around=("reopen",),
    ),
    _planted(
        "log-comes-back-to-the-nearest-commit",
        "FASTER #583: the recovery to a commit that there never was went on with another",
        _LOG + "recovery",
        "            found = point if wanted in (point.number, point.cookie) else found\n",
        "            found = point if isinstance(wanted, bytes) or point.number <= wanted else found\n",
        "committed",
        "WRONG_SERIAL",
        preemptions=0,
        around=("checkpoint",),
    ),
)

APPENDING: Final[tuple[Mutant, ...]] = (*_APPENDS, *_COMMITS, *_WAITS, *_READERS, *_ENDS)
