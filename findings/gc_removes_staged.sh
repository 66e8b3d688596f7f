#!/usr/bin/env bash
# Collecting garbage removes what was staged, what another worktree committed, and all stashes but the last.
#
# Guess:   gc keeps what the index, the reflogs and the heads of all worktrees name, as `git gc` does:
#          only what nothing leads to goes once it is older than two weeks.
# Seen:    dulwich starts from the refs of the one repository alone. A file that was staged two weeks
#          ago and is not committed yet, the commits of a worktree whose HEAD is detached, the older
#          entries of the stash, and what a reset can be undone from are unreachable, and removed with
#          the default settings, without a word; the index, the reflog and the worktree go on naming them.
# Version: dulwich 1.2.21 (git 2.39.5 keeps all of these), CPython 3.11 to 3.13
# Source:  dulwich/gc.py: find_reachable_objects begins at refs_container.allkeys(), include_reflogs
#          is not used; git-gc(1), "Notes": objects that the index, reflogs and any worktree refer to are kept
# Output:
#   | first commit           kept
#   | commit of a worktree   gone
#   | commit before a reset  gone
#   | stash 1                gone
#   | stash 2                kept
#   | staged file            gone
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dulwich==1.2.21
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import time
import warnings
from pathlib import Path

from dulwich import porcelain
from dulwich.repo import Repo

ME = b"A U Thor <author@example.org>"
warnings.simplefilter("ignore")


def commit(path, name, text):
    Path(path, name).write_text(text)
    porcelain.add(path, [Path(path, name).resolve()])
    return porcelain.commit(path, message=text.encode(), author=ME, committer=ME)


def pending(text):
    Path("main/file").write_text(text)
    porcelain.add("main", [Path("main/file").resolve()])


porcelain.init("main")
named = {"first commit": commit("main", "file", "first")}
porcelain.worktree_add("main", "other", detach=True)
named["commit of a worktree"] = commit("other", "file", "by the other")
named["commit before a reset"] = commit("main", "file", "second")
porcelain.reset("main", "hard", named["first commit"])
for number in (1, 2):
    pending(f"stash {number}")
    porcelain.stash_push("main")
    named[f"stash {number}"] = Repo("main").refs[b"refs/stash"]
pending("staged")
named["staged file"] = Repo("main").open_index()[b"file"].sha

month = time.time() - 30 * 86400
for path in Path("main/.git/objects").glob("??/*"):
    os.utime(path, (month, month))
porcelain.gc("main")
repo = Repo("main")
for name, sha in named.items():
    print(f"{name:22} {'kept' if sha in repo.object_store else 'gone'}")
repo.close()
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
