"""Vectors for TensorBoard's projector: tab-separated values, exact in decimal, with labels and a configuration."""

from __future__ import annotations

import json

import numpy as np

from ..errors import HistoryError
from ..measures.bf16 import Words, finite_rows, values
from ..tables.formats import unformulated
from .view import View

COLUMNS = ("token", "glyph", "group", "hole", "population")


def vectors_tsv(rows: Words) -> bytes:
    r"""One line per row: its components in the shortest decimals that give the same bits back.

    A bfloat16 or float32 number is a float64 number too, and is written as such: whether a reader parses into 64 or 32 bits, it
    gets exactly the recorded value.

    Examples
    --------
    >>> vectors_tsv(np.array([[0x3DCD, 0x8000]], np.uint16))
    b'0.10009765625\t-0.0\n'
    """
    _require_finite(rows)
    numbers = values(rows).astype(np.float64)
    return "".join("\t".join(map(repr, row)) + "\n" for row in numbers.tolist()).encode()


def _require_finite(rows: Words) -> None:
    finite = finite_rows(rows)
    if not finite.all():
        raise HistoryError(
            f"the projector needs finite numbers; row {int(np.flatnonzero(~finite)[0])} of this matrix holds a NaN or an "
            "infinity. Choose an earlier step."
        )


def metadata_tsv(view: View) -> bytes:
    """A header and one line per token: token, glyph, group, hole (0: alone) and population."""
    _require_finite(view.rows)
    cells = view.tokens[list(COLUMNS)].astype(str)
    lines = ["\t".join(COLUMNS), *("\t".join(map(_unquoted, row)) for row in cells.itertuples(index=False))]
    return ("\n".join(lines) + "\n").encode()


def _unquoted(cell: str) -> str:
    """The cell, safe from readers that take a leading = for a formula, or a leading quotation mark for a quoted cell."""
    return f"'{cell}" if cell.startswith('"') else unformulated(cell)


def projector_json(view: View) -> bytes:
    """The projector's configuration: one tensor, its shape and its files.

    References
    ----------
    https://www.tensorflow.org/tensorboard/tensorboard_projector_plugin
    """
    _require_finite(view.rows)
    tensor = {
        "tensorName": f"{view.history.id} step {view.step} {view.group}",
        "tensorShape": [int(size) for size in view.rows.shape],
        "tensorPath": "vectors.tsv",
        "metadataPath": "metadata.tsv",
    }
    return (json.dumps({"embeddings": [tensor]}, indent=1) + "\n").encode()


def projector_pbtxt(view: View) -> bytes:
    """The same for TensorBoard, which looks for this file in its log folder."""
    _require_finite(view.rows)
    return b'embeddings {\n  tensor_name: "snowball"\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n}\n'
