"""The rig on real file systems; skipped where these cannot be mounted. Other files here need no machine."""

from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs.ground.rig import FILE_SYSTEMS

BEGIN = """
from random import Random
from powercut.faultfs.ground.player import Noise
from powercut.faultfs.ground.program import Program
from powercut.faultfs.ground.rig import Depth, Options, Rig
from powercut.faultfs.ground.scenarios import SCENARIOS
DEPTH = Depth(whole=4, mixed=3, draws=6, torn=2)
def search(rig, program, noise=None, depth=DEPTH):
    found = {}
    for each in rig.search(rig.record(program, noise), depth, Random(1)):
        known = found.setdefault(each.content, [each.first, each.last])
        known[:] = min(known[0], each.first), max(known[1], each.last)
    return found
"""


@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_synced_file_is_there_from_its_sync_on(file_system: str, on_machine: Callable[..., Any]) -> None:
    code = f"""
rig = Rig(folder, Options("{file_system}"))
tell(search(rig, SCENARIOS["new-synced"]))
rig.close()
"""
    found = on_machine(BEGIN + code, file_system)
    before, after = "old=O*8192 other=X*4096", "f=N*4096 old=O*8192 other=X*4096"
    assert found[before] == [0, 5], "lost until the sync has returned, and not after it"
    assert found[after][1] == 6
    assert found[after][0] <= 5


@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_calls_on_folders_leave_what_they_leave_on_the_device(
    file_system: str, on_machine: Callable[..., Any]
) -> None:
    """Once everything is synced; open files follow the folder that is renamed above them."""
    code = f"""
from powercut.faultfs.ground.contents import tell as text
program = Program.parse(
    "a/ a/d/ a/d/f=O*100 a/l~a/d/f e/ g=X*1: write a/d/f 0 N*50; rename a/d b; write b/f 50 M*50;"
    " make_folder a/h; symlink ../g a/h/s; remove_folder e; exchange a b; sync_folder a; link g b/g;"
    " remove a/f; rename b/l a/k; write a/k 100 P*10; sync_all"
)
rig = Rig(folder, Options("{file_system}"))
tell([search(rig, program), text(program.device().image()), 2 * len(program.calls)])
rig.close()
"""
    found, left, last = on_machine(BEGIN + code, file_system)
    assert {content for content, steps in found.items() if steps[1] == last} == {left}
    assert left == "a/ a/k=N*50+M*50+P*10 b/ b/g=X*1 b/h/ b/h/s->../g g~b/g"


def test_sync_of_which_the_writes_are_refused_fails_and_one_that_cannot_fail_is_told(
    on_machine: Callable[..., Any],
) -> None:
    code = """
rig = Rig(folder, Options("ext4"))
again = "old=O*8192: write old 8192 N*4096; sync_fails old; write old 8192 N*4096; sync old"
found = [search(rig, Program.parse(again))]
try:
    rig.record(Program.parse("old=O*8192: sync_fails old"))
except OSError as error:
    found.append(error.strerror)
found.append(search(rig, Program.parse("old=O*8192: write old 8192 N*4096; sync old")))
tell(found)
rig.close()
"""
    failed, told, good = on_machine(BEGIN + code, "ext4")
    assert failed["old=O*8192+0*4096"][1] == 8  # F39: written again, synced, lost; unmounted, too.
    assert "old=O*8192+N*4096" not in failed
    assert told == "the sync did not fail"
    assert good["old=O*8192+N*4096"][1] == 4  # Nothing is refused any more.


def test_ext4_shows_a_size_without_its_data(on_machine: Callable[..., Any]) -> None:
    """An append as the law of a journalled file system had thought impossible, made sure by a slow disk."""
    code = """
rig = Rig(folder, Options("ext4"))
tell(search(rig, Program.parse("old=O*8192: write old 8192 N*4096; sync_names"), Noise("slow", 1)))
rig.close()
"""
    assert "old=O*8192+0*4096" in on_machine(BEGIN + code, "ext4")


@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_mount_for_reading_shows_what_a_mount_for_writing_shows(
    file_system: str, on_machine: Callable[..., Any]
) -> None:
    """Each image of three recordings is read through both."""
    code = f"""
rig = Rig(folder, Options("{file_system}"))
pairs = []
names = ("replace-synced", "shrink-append", "freed-onto-removed")
for name in names:
    recording = rig.record(SCENARIOS[name], Noise("chmod", 2))
    both = []
    for rig._is_readonly in (True, False):
        both.append([each.content for each in rig.search(recording, Depth(2, 1, 3, 1), Random(1))])
    pairs.append(both)
tell(pairs)
rig.close()
"""
    pairs = on_machine(BEGIN + code, file_system)
    assert all(one == other for one, other in pairs)
    assert len({content for one, _ in pairs for content in one}) >= 4


def test_call_that_the_file_system_refuses_is_an_error_and_the_rig_goes_on(
    on_machine: Callable[..., Any],
) -> None:
    code = """
rig = Rig(folder, Options("ext4"))
try:
    rig.record(SCENARIOS["clone-synced"])
    refused = False
except OSError:
    refused = True
tell([refused, list(search(rig, Program.parse("a=A*1: sync a")))])
rig.close()
"""
    assert on_machine(BEGIN + code, "ext4") == [True, ["a=A*1"]]


def test_options_reach_mkfs_and_mount(on_machine: Callable[..., Any]) -> None:
    """With nodioread_nolock a size does not come before its data, so the same slow disk shows none."""
    code = """
rig = Rig(folder, Options("ext4", mount="nodioread_nolock"))
tell(search(rig, Program.parse("old=O*8192: write old 8192 N*4096; sync_names"), Noise("slow", 1)))
rig.close()
"""
    assert "old=O*8192+0*4096" not in on_machine(BEGIN + code, "ext4")


def test_image_without_a_file_system_is_a_failure_and_no_content(on_machine: Callable[..., Any]) -> None:
    code = """
rig = Rig(folder, Options("ext4"))
tell(rig.read([(0, b"x" * 4096)], {}))
rig.close()
"""
    assert on_machine(BEGIN + code, "ext4") == "!mount 22"


def test_nothing_of_a_rig_is_left_on_the_machine(on_machine: Callable[..., Any]) -> None:
    """A process that is killed while its file system is mounted."""
    code = """
import ctypes, glob, signal, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # What is orphaned below becomes a child of this process.
child = os.fork()
if child == 0:
    kernel.enter_namespace()
    rig = Rig(folder, Options("ext4"))
    kernel.sync_file_system = lambda file: os.kill(os.getpid(), signal.SIGKILL)
    rig.record(SCENARIOS["new-synced"])
os.waitpid(child, 0)
def backed():
    found = []
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        try: found.append(open(path).read().strip())
        except OSError: pass
    return [path for path in found if folder in path or path.startswith("/disk")]
def running():
    try: return ["its server"] if os.waitpid(-1, os.WNOHANG) == (0, 0) else []
    except ChildProcessError: return []
for _ in range(500):
    if not backed() and not running(): break
    time.sleep(0.01)
tell(backed() + running())
"""
    assert on_machine(BEGIN + code, "ext4") == []
