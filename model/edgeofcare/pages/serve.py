"""Serve the pages on this computer. In: a port. Out: a server that no other machine can reach.

Every answer carries a Content-Security-Policy, so that a browser refuses any call to another machine. Must not know:
what a page shows.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from edgeofcare.errors import OptionError
from edgeofcare.pages.shell import HERE, PAGES, front

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
LAST_PORT = 65535
SECONDS_TO_GO = 1  # how long open pages may hold up the end
# Scripts and styles that the notebooks' frame writes into its own pages are let in; nothing from elsewhere is.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
FRONT_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def notebook_folder() -> Path:
    """Return the folder of the notebooks: inside the installed package, or at the root of the repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parents[1] / "notebooks"


def pages_app() -> App:
    """Return the whole site as an ASGI application: the front page, and each notebook under its name."""
    import marimo

    build = marimo.create_asgi_app(quiet=True, include_code=False)
    for slug in PAGES:
        build = build.with_app(path=f"/{slug}", root=str(notebook_folder() / f"{slug}.py"))
    return guarded(build.build())


def guarded(notebooks: App) -> App:
    """Return an application that gives the front page itself, asks others for the rest, and adds the policy to all.

    Requests under another name than this computer's, or from a page of another server, are refused: nothing that a
    browser has open besides can reach in.
    """
    own = {
        "/": ("text/html; charset=utf-8", front().encode()),
        "/front.css": ("text/css", (HERE / "front.css").read_bytes()),
        "/icon.svg": ("image/svg+xml", (HERE / "icon.svg").read_bytes()),
    }

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not _from_here(scope):
            await _refuse(scope, send)
            return
        found = own.get(scope.get("path", "")) if scope["type"] == "http" else None
        if found is not None:
            kind, content = found
            await _give(send, 200, kind, content, FRONT_POLICY)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(b"content-security-policy", POLICY.encode()), *SAFE]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        await notebooks(scope, receive, send_guarded)

    return app


SAFE = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]


def _from_here(scope: Message) -> bool:
    """Return whether a request was meant for this computer, and comes from a page of this server or from no page."""
    found = {name: value.decode("latin-1") for name, value in scope.get("headers", ()) if name in (b"host", b"origin")}
    host, origin = found.get(b"host", ""), found.get(b"origin")
    return host.rsplit(":", 1)[0] in NAMES and origin in (None, f"http://{host}")


async def _refuse(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    told = f"Open this page as http://{HOST} on the computer it runs on.\n"
    await _give(send, 421, "text/plain; charset=utf-8", told.encode(), FRONT_POLICY)


async def _give(send: Send, status: int, kind: str, content: bytes, policy: str) -> None:
    head = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"content-security-policy", policy.encode()),
        *SAFE,
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content})


def serve(port: int, ready: Callable[[str], None]) -> None:
    """Serve until stopped. port: 0 for any that is free. ready: told the address once pages can be opened.

    Raises OptionError for a port that is taken or out of range.
    """
    import uvicorn

    place = _listen(port)
    address = f"http://{HOST}:{place.getsockname()[1]}/"
    server = uvicorn.Server(uvicorn.Config(pages_app(), log_level="warning", timeout_graceful_shutdown=SECONDS_TO_GO))

    def tell() -> None:
        while not server.started and not server.should_exit:
            threading.Event().wait(0.05)
        if server.started:
            ready(address)

    threading.Thread(target=tell, daemon=True).start()
    threading.Thread(target=_warm, daemon=True).start()
    server.run(sockets=[place])


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= LAST_PORT:
        raise OptionError(f"--port must be from 0 (any that is free) to {LAST_PORT} (got {port}).")
    place = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((HOST, port))
    except OSError as error:
        place.close()
        other = port + 1 if port < LAST_PORT else port - 1
        raise OptionError(
            f"port {port} cannot be used ({error.strerror}). Choose another, such as --port {other}, or "
            f"--port 0 for any that is free."
        ) from error
    return place


def _warm() -> None:
    """Load and calibrate what the first visitor will ask for, while the front page is read."""
    from edgeofcare.engine.calibrate import calibrate
    from edgeofcare.inputs.load import load

    calibrate(load("pan_london"))
