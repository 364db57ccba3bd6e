"""The shell of every page: Streamlit's ``index.html`` with scripts of ours at its head, which run before Streamlit's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .access import NOT_PAGES
from .gate import facts

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPTS = ("history", "menu", "help_in_place", "lane_zoom", "copy_link")
# What must not be asked of the shell: a compressed one cannot be changed, and a kept one may be that of another version.
_UNASKED = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"}


class Shell:
    """Middleware that puts the scripts into every page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.script = "\n".join((Path(__file__).parent / f"{name}.js").read_text() for name in _SCRIPTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on whatever is no page."""
        if scope["type"] != "http" or scope["method"] != "GET" or any(part in scope["path"] for part in NOT_PAGES):
            await self.app(scope, receive, send)
            return
        asked = [(name, value) for name, value in scope["headers"] if name.lower() not in _UNASKED]
        written = json.dumps(facts(scope)).replace("<", "\\u003c")
        head = f"<head><script>const SERVED = {written};\n{self.script}</script>".encode()
        started: list[Message] = []
        body = bytearray()

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                started.append(message)
            elif message["type"] == "http.response.body" and started:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    page = bytes(body).replace(b"<head>", head, 1)
                    kept = [
                        (name, value)
                        for name, value in started[0]["headers"]
                        if name.lower() not in (b"content-length", b"etag")
                    ]
                    await send({**started[0], "headers": [*kept, (b"content-length", str(len(page)).encode())]})
                    await send({"type": "http.response.body", "body": page})
            else:
                await send(message)

        await self.app({**scope, "headers": asked}, receive, rewrite)


def _is_page(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start["headers"])
