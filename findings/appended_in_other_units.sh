#!/usr/bin/env bash
# What is appended to a store lands ten years away, or below zero: its numbers are in other units.
#
# Guess:   Times and packed values that are appended are converted into the units of the store, or, where
#          those cannot hold them, refused, as another dtype is.
# Seen:    xarray takes units, scale and dtype from the store. 12:34 is no whole number of days, so it
#          appends minutes, and warns that it does; the units of the array stay days. The third of
#          January at 12:34 is read as December 2009, 90 minutes as 90 days. A value beyond the store's
#          packed int16 wraps around: 400 is read as -255.36, without a warning; so it is where
#          the first write holds it.
# Version: xarray 2026.9.0, zarr 3.1.6, pandas 3.1.1, CPython 3.11 to 3.13
# Source:  xarray/backends/zarr.py: store() gives an appended variable the encoding that is stored, and
#          writes its values only, not the attributes that encoding them gave; xarray/coding/times.py
#          changes the units where a time does not fit them as an integer
# Output:
#   | format 2
#   |   times   ['2000-01-01T00:00', '2000-01-02T00:00', '2009-12-13T00:00']
#   |   lengths [1440, 2880, 129600] minutes, the last one written as 90
#   |   packed  [1.0, 2.0, -255.36]
#   | format 3
#   |   times   ['2000-01-01T00:00', '2000-01-02T00:00', '2009-12-13T00:00']
#   |   lengths [1440, 2880, 129600] minutes, the last one written as 90
#   |   packed  [1.0, 2.0, -255.36]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 pandas==3.1.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import warnings

import numpy as np
import pandas as pd
import xarray as xr

warnings.simplefilter("ignore")  # One is given for times and lengths, and names the other unit.


def appended(path, version, old, new, **encoding):
    old, new = (xr.Dataset({"v": ("step", values)}) for values in (old, new))
    old.to_zarr(path, zarr_format=version, consolidated=False, encoding={"v": encoding})
    new.to_zarr(path, append_dim="step", consolidated=False)
    return xr.open_zarr(path, consolidated=False, decode_timedelta=True).v.values


for version in (2, 3):
    print("format", version)
    times = appended(
        f"times-{version}", version, pd.to_datetime(["2000-01-01", "2000-01-02"]), pd.to_datetime(["2000-01-03T12:34"])
    )
    print("  times  ", [str(time)[:16] for time in times])
    lengths = appended(f"lengths-{version}", version, pd.to_timedelta(["1D", "2D"]), pd.to_timedelta(["90min"]))
    print("  lengths", lengths.astype("m8[m]").astype(int).tolist(), "minutes, the last one written as 90")
    packed = appended(f"packed-{version}", version, [1.0, 2.0], [400.0], dtype="int16", scale_factor=0.01)
    print("  packed ", [round(float(value), 2) for value in packed])
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
