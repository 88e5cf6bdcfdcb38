"""`edgeofcare check`: warnings with the user's own file and line, what is inherited, strict, quick and JSON."""

import json
from pathlib import Path

import pytest

from edgeofcare.errors import InputError, InputWarning
from edgeofcare.inputs.checks import warnings_of
from edgeofcare.inputs.load import load, shipped, with_values
from edgeofcare.inputs.price_years import conversion
from edgeofcare.inputs.written import Written
from edgeofcare.questions import check as module
from edgeofcare.questions.check import WITH_ENGINE, check, entries, faults_as_dict

DATES = (
    "[clock]\nday_0 = 2026-04-01\nreferrals_until = 2029-04-01\ndelivery_end = 2029-10-01\noutcomes_end = 2032-12-31\n"
)
LATER = "[boroughs.barking_and_dagenham]\njoin_date = 2026-09-01\n"


def write(folder: Path, text: str, base: str = "pan_london") -> Path:
    path = folder / "mine.toml"
    path.write_text(f'extends = "{base}"\n{text}', encoding="utf-8")
    return path


def found(folder: Path, text: str, base: str = "pan_london") -> dict[str, list[InputWarning]]:
    """The warnings of a file that extends a base, by rule, without that of a contract that has closed."""
    rules: dict[str, list[InputWarning]] = {}
    for warning in warnings_of(load(write(folder, text, base))):
        rules.setdefault(warning.id, []).append(warning)
    rules.pop("W15", None)
    return rules


# ---- shipped scenarios -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_shipped_scenarios_get_no_warning_but_that_of_harm(name: str) -> None:
    rules = [warning.id for warning in warnings_of(load(name))]
    assert [rule for rule in rules if rule != "W15"] == (["W6"] if name == "pan_london_harm" else [])


@pytest.mark.parametrize("name", ["pan_london", "essex"])
def test_contracts_that_have_closed_say_so(name: str) -> None:
    (warning,) = [warning for warning in warnings_of(load(name)) if warning.id == "W15"]
    month = {"pan_london": "August 2023", "essex": "March 2019"}[name]
    assert warning.sentence.startswith(f"This contract closed in {month}: the answer is about its design")


# ---- one thing changed on a shipped base -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "text", "rule", "line", "sentence"),
    [
        (
            "pan_london",
            "[effect]\nusual = 0.85",
            "W7",
            3,
            "therapy follows from pan_london's odds ratio (0.29): 95.1%.",
        ),
        ("essex", "[effect]\nusual = 0.85", "W7", 3, "therapy follows from essex's odds ratio (0.3): 94.9%."),
        ("pan_london", DATES + LATER, "W1", 3, "costs.set_up_date is 2017-08-06 (from pan_london.toml, line "),
        ("essex", DATES, "W1", 3, "costs.set_up_date is 2012-11-01 (from essex.toml, line "),
        (
            "essex",
            DATES,
            "W2",
            6,
            "The price series of other ends in 2013-14, 19 years before the contract does: later",
        ),
        (
            "pan_london",
            DATES + LATER,
            "W13",
            3,
            "New dates, but inherited from pan_london: set-up cost, top-up (Commissioning Better Outcomes), "
            "commitment, base_year.",
        ),
        ("essex", DATES, "W13", 3, "New dates, but inherited from essex: set-up cost, commitment, base_year."),
        (
            "pan_london",
            "[prices.gbp_per_week]\nresidential = 7385.0",
            "W4",
            3,
            "prices.gbp_per_week.residential = 7,385 lies outside 3,000 to 4,250, the range in pan_london: is it in "
            "another year's prices?",
        ),
        (
            "essex",
            "[prices.gbp_per_week]\nresidential = 7385.0",
            "W3",
            3,
            "prices.gbp_per_week.residential = 7,385 is set here without a price year, but base_year, 2013-14, is "
            "inherited from essex",
        ),
        (
            "pan_london",
            '[prices]\nbase_year = "2024-25"',
            "W3",
            3,
            "kinship, foster_in_house, foster_agency and supported are prices of 2017-18, but base_year is 2024-25: "
            'write price_year = "2017-18" and they are converted (508, 787, 1,282, 1,407 a week).',
        ),
        ("essex", '[prices]\nbase_year = "2024-25"', "W3", 3, "are prices of 2019-20, but base_year is 2024-25: write"),
    ],
)
def test_one_thing_changed_is_warned_of_at_the_users_line(
    tmp_path: Path, base: str, text: str, rule: str, line: int, sentence: str
) -> None:
    warning = found(tmp_path, text, base)[rule][0]
    assert (Path(warning.file).name, warning.line) == ("mine.toml", line)
    assert sentence in warning.sentence


def test_new_dates_do_not_say_that_the_old_contract_closed(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, DATES + LATER))
    assert "W15" not in {warning.id for warning in warnings_of(scenario)}


# ---- each rule: a file that breaks it, and one that does not ---------------------------------------------------------

PASSING = {
    "W1": "[costs]\nset_up_date = 2016-03-01",
    "W2": '[prices]\nbase_year = "2016-17"\n[prices.index.other]\nlevel_by_year = {"2016-17" = 98.0}',
    "W3": '[prices.gbp_per_week]\nresidential = {value = 7385.0, price_year = "2024-25", source = "x"}',
    "W4": "[prices.gbp_per_week]\nresidential = 4250.0",
    "W5": "[boroughs.sutton]\nreferrals_per_year = 0.5",
    "W6": "[effect]\nusual = 0.4\ntherapy = 0.4",
    "W7": "[effect]\nusual = 0.4\ntherapy = 0.6",
    "W8": "[boroughs.sutton]\nadolescent_care_starts_per_year = 30.0",
    "W13": "[clock]\nday_0 = 2018-02-06",
    "W0": "[care.placement]\nfirst_under_16 = [13, 30, 38, 17, 2, 0]",
}


@pytest.mark.parametrize("rule", PASSING)
def test_a_file_that_keeps_the_rule_gets_no_warning(tmp_path: Path, rule: str) -> None:
    assert rule not in found(tmp_path, PASSING[rule])


@pytest.mark.parametrize(
    ("rule", "text", "line", "sentence"),
    [
        (
            "W1",
            "[[contract.terms]]\npays = 'block_fee'\ngbp_per_year = 1.0\nstarts = 2030-01-01",
            5,
            "contract.terms.0",
        ),
        (
            "W2",
            '[prices]\nbase_year = "2013-14"',
            3,
            "The price series of kinship, foster_in_house and foster_agency reaches from 2016-17 to 2024-25, but "
            "prices are needed from 2013-14: before 2016-17 they are taken as flat.",
        ),
        (
            "W3",
            "[prices.gbp_per_week]\nresidential = {value = 7385.0, date = '2024-25', source = 'x'}",
            3,
            'residential is a price of 2024-25, but base_year is 2017-18: write price_year = "2024-25" and it is '
            "converted (3,311 a week).",
        ),
        (
            "W4",
            "[referrals]\naccept_prob = 0.5",
            3,
            "referrals.accept_prob = 0.5 lies outside 0.7 to 0.95, the range in",
        ),
        (
            "W5",
            "[boroughs]\nsutton.referrals_per_year = 0.0\nmerton.referrals_per_year = 0.0",
            None,
            "Team mst_a costs GBP 390,000 a year and serves no borough that refers anyone: write remove = "
            '["teams.mst_a"].',
        ),
        (
            "W6",
            "[effect]\nusual = 0.85\ntherapy = 0.65",
            4,
            "The programme does harm as written: 85% of days out of care without it, 65% with it. Write therapy, or "
            "odds_ratio to keep the effect.",
        ),
        ("W6", "[effect]\nhazard_ratio = 1.3", 3, "The programme does harm as written: hazard_ratio is 1.3, above 1."),
        ("W0", "[child]\nage_weights = [1, 7, 12, 18, 22, 22, 15, 2]", 3, "child.age_weights sums to 99, not to 100: "),
        (
            "W8",
            "[boroughs.kentshire]\nname = 'Kentshire'\nreferrals_per_year = 5.0\n[teams.fft]\nboroughs = ['kentshire', "
            "'sutton', 'bexley', 'merton', 'newham', 'tower_hamlets', 'barking_and_dagenham']",
            2,
            "Not checked: whether Kentshire's referrals are possible. Give "
            "boroughs.kentshire.adolescent_care_starts_per_year.",
        ),
    ],
)
def test_a_file_that_breaks_the_rule_is_warned_of(
    tmp_path: Path, rule: str, text: str, line: int | None, sentence: str
) -> None:
    warning = found(tmp_path, text)[rule][0]
    assert sentence in warning.sentence
    assert line is None or (Path(warning.file).name, warning.line) == ("mine.toml", line)


# ---- keys that come with the warnings --------------------------------------------------------------------------------


def test_usual_alone_keeps_the_odds_ratio_of_the_base_and_its_range(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, "[effect]\nusual = 0.85"))
    odds = (0.35 / 0.65) * (0.35 / 0.65)
    assert scenario.effect.therapy is None and scenario.effect.odds_ratio == pytest.approx(odds)
    origin = scenario.origins["effect.odds_ratio"]
    assert origin.low == pytest.approx(0.28 / 0.72 * 0.35 / 0.65) and origin.high == pytest.approx(
        0.55 / 0.45 * 35 / 65
    )
    assert "pan_london" in origin.source and origin.quality == "judgement"
    same = load(write(tmp_path, "[effect]\nusual = 0.35"))
    assert same.effect == load("pan_london").effect and not same.written.notes


@pytest.mark.parametrize("text", ["measure = 'never_in_care_by_day'\nday = 730", "day = 365"])
def test_a_measure_or_day_alone_is_a_fault(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as raised:
        load(write(tmp_path, f"[effect]\n{text}"))
    (fault,) = raised.value.faults
    assert fault.line == 3 and "but usual and therapy are inherited from pan_london for another" in fault.rule
    assert load(write(tmp_path, f"[effect]\n{text}\nusual = 0.35\ntherapy = 0.65")).effect.usual == 0.35


def test_a_dated_price_is_converted_by_its_own_index_and_said_so(tmp_path: Path) -> None:
    price = "residential = {value = 7385.0, low = 7000.0, high = 8085.0, price_year = '2024-25', source = 'DfE'}"
    scenario = load(write(tmp_path, f"[prices.gbp_per_week]\n{price}"))
    origin = scenario.origins["prices.gbp_per_week.residential"]
    assert scenario.prices.gbp_per_week.residential == pytest.approx(7385 * 3625 / 8085)
    assert round(scenario.prices.gbp_per_week.residential) == 3311 and origin.high == pytest.approx(3625)
    assert origin.source == "DfE; 7,385 in prices of 2024-25, by the index of residential to 2017-18"
    again = scenario.model_dump() | {"origins": scenario.origins}
    assert type(scenario).model_validate(again).prices == scenario.prices


def test_a_price_of_the_base_year_is_not_touched(tmp_path: Path) -> None:
    price = "residential = {value = 3700.0, price_year = '2017-18', source = 'x'}"
    assert load(write(tmp_path, f"[prices.gbp_per_week]\n{price}")).prices.gbp_per_week.residential == 3700.0


def test_a_pointer_brings_its_price_year_and_support_at_home_follows_the_deflator(tmp_path: Path) -> None:
    pointer = "residential = {reference = 'price_series:residential.london.2024-25'}"
    home = "[boroughs.sutton]\nhome_support_gbp_per_week = {value = 100.0, price_year = '2022-23', source = 'x'}"
    scenario = load(write(tmp_path, f"[prices.gbp_per_week]\n{pointer}\n{home}"))
    assert scenario.prices.gbp_per_week.residential == pytest.approx(3625)
    factor = conversion(scenario.prices.deflator, "2022-23", "2017-18")
    assert scenario.boroughs["sutton"].home_support_gbp_per_week == pytest.approx(100 * factor) and factor < 1


# ---- warnings that need an engine ------------------------------------------------------------------------------------


def test_referrals_above_what_is_possible_are_warned_of(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, "[boroughs.sutton]\nadolescent_care_starts_per_year = 15.0"))
    sutton = next(warning for warning in entries(scenario, 400.0) if "sutton" in warning.key)
    assert (sutton.id, sutton.line) == ("W9", 3) and "more than all of the 15.0 adolescents a year" in sutton.sentence
    few = [warning for warning in entries(scenario, 30_000.0) if warning.id == "W9"]
    assert [warning.key for warning in few] == ["boroughs.sutton.referrals_per_year"]
    assert "Sutton refers more families (22.081 a year) than adolescents start in care there (15)." in few[0].sentence


def test_a_commitment_that_is_too_small_is_warned_of_with_what_is_needed(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, "[capital]\ncommitment_gbp = 1200000.0"))
    (warning,) = [warning for warning in check(scenario).warnings if warning.id == "W10"]
    assert (Path(warning.file).name, warning.line) == ("mine.toml", 3)
    assert warning.sentence.startswith("The commitment of GBP 1.20m is too small: bills stay open in 100 of 100 contra")
    assert "; 99 of 100 need at most GBP 2." in warning.sentence
    assert not list(module.short_of_money(load("pan_london")))


# ---- the answer ------------------------------------------------------------------------------------------------------


def test_quick_leaves_out_what_needs_an_engine_and_says_so() -> None:
    assert check(load("essex"), quick=True).not_looked_at == WITH_ENGINE


def test_strict_makes_warnings_faults(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        check(load(write(tmp_path, "[effect]\nusual = 0.54\ntherapy = 0.53")), quick=True, strict=True)
    told = faults_as_dict(raised.value)["faults"]
    assert {fault["sentence"][:3] for fault in told} == {"W6 ", "W15"}
    assert [fault["line"] for fault in told if fault["key"] == "effect.therapy"] == [4]


def test_what_is_inherited_is_told_in_few_keys_with_file_and_line(tmp_path: Path) -> None:
    checked = check(load(write(tmp_path, "title = 'x'\n[child]\nfrailty_variance = 0.3")), quick=True)
    keys = {one.key: one for one in checked.tables}
    assert "child.age_weights" in keys and "clock" in keys and "clock.day_0" not in keys
    assert keys["clock"].line is not None and keys["clock"].file.endswith("pan_london.toml")
    singles = {one.key for one in checked.inherited}
    assert "clock.day_0" in singles and "child.frailty_variance" not in singles
    assert json.dumps(checked.as_dict())


def test_values_set_by_a_program_keep_who_wrote_the_rest() -> None:
    scenario = with_values(load("pan_london_ten"), {"effect.therapy": 0.5})
    assert scenario.written.files == load("pan_london_ten").written.files


def test_the_place_of_a_value_is_no_part_of_what_a_scenario_is() -> None:
    assert load("pan_london") == load("pan_london").model_copy(update={"written": Written()})
