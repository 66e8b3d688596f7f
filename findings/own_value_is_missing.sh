#!/usr/bin/env bash
# A value that was stored is read as missing, because it is the one that stands for a missing one.
#
# Guess:   What is written without a gap is read without a gap: where a format marks gaps by a value, the
#          library takes one that the column does not hold, or keeps a mask, or one has to be asked for.
# Seen:    netCDF4 masks each value that is the type's default fill: 255 in an image of bytes, -127, 65535,
#          -32767. The mean leaves the white pixels out; xarray and h5py read the same file as it was
#          written. astropy marks a gap in a FITS column by 999999, and the real 999999 of another row is
#          gone; a gap among booleans becomes True, NaN a gap. In ECSV an empty text
#          is a gap. No error and no warning.
# Version: netCDF4 1.7.5.1.post1, xarray 2026.9.0, h5py 3.16.0, astropy 8.0.2, numpy 2.4.6,
#          CPython 3.11 to 3.13
# Source:  netCDF4 documentation, Variable.set_auto_mask: _FillValue "has a default value for each data type",
#          and masks; FITS standard, 7.3: TNULLn names the value of a column that stands for null
# Output:
#   | netCDF4 uint8: [0, 100, None], mean 50.0; xarray: [0, 100, 255], h5py: [0, 100, 255]
#   | netCDF4 int8: [0, 1, None], mean 0.5; xarray: [0, 1, -127], h5py: [0, 1, -127]
#   | netCDF4 uint16: [1, 2, None], mean 1.5; xarray: [1, 2, 65535], h5py: [1, 2, 65535]
#   | netCDF4 int16: [1, 2, None], mean 1.5; xarray: [1, 2, -32767], h5py: [1, 2, -32767]
#   | astropy, written:    [[None, 999999, 3], [None, nan, 2.5], [None, True, False], ['', 'nan', 'x']]
#   | astropy, table.fits: [[None, None, 3], [None, None, 2.5], [True, True, False], ['', 'nan', 'x']]
#   | astropy, table.ecsv: [[None, 999999, 3], [None, nan, 2.5], [None, True, False], [None, 'nan', 'x']]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check netCDF4==1.7.5.1.post1 xarray==2026.9.0 h5py==3.16.0 astropy==8.0.2 numpy==2.4.6
cd "$folder"
venv/bin/python -W error::UserWarning - >seen.txt <<'PROGRAM'
import h5py
import netCDF4
import numpy
import xarray
from astropy.table import MaskedColumn, Table

VALUES = {"uint8": [0, 100, 255], "int8": [0, 1, -127], "uint16": [1, 2, 65535], "int16": [1, 2, -32767]}
GAP = [True, False, False]
COLUMNS = {
    "number": MaskedColumn([1, 999999, 3], mask=GAP),
    "real": MaskedColumn([1.5, numpy.nan, 2.5], mask=GAP),
    "flag": MaskedColumn([False, True, False], mask=GAP),
    "text": ["", "nan", "x"],
}

with netCDF4.Dataset("values.nc", "w") as file:
    file.createDimension("x", 3)
    for kind, values in VALUES.items():
        file.createVariable(kind, kind, ("x",))[:] = numpy.array(values, kind)
for kind in VALUES:
    with netCDF4.Dataset("values.nc") as file, h5py.File("values.nc") as plain:
        again = xarray.load_dataset("values.nc")[kind].values.tolist()
        print(f"netCDF4 {kind}: {file[kind][:].tolist()}, mean {file[kind][:].mean()};", end=" ")
        print(f"xarray: {again}, h5py: {plain[kind][:].tolist()}")
print("astropy, written:   ", [numpy.ma.array(column).tolist() for name, column in COLUMNS.items()])
for name in ("table.fits", "table.ecsv"):
    Table(COLUMNS).write(name)
    found = Table.read(name)
    print(f"astropy, {name}:", [found[column].tolist() for column in found.colnames])
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
