"""Files made ahead: progress, cancel, refusals, and that what is sent is what the address makes by itself."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from conftest import MakeRun
from paging import labels, opened, sound, texts
from starlette.datastructures import QueryParams
from streamlit.testing.v1 import AppTest

from pages.parts.server import prepared_files
from pages.parts.server.prepared_files import cancel, preparation, prepare, prepared_copy
from pages.parts.server.run_files import run_file
from snowball_core.errors import HistoryError
from snowball_core.memory import Tell, untold

pytestmark = pytest.mark.usefixtures("library")


def waited_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def files_there() -> list[Path]:
    return list(prepared_files._folder().iterdir())


def test_a_cancelled_file_leaves_nothing_and_can_be_asked_for_again() -> None:
    before, running = files_there(), threading.Event()

    def endless(file: BinaryIO, tell: Tell) -> None:
        for number in range(1_000_000):
            file.write(b"frame")
            tell(number / 1_000_000, f"frame {number}")
            running.set()
            time.sleep(0.001)

    prepare("endless", endless)
    assert running.wait(30)
    made = preparation("endless")
    assert made is not None
    assert made.what.startswith("frame ")
    assert prepared_copy("endless") is None, "a file in the making is not sent"
    cancel("endless")
    assert preparation("endless") is None
    waited_for(lambda: files_there() == before)
    prepare("endless", lambda file, tell: file.write(b"whole"))
    waited_for(lambda: bool((again := preparation("endless")) and again.is_ready))
    copy = prepared_copy("endless")
    assert copy is not None
    assert Path(copy).read_bytes() == b"whole"
    Path(copy).unlink()
    cancel("endless")
    assert files_there() == before


def test_a_file_that_cannot_be_made_says_why_and_leaves_nothing() -> None:
    before = files_there()

    def refused(file: BinaryIO, tell: Tell) -> None:
        raise HistoryError("a picture needs two snapshots; got one. Record more.")

    prepare("refused", refused)
    waited_for(lambda: bool((made := preparation("refused")) and made.error))
    assert preparation("refused").error == "a picture needs two snapshots; got one. Record more."  # type: ignore[union-attr]
    cancel("refused")
    assert files_there() == before


@pytest.mark.parametrize("place", ["steps.gif", "run.zip"])
def test_what_is_prepared_is_what_the_address_makes(make_run: MakeRun, place: str) -> None:
    run, alone = make_run(), io.BytesIO()
    file, said = run_file(run, place, QueryParams("step=3")), []
    file.write(alone, untold)
    told = io.BytesIO()
    file.write(told, lambda share, what: said.append((share, what)))
    assert told.getvalue() == alone.getvalue()
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1
    assert said[0][1].endswith(f" 1 of {len(said)}")


def test_a_zip_names_the_picture_that_it_draws(make_run: MakeRun) -> None:
    said: list[str] = []
    target = io.BytesIO()
    query = QueryParams("step=3&only=methods,projector")
    run_file(make_run(), "export.zip", query).write(target, lambda share, what: said.append(what))
    assert said[0] == "methods file 1 of 3"
    assert "projector file 4 of 4" in said
    assert len(zipfile.ZipFile(target).namelist()) == 8


def links(app: AppTest) -> list[str]:
    return [node.proto.label for node in app.get("link_button")]


def test_the_page_prepares_a_file_and_then_links_to_it(make_run: MakeRun) -> None:
    app = opened("export", run=make_run().id)
    assert "Animation (GIF)" not in links(app)
    assert "Prepare animation (GIF)" in labels(app)
    app = sound(app.button(key="prepare-steps").click().run())
    waited_for(lambda: all(made.is_ready for made in prepared_files._PREPARATIONS.values()))
    app = sound(app.run())
    assert "Animation (GIF)" in links(app)
    assert "Prepare animation (GIF)" not in labels(app)


def test_a_file_in_the_making_shows_how_far_it_is_and_can_be_cancelled(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()

    def slow(write: object, file: BinaryIO, tell: Tell) -> None:
        while not may_end.is_set():
            tell(0.25, "frame 3 of 12")
            time.sleep(0.01)

    monkeypatch.setattr("pages.parts.export.prepare.prepare", lambda digest, write: prepare(digest, lambda f, t: slow(0, f, t)))
    app = sound(opened("export", run=make_run().id).button(key="prepare-steps").click().run())
    waited_for(lambda: any(made.what == "frame 3 of 12" for made in prepared_files._PREPARATIONS.values()))
    app = sound(app.run())
    assert "Animation (GIF): frame 3 of 12, 25%" in [node.proto.text for node in app.get("progress")]
    app = sound(app.button(key="cancel-steps").click().run())
    assert "Prepare animation (GIF)" in labels(app)
    may_end.set()
    assert "frame 3" not in texts(app.caption)
