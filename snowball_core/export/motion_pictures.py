"""The pictures of the Motion page, made from an exhibit: title, picture, unit, and what is thinned."""

from __future__ import annotations

from collections.abc import Callable

from ..charts import motion
from ..charts.motion_columns import Scene
from ..charts.step_axis import Picture, step_axis
from ..errors import HistoryError
from ..tables.census import glyph
from ..tables.motion import who_moved, zero_stretches
from ..tables.per_step import token_motion
from .view_data import Exhibit

Titled = tuple[str, Picture, str, str]


def _scene(shown: Exhibit) -> Scene:
    """The group's motion over the run.

    Raises
    ------
    HistoryError
        If only one snapshot was recorded.
    """
    seen, table = shown.judged, shown.judged_summary
    rows = table[table["group"] == shown.view.group].reset_index(drop=True)
    if len(rows) < 2 and shown.lost:
        raise HistoryError(f'a picture of motion needs two finite snapshots; "{seen.id}" has {len(rows)}. {shown.lost.text}.')
    if len(rows) < 2:
        raise HistoryError(f'a picture of motion needs two recorded snapshots; "{seen.id}" has one. Choose another run.')
    return Scene(rows, seen.rates, zero_stretches(seen), step_axis("symlog", int(shown.seen.steps[-1])))


def _regimes(shown: Exhibit) -> Titled:
    scene = _scene(shown)
    return "Who moves", motion.regime_shares(scene, shown.view.step), "share of tokens per recorded step", f"{scene.thinned}."


def _freeze_map(shown: Exhibit) -> Titled:
    seen, scene = shown.judged, _scene(shown)
    names = [glyph(token) for token in range(seen.words.shape[1])]
    picture = motion.freeze_map(scene, who_moved(seen), token_motion(seen)[shown.mask], names, shown.view.step)
    note = f"{scene.thinned}; a row a token; amber: it moved, slate: it did not."
    return "Freeze map", picture, "moved per recorded step", note


def _speeds(shown: Exhibit) -> Titled:
    scene = _scene(shown)
    unit = "weight units per optimizer step; cosine"
    return "Drift and heat", motion.speeds(scene, shown.view.step), unit, f"{scene.thinned}."


def _displacements(shown: Exhibit) -> Titled:
    scene, unit = _scene(shown), shown.view.unit
    picture = motion.displacements(scene, unit, shown.view.step)
    return "How far tokens move", picture, motion.UNITS[unit], f"{scene.thinned}."


PICTURES: dict[str, Callable[[Exhibit], Titled]] = {
    "regimes": _regimes,
    "freeze-map": _freeze_map,
    "speeds": _speeds,
    "displacements": _displacements,
}
