"""The judge of a stress run: the content of a store against the operations of its sessions.

    lists      every stamp of every append is in the pieces of its key exactly once, in its session's order
    sums       every addition is in its sum exactly once, modulo 2**64
    registers  each holds the last write of one of the sessions, whole

The same rules hold for a store at rest and for a recovered one, with ledgers that end at N(s).
It does not judge real time between sessions; `linear` does.
Complexity: O(n log n) in operations, all of it in numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...verdict import OK, Breach, Verdict, Violation
from .ledger import Ledger
from .stamps import (
    CHECK_BITS,
    LIST_BYTES_MAX,
    MASK64,
    SERIAL_MASK,
    SESSION_SHIFT,
    WORD_BYTES,
    Words,
    checks_of,
    find_torn,
    head_of,
    mixed,
    own_checks,
    piece_of,
    session_of,
)

__all__ = ["LIST", "ORACLE", "REGISTER", "SUM", "judge_content", "judge_piece", "key_of", "say"]

ORACLE: Final = "stress"
# Long, so that the kernel is long at a batch of them, and other sessions come to meet it there.
SUM_KEY_BYTES: Final = 256
LIST, SUM, REGISTER = b"list", b"sum-", b"reg-"
_CHECK_MASK: Final = np.uint64((1 << CHECK_BITS) - 1)
_CHECK_SHIFT: Final = np.uint64(CHECK_BITS)
_SESSION_SHIFT: Final = np.uint64(SESSION_SHIFT)
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64((1 << 32) - 1)


def key_of(kind: bytes, number: int) -> bytes:
    """The key with this number."""
    return (kind + number.to_bytes(4, "little")).ljust(SUM_KEY_BYTES if kind == SUM else 0, b".")


def say(identity: int) -> str:
    """The operation, in words."""
    return f"operation {identity & SERIAL_MASK} of session {session_of(identity)}"


def judge_content(
    content: Mapping[bytes, bytes], ledgers: Sequence[Ledger], keys: Mapping[bytes, int]
) -> Verdict:
    """The verdict on `content` by the ledgers; `keys` counts the keys of each kind."""
    known = {key_of(kind, number) for kind, count in keys.items() for number in range(count)}
    strangers = sorted(content.keys() - known)
    if strangers:
        return Violation(ORACLE, Breach.PHANTOM, f"key {strangers[0]!r} was never written")
    pieces = [
        (int.from_bytes(key[len(LIST) :], "little"), piece)
        for key, piece in content.items()
        if key.startswith(LIST)
    ]
    pieces += [(each.number, each.piece) for ledger in ledgers for each in ledger.carried]
    for verdict in (
        judge_lists(pieces, ledgers),
        judge_sums(content, ledgers, keys[SUM]),
        judge_registers(content, ledgers, keys[REGISTER]),
    ):
        if verdict != OK:
            return verdict
    return OK


# -- lists ---------------------------------------------------------------------------------------


def judge_piece(number: int, piece: bytes) -> str:
    """The fault in a list that was read, "" if there is none."""
    wrong = _misshapen(number, piece)
    if wrong:
        return wrong
    stamps = np.frombuffer(_headed(number, piece), np.uint64)[1:]
    checks, names = stamps & _CHECK_MASK, stamps >> _CHECK_SHIFT
    is_right = checks == own_checks(names)
    is_right[1:] |= checks[1:] == checks_of(stamps[:-1])
    is_right[0] |= piece_of(piece) != 0 or checks[0] == 0  # Else it follows the last of the piece before.
    torn = np.flatnonzero(~is_right)
    if len(torn):
        return f"stamp {torn[0]} of {len(stamps)} does not follow the one before it"
    # Sessions are the top bits of a name: sorted by them alone, in order of time, all names ascend.
    ordered = names[np.argsort(names >> _SESSION_SHIFT, kind="stable")]
    back = np.flatnonzero(ordered[1:] <= ordered[:-1])
    return f"{say(int(ordered[back[0] + 1]))} stands behind a later one" if len(back) else ""


def _misshapen(number: int, piece: bytes) -> str:
    """The reason why these bytes cannot be a piece of this list, "" if they can."""
    head = head_of(piece)
    least = (2 if head else 1) * WORD_BYTES
    if len(piece) % WORD_BYTES or not least <= len(piece) <= LIST_BYTES_MAX:
        return f"list {number}: a list of {len(piece)} bytes"
    if head and (head >> 32 != number or not piece_of(piece)):
        return f"list {number}: piece {piece_of(piece)} of list {head >> 32} stands there"
    return ""


def _headed(number: int, piece: bytes) -> bytes:
    """A piece with its head; piece 0 has none where it stands."""
    return piece if head_of(piece) else (number << 32).to_bytes(WORD_BYTES, "little") + piece


def judge_lists(pieces: Sequence[tuple[int, bytes]], ledgers: Sequence[Ledger]) -> Verdict:
    """Judge all pieces, as (number of the list, bytes), those carried off too, in any order."""
    for number, piece in pieces:
        if wrong := _misshapen(number, piece):
            return Violation(ORACLE, Breach.WRONG_VALUE, wrong)
    headed = [_headed(number, piece) for number, piece in pieces]
    ordered = sorted(headed, key=lambda piece: piece[7::-1])  # By key, then piece.
    words = np.frombuffer(b"".join(ordered), np.uint64)
    sizes = np.array([len(piece) // WORD_BYTES for piece in ordered], np.int64)
    starts = np.cumsum(sizes) - sizes
    heads = words[starts] if len(ordered) else words
    verdict = _judge_heads(heads)
    is_stamp = np.ones(len(words), bool)
    is_stamp[starts] = False
    stamps = words[is_stamp]
    keys = np.repeat(heads >> _HALF, sizes - 1)
    found = stamps >> _CHECK_SHIFT
    wanted, wanted_keys, chained = _wanted(ledgers)
    # What is missing says more than the broken chain that it leaves.
    sets = _judge_sets(found, wanted)
    if sets != OK or verdict != OK:
        return sets if sets != OK else verdict
    at, to = np.argsort(found), np.argsort(wanted)
    astray = np.flatnonzero(keys[at] != wanted_keys[to])
    if len(astray):
        first = astray[0]
        detail = (
            f"{say(int(found[at][first]))} was appended to list {wanted_keys[to][first]}, "
            f"and stands in list {keys[at][first]}"
        )
        return Violation(ORACLE, Breach.WRONG_VALUE, detail)
    is_chained = np.empty(len(stamps), bool)
    is_chained[at] = to < chained
    return _judge_chains(stamps, keys, is_chained)


def _wanted(ledgers: Sequence[Ledger]) -> tuple[Words, Words, int]:
    """The identities of all appends, and the keys of each; the first so many are of an `rmw`."""
    names, keys = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for ledger in ledgers:
        names.append(np.array(ledger.appends, np.uint64))
        keys.append(np.array(ledger.append_keys, np.uint64))
    chained = sum(map(len, names))
    for ledger in ledgers:
        for batch in ledger.blind:
            names.append(batch.identities(ledger.session))
            keys.append(batch.keys)
    return np.concatenate(names), np.concatenate(keys), chained


def _judge_heads(heads: Words) -> Verdict:
    """Check that each key has the pieces 0 .. m - 1, each once; `heads` is sorted."""
    is_first = np.ones(len(heads), bool)
    is_first[1:] = heads[1:] >> _HALF != heads[:-1] >> _HALF
    expected = np.zeros(len(heads), np.uint64)
    expected[1:] = (heads[:-1] & _LOW) + np.uint64(1)
    expected[is_first] = 0
    wrong = np.flatnonzero(expected != heads & _LOW)
    if not len(wrong):
        return OK
    key, piece = int(heads[wrong[0]] >> _HALF), int(heads[wrong[0]] & _LOW)
    detail = f"list {key}: piece {piece} where piece {expected[wrong[0]]} is expected"
    return Violation(ORACLE, Breach.WRONG_VALUE, detail)


def _judge_sets(found: Words, wanted: Words) -> Verdict:
    """Check that every stamp is there exactly once."""
    found, wanted = np.sort(found), np.sort(wanted)
    if np.array_equal(found, wanted):
        return OK
    missing = np.setdiff1d(wanted, found)
    if len(missing):
        detail = f"{len(missing)} stamps are in no list, the first of {say(int(missing[0]))}"
        return Violation(ORACLE, Breach.HOLE, detail)
    beyond = np.setdiff1d(found, wanted)
    if len(beyond):
        detail = f"{len(beyond)} stamps were never given, or taken back; the first of {say(int(beyond[0]))}"
        return Violation(ORACLE, Breach.PHANTOM, detail)
    twice = found[1:][found[1:] == found[:-1]]
    return Violation(
        ORACLE, Breach.PHANTOM, f"{len(twice)} stamps stand twice, the first of {say(int(twice[0]))}"
    )


def _judge_chains(stamps: Words, keys: Words, is_chained: NDArray[np.bool_]) -> Verdict:
    """Each stamp follows, in its key's list, the one that its operation found, if it looked; each session's
    ascend."""
    if not len(stamps):
        return OK
    before = np.zeros(len(stamps), np.uint64)
    before[1:] = stamps[:-1]
    before[np.flatnonzero(np.diff(keys, prepend=keys[:1] + np.uint64(1)))] = 0
    identities = stamps >> _CHECK_SHIFT
    checks = np.where(is_chained, checks_of(before), own_checks(identities))
    broken = np.flatnonzero(stamps & _CHECK_MASK != checks)
    if len(broken):
        what = "follows a stamp that it did not find there" if is_chained[broken[0]] else "is torn"
        detail = f"list {keys[broken[0]]}: {say(int(identities[broken[0]]))} {what}"
        return Violation(ORACLE, Breach.WRONG_VALUE, detail)
    sessions = identities >> _SESSION_SHIFT
    order = np.lexsort((sessions, keys))  # Stable: of a session and key, as they stand.
    serials = identities[order] & np.uint64(SERIAL_MASK)
    is_same = (keys[order][1:] == keys[order][:-1]) & (sessions[order][1:] == sessions[order][:-1])
    back = np.flatnonzero(is_same & (serials[1:] <= serials[:-1]))
    if not len(back):
        return OK
    late = int(identities[order][back[0]])
    detail = f"list {keys[order][back[0]]}: {say(late)} stands before a stamp that its session gave earlier"
    return Violation(ORACLE, Breach.WRONG_VALUE, detail)


# -- sums and registers ---------------------------------------------------------------------------


def judge_sums(content: Mapping[bytes, bytes], ledgers: Sequence[Ledger], count: int) -> Verdict:
    """Check that every addition took effect exactly once."""
    wanted = np.zeros(count, np.uint64)
    for ledger in ledgers:
        for batch in ledger.additions:
            np.add.at(wanted, batch.keys, mixed(batch.identities(ledger.session)))
    found = np.zeros(count, np.uint64)
    for number in range(count):
        value = content.get(key_of(SUM, number), bytes(WORD_BYTES))
        if len(value) != WORD_BYTES:
            return Violation(ORACLE, Breach.WRONG_VALUE, f"sum {number} has {len(value)} bytes")
        found[number] = int.from_bytes(value, "little")
    wrong = np.flatnonzero(found != wanted)
    if not len(wrong):
        return OK
    number = int(wrong[0])
    breach, what = _explain(int(found[number]) - int(wanted[number]), number, ledgers)
    return Violation(ORACLE, breach, f"{len(wrong)} of {count} sums are wrong; sum {number}: {what}")


def _explain(excess: int, number: int, ledgers: Sequence[Ledger]) -> tuple[Breach, str]:
    """The single addition to a sum that is missing or doubled, if it is one alone."""
    for breach, what, sought in (
        (Breach.HOLE, "is not in it", np.uint64(-excess & MASK64)),
        (Breach.PHANTOM, "is in it twice", np.uint64(excess & MASK64)),
    ):
        for ledger in ledgers:
            for batch in ledger.additions:
                identities = batch.identities(ledger.session)[batch.keys == number]
                at = np.flatnonzero(mixed(identities) == sought)
                if len(at):
                    return breach, f"{say(int(identities[at[0]]))} {what}"
    return Breach.WRONG_VALUE, "no single addition makes the difference"


def judge_registers(content: Mapping[bytes, bytes], ledgers: Sequence[Ledger], count: int) -> Verdict:
    """Check that each register holds the last write of one session, and all of it."""
    written = [ledger.written(count) for ledger in ledgers]
    for number in range(count):
        value = content.get(key_of(REGISTER, number))
        last = {int(identities[number]) for serials, identities in written if serials[number]}
        if value is None:
            if last and 0 not in last:
                return Violation(
                    ORACLE, Breach.HOLE, f"register {number} is gone, and no session deleted it last"
                )
            continue
        if find_torn([value]) is not None:
            return Violation(
                ORACLE, Breach.WRONG_VALUE, f"register {number}: its {len(value)} bytes are torn"
            )
        found = int.from_bytes(value[:WORD_BYTES], "little") >> CHECK_BITS
        if found not in last:
            detail = f"register {number} holds {say(found)}, which is no session's last"
            return Violation(ORACLE, Breach.WRONG_VALUE, detail)
    return OK
