"""Tapes: encoding, clamping, refusal."""

from __future__ import annotations

import pytest

from powercut.faultfs import Fault
from powercut.verifier.errors import TapeError
from powercut.verifier.tapes.tape import (
    FAULT_NUMBERS,
    OPERATION_NUMBERS,
    Crash,
    Era,
    Kind,
    Operation,
    Tape,
    clamp,
    decode_tape,
    encode_tape,
)

_TAPE = Tape(
    (Era((Operation(Kind.RMW, 1, 2, 1), Operation(Kind.CHECKPOINT)), Crash(1, 2, (0, 1))), Era()), "paired"
)


def test_encoded_tape_decodes_to_itself() -> None:
    assert decode_tape(encode_tape(_TAPE)) == _TAPE


def test_numbers_out_of_range_are_clamped_not_rejected() -> None:
    assert clamp(Operation(Kind.SCAN, 99, 99, 99)) == Operation(Kind.SCAN, 3, 7, 3)
    assert clamp(Operation(Kind.UPSERT, -1, -1, -1)) == Operation()
    decoded = decode_tape(b'{"eras":[{"program":[[2,-4,1,7]],"crash":{"sync":-3,"before":1000}}]}')
    assert decoded.eras[0].program == (Operation(Kind.RMW, 0, 1, 3),)


def test_missing_fields_are_the_dullest() -> None:
    assert decode_tape(b"{}") == Tape()
    assert decode_tape(b'{"eras":[]}').eras == (Era(),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"not json",
        b'{"eras": 3}',
        b'{"format": 2}',
        b"\xff\xfe",
        b'{"eras":[{"program":[["x"]]}]}',
    ],
)
def test_what_is_no_tape_is_refused(data: bytes) -> None:
    with pytest.raises(TapeError):
        decode_tape(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('{"eras":[{"program":[[99,0,0,0]]}]}', "era 1, operation 1: kind 99 is not known"),
        ('{"eras":[{},{"program":[[0,0,0,0],[-1,0,0,0]]}]}', "era 2, operation 2: kind -1 is not known"),
        ('{"eras":[{"program":[[0,0,0]]}]}', "operation 1: 3 numbers, expected 4"),
        ('{"eras":[{"program":[[]]}]}', "operation 1: 0 numbers, expected 4"),
        ('{"eras":[{"program":[[0,0,0,0,0]]}]}', "at most length 4"),
        ('{"eras":[{"faults":[1,0,0,0,0,0]}]}', "faults: 6 numbers, expected 7 each"),
        ('{"eras":[{"switches":[3]}]}', "switches: 1 numbers, expected 2 each"),
        ('{"eras":[],"speed":1}', "unknown field `speed`"),
        ('{"eras":[{"program":[],"length":0}]}', "unknown field `length`"),
        ('{"eras":[{"crash":{"at":3}}]}', "unknown field `at`"),
    ],
)
def test_tape_that_says_more_or_less_than_this_release_plays_is_refused(data: str, told: str) -> None:
    with pytest.raises(TapeError, match=told):
        decode_tape(data.encode())


def test_number_of_numbers_is_that_of_what_they_name() -> None:
    assert len(Fault().digits) == FAULT_NUMBERS
    assert len(Operation.__struct_fields__) == OPERATION_NUMBERS


def test_alphabet_numbers_never_change() -> None:
    assert [kind.name for kind in sorted(Kind)] == [
        "UPSERT",
        "DELETE",
        "RMW",
        "READ",
        "INSERT",
        "CHECKPOINT",
        "REOPEN",
        "START",
        "STEP",
        "FORK",
        "TRUNCATE",
        "START_READ",
        "START_RMW",
        "COMPLETE",
        "RESUME",
        "UPSERT_MANY",
        "READ_MANY",
        "ITEMS",
        "SCAN",
        "TRUNCATE_AT",
        "REOPEN_AS",
        "LOOK_ON",
        "FLUSH",
        "COMPACT",
        "GROW",
        "ENQUEUE",
        "ENQUEUE_MANY",
        "ROLLBACK",
        "ITERATE",
        "PUT",
        "PUT_MANY",
        "APPEND_MANY",
        "ADD_MANY",
        "GET_MANY",
        "RMW_ODD",
        "START_ODD",
        "SCAN_FROM",
        "SAVE",
        "LEAVE",
        "FORGET",
        "ABANDON",
        "MISUSE",
        "VIEWED",
        "FAILED",
        "WRONG",
        "GROUND",
        "OWN",
    ]
    assert (Kind.ENQUEUE, Kind.ITERATE) == (30, 33)
    assert (Kind.SCAN, Kind.PUT, Kind.LEAVE, Kind.GROUND) == (18, 40, 49, 56)
