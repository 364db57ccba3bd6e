"""The process that draws pictures: it ends when it is idle, starts again when it was killed, and says what it cannot draw."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import vl_convert

from snowball_core.charts import renderer as module
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
    return renderer._child[0]


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


def test_a_killed_renderer_is_started_again(renderer: Renderer) -> None:
    first = renderer.svg(BARS)
    before = child(renderer)
    before.kill()
    before.wait()
    assert renderer.svg(BARS).replace("clip1", "clip0") == first.replace("clip1", "clip0")
    assert child(renderer).pid != before.pid


def test_what_cannot_be_drawn_is_reported_and_the_next_picture_is_drawn(renderer: Renderer) -> None:
    with pytest.raises(HistoryError, match="the picture could not be rendered"):
        renderer.svg({"mark": "no such mark"})
    elsewhere = {**BARS, "data": {"url": "https://example.org/data.json"}}
    with pytest.raises(HistoryError, match="could not be rendered"):
        renderer.svg(elsewhere)
    with pytest.raises(HistoryError, match="could not be rendered"):
        renderer.png("<svg", 2.0)
    assert renderer.svg(BARS).startswith("<svg")


@pytest.mark.parametrize("ends_at_once", [True, False])
def test_one_that_never_answers_is_ended_and_reported(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch, ends_at_once: bool
) -> None:
    started, other_ends = [], []

    def start() -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, its = socket.socketpair()
        if ends_at_once:
            its.close()
        other_ends.append(its)
        started.append(subprocess.Popen([sys.executable, "-c", PAUSE]))
        return started[-1], ours

    monkeypatch.setattr(module, "_start", start)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.1)
    with pytest.raises(HistoryError, match="it ended twice without a result"):
        renderer.svg(BARS)
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_it_ends_when_idle_and_is_started_again(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, its = socket.socketpair()
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.1)
    module.serve(its)
    its.close()
    ours.close()
    monkeypatch.setattr(module, "_IDLE_SECONDS", 15.0)
    renderer.svg(BARS)
    ended = child(renderer)
    # As after an idle end: the process is gone, its connection is still open here.
    ended.terminate()
    ended.wait()
    assert renderer.svg(BARS).startswith("<svg")
    assert child(renderer).pid != ended.pid


def test_ctrl_c_does_not_reach_it(renderer: Renderer) -> None:
    renderer.svg(BARS)
    assert os.getpgid(child(renderer).pid) != os.getpgid(0)


def test_it_ends_with_its_parent_process() -> None:
    code = (
        "from snowball_core.charts.renderer import renderer; renderer().svg({'mark': 'bar', 'data': {'values': []}});"
        "print(renderer()._child[0].pid, flush=True); import time; time.sleep(60)"
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
    """Whether a process that is not ours runs; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as state:
            return state.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
