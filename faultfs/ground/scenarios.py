"""Scenarios: the small programs of the default run, each about one promise that users rely on.

Invariants
  1  a name never changes its program: evidence is kept by program, and pages quote names
  2  every scenario plays on every file system, but for a clone, which ext4 does not know

Threads: values.
"""

from typing import Final

from .folders import FOLDERS
from .idioms import IDIOMS
from .program import Program

# ruff: noqa: ISC004 (a long program goes on in the next line)

_BOTH: Final = "old=O*8192 other=X*4096"
_SHORT: Final = "old=O*100 other=X*4096"
_UNEVEN: Final = "old=O*5000 other=X*4096"
_THREE: Final = "old=O*8192 other=X*4096 third=T*100"

# Name, start, calls. What a name begins with says what it is about.
_TEXTS: Final = (
    # New files.
    ("new-synced", _BOTH, "create f; write f 0 N*4096; sync f"),
    ("new-datasynced", _BOTH, "create f; write f 0 N*4096; datasync f"),
    ("new-folder-synced", _BOTH, "create f; write f 0 N*8192; sync_names"),
    (
        "new-beside-datasync",
        _BOTH,
        "create a; write a 0 A*4096; sync a; create b; write b 0 N*4096; write a 4096 A*1; datasync a",
    ),
    (
        "new-beside-unchanged",
        _BOTH,
        "create a; write a 0 A*4096; sync a; create b; write b 0 N*4096; sync a",
    ),
    ("new-two-second-synced", _BOTH, "create a; write a 0 A*4096; create b; write b 0 N*4096; sync b"),
    (
        "new-allocated",
        _BOTH,
        "create f; allocate f 0 8192; write f 0 N*4096; write f 4096 M*4096; sync_names",
    ),
    # Replacing.
    ("replace-unsynced", _BOTH, "create tmp; write tmp 0 N*8192; rename tmp old"),
    ("replace-folder-synced", _BOTH, "create tmp; write tmp 0 N*8192; rename tmp old; sync_names"),
    (
        "replace-then-other",
        _BOTH,
        "create tmp; write tmp 0 N*8192; rename tmp old; create b; sync b",
    ),
    ("replace-synced", _BOTH, "create a; write a 0 N*8192; sync a; rename a old; sync_names"),
    (
        "replace-synced-then-other",
        _BOTH,
        "create a; write a 0 N*4096; sync a; rename a old; create z; write z 0 Z*100; sync z",
    ),
    (
        "replace-twice",
        _BOTH,
        "create t; write t 0 N*4096; sync t; rename t old; create t; write t 0 M*4096; sync t;"
        " rename t old; sync_names",
    ),
    (
        "replace-linked",
        _BOTH,
        "link old l; create t; write t 0 N*4096; sync t; rename t old; sync l",
    ),
    ("move-unsynced", _BOTH, "create tmp; write tmp 0 N*8192; rename tmp fresh"),
    ("empty-rewrite", _BOTH, "empty old; write old 0 N*8192; close old"),
    ("empty-rewrite-then-other", _BOTH, "empty old; write old 0 N*8192; close old; create b; sync b"),
    ("empty-synced-rewrite", _BOTH, "truncate old 0; sync old; write old 0 N*8192; datasync old"),
    ("append-replace-other", _BOTH, "write old 8192 N*5000; rename old other; create b; sync b"),
    # Bytes in place.
    (
        "overwrite-beside-datasync",
        _BOTH,
        "write old 0 N*4096; write old 4096 N*4096; write other 0 Y*4096; datasync other",
    ),
    ("overwrite-flushed", _BOTH, "write old 0 N*8192; flush_range old"),
    (
        "overwrite-rewritten",
        _BOTH,
        "write old 0 1*4096; sync old; write old 0 2*4096; write old 0 3*4096; write old 4096 4*4096;"
        " datasync old",
    ),
    ("overwrite-moved", _BOTH, "write other 0 N*4096; rename other old; sync old"),
    ("store-msync", _BOTH, "store old 0 N*1; msync old"),
    # Ends of files.
    ("append-beside-sync", _BOTH, "write old 8192 N*100; write other 4096 Y*4096; sync other"),
    ("append-alone", _BOTH, "write old 8192 N*100"),
    ("append-through", _BOTH, "write_through old 8192 N*100"),
    ("append-flushed", _BOTH, "write old 8192 N*4096; flush_range old"),
    ("append-overwrite-datasync", _BOTH, "write old 8192 N*4096; write old 0 M*4096; datasync old"),
    ("append-in-page", _SHORT, "write old 100 N*100; write other 4096 Y*10; sync other"),
    ("append-two-pages", _BOTH, "write old 8192 N*4096; write old 12288 M*4096; sync other"),
    ("append-little-much", _BOTH, "write old 8192 N*100; write old 8292 M*9000; sync other"),
    ("append-little-far", _BOTH, "write old 8192 N*100; write old 16384 M*100; sync other"),
    ("append-truncate-up", _BOTH, "write old 8192 N*100; truncate old 20000; sync other"),
    ("hole-beside-sync", _BOTH, "write old 16384 N*4096; write other 0 Y*1; sync other"),
    ("hole-in-page-beside", _SHORT, "write old 16384 N*4096; write other 4096 Y*10; sync other"),
    (
        "hole-fill-below",
        _SHORT,
        "write old 16384 N*4096; write old 8192 M*100; write other 4096 Y*10; sync other",
    ),
    ("hole-cut-append", _BOTH, "write old 16384 N*100; truncate old 8300; write old 8300 M*100; sync other"),
    ("shrink-grow", _BOTH, "truncate old 4096; truncate old 8192; sync old"),
    ("shrink-datasync", _BOTH, "truncate old 4096; datasync old"),
    ("shrink-append", _BOTH, "truncate old 100; write old 100 N*5000; sync other"),
    (
        "shrink-append-far",
        _BOTH,
        "write old 8192 N*4096; truncate old 6000; write old 12288 M*100; sync old",
    ),
    ("grow-write-datasync", _BOTH, "truncate old 20000; write old 12288 N*4096; datasync old"),
    ("same-size-truncate", _BOTH, "write old 8192 N*4096; truncate old 12288; sync other"),
    ("allocate-write", _BOTH, "allocate old 8192 57344; write old 8192 N*4096; datasync old"),
    ("allocate-far", _SHORT, "allocate old 8192 4096; write old 16384 N*100; sync other"),
    ("append-allocate", _BOTH, "write old 8192 N*100; allocate old 8292 11708; sync other"),
    ("reserve-write", _BOTH, "reserve old 8192 57344; write old 8192 N*4096; datasync old"),
    ("punch-beside", _BOTH, "punch old 0 4096; write other 4096 Y*4096; sync other"),
    ("copy-synced", _BOTH, "create clone; copy old clone 8192; sync clone"),
    ("clone-synced", _BOTH, "create clone; clone old clone; sync clone"),
    # Names.
    ("remove-beside-append", _BOTH, "remove old; write other 4096 Y*4096; sync other"),
    ("remove-beside-overwrite", _BOTH, "remove old; write other 0 Y*4096; sync other"),
    ("remove-beside-new", _BOTH, "remove old; create z; write z 0 Z*4096; sync z"),
    ("remove-again", _BOTH, "remove old; create old; write old 0 N*4096; sync old"),
    (
        "remove-folder-again",
        _BOTH,
        "remove old; sync_names; create old; write old 0 N*4096; sync old",
    ),
    ("rename-synced", _BOTH, "rename old new; sync new"),
    ("rename-onto-synced", _BOTH, "rename old other; sync_names"),
    ("rename-chain", _BOTH, "rename old b; rename b c; rename other old; sync c"),
    ("rename-swap", _BOTH, "rename old t; rename other old; rename t other; sync_names"),
    (
        "rename-circle",
        _THREE,
        "rename old t; rename third old; rename other third; rename t other; sync old",
    ),
    (
        "rename-again",
        _BOTH,
        "create a; write a 0 A*4096; sync a; rename a b; create a; write a 0 N*4096; sync a; sync_names",
    ),
    ("link-synced", _BOTH, "link old second; sync old"),
    ("link-remove", _BOTH, "link old second; remove old; sync second"),
    ("link-synced-remove", _BOTH, "link old l; sync old; remove l; sync_names"),
    # A name that a rename made free, used again.
    ("freed-free", _BOTH, "rename old new; create old; write old 0 N*4096; sync old"),
    ("freed-onto", _BOTH, "rename old other; create old; write old 0 N*4096; sync old"),
    ("freed-removed", _BOTH, "rename old free; remove free; create old; write old 0 N*4096; sync old"),
    ("freed-onto-removed-empty", _BOTH, "rename old other; remove other; create old; sync old"),
    (
        "freed-onto-removed",
        _BOTH,
        "rename old other; remove other; create old; write old 0 N*4096; sync old",
    ),
    (
        "freed-onto-moved",
        _BOTH,
        "rename old other; rename other third; create old; write old 0 N*4096; sync old",
    ),
    (
        "freed-onto-linked",
        _BOTH,
        "create t; write t 0 N*4096; sync t; rename old other; remove other; link t old; sync t",
    ),
    ("freed-by-link", _BOTH, "create a; link other b; rename b a; create b; datasync b"),
    # What befalls the names of a file in a log, or of a folder, after its sync.
    ("logged-removed", _BOTH, "create a; sync a; remove old; remove a"),
    ("logged-replaced", _BOTH, "create b; write b 0 N*100; sync b; rename other b"),
    ("logged-moved-twice", _BOTH, "link other b; sync b; rename b old; rename old a"),
    (
        "logged-passing",
        _BOTH,
        "write_through old 8192 N*4096; rename old other; truncate other 12388; rename other b",
    ),
    (
        "logged-folder",
        _BOTH,
        "link old a; create b; sync_names; remove a; create a; rename other old",
    ),
    ("logged-renamed", _BOTH, "truncate old 100; write_through other 0 N*100; create b; rename other a"),
    ("logged-by-link", _BOTH, "link old b; truncate other 0; create a; write_through old 0 N*100"),
    ("logged-size", _BOTH, "truncate other 2048; link other a; write other 2048 N*100; sync_names"),
    (
        "logged-size-later",
        _BOTH,
        "sync old; write old 8192 N*100; sync old; truncate old 0; write old 0 M*512; link old a",
    ),
    # A log beside the commit: no log has what befell `third`.
    ("logged-shorter", _THREE, "truncate third 50; rename old b; truncate b 6144; sync_names"),
    (
        "logged-shorter-joined",
        _THREE,
        "truncate third 50; rename old b; truncate b 6144; create old; sync old",
    ),
    (
        "logged-shorter-again",
        _THREE,
        "truncate third 50; link old b; sync_names; truncate b 0; rename b c; create z; sync z",
    ),
    (
        "logged-removed-last",
        _THREE,
        "truncate third 50; write old 0 N*100; sync old; remove old; create z; sync z",
    ),
    (
        "logged-removed-folder",
        _BOTH,
        "create z; sync_names; write old 0 N*100; sync old; remove old; create y; sync y",
    ),
    ("logged-part", _BOTH, "rename old a; write other 0 N*4096; write_through other 8192 M*100"),
    # One write of data that fails at a sync, and what comes after it.
    ("failed-append", _BOTH, "write old 8192 N*4096; sync_fails old; sync old"),
    ("failed-append-again", _BOTH, "write old 8192 N*4096; sync_fails old; write old 8192 N*4096; sync old"),
    ("failed-append-next", _BOTH, "write old 8192 N*4096; sync_fails old; write old 12288 M*4096; sync old"),
    (
        "failed-append-cut",
        _BOTH,
        "write old 8192 N*4096; sync_fails old; truncate old 8192; write old 8192 N*4096; sync old",
    ),
    ("failed-append-in-page", _UNEVEN, "write old 5000 N*100; sync_fails old; sync old"),
    ("failed-overwrite", _BOTH, "write old 0 N*4096; sync_fails old; sync old"),
    ("failed-overwrite-again", _BOTH, "write old 0 N*4096; sync_fails old; write old 0 N*4096; sync old"),
    ("failed-new", _BOTH, "create f; write f 0 N*4096; sync_fails f; sync f; rename f old; sync_names"),
    (
        "failed-new-again",
        _BOTH,
        "create f; write f 0 N*4096; sync_fails f; write f 0 N*4096; sync f; rename f old; sync_names",
    ),
    ("failed-resized", _BOTH, "write old 8192 N*4096; sync_fails old; truncate old 100; sync old"),
    ("logged-empty", _BOTH, "truncate other 0; truncate old 0; datasync old"),
)

SCENARIOS: Final[dict[str, Program]] = {
    **{name: Program.parse(f"{start}: {calls}") for name, start, calls in (*_TEXTS, *FOLDERS)},
    **{f"idiom-{name}": idiom.program for name, idiom in IDIOMS.items()},
}
# Of some options only, and asked for by name: an allocation that is many extents where groups are small.
OTHERS: Final = {"allocate-long": Program.parse(f"{_BOTH}: allocate old 8192 25165824; sync old")}


def is_playable(program: Program, file_system: str) -> bool:
    """True unless the file system lacks a call of the program. Invariant 2."""
    return file_system != "ext4" or all(call.word != "clone" for call in program.calls)
