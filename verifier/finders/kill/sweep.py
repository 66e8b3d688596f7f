"""The sweep: a tape played by processes over a real folder, killed at every place they come to.

For each era but the last one life is killed where the tape says; for the last one a life at each
place: before a system call, after it, within it where the kernel could be interrupted, and at the
end. What is left is then opened from this process and judged.

    oracles    openable, the second opening equal, structure, serials, prefix: what was recovered lies
               between what the life had acknowledged and what it had issued, by its own marks
    pagecache  the content is one that the simulator gives for this very place, and the life had issued
               and acknowledged what the simulator's had

Invariants
  1  a violation that the simulator repeats has a tape; any other is told without one
  2  a life that does not come to the place named for it is a fault of the harness, never a pass
  3  equal contents are opened once for each kind of store

Threads: one, since it forks; a sweeper refuses to be made where another runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import active_count
from typing import Final

import msgspec

from powercut.faultfs import Image, Trace

from ...errors import HarnessError
from ...faster.geometries import GEOMETRIES
from ...oracles.prefix import judge_recovery
from ...registry import maker_of
from ...runs.play import play
from ...runs.world import World
from ...spec.history import crash_at, crash_index
from ...spec.subject import Bound, MakeStore
from ...tapes.tape import Crash, Era, Tape
from ...verdict import Breach, Violation
from . import ptrace
from .allowed import Allowed
from .folder import FolderDevice, MakeDevice, make_file_device, read_folder, write_folder
from .lives import LAW, Beginning, Stage, live, rehearse
from .marks import Marks, Word
from .openings import Opened, open_twice
from .points import OBJECTED, PLAYED, Death, KillPoint, Place, Way, Where, best_way
from .tally import Tally, Unwanted

__all__ = ["Sweeper"]

SIMULATOR: Final = "pagecache"  # The oracle that compares with the law of that name.


class Sweeper:
    """Sweeps one tape after another over folders inside `home`; `tally` adds up."""

    def __init__(
        self,
        home: Path,
        *,
        way: Way | None = None,
        make_device: MakeDevice = make_file_device,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        if active_count() > 1:
            raise HarnessError("a sweep forks: no other thread may run in its process")
        self.way = way or best_way()
        self.tally = Tally(self.way.name, ptrace.why_not())
        self.make_device = make_device
        self.is_wanted = is_wanted
        self.folder = home / "store"
        self.marks = Marks()
        self.opened: dict[tuple[str, int], Opened] = {}  # Invariant 3.

    def sweep(self, tape: Tape, *, start_step: int = 0, make_store: MakeStore | None = None) -> None:
        """Kill the last era of the tape at every place from that step on (0: its opening too)."""
        _Sweep(self, tape, maker_of(tape, make_store)).run(start_step)
        self.tally.programs += 1
        self.tally.several_eras += len(tape.eras) > 1

    def close(self) -> None:
        self.marks.close()


@dataclass(frozen=True, slots=True)
class _Act:
    """One era from its beginning: as rehearsed, and the places that a life comes to from a step on."""

    era: Era
    start_step: int
    world: World
    allowed: Allowed
    places: list[Place] = field(default_factory=list)

    @property
    def trace(self) -> Trace:
        return self.world.segment.trace


class _Sweep:
    """One tape's."""

    def __init__(self, sweeper: Sweeper, tape: Tape, make_store: MakeStore) -> None:
        self._own = sweeper
        self._marks = sweeper.marks
        self._folder = sweeper.folder
        self._tally = sweeper.tally
        self._tape = tape
        self._make_store = make_store
        self._eras: tuple[Era, ...] = ()  # As killed so far.
        self._beginning = Beginning()
        self._distinct: set[tuple[int, object]] = set()

    def run(self, start_step: int) -> None:
        try:
            for era in self._tape.eras[:-1]:
                act = self._prepare(era, 0)
                if act is not None:
                    self._pass(act)
                if self._tally.is_over:
                    return
            act = self._prepare(self._tape.eras[-1], start_step)
            if act is not None:
                self._kill_everywhere(act)
        finally:
            self._tally.distinct += len(self._distinct)

    def _pass(self, act: _Act) -> None:
        """Kill the era where the tape says, at the entry of the next call, and go on from what is left."""
        index = crash_index(act.trace, act.era.crash or Crash())
        number = act.allowed.calls_before(index) + 1
        place = next((place for place in act.places if place.begun == number), None)
        self._kill(
            act, KillPoint(0, Where.END) if place is None else KillPoint(place.number, Where.ENTRY), place
        )
        index = act.allowed.index_before(number)
        self._eras = (*self._eras, Era(act.era.program, crash_at(act.trace, index, ())))
        self._beginning = Beginning.after(act.world, index, ())

    def _kill_everywhere(self, act: _Act) -> None:
        # The end first: what is lost of a whole program says more than what one call did not do.
        points: list[tuple[KillPoint, Place | None]] = [(KillPoint(0, Where.END), None)]
        points += [(point, place) for place in act.places for point in _points_at(place, act.allowed)]
        for point, place in points:
            self._kill(act, point, place)
            if self._tally.is_over:
                return
        self._tally.after_checkpoint += act.world.segment.checkpointed <= len(act.trace)

    # -- lives -------------------------------------------------------------------------------------

    def _prepare(self, era: Era, start_step: int) -> _Act | None:
        """The era rehearsed, and watched to its end; None where somebody objects."""
        world = rehearse(self._beginning, era, self._make_store)
        if isinstance(world.verdict, Violation):
            self._found(world.verdict, (Era(era.program),))
            return None
        act = _Act(era, start_step, world, Allowed(world.segment.trace))
        death = self._live(act, None)
        word = self._marks.word()
        if death.is_ended(OBJECTED) and word.objection is not None:
            self._found(word.objection, (Era(era.program),))
            return None
        if not death.is_ended(PLAYED):
            self._tally.unknown = f"a life that nobody killed ended by {death}{_because(word)}"
            return None
        act.places.extend(death.places)
        return act

    def _live(self, act: _Act, point: KillPoint | None) -> Death:
        """Fork a life over a folder that holds the beginning, and see it to its end."""
        own = self._own
        if not own.is_wanted():
            raise Unwanted
        self._tally.lives += 1
        write_folder(self._folder, self._beginning.image)
        stage = Stage(self._folder, self._marks, self._make_store, own.make_device, act.start_step)
        return own.way.run(
            lambda trap, arm: live(self._beginning, act.era, stage, trap, arm), self._marks, point
        )

    def _kill(self, act: _Act, point: KillPoint, place: Place | None) -> None:
        death, marks = self._live(act, point), self._marks
        came_to = (marks.begun, marks.done, marks.steps)
        expected = came_to if place is None else (place.begun, place.done, place.step)
        if death.is_capped:
            self._tally.unknown = f"a life to be killed at {place} {point.where.value} ended by {death}"
            return
        if not death.is_killed or came_to != expected:
            raise HarnessError(
                f"a life to be killed at {place} {point.where.value} ended by {death} "
                f"at {came_to}{_because(marks.word())}"
            )
        what = _name(act, place)
        self._count(point, what)
        self._judge(act, marks.word(), point.where, what)

    # -- judgement ---------------------------------------------------------------------------------

    def _judge(self, act: _Act, word: Word, where: Where, what: str) -> None:
        is_end = where is Where.END
        marks, image = self._marks, read_folder(self._folder)
        states = act.allowed.states(marks.done, marks.begun)
        state = states.get(image.key())
        acked = _acked(act, word, marks.told)
        self._distinct.add((image.key(), _frozen(acked)))
        opened = self._open(image.key())
        verdict = opened.error or judge_recovery(word.issued, acked, opened.recovered, opened.content)
        if isinstance(verdict, Violation):
            # Without a state of the law there is no crash of the simulator that leads here.
            crash = None if state is None else crash_at(act.trace, state[0], state[1])
            self._found(verdict, () if crash is None else (Era(act.era.program, crash), Era()))
        elif state is None:
            nearest = next(iter(states.values()))[2]
            self._tally.violation = _unlike(image, nearest, f"{where.value} of {what}")
        elif is_end and marks.done != act.allowed.calls:
            detail = f"{marks.done} calls changed something, simulated {act.allowed.calls}"
            self._tally.violation = Violation(SIMULATOR, Breach.WRONG_RESULT, detail)
        elif is_end or marks.begun > marks.done:
            index = act.allowed.index_before(marks.done + 1)
            self._tally.violation = _unlike_accounts(act, index, word, acked)

    def _open(self, key: int) -> Opened:
        known = (self._tape.geometry, key)
        opened = self._own.opened.get(known)
        if opened is None:
            self._tally.checked += 1
            device = FolderDevice(self._folder, make_device=self._own.make_device)
            opened = self._own.opened[known] = open_twice(device, self._make_store)
        return opened

    def _found(self, violation: Violation, way: tuple[Era, ...]) -> None:
        """Keep the violation, with a tape where the simulator repeats it (invariant 1)."""
        self._tally.violation = violation
        if way and self._tape.geometry in GEOMETRIES:
            tape = msgspec.structs.replace(self._tape, eras=(*self._eras, *way), law=LAW)
            if violation.is_same_kind(play(tape, self._make_store).verdict):
                self._tally.tape = tape

    def _count(self, point: KillPoint, what: str) -> None:
        reached, fired = self._tally.reached, self._tally.fired
        fired[point.where.value] = fired.get(point.where.value, 0) + 1
        if point.where is not Where.END:
            reached[what] = reached.get(what, 0) + 1


def _name(act: _Act, place: Place | None) -> str:
    """The call and what it was for, by the role of the file."""
    if place is None:
        return "the program"
    event = act.allowed.event(place.begun) if place.begun > place.done else None
    call = place.call or (event.kind.name.lower() if event is not None else "")
    role = event.name.partition("-")[0] if event is not None else ""
    return f"{call} {role or 'folder'}"


def _points_at(place: Place, allowed: Allowed) -> Iterator[KillPoint]:
    yield KillPoint(place.number, Where.ENTRY)
    event = allowed.event(place.begun)
    if event is not None and place.begun > place.done and place.bytes == event.size:
        for count in allowed.cuts(place.begun):
            yield KillPoint(place.number, Where.CUT, count)
    yield KillPoint(place.number, Where.EXIT)


def _unlike(image: Image, nearest: Image, where: str) -> Violation:
    """A violation: the folder holds no content that the law gives for this place."""
    found, wanted = image.content(), nearest.content()
    names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    told = [f"{name}: {_difference(found.get(name), wanted.get(name))}" for name in names[:2]]
    return Violation(SIMULATOR, Breach.WRONG_VALUE, f"{where} left no state of the law: {'; '.join(told)}")


def _acked(act: _Act, word: Word, told: int | None) -> Bound:
    """The bound that the life had acknowledged: its word's, or what who waits was told of since.

    A checkpoint lets those go who wait before it returns with its serials, and calls of the device come in
    between. A life tells only that somebody was let go, and after which call: the simulator knows of what.
    """
    if told is None:
        return word.acked
    return act.world.segment.acked_by(act.allowed.index_before(told + 1))


def _unlike_accounts(act: _Act, index: int, word: Word, acked: Bound) -> Violation | None:
    """A violation if the life was not as far as the simulator's when the call before `index` returns."""
    segment = act.world.segment
    issued, simulated = segment.issued_by(index), segment.acked_by(index)
    if [each.stamp for each in word.issued] == [each.stamp for each in issued] and acked == simulated:
        return None
    detail = f"{len(word.issued)} issued, acknowledged {acked}; simulated {len(issued)}, {simulated}"
    return Violation(SIMULATOR, Breach.WRONG_SERIAL, detail)


def _difference(found: bytes | None, wanted: bytes | None) -> str:
    if found is None or wanted is None:
        return "absent" if found is None else "not there in the simulator"
    if len(found) != len(wanted):
        return f"{len(found)} bytes, simulated {len(wanted)}"
    return f"unlike from byte {next(at for at in range(len(found)) if found[at] != wanted[at])}"


def _because(word: Word) -> str:
    return f": {word.error}" if word.error else ""


def _frozen(bound: Bound) -> object:
    return tuple(sorted(bound.items())) if isinstance(bound, Mapping) else bound
