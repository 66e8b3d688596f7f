"""The picture of a week: disk, memory, latency and write amplification over time, one SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

__all__ = ["Sample", "draw"]

WIDTH, LEFT, RIGHT, TOP, PANEL, GAP = 860, 84, 130, 40, 110, 34
HOURS = 24
_STYLE = (
    "text{font:12px ui-monospace,monospace;fill:#57606a}.axis{stroke:#d0d7de}.cut{stroke:#cf222e;"
    "stroke-dasharray:2 3}.a,.b,.c{fill:none;stroke-width:1.5}.a{stroke:#0969da}.b{stroke:#2da44e}"
    ".c{stroke:#bf8700}text.a{fill:#0969da;stroke:none}text.b{fill:#2da44e;stroke:none}"
    "text.c{fill:#bf8700;stroke:none}text.cut{fill:#cf222e;stroke:none}"
    "@media (prefers-color-scheme:dark){text{fill:#9198a1}.axis{stroke:#3d444d}.a{stroke:#4493f8}"
    ".b{stroke:#3fb950}.c{stroke:#d29922}text.a{fill:#4493f8}text.b{fill:#3fb950}text.c{fill:#d29922}"
    ".cut{stroke:#f85149}text.cut{fill:#f85149}}"
)
Curve = tuple[str, Callable[["Sample"], float]]


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures of an hour.

    disk, memory       bytes of the files, and of log and index in memory, at its end
    median, worst      seconds of a batch of writes, by operation
    user, written      bytes that were asked to be written and that went to the files, since the beginning
    """

    disk: int
    memory: int
    median: float
    worst: float
    user: int
    written: int

    @property
    def amplification(self) -> float:
        """Bytes written to the files for each that was asked to be."""
        return self.written / max(1, self.user)


def draw(samples: Sequence[Sample], limit: int, live: int) -> str:
    """The picture of these hours, as SVG text: a function of its arguments."""
    megabytes = 1e6
    panels: list[tuple[str, str, list[Curve], bool]] = [
        (
            "files, MB",
            "{:.1f}",
            [
                ("budget", lambda _: limit / megabytes),
                ("files", lambda each: each.disk / megabytes),
                ("live data", lambda _: live / megabytes),
            ],
            False,
        ),
        ("memory, MB", "{:.2f}", [("log and index", lambda each: each.memory / megabytes)], False),
        (
            "a write, µs",
            "{:.0f}",
            [("worst", lambda each: each.worst * 1e6), ("median", lambda each: each.median * 1e6)],
            True,
        ),
        ("written / asked", "{:.2f}", [("amplification", lambda each: each.amplification)], False),
    ]
    height = TOP + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        "<title>A week of a store: files, memory, latency and write amplification</title>",
        f"<style>{_STYLE}</style>",
        f'<text x="{LEFT}" y="18">hours of a week, each as many operations; dashed: a power cut</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(samples, TOP + number * (PANEL + GAP), *panel)
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    samples: Sequence[Sample], top: int, title: str, form: str, curves: Sequence[Curve], is_log: bool
) -> list[str]:
    values = [[value(each) for each in samples] for _, value in curves]
    most = max(map(max, values))
    least = min(map(min, values)) if is_log else 0.0

    def height(value: float) -> float:
        if is_log:
            share = log10(max(value, least) / least) / max(log10(most / least), 1e-9)
        else:
            share = value / most if most else 0.0
        return top + PANEL * (1 - share)

    def place(number: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number + 1) / len(samples)

    bottom, end = top + PANEL, WIDTH - RIGHT
    parts = [
        f'<text x="{LEFT}" y="{top - 6}">{escape(title)}</text>',
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{end}" y2="{bottom}"/>',
        f'<text x="{LEFT - 8}" y="{top + 8}" text-anchor="end">{form.format(most)}</text>',
        f'<text x="{LEFT - 8}" y="{bottom}" text-anchor="end">{form.format(least)}</text>',
    ]
    for number in range(HOURS, len(samples) + 1, HOURS):
        x = f"{place(number - 1):.1f}"
        parts.append(f'<line class="cut" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>')
    labels: list[float] = []
    for (name, _), found, kind in zip(curves, values, "abc", strict=False):
        points = " ".join(f"{place(number):.1f},{height(value):.1f}" for number, value in enumerate(found))
        y = height(found[-1]) + 4
        while any(abs(y - other) < 13 for other in labels):
            y += 13
        labels.append(y)
        parts.append(f'<polyline class="{kind}" points="{points}"/>')
        parts.append(f'<text class="{kind}" x="{end + 8}" y="{y:.1f}">{escape(name)}</text>')
    return parts
