"""Stress of compiled kernels: bugs planted in them are found where kernels really meet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import powercut
from powercut.engine.compiler.compilation import available

needs_compiled = pytest.mark.skipif(not available(), reason="compiled kernels need numba")

PLANT = """
import sys
from dataclasses import replace
from importlib.machinery import PathFinder, SourceFileLoader

# One more word of control says which bug is at work: kernels are compiled once for all of them.
EDITS = [("powercut.engine.kernels.words", "\\nCONTROL_WORDS: Final = ", "\\nCONTROL_WORDS: Final = 1 + ")]
EDITS += [edit.split(" => ") for edit in sys.argv[1:]]
BUGS = range(1, len(EDITS))

class Loader(SourceFileLoader):
    def get_source(self, fullname):
        text = super().get_source(fullname)
        for number, (module, old, new) in enumerate(EDITS):
            if module == fullname:
                assert text.count(old) == 1, text.count(old)
                text = text.replace(old, new.replace("PLANTED", f"control[w.CONTROL_WORDS - 1] == {number}"))
        return text
    def get_code(self, fullname):
        return compile(self.get_source(fullname), self.path, "exec", dont_inherit=True)

class Finder:
    def find_spec(self, name, path, target=None):
        if name not in [module for module, _, _ in EDITS]:
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = Loader(name, spec.origin)
        return spec

sys.meta_path.insert(0, Finder())
from powercut.engine.kernels import words
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.finders.stress import campaign

make = Spaces.__init__

def plant(spaces, *arguments):
    make(spaces, *arguments)
    spaces.control[words.CONTROL_WORDS - 1] = planted

Spaces.__init__ = plant
# The rounds in which kernels meet most, lives that are judged soon, and registers so few and wide that a torn
# read is seen in the first lives. A campaign ends where it finds something; how many lives that takes is the
# machine's to say, so they are many.
campaign.MIXES = (replace(campaign.MIXES[1], operations=600_000, registers=2, width=120),)
for planted in (0, *BUGS):
    found = campaign.run_stress({"lives": 2_000 if planted else 3}, seed=1)
    print(type(found.verdict).__name__, getattr(found.verdict, "detail", ""))
"""
BUGS = {
    "sealing-removed": (
        "powercut.engine.kernels.operations",
        "store(log, at + w.LINK, link | w.SEALED)",
        "store(log, at + w.LINK, link if PLANTED else link | w.SEALED)",
    ),
    "lock-not-taken": (
        "powercut.engine.kernels.operations",
        "if not cas(log, at + w.LINK, link, link | w.LOCK):",
        "if not cas(log, at + w.LINK, link, link if PLANTED else link | w.LOCK):",
    ),
    "torn-read-not-noticed": (
        "powercut.engine.kernels.records",
        "if load(log, at + w.LINK) == link:",
        "if PLANTED or load(log, at + w.LINK) == link:",
    ),
}


@needs_compiled
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="on one core kernels do not meet")
def test_each_bug_planted_in_the_kernels_is_found_and_none_where_none_is_switched_on(tmp_path: Path) -> None:
    """In one process with all of them in its kernels: a word of the store says which of them is at work."""
    home = Path(powercut.__file__).parents[1]
    answer = subprocess.run(
        [sys.executable, "-P", "-c", PLANT, *(" => ".join(edit) for edit in BUGS.values())],
        env={**os.environ, "PYTHONPATH": str(home), "POWERCUT_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = answer.stdout.splitlines()
    assert [line.split()[0] for line in told] == ["Ok", *("Violation" for _ in BUGS)], [*told, answer.stderr]
