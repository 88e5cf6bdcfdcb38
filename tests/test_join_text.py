"""The answer to "should this borough join?" in words and on the command line: every number said is a number found."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.calendar import financial_year
from edgeofcare.cli import main
from edgeofcare.documents.formats.text import text
from edgeofcare.inputs.boroughs import Answers, Joining, load_joiner, new_borough
from edgeofcare.inputs.load import load, with_values
from edgeofcare.questions.join import join
from joined import document_of, exposure_page, teams_of
from joined import words_of as join_words

Figures = Mapping[str, Any]
LONDON = load("pan_london")
FEW = 100

# ---- what is said, read back from the words ------------------------------------------------------------------------

AMOUNT = re.compile(r"(-?)£([\d,]+(?:\.\d+)?)(m|k)?")
CHANCE = re.compile(r"(fewer than |more than )?(\d+) of 100")
PERCENT = re.compile(r"(-?\d+(?:\.\d+)?)%")
UNITS = {"m": 1e6, "k": 1e3, "": 1.0}


def places(digits: str) -> int:
    return len(digits.partition(".")[2])


def says_pounds(sentence: str, *expected: float) -> None:
    """These amounts and no others stand in a sentence in this order, each to the half of its last digit."""
    found = [(sign + digits.replace(",", ""), unit) for sign, digits, unit in AMOUNT.findall(sentence)]
    assert len(found) == len(expected), (sentence, expected)
    for (digits, unit), value in zip(found, expected, strict=True):
        half = 0.5001 * 10 ** -places(digits) * UNITS[unit]
        assert abs(float(digits) * UNITS[unit] - value) <= half, (sentence, value)


def says_chances(sentence: str, *expected: float) -> None:
    """These chances and no others stand in a sentence as so many of a hundred; only certainty is 0 or 100."""
    found = CHANCE.findall(sentence)
    assert len(found) == len(expected), (sentence, expected)
    for (how, digits), prob in zip(found, expected, strict=True):
        if how:
            assert (0 < prob < 0.01) if how.startswith("fewer") else (0.99 < prob < 1), sentence
        else:
            assert abs(int(digits) - 100 * prob) <= 0.5001 and (int(digits) not in (0, 100) or prob in (0, 1)), sentence


def says_percent(sentence: str, *expected: float) -> None:
    found = PERCENT.findall(sentence)
    assert len(found) == len(expected), (sentence, expected)
    for digits, share in zip(found, expected, strict=True):
        assert abs(float(digits) - 100 * share) <= 0.5001 * 10 ** -places(digits), (sentence, share)


def the(words: Sequence[str], *parts: str) -> str:
    """Return the only sentence that holds these parts."""
    found = [sentence for sentence in words if all(part in sentence for part in parts)]
    assert len(found) == 1, (parts, found)
    return found[0]


def sure(change: Figures, nil: float = 0.5) -> bool:
    return bool(abs(change["mean"]) > 2 * change["se"]) and abs(change["mean"]) >= nil


def nothing(words: Sequence[str]) -> bool:
    """Whether it is said that nothing changes for those already in."""
    return any(re.match("For .* nothing changes", sentence) for sentence in words)


# ---- cases ---------------------------------------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "fixed cap": {"cap_on_join": "fixed"},
    "one more MST team": {"teams": "plus-mst"},
    "one more FFT team": {"teams": "plus-fft"},
    "own teams": {"teams": "own"},
}


@pytest.fixture(scope="module")
def dear(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a borough where care costs little, so that joining is dear to it."""
    path = tmp_path_factory.mktemp("joiners") / "camden.toml"
    path.write_text(new_borough("camden", Answers(price_multiplier=0.3)), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module", params=[*OPTIONS, "worse off", "no cap", "two in sequence", "limits"])
def found(request: pytest.FixtureRequest, dear: str) -> dict[str, Any]:
    case, scenario, names = request.param, LONDON, ["haringey"]
    options = OPTIONS.get(case, {})
    if case == "worse off":
        names = [dear]
    elif case == "no cap":
        scenario = with_values(LONDON, {"contract.cap_gbp": None})
    elif case == "two in sequence":
        names, options = ["kingston", "haringey"], {"in_sequence": True}
    elif case == "limits":
        options = {"limits": True}
    answer = join(scenario, names, replications=FEW, **options).as_dict()
    if case == "worse off":
        assert answer["joiner"]["camden"]["net_saving_gbp"]["mean"] < 0
    return {"case": case, **json.loads(json.dumps(answer, allow_nan=False))}


# ---- the words -----------------------------------------------------------------------------------------------------


def test_the_joiners_sentences_say_its_figures(found: Figures) -> None:
    words = join_words(found)
    for joiner in found["joiner"].values():
        name, net = joiner["name"], joiner["net_saving_gbp"]["mean"]
        sentence = the(words, f"{name} would be better off than doing nothing in")
        same = 1 - joiner["better_off_prob"] - joiner["worse_off_prob"]
        says_chances(sentence, joiner["better_off_prob"], *[joiner["worse_off_prob"], same] * (same > 0.01))
        cashable = joiner["avoided_gbp"]["cashable"]
        says_pounds(sentence, abs(net), cashable, cashable - net)
        assert ("it saves" in sentence) == (net >= 0) and ("it loses" in sentence) == (net < 0)
        after = words[words.index(sentence) + 1]
        worst = max(joiner["years"], key=lambda year: joiner["years"][year]["payments_gbp"]["mean"])
        says_pounds(after, joiner["worst_year_gbp"]["p95"], joiner["years"][worst]["payments_gbp"]["mean"])
        assert worst in after
        waiting = words[words.index(sentence) + 2]
        expected = [joiner["referred"]["mean"], joiner["started"]["mean"]]
        expected += [joiner["waiting_days"]] * ("less than a day" not in waiting)
        numbers = re.findall(r"\d+(?:\.\d+)?", waiting)
        for digits, value in zip(numbers, expected, strict=True):
            assert abs(float(digits) - value) <= 0.5001 * 10 ** -places(digits), waiting
        credit = words[words.index(sentence) + 3]
        reached = 0.0
        for year, prob in joiner["first_year_in_credit"].items():
            reached += prob
            if reached >= 0.5:
                assert f"in credit by {year} or sooner" in credit
                break
        else:
            assert "credit in" in credit


def test_waiting_and_starts_of_those_already_in(found: Figures) -> None:
    words, boroughs = join_words(found), found["incumbents"].values()
    if nothing(words):
        return
    moved = {
        b["name"]: b["waiting_days"]["change"]["mean"]
        for b in boroughs
        if b["waiting_days"]["change"]["se"] and sure(b["waiting_days"]["change"], 0.05)
    }
    if not moved:
        the(words, "wait no longer than before")
    else:
        longest = max(moved, key=lambda name: abs(moved[name]))
        sentence = the(words, "already in", "wait", "days", longest)
        first = re.search(r"([\d.]+) days (longer|less long)", sentence)
        assert first is not None and float(first[1]) == pytest.approx(abs(moved[longest]), abs=0.0501)
        assert (first[2] == "longer") == (moved[longest] > 0)
    change = found["contract"]["change_in_starts_of_those_in"]
    total = sum(b["change_in_starts"]["mean"] for b in boroughs)
    assert change["mean"] == pytest.approx(total, abs=1e-9)
    if not sure(change, 0.05):
        the(words, "As many of their children start")
        return
    sentence = the(words, "of their children start therapy")
    said = re.match(r"([\d.]+) (fewer|more) of", sentence)
    assert said is not None and float(said[1]) == pytest.approx(abs(total), abs=0.0501)
    assert (said[2] == "fewer") == (total < 0)


def test_who_is_hit_hardest_and_what_all_lose(found: Figures) -> None:
    words = join_words(found)
    if nothing(words):
        return
    changes = {b["name"]: b["change_in_net_saving_gbp"] for b in found["incumbents"].values()}
    worst = min(changes, key=lambda name: changes[name]["mean"])
    if changes[worst]["mean"] < 0 and sure(changes[worst]):
        sentence = the(words, f"Hardest hit of the boroughs already in is {worst}")
        prob = next(b["worse_off_prob"] for b in found["incumbents"].values() if b["name"] == worst)
        says_chances(sentence, prob)
        best = max(changes, key=lambda name: changes[name]["mean"])
        gains = [changes[best]["mean"]] if changes[best]["mean"] > 0 and sure(changes[best]) else []
        says_pounds(sentence, -changes[worst]["mean"], *gains)
    else:
        assert not any("Hardest hit" in sentence for sentence in words)
    contract = found["contract"]
    together, everyone = (contract[f"change_in_net_saving_of_{who}_gbp"]["mean"] for who in ("those_in", "all"))
    assert together == pytest.approx(sum(change["mean"] for change in changes.values()), abs=0.01)
    joiners = sum(j["net_saving_gbp"]["mean"] for j in found["joiner"].values())
    assert everyone == pytest.approx(together + joiners, abs=0.01)
    sentence = the(words, "joiners included, save")
    known = sure(contract["change_in_net_saving_of_those_in_gbp"])
    says_pounds(sentence, *[abs(together)] * known, abs(everyone))


def test_the_cap(found: Figures) -> None:
    words, cap, binds = join_words(found), found["contract"]["cap_gbp"], found["contract"]["cap_binds_prob"]
    if cap["without"] is None:
        assert found["case"] == "no cap" and not any("cap" in sentence for sentence in words)
        return
    sentence = the(words, "The contract's cap")
    says_percent(sentence, binds["with"], binds["without"])
    if found["case"] == "fixed cap":
        says_pounds(sentence, cap["with"])
        assert "stays at" in sentence and binds["with_fixed_cap"] is None
        return
    says_pounds(sentence, cap["without"], cap["with"])
    fixed = sum(b["effect_of_a_fixed_cap_gbp"]["mean"] for b in found["incumbents"].values())
    other = the(words, "Were the cap kept")
    says_pounds(other, cap["without"], abs(fixed))
    says_percent(other, binds["with_fixed_cap"])


def test_providers_payers_and_the_investor(found: Figures) -> None:
    words = join_words(found)
    before, after = found["investor"]["without"], found["investor"]["with"]
    sentence = the(words, "The investor puts in")
    says_pounds(sentence, after["peak_funding_gbp"]["mean"], before["peak_funding_gbp"]["mean"])
    says_percent(sentence, after["irr_of_expected_flows"], before["irr_of_expected_flows"])
    says_chances(sentence, after["loss_prob"], before["loss_prob"])
    uses = [team["slots_used_share"] for team in found["providers"].values()]
    said = [share for use in uses for share in (use["without"], use["with"]) if share is not None]
    says_percent(the(words, "Use of the teams' places"), *said)
    hangs = found["contract"]["concentration"]
    says_percent(the(words, "of what boroughs pay"), hangs["with"]["largest_share"], hangs["without"]["largest_share"])


def test_steps_and_limits(found: Figures) -> None:
    words = join_words(found)
    for step in found.get("steps", ()):
        sentence = the(words, f"{step['name']}, joining on {step['join_date']}")
        changes = [b["change_in_net_saving_gbp"] for b in step["incumbents"].values()]
        worst = min(changes, key=lambda change: change["mean"])
        hit = [-worst["mean"]] if worst["mean"] < 0 and sure(worst) else []
        says_pounds(sentence, abs(step["net_saving_gbp"]["mean"]), *hit)
    limits = found.get("limits")
    assert (limits is not None) == (found["case"] == "limits")
    if limits is None:
        return
    share, rows = limits["break_even_referrals_share"], limits["by_volume"]
    ends = [rows[0]["referrals_share"], rows[-1]["referrals_share"]] if share is None else [share]
    says_percent(the(words, "Joining", "of the referrals assumed"), *ends)
    latest = limits["latest_date_that_pays"]
    sentence = the(words, f"The latest month to join at which it still pays on average is that of {latest}")
    chance = [r["joiner_better_off_prob"] for r in limits["by_join_date"] if r["join_date"] == latest]
    says_chances(sentence, *chance)
    teams = limits["by_teams"].values()
    says_pounds(
        the(words, "The joiner fares best"),
        abs(max(t["joiner_net_saving_gbp"] for t in teams)),
        abs(max(t["change_for_incumbents_gbp"]["mean"] for t in teams)),
    )


def test_the_page_holds_the_words_and_a_line_for_each_borough_and_year(found: Figures) -> None:
    page = text(document_of(found), 100)
    plain = " ".join(page.split())
    assert all(" ".join(sentence.split()) in plain for sentence in join_words(found))
    for joiner in found["joiner"].values():
        says_chances(
            the(re.split(r"(?<=\.) ", plain), "other random draws on either side", joiner["name"]),
            joiner["better_off_prob_independent_arms"],
        )
    for borough in found["incumbents"].values():
        assert re.search(rf"^  {borough['name']} .*%$", page, re.MULTILINE)
    for joiner in found["joiner"].values():
        first = financial_year(date.fromisoformat(joiner["join_date"]))
        since = [year for year in joiner["years"] if year >= first]
        assert since and all(re.search(rf"^  {year} ", page, re.MULTILINE) for year in since)
        assert not any(row["payments_gbp"]["mean"] for year, row in joiner["years"].items() if year < first)
    assert not re.search(r"\bnan\b|None(?! of the boroughs)|£-|-£0\b|[+-]0\.0\b", page)


def test_a_joiner_that_refers_nobody_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "camden.toml"
    path.write_text(new_borough("camden", Answers(referrals_per_year=0.0)), encoding="utf-8")
    words = join_words(join(LONDON, [str(path)], replications=20).as_dict())
    assert words[0] == "Camden refers nobody: joining changes nothing for it."
    assert words[1] == "For the boroughs already in nothing changes."
    assert not any(re.search("wait|of their children|save", sentence) for sentence in words[1:-1])


def test_where_one_borough_is_in_it_is_named_once() -> None:
    words = join_words(join(load("essex"), ["haringey@2014-04-01"], replications=40).as_dict())
    assert the(words, "Families in Essex wait").count("Essex") == 1
    assert not any(re.search("[Tt]ogether|boroughs already in|Hardest", sentence) for sentence in words)
    the(words, "Essex and Haringey, added up, save")


# ---- words of what is small, lost or nothing --------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return dict(json.loads(json.dumps(join(LONDON, ["haringey"], replications=20).as_dict())))


def with_joiner(found: Figures, **figures: Any) -> dict[str, Any]:
    other = copy.deepcopy(dict(found))
    joiner = other["joiner"]["haringey"]
    for key, value in figures.items():
        joiner[key] = joiner[key] | value if isinstance(value, dict) else value
    return other


BALANCES = [
    (534e3, 1032e3, "it saves £534k, £1.03m of cashable care avoided less £498k of payments and own costs."),
    (-58e3, 179e3, "it loses £58k, £179k of cashable care avoided less £237k of payments and own costs."),
    (-418e3, -181e3, "it loses £418k: £181k more is spent on care and £237k on payments and own costs."),
    (-181e3, -181e3, "it loses £181k: £181k more is spent on care, and nothing is paid."),
    (-237e3, 0.0, "it loses £237k: no care is avoided, and £237k goes on payments and own costs."),
    (20e3, 20e3, "it saves £20k, £20k of cashable care avoided and nothing paid for it."),
    (0.0, 0.0, "it neither saves nor loses: no care is avoided, and nothing is paid."),
    (0.2, 20e3, "it neither saves nor loses, £20k of cashable care avoided less £20k of payments and own costs."),
]


@pytest.mark.parametrize(("net", "cashable", "words"), BALANCES)
def test_what_is_saved_or_lost_and_of_what(plain: Figures, net: float, cashable: float, words: str) -> None:
    avoided = {"nominal": cashable, "marginal": cashable, "cashable": cashable}
    found = with_joiner(plain, net_saving_gbp={"mean": net, "se": 1.0}, avoided_gbp=avoided)
    assert join_words(found)[0].endswith(f"contracts: on average {words}")


@pytest.mark.parametrize(
    ("better", "worse", "words"),
    [
        (
            0.35,
            0.31,
            "in 35 of 100 simulated contracts and worse off in 31 of 100, while in 34 of 100 nothing changes "
            "for it. On average it ",
        ),
        (
            0.004,
            0.006,
            "in fewer than 1 of 100 simulated contracts and worse off in fewer than 1 of 100, while in 99 "
            "of 100 nothing changes for it. On average it ",
        ),
        (0.92, 0.075, "in 92 of 100 simulated contracts: on average it "),
    ],
)
def test_better_off_worse_off_or_neither(plain: Figures, better: float, worse: float, words: str) -> None:
    found = with_joiner(plain, better_off_prob=better, worse_off_prob=worse)
    assert join_words(found)[0].startswith(f"Haringey would be better off than doing nothing {words}")


OTHERS = "; the others are not accepted, do not take part, enter care first, or leave the waiting list"


@pytest.mark.parametrize(
    ("referred", "started", "wait", "words"),
    [
        (
            41.4,
            23.1,
            19.6,
            f"Of 41 families that it refers, 23 start therapy, after 20 days on the waiting list on average{OTHERS}.",
        ),
        (
            0.42,
            0.2,
            1.2,
            f"Of 0.4 families that it refers on average, 0.2 start therapy, after 1 day on the waiting "
            f"list on average{OTHERS}.",
        ),
        (
            0.3,
            0.01,
            0.2,
            f"Of 0.3 families that it refers on average, fewer than 0.1 start therapy, after less than a "
            f"day on the waiting list on average{OTHERS}.",
        ),
        (1.0, 0.0, None, f"Of 1.0 family that it refers on average, none starts therapy{OTHERS}."),
        (
            2.0,
            2.0,
            3.0,
            "Of 2.0 families that it refers on average, 2.0 start therapy, after 3 days on the waiting "
            "list on average.",
        ),
    ],
)
def test_families_few_or_many(plain: Figures, referred: float, started: float, wait: float | None, words: str) -> None:
    found = with_joiner(plain, referred={"mean": referred}, started={"mean": started}, waiting_days=wait)
    assert join_words(found)[2] == words


def test_a_worst_year_without_payment_costs_nothing(plain: Figures) -> None:
    found = with_joiner(plain, worst_year_gbp={"p95": 0.0})
    assert join_words(found)[1].startswith("In 95 of 100 simulated contracts or more it never pays; the dearest year")
    for year in found["joiner"]["haringey"]["years"].values():
        year["payments_gbp"]["mean"] = 0.2
    assert join_words(found)[1] == "Haringey pays nothing, or less than £1 a year on average."


def those_in(found: Figures, *changes: tuple[float, float], level: float = 1e6) -> dict[str, Any]:
    """The same with these changes of net saving, each with its error, GBP, for the first boroughs already in."""
    other = copy.deepcopy(dict(found))
    other["incumbents"] = dict(list(other["incumbents"].items())[: len(changes)])
    for borough, (mean, se) in zip(other["incumbents"].values(), changes, strict=True):
        borough["change_in_net_saving_gbp"] |= {"mean": mean, "se": se}
        borough["net_saving_gbp"] = {"without": level, "with": level + mean}
        borough["worse_off_prob"], borough["better_off_prob"] = 0.72, 0.28
        borough["waiting_days"]["change"] = {"mean": 0.01, "se": 0.001}
        borough["change_in_starts"] |= {"mean": 0.01, "se": 0.001}
        borough["change_in_payments_gbp"] |= {"mean": mean, "se": se}
    total = sum(mean for mean, _ in changes)
    contract = other["contract"]
    contract["change_in_net_saving_of_those_in_gbp"] |= {"mean": total, "se": sum(se for _, se in changes)}
    contract["change_in_net_saving_of_all_gbp"] |= {"mean": total + 1e5, "se": 1.0}
    contract["change_in_starts_of_those_in"] |= {"mean": 0.02, "se": 0.001}
    largest = {"largest": "sutton", "largest_share": 0.3, "effective_boroughs": 4.0}
    contract["concentration"] = dict.fromkeys(("without", "with"), largest)
    return other


HITS = [
    (
        ((-134e3, 1e3), (-9e3, 1e3)),
        1e6,
        "Hardest hit of the boroughs already in is Sutton: it saves £134k less on "
        "average and is worse off than before in 72 of 100 simulated contracts.",
    ),
    (
        ((-134e3, 1e3), (9e3, 1e3)),
        1e6,
        "Hardest hit of the boroughs already in is Sutton: it saves £134k less on "
        "average and is worse off than before in 72 of 100 simulated contracts; Bexley gains £9,000.",
    ),
    (
        ((-134e3, 1e3), (-9e3, 1e3)),
        -1e6,
        "Hardest hit of the boroughs already in is Sutton: it loses £134k more on "
        "average and is worse off than before in 72 of 100 simulated contracts.",
    ),
    (
        ((-3223.0, 4e3), (-448.0, 10.0)),
        1e6,
        "None of the boroughs already in gains, and the losses are small or chance: up to £3,223 on average (Sutton).",
    ),
    (
        ((-3223.0, 4e3), (-448.0, 10.0), (5.0, 9.0)),
        1e6,
        "None of the boroughs already in gains noticeably, and the "
        "losses are small or chance: up to £3,223 on average (Sutton).",
    ),
    (
        ((-3223.0, 4e3), (448.0, 10.0)),
        1e6,
        "None of the boroughs already in loses noticeably; Bexley gains £448 on average.",
    ),
    (
        ((48e3, 1e3), (610e3, 1e3)),
        1e6,
        "Every borough already in saves at least as much as before on average: from "
        "£48k (Sutton) to £610k (Bexley) more.",
    ),
    (
        ((136.0, 1.0), (51e3, 1e3)),
        -1e6,
        "Every borough already in loses no more than before on average: from £136 (Sutton) to £51k (Bexley) less.",
    ),
    (((30.0, 40.0), (-20.0, 40.0)), 1e6, "No borough already in saves noticeably more or less than before."),
    (((30.0, 40.0), (-20.0, 40.0)), -1e6, "No borough already in loses noticeably more or less than before."),
    (
        ((-5e3, 1e3),),
        1e6,
        "Sutton saves £5,000 less on average and is worse off than before in 72 of 100 simulated contracts.",
    ),
    (
        ((5e3, 1e3),),
        -1e6,
        "Sutton loses £5,000 less on average and is better off than before in 28 of 100 simulated contracts.",
    ),
    (((5e3, 4e3),), 1e6, "Sutton saves about as much as before."),
]


@pytest.mark.parametrize(("changes", "level", "words"), HITS)
def test_what_changes_for_those_in(
    plain: Figures, changes: Sequence[tuple[float, float]], level: float, words: str
) -> None:
    found = those_in(plain, *changes, level=level)
    told = join_words(found)
    assert told[4:7] == [
        f"Families in {'the boroughs already in' if len(changes) > 1 else 'Sutton'} wait no longer than before.",
        "As many of their children start therapy as before.",
        words,
    ]
    total = sum(mean for mean, _ in changes)
    if len(changes) == 1:
        assert told[7].startswith(f"Sutton and Haringey, added up, {'lose' if level < 0 else 'save'} £")
    elif abs(total) > 5e3:
        way = "more" if (total > 0) != (level < 0) else "less"
        assert re.match(rf"Together they {'lose' if level < 0 else 'save'} £\S+ {way}; all boroughs", told[7])
    else:
        assert re.match(r"Together they (save|lose) about as much as before; all", told[7])


def test_where_nothing_changes_that_is_all_that_is_said(plain: Figures) -> None:
    tiny = those_in(plain, (0.2, 0.01), (-0.1, 0.01))
    assert join_words(tiny)[4] == "For the boroughs already in next to nothing changes."
    assert not any(re.search("wait |Together", sentence) for sentence in join_words(tiny)[4:])
    assert join_words(those_in(plain, (0.2, 0.01)))[4] == "For Sutton next to nothing changes."


@pytest.mark.parametrize(
    ("cap", "binds", "words"),
    [
        (
            (10e6, 10.02e6),
            (0.36, 0.37),
            "The contract's cap stays at about £10.0m; it binds in 37% of contracts (before: 36%).",
        ),
        (
            (10e6, 10e6),
            (0.0, 0.004),
            "The contract's cap stays at £10.0m; it binds in less than 1% of contracts (before: 0%).",
        ),
        (
            (10e6, 10.7e6),
            (0.999, 1.0),
            "The contract's cap rises from £10.0m to £10.7m, by what joining brings; it "
            "binds in 100% of contracts (before: more than 99%).",
        ),
    ],
)
def test_a_cap_that_hardly_moves_stays(
    plain: Figures, cap: tuple[float, float], binds: tuple[float, float], words: str
) -> None:
    found = copy.deepcopy(dict(plain))
    found["contract"]["cap_gbp"] = dict(zip(("without", "with"), cap, strict=True))
    found["contract"]["cap_binds_prob"] |= dict(zip(("without", "with"), binds, strict=True))
    told = join_words(found)
    assert words in told
    assert any("Were the cap kept" in sentence for sentence in told) == ("rises" in words)


def test_an_investor_who_loses_does_not_earn(plain: Figures) -> None:
    found = copy.deepcopy(dict(plain))
    found["investor"]["with"]["irr_of_expected_flows"] = -0.157
    found["investor"]["without"]["irr_of_expected_flows"] = None
    the(join_words(found), "loses 15.7% a year on the expected flows (before: has no rate of return), and")


def test_teams_are_those_that_come(plain: Figures) -> None:
    teams: list[tuple[tuple[str, ...], str]] = [
        (("as-is",), "with the teams there are"),
        (
            ("plus-mst",),
            "with one more MST team, which comes only if Haringey joins: what follows is the effect of both",
        ),
        (
            ("own", "own"),
            "each with teams of its own, which come only if Haringey and Kingston upon Thames join: what "
            "follows is the effect of both",
        ),
        (
            ("plus-fft", "as-is"),
            "Haringey with one more FFT team and Kingston upon Thames with the teams there are; a "
            "new team comes only if its borough joins: what follows is the effect of both",
        ),
    ]
    for choices, words in teams:
        joinings = [
            Joining(load_joiner(name, LONDON), None, choice)
            for name, choice in zip(("haringey", "kingston"), choices, strict=False)
        ]
        found = join(LONDON, joinings, replications=2).as_dict()
        assert teams_of(found) == words
        assert " ".join(words.split()) in " ".join(text(document_of(found), 100).split())
        assert [joiner["teams"] for joiner in found["joiner"].values()] == list(choices)


# ---- the command line ----------------------------------------------------------------------------------------------

Answer = tuple[int, str, str]
Cli = Callable[..., Answer]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Run a command in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["edgeofcare", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return (end.value.code, *capsys.readouterr())

    return command


@pytest.mark.parametrize("name", ["haringey", "richmond", "kingston", "hounslow"])
def test_joining_gives_json_with_all_its_parts(cli: Cli, name: str) -> None:
    code, out, _ = cli("join", "pan_london", name, "--replications", "50", "--json", "--quiet")
    told = json.loads(out)
    assert code == 0 and {"joiner", "incumbents", "providers", "investor", "words"} <= set(told)
    [slug] = told["joiner"]
    assert slug.startswith(name) and told["replications"] == 50
    assert set(told["incumbents"]) == set(LONDON.boroughs) and set(told["providers"]) == set(LONDON.teams)
    assert told["words"] == join_words(told) and len(told["words"]) > 8


MISTAKES = [
    (("join", "pan_london", "sutton"), "Sutton takes part in pan_london already", "Choose another borough"),
    (("join", "pan_london", "haringey", "--when", "2021-02-06"), "window of referrals", "Choose a date in it"),
    (("join", "pan_london", "haringey@2017-01-01"), "window of referrals", "Choose a date in it"),
    (("join", "pan_london", "haringey", "--when", "soon"), "--when takes a date such as 2019-04-01", "'soon'"),
    (("join", "pan_london", "haringey@soon"), "a date such as haringey@2019-04-01", "soon"),
    (("join", "pan_london", "city_of_london"), "suppressed", "edgeofcare new-borough city_of_london --referrals N"),
    (("join", "pan_london", "harringay"), "no figures of this borough", "haringey"),
    (("join", "pan_london", "haringey", "--teams", "plus-x"), "'plus-x'", "plus-mst"),
    (("join", "pan_london", "haringey", "--cap", "none"), "'none'", "per_start"),
    (("join", "pan_london", "haringey", "--replications", "0"), "replications", "from 1"),
    (("join", "pan_london", "nowhere.toml"), "nowhere.toml", "no such file"),
    (("exposure", "pan_london", "--budget", "sutton"), "--budget takes BOROUGH=GBP", "'sutton'"),
    (("exposure", "pan_london", "--budget", "sutton=much"), "--budget takes BOROUGH=GBP", "much"),
    (("exposure", "pan_london", "--budget", "haringey=4e5"), "no borough haringey", "It has sutton"),
    (("exposure", "pan_london", "--borough", "haringey"), "no borough haringey", "It has sutton"),
    (("exposure", "pan_london", "--replications", "0"), "replications", "from 1"),
    (("cost-sharing", "pan_london", "--replications", "0"), "replications", "from 1"),
]


@pytest.mark.parametrize(("words", "says", "next_step"), MISTAKES, ids=lambda value: str(value)[:60])
def test_mistakes_are_a_sentence_with_what_to_do(cli: Cli, words: Sequence[str], says: str, next_step: str) -> None:
    code, out, err = cli(*words, "--quiet")
    assert code == 2 and out == "" and "Traceback" not in err
    flat = " ".join(err.split())
    assert says in flat and next_step in flat, err


def test_exposure_and_shares_have_pages(cli: Cli) -> None:
    quick = ("pan_london", "--replications", "20", "--json", "--quiet")
    code, out, _ = cli("exposure", *quick, "--budget", "newham=500000")
    told = json.loads(out)
    page = exposure_page(told)
    assert code == 0 and all(b["name"].upper() in page for b in told["boroughs"].values())
    newham = told["boroughs"]["newham"]
    says_chances(
        " ".join(re.findall(r"A budget of £500k.*?contracts\.", " ".join(page.split()))),
        newham["budget"]["any_year_over_prob"],
    )
    only = exposure_page(told, ["sutton"])
    assert "SUTTON" in only and "NEWHAM" not in only
    code, out, _ = cli("cost-sharing", *quick)
    told = json.loads(out)
    assert code == 0 and told["exact"]
    for rule in told["rules"]:
        assert sum(rule["pence"]) == told["cost_pence"], rule["rule"]
    page = cli("cost-sharing", "pan_london", "--replications", "20", "--quiet")[1]
    assert all(need["name"] in page for need in told["needs"]) and told["words"][0].split(";")[0] in page


def test_a_file_for_a_new_borough_can_join_at_once(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("new-borough", "Medway", "--referrals", "12", "--when", "2019-01-01")
    assert code == 0 and "edgeofcare join pan_london medway.toml" in out
    text = (tmp_path / "medway.toml").read_text(encoding="utf-8")
    assert "assumed" in text and "given to edgeofcare new-borough" in text
    code, out, _ = cli("join", "pan_london", "medway.toml", "--replications", "20", "--json", "--quiet")
    told = json.loads(out)
    assert code == 0 and told["joiner"]["medway"]["join_date"] == "2019-01-01"
    assert told["joiner"]["medway"]["referrals_per_year"] == 12
    code, _, err = cli("new-borough", "Medway")
    assert code == 2 and "Give --referrals or --care-starts" in err
