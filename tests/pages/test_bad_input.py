"""Bad input on the pages, without a browser: damaged files and hostile addresses get a sentence, never a traceback."""

from __future__ import annotations

import json

import paging
import pytest
from conftest import MakeRun
from paging import metrics, texts
from streamlit.testing.v1 import AppTest

pytestmark = pytest.mark.usefixtures("library")


def opened(page: str = paging.FRONT, **query: str) -> AppTest:
    return paging.opened(page, **query)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"config": {"steps": -1}, "dead_ids": []}', "\x00\xff"])
def test_a_damaged_manifest_gives_a_message_on_both_pages(make_run: MakeRun, damage: str) -> None:
    run = make_run()
    (run.path / "run.json").write_text(damage)
    assert "damaged run.json" in texts(opened().error)
    assert "damaged run.json" in texts(opened("train").error)


def test_a_damaged_history_gives_a_message(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / "history.safetensors").write_bytes(b"not a tensor at all" * 100)
    assert "must be a safetensors file" in texts(opened().error)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"run": "../../etc/passwd"}, "A run id is made of"),
        ({"run": "/etc"}, "A run id is made of"),
        ({"run": "..%2f.."}, "A run id is made of"),
        ({"run": "2026-01-01-000000-nobody"}, "There is no run"),
        ({"run": "\x00"}, "A run id is made of"),
        ({"step": "12monkeys"}, "step must be a whole number from 0 to 20"),
        ({"step": "-1"}, "step must be a whole number"),
        ({"step": "9" * 400}, "step must be a whole number"),
        ({"step": "٣"}, "step must be a whole number"),
        ({"group": "undead"}, "group must be one of dead, live, all"),
        ({"unit": "<script>alert(1)</script>"}, "unit must be one of cells, weight"),
        ({"select": "<b>"}, "select must be t or h and a token"),
        ({"select": "t99999"}, "select must be a token of the run, 0–15"),
        ({"axis": "log10"}, "axis must be one of symlog, linear, events"),
        ({"colour": "red"}, "colour must be one of hole, hidden, move"),
        ({"basis": "none"}, "basis must be one of about, whole"),
    ],
)
def test_a_hostile_address_gets_a_friendly_answer(make_run: MakeRun, query: dict[str, str], words: str) -> None:
    make_run()
    app = opened(**query)
    assert words in texts(app.warning)
    assert metrics(app)["U unique"]


def test_names_from_a_manifest_are_shown_as_they_are(make_run: MakeRun) -> None:
    run = make_run()
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["corpus"]["name"] = "$x$ *bold* <img src=x>"
    (run.path / "run.json").write_text(json.dumps(manifest))
    assert any("\\$x\\$ \\*bold\\* \\<img" in caption.value for caption in opened().caption)
