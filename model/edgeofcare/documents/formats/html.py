"""A document as one HTML page that needs nothing but itself: no script, no outside call, made again it is the same.

In: a document. Out: text. Must not know: scenarios, results, other formats.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from edgeofcare.documents.document import CALLOUT_WORDS, Document, Figure, Heading, Table, printable

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
PROSE = 60  # characters from which a cell is a sentence
DROPPED = frozenset({"metadata", "script", "style", "foreignObject", "title", "desc"})
OWN_REFERENCE = re.compile(r"url\(\s*#")


def html(document: Document) -> str:
    """Return the document as one self-contained page."""
    return _rendered("report.html.j2", document, _drawing, deeper=0, taken={"content", "contents"})


def fragment(document: Document, taken: str = "answer") -> str:
    """Return the blocks of a document as a part of another page, whose title stands above: headings one level deeper.

    Pictures are images with a text in their place. taken: beginning of every id, so that two parts do not share one.
    """
    return _rendered("blocks.html.j2", document, _image, deeper=1, taken=set(), start=f"{taken}-")


def style() -> str:
    """Return how blocks look, as CSS."""
    return (TEMPLATES / "blocks.css").read_text(encoding="utf-8")


def _rendered(
    template: str,
    document: Document,
    drawing: Callable[[Figure, str], Markup],
    deeper: int,
    taken: set[str],
    start: str = "",
) -> str:
    from markupsafe import Markup

    name = _names(taken, start)
    sheets = [(wide, [(block, label, _key(block, name)) for block, label in pairs]) for wide, pairs in document.sheets]
    whole = (TEMPLATES / "report.css").read_text(encoding="utf-8").replace("/* blocks.css stands here */\n", style())
    return str(
        _templates()
        .get_template(template)
        .render(
            document=document,
            style=Markup(whole),
            sheets=sheets,
            contents=[(block, key) for _, blocks in sheets for block, _, key in blocks if isinstance(block, Heading)],
            callouts=CALLOUT_WORDS,
            drawing=drawing,
            kind=_kind,
            name=name,
            deeper=deeper,
        )
    )


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    import jinja2
    from markupsafe import Markup

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else _unbroken(value),
    )


def _unbroken(text: str) -> str:
    """Return printable text in which no line ends between a minus and its pound: the loss would read as a gain."""
    return printable(text).replace("-£", "\N{NON-BREAKING HYPHEN}£")


def _names(taken: set[str], start: str) -> Callable[[str], str]:
    """Return a function that makes an id of a text, never the same twice on one page."""

    def name(text: str) -> str:
        slug = start + ("-".join(re.findall("[a-z0-9]+", text.lower())) or "part")
        wish, tries = slug, 1
        while wish in taken:
            tries += 1
            wish = f"{slug}-{tries}"
        taken.update({wish, f"{wish}-name", f"{wish}-title", f"{wish}-description"})
        return wish

    return name


def _key(block: object, name: Callable[[str], str]) -> str:
    """Return the id under which a heading or a figure can be linked to; others have none."""
    if isinstance(block, Heading):
        return name(block.text)
    return name(f"figure {block.name}") if isinstance(block, Figure) else ""


def _kind(table: Table, column: int, text: str) -> Markup:
    """Return the class attribute of a cell: numbers stand to the right and are not broken, prose has room."""
    from markupsafe import Markup

    if not table.to_the_right[column]:
        return Markup(' class="wordy"' if len(text) > PROSE else "")
    unbroken = table.unbroken(column, text) and (text not in table.head or " " not in text)
    return Markup(' class="number unbroken"' if unbroken else ' class="number"')


def _image(figure: Figure, key: str) -> Markup:
    """Return a picture as an image with its title for those who do not see it; the description stands below it."""
    from markupsafe import Markup, escape

    data = base64.b64encode(figure.svg.encode()).decode()
    return Markup('<img src="data:image/svg+xml;base64,{}" alt="{}" aria-describedby="{}-description">').format(
        Markup(data), escape(figure.title), key
    )


# ---- pictures -----------------------------------------------------------------------------------------------------


def _drawing(figure: Figure, key: str) -> Markup:
    """Return a picture as an element of the page: named, its ids its own, without script, style or outside source."""
    from markupsafe import Markup

    root = ElementTree.fromstring(figure.svg.encode())
    for element in root.iter():
        for child in [child for child in element if _local(child.tag) in DROPPED]:
            element.remove(child)
        element.tag = _local(element.tag)
        attributes = ((_local(name), value) for name, value in element.attrib.items())
        kept = {name: _own(name, value, key) for name, value in attributes if _harmless(name, value)}
        element.attrib.clear()
        element.attrib.update(kept)
    for size in ("width", "height"):
        if "viewBox" in root.attrib:
            root.attrib.pop(size, None)
    title = ElementTree.Element("title", {"id": f"{key}-title"})
    title.text = printable(figure.title)
    root.insert(0, title)
    root.attrib.update(
        {"role": "img", "aria-labelledby": f"{key}-title", "aria-describedby": f"{key}-description"},
    )
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _local(name: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return name.rpartition("}")[2]


def _harmless(name: str, value: str) -> bool:
    """Return whether an attribute can neither run nor fetch anything."""
    if name == "href":
        return value.startswith(("#", "data:image/png;"))
    return not name.startswith("on") and value.count("url(") == len(OWN_REFERENCE.findall(value))


def _own(name: str, value: str, key: str) -> str:
    """Return the value of an attribute with ids and references to them made this picture's own."""
    if name == "id":
        return f"{key}.{value}"
    if name == "href" and value.startswith("#"):
        return f"#{key}.{value[1:]}"
    return OWN_REFERENCE.sub(f"url(#{key}.", value)
