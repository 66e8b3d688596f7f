"""Settings refuse what breaks their invariants, and memory is planned within its budget."""

import pytest

from powercut.engine import Settings, SettingsError
from powercut.engine.settings import plan_memory


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"page_bytes": 1000}, "page_bytes"),
        ({"page_bytes": 256}, "page_bytes"),
        ({"write_unit": 0}, "write_unit"),
        ({"extent_bytes": 2048, "write_unit": 4096}, "extent_bytes"),
        ({"page_bytes": 1 << 13}, "page_bytes"),
        ({"segment_bytes": 1 << 19}, "segment_bytes"),
        ({"page_bytes": 1 << 26}, "page_bytes"),
        ({"hash_mask": -1}, "hash_mask"),
        ({"hash_mask": 1 << 64}, "hash_mask"),
        ({"ring_pages": 1}, "ring_pages"),
        ({"ring_pages": 3}, "ring_pages"),
        ({"index_buckets": 0}, "index_buckets"),
        ({"index_buckets": 12}, "index_buckets"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings(**wrong)


def test_defaults_are_in_range() -> None:
    assert Settings().persisted() == (1 << 20, 1 << 28, 4096, 1 << 14, (1 << 64) - 1)


@pytest.mark.parametrize("memory", [4 << 20, 5 << 20, 64 << 20, (1 << 30) - 1])
def test_memory_is_spent_within_its_budget(memory: int) -> None:
    settings = Settings()
    budget = plan_memory(settings, memory)
    assert (
        budget.ring_pages * settings.page_bytes <= memory // 2 < 2 * budget.ring_pages * settings.page_bytes
    )
    assert budget.index_buckets * 64 <= memory // 4


@pytest.mark.parametrize("memory", [0, -1, 1000, (4 << 20) - 1])
def test_memory_too_small_names_what_is_needed(memory: int) -> None:
    with pytest.raises(SettingsError, match="memory"):
        plan_memory(Settings(), memory)


@pytest.mark.parametrize(("least", "more"), [(0, ""), (8, " and an index of 8 buckets")])
def test_memory_too_small_names_the_index_where_there_is_one(least: int, more: str) -> None:
    with pytest.raises(SettingsError, match=f" for pages of 1048576{more}$"):
        plan_memory(Settings(), 1000, least)


def test_explicit_sizes_go_before_memory() -> None:
    budget = plan_memory(Settings(ring_pages=2, index_buckets=4), 1)
    assert (budget.ring_pages, budget.index_buckets) == (2, 4)
