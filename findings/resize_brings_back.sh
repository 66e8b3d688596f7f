#!/usr/bin/env bash
# An array that was made shorter has its old values back when it grows again.
#
# Guess:   As with a file, what was cut off is gone: after resize to 5 and back to 10, the places
#          behind 5 read as the fill value.
# Seen:    zarr and tensorstore delete whole chunks only. In the chunk that the new end runs through
#          the old values stay, and the next resize shows them; the rest reads as the fill value, so
#          the result is half of each, and where the border lies depends on the chunk size. A writer
#          that grows the array before it fills it leaves them there if it dies in between. h5py and
#          tables do as guessed.
# Version: zarr 3.1.6 (3.4.2 likewise), tensorstore 0.1.86, h5py 3.16.0, tables 3.11.1, CPython 3.11 to
#          3.13
# Source:  docstrings of zarr.Array.resize ("would be restored") and of TensorStore.resize; HDF5
#          reference, H5Dset_extent: a shrunk chunk is filled anew
# Output:
#   | written, then resized to 5 and to 10, chunks of 4
#   | zarr, format 2:      [1 2 3 4 5 6 7 8 0 0]
#   | zarr, format 3:      [1 2 3 4 5 6 7 8 0 0]
#   | tensorstore, zarr :  [1 2 3 4 5 6 7 8 0 0]
#   | tensorstore, zarr3:  [1 2 3 4 5 6 7 8 0 0]
#   | tensorstore, n5   :  [1 2 3 4 5 6 7 8 0 0]
#   | h5py:                [1 2 3 4 5 0 0 0 0 0]
#   | tables:              [1 2 3 4 5 0 0 0 0 0]
#   | zarr, chunks of 5:   [1 2 3 4 5 0 0 0 0 0]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zarr==3.1.6 tensorstore==0.1.86 h5py==3.16.0 tables==3.11.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import h5py
import numpy as np
import tables
import tensorstore
import zarr

VALUES = np.arange(1, 11, dtype="i4")


def through_zarr(version, chunk):
    array = zarr.create_array(
        f"zarr-{version}-{chunk}", shape=(10,), chunks=(chunk,), dtype="i4", fill_value=0, zarr_format=version
    )
    array[:] = VALUES
    array.resize((5,))
    array.resize((10,))
    return array[:]


def through_tensorstore(driver):
    files = {"driver": "file", "path": f"tensorstore-{driver}/"}
    chunks = tensorstore.ChunkLayout(chunk_shape=[4])
    array = tensorstore.open(
        {"driver": driver, "kvstore": files}, create=True, shape=[10], dtype=tensorstore.int32, chunk_layout=chunks
    ).result()
    array.write(VALUES).result()
    array = array.resize(exclusive_max=[5]).result()
    return array.resize(exclusive_max=[10]).result().read().result()


def through_h5py():
    with h5py.File("h5py", "w") as file:
        array = file.create_dataset("a", data=VALUES, maxshape=(None,), chunks=(4,))
        array.resize((5,))
        array.resize((10,))
        return array[:]


def through_tables():
    with tables.open_file("tables", "w") as file:
        array = file.create_earray("/", "a", obj=VALUES, chunkshape=(4,))
        array.truncate(5)
        array.truncate(10)
        return array[:]


print("written, then resized to 5 and to 10, chunks of 4")
for version in (2, 3):
    print(f"zarr, format {version}:     ", through_zarr(version, 4))
for driver in ("zarr", "zarr3", "n5"):
    print(f"tensorstore, {driver:5}: ", through_tensorstore(driver))
print("h5py:               ", through_h5py())
print("tables:             ", through_tables())
print("zarr, chunks of 5:  ", through_zarr(3, 5))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
