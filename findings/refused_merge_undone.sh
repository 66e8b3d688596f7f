#!/usr/bin/env bash
# A merge that was refused has moved the branch, and the next commit removes what it brought.
#
# Guess:   A merge that is refused, since it would overwrite a file that was changed and is not committed, has
#          changed nothing, as in git: tried again it is refused again. And a checkout does not
#          overwrite a file that was never added.
# Seen:    dulwich moves the branch to the commit of the other side (a fast-forward) before it looks at files, and
#          leaves index and files as they were. Tried again it succeeds, there being nothing to do. The next
#          commit then takes its tree from the old index: it deletes the file that the other side had
#          added and brings the old text back, as if its author had wanted that. pull() is refused as
#          guessed. checkout() of a branch that has a file of the same name overwrites an untracked one,
#          of which there is no copy, without a word; git refuses.
# Version: dulwich 1.2.21 (git 2.39.5 as guessed), CPython 3.11 to 3.13
# Source:  dulwich/porcelain/__init__.py: _do_merge sets HEAD, then updates index and files; git-merge(1),
#          "Pre-merge checks"
# Output:
#   | before                   last commit first: {'other': 'mine', 'text': 'old'}
#   | pull                     WorkingTreeModifiedError
#   | after it                 last commit first: {'other': 'mine', 'text': 'old'}
#   | merge                    WorkingTreeModifiedError
#   | after it                 last commit second: {'added': 'new', 'other': 'mine', 'text': 'new'}
#   | merge, again             no error
#   | commit of another file   last commit mine: {'other': 'mine, committed', 'text': 'old'}
#   | checkout                 no error
#   | the untracked file       new
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dulwich==1.2.21
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import io
import os
import pathlib

from dulwich import porcelain
from dulwich.repo import Repo

WHO = {"author": b"Somebody <somebody@example.org>", "committer": b"Somebody <somebody@example.org>"}
silent = io.BytesIO()


def commit(repository, message, **files):
    for name, text in files.items():
        pathlib.Path(repository, name).write_text(text)
        porcelain.add(repository, [os.path.abspath(os.path.join(repository, name))])
    porcelain.commit(repository, message=message, **WHO)


def tell(what, repository):
    repository = Repo(repository)
    head = repository[repository.head()]
    files = {name.decode(): repository[entry].data.decode() for name, _, entry in repository[head.tree].items()}
    print(f"{what:24} last commit {head.message.decode()}: {files}")


def tried(what, act):
    try:
        act()
        print(f"{what:24} no error")
    except Exception as error:
        print(f"{what:24} {type(error).__name__}")


porcelain.init("theirs")
commit("theirs", b"first", text="old", other="mine")
porcelain.clone("theirs", "ours", errstream=silent)
commit("theirs", b"second", text="new", added="new")
pathlib.Path("ours", "other").write_text("changed, not committed")
pathlib.Path("ours", "text").write_text("changed, not committed")
tell("before", "ours")
tried("pull", lambda: porcelain.pull("ours", errstream=silent))
tell("after it", "ours")
tried("merge", lambda: porcelain.merge("ours", "refs/remotes/origin/master"))
tell("after it", "ours")
tried("merge, again", lambda: porcelain.merge("ours", "refs/remotes/origin/master"))
commit("ours", b"mine", other="mine, committed")
tell("commit of another file", "ours")

porcelain.branch_create("theirs", "work", "HEAD~1")
porcelain.checkout("theirs", "work")
pathlib.Path("theirs", "added").write_text("an hour of work, never added")
tried("checkout", lambda: porcelain.checkout("theirs", "master"))
print(f"{'the untracked file':24}", pathlib.Path("theirs", "added").read_text())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
