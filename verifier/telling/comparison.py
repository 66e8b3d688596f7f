"""Comparison: for a verdict about an opening, the expected content beside the recovered one.

Session by session the counts, and key by key the values; what does not agree has an arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from powercut.faultfs import FaultDevice, survivor_image

from ..oracles.prefix import meets, show
from ..oracles.structure import recovered_bound
from ..runs.run import Run
from ..spec.model import Issued, replay, session_name
from ..spec.spec import StoreMaker
from ..spec.subject import Bound, MakeStore
from ..tapes.tape import Tape

__all__ = ["WIDTH", "compare", "count_of", "rule", "tell_bound"]

WIDTH: Final = 100


def compare(tape: Tape, run: Run, make_store: MakeStore) -> list[str]:
    """The expected content beside the recovered one, where the verdict is about an opening."""
    segment = run.segments[-1]
    if not segment.lives or segment.lives[-1].opened is not None:
        return []
    life = segment.lives[-1]
    lines = [rule("expected against recovered")]
    acked = segment.acked_by(len(segment.trace))
    try:
        device = FaultDevice(survivor_image(segment.trace, life.start, (), tape.law))
        mounted = StoreMaker.of(make_store).mount(device)
        recovered, content = recovered_bound(mounted), mounted.subject.read_all()
    except Exception as error:  # noqa: BLE001 (whatever a subject raises is what came of it)
        lines.append(f"  expected   a store; acknowledged: {tell_bound(acked)}")
        return [*lines, f"  recovered  none: {type(error).__name__}: {error}"]
    lines += _sessions(life.before, acked, recovered)
    is_named = recovered is not None and meets(recovered, acked)
    cut = recovered if is_named and recovered is not None else acked
    expected = replay(*_prefix(life.before, cut))
    which = "the recovered cut" if is_named else "what was acknowledged"
    lines += ["", f"  {'key':<10}{f'expected by {which}':<40}recovered"]
    for key in sorted(expected.keys() | content.keys()):
        wanted, found = expected.get(key), content.get(key)
        mark = "" if wanted == found else "   <--"
        lines.append(f"  {key.decode():<10}{show(wanted):<40}{show(found)}{mark}")
    if not expected and not content:
        lines.append("  no key in either")
    return lines


def _sessions(before: list[Issued], acked: Bound, recovered: Bound | None) -> Iterator[str]:
    if not isinstance(acked, Mapping) or not isinstance(recovered, Mapping):
        yield f"  operations: {tell_bound(acked)} acknowledged, {len(before)} issued, recovered: " + (
            "a cut without a name" if recovered is None else tell_bound(recovered)
        )
        return
    issued = {each.session: each.serial for each in before}
    yield f"  {'session':<10}{'acknowledged':>12}{'recovered':>12}{'issued':>12}"
    for session in sorted({*acked, *recovered, *issued}):
        low, found, high = acked.get(session, 0), recovered.get(session, 0), issued.get(session, 0)
        mark = "" if low <= found <= high else "   <--"
        yield f"  {session_name(session):<10}{low:>12}{found:>12}{high:>12}{mark}"


def _prefix(history: list[Issued], bound: Bound) -> tuple[list[Issued], Mapping[int, int]]:
    if isinstance(bound, Mapping):
        return history, bound
    return history[:bound], {each.session: each.serial for each in history[:bound]}


def tell_bound(bound: Bound) -> str:
    if not isinstance(bound, Mapping):
        return f"the first {count_of(bound, 'operation')}" if bound else "nothing yet"
    named = [f"{session_name(session)} up to #{count}" for session, count in sorted(bound.items()) if count]
    return ", ".join(named) or "nothing yet"


def count_of(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def rule(title: str) -> str:
    return f"---- {title} ".ljust(WIDTH, "-")
