#!/usr/bin/env bash
# A map of whole numbers that is loaded, changed in one place and saved has other numbers everywhere.
#
# Guess:   Whole numbers that fit the type of the file are stored as they are; what get_fdata() returns and is
#          saved with the header of its own file is the same map, but for what was changed.
# Seen:    get_fdata() of nibabel returns floats. On saving, floats are spread over the whole range of the
#          integers that the header names, with a slope beside them: after the last label was set to 5,
#          the regions 1 and 2 are read as a little less, and as int they are 0 and 1, which is the neighbour.
#          With 30000 as the last label, the small ones are off by up to 0.2.
#          Given as integers that fit the header, the labels are as guessed.
# Version: nibabel 5.4.2, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  nibabel/arraywriters.py: SlopeInterArrayWriter; manual, "Nibabel images": on scaling of data
# Output:
#   | stored as int16                0.00000, 1.00000, 2.00000, 3.00000, 4.00000
#   |   as int                       0, 1, 2, 3, 4
#   | the last is now 5              0.00000, 1.00000, 2.00000, 3.00000, 5.00000
#   |   as int                       0, 0, 1, 2, 4
#   | the last is now 30000          0.00000, 0.91554, 1.83108, 3.20439, 29999.99926
#   |   as int                       0, 0, 1, 3, 29999
#   | 5, given as integers           0.00000, 1.00000, 2.00000, 3.00000, 5.00000
#   |   as int                       0, 1, 2, 3, 5
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import nibabel
import numpy


def saved(values, header, path):
    nibabel.save(nibabel.Nifti1Image(values, numpy.eye(4), header), path)
    return nibabel.load(path)


def show(label, image):
    values = image.get_fdata().ravel()
    print(f"{label:30} {', '.join(f'{value:.5f}' for value in values)}")
    print(f"{'  as int':30} {', '.join(map(str, values.astype(int)))}")


def edited(image, last, path, as_type=float):
    values = image.get_fdata()
    values[-1] = last
    return saved(values.astype(as_type), image.header, path)


labels = numpy.arange(5, dtype=numpy.int16)
original = saved(labels.reshape(5, 1, 1), None, "original.nii")
show("stored as int16", original)
show("the last is now 5", edited(original, 5, "five.nii"))
show("the last is now 30000", edited(original, 30000, "many.nii"))
show("5, given as integers", edited(original, 5, "whole.nii", numpy.int16))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
