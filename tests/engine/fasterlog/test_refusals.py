"""Refusals of a log: for every parameter of every public call a typed error, and nothing changes."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    FasterLog,
    LogIterator,
    LogSettings,
    MemoryDevice,
    OperationError,
    Settings,
    SettingsError,
)

Bad = tuple[Any, ...]
FLAGS: Bad = (None, 0, 1, "yes", [])
ENTRIES: Bad = (None, 5, "text", [b"k"], object(), np.array([b"k"]), bytes(1 << 21))
ADDRESSES: Bad = (None, "x", b"x", 1.5, -1, [], True, 1 << 60)
AWAITED: Bad = ADDRESSES[:-1]  # One may wait for an entry that is not there yet, and scan from there on.
SECONDS: Bad = ("x", -1, float("nan"), [], True)
OPEN: dict[str, Bad] = {
    "where": ("", b"", "a\0b", None, 5, object(), MemoryDevice, []),
    "create": FLAGS,
    "read_only": FLAGS,
    "memory": ("x", None, 0, -1, 1.5, True, 1000, []),
    "settings": (5, "x", {}, LogSettings, Settings()),
    "runtime": (0, "", 5, object()),
    "commit": (1.5, "x", [], True, 7),
}
NAMES: Bad = ("", b"x", 5, "x" * 256, "\ud800", [])
CALLS: dict[str, dict[str, Bad]] = {
    "enqueue": {"entry": ENTRIES},
    "enqueue_many": {"entries": (None, 5, b"ab", "ab", {b"a"}, [5], ["a"], [b"a", None], iter([b"a"]))},
    "commit": {"cookie": ENTRIES[1:]},
    "commit_every": {
        "seconds": (*SECONDS, 0, float("inf")),
        "bytes": (0, -1, 1.5, True, "x"),
        "entries": (0, -1, 1.5, True, "x"),
    },
    "commit_and_wait": {"entry": ENTRIES},
    "wait": {"address": AWAITED, "timeout": SECONDS},
    "wait_async": {"address": AWAITED},
    "rollback": {"address": ADDRESSES},
    "read": {"address": ADDRESSES},
    "scan": {"begin": AWAITED[1:], "end": ADDRESSES[1:], "uncommitted": FLAGS},
    "follow": {"name": NAMES, "begin": AWAITED[1:], "uncommitted": FLAGS},
    "forget": {"name": (None, *NAMES)},
    "scan_arrays": {"begin": AWAITED[1:], "end": ADDRESSES[1:]},
    "truncate_before": {"address": ADDRESSES},
    "truncate_to_page_start": {"address": ADDRESSES},
}


def names(call: Any) -> set[str]:
    return set(inspect.signature(call).parameters) - {"self"}


def test_every_parameter_of_every_public_call_has_an_entry() -> None:
    public = {name: getattr(FasterLog, name) for name in dir(FasterLog) if not name.startswith("_")}
    found = {name: names(call) for name, call in public.items() if callable(call)}
    table = {name: set(of) for name, of in CALLS.items()}
    assert {name: of for name, of in found.items() if of} == {"open": set(OPEN), **table}


@pytest.mark.parametrize("name", list(OPEN))
def test_an_opening_that_is_refused_makes_nothing(tmp_path: Path, name: str) -> None:
    for given in OPEN[name]:
        arguments: dict[str, Any] = {"where": tmp_path / "new", "create": True} | {name: given}
        with pytest.raises(SettingsError):
            FasterLog.open(**arguments)
    assert os.listdir(tmp_path) == []


@pytest.fixture
def used() -> Iterator[FasterLog]:
    """A log with something in it; afterwards it is as it was, and goes on."""
    with FasterLog.open(MemoryDevice(), create=True) as log:
        log.commit_and_wait(b"first")
        before = log.begin, log.tail, log.committed, list(log.scan())
        yield log
        assert (log.begin, log.tail, log.committed, list(log.scan())) == before
        log.commit_and_wait(b"next")
        assert [entry.data for entry in log.scan()] == [b"first", b"next"]


ITERATOR: dict[str, dict[str, Bad]] = {
    "take": {"timeout": SECONDS},
    "complete_until": {"address": ADDRESSES},
}


def test_every_parameter_of_an_iterator_has_an_entry() -> None:
    public = {name: getattr(LogIterator, name) for name in dir(LogIterator) if not name.startswith("_")}
    found = {name: names(call) for name, call in public.items() if callable(call) and names(call)}
    assert found == {name: set(of) for name, of in ITERATOR.items()}


@pytest.mark.parametrize("call", list(ITERATOR))
def test_a_call_of_an_iterator_that_is_refused_does_nothing(call: str) -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    log.commit_and_wait(b"first")
    entries = log.follow("mailer")
    for name, bad in ITERATOR[call].items():
        for given in bad:
            with pytest.raises(OperationError):
                getattr(entries, call)(**{name: given})
    assert (log.progress, entries.position, next(entries).data) == ({"mailer": 0}, 0, b"first")


FINE: dict[str, Any] = {"address": 64}


def done(function: Any, arguments: dict[str, Any]) -> None:
    answer = function(**arguments)
    if inspect.iscoroutine(answer):
        asyncio.run(asyncio.wait_for(answer, 9))


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, of in CALLS.items() for name in of])
def test_a_call_that_is_refused_does_nothing(used: FasterLog, call: str, name: str) -> None:
    function = getattr(used, call)
    fine = {each: FINE[each] for each in names(function) - {name} if each in FINE}
    for given in CALLS[call][name]:
        with pytest.raises(OperationError, match=rf"\b{name}\b" if call == "commit_every" else None):
            done(function, fine | {name: given})
