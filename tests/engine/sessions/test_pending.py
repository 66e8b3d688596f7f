"""Operations that are begun now and completed later; both kernel modes."""

from collections.abc import Callable

import pytest

from powercut.engine import (
    ClosedError,
    CorruptionError,
    DeviceError,
    FasterKv,
    MemoryDevice,
    OperationError,
    SessionError,
    Settings,
)
from powercut.verifier.faster.stepped import SteppedRuntime

Push = Callable[[FasterKv], None]
FailOnce = Callable[[str, str], object]


def append(old: bytes | None) -> bytes:
    return (old or b"") + b"+"


class Held(SteppedRuntime):
    """A submitted call runs when it is let go, and not before; a wait with a deadline waits for that, and
    gives up. Its clock does not begin at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = True
        self.clock = 1_000.0

    def now(self) -> float:
        return self.clock

    def wait(self, tickets: object, deadline: float | None = None) -> bool:
        if self.is_held and deadline is not None:
            self.clock = max(self.clock, deadline)
            return False
        return super().wait(tickets, deadline)  # type: ignore[arg-type]


# -- reads -------------------------------------------------------------------------------------------


def test_a_read_in_memory_has_ended_at_once(either: FasterKv) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        ticket = s.start_read(b"k")
        assert ticket.is_done
        assert ticket.result() == b"v"
        assert s.start_read(b"nobody").result() is None
        assert s.complete_pending()
        assert s.serial == 3


def test_a_cold_read_is_pending_until_it_is_completed(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(either)
        ticket = s.start_read(b"k")
        nobody = s.start_read(b"nobody")
        assert not ticket.is_done
        assert s.pending >= 1
        with pytest.raises(OperationError, match="complete_pending"):
            ticket.result()
        assert s.serial == 3
        assert s.complete_pending()
        assert (ticket.result(), nobody.result(), s.pending) == (b"v", None, 0)
        assert ticket.result() == b"v"
        assert s.serial == 3


@pytest.mark.parametrize("change", ["upsert", "delete", "rmw"])
def test_a_read_finds_the_value_as_of_its_issue(either: FasterKv, push_out: Push, change: str) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"then")
        push_out(either)
        ticket = s.start_read(b"k")
        if change == "upsert":
            s.upsert(b"k", b"now")
        elif change == "delete":
            s.delete(b"k")
        else:
            s.rmw(b"k", append)
        push_out(either)  # What is newer is on the device too by now.
        assert s.complete_pending()
        assert ticket.result() == b"then"
        assert s.read(b"k") == {"upsert": b"now", "delete": None, "rmw": b"then+"}[change]


def test_a_read_of_a_deleted_key_finds_nothing(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(either)
        s.delete(b"k")  # A record of its own, which hides the one on the device.
        push_out(either)
        ticket = s.start_read(b"k")
        assert not ticket.is_done
        s.upsert(b"k", b"w")
        s.complete_pending()
        assert ticket.result() is None


def test_reads_of_several_keys_are_answered_each_by_its_own(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        for number in range(9):
            s.upsert(b"%d" % number, b"v%d" % number)
        push_out(either)
        tickets = [s.start_read(b"%d" % number) for number in range(9)]
        assert s.pending == 9
        assert s.complete_pending()
        assert [ticket.result() for ticket in tickets] == [b"v%d" % number for number in range(9)]


@pytest.mark.parametrize("kind", ["read", "rmw"])
def test_an_error_of_the_device_is_the_tickets_and_not_the_completions(
    failing: MemoryDevice, tiny: Settings, kernels: str, push_out: Push, fail_once: FailOnce, kind: str
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        push_out(store)
        failing.fails = fail_once("read", "segment")  # type: ignore[attr-defined]
        ticket = s.start_read(b"k") if kind == "read" else s.start_rmw(b"k", append)
        assert s.complete_pending()
        for _ in range(2):
            with pytest.raises(DeviceError):
                ticket.result()
        assert s.read(b"k") == b"v"
        assert store.checkpoint().serials["s"] == 3
        assert (s.serial, s.pending) == (3, 0)


def test_damage_is_the_tickets_too(
    device: MemoryDevice, tiny: Settings, kernels: str, push_out: Push
) -> None:
    with FasterKv.open(device, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        push_out(store)
        device.write("segment-00000000", 90, b"rotten")
        tickets = [s.start_read(b"k"), s.start_rmw(b"k", append)]
        s.complete_pending()
        for ticket in tickets:
            with pytest.raises(CorruptionError):
                ticket.result()
        assert store.checkpoint().serials["s"] == 3


# -- read, call, write ---------------------------------------------------------------------------------


def test_an_rmw_in_memory_has_ended_at_once(either: FasterKv) -> None:
    with either.session("s") as s:
        assert s.start_rmw(b"k", append).result() == b"+"
        assert s.start_rmw(b"k", append).result() == b"++"
        assert s.start_rmw(b"k", lambda old: None).result() is None
        assert (s.read(b"k"), s.serial, s.pending) == (b"++", 4, 0)
        assert either.checkpoint().serials == {"s": 4}


def test_a_cold_rmw_takes_effect_when_it_is_completed(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(either)
        ticket = s.start_rmw(b"k", append)
        assert not ticket.is_done
        assert s.read(b"k") == b"v"
        assert s.complete_pending()
        assert (ticket.result(), s.read(b"k"), s.serial) == (b"v+", b"v+", 4)
    either.check()


def test_pending_rmws_of_one_key_all_take_effect(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(either)
        tickets = [s.start_rmw(b"k", append) for _ in range(4)]
        assert s.pending == 4
        assert s.complete_pending()
        assert [ticket.result() for ticket in tickets] == [b"v+", b"v++", b"v+++", b"v++++"]
        assert s.read(b"k") == b"v++++"


@pytest.mark.parametrize("change", ["upsert", "delete"])
def test_an_rmw_is_made_of_what_is_there_when_it_takes_effect(
    either: FasterKv, push_out: Push, change: str
) -> None:
    with either.session("s") as s, either.session("other") as other:
        s.upsert(b"k", b"then")
        push_out(either)
        ticket = s.start_rmw(b"k", append)
        if change == "upsert":
            other.upsert(b"k", b"now")
        else:
            other.delete(b"k")
        s.complete_pending()
        assert ticket.result() == s.read(b"k") == (b"now+" if change == "upsert" else b"+")


@pytest.mark.parametrize("is_cold", [False, True])
def test_a_function_that_raises_ends_its_ticket_and_leaves_the_value(
    either: FasterKv, push_out: Push, is_cold: bool
) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        if is_cold:
            push_out(either)
        ticket = s.start_rmw(b"k", lambda old: bytes(1 // 0))
        wrong = s.start_rmw(b"k", lambda old: "text")  # type: ignore[arg-type, return-value]
        s.complete_pending()
        with pytest.raises(ZeroDivisionError):
            ticket.result()
        with pytest.raises(OperationError, match="expected bytes"):
            wrong.result()
        assert s.read(b"k") == b"v"
        assert s.serial == 4
        assert either.checkpoint().serials["s"] == 4


def test_values_far_longer_than_those_before_are_completed(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"long" * 40, b"v" * 600)
        push_out(either)
        read = s.start_read(b"long" * 40)
        ticket = s.start_rmw(b"long" * 40, lambda old: (old or b"") + b"!" * 50)
        s.upsert(b"k", b"1")
        s.complete_pending()
        assert read.result() == b"v" * 600
        assert ticket.result() == b"v" * 600 + b"!" * 50 == s.read(b"long" * 40)


@pytest.mark.parametrize(
    "bad",
    [
        lambda s: s.start_read(b""),
        lambda s: s.start_read("text"),
        lambda s: s.start_rmw(b"", append),
        lambda s: s.start_rmw(b"k", None),
    ],
)
def test_an_argument_that_is_not_valid_takes_no_serial(store: FasterKv, bad: Callable[..., object]) -> None:
    with store.session("s") as s:
        with pytest.raises(OperationError):
            bad(s)
        assert (s.serial, s.pending) == (0, 0)
    with pytest.raises(ClosedError):
        s.start_read(b"k")
    with pytest.raises(ClosedError):
        s.complete_pending()


def test_a_function_that_meddles_with_its_own_session_is_refused(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(either)
        ticket = s.start_rmw(b"k", lambda old: s.read(b"k"))
        s.complete_pending()
        with pytest.raises(SessionError, match="in use"):
            ticket.result()
        assert s.read(b"k") == b"v"


# -- not waiting ---------------------------------------------------------------------------------------


def test_what_the_device_has_not_answered_stays_pending(tiny: Settings, push_out: Push) -> None:
    runtime = Held()
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=runtime) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        push_out(store)
        read, rmw = s.start_read(b"k"), s.start_rmw(b"k", append)
        assert not s.complete_pending(wait=False)
        assert not s.complete_pending(timeout=5.0)
        assert runtime.clock == 1_005.0  # Seconds from now, not a moment on the clock.
        assert (read.is_done, rmw.is_done, s.pending, store.stats().pending) == (False, False, 2, 2)
        runtime.is_held = False
        assert s.complete_pending(timeout=5.0)
        assert (read.result(), rmw.result(), s.pending) == (b"v", b"v+", 0)


def test_closing_completes(either: FasterKv, push_out: Push) -> None:
    s = either.session("s")
    s.upsert(b"k", b"v")
    push_out(either)
    read, rmw = s.start_read(b"k"), s.start_rmw(b"k", append)
    s.close()
    assert (read.result(), rmw.result()) == (b"v", b"v+")
    with either.session("s") as s:
        assert (s.serial, s.read(b"k")) == (3, b"v+")
    assert either.checkpoint().serials["s"] == 4


def test_closing_the_store_completes(
    device: MemoryDevice, tiny: Settings, kernels: str, push_out: Push
) -> None:
    store = FasterKv.open(device, create=True, settings=tiny, kernels=kernels)
    s = store.session("s")
    s.upsert(b"k", b"v")
    push_out(store)
    read = s.start_read(b"k")
    store.close()
    assert read.result() == b"v"
