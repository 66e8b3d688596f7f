"""Growth of the index: no key changes by it, whatever it meets, and it is remembered."""

from collections.abc import Callable
from random import Random
from threading import Thread

import pytest

from powercut.engine import FasterKv, IndexFullError, MemoryDevice, OperationError, SessionError, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.engine.sessions.session import Session
from powercut.engine.settings import plan_memory
from powercut.engine.upkeep import growth
from powercut.verifier.faster.stepped import SteppedRuntime

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
SMALL = {"page_bytes": 4096, "segment_bytes": 8192, "write_unit": 512, "extent_bytes": 512}


def settings_of(buckets: int | None, hash_mask: int = (1 << 64) - 1, ring_pages: int = 4) -> Settings:
    return Settings(**SMALL, hash_mask=hash_mask, ring_pages=ring_pages, index_buckets=buckets)


@pytest.mark.parametrize("kernels", MODES)
# All bits; few tags under the same low bits; one tag, and four low bits; all keys in one chain.
@pytest.mark.parametrize("hash_mask", [(1 << 64) - 1, 63 << 58 | 7, 15, 0])
def test_no_key_changes_whatever_a_growth_meets(kernels: str, hash_mask: int) -> None:
    random, device, content = Random(hash_mask), MemoryDevice(), dict[bytes, bytes]()
    settings, seen = settings_of(1, hash_mask), set[str]()
    store = FasterKv.open(device, create=True, settings=settings, kernels=kernels)
    session = store.session("s")
    for number in range(500):
        key, drawn = b"%d" % random.randrange(90), random.random()
        if drawn < 0.55:
            content[key] = b"%d" % number
            session.upsert(key, content[key])
        elif drawn < 0.75:
            assert session.delete(key) == (content.pop(key, None) is not None)
        elif drawn < 0.92:
            assert session.read(key) == content.get(key)
        elif drawn < 0.95:
            before = store.stats()
            if before.buckets == 64:
                continue
            try:
                assert store.grow_index() == store.stats().buckets == 2 * before.buckets
                assert store.stats().growths == before.growths + 1
                seen.add("grown")
            except IndexFullError:
                seen.add("refused")
        elif drawn < 0.98:
            store.checkpoint(index=random.random() < 0.7)
        elif drawn < 0.985:
            store.compact()
        else:
            buckets = store.stats().buckets
            session.close()
            store.checkpoint(index=True)
            store.close()
            store = FasterKv.open(device, settings=settings, kernels=kernels)
            session = store.resume_session("s")
            assert store.stats().buckets == buckets  # It remembers more than the settings say.
            seen.add("from an image" if store._parts.image.used else "from the log")
        assert number % 25 or dict(store.items()) == content
    session.close()
    store.check()
    assert dict(store.items()) == content
    store.close()
    assert {"grown", "from an image"} <= seen


def test_overflow_buckets_that_are_left_over_are_used_again() -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=settings_of(4, ring_pages=64)) as store:
        with store.session() as session:
            for number in range(100):
                session.upsert(b"%d" % number, b"")
            before = store.stats().overflow_buckets
            assert store.grow_index() == 8
            store.grow_index()
            between = store.stats().overflow_buckets
            store.check()
            control = store.spaces[0]
            assert control[w.OVERFLOW_FREE] >> w.FREE_SHIFT > 0
            taken = control[w.OVERFLOW_NEXT]
            for number in range(100, 150):
                session.upsert(b"%d" % number, b"")
            assert (between < before, store.stats().overflow_buckets > between) == (True, True)
            assert control[w.OVERFLOW_NEXT] == taken
            store.check()
        store.checkpoint(index=True)


def test_a_growth_that_finds_no_room_says_how_many_buckets_it_wanted() -> None:
    """Nothing is in the index: none of its overflow buckets is used."""
    with FasterKv.open(MemoryDevice(), create=True, settings=settings_of(64)) as store:
        assert (store.grow_index(), store.grow_index()) == (128, 256)
        with pytest.raises(IndexFullError, match=r"no room for 512 main buckets and 128 overflow"):
            store.grow_index()
        assert (store.stats().buckets, store.stats().overflow_buckets) == (256, 0)


def test_a_growth_without_room_stops_where_it_is_and_goes_on_when_there_is_some() -> None:
    """Records on the device belong to both halves, so their entries need as many overflow buckets again."""
    device, settings = MemoryDevice(), settings_of(8, ring_pages=2)
    keys = [b"%d" % number for number in range(150)]
    with FasterKv.open(device, create=True, settings=settings) as store, store.session("s") as session:
        for key in keys:
            session.upsert(key, bytes(100))
        control, index, _, _ = store.spaces
        end, taken = control[w.OVERFLOW_END], control[w.OVERFLOW_NEXT]
        control[w.OVERFLOW_NEXT] = end - 16 - 7  # All but seven.
        with pytest.raises(IndexFullError, match="no room"):
            store.grow_index()
        assert 8 < store.stats().buckets < 16
        assert store._grower._spare[w.G_COUNT] == 0
        assert store.checkpoint(index=True).index is None  # An image of so many buckets could not be opened.
        assert dict(store.items()) == dict.fromkeys(keys, bytes(100))
        assert all(session.read(key) == bytes(100) for key in keys)
        store.check()
        for bucket in range(23, end - taken):  # Those between come back.
            index[bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES] = (
                control[w.OVERFLOW_FREE] & w.FREE_MASK | w.REFUSED
            )
            control[w.OVERFLOW_FREE] = (
                (control[w.OVERFLOW_FREE] >> w.FREE_SHIFT) + 1
            ) << w.FREE_SHIFT | bucket
        assert store.grow_index() == 16
        assert dict(store.items()) == dict.fromkeys(keys, bytes(100))
        store.check()
        store.checkpoint()
    with FasterKv.open(device, settings=settings) as store:
        assert store.stats().buckets == 16
        store.check()


@pytest.mark.parametrize("kernels", MODES)
def test_an_index_that_memory_has_sized_grows_by_itself(
    kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powercut.engine.settings.START_LEAST", 16)
    device, memory = MemoryDevice(), 1 << 16
    settings = Settings(512, 4096, 512, 512, ring_pages=128)
    budget = plan_memory(settings, memory)
    assert (budget.index_buckets, budget.index_most) == (64, 256)
    runtime = SteppedRuntime()
    options = {"settings": settings, "memory": memory, "kernels": kernels, "runtime": runtime}
    keys = [b"%d" % number for number in range(600)]
    with FasterKv.open(device, create=True, **options) as store:  # type: ignore[arg-type]
        with store.session("s") as session:
            for key in keys:
                session.upsert(key, key)
            store._grower.wait()
            stats = store.stats()
            assert (stats.buckets, stats.growths) == (128, 1)
            for key in keys:
                session.upsert(key, bytes(60))  # What does not fit is written anew: half of the ring is full.
            store._grower.wait()
            assert store.stats().buckets == 256
        assert dict(store.items()) == dict.fromkeys(keys, bytes(60))
        store.check()
        store.checkpoint()
    with FasterKv.open(device, **options) as store:  # type: ignore[arg-type]
        assert store.stats().buckets == 256


def swelling(monkeypatch: pytest.MonkeyPatch, kernels: str, ring_pages: int) -> FasterKv:
    """A store whose index can double twice by itself, from 64 main buckets on."""
    monkeypatch.setattr("powercut.engine.settings.START_LEAST", 16)
    settings = Settings(512, 4096, 512, 512, ring_pages=ring_pages)
    return FasterKv.open(
        MemoryDevice(),
        create=True,
        settings=settings,
        memory=1 << 16,
        kernels=kernels,
        runtime=SteppedRuntime(),
    )


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("ring_pages", [2, 8, 32])
def test_an_index_grows_by_itself_where_records_have_left_memory(
    kernels: str, ring_pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of each chain is on the device: none of its keys is lost, by growth after growth."""
    store, random, content = (
        swelling(monkeypatch, kernels, ring_pages),
        Random(ring_pages),
        dict[bytes, bytes](),
    )
    with store, store.session("s") as session:
        for number in range(1500):
            key = b"%d" % random.randrange(900)
            if random.random() < 0.1:
                assert session.delete(key) == (content.pop(key, None) is not None)
            else:
                content[key] = b"%d" % number * 10
                session.upsert(key, content[key])
            store._grower.wait()
            if number % 300 == 299:
                store.check()
                assert dict(store.items()) == content
                assert all(session.read(b"%d" % each) == content.get(b"%d" % each) for each in range(900))
        stats = store.stats()
        assert stats.head > stats.begin
        assert (stats.buckets, stats.growths) == (256, 2)
        store.checkpoint()
        store.compact()
        store.check()
        assert dict(store.items()) == content


def test_chains_that_both_halves_would_have_leave_half_of_the_overflow_buckets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = swelling(monkeypatch, "interpreted", 2)
    with store, store.session("s") as session:
        for number in range(60):
            session.upsert(b"%d" % number, bytes(60))
        control, count = store.spaces[0], store.stats().buckets
        room = control[w.OVERFLOW_END] - 2 * count
        assert (count, store.stats().head > store.stats().begin) == (64, True)
        due = [used for used in range(room) if _is_due(store, used)]
        assert (due[0], due[-1]) == (count // growth.CROWDED + 1, room // 4)


def _is_due(store: FasterKv, used: int) -> bool:
    control = store.spaces[0]
    before, control[w.OVERFLOW_NEXT] = control[w.OVERFLOW_NEXT], used
    try:
        return store._grower._is_due(store.stats().buckets)
    finally:
        control[w.OVERFLOW_NEXT] = before


def test_a_growth_is_refused_beside_another_and_a_store_does_not_close_beside_it() -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=settings_of(2), kernels="interpreted")
    said: list[str] = []

    def ask(space: Space, word: int, is_write: bool) -> None:
        if word == w.MAIN_COUNT and is_write and space.nbytes == store.spaces[0].nbytes and not said:
            for call, error in ((store.grow_index, OperationError), (store.close, SessionError)):
                with pytest.raises(error, match="under way") as refusal:
                    call()
                said.append(str(refusal.value))

    set_turn(ask)
    try:
        assert store.grow_index() == 4
    finally:
        set_turn(None)
    assert len(said) == 2
    store.close()


@pytest.mark.parametrize("kernels", MODES)
def test_a_walk_lists_each_key_once_while_buckets_are_split(kernels: str) -> None:
    """Grown between any two batches of the walk: in the middle of a bucket, and of a chain that is cold."""
    settings = settings_of(2, ring_pages=2)
    with FasterKv.open(MemoryDevice(), create=True, settings=settings, kernels=kernels) as store:
        content = {b"%d" % number: bytes(number) for number in range(60)}
        with store.session() as session:
            for key, value in content.items():
                session.upsert(key, value)
            for start in range(0, 60, 7):
                walk, listed = store.items(), list[tuple[bytes, bytes]]()
                for item in walk:
                    listed.append(item)
                    if len(listed) in (start, start + 9) and store.stats().buckets < 32:
                        store.grow_index()
                assert (len(listed), dict(listed)) == (60, content)


@pytest.mark.parametrize("kernels", MODES)
def test_threads_see_their_own_writes_while_the_index_grows(
    kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "STEP", {"compiled": 2, "interpreted": 1})
    store = FasterKv.open(
        MemoryDevice(), create=True, settings=settings_of(32, 63 << 58 | 255), kernels=kernels
    )
    errors: list[BaseException] = []

    def work(number: int) -> None:
        random, own = Random(number), dict[bytes, bytes]()
        try:
            with store.session(f"s{number}") as session:
                while store.stats().growths < 2:
                    for _ in range(20):
                        key = b"%d-%d" % (number, random.randrange(60))
                        if random.random() < 0.2:
                            assert session.delete(key) == (own.pop(key, None) is not None)
                        else:
                            own[key] = random.randbytes(random.choice((8, 20)))
                            session.upsert(key, own[key])
                    for key in own:
                        assert session.read(key) == own[key]
        except BaseException as error:  # noqa: BLE001 (told to the test)
            errors.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        store.grow_index()
    for thread in threads:
        thread.join()
    assert errors == []
    store.check()
    store.close()


def test_a_key_is_lost_where_the_root_does_not_know_of_the_growth() -> None:
    """The same opened under as many buckets as before: the newest of both halves hides the other's."""
    device, one = MemoryDevice(), settings_of(1, 1)

    def write(session: Session, pick: Callable[[int], bool]) -> list[bytes]:
        keys = [key for key in (b"%d" % n for n in range(40)) if pick(store._parts.index.hash_key(key) & 1)]
        for key in keys[:3]:
            session.upsert(key, key)
        return keys[:3]

    with FasterKv.open(device, create=True, settings=one) as store, store.session() as session:
        store.grow_index()
        keys = [*write(session, lambda bit: bit == 0), *write(session, lambda bit: bit == 1)]
        store.checkpoint()
        root = store._parts.root
        assert root.index_buckets == 2
    with FasterKv.open(device, settings=one, read_only=True) as store:
        assert dict(store.items()) == {key: key for key in keys}
