"""Openings: what a later process makes of a folder, and of the same content in memory.

A device is opened twice, each time to the end: what the first opening came back to the second must
come back to, and reads must find what the store lists.

Invariant: an opening is closed again whatever it ended with, so no lock and no descriptor stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from powercut.faultfs import FaultDevice

from ...errors import SubjectError
from ...oracles.structure import audit, failed, judge_probe, recovered_bound
from ...spec.spec import StoreMaker
from ...spec.subject import Bound, MakeStore, Mounted
from ...verdict import Breach, Violation
from .folder import FolderDevice

__all__ = ["Opened", "open_twice"]


@dataclass(slots=True)
class Opened:
    """The result of opening a crash state."""

    error: Violation | None = None
    recovered: Bound | None = None
    content: dict[bytes, bytes] = field(default_factory=dict)
    reading: tuple[object, ...] = ()  # What the opening read, in order.


def open_twice(device: FaultDevice | FolderDevice, make_store: MakeStore) -> Opened:
    """Open, read everything and close, two times; the first opening, with the first objection."""
    first = _open(device, make_store, is_last=False)
    if first.error is not None:
        return first
    second = _open(device, make_store, is_last=True)
    first.error = second.error
    if first.error is None and (first.recovered, first.content) != (second.recovered, second.content):
        detail = f"recovered {first.recovered}, opened again {second.recovered}"
        first.error = Violation("openable", Breach.WRONG_VALUE, detail)
    return first


def _open(device: FaultDevice | FolderDevice, make_store: MakeStore, *, is_last: bool) -> Opened:
    opened = Opened()
    mounted: Mounted | None = None
    maker = StoreMaker.of(make_store)
    errors = maker.spec.errors
    device.label = "OPEN"
    try:
        if device.acquire(opened):  # Closed before, it is open again for a store that does not acquire it.
            device.release(opened)
        mounted = maker.mount(cast(FaultDevice, device))
        opened.content = mounted.subject.read_all()
        audit(mounted)
        opened.recovered = recovered_bound(mounted)
        opened.reading = () if mounted.tells is None else mounted.tells.reading()
        # Asking opens a session: after the first opening it would be one that the second does not know.
        opened.error = judge_probe(mounted, opened.content, errors) if is_last else None
    except SubjectError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
        opened.error = failed("openable", Breach.UNOPENABLE, error, errors)
    try:
        if mounted is not None:
            mounted.subject.close()
    except Exception as error:  # noqa: BLE001
        opened.error = opened.error or failed("openable", Breach.ERROR, error, errors)
    finally:
        device.close()
    return opened
