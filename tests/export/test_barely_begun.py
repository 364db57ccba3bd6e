"""Runs stopped after one snapshot, and after two, on every page: what is missing is named, and no number is made up."""

from __future__ import annotations

import re
from pathlib import Path

import paging
import pytest
from paging import specs, texts
from streamlit.testing.v1 import AppTest
from trained_runs import tiny, write_book

from snowball_core.errors import HistoryError
from snowball_core.export.pictures import PICTURES
from snowball_core.export.report import report_bytes
from snowball_core.export.view import view_of
from snowball_core.jobs.prepare import prepare
from snowball_core.store.history import observe
from snowball_core.store.run_folder import Run, read_run
from snowball_core.tables.verdict import law_rows, verdict_of
from snowball_core.training.loop import continue_run

pytestmark = pytest.mark.usefixtures("library")
# The About page is of no run.
PAGES = ("lineage", "motion", "verdict", "export", "scrub", "compare")
_MADE_UP = re.compile(r"\b(nan|NaN|inf|NaT|None)\b|frozen at step 0")


def trained(folder: Path, until: int, **fields: object) -> Run:
    """A run that was really trained, and stopped after so many steps."""
    run = prepare(folder, tiny(write_book(folder / "book.txt"), until=until, **fields))
    continue_run(folder, run)
    return read_run(run.path)


def page_text(app: AppTest) -> str:
    everything = (app.markdown, app.caption, app.info, app.warning, app.error, app.code, app.metric)
    # Definitions in the titles of links may name NaN.
    return re.sub(r'\(about#\S+ "[^"]*"\)', "", "\n".join(texts(kind) for kind in everything))


@pytest.mark.parametrize("until", [0, 1])
@pytest.mark.parametrize("page", PAGES)
def test_no_page_fails_or_makes_a_number_up(tmp_path: Path, page: str, until: int) -> None:
    run, other = trained(tmp_path, until), trained(tmp_path, 12, seed=7)
    alone = {"runs": run.id} if page == "compare" else {"run": run.id}
    both = [{"runs": f"{other.id},{run.id}"}] if page == "compare" else []
    for query in (alone, *both):
        app = paging.opened(page, **query)
        assert not app.error
        assert not _MADE_UP.search(page_text(app)), _MADE_UP.search(page_text(app))


@pytest.mark.parametrize("page", ["lineage", "motion", "verdict"])
def test_one_snapshot_has_no_course_and_the_page_says_where_to_turn(tmp_path: Path, page: str) -> None:
    run = trained(tmp_path, 0)
    app = paging.opened(page, run=run.id)
    assert "this run has only one snapshot, at step 0. Choose another run above" in texts(app.info)
    assert {"train", "scrub"} <= {node.proto.page.rsplit("/")[-1] or "scrub" for node in app.get("page_link")}
    assert not specs(app)
    app = paging.opened(page, run=trained(tmp_path, 1).id)
    assert "has one snapshot" not in texts(app.info)
    assert specs(app)


def test_a_law_of_change_is_not_said_to_hold_where_nothing_could_change(tmp_path: Path) -> None:
    one, two = (
        {row["law"]: row["reason"] for row in law_rows(observe(run)) if not row["checked"]}
        for run in (trained(tmp_path, until, extra="moment_hash") for until in (0, 1))
    )
    for law in ("hidden-classes-never-part", "hidden-classes-never-rise", "zero-rate-is-rest", "beyond-reach-is-rest"):
        assert one[law] == "only one snapshot is recorded; record more steps (--until, form: until)"
        assert law not in two


def test_a_verdict_on_one_step_says_everywhere_that_nothing_could_happen(tmp_path: Path) -> None:
    history = observe(trained(tmp_path, 0))
    assert verdict_of(history, "dead").caution.startswith("Only one snapshot is recorded.")
    assert b"Only one snapshot is recorded" in report_bytes(view_of(history))
    assert not verdict_of(observe(trained(tmp_path, 1)), "dead").caution.startswith("One step")


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_over_the_run_needs_two_snapshots_and_one_of_a_step_only_one(tmp_path: Path, name: str) -> None:
    history = observe(trained(tmp_path, 0))
    view = view_of(history)
    if name in ("counts", "sizes", "distances", "places"):
        assert PICTURES[name].make(view).datasets
    else:
        with pytest.raises(HistoryError, match="needs"):
            PICTURES[name].make(view)
