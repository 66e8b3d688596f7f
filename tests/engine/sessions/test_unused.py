"""Names that nobody uses are forgotten after so many checkpoints of others' work, and no others are."""

from __future__ import annotations

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings, SettingsError, UnknownSessionError


def opened(device: MemoryDevice, settings: Settings, forget_after: int | None = 3) -> FasterKv:
    return FasterKv.open(device, create=True, settings=settings, forget_after=forget_after)


def work(store: FasterKv, count: int, name: str | None = "worker") -> None:
    """So many checkpoints, each with an operation of that session."""
    for _ in range(count):
        with store.session(name) as session:
            session.upsert(b"k", b"v")
        store.checkpoint()


def use(store: FasterKv, name: str) -> None:
    with store.session(name) as session:
        session.read(b"k")


def test_a_name_is_forgotten_after_so_many_checkpoints_that_others_worked_for(
    device: MemoryDevice, tiny: Settings
) -> None:
    with opened(device, tiny) as store:
        use(store, "left")
        work(store, 3)
        assert store.serials() == {"left": 1, "worker": 3}
        work(store, 1)
        assert store.serials() == {"worker": 4}
        with pytest.raises(UnknownSessionError):
            store.resume_session("left")
        assert store.newest is not None
        assert store.newest.serials == {"left": 1, "worker": 4}
        assert store.checkpoint().serials == {"worker": 4}
    with opened(device, tiny) as store:
        assert store.serials() == {"worker": 4}
        with store.session("left") as again:  # Another session, of the same name.
            assert again.serial == 0


def test_without_being_asked_for_none_is_forgotten(device: MemoryDevice, tiny: Settings) -> None:
    with opened(device, tiny, None) as store:
        use(store, "left")
        work(store, 40)
        assert store.serials() == {"left": 1, "worker": 40}


@pytest.mark.parametrize("name", ["worker", None])
def test_work_of_a_session_without_a_name_counts_as_well(
    device: MemoryDevice, tiny: Settings, name: str | None
) -> None:
    with opened(device, tiny) as store:
        use(store, "left")
        work(store, 4, name)
        assert "left" not in store.serials()


def test_checkpoints_that_only_forget_are_no_work(device: MemoryDevice, tiny: Settings) -> None:
    with opened(device, tiny) as store:
        for name in "abcdef":
            use(store, name)
            work(store, 1)
        assert sorted(store.serials()) == ["d", "e", "f", "worker"]
        for _ in range(20):
            store.checkpoint()
        assert sorted(store.serials()) == ["d", "e", "f", "worker"]


def test_one_that_is_used_taken_up_again_or_live_stays(device: MemoryDevice, tiny: Settings) -> None:
    with opened(device, tiny) as store, store.session("live") as live:
        for name in ("used", "taken up"):
            use(store, name)
        for _ in range(6):
            work(store, 2)
            use(store, "used")
            store.resume_session("taken up").close()
        assert sorted(store.serials()) == ["live", "taken up", "used", "worker"]
        assert live.serial == 0
        store.checkpoint()
        work(store, 3)
        assert sorted(store.serials()) == ["live", "worker"]


def test_one_with_operations_that_no_checkpoint_holds_stays(device: MemoryDevice, tiny: Settings) -> None:
    with opened(device, tiny) as store:
        use(store, "late")
        work(store, 3)
        with store.session("worker") as session:
            session.upsert(b"k", b"v")
        ticket = store.start_checkpoint()
        while store.phase.name != "IN_PROGRESS":
            ticket.advance()
        use(store, "late")  # In the next version.
        ticket.result()
        assert store.serials()["late"] == 2
        assert store.checkpoint().serials["late"] == 2


def test_a_checkpoint_that_is_kept_answers_for_a_name_that_was_forgotten(
    device: MemoryDevice, tiny: Settings
) -> None:
    with opened(device, tiny) as store:
        use(store, "left")
        work(store, 1)
        pinned = store.pin("with it")
        work(store, 4)
        assert "left" not in store.serials()
        store.checkpoint()
    with FasterKv.open(device, read_only=True, version=pinned.version, settings=tiny) as store:
        assert store.serials() == {"left": 1, "worker": 1}
        assert store.resume_session("left").serial == 1
    with pytest.raises(SettingsError, match="expected at least 5 checkpoints, which are kept, or None"):
        FasterKv.open(device, settings=tiny, keep=5, forget_after=4)
