"""What a file is that is no safetensors file, and which numbers of another format can be measured, in words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from ...errors import one_line
from .regular_files import open_regular, read_json

_HEAD = 4_096
_SAVE = "save the tensor with safetensors.torch.save_file"
_BY_BEGINNING = (
    (
        b"version https://git-lfs.github.com/spec/",
        "a git-LFS pointer to a large file",
        'Fetch the file itself with "git lfs pull".',
    ),
    (b"GGUF", "a GGUF file, weights quantized for llama.cpp", "Take the safetensors files that it was made from."),
    (b"\x93NUMPY", "a NumPy array (.npy)", "Load it with numpy.load and save it with safetensors.numpy.save_file."),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", f"Open it with h5py and {_SAVE}."),
    (b"PAR1", "a Parquet table", f"Read it with pandas and {_SAVE}."),
    (b"\x1f\x8b", "a gzip file", "Unpack it with gunzip."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "Unpack it with zstd -d."),
    (b"BZh", "a bzip2 file", "Unpack it with bunzip2."),
    (b"\xfd7zXZ\0", "an xz file", "Unpack it with unxz."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and name the safetensors file in it."),
    (b"%PDF-", "a PDF document", "Name the safetensors file."),
    (b"\x89PNG", "a picture (PNG)", "Name the safetensors file."),
)
_BY_SUFFIX = {
    ".json": ("a JSON file", "Name the .safetensors file that holds the tensor."),
    ".npy": ("a NumPy array", "Load it with numpy.load and save it with safetensors.numpy.save_file."),
    ".npz": ("a NumPy archive", "Load it with numpy.load and save it with safetensors.numpy.save_file."),
    ".gguf": ("a GGUF file", "Take the safetensors files that it was made from."),
    ".zip": ("a zip file", "An exported run comes in with import; unpack any other and name the file in it."),
} | dict.fromkeys(
    (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"),
    ("a file of torch.save or pickle", f"Load it with torch.load(…, weights_only=True) and {_SAVE}."),
)

_BY_DTYPE = {
    "F16": "bfloat16 saved as float16 has lost its bits: save it again, from where it was bfloat16. "
    "Weights that were always float16 fit in float32: save tensor.float().",
    "F64": "Save tensor.float(); numbers that are not float32 numbers are rounded by that.",
    "F8": "Every float8 number is a bfloat16 number: save tensor.to(torch.bfloat16), times its scale if it has one.",
    "F[46]": "These are packed numbers: save the unpacked weights as bfloat16 or float32.",
    "C": "These are complex numbers: save their real or imaginary part as float32.",
    "BOOL|[IU]": "These are whole numbers, perhaps quantized: save the weights they encode as bfloat16 or float32.",
}


class FileKind(NamedTuple):
    """What a file is and what to do about it."""

    what: str
    advice: str


def kind_of(path: Path) -> FileKind | None:
    """The kind of a file by its content, never by running it; None where it is not known."""
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
        return _known(head) or (_of_json(path) if head.lstrip().startswith((b"{", b"[")) else _text(head))
    except OSError:
        return None


def kind_by_name(name: str) -> FileKind | None:
    """The kind that a file's name announces; None where it announces none."""
    lower = name.lower()
    if lower.endswith(".index.json"):
        return FileKind("an index of shards", "Name the shard, a .safetensors file beside it, that holds the tensor.")
    kind = _BY_SUFFIX.get(Path(lower).suffix)
    return FileKind(*kind) if kind else None


def _known(head: bytes) -> FileKind | None:
    if not head:
        return FileKind("empty", "Copy or download the whole file once more.")
    for beginning, what, advice in _BY_BEGINNING:
        if head.startswith(beginning):
            return FileKind(what, advice)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html", b"<?xml", b"<head", b"<!--")):
        advice = "Its address shows a page about the file: download the file itself (Hugging Face: /resolve/, not /blob/)."
        return FileKind("a web page", advice)
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(head)
    if head[257:262] == b"ustar":
        return FileKind("a tar archive", "Unpack it and name the safetensors file in it.")
    if head[:1] == b"\x80" and 2 <= head[1:2].ljust(1, b"\0")[0] <= 5:
        return FileKind(*_BY_SUFFIX[".pt"])
    if len(head) == _HEAD and not any(head):
        return FileKind("full of zeros", "Copy or download the whole file once more.")
    if len(head) > 9 and int.from_bytes(head[:8], "little") < 2**40 and head[8:9] == b"{":
        return FileKind("a safetensors file under another name", "Give it a name that ends in .safetensors.")
    return None


def _of_zip(head: bytes) -> FileKind:
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if first.endswith(b"data.pkl"):
        return FileKind(*_BY_SUFFIX[".pt"])
    if first.endswith(b".npy"):
        return FileKind(*_BY_SUFFIX[".npz"])
    if first == b"parcel.json":
        return FileKind("a run exported as a zip file", 'Import it with "python -m snowball_core import FILE".')
    return FileKind("a zip file", "Unpack it and name the safetensors file in it.")


def _of_json(path: Path) -> FileKind:
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError):
        return FileKind("a text file", "Name the .safetensors file that holds the tensor.")
    shards = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()) or not shards:
        return FileKind(*_BY_SUFFIX[".json"])
    tensor = next((name for name in shards if "embed" in name or "wte" in name), next(iter(shards)))
    count = len(set(shards.values()))
    many = f"an index of shards: its tensors are in {count:,} other {'file' if count == 1 else 'files'}"
    name, shard = one_line(json.dumps(tensor)[:80]), one_line(json.dumps(shards[tensor])[:120])
    return FileKind(many, f"Name the shard that holds the tensor: {name} is in {shard}, beside it.")


def _text(head: bytes) -> FileKind | None:
    is_text = not any(byte < 9 or 13 < byte < 27 for byte in head)
    try:
        head[:-4].decode("utf-8") if len(head) == _HEAD else head.decode("utf-8")
    except UnicodeDecodeError as error:
        is_text = is_text and error.reason == "unexpected end of data"
    return FileKind("a text file", "Name the .safetensors file that holds the tensor.") if is_text else None


def dtype_advice(dtype: str) -> str:
    """What to do about a tensor of a dtype that is not measured, in a sentence or two.

    Examples
    --------
    >>> dtype_advice("F8_E4M3")
    'Every float8 number is a bfloat16 number: save tensor.to(torch.bfloat16), times its scale if it has one.'
    """
    return next((advice for start, advice in _BY_DTYPE.items() if re.match(start, dtype)), "Save it as bfloat16 or float32.")
