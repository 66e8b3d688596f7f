"""The judge of stress: what a store may hold after what its sessions did, and all that it may not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from powercut.verifier.finders.stress.judge import LIST, REGISTER, SUM, judge_content, judge_piece, key_of
from powercut.verifier.finders.stress.ledger import Batch, Carried, Ledger
from powercut.verifier.finders.stress.stamps import (
    CHECK_BITS,
    HEAD_LIMIT,
    LIST_BYTES_MAX,
    blind,
    check_of,
    find_torn,
    identity,
    mixed,
    registers,
)
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

KEYS = {LIST: 2, SUM: 2, REGISTER: 2}


class Made:
    """A store's content and the ledgers of two sessions, made without a store."""

    def __init__(self) -> None:
        self.ledgers = [Ledger(0), Ledger(1)]
        self.content: dict[bytes, bytes] = {}
        self.lists: dict[int, list[int]] = {}
        self.last = 0  # Of list 0, before its piece.
        for session, number in ((0, 0), (1, 0), (0, 1), (0, 0), (1, 0)):
            self.append(session, number)
        self.carry(1, 0)
        self.append(0, 0)
        self.append_many(1, [1, 1])
        self.append(0, 1)
        for session in (0, 1):
            self.add(session, [0, 1, 0])
            self.write(session, [0, 1], 3)

    def next(self, session: int) -> int:
        self.ledgers[session].serial += 1
        return self.ledgers[session].serial

    def append(self, session: int, number: int) -> None:
        ledger = self.ledgers[session]
        name = identity(session, ledger.era, self.next(session))
        words = self.lists.setdefault(number, [])
        before = words[-1] if words and words[-1] >= HEAD_LIMIT else self.last if number == 0 else 0
        words.append(name << CHECK_BITS | (check_of(before) if before else 0))
        ledger.appends.append(name)
        ledger.append_keys.append(number)
        self.put(number)

    def append_many(self, session: int, numbers: list[int]) -> None:
        ledger = self.ledgers[session]
        batch = Batch(ledger.serial + 1, ledger.era, np.array(numbers, np.uint64))
        ledger.serial += len(numbers)
        ledger.blind.append(batch)
        for number, stamp in zip(numbers, blind(batch.identities(session)).tolist(), strict=True):
            self.lists.setdefault(number, []).append(stamp)
            self.put(number)

    def carry(self, session: int, number: int) -> None:
        words = self.lists[number]
        self.last = words[-1]
        self.ledgers[session].carried.append(Carried(self.ledgers[session].serial + 1, number, packed(words)))
        self.lists[number] = [number << 32 | 1]
        self.append(session, number)

    def put(self, number: int) -> None:
        self.content[key_of(LIST, number)] = packed(self.lists[number])

    def add(self, session: int, numbers: list[int]) -> None:
        ledger = self.ledgers[session]
        batch = Batch(ledger.serial + 1, ledger.era, np.array(numbers, np.uint64))
        ledger.serial += len(numbers)
        ledger.additions.append(batch)
        for number, stamp in zip(numbers, mixed(batch.identities(session)).tolist(), strict=True):
            self.change_sum(number, stamp)

    def change_sum(self, number: int, delta: int) -> None:
        key = key_of(SUM, number)
        before = int.from_bytes(self.content.get(key, b""), "little")
        self.content[key] = ((before + delta) % 2**64).to_bytes(8, "little")

    def write(self, session: int, numbers: list[int], width: int) -> None:
        ledger = self.ledgers[session]
        batch = Batch(ledger.serial + 1, ledger.era, np.array(numbers, np.uint64))
        ledger.serial += len(numbers)
        ledger.upserts.append(batch)
        for number, value in zip(numbers, registers(batch.identities(session), width), strict=True):
            self.content[key_of(REGISTER, number)] = value.tobytes()

    def judge(self) -> Verdict:
        return judge_content(self.content, self.ledgers, KEYS)


def packed(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(8, "little") for word in words)


def breach_of(verdict: Verdict) -> Breach | None:
    return verdict.breach if isinstance(verdict, Violation) else None


# ---- the judge


def test_content_that_is_what_the_sessions_did_is_accepted() -> None:
    assert Made().judge() == OK


def swap_stamps(made: Made) -> None:
    words = made.lists[0]
    words[1], words[2] = words[2], words[1]
    made.put(0)


def move_stamp(made: Made) -> None:
    """The last stamp of list 0 stands at the end of list 1, with the check that it would have there."""
    name = made.lists[0].pop() >> CHECK_BITS
    made.lists[1].append(name << CHECK_BITS | check_of(made.lists[1][-1]))
    made.put(0)
    made.put(1)


def turn_serials(made: Made) -> None:
    """Two stamps of one session change places, and every check is made to fit."""
    words, before = made.lists[0], made.last
    names = [word >> CHECK_BITS for word in words[1:]]
    made.append(0, 0)
    names = [word >> CHECK_BITS for word in made.lists[0][1:]]
    names[-1], names[-2] = names[-2], names[-1]
    chained = [made.lists[0][0]]
    for name in names:
        chained.append(name << CHECK_BITS | check_of(before))
        before = chained[-1]
    made.lists[0] = chained
    made.put(0)


def double_stamp(made: Made) -> None:
    words = made.lists[1]
    words.append(words[-1] >> CHECK_BITS << CHECK_BITS | check_of(words[-1]))
    made.put(1)


def lose_stamp(made: Made) -> None:
    made.lists[0].pop()
    made.put(0)


def lose_blind(made: Made) -> None:
    made.append_many(1, [0, 1])
    made.lists[1].pop()
    made.put(1)


def double_blind(made: Made) -> None:
    made.append_many(1, [0, 1])
    made.lists[1].append(made.lists[1][-1])
    made.put(1)


def turn_blind(made: Made) -> None:
    made.append_many(1, [1, 1])
    made.lists[1][-2:] = made.lists[1][:-3:-1]
    made.put(1)


def chain_blind(made: Made) -> None:
    """A blind stamp with the check of the stamp before it, which its operation did not look at."""
    made.append_many(1, [1])
    words = made.lists[1]
    words[-1] = words[-1] >> CHECK_BITS << CHECK_BITS | check_of(words[-2])
    made.put(1)


def move_blind(made: Made) -> None:
    made.append_many(1, [1])
    made.lists[0].append(made.lists[1].pop())
    made.put(0)
    made.put(1)


def lose_head(made: Made) -> None:
    made.lists[0].pop(0)
    made.put(0)


def lose_piece(made: Made) -> None:
    made.ledgers[1].carried.clear()


def set_content(kind: bytes, number: int, value: bytes) -> Callable[[Made], None]:
    return lambda made: made.content.__setitem__(key_of(kind, number), value)


def lose_addition(made: Made) -> None:
    made.change_sum(1, -int(mixed(np.array([identity(0, 0, 7)], np.uint64))[0]))


def double_addition(made: Made) -> None:
    made.change_sum(1, int(mixed(np.array([identity(0, 0, 7)], np.uint64))[0]))


def older_register(made: Made) -> None:
    made.write(0, [0], 1)
    value = made.content[key_of(REGISTER, 0)]
    made.write(0, [0], 2)
    made.content[key_of(REGISTER, 0)] = value


def mixed_register(made: Made) -> None:
    key = key_of(REGISTER, 0)
    made.content[key] = made.content[key][:-8] + bytes(8)


@pytest.mark.parametrize(
    ("damage", "breach", "detail"),
    [
        (lose_stamp, Breach.HOLE, "1 stamps are in no list, the first of operation 4 of session 0"),
        (lose_blind, Breach.HOLE, "1 stamps are in no list, the first of operation 12 of session 1"),
        (lose_piece, Breach.HOLE, "4 stamps are in no list"),
        (double_stamp, Breach.PHANTOM, "1 stamps stand twice, the first of operation 5 of session 0"),
        (double_blind, Breach.PHANTOM, "1 stamps stand twice, the first of operation 12 of session 1"),
        (turn_blind, Breach.WRONG_VALUE, "stands before a stamp that its session gave earlier"),
        (chain_blind, Breach.WRONG_VALUE, "operation 11 of session 1 is torn"),
        (move_blind, Breach.WRONG_VALUE, "was appended to list 1, and stands in list 0"),
        (lose_head, Breach.WRONG_VALUE, "list 0: piece 0 where piece 1 is expected"),
        (swap_stamps, Breach.WRONG_VALUE, "follows a stamp that it did not find"),
        (move_stamp, Breach.WRONG_VALUE, "was appended to list 0, and stands in list 1"),
        (turn_serials, Breach.WRONG_VALUE, "stands before a stamp that its session gave earlier"),
        (set_content(LIST, 0, bytes(9)), Breach.WRONG_VALUE, "a list of 9 bytes"),
        (set_content(LIST, 0, b""), Breach.WRONG_VALUE, "a list of 0 bytes"),
        (set_content(LIST, 0, packed([1])), Breach.WRONG_VALUE, "a list of 8 bytes"),
        (set_content(LIST, 0, bytes(LIST_BYTES_MAX + 8)), Breach.WRONG_VALUE, "bytes"),
        (set_content(LIST, 0, packed([1 << 32 | 1, 1 << 63])), Breach.WRONG_VALUE, "of list 1 stands there"),
        (lose_addition, Breach.HOLE, "sum 1: operation 7 of session 0 is not in it"),
        (double_addition, Breach.PHANTOM, "sum 1: operation 7 of session 0 is in it twice"),
        (set_content(SUM, 0, bytes(9)), Breach.WRONG_VALUE, "sum 0 has 9 bytes"),
        (older_register, Breach.WRONG_VALUE, "which is no session's last"),
        (mixed_register, Breach.WRONG_VALUE, "torn"),
        (lambda made: made.content.pop(key_of(REGISTER, 1)), Breach.HOLE, "register 1 is gone"),
        (set_content(b"odd-", 0, b""), Breach.PHANTOM, "was never written"),
    ],
)
def test_content_that_is_not_is_refused(
    damage: Callable[[Made], object], breach: Breach, detail: str
) -> None:
    made = Made()
    damage(made)
    verdict = made.judge()
    assert breach_of(verdict) == breach
    assert detail in str(verdict)


def test_recovered_content_holds_exactly_the_prefix() -> None:
    made = Made()
    before = dict(made.content)
    serial = made.ledgers[0].serial
    made.append(0, 1)
    made.append_many(0, [0, 1])
    made.add(0, [1])
    assert made.judge() == OK
    made.ledgers[0].cut(serial)
    assert breach_of(made.judge()) == Breach.PHANTOM
    made.content = before
    assert made.judge() == OK
    assert (made.ledgers[0].serial, made.ledgers[0].era) == (serial, 1)
    made.ledgers[0].cut(serial - 3)
    assert made.judge() != OK, "an operation that was taken back has an effect"


def test_torn_register_and_torn_list_are_seen_where_they_are_read() -> None:
    whole = [value.tobytes() for value in registers(np.array([5, 6], np.uint64), 4)]
    assert find_torn(whole) is None
    assert find_torn([whole[0], whole[0][:16] + whole[1][16:]]) == 1
    assert find_torn([whole[0][:24]]) == 0
    made = Made()
    for number, words in made.lists.items():
        assert judge_piece(number, packed(words)) == ""
    assert "of list 1 stands there" in judge_piece(1, packed([1 << 32, *made.lists[1]]))
    one, other = made.lists
    torn = "stamp 1 of 2 does not follow the one before it"
    assert judge_piece(one, packed([*made.lists[one][:2], made.lists[other][0]])) == torn
    assert judge_piece(one, packed([*made.lists[one][:2], 7])) == torn
    first, second, third, last = made.lists[other]
    assert judge_piece(other, packed([first, second, third])) == ""
    assert (
        judge_piece(other, packed([first, third, second]))
        == "operation 4 of session 1 stands behind a later one"
    )
    assert (
        judge_piece(other, packed([first, second, second]))
        == "operation 4 of session 1 stands behind a later one"
    )
    assert judge_piece(other, packed([first, second ^ 1])) == torn
    assert judge_piece(other, packed([first, last])) == torn
