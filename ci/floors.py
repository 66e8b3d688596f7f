"""The lower bounds of the project's dependencies, as exact requirements.

Usage: python ci/floors.py FILE

Invariants
    1  one line `name==bound` for each dependency and of the extras `verify` and `speed`, in their order
    2  an entry that is not exactly `name>=bound` is refused: without a bound there is nothing to try
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOUNDED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)>=([0-9][0-9.]*)")


def floors(dependencies: list[str]) -> list[str]:
    """Turn `name>=bound` into `name==bound`; ValueError names the first entry of another form."""
    exact = []
    for dependency in dependencies:
        match = BOUNDED.fullmatch(dependency.replace(" ", ""))
        if match is None:
            raise ValueError(f"expected name>=bound in dependencies, found {dependency!r}")
        exact.append(f"{match[1]}=={match[2]}")
    return exact


def main(target: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = floors([*project["dependencies"], *extras["verify"], *extras["speed"]])
    Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("oldest:", ", ".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
