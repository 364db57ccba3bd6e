"""The process that draws pictures: it ends when it is idle, is begun anew when it was killed, and says what it cannot draw."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import vl_convert

from snowball_core.charts import renderer as room
from snowball_core.charts.renderer import Renderer
from snowball_core.errors import HistoryError

pytestmark = pytest.mark.processes

BARS = {"data": {"values": [{"x": 1}, {"x": 3}]}, "mark": "bar", "encoding": {"x": {"field": "x", "type": "quantitative"}}}
PAUSE = "import time; time.sleep(60)"


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    one = Renderer()
    yield one
    one.close()


def child(renderer: Renderer) -> subprocess.Popen[bytes]:
    assert renderer._child is not None
    return renderer._child


def test_a_picture_drawn_apart_is_the_one_drawn_here(renderer: Renderer) -> None:
    svg = renderer.svg(BARS)
    assert svg == vl_convert.vegalite_to_svg(BARS)
    assert renderer.png(svg, 2.0) == vl_convert.svg_to_png(svg, scale=2.0)


def test_pictures_are_drawn_one_after_another_by_one_process(renderer: Renderer) -> None:
    first = renderer.svg(BARS)
    drawing = child(renderer).pid
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(renderer.svg, [BARS] * 4))) == 4
    assert child(renderer).pid == drawing
    assert first.startswith("<svg")


def test_a_killed_renderer_is_begun_anew(renderer: Renderer) -> None:
    first = renderer.svg(BARS)
    before = child(renderer)
    before.kill()
    before.wait()
    assert renderer.svg(BARS).replace("clip1", "clip0") == first.replace("clip1", "clip0")
    assert child(renderer).pid != before.pid


def test_what_cannot_be_drawn_is_said_and_the_next_picture_is_drawn(renderer: Renderer) -> None:
    with pytest.raises(HistoryError, match="a picture is drawn from its own data alone"):
        renderer.svg({"mark": "no such mark"})
    elsewhere = {**BARS, "data": {"url": "https://example.org/data.json"}}
    with pytest.raises(HistoryError, match="its own data alone"):
        renderer.svg(elsewhere)
    with pytest.raises(HistoryError, match="its own data alone"):
        renderer.png("<svg", 2.0)
    assert renderer.svg(BARS).startswith("<svg")


def test_one_that_never_answers_is_ended_and_said(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def begin() -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen([sys.executable, "-c", PAUSE], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return begun[-1]

    monkeypatch.setattr(room, "_begin", begin)
    monkeypatch.setattr(room, "_LONGEST_SECONDS", 0.1)
    with pytest.raises(HistoryError, match="it ended twice without one"):
        renderer.svg(BARS)
    assert len(begun) == 2
    assert all(process.poll() is not None for process in begun)


def test_it_ends_when_no_one_asks() -> None:
    code = "from snowball_core.charts import renderer; renderer._IDLE_SECONDS = 0.2; renderer.main()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b""


def test_it_ends_with_the_process_that_asks() -> None:
    code = (
        "from snowball_core.charts.renderer import renderer; renderer().svg({'mark': 'bar', 'data': {'values': []}});"
        "print(renderer()._child.pid, flush=True); import time; time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as asker:
        assert asker.stdout is not None
        drawing = int(asker.stdout.readline())
        asker.kill()
    until = time.monotonic() + 30
    while time.monotonic() < until and is_running(drawing):
        time.sleep(0.05)
    assert not is_running(drawing)


def is_running(pid: int) -> bool:
    """Whether a process that is not ours runs; one that ended and was not asked for yet does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as state:
            return state.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_lines_are_answered_in_order() -> None:
    asked = io.BytesIO(b"".join(json.dumps(job).encode() + b"\n" for job in ({"spec": BARS}, {"spec": {"mark": 3}})))
    answers = io.BytesIO()
    room.serve(asked, answers)
    first, second = (json.loads(line) for line in answers.getvalue().splitlines())
    assert first["drawn"].startswith("<svg")
    assert "error" in second
