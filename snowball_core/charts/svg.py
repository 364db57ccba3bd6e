"""Any chart as a picture to publish: SVG and PNG with a title and a footer, rendered here, without browser or network.

The same description and data give the same bytes on one machine, independent of earlier renderings.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd

from ..errors import HistoryError
from .renderer import renderer

WIDTH = 760
_SCALE = 2.0
_MARGIN = 16
_LETTER = 5.4
_LINE = 15
_INK, _QUIET = "#1B1F23", "#57606A"
_STYLE: dict[str, Any] = {
    "view": {"continuousWidth": WIDTH, "discreteWidth": WIDTH, "continuousHeight": 380},
    "background": "white",
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
}
Datasets = Mapping[str, pd.DataFrame]


def svg_bytes(spec: Mapping[str, Any], datasets: Datasets, title: str, footer: Sequence[str]) -> bytes:
    """A Vega-Lite description with its named data as an SVG picture on white, a title above it, wrapped footer lines below."""
    named = {name: _records(table) for name, table in datasets.items()}
    content = {**spec, "datasets": {**spec.get("datasets", {}), **named}, "config": _styled(spec.get("config", {}))}
    if content.get("width") == "container":
        content["width"] = WIDTH
    return _framed(_renumbered(renderer().svg(content)), title, footer).encode()


def png_bytes(svg: bytes) -> bytes:
    """An SVG picture as PNG, twice as many pixels each way."""
    return renderer().png(svg.decode(), _SCALE)


def _styled(config: Mapping[str, Any]) -> dict[str, Any]:
    """A chart's settings, overridden by those of a printed picture."""
    both = {**config, **_STYLE}
    return {**both, "view": {**config.get("view", {}), **_STYLE["view"]}}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    cells = table.astype(object).where(table.notna(), None)
    rows: list[dict[str, Any]] = cells.to_dict("records")
    return rows


def _renumbered(svg: str) -> str:
    """Names of clips and gradients counted from 0: the renderer's counter continues from picture to picture."""
    names = list(dict.fromkeys(re.findall(r'\bid="((?:clip|gradient_)\d+)"', svg)))
    short = {name: f"p{number}" for number, name in enumerate(names)}
    return re.sub(r'(\bid="|url\(#|href="#)((?:clip|gradient_)\d+)', lambda m: m[1] + short.get(m[2], m[2]), svg)


def _framed(svg: str, title: str, footer: Sequence[str]) -> str:
    """The picture with a title above and a footer below, and the same as its accessible name and description."""
    opening = re.match(r"<svg[^>]*>", svg)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', opening[0]) if opening else None
    if opening is None or size is None:
        raise HistoryError("a chart must be drawn as one SVG element; the renderer gave something else.")
    width = max(float(size[1]), 480.0) + 2 * _MARGIN
    most = int((width - 2 * _MARGIN) / _LETTER)
    head = textwrap.wrap(legal(title), int(most / 1.5)) or [""]
    foot = [part for line in footer for part in _wrapped(legal(line), most)]
    top = _MARGIN + 22 * len(head) + 6
    height = top + float(size[2]) + 14 + _LINE * len(foot) + _MARGIN
    text = [_text(_MARGIN, _MARGIN + 14 + 22 * i, line, 17, _INK, "bold") for i, line in enumerate(head)]
    start = top + float(size[2]) + 14 + 10
    text += [_text(_MARGIN, start + _LINE * i, line, 11, _QUIET, "normal") for i, line in enumerate(foot)]
    inner = svg[opening.end() : svg.rindex("</svg>")]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" role="img" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
        f"<title>{escape(legal(title))}</title><desc>{escape(' '.join(foot))}</desc>"
        f'<rect width="100%" height="100%" fill="white"/>{"".join(text)}'
        f'<g transform="translate({_MARGIN},{top:g})">{inner}</g></svg>\n'
    )


def _wrapped(line: str, most: int) -> list[str]:
    """A line broken at its middle dots where it can be, between words where it must.

    Examples
    --------
    >>> _wrapped("run a · step 3 · unit: cells", 16)
    ['run a · step 3', 'unit: cells']
    """
    lines: list[str] = []
    for part in line.split(" · "):
        if lines and len(lines[-1]) + 3 + len(part) <= most:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, most)
    return lines


def _text(x: float, y: float, line: str, size: int, colour: str, weight: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="sans-serif" font-size="{size}" font-weight="{weight}" fill="{colour}">'
        f"{escape(line)}</text>"
    )


def legal(text: str) -> str:
    r"""The text without the characters XML cannot hold.

    Examples
    --------
    >>> legal("a\x00b")
    'a�b'
    """
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "\ufffd", text)
