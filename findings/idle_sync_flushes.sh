#!/usr/bin/env bash
# A sync of a file that nobody changed makes the disk flush its cache.
#
# Guess:   fsync or fdatasync of a file of which everything was synced before costs nothing, on any
#          file system; and fsync of an overwritten page costs what fdatasync of it does.
# Seen:    On ext4 and xfs each of them sends the disk a flush all the same, through a descriptor that
#          was opened to read too; on btrfs none does. fsync of an overwritten page is two flushes on
#          all three; fdatasync is one on ext4 and xfs, and two on btrfs.
# Version: Linux 6.18.44, default options of mkfs.ext4 1.47.0, mkfs.xfs 6.1.0, mkfs.btrfs 6.2
# Source:  the flushes that the block device has ended: field 16 of /sys/block/loopN/stat
# Needs:   root, three loop devices, and the three mkfs as the system has them
# Output:
#   | ext4  unchanged: fdatasync 1, again 1, fsync to read 1; folder 0; a page: fdatasync 1, fsync 2
#   | xfs   unchanged: fdatasync 1, again 1, fsync to read 1; folder 0; a page: fdatasync 1, fsync 2
#   | btrfs unchanged: fdatasync 0, again 0, fsync to read 0; folder 0; a page: fdatasync 2, fsync 2
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" - >seen.txt <<'PROGRAM'
import os
import subprocess
from pathlib import Path


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def flushes(device):
    return int(Path("/sys/block", Path(device).name, "stat").read_text().split()[15])


def look(device, folder):
    """The flushes of each call, in the order of the line."""
    file = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
    os.write(file, bytes(1 << 16))
    os.fsync(file)
    os.sync()
    reader, names = os.open(folder / "file", os.O_RDONLY), os.open(folder, os.O_RDONLY)

    def count(call, descriptor, page=None):
        if page is not None:
            os.pwrite(file, page * 4096, 0)
        before = flushes(device)
        call(descriptor)
        return flushes(device) - before

    found = [count(os.fdatasync, file), count(os.fdatasync, file), count(os.fsync, reader)]
    found += [count(os.fsync, names), count(os.fdatasync, file, b"a"), count(os.fsync, file, b"b")]
    for each in (file, reader, names):
        os.close(each)
    return found


for name in ("ext4", "xfs", "btrfs"):
    image, folder = Path(f"{name}.image").absolute(), Path(name).absolute()
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(320 << 20)
    run(f"mkfs.{name}", "-q", str(image))
    device = run("losetup", "--find", "--show", str(image))
    try:
        run("mount", device, str(folder))
        try:
            idle, again, reader, names, data, whole = look(device, folder)
        finally:
            run("umount", str(folder))
    finally:
        run("losetup", "--detach", device)
    print(
        f"{name:5} unchanged: fdatasync {idle}, again {again}, fsync to read {reader}; folder {names};"
        f" a page: fdatasync {data}, fsync {whole}"
    )
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
