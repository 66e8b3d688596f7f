"""The stores of docs/own-store: the right ones pass, and each planted variant is found."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.verifier import Breach
from powercut.verifier.finders.continuations import Continuations, continuations
from powercut.verifier.finders.crashes import Finding, search_tape
from powercut.verifier.finders.recoveries import Recoveries
from powercut.verifier.gate.own_programs import programs_of
from powercut.verifier.runs.play import play
from powercut.verifier.spec.appended import kinds_of
from powercut.verifier.tapes.programs import small_programs
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape

_STORES = Path(__file__).parents[3] / "docs" / "own-store"
_LIMIT = 64
_CHECKPOINT = Operation(Kind.CHECKPOINT)
_LONGER = tuple((*[Operation(Kind.UPSERT, 0, n % 2) for n in range(count)], _CHECKPOINT) for count in (3, 4))
# A run is written with the third key, and what follows goes into the next log.
_FLUSHED = tuple(
    (*[Operation(Kind.UPSERT, 0, n % 4) for n in range(count)], _CHECKPOINT) for count in (2, 3, 4)
)

_PLANTED = {
    "slotted: the tail stays": ('device.truncate("slots", self.count * SLOT)', "pass", {Breach.HOLE}),
    "slotted: opened without a sync": (
        '        device.sync("slots")\n        device',
        "        device",
        None,
    ),
    "slotted: its name is not synced": ("device.sync_names()", "pass", {Breach.LOST_ACK}),
    "slotted: a checkpoint that syncs nothing": (
        'self.device.sync("slots")\n\n    def read_all',
        "pass\n\n    def read_all",
        {Breach.LOST_ACK},
    ),
    "snapshots: renamed before it is synced": ('self.device.sync("aside")', "pass", {Breach.UNOPENABLE}),
    "snapshots: names are not synced before the old log goes": (
        "self.device.sync_names()",
        "pass",
        {Breach.LOST_ACK, Breach.HOLE, Breach.UNOPENABLE},
    ),
    "snapshots: a checkpoint that syncs nothing": (
        "self.device.sync(self.log)",
        "pass",
        {Breach.LOST_ACK},
    ),
    "lsm: a run is not synced": ("        self.device.sync(name)\n", "", {Breach.UNOPENABLE}),
    "lsm: the manifest before the names of what it names": (
        """        self.device.sync_names()
        self.device.rename""",
        "        self.device.rename",
        {Breach.UNOPENABLE, Breach.LOST_ACK},
    ),
    "lsm: the old log goes before the manifest is there": (
        """        self.device.sync_names()
        self.runs""",
        "        self.runs",
        {Breach.UNOPENABLE, Breach.LOST_ACK, Breach.HOLE},
    ),
    "lsm: a new log that begins at the end of the old one": (
        "self.log, self.end = log, 0\n        self._clean",
        "self.log = log\n        self._clean",
        None,
    ),
    "threaded: a thread that does not sync": (
        """                self.device.sync("log")
                self.end""",
        "                self.end",
        {Breach.LOST_ACK},
    ),
    "threaded: its name is not synced": ("device.sync_names()", "pass", {Breach.LOST_ACK}),
    "segmented: the folder of its segments is not synced": (
        "        self._sync_folder(self.folder)\n",
        "",
        {Breach.LOST_ACK},
    ),
    "segmented: the folder's own name is not synced": (
        '        self._sync_folder(".")\n',
        "",
        {Breach.LOST_ACK},
    ),
    "segmented: renamed before it is synced": (
        "        self.os.fsync(self.fd)\n        self.os.replace",
        "        self.os.replace",
        None,
    ),
    "segmented: a checkpoint that syncs nothing": (
        "self.os.fdatasync(self.fd)",
        "pass",
        {Breach.LOST_ACK},
    ),
    "ledger: a commit that syncs nothing": (
        'self.device.sync("entries")\n\n    def drop_oldest',
        "pass\n\n    def drop_oldest",
        {Breach.LOST_ACK},
    ),
    "ledger: its name is not synced": (
        '        device.sync("entries")\n        device.sync_names()\n',
        '        device.sync("entries")\n',
        {Breach.LOST_ACK},
    ),
    "ledger: opened without a sync": (
        '        device.sync("entries")\n        device.sync_names()\n',
        "        device.sync_names()\n",
        {Breach.LOST_ACK, Breach.HOLE},
    ),
    "ledger: a torn tail is taken as an entry": (
        'len(body) < 4 + size or crc32(body) != int.from_bytes(data[self.end :][:4], "little")',
        "len(body) < 4",
        {Breach.BROKEN_INVARIANT, Breach.WRONG_VALUE},
    ),
    "ledger: what lies behind a bad record stays": (
        'device.truncate("entries", self.end)\n        device.sync("entries")\n        device.sync_names',
        'device.sync("entries")\n        device.sync_names',
        None,
    ),
    "ledger: a dropped tail comes back": (
        'self.device.truncate("entries", self.end)\n        self.device.sync("entries")',
        'self.device.truncate("entries", self.end)',
        {Breach.HOLE, Breach.BROKEN_INVARIANT},
    ),
    "ledger: bytes go before the name that says so": (
        """        self.device.sync_names()
        self.device.write("entries", before, bytes(self.head - before))  # Read no more.
""",
        """        self.device.write("entries", before, bytes(self.head - before))
        self.device.sync_names()
""",
        {Breach.LOST_ACK, Breach.HOLE},
    ),
    "ledger: the old name goes first": (
        """        self.device.create(f"from-{self.head}")
        self.device.sync_names()
        self.device.write("entries", before, bytes(self.head - before))  # Read no more.
        if before:
            self.device.remove(f"from-{before}")
""",
        """        if before:
            self.device.remove(f"from-{before}")
        self.device.write("entries", before, bytes(self.head - before))
        self.device.create(f"from-{self.head}")
        self.device.sync_names()
""",
        {Breach.LOST_ACK, Breach.HOLE},
    ),
    "ledger: the last entry of a batch is a record of its own": (
        "        text = b",
        """        if entries[1:]:
            self.append_many(entries[:-1])
            entries = entries[-1:]
        text = b""",
        {Breach.HOLE},
    ),
    "ledger: one entry too many goes from the front": (
        "        while count > 0:\n            count -= len(self.records.pop(0)[1])",
        "        while count >= 0 and self.records:\n            count -= len(self.records.pop(0)[1])",
        {Breach.WRONG_VALUE, Breach.LOST_ACK},
    ),
}


def _store(name: str, old: str = "", new: str = "") -> Any:
    source = (_STORES / f"{name}.py").read_text(encoding="utf-8")
    assert not old or source.count(old) == 1
    made = ModuleType(name)
    exec(compile(source.replace(old, new) if old else source, f"{name}.py", "exec"), made.__dict__)
    return getattr(made, name.capitalize())


def _search(store: Any) -> Finding | None:
    recoveries = Recoveries(store, "posix", _LIMIT)
    further = Continuations(store, "posix", _LIMIT, continuations(1), recoveries)
    programs = (*small_programs(1), *_FLUSHED) if store.__name__ == "Lsm" else (*small_programs(2), *_LONGER)
    if store.__name__ == "Ledger":
        logs = programs_of(kinds_of(store))
        programs = (*logs.small(2), *logs.repeated(2, 5))
        further = Continuations(store, "posix", _LIMIT, logs.continued(1), recoveries)
    for program in programs:
        _, finding = search_tape(
            Tape((Era(program),), subject="own:Store"),
            limit=_LIMIT,
            make_store=store,
            recoveries=recoveries,
            continuations=further,
        )
        if finding is not None:
            return finding
    return None


@pytest.mark.parametrize("name", ["slotted", "snapshots", "lsm", "threaded", "segmented", "ledger"])
def test_right_store_is_silent(name: str) -> None:
    assert _search(_store(name)) is None


@pytest.mark.parametrize("planted", _PLANTED)
def test_planted_variant_is_found_and_its_tape_plays_it(planted: str) -> None:
    name = planted.partition(":")[0]
    old, new, breaches = _PLANTED[planted]
    store = _store(name, old, new)
    finding = _search(store)
    assert finding is not None
    assert breaches is None or finding.verdict.breach in breaches
    assert finding.verdict.is_same_kind(play(finding.tape, store).verdict)
    assert play(finding.tape, _store(name)).verdict != finding.verdict
