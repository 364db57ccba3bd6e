"""The address in a real browser: it names what is shown on every page, and the browser's history has one entry a page."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from browsing import MARKS, arrived, at_rest, go_to, named, names, title_of, visit
from conftest import MakeRun
from playwright.sync_api import Page, expect

from snowball_core.store.run_folder import HISTORY, Run
from snowball_core.store.run_titles import title

pytestmark = MARKS
TABS = ("Library", "Train", "Lineage", "Motion", "Compare", "Verdict", "About", "Export", "Scrub")
# The pages with a picker of one run.
OF_ONE_RUN = ("Scrub", "Lineage", "Motion", "Verdict", "Export")


def go_to_tab(page: Page, tab: str) -> None:
    page.get_by_role("link", name=tab, exact=True).first.click()
    expect(page.locator("h1")).to_have_text(title_of(tab.lower()))
    at_rest(page)


def entries(page: Page) -> int:
    return int(page.evaluate("history.length"))


def picked(page: Page) -> str:
    return page.locator(".st-key-run input").input_value()


def walked(page: Page, run: Run, step: int, group: str, unit: str, tabs: tuple[str, ...] = TABS) -> list[tuple[str, str]]:
    """Go through pages, each time with the same run, step, group and unit; name and address of each, from the first."""
    wanted = {"run": run.id, "step": str(step), "group": group, "unit": unit}
    stops = [("Scrub", page.url)]
    assert wanted.items() <= named(page).items()
    first = entries(page)
    for count, tab in enumerate(tabs, 1):
        go_to_tab(page, tab)
        assert wanted.items() <= named(page).items(), tab
        assert entries(page) == first + count, tab
        if tab in OF_ONE_RUN:
            assert picked(page) == title(run.path), tab
        stops.append((tab, page.url))
    return stops


def walked_back(page: Page, run: Run, stops: list[tuple[str, str]]) -> None:
    """Go back through pages to the first: each time the same address and the same run."""
    last = entries(page)
    for tab, url in reversed(stops[:-1]):
        page.go_back()
        expect(page.locator("h1")).to_have_text(title_of(tab.lower()))
        at_rest(page)
        assert page.url == url, tab
        if tab in OF_ONE_RUN:
            assert picked(page) == title(run.path), tab
    assert entries(page) == last


def test_a_link_keeps_its_run_step_group_and_unit_over_all_pages_and_back(server: str, page: Page, make_run: MakeRun) -> None:
    linked = make_run(name="linked")
    make_run(name="newer", seed=2)
    arrived(page, f"{server}/?run={linked.id}&step=7&group=all&unit=weight&axis=linear&select=t5", 7)
    walked_back(page, linked, walked(page, linked, 7, "all", "weight"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link to this view").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert {"axis": "linear", "select": "t5"}.items() <= named(page).items()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 · all: 16 tokens")


def test_a_fresh_start_names_what_it_shows_and_keeps_it_over_other_pages(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, server)
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 15 ")
    at_rest(page)
    walked(page, run, 15, "dead", "cells", ("Library", "Motion", "Scrub"))


def test_moves_and_choices_replace_the_entry_and_back_returns_to_the_page_as_it_was(
    server: str, page: Page, make_run: MakeRun
) -> None:
    one, two = make_run(name="one"), make_run(name="two", seed=2)
    arrived(page, f"{server}/?run={one.id}&step=3", 3)
    first = entries(page)
    go_to(page, 9)
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 10 ")
    page.get_by_role("radio", name="all", exact=True).click()
    expect(page.locator(".st-key-exact")).to_contain_text("· all: ")
    at_rest(page)
    left = {"run": one.id, "step": "10", "group": "all", "unit": "cells"}
    assert (named(page), entries(page)) == (left, first)
    go_to_tab(page, "Motion")
    page.get_by_role("radio", name="weight").click()
    page.get_by_role("radio", name="linear").click()
    at_rest(page)
    page.locator(".st-key-run input").click()
    page.get_by_role("option", name=title(two.path)).click()
    at_rest(page)
    there = {"run": two.id, "step": "10", "group": "all", "unit": "weight", "axis": "linear"}
    assert (named(page), entries(page)) == (there, first + 1)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Scrub")
    at_rest(page)
    assert (named(page), picked(page)) == (left, title(one.path))
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 10 · all: 16 tokens")
    page.go_forward()
    expect(page.locator("h1")).to_have_text("Motion")
    at_rest(page)
    assert (named(page), picked(page)) == (there, title(two.path))


def test_the_picker_cannot_be_emptied_and_a_tab_that_is_opened_beside_shows_the_same_run(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    make_run(name="newer", seed=2)
    arrived(page, f"{server}/?run={run.id}&step=7&group=all", 7)
    field = page.locator(".st-key-run input")
    field.click()
    for key in ("Control+a", "Backspace", "Delete", "Escape", "Tab"):
        page.keyboard.press(key)
    at_rest(page)
    assert (picked(page), named(page)["run"]) == (title(run.path), run.id)
    assert page.locator(".st-key-run [aria-label*='lear']").count() == 0
    with page.context.expect_page() as beside:
        page.get_by_role("link", name="Motion", exact=True).first.click(button="middle")
    other = beside.value
    expect(other.locator("h1")).to_have_text("Motion")
    at_rest(other)
    assert {"run": run.id, "step": "7", "group": "all"}.items() <= named(other).items()
    assert (picked(other), named(page)["run"]) == (title(run.path), run.id)


def test_runs_compared_a_file_and_a_fork_are_kept_while_other_pages_are_looked_at(
    server: str, page: Page, make_run: MakeRun
) -> None:
    runs = [make_run(name=name, seed=seed) for seed, name in enumerate(("one", "two", "three"))]
    file = runs[0].path / HISTORY
    stops = {
        "Compare": f"/compare?runs={runs[0].id},{runs[1].id}&left={runs[1].id}&at=4&align=rates",
        "Library": f"/library?tab=From+a+file&file={file}&dead=0-5",
        "Train": f"/train?fork={runs[0].id}&at=5",
    }
    for tab, path in stops.items():
        visit(page, server + path)
        before = named(page)
        assert dict(parse_qsl(urlsplit(path).query)).items() <= before.items()
        for other in ("Motion", tab):
            go_to_tab(page, other)
        assert named(page).items() >= {name: before[name] for name in dict(parse_qsl(urlsplit(path).query))}.items(), tab
        page.evaluate("history.go(-2)")
        names(page, **before)
        expect(page.locator("h1")).to_have_text(tab)
        at_rest(page)
        assert named(page) == before, tab


def test_a_link_on_a_fresh_server_is_one_entry_and_keeps_its_run(fresh_server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    make_run(name="newer", seed=2)
    page.goto("about:blank")
    visit(page, f"{fresh_server}/about?run={run.id}&step=7&group=all")
    assert entries(page) == 2
    go_to_tab(page, "Lineage")
    assert entries(page) == 3
    assert {"run": run.id, "step": "7", "group": "all"}.items() <= named(page).items()
    assert picked(page) == title(run.path)
    page.go_back()
    page.go_back()
    assert page.url == "about:blank"
