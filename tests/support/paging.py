"""What tests of a page without a browser share: the app opened on a page, and what is read off it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

APP = Path(__file__).resolve().parents[2] / "app.py"
FRONT = "scrub"
# Streamlit looks through every installed package for components when an app is first run: a third of a second, once is enough.
components = cache(manifest_scanner.scan_component_manifests)


def opened(page: str, left: Mapping[str, object] | None = None, /, **query: str) -> AppTest:
    """The app as a visitor sees it who came by a link to a page, or was there before and left it in a state."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    if page != FRONT:
        app.switch_page(f"pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    for key, kept in (left or {}).items():
        app.session_state[key] = kept
    with patch.object(manifest_scanner, "scan_component_manifests", components):
        return sound(app.run())


def sound(app: AppTest) -> AppTest:
    assert not app.exception, [error.value for error in app.exception]
    return app


def texts(elements: object) -> str:
    return "\n".join(element.value for element in elements).replace("\\", "")  # type: ignore[attr-defined]


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def metrics(app: AppTest) -> dict[str, str]:
    """Label → value of every number."""
    return {metric.label: metric.value for metric in app.metric}


def token_list(app: AppTest, label: str) -> Selectbox:
    """A list of tokens: another one each time something is selected elsewhere."""
    return next(box for box in app.selectbox if box.label == label)


def specs(app: AppTest) -> list[str]:
    """The description of every chart."""
    return [node.proto.spec for node in app.get("vega_lite_chart")]


def drawn(app: AppTest) -> dict[str, Any]:
    """What the scrubber says of the history that it draws, or of the first of two."""
    return drawn_sides(app)[0]


def drawn_sides(app: AppTest) -> list[dict[str, Any]]:
    """The same of every side."""
    blob, sides = app.get("bidi_component")[0].proto.bytes, []
    while blob:
        body = 4 + int.from_bytes(blob[:4], "little")
        sides.append(json.loads(blob[4:body]))
        blob = blob[body + sides[-1]["size"] :]
    return sides
