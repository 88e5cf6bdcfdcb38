"""Programmes: whom they suit, how long they last, how many complete them. In: nothing. Out: `Therapy`, rules of shares.

Must not know: teams, boroughs, files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from edgeofcare.inputs.types import Days, Frozen, Number, Prob, Rule, RuleError, Scale, Share, Text

LONGEST_ACRONYM = 3  # letters; a longer slug is a word
SHARE_ROUNDING = 1e-6  # by which shares written with few digits may miss 1


class Therapy(Frozen):
    """A programme: whom it suits, how long it lasts, how many complete it."""

    name: Text = ""
    """Name for people, its short form in brackets: "Multisystemic therapy (MST)"; from the table's name if not
    given."""
    share_suited: Share | None = None
    """Share of families suited to it. One therapy may leave it out and takes the rest; the only one has them all."""
    mean_days: Scale
    """Mean of the gamma length, days, before the limits."""
    sd_days: Annotated[Number, Field(ge=0.01, le=10_000)]
    """Standard deviation of the gamma length, days."""
    min_days: Annotated[Days, Field(ge=1)]
    """Shortest therapy, days."""
    max_days: Days
    """Longest therapy, days."""
    completion_prob: Prob
    """Chance that the therapy is completed, independent of care."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_days > self.max_days:
            told = f"min_days must not exceed max_days; they are {self.min_days} and {self.max_days}"
            raise RuleError([Rule(told, ("min_days", "max_days"))])
        if not self.min_days <= self.mean_days <= self.max_days:
            told = f"mean_days must lie between min_days and max_days, {self.min_days} to {self.max_days}"
            raise RuleError([Rule(f"{told}; it is {self.mean_days:g}", ("mean_days", "min_days", "max_days"))])
        return self


def therapy_names(therapies: Mapping[str, Therapy]) -> dict[str, str]:
    """Return the therapies' names for people, by slug."""
    return {slug: therapy.name or _slug_name(slug) for slug, therapy in therapies.items()}


def therapy_labels(therapies: Mapping[str, Therapy]) -> dict[str, str]:
    """Return the therapies' short forms by slug: what stands in brackets at the end of a name, or the name."""
    names = therapy_names(therapies)
    brackets = {slug: re.search(r"\(([^()]+)\)$", name.strip()) for slug, name in names.items()}
    return {slug: found[1] if found else names[slug] for slug, found in brackets.items()}


def _slug_name(slug: str) -> str:
    """Return a slug as a name: mst as MST, family_group_conference as Family group conference."""
    return slug.upper() if len(slug) <= LONGEST_ACRONYM else slug.replace("_", " ").capitalize()


def with_rest(shares: Mapping[str, float | None]) -> tuple[float, ...]:
    """Return shares of families by therapy, in their order; one that is left out takes the rest."""
    rest = max(0.0, 1.0 - math.fsum(share for share in shares.values() if share is not None))
    return tuple(rest if share is None else share for share in shares.values())


def share_fault(shares: Mapping[str, float | None]) -> str:
    """Return the rule that shares of families by therapy break, or nothing; one therapy may be left out."""
    given = {name: share for name, share in shares.items() if share is not None}
    total, named = math.fsum(given.values()), ", ".join(f"{name} {share:g}" for name, share in given.items())
    if len(shares) - len(given) > 1:
        without = ", ".join(name for name in shares if name not in given)
        return f"share_suited may be left out for one therapy, which takes the rest; it is missing for {without}"
    if total > 1 + SHARE_ROUNDING or (len(given) == len(shares) and total < 1 - SHARE_ROUNDING):
        return f"the shares of families suited to each therapy must sum to 1; {named} sum to {total:g}"
    return ""
