"""A Prometheus collector of flush workers, over `prometheus-client` (the extra `metrics`).

    REGISTRY.register(FlushCollector({"orders": store.flusher}))

Every scrape takes one snapshot of each worker; a series has the label `store`.

    powercut_flush_flushes_total, _bytes_total, _failures_total, _rounds_total    counters
    powercut_flush_held_total, _held_seconds_total    writers held back, and how long
    powercut_flush_slowed_total, _slowed_seconds_total    ... and slowed
    powercut_flush_duration_seconds    histogram, bounds of `metrics`
    powercut_flush_pressure_level, _used_ratio    gauges: 0 to 3, and 0 to 1
    powercut_flush_running    1 or 0

Threads: any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from ..errors import SettingsError
from .metrics import BOUNDS, FlushMetrics
from .pressure import Level
from .worker import Flusher

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["FlushCollector"]

_COUNTERS: Final = (
    ("flushes", "rounds in which it wrote something"),
    ("bytes", "bytes of log that it wrote"),
    ("failures", "rounds that failed"),
    ("rounds", "looks that it took"),
    ("held", "writers that waited because the ring was full"),
    ("held_seconds", "how long they waited"),
    ("slowed", "writers that waited at critical pressure"),
    ("slowed_seconds", "how long these waited"),
)


class FlushCollector:
    """Collects the metrics of workers, by name. Raises SettingsError where prometheus-client is missing."""

    def __init__(self, flushers: Mapping[str, Flusher]) -> None:
        try:
            from prometheus_client import core
        except ImportError:
            raise SettingsError("a collector needs prometheus-client: install powercut[metrics]") from None
        self._core = core
        self._flushers = flushers

    def collect(self) -> Iterator[Metric]:
        """The metric families, of one snapshot a worker."""
        core, prefix = self._core, "powercut_flush_"
        told = {name: flusher.metrics() for name, flusher in sorted(self._flushers.items())}
        for what, why in _COUNTERS:
            counter = core.CounterMetricFamily(prefix + what, why, labels=["store"])
            for name, metrics in told.items():
                counter.add_metric([name], getattr(metrics, what))
            yield counter
        histogram = core.HistogramMetricFamily(
            f"{prefix}duration_seconds", "flushes by duration", labels=["store"]
        )
        for name, metrics in told.items():
            histogram.add_metric([name], _buckets(metrics), metrics.seconds)
        yield histogram
        gauges = (
            ("pressure_level", "0 NORMAL, 1 ELEVATED, 2 HIGH, 3 CRITICAL", lambda m: Level[m.level].value),
            ("used_ratio", "share of the room for frozen pages", lambda m: m.used),
            ("running", "1 if it runs", lambda m: float(m.state == "running")),
        )
        for what, why, value in gauges:
            gauge = core.GaugeMetricFamily(prefix + what, why, labels=["store"])
            for name, metrics in told.items():
                gauge.add_metric([name], value(metrics))
            yield gauge


def _buckets(metrics: FlushMetrics) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound, as Prometheus has them."""
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return list(zip(bounds, (float(count) for count in accumulate(metrics.durations)), strict=True))
