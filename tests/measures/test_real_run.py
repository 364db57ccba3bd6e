"""Every measure on the recorded run that ships with Snowball, beside the plainest way to count."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from oracles import rebuilt

from snowball_core.measures.bf16 import ordinal, values
from snowball_core.measures.distances import pair_statistics
from snowball_core.measures.laws import LAWS
from snowball_core.store.history import observe
from snowball_core.store.run_folder import read_run
from snowball_core.store.run_listing import run_paths
from snowball_core.tables.lineage import account
from snowball_core.tables.per_step import step_table
from snowball_core.tables.verdict import law_rows, verdict_of

RUNS = Path(__file__).resolve().parents[2] / "runs"
SHIPPED = [path for path in run_paths(RUNS) if "primordial-snowball" in path.name][-1:]
pytestmark = pytest.mark.skipif(not SHIPPED, reason="no recorded run is shipped with this checkout")


@pytest.fixture(scope="module")
def history():
    # Without its folder, so that the tests leave no cache in the checkout.
    return dataclasses.replace(observe(read_run(SHIPPED[0])), kept_in=None)


@pytest.fixture(scope="module")
def table(history):
    return step_table(history)


def test_counts_and_hidden_classes_are_those_of_counting_bytes_at_every_step(history, table):
    rows = table.to_dict("records")
    groups = list(history.masks.items())
    for t in range(len(history.steps)):
        for (group, mask), row in zip(groups, rows[t * len(groups) :], strict=False):
            counts = Counter(line.tobytes() for line in history.words[t][mask])
            sizes = sorted((n for n in counts.values() if n > 1), reverse=True)
            assert (row["step"], row["group"]) == (history.steps[t], group)
            assert (row["unique"], row["sizes"]) == (len(counts), " ".join(map(str, sizes)))
            if history.moment_hash is not None:
                pairs = zip(history.words[t][mask], history.moment_hash[t][mask].tolist(), strict=True)
                assert row["hidden_classes"] == len({(line.tobytes(), moment) for line, moment in pairs})


def test_distances_and_motion_are_those_of_numpy_written_out(history, table):
    dead = table[table["group"] == "dead"].reset_index()
    for t in range(0, len(history.steps), 29):
        rows = history.words[t][history.dead]
        points, places = values(rows).astype(np.float64), ordinal(rows).astype(np.int64)
        assert dead["largest_linf_weight"][t] == np.abs(points[:, None] - points).max()
        assert dead["largest_linf_cells"][t] == np.abs(places[:, None] - places).max() == pair_statistics(rows).cells.max
        if t:
            delta = points - values(history.words[t - 1][history.dead]).astype(np.float64)
            speed = np.linalg.norm(delta.mean(axis=0)) / (history.steps[t] - history.steps[t - 1])
            assert dead["bulk_speed_weight"][t] == pytest.approx(speed, rel=1e-9, abs=1e-15)
            assert dead["moved"][t] == (rows != history.words[t - 1][history.dead]).any(axis=1).sum()


@pytest.mark.parametrize("group", ["all", "dead", "live"])
def test_the_lineage_rebuilds_every_partition_from_its_events(history, group):
    lineage_of_group, tokens = account(history, group), np.flatnonzero(history.mask(group)).tolist()
    for t, holes in enumerate(rebuilt(lineage_of_group.tree)):
        groups: dict[bytes, list[int]] = {}
        for token in tokens:
            groups.setdefault(history.words[t, token].tobytes(), []).append(token)
        assert holes == frozenset(tuple(ids) for ids in groups.values() if len(ids) > 1)


def test_every_parting_has_a_cause_and_no_law_is_violated(history):
    lineage = account(history, "all")
    for event, why in zip(lineage.tree.events, lineage.causes, strict=True):
        assert (why is not None) == (event.kind in ("emission", "fission", "evaporation"))
        assert why is None or why.text.split(":")[0] in ("apparent", "input")
    assert [row["violations"] for row in law_rows(history)] == [[]] * len(LAWS)


def test_the_seeds_initial_state_is_the_published_one(history, table):
    first = table.iloc[0]
    assert (first["step"], first["unique"], first["black_holes"], first["population"], first["largest"]) == (0, 21, 15, 122, 32)
    assert verdict_of(history, "dead").first_step == 0
