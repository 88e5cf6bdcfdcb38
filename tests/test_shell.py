"""What stands around the pages: every page can be reached from every other, by links that a screen reader can use."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from edgeofcare.pages import head, section
from edgeofcare.pages.serve import notebook_folder
from edgeofcare.pages.shell import HERE, PAGES, front, look, ways

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Tags and links of a page; whether every tag that opens also closes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def test_every_notebook_has_a_leaf_and_every_leaf_a_notebook() -> None:
    assert {path.stem for path in notebook_folder().glob("*.py")} == set(PAGES)


def test_every_leaf_says_for_whom_and_what_in_whole_sentences() -> None:
    for leaf in PAGES.values():
        assert leaf.title and leaf.who and leaf.what.endswith(".")
    assert len({leaf.title for leaf in PAGES.values()}) == len(PAGES)


def test_the_front_page_leads_to_every_page_and_needs_nothing_from_elsewhere() -> None:
    html = front()
    found = Reader(html)
    links = [one["href"] for one in found.all("a")]
    assert links == [f"/{slug}/" for slug in PAGES]
    assert all(leaf.title in html and leaf.who in html for leaf in PAGES.values())
    assert not re.search(r"https?://|<script|<style| style=| on\w+=|<!-- pages", html)
    assert found.all("html") == [{"lang": "en-GB"}] and len(found.all("h1")) == len(found.all("main")) == 1
    assert [one["href"] for one in found.all("link")] == ["/front.css", "/icon.svg"]


@pytest.mark.parametrize("slug", PAGES)
def test_the_head_of_a_page_names_it_and_leads_on(slug: str) -> None:
    html = head(slug)
    found = Reader(html.replace(look(), ""))
    assert len(found.all("h1")) == 1 and f"<h1>{PAGES[slug].title}</h1>" in html
    assert found.all("a")[0] == {"class": "skip", "href": "#answer"}
    current = [one["href"] for one in found.all("a") if one.get("aria-current") == "page"]
    assert current == [f"/{slug}/"]


def test_ways_from_nowhere_mark_no_page() -> None:
    assert "aria-current" not in ways("elsewhere") and ways("elsewhere").count("<a ") == len(PAGES) + 1


def test_a_section_stands_under_its_label_or_is_not_there() -> None:
    assert section("", "Answer", "answer", main=True) == ""
    assert section("<p>1</p>", 'A "b" <c>', "k") == (
        '<div class="edgeofcare" role="region" aria-label="A &quot;b&quot; &lt;c&gt;" id="k" tabindex="-1">'
        "<p>1</p></div>"
    )
    assert ' role="main" ' in section("<p>1</p>", "Answer", "answer", main=True)


def test_the_look_asks_for_nothing_from_elsewhere() -> None:
    css = look() + (HERE / "front.css").read_text("utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org)|@import|url\((?!['\"]?data:)", css)
    assert css.count("{") == css.count("}")
