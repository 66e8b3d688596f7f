"""Judging: evidence held against a law, and a law against evidence.

    sound     every content seen is a crash state of the law, at every half step at which it was seen
    unseen    crash states that no image showed: the law may be laxer than the file system, or the search
              too narrow

Half step 2k is the crash index after k calls; at 2k + 1 any index of the call serves, for nothing says how
far it had come. Contents are judged at sectors of 512 bytes, for images are torn there too; the states of a
law are counted at 4096.

Threads: pure.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..faults.plan import Effect
from ..law.survival import Law
from ..states.enumeration import crash_states
from ..states.membership import Membership
from .contents import is_failure, parse, tell
from .evidence import Collection, Evidence, Sighting
from .program import Program

_STATES = 1 << 12  # Crash points with more states are left out of the count of what was never seen.


class Outside(NamedTuple):
    """A content that a file system showed, and the law does not have, at the first half step where it has it
    not."""

    name: str
    program: str
    sighting: Sighting
    half_step: int

    @property
    def place(self) -> str:
        """The half step in the words of the program."""
        call = Program.parse(self.program).calls[(self.half_step - 1) // 2] if self.half_step else None
        return f"{'in' if self.half_step % 2 else 'after'} {call}" if call else "before all calls"


class Unseen(NamedTuple):
    """A crash state of a law that no image of a scenario showed."""

    name: str
    content: str


class Verdict(NamedTuple):
    """One law against the evidence about one file system.

    `states` are the crash states of the law in all scenarios, each once in a scenario; `unseen` of them no
    image showed.
    """

    law: Law
    title: str
    programs: int
    contents: int
    outside: list[Outside]
    states: int
    unseen: list[Unseen]

    @property
    def is_sound(self) -> bool:
        """True if the law has everything that was seen."""
        return not self.outside


def judge(collection: Collection, law: Law) -> Verdict:
    """Holds all evidence of a collection against a law."""
    programs = collection.programs.values()
    effect = Effect[collection.head.file_system.upper()]
    outside = [found for each in programs for found in outside_of(each, law, effect)]
    states, missing = 0, list[Unseen]()
    for each in programs:
        if not each.is_drawn:
            texts, count = unseen(each, law, effect)
            states += count
            missing += [Unseen(each.name, text) for text in texts]
    return Verdict(law, collection.title, len(programs), collection.contents, outside, states, missing)


def outside_of(evidence: Evidence, law: Law, effect: Effect = Effect.KEPT) -> Iterator[Outside]:
    """Every content of a program that the law does not have where it was seen; `effect` of a failed sync."""
    program = Program.parse(evidence.program)
    indices = program.indices()
    membership = Membership(program.device(effect=effect).trace, law)
    for sighting in evidence.seen:
        step = next(sighting.half_steps())
        if not is_failure(sighting.content):
            image = parse(sighting.content)
            known = {at: membership.has(image, at) for at in _indices_of(sighting, indices)}
            found = [
                each for each in sighting.half_steps() if not any(known[at] for at in _span(each, indices))
            ]
            if not found:
                continue
            step = found[0]
        yield Outside(evidence.name, evidence.program, sighting, step)


def _span(half_step: int, indices: list[int]) -> range:
    """The crash indices of a half step."""
    return range(indices[half_step // 2], indices[(half_step + 1) // 2] + 1)


def _indices_of(sighting: Sighting, indices: list[int]) -> list[int]:
    return sorted({at for step in sighting.half_steps() for at in _span(step, indices)})


def unseen(evidence: Evidence, law: Law, effect: Effect = Effect.KEPT) -> tuple[list[str], int]:
    """The crash states of a law that no image of a program showed, and how many it has in all."""
    trace = Program.parse(evidence.program).device(sector_bytes=4096, effect=effect).trace
    states = crash_states(trace, law, limit=_STATES)
    seen = {sighting.content for sighting in evidence.seen}
    told = [tell(state.image) for state in states]
    return [text for text in told if text not in seen], len(told)
