"""Two payment terms that are not shipped go through every command that takes a contract, as CONTRIBUTING promises.

Whoever adds a term writes its class, puts it in the union and, if it is no price for each whole unit, gives it a
formula. Nothing else in the program knows a kind of term by name: these two are known to this file alone.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import openpyxl
import pytest
from pydantic import BaseModel, Field

from edgeofcare.cli import main
from edgeofcare.inputs.contract import MODIFIERS, Capital, Contract
from edgeofcare.inputs.contracts import ContractFile, at_price
from edgeofcare.inputs.load import load
from edgeofcare.inputs.messages import _models_in
from edgeofcare.inputs.scaling import PriceGbp, Scalable, moving
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms import kinds
from edgeofcare.inputs.terms.base import (
    CARE_RECORDS,
    RECORD_WORDS,
    SERVICE_RECORDS,
    Counting,
    Kind,
    Term,
    TrackedTerm,
    UnitTerm,
)
from edgeofcare.inputs.terms.kinds import KINDS
from edgeofcare.money.pence import Pence, whole
from edgeofcare.money.terms import Counted, by_referrals, formula
from edgeofcare.questions import case

ROOT = Path(__file__).resolve().parents[1]


class AtHomeAtMidyear(TrackedTerm, UnitTerm):
    """Pays for each child who is out of care on the last day of week 26 of tracking: units at a price."""

    pays: Literal["at_home_at_midyear"]
    price_gbp: PriceGbp
    """GBP for each."""

    kind: ClassVar[Kind] = Kind(
        label="At home at midyear",
        sentence="{price} for each child who is at home at midyear",
        records=(CARE_RECORDS, "school_records"),
        unit="child at home at midyear",
        units="children",
        price_label="Price of a child at home at midyear",
        price_name="midyear_price_gbp",
        counted={"paid_units": "Children at home at midyear"},
    )

    def counting(self) -> Counting:
        return Counting("at_week", max_units=1, weeks=26)


class QuietDays(TrackedTerm):
    """Pays for tracked days out of care beyond half of all, of all children together: a formula of its own."""

    pays: Literal["quiet_days"]
    gbp_per_day: PriceGbp
    """GBP for each day."""

    kind: ClassVar[Kind] = Kind(
        label="Quiet days of all together",
        sentence="a sum for quiet days",
        records=(CARE_RECORDS,),
    )

    def counting(self) -> Counting:
        return Counting("any")


@formula.register
def _quiet_days(term: QuietDays, lived: Counted) -> Pence:
    tracked, care = (lived.of(measure).sum(axis=1) for measure in ("tracked_days", "care_days"))
    return by_referrals(whole(np.maximum(tracked / 2 - care, 0) * (term.gbp_per_day * 100)), lived.plan)


# Words of terms that are words of other things too: how a cap grows with joiners, a shipped contract.
ALSO_OTHERWISE = {"per_start", "self_finance"}
NEW: tuple[type[Term], ...] = (AtHomeAtMidyear, QuietDays)
TERMS = """
[[contract.terms]]
pays = "quiet_days"
gbp_per_day = 4.0
[[contract.terms]]
pays = "at_home_at_midyear"
price_gbp = 20000.0
"""
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def known() -> Iterator[None]:
    """The union of terms with the two new ones in it, and the models that hold contracts read again."""
    holders: tuple[type[BaseModel], ...] = (Contract, ContractFile, Scenario)
    field = Contract.model_fields["terms"]
    before, shipped = field.annotation, dict(KINDS)
    KINDS.update({kinds.word_of(term): term for term in NEW})
    field.annotation = tuple[Annotated[reduce(or_, KINDS.values()), Field(discriminator="pays")], ...]  # type: ignore[assignment]
    for model in holders:
        model.model_rebuild(force=True)
    yield
    field.annotation = before
    for word in KINDS.keys() - shipped.keys():
        del KINDS[word]
    for model in holders:
        model.model_rebuild(force=True)


@pytest.fixture(scope="module")
def folder(known: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario under a contract of the two, and the contract by itself."""
    place = tmp_path_factory.mktemp("new_terms")
    (place / "mine.toml").write_text(f'extends = "pan_london"\ntitle = "Mine"\n[contract]\nname = "New"\n{TERMS}')
    (place / "new.toml").write_text(f'title = "New terms"\n[contract]\nname = "New"\nlag_days = 30\n{TERMS}')
    return place


@pytest.fixture
def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask a command in that folder, and return its JSON, or its text if there is none."""

    def asked(*words: str) -> Any:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["edgeofcare", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, errors = capsys.readouterr()
        assert end.value.code == 0, errors
        return json.loads(out) if "--json" in words else out

    return asked


# ---- every command ------------------------------------------------------------------------------------------------


def test_run_check_and_show_read_them(ask: Ask) -> None:
    found = ask("run", "mine.toml", "--replications", "20", "--json")
    assert found["payments_gbp"]["total"]["mean"] > 1e6
    assert "at_home_at_midyear" in json.dumps(ask("show", "mine.toml", "--json"))
    ask("check", "mine.toml", "--quick")


def test_same_cost_scales_them(ask: Ask) -> None:
    names = ("--contracts", "new.toml,pan_london", "--replications", "100", "--json")
    plain, same = (ask("contracts", "pan_london", *names, *more) for more in ((), ("--same-cost",)))
    factor = same["contracts"]["new"]["price_factor"]
    paid, target = (same["contracts"][name]["payments_gbp"]["mean"] for name in ("new", "pan_london"))
    assert abs(factor - 1) > 0.05 and paid == pytest.approx(target, rel=0.1)
    assert paid == pytest.approx(factor * plain["contracts"]["new"]["payments_gbp"]["mean"], rel=1e-4)
    assert same["contracts"]["new"]["terms"] == ["quiet_days", "at_home_at_midyear"]


def test_exposure_stress_and_join_pay_by_them(ask: Ask) -> None:
    few = ("--replications", "20", "--json")
    ask("exposure", "mine.toml", *few)
    ask("stress", "mine.toml", "--stress", "no_effect", *few)
    ask("join", "mine.toml", "haringey", *few)


def test_breakeven_moves_their_price_and_finds_a_root(ask: Ask) -> None:
    found = ask("breakeven", "mine.toml", "--replications", "100", "--json")
    assert (found["unit"], found["own_price"]) == ("child at home at midyear", 20000.0)
    (root,) = found["price"]["investor"]["at"]
    assert 2000 < root < 200_000
    scenario = load("mine.toml")
    moved = at_price(scenario, 2.0).contract.terms
    assert [term.model_dump()[key] for term, key in zip(moved, ("gbp_per_day", "price_gbp"), strict=True)] == [8, 40000]


def test_lint_knows_by_what_they_are_settled(ask: Ask) -> None:
    (finding,) = [f for f in ask("lint", "mine.toml", "--json")["mine"] if f["check"] == "data"]
    assert finding["where"] == "contract.terms.1"
    assert "school_records" in finding["words"] and SERVICE_RECORDS not in finding["words"]


def test_a_document_of_one_child_counts_them(known: None, folder: Path) -> None:
    from edgeofcare.documents.answers.child import child_document
    from edgeofcare.questions.child import one_child
    from edgeofcare.questions.counterfactuals import claimed_case

    scenario = load(str(folder / "mine.toml"))
    found = one_child(claimed_case(scenario), 1, 0, next(iter(scenario.boroughs)), 1)
    assert found["terms_of_all_children"] == ["quiet_days"] and found["payments"][0]["pays"] == "at_home_at_midyear"
    told = repr(child_document(found).blocks)
    assert "quiet days of all together" in told and "At home at midyear" in told


HEAVY = ("contracts", "stress", "tornado", "backtest")  # parts of a case that the commands above ask for themselves


@pytest.mark.parametrize("left_out", [HEAVY, pytest.param((), marks=pytest.mark.slow)], ids=["light", "whole"])
def test_the_report_and_the_workbook_name_them_by_their_labels(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch, left_out: tuple[str, ...]
) -> None:
    all_parts, place = case._parts, f"case_without_{len(left_out)}"
    monkeypatch.setattr(
        case, "_parts", lambda *a: {name: make for name, make in all_parts(*a).items() if name not in left_out}
    )
    ask("case", "mine.toml", "--out", place, "--replications", "10", "--quiet")
    ask("report", place, "--formats", "html,xlsx", "--out", f"{place}_report")
    (page,), (book,) = ((folder / f"{place}_report").glob(f"*.{kind}") for kind in ("html", "xlsx"))
    said = re.sub(r"\s+", " ", page.read_text("utf-8"))
    assert "£20,000 for each child who is at home at midyear." in said and "A sum for quiet days." in said
    sheets = openpyxl.load_workbook(io.BytesIO(book.read_bytes()))
    assert "midyear_price_gbp" in sheets.defined_names
    titles = {cell.value for sheet in sheets for cell in sheet["A"] if isinstance(cell.value, str)}
    assert "Price of a child at home at midyear, GBP" in titles
    for title in (
        "Price of a child at home at midyear: due",
        "Children at home at midyear",
        "Quiet days of all together: simulated mean, a value",
    ):
        assert any(found.startswith(title) for found in titles), title


# ---- what every term states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", KINDS.values(), ids=KINDS)
def test_every_kind_states_its_facts_and_has_a_formula(term: type[Term]) -> None:
    kind = term.kind
    assert kind.label and kind.sentence and set(kind.records) <= RECORD_WORDS.keys() and kind.records
    assert formula.dispatch(term) is not formula.dispatch(Term), "money/terms.py has its formula"
    if "price_gbp" in term.model_fields:
        assert all((kind.unit, kind.units, kind.price_label, kind.price_name)) and "{price}" in kind.sentence
    if issubclass(term, UnitTerm):
        assert len(kind.counted) == 1 and (kind.unpaid_share is None or kind.unpaid_share[0] in term.model_fields)


def test_labels_and_names_tell_the_kinds_apart() -> None:
    for fact in ("label", "sentence", "price_label", "price_name"):
        said = [found for term in KINDS.values() if (found := getattr(term.kind, fact))]
        assert len(said) == len(set(said)), fact


def parts_of(part: type[BaseModel]) -> Iterator[type[Scalable]]:
    """The parts that can be multiplied inside a model, itself first."""
    if issubclass(part, Scalable):
        yield part
    for field in part.model_fields.values():
        yield from (inner for found in _models_in(field.annotation) for inner in parts_of(found))


@pytest.mark.parametrize("part", sorted({*parts_of(Contract), *parts_of(Capital)}, key=str), ids=lambda p: p.__name__)
def test_every_sum_of_money_says_how_it_moves(part: type[Scalable]) -> None:
    """A key in GBP that forgot it would stay where it is at other prices, and every comparison would be wrong."""
    money = {key for key in part.model_fields if "gbp" in key}
    assert money == {key for by in ("price", "size", "pay") for key in moving(part, by)}


def test_every_rule_of_a_contract_is_a_modifier_or_no_rule() -> None:
    plain = {"name", "description", "terms", "tracking", "lag_days", "sized_for_gbp"}
    assert {modifier.key for modifier in MODIFIERS} == Contract.model_fields.keys() - plain


def test_the_recipe_names_the_files_that_a_term_needs() -> None:
    """CONTRIBUTING sends whoever adds a term to three files: they exist, and are those that this file stands in for."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    recipe = text[text.index("## A payment term") :].split("\n## ")[0]
    three = re.findall(r"^\d\. .*?`(inputs/[\w/]+\.py|inputs/terms/|money/[\w/]+\.py)`", recipe, re.MULTILINE)
    assert three == ["inputs/terms/", "inputs/terms/kinds.py", "money/terms.py"]
    package = ROOT / "model" / "edgeofcare"
    assert all((package / name).exists() for name in three)


def test_nothing_else_knows_a_kind_of_term_by_name() -> None:
    package, classes = ROOT / "model" / "edgeofcare", {term.__name__ for term in KINDS.values()}
    knowing = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = node.id if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
            if name in classes or (name in KINDS and name not in ALSO_OTHERWISE):
                knowing.add(path.relative_to(package).as_posix())
    homes = {name for name in knowing if name.startswith("inputs/terms/")}
    # The backtest holds the model against one published contract, by its own baseline.
    assert knowing - homes == {"money/terms.py", "questions/backtest.py"}
