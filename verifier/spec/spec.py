"""The spec of a kind of store: what is right for it, and what its exceptions say.

    Spec        the model that it is held against, the operations that it is given, its errors
    StoreMaker  how a store is opened, and the spec that it is held against: what a run is made with

A maker of one's own is any callable that takes a device. Its spec is its attribute `spec`, if it has
one (a class that is its own maker has it as a class attribute), else `PLAIN`: a dict, OSError for what
a device refused, and no other exception that is expected; of a class of logs (`appended`) it is `APPENDED`.
An attribute `refusals`, a tuple of exception types, adds to what it may raise where the disk did something
wrong: a fault, or damaged bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from powercut.faultfs import FaultDevice, Image

from ..tapes.tape import ASKED, BESIDE, LOGGED, Kind, Operation
from .appended import KINDS, EntriesError, is_log, kinds_of
from .mapping import subject_of
from .model import Model
from .own import Own
from .subject import MakeStore, Mounted, Subject, mount

__all__ = ["APPENDED", "PLAIN", "Errors", "Foreseen", "Forged", "Spec", "StoreMaker"]

Types = tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Errors:
    """The meaning of a store's exceptions. Where nothing went wrong on the device, none is expected."""

    refusals: Types = (OSError,)  # A fault struck: what was asked did not happen.
    poisoned: Types = ()  # A sync has failed before: nothing more is taken. None of its own: any refusal.
    corruption: Types = (OSError, ValueError)  # Bytes are not what was written.
    invariants: Types = ()  # The store contradicts itself. Never expected; worse than any other.
    robbed: Types = (OSError,)  # Files were changed while the store was open.
    file_of: Callable[[Exception], str] | None = None  # The file that a corruption names, where it does.
    # An open store is at a limit of its own that this error tells: what was asked did not happen.
    is_limit: Callable[[Subject, Exception], bool] | None = None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The word of a look at the files of a closed store on its next opening.

    absent    there is no store, by this name of an error; "": there is one
    damaged   files that are not as they were written; none: it is sound, and opens
    mended    likewise, and the next opening for writing makes them good
    serials   of the newest checkpoint's sessions, by number; None where it is not sound
    """

    absent: str = ""
    damaged: frozenset[str] = frozenset()
    mended: frozenset[str] = frozenset()
    serials: Mapping[int, int] | None = None
    has_written: bool = False  # The look itself.


class Forged(Protocol):
    """All wrong values that can be planted in the files of a closed store with every checksum made right."""

    @property
    def sites(self) -> Sequence[str]:
        """Where each of them is, in words."""

    @property
    def blocks(self) -> int:
        """The number of checkpoints that are there."""

    def tell(self, number: int) -> str:
        """Forgery `number` in words."""

    def is_contradicted(self, number: int) -> bool:
        """True if something else on the disk contradicts it; else a sound store could have these bytes."""

    def changes(self, number: int) -> dict[str, bytes | None]:
        """The files that hold something else with number `number` planted in them; None: no file any more."""


@dataclass(frozen=True, slots=True)
class Spec:
    """The specification of a kind of store."""

    errors: Errors = field(default_factory=Errors)
    model: Callable[[], Model] = Model
    kinds: frozenset[Kind] = (
        frozenset(Kind) - BESIDE - ASKED - LOGGED
    )  # What it is given; the others mean nothing to it.
    own: tuple[Own, ...] = ()  # Operations of its own: OWN of size n is the n-th.
    copies: tuple[str, ...] = ()  # Beginnings of names: of these files one may be lost without a word.
    # Files without which an opening does: it says which it has not believed, and is right all the same.
    spares: tuple[str, ...] = ()
    # Damage to what the last checkpoint wrote may look as if it had not been made; the next one confirms it.
    confirms_late: bool = False
    is_dropped: bool = False  # Where the power is gone it is not closed: it has nothing but its memory.
    foresee: Callable[[FaultDevice], Foreseen] | None = None  # Looks at the files, where a store can do that.
    forge: Callable[[Mapping[str, bytes]], Forged] | None = None  # Of what is on the device.

    def refusing(self, refusals: Types) -> Spec:
        """The same, and these exceptions say that the disk did something wrong."""
        if not refusals:
            return self
        old = self.errors
        errors = replace(old, refusals=old.refusals + refusals, corruption=old.corruption + refusals)
        return replace(self, errors=errors)


PLAIN: Final = Spec()
APPENDED: Final = Spec(errors=Errors(invariants=(EntriesError,)), kinds=KINDS)  # Of an append-only log.


@dataclass(frozen=True, slots=True)
class StoreMaker:
    """Opens a store; with the spec that it is held against."""

    make: MakeStore
    spec: Spec = PLAIN
    image: Image | None = None  # What stands on the device at first: a store that holds nothing.
    # Opens it otherwise, as the operation says; called before the subject that is open now is closed.
    reopen: Callable[[Operation, Subject | None], Callable[[FaultDevice], Subject]] | None = None

    @classmethod
    def of(cls, make_store: MakeStore) -> StoreMaker:
        """The maker itself, or a callable with its own spec, or with PLAIN."""
        if isinstance(make_store, StoreMaker):
            return make_store
        spec: Spec = getattr(make_store, "spec", PLAIN)
        if isinstance(make_store, type) and spec is PLAIN and is_log(make_store):
            spec = replace(APPENDED, kinds=kinds_of(make_store))
        return cls(make_store, spec.refusing(getattr(make_store, "refusals", ())))

    def __call__(self, device: FaultDevice) -> Subject:
        return subject_of(self.make(device))

    def mount(self, device: FaultDevice) -> Mounted:
        """Open it, and put it on the bench. Raises what the store raises, and SubjectError."""
        return mount(self(device))
