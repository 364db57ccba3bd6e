"""The pictures of the README's walk through the shipped runs: ``python -m benchmarks.walkthrough``; the app, photographed."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from snowball_core.errors import RunError
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.run_listing import run_paths

from .screen import READY, browser
from .served import ROOT, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHIPPED = "2026-11-22-212124-primordial-snowball"
OTHER = "2026-11-28-055416-corrected"
_WIDTH, _TALL, _SETTLED = 1440, 3_000, 1_500
# Page and height: the part to show.
_PICTURES = {
    "scrub": (f"scrub?run={SHIPPED}", 1_090),
    "lineage": (f"lineage?run={SHIPPED}&step=19", 1_045),
    "motion": (f"motion?run={SHIPPED}&step=1445", 1_165),
    "compare": (f"compare?runs={SHIPPED},{OTHER}", 1_140),
    "verdict": (f"verdict?run={SHIPPED}", 1_000),
    "export": (f"export?run={SHIPPED}&step=19", 1_240),
}


def photograph(library: Path, folder: Path) -> list[Path]:
    """Write the pictures into a folder, light theme, 1440 pixels wide, in as few colours as they need.

    Raises
    ------
    RunError
        If a run that is shown is missing, or there is no browser.
    """
    ids = [path.name for path in run_paths(library)]
    if missing := {SHIPPED, OTHER}.difference(ids):
        raise RunError(f"the pictures need both shipped runs; {', '.join(sorted(missing))} is missing. Use the folder runs/.")
    with served(library) as app, browser() as chromium:
        if chromium is None:
            raise RunError(
                "the pictures need playwright and chromium; one of them is missing. Install requirements-checks.txt."
            )
        written = []
        for name, (address, height) in _PICTURES.items():
            content = _taken(chromium, f"{app.address}/{address}", height)
            written.append(folder / f"{name}.png")
            with Image.open(io.BytesIO(content)) as picture:
                picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(written[-1], optimize=True)
        return written


def _taken(chromium: Browser, address: str, height: int) -> bytes:
    page = chromium.new_page(viewport={"width": _WIDTH, "height": _TALL}, color_scheme="light")
    page.set_default_timeout(90_000)
    page.goto(address)
    page.wait_for_selector("h1")
    page.wait_for_selector(READY)
    # Charts draw after the page's script has finished.
    page.wait_for_timeout(_SETTLED)
    content = page.screenshot(clip={"x": 0, "y": 0, "width": _WIDTH, "height": height})
    page.close()
    return content


if __name__ == "__main__":
    try:
        for path in photograph(runs_folder(), ROOT / "docs"):
            sys.stdout.write(f"{path.relative_to(ROOT)}: {os.path.getsize(path):,} bytes\n")
    except RunError as error:
        sys.exit(str(error))
