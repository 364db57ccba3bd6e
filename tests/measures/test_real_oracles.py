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
    found = [path for path in run_paths(RUNS) if "primordial-snowball" in path.name]
    if not found:
        pytest.skip("no recorded run is shipped with this checkout")
    seen = observe(read_run(found[-1]))
    few = np.searchsorted(seen.steps, [0, 19, 10_000])
    return dataclasses.replace(
        seen, words=seen.words[few], steps=seen.steps[few], moment_hash=seen.moment_hash[few], kept_in=None
    )


@pytest.fixture(scope="module", params=["shipped", *TRAINED])
def seen(request, tmp_path_factory):
    if request.param == "shipped":
        return shipped()
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "numbers.txt").write_text(" ".join(str(n * n) for n in range(400)))
    config = configured(preset("primordial-snowball"), {**TRAINED[request.param], "corpus": str(folder / "numbers.txt")})
    return observe(record(config, folder / "runs"))


def is_small(seen):
    return seen.words.shape[1] < 128


def check(row, naive):
    for name, expected in naive.items():
        found = None if row[name] is pd.NA else row[name]
        if isinstance(expected, float):
            assert found == pytest.approx(expected, rel=1e-7, abs=1e-13, nan_ok=True), name
        else:
            assert found == expected, name


def test_every_column_of_every_step_is_that_of_loops(seen):
    rows = step_table(seen).to_dict("records")
    places = itertools.product(range(len(seen.words)), seen.groups)
    for (t, group), row in zip(places, rows, strict=True):
        if is_small(seen) or group == "dead" or t == 1:
            before, gap = (seen.words[t - 1], int(seen.steps[t] - seen.steps[t - 1])) if t else (None, 1)
            now, moments = np.array(seen.words[t]), np.array(seen.moment_hash[t])
            check(row, oracles_of_time.step_row(before, now, gap, seen.mask(group), seen.dead, moments))


def test_pairs_and_levels_of_first_and_last_step_are_those_of_loops(seen):
    for t, group in itertools.product((0, -1), seen.groups if is_small(seen) else ("dead",)):
        rows = np.array(seen.words[t])[seen.mask(group)]
        found, graph = pair_statistics(rows), oracles.flooded(rows)
        for name, metric, unit in (("linf", "linf", "weight"), ("l2", "l2", "weight"), ("l1_cells", "l1", "cells")):
            naive = oracles.spread(oracles.pairs(rows, metric, unit))
            assert dataclasses.astuple(getattr(found, name)) == pytest.approx(tuple(naive), rel=1e-9)
        assert (found.components, found.largest_component) == (len(graph), max(map(len, graph)))
        words = oracles.patterns(rows)
        same = [words[i] == words[j] for i, j in itertools.combinations(range(len(words)), 2)]
        assert (found.pairs, found.pairs_in_holes) == (len(same), sum(same))
        assert list(found.cells_spanned) == oracles.extent(rows)["spanned_cells"]
        at = levels(rows)
        assert (at.bits, at.values, at.bf16, at.within_a_cell) == (
            *(oracles.counted(rows)["unique"], oracles.by_value(rows), oracles.by_cast(rows)),
            len(graph),
        )


def test_motion_of_tokens_and_freezing_are_those_of_following_each(seen):
    moves, known, table = motion(seen.words, {})[0], seen.rates, step_table(seen)
    for row in token_motion(seen).to_dict("records")[:: 1 if is_small(seen) else 16]:
        check(row, oracles_of_time.token_row(seen.words, seen.steps, row["token"]))
    rates = list(zip(known[0].tolist(), known[1].tolist(), strict=True))
    for group in seen.groups:
        mask = seen.mask(group)
        told = (moves.moved[:, mask].tolist(), moves.cells[:, mask].tolist(), seen.steps.tolist(), rates)
        naive = oracles_of_time.freezing(*told)
        assert dataclasses.astuple(freezing_of(seen, table, group)) == pytest.approx(naive, abs=0, nan_ok=True)


@pytest.mark.parametrize("group", ["all", "dead", "live"])
def test_lineage_identities_biographies_and_flows_are_those_of_comparing_partitions(seen, group):
    mask, told = seen.mask(group), account(seen, group)
    partitions = [oracles_of_time.holes(np.array(matrix), mask) for matrix in seen.words]
    assert partitions[0] or group == "live"
    assert rebuilt(told.tree) == partitions
    named = oracles_of_time.names(partitions)
    for t, names in enumerate(named):
        assert {node.tokens: node.hole for node in told.tree.nodes if node.first <= t <= node.last} == names
    for token in np.flatnonzero(mask).tolist():
        lived = [next((name for hole, name in names.items() if token in hole), None) for names in named]
        stays = [(name, len(list(part))) for name, part in itertools.groupby(lived) if name]
        assert [(stay.hole, stay.last - stay.first + 1) for stay in biography(told.tree, token)] == stays
    found = verdict_of(seen, group)
    assert found.flows.tokens == {kind: oracles_of_time.flows(partitions)[kind] for kind in found.flows.tokens}
    for event, why in zip(told.tree.events, told.causes, strict=True):
        assert why is None or not why.violation, event


def test_the_basis_of_the_run_is_scikit_learns_of_every_step(seen):
    mask = seen.mask("dead")
    changed = change_steps(seen.words, mask)
    lasted = np.minimum(durations(changed, seen.steps), 20)
    found = axes_of_run(seen.words, mask, changed, lasted)
    points = np.repeat(values(seen.words[changed][:, mask]), lasted, axis=0).reshape(-1, seen.words.shape[2]).astype(np.float64)
    stock = PCA(2, svd_solver="covariance_eigh").fit(points - points[0])
    assert found.explained == pytest.approx(stock.explained_variance_ratio_, abs=1e-6)
    assert found.origin == pytest.approx(points.mean(axis=0), abs=1e-9)
    assert np.abs(found.axes[0] @ stock.components_[0]) == pytest.approx(1, abs=1e-6)
