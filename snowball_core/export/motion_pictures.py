"""The pictures of the Motion page, made from an exhibit: title, picture, unit, and what is thinned."""

from __future__ import annotations

from collections.abc import Callable

from ..charts import motion
from ..charts.motion_columns import Scene
from ..charts.step_axis import Picture, step_axis
from ..errors import HistoryError
from ..tables.motion import token_motion, who_moved, zero_stretches
from ..tables.text import glyph
from .view import View

Titled = tuple[str, Picture, str, str]


def _scene(view: View) -> Scene:
    """The group's motion over the run.

    Raises
    ------
    HistoryError
        If only one snapshot was recorded.
    """
    history, table = view.judged, view.judged_summary
    rows = table[table["group"] == view.group].reset_index(drop=True)
    if len(rows) < 2 and view.lost:
        raise HistoryError(f'a picture of motion needs two finite snapshots; "{history.id}" has {len(rows)}. {view.lost.text}.')
    if len(rows) < 2:
        raise HistoryError(f'a picture of motion needs two recorded snapshots; "{history.id}" has one. Choose another run.')
    return Scene(rows, history.rates, zero_stretches(history), step_axis("symlog", int(view.history.steps[-1])))


def _regimes(view: View) -> Titled:
    scene = _scene(view)
    return "Who moves", motion.regime_shares(scene, view.step), "share of tokens per recorded step", f"{scene.thinned}."


def _freeze_map(view: View) -> Titled:
    history, scene = view.judged, _scene(view)
    names = [glyph(token) for token in range(history.words.shape[1])]
    picture = motion.freeze_map(scene, who_moved(history), token_motion(history)[view.mask], names, view.step)
    note = f"{scene.thinned}; a row a token; amber: it moved, slate: it did not."
    return "Freeze map", picture, "moved per recorded step", note


def _speeds(view: View) -> Titled:
    scene = _scene(view)
    unit = "weight units per optimizer step; cosine"
    return "Drift and heat", motion.speeds(scene, view.step), unit, f"{scene.thinned}."


def _displacements(view: View) -> Titled:
    scene, unit = _scene(view), view.unit
    picture = motion.displacements(scene, unit, view.step)
    return "How far tokens move", picture, motion.UNITS[unit], f"{scene.thinned}."


PICTURES: dict[str, Callable[[View], Titled]] = {
    "regimes": _regimes,
    "freeze-map": _freeze_map,
    "speeds": _speeds,
    "displacements": _displacements,
}
