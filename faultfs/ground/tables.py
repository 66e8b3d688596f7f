"""Tables: the evidence and the claims as rows of FAULTS.md.

Threads: pure.
"""

from collections.abc import Iterable, Iterator

from ..law.survival import Law
from .claims import laws_of
from .evidence import Collection
from .judging import judge


def evidence_rows(collections: Iterable[Collection]) -> Iterator[str]:
    """One row for each file system with its options: how much was tried, and what of it the laws lack.

    Last, of the law that is the file system's own, how many of its states in scenarios no image showed.
    """
    yield "| file system | programs | recordings | images | contents | outside | never seen |"
    yield "|---|---|---|---|---|---|---|"
    for each in collections:
        verdicts = [judge(each, law) for law in laws_of(each.head)]
        outside = ", ".join(f"`{verdict.law}` {len(verdict.outside)}" for verdict in verdicts)
        own = [verdict for verdict in verdicts if verdict.law is not Law.POSIX][-1:]
        unseen = ", ".join(f"`{one.law}` {len(one.unseen)} of {one.states}" for one in own)
        counts = (len(each.programs), each.count("recordings"), each.count("images"), each.contents)
        told = " | ".join(f"{count:,}" for count in counts)
        yield f"| {each.title} | {told} | {outside} | {unseen or '-'} |"
