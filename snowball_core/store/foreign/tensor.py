"""The tensor of a foreign history, and which of its tokens are dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import HistoryError, one_line
from ..corpus import load_corpus
from ..files.file_kinds import dtype_advice
from ..files.tensor_file import TensorFile, open_tensor
from ..files.tensor_header import history_in, read_header, require_measurable


def foreign_tensor(path: Path, key: str | None = None) -> TensorFile:
    """A BF16 or F32 tensor ``[T, V, D]`` or ``[V, D]`` of a file, the latter as one snapshot."""
    name = key or history_in(read_header(path), path)
    tensor = open_tensor(path, name)
    words = tensor.words
    shape = list(words.shape)
    if words.ndim == 2:
        words = words[None]
    if words.ndim != 3 or words.dtype.itemsize > 4 or 0 in words.shape[1:]:
        other = {np.dtype(np.float64): "F64", np.dtype(np.uint64): "U64"}.get(words.dtype)
        advice = dtype_advice(other) if other else "Name another tensor with --key."
        raise HistoryError(
            f"a history must be BF16 or F32 of shape [T, V, D] with tokens and components; "
            f'"{one_line(name)}" in "{path}" is {words.dtype} {shape}. {advice}'
        )
    require_measurable(len(words), str(path))
    return replace(tensor, words=words)


def dead_tokens(
    vocab: int, dead: Sequence[int] | None, corpus: str | None, corpora: Path | None
) -> npt.NDArray[np.bool_] | None:
    """Which tokens are dead, shape ``(vocab,)``: those named, else those that a text lacks; None where neither is given."""
    if dead is None and corpus is not None:
        dead = np.flatnonzero(load_corpus(corpus, "ignore", corpora).is_missing(vocab)).tolist()
    if dead is None:
        return None
    if wrong := [token for token in dead if not 0 <= token < vocab]:
        raise HistoryError(f"dead tokens must be ids of the vocabulary, 0–{vocab - 1:,}; got {wrong[0]:,}.")
    mask = np.zeros(vocab, np.bool_)
    mask[list(dead)] = True
    return mask


def tokens_of(text: str) -> list[int]:
    """Token ids from text such as ``0-9,11``.

    Examples
    --------
    >>> tokens_of("0-3,7")
    [0, 1, 2, 3, 7]
    """
    try:
        ends = [[int(end) for end in part.split("-", 1)] for part in text.split(",") if part.strip()]
        spans = [pair[-1] - pair[0] for pair in ends]
        if min(spans, default=0) < 0 or sum(spans) > 10_000_000:
            raise ValueError
        return [token for pair in ends for token in range(pair[0], pair[-1] + 1)]
    except ValueError:
        raise HistoryError(f'dead tokens must be ids and ranges such as 0-9,11; got "{text[:80]}".') from None
