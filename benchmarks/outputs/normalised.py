"""What differs from one recording to the next by nature: each kind with its reason, and what is put in its place.

Anything that is not named here counts. Files of an export are never changed before they are compared.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kind:
    """One kind of difference.

    Attributes
    ----------
    name, reason : str
    pattern : bytes
        A regular expression; what its groups hold stays.
    put : bytes
        What is put in its place.
    of : str
        A regular expression for the outputs it may be in, by name.
    """

    name: str
    reason: str
    pattern: bytes
    put: bytes
    of: str


# What the app's pages draw is normalised as it is read.
OF_PAGES = {
    "deferredFileId": "Streamlit gives a file that is made when its button is pressed a random name",
    "pageScriptHash": "a page is known by a hash of its file's path",
    "activeScriptHash": "the same of the page that is open",
    "hash of $$ID": "a widget's id has a hash of its page in it; the key behind it stays",
    "order of tables": "Streamlit sends the tables of a chart in any order; here they are sorted by name",
    "scratch folder": "the app runs on a copy in a folder of a new name",
}
_WIDGET = re.compile(r"(?<=\$\$ID-)[0-9a-f]+")
_SAID = r"→ (stdout|stderr)$|^notebook |^changed .*run\.json$"
_CHANGED = r"^changed "
_NEW_ID = r"\d{4}-\d\d-\d\d-\d{6}-(?=made-)"


def kinds(place: Path) -> tuple[Kind, ...]:
    """Every kind of difference, of a recording in a scratch folder."""
    # With the folder of a command, without its number.
    scratch = re.escape(str(place)).encode() + rb"(/out/\d+)?"
    return (
        Kind("scratch folder", "the folder of a recording has a new name each time", scratch, b"SCRATCH", _SAID),
        Kind("id", "a new run's id begins with the time of its making", _NEW_ID.encode(), b"TIME-", _CHANGED),
        Kind(
            "times",
            "a new run says when it was made and last written",
            rb'("(?:created|updated)": ")[^"]*',
            rb"\1TIME",
            _CHANGED,
        ),
        Kind("speed", "steps a second are measured", rb'("steps_per_second": )[^,\n}]*', rb"\1SPEED", _CHANGED),
        Kind(
            "seconds",
            "the last column of metrics.csv is measured",
            rb"(?m),[0-9.e-]+$",
            b",SECONDS",
            r"^changed .*metrics\.csv$",
        ),
        Kind(
            "size",
            "caches are counted too, which other commands write meanwhile",
            rb'("bytes": )\d+',
            rb"\1SIZE",
            r"^(changed \d+ )?list .*→ stdout$",
        ),
        Kind(
            "seal",
            "the hash of run.json is of its times too",
            rb'("entries_sha256": ")[0-9a-f]*',
            rb"\1SEAL",
            r"^changed .*run\.json$",
        ),
        Kind("padding", "status.json is filled up to one length with spaces", rb" +$", b"", r"^changed .*status\.json$"),
    )


def normalised(name: str, content: bytes, result: tuple[Kind, ...]) -> tuple[str, bytes, Counter[str]]:
    """Name and bytes of an output without what differs by nature, and which kinds were in it."""
    counts: Counter[str] = Counter()
    for kind in result:
        if re.search(kind.of, name):
            content, times = re.subn(kind.pattern, kind.put, content)
            counts[kind.name] += bool(times)
    return re.sub(_NEW_ID, "TIME-", name), content, counts


def plain(value: Any, folder: str) -> Any:
    """An element of a page without what differs by nature; ``folder`` is the scratch folder of its app."""
    if isinstance(value, dict):
        return {name: plain(each, folder) for name, each in value.items() if name not in OF_PAGES}
    if isinstance(value, list):
        items = [plain(each, folder) for each in value]
        return sorted(items, key=lambda each: str(each["name"])) if all(map(_is_table, items)) else items
    return _WIDGET.sub("HASH", value).replace(folder, "SCRATCH") if isinstance(value, str) else value


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and {"name", "data"} <= value.keys()
