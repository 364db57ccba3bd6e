"""Safe by default: what the server listens to, whom it answers, what a page loads, and what hostile text may do."""

from __future__ import annotations

import base64
import http.client
import io
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import browsing
import pandas as pd
import psutil
import pytest
from browsing import ROOT, serve, taken, visit
from paging import opened, texts
from playwright.sync_api import BrowserContext

from snowball_core.cli.main import main
from snowball_core.errors import SnowballError
from snowball_core.store.notes import annotate
from snowball_core.tables.formats import csv_bytes

pytestmark = browsing.MARKS
SHIPPED = next(path for path in sorted((ROOT / "runs").iterdir()) if (path / "run.json").is_file())
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold** $x$ :red[no]"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    shutil.copytree(SHIPPED, folder / SHIPPED.name, ignore=shutil.ignore_patterns("cache"))
    return folder


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with serve(library) as served:
        yield served


def status_of(address: str, path: str, **headers: str) -> int:
    """The status of an answer to a request with headers of one's own."""
    where = urlparse(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    status = connection.getresponse().status
    connection.close()
    return status


def shaken(address: str, **headers: str) -> int:
    """The status of a websocket handshake."""
    key = base64.b64encode(b"sixteen bytes ok").decode()
    asks = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Key": key, "Sec_WebSocket_Version": "13"}
    return status_of(address, "/_stcore/stream", **{**asks, **headers})


def test_the_server_listens_on_this_machine_only(address: str) -> None:
    port = urlparse(address).port
    heard = {each.laddr.ip for each in psutil.net_connections("inet") if each.status == "LISTEN" and each.laddr.port == port}
    assert heard == {"127.0.0.1"}
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_a_foreign_host_or_origin_is_not_answered(address: str) -> None:
    own = urlparse(address).netloc
    assert shaken(address, Host=own, Origin=address) == 101
    assert shaken(address, Host="evil.example", Origin=address) in (400, 403)
    assert shaken(address, Host=own, Origin="http://evil.example") in (400, 403)


def test_nothing_but_the_app_is_served_and_nothing_is_reported_elsewhere() -> None:
    code = (
        "import json, streamlit.config as c; names = ['server.enableStaticServing', 'browser.gatherUsageStats', "
        "'server.enableXsrfProtection', 'server.enableCORS', 'server.address', 'client.showErrorDetails', "
        "'client.disableDataExport']; "
        "print(json.dumps([c.get_option(name) for name in names]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [False, False, True, True, "127.0.0.1", "type", True]


@pytest.mark.parametrize("hostile", ["../..", "linked", "<script>"])
def test_a_hostile_run_in_the_address_is_named_and_not_opened(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    monkeypatch.setenv("SNOWBALL_RUNS", str(library))
    link = library / "linked"
    if hostile == "linked":
        shutil.copytree(SHIPPED, tmp_path / "outside")
        link.symlink_to(tmp_path / "outside")
    app = opened("scrub", run=hostile)
    assert hostile in texts(app.error) + texts(app.warning)
    assert f"(run {SHIPPED.name}) ·" in texts(app.caption) + texts(app.markdown)
    link.unlink(missing_ok=True)


def test_names_and_notes_are_shown_as_they_are_written(context: BrowserContext, address: str, library: Path) -> None:
    annotate(library / SHIPPED.name, label=HOSTILE[:60], note=f"=1+1 {HOSTILE}", tags=["a-tag"])
    page = context.new_page()
    alarms: list[str] = []
    page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    for name in (f"scrub?run={HOSTILE.split('>')[0]}>", "export", "train", "verdict", "library"):
        visit(page, f"{address}/{name}")
        assert page.locator("img[src='x'], a[href^='javascript'], [data-testid='stMarkdown'] script").count() == 0
    written = pd.read_csv(io.BytesIO(taken(page, "runs-csv")[1]))
    assert written["note"].tolist() == [f"'=1+1 {HOSTILE}"]
    page.close()
    assert alarms == []


def test_cells_that_a_spreadsheet_would_run_are_text() -> None:
    table = pd.DataFrame({"glyph": ["=1+1", "+1", "-1", "@x", "\tx", "plain"]})
    assert [line.strip('"')[:1] for line in csv_bytes(table).decode().split("\n")[1:6]] == ["'"] * 5


@pytest.mark.parametrize(
    "words",
    [
        ["record", "--steps", "1"], ["stop", "RUN"],
        ["annotate", "RUN", "--label", "x"], ["trash", "RUN"], ["restore", "RUN"], ["empty-trash", "--yes"], ["import", "FILE"],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_read_only_library_refuses_every_change(
    words: list[str], library: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    before = sorted(path.name for path in library.iterdir())
    names = {"RUN": SHIPPED.name, "FILE": str(SHIPPED / "run.json")}
    try:
        status = main([*(names.get(word, word) for word in words), "--runs", str(library)])
    except SnowballError as error:
        pytest.fail(str(error))
    assert status == 2
    assert "read-only" in capsys.readouterr().err
    assert sorted(path.name for path in library.iterdir()) == before
