"""The message about a file that is no history, and the hint for each dtype."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from safetensors.numpy import save

from snowball_core.cli.main import main
from snowball_core.errors import HistoryError
from snowball_core.store.files.file_kinds import dtype_advice, kind_by_name, kind_of
from snowball_core.store.files.tensor_header import history_file, read_header
from snowball_core.store.history import find
from snowball_core.store.run_folder import Run

HISTORY = np.zeros((2, 3, 2), np.float32)


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return make_run()


def torch_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")


def numpy_zip(path: Path) -> None:
    with open(path, "wb") as file:
        np.savez(file, HISTORY)


def numpy_array(path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, HISTORY)


def run_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("parcel.json", "{}")


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "x")


INDEX = {"metadata": {}, "weight_map": {"lm_head": "b.safetensors", "model.embed_tokens.weight": "a.safetensors"}}
KINDS = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a git-LFS pointer", "git lfs pull"),
    (b"\n <!DOCTYPE html><html>", "a web page", "/resolve/"),
    (b"\xef\xbb\xbf<html lang=en>", "a web page", "/resolve/"),
    (json.dumps(INDEX).encode(), "an index of shards: its tensors are in 2 other files", 'is in "a.safetensors"'),
    (b'{"a": 1}', "a JSON file", ".safetensors"),
    (b"GGUF\x03\0\0\0", "a GGUF file", "made from"),
    (pickle.dumps({"w": [1.0]}), "a file of torch.save or pickle", "weights_only=True"),
    (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file", "h5py"),
    (b"\x1f\x8b\x08\0", "a gzip file", "gunzip"),
    (b"", "empty", "once more"),
    (bytes(5_000), "full of zeros", "once more"),
    (b"the quick brown fox", "a text file", ".safetensors"),
    (numpy_array, "a NumPy array", "numpy.load"),
    (numpy_zip, "a NumPy archive", "numpy.load"),
    (torch_zip, "a file of torch.save", "weights_only=True"),
    (run_zip, "a run exported as a zip file", "import"),
    (plain_zip, "a zip file", "Unpack"),
]


@pytest.mark.parametrize(("content", "what", "advice"), KINDS, ids=[f"{number}" for number in range(len(KINDS))])
@pytest.mark.parametrize("name", ["model.safetensors", "model.bin", "model"])
def test_a_message_says_what_a_file_is_for_any_name(
    run: Run, elsewhere: Path, capsys: pytest.CaptureFixture[str], content: object, what: str, advice: str, name: str
) -> None:
    if callable(content):
        content(elsewhere / name)
    else:
        (elsewhere / name).write_bytes(content)  # type: ignore[arg-type]
    assert main(["census", name]) == 2
    output = capsys.readouterr().err
    assert what in output
    assert advice in output


def test_a_safetensors_file_under_another_name_and_one_that_is_damaged_are_distinguished(run: Run, elsewhere: Path) -> None:
    (elsewhere / "model.st").write_bytes(save({"h": HISTORY}))
    with pytest.raises(HistoryError, match=r"is a safetensors file under another name\. Give it a name that ends in"):
        find("model.st", elsewhere)
    (elsewhere / "cut.safetensors").write_bytes(save({"h": HISTORY})[:-4])
    with pytest.raises(HistoryError, match=r"is not one \(the file is cut off: .*Copy the file again"):
        read_header(elsewhere / "cut.safetensors")
    # A pointer in a run's folder is fetched, not recorded again.
    (run.path / "history.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(HistoryError, match=r"is a git-LFS pointer.*git lfs pull"):
        find(run.id, run.path.parent)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.safetensors.index.json", "which is an index of shards. Name the shard"),
        ("pytorch_model.bin", r"which is a file of torch.save or pickle. Load it with torch.load\(…, weights_only=True\)"),
        ("a.npy", "which is a NumPy array"),
        ("a.txt", "Name that file"),
    ],
)
def test_a_page_says_what_the_name_announces_and_reads_nothing(name: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words):
        history_file(f"/nowhere/{name}")


def test_a_file_that_cannot_be_opened_has_no_kind(elsewhere: Path) -> None:
    os.mkfifo(elsewhere / "pipe")
    assert kind_of(elsewhere / "pipe") is kind_of(elsewhere / "nothing") is kind_of(elsewhere) is None
    assert kind_by_name("model.safetensors") is None


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("F16", "bfloat16 saved as float16 has lost its bits"),
        ("F64", "Save tensor.float()"),
        ("F8_E4M3", "Every float8 number is a bfloat16 number"),
        ("F8_E5M2", "Every float8 number is a bfloat16 number"),
        ("F4", "packed numbers"),
        *[(dtype, "whole numbers, perhaps quantized") for dtype in ("I8", "U8", "I16", "I32", "U32", "I64", "U64", "BOOL")],
        ("C64", "complex numbers"),
        ("X99", "Save it as bfloat16 or float32"),
    ],
)
def test_the_hint_fits_the_dtype_wherever_it_is_refused(run: Run, elsewhere: Path, dtype: str, words: str) -> None:
    assert words in dtype_advice(dtype)
    # Twelve numbers of 8 bytes hold the right number of bytes for the widest; for others the header says how many.
    bits = {"F8": 8, "F4": 4, "I8": 8, "U8": 8, "BO": 8, "F1": 16, "I1": 16, "I3": 32, "U3": 32}.get(dtype[:2], 64)
    entry = {"dtype": dtype, "shape": [2, 3, 2], "data_offsets": [0, 12 * bits // 8]}
    head = json.dumps({"odd": entry}).encode()
    (elsewhere / "odd.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(12 * bits // 8))
    for key in (None, "odd"):
        with pytest.raises(HistoryError) as caught:
            find("odd.safetensors", run.path.parent, key)
        assert words in str(caught.value), key
