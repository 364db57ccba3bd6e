"""The access token: where ``SNOWBALL_TOKEN`` is set, only who holds it is answered, as in Jupyter.

It comes once in an address (``?token=…``), in the form of the login page, or in every request's header ``Authorization``. The
browser keeps a cookie that is derived from it and named for the port; the address goes on without it.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

import streamlit as st

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

_MOST_BYTES = 10_000
# What is no page of the app: the token in its address is taken without sending the reader on.
NOT_PAGES = ("/static/", "/media/", "/_stcore/", "/component/", "/api/")
_LOGIN = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Snowball</title>{again}
<meta name="viewport" content="width=device-width, initial-scale=1"><style>:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}
input,button{{font:inherit;padding:.4rem .6rem}}</style></head><body><main><h1>Snowball</h1><p>{told}</p>
<form method="post"><label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></main></body></html>"""
_ASKED = "This server requires an access token. It is part of the address that the server printed at startup."
_WRONG = "Wrong access token. It is part of the address that the server printed at startup."


@functools.cache
def token() -> str:
    """The token of this server: what ``SNOWBALL_TOKEN`` says, one made at the start for ``auto``, empty for none."""
    said = os.environ.get("SNOWBALL_TOKEN", "").strip()
    return secrets.token_urlsafe(24) if said == "auto" else said


def base_path() -> str:
    """The path in front of every address of this server; empty without ``server.baseUrlPath``."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def opening_path() -> str:
    """Path and query that open the app in a browser."""
    return f"/?{urlencode({'token': token()})}" if token() else ""


def printed_path() -> str:
    """The same for the terminal: a token of the user's own choice is not printed."""
    is_made = os.environ.get("SNOWBALL_TOKEN", "").strip() == "auto"
    return opening_path() if is_made else "/?token=(the value of SNOWBALL_TOKEN)"


class Access:
    """Who holds the token."""

    def __init__(self) -> None:
        self.token = token()
        self.ticket = hmac.new(self.token.encode(), b"snowball cookie", hashlib.sha256).hexdigest()

    @property
    def cookie(self) -> str:
        """The cookie's name: a browser sends the cookies of one port to all others."""
        return f"snowball-{st.get_option('server.port')}"

    async def stops(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether a request ends here: it was answered with a login page, or sent on with a cookie."""
        if not self.token or (scope["type"] == "http" and scope["path"].endswith("/_stcore/health")):
            return False
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        is_page = scope["type"] == "http" and not any(part in scope["path"] for part in NOT_PAGES)
        if self.is_right(given):
            if not (is_page and scope["method"] in ("GET", "HEAD")):
                return False
            rest = [(name, value) for name, value in query if name != "token"]
            await self._send_on(scope, rest, send)
            return True
        if self._holds(scope):
            return False
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "The access token is missing."})
            return True
        if scope["method"] == "POST":
            given = await _posted(receive)
            if self.is_right(given):
                await self._send_on(scope, [pair for pair in query if pair[0] != "token"], send)
                return True
        await self._ask(scope, send, bool(given))
        return True

    def is_right(self, given: Sequence[str]) -> bool:
        """Whether the last of the words given is the token."""
        return bool(given) and hmac.compare_digest(given[-1].encode("utf-8", "replace"), self.token.encode())

    def _holds(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name.lower() == b"authorization":
                kind, _, word = value.decode("latin-1").partition(" ")
                if kind.lower() in ("bearer", "token") and self.is_right([word.strip()]):
                    return True
            elif name.lower() == b"cookie":
                try:
                    jar = SimpleCookie(value.decode("latin-1"))
                except CookieError:
                    continue
                if self.cookie in jar and hmac.compare_digest(jar[self.cookie].value.encode(), self.ticket.encode()):
                    return True
        return False

    async def _send_on(self, scope: Scope, query: Sequence[tuple[str, str]], send: Send) -> None:
        """To the same address without the token; one slash in front, so that it stays on this server."""
        path = "/" + quote(scope["path"]).lstrip("/")
        where = path + (f"?{urlencode(query)}" if query else "")
        secure = "; Secure" if scope["scheme"] == "https" else ""
        cookie = f"{self.cookie}={self.ticket}; Path=/; HttpOnly; SameSite=Strict{secure}"
        headers = [(b"location", where.encode()), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": [*headers, (b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _ask(self, scope: Scope, send: Send, is_wrong: bool) -> None:
        """The login page. Asked for by a link of another site it asks once more by itself: then the cookie is sent along."""
        came_from = {value for name, value in scope["headers"] if name.lower() == b"sec-fetch-site"}
        again = '<meta http-equiv="refresh" content="0">' if b"cross-site" in came_from and scope["method"] == "GET" else ""
        body = _LOGIN.format(again=again, told=escape(_WRONG if is_wrong else _ASKED)).encode()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"www-authenticate", b'Bearer realm="Snowball"'),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
            (b"referrer-policy", b"same-origin"),  # without any referrer the form's Origin would be "null"
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _posted(receive: Receive) -> list[str]:
    """The token that a form was sent with."""
    body = b""
    while len(body) <= _MOST_BYTES:
        message: Message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    try:
        return [value for name, value in parse_qsl(body[:_MOST_BYTES].decode("latin-1")) if name == "token"]
    except ValueError:
        return []
