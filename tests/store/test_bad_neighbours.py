"""A library in which almost every run is bad in its own way: each is listed with the reason, and the good one is as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import paging
import pytest
from conftest import MakeRun
from paging import texts

from snowball_core.cli.main import main
from snowball_core.errors import RunError
from snowball_core.jobs.workers import alive
from snowball_core.store.run_folder import METRICS, Run, open_run
from snowball_core.store.run_listing import run_paths, told_apart
from snowball_core.store.trash import trash
from snowball_core.tables.draws import kin
from snowball_core.tables.library import answer_of, row, run_rows

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("library")


def pipe(name: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (path / name).unlink(missing_ok=True)
        os.mkfifo(path / name)

    return change


def folder(name: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (path / name).unlink(missing_ok=True)
        (path / name).mkdir()

    return change


def link(name: str, to: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(to)

    return change


def status(**entries: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = json.loads((path / "status.json").read_text())
        (path / "status.json").write_text(json.dumps(content | entries))

    return change


def manifest(**entries: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = json.loads((path / "run.json").read_text())
        (path / "run.json").write_text(json.dumps(content | entries))

    return change


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        for each in changes:
            each(path)

    return change


# What is done to a run, and the state in which it is listed.
BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "manifest-pipe": (pipe("run.json"), "damaged"),
    "manifest-folder": (folder("run.json"), "damaged"),
    "manifest-loop": (link("run.json", "run.json"), "damaged"),
    "manifest-nowhere": (link("run.json", "nowhere"), "damaged"),
    "manifest-device": (link("run.json", "/dev/zero"), "damaged"),
    "corpus-null": (manifest(corpus=None), "damaged"),
    "faults-number": (manifest(faults_carried=5), "damaged"),
    "provenance-list": (manifest(provenance=[1]), "damaged"),
    "created-number": (manifest(created=10**29), "damaged"),
    "created-words": (manifest(created="12/31/2026"), "damaged"),
    "status-pipe": (pipe("status.json"), "damaged"),
    "status-folder": (folder("status.json"), "damaged"),
    "status-huge": (status(step=10**29), "damaged"),
    "status-number": (status(state="failed", message=1e308), "damaged"),
    "notes-pipe": (pipe("notes.json"), "completed"),
    "notes-device": (link("notes.json", "/dev/zero"), "completed"),
    "history-pipe": (pipe("history.safetensors"), "damaged"),
    "history-folder": (folder("history.safetensors"), "damaged"),
    "metrics-pipe": (pipe(METRICS), "damaged"),
    "lock-pipe": (both(pipe("lock"), status(state="running")), "interrupted"),
    "log-pipe": (both(pipe("worker.log"), status(state="running")), "interrupted"),
    "loop-inside": (link("inside", "."), "completed"),
    "outside": (link("outside", "/"), "completed"),
}
OTHERS = {"linked": "link", "dangling": "link", "loop": "link", "without": "no run.json", "My_Run": "no run id"}


@pytest.fixture
def good(make_run: MakeRun, tmp_path: Path) -> Run:
    """The one good run, among the bad ones and among what is no run."""
    run = make_run(name="good")
    for name, (change, _) in BAD.items():
        change(Path(shutil.copytree(run.path, tmp_path / name)))
    (tmp_path / "linked").symlink_to(run.path)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file-link").symlink_to(run.path / "run.json")
    (tmp_path / "without").mkdir()
    shutil.copytree(run.path, tmp_path / "My_Run")
    for hidden in (".hidden", "corpora", ".turns"):
        (tmp_path / hidden).mkdir()
    return run


def test_every_run_is_listed_in_its_state_and_the_good_one_as_it_was(
    good: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = answer_of(row(good.path), "dead")
    assert main(["list", "--runs", str(tmp_path), "--json"]) == 0
    listed = {each["run"]: each for each in json.loads(capsys.readouterr().out.splitlines()[-1])["runs"]}
    assert listed[good.id] == alone
    assert {name: each["state"] for name, each in listed.items() if name != good.id} == {
        **{name: state for name, (_, state) in BAD.items()},
        **OTHERS,
    }
    assert all(each["damage"] for each in listed.values() if each["state"] in ("damaged", *OTHERS.values()))
    assert main(["list", "--runs", str(tmp_path)]) == 0
    output = capsys.readouterr()
    assert all(any(line.startswith(name) for line in output.out.splitlines()) for name in listed)
    assert "not a run: a folder without run.json" in output.out
    assert output.err == ""


def test_no_page_breaks_and_each_offers_the_good_run(good: Run, tmp_path: Path) -> None:
    for page in ("library", "train", "scrub", "compare"):
        query = {"runs": f"{good.id},status-huge"} if page == "compare" else {"run": good.id} if page == "scrub" else {}
        app = paging.opened(page, **query)
        offered = {option for box in [*app.selectbox, *app.multiselect] for option in box.options}
        assert page == "library" or any(good.id in option for option in offered)
        assert not set(OTHERS) & offered
    table = paging.opened("library").dataframe[0].value.set_index("run")
    assert table.loc["linked", "state"] == "link"
    assert "copy that folder here" in table.loc["linked", "damage"]
    assert table["created"].notna()[good.id]


@pytest.mark.parametrize("name", ["corpus-null", "status-number", "history-pipe", "metrics-pipe", "log-pipe"])
def test_each_bad_run_alone_opens_on_the_pages_or_is_reported(make_run: MakeRun, tmp_path: Path, name: str) -> None:
    run = make_run(name="bad")
    BAD[name][0](run.path)
    app = paging.opened("train")
    assert app.selectbox(key="continue-run").value == run.id
    if BAD[name][1] == "damaged":
        named = {"corpus": "damaged run.json", "status": "status.json is damaged", "history": "history.safetensors"}
        assert named.get(name.partition("-")[0], "metrics.csv") in texts(app.error)


def test_what_looks_for_other_runs_passes_over_bad_ones(good: Run, tmp_path: Path) -> None:
    assert good.id in kin(tmp_path, good.id)
    assert alive(tmp_path) == []
    assert len(run_paths(tmp_path)) == len(BAD) + 1


def test_what_is_no_run_is_not_opened_put_away_or_annotated(
    good: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {
        "linked": "it is a link",
        "dangling": "it is a link",
        "loop": "it is a link",
        "without": "its folder has no run.json",
    }
    for name, why in words.items():
        for action in (open_run, trash):
            with pytest.raises(RunError, match=f'there is no run "{name}" in .*: {why}'):
                action(tmp_path, name)
        assert main(["annotate", name, "--label", "x", "--runs", str(tmp_path)]) == 2
    assert not (good.path / "notes.json").exists()
    app = paging.opened("library", {"library-chosen": ["linked"]})
    assert "Not a run: a link." in texts(app.warning)
    assert not [button for button in app.button if str(button.key).startswith(("put-away", "save-"))]


def test_names_of_every_kind_are_listed(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(tmp_path / ("x" * 255))
    os.mkdir(tmp_path / "zwei Wörter")
    listed = [each.id for each in run_rows(tmp_path)]
    assert listed == [run.id, "zwei Wörter", "x" * 255, "caf\\udce9"]
    assert "\n".join(listed).encode()
    paging.opened("library")
    assert set(told_apart(tmp_path)[1].values()) == {"no run.json"}


@pytest.mark.parametrize("how", ["file", "loop", "long"])
def test_a_runs_folder_that_cannot_be_read_is_reported_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    place = tmp_path / ("x" * 300 if how == "long" else "runs")
    if how == "file":
        place.write_text("")
    elif how == "loop":
        place.symlink_to("runs")
    monkeypatch.setenv("SNOWBALL_RUNS", str(place))
    assert main(["list"]) == 2
    assert "the runs folder must be a folder that can be read" in capsys.readouterr().err
    for page in ("library", "train", "scrub"):
        assert "The runs folder must be a folder that can be read" in texts(paging.opened(page).error)


def test_a_folder_that_may_not_be_entered_is_one_row(make_run: MakeRun, tmp_path: Path) -> None:
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    before = without if os.geteuid() == 0 else []
    if before and not shutil.which("setpriv"):
        pytest.skip("root without setpriv: file modes would not count")
    good, closed, unsearchable = make_run(name="good"), make_run(name="closed"), make_run(name="unsearchable")
    code = "import sys; from snowball_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
    os.chmod(closed.path, 0)
    os.chmod(unsearchable.path, 0o444)
    words = [*before, sys.executable, "-c", code]
    try:
        done = subprocess.run([*words, "list", "--json", "--runs", tmp_path], cwd=ROOT, capture_output=True, text=True)
        calls = subprocess.run([*words, "census", closed.id, "--runs", tmp_path], cwd=ROOT, capture_output=True, text=True)
    finally:
        os.chmod(closed.path, 0o755)
        os.chmod(unsearchable.path, 0o755)
    assert (done.returncode, done.stderr) == (0, "")
    listed = {each["run"]: each for each in json.loads(done.stdout.splitlines()[-1])["runs"]}
    assert listed[good.id]["state"] == "completed"
    for run in (closed, unsearchable):
        assert listed[run.id]["state"] == "damaged"
        assert "Permission denied" in listed[run.id]["damage"]
    assert calls.returncode == 2
    assert "Permission denied" in calls.stderr
    assert "Traceback" not in calls.stderr
