"""Mappings as subjects: whatever behaves like a dict of bytes, and can be made durable.

Operations are carried out on it as on the reference dict. So a mapping says nothing of its own about prefixes
or its structure; a store that can say more takes operations itself, by `apply`.

Invariant: a member of a capability on a mapping is an error, and never left unused without a word.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, cast

from ..errors import SubjectError
from .appended import Appended, appended, is_log
from .model import Issued, Result, apply
from .subject import Bound, Subject, members

__all__ = ["MappingSubject", "called_on", "subject_of"]

Content = MutableMapping[bytes, bytes]


class MappingSubject:
    """A mapping on the bench. `checkpoint` of it, or else `sync`, makes durable; `close` it may have.

    What `sync` returns is the store's own affair: it has the name of many an older method.
    """

    def __init__(self, mapping: Content) -> None:
        own: Any = mapping
        named = type(own).__qualname__
        unused = sorted(members().intersection(dir(own)) - {"checkpoint", "close"})
        if unused:
            raise SubjectError(f"{named} has {unused[0]}: it needs apply, for it is a mapping")
        self.mapping = mapping
        self._checkpoint: Callable[[], Bound | None] | None = getattr(own, "checkpoint", None)
        self._sync: Callable[[], object] | None = getattr(own, "sync", None)
        if not callable(self._checkpoint or self._sync):
            raise SubjectError(f"{named} has no checkpoint and no sync: a mapping needs one")

    def apply(self, issued: Issued) -> Result:
        """Carry the operation out on the mapping."""
        return apply(cast("dict[bytes, bytes]", self.mapping), issued)

    def checkpoint(self) -> Bound | None:
        """Make the mapping durable."""
        if self._checkpoint is not None:
            return self._checkpoint()
        assert self._sync is not None
        self._sync()
        return None

    def read_all(self) -> dict[bytes, bytes]:
        """Every key with its value."""
        return dict(self.mapping.items())

    def close(self) -> None:
        """Close the mapping, if it can be."""
        close = getattr(self.mapping, "close", None)
        if close is not None:
            close()


def subject_of(made: object) -> Subject:
    """The subject that a maker made: itself, or a mapping or a log on the bench. Raises SubjectError."""
    if hasattr(made, "apply"):
        return cast("Subject", made)
    if isinstance(made, MutableMapping):
        return MappingSubject(made)
    if is_log(made):
        return appended(made)
    if hasattr(made, "__setitem__"):
        # Key-value stores mostly: they have the items of a mapping, and not all of its methods.
        named = type(made).__qualname__
        raise SubjectError(f"{named} has no apply, and is no MutableMapping of collections.abc: it needs one")
    if hasattr(made, "append"):
        return appended(made)  # A log that lacks something, which is said.
    return cast("Subject", made)


def called_on(subject: Subject, name: str) -> Callable[..., Any]:
    """The method of a store's own, of the mapping or the log where it is one. Raises SubjectError."""
    store: object = subject
    if isinstance(subject, MappingSubject | Appended):
        store = subject.mapping if isinstance(subject, MappingSubject) else subject.log
    method = getattr(store, name, None)
    if not callable(method):
        raise SubjectError(f"{type(store).__qualname__} has no method {name}: an operation declares it")
    return cast("Callable[..., Any]", method)
