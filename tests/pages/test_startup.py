"""The start of the server: what the app is handed over as, and when a browser is opened."""

from __future__ import annotations

import runpy
import socket
import sys
import threading
from pathlib import Path

import pytest
import streamlit as st

from pages.parts.server import access, startup

ROOT = Path(__file__).resolve().parents[2]


def test_a_server_that_imports_the_front_door_finds_the_app_that_runs_it_as_the_main_script(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streamlit.config._main_script_path", None)  # the app takes note of its script for the whole process
    app = runpy.run_path(str(ROOT / "app.py"), run_name="app")["app"]
    assert isinstance(app, st.App)
    assert app.script_path == ROOT / "app.py"


def test_the_parts_of_the_first_page_are_imported_before_it_is_requested():
    startup.import_first_page()
    assert {f"pages.parts.{part}" for part in ("scrub.component", "scrub.exact_step", "shared.run_picker")} <= set(sys.modules)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_a_browser_is_opened_when_the_server_answers_and_not_before(monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        opening = threading.Thread(target=startup._open_browser, args=(port,))
        opening.start()
        opening.join(0.2)
        assert not opened
        server.listen()
        opening.join(20)
    assert opened == [f"http://localhost:{port}"]


def test_a_browser_is_opened_with_the_token_and_a_token_of_ones_own_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("SNOWBALL_TOKEN", "a b&c")
    access.token.cache_clear()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        startup._open_browser(port)
        startup._say_address(port)
    access.token.cache_clear()
    assert opened == [f"http://localhost:{port}/?token=a+b%26c"]
    printed = capsys.readouterr().out
    assert f"http://localhost:{port}/?token=(" in printed
    assert "a+b%26c" not in printed


def test_a_token_made_at_the_start_is_long_and_stays(monkeypatch: pytest.MonkeyPatch):
    made = set()
    monkeypatch.setenv("SNOWBALL_TOKEN", "auto")
    for _ in range(3):
        access.token.cache_clear()
        assert access.token() == access.token()
        made.add(access.token())
    access.token.cache_clear()
    assert len(made) == 3
    assert min(map(len, made)) >= 32
