#!/usr/bin/env bash
# A transposed array that is saved is loaded with its numbers in other places.
#
# Guess:   A library that saves arrays writes what the array holds, whatever its memory looks like, as numpy
#          and h5py do; or it refuses an array that is not contiguous, as its form for torch does.
# Seen:    safetensors writes the shape that the array has and the bytes that lie in memory: a transposed
#          matrix, one in Fortran order (as linear algebra and the values of a DataFrame are), every
#          second column and a reversed list come back with the right shape and dtype, and wrong numbers.
#          Of a view of every second column it writes what the view leaves out. No error, and
#          a checksum of the file is right. Big-endian numbers, of which it makes a copy, are right.
# Version: safetensors 0.8.0, h5py 3.16.0, pandas 3.1.1, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  the docstring of safetensors.numpy.save_file: "Tensors need to be contiguous and dense", which
#          nothing checks
# Output:
#   | array               numpy.save h5py       safetensors
#   | as it is            right      right      right
#   | transposed          right      right      [[0, 1], [2, 3], [4, 5]] for [[0, 3], [1, 4], [2, 5]]
#   | Fortran order       right      right      [[0, 3, 1], [4, 2, 5]] for [[0, 1, 2], [3, 4, 5]]
#   | every second column right      right      [[0, 1], [2, 3]] for [[0, 2], [3, 5]]
#   | columns of a frame  right      right      [[0, 3, 1], [4, 2, 5]] for [[0, 1, 2], [3, 4, 5]]
#   | big-endian          right      right      right
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 h5py==3.16.0 pandas==3.1.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import h5py
import numpy
import pandas
from safetensors.numpy import load_file, save_file

plain = numpy.arange(6).reshape(2, 3)
ARRAYS = {
    "as it is": plain,
    "transposed": plain.T,
    "Fortran order": numpy.asfortranarray(plain),
    "every second column": plain[:, ::2],
    "columns of a frame": pandas.DataFrame({"a": [0, 3], "b": [1, 4], "c": [2, 5]}).to_numpy(),
    "big-endian": plain.astype(">i8"),
}


def by_numpy(array):
    numpy.save("array.npy", array)
    return numpy.load("array.npy")


def by_h5py(array):
    with h5py.File("array.h5", "w") as file:
        file["array"] = array
        return file["array"][()]


def by_safetensors(array):
    save_file({"array": array}, "array.safetensors")
    return load_file("array.safetensors")["array"]


print(f"{'array':19} {'numpy.save':10} {'h5py':10} safetensors")
for what, array in ARRAYS.items():
    told = []
    for act in (by_numpy, by_h5py, by_safetensors):
        found = act(array)
        told.append("right" if numpy.array_equal(found, array) else f"{found.tolist()} for {array.tolist()}")
    print(f"{what:19} {told[0]:10} {told[1]:10} {told[2]}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
