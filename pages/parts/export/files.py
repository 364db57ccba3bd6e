"""The files of the Export page: a preview of what is chosen, a button for each, and the command that writes the same."""

from __future__ import annotations

import shlex

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.export.animation import MOST_FRAMES, frame_steps
from snowball_core.export.bundle import folder_zip
from snowball_core.export.files import PARTS, USUAL, item
from snowball_core.export.methods import latex, markdown, methods
from snowball_core.export.pictures import PICTURES, draw
from snowball_core.export.tables import PER_STEP, TABLES
from snowball_core.export.view import View

from ..shared.downloads import Stand, takeaway
from ..shared.file_stamps import Stamp, stamp
from ..shared.help_links import what_is
from ..shared.text import many, plain
from ..shared.url_state import pick_one

_PREVIEWED = 8
_OFFERED = [part for part in PARTS if part != "parcel"]
_PART_WORDS = {
    "tables": "Tables",
    "pictures": "Pictures",
    "methods": "Methods",
    "report": "Report",
    "projector": "Projector files",
    "animation": "Animation",
}


def everything(stand: Stand) -> None:
    """The whole folder as one zip, and the command that writes the same folder."""
    st.subheader("All of it")
    picked = st.pills(
        "What the folder holds",
        _OFFERED,
        default=list(USUAL),
        selection_mode="multi",
        format_func=_PART_WORDS.__getitem__,
        key="export-parts",
    )
    only = [part for part in _OFFERED if part in picked]
    if not only:
        st.caption("Choose at least one part of the folder.")
        return
    st.download_button(
        "The folder as one zip file",
        lambda: folder_zip(stand.exhibit(), only),
        f"{stand.stem('export')}.zip",
        "application/zip",
        key="export-folder",
        on_click="ignore",
        icon=":material/folder_zip:",
    )
    st.caption("It takes some seconds to be made. The same files, the same bytes, with an index of their hashes:")
    st.code(command(stand, only), language=None, wrap_lines=True)


def command(stand: Stand, only: list[str]) -> str:
    """The command that writes the same folder."""
    words = ["python", "-m", "snowball_core", "export", stand.run.id, "--to", "DIR", "--step", str(stand.step)]
    words += ["--group", stand.group, "--unit", stand.unit]
    if "animation" in only:
        words += ["--first", str(stand.first), "--last", str(stand.last)]
    if set(only) != set(USUAL):
        words += ["--only", ",".join(only)]
    return shlex.join(words)


def pictures(stand: Stand, view: View) -> None:
    """One picture, as it will be published, and its files."""
    st.subheader("A picture")
    name = pick_one("Picture", "export-picture", {name: motif.what for name, motif in PICTURES.items()}, next(iter(PICTURES)))
    try:
        title, picture = _drawn(name, stand.asked, stamp(str(stand.run.path)), view)
        st.image(picture, width="content", alt=f"{title}, {stand.group} tokens, step {stand.step:,}")
    except SnowballError as error:
        st.info(plain(error))
        return
    with st.container(horizontal=True, vertical_alignment="center", key="export-picture-files"):
        st.markdown(what_is(PICTURES[name].entry), width="content")
        takeaway(name, stand, plate=PICTURES[name].make)


@st.cache_data(max_entries=8, show_spinner=False)
def _drawn(name: str, asked: tuple[object, ...], files: Stamp, _view: View) -> tuple[str, str]:
    """The title of a picture, and the picture; kept, for every button of the page runs the page again."""
    plate = PICTURES[name].make(_view)
    # As bytes it would be taken for a bitmap: an SVG picture is handed over as text.
    return plate.title, draw(_view, plate).decode()


def tables(stand: Stand, view: View) -> None:
    """One table, its first rows, and its files."""
    st.subheader("A table")
    words = {name: f"{name}: {sheet.what}" for name, sheet in TABLES.items()}
    name = pick_one("Table", "export-table", words, next(iter(TABLES)))
    try:
        table = TABLES[name].make(view)
    except SnowballError as error:
        st.info(plain(error))
        return
    of = f"step {stand.step:,} · {stand.group} tokens" if name in PER_STEP else "the whole run"
    st.dataframe(table.head(_PREVIEWED), hide_index=True, key="export-preview")
    st.caption(f"The first {min(_PREVIEWED, len(table)):,} of {len(table):,} rows · {of} · run {plain(stand.run.id)}")
    with st.container(horizontal=True, key="export-table-files"):
        takeaway(name, stand, table=TABLES[name].make)


def methods_text(stand: Stand, view: View) -> None:
    """The methods paragraph in the form asked for, to be copied."""
    st.subheader("Methods paragraph")
    text = methods(view.history)
    forms = {"Plain text": text, "Markdown": markdown(text), "LaTeX": latex(text)}
    form = st.segmented_control("As", list(forms), default="Plain text", required=True, key="export-methods")
    st.code(forms.get(form, text), language=None, wrap_lines=True)


def whole_files(stand: Stand, view: View) -> None:
    """The report, the animation, the projector's files and the run itself."""
    st.subheader("Report, animation, projector, run")
    frames = len(frame_steps(view))
    thinned = "" if frames < MOST_FRAMES else ", thinned evenly"
    _offer(stand, "report", "report.html", "Report, one HTML page", "Pictures, tables and methods; opens without a network.")
    told = f"Steps {stand.first:,} to {stand.last:,} in {many(frames, 'frame')}{thinned}."
    told = told if frames > 1 else f"Step {stand.first:,} alone: a picture that stands still."
    _offer(stand, "steps", "steps.gif", "Animation, GIF", told)
    _offer(stand, "vectors", "projector/vectors.tsv", "Projector vectors, TSV", "Every value exact in decimal.")
    _offer(stand, "metadata", "projector/metadata.tsv", "Projector metadata, TSV", "Token, glyph, group, hole, population.")
    alive = stand.run.status().is_alive
    told = (
        "It is being recorded: wait until it ends."
        if alive
        else "Opens on another machine, where the command import takes it in."
    )
    _offer(stand, "", f"{stand.run.id}.zip", "The run itself, zip", told, disabled=alive)


def _offer(stand: Stand, key: str, name: str, label: str, told: str, disabled: bool = False) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            label,
            lambda: item(stand.exhibit(), name).content(),
            f"{stand.stem(key)}.{name.rsplit('.', 1)[-1]}" if key else name,
            key=f"export-{key or 'run'}",
            on_click="ignore",
            icon=":material/download:",
            disabled=disabled,
        )
        st.caption(told)
