"""The front door: names the pages and sets the stage. Start with ``streamlit run app.py``.

The server imports this file once, when it starts, and finds the app; for every visitor it runs it as the main script.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

if __name__ != "__main__":
    from snowball_core.memory import share_freed_memory

    # Each visit runs in a thread of its own: with a heap for each, what one page freed would serve no other.
    share_freed_memory()

    from starlette.middleware import Middleware

    from pages.parts.server.api import api
    from pages.parts.server.gate import Gate
    from pages.parts.server.page_shell import Shell
    from pages.parts.server.startup import ready

    app = st.App(__file__, lifespan=ready, routes=[api()], middleware=[Middleware(Gate), Middleware(Shell)])
else:
    from pages.parts.server.front_door import enter
    from pages.parts.server.startup import import_first_page
    from pages.parts.shared.url_state import enter_page

    ICON = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="14" fill="#56B4E9"/>'
        '<circle cx="16" cy="16" r="9" fill="#000"/></svg>'
    )
    st.set_page_config(page_title="Snowball", page_icon=ICON, layout="wide", initial_sidebar_state="collapsed")
    st.html(Path(__file__).parent / "pages/parts/shared/page.css")
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
    import_first_page()
    enter()
    enter_page(page.url_path)
    page.run()
