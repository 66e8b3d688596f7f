#!/usr/bin/env bash
# A positioned write to a fake file changes a real one.
#
# Guess:   In pyfakefs a call on a fake descriptor acts on the fake file, or raises because it is
#          not faked; the real disk is out of reach.
# Seen:    os.pwrite, pread, pwritev and preadv are not faked and go to the real os with the number
#          of the fake descriptor. That number is the lowest that the fake has free, so it also
#          names a real file of the process if one is open: the write lands there and returns its
#          count, the fake file keeps its content, and the read gives the other file's bytes.
#          os.lseek returns None instead of the offset.
# Version: pyfakefs 6.3.2, CPython 3.11 and 3.12, Linux
# Source:  pyfakefs/fake_os.py: FakeOsModule.__getattr__ forwards every call that is not faked to
#          the real os module; FakeOsModule.lseek
# Output:
#   | the fake file has a descriptor of the same number: True
#   | pwrite: 3
#   | pread: b'RECcious'
#   | lseek: None
#   | fake file: b'........'
#   | real file: b'RECcious'
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyfakefs==6.3.2
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import tempfile

from pyfakefs.fake_filesystem_unittest import Patcher

# A file of the process that has nothing to do with the test.
bystander = tempfile.TemporaryFile(dir=".", buffering=0)
bystander.write(b"precious")
with Patcher() as patcher:
    patcher.fs.create_file("/store/log", contents="........")
    fake = bystander.fileno()
    descriptors = [os.open("/store/log", os.O_RDWR) for _ in range(fake)]
    print("the fake file has a descriptor of the same number:", fake in descriptors)
    print("pwrite:", os.pwrite(fake, b"REC", 0))
    print("pread:", os.pread(fake, 8, 0))
    print("lseek:", os.lseek(fake, 4, os.SEEK_SET))
    for descriptor in descriptors:
        os.close(descriptor)
    with open("/store/log", "rb") as file:
        print("fake file:", file.read())
print("real file:", os.pread(bystander.fileno(), 8, 0))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
