"""Each script of findings/ has the form that findings/README.md states.

Invariants, of every findings/*.sh
    1  it is executable, and bash can parse it
    2  its head states a guess, what was seen, a version, a source and the output, none of them empty
    3  it works in a folder of mktemp, which a trap removes
    4  every package that it installs is pinned with ==, and none is ours
    5  it compares its output with the one in its head
    6  README.md has exactly one line for it, and names no script that is not there
    7  CI does not run it
"""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

LIMIT_LINES = 95
LABELS = ("Guess", "Seen", "Version", "Source")
INSTALL = re.compile(r'pip"? install ([^\n]*)')
OURS = re.compile(r"^\s*(?:import|from)\s+(?:powercut|engine|faultfs|verifier)\b", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+\.sh)` \| \S", re.MULTILINE)
# The parts of the frame that all scripts share: what is looked for, and what its absence means.
FRAME = {
    "makes no temporary folder": re.compile(r"^folder=\$\(mktemp -d\)$", re.MULTILINE),
    "leaves its folder behind": re.compile(r"^trap 'rm -rf \"\$folder\"' EXIT$", re.MULTILINE),
    "goes on after an error": re.compile(r"^set -euo pipefail$", re.MULTILINE),
    "compares nothing": re.compile(
        r'^diff <\(sed .*"\$self"\) seen\.txt \|\| \{ .*exit 1; \}$', re.MULTILINE
    ),
}


def head_of(text: str) -> str:
    """The comment block at the top, without the marks; the first line is the interpreter's."""
    lines = text.splitlines()[1:]
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(line[1:] for line in lines[:end])


def finding_faults(path: Path) -> list[str]:
    """Every breach of invariants 1 to 5 in one script."""
    text = path.read_text(encoding="utf-8")
    head = head_of(text)
    faults = []
    if not path.stat().st_mode & stat.S_IXUSR:
        faults.append("is not executable")
    if not text.startswith("#!/usr/bin/env bash\n"):
        faults.append("names no interpreter")
    if subprocess.run(["bash", "-n", os.fspath(path)], capture_output=True, check=False).returncode:
        faults.append("does not parse")
    faults += [f"has no {label}" for label in LABELS if not re.search(rf"^ {label}: +\S", head, re.MULTILINE)]
    if not re.search(r"^ Output:\n   \| \S", head, re.MULTILINE):
        faults.append("has no Output")
    faults += [fault for fault, pattern in FRAME.items() if not pattern.search(text)]
    words = [word for line in INSTALL.findall(text) for word in line.split() if not word.startswith("-")]
    if not words and not re.search(r"^ Needs: +root\b", head, re.MULTILINE):  # As one about a kernel says.
        faults.append("installs nothing")
    faults += [f"does not pin {word}" for word in words if not re.fullmatch(r"[\w.-]+==[\w.]+", word)]
    if OURS.search(text) or any(word.startswith("powercut") for word in words):
        faults.append("runs powercut")
    if len(text.splitlines()) > LIMIT_LINES:
        faults.append(f"has more than {LIMIT_LINES} lines")
    return [f"{path.name} {fault}" for fault in faults]


def listing_faults(names: list[str], readme: str) -> list[str]:
    """Every breach of invariant 6."""
    listed = ROW.findall(readme)
    counts = [(name, listed.count(name)) for name in names]
    faults = [f"{name} has {count} lines in README.md" for name, count in counts if count != 1]
    return faults + [f"README.md names {name}, which does not exist" for name in listed if name not in names]


def scripts_of(root: Path) -> list[Path]:
    return sorted((root / "findings").glob("*.sh"))


def test_every_finding_has_the_form(root: Path) -> None:
    scripts = scripts_of(root)
    assert scripts
    faults = [fault for path in scripts for fault in finding_faults(path)]
    assert not faults, "\n".join(faults)


def test_readme_lists_the_findings(root: Path) -> None:
    readme = (root / "findings" / "README.md").read_text(encoding="utf-8")
    assert listing_faults([path.name for path in scripts_of(root)], readme) == []


def test_ci_runs_no_finding(root: Path) -> None:
    for path in ("ci/run.sh", ".ci/run", "tox.ini"):
        assert "findings/" not in (root / path).read_text(encoding="utf-8")


SOUND = """#!/usr/bin/env bash
# A title.
#
# Guess:   one thing
# Seen:    another
# Version: some 1.0
# Source:  some/file.py
# Output:
#   | another
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet some==1.0 other-one==2.0.post1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import some
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "changed" >&2; exit 1; }
"""


def written(folder: Path, text: str, mode: int = 0o755) -> Path:
    path = folder / "some.sh"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_sound_finding_is_accepted(tmp_path: Path) -> None:
    assert finding_faults(written(tmp_path, SOUND)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("#!/usr/bin/env bash", "# bash", "names no interpreter"),
        ("cat seen.txt", "if cat seen.txt", "does not parse"),
        ("# Guess:   one thing", "# Guess:", "has no Guess"),
        ("# Seen:    another\n", "", "has no Seen"),
        ("# Version:", "# Release:", "has no Version"),
        ("# Source:  some/file.py\n", "", "has no Source"),
        ("#   | another\n", "", "has no Output"),
        ("folder=$(mktemp -d)", "folder=work", "makes no temporary folder"),
        ("trap 'rm -rf \"$folder\"' EXIT\n", "", "leaves its folder behind"),
        ("set -euo pipefail\n", "", "goes on after an error"),
        ("exit 1; }", "}", "compares nothing"),
        ("some==1.0", "some", "does not pin some"),
        ("some==1.0", "some>=1.0", "does not pin some>=1.0"),
        (" install --quiet some==1.0 other-one==2.0.post1", " list", "installs nothing"),
        ("import some", "from powercut import FasterKv", "runs powercut"),
        ("import some", "import engine", "runs powercut"),
        ("import some", "import some\n" * LIMIT_LINES, f"has more than {LIMIT_LINES} lines"),
    ],
)
def test_breach_of_the_form_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert SOUND.count(old) == 1
    assert finding_faults(written(tmp_path, SOUND.replace(old, new))) == [f"some.sh {expected}"]


def test_script_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    assert finding_faults(written(tmp_path, SOUND, mode=0o644)) == ["some.sh is not executable"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.sh"], []),
        (["a.sh", "b.sh"], ["b.sh has 0 lines in README.md"]),
        ([], ["README.md names a.sh, which does not exist"]),
    ],
)
def test_list_that_is_not_the_folder_is_named(names: list[str], expected: list[str]) -> None:
    assert listing_faults(names, "| script | what |\n|---|---|\n| `a.sh` | happens |\n") == expected


def test_finding_listed_twice_is_named() -> None:
    readme = "| `a.sh` | one |\n| `a.sh` | two |\n"
    assert listing_faults(["a.sh"], readme) == ["a.sh has 2 lines in README.md"]
