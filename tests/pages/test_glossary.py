"""docs/measures.md as data: complete, unambiguous, and the one place that explains a measure."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pages.parts.about.glossary import MEASURES_PAGE, GlossaryEntry, anchors, explained, measures, sections
from pages.parts.shared.help_links import what_is
from snowball_core.measures.alignment import SPENT
from snowball_core.measures.lineage import KINDS
from snowball_core.measures.motion import REGIMES
from snowball_core.measures.quantities import document
from snowball_core.store.history import History
from snowball_core.tables.comparison import MEASURES
from snowball_core.tables.lineage import EVENT_COLUMNS
from snowball_core.tables.per_step import step_table, with_metrics


def test_every_column_of_the_step_table_is_explained() -> None:
    history = History("tiny", np.zeros((2, 3, 2), np.float32), np.arange(2), np.array([True, False, True]))
    metrics = {name: np.zeros(2) for name in ("step", "loss", "learning_rate", "grad_norm", "seconds")}
    columns = set(with_metrics(step_table(history), metrics)) - {"step", "group"}
    assert columns - set(anchors()) == set()
    assert set(MEASURES) <= columns
    assert SPENT not in columns


def test_every_event_and_regime_is_explained() -> None:
    assert {*KINDS, *REGIMES} <= set(anchors())
    assert "cause" in EVENT_COLUMNS


def test_every_measure_has_a_formula_and_every_table_a_column_for_unit_group_and_trap() -> None:
    for section in measures():
        for entry in section.parts:
            if isinstance(entry, GlossaryEntry):
                assert entry.facts, entry.title
            if isinstance(entry, GlossaryEntry) and section.anchor in (
                "census",
                "lattice-and-distance",
                "motion",
                "lineage",
                "laws-as-monitors",
            ):
                assert {"formula", "pitfall"} <= dict(entry.facts).keys(), entry.title
    census = next(section for section in measures() if section.anchor == "census")
    unique = next(part for part in census.parts if isinstance(part, GlossaryEntry) and "unique" in part.names)
    assert [heading for heading, _ in unique.facts] == ["formula", "unit", "group", "pitfall"]


def test_no_two_entries_share_an_anchor() -> None:
    every = [section.anchor for section in measures()]
    every += [part.anchor for section in measures() for part in section.parts if isinstance(part, GlossaryEntry)]
    assert len(every) == len(set(every)), sorted(name for name in every if every.count(name) > 1)
    assert all(every)


def test_a_table_is_read_row_by_row_and_text_stays_text() -> None:
    table = "| n | formula | trap |\n|---|:-:|---|\n| `x`, `y` Z | a \\| b | |"
    text = f"# T\n\nskipped\n\n## One (`a.py`)\n\nwords\nmore\n\n{table}\n\nend\n"
    (section,) = sections(text)
    assert section.anchor == "one"
    words, entry, end = section.parts
    assert (words, end) == ("words\nmore", "end")
    assert isinstance(entry, GlossaryEntry)
    assert (entry.names, entry.facts, entry.anchor) == (("x", "y", "Z"), (("formula", "a | b"),), "x")


def test_a_row_with_a_cell_too_many_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="zip"):
        sections("## One\n\n| n | formula |\n|---|---|\n| `x` | a | b |\n")


def test_the_page_shows_docs_measures_md_as_it_is_and_a_measure_without_a_row_there() -> None:
    text = MEASURES_PAGE.read_text()
    assert document(text) == text
    row = next(line for line in text.split("\n") if line.startswith("| `participation_ratio` |"))
    added = document(text.replace(f"{row}\n", ""))
    assert "| `participation_ratio` | (Σ λ)² / Σ λ²" in added
    assert sections(added)[2].anchor == "lattice-and-distance"


def test_an_explanation_is_definition_and_pitfall_without_markup() -> None:
    assert explained()["population"].explanation == (
        "population P: number of tokens in black holes\nPitfall: P = 51 can be one hole or twenty"
    )
    for name, each in explained().items():
        assert 1 <= len(each.explanation.split("\n")) <= 4, name
        assert not set("`*") & set(each.explanation), name


def test_a_link_carries_its_explanation_as_a_title_that_cannot_end_early() -> None:
    for name in explained():
        title = re.fullmatch(r'\[what is this\?\]\(about#[a-z0-9-]+ "(.*)"\)', what_is(name), re.DOTALL)
        assert title is not None
        assert '"' not in title[1].replace('\\"', "")
        assert "\n\n" not in title[1]
