"""A session's promises about its operations, and the uses of it that are errors."""

from collections.abc import Callable

import pytest

from powercut.engine import (
    ClosedError,
    DeviceError,
    FasterKv,
    IndexFullError,
    MemoryDevice,
    OperationError,
    SessionError,
    Settings,
    UnknownSessionError,
)

Bad = Callable[..., object]


def push_out(store: FasterKv, name: str = "filler") -> None:
    """Write so much that everything before it is on the device only."""
    with store.session(name) as session:
        for number in range(6):
            session.upsert(b"filler-%d" % number, bytes(500))


def test_results_on_records_in_memory(store: FasterKv) -> None:
    with store.session("s") as s:
        assert s.read(b"k") is None
        assert s.insert(b"k", b"1") is True
        assert s.insert(b"k", b"2") is False
        assert s.read(b"k") == b"1"
        assert s.delete(b"k") is True
        assert s.delete(b"k") is False
        assert s.read(b"k") is None
        assert s.insert(b"k", b"3") is True
        assert s.serial == 8


def test_results_on_records_on_the_device(store: FasterKv) -> None:
    with store.session("s") as s:
        s.upsert(b"kept", b"1")
        s.upsert(b"gone", b"1")
        assert s.delete(b"gone") is True
        push_out(store)
        assert s.insert(b"kept", b"2") is False
        assert s.read(b"kept") == b"1"
        assert s.delete(b"gone") is False
        assert s.insert(b"gone", b"back") is True
        push_out(store)
        assert s.delete(b"kept") is True
        push_out(store)
        assert s.read(b"kept") is None
        assert s.read(b"gone") == b"back"
        assert s.rmw(b"gone", lambda old: (old or b"") + b"!") == b"back!"
    store.check()


@pytest.mark.parametrize("is_cold", [False, True])
def test_rmw_that_raises_leaves_the_store_as_it_was(store: FasterKv, is_cold: bool) -> None:
    with store.session("s") as s:
        s.upsert(b"k", b"1")
        if is_cold:
            push_out(store)
        with pytest.raises(ZeroDivisionError):
            s.rmw(b"k", lambda old: bytes(1 // 0))
        assert s.serial == 2
        assert s.read(b"k") == b"1"
    store.check()


def test_rmw_that_returns_none_leaves_the_value(store: FasterKv) -> None:
    with store.session("s") as s:
        s.upsert(b"k", b"1")
        assert s.rmw(b"k", lambda old: None) is None
        assert s.rmw(b"new", lambda old: None) is None
        assert s.read(b"k") == b"1"
        assert dict(store.items()) == {b"k": b"1"}


def test_rmw_calls_again_where_another_session_was_faster(store: FasterKv) -> None:
    with store.session("s") as s, store.session("fast") as fast:
        s.upsert(b"k", b"0")
        seen: list[bytes | None] = []

        def append(old: bytes | None) -> bytes:
            if not seen:
                fast.upsert(b"k", b"other")
            seen.append(old)
            return (old or b"") + b"+"

        assert s.rmw(b"k", append) == b"other+"
        assert seen == [b"0", b"other"]
        assert s.serial == 2


def test_rmw_whose_result_is_no_value_changes_nothing(store: FasterKv) -> None:
    with store.session("s") as s:
        s.upsert(b"k", b"1")
        with pytest.raises(OperationError):
            s.rmw(b"k", lambda old: "text")  # type: ignore[arg-type, return-value]
        with pytest.raises(OperationError):
            s.rmw(b"k", lambda old: bytes(5000))
        assert s.read(b"k") == b"1"


@pytest.mark.parametrize(
    "bad",
    [
        lambda s: s.read(b""),
        lambda s: s.read("text"),
        lambda s: s.read([b"k"]),
        lambda s: s.upsert(b"k", None),
        lambda s: s.upsert(b"k", bytes(937)),
        lambda s: s.upsert(bytes(1000), b""),
        lambda s: s.insert(b"", b"v"),
        lambda s: s.delete(b"k" * 200_000),
    ],
)
def test_an_argument_that_is_not_valid_takes_no_serial(store: FasterKv, bad: Bad) -> None:
    with store.session("s") as s:
        with pytest.raises(OperationError):
            bad(s)
        assert s.serial == 0


def test_the_longest_record_fits(store: FasterKv) -> None:
    with store.session("s") as s:
        for key in (b"one", b"two", b"six"):
            s.upsert(key, key * 312)
            assert s.read(key) == key * 312
        assert s.read(b"one") == b"one" * 312
    store.check()


def test_a_live_name_is_not_given_twice(store: FasterKv) -> None:
    session = store.session("s")
    for call in (store.session, store.resume_session, store.forget_session):
        with pytest.raises(SessionError, match="live"):
            call("s")
    session.close()
    session.close()
    assert store.resume_session("s").serial == 0


def test_an_unknown_name_is_not_resumed(store: FasterKv) -> None:
    with pytest.raises(UnknownSessionError, match="nobody"):
        store.resume_session("nobody")
    with pytest.raises(KeyError):
        store.forget_session("nobody")


def test_a_closed_session_does_nothing_more(store: FasterKv) -> None:
    with store.session("s") as s:
        pass
    with pytest.raises(ClosedError):
        s.upsert(b"k", b"v")
    assert store.serials() == {"s": 0}


def test_a_forgotten_name_starts_again_at_nothing(device: MemoryDevice, tiny: Settings) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store:
        with store.session("s") as s:
            s.upsert(b"k", b"v")
        store.checkpoint()
        store.forget_session("s")
        with store.session("s") as s:
            s.read(b"k")
            s.read(b"k")
        assert store.close() == {"s": 2}
    with FasterKv.open(device) as store:
        assert store.serials() == {"s": 1}


def test_two_operations_of_one_session_at_once_are_refused(store: FasterKv) -> None:
    with store.session("s") as s:

        def meddle(old: bytes | None) -> bytes:
            s.read(b"other")
            return b"never"

        with pytest.raises(SessionError, match="in use"):
            s.rmw(b"k", meddle)
        assert s.read(b"k") is None
        assert s.serial == 2


def test_no_overflow_bucket_left_loses_nothing(device: MemoryDevice, tiny: Settings) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store, store.session("s") as s:
        written: dict[bytes, bytes] = {}

        def write_on() -> None:
            for number in range(10_000):
                s.upsert(b"%d" % number, b"v")
                written[b"%d" % number] = b"v"

        with pytest.raises(IndexFullError):
            write_on()
        assert len(written) > 400
        store.check()
        assert dict(store.items()) == written
        s.upsert(b"0", b"still works")


def test_a_read_error_of_the_device_is_told_and_passes(
    failing: MemoryDevice, tiny: Settings, fail_once: Callable[[str, str], object]
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny) as store, store.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(store)
        failing.fails = fail_once("read", "segment")  # type: ignore[attr-defined]
        with pytest.raises(DeviceError):
            s.read(b"k")
        assert s.read(b"k") == b"v"


def test_a_write_error_while_a_page_is_made_free_is_told_and_passes(
    failing: MemoryDevice, tiny: Settings, fail_once: Callable[[str, str], object]
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny) as store, store.session("s") as s:
        failing.fails = fail_once("write", "segment")  # type: ignore[attr-defined]
        done: list[int] = []

        def write_on() -> None:
            for number in range(10):
                s.upsert(b"%d" % number, bytes(400))
                done.append(number)

        with pytest.raises(DeviceError):
            write_on()
        s.upsert(b"again", bytes(400))
        store.check()
        assert {int(key) for key, _ in store.items() if key != b"again"} >= set(done)


@pytest.mark.parametrize("is_cold", [False, True])
@pytest.mark.parametrize("is_begun", [False, True])
def test_value_too_long_for_a_long_key_is_refused_where_a_function_gave_it(
    store: FasterKv, is_begun: bool, is_cold: bool
) -> None:
    """Key and value are each as long as some record's may be, and together longer than any's."""
    most = store.settings.page_bytes - 80
    key = b"k" * (most // 2 // 8 * 8)
    fits, longer = bytes(most - len(key)), bytes(most - len(key) + 1)
    with store.session("s") as s:
        s.upsert(key, b"before")
        if is_cold:
            push_out(store)

        def change(value: bytes) -> bytes | None:
            if not is_begun:
                return s.rmw(key, lambda _: value)
            ticket = s.start_rmw(key, lambda _: value)
            s.complete_pending()
            return ticket.result()

        with pytest.raises(OperationError, match="expected at most"):
            change(longer)
        assert s.read(key) == b"before"
        assert change(fits) == fits
        assert s.read(key) == fits
    store.check()
