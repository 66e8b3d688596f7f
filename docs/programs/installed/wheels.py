"""Two releases of a package of one module, as wheels: `python wheels.py FOLDER`."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

WHEEL = "Wheel-Version: 1.0\nGenerator: wheels.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make(folder: Path, version: int) -> None:
    """One release: a module that says which it is."""
    info = f"tiny-{version}.dist-info"
    files = {
        "tiny.py": f"VERSION = {version}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": WHEEL,
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)


if __name__ == "__main__":
    made = Path(sys.argv[1], "wheels")
    made.mkdir(parents=True)
    for number in (1, 2):
        make(made, number)
