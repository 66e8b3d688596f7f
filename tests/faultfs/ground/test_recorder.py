"""The recorder logs what the block layer sends, as it was sent. Skipped where there is no FUSE."""

from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs.ground.epochs import Record
from powercut.faultfs.ground.fuse import _RECORD, read_log

BEGIN = """
from mmap import mmap
from powercut.faultfs.ground.fuse import Recorder
recorder = Recorder(f"{folder}/disk", f"{folder}/backing", f"{folder}/log", 8 << 20)
device, held = kernel.attach_loop(f"{folder}/disk")
raw = os.open(device, os.O_RDWR | os.O_DIRECT)
page = mmap(-1, 1 << 20)
def put(letter, size, offset):
    page[:size] = letter * size
    os.pwrite(raw, memoryview(page)[:size], offset)
recorder.forget()
"""
END = """
os.close(raw), os.close(held)
tell([[r.kind, r.offset, r.size, r.data[:1].decode()] for r in recorder.records()])
recorder.close()
"""


def test_log_is_read_as_it_was_written() -> None:
    raw = _RECORD.pack(b"W", 3, 512) + b"abc" + _RECORD.pack(b"F", 0, 0) + _RECORD.pack(b"D", 4096, 8192)
    assert read_log(raw) == [
        Record("W", 512, 3, b"abc"),
        Record("F", 0, 0, b""),
        Record("D", 8192, 4096, b""),
    ]


def test_writes_and_flushes_stand_in_the_order_of_issue(on_machine: Callable[..., Any]) -> None:
    code = "put(b'a', 4096, 8192); os.fsync(raw); put(b'b', 512, 512); put(b'c', 4096, 8192); os.fsync(raw)"
    assert on_machine(BEGIN + code + END) == [
        ["W", 8192, 4096, "a"],
        ["F", 0, 0, ""],
        ["W", 512, 512, "b"],
        ["W", 8192, 4096, "c"],
        ["F", 0, 0, ""],
    ]


def test_long_write_keeps_its_bytes_and_its_order(on_machine: Callable[..., Any]) -> None:
    found = on_machine(BEGIN + "put(b'a', 1 << 20, 1 << 20)" + END)
    assert [each[0] for each in found] == ["W"] * len(found)
    end = 1 << 20
    for _, offset, size, letter in found:
        assert (offset, letter) == (end, "a")
        end += size
    assert end == 2 << 20


def test_discard_makes_zeros_and_is_logged(on_machine: Callable[..., Any]) -> None:
    code = """
import fcntl, struct
put(b'a', 8192, 4096)
fcntl.ioctl(raw, 0x1277, struct.pack("=QQ", 4096, 4096))  # BLKDISCARD
os.close(os.open(device, os.O_RDWR))
assert os.pread(recorder.backing, 8192, 4096) == bytes(4096) + b"a" * 4096
"""
    assert on_machine(BEGIN + code + END) == [["W", 4096, 8192, "a"], ["D", 4096, 4096, ""]]


def test_count_tells_what_stood_before_a_call_that_returned(on_machine: Callable[..., Any]) -> None:
    code = """
counts = [recorder.count]
put(b'a', 4096, 0); counts.append(recorder.count)
os.fsync(raw); counts.append(recorder.count)
tell(counts)
os.close(raw), os.close(held)
recorder.close()
"""
    assert on_machine(BEGIN + code) == [0, 1, 2]


def test_disk_reads_what_was_written_and_survives_a_new_loop_device(on_machine: Callable[..., Any]) -> None:
    code = """
put(b'a', 4096, 4096)
os.close(raw), os.close(held)
device, held = kernel.attach_loop(f"{folder}/disk")
with open(device, "rb") as file:
    file.seek(4096)
    tell(file.read(8192).decode("latin-1").rstrip("\\0"))
os.close(held)
recorder.close()
"""
    assert on_machine(BEGIN + code) == "a" * 4096


def test_server_ends_with_the_process_that_started_it(on_machine: Callable[..., Any]) -> None:
    code = """
child = os.fork()
if child == 0:
    other = Recorder(f"{folder}/disk2", f"{folder}/backing2", f"{folder}/log2", 1 << 20)
    print(other._server, file=open(f"{folder}/server", "w"), flush=True)
    os._exit(0)
os.waitpid(child, 0)
server = int(open(f"{folder}/server").read())
for _ in range(1000):
    try:
        state = open(f"/proc/{server}/stat").read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        state = "gone"
    if state in ("Z", "gone"):
        break
    os.sched_yield(), __import__("time").sleep(0.01)
tell(state in ("Z", "gone"))
os.close(raw), os.close(held)
recorder.close()
"""
    assert on_machine(BEGIN + code) is True


@pytest.mark.parametrize("file_system", ["xfs", "btrfs"])
def test_rig_is_not_disturbed_by_another_that_is_mounted(
    file_system: str, on_machine: Callable[..., Any]
) -> None:
    """Two mounted file systems of one UUID disturb one another: each rig makes its own."""
    code = f"""
from powercut.faultfs.ground.program import Program
from powercut.faultfs.ground.rig import Mounted, Options, Rig
rigs = []
for name in "ab":
    os.mkdir(f"{{folder}}/{{name}}")
    rigs.append(Rig(f"{{folder}}/{{name}}", Options("{file_system}")))
def read(rig, letter):
    recording = rig.record(Program.parse(f"{{letter}}={{letter}}*4096: sync {{letter}}"))
    return rig.read(recording.base.runs(), {{}})
found = [read(rigs[0], "A")]
with Mounted(f"{{folder}}/a/image", f"{{folder}}/a/mounted", "{file_system}", ""):
    found.append(read(rigs[1], "B"))
tell(found)
for rig in rigs: rig.close()
"""
    assert on_machine(code, file_system) == ["A=A*4096", "B=B*4096"]
