"""The projector's files, the methods paragraph and the lineage for ytree: exact, escaped, and readable by others."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as st

from snowball_core.errors import HistoryError
from snowball_core.export.methods import latex, markdown, methods
from snowball_core.export.pictures import PICTURES
from snowball_core.export.projector import metadata_tsv, projector_json, vectors_tsv
from snowball_core.export.report import MOST_ROWS, report_bytes
from snowball_core.export.view import view_of
from snowball_core.measures.bf16 import bits, from_values, values
from snowball_core.store.history import find, observe
from snowball_core.store.manifest import configuration_hash
from snowball_core.store.run_folder import runs_folder
from snowball_core.tables.lineage import account, ytree_csv
from snowball_core.tables.story import story_of

SHIPPED = "2026-11-22-212124-primordial-snowball"


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40))
def test_a_decimal_gives_the_same_bfloat16_bits_back(words: list[int]) -> None:
    rows = np.array([words], np.uint16)
    if not np.isfinite(values(rows)).all():
        with pytest.raises(HistoryError, match="needs finite numbers; row 0"):
            vectors_tsv(rows)
        return
    cells = vectors_tsv(rows).decode().rstrip("\n").split("\t")
    # A reader that parses into 64 bits, and one that parses into 32 (as a browser's Float32Array does).
    for kind in (np.float64, np.float32):
        back = np.array([kind(cell) for cell in cells]).astype(np.float32)
        assert np.array_equal(from_values(back), rows[0])
        assert np.array_equal(bits(back) & 0xFFFF, np.zeros(len(words))), "no digit too many: it is the number itself"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_a_decimal_gives_the_same_float32_bits_back(numbers: list[float]) -> None:
    rows = np.array([numbers], np.float32)
    back = np.array([float(cell) for cell in vectors_tsv(rows).decode().split()]).astype(np.float32)
    assert np.array_equal(bits(back), bits(rows[0]))


def test_the_projectors_files_fit_each_other(make_run: MakeRun) -> None:
    history = observe(make_run())
    view = view_of(history, 7, "all")
    vectors = np.loadtxt(io.BytesIO(vectors_tsv(view.rows)), delimiter="\t", dtype=np.float32)
    rows = list(csv.DictReader(io.StringIO(metadata_tsv(view).decode()), delimiter="\t", quoting=csv.QUOTE_NONE))
    config = json.loads(projector_json(view))["embeddings"][0]
    assert np.array_equal(from_values(vectors), history.words[7])
    assert config["tensorShape"] == list(vectors.shape) == [len(rows), 4]
    assert [(row["token"], row["group"], row["hole"], row["population"]) for row in rows[2:4]] == [
        ("2", "dead", "1", "3"),
        ("3", "dead", "0", "1"),
    ]


def test_the_methods_name_what_another_needs_to_repeat_the_run() -> None:
    history = find(SHIPPED, runs_folder())
    text = methods(history)
    for part in (
        *("116,480 parameters", "torch 2.13.0", "weights bfloat16", "compute float32", "initial state 42", "42 + epoch"),
        *("33bdec3abc8bd4e7", "58de15ac67c9b226", configuration_hash(history.config), "thinned: 301 of 10,001 steps"),
        *("labels shifted twice", "77 tokens live, 51 dead", "2 threads", "single run"),
    ):
        assert part in text


def test_the_methods_say_what_is_not_known(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(snapshots=11, state="stopped")
    text = methods(observe(run))
    assert "10 snapshots of the schedule are missing" in text
    assert "not complete and has no history hash yet" in text
    assert "versions it was recorded with are unknown" in text
    foreign = methods(find(str(run.path / "history.safetensors"), tmp_path))
    assert "its training is unknown" in foreign


def test_the_path_of_a_text_is_left_out(make_run: MakeRun) -> None:
    run = make_run()
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["corpus"]["name"] = "/somewhere/private/book.txt"
    (run.path / "run.json").write_text(json.dumps(manifest))
    text = methods(observe(run))
    assert "The text is book.txt (" in text
    assert "private" not in text


def test_markdown_and_latex_take_nothing_for_their_own() -> None:
    assert markdown("a_b $x$ <b> [l](u)") == r"a\_b \$x\$ \<b\> \[l\](u)" + "\n"
    assert latex("5% of a_b & c^2 ~ \\ {x} #1 L∞") == (
        r"5\% of a\_b \& c\textasciicircum{}2 \textasciitilde{} \textbackslash{} \{x\} \#1 L$_\infty$" + "\n"
    )
    # Nothing outside ASCII is left for a compiler to stumble over.
    assert latex(methods(find(SHIPPED, runs_folder()))).isascii()


class _Reader(HTMLParser):
    """Collects tags, addresses and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "action", "srcset", "data")]
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: bytes) -> _Reader:
    reader = _Reader()
    reader.feed(page.decode())
    return reader


def test_a_report_is_whole_in_itself(make_run: MakeRun) -> None:
    history = observe(make_run())
    page = report_bytes(view_of(history, 7))
    result = read(page)
    assert result.tags.count("img") == len(PICTURES)
    assert all(address.startswith("data:image/svg+xml;base64,") for address in result.addresses)
    assert not {"script", "link", "iframe", "form", "object"} & set(result.tags)
    assert methods(history) in result.text
    assert result.text.index(story_of(history, "dead")) < result.text.index("From step 0 to step 20 the verdict on")
    assert "prefers-color-scheme: dark" in page.decode()
    assert report_bytes(view_of(history, 7)) == page


def test_text_from_elsewhere_stays_text_in_a_report(make_run: MakeRun) -> None:
    run = make_run()
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["faults_carried"] = ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>']
    (run.path / "run.json").write_text(json.dumps(manifest))
    history = observe(run)
    result = read(report_bytes(view_of(history)))
    assert "script" not in result.tags
    assert "<script>alert(1)</script>" in result.text
    assert not [address for address in result.addresses if not address.startswith("data:")]


def test_a_report_on_a_foreign_history_says_what_is_not_in_it(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "<b>.safetensors").write_bytes((make_run().path / "history.safetensors").read_bytes())
    result = read(report_bytes(view_of(find(str(tmp_path / "<b>.safetensors"), tmp_path))))
    assert "loss is not shown: a picture of the loss needs recorded losses" in result.text
    assert "nothing is known of its training" in result.text
    assert "Snowball report: <b>.safetensors" in result.text
    assert "b" not in result.tags


def test_a_long_table_is_cut_in_a_report_and_says_so() -> None:
    history = find(SHIPPED, runs_folder())
    text = read(report_bytes(view_of(history, 19, "all"))).text
    assert re.search(rf"the first {MOST_ROWS} of 128 rows", text)


def test_ytree_loads_the_lineage(tmp_path: Path) -> None:
    ytree = pytest.importorskip("ytree", reason="ytree is not installed: pip install ytree")
    history = find(SHIPPED, runs_folder())
    tree = account(history, "dead").tree
    (tmp_path / "tree.csv").write_text(ytree_csv(tree, history.steps))
    arbor = ytree.load(str(tmp_path / "tree.csv"))
    assert arbor.size == 1, "every hole of the shipped run ends in one"
    root = arbor[0]
    assert float(root["mass"]) == 51
    assert sorted(int(uid) for uid in root["tree", "uid"]) == list(range(len(tree.nodes)))
    by_uid = dict(zip(map(int, root["tree", "uid"]), map(float, root["tree", "mass"]), strict=True))
    assert by_uid == {index: float(node.population) for index, node in enumerate(tree.nodes)}


def test_any_reader_of_tables_reads_the_projectors_labels() -> None:
    history = find(SHIPPED, runs_folder())
    read = pd.read_csv(io.BytesIO(metadata_tsv(view_of(history, 19, "dead"))), sep="\t")
    # Token 34 is a quotation mark: bare, it would swallow the lines after it.
    assert (len(read), read.set_index("token")["glyph"][34]) == (51, "'\"")
