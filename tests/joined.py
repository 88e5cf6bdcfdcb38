"""What joining, exposure and cost sharing say, of answers that were changed as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeofcare.documents.answers import exposure, join, join_words
from edgeofcare.documents.document import Document, Figure, Said
from edgeofcare.documents.formats.text import text
from edgeofcare.documents.pictures import join as pictures
from edgeofcare.inputs.load import load
from edgeofcare.questions.exposure import ExposureAnswer
from edgeofcare.questions.join_answer import Joined, JoinerAnswer
from edgeofcare.results import typed

Found = Mapping[str, Any]
NOT_ASKED_FOR = {"steps": [], "limits": None, "uncertain": None}


def joined(found: Found) -> Joined:
    """Return the answer that this JSON is of."""
    return typed(Joined, {**NOT_ASKED_FOR, **found, "joined": load("pan_london")})


def words_of(found: Found) -> list[str]:
    """Return all sentences on joining, those on what would change the answer last."""
    return list(join.join_json(joined(found))["words"])


def document_of(found: Found, effect_words: str = "") -> Document:
    """Return the document on joining."""
    return join.join_document(joined(found), effect_words)


def headline_of(found: Found) -> tuple[tuple[str, Said], ...]:
    """Return the key figures of joining."""
    return join.join_headline(joined(found))


def teams_of(found: Found) -> str:
    """Return with which teams boroughs join."""
    return join_words.teams_words(joined(found))


def gains_of(found: Found) -> Figure:
    """Return the picture of who gains."""
    return pictures.gains(joined(found))


def years_of(slug: str, joiner: Found) -> Figure:
    """Return the picture of a joiner's years."""
    return pictures.joiner_years(slug, typed(JoinerAnswer, dict(joiner)))


def exposure_page(found: Found, only: list[str] | None = None) -> str:
    """Return the exposure of boroughs as text."""
    return text(exposure.exposure_document(typed(ExposureAnswer, dict(found)), only or ()), 100)
