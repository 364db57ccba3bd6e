"""The command that compares several runs: twins, draws, differences, and the runs on one axis."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, HistoryError, requiring
from .common import folder, note_damage, plain, rows_of, say, words_of
from .output_files import OutputFile
from .parser import ANY_GROUP, Answer, argument, nonempty, option, run_ids, verb, written

if TYPE_CHECKING:
    from ..measures.alignment import Entrant
    from ..store.history import History
    from ..tables.comparison import LineUp


@verb(
    "compare",
    argument("RUN", "ids, folders, or safetensors files with a [T, V, D] tensor", run_ids, nargs=-1, required=True),
    option("--align", "step, event or rates (default: step)", ("step", "event", "rates"), default="step"),
    option(
        "--event", "first-merger or last-change, with --align event", ("first-merger", "last-change"), default="first-merger"
    ),
    option("--group", "all, dead or live (default: dead, or all where a file's dead tokens are not known)", ANY_GROUP),
    option("--measure", "columns of the census, comma-separated (default: unique,black_holes,population,…)", type=nonempty),
    written("--csv", "write all recorded steps of all runs to FILE, with axis positions"),
)
def compare(
    run: tuple[str, ...], align: str, event: str, group: str | None, measure: str | None, csv: OutputFile | None
) -> Answer:
    """Two to thirty-two runs on one axis: draws, duplicates, differences, medians and ranges."""
    from ..measures.alignment import EVENTS, overlay, places, ribbons, why_missing
    from ..tables import comparison
    from ..tables.divergence import divergence
    from ..tables.draws import shapes
    from ..tables.formats import csv_bytes

    if align not in ("step", "event", "rates"):
        raise ConfigError([f'runs are aligned by step, event or rates; got "{align}".'])
    if event not in EVENTS:
        raise ConfigError([f'an event to align by is one of {", ".join(EVENTS)}; got "{event}".'])
    axis, usual = event if align == "event" else align, ",".join(comparison.USUAL)
    measures = words_of(measure or usual, comparison.MEASURES, "measures to compare are among")
    comparison.require_several(len(set(run)))
    histories, again = _opened(run)
    for each in histories.values():
        note_damage(each.id, each.damage)
    lined_up = comparison.line_up([comparison.recording(each) for each in histories.values()])
    common = _group(group, histories)
    runs = comparison.entrants(lined_up, lambda each: comparison.measured(histories[each.id], common))
    if csv:
        csv.write([csv_bytes(overlay(runs, measures, axis)).decode()])
    lost = {each.id: divergence(each, common) for each in histories.values()}
    for name, found in lost.items():
        if found:
            say(f"{name}: {found.text}")
    _say_runs(lined_up, runs, again)
    missing = [each.id for each in runs if len(each.table) and places(each, axis) is None]
    if missing:
        say(f"Not on this axis: {', '.join(missing)}. {why_missing(axis)}")
    if not group and common == "all":
        say("All tokens are compared: dead tokens are unknown for some files.")
    return {
        "group": common,
        "align": axis,
        "not_on_this_axis": missing,
        "unlike": shapes(lined_up.recordings),
        "independent_draws": lined_up.independent,
        "settings_unknown": list(lined_up.unknown),
        "runs": [
            {**row, **each.anchors, "divergence": found.to_json() if (found := lost[each.id]) else None}
            for row, each in zip(comparison.roll(lined_up), runs, strict=True)
        ],
        "differences": rows_of(comparison.configuration_differences(lined_up)),
        "ribbons": {measure: plain(rows_of(ribbons(runs, measure, axis))) for measure in measures},
    }


def _opened(words: Sequence[str]) -> tuple[dict[str, History], list[str]]:
    """Every run and file that was named, each once, by a name that no other has; and which were named twice, in words."""
    from ..store.history import find
    from ..tables.comparison import require_several
    from ..tables.draws import names_apart

    opened: dict[tuple[int, int], tuple[str, Path, History]] = {}
    again = []
    for word in dict.fromkeys(words):
        history = find(word, folder())
        place = Path(os.path.expanduser(word)) if history.config is None or history.kept_in is None else history.kept_in
        with requiring("a comparison needs files that do not change", place, "Name others.", HistoryError):
            at = place.stat()
        first = opened.setdefault((at.st_dev, at.st_ino), (word, place, history))
        if first[0] != word:
            again.append(f"{first[0]} and {word} are duplicates and counted once.")
    require_several(len(opened), " ".join(["", *again[:1]]))
    histories = [history for *_, history in opened.values()]
    names = [history.id for history in histories]
    if len(set(names)) < len(names):
        names = names_apart([place for _, place, _ in opened.values()])
    return {name: replace(history, id=name) for name, history in zip(names, histories, strict=True)}, again


def _group(group: str | None, histories: Mapping[str, History]) -> str:
    """The group to measure: the dead, unless another is named or those of one of them are unknown."""
    unknown = [each.id for each in histories.values() if each.dead is None]
    if unknown and group in ("dead", "live"):
        raise HistoryError(
            f"the group {group} must be known for every run and file; dead tokens of {', '.join(unknown)} are unknown. "
            "Compare all tokens: --group all."
        )
    return group or ("all" if unknown else "dead")


def _say_runs(lined_up: LineUp, runs: list[Entrant], again: list[str]) -> None:
    from ..tables.comparison import configuration_differences, no_differences, roll
    from ..tables.draws import unlike

    for text in (unlike(lined_up.recordings), lined_up.summary, lined_up.numbered, *again):
        if text:
            say(text)
    for row, run in zip(roll(lined_up), runs, strict=True):
        what = "snapshot" if row["run"] in lined_up.unknown else "step"
        events = ", ".join(f"{name} {'never' if step is None else f'at {what} {step:,}'}" for name, step in run.anchors.items())
        twin = f"; twin of {row['twin_of']}, {row['twin']}" if row["twin_of"] else ""
        say(f"  draw {row['draw']}: {row['run']}, {what}s {row['first_step']:,} to {row['last_step']:,}, {events}{twin}")
    table = configuration_differences(lined_up)
    say(table.to_string(index=False) if len(table) else no_differences(lined_up))
