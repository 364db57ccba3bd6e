"""The front door: names the pages and sets the stage. Start with ``streamlit run app.py``."""

from __future__ import annotations

import gc

import streamlit as st

from pages.parts.door import enter

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="14" fill="#56B4E9"/>'
    '<circle cx="16" cy="16" r="9" fill="#000"/></svg>'
)

# The dark theme's accent is light: Streamlit's white on it cannot be read.
INK_ON_ACCENT = (
    "<style>[data-testid=stBaseButton-primary], [data-testid=stMultiSelectTagsContainer] [data-tag]"
    "{color: light-dark(#FFFFFF, #10151C)}</style>"
)


@st.cache_resource(show_spinner=False)
def freeze_imports() -> None:
    """Take everything imported so far out of the garbage collector's sight, once per server."""
    gc.collect()
    gc.freeze()


st.set_page_config(page_title="Snowball", page_icon=ICON, layout="wide")
page = st.navigation(
    [
        st.Page("pages/scrub.py", title="Scrub", icon=":material/linear_scale:", url_path="start", default=True),
        st.Page("pages/library.py", title="Library", icon=":material/shelves:"),
        st.Page("pages/train.py", title="Train", icon=":material/play_arrow:"),
        st.Page("pages/lineage.py", title="Lineage", icon=":material/account_tree:"),
        st.Page("pages/motion.py", title="Motion", icon=":material/speed:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page("pages/verdict.py", title="Verdict", icon=":material/gavel:"),
        st.Page("pages/about.py", title="About", icon=":material/menu_book:"),
        st.Page("pages/export.py", title="Export", icon=":material/folder_zip:"),
        # A default page has the root as its address, not its name: this gives the link /scrub a meaning too.
        st.Page("pages/scrub.py", title="Scrub", url_path="scrub", visibility="hidden"),
    ],
    position="top",
)
freeze_imports()
st.html(INK_ON_ACCENT)
enter()
page.run()
