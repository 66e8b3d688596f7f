"""The frame of a page, and the few elements that all pages are made of.

Invariant: a page asks nobody for anything. Its policy forbids what is not in it, and all text goes through
`text_of`, so what a store or a file is called is never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .style import SCRIPT, STYLE

__all__ = ["facts", "frame", "line", "mark", "row", "table", "tag", "text_of"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def text_of(value: object) -> str:
    """The value as text inside an element or an attribute."""
    return escape(str(value))


def tag(name: str, text: object, classes: str = "") -> str:
    """An element with nothing but text in it."""
    kind = f' class="{classes}"' if classes else ""
    return f"<{name}{kind}>{text_of(text)}</{name}>"


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Words, each with what it stands for."""
    rows = "".join(f"{tag('dt', what)}{tag('dd', told)}" for what, told in pairs)
    return f'<dl class="facts">{rows}</dl>'


def table(heads: Sequence[str], rows: Iterable[tuple[Sequence[object], bool]]) -> str:
    """A table; a row of which the second part is False stands out. Numbers stand to the right."""
    lines = []
    for cells, is_fine in rows:
        kind = "" if is_fine else ' class="off"'
        inner = "".join(tag("td", cell, "number" if isinstance(cell, int) else "") for cell in cells)
        lines.append(f"<tr{kind}>{inner}</tr>")
    head = "".join(f'<th scope="col">{text_of(each)}</th>' for each in heads)
    inside = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def row(kind: str, at: object, marks: str, text: str, below: str = "") -> str:
    """A row of a story: its number, its marks in the lanes, and markup beside and below them."""
    focus = ' tabindex="0"' if kind.startswith("call") else ""
    number = tag("div", at, "at")
    return (
        f'<div class="row {kind}"{focus}>{number}<div class="track">{marks}</div>'
        f'<div class="text">{text}</div>{below}</div>'
    )


def mark(kind: str, lane: int) -> str:
    """A mark in a lane."""
    return f'<i class="mark {kind}" style="--lane:{lane}"></i>'


def line(kind: str, text: str) -> str:
    """A row through all lanes."""
    return row(f"line {kind}", "", "", text_of(text))


def frame(title: str, body: Iterable[str]) -> str:
    """The whole page."""
    inner = "\n".join(body)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{text_of(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{inner}
<footer>powercut. Up and down, or j and k, go from call to call.</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""
