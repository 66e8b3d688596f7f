"""Truncations and rollbacks of a world's store, and what a store says is durable, held against the model.

Invariant: a truncation that may be found on the disk from some index on is taken down there.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..oracles.prefix import judge_report
from ..spec.history import Life
from ..spec.model import FORGOTTEN, Issued, forgettings, named, truncation
from ..spec.subject import TruncatesAtOnce, Truncation, bound_of
from ..tapes.tape import Kind, Operation
from ..verdict import OK, Breach, Violation
from .run import plain
from .world import World

__all__ = ["acknowledge", "roll_back", "truncate", "truncations"]


def truncations(planned: Truncation) -> list[Issued]:
    """The truncations that this one comes to: none where it does nothing, one for each begin on its way."""
    if planned.expected <= planned.before:
        return []
    return [truncation(*way) for way in planned.ways or ((planned.expected, planned.gone),)]


def truncate(world: World, operation: Operation) -> bool:
    """Truncate the log, if the subject can: below what is live, or where the operation says."""
    assert world.mounted is not None
    if world.mounted.truncates_at_once is not None:
        return _truncate_at_once(world, world.mounted.truncates_at_once, operation)
    if world.mounted.truncates_at is not None:
        done = world.mounted.truncates_at.truncate_at(operation)
        if operation.kind == Kind.COMPACT and done.begin > done.before:
            world.segment.count("compacted")
        if operation.kind == Kind.GROW:
            world.segment.count("grown")
        return world.has_returned() and _take_away(world, done)
    truncates = world.mounted.truncates if operation.kind == Kind.TRUNCATE else None
    if truncates is not None:
        truncates.truncate()
    return world.has_returned(is_entry=truncates is not None)


def _truncate_at_once(world: World, truncates: TruncatesAtOnce, operation: Operation) -> bool:
    """Hold a truncation against its plan; from before it begins its effect may be found."""
    life = world.segment.lives[-1]
    with world.fault_oracle.unharmed():
        planned = truncates.plan_truncation(operation)
    is_new, issued = planned.expected > planned.before, truncations(planned)
    for each in issued:
        world.issue(each)
    try:
        begin, bound = truncates.truncate_at_once(operation)
    except Exception as error:  # noqa: BLE001
        if not world.fail("model", Breach.ERROR, error):
            return False
        if is_new and world.fault_oracle.is_poisoned:
            world.model.history += issued  # It may have been made; what is read tells nothing any more.
        elif is_new and planned.ways:
            return _settle_truncation(world, issued)
        elif is_new:
            del life.history[-1], life.issued_at[-1]
        return True
    if not world.has_returned():
        return False
    if begin != planned.expected:
        detail = f"a truncation made {begin} the begin, expected {planned.expected}"
        return world.object_to(Violation("model", Breach.WRONG_RESULT, detail))
    world.observe("truncate", -1, str(begin), str(planned.expected))
    if is_new:
        world.segment.count("truncated at once")
    for each in issued:
        world.model.apply(each)
    return bound is None or acknowledge(world, bound, {})


def _settle_truncation(world: World, issued: list[Issued]) -> bool:
    """Settle one that raised, of a store that may come by several begins: a read says how far it came."""
    assert world.mounted is not None
    try:
        with world.fault_oracle.unharmed():
            content = world.mounted.subject.read_all()
    except Exception as error:  # noqa: BLE001
        return world.fail("model", Breach.ERROR, error) and world.abandon()
    left = list(issued)
    while left and world.model.content != content:
        world.model.apply(left.pop(0))
    world.model.history += left  # What is not read may be on the disk.
    return True


def _take_away(world: World, done: Truncation) -> bool:
    """Hold a truncation against its promise, and take what it took from the model."""
    if done.begin != done.expected:
        detail = f"a truncation made {done.begin} the begin, expected {done.expected}"
        return world.object_to(Violation("model", Breach.WRONG_RESULT, detail))
    world.observe("truncate", -1, str(done.begin), str(done.expected))
    if done.begin == done.before:
        return True
    if done.gone:
        world.segment.count("truncated away")
    issued = truncation(done.begin, done.gone)
    world.issue(issued)
    world.model.apply(issued)
    return True


def acknowledge(world: World, reported: object, at_least: Mapping[int, int]) -> bool:
    bound = bound_of(reported, "checkpoint")
    if world.is_unnamed:  # It counts from before what is known here: of sessions all that is due holds.
        if not isinstance(bound, Mapping):
            return True
        bound = dict(at_least)
    if isinstance(bound, Mapping):
        # What was forgotten since it began is in the next one.
        forgot = forgettings(world.model.history)[: at_least.get(FORGOTTEN, 0)]
        bound = named(bound, forgot)
    world.observe("checkpoint", -1, plain(bound), "")
    verdict = judge_report(world.model.history, world.acked(), bound, at_least)
    if verdict != OK:
        return world.object_to(verdict)
    index = len(world.device.trace)
    durable = None if world.mounted is None else world.mounted.durable
    told_at = None if durable is None else durable.told_at()
    if told_at is not None:
        index = min(index, told_at)  # Who waits for it may have reported it before the call returned.
    world.segment.acks.append((index, bound))
    world.segment.checkpointed = min(world.segment.checkpointed, index)
    if world.mounted is not None and world.mounted.forgets is not None:
        for name in world.mounted.forgets.forgotten():
            world.segment.count("forgotten")
            issued = world.model.forgetting(name)
            world.issue(issued)
            world.model.apply(issued)
    return True


def roll_back(world: World, operation: Operation) -> bool:
    """Drop what is not durable, if the subject can: from here on it was never issued."""
    assert world.mounted is not None
    if world.mounted.rolls_back is None:
        return True
    life = Life(len(world.device.trace), list(world.model.history))
    left = world.mounted.rolls_back.roll_back(operation)
    if not world.has_returned():
        return False
    if left is None:
        return True
    # Truncations and progress stay: nothing but operations is dropped.
    bound = {session: serial for session, serial in world.model.issued.items() if session < 0} | dict(left)
    world.segment.count("rolled back")
    world.observe("rollback", -1, plain(bound), "")
    world.model.recover(bound)
    life.opened = len(world.device.trace)
    life.history = list(world.model.history)
    life.base = len(life.history)
    world.segment.lives.append(life)
    return True
