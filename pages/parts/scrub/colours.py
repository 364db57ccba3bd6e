"""The measure that colours the positions, sent to the scrubber when it is chosen: its frames stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from snowball_core.charts.scrubber_measures import MEASURES

from ..shared.selection import here

COLOURS = "colours"
_DRAWING = Path(__file__).parent / "drawing"
_HAND = st.components.v2.component("handed-measure", js=(_DRAWING / "handed_measure.js").read_text())


@st.fragment(key=COLOURS)
def hand_measure(identity: list[str], measured: Callable[[str], npt.NDArray[np.float32]]) -> None:
    """Send what the scrubber's select of colours asks for; ``identity`` names the frames that it belongs to."""
    measure = here().get("colour", "")
    if measure in MEASURES:
        values = measured(measure)
        header = json.dumps({"measure": measure, "of": identity}).encode()
        header = header.ljust(-(-len(header) // 4) * 4)
        with st.container(key="handed-measure"):
            _HAND(key="measure", data=len(header).to_bytes(4, "little") + header + values.tobytes())
