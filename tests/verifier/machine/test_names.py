"""Names in a machine's body: a misspelt one is an error as the class is made, a helper is not."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import Bundle, initialize, invariant, precondition, rule

from powercut import StoreMachine
from powercut.verifier import Breach, Kind, Known, LogMachine, Own, Spec
from powercut.verifier.errors import SubjectError
from powercut.verifier.spec.spelling import nearest

_OWN, _KNOWN = Own("swap"), Known(Breach.LOST_ACK, "names", "why")


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("refusal", (OSError,), "refusals"),
        ("laws", ("posix",), "law"),
        ("make_stor", lambda self, device: None, "make_store"),
        ("make_stroe", staticmethod(lambda device: None), "make_store"),
        ("max_states", 8, "states_max"),
        ("state_max", 8, "states_max"),
        ("kind", (Kind.UPSERT,), "kinds"),
        ("opertaions", (_OWN,), "operations"),
        ("floors", {"states": 500}, "floor"),
        ("example", 10, "examples"),
        ("session", 1, "sessions"),
        ("swaps", (_OWN,), "operations"),
        ("limits", [_KNOWN], "known"),
        ("specification", Spec(is_dropped=True), "spec"),
    ],
)
def test_misspelt_attribute_names_the_right_one(name: str, value: object, meant: str) -> None:
    told = f"Own has {name}: is {meant} meant"
    with pytest.raises(SubjectError, match=told):
        type("Own", (StoreMachine,), {name: value})
    mixed = type("Mixed", (), {name: value})
    with pytest.raises(SubjectError, match=told):
        type("Own", (mixed, StoreMachine), {})


def test_misspelt_maker_of_a_log_is_told() -> None:
    with pytest.raises(SubjectError, match="is make_log meant"):
        type("Own", (LogMachine,), {"makelog": lambda self, device: None})


def test_what_a_user_needs_besides_is_let_pass() -> None:
    class Mine(StoreMachine):
        keys = 2
        key = 1  # Beside the right one.
        operations = (_OWN, Own("compact"))
        swaps = (_OWN,)  # These stand in `operations` too.
        _laws = ("posix",)
        WRITES = (Kind.UPSERT, Kind.RMW)
        pages = Bundle("pages")
        sizes_drawn = st.integers(0, 2)
        path = "somewhere"
        total = 0

        class Kinds:
            pass

        @initialize()
        def opens(self) -> None: ...

        @rule(target=pages, size=st.integers())
        def law_of(self, size: int) -> int:
            return size

        @precondition(lambda self: True)
        @rule()
        def checkpoints(self) -> None: ...

        @rule()
        def spec2(self) -> None: ...

        @invariant()
        def floor_holds(self) -> None: ...

        @property
        def depths(self) -> int:
            return 1

        def examples_of(self) -> None: ...

        def reopens(self) -> None: ...

        def make_store(self, device: Any) -> Any: ...

        def make_store2(self, device: Any) -> Any: ...  # Beside the right one.

    assert Mine.keys == 2


def test_nearest_is_the_one_with_the_fewest_wrong_letters() -> None:
    names = {"keys", "kinds", "states_max", "make_store"}
    assert nearest("kyes", names) == "keys"
    assert nearest("kind", names) == "kinds"
    assert nearest("stats_maxx", names) == "states_max"
    assert nearest("max_states", names) == "states_max"
    assert nearest("keys", {"keys"}) is None
    assert nearest("pages", names) is None
    assert nearest("make_it", names) is None
