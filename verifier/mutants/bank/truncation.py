"""Planted bugs of truncations: of reads that one overtakes, found among schedules of two sessions and a
truncation; and of what is left of one after a power cut.

A key always has a value; its record is on the device, another session writes it anew, and begin is raised
above the old record. Whoever found that one and looks at begin afterwards takes the key for absent.

A truncation is in a checkpoint that was started after it, as a whole, and in no other.
"""

from __future__ import annotations

from typing import Final

from ..planted import CRASHES, SCHEDULES, Mutant

__all__ = ["DROPPED", "TRUNCATED"]

_ANCESTOR: Final = "powercut: an overtaken read answered absent for a key that always had a value"
_WENT_ON: Final = "powercut: a session went on from a value that a truncation had made absent to another"


def _planted(name: str, module: str, old: str, new: str, *around: str) -> Mutant:
    return Mutant(
        name, _ANCESTOR, module, old, new, "linearizable", "WRONG_RESULT", SCHEDULES, 2, ("truncate", *around)
    )


TRUNCATED: Final[tuple[Mutant, ...]] = (
    _planted(
        "log-pinned-after-the-chain-was-read",
        "powercut.engine.sessions.pending",
        "        begin, held = pinned.begin, pinned.held.pop_all()\n",
        "        held = ExitStack()\n        begin = held.enter_context(log.pins.hold())\n",
        "start_read",
    ),
    _planted(
        "begin-read-along-a-walk",
        "powercut.engine.sessions.reader",
        "        while address >= max(self.begin, w.FIRST_ADDRESS):\n",
        "        while address >= max(load(control, w.BEGIN), w.FIRST_ADDRESS):\n",
        "items",
    ),
    Mutant(
        "what-the-device-said-outlives-a-truncation",
        _WENT_ON,
        "powercut.engine.kernels.operations",
        " and batch[w.B_COLD_BEGIN] == begin\n",
        "\n",
        "linearizable",
        "WRONG_RESULT",
        SCHEDULES,
        1,
        ("truncate_at", "start_rmw"),
    ),
    Mutant(
        "change-begun-while-a-truncation-waits",
        _WENT_ON,
        "powercut.engine.kernels.operations",
        "        if batch[w.OP_KIND] != w.READ and load(control, w.TRUNCATING) != 0:\n",
        "        if None:\n",
        "linearizable",
        "WRONG_RESULT",
        SCHEDULES,
        2,
        ("truncate", "read", "rmw"),
    ),
    Mutant(
        "truncation-waits-for-nobody",
        _WENT_ON,
        "powercut.engine.log.ring",
        """                    self._epochs.drain("batches that may go on from what is truncated")\n""",
        "",
        "linearizable",
        "WRONG_RESULT",
        SCHEDULES,
        2,
        ("truncate", "read", "rmw"),
    ),
)


def _dropped(name: str, ancestor: str, edit: tuple[str, str, str], oracle: str, breach: str) -> Mutant:
    return Mutant(name, ancestor, *edit, oracle, breach, CRASHES, around=("truncate_at",))


DROPPED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "segments-left-by-a-later-begin",
        "FASTER: T1, no byte goes that the checkpoint still names; begin is that of PREPARE",
        "powercut.engine.checkpoint.kinds.cpr",
        "    start, listed = running.begin - running.begin % segment_bytes, parts.log.extents.start\n",
        "    start, listed = parts.log.spaces.control[0] & -segment_bytes, parts.log.extents.start\n",
        "openable",
        "UNOPENABLE",
        SCHEDULES,
        1,
        ("truncate_at",),
    ),
    _dropped(
        "begin-of-the-segment-is-persisted",
        "FASTER: T1, a segment goes as a whole; what a checkpoint holds of a truncation is begin",
        (
            "powercut.engine.checkpoint.kinds.cpr",
            "        begin=running.begin,\n        previous",
            "        begin=start,\n        previous",
        ),
        "openable",
        "UNOPENABLE",
    ),
    _dropped(
        "cold-chain-followed-below-begin",
        "FASTER: H2, a stale entry below BeginAddress is treated as absent",
        (
            "powercut.engine.log.cold",
            "        while address >= max(begin, w.FIRST_ADDRESS):\n",
            "        while address >= w.FIRST_ADDRESS:\n",
        ),
        "model",
        "WRONG_RESULT",
    ),
    _dropped(
        "pages-punched-before-begin-is-durable",
        "FASTER: T1, no byte goes that the checkpoint still names; two roots name the next one first",
        (
            "powercut.engine.checkpoint.kinds.cpr",
            "    start, kept = _stays(parts, running)\n",
            "    start, kept = _stays(parts, running)\n    segments._punch(running.begin)\n",
        ),
        "openable",
        "UNOPENABLE",
    ),
    _dropped(
        "page-punched-too-far",
        "FASTER: T1, no byte goes that the checkpoint still names; begin's page is needed",
        (
            "powercut.engine.log.segments",
            "        end &= -self._page_bytes\n",
            "        end = (end & -self._page_bytes) + self._page_bytes\n",
        ),
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "segment-goes-under-a-read-that-is-pending",
        "FASTER: T3, a file goes only once no operation can read it any more",
        "powercut.engine.log.segments",
        "        least = self._pins.least(address)\n",
        "        least = address\n",
        "model",
        "ERROR",
        SCHEDULES,
        1,
        ("truncate_at", "start_read"),
    ),
)
