"""Inlining: the kernels with their accesses written out are the kernels, and announce nothing.

Method: one random program with a turn hook that does nothing, which runs the kernels as they are written, and
without one. Every word of the store is the same after each operation.
"""

from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from random import Random
from types import CodeType, FunctionType, SimpleNamespace

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.compiler import inlining
from powercut.engine.compiler.inlining import KERNELS, load_inlined
from powercut.engine.kernels import walks
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.engine.shared.spaces import words_of
from powercut.verifier.faster.stepped import SteppedRuntime

GONE = {"load", "store", "prefetch", "w"}


def functions() -> Iterator[tuple[FunctionType, FunctionType]]:
    """Each kernel as it is written, and as it is made."""
    made = load_inlined().run_batch.__globals__
    for module in KERNELS:
        for name, function in vars(module).items():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield function, made[name]


def run(settings: Settings, seed: int) -> Iterator[tuple[object, ...]]:
    """The answer of each operation, and all that the sessions share after it."""
    random = Random(seed)
    device = MemoryDevice()
    for _ in range(2):
        with FasterKv.open(device, create=True, settings=settings, runtime=SteppedRuntime()) as store:
            sessions = [store.session(name) for name in "ab"]
            for _ in range(150):
                session, key = random.choice(sessions), b"key-%d" % random.randrange(9)
                value = bytes([random.randrange(256)]) * random.choice((0, 3, 8, 17, 90))
                answer: object = None
                match random.randrange(7):
                    case 0 | 1:
                        session.upsert(key, value)
                    case 2:
                        answer = session.rmw(key, lambda old, value=value: (old or b"")[-40:] + value)  # type: ignore[misc]
                    case 3:
                        answer = session.delete(key)
                    case 4:
                        answer = session.read(key)
                    case 5:
                        answer = session.insert(key, value)
                    case _ if random.random() < 0.2:
                        answer = store.checkpoint()
                    case _:
                        session.append_many([key], [b"x"])
                yield answer, *(space.tobytes() for space in store.spaces)


@pytest.mark.parametrize("seed", range(4))
def test_every_word_is_the_same_under_a_hook_and_without_one(tiny: Settings, seed: int) -> None:
    announced = 0

    def count(space: Space, word: int, is_write: bool) -> None:
        nonlocal announced
        announced += 1

    inlined = list(run(tiny, seed))
    assert announced == 0
    set_turn(count)
    try:
        written = list(run(tiny, seed))
    finally:
        set_turn(None)
    assert inlined == written
    assert announced > 10_000


def test_no_access_is_a_call_any_more() -> None:
    def names(code: CodeType) -> set[str]:
        return set(code.co_names)

    pairs = list(functions())
    assert len(pairs) > 30
    assert any(names(written.__code__) & GONE for written, _ in pairs)
    assert not [made for _, made in pairs if names(made.__code__) & GONE]


def test_what_is_made_stands_where_it_was_written() -> None:
    for written, made in functions():
        assert made.__code__.co_filename == written.__code__.co_filename
        assert made.__code__.co_firstlineno == written.__code__.co_firstlineno
        assert made is not written


def test_the_source_is_what_the_loader_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug is in these kernels too, since it is read from the loader."""

    class Edited(SourceFileLoader):
        def get_source(self, fullname: str) -> str:
            source = super().get_source(fullname)
            assert source is not None
            assert source.count("return end, w.DONE") == 1
            return source.replace("return end, w.DONE", "return end, w.RETRY")

    control, index, log = words_of(w.CONTROL_WORDS), words_of(8), words_of(8)
    assert load_inlined().relink(control, index, log, index, 64, 64) == (64, w.DONE)
    assert walks.__file__ is not None
    edited = Edited(walks.__name__, walks.__file__)
    monkeypatch.setattr(walks, "__spec__", SimpleNamespace(loader=edited))
    assert inlining.load_inlined.__wrapped__().relink(control, index, log, index, 64, 64) == (64, w.RETRY)
