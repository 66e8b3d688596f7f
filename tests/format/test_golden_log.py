"""A log that an earlier run wrote is read to the last byte, goes on, and is written again byte for byte.

To write it anew, with the format version and never alone: PYTHONPATH=. python tests/format/test_golden_log.py
"""

import shutil
from pathlib import Path
from typing import Final

from powercut.engine import FasterLog, LogSettings, MemoryDevice, ThreadRuntime
from powercut.engine.log_inspection import inspect_log

GOLDEN: Final = Path(__file__).parent / "golden_log"
SMALL: Final = LogSettings(page_bytes=1024, segment_bytes=4096, write_unit=512)
KEPT: Final = [b"%d" % number * 60 for number in range(3, 8)] + [b"", b"x" * 900, b"last"]


class FixedRuntime(ThreadRuntime):
    """Every log gets the same id."""

    def entropy(self, count: int) -> bytes:
        return bytes(range(count))


def write(device: MemoryDevice) -> None:
    """Several pages, a truncation, a rollback, progress, a second life."""
    log = FasterLog.open(device, create=True, settings=SMALL, memory=4096, runtime=FixedRuntime())
    addresses = [log.enqueue(b"%d" % number * 60) for number in range(8)]
    log.commit("größe".encode())
    log.truncate_before(addresses[3])
    log.enqueue_many([b"", b"x" * 900])
    log.rollback(log.enqueue(b"dropped"))
    log.commit()
    log.close()
    with FasterLog.open(device, memory=4096, runtime=FixedRuntime()) as log:
        for name, count in (("mailer", 2), ("größe", 8)):
            with log.follow(name) as entries:
                for _ in range(count):
                    entries.take(timeout=0)
                entries.complete()
        log.enqueue(b"last")


def image_of(device: MemoryDevice) -> dict[str, bytes]:
    """The content of every file."""
    image = {}
    device.acquire(None)
    for name in device.list():
        data = bytearray(device.size(name))
        device.read_into(name, 0, data)
        image[name] = bytes(data)
    return image


def test_the_golden_log_is_read_exactly_and_is_sound() -> None:
    with FasterLog.open(GOLDEN, read_only=True) as log:
        assert [entry.data for entry in log.scan()] == KEPT
        assert [entry.data for entry in log.follow("mailer")] == KEPT[2:]
        assert log.committed.number == 3
    found = inspect_log(GOLDEN, verify=True)
    assert (found.verdict, found.entries, found.store_id) == ("sound", len(KEPT), bytes(range(16)))


def test_the_same_program_writes_the_same_bytes() -> None:
    device = MemoryDevice()
    write(device)
    image = image_of(device)
    assert sorted(image) == sorted(path.name for path in GOLDEN.iterdir())
    for name, data in image.items():
        assert (GOLDEN / name).read_bytes() == data, name


def test_the_golden_log_goes_on(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "log")
    with FasterLog.open(tmp_path / "log") as log:
        log.enqueue(b"later")
    with FasterLog.open(tmp_path / "log") as log:
        assert [entry.data for entry in log.scan()] == [*KEPT, b"later"]
        assert log.progress["größe"] == log.follow("größe").position


if __name__ == "__main__":
    made = MemoryDevice()
    write(made)
    GOLDEN.mkdir(exist_ok=True)
    for file, content in image_of(made).items():
        (GOLDEN / file).write_bytes(content)
