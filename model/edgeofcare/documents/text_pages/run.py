"""The one-page answer of a run, in plain words. In: a summary. Out: text. It computes nothing but roundings.

Must not know: scenarios, rows, files.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from edgeofcare.documents.words import a_year, chance, count, how_many, percent, pounds, span

Stat = Mapping[str, Any]
Summary = Mapping[str, Any]
MOST_BOROUGHS = 15
TRACKED_SHARE = "share_of_tracked_days_out_of_care"
WIDTH = 100
SMALLEST_SAID = 0.01
HALF = 0.5  # below it a chance to save is told as a loss
SOMETIMES = 0.01  # more often than this the provider's waiting opens the answer, and no return is shown


def page(summary: Summary) -> str:
    """Return the page as one text: the answer first, then what it rests on."""
    parts = (_head, _answer, warning_words, _children, _money, _investor, _boroughs, _how_sure)
    texts = ("\n".join(part(summary)) for part in parts)
    return "\n\n".join(text for text in texts if text) + "\n"


# ---- numbers as a reader says them --------------------------------------------------------------------------------


# ---- the parts of the page ----------------------------------------------------------------------------------------


def _head(summary: Summary) -> Iterator[str]:
    n, draws, scenario = summary["replications"], summary["outer_draws"], summary["scenario"]
    over = f" over {draws:,} drawn sets of inputs" if draws > 1 else ""
    yield scenario["title"]
    yield f"{scenario['name']}: {n:,} simulated contract{'s' if n > 1 else ''}{over}, seed {summary['seed']}."


def _answer(summary: Summary) -> Iterator[str]:
    paid, cost = summary["payments_gbp"]["total"], summary["service_cost_gbp"]
    yield "THE ANSWER"
    if money_runs_out(summary):
        yield from map(_wrapped, short_of_money(summary))
    yield f"  {effect_words(summary)}, {worth_words(summary['avoided_cost_gbp']['nominal']['mean'])}."
    yield f"  {pounds(paid['mean'])} is paid for outcomes; the service costs {pounds(cost['mean'])}."
    yield savers_words(summary)
    if not money_runs_out(summary):
        yield _investor_in_short(summary)


def money_runs_out(summary: Summary) -> bool:
    """Return whether the provider waits for its money so often that no return is shown."""
    return float(summary["provider"]["waits_prob"]) > SOMETIMES


def short_of_money(summary: Summary) -> Iterator[str]:
    """Yield that the money runs out, in how many simulated contracts, and what that means for the provider."""
    provider, n = summary["provider"], summary["replications"]
    when, never = date.fromisoformat(provider["first_date"]), provider["never_paid_gbp"]["mean"]
    paid_late = "all of it is paid in the end" if not never else f"{pounds(never)} on average is never paid"
    yield (
        f"As financed, the money runs out in {how_many(provider['waits_prob'], n)}, first in {when:%B %Y}: "
        f"{pounds(provider['committed_gbp'])} is committed and {pounds(provider['needed_gbp']['p95'])} is needed in 95 "
        f"in 100. At worst {pounds(provider['owed_at_worst_gbp']['mean'])} on average is owed to the provider at one "
        f"time; {paid_late}. No return is shown, because the provider would be financing it."
    )


def owed_words(summary: Summary) -> Iterator[str]:
    """Yield what the provider waits for, and what investors pay beyond their commitment; nothing if neither does."""
    provider, investor, n = summary["provider"], summary["investor"], summary["replications"]
    if provider["n_waits"]:
        worst, days = provider["owed_at_worst_gbp"], provider["days_owed"]["mean"]
        yield (
            f"The provider waits for its money in {how_many(provider['waits_prob'], n)}, {days:,.0f} days on average "
            f"where it does. Owed to it at worst: {pounds(worst['mean'])} on average, {pounds(worst['p95'])} in 1 of "
            f"20; never paid: {pounds(provider['never_paid_gbp']['mean'])}."
        )
    if called := investor["called_beyond_gbp"]["mean"]:
        yield f"Investors are called beyond their commitment for {pounds(called)} on average."
    if again := investor["redrawn_gbp"]["mean"]:
        yield f"After a first distribution {pounds(again)} on average is called again."


def effect_words(summary: Summary) -> str:
    """Return what is assumed of therapy: the scenario's claim, not a finding."""
    found, measured = summary["calibration"], summary["out_of_care_share"]
    if measured["usual"]["mean"] is None:
        return "As no child is tracked"
    if measured["usual"]["mean"] == measured["therapy"]["mean"]:
        return "If therapy has no effect, as assumed"
    if summary["outer_draws"] > 1:
        usual, therapy = (percent(measured[arm]["mean"]) for arm in ("usual", "therapy"))
        return f"If therapy moves days out of care from {usual} to {therapy}, as the drawn inputs do on average"
    if found["measure"] != TRACKED_SHARE:
        return "If therapy has the effect that the scenario assumes"
    usual, therapy = (percent(found["reached"][arm]) for arm in ("usual", "therapy"))
    return f"If therapy moves days out of care from {usual} to {therapy}, as assumed"


def worth_words(avoided: float) -> str:
    """Return what is avoided, GBP, in words."""
    if avoided < 0:
        return f"care costs {pounds(-avoided)} more than without it"
    return f"care worth {pounds(avoided)} is avoided" if avoided else "no care is avoided"


def savers_words(summary: Summary) -> str:
    """Return in how many simulated contracts boroughs save more than they pay."""
    boroughs, n = list(summary["boroughs"].values()), summary["replications"]
    lowest, highest = min(boroughs, key=_saving_prob), max(boroughs, key=_saving_prob)
    times = how_many(_rounded_down(_saving_prob(lowest)) if len(boroughs) > 1 else _saving_prob(lowest), n)
    if len(boroughs) == 1:
        return f"  {lowest['name']} saves more than it pays in {times}."
    if not _saving_prob(highest):
        return f"  No borough saves more than it pays: each does in {times}."
    if not _saving_prob(lowest):
        return f"  Not every borough saves more than it pays: {lowest['name']} does in {times}."
    if _saving_prob(highest) < HALF:
        most = how_many(_saving_prob(highest), n)
        return f"  Boroughs mostly pay more than they save: {highest['name']} saves most often, in {most}."
    or_more = "" if _saving_prob(lowest) == 1 else f" or more (least often {lowest['name']})"
    return f"  Each borough saves more than it pays in {times}{or_more}."


def _rounded_down(prob: float) -> float:
    """Return a chance in whole hundredths, not more than it is, for a sentence that says "or more"."""
    return math.floor(100 * prob) / 100 if prob >= SMALLEST_SAID else prob


def _saving_prob(borough: Summary) -> float:
    return float(borough["net_saving_prob"])


def _investor_in_short(summary: Summary) -> str:
    investor, n = summary["investor"], summary["replications"]
    rate = investor["irr_of_expected_flows"]
    if investor["irr_outcomes"]["not_needed"] == n:
        return "  The investor's money is not needed."
    earns = "have no rate of return" if rate is None else f"return {a_year(rate)}"
    return f"  The investor loses money in {how_many(investor['loss_prob'], n)}; its average flows {earns}."


def warning_words(summary: Summary) -> Iterator[str]:
    """Yield what a reader must know before believing the numbers, in lines of the page."""
    told = warnings_in_short(summary)
    if told:
        yield "TAKE CARE"
    yield from map(_wrapped, told)


def warnings_in_short(summary: Summary) -> list[str]:
    """Return the warnings of a run; what holds for several boroughs is told once."""
    told: dict[str, list[str]] = {}
    for text in summary.get("warnings", ()):
        name, _, rest = text.partition(": ")
        told.setdefault(rest.rsplit(". ", 1)[-1] if rest else name, []).append(text)
    sentences = []
    for first, *others in told.values():
        sentences.append(first)
        if others:
            sentences.append(f"The same goes for {', '.join(text.partition(': ')[0] for text in others)}.")
    return sentences


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _children(summary: Summary) -> Iterator[str]:
    children = summary["children"]
    yield "CHILDREN"
    yield (
        f"  Of {count(children['referred']['mean'])} referred, {count(children['started']['mean'])} start therapy and "
        f"{count(children['completed']['mean'])} complete it; {count(children['entered_care_waiting']['mean'])} enter "
        "care waiting."
    )
    yield from _starters(summary)


def _starters(summary: Summary) -> Iterator[str]:
    never, wait = summary["never_in_care_share"], summary["waiting_days"]["mean"]
    if wait is None:
        yield "  No child starts therapy."
        return
    usual, therapy = (percent(never[arm]["mean"]) for arm in ("usual", "therapy"))
    yield (
        f"  Those who start wait {wait:,.0f} day{'' if round(wait) == 1 else 's'}; never in care while tracked: "
        f"{usual} without therapy, {therapy} with it."
    )
    yield from _tracked(summary)


def _tracked(summary: Summary) -> Iterator[str]:
    share = summary["out_of_care_share"]
    if share["usual"]["mean"] is None:
        yield "  No child is tracked."
        return
    usual, therapy = (percent(share[arm]["mean"], 1) for arm in ("usual", "therapy"))
    yield (
        f"  Of tracked days, {usual} are out of care without therapy, {therapy} with it: "
        f"{_days_avoided(summary['care_days']['avoided']['mean'])}."
    )


def _days_avoided(days: float) -> str:
    return f"{-days:,.0f} more care days" if days < 0 else f"{days:,.0f} care days avoided"


def _money(summary: Summary) -> Iterator[str]:
    avoided, paid = summary["avoided_cost_gbp"], summary["payments_gbp"]
    yield f"{'MONEY, whole contract, in the pounds of each year':<52}{'average':>8}   middle 80% of contracts"
    yield _amount("Cost of care avoided while children are tracked", avoided["nominal"])
    yield _amount("  of it, what can be taken out of budgets", avoided["cashable"])
    yield _amount("Paid for outcomes", paid["total"])
    if paid["top_up"]["mean"]:
        yield _amount("  of it, by boroughs", paid["boroughs"])
        yield _amount("  of it, by the top-up fund", paid["top_up"])
    yield _amount("Cost of the service", summary["service_cost_gbp"])
    yield from _caps(summary)
    yield from _anyway(summary["deadweight_share"]["mean"])
    price = summary["blended_price_gbp_per_week"]["mean"]
    if price is not None:
        yield f"  Care without therapy costs {pounds(price)} a week on average, in the scenario's base year."


def _anyway(share: float | None) -> Iterator[str]:
    """Yield how much of what is paid for would have happened without therapy."""
    if share is not None and share > 1:
        yield "  Without therapy, more outcomes would have been paid for than with it."
    elif share is not None:
        yield f"  Of the outcomes paid for, {percent(share)} would have come without therapy."


def _amount(label: str, stat: Stat) -> str:
    return f"  {label:<50}{pounds(stat['mean']):>8}   {span(stat['p10'], stat['p90'])}".rstrip()


def _caps(summary: Summary) -> Iterator[str]:
    paid, prob = summary["payments_gbp"], summary["cap_binds_prob"]
    if not prob:
        yield "  No limit on payments is reached."
        return
    held_back = paid["before_caps"]["mean"] - paid["total"]["mean"]
    yield (
        f"  A limit on payments is reached in {how_many(prob, summary['replications'])}; it takes "
        f"{pounds(held_back)} off the average."
    )


def _investor(summary: Summary) -> Iterator[str]:
    investor, n = summary["investor"], summary["replications"]
    irr, multiple = investor["irr"], investor["money_multiple"]
    peak, profit = pounds(investor["peak_funding_gbp"]["mean"]), investor["profit_gbp"]
    yield "INVESTOR"
    spread = span(irr["p10"], irr["p90"], lambda value: percent(value, 1))
    known = f"{_net(investor)} {a_year(irr['mean'])}{f' ({spread})' if spread else ''}"
    earned = known if irr["n"] else "No rate of return"
    if money_runs_out(summary):
        earned = "No return is shown"
    yield f"  {earned}; profit {pounds(profit['mean'])}{_in_brackets(profit)}."
    if multiple["n"]:
        times = f" What comes back is {multiple['mean']:.2f} times what goes in."
        yield f"  Most in the contract at once: {peak}.{'' if money_runs_out(summary) else times}"
    yield from _paid_back(investor["payback_years"], investor["never_paid_back_prob"], n)
    yield from map(_wrapped, owed_words(summary))
    yield from _without_rate(investor["irr_outcomes"])
    if several := investor["several_rates"]:
        yield _wrapped(several_words(several))


def _net(investor: Summary) -> str:
    """Return how a return is called: net of fees and carry with the gross one beside it, where there are such."""
    gross = investor["irr_gross"]
    return "Return" if gross is None else f"Gross return {a_year(gross['mean'])}; net of fees and carry"


def several_words(several: Mapping[str, Any]) -> str:
    """Return which rates of return fit at once in a simulated contract, and why."""
    low, high = a_year(several["lowest"]), a_year(several["highest"])
    why = f"because {pounds(several['redrawn_gbp'])} was called again after money had been distributed"
    return f"In simulated contract {several['replication']:,} both {low} and {high} make its flows worth nil, {why}."


def _in_brackets(stat: Stat) -> str:
    low, high = stat["p10"], stat["p90"]
    return f" ({span(low, high)})" if span(low, high) else ""


def _paid_back(years: Stat, never: float, n: int) -> Iterator[str]:
    if years["n"] and never:
        yield f"  Paid back after {years['mean']:.1f} years where it is; never in {how_many(never, n)}."
    elif years["n"]:
        yield f"  Paid back after {years['mean']:.1f} years on average."
    elif never:
        yield f"  Never paid back in {how_many(never, n)}."


def _without_rate(outcomes: Mapping[str, int]) -> Iterator[str]:
    words = {"none": "no rate", "several": "several rates", "total_loss": "all lost", "not_needed": "money not needed"}
    seen = [f"{text} in {outcomes[key]:,}" for key, text in words.items() if outcomes[key]]
    if seen:
        yield f"  Simulated contracts without one rate of return: {', '.join(seen)}."


def _boroughs(summary: Summary) -> Iterator[str]:
    boroughs, n = list(summary["boroughs"].values()), summary["replications"]
    title = "BOROUGH" if len(boroughs) > 1 else "COUNCIL"
    yield f"{title:<24}{'starts':>7}{'avoided':>9}{'pays':>8}{'worst year*':>13}{'net saving**':>14}{'saves in':>21}"
    for borough in sorted(boroughs, key=_pays, reverse=True)[:MOST_BOROUGHS] if _many(boroughs) else boroughs:
        yield (
            f"{borough['name']:<24.24}{count(borough['started']['mean']):>7}{pounds(borough['avoided_cost_gbp']['mean']):>9}"
            f"{pounds(borough['payments_gbp']['mean']):>8}{pounds(borough['worst_year_payment_gbp']['p95']):>13}"
            f"{pounds(borough['net_saving_gbp']['mean']):>14}{chance(borough['net_saving_prob'], n):>21}"
        )
    if _many(boroughs):
        yield f"and {len(boroughs) - MOST_BOROUGHS:,} boroughs that pay less; all are in summary.json."
    yield "*  most paid in one financial year; a year costs more in 1 of 20 simulated contracts"
    yield "** what can be taken out of its budget, less what it pays and its own costs"


def _many(boroughs: list[Any]) -> bool:
    return len(boroughs) > MOST_BOROUGHS


def _pays(borough: Summary) -> float:
    return float(borough["payments_gbp"]["mean"])


def _how_sure(summary: Summary) -> Iterator[str]:
    yield "HOW SURE"
    yield from _assumptions(summary)
    avoided = summary["avoided_cost_gbp"]["nominal"]
    if avoided["se"] is None:
        yield "  One simulated contract says nothing about chance; run more."
    elif avoided["mean"]:
        yield (
            f"  Another seed would move the average cost avoided by about {pounds(avoided['se'])} "
            f"({percent(avoided['se'] / abs(avoided['mean']), 1)})."
        )
    yield from _doubt(summary)


def _assumptions(summary: Summary) -> Iterator[str]:
    counts = summary["assumptions"]
    yield (
        f"  Of {sum(counts.values())} inputs with a source, {counts['judgement']} are judgements, "
        f"{counts['research']} come from research and {counts['data']} from official data."
    )


def _doubt(summary: Summary) -> Iterator[str]:
    shares = summary["variance_share"]
    if summary["outer_draws"] == 1:
        yield "  Ranges show chance only, not doubt about the inputs: add --outer-draws 100 --replications 1000."
        return
    names = {"avoided_cost_gbp": "cost avoided", "payments_gbp": "payments", "profit_gbp": "profit"}
    told = ", ".join(f"{names[key]} {percent(share)}" for key, share in shares.items() if share is not None)
    if not told:
        if summary["replications"] == summary["outer_draws"]:
            yield "  Chance and doubt about the inputs cannot be told apart: add replications, ten or more a draw."
        return
    yield f"  How much of the spread is doubt about the inputs: {told}; the rest is chance."
    if (shares["avoided_cost_gbp"] or 0) > 0.5:
        yield "  Better evidence on the inputs would narrow the ranges; more simulated contracts would not."
