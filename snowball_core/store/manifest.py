"""The entries of a ``run.json``: their types and bounds, checked where the file is read, and what of them may be exported."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..config import RunConfig
from ..config_checks import from_json
from ..errors import RunError, SnowballError
from .files.regular_files import LARGEST_JSON, from_json_bytes, is_count, is_text, read_bytes
from .origin import file_name, origin_of

FORMAT = 1
SEAL = "entries_sha256"
_DEEPEST = 200
_LARGEST = 2**63
_HASH = re.compile(r"[0-9a-f]{64}")
_ROOT = r"(?:/|\\\\|[A-Za-z]:[\\/])"
_PATH = re.compile(rf"{_ROOT}[^\n]*")
_QUOTED_PATH = re.compile(rf"""(["'])({_ROOT}[^"'\n]+)\1""")
_BARE_PATH = re.compile(rf"(?<![^\s('=]){_ROOT}[^\s\"'),;]+")


class _Kind(NamedTuple):
    """What an entry must be, in words, and whether a value is that."""

    words: str
    holds: Callable[[Any], bool]


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _list_of(holds: Callable[[Any], bool], longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) <= longest and all(map(holds, value))


def _values_are(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(holds, value.values()))


_TEXT = _Kind("text", is_text)
_COUNT = _Kind("a whole number from 0", is_count)
_TEXTS = _Kind("a list of texts", _list_of(is_text, 10_000))
_NAMED_TEXTS = _Kind("an object of texts", _values_are(is_text))
_OBJECT = _Kind("an object", lambda value: isinstance(value, dict))
# Entries may be absent (an older version did not write all of them), and others may be there.
_ENTRIES = {
    "format": _Kind(f"{FORMAT}, the format this version reads", lambda value: type(value) is int and value == FORMAT),
    "id": _TEXT,
    "created": _TEXT,
    "consequences": _NAMED_TEXTS,
    "faults_carried": _TEXTS,
    "corpus": _OBJECT,
    "corpus.name": _TEXT,
    "corpus.bytes": _COUNT,
    "corpus.sha256": _Kind("64 hexadecimal digits", _is_hash),
    "corpus.byte_counts": _Kind("a list of at most 256 whole numbers from 0", _list_of(is_count, 256)),
    "corpus.notes": _TEXTS,
    "provenance": _OBJECT,
    **{f"provenance.{name}": _TEXT for name in ("snowball", "python", "torch", "transformers", "numpy", "safetensors")},
    **{f"provenance.{name}": _TEXT for name in ("platform", "device", "device_name", "cpu_capability")},
    "provenance.threads": _COUNT,
    "provenance.parameters": _COUNT,
    "provenance.cpu_features": _TEXTS,
    "provenance.dtypes": _NAMED_TEXTS,
    "provenance.seeds": _Kind("an object of texts and counts", _values_are(lambda each: is_text(each) or is_count(each))),
    "provenance.base_length": _Kind("a number or null", lambda value: value is None or type(value) in (int, float)),
    "provenance.first_windows": _Kind("a list of whole numbers from 0", _list_of(is_count, 10_000)),
    "sha256": _Kind("an object of hashes, 64 hexadecimal digits each", _values_are(_is_hash)),
}


def read_manifest(file: Path) -> tuple[dict[str, Any], RunConfig]:
    """The content of a ``run.json`` and its configuration, both checked; a RunError is the clause that says why not."""
    try:
        content = read_bytes(file, LARGEST_JSON)
    except OSError as error:
        raise RunError(f"it cannot be read ({error.strerror})") from None
    return parsed_manifest(content)


def parsed_manifest(content: bytes) -> tuple[dict[str, Any], RunConfig]:
    """The content of the bytes of a ``run.json`` and its configuration, both checked."""
    try:
        return _checked(from_json_bytes(content))
    except (ValueError, RecursionError) as error:
        raise RunError(_fault(error)) from None


def _checked(content: Any) -> tuple[dict[str, Any], RunConfig]:
    _require_bounds(content)
    if not isinstance(content, dict):
        raise RunError("something else was written into it")
    for name in ("config", "dead_ids"):
        if name not in content:
            raise RunError(f"{name!r} is missing")
    try:
        config = from_json(content["config"])
        origin_of(content)
    except SnowballError as error:
        raise RunError(str(error).rstrip(".")) from None
    for name, kind in _ENTRIES.items():
        if not kind.holds(value := _entry(content, name)) and value is not _ABSENT:
            raise RunError(f'its entry "{name}" must be {kind.words}; it is {_quoted(value)}')
    dead = content["dead_ids"]
    if not _list_of(lambda token: type(token) is int and 0 <= token < config.vocab, config.vocab)(dead):
        raise RunError(f'its entry "dead_ids" must be a list of tokens below {config.vocab:,}; it is {_quoted(dead)}')
    if len(set(dead)) < len(dead):
        raise RunError('its entry "dead_ids" must hold every token once; one stands in it twice')
    return content, config


_ABSENT = object()


def _entry(content: Mapping[str, Any], name: str) -> Any:
    """The value of an entry, of one inside another by a dotted name."""
    outer, _, inner = name.partition(".")
    value = content.get(outer, _ABSENT)
    if not inner:
        return value
    return value.get(inner, _ABSENT) if isinstance(value, dict) else _ABSENT


def _quoted(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _require_bounds(content: Any) -> None:
    """Refuse what no version wrote anywhere in the file: half characters, numbers beyond 64 bits, endless nesting."""
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise RunError(f"it is nested deeper than {_DEEPEST} levels")
        if isinstance(value, str):
            if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                raise RunError(f"a text in it, {_quoted(value)}, holds half a character")
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise RunError(f"a number in it has {len(str(abs(value))):,} digits")
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, dict):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]


def _fault(error: Exception) -> str:
    """What is wrong with a JSON file, in words that need no knowledge of the format."""
    if isinstance(error, json.JSONDecodeError):
        text = error.doc.rstrip()
        if text.startswith("\ufeff"):
            return "it begins with a byte order mark: save it as UTF-8 without one"
        if text.endswith("}") and error.pos < len(text):
            return f"line {error.lineno:,} of it is not JSON"
        return f"it breaks off after {len(error.doc):,} characters" if text else "it is empty"
    if isinstance(error, UnicodeDecodeError):
        return "something else was written into it: it is not UTF-8"
    if isinstance(error, RecursionError) or "int_max_str_digits" in str(error):
        return "something else was written into it"
    return str(error)


def seed_entries(config: RunConfig) -> dict[str, Any]:
    """The seeds of a configuration as the provenance in ``run.json`` holds them.

    Examples
    --------
    >>> seed_entries(RunConfig(seed=7))["data_order"]
    '7 + epoch'
    """
    drawn = f"{config.seed}, but W is the snapshot of fork" if config.initial_state == "snapshot" else config.seed
    return {"initial_state": drawn, "data_order": f"{config.seed} + epoch", "jiggle": f"{config.seed} and step"}


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a ``run.json`` with a SHA-256 of all of them, by which :func:`is_as_written` finds a changed one.

    Examples
    --------
    >>> written = sealed({"steps": 3})
    >>> is_as_written(written), is_as_written({**written, "steps": 4}), is_as_written({"steps": 3})
    (True, False, True)
    """
    return {**manifest, SEAL: _entries_sha256(manifest)}


def is_as_written(manifest: Mapping[str, Any]) -> bool:
    """Whether the entries of a ``run.json`` have the SHA-256 that stands among them; True where an older version wrote none."""
    return SEAL not in manifest or manifest[SEAL] == _entries_sha256(manifest)


def _entries_sha256(manifest: Mapping[str, Any]) -> str:
    text = json.dumps({name: value for name, value in manifest.items() if name != SEAL}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def portable(content: Any) -> Any:
    r"""JSON content as it may leave this machine: of an absolute path, alone or inside a text, the last part is kept.

    Examples
    --------
    >>> portable({"corpus": "/data/my texts/a.txt", "steps": [3], "note": 'as "C:\\x\\b.txt" and 1/context say'})
    {'corpus': 'a.txt', 'steps': [3], 'note': 'as "b.txt" and 1/context say'}
    """
    if isinstance(content, dict):
        return {name: portable(value) for name, value in content.items()}
    if isinstance(content, list):
        return [portable(value) for value in content]
    return _without_folders(content) if isinstance(content, str) else content


def _without_folders(text: str) -> str:
    if _PATH.fullmatch(text):
        return file_name(text)
    text = _QUOTED_PATH.sub(lambda match: f"{match[1]}{file_name(match[2])}{match[1]}", text)
    return _BARE_PATH.sub(lambda match: file_name(match[0]), text)


def configuration_hash(config: RunConfig | None) -> str | None:
    """SHA-256 of a configuration's canonical JSON (keys sorted, no spaces); None where the configuration is not known.

    Equal configurations have equal hashes, whatever machine they ran on: of the text's path only its last part counts.
    """
    if config is None:
        return None
    text = json.dumps(portable(config.to_json()), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
