"""How long a person waits on the pages: from the command to the front page, from a key to the changed answer.

Needs Chromium. The times are those of a real browser on this machine, wall time.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

ROUNDS = 5
GOALS = {"front": 5.0, "control": 0.3, "again": 2.0}  # seconds
CHANGED = "(old) => { const p = document.querySelector('.callout p'); return p && p.textContent !== old; }"


@contextmanager
def served() -> Iterator[tuple[str, float]]:
    """Give the address of the pages, and how long they took to be there, seconds."""
    start = time.perf_counter()
    command = [sys.executable, "-c", "from edgeofcare.cli import main; main()", "app", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+/", server.stdout.readline())
        try:
            assert found, "the pages were not served"
            yield found.group(), time.perf_counter() - start
        finally:
            server.terminate()


def measured() -> dict[str, float]:
    """Return seconds: front (command to front page), form and answer (page opened, caches warm), control, again."""
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {key: [] for key in ("form", "answer", "control", "again", "effect")}
    with served() as (address, seconds), sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox", "--disable-gpu"]}
        browser = playwright.chromium.launch(**options)  # type: ignore[arg-type]
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        front = seconds + time.perf_counter() - start
        for round_ in range(ROUNDS + 1):
            start = time.perf_counter()
            page.goto(f"{address}borough_joins/")
            page.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)
            form = time.perf_counter() - start
            page.locator(".callout").first.wait_for(timeout=60_000)
            if round_:  # the first is for the caches
                times["form"].append(form)
                times["answer"].append(time.perf_counter() - start)
        for round_ in range(ROUNDS):
            times["again"].append(_run(page, "Seed", str(100 + round_)))
            times["effect"].append(_run(page, "Days out of care with therapy", str(60 - round_)))
        page.goto(f"{address}investor_stress/?stresses=none")
        page.locator(".callout").first.wait_for(timeout=60_000)
        page.get_by_label("Return the investor asks for, slider").focus()
        for _ in range(ROUNDS):
            times["control"].append(_until_changed(page, lambda: page.keyboard.press("ArrowRight")))
        browser.close()
    return {"front": front} | {key: median(values) for key, values in times.items()}


def _run(page: Any, label: str, text: str) -> float:
    """Return how long a changed input takes from Run to the changed answer."""
    box = page.get_by_role("textbox", name=label)
    box.fill(text)
    return _until_changed(page, lambda: box.press("Enter"))


def _until_changed(page: Any, act: Any) -> float:
    before = page.locator(".callout p").first.text_content()
    start = time.perf_counter()
    act()
    page.wait_for_function(CHANGED, arg=before, timeout=60_000)
    return time.perf_counter() - start


def pages() -> tuple[list[tuple[str, str]], list[tuple[str, str, str, bool]]]:
    """Return the rows of a table (what, seconds) and the goals (what, figure, goal, met)."""
    found = measured()
    words = {
        "front": "from `edgeofcare app` to the front page in a browser",
        "form": "page of a joining borough opened, to its inputs",
        "answer": "the same, to the published answer, 2,000 simulated contracts",
        "again": "another seed, from Run to the changed answer, 2,000 simulated contracts",
        "effect": "another effect (calibrated anew), the same",
        "control": "a key on a control that works on stored results, to the changed answer",
    }
    rows = [(words[key], f"{seconds:.2f}") for key, seconds in found.items()]
    goals = [
        (f"{words[key]}, seconds", f"{found[key]:.2f}", f"{goal:g}", found[key] < goal) for key, goal in GOALS.items()
    ]
    return rows, goals


if __name__ == "__main__":
    for what, seconds in pages()[0]:
        print(f"{seconds:>6} s  {what}")
