"""Compare, Verdict and About in a real browser: clicks that show on another page, and files taken home and read."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import browsing
import pandas as pd
from browsing import READY, visit
from conftest import MakeRun
from PIL import Image
from playwright.sync_api import Page, expect

from snowball_core.runs import METRICS, Run
from snowball_core.viewpoint import configuration_hash

pytestmark = browsing.MARKS


def taken(page: Page, key: str) -> bytes:
    """The bytes of the file behind a button."""
    with page.expect_download() as came:
        page.locator(f".st-key-{key} button").click()
    return Path(came.value.path()).read_bytes()


def unfold(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} summary").click()
    page.wait_for_selector(READY)


def without_rate(run: Run) -> Run:
    """The run, said to have moved while its learning rate was 0: a law is violated at every step."""
    metrics = run.path / METRICS
    metrics.write_text(metrics.read_text().replace(",0.001,", ",0.0,"))
    return run


def test_two_runs_move_together_and_open_in_scrub_and_their_pictures_are_read(
    server: str, page: Page, make_run: MakeRun
) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2)
    visit(page, f"{server}/compare?runs={one.id},{two.id}&at=0")
    # A link to the first step leads there, though a slider drops its least value from the address.
    expect(page.locator(".st-key-draws")).to_contain_text("count once. Same bits, other configuration")
    unfold(page, "take-overlays")
    svg, table = taken(page, "take-unique-svg"), taken(page, "take-overlay-parquet")
    told = " ".join(part.text or "" for part in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))
    known = str(configuration_hash(one.config))[:12]
    for words in (one.id, two.id, known, "dead tokens", "unit: vectors", "steps since the start"):
        assert words in told
    Image.open(io.BytesIO(taken(page, "take-unique-png"))).verify()
    read = pd.read_parquet(io.BytesIO(table))
    assert read.groupby("run")["step"].count().to_dict() == {one.id: 21, two.id: 21}
    page.locator(".st-key-together").get_by_role("button", name="+1").click()
    expect(page).to_have_url(re.compile("[?&]at=1$"))
    page.wait_for_selector(READY)
    page.get_by_text("Open in Scrub").nth(1).click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 1 · dead")
    expect(page.locator("body")).to_contain_text(two.id)


def test_a_violation_leads_to_its_step_and_a_question_to_its_answer(server: str, page: Page, make_run: MakeRun) -> None:
    run = without_rate(make_run())
    visit(page, f"{server}/verdict?run={run.id}&group=live")
    row = page.get_by_role("row", name="zero rate is rest")
    expect(row).to_contain_text("violated")
    unfold(page, "take-home")
    laws = pd.read_csv(io.BytesIO(taken(page, "take-laws-csv")))
    assert laws.loc[laws["law"] == "zero-rate-is-rest", "step"].tolist() == list(range(1, 21))
    ET.fromstring(taken(page, "take-cells-svg"))
    question = page.get_by_role("link", name="what is this?").last.get_attribute("href")
    page.get_by_role("link", name="Scrub at step 5").click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 5 · live")
    visit(page, f"{server}/{question}")
    expect(page.locator("h1")).to_have_text("About the measures")
    expect(page.locator(f"[id='{question.split('#')[1]}']")).to_be_in_viewport()
