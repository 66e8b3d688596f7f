#!/usr/bin/env bash
# A file that was renamed into another folder, whose fsync has returned, is in both after a power cut.
#
# Guess:   A job is moved from jobs/ to done/ by rename, which is atomic, and done/ is synced: after a
#          power cut it is in done/ alone. At worst, without the sync, it is still in jobs/ alone.
# Seen:    So it is on ext4 and xfs. On btrfs both names are there, two links to one file, although
#          the fsync of done/ has returned; stat counts both links, and a queue takes the job again.
#          An fsync of jobs/, or of the file, makes the rename whole. Where the move is made of link
#          and unlink and jobs/ is synced alone, neither name is there on btrfs, and the job is lost.
# Version: Linux 6.18.44, default options of mkfs.ext4 1.47.0, mkfs.xfs 6.1.0, mkfs.btrfs 6.2
# Source:  the disk as it is when fsync has returned, copied before anything else is written to it,
#          and mounted: the fsync of a folder of btrfs logs that folder, and no other
# Needs:   root, a loop device, and the three mkfs as the system has them
# Output:
#   | ext4  rename, done/ synced: done/job (1 link); jobs/ synced: done/job (1 link)
#   | ext4  link and unlink, jobs/ synced: done/job (1 link)
#   | xfs   rename, done/ synced: done/job (1 link); jobs/ synced: done/job (1 link)
#   | xfs   link and unlink, jobs/ synced: done/job (1 link)
#   | btrfs rename, done/ synced: done/job jobs/job (2 links); jobs/ synced: done/job (1 link)
#   | btrfs link and unlink, jobs/ synced: nothing
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" - >seen.txt <<'PROGRAM'
import os
import shutil
import subprocess
from pathlib import Path

image, cut, where = Path("image").absolute(), Path("cut").absolute(), Path("mounted").absolute()
where.mkdir()


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def link_and_unlink(old, new):
    os.link(old, new)
    os.unlink(old)


def left(kind, move, synced):
    """The names of the job on the disk, as it is when a fsync of this folder has returned."""
    with image.open("wb") as file:
        file.truncate(320 << 20)
    run(f"mkfs.{kind}", "-q", "-f" if kind != "ext4" else "-F", str(image))
    run("mount", "-o", "loop", str(image), str(where))
    try:
        for name in ("jobs", "done"):
            (where / name).mkdir()
        (where / "jobs/job").write_bytes(b"pay 100")
        os.sync()
        move(where / "jobs/job", where / "done/job")
        sync(where / synced)
        shutil.copyfile(image, cut)
    finally:
        run("umount", str(where))
    run("mount", "-o", "loop", str(cut), str(where))
    try:
        found = sorted(where.glob("*/job"))
        links = found[0].stat().st_nlink if found else 0
        names = " ".join(str(path.relative_to(where)) for path in found)
    finally:
        run("umount", str(where))
    return f"{names} ({links} link{'s' * (links > 1)})" if found else "nothing"


for kind in ("ext4", "xfs", "btrfs"):
    target, source = left(kind, os.rename, "done"), left(kind, os.rename, "jobs")
    print(f"{kind:5} rename, done/ synced: {target}; jobs/ synced: {source}")
    print(f"{kind:5} link and unlink, jobs/ synced: {left(kind, link_and_unlink, 'jobs')}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
