"""The store against a dict: every result of every operation, and the content after whatever may lose some.

Programs are drawn from seeded generators, so a failure names its seed. The geometry is the smallest: two
pages of ring, so that records are evicted and read back from the device; two buckets, so that they overflow;
and once more with a hash of no bits, so that all keys share one chain.
"""

from dataclasses import dataclass, field, replace
from random import Random

import pytest

from powercut.engine import FasterKv, MemoryDevice, Session, Settings, Version

KEYS = [b"key-%d" % number for number in range(40)] + [b"a key of more than two words"]
SESSIONS = ("east", "west", "north")


@dataclass
class World:
    """A store, the dict it should equal, and what its newest checkpoint should hold."""

    device: MemoryDevice
    settings: Settings
    random: Random
    store: FasterKv
    model: dict[bytes, bytes] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)
    saved: tuple[dict[bytes, bytes], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    history: dict[Version, tuple[dict[bytes, bytes], dict[str, int]]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def session(self) -> Session:
        name = self.random.choice(SESSIONS)
        if name not in self.sessions:
            self.sessions[name] = self.store.session(name)
            self.serials.setdefault(name, 0)
        assert self.sessions[name].serial == self.serials[name]
        self.serials[name] += 1
        return self.sessions[name]

    def step(self) -> None:
        random, model = self.random, self.model
        key = random.choice(KEYS)
        value = random.randbytes(random.choice((0, 1, 7, 8, 9, 30, 200)))
        match random.choice(("read", "upsert", "upsert", "insert", "delete", "rmw", "leave", "raise")):
            case "read":
                assert self.session().read(key) == model.get(key)
            case "upsert":
                self.session().upsert(key, value)
                model[key] = value
            case "insert":
                assert self.session().insert(key, value) == (key not in model)
                model.setdefault(key, value)
            case "delete":
                assert self.session().delete(key) == (key in model)
                model.pop(key, None)
            case "rmw":
                stamp = value[:9]
                grown = (model.get(key, b"") + stamp)[-300:]
                assert self.session().rmw(key, lambda old: ((old or b"") + stamp)[-300:]) == grown
                model[key] = grown
            case "leave":
                seen: list[bytes | None] = []
                assert self.session().rmw(key, seen.append) is None
                assert seen == [model.get(key)]
            case "raise":
                with pytest.raises(ZeroDivisionError):
                    self.session().rmw(key, lambda old: bytes(1 // 0))

    def checkpoint(self) -> None:
        """Step it by hand and work between the steps: the prefix ends where each session met the shift."""
        ticket = self.store.start_checkpoint()
        cut: tuple[dict[bytes, bytes], dict[str, int]] | None = None
        while True:
            for _ in range(self.random.randrange(4)):
                self.step()
            version = self.store._parts.shared.system.version
            before = (dict(self.model), dict(self.serials))
            is_done = ticket.advance()
            if self.store._parts.shared.system.version != version:
                cut = before
            if is_done:
                break
        assert cut is not None
        point = ticket.result()
        assert point.serials == {name: serial for name, serial in cut[1].items() if name in point.serials}
        # A session whose first operation came after the cut has no commit point yet.
        assert not any(serial for name, serial in cut[1].items() if name not in point.serials)
        self.saved = (cut[0], point.serials)
        self.history[point.version] = self.saved

    def reopen(self, settings: Settings | None = None) -> None:
        self.store.close()
        self.store = FasterKv.open(self.device, settings=settings or self.settings)
        self.model, self.serials = dict(self.saved[0]), dict(self.saved[1])
        self.sessions = {}
        self.audit()

    def audit(self) -> None:
        self.store.check()
        items = list(self.store.items())
        assert len(items) == len(self.model)
        assert dict(items) == self.model
        assert self.store.serials() == self.serials


def run(settings: Settings, seed: int, rounds: int) -> World:
    random = Random(seed)
    device = MemoryDevice()
    world = World(device, settings, random, FasterKv.open(device, create=True, settings=settings))
    for _ in range(rounds):
        for _ in range(random.choice((1, 5, 60))):
            world.step()
        if random.random() < 0.5:
            world.checkpoint()
        world.audit()
        if random.random() < 0.4:
            world.reopen()
    return world


@pytest.mark.parametrize("seed", range(12))
def test_random_programs_equal_the_model(geometry: Settings, seed: int) -> None:
    world = run(geometry, seed, rounds=14)
    world.store.close()


def test_every_listed_checkpoint_opens_read_only_as_it_was(geometry: Settings) -> None:
    world = run(geometry, seed=101, rounds=20)
    points = world.store.checkpoints()
    assert len(points) > 4
    world.store.close()
    for point in points:
        model, serials = world.history[point.version]
        with FasterKv.open(world.device, read_only=True, settings=geometry, version=point.version) as old:
            old.check()
            assert dict(old.items()) == model
            assert old.serials() == serials == point.serials


@pytest.mark.parametrize("ring_pages", [2, 8, 64])
@pytest.mark.parametrize("buckets", [[2, 8, 2, 1], [8, 2, 16, 4]])
@pytest.mark.parametrize("hash_mask", [0, 7, (1 << 64) - 1])
def test_memory_of_another_size_at_each_opening_loses_nothing(
    tiny: Settings, ring_pages: int, buckets: list[int], hash_mask: int
) -> None:
    """Chains on the device were made under one number of buckets, and are followed under another."""
    settings = replace(tiny, hash_mask=hash_mask)
    world = run(settings, seed=7, rounds=3)
    for count in buckets:
        for _ in range(60):
            world.step()
        world.checkpoint()
        world.audit()
        world.reopen(replace(settings, index_buckets=count, ring_pages=ring_pages))
    world.store.close()
