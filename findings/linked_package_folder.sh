#!/usr/bin/env bash
# A linked package folder is in the wheel, and gone from the wheel that is built by way of the sdist.
#
# Guess:   With the links pkg/engine -> ../engine and pkg/verifier -> ../verifier a build backend
#          packs both folders as parts of pkg, or says that it does not; and the wheel is the same
#          whether it is built from the tree or, as `python -m build` does, from the sdist.
# Seen:    setuptools follows the links. hatchling's wheel does as well, but its sdist walks folders
#          in the order of their names and enters each real one once, by the first name that it
#          meets: engine/ comes before pkg/, so the wheel by way of the sdist has pkg/verifier and
#          lacks pkg/engine. poetry-core packs both outside of pkg, and by way of the sdist neither.
#          flit-core and pdm-backend leave both out of everything. Every build ends in success.
# Version: hatchling 1.33.0, setuptools 84.2.1, poetry-core 2.5.0, flit-core 4.2.0, pdm-backend
#          2.5.0, CPython 3.11 and 3.12, Linux
# Source:  hatchling/builders/utils.py: safe_walk remembers device and inode of each folder that it
#          entered; builders/plugin/interface.py: recurse_project_files sorts the folders. The
#          option only-include of the sdist target is the way round
# Output:
#   | hatchling.build
#   |   wheel:       pkg/__init__.py pkg/engine/__init__.py pkg/verifier/__init__.py
#   |   sdist-wheel: pkg/__init__.py pkg/verifier/__init__.py
#   | setuptools.build_meta
#   |   wheel:       pkg/__init__.py pkg/engine/__init__.py pkg/verifier/__init__.py
#   |   sdist-wheel: pkg/__init__.py pkg/engine/__init__.py pkg/verifier/__init__.py
#   | poetry.core.masonry.api
#   |   wheel:       engine/__init__.py pkg/__init__.py verifier/__init__.py
#   |   sdist-wheel: pkg/__init__.py
#   | flit_core.buildapi
#   |   wheel:       pkg/__init__.py
#   |   sdist-wheel: pkg/__init__.py
#   | pdm.backend
#   |   wheel:       pkg/__init__.py
#   |   sdist-wheel: pkg/__init__.py
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hatchling==1.33.0 setuptools==84.2.1 poetry-core==2.5.0 flit-core==4.2.0 pdm-backend==2.5.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

BACKENDS = {
    "hatchling.build": '[tool.hatch.build.targets.wheel]\npackages = ["pkg"]',
    "setuptools.build_meta": '[tool.setuptools.packages.find]\ninclude = ["pkg*"]',
    "poetry.core.masonry.api": '[tool.poetry]\npackages = [{ include = "pkg" }]',
    "flit_core.buildapi": '[tool.flit.module]\nname = "pkg"',
    "pdm.backend": '[tool.pdm.build]\nincludes = ["pkg"]',
}


def build(tree, backend, kind):
    """The one archive that the backend makes of the tree."""
    out = (tree / f"../{kind}").resolve()
    out.mkdir(exist_ok=True)
    code = f"import {backend} as backend; backend.build_{kind}({str(out)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    (archive,) = out.iterdir()
    return archive.rename(tree.parent / archive.name)


def modules(wheel):
    return sorted(name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py"))


for number, (backend, options) in enumerate(BACKENDS.items()):
    tree = Path(f"{number}/tree").resolve()
    for folder in ("engine", "pkg", "verifier"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "__init__.py").touch()
    for folder in ("engine", "verifier"):
        (tree / "pkg" / folder).symlink_to(f"../{folder}")
    (tree / "pyproject.toml").write_text(
        f'[project]\nname = "demo"\nversion = "1"\ndescription = "d"\n{options}\n'
        f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n'
    )
    print(f"{backend}\n  wheel:      ", *modules(build(tree, backend, "wheel")))
    with tarfile.open(build(tree, backend, "sdist")) as sdist:
        sdist.extractall(tree.parent / "unpacked", filter="data")
    (source,) = (tree.parent / "unpacked").iterdir()
    print("  sdist-wheel:", *modules(build(source, backend, "wheel")))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
