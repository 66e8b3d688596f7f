"""Ends of a store: a block that ends, a store that nobody closes, and a process that was forked."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from powercut.engine import (
    CheckpointError,
    FasterKv,
    MemoryDevice,
    PoisonedError,
    Session,
    Settings,
    StoreLockedError,
    ThreadRuntime,
)
from powercut.verifier.faster.stepped import SteppedRuntime


def contents(where: Path | MemoryDevice) -> dict[bytes, bytes]:
    with FasterKv.open(where, read_only=True) as store:
        return dict(store.items())


def collect(kept: list[Session]) -> None:
    kept.clear()
    gc.collect()


def reopen(where: Path | MemoryDevice) -> None:
    """Open and close it, once the last root that was owed is written."""

    def is_free() -> bool:
        try:
            FasterKv.open(where).close()
        except StoreLockedError:
            return False
        return True

    runtime = ThreadRuntime()
    assert runtime.until("the lock", is_free, runtime.now() + 30)


# -- blocks ----------------------------------------------------------------------------------------------


def test_a_block_that_ends_takes_a_checkpoint_and_one_that_raises_takes_none(
    device: MemoryDevice, tiny: Settings
) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"kept")
    assert contents(device) == {b"k": b"kept"}

    def lose() -> None:
        with FasterKv.open(device) as store:
            store.session("s").upsert(b"k", b"lost")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lose()
    assert contents(device) == {b"k": b"kept"}
    with FasterKv.open(device) as store:
        store.session("s").upsert(b"k", b"refused")
        assert store.close(checkpoint=False) == {"s": 1}
    assert contents(device) == {b"k": b"kept"}


def test_a_block_in_which_nothing_is_new_takes_none(device: MemoryDevice, tiny: Settings) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store:
        pass
    with FasterKv.open(device) as store:
        assert store.newest is None
        store.session("s").upsert(b"k", b"v")
        point = store.checkpoint()
    with FasterKv.open(device) as store:
        assert store.newest == point
        store.forget_session("s")  # That is new,
    with FasterKv.open(device, settings=tiny) as store:
        assert store.serials() == {}
        for number in range(8):
            store.session(f"s{number}").upsert(b"%d" % number, bytes(500))
        store.checkpoint()
        begin = store.truncate_before(store.stats().tail)  # and so is this.
    with FasterKv.open(device) as store:
        assert store.stats().begin == begin > 64


def test_what_is_pending_when_a_block_ends_is_completed_and_in_it(
    device: MemoryDevice, tiny: Settings
) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store:
        session = store.session("s")
        for number in range(12):
            session.upsert(b"%d" % number, bytes(400))
        ticket = session.start_rmw(b"0", lambda old: b"changed")
        assert session.pending == 1
    assert ticket.result() == b"changed"
    assert contents(device)[b"0"] == b"changed"


def test_a_block_ends_with_the_error_of_its_checkpoint_and_the_device_is_free(tiny: Settings) -> None:
    class Full(MemoryDevice):
        number = 0

        def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
            if self.number == 28 and name.startswith("segment"):
                raise OSError(self.number, "planted")
            return super().write(name, offset, buffer)

        def sync(self, name: str) -> None:
            if self.number == 5 and name.startswith("segment"):
                raise OSError(5, "planted")

    device = Full()

    def use(number: int) -> None:
        with FasterKv.open(device, create=True, settings=tiny) as store:
            store.session("s").upsert(b"k", b"v")
            device.number = number

    for number, error in ((28, CheckpointError), (5, PoisonedError)):
        with pytest.raises(error):
            use(number)
        device.number = 0
    assert contents(device) == {}


# -- nobody closes it ------------------------------------------------------------------------------------


def test_a_store_that_is_collected_warns_of_what_is_lost_and_gives_its_lock_back(
    tmp_path: Path, tiny: Settings
) -> None:
    store = FasterKv.open(tmp_path / "s", create=True, settings=tiny)
    session = store.session("s")
    session.upsert(b"k", b"v")
    store.checkpoint()
    session.upsert(b"k", b"lost")
    with pytest.raises(StoreLockedError):
        FasterKv.open(tmp_path / "s")
    del store
    gc.collect()
    session.upsert(b"k", b"lost")  # The session lives, and so does what it needs.
    with pytest.raises(StoreLockedError):
        FasterKv.open(tmp_path / "s")
    kept = [session]
    del session
    with pytest.warns(ResourceWarning, match="with 2 operations"):
        collect(kept)
    reopen(tmp_path / "s")
    assert contents(tmp_path / "s") == {b"k": b"v"}


def test_a_store_without_anything_new_is_collected_in_silence(tmp_path: Path, tiny: Settings) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for where in (tmp_path / "s", MemoryDevice()):
            store = FasterKv.open(where, create=True, settings=tiny)
            with store.session("s") as session:
                session.upsert(b"k", b"v")
            del session
            store.checkpoint()
            del store
            gc.collect()
            reopen(where)


def test_a_store_that_the_end_of_the_process_finds_open_is_told_of(tmp_path: Path) -> None:
    program = (
        "from powercut.engine import FasterKv\n"
        f"store = FasterKv.open({str(tmp_path / 's')!r}, create=True, kernels='interpreted')\n"
        "store.session('s').upsert(b'k', b'v')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program], capture_output=True, text=True, check=True
    )
    assert "ResourceWarning: a store was dropped with 1 operations" in done.stderr
    FasterKv.open(tmp_path / "s").close()


# -- a child ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_closed", [True, False])
def test_the_lock_is_the_parents_alone_while_a_forked_child_lives(
    tmp_path: Path, tiny: Settings, is_closed: bool
) -> None:
    store = FasterKv.open(tmp_path / "s", create=True, settings=tiny, runtime=SteppedRuntime())
    ready, told = os.pipe()
    ended, end = os.pipe()
    child = os.fork()
    if not child:  # It lives until it is told to end, and what it does to its copy harms nobody.
        os.close(end)
        if is_closed:
            store.close()
        os.write(told, b"x")
        os.read(ended, 1)
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(StoreLockedError):
        FasterKv.open(tmp_path / "s")
    store.session("s").upsert(b"k", b"v")
    store.close(checkpoint=True)
    assert contents(tmp_path / "s") == {b"k": b"v"}
    os.close(end)
    os.waitpid(child, 0)
    for number in (ready, told, ended):
        os.close(number)
