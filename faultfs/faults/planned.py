"""PlannedDevice: the recording device with a plan of faults.

Every call that a good disk would carry out is counted by the plan, and perhaps struck. What fires stands in
the trace as a FAULT, with its effect and its name, so whether it did is a question to the trace; what it
leaves for a power cut to find stands there too, as SYNC_FAILED or ROT.

Invariants
  1  the live content is the initial image with the trace's events applied in order, whatever fired
  2  a call that a good disk would refuse is neither counted nor struck
  3  a plan that is off, or has no faults, changes no event

Threads: any thread, any call; one call at a time, a struck one included.
"""

from collections.abc import Callable
from threading import RLock
from typing import TypeVar

from ..disk.arguments import flat, is_offset
from ..disk.device import FaultDevice
from ..disk.events import Aftermath, Event, EventKind
from ..disk.image import Image
from ..disk.trace import SECTOR_BYTES
from ..law.history import History
from ..law.survival import file_bytes
from .place import Place
from .plan import Effect, Fault, Plan

__all__ = ["PlannedDevice"]

_FLIP = 0x10  # Of the byte that rots.
_AFTERMATHS = {
    Effect.KEPT: Aftermath.KEPT,
    Effect.REVERTED: Aftermath.REVERTED,
    Effect.LATE: Aftermath.LATE,
    Effect.EXT4: Aftermath.EXT4,
    Effect.XFS: Aftermath.XFS,
    Effect.BTRFS: Aftermath.BTRFS,
}

Answer = TypeVar("Answer")


class PlannedDevice(FaultDevice):
    """A disk whose faults are planned. `plan` may be changed between calls."""

    __slots__ = ("_turn", "on_delay", "plan")

    def __init__(
        self,
        image: Image | None = None,
        *,
        sector_bytes: int = SECTOR_BYTES,
        record_reads: bool = True,
        plan: Plan | None = None,
    ) -> None:
        super().__init__(image, sector_bytes=sector_bytes, record_reads=record_reads)
        self.plan = plan or Plan()
        self.on_delay: Callable[[int], None] = lambda amount: None
        self._turn = RLock()

    # Calls that move no bytes.

    def list(self, folder: str = "") -> list[str]:
        is_ready = self._lookup.is_folder(folder)
        return self._around(EventKind.LIST, "", lambda: FaultDevice.list(self, folder), is_ready=is_ready)

    def create(self, name: str) -> None:
        is_ready = self._lookup.is_free(name)
        self._around(EventKind.CREATE, name, lambda: FaultDevice.create(self, name), is_ready=is_ready)

    def remove(self, name: str) -> None:
        self._around(EventKind.REMOVE, name, lambda: FaultDevice.remove(self, name))

    def size(self, name: str) -> int:
        return self._around(EventKind.SIZE, name, lambda: FaultDevice.size(self, name))

    def truncate(self, name: str, size: int) -> None:
        is_ready = self._has(name) and is_offset(size)
        self._around(
            EventKind.TRUNCATE, name, lambda: FaultDevice.truncate(self, name, size), is_ready=is_ready
        )

    def allocate(self, name: str, offset: int, size: int) -> None:
        is_ready = self._has(name) and is_offset(offset) and is_offset(size) and size > 0
        self._around(
            EventKind.ALLOCATE,
            name,
            lambda: FaultDevice.allocate(self, name, offset, size),
            is_ready=is_ready,
        )

    def rename(self, old: str, new: str) -> None:
        is_ready = self._has(old) and self._lookup.is_name(new)
        self._around(EventKind.RENAME, old, lambda: FaultDevice.rename(self, old, new), is_ready=is_ready)

    def link(self, old: str, new: str) -> None:
        is_ready = self._has(old) and self._lookup.is_free(new)
        self._around(EventKind.LINK, old, lambda: FaultDevice.link(self, old, new), is_ready=is_ready)

    # Syncs.

    def sync(self, name: str) -> None:
        with self._turn:
            self._sync(EventKind.SYNC, name, lambda: FaultDevice.sync(self, name))

    def datasync(self, name: str) -> None:
        with self._turn:
            self._sync(EventKind.DATASYNC, name, lambda: FaultDevice.datasync(self, name))

    def sync_names(self, folder: str = "") -> None:
        with self._turn:
            if self._lookup.is_folder(folder):
                self._sync(EventKind.SYNC_NAMES, "", lambda: FaultDevice.sync_names(self, folder))
            else:
                FaultDevice.sync_names(self, folder)

    def write_through(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        with self._turn:  # One call: nothing comes between its write and its sync.
            return super().write_through(name, offset, buffer)

    def _end_write_through(self, name: str, offset: int, count: int) -> None:
        self._sync(
            EventKind.DATASYNC,
            name,
            lambda: FaultDevice._end_write_through(self, name, offset, count),
            range(offset, offset + count),
        )

    def _sync(
        self, call: EventKind, name: str, effect: Callable[[], None], span: range | None = None
    ) -> None:
        """`span`: of these bytes only, not of all that is dirty in the file."""
        if not self._has(name) and (call is not EventKind.SYNC_NAMES or self._closed):
            effect()
            return
        late = self.plan.late.pop(self._number(name), None) if self.plan.is_on else None
        fault = self._strike(call)
        if late is not None:
            self._fail_sync(Fault(Effect.KEPT, call), name, is_late=True)
        if fault is not None and span is not None and (fault.effect is Effect.REVERTED or not span):
            fault = None  # A content that goes back is said of a whole file; no byte is no sync.
        if fault is None or fault.effect in (Effect.ERROR, Effect.ROT, Effect.DELAYED):
            self._carry_out(fault, name, effect)
        elif fault.effect is Effect.LYING:
            self._fire(fault, name)
        else:
            self._fail_sync(fault, name, span)

    def _fail_sync(
        self, fault: Fault, name: str, span: range | None = None, *, is_late: bool = False
    ) -> None:
        """Fail a sync; `is_late`: the one before has failed, and this call reports it."""
        inode, data = self._number(name), b""
        if fault.effect is Effect.REVERTED:
            data = self._durable(inode)
            self._files[inode] = bytearray(data)
        self._fire(fault, name, is_counted=not is_late)
        if name:  # Names are metadata: they stay dirty, and the next sync of them that succeeds writes them.
            aftermath, start = _AFTERMATHS[fault.effect], 0
            if span is not None:
                start, data = span.start, bytes(self._files[inode][span.start : span.stop])
            self._remark(EventKind.SYNC_FAILED, name, start, data, aftermath, "", self._caller())
        if fault.effect is Effect.LATE:
            self.plan.late[inode] = fault
            return
        raise fault.error(name)

    def _durable(self, inode: int) -> bytes:
        """The part of the file that is durable for certain under the law."""
        history, index = History(self.trace), len(self.trace)
        return file_bytes(
            history, index, inode, {chain: chain.legal(index)[0] for chain in history.file_chains(inode)}
        )

    # Transfers.

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        view = flat(buffer, name, is_target=True)

        def effect() -> int:
            return FaultDevice.read_into(self, name, offset, view)

        with self._turn:
            fault = self._strike(EventKind.READ) if self._has(name) and is_offset(offset) else None
            if fault is None:
                return effect()
            there = max(0, min(len(view), len(self._files[self._number(name)]) - offset))
            if fault.effect is Effect.SHORT and there > 1:
                self._fire(fault, name, offset)
                return FaultDevice.read_into(self, name, offset, view[: _part(fault, there)])
            if fault.effect is Effect.STALE:
                count = effect()
                old = self._stale(name, offset, count)
                if old != bytes(view[:count]):
                    self._fire(fault, name, offset)
                    view[:count] = old
                return count
            return self._carry_out(fault, name, effect, offset, there)

    def _stale(self, name: str, offset: int, count: int) -> bytes:
        """These bytes of the file, each as the sector it is in was before its newest version."""
        history, index = History(self.trace), len(self.trace)
        inode = self._number(name)
        choice = {chain: max(0, len(chain.values) - 2) for chain in history.sectors[inode].values()}
        return file_bytes(history, index, inode, choice)[offset : offset + count]  # type: ignore[arg-type]

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        data = flat(buffer, name).tobytes()

        def effect() -> int:
            return FaultDevice.write(self, name, offset, data)

        with self._turn:
            if not self._has(name) or not is_offset(offset):
                return effect()
            growth = max(0, offset + len(data) - len(self._files[self._number(name)])) if data else 0
            fault = self._strike(EventKind.WRITE, growth)
            if fault is None:
                return effect()
            if fault.effect is Effect.SHORT and len(data) > 1:
                self._fire(fault, name, offset)
                return FaultDevice.write(self, name, offset, data[: _part(fault, len(data))])
            if fault.effect is Effect.FULL:
                return self._write_what_fits(fault, name, offset, data)
            if fault.effect is Effect.MISDIRECTED and data:
                self._fire(fault, name, offset)
                FaultDevice.write(self, *self._elsewhere(fault, name, offset), data)
                return len(data)
            if fault.effect is Effect.LOST and data:
                self._fire(fault, name, offset)
                count = effect()
                self._remark(EventKind.SYNC_FAILED, name, offset, data, Aftermath.LOST)
                return count
            return self._carry_out(fault, name, effect)

    def _write_what_fits(self, fault: Fault, name: str, offset: int, data: bytes) -> int:
        size = len(self._files[self._number(name)])
        room = fault.amount - self._grown()
        fits = max(0, size + max(0, room) - offset)
        self._fire(fault, name, offset)
        if fits:
            return FaultDevice.write(self, name, offset, data[:fits])
        self.plan.make_room(fault)
        raise fault.error(name)

    def _elsewhere(self, fault: Fault, name: str, offset: int) -> tuple[str, int]:
        # The next file of the root; from one in a folder nothing goes into another file.
        names = sorted(key for key, inode in self._names.items() if inode in self._files and "/" not in key)
        if fault.amount or len(names) == 1 or name not in names:
            return name, offset + max(1, fault.amount) * self.trace.sector_bytes
        return names[(names.index(name) + 1) % len(names)], offset

    # Under the turn.

    def _around(
        self, call: EventKind, name: str, effect: Callable[[], Answer], *, is_ready: bool | None = None
    ) -> Answer:
        with self._turn:
            is_ready = self._has(name) if is_ready is None else is_ready and not self._closed
            return self._carry_out(self._strike(call) if is_ready else None, name, effect)

    def _carry_out(
        self,
        fault: Fault | None,
        name: str,
        effect: Callable[[], Answer],
        offset: int = 0,
        length: int | None = None,
    ) -> Answer:
        """The call itself, with a fault that any kind of call can have, or none."""
        if fault is None:
            return effect()
        if fault.effect is Effect.ERROR and not fault.after:
            self._fire(fault, name, offset)
            raise fault.error(name)
        if fault.effect is Effect.ROT:
            self._rot(fault, name, offset, length)
        if fault.effect is Effect.DELAYED:
            self._fire(fault, name, offset)
            self.on_delay(fault.amount)
        answer = effect()
        if fault.effect is Effect.ERROR:
            self._fire(fault, name, offset)
            raise fault.error(name)
        return answer

    def _rot(self, fault: Fault, name: str, offset: int, length: int | None) -> None:
        """Change one byte of the file, or of what is about to be read of it, from now on."""
        inode = self._number(name)
        live = self._writable(inode)
        length = len(live) if length is None else length
        if not length:
            return
        at = offset + fault.amount % length
        live[at] ^= _FLIP
        self._fire(fault, name, at)
        self._remark(EventKind.ROT, name, at, bytes(live[at : at + 1]), 0)

    def _has(self, name: str) -> bool:
        """True if a good disk would find this file. Invariant 2."""
        return not self._closed and self._number(name) in self._files

    def _number(self, name: str) -> int:
        """The inode of a name, 0 if there is none such."""
        return self._lookup.number(name)

    def _remark(self, kind: EventKind, name: str, offset: int, data: bytes, size: int, *texts: str) -> None:
        """Put an event that is no call into the trace; `texts` are its target and label."""
        key = self._lookup.key_or_path(name)
        self._append(Event(kind, key, self._number(name), offset, data, size, *texts))

    def _strike(self, call: EventKind, growth: int = 0) -> Fault | None:
        plan = self.plan
        if not plan.is_on:
            return None
        if growth and plan.has_budget:
            return plan.strike(call, self._grown() + growth)
        return plan.strike(call)

    def _grown(self) -> int:
        """Bytes that all files have grown by since the plan began."""
        total = sum(len(data) for data in self._files.values())
        if self.plan.size_at_start is None:
            self.plan.size_at_start = total
        return total - self.plan.size_at_start

    def _fire(self, fault: Fault, name: str, offset: int = 0, *, is_counted: bool = True) -> None:
        if is_counted:
            self.plan.tell(fault, str(Place.at(self._caller(), fault.call, name)))
        self._remark(EventKind.FAULT, name, offset, b"", fault.effect, fault.call.name, fault.name)

    def _caller(self) -> str:
        return self.label if isinstance(self.label, str) else self.label()


def _part(fault: Fault, length: int) -> int:
    """The length that a short transfer moves: at least one byte, and not all."""
    return min(fault.amount or length // 2, length - 1)
