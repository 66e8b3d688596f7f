"""Interrupted or misused at the wrong moment: serials stay exact, the store goes on, a fork harms nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from powercut.engine import FasterKv, MemoryDevice, PoisonedError, SessionError, Settings, SettingsError

SMALL = Settings(page_bytes=4096, segment_bytes=1 << 14, write_unit=512, extent_bytes=4096, ring_pages=2)
KEYS = np.arange(2_000, dtype=np.uint64)
VALUES = np.zeros((len(KEYS), 100), np.uint8)


class Interrupting(MemoryDevice):
    """Ctrl-C at one call for a segment: before it, or right after it had its effect."""

    def __init__(self) -> None:
        super().__init__()
        self.countdown = {"write": 0, "create": 0}

    def _is_due(self, what: str, name: str) -> bool:
        self.countdown[what] -= name.startswith("segment")  # Roots are written by another thread.
        return self.countdown[what] == 0 and name.startswith("segment")

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        if self._is_due("write", name):
            raise KeyboardInterrupt
        return super().write(name, offset, buffer)

    def create(self, name: str) -> None:
        super().create(name)
        if self._is_due("create", name):
            raise KeyboardInterrupt


@pytest.fixture
def device() -> Interrupting:
    return Interrupting()


@pytest.fixture
def store(device: Interrupting) -> Iterator[FasterKv]:
    with FasterKv.open(device, create=True, settings=SMALL, memory=1 << 20) as opened:
        yield opened


@pytest.mark.parametrize("call", ["write", "create"])
@pytest.mark.parametrize("number", [1, 3])
def test_an_interrupted_batch_takes_no_serial_for_what_it_did_not_do(
    device: Interrupting, store: FasterKv, call: str, number: int
) -> None:
    session = store.session("s")
    device.countdown[call] = number
    with pytest.raises(KeyboardInterrupt):
        session.upsert_many(KEYS, VALUES)
    done = session.serial
    assert 0 < done < len(KEYS)
    assert len(dict(store.items())) == done
    session.upsert(b"one more", b"")
    assert store.checkpoint().serials == {"s": done + 1}
    store.check()


def test_an_interrupted_creation_of_a_segment_does_not_wedge_the_store(
    device: Interrupting, store: FasterKv
) -> None:
    session = store.session("s")
    device.countdown["create"] = 1
    with pytest.raises(KeyboardInterrupt):
        session.upsert_many(KEYS, VALUES)
    session.upsert_many(KEYS, VALUES)
    assert store.checkpoint().serials == {"s": session.serial}
    store.close()
    with FasterKv.open(device, memory=1 << 20) as again:
        assert len(dict(again.items())) == len(KEYS)


def test_a_session_is_not_closed_from_inside_its_own_rmw(store: FasterKv) -> None:
    session = store.session("s")
    session.upsert(b"k", b"old")
    for close in (session.close, store.close):

        def change(old: bytes | None, close: object = close) -> bytes:
            assert callable(close)
            close()
            return b"new"

        with pytest.raises(SessionError, match="in use"):
            session.rmw(b"k", change)
        assert session.read(b"k") == b"old"
    session.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_cannot_touch_the_parents_store(tmp_path: Path) -> None:
    with FasterKv.open(tmp_path / "store", create=True, kernels="interpreted") as store:
        session = store.session("s")
        session.upsert(b"k", b"parent")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                session.upsert(b"k", b"child")
            except PoisonedError as error:
                store.close()
                code = 0 if "forked" in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        session.upsert(b"j", b"parent")
        assert store.checkpoint().serials == {"s": 2}
    with FasterKv.open(tmp_path / "store", kernels="interpreted") as store:
        assert dict(store.items()) == {b"k": b"parent", b"j": b"parent"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"where": None},
        {"where": b"pa\0th"},
        {"where": object()},
        {"settings": 5},
        {"version": 99, "read_only": True},
        {"version": (1, 1)},
    ],
)
def test_an_opening_with_wrong_arguments_is_refused_in_one_way(
    tmp_path: Path, arguments: dict[str, object]
) -> None:
    where = arguments.pop("where", tmp_path / "new")
    with pytest.raises(SettingsError):
        FasterKv.open(where, create=True, **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("wrong", [{"segment_bytes": 1 << 80}, {"hash_mask": "a"}, {"hash_mask": None}])
def test_settings_that_nothing_could_hold_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Settings(**wrong)  # type: ignore[arg-type]
