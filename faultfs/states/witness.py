"""Witness: the digits that lead to a content at another crash index than the one at which it was found.

An enumeration gives a content the digits of the first index at which it is legal. Who tells of it at a later
one needs the digits there, and where that index has more legal states than the limit, enumerating it again
may not come across this one.

Invariants
  1  what is returned leads to the content: its image has been made and its key compared
  2  under `posix` and `posix_split` each chain takes a version of the value that it had; under the other laws
     the index is enumerated, up to WITNESS_LIMIT legal states
"""

from collections.abc import Sequence
from typing import Final

from ..disk.trace import Trace
from ..law.history import History, history_of
from ..law.survival import PRODUCTS, Law, Survivors, choose, digits_of, history_under, image_of
from .enumeration import crash_states

__all__ = ["WITNESS_LIMIT", "witness_at"]

WITNESS_LIMIT: Final = 1 << 14


def witness_at(
    trace: Trace, law: str | Law, key: int, first: int, digits: Sequence[int], index: int
) -> Survivors | None:
    """The digits at `index` of the content of this key that `digits` lead to at `first`; None: not found."""
    law = Law.of(law)
    if law in PRODUCTS:
        history = history_of(trace)
        carried = _carried(history, law, first, digits, index)
        if carried is not None and _leads(history, law, index, carried, key):
            return carried
    then = crash_states(trace, law, start=index, stop=index, limit=WITNESS_LIMIT)
    return next((state.digits for state in then if state.key == key), None)


def _leads(history: History, law: Law, index: int, digits: Sequence[int], key: int) -> bool:
    return image_of(history, index, choose(history, index, digits, law)).key() == key


def _carried(history: History, law: Law, first: int, digits: Sequence[int], index: int) -> Survivors | None:
    """Each chain at a version of the value that it had at `first`; None where one has none left."""
    before = choose(history, first, digits, law)
    under = history_under(history, law)
    choice = {}
    for chain in under.pending(index):
        version = before.get(chain, chain.legal(first)[-1])
        legal = chain.legal(index)
        wanted = chain.values[version]
        if version not in legal:
            alike = [each for each in legal if chain.values[each] == wanted]
            if not alike:
                return None
            version = alike[-1]
        choice[chain] = version
    return digits_of(under, index, choice, law)
