"""The one-page answer of a run, in plain words. In: a summary. Out: text. It computes nothing but roundings.

Must not know: scenarios, rows, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Stat = Mapping[str, Any]
Summary = Mapping[str, Any]
MILLION = 1e6


def pounds(value: float | None) -> str:
    """Return an amount as a reader says it: £18.6m, £342k, £1,480."""
    if value is None:
        return "-"
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= 0.9995 * MILLION:
        return f"{sign}£{size / MILLION:,.{1 if size >= 10 * MILLION else 2}f}m"
    if size >= 10_000:
        return f"{sign}£{size / 1000:,.0f}k"
    return f"{sign}£{size:,.0f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Return a share as a percentage."""
    return "-" if value is None else f"{100 * value:.{digits}f}%"


def in_hundred(prob: float) -> str:
    """Return a chance as a number of simulated contracts in a hundred, without claiming certainty."""
    if 0 < prob < 0.01:
        return "fewer than 1 in 100"
    if 0.99 < prob < 1:
        return "more than 99 in 100"
    return f"{round(100 * prob)} in 100"


def number(stat: Stat, key: str = "mean") -> str:
    """Return a count with thousands."""
    return "-" if stat[key] is None else f"{stat[key]:,.0f}"


def interval(stat: Stat) -> str:
    """Return the middle 80% of simulated contracts, for pounds."""
    return f"{pounds(stat['p10'])} to {pounds(stat['p90'])}"


def lines(summary: Summary) -> Iterator[str]:
    """Yield the page line by line: the answer first, then what it rests on."""
    yield f"{summary['scenario']['name']}"
    yield from _how_often(summary)
    yield ""
    yield from _answer(summary)
    yield ""
    yield from _children(summary)
    yield from _money(summary)
    yield from _investor(summary["investor"])
    yield ""
    yield from _boroughs(summary)
    yield ""
    yield from _how_sure(summary)


def page(summary: Summary) -> str:
    """Return the page as one text."""
    return "\n".join(lines(summary)) + "\n"


def _how_often(summary: Summary) -> Iterator[str]:
    draws = summary["outer_draws"]
    over = f" over {draws:,} drawn sets of inputs" if draws > 1 else ""
    yield f"{summary['replications']:,} simulated contracts{over}; ranges are the middle 80% of them; seed {summary['seed']}."


def _answer(summary: Summary) -> Iterator[str]:
    avoided, paid = summary["avoided_cost_gbp"]["nominal"], summary["payments_gbp"]["total"]
    investor, boroughs = summary["investor"], summary["boroughs"]
    calibration = summary["calibration"]
    saving = [b["net_saving_prob"] for b in boroughs.values()]
    lowest = min(boroughs.values(), key=lambda b: b["net_saving_prob"])
    yield "THE ANSWER"
    yield (
        f"  If therapy moves days out of care from {percent(calibration['reached']['usual'].__float__())} to "
        f"{percent(calibration['reached']['therapy'])}, care worth {pounds(avoided['mean'])} is avoided and "
        f"{pounds(paid['mean'])} is paid for it."
        if calibration["measure"] == "share_of_tracked_days_out_of_care"
        else f"  Care worth {pounds(avoided['mean'])} is avoided and {pounds(paid['mean'])} is paid for outcomes."
    )
    if len(saving) > 1:
        yield (
            f"  Each borough saves more than it pays in at least {in_hundred(min(saving))} simulated contracts "
            f"(least sure: {lowest['name']})."
        )
    else:
        yield f"  {lowest['name']} saves more than it pays in {in_hundred(saving[0])} simulated contracts."
    yield (
        f"  The investor loses money in {in_hundred(investor['loss_prob'])} simulated contracts"
        + (f" and earns {percent(investor['irr_of_expected_flows'], 1)} a year on the expected flows."
           if investor["irr_of_expected_flows"] is not None else "; the expected flows have no single rate of return.")
    )  # fmt: skip


def _children(summary: Summary) -> Iterator[str]:
    children, share = summary["children"], summary["out_of_care_share"]
    yield "CHILDREN"
    yield (
        f"  Referred {number(children['referred'])}; started therapy {number(children['started'])}; completed "
        f"{number(children['completed'])}; entered care while waiting {number(children['entered_care_waiting'])}."
    )
    yield f"  Families who start wait {number(summary['waiting_days'])} days on average."
    yield (
        f"  Of tracked days, {percent(share['usual']['mean'], 1)} are out of care without therapy and "
        f"{percent(share['therapy']['mean'], 1)} with it: {number(summary['care_days']['avoided'])} care days avoided."
    )


def _money(summary: Summary) -> Iterator[str]:
    avoided, paid = summary["avoided_cost_gbp"], summary["payments_gbp"]
    yield "MONEY (nominal, whole contract)"
    yield f"  Cost of care avoided while tracked     {pounds(avoided['nominal']['mean']):>9}   {interval(avoided['nominal'])}"
    yield f"  of which boroughs can cash             {pounds(avoided['cashable']['mean']):>9}   {interval(avoided['cashable'])}"
    yield f"  Outcome payments                       {pounds(paid['total']['mean']):>9}   {interval(paid['total'])}"
    if paid["top_up"]["mean"]:
        yield f"  of which the top-up fund pays          {pounds(paid['top_up']['mean']):>9}   {interval(paid['top_up'])}"
    yield f"  Cost of the service                    {pounds(summary['service_cost_gbp']['mean']):>9}"
    yield (
        f"  A cap on payments binds in {in_hundred(summary['cap_binds_prob'])}. Of what is paid for outcomes, "
        f"{percent(summary['deadweight_share']['mean'])} would have been due without any effect."
        if summary["deadweight_share"]["mean"] is not None
        else f"  A cap on payments binds in {in_hundred(summary['cap_binds_prob'])}."
    )
    yield (
        f"  Care without therapy costs {pounds(summary['blended_price_gbp_per_week']['mean'])} a week on average, at "
        f"the scenario's base-year prices."
    )


def _investor(investor: Summary) -> Iterator[str]:
    yield "INVESTOR"
    irr, multiple = investor["irr"], investor["money_multiple"]
    yield (
        f"  Return a year {percent(irr['mean'], 1)} ({percent(irr['p10'], 1)} to {percent(irr['p90'], 1)}); "
        f"money back {multiple['mean']:.2f} times; profit {pounds(investor['profit_gbp']['mean'])} "
        f"({interval(investor['profit_gbp'])})."
        if irr["n"] and multiple["n"]
        else f"  No rate of return in any simulated contract; profit {pounds(investor['profit_gbp']['mean'])}."
    )
    yield (
        f"  Most money in at once {pounds(investor['peak_funding_gbp']['mean'])}; never paid back in "
        f"{in_hundred(investor['never_paid_back_prob'])}; costs left unpaid in {in_hundred(investor['cost_unpaid_prob'])}."
    )
    odd = {"none": "no rate", "several": "several rates", "total_loss": "total loss", "not_needed": "money not needed"}
    seen = [f"{words} {investor['irr_outcomes'][k]:,}" for k, words in odd.items() if investor["irr_outcomes"][k]]
    if seen:
        yield "  Simulated contracts without one clear rate of return: " + "; ".join(seen) + "."


def _boroughs(summary: Summary) -> Iterator[str]:
    yield (
        f"{'BOROUGH':<24}{'starts':>7}{'avoided':>10}{'borough pays':>14}{'worst year*':>13}{'net saving':>12}"
        f"{'chance of saving':>18}"
    )
    for borough in summary["boroughs"].values():
        yield (
            f"{borough['name']:<24.24}{number(borough['started']):>7}{pounds(borough['avoided_cost_gbp']['mean']):>10}"
            f"{pounds(borough['payments_gbp']['mean']):>14}{pounds(borough['worst_year_payment_gbp']['p95']):>13}"
            f"{pounds(borough['net_saving_gbp']['mean']):>12}{in_hundred(borough['net_saving_prob']):>18}"
        )
    yield "* the most a borough pays in one financial year, exceeded in 1 of 20 simulated contracts"


def _how_sure(summary: Summary) -> Iterator[str]:
    avoided, shares = summary["avoided_cost_gbp"]["nominal"], summary["variance_share"]
    yield "HOW SURE"
    yield (
        f"  Simulation error of the mean cost avoided: {pounds(avoided['se'])} "
        f"({percent(avoided['se'] / abs(avoided['mean']), 1)})." if avoided["se"] and avoided["mean"]
        else "  One simulated contract says nothing about error; run more."
    )  # fmt: skip
    if shares["avoided_cost_gbp"] is None:
        yield "  Ranges show chance only: the same inputs, other children. Add --outer-draws 100 for doubt about inputs."
        return
    yield (
        f"  Doubt about inputs makes {percent(shares['avoided_cost_gbp'])} of the variance of cost avoided, "
        f"{percent(shares['payments_gbp'])} of payments and {percent(shares['profit_gbp'])} of profit; the rest is chance."
    )
    if shares["avoided_cost_gbp"] > 0.5:
        yield "  More simulated contracts would not help much; better evidence on the inputs would."
