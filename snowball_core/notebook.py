"""A run in a notebook: every table a DataFrame, every picture an Altair chart.

>>> import snowball_core                                        # doctest: +SKIP
>>> run = snowball_core.open_run("runs/2026-…-primordial-snowball")   # doctest: +SKIP
>>> run.steps()                                                 # doctest: +SKIP
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .charts.places import stage
from .charts.svg import WIDTH
from .errors import HistoryError
from .export.pictures import PICTURES, Plate, places_plate
from .export.tables import TABLES, table_of
from .export.view import Named, View, footer, view_of
from .measures.distances import PairStatistics, pair_statistics
from .measures.principal_axes import PrincipalAxes, difference_basis, step_basis
from .measures.quantities import COUNTS
from .measures.verdict import Verdict
from .memory import Progress, silent
from .store.history import History, find
from .store.run_folder import runs_folder
from .tables.at_step import group_table, holes_at, token_table
from .tables.lineage import account, biography_table, edge_table, event_rows, event_table, node_table
from .tables.long import dimension_tables, displacement_tables
from .tables.motion import freezing_table, token_motion
from .tables.per_step import axes_table, basis_of_run, step_table, with_metrics
from .tables.verdict import law_rows, verdict_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

Made = TypeVar("Made")


class Recorded:
    """An open run or foreign history; its tables are methods, each described in docs/measures.md."""

    def __init__(self, history: History) -> None:
        self.history = history
        # One lineage a group, kept by this run and gone with it.
        self._account = functools.cache(functools.partial(account, history))

    def __repr__(self) -> str:
        count, vocab, hidden = self.history.words.shape
        known = ", ".join(self.history.groups)
        return f"<{self.history.id}: {count:,} snapshots of {vocab:,} tokens with {hidden:,} components; groups {known}>"

    def steps(self, progress: Progress = silent) -> pd.DataFrame:
        """One row per recorded step and group, with all measures, loss and learning rate where they are known."""
        table = step_table(self.history, progress)
        return with_metrics(table, self.history.metrics) if self.history.metrics else table

    def tokens(self, step: int) -> pd.DataFrame:
        """One row per token at a step: glyph, group, the black hole it is in."""
        return token_table(self.at(step), self._dead)

    def holes(self, step: int, group: str | None = None) -> pd.DataFrame:
        """One row per black hole at a step, largest first."""
        mask = self.history.mask(group or self.group)
        holes = holes_at(group_table(self.at(step)[mask], self._dead, mask))
        return holes[["hole", "population", "tokens", "glyphs"]]

    def events(self, group: str | None = None) -> pd.DataFrame:
        """One row per event of the lineage, with the cause of every parting."""
        return event_table(event_rows(self._account(group or self.group), self.history.steps))

    def nodes(self, group: str | None = None) -> pd.DataFrame:
        """One row per hole and interval."""
        return node_table(self._account(group or self.group).tree, self.history.steps)

    def edges(self, group: str | None = None) -> pd.DataFrame:
        """One row per parent and child."""
        return edge_table(self._account(group or self.group).tree, self.history.steps)

    def biography(self, token: int, group: str = "all") -> pd.DataFrame:
        """One row per stay of a token in a black hole."""
        return biography_table(self._account(group), self.history, token)

    def motion(self) -> pd.DataFrame:
        """One row per token: first and last move, path and net displacement."""
        return token_motion(self.history)

    def freezing(self) -> pd.DataFrame:
        """One row per group: when its motion ends, by three definitions."""
        return freezing_table(self.history, step_table(self.history), self.history.groups)

    def dimensions(self, step: int | None = None) -> pd.DataFrame:
        """One row per recorded step (or at one), group and dimension: centroid, spread, cells spanned."""
        start, stop = (0, None) if step is None else (self.history.index(step), self.history.index(step) + 1)
        return _whole(dimension_tables(self.history, self.history.groups, start, stop))

    def displacements(self) -> pd.DataFrame:
        """One row per recorded step and token that moved: how far."""
        return _whole(displacement_tables(self.history))

    def distances(self, step: int, group: str | None = None) -> PairStatistics:
        """All pairwise statistics at a step; as a table: ``table("distances", step)`` and ``table("closeness", step)``."""
        return pair_statistics(self.history.rows(step, group or self.group))

    def basis(self, steps: Sequence[int] = (), group: str | None = None) -> PrincipalAxes:
        """Principal axes: of the whole run; of one step; of the difference of two."""
        rows = [self.history.rows(step, group or self.group) for step in steps]
        if not rows:
            return basis_of_run(self.history, group or self.group)
        return step_basis(rows[0]) if len(rows) == 1 else difference_basis(rows[0], rows[1])

    def missed(self, basis: PrincipalAxes, group: str | None = None) -> pd.DataFrame:
        """One row per recorded step: the share of the group's variance along each axis of a basis, and the share it misses."""
        return axes_table(self.history, basis, group or self.group)

    def verdict(self, group: str | None = None) -> Verdict:
        """What became of the black holes."""
        return verdict_of(self.history, group or self.group)

    def laws(self) -> list[dict[str, Any]]:
        """Every law, and its violations by step."""
        return law_rows(self.history)

    def table(
        self, name: str, step: int | None = None, group: str | None = None, first: int | None = None, last: int | None = None
    ) -> pd.DataFrame:
        """Any named table of an export, such as ``"closeness"``: of the last step and the run's group, or others.

        A table over steps has those from ``first`` to ``last``.
        """
        _known(TABLES, name, "table")
        return table_of(view_of(self.history, step, group, None, first, last), name)

    def picture(
        self, name: str, step: int | None = None, group: str | None = None, unit: str | None = None
    ) -> alt.TopLevelMixin:
        """Any named picture of an export, such as ``"freeze-map"``, as an Altair chart; ``unit`` is ``cells`` or ``weight``."""
        view = view_of(self.history, step, group, unit)
        return _drawn(view, _known(PICTURES, name, "picture").make(view))

    def lineage_chart(self, group: str | None = None) -> alt.TopLevelMixin:
        """Black holes as lanes over the steps: a row a token, a block a hole, lighter and darker its hidden classes."""
        return self.picture("lineage", group=group)

    def places_chart(self, step: int, basis: PrincipalAxes | None = None, group: str | None = None) -> alt.TopLevelMixin:
        """The group's vectors at a step on two principal axes (of the whole run, exact, unless others are given)."""
        view = view_of(self.history, step, group)
        words = "the given basis" if basis else "the whole run, changes weighted by duration"
        scene = stage(self.history.words, view.mask, axes=basis or self.basis(group=view.group), basis=words)
        return _drawn(view, places_plate(view, scene=scene))

    def chart(self, columns: Sequence[str] = COUNTS, group: str | None = None) -> alt.Chart:
        """Some columns of :meth:`steps` as lines over the steps (symlog, so that step 0 stays visible)."""
        import altair as alt

        table = self.steps()
        chosen = table[table["group"] == (group or self.group)]
        # At most a few thousand points a line: a notebook keeps its data inside.
        thinned = chosen.iloc[:: max(1, len(chosen) // 2_000)].melt("step", list(columns), "measure", "value")
        x = alt.X("step:Q", scale=alt.Scale(type="symlog", constant=1), title="step (symlog)")
        lines = alt.Chart(thinned, title=f"{self.history.id} · {group or self.group} tokens").mark_line(
            interpolate="step-after"
        )
        chart: alt.Chart = lines.encode(x=x, y=alt.Y("value:Q", title=None), color=alt.Color("measure:N", title=None))
        return chart

    def at(self, step: int) -> Any:
        """The matrix recorded at a step, as words."""
        return self.history.words[self.history.index(step)]

    @property
    def group(self) -> str:
        """The group that questions are about unless another is named: dead, or all where the dead are not known."""
        return "dead" if "dead" in self.history.groups else "all"

    @property
    def _dead(self) -> Any:
        return np.zeros(self.history.words.shape[1], np.bool_) if self.history.dead is None else self.history.dead


def _drawn(view: View, plate: Plate) -> alt.TopLevelMixin:
    """A picture of an export with its data, title and footer, as an Altair chart."""
    import altair as alt

    rows = {name: table.astype(object).where(table.notna(), None).to_dict("records") for name, table in plate.datasets.items()}
    lines = footer(view, plate.unit, plate.of_step, plate.note)
    title = {"text": plate.title, "subtitle": list(lines), "anchor": "start"}
    spec = {**plate.spec, "datasets": {**plate.spec.get("datasets", {}), **rows}, "title": title}
    if spec.get("width") == "container":
        spec["width"] = WIDTH
    chart: alt.TopLevelMixin = alt.Chart.from_dict(spec)
    return chart


def _whole(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The parts of a long table in one."""
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def _known(named: Mapping[str, Named[Made]], name: str, what: str) -> Named[Made]:
    if name not in named:
        raise HistoryError(f'a {what} is one of {", ".join(named)}; got "{name}".')
    return named[name]


def open_recorded(
    run: str | Path, key: str | None = None, dead: Sequence[int] | None = None, corpus: str | None = None
) -> Recorded:
    """Open a run (its id or folder) or a foreign history (the path of a safetensors file) for a notebook.

    ``key``, ``dead`` and ``corpus`` are of a foreign history: the tensor's name in its file, its dead tokens, its text.
    """
    return Recorded(find(str(run), runs_folder(), key, dead, corpus))
