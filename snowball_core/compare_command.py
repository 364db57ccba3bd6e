"""The command that compares several runs: twins, draws, differences, and the runs on one axis."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .answers import AddVerb, Answer, add_file, folder_of, nonempty, plain, rows_of, say, write_text
from .errors import ConfigError

if TYPE_CHECKING:
    from .comparison import Entrant
    from .line_up import LineUp


def add_compare_verb(verb: AddVerb) -> None:
    """Tell the parser of ``compare``."""
    added = verb("compare", _compare, "two to thirty-two runs on one axis: draws, duplicates, differences, medians and ranges")
    added.add_argument("run", metavar="RUN", nargs="+", help="ids, folders, or safetensors files with a [T, V, D] tensor")
    added.add_argument("--align", default="step", help="step, event or rates (default: step)")
    added.add_argument("--event", default="first-merger", help="with --align event: first-merger or last-change")
    added.add_argument("--group", default="dead", help="all, dead or live (default: dead)")
    added.add_argument(
        "--measure", type=nonempty, help="columns of the census, comma-separated (default: unique,black_holes,population,…)"
    )
    add_file(added, "--csv", "write every recorded step of every run there, with its place on the axis")


def _compare(asked: argparse.Namespace) -> Answer:
    from .comparison import overlay, ribbons
    from .line_up import configuration_differences, entrants, line_up, measured, recording, require_several, roll
    from .observation import find
    from .tables import csv_bytes

    align, measures = _alignment(asked), _measures(asked)
    require_several(len(set(asked.run)))
    seen = {each.id: each for each in (find(name, folder_of(asked)) for name in dict.fromkeys(asked.run))}
    require_several(len(seen))
    lined_up = line_up([recording(each) for each in seen.values()])
    runs = entrants(lined_up, lambda each: measured(seen[each.id], asked.group))
    if asked.csv:
        write_text(asked.csv, csv_bytes(overlay(runs, measures, align)).decode())
    _tell(asked, lined_up, runs)
    return {
        "group": asked.group,
        "align": align,
        "independent_draws": lined_up.independent,
        "runs": [{**row, **run.anchors} for row, run in zip(roll(lined_up), runs, strict=True)],
        "differences": rows_of(configuration_differences(lined_up)),
        "ribbons": {measure: plain(rows_of(ribbons(runs, measure, align))) for measure in measures},
    }


def _alignment(asked: argparse.Namespace) -> str:
    from .comparison import EVENTS

    if asked.align not in ("step", "event", "rates"):
        raise ConfigError([f'runs are aligned by step, event or rates; got "{asked.align}".'])
    if asked.event not in EVENTS:
        raise ConfigError([f'an event to align by is one of {", ".join(EVENTS)}; got "{asked.event}".'])
    return str(asked.event if asked.align == "event" else asked.align)


def _measures(asked: argparse.Namespace) -> list[str]:
    from .line_up import MEASURES, USUAL

    chosen = [name.strip() for name in asked.measure.split(",")] if asked.measure else list(USUAL)
    if unknown := [name for name in chosen if name not in MEASURES]:
        raise ConfigError([f'measures to compare are among {", ".join(MEASURES)}; got "{", ".join(unknown)}".'])
    return chosen


def _tell(asked: argparse.Namespace, lined_up: LineUp, runs: list[Entrant]) -> None:
    from .line_up import configuration_differences, roll

    say(asked, lined_up.told)
    for row, run in zip(roll(lined_up), runs, strict=True):
        events = ", ".join(f"{name} {'never' if step is None else f'at step {step:,}'}" for name, step in run.anchors.items())
        twin = f"; twin of {row['twin_of']}, {row['twin']}" if row["twin_of"] else ""
        say(asked, f"  draw {row['draw']}: {row['run']}, steps {row['first_step']:,} to {row['last_step']:,}, {events}{twin}")
    table = configuration_differences(lined_up)
    say(
        asked,
        table.to_string(index=False) if len(table) else "Their configurations do not differ in anything that decides bits.",
    )
