"""Subjects: what they can do is found out once, and what is misspelt or half there is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from powercut.faultfs import FaultDevice
from powercut.verifier.errors import SubjectError
from powercut.verifier.faster.fasterlog.geometries import make_log
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.faster.subject import FASTER
from powercut.verifier.oracles.structure import recovered_bound
from powercut.verifier.spec.model import Issued, Result, apply
from powercut.verifier.spec.spec import PLAIN, Errors, Spec, StoreMaker
from powercut.verifier.spec.subject import CAPABILITIES, Bound, Mounted, mount


class Plain:
    """The least that can be put on the bench."""

    def __init__(self, device: FaultDevice | None = None) -> None:
        self._content: dict[bytes, bytes] = {}

    def apply(self, issued: Issued) -> Result:
        return apply(self._content, issued)

    def checkpoint(self) -> Bound | None:
        return None

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self._content)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class Recovering(Plain):
    def recovered(self) -> Bound:
        return 0


class Misspelt(Plain):
    def recoverd(self) -> Bound:
        return 0


class Halved(Plain):
    def start(self) -> None:
        """And no step()."""


class Called(Halved):
    def step(self) -> Bound | None:
        return None

    def is_checkpointing(self) -> bool:
        return False


class Greedy(Plain):
    def probe(self) -> dict[bytes, bytes]:
        return {}


class Flat(Plain):
    recovered = 7


class Mute(Plain):
    read_all: Any = None


def _capabilities(mounted: Mounted) -> dict[str, object]:
    """By field, those that are there."""
    named = {field.name: getattr(mounted, field.name) for field in fields(mounted)}
    return {name: found for name, found in named.items() if name != "subject" and found is not None}


def test_subject_without_more_has_no_capability() -> None:
    assert _capabilities(mount(Plain())) == {}


def test_capability_is_found_and_is_the_subject_itself() -> None:
    subject = Recovering()
    assert _capabilities(mount(subject)) == {"recovers": subject}


def test_a_store_and_a_log_have_every_capability_between_them() -> None:
    store = _capabilities(make_faster("tiny").mount(FaultDevice()))
    log = _capabilities(make_log("tiny").mount(FaultDevice()))
    assert log.keys() - store.keys() == {"truncates_at_once", "rolls_back", "iterates"}
    assert len(store.keys() | log.keys()) == len(CAPABILITIES)


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (Misspelt(), "the subject Misspelt has recoverd: is recovered meant?"),
        (Halved(), "the subject Halved has no is_checkpointing: Steps needs it"),
        (Called(), "the subject Called: is_checkpointing is a method, and a property is expected"),
        (Greedy(), r"the subject Greedy: probe cannot be called with \(keys\)"),
        (Flat(), "the subject Flat: recovered is no method, and Recovers has one of that name"),
        (Mute(), "the subject Mute: read_all is no method, and Subject has one of that name"),
        (object(), r"the subject object has no apply: Subject needs it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_misspelt_or_half_there_is_refused_each_time(subject: Any, told: str) -> None:
    for _ in range(2):
        with pytest.raises(SubjectError, match=told):
            mount(subject)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *[("recoverd", "recovered"), ("recoveredd", "recovered"), ("recovrred", "recovered")],
        *[("recoevred", "recovered"), ("truncat", "truncate"), ("read_odler", "read_older")],
        *[("serial", "serials"), ("prob", "probe"), ("is_checkpointin", "is_checkpointing")],
    ],
)
def test_every_slip_of_one_letter_is_seen(name: str, meant: str) -> None:
    value: object = False if meant == "is_checkpointing" else lambda self: {}
    subject = type("Slipped", (Plain,), {name: value})()
    with pytest.raises(SubjectError, match=f"has {name}: is {meant} meant"):
        mount(subject)


def test_other_names_are_the_subjects_own_and_so_is_a_near_one_beside_the_right_one() -> None:
    assert mount(type("Own", (Plain,), {"probed": 1, "stop": 2, "content": 3, "recoverd": 4})()) is not None
    both = type("Both", (Recovering,), {"recovery": lambda self: {}, "recoverd": lambda self: {}})
    assert mount(both()).recovers is not None


@pytest.mark.parametrize("told", [True, False, "all", 1.5, {"0": 1}, {0: True}, {0: None}])
def test_a_bound_is_a_number_or_a_mapping(told: object) -> None:
    restored = type("Restored", (Plain,), {"recovered": lambda self: told})
    with pytest.raises(SubjectError, match=re.escape(f"recovered returned {told!r}: None, a number")):
        recovered_bound(mount(restored()))


@pytest.mark.parametrize("told", [None, 0, 3, {0: 2}])
def test_a_bound_is_taken_as_it_is(told: Bound | None) -> None:
    restored = type("Restored", (Plain,), {"recovered": lambda self: told})
    assert recovered_bound(mount(restored())) == told


@pytest.mark.parametrize("told", [np.int64(3), {np.int32(0): np.int64(2)}])
def test_integers_of_another_kind_are_the_numbers_that_they_are(told: object) -> None:
    restored = type("Restored", (Plain,), {"recovered": lambda self: told})
    bound = recovered_bound(mount(restored()))
    assert bound == told
    found = [bound] if not isinstance(bound, Mapping) else [*bound.keys(), *bound.values()]
    assert {type(each) for each in found} == {int}


def test_attribute_that_has_the_name_of_a_method_is_told_as_such() -> None:
    named = type("Named", (Plain,), {"serials": {0: 1}})
    with pytest.raises(SubjectError, match="serials is no method, and CountsSerials has one of that name"):
        mount(named())


# -- specs ---------------------------------------------------------------------------------------------


def test_maker_takes_the_spec_that_it_names_and_else_the_plain_one() -> None:
    own = Spec(Errors(refusals=(KeyError,)))
    named = type("Named", (Plain,), {"spec": own})
    assert StoreMaker.of(named).spec is own
    assert StoreMaker.of(Plain).spec is PLAIN
    assert StoreMaker.of(lambda device: Plain(device)).spec is PLAIN
    maker = make_faster("tiny")
    assert StoreMaker.of(maker) is maker
    assert maker.spec is FASTER
