"""For people: every page in both themes, wide and narrow, by the rules of axe-core, with a text for every picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import CHARTS_FIT, MARKS, PAGES, ROOT, at_rest, fits, serve, visit
from playwright.sync_api import BrowserContext, Page

pytestmark = MARKS
SHIPPED = next(path for path in sorted((ROOT / "runs").iterdir()) if (path / "run.json").is_file())
WIDTHS = (2560, 800, 1440)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
# Every picture with its text for a screen reader.
TOLD = """() => [...document.querySelectorAll(".stVegaLiteChart, .stImage img, canvas[role=img]")].map(
    picture => (picture.ariaLabel ?? picture.alt ?? picture.querySelector("[aria-label]")?.ariaLabel ?? "").trim()
)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    library = tmp_path_factory.mktemp("library")
    for name in (SHIPPED.name, f"{SHIPPED.name}-again"):  # two, so that there is a pair to compare
        shutil.copytree(SHIPPED, library / name, ignore=shutil.ignore_patterns("cache"))
    with serve(library) as served:
        yield served


@pytest.fixture(scope="module")
def wide(context: BrowserContext) -> Iterator[Page]:
    """A page that may warn."""
    opened = context.new_page()
    yield opened
    opened.close()


def scheme(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme"))


def themed(page: Page, theme: Theme) -> None:
    """Be a visitor who has chosen a theme: the page takes it at once."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("theme => getComputedStyle(document.querySelector('.stApp')).colorScheme === theme", arg=theme)
    at_rest(page)


@pytest.mark.parametrize("name", [*PAGES, "library?tab=From+a+file", "library?tab=Trash"])
def test_every_page_is_accessible_in_both_themes_at_every_width(wide: Page, address: str, name: str) -> None:
    wide.emulate_media(color_scheme="light")
    visit(wide, f"{address}/{name}")
    assert scheme(wide) == "light", "the page before was left in the dark theme"
    for theme in THEMES:
        themed(wide, theme)
        # What is no matter of colours is the same in both themes.
        rules = {"runOnly": ["color-contrast", "link-in-text-block"]} if theme == "dark" else {}
        violations = Axe().run(wide, options={"resultTypes": ["violations"], **rules}).response["violations"]
        assert [each for each in violations if each["impact"] in ("serious", "critical")] == [], theme
    wide.wait_for_function(f"({TOLD})().every(Boolean)")
    for width in WIDTHS:
        wide.set_viewport_size({"width": width, "height": 900})
        at_rest(wide)
        fits(wide, width)
        wide.wait_for_function(CHARTS_FIT)


def test_a_page_opens_in_the_dark_theme_of_its_visitor(page: Page, address: str) -> None:
    page.emulate_media(color_scheme="dark")
    visit(page, f"{address}/about")
    assert scheme(page) == "dark"
