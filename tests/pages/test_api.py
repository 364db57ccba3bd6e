"""The addresses below /api of a real server: the bytes of the export, and a sentence with the right status for all else."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import select
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from browsing import MARKS, go_to, serve, visit
from conftest import MakeRun
from playwright.sync_api import Page
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.export.tables import OVER_STEPS, PER_RUN, PER_STEP, TABLES
from snowball_core.export.view import view_of
from snowball_core.store.bookmarks import Bookmark
from snowball_core.store.history import observe
from snowball_core.store.notes import add_bookmark
from snowball_core.store.run_folder import Run
from snowball_core.store.status import hold
from snowball_core.tables.formats import FORMATS

pytestmark = MARKS
LONG = "a" * 3_000


def ask(address: str, path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def refused(address: str, path: str, **headers: str) -> tuple[int, str]:
    """The status, and the sentence in the answer."""
    status, _, content = ask(address, path, **headers)
    return status, json.loads(content)["error"]


def exported(run: Run, to: Path) -> dict[str, bytes]:
    """What the command writes at step 7 of the dead tokens: name → bytes."""
    where = ["--to", str(to), "--runs", str(run.path.parent)]
    assert main(["export", run.id, *where, "--only", "all", "--step", "7", "--first", "2", "--last", "6"]) == 0
    return {path.relative_to(to).as_posix(): path.read_bytes() for path in to.rglob("*") if path.is_file()}


def named(place: str) -> str:
    """The end of a saved file's name: group, step and range only where the file depends on them."""
    stem, suffix = place.split("/")[-1].rsplit(".", 1)
    is_of_group = stem != "methods" and not (place.startswith("tables/") and stem in PER_RUN)
    is_of_step = stem in PER_STEP if place.startswith("tables/") else stem not in ("methods", "steps")
    is_of_range = stem in OVER_STEPS if place.startswith("tables/") else stem == "steps"
    return f"{stem}{'-dead' * is_of_group}{'-step-7' * is_of_step}{'-steps-2-to-6' * is_of_range}.{suffix}"


def test_every_address_gives_the_bytes_of_the_export(
    server: str, make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = make_run()
    files = exported(run, tmp_path_factory.mktemp("out"))
    index = json.loads(files.pop("index.json"))
    status, _, content = ask(server, f"/api/runs/{run.id}")
    listed = json.loads(content)
    assert (status, listed["run"], listed["state"]) == (200, run.id, "completed")
    assert len(listed["files"]) == len(files)
    for place, address in listed["files"].items():
        name = f"{run.id}.zip" if place == "run.zip" else place.replace("charts/", "pictures/")
        status, headers, content = ask(server, f"{address}?step=7&from=2&to=6")
        assert (status, content) == (200, files[name]), name
        saved = f"{run.id}.zip" if place == "run.zip" else f"{run.id}-{named(place)}"
        assert headers["Content-Disposition"] == f'attachment; filename="{saved}"'
    _, _, folder = ask(server, f"/api/runs/{run.id}/export.zip?step=7&from=2&to=6&only=methods,tables,animation,parcel")
    with zipfile.ZipFile(io.BytesIO(folder)) as archive:
        zipped = {name: archive.read(name) for name in archive.namelist()}
    rows = json.loads(zipped.pop("index.json"))["files"]
    assert {row["name"] for row in rows} == set(zipped) >= {"methods.txt", "tables/summary.csv", "steps.gif", f"{run.id}.zip"}
    assert zipped == {name: files[name] for name in zipped}
    assert [row for row in index["files"] if row["name"] in zipped] == rows


def test_curl_pandas_pyarrow_and_a_browser_read_a_table(server: str, page: Page, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    table = TABLES["tokens"].make(view_of(observe(run), 7))
    assert len(pd.read_csv(f"{server}/api/runs/{run.id}/tables/bookmarks.csv")) == 0
    add_bookmark(run.path, Bookmark(7, "seen"))
    assert list(pd.read_csv(f"{server}/api/runs/{run.id}/tables/bookmarks.csv")["remark"]) == ["seen"]
    address = f"{server}/api/runs/{run.id}/tables/tokens"
    pd.testing.assert_frame_equal(pd.read_csv(f"{address}.csv?step=7"), pd.read_csv(io.BytesIO(FORMATS["csv"](table))))
    curl = shutil.which("curl")
    if curl:
        subprocess.run([curl, "-fsSOJ", f"{address}.parquet?step=7"], cwd=tmp_path, check=True)
        read = pyarrow.parquet.read_table(tmp_path / f"{run.id}-tokens-dead-step-7.parquet").to_pandas()
        pd.testing.assert_frame_equal(read, pd.read_parquet(io.BytesIO(FORMATS["parquet"](table))))
    visit(page, f"{server}/export?run={run.id}")
    rows = page.evaluate("address => fetch(address).then(answer => answer.json())", f"{address}.json?step=7")
    assert [row["token"] for row in rows] == list(table["token"])


def test_what_the_reader_has_is_not_sent_again_until_the_run_changes(server: str, make_run: MakeRun) -> None:
    run = make_run()
    path = f"/api/runs/{run.id}/tables/census.csv"
    tag = ask(server, path)[1]["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        status, headers, content = ask(server, path, If_None_Match=known)
        assert (status, headers["ETag"], content) == (304, tag, b"")
    for other in (f"{path}?group=live", f"{path}?step=3", path.replace("csv", "json")):
        status, headers, content = ask(server, other, If_None_Match=tag)
        assert status == 200
        assert headers["ETag"] != tag
    (run.path / "metrics.csv").write_text("step,loss,learning_rate,grad_norm,seconds\n")
    assert ask(server, path, If_None_Match=tag)[0] == 200


@pytest.mark.parametrize("place", ["tables/census.csv", "charts/counts.png", "run.zip"])
def test_ranges_and_heads_are_of_the_whole_file(server: str, make_run: MakeRun, place: str) -> None:
    path = f"/api/runs/{make_run().id}/{place}"
    _, whole, content = ask(server, path)
    status, headers, none = ask(server, path, "HEAD")
    assert (status, none, headers["Content-Length"]) == (200, b"", str(len(content)))
    assert headers["ETag"] == whole["ETag"]
    for byte_range, part in (("bytes=10-19", content[10:20]), ("bytes=-5", content[-5:]), ("bytes=20-", content[20:])):
        status, headers, given = ask(server, path, Range=byte_range, If_Range=whole["ETag"])
        assert (status, given) == (206, part)
        assert headers["Content-Range"].endswith(f"/{len(content)}")
    assert ask(server, path, Range="bytes=0-1", If_Range='"another"')[0] == 200
    assert ask(server, path, Range=f"bytes={len(content)}-")[0] == 416


@pytest.mark.parametrize(
    ("place", "status", "words"),
    [
        ("runs/2020-01-01-000000-none", 404, 'there is no run "2020-01-01-000000-none"'),
        ("runs/{run}/tables/nope.csv", 404, "A file is one of tables/summary.csv"),
        ("runs/{run}/charts/counts.gif", 404, "A file is one of charts/counts.svg"),
        ("runs/{run}/", 404, "A file is one of"),
        ("runs.xlsx", 404, "one of runs.csv"),
        ("elsewhere", 404, "An address below /api is one of /runs"),
        ("runs/{run}/tables/census.csv?step=21", 422, "step must be a recorded one; got 21"),
        ("runs/{run}/tables/census.csv?step=two", 422, 'step must be a whole number; got "two"'),
        (f"runs/{{run}}/tables/census.csv?step={'9' * 5_000}", 422, "step must be a whole number"),
        ("runs/{run}/tables/census.csv?group=deed", 422, 'got "deed"'),
        ("runs/{run}/tables/census.csv?unit=inch", 422, 'got "inch"'),
        ("runs/{run}/tables/census.csv?stpe=3", 422, "Query parameters are step, group, unit, from, to"),
        ("runs/{run}/steps.gif?from=9&to=3", 422, "a range of steps must end where it begins or later"),
        ("runs/{run}/export.zip?only=tabels", 422, 'got "tabels"'),
        ("runs/{run}/charts/biography.svg?select=t15", 422, "select must be t and a token of the group"),
        ("runs/{run}/charts/places.svg?colour=red", 422, "colour must be one of hole, hidden, move"),
        ("runs?group=deed", 422, "group must be one of dead"),
        ("compare/charts/unique.svg?runs={run}", 422, "a comparison needs 2 to"),
        ("compare/charts/unique.svg?runs={run},none", 404, "there is no run"),
        ("file/tables/census.csv?file=/none/x.safetensors", 404, "/none/x.safetensors"),
    ],
)
def test_what_is_not_there_is_named(server: str, make_run: MakeRun, place: str, status: int, words: str) -> None:
    answer, sentence = refused(server, f"/api/{place.replace('{run}', make_run().id)}")
    assert (answer, words in sentence) == (status, True), sentence


@pytest.mark.parametrize(
    "run",
    [
        "..",
        "%2e%2e",
        "%2e%2e%2f%2e%2e",
        ".",
        "x%00y",
        "link",
        "corpora",
        ".trash",
        "a%0d%0aSet-Cookie:%20a",
        quote("é\u202e"),
        LONG,
    ],
)
@pytest.mark.parametrize("file", ["", "/run.zip", "/tables/../../run.zip", "/%2e%2e/run.json"])
def test_a_hostile_id_leads_nowhere(server: str, make_run: MakeRun, tmp_path: Path, run: str, file: str) -> None:
    (tmp_path / "link").symlink_to(make_run().path)
    status, headers, content = ask(server, f"/api/runs/{run}{file}")
    assert status in (400, 404), content
    assert "Set-Cookie" not in headers
    assert b"Traceback" not in content
    assert b'"dead_ids"' not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_change_nothing(server: str, make_run: MakeRun, method: str) -> None:
    run = make_run()
    for path in ("runs", "runs.csv", f"runs/{run.id}", f"runs/{run.id}/run.zip", "compare/tables/overlay.csv"):
        status, headers, content = ask(server, f"/api/{path}", method)
        assert status == 405
        assert sorted(headers["Allow"].split(", ")) == ["GET", "HEAD"]
        assert json.loads(content)["error"].endswith(f"got {method}. Nothing was changed.")
    assert run.path.exists()


def test_foreign_hosts_and_origins_are_refused(server: str, make_run: MakeRun) -> None:
    path = f"/api/runs/{make_run().id}/tables/census.csv"
    assert ask(server, path, Host="evil.example")[0] == 421
    assert ask(server, path, Origin="https://evil.example")[0] == 403
    status, headers, _ = ask(server, path, Origin=server)
    assert status == 200
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


def test_where_a_token_is_set_every_address_needs_it(tmp_path: Path, make_run: MakeRun) -> None:
    path = f"/api/runs/{make_run().id}/tables/census.csv"
    with serve(tmp_path, base="/lab", SNOWBALL_TOKEN="secret") as address:
        where = f"{urlsplit(address).path}{path}"
        assert ask(address, where)[0] == 401
        assert ask(address, f"{where}?token=wrong")[0] == 401
        assert ask(address, where, Authorization="Bearer secret")[0] == 200
        assert len(pd.read_csv(f"{address}{path}?token=secret")) == 63


def test_a_run_deleted_while_it_is_downloaded_comes_whole_and_then_is_unknown(server: str, make_run: MakeRun) -> None:
    run = make_run()
    noise = np.random.default_rng(1).bytes(30_000_000)  # more than the buffers of a connection hold
    (run.path / "further.bin").write_bytes(noise)
    where = urlsplit(server)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.request("GET", f"/api/runs/{run.id}/run.zip")
    answer = connection.getresponse()
    first = answer.read(1_000)
    shutil.rmtree(run.path)
    with zipfile.ZipFile(io.BytesIO(first + answer.read())) as archive:
        assert hashlib.sha256(archive.read(f"{run.id}/further.bin")).digest() == hashlib.sha256(noise).digest()
    status, sentence = refused(server, f"/api/runs/{run.id}/run.zip")
    assert (status, "there is no run" in sentence) == (404, True)


def test_a_run_still_growing_gives_its_tables_but_not_itself(server: str, make_run: MakeRun) -> None:
    run = make_run(snapshots=11, state="running")
    with hold(run.path):
        assert len(pd.read_csv(f"{server}/api/runs/{run.id}/tables/census.csv")) == 33
        status, sentence = refused(server, f"/api/runs/{run.id}/run.zip")
    assert (status, "must not be running" in sentence) == (409, True)
    status, sentence = refused(server, f"/api/runs/{make_run(snapshots=0, state='failed').id}/tables/census.csv")
    assert (status, "has none yet" in sentence) == (409, True)


@pytest.mark.parametrize("file", ["run.json", "history.safetensors"])
def test_a_damaged_run_says_what_is_damaged(server: str, make_run: MakeRun, file: str) -> None:
    run = make_run()
    (run.path / file).write_bytes((run.path / file).read_bytes()[:60])
    status, sentence = refused(server, f"/api/runs/{run.id}/tables/census.csv")
    assert status == 409
    assert file.split(".")[0] in sentence


def test_the_library_and_a_comparison_and_a_file_from_elsewhere_have_addresses(
    server: str, make_run: MakeRun, tmp_path: Path
) -> None:
    runs = [make_run(name=name, seed=seed).id for seed, name in enumerate(("one", "two"))]
    assert {row["run"] for row in json.loads(ask(server, "/api/runs")[2])["runs"]} == set(runs)
    result = pd.read_csv(f"{server}/api/runs.csv?find=one")
    assert list(result["run"]) == runs[:1]
    for kind, read in (("csv", pd.read_csv), ("json", pd.read_json)):
        table = read(f"{server}/api/compare/tables/overlay.{kind}?runs={','.join(runs)}&measures=unique")
        assert table.groupby("run")["step"].count().to_dict() == dict.fromkeys(runs, 21)
    table = pd.read_parquet(f"{server}/api/compare/tables/overlay.parquet?runs={','.join(runs)}&from=5&to=9")
    assert table.groupby("run")["step"].agg(list).to_dict() == {run: [5, 6, 7, 8, 9] for run in runs}
    picture = ask(server, f"/api/compare/charts/unique.svg?runs={','.join(runs)}&marked={runs[0]}")[2]
    assert all(run.encode() in picture for run in runs)
    save_file({"h": np.zeros((3, 4, 2), np.float32)}, tmp_path / "h.safetensors")
    query = f"file={tmp_path}/h.safetensors&dead=0-2&group=dead"
    assert list(pd.read_csv(f"{server}/api/file/tables/holes.csv?{query}")["population"]) == [3]
    assert b"norm (L2, weight units)" in ask(server, f"/api/file/charts/places.svg?{query}&colour=norm")[2]


def test_a_page_answers_while_fifty_files_are_made(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(steps=200)
    visit(page, f"{server}/?run={run.id}&step=3")

    def moved(steps: range) -> float:
        began = time.monotonic()
        for step in steps:
            go_to(page, step)
        return time.monotonic() - began

    alone, where = moved(range(4, 9)), urlsplit(server)
    readers = [http.client.HTTPConnection(where.hostname or "", where.port, timeout=60) for _ in range(50)]
    for step, reader in enumerate(readers):
        reader.request("GET", f"/api/runs/{run.id}/report.html?step={step}")
    beside = moved(range(9, 14))
    answered, _, _ = select.select([reader.sock for reader in readers], [], [], 0)
    assert len(answered) < 50, "they were still being made"
    assert readers[0].getresponse().status == 200
    for reader in readers:
        reader.close()  # the rest need not be made
    assert beside < max(5 * alone, 20.0), f"{alone:.1f} s alone, {beside:.1f} s beside them"
    assert ask(server, f"/api/runs/{run.id}/tables/census.csv")[0] == 200
