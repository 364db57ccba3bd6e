"""The gate: which requests the server answers. Host and Origin are checked on every path, and no other site may frame a page.

A page of another site can make a visitor's browser ask this server for anything. It cannot choose the Host that the browser
names, nor the Origin: so the Host must be a name of ours, and an Origin the one that this Host was opened under, port included.
The port of a loopback name is free, as a tunnel (``ssh -L 9000:localhost:8501``) changes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st

from .access import Access

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_PORTS = {"http": 80, "https": 443}
_HEADERS = {
    b"content-security-policy": b"frame-ancestors 'none'",
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}
UNCONNECTED = (
    "The websocket of this page, /_stcore/stream, must reach Snowball; it did not open. A proxy in front of Snowball must pass "
    "on the headers Upgrade and Connection (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"). Without a proxy, see whether the server still runs, and load the page again.'
)


@dataclass(frozen=True)
class Name:
    """A name that the app is served under; without a port the usual one, without a scheme http and https alike."""

    host: str
    port: int | None = None
    scheme: str = ""


def named(text: str) -> Name | None:
    """A name read from ``[scheme://]host[:port]``; None where it is none.

    Examples
    --------
    >>> named("https://example.org:8443"), named("[::1]:80"), named("a b")
    (Name(host='example.org', port=8443, scheme='https'), Name(host='::1', port=80, scheme=''), None)
    """
    if not re.fullmatch(r"(?:https?://)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?", text):
        return None
    parts = urlsplit(text if "://" in text else f"//{text}")
    try:
        return Name((parts.hostname or "").rstrip("."), parts.port, parts.scheme)
    except ValueError:  # a port beyond 65,535
        return None


def known_names() -> tuple[Name, ...]:
    """The names of the setting ``SNOWBALL_HOSTS``, a list with commas."""
    return tuple(name for word in os.environ.get("SNOWBALL_HOSTS", "").split(",") if (name := named(word.strip())))


class Gate:
    """Middleware that answers only who names this server rightly and, where a token is set, holds it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.known = known_names()
        configured = [st.get_option("browser.serverAddress"), *_allowed()]
        self.hosts = {*_LOOPBACK, *(word.lower().rstrip(".") for word in configured if word)}
        self.origins = frozenset(st.get_option("server.corsAllowedOrigins") or [])
        self.access = Access()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on and add the headers to the answer."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message.get("headers", ())} - {b"content-security-policy"}
                added = [(name, value) for name, value in _HEADERS.items() if name not in own]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        reason = self.refusal(scope)
        if reason:
            await refuse(scope, receive, guarded, 421 if reason.startswith("The Host") else 403, reason)
        elif not await self.access.stops(scope, receive, guarded):
            await self.app(as_own(scope), receive, guarded)

    def refusal(self, scope: Scope) -> str:
        """Why a request is refused, in a sentence that names the setting; empty where it is not."""
        host = header(scope, b"host")
        name = named(host)
        if name is None or not self.is_known(name):
            return _sentence("The Host of a request", host, host)
        origin = header(scope, b"origin")
        if origin and not self.is_own(origin, name, _SCHEMES[scope["scheme"]]):
            return _sentence("The Origin of a request", origin, origin)
        for outer in _forwarded(scope):
            outside = named(outer)
            if outside is None or not (outside.host in _LOOPBACK or same(outside, name) or self.is_known(outside)):
                return _sentence("The host that a proxy forwards", outer, outer)
        return ""

    def is_known(self, name: Name) -> bool:
        """Whether the app is served under a name."""
        is_configured = any(name.host == each or (each[:1] == "*" and name.host.endswith(each[1:])) for each in self.hosts)
        return is_configured or any(same(name, each) for each in self.known)

    def is_own(self, origin: str, host: Name, scheme: str) -> bool:
        """Whether an Origin is the one under which this Host is opened, or one of the settings."""
        name = named(origin)
        if name is None or not name.scheme or origin.endswith("/"):
            return False
        if name.scheme == scheme and (name.host, _port(name)) == (host.host, host.port or _PORTS[scheme]):
            return True
        return origin in self.origins or any(same(name, each) and each.scheme in ("", name.scheme) for each in self.known)


def same(name: Name, known: Name) -> bool:
    """Whether a name is a known one; no port, 80 and 443 are one, as browsers and proxies leave the usual ones out."""
    usual = {None, *_PORTS.values()}
    return name.host == known.host and (name.port == known.port or {name.port, known.port} <= usual)


def header(scope: Scope, name: bytes) -> str:
    """The one value of a request's header; several different ones make a word that is no name."""
    values = sorted({value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name})
    return ", ".join(values)


def as_own(scope: Scope) -> Scope:
    """A websocket's handshake as from the server's own page: what passed here is not judged a second time by other rules."""
    if scope["type"] != "websocket":
        return scope
    own = f"{(_allowed() or ['localhost'])[0].replace('*', 'own')}:{st.get_option('server.port')}".encode()
    changed = {b"host": own, b"origin": b"http://" + own}
    return {**scope, "headers": [(key, changed.get(key.lower(), value)) for key, value in scope["headers"]]}


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    """Answer with a sentence; a websocket is closed before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:100]})
        return
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def facts(scope: Scope) -> dict[str, object]:
    """What a page needs to see that it is opened under a name whose websocket would be refused."""
    name = named(header(scope, b"host"))
    scheme = _SCHEMES[scope["scheme"]]
    served = "" if name is None else f"{scheme}://{header(scope, b'host').lower()}"
    known = [*map(_word, known_names()), *(st.get_option("server.corsAllowedOrigins") or [])]
    told = _sentence("The address of this page", "origin.here", "host.here")
    return {"served": served, "known": known, "told": told, "unconnected": UNCONNECTED}


def _word(name: Name) -> str:
    """A known name as a browser shows it: without the usual ports."""
    host = f"[{name.host}]" if ":" in name.host else name.host
    port = "" if name.port in (None, *_PORTS.values()) else f":{name.port}"
    return f"{name.scheme}://{host}{port}" if name.scheme else f"{host}{port}"


def _allowed() -> list[str]:
    return [word.strip() for word in st.get_option("server.allowedHosts") or []]


def _port(name: Name) -> int:
    return name.port or _PORTS[name.scheme]


def _forwarded(scope: Scope) -> Iterable[str]:
    """The hosts that proxies say a browser asked for."""
    words = header(scope, b"x-forwarded-host").split(",")
    words += re.findall(r'host="?([^;,"\s]+)', header(scope, b"forwarded"), re.IGNORECASE)
    return (word.strip() for word in words if word.strip())


def _sentence(what: str, given: str, host: str) -> str:
    shown = "".join(sign if sign.isprintable() else "?" for sign in given)[:120]
    setting = "".join(sign for sign in host.split("://")[-1] if sign.isalnum() or sign in ".-:[]")[:120] or "NAME"
    return (
        f'{what} must be a name that Snowball is served under; it is "{shown}". If Snowball is reached through a proxy or '
        f"under another name, start it with SNOWBALL_HOSTS={setting} (it does the work of Streamlit's server.allowedHosts and "
        "server.corsAllowedOrigins); otherwise open the address that was printed when it started."
    )
