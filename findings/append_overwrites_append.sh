#!/usr/bin/env bash
# The second append to an array overwrites what the first appended.
#
# Guess:   Where a zarr group has consolidated metadata, append() brings them up to date, or drops
#          them, or raises: whoever takes the array from the group again sees its new length, and the
#          next append goes behind the last one.
# Seen:    append() changes the metadata of the array alone. The group, and whoever opens it again,
#          takes the old length from the consolidated copy, so the appended rows are not seen, and the
#          next append through it is written over them. No error, formats 2 and 3. xarray reads the
#          old length as well, where tensorstore has appended; its own to_zarr(append_dim=...) does
#          not use the copy and is right.
# Version: zarr 3.1.6 (3.4.2 likewise), xarray 2026.9.0, tensorstore 0.1.86, CPython 3.11 to 3.13
# Source:  zarr/core/array.py: _resize stores the documents of the array only; zarr/core/group.py: a
#          group whose consolidated metadata were found makes its members of them. zarr user guide,
#          "Consolidated metadata": used by default if present
# Output:
#   | format 2: append returns (4,)
#   |   the same group:   [1 2]
#   |   opened again:     [1 2]
#   |   array, opened by itself after one more append: [1 2 5 6]
#   | format 3: append returns (4,)
#   |   the same group:   [1 2]
#   |   opened again:     [1 2]
#   |   array, opened by itself after one more append: [1 2 5 6]
#   | format 2: xarray after tensorstore: [1 2] and after its own append: [1 2 3 4 5 6]
#   | format 3: xarray after tensorstore: [1 2] and after its own append: [1 2 3 4 5 6]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zarr==3.1.6 xarray==2026.9.0 tensorstore==0.1.86
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import shutil
import warnings

import numpy as np
import tensorstore
import xarray
import zarr

warnings.simplefilter("ignore")
for version in (2, 3):
    shutil.rmtree("store", ignore_errors=True)
    group = zarr.create_group("store", zarr_format=version)
    group.create_array("log", data=np.array([1, 2]), chunks=(2,))
    zarr.consolidate_metadata("store")

    group = zarr.open_group("store", mode="r+")
    print(f"format {version}: append returns", group["log"].append(np.array([3, 4])))
    print("  the same group:  ", group["log"][:])
    print("  opened again:    ", zarr.open_group("store")["log"][:])
    group["log"].append(np.array([5, 6]))
    print("  array, opened by itself after one more append:", zarr.open_array("store/log")[:])

for version, driver in ((2, "zarr"), (3, "zarr3")):
    shutil.rmtree("store")
    xarray.Dataset({"log": ("row", np.array([1, 2]))}).to_zarr("store", zarr_format=version)
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": "store/log/"}}
    array = tensorstore.open(spec).result().resize(exclusive_max=[4]).result()
    array[2:].write(np.array([3, 4])).result()
    print(f"format {version}: xarray after tensorstore:", xarray.open_zarr("store").log.values, end=" ")
    xarray.Dataset({"log": ("row", np.array([5, 6]))}).to_zarr("store", append_dim="row")
    print("and after its own append:", xarray.open_zarr("store").log.values)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
