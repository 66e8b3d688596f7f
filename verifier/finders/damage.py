"""Damage: every site of a store's files damaged in every way, and the store's response to each.

A sweep plays a tape to its end once, and then, for each damage, goes on from there: the medium takes the
damage, the store is opened and read through, its sessions are taken up at their serials, it works on, is
closed, opens again, and its older checkpoints open too. `oracles/damage` says how each may end. Where copies
of the root are damaged, the power is cut everywhere in the opening that mends them, too.

Counting
  reached   sites by `role unit how`, and what became of those that changed something
  fired     the same sites, where they changed something
  distinct  contents after the damage; one that was met before is not opened again
  checked   openings of a damaged content

Invariants
  1  equal tapes and sites give equal findings and figures
  2  what follows an opening is run once for each (what is on the device after it, which of it was read with
     which verdict, what was recovered): a store that has been opened is made of nothing else
  3  of two damages of a closed store, or two of an open one, that change no name and no size, and nothing
     that the run of one has read, the other ends as that one did, for its run reads the same: it takes no
     opening
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Final

from msgspec.structs import replace

from powercut.faultfs import SECTOR_BYTES, CrashState, EventKind, FaultDevice, crash_states
from powercut.faultfs.faults.rot import Changes, Damage, How, changes, spans, touches, versions

from ..oracles.damage import HARMLESS, DamageOracle
from ..registry import maker_of
from ..runs.play import play_eras
from ..runs.steps import take_steps
from ..runs.world import World
from ..spec.history import Segment, crash_at
from ..spec.model import Model
from ..spec.subject import MakeStore
from ..tapes.tape import KEYS_MAX, STORE, Crash, Era, Kind, Operation, Tape
from ..verdict import Verdict, Violation
from .crashes import Coverage, Finding
from .sites import alike

__all__ = ["AFTER", "OLDER_REFUSED", "Sweep", "damaged_tape", "search_damage"]

REPAIR_CUT: Final = "cut inside a repair"
OLDER_REFUSED: Final = "older refused"  # The newest checkpoint is as it was, and an older one is refused.
# Every key is read, one is changed, one appended to, one goes; a log gets an entry; and all that is durable.
AFTER: Final = (
    *[Operation(Kind.READ, 0, key) for key in range(KEYS_MAX)],
    Operation(Kind.RMW),
    Operation(Kind.UPSERT, 1, 1),
    Operation(Kind.DELETE, 0, 2),
    Operation(Kind.ENQUEUE),
    Operation(Kind.CHECKPOINT),
)
# A store that opens a damaged medium mends it before anything else; what is open already reads first.
MENDED: Final = (Operation(Kind.REOPEN), *AFTER)


def damaged_tape(tape: Tape, damage: Damage, after: tuple[Operation, ...] | None = None) -> Tape:
    """The tape, then the damage, a program after it, and one more opening."""
    return replace(tape, eras=(*tape.eras, Era(_after(damage, after), damage=damage.digits()), Era()))


def _after(damage: Damage, after: tuple[Operation, ...] | None) -> tuple[Operation, ...]:
    if after is not None:
        return after
    return AFTER if damage.is_open else MENDED


def search_damage(tape: Tape, make_store: MakeStore | None = None) -> tuple[Tape | None, int]:
    """A tape of the same programs that shows a violation under damage of the same kind; and the openings."""
    at = max(number for number, era in enumerate(tape.eras) if era.damage)
    if not at:
        return None, 0  # There is nothing on the medium yet.
    damage = Damage.of(tape.eras[at].damage)
    sweep = Sweep(replace(tape, eras=tape.eras[:at]), make_store, tape.eras[at].program)
    finding = sweep.run(alike(damage, sweep.content, sweep.past, sum(1 for _ in sweep.forgeries())))
    return (finding.tape if finding is not None else None), 1 + sweep.coverage.checked


class Sweep:
    """One tape's content, and the ending of each damage of it."""

    def __init__(
        self, tape: Tape, make_store: MakeStore | None = None, after: tuple[Operation, ...] | None = None
    ) -> None:
        self.coverage = Coverage(programs=1, several_eras=int(len(tape.eras) > 1))
        self.finding: Finding | None = None
        self.tape = tape
        self._after = after
        self._make_store = maker_of(tape, make_store)
        self._ended = ended = World(self._make_store)
        segments: list[Segment] = []
        for _ in play_eras(ended, tape, segments):
            pass
        if isinstance(ended.verdict, Violation):
            self.finding = Finding(tape, ended.verdict)
        traces = [*(segment.trace for segment in segments), ended.device.trace]
        self.is_unsound = self.finding is not None  # It fails without any damage.
        self._image = ended.device.image()
        self.content = self._image.content()
        self.past = versions(traces)
        forge = self._make_store.spec.forge
        self._forged = None if forge is None else forge(self.content)
        self._names = sorted(self.content.keys() | self.past.keys())
        self._sites: dict[tuple[int, int, int, int], str] = {}  # Words, by all that they tell of.
        self._met: dict[object, str] = {}  # By content; "" until it was judged.
        self._followed: dict[object, str] = {}
        # What each run that ended so has read, by `is_open`: an open store is asked other things.
        self._harmless: dict[int, list[list[tuple[str, int, int]]]] = {}

    def run(self, damages: Iterable[Damage]) -> Finding | None:
        """Judge each of them; the first violation ends it."""
        seen = self.coverage
        for damage in damages:
            if self.finding is not None:
                break
            changed = self._changes(damage)
            site = self.site(damage)
            seen.reached[site] = seen.reached.get(site, 0) + 1
            if not changed:
                continue
            seen.fired[site] = seen.fired.get(site, 0) + 1
            key = damage.is_open, frozenset(changed.items())
            outcome = self._met.get(key)
            if outcome is None:
                seen.distinct += 1
                outcome = self._met[key] = self._unread(damage, changed)
            if not outcome:
                world = self._world()
                outcome = self._met[key] = self._judge(world, damage)
                if isinstance(world.verdict, Violation):
                    self.finding = Finding(damaged_tape(self.tape, damage, self._after), world.verdict)
            if damage.how == How.FORGE:
                outcome = f"forged, {outcome}"
            seen.reached[outcome] = seen.reached.get(outcome, 0) + 1
        return self.finding

    def forgeries(self) -> Iterator[Damage]:
        """Every wrong value that can be planted in what the tape has left."""
        for number in range(len(self._forged.sites) if self._forged is not None else 0):
            yield Damage(How.FORGE, argument=number)

    def _changes(self, damage: Damage) -> Changes:
        if damage.how != How.FORGE:
            return changes(damage, self.content, self.past)
        return {} if self._forged is None else self._forged.changes(damage.argument)

    def cut_repairs(self, damages: Iterable[Damage]) -> Finding | None:
        """Cut the power everywhere in an opening that repairs the damage, and open what that leaves."""
        if self.finding is not None:
            return self.finding
        # What is on the medium is durable: the trace of the opening is all that a cut can take from.
        *eras, last = self.tape.eras
        tape = replace(self.tape, eras=(*eras, last if last.crash else replace(last, crash=Crash())))
        met = set()
        for damage in damages:
            changed = self._changes(damage)
            key = frozenset(changed.items())
            if (
                not changed
                or damage.is_open
                or key in met
                or not self._ended.damage_oracle.is_of_copies(changed)
            ):
                continue
            met.add(key)
            world = self._world()
            world.damage_oracle.strike(world.device, damage)
            start = len(world.device.trace)
            is_fine = world.open()
            stop = len(world.device.trace)
            if not (is_fine and world.inspect()):
                continue  # `run` has told that.
            trace = world.device.trace
            for state in crash_states(trace, tape.law, start=start, stop=stop):
                self.coverage.distinct += 1
                verdict = self._reopen(world, state)
                if isinstance(verdict, Violation):
                    crash = crash_at(trace, state.index, state.digits)
                    way = (Era((), crash, damage=damage.digits()), Era())
                    self.finding = Finding(replace(tape, eras=(*tape.eras, *way)), verdict)
                    return self.finding
        return None

    def _reopen(self, world: World, state: CrashState) -> Verdict:
        """The oracles' verdict on the store when the power went at this state of its repair."""
        after = copy(world)
        after.model, after.damage_oracle = _copied(world.model), copy(world.damage_oracle)
        after.cut(state.index, state.digits, self.tape.law)
        self.coverage.checked += 1
        reached = self.coverage.reached
        reached[REPAIR_CUT] = reached.get(REPAIR_CUT, 0) + 1
        if after.open() and after.inspect():
            after.probe()
        return after.verdict

    def site(self, damage: Damage) -> str:
        """The words for a site: the role of its file, the unit, the kind of damage, and when it comes."""
        if damage.how == How.FORGE and self._forged is not None:
            return f"forged {self._forged.sites[min(damage.argument, len(self._forged.sites) - 1)]}"
        told = damage.file, damage.size, damage.how, damage.is_open
        words = self._sites.get(told)
        if words is None:
            words = self._sites[told] = self._words(damage)
        return words

    def _words(self, damage: Damage) -> str:
        role = self._names[min(damage.file, len(self._names) - 1)].partition("-")[0]
        role = role if self.tape.subject == STORE else f"{self.tape.subject} {role}"
        unit = {0: "file", 1: "bit", SECTOR_BYTES: "sector"}.get(damage.size, "extent")
        when = " while open" if damage.is_open else ""
        return f"{role} {unit} {How(damage.how).name.lower()}{when}"

    def _world(self) -> World:
        """The world in which the tape has just been played to its end."""
        ended = self._ended
        world = World(self._make_store)
        world.model = _copied(ended.model)
        world.device = FaultDevice(self._image)
        world.device.label = "OPEN"
        trace = ended.segment.trace
        world.segment = Segment(world.device.trace, ended.segment.acked_by(len(trace)))
        world.damage_oracle = DamageOracle(self.past, world.spec)
        return world

    def _unread(self, damage: Damage, changed: Changes) -> str:
        """The ending, if it is known before anything is read, or "". Invariant 3."""
        if not self._keeps_sizes(changed):
            return ""
        touched = spans(self.content, changed)
        is_missed = any(
            not any(span.meets(*each) for span in touched for each in read)
            for read in self._harmless.get(damage.is_open, ())
        )
        return HARMLESS if is_missed else ""

    def _keeps_sizes(self, changed: Changes) -> bool:
        return all(
            data is not None and name in self.content and len(data) == len(self.content[name])
            for name, data in changed.items()
        )

    def _judge(self, world: World, damage: Damage) -> str:
        """The ending of this damage."""
        self.coverage.checked += 1
        damage_oracle = world.damage_oracle
        if not world.begin(Era(damage=damage.digits())):
            return damage_oracle.outcome
        if damage.is_open:
            return self._follow(world, damage)
        mounted = world.mounted
        reading = mounted.tells.reading() if mounted is not None and mounted.tells is not None else ()
        files = tuple(span.name for span in damage_oracle.spans)
        key = (world.device.image().key(), reading, files, str(world.segment.acks[-1][1]))
        outcome = self._followed.get(key)
        if outcome is None:
            outcome = self._followed[key] = self._follow(world, damage)
        return outcome

    def _follow(self, world: World, damage: Damage) -> str:
        """Play on once the store is open: the program, closing, and a second opening; the ending."""
        tape, first = damaged_tape(self.tape, damage, self._after), len(self.tape.eras)

        def run(world: World, era: Era, place: int) -> bool:
            is_open = place == first or world.begin(era)
            return is_open and take_steps(world, era.program)

        for _ in play_eras(world, tape, first=first, run=run):
            pass
        is_fine = not world.is_stopped
        outcome = world.damage_oracle.outcome
        if is_fine and outcome == HARMLESS and self._keeps_sizes(self._changes(damage)):
            touched = touches(world.device.trace)
            reads = [each[1:] for each in touched if each[0] is EventKind.READ]
            self._harmless.setdefault(damage.is_open, []).append(reads)
        return OLDER_REFUSED if is_fine and world.damage_oracle.older_refused else outcome


def _copied(model: Model) -> Model:
    other = copy(model)
    other.history, other.content = list(model.history), dict(model.content)
    other.issued = dict(model.issued)
    return other
