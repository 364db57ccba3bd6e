"""Every measure beside its oracle on real bits: the run that ships with Snowball, and two small ones trained here."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import oracles
import oracles_of_time
import pandas as pd
import pytest
from oracles import rebuilt
from sklearn.decomposition import PCA

from snowball_core.config_checks import configured, preset
from snowball_core.measures.bf16 import values
from snowball_core.measures.biography import biography
from snowball_core.measures.census import change_steps
from snowball_core.measures.distances import pair_statistics
from snowball_core.measures.identity_levels import levels
from snowball_core.measures.motion import motion
from snowball_core.measures.principal_axes import axes_of_run, durations
from snowball_core.store.history import observe
from snowball_core.store.run_folder import read_run
from snowball_core.store.run_listing import run_paths
from snowball_core.tables.lineage import account
from snowball_core.tables.motion import freezing_of, token_motion
from snowball_core.tables.per_step import step_table
from snowball_core.tables.verdict import verdict_of
from snowball_core.training.loop import record

RUNS = Path(__file__).resolve().parents[2] / "runs"
SMALL = {"vocab": 64, "context": 8, "batch": 4, "hidden": 4, "layers": 1, "heads": 1, "threads": 1, "sigma": 1e-3}
TRAINED = {
    "bfloat16": {**SMALL, "steps": 24},
    "float32": {**SMALL, "steps": 400, "precision": "f32", "record": "every-25", "until": 200, "sigma": 1e-8},
}


def shipped():
    """A few snapshots of the shipped run: its start, the steps at which the dead meet, its end."""
    paths = [path for path in run_paths(RUNS) if "primordial-snowball" in path.name]
    if not paths:
        pytest.skip("no recorded run is shipped with this checkout")
    history = observe(read_run(paths[-1]))
    few = np.searchsorted(history.steps, [0, 19, 10_000])
    return dataclasses.replace(
        history, words=history.words[few], steps=history.steps[few], moment_hash=history.moment_hash[few], kept_in=None
    )


@pytest.fixture(scope="module", params=["shipped", *TRAINED])
def history(request, tmp_path_factory):
    if request.param == "shipped":
        return shipped()
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "numbers.txt").write_text(" ".join(str(n * n) for n in range(400)))
    config = configured(preset("primordial-snowball"), {**TRAINED[request.param], "corpus": str(folder / "numbers.txt")})
    return observe(record(config, folder / "runs"))


def is_small(history):
    return history.words.shape[1] < 128


def check(row, naive):
    for name, expected in naive.items():
        value = None if row[name] is pd.NA else row[name]
        if isinstance(expected, float):
            assert value == pytest.approx(expected, rel=1e-7, abs=1e-13, nan_ok=True), name
        else:
            assert value == expected, name


def test_every_column_of_every_step_is_that_of_loops(history):
    rows = step_table(history).to_dict("records")
    places = itertools.product(range(len(history.words)), history.groups)
    for (t, group), row in zip(places, rows, strict=True):
        if is_small(history) or group == "dead" or t == 1:
            before, gap = (history.words[t - 1], int(history.steps[t] - history.steps[t - 1])) if t else (None, 1)
            now, moments = np.array(history.words[t]), np.array(history.moment_hash[t])
            check(row, oracles_of_time.step_row(before, now, gap, history.mask(group), history.dead, moments))


def test_pairs_and_levels_of_first_and_last_step_are_those_of_loops(history):
    for t, group in itertools.product((0, -1), history.groups if is_small(history) else ("dead",)):
        rows = np.array(history.words[t])[history.mask(group)]
        result, graph = pair_statistics(rows), oracles.flooded(rows)
        for name, metric, unit in (("linf", "linf", "weight"), ("l2", "l2", "weight"), ("l1_cells", "l1", "cells")):
            naive = oracles.spread(oracles.pairs(rows, metric, unit))
            assert dataclasses.astuple(getattr(result, name)) == pytest.approx(tuple(naive), rel=1e-9)
        assert (result.components, result.largest_component) == (len(graph), max(map(len, graph)))
        words = oracles.patterns(rows)
        same = [words[i] == words[j] for i, j in itertools.combinations(range(len(words)), 2)]
        assert (result.pairs, result.pairs_in_holes) == (len(same), sum(same))
        assert list(result.cells_spanned) == oracles.extent(rows)["spanned_cells"]
        at = levels(rows)
        assert (at.bits, at.values, at.bf16, at.within_a_cell) == (
            *(oracles.counted(rows)["unique"], oracles.by_value(rows), oracles.by_cast(rows)),
            len(graph),
        )


def test_motion_of_tokens_and_freezing_are_those_of_following_each(history):
    moves, known, table = motion(history.words, {})[0], history.rates, step_table(history)
    for row in token_motion(history).to_dict("records")[:: 1 if is_small(history) else 16]:
        check(row, oracles_of_time.token_row(history.words, history.steps, row["token"]))
    rates = list(zip(known[0].tolist(), known[1].tolist(), strict=True))
    for group in history.groups:
        mask = history.mask(group)
        measured = (moves.moved[:, mask].tolist(), moves.cells[:, mask].tolist(), history.steps.tolist(), rates)
        naive = oracles_of_time.freezing(*measured)
        assert dataclasses.astuple(freezing_of(history, table, group)) == pytest.approx(naive, abs=0, nan_ok=True)


@pytest.mark.parametrize("group", ["all", "dead", "live"])
def test_lineage_identities_biographies_and_flows_are_those_of_comparing_partitions(history, group):
    mask, lineage_of_group = history.mask(group), account(history, group)
    partitions = [oracles_of_time.holes(np.array(matrix), mask) for matrix in history.words]
    assert partitions[0] or group == "live"
    assert rebuilt(lineage_of_group.tree) == partitions
    named = oracles_of_time.names(partitions)
    for t, names in enumerate(named):
        assert {node.tokens: node.hole for node in lineage_of_group.tree.nodes if node.first <= t <= node.last} == names
    for token in np.flatnonzero(mask).tolist():
        lived = [next((name for hole, name in names.items() if token in hole), None) for names in named]
        stays = [(name, len(list(part))) for name, part in itertools.groupby(lived) if name]
        assert [(stay.hole, stay.last - stay.first + 1) for stay in biography(lineage_of_group.tree, token)] == stays
    verdict = verdict_of(history, group)
    assert verdict.flows.tokens == {kind: oracles_of_time.flows(partitions)[kind] for kind in verdict.flows.tokens}
    for event, why in zip(lineage_of_group.tree.events, lineage_of_group.causes, strict=True):
        assert why is None or not why.violation, event


def test_the_basis_of_the_run_is_scikit_learns_of_every_step(history):
    mask = history.mask("dead")
    changed = change_steps(history.words, mask)
    lasted = np.minimum(durations(changed, history.steps), 20)
    axes = axes_of_run(history.words, mask, changed, lasted)
    points = (
        np.repeat(values(history.words[changed][:, mask]), lasted, axis=0)
        .reshape(-1, history.words.shape[2])
        .astype(np.float64)
    )
    stock = PCA(2, svd_solver="covariance_eigh").fit(points - points[0])
    assert axes.explained == pytest.approx(stock.explained_variance_ratio_, abs=1e-6)
    assert axes.origin == pytest.approx(points.mean(axis=0), abs=1e-9)
    assert np.abs(axes.axes[0] @ stock.components_[0]) == pytest.approx(1, abs=1e-6)
