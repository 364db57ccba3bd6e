"""Everything that the app's pages draw of a run, a file each: ``python -m benchmarks.outputs.pages RUN EARLY LAST``.

Each page is opened at both steps, once with the group and unit that it has by itself, once with all tokens in weight units.
What Streamlit makes up for itself is normalised, see ``normalised.OF_PAGES``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.json_format import MessageToDict

from ..served import served
from ..visitor import Visitor
from .normalised import plain


def copy(library: Path, folder: str) -> Path:
    """A copy of a library in a folder."""
    return Path(shutil.copytree(library, Path(folder) / "runs", ignore=shutil.ignore_patterns("lock", ".*")))


def drawn(library: Path, run: str, early: int, last: int) -> Iterator[tuple[str, str]]:
    """What each page draws, element by element as JSON; pages and their address are the app's own."""
    views: tuple[dict[str, object], ...] = ({"step": early}, {"step": last, "group": "all", "unit": "weight"})
    # A separate copy: caches of other commands would be counted among the bytes of a run.
    with tempfile.TemporaryDirectory() as folder, served(copy(library, folder)) as app, Visitor(app.address) as visitor:
        visitor.open()
        for page in [page for page in visitor.pages if page]:
            for view in views:
                answer = visitor.open(page, run=run, **view)
                elements = [plain(MessageToDict(element), folder) for element in answer.elements]
                text = "\n".join(json.dumps(each, indent=1, sort_keys=True) for each in elements if each)
                yield f"{page} {' '.join(f'{name}={value}' for name, value in view.items())}", text


if __name__ == "__main__":
    word, *steps = sys.argv[1:]
    for name, text in drawn(Path(os.environ["SNOWBALL_RUNS"]), word, *map(int, steps)):
        Path(name).write_text(text + "\n")
