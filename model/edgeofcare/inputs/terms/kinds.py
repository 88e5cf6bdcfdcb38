"""Every kind of payment term. In: the models of the kinds. Out: their union, and each by its word.

Must not know: what the kinds do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field

from edgeofcare.inputs.terms.base import Kind, Term
from edgeofcare.inputs.terms.fees import BlockFee, SelfFinance
from edgeofcare.inputs.terms.ladder import ImprovementLadder
from edgeofcare.inputs.terms.out_of_care import Milestone, PerDayOutOfCare, PerWeekOutOfCare
from edgeofcare.inputs.terms.saved_days import PerCareDaySaved
from edgeofcare.inputs.terms.service import PerCompletion, PerStart

AnyTerm = Annotated[
    PerStart
    | PerCompletion
    | PerWeekOutOfCare
    | PerDayOutOfCare
    | PerCareDaySaved
    | Milestone
    | ImprovementLadder
    | BlockFee
    | SelfFinance,
    Field(discriminator="pays"),
]
"""A term of a contract, told from others by `pays`."""


def word_of(term: type[Term]) -> str:
    """Return the word by which a kind of term is written: "per_start"."""
    (word,) = get_args(term.model_fields["pays"].annotation)
    return str(word)


KINDS: dict[str, type[Term]] = {word_of(term): term for term in get_args(get_args(AnyTerm)[0])}
"""Every kind of term by its word."""


def kind_of(pays: str) -> Kind:
    """Return what is true of every term that is written with this word."""
    return KINDS[pays].kind


def term_of(written: Mapping[str, Any]) -> Term:
    """Return the term that a table tells of, such as a row of a stored answer; what is no key of a term is left out."""
    term = KINDS[written["pays"]]
    return term.model_validate_json(json.dumps({key: written[key] for key in term.model_fields if key in written}))
