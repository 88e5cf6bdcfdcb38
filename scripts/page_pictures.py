"""Make docs/pictures/*.png: the pages as a visitor sees them, each with its published answer or that of a link.

Serves the pages itself on a free port and looks at them with Playwright and the Chromium of this computer (`chromium`,
`chromium-browser` or `google-chrome` on the path). Needs requirements-dev.lock. About a minute:

    .venv/bin/python scripts/page_pictures.py

Pictures are not compared byte for byte: fonts and browsers differ. Make them anew after a change that can be seen.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

OUT = Path(__file__).resolve().parents[1] / "docs" / "pictures"
START = "from edgeofcare.cli import main; main()"
WIDTH_PX, TALL_PX, MARGIN_PX = 900, 9000, 12  # tall: nothing is below the fold
MOST_BYTES = 120_000
COLOURS = 128
PATIENCE_MS = 120_000
FEW = "replications=2000&seed=1"

# name of the picture: page, inputs by link, first and last part shown
PICTURES = {
    "borough_joins": ("borough_joins", FEW, "h1", "#answer .callout >> nth=0"),
    "who_gains": ("borough_joins", FEW, "#answer figure >> nth=0", "#answer figure >> nth=0"),
    "investor_stress": ("investor_stress", FEW, "#answer h2 >> nth=0", "#answer figure >> nth=0"),
    "payment_structures": ("payment_structures", FEW, "#answer h2 >> nth=0", "#answer figure >> nth=0"),
    "one_child": ("one_child", "", "#answer h2 >> nth=0", "#answer figure >> nth=0"),
}


def main() -> None:
    """Write every picture."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("page_pictures: Chromium is not on the path.")
    OUT.mkdir(exist_ok=True)
    command = [sys.executable, "-c", START, "app", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as driver:
        try:
            assert server.stdout is not None
            home = next(word for word in server.stdout.readline().split() if word.startswith("http"))
            browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": WIDTH_PX, "height": TALL_PX})
            page.set_default_timeout(PATIENCE_MS)
            for name, (slug, query, first, last) in PICTURES.items():
                page.goto(f"{home}{slug}/?{query}")
                page.get_by_role("table", name="Inputs of this answer").wait_for()
                save(name, page.locator(first), page.locator(last), page)
            browser.close()
        finally:
            server.terminate()


def save(name: str, first: Locator, last: Locator, page: Page) -> None:
    """Write what stands between two parts, the width of the page, in few colours."""
    begin, end = first.first.bounding_box(), last.first.bounding_box()
    assert begin is not None and end is not None, name
    top, bottom = max(begin["y"] - MARGIN_PX, 0), end["y"] + end["height"] + MARGIN_PX
    shot = page.screenshot(clip={"x": 0, "y": top, "width": WIDTH_PX, "height": bottom - top})
    path = OUT / f"{name}.png"
    Image.open(BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        sys.exit(f"page_pictures: {path.name} is larger than {MOST_BYTES / 1000:.0f} kB.")


if __name__ == "__main__":
    main()
