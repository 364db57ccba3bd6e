"""For people: every page in both themes, wide and narrow, by the rules of axe-core, with a text for every picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import MARKS, PAGES, ROOT, at_rest, fits, serve, visit
from playwright.sync_api import BrowserContext, Page

pytestmark = MARKS
SHIPPED = next(path for path in sorted((ROOT / "runs").iterdir()) if (path / "run.json").is_file())
WIDTHS = (2560, 800, 1440)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
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


@pytest.fixture(scope="module")
def wide(context: BrowserContext) -> Iterator[Page]:
    """A page that may warn."""
    opened = context.new_page()
    yield opened
    opened.close()


def themed(page: Page, theme: Theme) -> None:
    """Be a visitor who has chosen a theme: the page takes it at once."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("theme => getComputedStyle(document.querySelector('.stApp')).colorScheme === theme", arg=theme)
    at_rest(page)


@pytest.mark.parametrize("name", [*PAGES, "scrub?native=1", "library?shelf=From+a+file", "library?shelf=Trash"])
def test_every_page_can_be_read_by_everybody_in_both_themes_at_every_width(wide: Page, address: str, name: str) -> None:
    visit(wide, f"{address}/{name}")
    for theme in THEMES:
        themed(wide, theme)
        # What is no matter of colours is the same in both themes.
        rules = {"runOnly": ["color-contrast", "link-in-text-block"]} if theme == "dark" else None
        found = Axe().run(wide, options=rules).response["violations"]
        assert [each for each in found if each["impact"] in ("serious", "critical")] == [], theme
    wide.wait_for_function(f"({TOLD})().every(Boolean)")
    for width in WIDTHS:
        wide.set_viewport_size({"width": width, "height": 900})
        at_rest(wide)
        fits(wide, width)


@pytest.mark.parametrize("theme", THEMES)
def test_a_page_opens_in_the_theme_of_the_visitor(page: Page, address: str, theme: Theme) -> None:
    page.emulate_media(color_scheme=theme)
    visit(page, f"{address}/about")
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme") == theme


def test_native_pictures_and_numbers_side_by_side_are_level_and_have_the_colours_of_the_theme(wide: Page, address: str) -> None:
    warnings: list[str] = []
    wide.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    visit(wide, f"{address}/scrub?native=1")
    wide.wait_for_selector(".st-key-places svg")
    curve = wide.locator("path[aria-label*='P tokens in black holes']").first
    for theme, blue in (("light", "rgb(0, 114, 178)"), ("dark", "rgb(86, 180, 233)")):
        themed(wide, theme)
        assert curve.evaluate("node => getComputedStyle(node).stroke") == blue
    metrics = ".st-key-exact [data-testid='stMetric']"
    for width, pictures in ((1440, ".st-key-sizes, .st-key-heatmap, .st-key-places"), (800, ".st-key-sizes, .st-key-heatmap")):
        wide.set_viewport_size({"width": width, "height": 900})
        for query in (metrics, pictures):
            wide.wait_for_function(LEVEL, arg=query)
    wide.set_viewport_size({"width": 1440, "height": 900})
    assert warnings == []
