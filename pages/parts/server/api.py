"""Files at addresses, read-only, below ``/api``: the library, a run, each file it can be exported as, comparisons."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from .access import base_path

# More would take the processor from the pages.
_AT_ONCE = 2
# Imported when first asked for: the server starts without them. A longer address stands before the one that would hold it.
_ROUTES = {
    "/runs": "server.run_files:library",
    "/runs.{kind}": "server.run_files:table_of_runs",
    "/runs/{run}": "server.run_files:about_run",
    "/runs/{run}/{file:path}": "server.run_files:file_of_run",
    "/file/{file:path}": "server.run_files:file_of_foreign",
    "/compare/{file:path}": "compare.overlay_files:file_of_comparison",
}


def api() -> Mount:
    """The routes below ``/api``; each answer is made in a thread, a few at a time."""
    slots = asyncio.Semaphore(_AT_ONCE)

    def route(path: str, module: str, name: str) -> Route:
        async def endpoint(request: Request) -> Response:
            async with slots:
                if await request.is_disconnected():
                    return Response()  # nobody reads it
                return await asyncio.to_thread(lambda: getattr(import_module(f"pages.parts.{module}"), name)(request))

        return Route(path, endpoint)

    routes = [route(path, *place.split(":")) for path, place in _ROUTES.items()]
    return Mount(
        f"{base_path()}/api", Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed})
    )


async def _refused(request: Request, error: Any) -> Response:
    sentence, asked = error.detail, request.url.path[:80]
    if error.status_code == 405:
        sentence = f"An address below /api accepts GET and HEAD; got {request.method}. Nothing was changed."
    elif sentence == "Not Found":
        sentence = f'An address below /api is one of {", ".join(_ROUTES)}; got "{asked}".'
    return JSONResponse({"error": sentence}, error.status_code, {**(error.headers or {}), "cache-control": "no-store"})


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "The server could not create this file; see its log."}, 500)
