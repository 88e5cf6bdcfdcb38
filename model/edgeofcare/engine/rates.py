"""How many adolescents start in care in a borough: credibility-weighted rates, and a check of referrals against them.

In: published counts and populations; a scenario and its plan. Out: `CredibleRates`, warnings. These rates set the
*volume* of referrals only, never the hazard of entry after referral. Must not know: queues, money.

Small boroughs have few starts, so their own rate is weighed against London's by the model of Buehlmann and Straub
(1970, "Glaubwuerdigkeit fuer Schadensaetze") with its unbiased structure estimators (Klugman, Panjer and Willmot,
Loss models, "Empirical Bayes parameter estimation", non-parametric).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.inputs.published import adolescent_starts, reference_file
from edgeofcare.inputs.schema import Scenario

Floats = npt.NDArray[np.float64]
PER = 10_000
TOPICS = ("aged_10_to_15", "aged_16_plus", "uasc")
A_THIRD = 1 / 3
ALL = 1.0


@dataclass(frozen=True)
class Structure:
    """What a Buehlmann-Straub model finds: collective mean, mean variance within and variance between groups.

    own, credibility, credible: (group,).
    """

    mean: float
    within: float
    between: float
    own: Floats
    credibility: Floats
    credible: Floats


@dataclass(frozen=True)
class CredibleRate:
    """One authority: its own rate, how far it can be trusted, and the credible rate (starts a year per 10,000).

    Population aged 10 to 17, on the 2021 Census. n_hidden: published counts that are hidden; their middle is taken.
    """

    slug: str
    name: str
    population_10_to_17: float
    own_per_10_000: float
    credibility: float
    credible_per_10_000: float
    credible_starts_per_year: float
    n_hidden: int


@dataclass(frozen=True)
class CredibleRates:
    """Adolescent care starts less unaccompanied asylum-seeking children, by London authority, and London's own.

    within: variance of a yearly rate x its population; between: variance of rates between authorities (per 10,000).
    """

    years: tuple[int, ...]
    london_per_10_000: float
    within: float
    between: float
    by_authority: dict[str, CredibleRate]


def structure(rates: Floats, exposures: Floats) -> Structure:
    """Return the Buehlmann-Straub model of rates with their exposures: (group, year) both, exposures above 0.

    With m_ij the exposures, X_ij the rates, dots for sums and X_i the group's weighted mean: v = sum m_ij (X_ij -
    X_i)^2 / (I (n - 1)), a = (sum m_i. (X_i - X)^2 - (I - 1) v) / (m_.. - sum m_i.^2 / m_..), and Z_i = m_i. / (m_i.
    + v / a). The collective mean is sum Z_i X_i / sum Z_i. If a is not above 0, groups do not differ: every Z_i is 0
    and the mean is the overall one.
    """
    n_groups, n_years = rates.shape
    by_group = exposures.sum(axis=1)
    total = by_group.sum()
    own = (exposures * rates).sum(axis=1) / by_group
    overall = by_group @ own / total
    within = float((exposures * (rates - own[:, None]) ** 2).sum() / (n_groups * (n_years - 1)))
    spread = by_group @ (own - overall) ** 2 - (n_groups - 1) * within
    between = max(0.0, float(spread / (total - by_group @ by_group / total)))
    credibility = by_group * between / (by_group * between + within) if between > 0 else np.zeros(n_groups)
    mean = float(credibility @ own / credibility.sum() if between > 0 else overall)
    return Structure(mean, within, between, own, credibility, credibility * own + (1 - credibility) * mean)


def credible_rates() -> CredibleRates:
    """Return credibility-weighted adolescent care-start rates of the London authorities.

    Starts of a year are those aged 10 to 15, and those of 16 and over less the share of asylum-seeking children who
    are of that age. Asylum-seeking children are published from 2021 only, so that the series is 2021 to 2025. The
    population is that of mid-2020, rebased, in every year. A hidden count is an interval: its middle is taken. What
    moves all authorities in a year counts as variance within, so that Z is, if anything, too low.
    """
    care, people = reference_file("care_starts"), reference_file("population")["rebasing_2020"]
    share = care["method"]["uasc_aged_16_plus_share"]["value"]
    authorities = reference_file("authorities")["authority"]["by_authority"]
    london = {slug: row[1] for slug, row in authorities.items() if row[2].endswith("London")}
    years = tuple(care["uasc"]["years"])
    population = {slug: _population(people, slug) for slug in london}
    starts, hidden = [], []
    for slug in london:
        younger, older, seeking = (_series(care[topic], slug, years) for topic in TOPICS)
        starts.append(_middle(younger) + np.maximum(0.0, _middle(older) - share * _middle(seeking)))
        hidden.append(sum(isinstance(cell, dict) for cell in (*younger, *older, *seeking)))
    exposures = np.repeat([[people] for people in population.values()], len(years), axis=1)
    found = structure(np.array(starts) / exposures, exposures)
    rows = {
        slug: CredibleRate(
            slug=slug,
            name=name,
            population_10_to_17=population[slug],
            own_per_10_000=PER * float(found.own[i]),
            credibility=float(found.credibility[i]),
            credible_per_10_000=PER * float(found.credible[i]),
            credible_starts_per_year=population[slug] * float(found.credible[i]),
            n_hidden=hidden[i],
        )
        for i, (slug, name) in enumerate(london.items())
    }
    return CredibleRates(years, PER * found.mean, PER**2 * found.within, PER**2 * found.between, rows)


def _series(topic: dict[str, Any], slug: str, years: tuple[int, ...]) -> list[Any]:
    """Return an authority's cells in the given years."""
    by_year = dict(zip(topic["years"], topic["by_authority"][slug], strict=True))
    return [by_year[year] for year in years]


def _middle(cells: list[Any]) -> Floats:
    """Return counts, the middle of its interval for one that is hidden."""
    return np.array([(c["low"] + c["high"]) / 2 if isinstance(c, dict) else c for c in cells], dtype=float)


def _population(people: dict[str, Any], slug: str) -> float:
    """Return the population aged 10 to 17 on the 2021 Census: before rebasing x the ratio of all children."""
    row = dict(zip(people["columns"], people["by_authority"][slug], strict=True))
    return float(row["aged_10_to_17"] * row["ratio"])


# ---- referrals against starts -----------------------------------------------------------------------------------


def entries_warning(scenario: Scenario, prob: float) -> dict[str, str | None]:
    """Return for each borough a warning if its referrals imply very many entries into care, otherwise None.

    Entries a year = referrals a year x prob, the chance to enter care before 18 without therapy. They are compared with
    the borough's adolescent care starts a year without asylum-seeking children: as the scenario gives them, otherwise
    the published ones (2018 to 2025; the high end where counts are hidden). A borough without either is not checked.
    """
    published = adolescent_starts()

    def starts(slug: str) -> float | None:
        own = scenario.boroughs[slug].adolescent_care_starts_per_year
        return published.get(slug, {}).get("high") if own is None else own

    known = {slug: starts(slug) for slug in scenario.boroughs}
    return {
        slug: None if (most := known[slug]) is None else _warning(borough.name, borough.referrals_per_year, prob, most)
        for slug, borough in scenario.boroughs.items()
    }


def _warning(name: str, referrals: float, prob: float, starts: float) -> str | None:
    """Return what to say of a borough: nothing up to a third of its adolescent care starts."""
    entries = referrals * prob
    if entries <= A_THIRD * starts:
        if referrals <= starts:
            return None
        more = f"{name} refers more families ({referrals:g} a year) than adolescents start in care there"
        return f"{more} ({starts:g}). Ask whether there would be so many."
    told = (
        f"{name}: of {referrals:.1f} families referred a year {prob:.0%} would have a child enter care before 18 "
        f"without therapy. That is {entries:.1f} entries a year, "
    )
    if entries > ALL * starts:
        return told + (
            f"more than all of the {starts:.1f} adolescents a year who start in care there. This cannot be: "
            "lower the referrals, or the share in care without therapy; every saving below is too high."
        )
    return told + (
        f"{entries / starts:.0%} of the {starts:.1f} adolescents a year who start in care there: more than "
        "a third. Ask whether the service would really see so large a part of them."
    )
