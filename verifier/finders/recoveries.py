"""Recoveries: a subject's outcome for each crash state, with as few openings as can be.

Recovery is a function of the durable bytes alone, so its outcome is kept and serves every history in which
they arise. The recovery is itself run over a recording device, and the power cut once more inside it, to the
depth asked for: those contents are outcomes too.

Kept twice over: by the hash of the content, and in a decision tree of what was asked of the content (the
read set of `powercut.faultfs.states.readset`), one tree a depth. A content that answers as an earlier one
did is not opened.

Why a tree is right, cuts inside the opening included. Let an outcome of depth d for content c have the
questions R(c), and let c' answer them as c does.
    d = 0   R has all that opening, reading, auditing and probing asked: c' runs as c did, to the same end
    d > 0   R has besides every FILE that the opening changed, and what R asks at depth d - 1 of each content
            n that a cut leaves, unless it asks for a changed file. The openings of c and c' issue the same
            calls T over equal files, so their cuts leave the same contents but for the files that T left
            alone: n differs from c, and n' from c', in the same bytes. A question to n about a file left
            alone is one to c, and c' answers it as c does; one about a changed file has one answer in n and
            n'; names are those of c with the same ones added and taken. So n' answers R(n) as n does.
And keys are XORs over files: key(n') = key(n) ^ key(c) ^ key(c'). So every content inside the opening of c'
is known by its hash without an opening, and is counted.

What was opened may serve other searches (`Opened`). Each counts the openings that it would have run by
itself: an outcome, and all inside it, when it first meets them.

Invariants
  1  an outcome depends on the content and the depth, never on the history it is judged against
  2  a nested outcome whose content was legal after the opening returned is marked `reported`: what the
     opening reported is an acknowledgement for it
  3  outcome.key is of the content that was opened; seen from the content c that it serves, it and every
     nested key is moved by outcome.key ^ key(c)

Complexity: one opening and one full read for each distinct read set, and for each nested one; a walk of the
tree for each distinct content.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from powercut.faultfs import EventKind, FaultDevice, Image
from powercut.faultfs.law.survival import PRODUCTS
from powercut.faultfs.states.branching import Exploration, explore
from powercut.faultfs.states.enumeration import CrashState, Enumeration
from powercut.faultfs.states.point import Witness
from powercut.faultfs.states.readset import Ask, Question, ReadTree, WatchedDevice

from ..errors import SubjectError
from ..oracles.progress import bounded
from ..oracles.structure import audit, failed, judge_probe, judge_spares, recovered_bound, release
from ..spec.spec import StoreMaker
from ..spec.subject import Bound, MakeStore, Mounted, mount
from ..verdict import Breach, Violation
from .cuts import Cut, cuts_of

__all__ = ["Nested", "Opened", "Outcome", "Recoveries"]


@dataclass(slots=True)
class Outcome:
    """The result of opening one crash state, and every one that asks and answers alike."""

    key: int
    error: Violation | None = None
    spared: Violation | None = None  # A file that it could do without was no good: where none is damaged.
    raised: type[Exception] | None = None  # What opening, reading or auditing raised, if one did.
    recovered: Bound | None = None
    content: dict[bytes, bytes] = field(default_factory=dict)
    path: int = 0  # Which read path the opening took; equal numbers, equal paths, within one process.
    nested: list[Nested] = field(default_factory=list)
    asked: tuple[Question, ...] = ()  # The read set: all that this outcome depends on.
    vectors: int = 0  # Version vectors of all cuts inside, by formula.
    bounded: int = 0  # Crash points inside this opening that were not exhausted.
    keys: list[int] = field(default_factory=list)  # Of this content and of all that cuts inside can leave,
    paths: set[int] = field(default_factory=set)  # and the read paths of their openings.


@dataclass(slots=True)
class Nested:
    """A content that a power cut inside the opening can leave."""

    index: int
    digits: tuple[int, ...]
    is_reported: bool
    outcome: Outcome
    shift: int  # The key of this content, XOR the key of the one that the outcome was made from.


class Opened:
    """All outcomes of one kind of store under one law and with one limit, by content and by read set."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int], Outcome] = {}
        self.trees: dict[int, ReadTree[Outcome]] = {}
        self.paths: dict[object, int] = {}


class Recoveries:
    """Opens crash states and keeps the outcomes; `opened` counts the openings.

    Not pruned, every distinct content is opened: what the pruned search is checked against.

    opened   outcomes of others that opened the same kind of store, under the same law and limit, as this does
    """

    def __init__(
        self,
        make_store: MakeStore,
        law: str,
        limit: int,
        *,
        is_pruned: bool = True,
        opened: Opened | None = None,
    ) -> None:
        self.opened = 0  # By this search, or as it would have by itself;
        self.bounded = 0  # and crash points in these that were not exhausted.
        self._make_store = StoreMaker.of(make_store)
        self._law = law
        self._limit = limit
        self.is_pruned = is_pruned
        self._all = Opened() if opened is None else opened
        self._kept, self._paths = self._all.kept, self._all.paths
        self._met: dict[int, Outcome] = {}  # By its id: it stays alive.

    def of(self, state: CrashState | Witness | Cut, depth: int) -> Outcome:
        """The outcome of opening `state`, with `depth` more power cuts inside. Invariant 3."""
        kept = self._kept.get((state.key, depth))
        if kept is None:
            kept = self._kept[state.key, depth] = self._find(state.key, state.image, depth)
        self.meet(kept)
        return kept

    def of_image(self, image: Image, depth: int) -> Outcome:
        """The outcome of opening a content that comes from elsewhere; whoever takes it has to meet it."""
        return self._find(image.key(), image, depth)

    def meet(self, outcome: Outcome) -> bool:
        """Count an outcome, and all inside it, when it is first met; True if it was."""
        if id(outcome) in self._met:
            return False
        self._met[id(outcome)] = outcome
        self.opened += 1
        self.bounded += outcome.bounded
        for nested in outcome.nested:
            self.meet(nested.outcome)
        return True

    def tree(self, depth: int) -> ReadTree[Outcome]:
        """All read sets of this depth so far."""
        return self._all.trees.setdefault(depth, ReadTree())

    def explore(self, states: Enumeration, index: int, depth: int, limit: int) -> Exploration[Outcome]:
        """All outcomes of a crash point of more states than the limit, by what they are asked.

        It is not closed under laws whose version vectors are no product, and where nothing is pruned.
        """
        if states.law not in PRODUCTS or not self.is_pruned:
            return Exploration(index, -1)
        return explore(
            states.history,
            index,
            self.tree(depth),
            lambda image: self.of_image(image, depth),
            limit,
            self.meet,
        )

    def _find(self, key: int, image: Image, depth: int) -> Outcome:
        if not self.is_pruned:
            return self._open(key, image, depth)
        tree = self.tree(depth)
        outcome = tree.find(image)
        if outcome is None:
            outcome = self._open(key, image, depth)
            tree.add(image, outcome.asked, outcome)
        return outcome

    def _open(self, key: int, image: Image, depth: int) -> Outcome:
        outcome = Outcome(key)
        device = WatchedDevice(image)
        device.label = "OPEN"
        opened = self._recover(outcome, device)
        outcome.keys.append(key)
        outcome.paths.add(outcome.path)
        if depth and outcome.error is None:
            self._cut_again(outcome, device, opened, depth)
        return outcome

    def _recover(self, outcome: Outcome, device: WatchedDevice) -> int:
        """Open, read in full, audit and probe; the trace index at which the opening returned."""
        spec, mounted = self._make_store.spec, None
        try:
            with bounded(device):
                subject = self._make_store(device)
                opened = len(device.trace)
                mounted = mount(subject)
                outcome.content = subject.read_all()
                audit(mounted)
                outcome.recovered = recovered_bound(mounted)
                outcome.path = self._path(mounted, device, opened)
                outcome.spared = judge_spares(mounted, spec)
                outcome.error = judge_probe(mounted, outcome.content, spec.errors)
        except SubjectError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            outcome.error = failed("openable", Breach.UNOPENABLE, error, spec.errors)
            outcome.raised = type(error)
            return len(device.trace)
        finally:
            outcome.asked = tuple(device.asked)  # By now: closing asks nothing that matters.
            device.die()
            release(mounted, spec)
        return opened

    def _cut_again(self, outcome: Outcome, device: WatchedDevice, opened: int, depth: int) -> None:
        cuts, outcome.vectors, outcome.bounded = cuts_of(device.trace, opened, self._law, self._limit)
        asked = dict.fromkeys(outcome.asked)
        asked.update(dict.fromkeys((int(Ask.FILE), name, 0, 0) for name in device.changed))
        for cut in cuts:
            nested, state = self.of(cut, depth - 1), cut.state
            shift = nested.key ^ cut.key
            # Only what was itself opened is told, and only there digits are asked for.
            digits = () if self.is_pruned else state.digits
            outcome.nested.append(Nested(state.index, digits, state.last >= opened, nested, shift))
            outcome.vectors += nested.vectors
            outcome.keys += [inner ^ shift for inner in nested.keys]
            outcome.paths |= nested.paths
            asked.update(dict.fromkeys(q for q in nested.asked if q[1] not in device.changed))
        outcome.asked = tuple(asked)

    def _path(self, mounted: Mounted, device: FaultDevice, opened: int) -> int:
        path: object
        if mounted.tells is not None:
            path = mounted.tells.reading()
        else:
            events = device.trace.events[:opened]
            path = tuple((e.name, e.offset, e.size) for e in events if e.kind is EventKind.READ)
        return self._paths.setdefault(path, len(self._paths))
