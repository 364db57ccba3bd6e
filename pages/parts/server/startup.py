"""What happens once per server: a browser is opened, and what the first page needs is imported early."""

from __future__ import annotations

import contextlib
import gc
import importlib
import socket
import sys
import time
import webbrowser
from collections.abc import AsyncIterator
from threading import Thread

import streamlit as st

from .access import opening_path, printed_path, token

_PARTS = ("scrub.component", "scrub.exact_step", "scrub.growing_run", "shared.page_frame")
_USUAL_SECONDS, _SHORT_SECONDS = sys.getswitchinterval(), 0.0005
_PATIENCE_SECONDS = 20.0


@contextlib.asynccontextmanager
async def ready(app: object) -> AsyncIterator[None]:
    """Start both beside the server: a browser needs as long to load its own scripts as the imports take."""
    Thread(target=import_first_page, daemon=True).start()
    port = int(st.get_option("server.port"))
    if token():
        Thread(target=_say_address, args=(port,), daemon=True).start()
    if not st.get_option("server.headless"):
        Thread(target=_open_browser, args=(port,), daemon=True).start()
    yield


@st.cache_resource(show_spinner=False)
def import_first_page() -> None:
    """Import what the first page needs, and take it out of the garbage collector's sight; whoever comes meanwhile waits."""
    gc.disable()
    sys.setswitchinterval(_SHORT_SECONDS)  # the server answers meanwhile
    try:
        for part in _PARTS:
            importlib.import_module(f"pages.parts.{part}")
        gc.freeze()
    finally:
        sys.setswitchinterval(_USUAL_SECONDS)
        gc.enable()


def _open_browser(port: int) -> None:
    """Open the address once the server answers there."""
    if _answers(port):
        webbrowser.open(f"http://localhost:{port}{opening_path()}")


def _say_address(port: int) -> None:
    """Print the address that holds the token, after the one that Streamlit prints without it."""
    if _answers(port):
        print(f"  Open it with its access token:\n\n  http://localhost:{port}{printed_path()}\n", flush=True)


def _answers(port: int) -> bool:
    """Wait until the server answers."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
            return True
        time.sleep(0.05)
    return False
