"""Rewinding: what a run changed is as it was, whatever holds it; what cannot be put back is refused."""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import ref

import msgspec
import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.rewinding import Snapshot


class Plain:
    def __init__(self) -> None:
        self.value: Any = 1
        self.inner: Any = [1, [2]]


class Slotted:
    __slots__ = ("empty", "value")

    def __init__(self) -> None:
        self.value: Any = {"a": 1}


@dataclass(frozen=True, slots=True)
class Frozen:
    inside: list[int]


class Value(msgspec.Struct, frozen=True):
    inside: list[int]


class Changing(msgspec.Struct):
    number: int = 0


def counter() -> tuple[Callable[[], int], Callable[[], int]]:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return count

    return step, lambda: count


def test_attributes_are_put_back_and_new_ones_are_gone() -> None:
    plain = Plain()
    snapshot = Snapshot([plain])
    inner = plain.inner
    plain.value, plain.inner = 2, None
    inner[1].append(3)
    plain.more = 4  # type: ignore[attr-defined]
    snapshot.rewind()
    assert vars(plain) == {"value": 1, "inner": [1, [2]]}
    assert plain.inner is inner


class Guarded(dict[str, int]):
    """Whoever writes into it is counted; putting back is no writing."""

    writes = 0

    def __setitem__(self, key: str, value: int) -> None:
        self.writes += 1
        super().__setitem__(key, value)

    def clear(self) -> None:
        raise AssertionError("nobody asked for that")


class Ranked(list[int]):
    __slots__ = ("name",)


def _more(found: Any) -> None:
    found["c"] = 3
    del found["a"]


@dataclass(frozen=True, slots=True)
class Row(list[int]):
    name: str


@pytest.mark.parametrize(
    ("made", "change"),
    [
        (lambda: defaultdict(list, a=[1], b=[2]), lambda found: found["c"].append(3)),
        (lambda: Counter("aab"), lambda found: found.update("cc")),
        (lambda: OrderedDict(a=1, b=2), lambda found: found.move_to_end("a")),
        (lambda: UserDict(a=1), _more),
        (lambda: Guarded(a=1, b=2), _more),
        (lambda: Ranked([1, 2]), lambda found: found.append(3)),
        (lambda: Row("frozen"), lambda found: found.append(3)),
        (lambda: type("Heap", (set,), {})({1}), lambda found: found.add(2)),
        (lambda: type("Line", (deque,), {})([1]), lambda found: found.append(2)),
    ],
)
def test_what_is_derived_from_a_container_is_put_back(
    made: Callable[[], Any], change: Callable[[Any], object]
) -> None:
    found = made()
    snapshot = Snapshot([found])
    change(found)
    assert found != made()
    snapshot.rewind()
    assert found == made()
    assert list(found) == list(made())  # In the same order.
    assert getattr(found, "writes", 0) == 0


def test_default_of_a_dict_is_put_back_and_is_looked_into() -> None:
    seen: list[int] = []
    found: defaultdict[str, int] = defaultdict(lambda: len(seen))
    snapshot = Snapshot([found])
    seen.append(1)
    found.default_factory = None
    snapshot.rewind()
    assert found["a"] == 0


def test_slots_are_put_back_and_an_empty_one_is_empty_again() -> None:
    slotted = Slotted()
    snapshot = Snapshot([slotted])
    slotted.value["b"] = 2
    slotted.value = slotted.empty = None  # type: ignore[attr-defined]
    snapshot.rewind()
    assert slotted.value == {"a": 1}
    assert not hasattr(slotted, "empty")
    snapshot.rewind()
    assert not hasattr(slotted, "empty")


@pytest.mark.parametrize(
    ("made", "change"),
    [
        ([1, 2], lambda it: it.clear()),
        ({"b": 1, "a": 2}, lambda it: it.update(b=it.pop("a"))),
        ({1, 2}, lambda it: it.add(3)),
        (deque([1, 2], maxlen=2), lambda it: it.append(3)),
        (bytearray(b"ab"), lambda it: it.extend(b"c")),
        (array("Q", [1]), lambda it: it.append(2)),
    ],
)
def test_containers_are_put_back_in_order(made: Any, change: Callable[[Any], object]) -> None:
    told = repr(made)
    snapshot = Snapshot([(made,)])
    for _ in range(2):
        change(made)
        assert repr(made) != told
        snapshot.rewind()
        assert repr(made) == told


def test_what_a_view_shows_is_put_back() -> None:
    view = memoryview(bytearray(16)).cast("Q")
    snapshot = Snapshot([view])
    view[1] = 7
    snapshot.rewind()
    assert list(view) == [0, 0]


@pytest.mark.parametrize(
    "wrap", [lambda it: it, partial, lambda it: [it], lambda it: Frozen(it), lambda it: Value(it)]
)
def test_closures_are_reached_through_whatever_holds_them(wrap: Callable[[Any], object]) -> None:
    step, tell = counter()
    snapshot = Snapshot([wrap(step)])
    step()
    step()
    snapshot.rewind()
    assert tell() == 0
    assert step() == 1


def test_an_empty_cell_is_empty_again() -> None:
    def made() -> tuple[Callable[[], None], Callable[[], object]]:
        def fill() -> None:
            nonlocal late  # type: ignore[misc]
            late = 1

        def tell() -> object:
            return late

        late: int
        return fill, tell

    fill, tell = made()
    snapshot = Snapshot([fill])
    fill()
    assert tell() == 1
    snapshot.rewind()
    with pytest.raises(NameError):
        tell()


def test_methods_and_references_lead_to_their_objects() -> None:
    plain, other = Plain(), Plain()
    items: list[int] = []
    snapshot = Snapshot([plain.__init__, items.append, ref(other)])  # type: ignore[misc]
    plain.value = other.value = 5
    items.append(1)
    snapshot.rewind()
    assert (plain.value, other.value, items) == (1, 1, [])


def test_what_is_spared_keeps_what_it_got() -> None:
    kept: list[int] = []
    plain = Plain()
    plain.inner = kept
    snapshot = Snapshot([plain], [kept])
    kept.append(1)
    snapshot.rewind()
    assert kept == [1]


def test_what_cannot_be_put_back_is_refused(tmp_path: Path) -> None:
    taken = Lock()
    taken.acquire()
    under_way = (number for number in range(3))
    with (tmp_path / "file").open("w") as file:
        for odd in (taken, under_way, iter([1]), file, Changing()):
            with pytest.raises(HarnessError, match="cannot be put back"):
                Snapshot([[odd]])
    Snapshot([Lock()])
