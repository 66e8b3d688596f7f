"""One damage of a medium: what its numbers mean, and what files hold after it."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from powercut.faultfs import EventKind, FaultDevice, Image
from powercut.faultfs.faults.rot import Damage, How, changes, describe, spans, touches, versions
from powercut.verifier.finders.damage import Sweep, damaged_tape
from powercut.verifier.finders.sites import MEDIA, alike, bits, sites
from powercut.verifier.runs.play import play
from powercut.verifier.runs.steps import step
from powercut.verifier.runs.world import World
from powercut.verifier.tapes.tape import Kind, Tape

_A, _B = bytes(range(1, 17)), b"x" * 12
CONTENT = {"a": _A, "b": _B}
PAST = {"a": [b"old" + _A[3:], b"older", _A], "b": [_B], "gone": [b"was here"]}


@pytest.mark.parametrize(
    ("damage", "changed"),
    [
        (Damage(), {}),
        (Damage(How.FLIP, 1, 0, 3, 2), {"a": _A[:3] + bytes([_A[3] ^ 4]) + _A[4:]}),
        (Damage(How.FLIP, 4, 1, 1), {"b": b"xxxx\x87\x87\x87\x87xxxx"}),
        (Damage(How.ZERO, 8, 0, 1), {"a": _A[:8] + bytes(8)}),
        (Damage(How.ZERO, 8, 0, 99), {"a": _A[:8] + bytes(8)}),
        (Damage(How.GARBLE, 0, 1, 0, 5), {"b": Random(5).randbytes(12)}),
        (Damage(How.STALE, 0, 0), {"a": b"older"}),
        (Damage(How.STALE, 0, 0, 0, 1), {"a": b"old" + _A[3:]}),
        (Damage(How.STALE, 0, 0, 0, 9), {"a": b"old" + _A[3:]}),
        (Damage(How.STALE, 4, 0), {"a": b"olde" + _A[4:]}),
        (Damage(How.STALE, 4, 0, 0, 1), {"a": b"old" + _A[3:]}),
        (Damage(How.STALE, 8, 0, 1), {}),  # It never held anything else there.
        (Damage(How.STALE, 0, 2), {"gone": b"was here"}),
        (Damage(How.SWAP, 0, 0, 0, 1), {"a": _B, "b": _A}),
        (Damage(How.SWAP, 0, 0, 0, 0), {}),
        (Damage(How.CUT, 0, 1), {"b": None}),
        (Damage(How.CUT, 4, 0, 2), {"a": _A[:8]}),
        (Damage(How.CUT, 0, 2), {}),
        (Damage(How.ZERO, 4, 2), {}),
    ],
)
def test_what_files_hold_after_a_damage(damage: Damage, changed: dict[str, bytes | None]) -> None:
    assert changes(damage, CONTENT, PAST) == changed


def test_pieces_of_one_length_change_places_and_others_do_not() -> None:
    content = {"a": b"1" * 512 + b"2" * 100, "b": b"3" * 512}
    assert changes(Damage(How.SWAP, 512, 0, 0, 2), content, {}) == {
        "a": b"3" * 512 + b"2" * 100,
        "b": b"1" * 512,
    }
    assert changes(Damage(How.SWAP, 512, 0, 1, 2), content, {}) == {}
    assert Damage.of((How.SWAP, 1, 0, 0, 2)).size == 512  # Two bytes of two copies are two sites.


def test_numbers_are_clamped_and_every_tuple_is_a_damage() -> None:
    assert Damage.of(()) == Damage()
    assert Damage.of((99, -1, 3, -4, 5, 6, 7)) == Damage(max(How), 0, 3, 0, 5, 1)
    random = Random(1)
    for _ in range(500):
        numbers = [random.randrange(-2, 12) for _ in range(random.randrange(8))]
        damage = Damage.of(numbers)
        assert Damage.of(damage.digits()) == damage
        for name, data in changes(damage, CONTENT, PAST).items():
            assert data != CONTENT.get(name)
        assert changes(damage, {}, {}) == {}


def test_spans_name_the_bytes_that_differ() -> None:
    assert spans(CONTENT, {"a": _A[:3] + b"zz" + _A[5:]}) == [("a", 3, 5)]
    assert spans(CONTENT, {"a": _A[:8], "b": None}) == [("a", 8, 16), ("b", 0, 12)]
    (span,) = spans(CONTENT, {"a": _A[:8]})
    assert [span.meets("a", at, 4) for at in (0, 4, 5, 15, 16)] == [False, False, True, True, False]
    assert not span.meets("b", 8, 8)
    assert (
        describe(Damage(How.CUT, 8, 0, 1, 0, 1), [span])
        == "cut: a from byte 8 to 16, while the store is open"
    )
    assert describe(Damage(), []) == "nothing"


def test_past_is_every_content_that_a_file_really_had() -> None:
    device = FaultDevice(Image.of({"kept": b"k"}))
    device.create("a")
    device.write("a", 2, b"cd")
    device.write("a", 0, b"ab")
    device.truncate("a", 3)
    device.write("a", 0, b"ab")
    device.remove("a")
    assert versions([device.trace]) == {"kept": [b"k"], "a": [b"", b"\0\0cd", b"abcd", b"abc"]}


def test_past_of_a_path_is_what_came_to_it_under_other_names_and_in_folders_too() -> None:
    device = FaultDevice()
    for number in range(3):  # As a store that replaces its file, and keeps the one before.
        device.create("new")
        device.write("new", 0, b"%d" % number)
        if number:
            device.rename("now", "old")
        device.rename("new", "now")
    device.remove("old")
    device.make_folder("at")
    device.create("at/log")
    device.write("at/log", 1, b"e")
    device.link("at/log", "other")
    device.exchange("other", "now")
    device.rename("at", "to")
    device.allocate("now", 0, 3)
    assert versions([device.trace]) == {
        "new": [b"", b"0", b"1", b"2"],
        "now": [b"0", b"1", b"2", b"\0e", b"\0e\0"],
        "old": [b"0", b"1"],
        "other": [b"\0e", b"2"],
        "at/log": [b"", b"\0e"],
        "to/log": [b"\0e", b"\0e\0"],
    }


def test_what_is_read_in_a_folder_is_known_by_its_path() -> None:
    device = FaultDevice()
    device.make_folder("at")
    device.create("at/log")
    device.write("at/log", 0, b"abc")
    since = len(device.trace)
    device.rename("at", "to")
    device.read_into("to/log", 1, bytearray(2))
    assert touches(device.trace, since) == [(EventKind.READ, "to/log", 1, 2)]
    assert touches(device.trace)[0] == (EventKind.WRITE, "at/log", 0, 3)


def test_sites_are_distinct_and_fall_on_every_byte() -> None:
    content = {"root-a": bytes(512), "segment-00000000": bytes(1536), "tables": bytes(700)}
    past = {name: [data] for name, data in content.items()}
    every = list(sites(content, past, 1024))
    assert len(set(every)) == len(every)
    for number, (name, data) in enumerate(sorted(content.items())):
        for size in (512, 1024):
            zeroed = {d.position for d in every if (d.how, d.size, d.file) == (How.ZERO, size, number)}
            assert zeroed == set(range(-(-len(data) // size))), name
    assert {bit.file for bit in bits(content, past)} == {0, 2}


def test_alike_damages_keep_kind_and_size() -> None:
    like = list(alike(Damage(How.STALE, 4, 0, 0, 0, 1), CONTENT, PAST))
    assert {(d.how, d.size, d.is_open) for d in like} == {(How.STALE, 4, 1)}
    assert {(d.file, d.position) for d in like} == {(0, n) for n in range(4)} | {(1, n) for n in range(3)}
    assert {d.file for d in alike(Damage(How.FLIP, 1, 1, 0, 3), CONTENT, PAST)} == {1}


_SMALL = MEDIA["one checkpoint"]


def test_played_tape_tells_its_damage_and_repeats() -> None:
    tape = damaged_tape(_SMALL, Damage(How.CUT, 0, 1))
    run = play(tape)
    assert run.damaged == "cut: root-b from byte 0 to 512"
    assert run.digest() == play(tape).digest() != play(replace(tape, eras=_SMALL.eras)).digest()


def test_damage_that_changes_nothing_is_an_undamaged_run() -> None:
    run = play(damaged_tape(Tape(()), Damage(How.ZERO, 512, 0)))
    assert run.damaged == ""


def test_truncation_keeps_all_content_and_takes_segments_away() -> None:
    world = World(Sweep(MEDIA["truncated"])._make_store)
    tape = MEDIA["truncated"]
    assert world.open()
    for operation in tape.eras[0].program:
        before = dict(world.model.content)
        assert step(world, operation)
        if operation.kind == Kind.TRUNCATE:
            assert world.model.content == before
    assert world.inspect()
    assert world.probe()
    assert "segment-00000000" not in world.device.list()
