"""A black hole has one colour: in the browser's frames, in the pictures of a step, in an export, in both themes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun, falling_together
from hypothesis import given
from hypothesis import strategies as st

from snowball_core.charts import counts_and_sizes, theme
from snowball_core.charts.lineage_layout import hues
from snowball_core.charts.scrubber_blob import reel
from snowball_core.export.view import view_of
from snowball_core.measures.census import history_leaders
from snowball_core.measures.lineage import lineage
from snowball_core.store.history import observe
from snowball_core.tables.at_step import token_table

ROOT = Path(__file__).resolve().parents[2]


@st.composite
def worlds(draw: st.DrawFn) -> np.ndarray:
    """Small histories ``[snapshots, tokens, 1]`` in which rows meet and part."""
    snapshots, tokens = draw(st.integers(1, 6)), draw(st.integers(2, 7))
    flat = draw(st.lists(st.integers(0, 3), min_size=snapshots * tokens, max_size=snapshots * tokens))
    return np.array(flat, np.uint16).reshape(snapshots, tokens, 1)


@given(worlds())
def test_the_browsers_frames_and_the_pictures_of_a_step_colour_every_hole_alike(words: np.ndarray) -> None:
    group = np.ones(words.shape[1], np.bool_)
    drawn = reel(words, np.arange(len(words)), group, "cells").arrays
    tree = lineage(history_leaders(words), group)
    for snapshot in range(len(words)):
        part = drawn["partition"][drawn["frame"][snapshot]]
        label, slot = drawn["label"][part], drawn["slot"][part]
        alone = np.bincount(label)[label] == 1
        sent = [0 if single else int(slot[own]) + 1 for own, single in zip(label, alone, strict=True)]
        assert hues(tree, snapshot, np.flatnonzero(group)).tolist() == sent


def test_a_hole_keeps_its_colour_when_it_is_no_longer_the_largest() -> None:
    # Two holes of 3 and 2 tokens; the second takes in three more and is the larger one at the end.
    words = np.array([[1, 1, 1, 2, 2, 3, 4, 5], [1, 1, 1, 2, 2, 2, 2, 2]], np.uint16)[:, :, None]
    everyone = np.ones(8, np.bool_)
    tree = lineage(history_leaders(words), everyone)
    for snapshot, ranks in ((0, [1, 1, 1, 2, 2, 0, 0, 0]), (1, [2, 2, 2, 1, 1, 1, 1, 1])):
        table = token_table(words[snapshot], everyone)
        assert table["hole"].tolist() == ranks
        coloured = table.assign(hue=hues(tree, snapshot, np.arange(8)))
        colours = {tuple(part["token"]): colour for _, colour, part in counts_and_sizes.bars(coloured, 2)}
        assert colours[(0, 1, 2)] == theme.HOLES[1]
        assert next(colour for tokens, colour in colours.items() if tokens[0] == 3) == theme.HOLES[0]


@pytest.mark.parametrize("step", [0, 7, 20])
def test_an_export_has_the_same_colours(make_run: MakeRun, step: int) -> None:
    history = observe(make_run())
    view = view_of(history, step=step, group="dead")
    tree = lineage(history_leaders(falling_together(21)), history.mask("dead"))
    assert view.tokens["hue"].tolist() == hues(tree, step, np.flatnonzero(history.mask("dead"))).tolist()
    assert ((view.tokens["hue"] == 0) == (view.tokens["hole"] == 0)).all()


def test_both_themes_have_the_colours_of_the_files() -> None:
    themes = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    assert themes["light"]["chartCategoricalColors"] == themes["dark"]["chartCategoricalColors"] == list(theme.HOLES)
