"""The picture in the README is drawn from a trace of the store as it is."""

import subprocess
import sys
from pathlib import Path


def test_picture_is_the_one_that_the_script_draws(root: Path, tmp_path: Path) -> None:
    script = root / "docs" / "crash_state.py"
    subprocess.run([sys.executable, "-P", script, tmp_path / "drawn.svg"], check=True)
    drawn = (tmp_path / "drawn.svg").read_text(encoding="utf-8")
    shipped = (root / "docs" / "crash-state.svg").read_text(encoding="utf-8")
    assert drawn == shipped, "run python docs/crash_state.py"
    assert 'class="lost"' in drawn
