"""The commands that measure what was recorded: census, events, motion, verdict, laws."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, RunError
from .common import (
    AddVerb,
    Answer,
    add_file,
    counting,
    csv_parts,
    group_of,
    groups_of,
    lost_of,
    measuring,
    of_groups,
    plain,
    rows_of,
    say,
    seen_of,
    told_table,
    whole,
    write_table,
)

if TYPE_CHECKING:
    from ..store.history import History


_HOLES_SAID = 12


def add_measure_verbs(verb: AddVerb) -> None:
    """Tell the parser of the commands that measure; ``verb`` adds one and returns its parser."""
    counter = measuring(verb, "census", _census, "unique vectors and black holes, at one step or at all")
    counter.add_argument("--step", type=whole)
    counter.add_argument("--group", help="groups, comma-separated: all, dead, live (default: all that are known)")
    add_file(counter, "--holes", "write the step's black holes and their hidden classes there, as CSV")
    add_file(counter, "--levels", "write the step's four levels of identity there, as CSV")
    teller = measuring(verb, "events", _events, "what happened to the black holes, and why they came apart")
    teller.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    teller.add_argument("--token", type=whole, help="the biography of one token instead: its holes, when it joined and left")
    add_file(teller, "--biographies", "write the holes each token was in there, as CSV")
    add_file(teller, "--nodes", "write the holes' intervals and tokens there, as CSV")
    add_file(teller, "--edges", "write who became whom there, as CSV")
    add_file(teller, "--ytree", "write the merger tree there, a CSV that ytree loads")
    mover = measuring(verb, "motion", _motion, "who moved at each step and how far; when each token first and last moved")
    mover.add_argument("--group", help="groups, comma-separated: all, dead, live (default: all that are known)")
    add_file(mover, "--tokens", "write one row per token there, as CSV")
    add_file(mover, "--freezing", "write when each group's motion ends there, as CSV")
    add_file(mover, "--displacements", "write one row per step and token that moved there, as CSV")
    judge = measuring(verb, "verdict", _verdict, "what became of the black holes, as the seed asked and as it should be asked")
    judge.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    measuring(verb, "laws", _laws, "the laws every run must obey, and every violation by step")


def _census(asked: argparse.Namespace) -> Answer:
    from ..tables.blocks import history_blocks
    from ..tables.formats import csv_lines
    from ..tables.per_step import CENSUS, step_columns

    history = seen_of(asked)
    groups = groups_of(asked, history)
    if (asked.holes or asked.levels) and asked.step is None and len(history.words) != 1:
        raise ConfigError(["--holes and --levels are of one step; got none. Name it with --step."])
    lost = lost_of(asked, history, groups)
    # A file of one matrix is asked about its one step.
    index = history.index(asked.step) if asked.step is not None else 0 if len(history.words) == 1 else None
    columns: dict[str, list[Any]] = {}
    with counting(asked, "census", is_kept=False) as progress:
        for part in history_blocks(history, progress) if index is None else [slice(index, index + 1)]:
            for name, column in step_columns(history, part, CENSUS, groups).items():
                columns.setdefault(name, []).extend(column if isinstance(column, list) else column.tolist())
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    changes = _change_steps(asked, history, columns, groups) if index is None else {}
    answer: dict[str, Any] = {"run": history.id, "rows": rows, **changes, "divergence": lost}
    lines = csv_lines(columns)
    if asked.csv:
        asked.csv.write(f"{line}\n" for line in lines)
    else:
        say(asked, "\n".join(lines))
    if index is not None:
        answer |= _at_step(asked, history, int(history.steps[index]), groups)
    if history.reason:
        answer["note"] = history.reason
    return answer


def _change_steps(
    asked: argparse.Namespace, history: History, columns: dict[str, list[Any]], groups: list[str]
) -> dict[str, Any]:
    """The recorded steps at which a bit of a group differs from the snapshot before, and where levels of identity differ."""
    from ..measures.census import change_steps

    changes: dict[str, list[int]] = {}
    warnings: dict[str, list[str]] = {group: [] for group in groups}
    for group in groups:
        changes[group] = history.steps[change_steps(history.words, history.mask(group))[1:]].tolist()
        rows = [row for row, its in enumerate(columns["group"]) if its == group]
        say(asked, f"{group}: bits changed in {len(changes[group]):,} of {len(rows):,} snapshots")
        for column, level in (("unique_values", "by value"), ("unique_bf16", "after rounding to bfloat16")):
            other = [columns["step"][row] for row in rows if columns[column][row] != columns["unique"][row]]
            if other:
                at = f"at {len(other):,} of {len(rows):,} recorded steps, first at step {other[0]:,}"
                warnings[group].append(f"Vectors by bits are not as many as {level} {at}.")
                say(asked, f"{group}: {warnings[group][-1]}")
    return {"change_steps": changes, "warnings": warnings}


def _at_step(asked: argparse.Namespace, history: History, step: int, groups: list[str]) -> dict[str, Any]:
    """Every black hole with its hidden classes, and four levels of identity with a warning where they differ."""
    from dataclasses import asdict

    from ..measures.identity_levels import levels
    from ..tables.at_step import hole_rows, hole_table, level_table, tokens_at

    found = {group: levels(history.rows(step, group)) for group in groups}
    if asked.holes:
        write_table(asked.holes, hole_table(history, step, groups))
    if asked.levels:
        write_table(asked.levels, level_table(step, found))
    rows = []
    for group in groups:
        holes = hole_rows(tokens_at(history, history.index(step), group), history.rows(step, group))
        rows += [{"step": step, "group": group, **plain(hole)} for hole in holes]
    for row in rows:
        del row["glyphs"]
    for group in groups:
        _say_holes(asked, [row for row in rows if row["group"] == group])
        for warning in found[group].warnings:
            say(asked, f"{group}: {warning}")
    told = {group: {**asdict(at), "warnings": list(at.warnings)} for group, at in found.items()}
    answer = {"holes": rows, "levels": told}
    if history.moment_hash is not None:
        answer["classes"] = {group: [row["hidden_classes"] for row in rows if row["group"] == group] for group in groups}
    return answer


def _say_holes(asked: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    for row in rows[:_HOLES_SAID]:
        if row["nature"] in ("NaN", "infinite"):
            what = "a NaN" if row["nature"] == "NaN" else "an infinity"
            say(asked, f"{row['group']}: {row['population']:,} tokens share a row with {what}: no black hole")
            continue
        inside = ", hidden classes " + " + ".join(map(str, row["hidden_classes"])) if row["hidden_classes"] else ""
        say(asked, f"{row['group']}: black hole {row['hole']} of {row['population']:,} tokens, {row['nature']}{inside}")
    if len(rows) > _HOLES_SAID:
        say(asked, f"{rows[0]['group']}: and {len(rows) - _HOLES_SAID:,} smaller black holes (--holes FILE has them all)")


def _events(asked: argparse.Namespace) -> Answer:
    from ..tables.lineage import (
        account,
        biographies_table,
        biography_table,
        edge_table,
        event_rows,
        event_table,
        node_table,
        ytree_csv,
    )

    history = seen_of(asked)
    group = group_of(asked, history, "events")
    lost = lost_of(asked, history, [group])
    with counting(asked, "events", is_kept=False) as progress:
        told = account(history, group, progress)
    for path, table in ((asked.nodes, node_table), (asked.edges, edge_table)):
        if path:
            path.write([table(told.tree, history.steps).to_csv(index=False)])
    if asked.biographies:
        write_table(asked.biographies, biographies_table(told, history))
    if asked.ytree:
        asked.ytree.write([ytree_csv(told.tree, history.steps)])
    answer: dict[str, Any] = {"run": history.id, "group": group, "divergence": lost}
    if asked.token is not None:
        if not 0 <= asked.token < history.words.shape[1] or not history.mask(group)[asked.token]:
            raise RunError(f'token must be one of the group "{group}"; got {asked.token}. Ask with --group all.')
        table_of_stays = biography_table(told, history, asked.token)
        told_table(asked, table_of_stays)
        return {**answer, "token": asked.token, "stays": rows_of(table_of_stays)}
    rows = event_rows(told, history.steps)
    told_table(asked, event_table(rows))
    return {**answer, "events": rows}


def _motion(asked: argparse.Namespace) -> Answer:

    from ..tables.long import displacement_tables
    from ..tables.motion import freezing_of, freezing_table, token_motion
    from ..tables.per_step import MOTION_COLUMNS, step_table

    history = seen_of(asked)
    groups = groups_of(asked, history)
    lost = lost_of(asked, history, groups)
    with counting(asked, "motion") as progress:
        measured = step_table(history, progress)
    with counting(asked, "tokens") as progress:
        tokens = token_motion(history, progress)
    table = of_groups(measured[list(MOTION_COLUMNS)], groups)
    if asked.tokens:
        asked.tokens.write([tokens.to_csv(index=False)])
    if asked.freezing:
        write_table(asked.freezing, freezing_table(history, measured, groups))
    if asked.displacements:
        with counting(asked, "displacements", is_kept=False) as progress:
            asked.displacements.write(csv_parts(displacement_tables(history, progress)))
    told_table(asked, table)
    ends = {group: plain(freezing_of(history, measured, group).columns()) for group in groups}
    for group, end in ends.items():
        say(asked, f"{group}: " + ", ".join(f"{name} {value}" for name, value in end.items()))
    return {"run": history.id, "steps": rows_of(table), "tokens": rows_of(tokens), "freezing": ends, "divergence": lost}


def _verdict(asked: argparse.Namespace) -> Answer:
    from ..tables.verdict import verdict_of
    from ..tables.verdict_rows import verdict_table

    history = seen_of(asked)
    with counting(asked, "verdict", is_kept=False) as progress:
        found = verdict_of(history, group_of(asked, history, "verdicts"), progress)
    lost_of(asked, history, [found.group])
    say(asked, f"{found.group} tokens, steps {found.first_step:,} to {found.last_step:,}: {found.outcome}")
    say(asked, f"(as the seed printed it: {found.seeds_outcome}; hypothesis: {found.seeds_conclusion})")
    words = {True: "yes", False: "no", None: "cannot be told"}
    for criterion in found.criteria:
        for name, form in (("seed", criterion.seed), ("corrected", criterion.corrected)):
            numbers = "; ".join(f"{key} {value}" for key, value in form.numbers.items())
            say(asked, f"{criterion.name}, {name}: {form.asks} {words[form.holds]} ({numbers})")
    say(asked, found.caution)
    if asked.csv:
        write_table(asked.csv, verdict_table(found))
    return {"run": history.id, **dict(plain(found.to_json()))}


def _laws(asked: argparse.Namespace) -> Answer:
    from ..tables.divergence import divergence
    from ..tables.verdict import law_rows
    from ..tables.verdict_rows import law_table

    history = seen_of(asked)
    lost = lost_of(asked, history, ["all"])
    with counting(asked, "laws") as progress:
        rows = law_rows(history, progress)
    for row in rows:
        state = f"{len(row['violations'])} violations" if row["checked"] else "not checked"
        state += f": {row['reason']}" if row["reason"] else ""
        say(asked, f"{row['law']}: {row['says']}: {state}")
        for each in row["violations"][:20]:
            say(asked, f"  step {each['step']:,}: {each['text']}")
    if asked.csv:
        write_table(asked.csv, law_table(rows, divergence(history, "all")))
    return {"run": history.id, "laws": rows, "divergence": lost}
