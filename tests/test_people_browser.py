"""For people: every page in both themes, wide and narrow, by the rules of axe-core, with a text for every picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import MARKS, PAGES, READY, ROOT, serve, visit
from playwright.sync_api import Browser, Page

pytestmark = MARKS
SHIPPED = next(path for path in sorted((ROOT / "runs").iterdir()) if (path / "run.json").is_file())
WIDTHS = (2560, 1440, 800)
# Every picture with what a screen reader says of it.
TOLD = """() => [...document.querySelectorAll(".stVegaLiteChart, .stImage img, canvas[role=img]")].map(
    picture => (picture.ariaLabel ?? picture.alt ?? picture.querySelector("[aria-label]")?.ariaLabel ?? "").trim()
)"""


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
def test_every_page_can_be_read_by_everybody_at_every_width(themed: Page, address: str, name: str) -> None:
    visit(themed, f"{address}/{name}")
    found = Axe().run(themed).response["violations"]
    assert [each for each in found if each["impact"] in ("serious", "critical")] == []
    themed.wait_for_function(f"({TOLD})().every(Boolean)")
    for width in WIDTHS:
        themed.set_viewport_size({"width": width, "height": 900})
        themed.wait_for_selector(READY)
        assert themed.evaluate("document.documentElement.scrollWidth") <= width
    themed.set_viewport_size({"width": 1440, "height": 900})


def test_the_theme_is_that_of_the_visitor(themed: Page, address: str, request: pytest.FixtureRequest) -> None:
    visit(themed, f"{address}/about")
    scheme = themed.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme")
    assert scheme == request.node.callspec.params["themed"]
