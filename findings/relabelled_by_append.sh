#!/usr/bin/env bash
# Adding to a store gives other coordinates to what is in it.
#
# Guess:   xarray puts values together by their labels: a variable that is added to a file, or a day that is
#          appended, whose x runs the other way or begins elsewhere is aligned, as everywhere else in
#          xarray, or refused.
# Seen:    Only the length is looked at. The coordinate in the store is written over by that of what is
#          added, and the values that were there stay where they are: x=10 now gives what was
#          measured at x=30, and a store for 2001 to 2003 becomes one for 2004 to 2006. No error and no
#          warning, in netCDF by mode="a" and in zarr by mode="a" or append_dim. concat() and
#          assignment to a Dataset are as guessed.
# Version: xarray 2026.9.0, zarr 3.1.6, netCDF4 1.7.5.1.post1, CPython 3.11 to 3.13
# Source:  the docstring of to_netcdf, mode: "existing variables will be overwritten", and a coordinate is
#          a variable; of to_zarr: a variable without append_dim is overwritten as well
# Output:
#   | expected                  sweep 1 at x=10: 1, year 2001: 11
#   | in memory                 sweep 1 at x=10: 1, year 2001: 11
#   | to_netcdf mode=a          sweep 1 at x=10: 3, year 2001: gone, 2004: 11
#   | to_zarr mode=a            sweep 1 at x=10: 3, year 2001: gone, 2004: 11
#   | concat                    sweep 1 at x=10: 1
#   | to_zarr append_dim=sweep  sweep 1 at x=10: 3
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 netCDF4==1.7.5.1.post1
cd "$folder"
venv/bin/python -W error::UserWarning - >seen.txt <<'PROGRAM'
import xarray

ACROSS = xarray.Dataset({"first": ("x", [1, 2, 3])}, coords={"x": [10, 20, 30]})
BACK = xarray.Dataset({"second": ("x", [3, 2, 1])}, coords={"x": [30, 20, 10]})
EARLY = xarray.Dataset({"early": ("year", [11, 12, 13])}, coords={"year": [2001, 2002, 2003]})
LATE = xarray.Dataset({"late": ("year", [14, 15, 16])}, coords={"year": [2004, 2005, 2006]})


def in_memory(old, new, path):
    return xarray.merge([old, new], join="outer")


def netcdf(old, new, path):
    old.to_netcdf(path + ".nc")
    new.to_netcdf(path + ".nc", mode="a")
    return xarray.load_dataset(path + ".nc")


def zarr(old, new, path):
    old.to_zarr(path + ".zarr", zarr_format=2)
    new.to_zarr(path + ".zarr", mode="a")
    return xarray.open_zarr(path + ".zarr")


def say(what, value, rest=""):
    print(f"{what:25} sweep 1 at x=10: {value:.0f}{rest}")


say("expected", 1, ", year 2001: 11")
for what, act in {"in memory": in_memory, "to_netcdf mode=a": netcdf, "to_zarr mode=a": zarr}.items():
    place = act(ACROSS, BACK, "place")["first"].sel(x=10)
    years = act(EARLY, LATE, "years")["early"].dropna("year")
    rest = ", year 2001: " + (f"{years.sel(year=2001):.0f}" if 2001 in years.year else "gone")
    say(what, place, rest + (f", 2004: {years.sel(year=2004):.0f}" if 2004 in years.year else ""))

sweeps = [data.rename({name: "seen"}).expand_dims("sweep") for data, name in ((ACROSS, "first"), (BACK, "second"))]
say("concat", xarray.concat(sweeps, "sweep", join="outer")["seen"][0].sel(x=10))
sweeps[0].to_zarr("sweeps.zarr", zarr_format=2)
sweeps[1].to_zarr("sweeps.zarr", append_dim="sweep")
say("to_zarr append_dim=sweep", xarray.open_zarr("sweeps.zarr")["seen"][0].sel(x=10))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
