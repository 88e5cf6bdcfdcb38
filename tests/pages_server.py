"""The pages as `edgeofcare app` serves them, and visitors in a real browser who call nobody else."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

START = "from edgeofcare.cli import main; main()"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")
SECONDS_TO_START = 60
PATIENCE_MS = 60_000  # two processors are shared with others
SLUGS = ("borough_joins", "investor_stress", "payment_structures", "business_case", "one_child", "calibrate")
FEW = dict.fromkeys(SLUGS, "?replications=100") | {"one_child": ""}  # a link that asks for few simulated contracts
# The element that has the focus, also inside a widget.
FOCUSED = "let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
SCROLLED = "[document.documentElement, document.querySelector('#App')]"  # the second only where the notebooks' frame is


def found_browser() -> str:
    """Return the path of Chromium; skip without it, fail where CI runs."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        found = None
    if not found:
        if os.environ.get("CI"):
            pytest.fail("Chromium and playwright must be installed where CI runs")
        pytest.skip("needs Chromium and playwright")
    return found


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run `edgeofcare app` on a free port from another folder; give its address, and end it."""
    command = [sys.executable, "-c", START, "app", "--port", "0"]
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in server.stdout or ()], daemon=True).start()
        try:
            said = ""
            with suppress(queue.Empty):
                said = lines.get(timeout=SECONDS_TO_START)
            found = ADDRESS.search(said)
            assert found, f"no address: {said!r}; {(folder / 'stderr.txt').read_text(encoding='utf-8')}"
            yield found[0]
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


class Visitor:
    """One person at a browser of their own. All that the browser asks for and complains of is noted."""

    def __init__(self, browser: Any, home: str, width: int = 1280, height: int = 900, **more: Any) -> None:
        from playwright.sync_api import expect

        expect.set_options(timeout=PATIENCE_MS)
        self.home = home
        self.context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **more)
        self.context.set_default_timeout(PATIENCE_MS)
        self.asked: list[str] = []
        self.failures: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("weberror", lambda error: self.failures.append(str(error.error)))
        self.context.on("console", self._note)
        self.page = self.context.new_page()
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    @property
    def outside(self) -> list[str]:
        """What was asked of any other machine."""
        inside = {"data", "blob"}
        parts = [(urlsplit(url), url) for url in self.asked]
        return [url for part, url in parts if part.scheme not in inside and part.hostname != "127.0.0.1"]

    def leave(self) -> None:
        """Close the browser's window; fail if it called another machine or a script of the page failed."""
        self.context.close()
        assert not self.outside, self.outside
        assert not self.failures, (self.failures, self.complaints)

    # ---- what stands on a page ---------------------------------------------------------------------------------------

    @property
    def form(self) -> Any:
        return self.page.get_by_role("form", name="Inputs")

    @property
    def actions(self) -> Any:
        return self.page.get_by_role("form", name="Keep this answer")

    @property
    def answer(self) -> Any:
        return self.page.get_by_role("main", name="Answer")

    @property
    def in_short(self) -> Any:
        """The sentences that answer the question."""
        return self.answer.locator("p", has_text="In short.").first

    def box(self, label: str) -> Any:
        return self.form.get_by_role("textbox", name=label)

    def list(self, label: str) -> Any:
        return self.form.get_by_role("combobox", name=label)

    def table(self, caption: str) -> Any:
        return self.page.get_by_role("table", name=caption)

    # ---- what a visitor does -----------------------------------------------------------------------------------------

    def open(self, slug: str, query: str = "", answered: bool = True) -> None:
        """Open a page by its address and wait for its answer."""
        self.page.goto(f"{self.home}{slug}/{query}")
        self.form.wait_for()
        if answered:
            self.table("Inputs of this answer").wait_for()

    def type(self, label: str, text: str) -> None:
        """Write into a box and leave it."""
        self.box(label).fill(text)
        self.box(label).press("Tab")

    def run(self) -> None:
        self.form.get_by_role("button", name="Run", exact=True).click()

    def take(self, label: str, folder: Path) -> Path:
        """Download by the button with this label; return the file."""
        with self.page.expect_download() as wait:
            self.actions.get_by_role("button", name=label).click()
        path = folder / wait.value.suggested_filename
        wait.value.save_as(path)
        return path

    def rows(self, caption: str) -> list[list[str]]:
        """Return the cells of a table as they are seen, its head first; a minus that no line ends at is a minus."""
        rows = self.table(caption).locator("tr").all()
        cells = ([cell.inner_text().strip() for cell in row.locator("th, td").all()] for row in rows)
        return [[text.replace("\N{NON-BREAKING HYPHEN}", "-") for text in row] for row in cells]

    def focused(self, what: str) -> Any:
        """Return something of the element that has the focus. what: an expression of `e`."""
        return self.page.evaluate(f"(() => {{ {FOCUSED} return {what}; }})()")

    def widths(self) -> list[int]:
        """Return how wide the document and the frame in which it scrolls are, in CSS pixels."""
        return self.page.evaluate(f"{SCROLLED}.map((e) => e?.scrollWidth ?? 0)")
