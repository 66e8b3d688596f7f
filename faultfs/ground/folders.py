"""Folders: the scenarios about names in folders, for the default run.

Each is about one sync, of a file, of a folder, or of everything, and what it brings of the names around it.
Many begin by shortening `m`, which no sync of theirs brings on a file system with a log: so the content tells
a commit from a log.

Threads: values.
"""

from typing import Final

_M: Final = "m=T*100"
_ONE: Final = f"a/ a/f=O*100 {_M}"
_TWO: Final = f"a/ a/f=O*100 b/ {_M}"
_FULL: Final = f"a/ a/f=O*100 b/ b/f=P*100 {_M}"
_DEEP: Final = f"a/ a/d/ a/d/f=O*100 b/ {_M}"
_CUT: Final = "truncate m 50; "

# Name, start, calls.
FOLDERS: Final = (
    # New folders.
    (
        "folder-new-file",
        _M,
        f"{_CUT}make_folder a; make_folder a/b; create a/b/f; write a/b/f 0 N*100; sync a/b/f",
    ),
    ("folder-new-sibling", _M, "make_folder a; make_folder a/b; create a/g; create a/b/f; sync a/b/f"),
    ("folder-new-synced", _M, f"{_CUT}make_folder a; create a/f; sync_folder a"),
    ("folder-new-parent", _M, f"{_CUT}make_folder a; create a/f; write a/f 0 N*100; sync_names"),
    ("folder-new-deep", _M, f"{_CUT}make_folder a; make_folder a/b; create a/b/f; sync_folder a"),
    ("folder-new-all", _ONE, "make_folder c; rename a/f c/f; sync_all"),
    # One folder's sync, and another's names.
    ("folder-parent", _ONE, f"{_CUT}create a/g; sync_names"),
    ("folder-below", _DEEP, f"{_CUT}create a/g; create a/d/g; sync_folder a"),
    ("folder-beside", _TWO, "create a/g; create b/g; sync_folder b"),
    ("folder-before", _TWO, "create a/g; create b/g; sync_folder a"),
    ("folder-beside-removed", _TWO, "remove a/f; create b/g; sync b/g"),
    # A file that moves between folders.
    ("folder-move-unsynced", _TWO, "rename a/f b/f"),
    ("folder-move-target", _TWO, f"{_CUT}rename a/f b/f; sync_folder b"),
    ("folder-move-source", _TWO, f"{_CUT}rename a/f b/f; sync_folder a"),
    ("folder-move-file", _TWO, f"{_CUT}rename a/f b/f; sync b/f"),
    ("folder-move-onto", _FULL, f"{_CUT}rename a/f b/f; sync_folder b"),
    ("folder-move-both", _TWO, "rename a/f b/f; sync_folder b; sync_folder a"),
    ("folder-move-on", _TWO, "rename a/f b/f; sync_folder b; rename b/f b/g; sync_folder b"),
    ("folder-move-removed", _TWO, "rename a/f b/f; sync_folder b; remove b/f; sync_folder b"),
    ("folder-move-logged", _TWO, f"{_CUT}write a/f 0 N*100; sync a/f; rename a/f b/f; create z; sync z"),
    ("folder-move-freed", _TWO, f"{_CUT}rename a/f b/f; create a/f; sync a/f"),
    ("folder-move-up", _ONE, f"{_CUT}rename a/f f; sync_names"),
    ("folder-exchange", _FULL, f"{_CUT}exchange a/f b/f; sync_folder b"),
    # Links between folders.
    ("folder-link-target", _TWO, f"{_CUT}link a/f b/l; sync_folder b"),
    ("folder-link-source", _TWO, f"{_CUT}link a/f b/l; sync_folder a"),
    ("folder-link-remove-target", _TWO, f"{_CUT}link a/f b/l; remove a/f; sync_folder b"),
    ("folder-link-remove-source", _TWO, f"{_CUT}link a/f b/l; remove a/f; sync_folder a"),
    ("folder-linked-remove", f"a/ a/f=O*100 b/ b/l~a/f {_M}", f"{_CUT}remove a/f; sync_folder b"),
    # The folders of a file that was linked from one into another; and a sync that has nothing to write.
    (
        "folder-link-removed",
        f"a/ a/f=O*100 b/ f=X*100 {_M}",
        f"{_CUT}remove_folder b; remove f; create a/g; link a/f f; sync a/f; remove f; sync_folder a",
    ),
    (
        "folder-link-logged",
        _TWO,
        f"{_CUT}write a/f 0 N*100; sync a/f; create a/g; create b/g; link a/f b/l; create z; sync z",
    ),
    (
        "folder-unchanged",
        f"a/ f=O*100 {_M}",
        f"{_CUT}write f 0 N*100; sync f; rename f g; sync_folder a",
    ),
    # A folder that gets another name.
    ("folder-renamed", _ONE, f"{_CUT}rename a c; sync_names"),
    ("folder-renamed-synced", _ONE, f"{_CUT}rename a c; create c/g; sync_folder c"),
    ("folder-renamed-file", _ONE, f"{_CUT}rename a c; write c/f 0 N*100; sync c/f"),
    ("folder-renamed-new", _ONE, f"{_CUT}rename a c; create c/g; sync c/g"),
    ("folder-renamed-freed", _ONE, f"{_CUT}rename a c; make_folder a; create a/f; sync a/f"),
    ("folder-renamed-onto", _TWO, f"{_CUT}rename a b; sync_folder b"),
    ("folder-moved", _DEEP, f"{_CUT}rename a/d b/d; sync_folder b"),
    ("folder-moved-new", _DEEP, f"{_CUT}rename a/d b/d; create b/d/g; sync b/d/g"),
    # A folder that goes.
    ("folder-removed", _ONE, f"{_CUT}remove a/f; remove_folder a; sync_names"),
    ("folder-removed-other", _ONE, f"{_CUT}remove a/f; remove_folder a; create g; sync g"),
    ("folder-removed-again", _ONE, f"{_CUT}remove a/f; remove_folder a; make_folder a; create a/g; sync a/g"),
    (
        "folder-removed-logged",
        _ONE,
        "write a/f 0 N*100; sync a/f; remove a/f; remove_folder a; create z; sync z",
    ),
    # Symbolic links.
    ("folder-symlink", _ONE, f"{_CUT}symlink m a/l; sync_folder a"),
    ("folder-symlink-beside", _ONE, f"{_CUT}symlink m a/l; create a/g; sync a/g"),
    ("folder-symlink-new", _M, f"{_CUT}make_folder a; symlink ../m a/l; sync_names"),
)
