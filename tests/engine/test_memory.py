"""Memory: a store ten times its memory stays within it; one that cannot is refused with the number needed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    Device,
    FasterKv,
    FileDevice,
    IndexFullError,
    MemoryDevice,
    Session,
    Settings,
    SettingsError,
)
from powercut.engine.compiler.compilation import available, load_compiled
from powercut.engine.settings import plan_memory

Contents = Callable[[Device], dict[str, bytes]]

MEMORY = 26 << 20
LEEWAY = 1.15
BATCH = 1 << 14
KEYS = 15 * BATCH
LOADS = 4  # Over few keys the index stays small and the log does not.
VALUE_WORDS = 32  # 256 bytes.
RECORD_BYTES = 16 + 8 + 8 * VALUE_WORDS
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
CLEAR_PEAK = "5"


# -- the child: a process of its own, so that nothing but the store is in the figures ------------------


class Load:
    """The arrays that the child hands in; all there are, made once."""

    def __init__(self) -> None:
        self.keys = np.empty(BATCH, np.uint64)
        self.values = np.empty((BATCH, VALUE_WORDS), np.uint64)
        self._equal = np.empty((BATCH, VALUE_WORDS), np.bool_)
        # Odd, so that each word of a value tells the key and the load apart from every other.
        self._factors = np.random.default_rng(1).integers(0, 1 << 62, VALUE_WORDS, np.uint64) * np.uint64(2)
        self._factors += np.uint64(1)
        for array in (self.keys, self.values, self._equal):
            array.fill(0)  # Resident from now on.

    def fill(self, start: int, load: int) -> None:
        """Keys start .. start + BATCH - 1, and their values as of this load."""
        self.keys[:] = np.arange(start, start + BATCH, dtype=np.uint64)
        stamps = self.keys + np.uint64((load + 1) << 40)
        np.multiply(stamps[:, None], self._factors, out=self.values)

    def write(self, session: Any, load: int, keys: int = KEYS) -> None:
        for start in range(0, keys, BATCH):
            self.fill(start, load)
            session.upsert_many(self.keys, self.values.view(np.uint8))

    def verify(self, session: Any, load_of: Callable[[int], int]) -> None:
        """Every value is that of the load that wrote it last."""
        for start in range(0, KEYS, BATCH):
            self.fill(start, load_of(start))
            values, found = session.read_many(self.keys, f"V{8 * VALUE_WORDS}")
            assert found.all()
            np.equal(values.view(np.uint64).reshape(BATCH, VALUE_WORDS), self.values, out=self._equal)
            assert self._equal.all()


def resident(field: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at its peak since `forget_peak`."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    CLEAR.write_text(CLEAR_PEAK)


def open_child(folder: Path, *, create: bool) -> FasterKv:
    return FasterKv.open(FileDevice(folder, create=create), create=create, memory=MEMORY, kernels="compiled")


def baseline(session: Any, load: Load) -> int:
    """Resident bytes of an open store that is as good as empty, with everything imported and compiled."""
    load.fill(0, 0)
    session.upsert_many(load.keys[:1], load.values[:1].view(np.uint8))
    values, found = session.read_many(load.keys[:1], f"V{8 * VALUE_WORDS}")
    assert found.all()
    assert len(values) == 1
    forget_peak()
    return resident("VmRSS")


def write_all(folder: Path) -> dict[str, int]:
    """Load, read, update, checkpoint; the peak of each, above the baseline."""
    load = Load()
    store = open_child(folder / "large", create=True)
    session = store.session("s")
    before = baseline(session, load)
    peaks: dict[str, int] = {}

    def note(what: str) -> None:
        peaks[what] = resident("VmHWM") - before
        forget_peak()

    for number in range(LOADS):
        load.write(session, number)
    note("load")
    load.verify(session, lambda start: LOADS - 1)
    note("read")
    load.write(session, LOADS, KEYS // 3)
    note("update")
    serials = store.checkpoint().serials
    note("checkpoint")
    log_bytes = store.stats().log_bytes
    assert store.close() == {}
    return {"log": log_bytes, "serial": serials["s"], **peaks}


def recover_all(folder: Path) -> dict[str, int]:
    """Recover and read all; the peak of each, above the baseline of an empty store that is open."""
    load = Load()
    with open_child(folder / "empty", create=True) as empty:
        before = baseline(empty.session("s"), load)
    del empty
    forget_peak()
    store = open_child(folder / "large", create=False)
    recovery = resident("VmHWM") - before
    session = store.resume_session("s")
    serial = session.serial
    load.verify(session, lambda start: LOADS if start < KEYS // 3 else LOADS - 1)
    peaks = {"recovery": recovery, "read": resident("VmHWM") - before}
    assert store.close() == {"s": KEYS}  # Reads take serials too, and no checkpoint holds these.
    return {"serial": serial, **peaks}


# -- the parent ----------------------------------------------------------------------------------------


def run_child(what: str, folder: Path) -> dict[str, int]:
    command = [sys.executable, "-P", "-W", "ignore", __file__, what, os.fspath(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.skipif(not available(), reason="numba is not installed")
@pytest.mark.skipif(not (STATUS.exists() and os.access(CLEAR, os.W_OK)), reason="needs Linux's /proc")
def test_a_log_ten_times_the_memory_is_written_read_and_recovered_within_it(tmp_path: Path) -> None:
    """Goal: `memory` bounds what a store takes, whatever the size of its log. Method: peaks of resident
    memory in fresh processes, above those of a store with one record, each phase by itself."""
    load_compiled()  # Compiling takes memory, and would be in the first child's figures.
    written = run_child("write", tmp_path)
    recovered = run_child("recover", tmp_path)
    assert written["log"] >= 10 * MEMORY
    assert written["serial"] == recovered["serial"] == 1 + 1 + KEYS * LOADS + KEYS + KEYS // 3
    peaks = {
        f"{who} {what}": peak
        for who, told in (("write", written), ("recover", recovered))
        for what, peak in told.items()
        if what not in ("log", "serial")
    }
    assert len(peaks) == 6
    assert {what: peak / MEMORY for what, peak in peaks.items() if peak > LEEWAY * MEMORY} == {}
    # A figure that sees nothing would pass: the ring alone is seen to fill.
    assert peaks["write load"] > MEMORY // 4


# -- too small -----------------------------------------------------------------------------------------

PAGES = Settings(page_bytes=4096, segment_bytes=1 << 16, write_unit=512, extent_bytes=4096)
SMALL = 1 << 16  # Eight pages, 256 main buckets and 384 overflow buckets.


def needed(refusal: pytest.ExceptionInfo[SettingsError]) -> int:
    found = re.search(r"at least (\d+)", str(refusal.value))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("memory", [1, 4096, 4 * 4096 - 1])
def test_too_little_memory_is_refused_at_creation_and_the_number_told_is_the_least(
    device: MemoryDevice, contents: Contents, memory: int
) -> None:
    with pytest.raises(SettingsError, match="memory") as refusal:
        FasterKv.open(device, create=True, settings=PAGES, memory=memory)
    assert device.acquire(None)
    assert contents(device) == {}
    least = needed(refusal)
    with pytest.raises(SettingsError, match=f"at least {least}"):
        FasterKv.open(device, create=True, settings=PAGES, memory=least - 1)
    with FasterKv.open(device, create=True, settings=PAGES, memory=least) as store:
        assert store.stats().ring_bytes == 2 * 4096


@pytest.mark.parametrize("wrong", [{"memory": 1}, {"memory": -1}, {"memory": 1.5e9}, {"kernels": "fast"}])
def test_a_refused_creation_makes_no_folder_and_no_file(
    tmp_path: Path, device: MemoryDevice, contents: Contents, wrong: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError):
        FasterKv.open(tmp_path / "new", create=True, **wrong)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError):
        FasterKv.open(device, create=True, **wrong)
    assert device.acquire(None)
    assert contents(device) == {}


def test_an_index_larger_than_the_memory_is_refused_at_opening_and_the_number_told_is_the_least(
    device: MemoryDevice, contents: Contents
) -> None:
    """An index cannot shrink, so an opening with less memory than it takes is refused."""
    with FasterKv.open(device, create=True, settings=PAGES, memory=16 * SMALL) as store:
        with store.session("s") as s:
            s.upsert(b"k", b"v")
        store.checkpoint()
    assert device.acquire(None)
    before = contents(device)
    for memory in (1, 4 * 4096):
        with pytest.raises(SettingsError, match="memory"):
            FasterKv.open(device, memory=memory)
    with pytest.raises(SettingsError, match="index of 4096 buckets") as refusal:
        FasterKv.open(device, memory=4 * SMALL)
    least = needed(refusal)
    assert 4 * SMALL < least < 16 * SMALL
    with pytest.raises(SettingsError, match=f"at least {least}"):
        FasterKv.open(device, memory=least - 1)
    assert device.acquire(None)
    assert contents(device) == before
    with FasterKv.open(device, memory=least) as store, store.session("s") as s:
        assert s.read(b"k") == b"v"
        assert store.stats().ring_bytes == 2 * 4096
        assert store._parts.root.index_buckets == 4096


@pytest.mark.parametrize("exponent", range(14, 26))
def test_what_an_earlier_index_takes_is_taken_from_the_ring(exponent: int) -> None:
    """Goal: `memory` bounds a store also where it is opened with less than before. Method: every share of
    an old index, sums of what is made; a sixteenth more is what overflow buckets may take."""
    memory = 3 << exponent
    for buckets in (0, *(1 << n for n in range(4, 20))):
        try:
            budget = plan_memory(PAGES, memory, buckets)
        except SettingsError:
            assert buckets * 144 + 2 * 4096 > memory - 64 * 64 or memory < 4 * 4096
            continue
        index_bytes = (budget.index_buckets + budget.overflow_buckets) * 64
        assert budget.index_buckets >= buckets
        assert budget.ring_pages * 4096 + index_bytes <= memory * 17 // 16 + 64 * 64


def test_a_full_index_says_what_to_do_and_doing_it_goes_on_with_everything(device: MemoryDevice) -> None:
    written: list[int] = []

    def write_on(session: Session) -> None:
        for number in range(len(written), 20_000):
            session.upsert(b"%d" % number, b"v%d" % number)
            written.append(number)

    def verify(store: FasterKv) -> None:
        store.check()
        assert dict(store.items()) == {b"%d" % number: b"v%d" % number for number in written}

    with FasterKv.open(device, create=True, settings=PAGES, memory=SMALL) as store:
        s = store.session("s")
        with pytest.raises(IndexFullError, match="reopen with twice the memory"):
            write_on(s)
        full = len(written)
        assert 2_000 < full < 5_000
        verify(store)
        s.upsert(b"0", b"v0")  # A key that is there needs no bucket.
        assert s.delete(b"1")
        assert s.insert(b"1", b"v1")
        issued = s.serial
        assert store.checkpoint().serials == {"s": issued}
        verify(store)
    with FasterKv.open(device, memory=SMALL) as store:
        verify(store)
    with FasterKv.open(device, memory=2 * SMALL) as store:
        verify(store)
        s = store.resume_session("s")
        assert s.serial == issued
        with pytest.raises(IndexFullError):
            write_on(s)
        assert len(written) > 1.5 * full
        verify(store)


if __name__ == "__main__":
    print(json.dumps({"write": write_all, "recover": recover_all}[sys.argv[1]](Path(sys.argv[2]))))  # noqa: T201
