"""Planted bugs in the handling of a damaged medium: not seen, not told, or not mended.

That a checksum leaves its place out (offset, file, store, life) is not among them: the checksum of an extent
or of a table stands in what points to it, so no single damage of other bytes would pass for want of a place.
"""

from __future__ import annotations

from typing import Final

from ..planted import DAMAGE, Mutant

__all__ = ["DAMAGED"]

DAMAGED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "root-checksum-not-looked-at",
        "FASTER C++: index and session metadata are raw structs, read back without a checksum",
        "powercut.engine.metadata.layout",
        '    if crc32.iscsi(data[:_CRC_AT]) != int.from_bytes(data[_CRC_AT:], "little"):\n',
        "    if not any(data):\n",
        DAMAGE,
        "REFUSED",
        DAMAGE,
        around=("root", "bit"),
    ),
    Mutant(
        "root-checksum-leaves-out-the-sequence",
        "FASTER C# Contexts.cs: the metadata checksum leaves out the next version, the flags, every serial",
        "powercut.engine.metadata.layout",
        """    return body + crc32.iscsi(body).to_bytes(4, "little")


def decode_root(data: bytes, file: str, wanted: int = KIND_STORE) -> Root | str:
    \"\"\"The root, or the reason why these bytes are none.

    Raises UnsupportedVersionError for a whole record of another format version, or of another kind.
    \"\"\"
    if len(data) != ROOT_BYTES:
        return f"{len(data)} bytes"
    if crc32.iscsi(data[:_CRC_AT]) != int.from_bytes(data[_CRC_AT:], "little"):
""",
        """    return body + crc32.iscsi(body[:32] + body[40:]).to_bytes(4, "little")


def decode_root(data: bytes, file: str, wanted: int = KIND_STORE) -> Root | str:
    \"\"\"The root, or the reason why these bytes are none.

    Raises UnsupportedVersionError for a whole record of another format version, or of another kind.
    \"\"\"
    if len(data) != ROOT_BYTES:
        return f"{len(data)} bytes"
    if crc32.iscsi(data[:32] + data[40:_CRC_AT]) != int.from_bytes(data[_CRC_AT:], "little"):
""",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("root", "bit", "cut"),
    ),
    Mutant(
        "older-root-where-one-is-damaged",
        "FASTER C# GetClosestHybridLogCheckpointInfo: swallows any exception and tries the next token",
        "powercut.engine.metadata.roots",
        "        if newest is None or root.sequence > newest.sequence:\n",
        "        if newest is None or (root.sequence > newest.sequence) != bool(complaints):\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "damaged-root-not-mended",
        "powercut's own model of the roots: without the repair at opening two steps lose a store",
        "powercut.engine.metadata.roots",
        """                    raise self._poison.failed(f"syncing {file}", error) from error
            self.commit(root)
""",
        """                    raise self._poison.failed(f"syncing {file}", error) from error
""",
        DAMAGE,
        "OVERLOOKED",
        DAMAGE,
    ),
    Mutant(
        "missing-root-not-made-again",
        "none known: a repair that has a rotten copy in mind, and not a missing one",
        "powercut.engine.checkpoint.recovery",
        """    for file in ROOT_FILES:
        if file not in names:
            device.create(file)
    if is_unmade:""",
        "    if is_unmade:",
        DAMAGE,
        "REFUSED",
        DAMAGE,
    ),
    Mutant(
        "table-checksum-not-looked-at",
        "oxifaster sidecar.rs: a checkpoint whose .crc file is missing passes unverified",
        "powercut.engine.metadata.tables",
        """        if found != pointer.crc:
            raise CorruptionError(TABLE_FILE, pointer.offset, f"CRC-32C {found:08x}", f"{pointer.crc:08x}")
        return""",
        "        return",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("tables", "bit"),
    ),
    Mutant(
        "damaged-table-read-as-no-checkpoint",
        "oxifaster FasterLog: a bad metadata page is treated as a missing one",
        "powercut.engine.checkpoint.recovery",
        """    block, older, runs = _load_tables(tables, root, version, findings)
""",
        """    try:
        block, older, runs = _load_tables(tables, root, version, findings)
    except CorruptionError:
        block, older, runs = None, None, Runs()
""",
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "extent-checksum-not-looked-at",
        "FASTER #76: checksums on checkpoint files were asked for, and not on the roadmap",
        "powercut.engine.log.segments",
        """        if crc == extent.crc:
            return
""",
        "        return\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "run-of-extents-believed-after-its-first",
        "constructed: what is read at once is verified at its beginning",
        "powercut.engine.log.segments",
        "        if end > len(data) or checksum(data[at:end],",
        "        if end > len(data) or count == 0 and checksum(data[at:end],",
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "checksum-of-the-first-sector",
        "FASTER C# Contexts.cs: a checksum over the number of sessions, and not over what they hold",
        "powercut.engine.metadata.layout",
        "    view = memoryview(data)\n",
        "    view = memoryview(data)[:512]\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "damaged-extent-read-as-padding",
        "oxifaster FasterLog: a zero header inside the committed range ended the scan without an error",
        "powercut.engine.checkpoint.loading",
        "            check_extent(self._places.store_id, (file, offset + at), wrong, room[at : at + size], "
        "count - at)\n",
        "            room[at : at + size] = bytes(size)\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "missing-segment-read-as-empty",
        "garnet #2159: an index that was cut off without a word",
        "powercut.engine.log.segments",
        '    raise CorruptionError(*place, found, f"{extent.length} bytes")\n',
        '    if count >= 0:\n        raise CorruptionError(*place, found, f"{extent.length} bytes")\n',
        DAMAGE,
        "SILENT",
        DAMAGE,
    ),
    Mutant(
        "error-of-a-cold-read-swallowed",
        "FASTER f8cc6ea7 (#640): the error of a page read was ignored, and garbage used",
        "powercut.engine.log.cold",
        """            record = self.load_record(address)
            if record.key == key and""",
        """            from ..errors import CorruptionError

            try:
                record = self.load_record(address)
            except CorruptionError:
                return None
            if record.key == key and""",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("segment", "open"),
    ),
    Mutant(
        "inspection-passes-a-damaged-extent",
        "powercut's own promise: a store that is called sound opens, older checkpoints included",
        "powercut.engine.inspection",
        """            file.first_bad = file.first_bad or extent
            _report(found, error)
""",
        "            file.first_bad = file.first_bad or extent\n",
        "inspection",
        "WRONG_RESULT",
        DAMAGE,
    ),
    Mutant(
        "inspection-stops-at-the-newest-checkpoint",
        "powercut's own promise: inspection is the stricter, for it reads the blocks of older checkpoints",
        "powercut.engine.inspection",
        """            newer = block
""",
        """            newer = block
            break
""",
        "inspection",
        "WRONG_RESULT",
        DAMAGE,
    ),
    Mutant(
        "inspection-calls-a-lost-root-mended-for-good",
        "powercut's own promise: what is called mended is what the next opening for writing rewrites",
        "powercut.engine.inspection",
        """        found.damage.append(Damage(file, 0, complaint, "a root record", is_mended))
""",
        """        found.damage.append(Damage(file, 0, complaint, "a root record", reading.newest is None))
""",
        "inspection",
        "WRONG_RESULT",
        DAMAGE,
    ),
)
