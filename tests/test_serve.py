"""The server lets nobody else in and nothing out: policy on every answer, one machine only, faults as sentences."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.cli import main
from edgeofcare.errors import OptionError
from edgeofcare.pages.serve import FRONT_POLICY, HOST, POLICY, App, guarded, notebook_folder
from edgeofcare.pages.serve import _listen as listen
from edgeofcare.pages.shell import HERE, front

OWN = f"{HOST}:8321"


class Inner:
    """A server of notebooks that says yes to everything and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(f"{scope['type']} {scope.get('path', '')}")
        if scope["type"] == "http":
            start = {
                "type": "http.response.start",
                "status": 404 if scope["path"] == "/none" else 200,
                "headers": [(b"content-type", b"text/html")],
            }
            await send(start)
            await send({"type": "http.response.body", "body": b"inner"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})


def ask(app: App, path: str, host: str | None = OWN, kind: str = "http", origin: str = "") -> list[dict[str, Any]]:
    """The messages with which a request is answered."""
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.disconnect"}

    async def send(message: Any) -> None:
        said.append(dict(message))

    headers = [(b"accept", b"*/*"), *([(b"host", host.encode())] if host is not None else [])]
    headers += [(b"origin", origin.encode())] if origin else []
    scope = {"type": kind, "path": path, "headers": headers, "method": "GET"}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return said


def headers(said: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The headers of an answer, each with all its values."""
    found: dict[str, list[str]] = {}
    for name, value in said[0]["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    return found


# ---- what is answered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/", "text/html; charset=utf-8", front().encode()),
        ("/front.css", "text/css", (HERE / "front.css").read_bytes()),
    ],
)
def test_the_front_page_is_given_without_the_notebooks(path: str, kind: str, content: bytes) -> None:
    inner = Inner()
    said = ask(guarded(inner), path)
    assert said[0]["status"] == 200 and said[1]["body"] == content and inner.asked == []
    told = headers(said)
    assert told["content-type"] == [kind] and told["content-length"] == [str(len(content))]
    assert told["content-security-policy"] == [FRONT_POLICY]


@pytest.mark.parametrize("path", ["/borough_joins/", "/none", "/front.css/", "//", "/assets/x.js"])
def test_all_else_comes_from_the_notebooks_with_the_policy_added(path: str) -> None:
    inner = Inner()
    said = ask(guarded(inner), path)
    assert inner.asked == [f"http {path}"] and said[1]["body"] == b"inner"
    assert said[0]["status"] == (404 if path == "/none" else 200)
    told = headers(said)
    assert told["content-security-policy"] == [POLICY] and told["content-type"] == ["text/html"]


@pytest.mark.parametrize("path", ["/", "/front.css", "/borough_joins/", "/none"])
@pytest.mark.parametrize("host", [OWN, "localhost", "evil.example:8321"])
def test_every_answer_carries_a_policy(path: str, host: str) -> None:
    told = headers(ask(guarded(Inner()), path, host))
    assert len(told["content-security-policy"]) == 1 and "default-src 'self'" in told["content-security-policy"][0]
    assert told["x-content-type-options"] == ["nosniff"] and told["referrer-policy"] == ["no-referrer"]


def test_the_policy_lets_nothing_out() -> None:
    for policy in (POLICY, FRONT_POLICY):
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'self'" and rules["frame-ancestors"] == "'none'"
        assert not {"*", "http:", "https:", "ws:", "wss:"} & set(" ".join(rules.values()).split())
        assert "://" not in policy
    assert "connect-src 'self';" in POLICY and "object-src 'none';" in POLICY
    assert "unsafe" not in FRONT_POLICY


# ---- who is let in -------------------------------------------------------------------------------------------------

FOREIGN = (
    "evil.example",
    "evil.example:8321",
    "127.0.0.1.evil.example:8321",
    "localhost.evil.example",
    "0.0.0.0:8321",
    "192.168.0.9:8321",
    "[::1]:8321",
    "",
    "127.0.0.2",
    None,
)


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/", "/front.css", "/borough_joins/"])
def test_a_request_under_another_name_is_refused_and_told_how_to_come_in(path: str, host: str | None) -> None:
    inner = Inner()
    said = ask(guarded(inner), path, host)
    assert said[0]["status"] == 421 and inner.asked == []
    assert said[1]["body"] == b"Open this page as http://127.0.0.1 on the computer it runs on.\n"


@pytest.mark.parametrize("host", FOREIGN)
def test_a_live_connection_under_another_name_is_refused(host: str | None) -> None:
    inner = Inner()
    assert ask(guarded(inner), "/borough_joins/ws", host, "websocket") == [{"type": "websocket.close", "code": 1008}]
    assert inner.asked == []


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null"])
def test_a_live_connection_that_a_page_from_elsewhere_opens_is_refused(origin: str) -> None:
    # A browser lets any page open a connection to this computer, with this Host and its own Origin.
    inner = Inner()
    said = ask(guarded(inner), "/borough_joins/ws", OWN, "websocket", origin)
    assert said == [{"type": "websocket.close", "code": 1008}] and inner.asked == []


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8321", "http://localhost:8321"])
def test_a_live_connection_of_its_own_page_is_let_in(origin: str) -> None:
    said = ask(guarded(Inner()), "/borough_joins/ws", origin.removeprefix("http://"), "websocket", origin)
    assert said == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("host", [HOST, OWN, "localhost", "localhost:1"])
def test_this_computer_is_let_in(host: str) -> None:
    inner = Inner()
    assert ask(guarded(inner), "/borough_joins/ws", host, "websocket") == [{"type": "websocket.accept"}]
    assert ask(guarded(inner), "/", host)[0]["status"] == 200


def test_start_and_stop_of_the_server_reach_the_notebooks() -> None:
    inner = Inner()
    ask(guarded(inner), "", None, "lifespan")
    assert inner.asked == ["lifespan "]


def test_the_notebooks_stand_where_the_server_looks() -> None:
    assert (notebook_folder() / "borough_joins.py").is_file()


# ---- ports ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as place:
        place.bind((HOST, 0))
        place.listen()
        yield place.getsockname()[1]


def test_a_free_port_is_found_on_this_computer_only() -> None:
    with listen(0) as place:
        host, port = place.getsockname()
        assert host == "127.0.0.1" and port > 0


@pytest.mark.parametrize("port", [-1, 65_536, 99_999, -(10**20), 10**20])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(OptionError, match=r"^--port must be from 0 .* to 65535 \(got -?\d+\)\.$"):
        listen(port)


def test_a_port_that_is_taken_is_refused_with_another_to_try(taken: int) -> None:
    with pytest.raises(OptionError) as error:
        listen(taken)
    assert str(error.value) == (
        f"port {taken} cannot be used (Address already in use). Choose another, such as --port {taken + 1}, "
        f"or --port 0 for any that is free."
    )


def test_the_last_port_taken_does_not_propose_one_that_is_none() -> None:
    with socket.socket() as place:
        try:
            place.bind((HOST, 65_535))
        except OSError:
            pytest.skip("the last port is not free on this computer")
        place.listen()
        with pytest.raises(OptionError) as error:
            listen(65_535)
    assert "65536" not in str(error.value)


# ---- the command ---------------------------------------------------------------------------------------------------


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["edgeofcare", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


def test_the_command_refuses_a_port_out_of_range(monkeypatch: Any, capsys: Any) -> None:
    assert command(monkeypatch, "app", "--port", "99999") == 2
    out, errors = capsys.readouterr()
    assert out == "" and "--port must be from 0 (any that is free) to 65535 (got 99999)." in " ".join(errors.split())
    assert "Traceback" not in errors


def test_the_command_refuses_a_port_that_is_taken(monkeypatch: Any, capsys: Any, taken: int) -> None:
    assert command(monkeypatch, "app", "--port", str(taken)) == 2
    assert f"port {taken} cannot be used" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("missing", [("marimo",), ("anywidget",), ("marimo", "anywidget")])
def test_the_command_says_which_library_is_missing_and_how_to_get_it(
    monkeypatch: Any, capsys: Any, missing: tuple[str, ...]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in missing else find(name, *more))
    assert command(monkeypatch, "app") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f'the pages need {" and ".join(missing)}: type make app, or pip install "edgeofcare[app]"' in said


def test_the_server_starts_answers_and_stops(tmp_path: Path) -> None:
    """On a port of its own, in a process of its own: the front page, a notebook with the policy, no other host."""
    script = (
        "import json, http.client, threading, os, signal\n"
        "from edgeofcare.pages.serve import serve\n"
        "def look(address):\n"
        "    port, found = int(address.rstrip('/').rsplit(':', 1)[1]), {}\n"
        "    for path, host in (('/', ''), ('/one_child/', ''), ('/one_child/', 'evil.example')):\n"
        "        call = http.client.HTTPConnection('127.0.0.1', port, timeout=60)\n"
        "        call.request('GET', path, headers={'Host': host} if host else {})\n"
        "        got = call.getresponse()\n"
        "        found[path + host] = [got.status, got.headers.get_all('content-security-policy'), len(got.read())]\n"
        "    print(json.dumps(found), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "try:\n"
        "    serve(0, look)\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["/"] == [200, [FRONT_POLICY], len(front().encode())]
    assert found["/one_child/"][:2] == [200, [POLICY]] and found["/one_child/"][2] > 1000
    assert found["/one_child/evil.example"][0] == 421
