"""Compare, Verdict and About in a real browser: clicks that show on another page, and downloaded files that are read."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import browsing
import pandas as pd
from browsing import at_rest, names, taken, unfold, visit
from conftest import MakeRun
from PIL import Image
from playwright.sync_api import Page, WebSocketRoute, expect

from snowball_core.store.manifest import configuration_hash
from snowball_core.store.run_folder import METRICS, Run

pytestmark = browsing.MARKS


def without_rate(run: Run) -> Run:
    """The run with recorded learning rates of 0: a law is violated at every step."""
    metrics = run.path / METRICS
    metrics.write_text(metrics.read_text().replace(",0.001,", ",0.0,"))
    return run


def test_two_runs_move_together_and_open_in_scrub_and_their_pictures_are_read(
    server: str, page: Page, make_run: MakeRun
) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2)
    visit(page, f"{server}/compare?runs={one.id},{two.id}&at=0")
    # A link to the first step leads there, though a slider drops its least value from the address.
    expect(page.locator(".st-key-draws")).to_contain_text("are duplicates. Same bits, other configuration")
    unfold(page, "take-overlays")
    svg, table = taken(page, "take-unique-svg")[1], taken(page, "take-overlay-parquet")[1]
    text = " ".join(part.text or "" for part in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))
    known = str(configuration_hash(one.config))[:12]
    for words in (one.id, two.id, known, "dead tokens", "unit: vectors", "step"):
        assert words in text
    Image.open(io.BytesIO(taken(page, "take-unique-png")[1])).verify()
    read = pd.read_parquet(io.BytesIO(table))
    assert read.groupby("run")["step"].count().to_dict() == {one.id: 21, two.id: 21}
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    names(page, at="1")
    at_rest(page)
    # What is clicked in a picture on the one side is framed on both.
    heatmap = page.locator("[data-picture=distances]").nth(0)
    for word, text in (
        ("t0", "Highlighted: token 0 (NUL)"),
        (None, "Click a hole or token"),
        ("t0", "Highlighted: token 0 (NUL)"),
    ):
        heatmap.click(position={"x": 160, "y": 10})
        names(page, at="1", select=word)
        expect(page.get_by_text(text)).to_be_visible()
        at_rest(page)
    page.get_by_text("Open in Scrub").nth(1).click()
    expect(page).to_have_url(re.compile("select=t0"))
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 1 · dead")
    expect(page.locator("body")).to_contain_text(two.id)


def test_runs_let_go_before_the_first_is_answered_are_all_heard(server: str, page: Page, make_run: MakeRun) -> None:
    runs = [make_run(name=name, seed=seed) for seed, name in enumerate(("one", "two", "three", "four"))]
    waiting: list[str | bytes] = []
    is_slow = False

    def relay(ours: WebSocketRoute) -> None:
        theirs = ours.connect_to_server()
        ours.on_message(theirs.send)
        theirs.on_message(lambda message: waiting.append(message) if is_slow else ours.send(message))
        lines.append(ours)

    lines: list[WebSocketRoute] = []
    page.route_web_socket(re.compile("/_stcore/stream"), relay)
    visit(page, f"{server}/compare?runs={','.join(run.id for run in runs)}")
    tags = page.locator(".st-key-compared [data-tag]")
    is_slow = True  # as on a slow line: the server's messages are held back
    for left in (3, 2):
        tags.last.get_by_role("button").click()
        expect(tags).to_have_count(left)
        page.wait_for_timeout(1_000)
    is_slow = False
    for message in waiting:
        lines[-1].send(message)
    expect(page).to_have_url(re.compile(f"runs={runs[0].id}%2C{runs[1].id}(&|$)"))
    at_rest(page)
    expect(tags).to_have_count(2)
    expect(page.locator(".st-key-draws")).to_contain_text("2 runs")


def test_a_run_of_one_snapshot_says_so_and_leads_on(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(steps=1, until=0)
    visit(page, f"{server}/verdict?run={run.id}")
    expect(page.get_by_test_id("stAlert")).to_contain_text("this run has only one snapshot, at step 0")
    page.get_by_role("link", name="Open in Scrub").click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 0 · dead: 6 tokens")
    expect(page.locator("body")).to_contain_text("Only one snapshot recorded: nothing to play")
    visit(page, f"{server}/lineage?run={run.id}")
    page.get_by_role("link", name="Fork it on the Train page").click()
    expect(page.locator(".st-key-continuing")).to_contain_text("Fork to extend it")


def test_a_violation_leads_to_its_step_and_a_question_to_its_answer(server: str, page: Page, make_run: MakeRun) -> None:
    run = without_rate(make_run())
    visit(page, f"{server}/verdict?run={run.id}&group=live")
    row = page.get_by_role("row", name="zero rate is rest")
    expect(row).to_contain_text("violated")
    unfold(page, "take-home")
    laws = pd.read_csv(io.BytesIO(taken(page, "take-laws-csv")[1]))
    assert laws.loc[laws["law"] == "zero-rate-is-rest", "step"].tolist() == list(range(1, 21))
    ET.fromstring(taken(page, "take-largest-linf-cells-svg")[1])
    question = page.get_by_role("link", name="what is this?").last.get_attribute("href")
    page.get_by_role("link", name="Scrub at step 5").click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 5 · live")
    visit(page, f"{server}/{question}")
    expect(page.locator("h1")).to_have_text("About the measures")
    expect(page.locator(f"[id='{question.split('#')[1]}']")).to_be_in_viewport()
