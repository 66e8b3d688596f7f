"""The collector tells Prometheus what the metrics say."""

from __future__ import annotations

import sys

import pytest

from powercut.engine import SettingsError
from powercut.engine.flush.pressure import Level
from powercut.engine.flush.prometheus import FlushCollector

from .conftest import RING, Watched, fill, opened

prometheus_client = pytest.importorskip("prometheus_client")


def test_every_metric_of_every_store_is_scraped(device: Watched) -> None:
    registry = prometheus_client.CollectorRegistry()
    with opened(device) as store, opened(Watched()) as other:
        fill(store, "s", 3 * RING)
        store.flusher.stop()
        registry.register(FlushCollector({"orders": store.flusher, "idle": other.flusher}))
        text = prometheus_client.generate_latest(registry).decode()
        metrics = store.flusher.metrics()

        def value(name: str, of: str = "orders", **labels: str) -> float | None:
            found: float | None = registry.get_sample_value(f"powercut_flush_{name}", {"store": of, **labels})
            return found

        for name in (
            "flushes",
            "bytes",
            "failures",
            "rounds",
            "held",
            "held_seconds",
            "slowed",
            "slowed_seconds",
        ):
            assert value(f"{name}_total") == getattr(metrics, name)
        assert value("flushes_total") != 0
        assert value("flushes_total", "idle") == 0
        assert value("duration_seconds_count") == metrics.flushes
        assert value("duration_seconds_sum") == metrics.seconds
        assert value("duration_seconds_bucket", le="0.003") == sum(metrics.durations[:4])
        # It is of the last round, which a slow machine ends with a full ring.
        assert value("pressure_level") == Level[metrics.level].value
        assert value("pressure_level", "idle") == 0
        assert value("used_ratio") == metrics.used
        assert value("running") == 0
        assert "# TYPE powercut_flush_duration_seconds histogram" in text


def test_without_the_extra_a_collector_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError, match=r"powercut\[metrics\]"):
        FlushCollector({})
