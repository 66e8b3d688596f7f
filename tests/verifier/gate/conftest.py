"""Shared set-up of the gate's tests: the smallest profile in which programs are searched."""

import pytest

from powercut.verifier.gate.profile import Profile, parse_profile

TINY = """
name = "test"
[model]
geometries = ["tiny"]
examples = 2
steps = 4
limit = 64
chunk = 1
[model.floor]
programs = 1
[crash]
limit = 64
depth = 1
[crash.exhaustive]
geometries = ["tiny", "colliding"]
steps = 1
chunk = 2
[crash.random]
geometries = ["paired", "tiny"]
tapes = 4
steps = 3
chunk = 2
[crash.floor]
programs = 16
distinct = 10
reached = { "PERSIST sync root" = 1 }
"""


@pytest.fixture(scope="session")
def tiny_text() -> str:
    """The stages model and crash, as a profile writes them."""
    return TINY


@pytest.fixture(scope="session")
def tiny() -> Profile:
    """The same, read."""
    return parse_profile(TINY, "test")
