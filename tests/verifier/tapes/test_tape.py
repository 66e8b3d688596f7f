"""Tapes: encoding, clamping, refusal."""

from __future__ import annotations

import pytest

from powercut.verifier.errors import TapeError
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape, clamp, decode_tape, encode_tape

_TAPE = Tape(
    (Era((Operation(Kind.RMW, 1, 2, 1), Operation(Kind.CHECKPOINT)), Crash(1, 2, (0, 1))), Era()), "paired"
)


def test_encoded_tape_decodes_to_itself() -> None:
    assert decode_tape(encode_tape(_TAPE)) == _TAPE


def test_numbers_out_of_range_are_clamped_not_rejected() -> None:
    assert clamp(Operation(99, 99, 99, 99)) == Operation(max(Kind), 3, 7, 3)
    assert clamp(Operation(-1, -1, -1, -1)) == Operation(0, 0, 0, 0)
    decoded = decode_tape(b'{"eras":[{"program":[[99,-4,1,7]],"crash":{"sync":-3,"before":1000}}]}')
    assert decoded.eras[0].program == (Operation(max(Kind), 0, 1, 3),)


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
    ]
