#!/usr/bin/env bash
# Compiled, a 64-bit hash picks another bucket, and two keys that differ are equal.
#
# Guess:   A numba function on np.uint64 and Python integers gives what the same source gives
#          uncompiled with NumPy 2, where a plain integer takes the type of the other operand, or
#          else a float, as NumPy 1 did.
# Seen:    A plain integer is int64, and uint64 with int64 is int64: a hash from 2**63 on turns
#          negative, and % and // of it are wrong. == and < compare as float64, so 2**53 + 1 equals
#          2**53. A uint64 sum over range() becomes a float. Nothing warns; hashes below 2**63 and
#          small keys are right, so small tests pass.
# Version: numba 0.68.1, numpy 2.4.6 (2.5.5 likewise), CPython 3.11 and 3.12, x86-64
# Source:  numba/core/typing/builtins.py: choose_result_int is signed if any operand is; numba
#          documentation, NBEP 1, "Changes in integer typing"
# Output:
#   | bucket(9223372036854775807, 10): compiled 7 (int64), uncompiled 7
#   | bucket(18446744073709551615, 10): compiled 9 (int64), uncompiled 5
#   | halved(18446744073709551615): compiled -1 (int64), uncompiled 9223372036854775807
#   | equal(9007199254740993, 9007199254740992): compiled True (bool), uncompiled False
#   | less(9007199254740992, 9007199254740993): compiled False (bool), uncompiled True
#   | total(4): compiled 6.0 (float64), uncompiled 6
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import numba
import numpy as np


@numba.njit
def bucket(hashed, buckets):
    return hashed % buckets


@numba.njit
def halved(hashed):
    return hashed // 2


@numba.njit
def equal(key, other):
    return key == other


@numba.njit
def less(key, other):
    return key < other


@numba.njit
def total(count):
    result = np.uint64(0)
    for number in range(count):
        result += number
    return result


LARGE = np.uint64(2**64 - 1)
CALLS = (
    (bucket, np.uint64(2**63 - 1), 10),
    (bucket, LARGE, 10),
    (halved, LARGE),
    (equal, np.uint64(2**53 + 1), 2**53),
    (less, 2**53, np.uint64(2**53 + 1)),
    (total, 4),
)
for function, *arguments in CALLS:
    compiled, plain = function(*arguments), function.py_func(*arguments)
    shown = ", ".join(str(argument) for argument in arguments)
    kind = function.nopython_signatures[-1].return_type
    print(f"{function.__name__}({shown}): compiled {compiled} ({kind}), uncompiled {plain}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
