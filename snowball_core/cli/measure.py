"""The verbs that measure what was recorded: census, events, motion, verdict, laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, RunError
from .common import counting, groups_of, of_groups, one_group, plain, reading, rows_of, say, say_divergence, show_table
from .output_files import OutputFile
from .parser import CSV, GROUP, GROUPS, STEP, Answer, option, whole, written
from .terminal_table import Columns

if TYPE_CHECKING:
    from ..store.history import History

_HOLES_SAID = 12
# Nothing but a parting has a cause of its own.
_JOINING = {
    "formation": "single tokens became one vector",
    "absorption": "single tokens took the hole's vector",
    "coalescence": "the vectors of the holes became one",
}


@reading(
    "census",
    STEP,
    GROUPS,
    CSV,
    written("--holes", "write the step's black holes and hidden classes to FILE (CSV)"),
    written("--levels", "write the step's four levels of identity to FILE (CSV)"),
)
def census(history: History, step: int | None, group: str | None, csv: OutputFile | None, **files: OutputFile | None) -> Answer:
    """Unique vectors and black holes, at one step or at all steps."""
    from ..tables.blocks import history_blocks
    from ..tables.per_step import CENSUS, step_columns

    groups = groups_of(history, group)
    if step is None and len(history.words) == 1:
        step = int(history.steps[0])
    if any(files.values()) and step is None:
        raise ConfigError(["--holes and --levels need one step; got none. Set it with --step."])
    lost = say_divergence(history, *groups)
    index = None if step is None else history.index(step)
    columns: dict[str, list[Any]] = {}
    with counting("census", is_kept=False) as progress:
        for part in history_blocks(history, progress) if index is None else [slice(index, index + 1)]:
            for name, column in step_columns(history, part, CENSUS, groups).items():
                columns.setdefault(name, []).extend(column if isinstance(column, list) else column.tolist())
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    changes = _changes(history, columns, groups) if step is None else {}
    answer: Answer = {"run": history.id, "rows": rows, **changes, "divergence": lost}
    show_table(columns, csv)
    if step is not None:
        answer |= _at_step(history, int(history.steps[history.index(step)]), groups, **files)
    return answer | ({"note": history.reason} if history.reason else {})


def _changes(history: History, columns: dict[str, list[Any]], groups: list[str]) -> Answer:
    """The recorded steps at which a bit of a group differs from the snapshot before, and where levels of identity differ."""
    from ..measures.census import change_steps

    changes: dict[str, list[int]] = {}
    warnings: dict[str, list[str]] = {group: [] for group in groups}
    for group in groups:
        changes[group] = history.steps[change_steps(history.words, history.mask(group))[1:]].tolist()
        rows = [row for row, its in enumerate(columns["group"]) if its == group]
        say(f"{group}: changed bits in {len(changes[group]):,} of {len(rows):,} snapshots")
        for column, level in (("unique_values", "by value"), ("unique_bf16", "after rounding to bfloat16")):
            other = [columns["step"][row] for row in rows if columns[column][row] != columns["unique"][row]]
            if other:
                at = f"at {len(other):,} of {len(rows):,} recorded steps, first at step {other[0]:,}"
                warnings[group].append(f"The number of vectors by bits differs from that {level} {at}.")
                say(f"{group}: {warnings[group][-1]}")
    return {"change_steps": changes, "warnings": warnings}


def _at_step(history: History, step: int, groups: list[str], **files: OutputFile | None) -> Answer:
    """Every black hole with its hidden classes, and four levels of identity with a warning where they differ."""
    from dataclasses import asdict

    from ..measures.identity_levels import levels
    from ..tables.at_step import hole_rows, hole_table, level_table, tokens_at

    by_group = {group: levels(history.rows(step, group)) for group in groups}
    if file := files["holes"]:
        file.write_table(hole_table(history, step, groups))
    if file := files["levels"]:
        file.write_table(level_table(step, by_group))
    rows = []
    for group in groups:
        holes = hole_rows(tokens_at(history, history.index(step), group), history.rows(step, group))
        rows += [{"step": step, "group": group, **plain(hole)} for hole in holes]
    for row in rows:
        del row["glyphs"]
    for group in groups:
        _say_holes([row for row in rows if row["group"] == group])
        for warning in by_group[group].warnings:
            say(f"{group}: {warning}")
    answer: Answer = {"holes": rows}
    answer["levels"] = {group: {**asdict(at), "warnings": list(at.warnings)} for group, at in by_group.items()}
    if history.moment_hash is not None:
        answer["classes"] = {group: [row["hidden_classes"] for row in rows if row["group"] == group] for group in groups}
    return answer


def _say_holes(rows: list[dict[str, Any]]) -> None:
    for row in rows[:_HOLES_SAID]:
        if row["nature"] in ("NaN", "infinite"):
            what = "a NaN" if row["nature"] == "NaN" else "an infinity"
            say(f"{row['group']}: {row['population']:,} tokens share a row with {what}, not a black hole")
            continue
        inside = ", hidden classes " + " + ".join(map(str, row["hidden_classes"])) if row["hidden_classes"] else ""
        say(f"{row['group']}: black hole {row['hole']}, {row['population']:,} tokens, {row['nature']}{inside}")
    if len(rows) > _HOLES_SAID:
        say(f"{rows[0]['group']}: {len(rows) - _HOLES_SAID:,} smaller black holes (list all with --holes FILE)")


@reading(
    "events",
    GROUP,
    option("--token", "show the biography of one token: its holes, when it joined and left", type=whole),
    CSV,
    written("--biographies", "write the black holes of each token to FILE (CSV)"),
    written("--nodes", "write the holes' intervals and tokens to FILE (CSV)"),
    written("--edges", "write the edges between holes to FILE (CSV)"),
    written("--ytree", "write the merger tree to FILE (CSV for ytree)"),
)
def events(
    history: History, group: str | None, token: int | None, csv: OutputFile | None, **files: OutputFile | None
) -> Answer:
    """Events of the black holes, with causes of splits."""
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

    group = one_group(history, group, "events")
    answer: Answer = {"run": history.id, "group": group, "divergence": say_divergence(history, group)}
    with counting("events", is_kept=False) as progress:
        lineage = account(history, group, progress)
    if file := files["nodes"]:
        file.write([node_table(lineage.tree, history.steps).to_csv(index=False)])
    if file := files["edges"]:
        file.write([edge_table(lineage.tree, history.steps).to_csv(index=False)])
    if file := files["biographies"]:
        file.write_table(biographies_table(lineage, history))
    if file := files["ytree"]:
        file.write([ytree_csv(lineage.tree, history.steps)])
    if token is not None:
        if not 0 <= token < history.words.shape[1] or not history.mask(group)[token]:
            raise RunError(f'token must be in the group "{group}"; got {token}. Use --group all.')
        stays = biography_table(lineage, history, token)
        show_table(stays, csv)
        return {**answer, "token": token, "stays": rows_of(stays)}
    rows = event_rows(lineage, history.steps)
    show_table(event_table(rows), csv, lambda: _events_in_words(rows))
    return {**answer, "events": rows}


def _events_in_words(rows: list[dict[str, Any]]) -> Columns:
    """Events for a reader: the sizes of the holes before and after, the tokens, and the cause in words."""

    def sizes(holes: list[list[int]]) -> str:
        return " + ".join(f"{len(hole):,}" for hole in holes) or "none"

    return {
        "step": [row["step"] for row in rows],
        "event": [row["kind"] for row in rows],
        "holes": [f"{sizes(row['parents'])} → {sizes(row['children'])}" for row in rows],
        "cause": [row["cause"] or _JOINING[row["kind"]] for row in rows],
        "tokens": [row["tokens"] for row in rows],
    }


@reading(
    "motion",
    GROUPS,
    CSV,
    written("--tokens", "write one row per token to FILE (CSV)"),
    written("--freezing", "write the freeze steps of each group to FILE (CSV)"),
    written("--displacements", "write one row per step and moved token to FILE (CSV)"),
)
def motion(history: History, group: str | None, csv: OutputFile | None, **files: OutputFile | None) -> Answer:
    """Moved tokens and displacements per step; first and last move of each token."""
    from ..tables.long import displacement_tables
    from ..tables.motion import freezing_of, freezing_table, token_motion
    from ..tables.per_step import MOTION_COLUMNS, step_table

    groups = groups_of(history, group)
    lost = say_divergence(history, *groups)
    with counting("motion") as progress:
        measured = step_table(history, progress)
    with counting("tokens") as progress:
        tokens = token_motion(history, progress)
    table = of_groups(measured[list(MOTION_COLUMNS)], groups)
    if file := files["tokens"]:
        file.write([tokens.to_csv(index=False)])
    if file := files["freezing"]:
        file.write_table(freezing_table(history, measured, groups))
    if file := files["displacements"]:
        with counting("displacements", is_kept=False) as progress:
            file.write_tables(displacement_tables(history, progress))
    show_table(table, csv)
    ends = {group: plain(freezing_of(history, measured, group).columns()) for group in groups}
    for each, end in ends.items():
        say(f"{each}: " + ", ".join(f"{name} {value}" for name, value in end.items()))
    return {"run": history.id, "steps": rows_of(table), "tokens": rows_of(tokens), "freezing": ends, "divergence": lost}


@reading("verdict", GROUP, CSV)
def verdict(history: History, group: str | None, csv: OutputFile | None) -> Answer:
    """Outcome for the black holes: original criteria and corrected ones."""
    from ..tables.verdict import verdict_of
    from ..tables.verdict_rows import verdict_table

    with counting("verdict", is_kept=False) as progress:
        result = verdict_of(history, one_group(history, group, "verdicts"), progress)
    say_divergence(history, result.group)
    say(f"{result.group} tokens, steps {result.first_step:,} to {result.last_step:,}: {result.outcome}")
    say(f"(original notebook: {result.seeds_outcome}; hypothesis: {result.seeds_conclusion})")
    words = {True: "yes", False: "no", None: "undefined"}
    for criterion in result.criteria:
        for name, form in (("seed", criterion.seed), ("corrected", criterion.corrected)):
            numbers = "; ".join(f"{key} {value}" for key, value in form.numbers.items())
            say(f"{criterion.name}, {name}: {form.asks} {words[form.holds]} ({numbers})")
    say(result.caution)
    if csv:
        csv.write_table(verdict_table(result))
    return {"run": history.id, **dict(plain(result.to_json()))}


@reading("laws", CSV)
def laws(history: History, csv: OutputFile | None) -> Answer:
    """Laws that every run must satisfy, and violations by step."""
    from ..tables.divergence import divergence
    from ..tables.verdict import law_rows
    from ..tables.verdict_rows import law_table

    lost = say_divergence(history, "all")
    with counting("laws") as progress:
        rows = law_rows(history, progress)
    for row in rows:
        state = f"{len(row['violations'])} violations" if row["checked"] else "not checked"
        state += f": {row['reason']}" if row["reason"] else ""
        say(f"{row['law']}: {row['says']}: {state}")
        for each in row["violations"][:20]:
            say(f"  step {each['step']:,}: {each['text']}")
    if csv:
        csv.write_table(law_table(rows, divergence(history, "all")))
    return {"run": history.id, "laws": rows, "divergence": lost}
