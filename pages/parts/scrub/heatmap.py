"""The heatmap of pairwise distances: a palette image and its legend, in the colours of the theme around it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from snowball_core.charts.counts_and_places import PICTURE_HEIGHT
from snowball_core.charts.heatmap import Shades
from snowball_core.charts.theme import CURSOR, NEAR_TO_FAR, ZERO

# Left, top, width and height as shares of the picture.
Box = tuple[float, float, float, float]

_IMAGE = f"width:100%;height:{PICTURE_HEIGHT}px;image-rendering:pixelated;display:block"
_SWATCH = f"display:inline-block;width:14px;height:14px;background:{ZERO};border:1px solid #8a939c;vertical-align:-2px"
_RAMP = f"flex:1;height:12px;background:linear-gradient(to right,{','.join(NEAR_TO_FAR)});border:1px solid #8a939c66"


def heatmap(picture: bytes, described: str, key: str, marks: Sequence[Box] = ()) -> DeltaGenerator:
    """Draw a distance picture; ``described`` is its accessible name, ``marks`` are framed in it.

    Returns
    -------
    DeltaGenerator
        What is written there lies over the picture. It is an image and no chart, so that its pixels are exact and it never
        blinks: a chart would load it anew at every step. The page's style knows its place by the word heatmap in ``key``.
    """
    source = base64.b64encode(picture).decode()
    place = st.container(key=key, gap=None)
    place.html(
        f'<div style="position:relative"><img alt="{escape(described)}" style="{_IMAGE}" src="data:image/png;base64,{source}">'
        f"{''.join(map(_framed, marks))}</div>"
    )
    return place


def legend(scale: Shades, unit: str) -> None:
    """What the colours of a distance picture mean."""
    low, high = (f"{bound:,.0f}" if unit == "cells" else f"{bound:.1e}" for bound in (scale.low, scale.high))
    first = "1" if unit == "cells" else f"≤ {low}"
    word = "cells" if unit == "cells" else "weight units"
    st.html(
        '<div style="display:flex;gap:8px;align-items:center;font-size:13px">'
        f'<span><span style="{_SWATCH}"></span> 0: one vector</span>'
        f'<span>{first}</span><span style="{_RAMP}"></span><span>{high} {word}</span></div>'
    )


def _framed(mark: Box) -> str:
    left, top, width, height = (f"{100 * share:.3f}%" for share in mark)
    style = f"left:{left};top:{top};width:{width};height:{height};outline:2px solid {CURSOR};pointer-events:none"
    return f'<div class="marked" style="position:absolute;{style}"></div>'
