"""The tables of the bench, measured side by side in one run. Nothing is asserted.

    limits     two dependent random lines an operation on one thread and two, memcpy, sequential write
    peers      one operation a call: powercut beside dict, lmdb, dbm.gnu, plyvel, rocksdict, sqlite3    Q3
    store      batch operations beside the bare loop, on one thread and on two                      Q1, Q2
    memory     resident bytes a record; the peak of a store larger than its memory                       Q7
    search     crash states opened, enumerated and judged a second                                       V1
    schedules  schedules run, recorded and judged a second                                               V4

What is not installed or not there yet is a row that says so. Figures are median [min .. max] of the rounds;
equal options, equal work: keys, programs and schedules come from seeded generators.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# Behind everything else, so that the engine of an installed wheel is the one that is measured.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from bench import limits, memory, peers, schedules, search, store
from bench.limits import BareLoop
from bench.tables import Line, Size, machine, show

SECTIONS = ("limits", "peers", "store", "memory", "search", "schedules")
ROUNDS = 5
KEYS = 10_000_000
PEER_KEYS = 1_000_000
QUICK_KEYS = 600_000
QUICK_PEER_KEYS = 20_000


def main() -> None:
    """Measure and print."""
    options = parser().parse_args()
    only: frozenset[str] = options.only
    size = size_of(options)
    print(f"{machine()}\nmedian [min .. max] of {size.rounds} rounds\n", flush=True)
    bare = bare_loop(size) if only & {"limits", "store"} else None
    sections: dict[str, tuple[str, Callable[[], list[Line]]]] = {
        "limits": ("limits of this machine", lambda: limits.measure(size, bare)),
        "peers": (
            f"one operation a call, {size.peer_keys:,} keys of 8 bytes, values of {size.value_bytes}",
            lambda: peers.measure(size),
        ),
        "store": (
            "batch operations in memory, keys and values of 8 bytes",
            lambda: store.measure(size, bare),
        ),
        "memory": ("memory, each in a process of its own", lambda: memory.measure(size)),
        "search": ("search, one core", lambda: search.measure(size)),
        "schedules": ("schedules, one core", lambda: schedules.measure(size)),
    }
    for name in SECTIONS:
        if name in only:
            title, measure = sections[name]
            show(title, measure())


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", type=sections_of, default=frozenset(SECTIONS), metavar="A,B", help="only these tables"
    )
    parser.add_argument("--keys", type=positive, help=f"keys of the batch rows; {KEYS:,} unless told")
    parser.add_argument("--rounds", type=positive, help=f"rounds of each figure; {ROUNDS} unless told")
    parser.add_argument("--values", type=positive, default=8, help="bytes of a value in the table of peers")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: seconds, not minutes")
    return parser


def size_of(options: argparse.Namespace) -> Size:
    """The sizes that the options ask for; an option given beside `--quick` wins over it."""
    if options.values < 8:
        sys.exit("--values: expected at least 8, as rmw counts in the first eight bytes")
    keys = options.keys or (QUICK_KEYS if options.quick else KEYS)
    return Size(
        keys=keys,
        peer_keys=min(keys, QUICK_PEER_KEYS if options.quick else PEER_KEYS),
        table_bytes=1 << 26 if options.quick else 1 << 30,
        log_factor=12,  # So that what is on the device alone is ten times the memory.
        log_memory_bytes=1 << (23 if options.quick else 25),
        tapes=4 if options.quick else 24,
        steps=2 if options.quick else 3,
        rounds=options.rounds or (1 if options.quick else ROUNDS),
        value_bytes=options.values,
    )


def bare_loop(size: Size) -> BareLoop | None:
    """The yardstick, compiled; None where there is nothing to compile it with."""
    try:
        return BareLoop(size.table_bytes)
    except ImportError:
        return None


def sections_of(text: str) -> frozenset[str]:
    names: Sequence[str] = text.split(",")
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"{name!r}: expected some of {', '.join(SECTIONS)}")
    return frozenset(names)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 1")
    return value


if __name__ == "__main__":
    main()
