"""Programs: the count by formula beside the programs made, up to renaming and no further."""

from __future__ import annotations

from itertools import product
from random import Random

from powercut.verifier.tapes.programs import ALPHABET, count_programs, random_tapes, small_programs
from powercut.verifier.tapes.tape import Kind, Operation, encode_tape

Program = tuple[Operation, ...]


def _renamed(program: Program, *, swap_keys: bool, swap_sessions: bool) -> Program:
    return tuple(
        Operation(each.kind, each.session ^ swap_sessions, each.key ^ swap_keys)
        if each.kind < Kind.CHECKPOINT
        else each
        for each in program
    )


def test_counts_follow_the_formula() -> None:
    assert [count_programs(steps) for steps in range(1, 5)] == [5, 52, 692, 9616]
    programs = list(small_programs(3))
    assert [sum(len(program) == steps for program in programs) for steps in range(4)] == [1, 5, 52, 692]


def test_every_sequence_has_exactly_one_representative() -> None:
    representatives = set(small_programs(2))
    for program in product(ALPHABET, repeat=2):
        renamings = {
            _renamed(program, swap_keys=keys, swap_sessions=sessions)
            for keys in (False, True)
            for sessions in (False, True)
        }
        assert len(renamings & representatives) == 1


def test_prefixes_of_representatives_come_before_them() -> None:
    seen: set[Program] = set()
    for program in small_programs(3):
        assert not program or program[:-1] in seen
        seen.add(program)


def test_random_tapes_are_a_function_of_the_generator() -> None:
    def drawn(seed: int) -> list[bytes]:
        return [encode_tape(tape) for tape in random_tapes(Random(seed), 30, ("tiny", "paired"), "posix", 9)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_random_tapes_hold_the_promised_shares() -> None:
    tapes = list(random_tapes(Random(3), 60, ("tiny",), "posix", 9))
    with_checkpoint = sum(
        any(each.kind == Kind.CHECKPOINT for each in tape.eras[0].program) for tape in tapes
    )
    assert with_checkpoint >= 30
    assert sum(len(tape.eras) > 1 for tape in tapes) == 20
