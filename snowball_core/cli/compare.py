"""The command that compares several runs: twins, draws, differences, and the runs on one axis."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, HistoryError
from .common import AddVerb, Answer, add_file, folder_of, nonempty, plain, rows_of, say, say_damage

if TYPE_CHECKING:
    from ..measures.alignment import Entrant
    from ..store.history import History
    from ..tables.comparison import LineUp


def add_compare_verb(verb: AddVerb) -> None:
    """Tell the parser of ``compare``."""
    added = verb("compare", _compare, "two to thirty-two runs on one axis: draws, duplicates, differences, medians and ranges")
    added.add_argument("run", metavar="RUN", nargs="+", help="ids, folders, or safetensors files with a [T, V, D] tensor")
    added.add_argument("--align", default="step", help="step, event or rates (default: step)")
    added.add_argument("--event", default="first-merger", help="with --align event: first-merger or last-change")
    added.add_argument("--group", help="all, dead or live (default: dead, or all where a file's dead tokens are not known)")
    added.add_argument(
        "--measure", type=nonempty, help="columns of the census, comma-separated (default: unique,black_holes,population,…)"
    )
    add_file(added, "--csv", "write every recorded step of every run there, with its place on the axis")


def _compare(asked: argparse.Namespace) -> Answer:
    from ..measures.alignment import overlay, places, ribbons, why_missing
    from ..tables.comparison import configuration_differences, entrants, line_up, measured, recording, require_several, roll
    from ..tables.divergence import divergence
    from ..tables.draws import shapes
    from ..tables.formats import csv_bytes

    align, measures = _alignment(asked), _measures(asked)
    require_several(len(set(asked.run)))
    history, again = _opened(asked)
    for each in history.values():
        say_damage(asked, each.id, each.damage)
    lined_up = line_up([recording(each) for each in history.values()])
    group = _group(asked, history)
    runs = entrants(lined_up, lambda each: measured(history[each.id], group))
    if asked.csv:
        asked.csv.write([csv_bytes(overlay(runs, measures, align)).decode()])
    lost = {each.id: divergence(each, group) for each in history.values()}
    for name, found in lost.items():
        if found:
            say(asked, f"{name}: {found.text}")
    _tell(asked, lined_up, runs, again)
    missing = [run.id for run in runs if len(run.table) and places(run, align) is None]
    if missing:
        say(asked, f"Not on this axis: {', '.join(missing)}. {why_missing(align)}")
    if not asked.group and group == "all":
        say(asked, "All tokens are compared: which are dead is not known of every file.")
    return {
        "group": group,
        "align": align,
        "not_on_this_axis": missing,
        "unlike": shapes(lined_up.recordings),
        "independent_draws": lined_up.independent,
        "settings_unknown": list(lined_up.unknown),
        "runs": [
            {**row, **run.anchors, "divergence": found.to_json() if (found := lost[run.id]) else None}
            for row, run in zip(roll(lined_up), runs, strict=True)
        ],
        "differences": rows_of(configuration_differences(lined_up)),
        "ribbons": {measure: plain(rows_of(ribbons(runs, measure, align))) for measure in measures},
    }


def _opened(asked: argparse.Namespace) -> tuple[dict[str, History], list[str]]:
    """Every run and file that was named, each once, by a name that no other has; and which were named twice, in words."""
    from ..store.history import find
    from ..tables.comparison import require_several
    from ..tables.draws import names_apart

    found: dict[tuple[int, int], tuple[str, Path, History]] = {}
    again = []
    for word in dict.fromkeys(asked.run):
        history = find(word, folder_of(asked))
        place = Path(os.path.expanduser(word)) if history.config is None or history.kept_in is None else history.kept_in
        try:
            at = place.stat()
        except OSError as error:
            raise HistoryError(f'a comparison needs files that stay; "{place}": {error.strerror}. Name others.') from None
        first = found.setdefault((at.st_dev, at.st_ino), (word, place, history))
        if first[0] != word:
            again.append(f"{first[0]} and {word} are the same and count once.")
    require_several(len(found), " ".join(["", *again[:1]]))
    opened = [history for *_, history in found.values()]
    names = [history.id for history in opened]
    if len(set(names)) < len(names):
        names = names_apart([place for _, place, _ in found.values()])
    return {name: replace(history, id=name) for name, history in zip(names, opened, strict=True)}, again


def _group(asked: argparse.Namespace, history: Mapping[str, History]) -> str:
    """The group to measure: the dead, unless another is named or it cannot be told of one of them who they are."""
    unknown = [each.id for each in history.values() if each.dead is None]
    if unknown and asked.group in ("dead", "live"):
        raise HistoryError(
            f"the group {asked.group} must be known of every run and file; which tokens of {', '.join(unknown)} are dead is "
            "not known. Compare all tokens: --group all."
        )
    return asked.group or ("all" if unknown else "dead")


def _alignment(asked: argparse.Namespace) -> str:
    from ..measures.alignment import EVENTS

    if asked.align not in ("step", "event", "rates"):
        raise ConfigError([f'runs are aligned by step, event or rates; got "{asked.align}".'])
    if asked.event not in EVENTS:
        raise ConfigError([f'an event to align by is one of {", ".join(EVENTS)}; got "{asked.event}".'])
    return str(asked.event if asked.align == "event" else asked.align)


def _measures(asked: argparse.Namespace) -> list[str]:
    from ..tables.comparison import MEASURES, USUAL

    chosen = [name.strip() for name in asked.measure.split(",")] if asked.measure else list(USUAL)
    if unknown := [name for name in chosen if name not in MEASURES]:
        raise ConfigError([f'measures to compare are among {", ".join(MEASURES)}; got "{", ".join(unknown)}".'])
    return chosen


def _tell(asked: argparse.Namespace, lined_up: LineUp, runs: list[Entrant], again: list[str]) -> None:
    from ..tables.comparison import configuration_differences, no_differences, roll
    from ..tables.draws import unlike

    for text in (unlike(lined_up.recordings), lined_up.summary, lined_up.numbered, *again):
        if text:
            say(asked, text)
    for row, run in zip(roll(lined_up), runs, strict=True):
        what = "snapshot" if row["run"] in lined_up.unknown else "step"
        events = ", ".join(f"{name} {'never' if step is None else f'at {what} {step:,}'}" for name, step in run.anchors.items())
        twin = f"; twin of {row['twin_of']}, {row['twin']}" if row["twin_of"] else ""
        say(asked, f"  draw {row['draw']}: {row['run']}, {what}s {row['first_step']:,} to {row['last_step']:,}, {events}{twin}")
    table = configuration_differences(lined_up)
    say(asked, table.to_string(index=False) if len(table) else no_differences(lined_up))
