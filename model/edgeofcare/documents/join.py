"""Should this borough join, and what does a contract mean for each borough: answers in plain words. In: results.

Out: sentences and pages. It computes nothing but roundings. Must not know: scenarios, rows, files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.page import in_hundred, percent, pounds

WIDTH = 100
Figures = Mapping[str, Any]
SURE = 2.0  # a difference is said to be one if it is more than twice its error
WHAT_IF_WORDS = {
    "referrals_50_percent_more": "half as many families again come",
    "referrals_50_percent_fewer": "half as many families come",
    "no_effect": "therapy does nothing",
    "half_effect": "therapy does half of what is claimed",
    "english_trial": "therapy does as the English trial found (odds ratio 1.25, more care)",
    "prices_20_percent_lower": "care costs a fifth less",
    "prices_20_percent_higher": "care costs a fifth more",
}
TEAM_WORDS = {
    "as-is": "with the teams there are",
    "plus-mst": "with one more MST team",
    "plus-fft": "with one more FFT team",
    "own": "with teams of its own",
}


# ---- joining -------------------------------------------------------------------------------------------------------


def join_words(found: Figures) -> list[str]:
    """Return the answer in sentences: for the joiners, those already in, the providers, the investor."""
    return [
        *(sentence for joiner in found["joiner"].values() for sentence in _joiner_words(joiner)),
        _waiting_words(found["incumbents"]),
        _starts_words(found["contract"], found["incumbents"]),
        _incumbent_words(found["incumbents"]),
        _together_words(found["contract"]),
        *_cap_words(found),
        _concentration_words(found),
        _provider_words(found["providers"]),
        _investor_words(found["investor"]),
        *_step_words(found.get("steps", ())),
        *_limit_words(found.get("limits")),
    ]


def _of_hundred(prob: float) -> str:
    """Return a chance as a number of a hundred contracts."""
    return in_hundred(prob).replace(" in 100", " of 100")


def _saves(gbp: float) -> str:
    return f"saves {pounds(gbp)}" if gbp >= 0 else f"loses {pounds(-gbp)}"


def _joiner_words(joiner: Figures) -> Iterator[str]:
    name, years = joiner["name"], joiner["years"]
    if not joiner["referred"]["mean"]:
        yield f"{name} refers nobody: joining changes nothing for it."
        return
    yield (
        f"{name} would be better off than doing nothing in {_of_hundred(joiner['better_off_prob'])} simulated "
        f"contracts ({_of_hundred(joiner['better_off_prob_independent_arms'])} if the care it would otherwise pay for "
        f"is taken from another draw of luck): on average it {_saves(joiner['net_saving_gbp']['mean'])}, "
        f"{pounds(joiner['avoided_gbp']['cashable'])} of cashable care avoided less "
        f"{pounds(joiner['avoided_gbp']['cashable'] - joiner['net_saving_gbp']['mean'])} of payments and own costs."
    )
    worst = max(years, key=lambda year: years[year]["payments_gbp"]["mean"])
    yield (
        f"In a bad case (one contract in twenty) its worst year costs {pounds(joiner['worst_year_gbp']['p95'])} or "
        f"more; the dearest year to plan for is {worst}, {pounds(years[worst]['payments_gbp']['mean'])} on average."
    )
    wait = joiner["waiting_days"]
    waits = "" if wait is None else f", after {wait:.0f} days on the waiting list on average"
    yield (
        f"Of {joiner['referred']['mean']:,.0f} families that it refers, {joiner['started']['mean']:,.0f} start "
        f"therapy{waits}."
    )
    yield _credit_words(name, joiner)


def _credit_words(name: str, figures: Figures) -> str:
    if figures["ever_in_credit_prob"] == 0:
        return f"{name} is in credit in no simulated contract."
    reached = 0.0
    for year, prob in figures["first_year_in_credit"].items():
        reached += prob
        if reached >= 0.5:
            return f"In half of the simulated contracts {name} is in credit by {year} or sooner."
    return f"{name} is never in credit in {_of_hundred(1 - figures['ever_in_credit_prob'])} simulated contracts."


def _differs(change: Figures) -> bool:
    if change["se"] is None:  # of one contract nobody can tell the luck, so what is seen is said
        return change["mean"] not in (None, 0)
    return bool(abs(change["mean"]) > SURE * change["se"])


def _waiting_words(incumbents: Figures) -> str:
    changes = {b["name"]: b["waiting_days"]["change"] for b in incumbents.values()}
    moved = {name: c["mean"] for name, c in changes.items() if c["mean"] is not None and _differs(c)}
    if not moved:
        return "Families in the boroughs already in wait no longer than before."
    longest = max(moved, key=lambda name: abs(moved[name]))
    way = "longer" if moved[longest] > 0 else "less long"
    most = f"{abs(moved[longest]):.1f} days {way}"
    if len(incumbents) == 1:
        return f"Families in {longest} wait {most}."
    if len(moved) == 1:
        return f"Of the boroughs already in, only families in {longest} notice: they wait {most}."
    least = min(moved, key=lambda name: abs(moved[name]))
    return (
        f"Families in the boroughs already in wait up to {most} in {longest}, and {abs(moved[least]):.1f} days "
        f"{'longer' if moved[least] > 0 else 'less long'} in {least}."
    )


def _starts_words(contract: Figures, incumbents: Figures) -> str:
    """Say how many fewer or more children start in the boroughs already in."""
    change = contract["change_in_starts_of_those_in"]
    if not _differs(change):
        return "As many of their children start therapy as before."
    moved = {b["name"]: b["change_in_starts"]["mean"] for b in incumbents.values() if _differs(b["change_in_starts"])}
    most = max(moved, key=lambda name: abs(moved[name]), default=None)
    where = "" if most is None else f", most in {most} ({abs(moved[most]):.1f} {_way(moved[most])})"
    return f"{abs(change['mean']):.1f} {_way(change['mean'])} of their children start therapy{where}."


def _way(change: float) -> str:
    return "fewer" if change < 0 else "more"


def _incumbent_words(incumbents: Figures) -> str:
    changes = {b["name"]: b["change_in_net_saving_gbp"] for b in incumbents.values()}
    worst = min(changes, key=lambda name: changes[name]["mean"])
    best = max(changes, key=lambda name: changes[name]["mean"])
    if not any(_differs(change) for change in changes.values()):
        return "No borough already in saves noticeably more or less than before."
    prob = next(b["worse_off_prob"] for b in incumbents.values() if b["name"] == worst)
    low, high = changes[worst]["mean"], changes[best]["mean"]
    if low >= 0:
        span = f"from {pounds(low)} ({worst}) to {pounds(high)} ({best})"
        return f"Every borough already in saves at least as much as before: {span} more."
    if not _differs(changes[worst]):
        return f"None of the boroughs already in loses noticeably; {best} gains {pounds(high)} on average."
    other = f"; {best} gains {pounds(high)}" if high > 0 and _differs(changes[best]) else ""
    return (
        f"Hardest hit of the boroughs already in is {worst}: it saves {pounds(-low)} less on average and is worse off "
        f"than before in {_of_hundred(prob)} simulated contracts{other}."
    )


def _together_words(contract: Figures) -> str:
    change = contract["change_in_net_saving_of_those_in_gbp"]
    everyone = contract["change_in_net_saving_of_all_gbp"]["mean"]
    way = "less" if everyone < 0 else "more"
    if not _differs(change):
        told = "Together they save about as much as before"
    else:
        told = f"Together they save {pounds(abs(change['mean']))} {'less' if change['mean'] < 0 else 'more'}"
    return f"{told}; all boroughs, joiners included, save {pounds(abs(everyone))} {way}."


def _cap_words(found: Figures) -> Iterator[str]:
    cap, binds = found["contract"]["cap_gbp"], found["contract"]["cap_binds_prob"]
    if cap["without"] is None:
        return
    before = f"(before: {percent(binds['without'])})"
    if cap["with"] == cap["without"]:
        often = percent(binds["with"])
        yield f"The contract's cap stays at {pounds(cap['with'])}; it binds in {often} of contracts {before}."
        return
    yield (
        f"The contract's cap rises from {pounds(cap['without'])} to {pounds(cap['with'])}, by what joining brings; "
        f"it binds in {percent(binds['with'])} of contracts {before}."
    )
    if not binds["with_fixed_cap"]:
        return
    fixed = sum(b["effect_of_a_fixed_cap_gbp"]["mean"] for b in found["incumbents"].values())
    yield (
        f"Were the cap kept at {pounds(cap['without'])}, it would bind in {percent(binds['with_fixed_cap'])}, and the "
        f"boroughs already in would save {pounds(abs(fixed))} {'more' if fixed >= 0 else 'less'} together, at the "
        f"investor's expense."
    )


def _concentration_words(found: Figures) -> str:
    """Say how much of what boroughs pay hangs on the largest payer."""
    names = {slug: b["name"] for slug, b in [*found["incumbents"].items(), *found["joiner"].items()]}
    before, after = found["contract"]["concentration"]["without"], found["contract"]["concentration"]["with"]
    if after["largest"] is None:
        return "Boroughs pay nothing."
    was, same = "", before["largest"] == after["largest"]
    if before["largest"] is not None:
        was = f" (before: {'' if same else names[before['largest']] + ' '}{percent(before['largest_share'])})"
    return f"{names[after['largest']]} pays {percent(after['largest_share'])} of what boroughs pay{was}."


def _provider_words(providers: Figures) -> str:
    parts = []
    for name, team in providers.items():
        use = team["slots_used_share"]
        was = "(new)" if team["new"] else f"{percent(use['without'])} to"
        parts.append(f"{name} {was} {percent(use['with'])}")
    return f"Use of the teams' places over the contract: {'; '.join(parts)}."


def _investor_words(investor: Figures) -> str:
    before, after = investor["without"], investor["with"]
    return (
        f"The investor puts in at most {pounds(after['peak_funding_gbp']['mean'])} at once (before: "
        f"{pounds(before['peak_funding_gbp']['mean'])}), earns {percent(after['irr_of_expected_flows'], 1)} a year on "
        f"the expected flows (before: {percent(before['irr_of_expected_flows'], 1)}), and loses money in "
        f"{_of_hundred(after['loss_prob'])} contracts (before: {_of_hundred(before['loss_prob'])})."
    )


def _step_words(steps: Sequence[Figures]) -> Iterator[str]:
    """Say what each joiner changes for those who are in before it."""
    for n, step in enumerate(steps):
        changes = {b["name"]: b["change_in_net_saving_gbp"] for b in step["incumbents"].values()}
        worst = min(changes, key=lambda name: changes[name]["mean"])
        hit = changes[worst]
        noticed = hit["mean"] < 0 and _differs(hit)
        told = f"{worst} then saves {pounds(-hit['mean'])} less" if noticed else "nobody in before it loses noticeably"
        yield (
            f"{step['name']}, joining on {step['join_date']}{' with those named before it in' if n else ''}, "
            f"{_saves(step['net_saving_gbp']['mean'])} on average; {told}."
        )


def _limit_words(limits: Figures | None) -> Iterator[str]:
    if limits is None:
        yield (
            "WHAT WOULD CHANGE THIS: the effect of therapy, the number of referrals, the date and the teams. --limits "
            "shows how far referrals and date can move, and what other teams would do; `exposure` what the effect does."
        )
        return
    share = limits["break_even_referrals_share"]
    rows = limits["by_volume"]
    if share is not None:
        yield f"WHAT WOULD CHANGE THIS. Joining breaks even at {percent(share)} of the referrals assumed."
    else:
        pays = rows[0]["joiner_net_saving_gbp"] > 0
        yield (
            f"WHAT WOULD CHANGE THIS. Joining {'pays' if pays else 'does not pay'} on average at any volume from "
            f"{percent(rows[0]['referrals_share'])} to {percent(rows[-1]['referrals_share'])} of the referrals assumed."
        )
    latest = limits["latest_date_that_pays"]
    chances = {row["join_date"]: row["joiner_better_off_prob"] for row in limits["by_join_date"]}
    if latest:
        yield (
            f"The latest month to join at which it still pays on average is that of {latest}; it is then better off "
            f"than doing nothing in {_of_hundred(chances[latest])} simulated contracts."
        )
    else:
        yield "At no joining date tried does it pay on average."
    teams = limits["by_teams"]
    best = max(teams, key=lambda name: teams[name]["joiner_net_saving_gbp"])
    kind = max(teams, key=lambda name: teams[name]["change_for_incumbents_gbp"]["mean"])
    yield (
        f"The joiner fares best {TEAM_WORDS[best]} (net {pounds(teams[best]['joiner_net_saving_gbp'])}), the boroughs "
        f"already in fare best {TEAM_WORDS[kind]} ({pounds(teams[kind]['change_for_incumbents_gbp']['mean'])} "
        f"together); the cost of a new team falls on the investor."
    )


def join_page(found: Figures) -> str:
    """Return the answer in words, then the tables behind it."""
    names = ", ".join(joiner["name"] for joiner in found["joiner"].values())
    lines = [
        f"Should {names} join {found['scenario']}?",
        f"{found['replications']:,} simulated contracts, each with and without on the same luck, seed {found['seed']}; "
        f"{TEAM_WORDS[found['contract']['teams']]}.",
        "",
        "THE ANSWER",
    ]
    lines += [line for sentence in join_words(found) for line in _wrapped(sentence)]
    for joiner in found["joiner"].values():
        lines += ["", f"{joiner['name'].upper()} BY FINANCIAL YEAR", *_years(joiner)]
    lines += ["", "THE BOROUGHS ALREADY IN: WHAT CHANGES", *_incumbent_table(found["incumbents"])]
    if found.get("limits"):
        lines += ["", "OTHER CHOICES", *_limit_table(found["limits"])]
    return "\n".join(lines) + "\n"


def _years(figures: Figures) -> Iterator[str]:
    yield (
        f"  {'':<9}{'pays':>9}{'1 in 10':>10}{'1 in 20':>10}{'care avoided':>14}{'cashable':>10}{'net':>10}"
        f"{'to date':>10}{'in credit':>11}"
    )
    for year, row in figures["years"].items():
        paid = row["payments_gbp"]
        yield (
            f"  {year:<9}{pounds(paid['mean']):>9}{pounds(paid['p90']):>10}{pounds(paid['p95']):>10}"
            f"{pounds(row['avoided_nominal_gbp']):>14}{pounds(row['avoided_cashable_gbp']):>10}"
            f"{pounds(row['net_saving_gbp']):>10}{pounds(row['cumulative_net_saving_gbp']):>10}"
            f"{percent(row['in_credit_prob']):>11}"
        )


def _incumbent_table(incumbents: Figures) -> Iterator[str]:
    yield f"  {'':<24}{'wait before':>12}{'change':>16}{'starts':>8}{'payments':>10}{'net saving':>18}{'worse off':>11}"
    for row in incumbents.values():
        wait, saving = row["waiting_days"], row["change_in_net_saving_gbp"]
        yield (
            f"  {row['name']:<24}{_days(wait['without']):>12}{_change(wait['change']):>16}"
            f"{row['change_in_starts']['mean']:>+8.1f}{pounds(row['change_in_payments_gbp']['mean']):>10}"
            f"{pounds(saving['mean']) + ' ± ' + pounds(saving['se']):>18}{percent(row['worse_off_prob']):>11}"
        )
    yield "  ± one standard error of the paired difference; worse off: chance to save less than before."


def _days(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} days"


def _change(change: Figures) -> str:
    if change["mean"] is None:
        return "-"
    error = "" if change["se"] is None else f" ± {change['se']:.1f}"
    return f"{change['mean']:+.1f}{error} d"


def _limit_table(limits: Figures) -> Iterator[str]:
    yield f"  {'':<26}{'joiner saves':>14}{'chance':>8}{'its wait':>11}{'others together':>17}{'investor':>11}"
    rows = [(f"{percent(row['referrals_share'])} of referrals", row) for row in limits["by_volume"]]
    rows += [(f"from {row['join_date']}", row) for row in limits["by_join_date"]]
    rows += [(TEAM_WORDS[name], row) for name, row in limits["by_teams"].items()]
    for name, row in rows:
        yield (
            f"  {name:<26}{pounds(row['joiner_net_saving_gbp']):>14}{percent(row['joiner_better_off_prob']):>8}"
            f"{_days(row['joiner_wait_days']):>11}{pounds(row['change_for_incumbents_gbp']['mean']):>17}"
            f"{pounds(row['change_in_profit_gbp']['mean']):>11}"
        )


# ---- exposure ------------------------------------------------------------------------------------------------------


def exposure_page(found: Figures, only: Sequence[str] = ()) -> str:
    """Return each borough's exposure: words, then year by year, then what if."""
    contract = found["contract"]
    hangs = contract["concentration"]
    if hangs["largest"] is None:
        spread_over = "Boroughs pay nothing."
    else:
        spread_over = (
            f"{found['boroughs'][hangs['largest']]['name']} pays {percent(hangs['largest_share'])} of what boroughs "
            f"pay; payments are spread as over {hangs['effective_boroughs']:.1f} boroughs of equal size."
        )
    lines = [
        f"What {found['scenario']} means for each borough: {found['replications']:,} simulated contracts, seed "
        f"{found['seed']}.",
        spread_over,
    ]
    for slug, borough in found["boroughs"].items():
        if not only or slug in only:
            lines += ["", *_borough_page(borough, {key: b["name"] for key, b in found["boroughs"].items()})]
    return "\n".join(lines) + "\n"


def _borough_page(borough: Figures, names: Mapping[str, str]) -> Iterator[str]:
    yield borough["name"].upper()
    ratio = borough["benefit_cost_ratio"]
    yield from _wrapped(
        f"{borough['name']} is better off than doing nothing in {_of_hundred(borough['better_off_prob'])} simulated "
        f"contracts ({_of_hundred(borough['better_off_prob_independent_arms'])} on independent luck) and "
        f"{_saves(borough['net_saving_gbp']['mean'])} on average. Its worst year costs "
        f"{pounds(borough['worst_year_gbp']['p50'])} typically and {pounds(borough['worst_year_gbp']['p95'])} or more "
        f"in one contract in twenty ({pounds(borough['worst_year_gbp']['expected_shortfall'])} on average there)."
    )
    yield from _wrapped(_credit_words(borough["name"], borough))
    yield from _wrapped(
        f"For each pound: {_times(ratio['borough'])} back to the borough, {_times(ratio['public_purse'])} to the "
        f"public purse, {_times(ratio['social'])} to society ({_times(ratio['borough_optimism_off'])}, "
        f"{_times(ratio['public_purse_optimism_off'])}, {_times(ratio['social_optimism_off'])} with optimism taken "
        f"off). {percent(borough['deadweight_share'])} of weeks out of care would have come without therapy."
    )
    if "budget" in borough:
        budget = borough["budget"]
        yield from _wrapped(
            f"A budget of {pounds(budget['gbp_per_year'])} a year is broken in some year in "
            f"{_of_hundred(budget['any_year_over_prob'])} simulated contracts."
        )
    yield from _years(borough)
    for key, row in borough.get("what_if", {}).items():
        words = WHAT_IF_WORDS.get(key) or f"{names[key.removeprefix('without_')]} leaves"
        change = row["change_in_net_saving_gbp"]
        yield (
            f"  If {words:<70}saves {pounds(row['net_saving_gbp']):>8} ({pounds(change['mean'])} ± "
            f"{pounds(change['se'])}), better off in {percent(row['better_off_prob'])}"
        )


# ---- shares --------------------------------------------------------------------------------------------------------

RULE_WORDS = {
    "shapley": "Shapley value",
    "referrals": "referrals",
    "population": "population",
    "starts": "starts",
    "avoided": "avoided cost",
}


def shares_page(found: Figures) -> str:
    """Return how the cost could be shared: words, then pounds by borough and rule."""
    lines = [f"Who should pay what for {found['scenario']}?", "", "THE ANSWER"]
    lines += [line for sentence in found["words"] for line in _wrapped(sentence)]
    rules = found["rules"]
    lines += ["", "SHARES OF THE COST, BY WHAT THEY ARE SHARED BY"]
    lines.append(f"  {'':<24}{'alone':>12}" + "".join(f"{RULE_WORDS[rule['rule']]:>15}" for rule in rules))
    for i, need in enumerate(found["needs"]):
        cells = "".join(f"{pounds(rule['pence'][i] / 100):>15}" for rule in rules)
        lines.append(f"  {need['name']:<24}{pounds(found['alone_pence'][i] / 100):>12}{cells}")
    total = "".join(f"{pounds(sum(rule['pence']) / 100):>15}" for rule in rules)
    lines.append(f"  {'together':<24}{pounds(sum(found['alone_pence']) / 100):>12}{total}")
    lines += [f"  Not shared by {RULE_WORDS[rule]}: {why}" for rule, why in found["left_out"].items()]
    return "\n".join(lines) + "\n"


def _times(value: float | None) -> str:
    return "-" if value is None else f"£{value:.2f}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
