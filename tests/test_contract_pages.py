"""Pages of contracts and the verbs that print them: readable, JSON that holds all, mistakes as sentences."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.cli import main
from edgeofcare.documents.answers.breakeven import breakeven_document, range_words
from edgeofcare.documents.formats.text import text
from edgeofcare.documents.text_pages.contracts import comparison_page, lint_page, log_page, risk_words
from edgeofcare.errors import OptionError
from edgeofcare.experiment import settled, simulate
from edgeofcare.inputs.contracts import shipped_contracts
from edgeofcare.inputs.load import load, with_values
from edgeofcare.questions.breakeven import breakeven
from edgeofcare.questions.contracts import contracts as compare_contracts
from edgeofcare.questions.contracts import movements, under
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.lint import Finding

WIDEST = 120
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
        code = end.value.code
        assert isinstance(code, int)
        return (code, *capsys.readouterr())

    return command


@lru_cache
def grid() -> dict[str, Any]:
    return compare_contracts(load("pan_london"), replications=30, grid=True).as_dict()


def assert_readable(text: str) -> None:
    assert text.strip()
    for line in text.splitlines():
        assert len(line) <= WIDEST, line
        assert not re.search(r"\b(nan|None|inf|-0\.0|dict|numpy)\b", line), line


# ---- the comparison -------------------------------------------------------------------------------------------------


def test_every_page_is_at_most_120_wide() -> None:
    assert_readable(comparison_page(grid()))
    assert_readable(comparison_page(compare_contracts(load("pan_london"), "newpin", 5).as_dict()))
    assert_readable(comparison_page(compare_contracts(load("essex"), "essex,dn2", 5, same_cost=True).as_dict()))
    for found in (
        breakeven(load("pan_london"), chance=0.5, replications=10),
        breakeven(load("essex"), target_irr=0.2, replications=10),
        breakeven(with_values(load("pan_london"), {"contract.cap_gbp": None}), replications=10),
    ):
        assert_readable(text(breakeven_document(found)))
    for contract in ("pan_london", "cuyahoga", "benevolent_society", "self_finance"):
        assert_readable(log_page([vars(row) for row in movements(load("pan_london"), contract, 0, 1)]))


def test_the_page_tells_every_contract_in_every_part() -> None:
    page = comparison_page(grid())
    head, *parts = page.split("\n\n")
    assert head.startswith("12 contracts on the same children: pan_london\n30 simulated contracts, seed 1; every")
    assert [part.splitlines()[0].split(",")[0][:30] for part in parts] == [
        "THE ANSWER",
        "IF THERAPY DOES WHAT IS CLAIME",
        "WHO BEARS THE RISK THAT THERAP",
        "THE WORLDS: what would happen ",
        "PAID",
        "BOROUGHS KEEP",
        "INVESTORS GAIN",
        "CHANCE THAT THE INVESTORS LOSE",
    ]
    for part in (parts[1], parts[2], *parts[4:]):
        said = [line.split()[0].rstrip(":") for line in part.splitlines() if re.match(r"  \w+_?\w*:? ", line)]
        assert [name for name in said if name in shipped_contracts()] == shipped_contracts()


def test_figures_of_the_grid_stand_under_their_world() -> None:
    page, worlds = comparison_page(grid()), [world["name"] for world in grid()["worlds"]]
    bases = ("contract", "before_proceedings", "start_control")
    order = [f"{effect} on {base}" for base in bases for effect in ("none", "half", "claimed", "start")]
    order += [f"claimed on contract, volume {volume}%" for volume in (30, 66)]
    assert sorted(order) == sorted(worlds)
    paid = page[page.index("PAID, £m") :].split("\n\n")[0]
    for name in ("pan_london", "essex", "cuyahoga"):
        (line,) = [line for line in paid.splitlines() if line.startswith(f"  {name} ")]
        cells = [grid()["contracts"][name]["grid"][world]["payments_gbp"]["mean"] / 1e6 for world in order]
        assert line.split()[1:] == [f"{cell:.1f}" for cell in cells]


def told(paid: float, plan: float, profit: float, top_up: float = 0.0, cost: float = 0.0) -> str:
    null = {"payments_gbp": {"mean": paid}, "profit_gbp": {"mean": profit}}
    return risk_words(
        {
            "if_no_effect": null,
            "payments_gbp": {"mean": plan},
            "top_up_gbp": {"mean": top_up},
            "service_cost_gbp": {"mean": cost},
        }
    )


def test_who_bears_the_risk_of_each_kind() -> None:
    assert told(7.2e6, 7.2e6, 3.45e5, 1e6).startswith("the boroughs and the central payer. £7.20m is paid")
    assert told(7.2e6, 7.2e6, 3.45e5) == (
        "the boroughs. £7.20m is paid for nothing (100% of plan); investors still gain £345k."
    )
    assert told(0.5e6, 5e6, -4.5e6) == "the investors. Investors lose £4.50m; £500k is paid (10% of plan)."
    assert told(5.4e6, 9.7e6, -1.5e6) == ("both. £5.40m is paid for nothing (56% of plan), and investors lose £1.50m.")
    assert told(7e6, 7e6, 0.0).endswith("(100% of plan); no investor is at risk.")
    assert told(0.0, 0.0, 0.0) == "nobody. No investor is at risk; £0 is paid (nothing is planned)."
    assert told(6.0e6, 9.2e6, 1.4e5).startswith("the boroughs. "), "an investor who gains bears nothing"
    assert told(1.1e4, 1.1e4, -6.9e6, cost=7e6).startswith("the investors. "), "little is paid, as planned"
    assert "(less than 1% of plan)" in told(1.1e4, 9.6e6, -6.9e6)


def test_shipped_contracts_are_told_for_what_they_are() -> None:
    said = {name: risk_words(one).split(".")[0] for name, one in grid()["contracts"].items()}
    assert {said[name] for name in ("fee_for_service", "self_finance")} == {"the boroughs"}
    assert {said[name] for name in ("essex", "cuyahoga")} == {"the investors"}
    assert {said[name] for name in ("pan_london", "norfolk", "suffolk", "dn2", "manchester")} == {"both"}


# ---- break-even and lint --------------------------------------------------------------------------------------------


def test_breakeven_page() -> None:
    found = breakeven(load("pan_london"), chance=0.5, replications=20)
    page = text(breakeven_document(found))
    assert f"THE ANSWER {range_words(found)} PRICE AT WHICH" in " ".join(page.split())
    assert f"The investor: breaks even at £{found.price['investor'].at[0]:,.2f} or more." in page


def test_lint_page() -> None:
    assert lint_page("a", []).startswith("a: no fault found.")
    finding = Finding("terms", "contract.terms", "The contract has 5 terms. " * 12)
    one, two = lint_page("a", [finding]), lint_page("a", [finding, finding])
    assert one.startswith("a: 1 finding\n  [terms] contract.terms: The contract") and two.startswith("a: 2 findings\n")
    assert_readable(two)


# ---- the log --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", ["pan_london", "essex", "cuyahoga", "benevolent_society", "self_finance"])
@pytest.mark.parametrize("replication", [0, 3])
def test_movements_of_money_add_up(contract: str, replication: int) -> None:
    """Receipts and draws are costs and distributions, to the penny; days never go back."""
    rows = movements(load("pan_london"), contract, replication, 1)
    moved = [row for row in rows if row.source and row.payee]
    into = sum(round(row.gbp * 100) for row in moved if row.payee == "cash")
    out = sum(round(row.gbp * 100) for row in moved if row.source == "cash")
    assert into == out > 0
    verbs = {row.what.split()[0] for row in moved}
    assert {"draw", "pay_cost", "receive"} <= verbs
    assert [row.date for row in rows] == sorted(row.date for row in rows)


def test_the_log_of_a_replication_is_that_replication() -> None:
    for replication in range(4):
        rows = simulate(claimed_case(load("pan_london")), 1, replication, 1, [under(load("pan_london"), "suffolk")])
        paid = settled([rows], ["all_payments_gbp"], under(load("pan_london"), "suffolk")).at("all_payments_gbp")
        moved = movements(load("pan_london"), "suffolk", replication, 1)
        received = sum(row.gbp for row in moved if row.what.startswith("receive"))
        assert received == pytest.approx(paid[0], abs=0.005)


def test_the_log_wants_one_contract_and_a_number_from_nought() -> None:
    with pytest.raises(OptionError, match="one contract is wanted here"):
        movements(load("pan_london"), "all", 0, 1)
    with pytest.raises(OptionError, match=r"from 0 \(got -1\)"):
        movements(load("pan_london"), "essex", -1, 1)


# ---- verbs ----------------------------------------------------------------------------------------------------------


def test_payments_prints_one_object_of_twelve_contracts(cli: Cli) -> None:
    code, out, errors = cli("contracts", "pan_london", "--contracts", "all", "--replications", "5", "--json", "--quiet")
    found = json.loads(out)
    assert code == 0 and not errors and list(found["contracts"]) == shipped_contracts()
    assert len(found["contracts"]) == 12 and "worlds" not in found
    code, out, _ = cli("contracts", "pan_london", "--contracts", "essex", "--replications", "5", "--quiet")
    assert code == 0 and out.startswith("1 contract on the same children") and "\nNext: edgeofcare contracts" in out


def test_breakeven_and_lint_print_one_object(cli: Cli) -> None:
    words = ("breakeven", "pan_london", "--contract", "dn2", "--replications", "5", "--target-irr", "0.1")
    code, out, errors = cli(*words, "--json", "--quiet")
    assert code == 0 and not errors and json.loads(out)["target_irr_per_year"] == 0.1
    code, out, _ = cli(*words, "--chance", "0.5", "--quiet")
    assert code == 0 and "\nTHE ANSWER\n" in out and "IN 50 IN 100 CONTRACTS" in out
    code, out, errors = cli("lint", "pan_london", "--contracts", "cuyahoga,dn2", "--json")
    found = json.loads(out)
    assert code == 0 and [one["check"] for one in found["cuyahoga"]] == ["data"] and found["dn2"] == []
    assert cli("lint", "pan_london")[1].startswith("pan_london: no fault found.")


def test_log_prints_movements(cli: Cli) -> None:
    words = ("contracts", "pan_london", "--contracts", "dn2", "--log", "0")
    code, out, _ = cli(*words)
    assert code == 0 and out.startswith("WHAT MOVED, AND WHAT SET IT OFF") and "receive" in out
    rows = json.loads(cli(*words, "--json")[1])
    assert {"date", "what", "source", "payee", "gbp"} == set(rows[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("contracts pan_london --contracts esssex", r"there is no contract of this name\. Did you mean 'essex'\?"),
        ("contracts pan_london --contracts essex --replications 0", "replications must be a whole number from 1"),
        ("contracts pan_london --contracts essex --seed -1", "seed must be a whole number from 0"),
        ("contracts pan_london --contracts essex --workers 0", "workers must be a whole number from 1 to 1,024"),
        ("contracts pan_london --contracts essex --log -1", r"from 0 \(got -1\)"),
        ("contracts pan_london --log 0", r"one contract is wanted here \(got 12\)"),
        ("contracts pan_london_evidence", "draws its effect from the evidence"),
        ("breakeven pan_london --chance 2", r"--chance must lie between 0 and 1 \(got 2\)"),
        ("breakeven pan_london --target-irr 8", "--target-irr must lie between"),
        ("breakeven pan_london --contract essex,dn2", r"one contract is wanted here \(got 2\)"),
        ("breakeven pan_london --contract self_finance", "no term has a price that could be moved"),
        ("breakeven pan_london_evidence", "draws its effect from the evidence"),
        ("lint pan_london_evidence", "draws its effect from the evidence"),
        ("lint pan_london --contracts nobody", "there is no contract of this name"),
        ("lint pan_london --seed -1", "seed must be a whole number from 0"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(cli: Cli, words: str, said: str) -> None:
    code, out, errors = cli(*words.split())
    assert code == 2 and not out
    assert re.search(said, errors) and "Traceback" not in errors
    assert len(errors.strip().splitlines()) == 1
