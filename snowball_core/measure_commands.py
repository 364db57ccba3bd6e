"""The commands that measure what was recorded: census and distances."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .answers import Answer, opened, say
from .errors import ConfigError, RunError

AddVerb = Callable[[str, Callable[[argparse.Namespace], Answer], str], argparse.ArgumentParser]


def add_measure_verbs(verb: AddVerb) -> None:
    """Tell the parser of the commands that measure; ``verb`` adds one and returns its parser."""
    counter = verb("census", _census, "unique vectors and black holes, at one step or at all")
    counter.add_argument("run", metavar="RUN")
    counter.add_argument("--step", type=int)
    counter.add_argument("--group", default="all,dead,live", help="groups, comma-separated: all, dead, live")
    counter.add_argument("--csv", metavar="FILE", help="write the table there")
    meter = verb("distances", _distances, "pairwise distances at a step, in weight units and in cells")
    meter.add_argument("run", metavar="RUN")
    meter.add_argument("--step", type=int, required=True)
    meter.add_argument("--group", default="dead", help="one group: all, dead or live")


def _snapshot(asked: argparse.Namespace) -> tuple[Any, Any, Any]:
    """History, steps and dead mask of the run asked for."""
    run = opened(asked)
    words = run.history().words
    return words, run.steps(len(words)), run


def _index(step: int, steps: Any, run_id: str) -> int:
    """The snapshot of a recorded step."""
    found = [i for i, recorded in enumerate(steps.tolist()) if recorded == step]
    if not found:
        last = f"{int(steps[-1]):,}" if len(steps) else "none"
        raise RunError(
            f'step must be a recorded one; got {step:,}. The run "{run_id}" recorded {len(steps):,} snapshots, '
            f"the last at step {last}: choose one of those."
        )
    return found[0]


def _groups(text: str) -> list[str]:
    from .tables import GROUPS

    groups = [word.strip() for word in text.split(",")]
    if unknown := [group for group in groups if group not in GROUPS]:
        raise ConfigError([f'a group is one of {", ".join(GROUPS)}; got "{", ".join(unknown)}".'])
    return groups


def _census(asked: argparse.Namespace) -> Answer:
    from .tables import CENSUS_COLUMNS, census_at, census_rows

    groups = _groups(asked.group)
    words, steps, run = _snapshot(asked)
    if asked.step is not None:
        rows = census_at(words[_index(asked.step, steps, run.id)], run.dead, asked.step, groups)
    else:
        rows = census_rows(words, steps, run.dead, groups)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(CENSUS_COLUMNS)
    writer.writerows([[*list(row.values())[:-1], " ".join(map(str, row["sizes"]))] for row in rows])
    if asked.csv:
        try:
            Path(asked.csv).write_text(table.getvalue())
        except OSError as error:
            raise RunError(f'the table must go to a writable file; "{asked.csv}": {error.strerror}.') from None
    else:
        say(asked, table.getvalue().rstrip())
    return {"run": run.id, "rows": rows}


def _distances(asked: argparse.Namespace) -> Answer:
    from dataclasses import asdict

    from .geometry import distances
    from .tables import group_mask

    groups = _groups(asked.group)
    if len(groups) > 1:
        raise ConfigError([f'distances are of one group; got "{asked.group}". Ask once per group.'])
    group = groups[0]
    words, steps, run = _snapshot(asked)
    matrix = words[_index(asked.step, steps, run.id)]
    found = asdict(distances(matrix[group_mask(run.dead, group)]))
    answer = {"run": run.id, "step": asked.step, "group": group, **found}
    for key, unit in (("linf", "L∞, weight units"), ("cells", "L∞, cells")):
        say(asked, f"{unit:18}" + "  ".join(f"{name} {value:.6g}" for name, value in found[key].items()))
    say(asked, f"adjacent (≤ 1 cell) {found['adjacent']:.4f}, touching (≤ 2 cells) {found['touching']:.4f} of all pairs")
    return _finite(answer)


def _finite(answer: dict[str, Any]) -> dict[str, Any]:
    """NaN (no pair to speak of) as null, which JSON can say."""
    return {k: _finite(v) if isinstance(v, dict) else None if isinstance(v, float) and v != v else v for k, v in answer.items()}
