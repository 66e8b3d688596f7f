#!/usr/bin/env bash
# Measurements whose file was lost are read as zeros, or are there from one folder and zero from another.
#
# Guess:   A dataset of HDF5 that is put together of other files (a virtual dataset, of a file a day) cannot be
#          read where one of them is missing; and where it finds them does not depend on the reader.
# Seen:    Missing is no error: h5py, netCDF4 and xarray read zeros for that day, which nothing tells from measured
#          ones, and a mean has them in it. So it is after a file, or the dataset in it, was renamed.
#          The names are looked for beside the file and in the working folder as well: moved alone it has
#          its values for a reader in the old folder, and for one beside it nothing but zeros. A source that is
#          too short raises; one that is longer is cut to its first values, fractions are cut to integers.
# Version: h5py 3.16.0, netCDF4 1.7.5.1.post1, xarray 2026.9.0, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  HDF5 documentation, "Introduction to the Virtual Dataset": if a source file is missing the fill
#          value is shown; the package hdf5-vds-check exists to find that
# Output:
#   | as it was made:                  [[1, 2], [11, 12], [21, 22]], mean 11.5
#   | a file renamed:                  [[1, 2], [0, 0], [21, 22]], mean 7.7
#   |   by netCDF4:                    [[1, 2], [0, 0], [21, 22]]
#   |   by xarray:                     [[1, 2], [0, 0], [21, 22]]
#   | its dataset renamed:             [[1, 2], [0, 0], [21, 22]], mean 7.7
#   | too short:                       OSError
#   | longer:                          [[1, 2], [11, 12], [21, 22]], mean 11.5
#   | of fractions:                    [[1, 2], [11, 12], [21, 22]], mean 11.5
#   | whole again:                     [[1, 2], [11, 12], [21, 22]], mean 11.5
#   | moved alone, from here:          [[1, 2], [11, 12], [21, 22]], mean 11.5
#   | moved alone, from there:         [[0, 0], [0, 0], [0, 0]], mean 0.0
#   | moved with its days:             [[1, 2], [11, 12], [21, 22]], mean 11.5
#   | moved with its days, from above: [[1, 2], [11, 12], [21, 22]], mean 11.5
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.16.0 netCDF4==1.7.5.1.post1 xarray==2026.9.0 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import shutil

import h5py
import netCDF4
import numpy
import xarray


def day(name, values, dataset="level"):
    with h5py.File(name, "w") as file:
        file[dataset] = numpy.array(values)


def read(what, name="all.h5"):
    try:
        with h5py.File(name) as file:
            print(f"{what:32} {file['level'][:].tolist()}, mean {file['level'][:].mean():.1f}")
    except OSError as error:
        print(f"{what:32} {type(error).__name__}")


os.makedirs("week/days")
os.chdir("week")
layout = h5py.VirtualLayout((3, 2), "i8")
for number in range(3):
    day(f"days/{number}.h5", [number * 10 + 1, number * 10 + 2])
    layout[number] = h5py.VirtualSource(f"days/{number}.h5", "level", (2,))
with h5py.File("all.h5", "w") as file:
    file.create_virtual_dataset("level", layout)

read("as it was made:")
os.rename("days/1.h5", "days/one.h5")
read("a file renamed:")
with netCDF4.Dataset("all.h5") as file:
    print(f"{'  by netCDF4:':32} {file['level'][:].tolist()}")
print(f"{'  by xarray:':32} {xarray.load_dataset('all.h5', engine='netcdf4')['level'].values.tolist()}")
day("days/1.h5", [11, 12], "Level")
read("its dataset renamed:")
day("days/1.h5", [11])
read("too short:")
day("days/1.h5", [11, 12, 13])
read("longer:")
day("days/1.h5", [11.9, 12.9])
read("of fractions:")
day("days/1.h5", [11, 12])
read("whole again:")
os.mkdir("../archive")
shutil.move("all.h5", "../archive/all.h5")
read("moved alone, from here:", "../archive/all.h5")
os.chdir("../archive")
read("moved alone, from there:")
shutil.move("../week/days", "days")
read("moved with its days:")
os.chdir("..")
read("moved with its days, from above:", "archive/all.h5")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
