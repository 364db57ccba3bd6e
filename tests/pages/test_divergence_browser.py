"""Runs that diverged, on every page in a real browser: said first, drawn without an error of the page or of its console."""

from __future__ import annotations

import browsing
import numpy as np
from browsing import at_rest, visit
from conftest import MakeRun
from playwright.sync_api import Page, expect

from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.run_folder import HISTORY, TENSOR, Run
from snowball_core.store.status import Status, write_status

pytestmark = browsing.MARKS
NAN, INFINITY = 0x7FC0, 0x7F80
# From which snapshot of 21 on which tokens are NaN or infinite; tokens 0 to 5 are dead.
LOST = {"late": (12, slice(0, 3), NAN), "infinite": (1, slice(0, 6), INFINITY), "ever": (0, slice(None), NAN)}
SAID = {
    "late": "Diverged at step 12: 3 of 6 dead rows are NaN; evaluated up to step 11.",
    "infinite": "Diverged at step 1: every dead row is infinite; evaluated up to step 0.",
    "ever": "Diverged at step 0: every dead row is NaN; no earlier step is recorded, so nothing is evaluated.",
}


def diverged(run: Run, kind: str) -> Run:
    """The run with its history rewritten."""
    words = np.array(run.history().words)
    first, tokens, number = LOST[kind]
    words[first:, tokens, 1] = number
    (run.path / HISTORY).unlink()
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", words.shape[1:], len(words), {}) as writer:
        for matrix in words:
            writer.append(matrix)
    message = "Diverged at step 20: the loss must stay finite; it became nan at step 20. Lower the learning rate."
    write_status(run.path, Status("failed", 20, 20, 10.0, None, message))
    return run


def without_errors(page: Page) -> None:
    at_rest(page)
    expect(page.locator("[data-testid='stException']")).to_have_count(0)
    for chart in page.locator("[data-testid='stVegaLiteChart']").all():
        expect(chart).not_to_contain_text("Error")


def says(page: Page, kind: str) -> None:
    without_errors(page)
    expect(page.locator("[data-testid='stAlert']").first).to_contain_text(SAID[kind])


def test_every_page_of_a_run_that_diverged_says_so_and_shows_no_error(server: str, page: Page, make_run: MakeRun) -> None:
    run, _ = diverged(make_run(state="failed"), "late"), make_run(name="good", seed=2)
    for name in ("scrub", "lineage", "motion", "verdict", "export"):
        visit(page, f"{server}/{name}?run={run.id}&group=dead&step=20")
        says(page, "late")
    for name in ("compare", "library", "train"):
        visit(page, f"{server}/{name}")
        without_errors(page)
        if name == "compare":
            expect(page.get_by_text(SAID["late"])).to_have_count(1)
            expect(page.locator(".st-key-draws")).to_be_visible()
            expect(page.get_by_text("3 of 6 rows are NaN or infinite at this step")).to_have_count(1)


def test_runs_of_at_most_one_finite_step_show_no_error(server: str, page: Page, make_run: MakeRun) -> None:
    pages = {"infinite": ("scrub", "motion"), "ever": ("scrub", "verdict")}
    runs = {kind: diverged(make_run(name=kind, seed=seed, state="failed"), kind) for seed, kind in enumerate(pages)}
    for kind, names in pages.items():
        for name in names:
            visit(page, f"{server}/{name}?run={runs[kind].id}&group=dead")
            says(page, kind)
    good = make_run(name="good", seed=2)
    visit(page, f"{server}/compare?runs={','.join(run.id for run in (*runs.values(), good))}")
    without_errors(page)
    for kind in runs:
        expect(page.get_by_text(SAID[kind])).to_have_count(1)
    for kind, run in runs.items():
        visit(page, f"{server}/library?tab=From+a+file&file={run.path / HISTORY}&dead=0-5")
        without_errors(page)
        page.locator("[data-testid='stMain']").get_by_role("link", name="Scrub").first.click()  # files opened before are below
        says(page, kind)
