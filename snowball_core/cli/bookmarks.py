"""The verbs of bookmarks and saved views: keep a remark on a step, list and remove bookmarks and views."""

from __future__ import annotations

from pathlib import Path

from ..errors import RunError
from .common import folder, rows_of, say, show_table
from .output_files import OutputFile
from .parser import ANY_GROUP, CSV, ID, Answer, argument, option, verb, whole


def _path(run: str) -> Path:
    """The folder of the run, or of the opened file, with this id."""
    from ..store.foreign.links import ID_PATTERN, source_path
    from ..store.run_names import named_id

    return source_path(folder(), run if ID_PATTERN.fullmatch(run) else named_id(run, folder()))


@verb(
    "bookmark",
    ID,
    argument("STEP", "a recorded step", name="step", type=whole),
    argument("TEXT", "the remark", name="text"),
    option("--token", "the token that the remark is on", type=whole),
    option("--hole", "the black hole that the remark is on: one of its tokens", type=whole),
    option("--group", "the group looked at: dead, live or all (default: dead, where there are any)", ANY_GROUP),
)
def bookmark(run: str, step: int, text: str, token: int | None, hole: int | None, group: str | None) -> Answer:
    """Keep a remark on a step, or on a token or hole at it; what was recorded is not touched."""
    from ..store.foreign.links import read_source
    from ..store.history import GROUPS, observe
    from ..store.notes import add_bookmark
    from ..tables.bookmarks import bookmark_at

    if group not in (None, *GROUPS):
        raise RunError(f'a group is one of {", ".join(GROUPS)}; got "{group}".')
    path = _path(run)
    history = observe(read_source(path))
    chosen = group or ("dead" if history.dead is not None and history.dead.any() else "all")
    made = bookmark_at(history, step, text, chosen, token, hole)
    add_bookmark(path, made)
    say(f"bookmark {made.id} on step {made.step:,}")
    return {"run": path.name, "bookmark": made.id, "step": made.step, "group": made.group, "select": made.select}


@verb("bookmarks", ID, option("--remove", "the id of a bookmark to remove", metavar="BOOKMARK"), CSV)
def bookmarks(run: str, remove: str | None, csv: OutputFile | None) -> Answer:
    """The bookmarks of a run, by step."""
    from ..store.foreign.links import read_source
    from ..store.history import observe
    from ..store.notes import remove_bookmark
    from ..tables.bookmarks import bookmark_table

    path = _path(run)
    if remove is not None:
        gone = remove_bookmark(path, remove)
        say(f'removed the bookmark on step {gone.step:,}: "{gone.remark}"')
    table = bookmark_table(observe(read_source(path)))
    if len(table) or csv:
        show_table(table, csv)
    else:
        say(f'no bookmark yet: "python -m snowball_core bookmark {path.name} STEP TEXT" keeps one')
    return {"run": path.name, "bookmarks": rows_of(table)}


@verb(
    "views",
    ID,
    option("--save", "a name to keep an address under", metavar="NAME"),
    option("--address", "the address to keep: the browser's, or such as lineage?group=dead&step=19", metavar="ADDRESS"),
    option("--remove", "the name of a view to remove", metavar="NAME"),
)
def views(run: str, save: str | None, address: str | None, remove: str | None) -> Answer:
    """The saved views of a run: pages with what their address says, each under a name."""
    from ..store.bookmarks import view_of_address
    from ..store.notes import read_notes, remove_view, save_view

    path = _path(run)
    if (save is None) != (address is None):
        raise RunError("a view is saved under a name and with its address; got one of them. Give --save and --address.")
    if remove is not None:
        say(f'removed the view "{remove_view(path, remove).name}"')
    if save is not None and address is not None:
        save_view(path, view_of_address(save, address, path.name))
    notes = read_notes(path)
    if notes.damage:
        raise RunError(f"saved views must be readable; {notes.damage}. Put the file back from a copy, or remove it.")
    rows = [{"name": view.name, "page": view.page, "query": view.query} for view in notes.views]
    for row in rows:
        say(f"{row['name']}: /{row['page']}?run={path.name}{'&' if row['query'] else ''}{row['query']}")
    if not rows:
        say("no view yet: --save NAME --address ADDRESS keeps one")
    return {"run": path.name, "views": rows}
