"""The logs that an assurer asks for: assumptions, quality checks, provenance. In: parts of a case. Out: tables.

It computes nothing but roundings and sums that are checks. Must not know: scenarios, rows, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.answers.stress import stress_table
from edgeofcare.documents.document import Table, table_of
from edgeofcare.documents.words import bare, percent, pounds, said_pounds, slug_words, value_words

Case = Mapping[str, Any]
ASSUMPTION_HEAD = (
    "Input",
    "What it is",
    "Value",
    "Range",
    "Source",
    "Quality",
    "Rank",
    "Impact, investor",
    "Impact, boroughs",
)
QUALITY_HEAD = ("Check", "Kind", "Finding", "Status")
NOT_TESTED = "not tested"
PASSED, TO_READ, NOT_RUN, FAILED = "passed", "to be read", "not run here", "failed"
PENNY = 0.01
CLOSE = 0.005  # of a share: a target is met if what was reached rounds to it in whole points
# What the inputs that matter most are, where the schema speaks to those who write scenarios.
PLAIN_WORDS = {
    "effect.usual": "Share out of care without therapy, as assumed",
    "effect.therapy": "Share out of care with therapy, as claimed",
    "costs.management.0.gbp_per_year": "Cost of managing the contract",
    "mean_days": "Average length of the therapy",
    "completion_prob": "Share of therapies that are completed",
    "share_suited": "Share of families suited to the therapy",
    "referrals.accept_prob": "Share of referred families that the panel accepts",
    "referrals.engage_prob": "Share of accepted families that agree to therapy",
    "referrals_per_year": "Families referred a year, once referrals have built up",
    "cost_gbp_per_year": "Cost of the team in its first year",
}
PART_NAMES = {
    "contracts": "Contracts side by side",
    "exposure": "Boroughs year by year",
    "stress": "Stresses",
    "tornado": "What moves the result",
    "backtest": "Backtest",
    "series": "Series and the average case",
}


# ---- assumptions ---------------------------------------------------------------------------------------------------


def input_words(case: Case) -> dict[str, str]:
    """Return what each input is, by its path, in words that need no knowledge of the program where it has some."""
    return {row["id"]: _input_words(row, case) for row in _assumptions(case)}


def input_units(case: Case) -> dict[str, str]:
    """Return the unit of each input by its path."""
    return {row["id"]: row["unit"] for row in _assumptions(case)}


def _assumptions(case: Case) -> Sequence[Case]:
    return tuple(case.get("assumptions", {}).get("assumptions", ()))


def _input_words(row: Case, case: Case) -> str:
    path = row["id"]
    room, _, rest = path.partition(".")
    slug, _, key = rest.partition(".")
    if room not in ("boroughs", "teams", "therapies"):
        return PLAIN_WORDS.get(path, str(row["name"]))
    names = {one: borough["name"] for one, borough in case.get("summary", {}).get("boroughs", {}).items()}
    if room == "therapies":
        names = {slug: _therapy_name(slug, case)}
    return f"{PLAIN_WORDS.get(key, row['name'])} ({names.get(slug, slug_words(slug))})"


def _therapy_name(slug: str, case: Case) -> str:
    rows = {row["id"]: row["value"] for row in case.get("inputs", {}).get("inputs", ())}
    return str(rows.get(f"therapies.{slug}.name") or slug_words(slug))


def assumptions_log(case: Case) -> Table:
    """Return every input with a source, by how much it moves the investor or the boroughs, whichever is more."""
    impacts = impacts_of(case)
    words = input_words(case)
    ranks = {path: rank for rank, path in enumerate(impacts, 1)}
    rows = _assumptions(case)
    told = sorted(rows, key=lambda row: ranks.get(row["id"], len(rows)))
    return table_of(
        "Assumptions log: every input that has a source",
        ASSUMPTION_HEAD,
        [
            (
                row["id"],
                words[row["id"]],
                value_words(row["value"], row["unit"]),
                _range(row),
                ", ".join(filter(None, (row["source"], row["date"]))),
                row["quality"],
                str(ranks[row["id"]]) if row["id"] in ranks else NOT_TESTED,
                *(map(said_pounds, impacts[row["id"]]) if row["id"] in impacts else (NOT_TESTED, NOT_TESTED)),
            )
            for row in told
        ],
        "Impact: how far the investor's expected profit and the boroughs' expected net saving swing when the input "
        "alone goes from the low to the high end of its range; the rank is by the larger of the two. Not tested: the "
        "input has no range. Quality: data (official file), research (published text), judgement (nobody has "
        "published it).",
    )


def impacts_of(case: Case) -> dict[str, tuple[float, float]]:
    """Return the swings (GBP) of the investor's profit and of the boroughs' net saving by path, the largest first."""
    swings = {bar["path"]: (bar["swing"], bar["swings"]["boroughs"]) for bar in case.get("tornado", {}).get("bars", ())}
    return dict(sorted(swings.items(), key=lambda item: -max(item[1])))


def _range(row: Case) -> str:
    if row["low"] is None:
        return "-"
    return " to ".join(bare(row[end], row["unit"]) for end in ("low", "high"))


# ---- quality -------------------------------------------------------------------------------------------------------


def quality_log(case: Case) -> Table:
    """Return the checks that were run for this case with what they found, and those that were not run here."""
    checks = (
        _targets,
        _balances,
        _sums,
        _precision,
        _contract_faults,
        _ranges_lived,
        _stresses_lived,
        _forecasts,
        _elsewhere,
    )
    return table_of(
        "Quality log: checks and what they found",
        QUALITY_HEAD,
        [row for check in checks for row in check(case)],
        "Verification: does the program do what it says? Validation: does what it says fit the world? Only what was "
        "run for this case is called passed or failed.",
    )


def _targets(case: Case) -> Iterator[tuple[str, ...]]:
    if "summary" not in case:
        return
    found = case["summary"]["calibration"]
    for arm, words in (("usual", "without"), ("therapy", "with")):
        target, reached = found["target"][arm], found["reached"][arm]
        if target is not None and reached is not None:
            yield (
                f"The children simulated {words} therapy are those that the scenario claims",
                "verification",
                f"{percent(target, 1)} aimed at, {percent(reached, 1)} reached for {found['n_children']:,} children",
                PASSED if abs(target - reached) < CLOSE else FAILED,
            )


def _balances(case: Case) -> Iterator[tuple[str, ...]]:
    if "summary" in case:
        yield (
            "Every account balances to the penny on every date",
            "verification",
            f"Looked at in all {case['summary']['replications']:,} simulated contracts; the first fault would have "
            f"stopped the run",
            PASSED,
        )


def _sums(case: Case) -> Iterator[tuple[str, ...]]:
    if "summary" not in case:
        return
    summary = case["summary"]
    paid, boroughs = summary["payments_gbp"], summary["boroughs"].values()
    parts = sum(borough["payments_gbp"]["mean"] for borough in boroughs)
    yield _sum_row("What boroughs pay adds up to their total", parts, paid["boroughs"]["mean"])
    own, top_up = paid["boroughs"]["mean"], paid["top_up"]["mean"]
    yield _sum_row("Boroughs and top-up fund add up to all payments", own + top_up, paid["total"]["mean"])
    if "exposure" in case and case["exposure"]["replications"] == summary["replications"]:
        told = case["exposure"]["contract"]["payments_gbp"]["mean"]
        yield _sum_row("Two analyses of the same lives pay the same", told, own)


def _sum_row(check: str, parts: float, whole: float) -> tuple[str, ...]:
    """Return a line that compares two averages; they may differ by a penny of rounding."""
    same = abs(parts - whole) < PENNY
    return check, "verification", f"£{parts:,.2f} and £{whole:,.2f}", PASSED if same else FAILED


def _precision(case: Case) -> Iterator[tuple[str, ...]]:
    avoided = case["summary"]["avoided_cost_gbp"]["nominal"] if "summary" in case else {"se": None}
    if avoided["se"] is not None:
        yield (
            "How much would another seed move the average care cost avoided?",
            "verification",
            f"By about {pounds(avoided['se'])} of {pounds(avoided['mean'])}",
            TO_READ,
        )


def _contract_faults(case: Case) -> Iterator[tuple[str, ...]]:
    if "lint" in case:
        n = len(case["lint"])
        found = "No fault: few terms, data that boroughs hold, nobody gains from harm"
        yield (
            "Faults of the contract",
            "validation",
            found if not n else f"{n} finding{'s' if n > 1 else ''}, in the commercial case",
            TO_READ if n else PASSED,
        )


def _ranges_lived(case: Case) -> Iterator[tuple[str, ...]]:
    if "tornado" in case:
        bars = case["tornado"]["bars"]
        failed = sum(bool(bar[end]["problem"]) for bar in bars for end in ("low", "high"))
        yield (
            "Each input's low and high end could be simulated",
            "verification",
            f"{2 * len(bars) - failed} of {2 * len(bars)} ends",
            TO_READ if failed else PASSED,
        )


def _stresses_lived(case: Case) -> Iterator[tuple[str, ...]]:
    if "stress" in case:
        table = stress_table(case["stress"])
        rows, skipped = table.stresses, table.skipped
        short = [row.title for row in rows if not row.targets_met]
        told = f"{len(rows)} run, {len(skipped)} did not fit"
        yield (
            "Each stress could be simulated",
            "verification",
            told + (f"; the claim was out of reach, and the nearest taken, under: {'; '.join(short)}" if short else ""),
            TO_READ if skipped or short else PASSED,
        )


def _forecasts(case: Case) -> Iterator[tuple[str, ...]]:
    if "backtest" in case:
        inside, outside, bounds = backtest_counts(case["backtest"])
        yield (
            "Published results that no input was set by",
            "validation",
            f"{inside} inside the model's 90% range, {outside} outside, {bounds} limits kept",
            TO_READ,
        )


def backtest_counts(found: Case) -> tuple[int, int, int]:
    """Return how many predicted figures lie inside the 90% range, outside it, and are limits that the model keeps."""
    verdicts = [line["verdict"] for line in found["lines"] if line["kind"] == "predicted"]
    bounds = sum(verdict.endswith("(bound met)") for verdict in verdicts)
    inside = sum(verdict.startswith("inside") for verdict in verdicts) - bounds
    return inside, len(verdicts) - inside - bounds, bounds


def _elsewhere(case: Case) -> Iterator[tuple[str, ...]]:
    yield ("A second run gives the same bits", "verification", "Run: edgeofcare verify RUN_FOLDER", NOT_RUN)
    yield ("The two engines count the same", "verification", "Run: make test", NOT_RUN)
    yield ("Somebody who did not build the case has read it", "validation", "To be filled in by the reader", NOT_RUN)


# ---- provenance ----------------------------------------------------------------------------------------------------


def commit_words(head: Case) -> str:
    """Return the commit that the numbers were made from, and whether its files were as committed."""
    clean = {True: "", False: ", with changes not committed", None: ", not known whether changed since"}
    commit = head.get("commit")
    return f"{commit}{clean[head.get('tree_clean')]}" if commit else "not known"


def provenance(case: Case) -> Table:
    """Return where the numbers come from."""
    head = case["case"]
    rows = [
        ("Scenario", f"{head['title']} ({head['scenario']})"),
        ("SHA-256 of the scenario", head.get("scenario_sha256", "-")),
        ("Program", f"edgeofcare {head['version']}"),
        ("Hash of its sources", head.get("source_hash", "-")),
        ("Commit", commit_words(head)),
        ("Made", f"{head.get('made_utc', '-')} on {head.get('platform', '-')}"),
        ("Libraries", ", ".join(f"{name} {number}" for name, number in head.get("libraries", {}).items()) or "-"),
        ("Seed", str(head["seed"])),
        *((("Outer draws", f"{head['outer_draws']:,}"),) if "outer_draws" in head else ()),
        ("Simulated contracts, main run", f"{head['replications']:,}"),
        *((f"Simulated contracts, {PART_NAMES.get(name, name)}", f"{n:,}") for name, n in head["parts"].items()),
    ]
    return Table("Where the numbers come from", ("What", "Value"), tuple(rows), numeric=(False, False))
