"""Opening: from the arguments of `FasterKv.open` to a device that is held and the parts of the store on it.

Threads: the caller's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .arguments import AnyPath, check_opening
from .checkpoint.parts import Parts
from .checkpoint.recovery import recover
from .device import Device, Lease, telling
from .errors import SettingsError
from .flush import FlushSettings, check_flush
from .metadata.layout import Version
from .runtime import Runtime, ThreadRuntime
from .settings import Settings
from .shared.modes import choose_mode

__all__ = ["Opened", "open_parts"]

KEEP_MAX: Final = 32


class Opened(NamedTuple):
    """All that a store starts with."""

    lease: Lease
    runtime: Runtime
    parts: Parts
    read_only: bool
    flush: FlushSettings | None
    disk: int | None
    compact_at: float | None


def open_parts(
    where: AnyPath | Device,
    *,
    create: bool,
    read_only: bool,
    memory: int,
    settings: Settings | None,
    runtime: Runtime | None,
    version: Version | None,
    kernels: str | None,
    flush: FlushSettings | None,
    keep: int,
    disk: int | None,
    read_cache: int,
    forget_after: int | None,
    compact_at: float | None,
) -> Opened:
    """As `FasterKv.open`: what it takes, and what it raises."""
    check_opening(
        where, create=create, read_only=read_only, settings=settings, runtime=runtime, version=version
    )
    check_flush(flush)
    if type(keep) is not int or not 1 <= keep <= KEEP_MAX:
        raise SettingsError(f"keep is {keep!r}: expected 1 to {KEEP_MAX} checkpoints")
    if forget_after is not None and (type(forget_after) is not int or forget_after < keep):
        raise SettingsError(
            f"forget_after is {forget_after!r}: expected at least {keep} checkpoints, which are kept, or None"
        )
    if compact_at is not None and (type(compact_at) is not float or not 0 < compact_at < 1):
        raise SettingsError(f"compact_at is {compact_at!r}: expected a share above 0 and below 1, or None")
    runtime = ThreadRuntime() if runtime is None else runtime
    mode = choose_mode(runtime, kernels)
    lease = Lease(where, create=create and not read_only, read_only=read_only)
    try:
        with telling("opening"):
            parts = recover(
                lease.device,
                runtime,
                create=create,
                read_only=read_only,
                memory=memory,
                settings=settings,
                version=version,
                mode=mode,
                disk_bytes=disk,
                read_cache=read_cache,
            )
    except BaseException:
        lease.undo()
        raise
    parts.keep, parts.sessions.forget_after = keep, forget_after
    return Opened(lease, runtime, parts, read_only, flush, disk, compact_at)
