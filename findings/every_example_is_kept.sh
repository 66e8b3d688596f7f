#!/usr/bin/env bash
# A property test that passes, and keeps nothing, grows with every example.
#
# Guess:   A run with database=None, whose rules do nothing and whose examples all pass, takes as
#          much memory after 4,000 examples as after 500: an example that passed is of no use.
# Seen:    Hypothesis keeps the choices of every example in one tree, so as never to try the same
#          twice, until the run ends: some 10 KiB for an example of five rules of a state machine.
#          A search of 10,000 examples holds more than 100 MB that are not of what it tests.
# Version: hypothesis 6.170.17, CPython 3.11 and 3.12, Linux
# Source:  hypothesis, internal/conjecture/datatree.py (DataTree), held by engine.py's runner
# Output:
#   | an example takes more than 4 KiB: True
#   | a few times as many take as many times as much: True
#   | afterwards most of it can be used again: True
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hypothesis==6.170.17
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import gc
import tracemalloc

from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

FEW, MANY = 500, 2000
peak = 0


class Machine(RuleBasedStateMachine):
    """Rules that do nothing; the memory in use is looked at when an example ends."""

    @rule(key=strategies.integers(0, 7), size=strategies.integers(0, 7))
    def write(self, key, size):
        pass

    @rule(key=strategies.integers(0, 7))
    def read(self, key):
        pass

    def teardown(self):
        global peak
        peak = tracemalloc.get_traced_memory()[0]


def grown(examples):
    """Bytes that are in use when the last example ends, and after the run."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=5,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    gc.collect()
    return peak - before, tracemalloc.get_traced_memory()[0] - before


tracemalloc.start()
grown(50)  # What is imported and made once.
few, _ = grown(FEW)
many, left = grown(MANY)
print("an example takes more than 4 KiB:", many / MANY > 4096)
print("a few times as many take as many times as much:", many > 0.7 * (MANY / FEW) * few)
print("afterwards most of it can be used again:", left < many / 4)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
