"""Planted bugs of images of the index: when one is taken, which is believed, and when one goes."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import DAMAGE, Mutant

__all__ = ["INDEXED"]

_INDEX: Final = "powercut.engine.checkpoint.kinds.index"
_CPR: Final = "powercut.engine.checkpoint.kinds.cpr"
_IMAGE: Final = "powercut.engine.checkpoint.image"
_READING: Final = "powercut.engine.checkpoint.reading"
_RECOVERY: Final = "powercut.engine.checkpoint.recovery"
_WITH: Final = "fold_over with index"

_crash: Final = partial(Mutant, oracle="structure", breach="BROKEN_INVARIANT", around=(_WITH,))

INDEXED: Final[tuple[Mutant, ...]] = (
    _crash(
        "index-image-newer-than-its-log",
        "FASTER: of an index checkpoint that ends above the log's, entries name what the log has not got",
        _CPR,
        "        if phase is Phase.PREPARE and running.is_indexed and not take_image(parts, running):\n",
        "        if phase is Phase.PERSIST and running.is_indexed and not take_image(parts, running):\n",
        oracle="openable",
        breach="UNOPENABLE",
    ),
    _crash(
        "image-taken-late",
        "oxifaster recover: chain heads that moved between the index and the log's cut were unreachable",
        _INDEX,
        "    image = Image(version, imaging.start, final,",
        "    image = Image(version, final, final,",
        around=(_WITH, "phases", "pages"),
    ),
    _crash(
        "relinked-from-the-start-of-the-checkpoint",
        "FASTER 12aa82f4: recovery scanned from the start of the log checkpoint, not from that of the index",
        _RECOVERY,
        "            low = max(begin, image.start - image.start % chosen.page_bytes)\n",
        "            start = block.fuzzy_start\n"
        "            low = max(begin, start - start % chosen.page_bytes)\n",
        around=(_WITH, "pages"),
    ),
    _crash(
        "image-of-another-checkpoint-used",
        "FASTER #651: a recovery took the newest index there was, whatever log it had chosen",
        _RECOVERY,
        "        block = block or each\n",
        "        newest = next(tables.links(root.head, [])).block\n"
        "        block = block or each._replace(image=newest.image)\n",
        oracle="damage",
        breach="REFUSED",
        search=DAMAGE,
        around=("root", "file"),
    ),
    _crash(
        "damaged-image-believed",
        "garnet #2159: an index that was cut short was loaded without a word",
        _READING,
        "            if found != wanted:\n",
        "            if wanted < 0:\n",
        oracle="damage",
        breach="OVERLOOKED",
        search=DAMAGE,
        around=("index", "bit"),
    ),
    _crash(
        "image-removed-before-the-checkpoint-that-needs-it",
        "FASTER #651, #884: a purge kept the last tokens, and not those that a checkpoint named",
        "powercut.engine.checkpoint.retention",
        "        files.add(image_name(block.image.version))\n",
        "",
        around=(_WITH, "paired"),
    ),
    _crash(
        "image-named-and-not-synced",
        "oxifaster CheckpointDurability::FasterLike: a checkpoint's files are written and not synced",
        "powercut.engine.log.segments",
        "        self._write(name, offset, data)\n        return checksum(data,",
        "        write_fully(self._device, name, offset, data)\n        return checksum(data,",
    ),
    _crash(
        "index-not-emptied-behind-a-damaged-image",
        "garnet #2150: of what could not be read in whole a part stayed in memory, and was served",
        _IMAGE,
        "        room.clear(image.used)\n",
        "",
        oracle="damage",
        breach="REFUSED",
        search=DAMAGE,
        around=("index", "bit"),
    ),
)
