"""Arrays in files: every index as numpy reads it, and an error in words where the file is cut or changed on the way."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from history_files import TENSOR, finished, snapshot, writer
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.errors import HistoryError
from snowball_core.store.files import file_array
from snowball_core.store.files.tensor_file import open_tensor
from snowball_core.store.history import foreign
from snowball_core.store.run_folder import HISTORY

NUMBERS = np.arange(7 * 5 * 3, dtype=np.float32).reshape(7, 5, 3)
INDEX = st.one_of(
    st.integers(-7, 6),
    st.slices(7),
    st.lists(st.integers(-7, 6), max_size=9),
    st.lists(st.booleans(), min_size=7, max_size=7).map(lambda chosen: np.array(chosen, np.bool_)),
)
INSIDE = st.one_of(
    st.none(),
    st.integers(-5, 4),
    st.slices(5),
    st.lists(st.booleans(), min_size=5, max_size=5).map(lambda chosen: np.array(chosen, np.bool_)),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("array") / "h.safetensors"
    save_file({"before": np.ones(3, np.float32), "h": NUMBERS}, path)
    return path


@given(first=INDEX, second=INSIDE, is_narrow=st.booleans())
def test_every_index_reads_what_numpy_reads(file: Path, first: object, second: object, is_narrow: bool) -> None:
    words = open_tensor(file, "h").words
    key = first if second is None else (slice(None) if isinstance(first, list | np.ndarray) else first, second)
    with pytest.MonkeyPatch.context() as patch:
        # Also the ways of large files: part by part, and a read per snapshot.
        patch.setattr(file_array, "_BLOCK_BYTES", 130)
        patch.setattr(file_array, "_LARGE_SNAPSHOT", 0 if is_narrow else 1 << 30)
        assert np.array_equal(words[key], NUMBERS[key])
        assert np.asarray(words[key]).dtype == NUMBERS.dtype


def test_it_is_used_like_an_ndarray_and_reads_nothing_before_it_must(file: Path) -> None:
    words = open_tensor(file, "h").words
    part = words[2:6][1:]
    assert (part.shape, part.nbytes, len(part), part.ndim, part.dtype) == ((3, 5, 3), 180, 3, 3, np.float32)
    assert isinstance(part, file_array.FileArray)
    assert np.array_equal(part, NUMBERS[3:6])
    assert (part + 1).sum() == (NUMBERS[3:6] + 1).sum()
    assert (part == NUMBERS[3:6]).all()
    assert part.max() == NUMBERS[5].max()
    assert np.array_equal([row[0] for row in part], NUMBERS[3:6, 0])
    assert np.array_equal(pickle.loads(pickle.dumps(part)), NUMBERS[3:6])
    assert np.array_equal(words[None][0], NUMBERS)
    with pytest.raises(IndexError):
        words[7]
    with pytest.raises(ValueError, match="read-only"):
        words[0] = 1


def test_the_file_is_closed_with_its_last_part(file: Path) -> None:
    def held() -> int:
        return sum(Path(f"/proc/self/fd/{name}").resolve() == file for name in os.listdir("/proc/self/fd"))

    before, part = held(), open_tensor(file, "h").words[1:]
    assert held() == before + 1
    del part
    assert held() == before


VERBS = [
    *(["census"], ["census", "--step", "3", "--holes", "holes.csv"], ["motion"], ["events"], ["axes"]),
    *(["distances"], ["distances", "--step", "3"], ["verdict", "--group", "all"]),
    ["export", "--only", "tables", "--to"],
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("is_recorded", [True, False])
@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_a_file_cut_or_changed_while_it_is_measured_is_an_error_in_words(
    make_run: MakeRun,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: list[str],
    is_recorded: bool,
    harm: str,
) -> None:
    run = make_run()
    history, real, reads = run.path / HISTORY, os.preadv, 0
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    to = [str(elsewhere / "out")] if verb[-1] == "--to" else []
    if not is_recorded:
        history = Path(shutil.copy(history, tmp_path / "some.safetensors"))

    def read(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        nonlocal reads
        reads += 1
        if reads == 1 and harm == "cut":
            os.truncate(history, 1_024 + 40)
        elif reads == 1:
            with open(history, "r+b") as other:
                other.seek(1_024 + 128)
                other.write(bytes(2_000))
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", read)
    code = main([verb[0], run.id if is_recorded else str(history), *verb[1:], *to, "--runs", str(tmp_path)])
    output = capsys.readouterr().err
    assert reads > 0, output
    assert code == 2, output
    assert f"was {harm}" in output
    assert "Traceback" not in output


def test_a_recording_that_continues_is_no_change_and_another_file_is(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with writer(path) as file:
        file.append(snapshot(0))
        words = open_tensor(path, TENSOR).words
        for step in range(1, 4):
            file.append(snapshot(step))
            assert np.array_equal(words, [snapshot(0)])
        file.trim()
    assert np.array_equal(words, [snapshot(0)])
    with writer(path, 6) as file:
        file.append(snapshot(4))
        assert np.array_equal(words[0], snapshot(0))
        file.trim()
    assert np.array_equal(words[0], snapshot(0))
    whole = path.read_bytes()
    path.write_bytes(whole)
    with pytest.raises(
        HistoryError, match=r'must stay as it is while it is read; ".*" was changed meanwhile\. Measure it again'
    ):
        words[0]


def test_a_file_replaced_by_its_name_is_read_on_as_it_was(tmp_path: Path) -> None:
    words = open_tensor(finished(tmp_path / "h", 3)).words
    os.replace(finished(tmp_path / "other", 1), tmp_path / "h")
    assert np.array_equal(words[2], snapshot(2))


def test_no_history_is_mapped_into_memory(tmp_path: Path) -> None:
    """A file that is mapped and cut ends the process by SIGBUS: in a separate process, cut without a hook."""
    save_file({"h": np.zeros((200, 64, 64), np.float32)}, tmp_path / "h.safetensors")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom snowball_core.store.history import foreign\n"
        "from snowball_core.tables.per_step import step_table\nfrom snowball_core.errors import HistoryError\n"
        "seen = foreign(Path(sys.argv[1]))\nos.truncate(sys.argv[1], 5_000)\n"
        "try:\n    step_table(seen)\nexcept HistoryError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "h.safetensors"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "was cut to 5,000 bytes" in done.stdout


def test_one_matrix_is_a_history_of_one_snapshot(tmp_path: Path) -> None:
    save_file({"h": NUMBERS[0]}, tmp_path / "h.safetensors")
    assert np.array_equal(foreign(tmp_path / "h.safetensors").words, NUMBERS[:1])
