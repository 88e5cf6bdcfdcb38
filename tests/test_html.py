"""The page stands alone, says what it was given as text, and leaves nobody out."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgeofcare.documents.document import Document, Drawing, Figure, Heading, Paragraph
from edgeofcare.documents.formats.html import html
from sample_document import HOSTILE, chart, sample

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """A page as a tree-less list: elements in order, the text inside each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page() -> str:
    return html(sample())


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def test_made_again_it_is_the_same_byte_for_byte(page: str) -> None:
    assert html(sample()) == page


def test_no_script_and_nothing_from_outside(read: Reader) -> None:
    names = Counter(name for name, _ in read.elements)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(names)
    for _, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "action")]
        assert (attributes.get("href") or "#").startswith("#")
        assert "http" not in "".join(value or "" for name, value in attributes.items() if name != "content")


def test_the_policy_forbids_scripts_and_outside_sources(read: Reader) -> None:
    policies = [meta["content"] for meta in read.of("meta") if "http-equiv" in meta]
    assert len(policies) == 1
    rules = dict([*rule.split(), ""][:2] for rule in (policies[0] or "").split(";"))
    assert rules["default-src"] == "'none'" and "script-src" not in rules and rules["img-src"] == "data:"


def test_names_are_text_whatever_is_in_them(read: Reader) -> None:
    whole = [text for _, text in read.texts]
    assert sum(HOSTILE in text for text in whole) >= 6
    assert "Business case: Pan-London & partners" in whole
    assert "Bell , null , half  , 漢字, ŵ, 😀, ≥, ±." in whole


def test_one_h1_and_headings_in_order(read: Reader) -> None:
    levels = [int(name[1]) for name, _ in read.elements if name in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_language_skip_link_and_contents_lead_somewhere(read: Reader) -> None:
    assert read.of("html") == [{"lang": "en-GB"}]
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"] for link in read.of("a")]
    assert links[0] == "#content" and len(links) == 1 + sum(isinstance(block, Heading) for block in sample().blocks)
    assert {(link or "")[1:] for link in links} <= set(ids)
    for _, attributes in read.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert (attributes.get(name) or ids[0]) in ids


def test_every_table_has_a_caption_and_scopes(page: str, read: Reader) -> None:
    tables = page.split("<table")[1:]
    assert len(tables) == 5
    for table in tables:
        inside = Reader("<table" + table.split("</table>")[0] + "</table>")
        assert len(inside.of("caption")) == 1
        scopes = Counter(cell["scope"] for cell in inside.of("th"))
        assert scopes["row"] == len(inside.of("tr")) - 1 and scopes["col"] >= 2


def test_every_picture_is_named_described_and_in_numbers(page: str, read: Reader) -> None:
    drawings = read.of("svg")
    assert len(drawings) == len(read.of("figure")) == len(read.of("details")) == 2
    for drawing in drawings:
        assert drawing["role"] == "img" and drawing["viewbox"] and "width" not in drawing
    titles = [text for tag, text in read.texts if tag == "title"]
    assert titles[1:] == [f"Payments of {HOSTILE}"] * 2
    for inside in page.split("<details>")[1:]:
        assert "£0.5m" in inside.split("</details>")[0]


def test_pictures_keep_their_own_parts_apart(page: str) -> None:
    """Two charts drawn alike carry the same ids: each must point to its own."""
    for key in ("figure-payments", "figure-payments-2"):
        drawing = next(part for part in page.split("<svg")[1:] if f'"{key}-title"' in part).split("</svg>")[0]
        root = ElementTree.fromstring(f"<svg{drawing}</svg>")
        ids = {element.get("id") for element in root.iter()}
        uses = [element.get("href") for element in root.iter("use")]
        clips = [element.get("clip-path") for element in root.iter() if element.get("clip-path")]
        assert uses and clips
        assert {(use or "")[1:] for use in uses} | {(clip or "")[5:-1] for clip in clips} <= ids


def test_a_hostile_picture_is_disarmed() -> None:
    svg = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 9 9" onload="alert(1)"><script>alert(2)</script>'
        '<a xlink:href="javascript:alert(3)"><path d="M0 0"/>'
        '</a><image href="https://example.org/x.png"/><style>@import url(https://example.org/x.css)</style>'
        '<g><foreignObject><p>x</p></foreignObject></g><rect fill="url(https://example.org/y)" stroke="url(#z)"/></svg>'
    )
    page = html(Document("T", "", (replace(chart("x", "d"), draw=lambda: Drawing(svg, b""), title="t"),), ""))
    assert "alert" not in page and "example.org" not in page and "foreignObject" not in page
    assert 'stroke="url(#figure-x.z)"' in page


def test_headings_that_read_alike_can_each_be_linked_to() -> None:
    page = html(Document("T", "", (Heading("Content"), Heading("!!"), Heading("Content"), Paragraph("p")), "f"))
    assert [element["id"] for element in Reader(page).of("h2")] == ["contents", "content-2", "part", "content-3"]


# ---- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():  # type: ignore[no-untyped-def]
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if not found:
        if os.environ.get("CI"):
            pytest.fail("Chromium and playwright must be installed where CI runs")
        pytest.skip("needs Chromium and playwright")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_axe_finds_nothing_and_the_page_does_not_scroll_sideways(browser, page, tmp_path: Path, width: int) -> None:  # type: ignore[no-untyped-def]
    from axe_playwright_python.sync_playwright import Axe

    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((tmp_path / "page.html").as_uri())
    for details in tab.locator("summary").all():
        details.click()
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 20
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert asked == [(tmp_path / "page.html").as_uri()]
    context.close()


@pytest.mark.parametrize("name", ["pan_london", "essex"])
def test_axe_finds_nothing_on_the_reference_reports(browser, name: str) -> None:  # type: ignore[no-untyped-def]
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 320, "height": 900}, bypass_csp=True)
    tab = context.new_page()
    tab.goto((Path(__file__).resolve().parents[1] / "reports" / name / "business_case.html").as_uri())
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()


def test_the_keyboard_shows_where_it_is_and_reaches_the_content(browser, page, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"
    tab.close()


def test_it_prints_on_a4_with_the_numbers_behind_the_pictures(browser, page, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pypdf = pytest.importorskip("pypdf")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    tab.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    tab.close()
    sheets = pypdf.PdfReader(tmp_path / "page.pdf").pages
    sizes = {tuple(sorted(round(float(side) / 72 * 25.4) for side in sheet.mediabox[2:])) for sheet in sheets}
    assert sizes == {(210, 297)}
    assert {float(sheet.mediabox.width) > float(sheet.mediabox.height) for sheet in sheets} == {True, False}
    text = " ".join(" ".join(sheet.extract_text().split()) for sheet in sheets)
    assert text.count("1 £0.1m £0.5m") == sum(isinstance(block, Figure) for block in sample().blocks)
