"""For people: every page in both themes, wide and narrow, by the rules of axe-core, with a text for every picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import MARKS, PAGES, ROOT, at_rest, fits, serve, visit
from playwright.sync_api import Browser, Page

pytestmark = MARKS
SHIPPED = next(path for path in sorted((ROOT / "runs").iterdir()) if (path / "run.json").is_file())
WIDTHS = (2560, 1440, 800)
# Every picture with what a screen reader says of it.
TOLD = """() => [...document.querySelectorAll(".stVegaLiteChart, .stImage img, canvas[role=img]")].map(
    picture => (picture.ariaLabel ?? picture.alt ?? picture.querySelector("[aria-label]")?.ariaLabel ?? "").trim()
)"""

# Whether everything of a kind begins at one height.
LEVEL = """query => {
    const tops = [...document.querySelectorAll(query)].map(node => Math.round(node.getBoundingClientRect().top))
    return tops.length > 1 && new Set(tops).size === 1
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    library = tmp_path_factory.mktemp("library")
    shutil.copytree(SHIPPED, library / SHIPPED.name, ignore=shutil.ignore_patterns("cache"))
    with serve(library) as served:
        yield served


@pytest.fixture(scope="module", params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=request.param)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


@pytest.mark.parametrize("name", [*PAGES, "scrub?native=1", "library?shelf=From+a+file", "library?shelf=Trash"])
def test_every_page_can_be_read_by_everybody_at_every_width(
    themed: Page, address: str, request: pytest.FixtureRequest, name: str
) -> None:
    visit(themed, f"{address}/{name}")
    found = Axe().run(themed).response["violations"]
    assert [each for each in found if each["impact"] in ("serious", "critical")] == []
    themed.wait_for_function(f"({TOLD})().every(Boolean)")
    for width in WIDTHS if request.node.callspec.params["themed"] == "light" else ():  # colours take no room
        themed.set_viewport_size({"width": width, "height": 900})
        at_rest(themed)
        fits(themed, width)
    themed.set_viewport_size({"width": 1440, "height": 900})


def test_the_theme_is_that_of_the_visitor(themed: Page, address: str, request: pytest.FixtureRequest) -> None:
    visit(themed, f"{address}/about")
    scheme = themed.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme")
    assert scheme == request.node.callspec.params["themed"]


def test_native_pictures_and_numbers_side_by_side_are_level_and_say_nothing_to_the_console(themed: Page, address: str) -> None:
    warnings: list[str] = []
    themed.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    visit(themed, f"{address}/scrub?native=1")
    themed.wait_for_selector(".st-key-places svg")
    metrics = ".st-key-exact [data-testid='stMetric']"
    for width, pictures in ((1440, ".st-key-sizes, .st-key-heatmap, .st-key-places"), (800, ".st-key-sizes, .st-key-heatmap")):
        themed.set_viewport_size({"width": width, "height": 900})
        for query in (metrics, pictures):
            themed.wait_for_function(LEVEL, arg=query)
    themed.set_viewport_size({"width": 1440, "height": 900})
    assert warnings == []


def test_the_curve_of_p_has_the_blue_of_the_theme(themed: Page, address: str, request: pytest.FixtureRequest) -> None:
    visit(themed, f"{address}/scrub?native=1")
    curve = themed.locator("path[aria-label*='P tokens in black holes']").first
    seen = curve.evaluate("node => getComputedStyle(node).stroke")
    assert seen == {"light": "rgb(0, 114, 178)", "dark": "rgb(86, 180, 233)"}[request.node.callspec.params["themed"]]
