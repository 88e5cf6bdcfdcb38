"""The business case in words: every number said is a number found, and what was not run is not told."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeofcare import results
from edgeofcare.documents.document import Bullets, Callout, Document, Figure, Heading, Paragraph, Table
from edgeofcare.documents.papers.assurance_logs import assumptions_log, quality_log
from edgeofcare.documents.papers.business_case import _investor_in_short, _payers_in_short, business_case
from edgeofcare.documents.read import PARTS, read_case
from edgeofcare.documents.words import value_words
from edgeofcare.errors import RunFolderError
from edgeofcare.folders import write_manifest
from edgeofcare.inputs.describe import assumption_log, resolved
from edgeofcare.inputs.load import load, scenario_hash
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import version
from edgeofcare.questions.backtest import as_json as backtest_object
from edgeofcare.questions.backtest import backtest
from edgeofcare.questions.breakeven import breakeven
from edgeofcare.questions.case import FORMAT, MANIFEST
from edgeofcare.questions.contracts import contracts as compare_contracts
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.exposure import exposure as exposures
from edgeofcare.questions.lint import lint
from edgeofcare.questions.report_data import lives, mean_case, series
from edgeofcare.questions.sensitivity.tornado import tornado
from edgeofcare.questions.stress import stress
from edgeofcare.results import plain
from edgeofcare.walk import run

Case = dict[str, Any]
FEW = 30
NAMES = ("pan_london", "essex", "pan_london_null")
WITHOUT = {
    "essex": ("tornado", "contracts", "backtest"),
    "pan_london_null": ("uncertain", "stress", "lives", "mean", "contracts"),
}
FEW_STRESSES = "no_effect,referrals_30,start_effect,half_effect"
FEW_CONTRACTS = ("pan_london", "essex", "fee_for_service")
CHAPTERS = (
    "The answer",
    "Strategic",
    "Economic",
    "Commercial",
    "Financial",
    "Management",
    "Assumptions log",
    "Quality log",
    "Provenance",
)


def head(name: str) -> Case:
    scenario = load(name)
    return {
        "format": FORMAT,
        "scenario": name,
        "title": scenario.title,
        "description": scenario.description,
        "scenario_sha256": scenario_hash(scenario),
        "version": version(),
        "source_hash": "0",
        "seed": 1,
        "replications": FEW,
        "parts": {"stress": FEW},
    }


def few_ranges(scenario: Scenario) -> Scenario:
    """Return a scenario of which all but four inputs have lost their range; the last of them moves nothing."""
    kept = (
        "effect.therapy",
        "costs.management.0.gbp_per_year",
        "boroughs.newham.referrals_per_year",
        "prices.gbp_per_week.kinship",
    )
    origins = {
        path: origin if path in kept else origin.model_copy(update={"low": None, "high": None})
        for path, origin in scenario.origins.items()
    }
    return scenario.model_copy(update={"origins": origins})


def made(name: str) -> Case:
    """Make a small case; two of the three leave parts out."""
    scenario = load(name)
    world = claimed_case(scenario)
    parts: dict[str, Callable[[], Any]] = {
        "inputs": lambda: resolved(scenario),
        "assumptions": lambda: assumption_log(scenario),
        "summary": lambda: plain(run(scenario, FEW, 1).summary),
        "uncertain": lambda: plain(run(few_ranges(scenario), FEW, 1, 3).summary),
        "series": lambda: plain(series(world, FEW, 1)),
        "mean": lambda: mean_case(world, FEW, 1),
        "lives": lambda: lives(world, 1),
        "exposure": lambda: exposures(scenario, FEW, 1, what_if=False).as_dict(),
        "contracts": lambda: compare_contracts(scenario, FEW_CONTRACTS, FEW, 1, grid=True).as_dict(),
        "breakeven": lambda: breakeven(scenario, replications=FEW).as_dict(),
        "lint": lambda: [vars(finding) for finding in lint(scenario)],
        "stress": lambda: stress(scenario, FEW_STRESSES, replications=FEW).as_dict(),
        "tornado": lambda: tornado(few_ranges(scenario), replications=FEW).as_dict(),
        "backtest": lambda: backtest_object(backtest(FEW)),
    }
    assert tuple(parts) == PARTS
    found = {part: make() for part, make in parts.items() if part not in WITHOUT.get(name, ())}
    return {"case": head(name), **json.loads(json.dumps(found, default=str))}


@pytest.fixture(scope="session")
def cases() -> dict[str, Case]:
    return {name: made(name) for name in NAMES}


@pytest.fixture(scope="session")
def documents(cases: dict[str, Case]) -> dict[str, Document]:
    return {name: business_case(case) for name, case in cases.items()}


def texts(document: Document) -> list[str]:
    """Every piece of text that a reader sees, without the pictures."""
    found = [document.title, document.subtitle, document.footer]
    for block in document.blocks:
        if isinstance(block, Heading | Paragraph | Callout):
            found.append(block.text)
        elif isinstance(block, Bullets):
            found += block.items
        elif isinstance(block, Table):
            found += [block.caption, *block.head, *(cell for row in block.rows for cell in row), block.note]
    return found


def prose(document: Document) -> str:
    return "\n".join(
        text
        for block in document.blocks
        for text in (block.items if isinstance(block, Bullets) else [getattr(block, "text", "")])
    )


def table(document: Document, caption: str) -> Table:
    [found] = [block for block in document.blocks if isinstance(block, Table) and block.caption.startswith(caption)]
    return found


# ---- what is said, read back from the words ------------------------------------------------------------------------

UNITS = {"m": 1e6, "k": 1e3, "": 1.0, "%": 0.01, " in 100": 0.01}
NUMBER = re.compile(r"(-?)£?([\d,]+(?:\.\d+)?)(m\b|k\b|%| in 100)?")


def read_back(words: str) -> tuple[float, float]:
    """Return what a number in words means, and half of its last digit."""
    match = NUMBER.fullmatch(words)
    assert match, words
    sign, digits, unit = match[1], match[2].replace(",", ""), UNITS[match[3] or ""]
    half = 0.5001 * 10.0 ** -len(digits.partition(".")[2]) * unit
    return float(sign + digits) * unit, half


def means(words: str, expected: float) -> bool:
    value, half = read_back(words)
    return abs(value - expected) <= half


N = r"(-?£?[\d,]+(?:\.\d+)?(?:m\b|k\b|%| in 100)?)"
Expected = Callable[[Mapping[str, Any]], list[float]]


def stat(*path: str) -> Expected:
    """Return a reader of the means at some paths of the summary, slashes between keys."""

    def read(case: Mapping[str, Any]) -> list[float]:
        found = []
        for one in path:
            value: Any = case
            for key in one.split("/"):
                value = value[key]
            found.append(float(value))
        return found

    return read


def stressed(case: Mapping[str, Any], *path: str) -> float:
    value: Any = next(row for row in case["stress"]["stresses"] if row["name"] == "no_effect")
    for key in path:
        value = value[key]
    return abs(float(value["value"]))


def predicted(case: Mapping[str, Any]) -> list[float]:
    verdicts = [line["verdict"] for line in case["backtest"]["lines"] if line["kind"] == "predicted"]
    met = sum(verdict == "inside 50% (bound met)" or verdict == "inside 90% (bound met)" for verdict in verdicts)
    outside = verdicts.count("outside")
    return [len(verdicts), len(verdicts) - outside - met, outside, met]


# (which parts it needs, what is said, what must be said)
SENTENCES: list[tuple[str, str, Expected]] = [
    ("summary", rf"worth {N} is avoided\. ", stat("summary/avoided_cost_gbp/nominal/mean")),
    (
        "summary",
        rf"{N} is paid for outcomes, and the service costs {N}\.",
        stat("summary/payments_gbp/total/mean", "summary/service_cost_gbp/mean"),
    ),
    (
        "exposure",
        rf" pays? {N} and ends? up {N} (?:better|worse) off \(middle 80%: {N} to {N}\)",
        lambda case: [
            case["exposure"]["contract"]["payments_gbp"]["mean"],
            abs(case["exposure"]["contract"]["net_saving_gbp"]["mean"]),
            *(case["exposure"]["contract"]["net_saving_gbp"][key] for key in ("p10", "p90")),
        ],
    ),
    (
        "summary",
        rf"puts in at most {N} at once, (?:gains|loses) {N} on average",
        lambda case: [
            case["summary"]["investor"]["peak_funding_gbp"]["mean"],
            abs(case["summary"]["investor"]["profit_gbp"]["mean"]),
        ],
    ),
    (
        "stress",
        rf"If therapy does nothing, {N} is still paid: .* up {N} worse off, and the investor loses {N} on average",
        lambda case: [
            stressed(case, "payments_gbp"),
            stressed(case, "net_saving_gbp"),
            stressed(case, "investor", "profit_gbp"),
        ],
    ),
    ("summary", rf"last payment, with the chances of real life\. {N} were lived", stat("summary/replications")),
    (
        "summary",
        rf"Without therapy {N} would never be in care while tracked, with therapy {N}\.",
        stat("summary/never_in_care_share/usual/mean", "summary/never_in_care_share/therapy/mean"),
    ),
    ("summary", rf"has waited {N} days? on average", stat("summary/waiting_days/mean")),
    (
        "inputs",
        rf"tracked is worth {N}(?: \(middle 80%: {N} to {N}\))? in pounds of the first day",
        stat(*(f"summary/avoided_cost_gbp/real_discounted/{key}" for key in ("mean", "p10", "p90"))),
    ),
    (
        "inputs",
        rf"discounted at {N} a year",
        lambda case: [
            next(row["value"] for row in case["inputs"]["inputs"] if row["id"] == "prices.discount_rate_per_year")
        ],
    ),
    ("breakeven", rf"The contract pays {N}\.", stat("breakeven/own_price")),
    ("breakeven", rf"earns the {N} a year that it looks for", stat("breakeven/target_irr_per_year")),
    (
        "summary",
        rf"On average {N} is paid \(middle 80%: {N} to {N}\)\.",
        stat(*(f"summary/payments_gbp/total/{key}" for key in ("mean", "p10", "p90"))),
    ),
    (
        "summary",
        rf"Of the outcomes paid for, {N} would have come without therapy",
        stat("summary/deadweight_share/mean"),
    ),
    (
        "series",
        rf"longest average wait before therapy is {N} days?,",
        lambda case: [max(row["waiting_days"] for row in case["series"]["boroughs"].values())],
    ),
    (
        "stress",
        rf"{N} things that could go wrong were each simulated \({N} simulated",
        lambda case: [len(case["stress"]["stresses"]), case["stress"]["replications"]],
    ),
    ("tornado", rf"expected gain, now {N}, moves most", stat("tornado/base")),
    (
        "backtest",
        rf"{N} of the figures were not used to set it up\. {N} of them lie inside .* {N} outside, and {N} ",
        predicted,
    ),
    (
        "inputs",
        rf"The contract pays for {N} therapists until",
        lambda case: [sum(row["value"] for row in case["inputs"]["inputs"] if row["id"].endswith(".n_therapists"))],
    ),
    (
        "inputs",
        rf"care worth {N} would be avoided instead of {N}\.",
        stat("summary/avoided_cost_gbp/to_18/mean", "summary/avoided_cost_gbp/nominal/mean"),
    ),
    (
        "assumptions",
        rf"{N} inputs with a source, {N} are judgements, {N} come from research and {N} from official",
        lambda case: [
            len(case["assumptions"]["assumptions"]),
            *(
                sum(row["quality"] == kind for row in case["assumptions"]["assumptions"])
                for kind in ("judgement", "research", "data")
            ),
        ],
    ),
]
NOT_IN_NULL = ("If therapy does nothing", "is avoided")  # said only where an effect is assumed


@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_with_a_number_says_the_number_found(
    name: str, cases: dict[str, Case], documents: dict[str, Document]
) -> None:
    text, checked = prose(documents[name]), 0
    for part, pattern, expected in SENTENCES:
        if part not in cases[name] or (name == "pan_london_null" and any(words in pattern for words in NOT_IN_NULL)):
            continue
        match = re.search(pattern, text)
        assert match, pattern
        said = [group for group in match.groups() if group is not None]
        wanted = expected(cases[name])[: len(said)]
        assert len(said) == len(wanted) and all(map(means, said, wanted)), (pattern, said, wanted)
        checked += len(said)
    assert checked >= 25


def test_tables_hold_the_numbers_found(cases: dict[str, Case], documents: dict[str, Document]) -> None:
    case, document = cases["pan_london"], documents["pan_london"]
    exposed = case["exposure"]["boroughs"]
    for row, borough in zip(table(document, "Over the whole contract").rows, exposed.values(), strict=True):
        wanted = (
            borough["started"]["mean"],
            borough["avoided_gbp"]["nominal"],
            borough["avoided_gbp"]["cashable"],
            borough["payments_gbp"]["mean"],
            borough["worst_year_gbp"]["p95"],
            borough["net_saving_gbp"]["mean"],
        )
        assert row[0] == borough["name"] and all(map(means, row[1:7], wanted)), row
    years = case["exposure"]["financial_years"]
    aside = table(document, "What to set aside")
    assert aside.head[1:] == tuple(years)
    for row, borough in zip(aside.rows, exposed.values(), strict=True):
        assert all(
            means(cell, borough["years"][year]["payments_gbp"]["p95"])
            for cell, year in zip(row[1:], years, strict=True)
        )
    ratios = table(document, "Care cost avoided for each £1")
    for row, borough in zip(ratios.rows, exposed.values(), strict=True):
        found = borough["benefit_cost_ratio"]
        assert means(row[1], found["social"]) and means(row[2], found["social_optimism_off"])
    nulls = {row[0]: row for row in table(document, "If therapy does nothing").rows}
    essex = case["contracts"]["contracts"]["essex"]
    assert all(
        means(cell, essex["if_no_effect"][key]["mean"])
        for cell, key in zip(
            nulls["Care days saved (Essex)"][1:4], ("payments_gbp", "net_saving_gbp", "profit_gbp"), strict=True
        )
    )
    returns = {row[0]: row[1] for row in table(document, "What the investor puts in").rows}
    rate = case["summary"]["investor"]["irr_of_expected_flows"]
    assert means(returns["Return on the average flows"].removesuffix(" a year"), rate)


def test_the_answer_stands_by_chance_alone_and_with_inputs_drawn(
    cases: dict[str, Case], documents: dict[str, Document]
) -> None:
    for name in ("pan_london", "essex"):
        amounts = {
            row[0]: row[1:3] for row in table(documents[name], "By chance alone, and with what is not known").rows
        }
        for cell, part in zip(amounts["Paid for outcomes"], ("summary", "uncertain"), strict=True):
            match = re.fullmatch(rf"{N} \(middle 80%: {N} to {N}\)", cell)
            assert match, cell
            paid = cases[name][part]["payments_gbp"]["total"]
            assert all(map(means, match.groups(), (paid["mean"], paid["p10"], paid["p90"])))


def test_one_council_is_told_year_by_year(cases: dict[str, Case], documents: dict[str, Document]) -> None:
    [council] = cases["essex"]["exposure"]["boroughs"].values()
    rows = table(documents["essex"], "Essex by financial year").rows
    assert [row[0] for row in rows] == cases["essex"]["exposure"]["financial_years"]
    for row in rows:
        year = council["years"][row[0]]
        wanted = (
            year["payments_gbp"]["mean"],
            year["payments_gbp"]["p95"],
            year["avoided_cashable_gbp"],
            year["net_saving_gbp"],
            year["cumulative_net_saving_gbp"],
        )
        assert all(map(means, row[1:6], wanted)), row


# ---- the document as a whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_chapters_stand_in_the_order_of_a_public_business_case(name: str, documents: dict[str, Document]) -> None:
    chapters = documents[name].chapters
    assert len(chapters) == len(CHAPTERS)
    assert all(chapter.startswith(start) for chapter, start in zip(chapters, CHAPTERS, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_text_shows_how_it_was_made(name: str, documents: dict[str, Document]) -> None:
    for text in texts(documents[name]):
        assert not re.search(r"\bNone\b|\bnan\b|\binf\b|[{}]|£-|  |(?<!\.)\.\.(?!\.)", text), text
        assert text == text.strip(), text


@pytest.mark.parametrize("name", NAMES)
def test_a_part_that_was_not_run_is_told_once_and_how_to_make_it(name: str, documents: dict[str, Document]) -> None:
    missing = [block.text for block in documents[name].blocks if isinstance(block, Callout) and block.kind == "missing"]
    assert len(missing) == len(WITHOUT.get(name, ())) == len(set(missing))
    assert all(f"edgeofcare case {name}" in text for text in missing)


def test_pictures_are_drawn_of_the_parts_there_are(documents: dict[str, Document]) -> None:
    drawn = {name: {figure.name for figure in document.figures} for name, document in documents.items()}
    assert drawn["pan_london"] - drawn["pan_london_null"] == {"lives", "contracts"}
    assert drawn["pan_london"] - drawn["essex"] == {"contracts", "tornado"}
    names = [figure.name for figure in documents["pan_london"].figures]
    assert len(names) == len(set(names)) == 11


def chapter_of(document: Document, start: str) -> list[Any]:
    """Return the blocks of a chapter."""
    found, inside = [], False
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 2:
            inside = block.text.startswith(start)
        elif inside:
            found.append(block)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_economic_and_financial_case_never_share_a_table(name: str, documents: dict[str, Document]) -> None:
    economic = [b for b in chapter_of(documents[name], "Economic") if isinstance(b, Table | Figure)]
    assert [block.caption.split(" for each")[0] for block in economic] == ["Care cost avoided"]
    for block in chapter_of(documents[name], "Financial"):
        if isinstance(block, Table):
            assert not re.search("real|discounted|social", " ".join((block.caption, *block.head)), re.I), block.caption


def test_wider_benefits_are_named_with_sources_and_in_no_total(documents: dict[str, Document]) -> None:
    rows = table(documents["essex"], "What else may be at stake").rows
    benefits = reference_file("wider_benefits")["benefit"]
    assert [row[0] for row in rows] == [benefit["name"] for benefit in benefits] and all(row[3] for row in rows)
    amounts = {amount for benefit in benefits for amount in re.findall(r"£[\d,]{5,}", benefit["at_stake"])}
    cells = {cell for row in rows for cell in row}
    elsewhere = "\n".join(text for text in texts(documents["essex"]) if text not in cells)
    assert amounts and not any(amount in elsewhere for amount in amounts)


def test_the_case_without_effect_claims_nothing(documents: dict[str, Document]) -> None:
    text = prose(documents["pan_london_null"])
    assert "If therapy has no effect, as assumed, no care is avoided." in text
    assert "This case assumes that therapy has no effect on care." in text
    assert "The effect is a claim" not in text and "If therapy does nothing" not in text


def test_a_run_folder_tells_what_it_holds(tmp_path: Path, cases: dict[str, Case]) -> None:
    summary = cases["pan_london"]["summary"]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    manifest = {"format": results.FORMAT, "scenario_sha256": "ab", "version": version(), "source_hash": "cd"}
    write_manifest(tmp_path, results.MANIFEST, manifest, ["summary.json"])
    document = business_case(read_case(tmp_path))
    missing = [block for block in document.blocks if isinstance(block, Callout) and block.kind == "missing"]
    assert len(missing) == len(PARTS) - 1
    assert means(re.search(rf"{N} is paid for outcomes", prose(document))[1], summary["payments_gbp"]["total"]["mean"])
    assert document.chapters == business_case(cases["pan_london"]).chapters


def test_a_scenario_that_draws_its_effect_from_the_evidence_can_be_told() -> None:
    scenario = load("pan_london_evidence")
    case = {
        "case": head("pan_london_evidence"),
        "inputs": resolved(scenario),
        "assumptions": assumption_log(scenario),
        "summary": plain(run(scenario, FEW, 1, outer_draws=3).summary),
    }
    document = business_case(json.loads(json.dumps(case, default=str)))
    assert "as the drawn inputs do on average" in prose(document)
    assert not re.search(r"\bNone\b|\bnan\b", "\n".join(texts(document)))


def test_names_are_kept_as_they_are(cases: dict[str, Case]) -> None:
    """What is a name is handed to the renderers untouched; they make it safe."""
    case, name = copy.deepcopy(cases["essex"]), '=1+1<b>&"Essex"</b>'
    for part in ("summary", "exposure", "series"):
        case[part]["boroughs"]["essex"]["name"] = name
    assert name in prose(business_case(case)) and table(business_case(case), f"{name} by financial year")


# ---- property: the answer follows the numbers ----------------------------------------------------------------------

money = st.floats(-3e7, 3e7).filter(lambda value: abs(value) > 1)


@settings(max_examples=60)
@given(net=money, profit=money, loss=st.sampled_from([0.0, 0.004, 0.5, 0.996, 1.0]), paid=st.floats(1e3, 3e7))
def test_the_answer_follows_whatever_the_numbers_are(
    cases: dict[str, Case], net: float, profit: float, loss: float, paid: float
) -> None:
    case = copy.deepcopy({part: cases["essex"][part] for part in ("case", "summary")})
    case["exposure"] = {
        "contract": {
            "payments_gbp": {"mean": paid},
            "net_saving_gbp": {"mean": net, "p10": net - 1e6, "p90": net + 1e6},
        }
    }
    investor = case["summary"]["investor"]
    investor["profit_gbp"]["mean"], investor["loss_prob"] = profit, loss
    [payers], [told] = list(_payers_in_short(case)), list(_investor_in_short(case))
    match = re.match(rf"Essex pays {N} and ends up {N} (better|worse) off \(middle 80%: {N} to {N}\)", payers)
    assert match and match[3] == ("better" if net > 0 else "worse")
    assert all(map(means, match.group(1, 2, 4, 5), (paid, abs(net), net - 1e6, net + 1e6)))
    match = re.search(rf"(gains|loses) {N} on average, and loses money in (.*)\.$", told)
    assert match and match[1] == ("gains" if profit > 0 else "loses") and means(match[2], abs(profit))
    words = {
        0.0: "none of the 30",
        0.004: "fewer than 1 in 100",
        0.5: "50 in 100",
        0.996: "more than 99 in 100",
        1.0: "all 30",
    }
    assert match[3] == f"{words[loss]} simulated contracts"


# ---- logs ----------------------------------------------------------------------------------------------------------


def statuses(case: Mapping[str, Any]) -> dict[str, str]:
    return {row[0]: row[3] for row in quality_log(case).rows}


def test_the_quality_log_passes_what_holds_and_no_more(cases: dict[str, Case]) -> None:
    for case in cases.values():
        assert "failed" not in statuses(case).values()
    bare = statuses({"case": head("essex")})
    assert set(bare.values()) == {"not run here"}
    full, fewer = statuses(cases["pan_london"]), statuses(cases["essex"])
    assert set(full) - set(fewer) == {
        "Each input's low and high end could be simulated",
        "Published results that no input was set by",
    }
    assert full["A second run gives the same bits"] == full["The two engines count the same"] == "not run here"


@pytest.mark.parametrize(
    ("path", "change", "check"),
    [
        (("summary", "boroughs", "sutton", "payments_gbp", "mean"), 1.0, "What boroughs pay adds up to their total"),
        (("summary", "payments_gbp", "top_up", "mean"), 1.0, "Boroughs and top-up fund add up to all payments"),
        (("exposure", "contract", "payments_gbp", "mean"), 1.0, "Two analyses of the same lives pay the same"),
        (
            ("summary", "calibration", "reached", "therapy"),
            0.01,
            "The children simulated with therapy are those that the scenario claims",
        ),
    ],
)
def test_a_check_that_does_not_hold_is_said_to_fail(
    path: tuple[str, ...], change: float, check: str, cases: dict[str, Case]
) -> None:
    case = copy.deepcopy(cases["pan_london"])
    place: Any = case
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] += change
    assert [name for name, status in statuses(case).items() if status == "failed"][:1] == [check]


def test_the_assumptions_log_ranks_by_the_tornado(cases: dict[str, Case]) -> None:
    log, bars = assumptions_log(cases["pan_london"]), cases["pan_london"]["tornado"]["bars"]
    swings = {bar["path"]: (bar["swing"], bar["swings"]["boroughs"]) for bar in bars}
    logged = {row["id"] for row in cases["pan_london"]["assumptions"]["assumptions"]}
    assert {row[0] for row in log.rows} == logged
    tested = [row for row in log.rows if row[0] in swings]
    assert [row[0] for row in tested] == sorted(swings, key=lambda path: -max(swings[path]))
    assert [row[6] for row in tested] == [str(rank) for rank in range(1, len(tested) + 1)]
    assert all(means(cell, swing) for row in tested for cell, swing in zip(row[7:], swings[row[0]], strict=True))
    assert all(row[6:] == ("not tested",) * 3 for row in log.rows[len(tested) :])
    assert {row[6] for row in assumptions_log(cases["essex"]).rows} == {"not tested"}


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.65, "share of tracked days out of care", "65%"),
        (0.035, "a year", "3.5% a year"),
        (400000.0, "GBP a year", "£400,000 a year"),
        (1000.0, "GBP", "£1,000"),
        (130.0, "days", "130 days"),
        (True, "", "yes"),
        (None, "", "-"),
        ([1.0, 7.0], "", "1, 7"),
        ({"a": 0.5}, "", "a: 0.5"),
        ({str(year): 1.0 for year in range(2010, 2016)}, "", "2010: 1 to 2015: 1 (6 values)"),
        (2.5, "share of price", "2.5 share of price"),
    ],
)
def test_values_are_said_in_their_units(value: Any, unit: str, words: str) -> None:
    assert value_words(value, unit) == words


# ---- reading a folder ----------------------------------------------------------------------------------------------


def write(folder: Path, case: Mapping[str, Any]) -> Path:
    folder.mkdir()
    for part, content in case.items():
        if part != "case":
            (folder / f"{part}.json").write_text(json.dumps(content))
    write_manifest(folder, MANIFEST, case["case"], [f"{part}.json" for part in case if part != "case"])
    return folder


def test_a_case_folder_is_read_as_it_was_written(tmp_path: Path, cases: dict[str, Case]) -> None:
    found = read_case(write(tmp_path / "case", cases["essex"]))
    assert found.pop("case") == cases["essex"]["case"] | {
        "warnings": [
            "The numbers were made by other sources of the program than those installed now. Make the case again."
        ],
        "altered": [],
    }
    assert found == {part: content for part, content in cases["essex"].items() if part != "case"}


def test_another_version_is_a_warning_in_the_document(tmp_path: Path, cases: dict[str, Case]) -> None:
    case = cases["essex"] | {"case": cases["essex"]["case"] | {"version": "9.9.9"}}
    document = business_case(read_case(write(tmp_path / "case", case)))
    warning = next(block for block in document.blocks if isinstance(block, Callout))
    assert warning.kind == "warning" and "made by version 9.9.9" in warning.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("case", None, "is neither a case nor a run"),
        ("case", "{", "case.json is damaged and cannot be read"),
        ("case", "[]", "case.json was written in another format than this version's (2)"),
        ("case", '{"format": 2, "files": {}, "title": "x"}', "case.json: not as written when the numbers were made"),
        ("stress", "{", "stress.json: not as written when the numbers were made. Make it again; or add --anyway"),
        ("lint", "{}", "lint.json: not as written when the numbers were made"),
    ],
)
def test_a_folder_at_fault_is_told_in_words(
    name: str, content: str | None, words: str, tmp_path: Path, cases: dict[str, Case]
) -> None:
    folder = write(tmp_path / "case", cases["essex"])
    place = folder / f"{name}.json"
    place.unlink() if content is None else place.write_text(content)
    with pytest.raises(RunFolderError, match=re.escape(words)):
        read_case(folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("case", '{"format": 2, "files": {}, "title": "x"}', "does not say scenario, version, seed, replications"),
        ("stress", "{", "stress.json is damaged and cannot be read"),
        ("lint", "{}", "lint.json does not hold what it should"),
    ],
)
def test_what_cannot_be_read_anyway(
    name: str, content: str, words: str, tmp_path: Path, cases: dict[str, Case]
) -> None:
    folder = write(tmp_path / "case", cases["essex"])
    (folder / f"{name}.json").write_text(content)
    with pytest.raises(RunFolderError, match=re.escape(words)):
        read_case(folder, anyway=True)


def test_dates_are_written_out(documents: dict[str, Document]) -> None:
    opens = next(row["value"] for row in resolved(load("essex"))["inputs"] if row["id"] == "clock.day_0")
    day = date.fromisoformat(str(opens))
    assert f"The service opens on {day.day} {day:%B} {day.year}" in prose(documents["essex"])
