"""The files of the Export page: a preview of what is chosen, a button for each, and the command that writes the same."""

from __future__ import annotations

import shlex

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from snowball_core.errors import SnowballError
from snowball_core.export.animation import MOST_FRAMES, frame_steps
from snowball_core.export.files import PARTS, USUAL
from snowball_core.export.methods import latex, markdown, methods
from snowball_core.export.pictures import PICTURES, draw, places_plate
from snowball_core.export.tables import OVER_STEPS, PER_STEP, TABLES, table_of
from snowball_core.export.view import View
from snowball_core.store.foreign.links import OpenedFile, Source
from snowball_core.store.status import read_status

from ..shared.downloads import PICTURE, TABLE, link, links, query_of
from ..shared.file_stamps import stamp
from ..shared.help_links import what_is
from ..shared.page_frame import counted_snapshots
from ..shared.progress_bar import kept
from ..shared.selection import looks
from ..shared.text import many, number_columns, plain
from ..shared.url_state import pick_one
from .choice import choose_view
from .prepare import slow_file

_PREVIEWED = 8
_SLOW = ("report", "steps", "run")
_OFFERED = [part for part in PARTS if part != "parcel"]
_PART_WORDS = {
    "tables": "Tables",
    "pictures": "Pictures",
    "methods": "Methods",
    "report": "Report",
    "projector": "Projector files",
    "animation": "Animation",
}


def export_view(run: Source, group: str, unit: str, pickers: DeltaGenerator) -> None:
    """What is exported, and a link to every file of it."""
    recorded, _ = counted_snapshots(run, group)
    if recorded:
        view = choose_view(run, recorded, group, unit)
        everything(run, view)
        pictures(view)
        tables(view)
        methods_text(view)
        whole_files(run, view)


def everything(run: Source, view: View) -> None:
    """The whole folder as one zip, and the command that writes the same folder."""
    st.subheader("Everything (zip)")
    picked = st.pills(
        "Contents of the zip",
        _OFFERED,
        default=list(USUAL),
        selection_mode="multi",
        format_func=_PART_WORDS.__getitem__,
        key="export-parts",
    )
    only = [part for part in _OFFERED if part in picked]
    if not only:
        st.caption("Select at least one item.")
        return
    query = query_of(view) | {"only": ",".join(only)}
    slow_file(run, "All files (zip)", "folder", "export.zip", query, "Tables, pictures and texts with an index of file hashes.")
    st.caption("The equivalent command, byte-identical:")
    st.code(command(view, only), language=None, wrap_lines=True)


def command(view: View, only: list[str]) -> str:
    """The command that writes the same folder."""
    words = [".venv/bin/python", "-m", "snowball_core", "export", view.history.id, "--to", "DIR", "--step", str(view.step)]
    words += ["--group", view.group, "--unit", view.unit]
    if "animation" in only or not view.is_whole:
        words += ["--first", str(view.first), "--last", str(view.last)]
    if set(only) != set(USUAL):
        words += ["--only", ",".join(only)]
    return shlex.join(words)


def pictures(view: View) -> None:
    """One picture, as it will be published, and its files."""
    st.subheader("Picture")
    name = pick_one("Picture", "export-picture", {name: each.what for name, each in PICTURES.items()}, next(iter(PICTURES)))
    try:
        title, picture = _drawn(name, view)
    except SnowballError as error:
        st.info(plain(error))
        return
    st.image(picture, width="content", alt=f"{title}, {view.group} tokens, step {view.step:,}")
    with st.container(horizontal=True, vertical_alignment="center", key="export-picture-files"):
        st.markdown(what_is(PICTURES[name].entry), width="content")
        links(f"runs/{view.history.id}/charts", name, PICTURE, query_of(view) | _looks(name))


def _looks(name: str) -> dict[str, str]:
    """How the pages draw a picture of positions."""
    return looks() if name == "places" else {}


def _drawn(name: str, view: View) -> tuple[str, str]:
    """The title of a picture, and the picture; kept, for every choice on the page draws the page again."""

    def made() -> tuple[str, str]:
        plate = places_plate(view, *_looks(name).values()) if name == "places" else PICTURES[name].make(view)
        # As bytes it would be taken for a bitmap: an SVG picture is handed over as text.
        return plate.title, draw(view, plate).decode()

    path = str(view.history.kept_in)
    key = (path, stamp(path), len(view.history.steps), view.step, view.group, view.unit, *_looks(name).values())
    return kept("export-picture", (name, *key), made, 8)


def tables(view: View) -> None:
    """One table, its first rows, and its files."""
    st.subheader("Table")
    words = {name: f"{name}: {each.what}" for name, each in TABLES.items()}
    name = pick_one("Table", "export-table", words, next(iter(TABLES)))
    try:
        table = table_of(view, name)
    except SnowballError as error:
        st.info(plain(error))
        return
    of = f"step {view.step:,} · {view.group} tokens" if name in PER_STEP else "the whole run"
    of = f"steps {view.first:,} to {view.last:,} only" if name in OVER_STEPS and not view.is_whole else of
    st.dataframe(table.head(_PREVIEWED), column_config=number_columns(table), hide_index=True, key="export-preview")
    st.caption(f"The first {min(_PREVIEWED, len(table)):,} of {len(table):,} rows · {of}")
    with st.container(horizontal=True, key="export-table-files"):
        links(f"runs/{view.history.id}/tables", name, TABLE, query_of(view))


def methods_text(view: View) -> None:
    """The methods paragraph in the form asked for, to be copied."""
    st.subheader("Methods paragraph")
    text = methods(view.history)
    forms = {"Plain text": text, "Markdown": markdown(text), "LaTeX": latex(text)}
    form = st.segmented_control("As", list(forms), default="Plain text", required=True, key="export-methods")
    st.code(forms.get(form, text), language=None, wrap_lines=True)


def whole_files(run: Source, view: View) -> None:
    """The report, the animation, the projector's files and the run itself."""
    st.subheader("Report, animation, projector files, run")
    frames = len(frame_steps(view))
    thinned = "" if frames < MOST_FRAMES else ": changes of black holes first, the others log-spaced"
    steps = f"Steps {view.first:,} to {view.last:,} in {many(frames, 'frame')}{thinned}."
    steps = steps if frames > 1 else f"Step {view.first:,} only: a single frame."
    alive = read_status(view.history.kept_in).is_alive if view.history.kept_in else False
    packed = "Import on another machine with `import`."
    for file, label, caption in (
        ("report.html", "Report (HTML)", "Pictures, tables and methods in one file that opens offline."),
        ("steps.gif", "Animation (GIF)", steps),
        ("projector/vectors.tsv", "Projector vectors (TSV)", "Values as exact decimals."),
        ("projector/metadata.tsv", "Projector metadata (TSV)", "Token, character, group, hole, hole size."),
        ("run.zip", "Run (zip)", "Available when the run has ended." if alive else packed),
    ):
        if file == "run.zip" and isinstance(run, OpenedFile):
            continue
        key = file.rsplit("/", 1)[-1].split(".")[0]
        if key in _SLOW:
            slow_file(run, label, key, file, query_of(view), caption, disabled=alive and key == "run")
            continue
        with st.container(horizontal=True, vertical_alignment="center"):
            link(label, f"export-{key}", f"runs/{view.history.id}/{file}", query_of(view))
            st.caption(caption)
