"""Comparison: for a verdict about an opening, the expected content beside the recovered one.

Session by session the counts, and key by key the values; what does not agree has an arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from powercut.faultfs import FaultDevice, survivor_image

from ..oracles.prefix import meets, show
from ..oracles.structure import recovered_bound
from ..runs.run import Run
from ..spec.model import Issued, replay, session_name
from ..spec.spec import StoreMaker
from ..spec.subject import Bound, MakeStore
from ..tapes.tape import Tape

__all__ = ["WIDTH", "Comparison", "compare", "compared", "count_of", "rule", "tell_bound"]

WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """An opening that was objected to: what was expected of it, and what came of it.

    sessions  (name, acknowledged, recovered, issued, whether they agree); empty where prefixes have no names
    keys      (key, expected, recovered, whether they agree): values in words
    """

    acked: Bound
    which: str  # By what the content is expected: what was acknowledged, or the prefix that was named.
    error: str = ""  # What the store raised in the place of a content.
    counts: str = ""
    sessions: tuple[tuple[str, int, int, int, bool], ...] = ()
    keys: tuple[tuple[str, str, str, bool], ...] = ()


def compared(tape: Tape, run: Run, make_store: MakeStore) -> Comparison | None:
    """The expected content beside the recovered one; None where the verdict is not about an opening."""
    segment = run.segments[-1]
    if not segment.lives or segment.lives[-1].opened is not None:
        return None
    life = segment.lives[-1]
    acked = segment.acked_by(len(segment.trace))
    try:
        device = FaultDevice(survivor_image(segment.trace, life.start, (), tape.law))
        mounted = StoreMaker.of(make_store).mount(device)
        recovered, content = recovered_bound(mounted), mounted.subject.read_all()
    except Exception as error:  # noqa: BLE001 (whatever a subject raises is what came of it)
        return Comparison(acked, "", f"{type(error).__name__}: {error}")
    is_named = recovered is not None and meets(recovered, acked)
    cut = recovered if is_named and recovered is not None else acked
    expected = replay(*_prefix(life.before, cut))
    found = tuple(
        (key.decode(), show(expected.get(key)), show(content.get(key)), expected.get(key) == content.get(key))
        for key in sorted(expected.keys() | content.keys())
    )
    which = "the recovered cut" if is_named else "what was acknowledged"
    counts, sessions = _counts(life.before, acked, recovered)
    return Comparison(acked, which, "", counts, sessions, found)


def compare(tape: Tape, run: Run, make_store: MakeStore) -> list[str]:
    """The expected content beside the recovered one in lines, where the verdict is about an opening."""
    found = compared(tape, run, make_store)
    if found is None:
        return []
    lines = [rule("expected against recovered")]
    if found.error:
        lines.append(f"  expected   a store; acknowledged: {tell_bound(found.acked)}")
        return [*lines, f"  recovered  none: {found.error}"]
    if found.counts:
        lines.append(f"  {found.counts}")
    else:
        lines.append(f"  {'session':<10}{'acknowledged':>12}{'recovered':>12}{'issued':>12}")
    for name, low, recovered, high, is_fine in found.sessions:
        lines.append(f"  {name:<10}{low:>12}{recovered:>12}{high:>12}{'' if is_fine else '   <--'}")
    lines += ["", f"  {'key':<10}{f'expected by {found.which}':<40}recovered"]
    for key, wanted, there, is_fine in found.keys:
        lines.append(f"  {key:<10}{wanted:<40}{there}{'' if is_fine else '   <--'}")
    if not found.keys:
        lines.append("  no key in either")
    return lines


def _counts(
    before: list[Issued], acked: Bound, recovered: Bound | None
) -> tuple[str, tuple[tuple[str, int, int, int, bool], ...]]:
    """Of prefixes without names one line; of others a row for each session."""
    if not isinstance(acked, Mapping) or not isinstance(recovered, Mapping):
        there = "a cut without a name" if recovered is None else tell_bound(recovered)
        return (
            f"operations: {tell_bound(acked)} acknowledged, {len(before)} issued, recovered: {there}",
            (),
        )
    issued = {each.session: each.serial for each in before}
    rows = []
    for session in sorted({*acked, *recovered, *issued}):
        low, found, high = acked.get(session, 0), recovered.get(session, 0), issued.get(session, 0)
        rows.append((session_name(session), low, found, high, low <= found <= high))
    return "", tuple(rows)


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
