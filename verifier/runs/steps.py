"""Steps: one operation of a program carried out on the store of a world, and judged.

It gives the operation to the store and holds what comes back against the model. The world takes down what an
oracle objects to.

Invariant: a store that cannot take a step is left as it is, and nothing is objected to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from powercut.faultfs import EventKind

from ..errors import SubjectError
from ..oracles.faults import settle
from ..oracles.prefix import judge_listed
from ..oracles.progress import bounded
from ..reach.collector import anew
from ..spec.mapping import called_on
from ..spec.model import TRUNCATIONS, Issued, Result, progressed, session_name
from ..spec.subject import Bound
from ..tapes.tape import Kind, Operation
from ..verdict import OK, Breach, Violation
from .run import text
from .truncating import acknowledge, roll_back, truncate
from .world import World

__all__ = ["step", "take_steps"]

CHANGES: Final = frozenset(EventKind) - {EventKind.READ, EventKind.LIST, EventKind.SIZE, EventKind.FAULT}


def take_steps(world: World, program: Iterable[Operation]) -> bool:
    """Carry one operation out after another; False if an oracle objects."""
    return all(step(world, operation) for operation in program)


def step(world: World, operation: Operation) -> bool:
    """Carry one operation out; False if an oracle objects."""
    world.segment.step_starts.append(len(world.device.trace))
    kind = Kind(operation.kind)
    if world.fault_oracle.is_poisoned:
        anew("poisoned")
    if kind is Kind.REOPEN:
        return world.close() and world.open()
    if kind is Kind.REOPEN_AS:
        world.segment.count("reopened otherwise")
        reopen = world.make_store.reopen
        make_store = None if reopen is None else reopen(operation, world.subject)
        return world.close() and world.open(make_store)
    if kind not in world.spec.kinds and not (kind is Kind.OWN and operation.size < len(world.spec.own)):
        return True  # It means nothing to this kind of store.
    if world.mounted is None and world.fault_oracle.has_faults:
        return True  # It could not be opened, and may say so.
    world.fault_oracle.begin(world.device.trace)
    try:
        with bounded(world.device):
            is_fine = _take(world, kind, operation)
    except SubjectError:
        raise  # The bench cannot judge what it was done.
    except Exception as error:  # noqa: BLE001
        return world.fail("model", Breach.ERROR, error)
    return _apply(world, operation) if is_fine is None else is_fine


def _take(world: World, kind: Kind, operation: Operation) -> bool | None:
    """Carry out a step that is no operation on a key; None: it is one."""
    if kind in (Kind.CHECKPOINT, Kind.START):
        _choose(world, operation)
    if kind is Kind.CHECKPOINT:
        return _checkpoint(world)
    if kind in (Kind.START, Kind.STEP):
        return _step_checkpoint(world, kind)
    if kind in (Kind.TRUNCATE, Kind.TRUNCATE_AT, Kind.COMPACT, Kind.GROW):
        return truncate(world, operation)
    if kind is Kind.ROLLBACK:
        return roll_back(world, operation)
    if kind is Kind.ITERATE:
        return _iterate(world, operation)
    if kind is Kind.LOOK_ON:
        return _look_on(world)
    if kind is Kind.FLUSH:
        return _flush(world, operation)
    if kind is Kind.OWN and world.spec.own[operation.size].effect is None:
        return _maintain(world, world.spec.own[operation.size].name)
    return None


def _maintain(world: World, name: str) -> bool:
    """Call a method of the store's own that changes nothing that anybody reads."""
    assert world.mounted is not None
    called_on(world.mounted.subject, name)()
    world.observe(name, -1, "", "")
    return world.has_returned()


def _apply(world: World, operation: Operation) -> bool:
    assert world.mounted is not None
    issued, call = world.model.next(operation), world.mounted.subject.apply
    if issued.kind is Kind.OWN:
        own = world.spec.own[operation.size]
        issued, call = (
            replace(issued, effect=own.effect, name=own.name),
            called_on(world.mounted.subject, own.name),
        )
    world.issue(issued)
    try:
        with bounded(world.device):
            returned: Result = call(issued)
    except Exception as error:  # noqa: BLE001
        if world.is_limit(error):
            return _settle(world, issued)
        return world.fail("model", Breach.ERROR, error) and _settle(world, issued)
    if not world.has_returned():
        return False
    expected = world.model.apply(issued)
    what = issued.told
    world.observe(what, operation.session, text(returned), text(expected))
    if returned != expected:
        detail = f"{session_name(issued.session)} {what}: expected {text(expected)}, got {text(returned)}"
        return world.object_to(Violation("model", Breach.WRONG_RESULT, detail))
    return True


def _choose(world: World, operation: Operation) -> None:
    """Choose the kind of the checkpoint that begins, where there are several."""
    if world.mounted is not None and world.mounted.kinds is not None:
        world.mounted.kinds.choose_kind(operation.size)


def _checkpoint(world: World) -> bool:
    assert world.mounted is not None
    at_least = world.at_start if _is_checkpointing(world) else dict(world.model.issued)
    bound = world.mounted.subject.checkpoint()
    if not world.has_returned():
        return False
    before = len(world.segment.acks)
    # A subject that counts nothing promises everything it was given.
    is_fine = acknowledge(world, dict(world.model.issued) if bound is None else bound, at_least)
    if world.spec.confirms_late:
        world.segment.late.update(index for index, _ in world.segment.acks[before:])
    return is_fine


def _step_checkpoint(world: World, kind: Kind) -> bool:
    steps = None if world.mounted is None else world.mounted.steps
    if steps is None:
        return True  # The subject's checkpoints are one step.
    is_under_way = steps.is_checkpointing
    if kind is Kind.START:
        if not is_under_way:
            world.at_start = dict(world.model.issued)
        steps.start()
        return world.has_returned(is_entry=not is_under_way)
    bound = steps.step()
    is_fine = world.has_returned(is_entry=is_under_way)
    return is_fine and (bound is None or acknowledge(world, bound, world.at_start))


def _is_checkpointing(world: World) -> bool:
    """True if the subject has a checkpoint under way that was taken apart into steps."""
    steps = None if world.mounted is None else world.mounted.steps
    return steps is not None and steps.is_checkpointing


def _settle(world: World, issued: Issued) -> bool:
    """Settle an operation that raised: whether it took its serial, and whether it had its effect."""
    assert world.mounted is not None
    life = world.segment.lives[-1]
    counts = world.mounted.counts
    if counts is not None and counts.serials().get(issued.session, 0) < issued.serial:
        del life.history[-1], life.issued_at[-1]
        return True
    if world.fault_oracle.is_poisoned:
        world.fault_oracle.unresolved = issued
        world.model.apply(issued)
        return True
    try:
        with world.fault_oracle.unharmed():
            content = world.mounted.subject.read_all()
    except Exception as error:  # noqa: BLE001
        return world.fail("model", Breach.ERROR, error) and world.abandon()
    settled = settle(issued, content, world.model.content)
    if settled is None:
        what = issued.told
        return world.object_to(Violation("model", Breach.WRONG_VALUE, f"{what} raised and is half done"))
    life.history[-1] = settled
    world.model.apply(settled)
    return True


def _iterate(world: World, operation: Operation) -> bool:
    """Let a named iterator go on, if the subject has any; the next checkpoint makes its progress durable."""
    assert world.mounted is not None
    if world.mounted.iterates is None:
        return True
    session, address = world.mounted.iterates.iterate(operation)
    if not world.has_returned():
        return False
    world.segment.count("iterated")
    if address > world.model.issued.get(session, 0):
        issued = progressed(session, address)
        world.issue(issued)
        world.model.apply(issued)
    return True


def _flush(world: World, operation: Operation) -> bool:
    """Let the store flush beforehand, if it can; a poisoned one does not say so, and does nothing."""
    assert world.mounted is not None
    if world.mounted.flushes is not None:
        world.segment.count("flushed beforehand")
        world.mounted.flushes.drive_flushes(operation)
    return world.has_returned(is_entry=False)


def _before(world: World) -> Bound | None:
    """The checkpoint before the newest, where no truncation has made it go."""
    acked = [bound for _, bound in world.segment.acks if isinstance(bound, Mapping)]
    older = [bound for bound in acked if bound != acked[-1]]
    if not older or not older[-1] or world.fault_oracle.has_faults:
        return None
    is_kept = older[-1].get(TRUNCATIONS) == acked[-1].get(TRUNCATIONS)
    return older[-1] if is_kept else None


def _look_on(world: World) -> bool:
    """Hold the checkpoints that an open store tells against what was acknowledged."""
    assert world.mounted is not None
    if world.mounted.looks_on is None:
        return True
    before = len(world.device.trace)
    listed = world.mounted.looks_on.look_on()
    if not world.has_returned():
        return False
    world.segment.count("looked on")
    verdict = judge_listed(listed, world.acked(), _before(world))
    if verdict == OK and any(event.kind in CHANGES for event in world.device.trace.events[before:]):
        verdict = Violation("model", Breach.WRONG_RESULT, "the store was looked at, and has written")
    return verdict == OK or world.object_to(verdict)
