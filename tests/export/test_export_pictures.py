"""Exported pictures: read by an XML parser and by pillow; their footers, their bytes, and what is refused."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from safetensors.numpy import save_file

from snowball_core.charts.svg import png_bytes, svg_bytes
from snowball_core.errors import HistoryError
from snowball_core.export import animation
from snowball_core.export.animation import MOST_FRAMES, frame_steps, gif_bytes
from snowball_core.export.pictures import PICTURES, draw, places_plate
from snowball_core.export.view import View, view_of
from snowball_core.measures.bf16 import from_values
from snowball_core.store.history import History, find, observe
from snowball_core.store.manifest import configuration_hash

SVG = "{http://www.w3.org/2000/svg}"
POINTS = {"data": {"name": "d"}, "mark": "point", "encoding": {"x": {"field": "x", "type": "quantitative"}}}
STEP = ("sizes", "distances", "places")


@pytest.fixture
def view(make_run: MakeRun) -> View:
    history = observe(make_run())
    return view_of(history, 7, unit="weight")


def texts(svg: bytes) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("name", list(PICTURES))
def test_a_picture_is_an_svg_with_a_footer_that_names_everything(view: View, name: str) -> None:
    plate = PICTURES[name].make(view)
    svg = draw(view, plate)
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == plate.title
    written = texts(svg)
    at = "step 7 " if name in STEP else "steps 0 to 20"
    known = configuration_hash(view.history.config) or ""
    for part in (plate.title, f"run {view.history.id}", at, "dead tokens (6 of 16)", f"unit: {plate.unit}", known[:12]):
        assert part in written
    assert len([node for node in root.iter(f"{SVG}g") if "role-axis-title" in node.attrib.get("class", "")]) >= 1
    # Nothing is fetched: an address names something inside, or is the thing itself.
    assert not re.search(rb"(?:href|src)=\"(?!data:|#)", svg)
    assert draw(view, PICTURES[name].make(view)) == svg


@pytest.mark.parametrize("unit", ["cells", "weight"])
def test_positions_are_around_the_mean_in_the_unit_or_as_they_are_chosen(make_run: MakeRun, unit: str) -> None:
    view = view_of(observe(make_run()), 7, unit=unit)
    words = {"cells": "cells", "weight": "weight units"}[unit]
    usual = texts(draw(view, places_plate(view)))
    assert f"PC1, {words} (" in usual
    assert "Positions around the group's mean." in usual
    whole = texts(draw(view, places_plate(view, basis="whole")))
    assert "PC1, weight units (" in whole
    assert "around the group's mean" not in whole
    assert "path of the group's mean" in whole
    assert "norm (L2, weight units)" in texts(draw(view, places_plate(view, colour="norm")))
    assert draw(view, places_plate(view, colour="norm")) != draw(view, places_plate(view))


def test_no_circle_is_cut_at_the_frame(make_run: MakeRun) -> None:
    history = observe(make_run())
    for step in (0, 7, 20):
        svg = ET.fromstring(draw(view := view_of(history, step), places_plate(view)))
        frame = next(node for node in svg.iter(f"{SVG}path") if node.get("class") == "background")
        width, height = (float(number) for number in re.findall(r"[\d.]+", frame.get("d", ""))[2:4])
        points = [node for node in svg.iter(f"{SVG}path") if node.get("aria-roledescription") == "point"]
        assert points
        for node in points:
            across, up = (float(number) for number in re.findall(r"-?[\d.]+", node.get("transform", "")))
            radius = float(re.findall(r"[\d.]+", node.get("d", ""))[0])
            assert radius <= across <= width - radius
            assert radius <= up <= height - radius


def test_a_png_is_the_same_picture_twice_as_large(view: View) -> None:
    svg = draw(view, PICTURES["sizes"].make(view))
    root = ET.fromstring(svg)
    picture = Image.open(io.BytesIO(png_bytes(svg)))
    assert picture.format == "PNG"
    assert picture.size == tuple(round(2 * float(root.attrib[side])) for side in ("width", "height"))
    assert picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    assert png_bytes(svg) == png_bytes(svg)


def test_the_heatmap_shows_zero_and_far_in_their_own_colours(view: View) -> None:
    pixels = Image.open(io.BytesIO(png_bytes(draw(view, PICTURES["distances"].make(view))))).convert("RGB")
    colours = {colour for count, colour in pixels.getcolors(1 << 24) if count > 2_000}
    assert (0, 0, 0) in colours
    # Tokens 0–2 share a vector at step 7, tokens 3–5 do not: half the picture is not black.
    assert len(colours - {(0, 0, 0), (255, 255, 255)}) >= 2


def test_a_title_from_elsewhere_stays_text() -> None:
    data = {"d": pd.DataFrame({"x": [1.0, np.nan]})}
    svg = svg_bytes(POINTS, data, "<script>alert(1)</script>\x00&", ["a < b", "x" * 300])
    root = ET.fromstring(svg)
    assert root.find(f"{SVG}title").text == "<script>alert(1)</script>\ufffd&"
    assert not list(root.iter(f"{SVG}script"))
    assert texts(svg).count("x" * 50) >= 1


def test_the_same_picture_has_the_same_bytes_whatever_was_drawn_before() -> None:
    data = {"d": pd.DataFrame({"x": [1.0, 2.0]})}
    clipped = POINTS | {"mark": {"type": "point", "clip": True}}
    first = svg_bytes(clipped, data, "t", [])
    svg_bytes(clipped, data, "another", [])
    assert svg_bytes(clipped, data, "t", []) == first
    assert b"clip-path" in first


@pytest.mark.parametrize("address", ["https://example.invalid/data.csv", "/etc/hostname"])
def test_a_picture_fetches_nothing(address: str) -> None:
    with pytest.raises(HistoryError, match="could not be rendered"):
        svg_bytes(POINTS | {"data": {"url": address, "format": {"type": "csv"}}}, {}, "t", [])


def test_a_picture_without_its_data_says_why(tmp_path: Path) -> None:
    words = np.random.default_rng(0).standard_normal((1, 6_000, 2)).astype(np.float32)
    save_file({"W": words}, tmp_path / "large.safetensors")
    history = find(str(tmp_path / "large.safetensors"), tmp_path)
    view = view_of(history)
    with pytest.raises(HistoryError, match="needs recorded losses"):
        PICTURES["loss"].make(view)
    with pytest.raises(HistoryError, match=r"at most 5,000 vectors; the all tokens have 6,000 .*projector"):
        PICTURES["places"].make(view)
    assert "thinned to 500 of 6,000 tokens" in PICTURES["distances"].make(view).note


def test_an_animation_has_a_frame_a_step_with_the_step_in_it(make_run: MakeRun) -> None:
    history = observe(make_run())
    view = view_of(history, first=3, last=9)
    gif = gif_bytes(view)
    moving = Image.open(io.BytesIO(gif))
    assert moving.format == "GIF"
    assert moving.n_frames == len(frame_steps(view)) == 7
    frames = []
    for number in range(7):
        moving.seek(number)
        frames.append(np.asarray(moving.convert("RGB")))
    corners = [frame[10:40, 20:160].tobytes() for frame in frames]
    assert len(set(corners)) == 7, "the step is written in every frame"
    assert all(len(np.unique(frame.reshape(-1, 3), axis=0)) <= 256 for frame in frames)
    assert gif_bytes(view) == gif


def test_an_animation_of_one_step_is_a_still(make_run: MakeRun) -> None:
    history = observe(make_run())
    still = Image.open(io.BytesIO(gif_bytes(view_of(history, first=4, last=4))))
    assert still.n_frames == 1


def test_a_long_range_is_thinned_to_changes_and_logarithms_ends_kept_and_told(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = observe(make_run(steps=300))
    view = view_of(history, first=4, last=290)
    steps = frame_steps(view)
    assert len(steps) == MOST_FRAMES
    assert (steps[0], steps[-1]) == (4, 290)
    events = {int(history.steps[event.snapshot]) for event in view.lineage.tree.events}
    assert {step for step in events if 4 <= step <= 290} <= set(steps.tolist())
    gaps = np.diff(steps)
    assert set(gaps[:50].tolist()) == {1}
    assert gaps[-1] > 3
    progress: list[str] = []
    real = animation.ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        animation.ImageDraw.ImageDraw, "text", lambda pen, at, text, **how: (progress.append(text), real(pen, at, text, **how))
    )
    monkeypatch.setattr(animation, "MOST_FRAMES", 2)
    gif_bytes(view)
    assert (
        "steps 4 to 290: 287 recorded, thinned to 2 frames: changes of holes first, the rest log-spaced · circle area: size"
        in progress
    )
    assert {"step 4", "step 290"} <= set(progress)


@given(some.integers(1, 60), some.lists(some.integers(0, 400), min_size=1, max_size=120, unique=True), some.integers(0, 10**6))
def test_frames_start_and_end_with_the_range_and_prefer_changes(most: int, recorded: list[int], seed: int) -> None:
    steps = np.array(sorted(recorded), np.int64)
    labels = np.random.default_rng(seed).integers(3, size=(len(steps), 4))
    history = History("made up", from_values(labels[:, :, None].astype(np.float32)), steps, np.ones(4, np.bool_))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(animation, "MOST_FRAMES", max(2, most))
        frames = frame_steps(view_of(history))
    assert len(frames) == min(len(steps), max(2, most))
    assert (np.diff(frames) > 0).all()
    assert (frames[0], frames[-1]) == (steps[0], steps[-1])
    assert set(frames.tolist()) <= set(steps.tolist())
