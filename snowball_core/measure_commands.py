"""The commands that measure what was recorded: census, distances, events, motion, verdict, laws."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import Answer, folder_of, say
from .errors import ConfigError, RunError

if TYPE_CHECKING:
    import pandas as pd

    from .observation import Observation

AddVerb = Callable[[str, Callable[[argparse.Namespace], Answer], str], argparse.ArgumentParser]


def add_measure_verbs(verb: AddVerb) -> None:
    """Tell the parser of the commands that measure; ``verb`` adds one and returns its parser."""

    def measure(name: str, action: Callable[[argparse.Namespace], Answer], help: str) -> argparse.ArgumentParser:
        added = verb(name, action, help)
        added.add_argument("run", metavar="RUN", help="a run's id or folder, or a safetensors file with a [T, V, D] tensor")
        added.add_argument("--key", help="the tensor's name in a foreign file; without it, the only one that fits")
        added.add_argument("--dead", metavar="IDS", help="dead tokens of a foreign history, such as 0-9,11")
        added.add_argument(
            "--corpus", metavar="TEXT", help="the text a foreign history was trained on, to tell dead tokens from live"
        )
        added.add_argument("--csv", metavar="FILE", help="write the table there")
        return added

    counter = measure("census", _census, "unique vectors and black holes, at one step or at all")
    counter.add_argument("--step", type=int)
    counter.add_argument("--group", help="groups, comma-separated: all, dead, live (default: all that are known)")
    meter = measure("distances", _distances, "pairwise distances at a step, in weight units and in cells")
    meter.add_argument("--step", type=int, required=True)
    meter.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    teller = measure("events", _events, "what happened to the black holes, and why they came apart")
    teller.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    teller.add_argument("--token", type=int, help="the biography of one token instead: its holes, when it joined and left")
    teller.add_argument("--nodes", metavar="FILE", help="write the holes' intervals and tokens there, as CSV")
    teller.add_argument("--edges", metavar="FILE", help="write who became whom there, as CSV")
    teller.add_argument("--ytree", metavar="FILE", help="write the merger tree there, a CSV that ytree loads")
    mover = measure("motion", _motion, "who moved at each step and how far; when each token first and last moved")
    mover.add_argument("--group", help="groups, comma-separated: all, dead, live (default: all that are known)")
    mover.add_argument("--tokens", metavar="FILE", help="write one row per token there, as CSV")
    judge = measure("verdict", _verdict, "what became of the black holes, as the seed asked and as it should be asked")
    judge.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    measure("laws", _laws, "the laws every run must obey, and every violation by step")


def _seen(asked: argparse.Namespace) -> Observation:
    """What the RUN asked for recorded."""
    from .observation import find, tokens_of

    dead = None if asked.dead is None else tokens_of(asked.dead)
    return find(asked.run, folder_of(asked), asked.key, dead, asked.corpus)


def _groups(asked: argparse.Namespace, seen: Observation) -> list[str]:
    from .observation import GROUPS

    if asked.group is None:
        if seen.reason:
            say(asked, f"note: {seen.reason}")
        return list(seen.groups)
    groups = [word.strip() for word in asked.group.split(",")]
    if unknown := [group for group in groups if group not in GROUPS]:
        raise ConfigError([f'a group is one of {", ".join(GROUPS)}; got "{", ".join(unknown)}".'])
    for group in groups:
        seen.mask(group)
    return groups


def _group(asked: argparse.Namespace, seen: Observation, what: str) -> str:
    groups = _groups(asked, seen)
    if asked.group is None:
        return "dead" if "dead" in groups else "all"
    if len(groups) > 1:
        raise ConfigError([f'{what} are of one group; got "{asked.group}". Ask once per group.'])
    return groups[0]


def write(path: str, text: str) -> None:
    """Write a table to the file asked for.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise RunError(f'the table must go to a writable file; "{path}": {error.strerror}.') from None


def _told(asked: argparse.Namespace, table: pd.DataFrame) -> None:
    """The table in the file asked for, or for people on the screen."""
    from .tables import csv_bytes

    text = csv_bytes(table).decode()
    if asked.csv:
        write(asked.csv, text)
    else:
        say(asked, text.rstrip())


def plain(answer: Any) -> Any:
    """NaN (no number to speak of) as null, which JSON can say; numpy's numbers as Python's."""
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(value) for value in answer]
    if hasattr(answer, "item"):
        answer = answer.item()
    return None if isinstance(answer, float) and answer != answer else answer


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON objects, missing numbers as null."""
    columns = {
        name: [None if v != v else v for v in table[name].astype(object).where(table[name].notna(), None)] for name in table
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _census(asked: argparse.Namespace) -> Answer:
    import pandas as pd

    from .census import class_sizes
    from .step_tables import census_rows

    seen = _seen(asked)
    groups = _groups(asked, seen)
    index = None if asked.step is None else seen.index(asked.step)
    rows = census_rows(seen, groups) if index is None else census_rows(seen, groups, index, index + 1)
    answer: dict[str, Any] = {"run": seen.id, "rows": rows}
    if index is not None:
        if seen.moment_hash is not None:
            at, moments = seen.words[index], seen.moment_hash[index]
            answer["classes"] = {group: class_sizes(at[seen.mask(group)], moments[seen.mask(group)]) for group in groups}
        answer |= _levels(asked, seen, index, groups)
    if seen.reason:
        answer["note"] = seen.reason
    table = pd.DataFrame(rows)
    table["sizes"] = [" ".join(map(str, row["sizes"])) for row in rows]
    _told(asked, table)
    return answer


def _levels(asked: argparse.Namespace, seen: Observation, index: int, groups: list[str]) -> dict[str, Any]:
    """Four levels of identity at one step, and the warnings where they differ."""
    from dataclasses import asdict

    from .levels import levels

    found: dict[str, Any] = {}
    for group in groups:
        at = levels(seen.rows(int(seen.steps[index]), group))
        found[group] = {**asdict(at), "warnings": list(at.warnings)}
        for warning in at.warnings:
            say(asked, f"{group}: {warning}")
    return {"levels": found}


def _distances(asked: argparse.Namespace) -> Answer:
    from dataclasses import asdict

    import pandas as pd

    from .pairs import pair_statistics, seed_criterion

    seen = _seen(asked)
    group = _group(asked, seen, "distances")
    found = asdict(pair_statistics(seen.rows(asked.step, group)))
    criterion = seed_criterion(found["linf"]["max"], found["cells"]["max"])
    answer = {"run": seen.id, "step": asked.step, "group": group, **found, "criterion": criterion}
    units = {"linf": "L∞, weight units", "cells": "L∞, cells", "l1": "L1, weight units", "l1_cells": "L1, cells"}
    units |= {"l2": "L2, weight units", "l2_cells": "L2, cells", "hamming": "Hamming, components"}
    if asked.csv:
        _told(asked, pd.DataFrame([{"measure": key, "unit": unit, **found[key]} for key, unit in units.items()]))
    for key, unit in units.items():
        say(asked, f"{unit:20}" + "  ".join(f"{name} {value:.6g}" for name, value in found[key].items()))
    say(asked, f"adjacent (≤ 1 cell) {found['adjacent']:.4f}, touching (≤ 2 cells) {found['touching']:.4f} of all pairs")
    say(asked, f"components within a cell {found['components']:,}, the largest of {found['largest_component']:,} tokens")
    say(asked, f"active dimensions {found['active_dimensions']:,} of {len(found['cells_spanned']):,}")
    for key, name in (("seed", "as the seed asked"), ("cells", "asked in cells")):
        asks = ", ".join(f"{word} {value}" for word, value in criterion[key].items())
        say(asked, f"compact, {name}: {asks}")
    return dict(plain(answer))


def _events(asked: argparse.Namespace) -> Answer:
    from .event_tables import account, biography_table, edge_table, event_rows, event_table, node_table, ytree_csv

    seen = _seen(asked)
    group = _group(asked, seen, "events")
    told = account(seen, group)
    for path, table in ((asked.nodes, node_table), (asked.edges, edge_table)):
        if path:
            write(path, table(told.tree, seen.steps).to_csv(index=False))
    if asked.ytree:
        write(asked.ytree, ytree_csv(told.tree, seen.steps))
    answer: dict[str, Any] = {"run": seen.id, "group": group}
    if asked.token is not None:
        if not 0 <= asked.token < seen.words.shape[1] or not seen.mask(group)[asked.token]:
            raise RunError(f'token must be one of the group "{group}"; got {asked.token}. Ask with --group all.')
        table_of_stays = biography_table(told, seen, asked.token)
        _told(asked, table_of_stays)
        return {**answer, "token": asked.token, "stays": rows_of(table_of_stays)}
    rows = event_rows(told, seen.steps)
    _told(asked, event_table(rows))
    return {**answer, "events": rows}


def _motion(asked: argparse.Namespace) -> Answer:
    from dataclasses import asdict

    from .step_tables import freezing_of, motion_table, moves_of, token_motion

    seen = _seen(asked)
    groups = _groups(asked, seen)
    moves, drifts = moves_of(seen, groups)
    table, tokens = motion_table(seen, moves, drifts), token_motion(seen, moves)
    if asked.tokens:
        write(asked.tokens, tokens.to_csv(index=False))
    _told(asked, table)
    ends = {group: plain(asdict(freezing_of(seen, moves, group))) for group in groups}
    for group, end in ends.items():
        say(asked, f"{group}: " + ", ".join(f"{name} {value}" for name, value in end.items()))
    return {"run": seen.id, "steps": rows_of(table), "tokens": rows_of(tokens), "freezing": ends}


def _verdict(asked: argparse.Namespace) -> Answer:
    from .findings import verdict_of

    seen = _seen(asked)
    found = verdict_of(seen, _group(asked, seen, "verdicts"))
    say(asked, f"{found.group} tokens, steps {found.first_step:,} to {found.last_step:,}: {found.outcome}")
    say(asked, f"(by the number of holes alone: {found.seeds_outcome})")
    words = {True: "yes", False: "no", None: "cannot be told"}
    for criterion in found.criteria:
        for name, form in (("seed", criterion.seed), ("corrected", criterion.corrected)):
            say(asked, f"{criterion.name}, {name}: {form.asks} {words[form.holds]}; {form.numbers}")
    say(asked, found.caution)
    return {"run": seen.id, **dict(plain(found.to_json()))}


def _laws(asked: argparse.Namespace) -> Answer:
    import pandas as pd

    from .findings import law_rows

    seen = _seen(asked)
    rows = law_rows(seen)
    for row in rows:
        state = f"{len(row['violations'])} violations" if row["checked"] else "cannot be checked on what was recorded"
        say(asked, f"{row['law']}: {row['says']}: {state}")
        for each in row["violations"][:20]:
            say(asked, f"  step {each['step']:,}: {each['text']}")
    if asked.csv:
        listed = [{"law": row["law"], **each} for row in rows for each in row["violations"]]
        _told(asked, pd.DataFrame(listed, columns=["law", "step", "tokens", "text"]))
    return {"run": seen.id, "laws": rows}
