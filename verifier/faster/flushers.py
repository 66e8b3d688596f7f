"""Flushers: the stores of the bench that have a flush worker; it works where a program says FLUSH.

behind    a page is one extent of two write units, a write has two pages; what is read-only is flushed
lagging   four pages of one large value; all but the page being filled is made read-only, and flushed as
          soon as it is two pages
"""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import Final

from powercut.engine import BehindTail, FasterKv, FlushSettings, InvariantError, Settings
from powercut.engine.kernels import words as w

__all__ = ["FLUSHED", "check_stopped", "flusher_of"]

# The clock is one that jumps.
_SOON: Final = FlushSettings(threshold_pages=1, retry_least=1.0, retry_most=1.0)
_BEHIND: Final = Settings(1024, 2048, 512, 1024, ring_pages=2, index_buckets=1, write_bytes=2048)
_LAGGING: Final = Settings(512, 2048, 512, 512, ring_pages=4, index_buckets=1, write_bytes=2048)
FLUSHED: Final = {
    "behind": (_BEHIND, _SOON),
    "lagging": (_LAGGING, replace(_SOON, target=BehindTail(0), threshold_pages=2)),
}
_OF_SETTINGS: Final = dict(FLUSHED.values())
_NONE: Final = FlushSettings(enabled=False)


def flusher_of(settings: Settings) -> FlushSettings:
    """The settings of the worker that a store with these settings has."""
    return _OF_SETTINGS.get(settings, _NONE)


def check_stopped(store: FasterKv) -> None:
    """Check that a closed store's worker has flushed every frozen page, and before the device closed (W5).

    What the device refused is not objected to. Raises InvariantError.
    """
    told = store.flusher.metrics()
    if told.state == "off" or (told.failures and f"[Errno {errno.EBADF}]" not in told.last_error):
        return
    control, page = store.spaces[0], store.settings.page_bytes
    frozen = control[w.SAFE_READ_ONLY] // page * page
    if told.failures or told.state != "stopped" or control[w.FLUSHED] < frozen:
        detail = f"{told.state}, flushed {control[w.FLUSHED]} of {frozen} frozen bytes; {told.last_error}"
        raise InvariantError("W5", detail)
