"""Exports in a real browser: what a button gives is what the command writes, and the report needs nothing but itself."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest
from browsing import MARKS, ROOT, at_rest, go_to, open_context, open_page, taken, unfold, visit
from conftest import MakeRun
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from snowball_core.export.files import chosen
from snowball_core.export.pictures import PICTURES
from snowball_core.export.tables import TABLES
from snowball_core.export.view import view_of
from snowball_core.store.history import observe
from snowball_core.store.run_folder import Run
from snowball_core.tables.formats import csv_bytes

pytestmark = MARKS


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


def exported(run: Run, target: Path, *more: str) -> dict[str, bytes]:
    """What the command writes, run as a visitor runs it."""
    command = [sys.executable, "-m", "snowball_core", "export", run.id, "--to", str(target), "--runs", str(run.path.parent)]
    subprocess.run([*command, *more], cwd=ROOT, check=True, capture_output=True)
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_every_link_gives_the_bytes_that_the_command_writes(server: str, page: Page, make_run: MakeRun, outside: Path) -> None:
    run = make_run(steps=8)  # an animation of few frames
    at = ["--step", "7", "--group", "dead", "--unit", "weight"]
    parts = "tables,methods,report,animation,parcel,projector,pictures/counts.svg,pictures/counts.png"
    files = exported(run, outside / "some", *at, "--only", parts)
    visit(page, f"{server}/export?run={run.id}&step=7&unit=weight")
    expect(page.locator(".st-key-export-step input")).to_have_value("7")
    for key in ("report", "steps", "run", "folder"):
        page.locator(f".st-key-prepare-{key} button").click()
        expect(page.locator(f".st-key-export-{key} a")).to_be_visible()
    for key, name in (
        *((f"take-summary-{kind}", f"tables/summary.{kind}") for kind in ("csv", "parquet", "json")),
        *((f"take-counts-{kind}", f"pictures/counts.{kind}") for kind in ("svg", "png")),
        *(("export-report", "report.html"), ("export-steps", "steps.gif"), ("export-run", f"{run.id}.zip")),
        *(("export-vectors", "projector/vectors.tsv"), ("export-metadata", "projector/metadata.tsv")),
    ):
        suggested, content = taken(page, key)
        assert content == files[name], name
        assert suggested.startswith(run.id)
        assert suggested.endswith(Path(name).suffix)
    with zipfile.ZipFile(io.BytesIO(taken(page, "export-folder")[1])) as archive:
        usual = {name: archive.read(name) for name in archive.namelist()}
    # Its index lists what is in it: all but the animation and the run, which have their own links.
    listed = {row["name"] for row in json.loads(usual.pop("index.json"))["files"]}
    assert listed == set(usual) == {each.name for each in chosen(view_of(observe(run), 7, unit="weight"))}
    own = {"steps.gif", f"{run.id}.zip", "index.json"}
    assert {name: usual[name] for name in files if name not in own} == {name: files[name] for name in files if name not in own}
    # And the command shown on the page is the one that wrote them.
    command = page.get_by_test_id("stCode").first.inner_text()
    assert command.split() == [".venv/bin/python", "-m", "snowball_core", "export", run.id, "--to", "DIR", *at]


def test_a_file_comes_though_its_page_is_drawn_again_before_the_browser_fetches_it(
    server: str, browser: Browser, make_run: MakeRun
) -> None:
    run = make_run()
    held: list[Route] = []
    # The link's tab closes itself when its file comes. To end a route then fails at times, so the route ends with its context.
    with open_context(browser) as own, open_page(own) as page:
        own.route("**/api/**", lambda route: held.append(route))
        visit(page, f"{server}/?run={run.id}&step=3")
        unfold(page, "take-home")
        with page.expect_download() as came:
            page.locator(".st-key-take-tokens-csv a").click()
            for step in (4, 5, 6):
                go_to(page, step)
            while not held:  # the test's own limit ends this
                page.wait_for_timeout(50)
            held[0].continue_()
        assert came.value.suggested_filename.endswith("-step-3.csv")
        content = Path(came.value.path()).read_bytes()
    assert content == csv_bytes(TABLES["tokens"].make(view_of(observe(run), 3)))


def test_a_file_of_a_run_that_is_gone_is_not_made_and_its_address_says_why(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/export?run={run.id}")
    address = page.locator(".st-key-export-vectors a").get_attribute("href")
    shutil.rmtree(run.path)
    answer = page.request.get(f"{server}{address}")
    assert (answer.status, run.id in answer.json()["error"]) == (404, True)


def test_choosing_a_picture_a_table_and_a_step_changes_what_is_taken(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/export?run={run.id}&step=7")
    for box, choice in (("export-picture", "pairwise"), ("export-table", "tokens:")):
        page.locator(f".st-key-{box} input").click()
        page.keyboard.type(choice)  # a long list shows only a part of itself
        page.get_by_role("option").filter(has_text=choice).first.click()
        at_rest(page)
    root = ET.fromstring(taken(page, "take-distances-svg")[1])
    assert "step 7" in "".join(root.itertext())
    assert Image.open(io.BytesIO(taken(page, "take-distances-png")[1])).format == "PNG"
    entry = page.locator(".st-key-export-step input")
    entry.fill("12")
    entry.press("Enter")
    expect(page.get_by_text("Exported: step 12;")).to_be_visible()
    at_rest(page)
    expect(page).to_have_url(re.compile("[?&]step=12(&|$)"))
    assert "step 12" in "".join(ET.fromstring(taken(page, "take-distances-svg")[1]).itertext())
    tokens = pd.read_csv(io.BytesIO(taken(page, "take-tokens-csv")[1]))
    assert list(tokens["population"]) == [5, 5, 5, 5, 5, 1]
    # The step goes along to the other pages.
    page.get_by_role("link", name="Scrub").click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 12 ")


def test_the_scrub_page_downloads_the_step_that_is_shown(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/?run={run.id}&step=7")
    page.wait_for_selector(".st-key-exact")
    expect(page.locator(".st-key-take-tokens-csv")).to_have_count(0)
    unfold(page, "take-home")
    for step, population in ((7, 3), (12, 5)):
        go_to(page, step)
        name, content = taken(page, "take-tokens-parquet")
        assert f"-step-{step}." in name
        assert pyarrow.parquet.read_table(io.BytesIO(content)).column("population")[0].as_py() == population
        assert f"step {step} " in "".join(ET.fromstring(taken(page, "take-places-svg")[1]).itertext())
        # The run's own table, too, is still there after the step has changed.
        assert len(json.loads(taken(page, "take-summary-json")[1])) == 63


def test_a_report_opens_offline_with_and_without_scripts(browser: Browser, make_run: MakeRun, outside: Path) -> None:
    run = make_run()
    exported(run, outside / "report", "--only", "report", "--step", "7")
    file = (outside / "report" / "report.html").as_uri()
    for scripts in (True, False):
        context = browser.new_context(offline=True, java_script_enabled=scripts)
        page = context.new_page()
        requests: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request, requests=requests: requests.append(request.url))
        page.on("console", lambda message, problems=problems: problems.append(message.text))
        page.goto(file)
        assert [address for address in requests if not address.startswith("data:")] == [file]
        assert problems == []
        _is_drawn(page, run)
        # On a phone only the tables scroll sideways, and some of them have to.
        page.set_viewport_size({"width": 390, "height": 800})
        wide = "element => element.scrollWidth > element.clientWidth"
        assert not page.locator("html").evaluate(wide)
        assert page.locator(".scroll").evaluate_all(f"all => all.some({wide})")
        context.close()


def _is_drawn(page: Page, run: Run) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^Snowball report: .* \\(run {run.id}\\)$"))
    pictures = page.get_by_role("img").all()
    assert len(pictures) == len(PICTURES)
    for picture in pictures:
        box = picture.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 100, "the picture is drawn, not a broken one's frame"
        assert "dead tokens" in (picture.get_attribute("alt") or "")
    expect(page.get_by_role("cell", name="U, unique vectors")).to_be_visible()
