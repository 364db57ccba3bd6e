"""Long work that was cancelled: it is not begun again by itself, and pressing the button begins it."""

from __future__ import annotations

from paging import sound, texts
from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from pages.parts.shared.progress_bar import once

    st.markdown(once("cancelled-test", ("key",), lambda tell: "measured", "Measuring"))


def test_cancelled_work_waits_for_the_button() -> None:
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["cancelled-work"] = {("cancelled-test", ("key",))}
    assert "Measuring: cancelled." in texts(sound(app.run()).info)
    assert "measured" not in texts(app.markdown)
    app = sound(app.button(key="again-cancelled-test").click().run())
    assert "measured" in texts(app.markdown)
    assert not app.info


def test_work_that_nobody_cancelled_is_done() -> None:
    assert "measured" in texts(sound(AppTest.from_function(page, default_timeout=60).run()).markdown)
