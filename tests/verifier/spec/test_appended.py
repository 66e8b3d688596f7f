"""Logs as subjects: what is asked of one, and what of its entries is an error."""

from __future__ import annotations

from typing import Any

import pytest

from powercut.verifier.errors import SubjectError
from powercut.verifier.spec.appended import Appended, EntriesError, appended, is_log, kinds_of
from powercut.verifier.spec.model import Model
from powercut.verifier.spec.spec import APPENDED, PLAIN, StoreMaker
from powercut.verifier.spec.subject import mount
from powercut.verifier.tapes.operations import batch_of
from powercut.verifier.tapes.tape import Kind, Operation


class Plain:
    def __init__(self, *found: bytes) -> None:
        self.held = list(found)

    def append(self, entry: bytes) -> None:
        self.held.append(entry)

    def commit(self) -> None: ...

    def entries(self) -> list[bytes]:
        return list(self.held)

    def close(self) -> None: ...


class Whole(Plain):
    def append_many(self, entries: list[bytes]) -> None:
        self.held += entries

    def drop_oldest(self, count: int) -> None:
        del self.held[:count]

    def drop_newest(self, count: int) -> None:
        del self.held[len(self.held) - count :]


def _given(log: Plain, *kinds: Kind) -> Any:
    """The log on the bench, given these; CHECKPOINT is a commit."""
    subject: Any = appended(log)
    model = Model()
    for kind in kinds:
        if kind is Kind.CHECKPOINT:
            subject.checkpoint()
            continue
        issued = model.next(Operation(kind))
        subject.apply(issued)
        model.apply(issued)
    return subject


def test_log_is_asked_for_what_it_has() -> None:
    assert kinds_of(Plain) == {Kind.ENQUEUE, Kind.CHECKPOINT, Kind.REOPEN}
    assert kinds_of(Whole()) == APPENDED.kinds
    plain, whole = mount(appended(Plain())), mount(appended(Whole()))
    assert (plain.truncates_at_once, plain.rolls_back) == (None, None)
    assert whole.truncates_at_once is not None
    assert whole.rolls_back is not None


def test_class_of_logs_is_its_own_maker_and_a_store_with_apply_is_none() -> None:
    class Store(Plain):
        def apply(self, issued: object) -> None: ...

    def make(device: object) -> Plain:
        return Plain()

    assert StoreMaker.of(Plain).spec.kinds == kinds_of(Plain)  # type: ignore[arg-type]
    assert StoreMaker.of(make).spec is PLAIN  # type: ignore[arg-type]
    assert isinstance(StoreMaker.of(make)(None), Appended)  # type: ignore[arg-type]
    assert is_log(Plain)
    assert not is_log(Store)


@pytest.mark.parametrize("name", ["drop_oldset", "append_mny", "dropnewest"])
def test_misspelt_method_is_an_error_and_not_a_weaker_test(name: str) -> None:
    odd = type("Odd", (Plain,), {name: lambda self, count: None})
    with pytest.raises(SubjectError, match=f"the log Odd has {name}: is .* meant"):
        appended(odd())


def test_what_is_no_log_is_an_error() -> None:
    with pytest.raises(SubjectError, match=r"the log int has no append\(\)"):
        appended(1)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((b"0.2;", b"0.1;"), "out of order, or twice: b'0.2;', b'0.1;'"),
        ((b"0.1;", b"0.1;"), "out of order, or twice"),
        ((b"0.1;\0\0",), "is an entry that nobody appended"),
        ((b"x" * 99,), "b'xxxxxxxxxxxxxxxxxxxxxxxx'... of 99 bytes is an entry that nobody appended"),
    ],
)
def test_entries_that_were_not_appended_so_are_told(found: tuple[bytes, ...], told: str) -> None:
    with pytest.raises(EntriesError) as raised:
        appended(Plain(*found)).read_all()
    assert told in str(raised.value)


def test_only_what_a_commit_had_goes_from_the_front_and_each_begin_on_the_way_is_told() -> None:
    one, many = Kind.ENQUEUE, Kind.ENQUEUE_MANY
    subject = _given(Whole(), many, one, Kind.CHECKPOINT, one)
    everything = subject.plan_truncation(Operation(Kind.TRUNCATE_AT, 0, 0, 0))
    assert [begin for begin, _ in everything.ways] == [1, 2, 3, 4]
    assert (everything.before, everything.expected) == (0, 4)
    assert everything.gone == {*batch_of(b"0.1;"), b"0.2;"}
    assert subject.plan_truncation(Operation(Kind.TRUNCATE_AT, 0, 0, 1)).gone == {*batch_of(b"0.1;")}
    assert subject.truncate_at_once(Operation(Kind.TRUNCATE_AT, 0, 0, 1)) == (3, None)
    assert subject.log.held == [b"0.2;", b"0.3;"]
    # The newest that a commit had stays, so nothing is to do.
    nothing = subject.plan_truncation(Operation(Kind.TRUNCATE_AT, 0, 0, 2))
    assert (nothing.expected, nothing.ways) == (nothing.before, ())


def test_only_what_no_commit_had_goes_from_the_end() -> None:
    one, many = Kind.ENQUEUE, Kind.ENQUEUE_MANY
    subject = _given(Whole(), one, Kind.CHECKPOINT, one, many)
    assert subject.roll_back(Operation(Kind.ROLLBACK, 0, 0, 1)) == {0: 2}
    assert subject.log.held == [b"0.1;", b"0.2;"]
    assert subject.roll_back(Operation(Kind.ROLLBACK)) == {0: 1}
    assert subject.roll_back(Operation(Kind.ROLLBACK)) is None
    assert subject.log.held == [b"0.1;"]


def test_what_an_opening_found_is_durable() -> None:
    subject: Any = appended(Whole(b"0.1;", b"0.2;"))
    assert subject.roll_back(Operation(Kind.ROLLBACK)) is None
    assert subject.plan_truncation(Operation(Kind.TRUNCATE_AT)).gone == {b"0.1;", b"0.2;"}
