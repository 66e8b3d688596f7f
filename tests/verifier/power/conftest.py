"""Shared set-up of the tests of power: a gate of a few programs, and a pytest that loads no plugins."""

from collections.abc import Iterator

import pytest

SMALL = """
name = "small"
[model]
geometries = ["tiny"]
examples = 8
steps = 20
limit = 64
chunk = 8
[model.floor]
programs = 1
[crash]
limit = 64
depth = 1
[crash.exhaustive]
geometries = ["tiny"]
steps = 1
chunk = 2
[crash.random]
geometries = ["tiny"]
tapes = 1
steps = 3
chunk = 1
[crash.floor]
programs = 1
"""


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a profile: the stages model and crash, of which a rung is done at once."""
    path = tmp_path_factory.mktemp("power") / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True, scope="module")
def no_plugins() -> Iterator[None]:
    """A pytest in a process of its own loads no plugin that none of its tests has a use for.

    For as long as a module takes: other tests of this process start a pytest that has a use for one.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        yield
