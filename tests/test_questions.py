"""What is asked of therapy becomes the scenario that was meant: unchanged is untouched, none is exactly none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import pytest

from edgeofcare.engine.calibrate import TRACKED_SHARE, calibrate
from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import canonical, load, scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.pages.fields import Number, read_all
from edgeofcare.pages.questions import effect_fields, effect_words, size_fields, step_field, with_effect
from edgeofcare.pages.visit import SCENARIOS

scenario = lru_cache(load)


def asked(name: str, texts: Mapping[str, str] | None = None) -> tuple[Number, Number]:
    """The two numbers of therapy's effect."""
    return effect_fields(scenario(name), texts or {})


def answered(name: str, **texts: str) -> Scenario:
    """The scenario with these texts in its boxes, others as published."""
    fields = asked(name, texts)
    values, errors = read_all(fields, {one.key: texts.get(one.key, one.text) for one in fields})
    assert errors == {}
    return with_effect(scenario(name), values)


@pytest.mark.parametrize("name", SCENARIOS)
def test_unchanged_is_the_identical_scenario(name: str) -> None:
    assert answered(name) is scenario(name)
    usual, therapy = asked(name)
    assert answered(name, usual=usual.text, therapy=therapy.text) is scenario(name)
    assert answered(name, usual=usual.text, therapy=dict(therapy.shortcuts)["as claimed"]) is scenario(name)


@pytest.mark.parametrize(("name", "claims"), [("pan_london", (0.35, 0.65)), ("essex", (0.45, 0.73))])
def test_the_published_claim_stands_in_the_boxes(name: str, claims: tuple[float, float]) -> None:
    fields = asked(name)
    assert tuple(one.value for one in fields) == claims
    assert [one.read(one.text) for one in fields] == list(claims)
    assert [one.unit for one in fields] == ["% of tracked days"] * 2 and all(one.percent for one in fields)


@pytest.mark.parametrize("name", ["pan_london", "essex"])
def test_none_is_exactly_none(name: str) -> None:
    usual, therapy = asked(name)
    none = answered(name, therapy=dict(therapy.shortcuts)["none"])
    assert none.effect.usual == usual.value and none.effect.measure == TRACKED_SHARE
    found = calibrate(none)
    assert found.hazard_ratio == 1.0 and found.measures["therapy"] == found.measures["usual"]
    assert found.measures["usual"][TRACKED_SHARE] == pytest.approx(usual.value, abs=1e-6)


def test_half_stands_midway_and_is_met() -> None:
    half = answered("pan_london", therapy=dict(asked("pan_london")[1].shortcuts)["half of that"])
    assert (half.effect.usual, half.effect.therapy, half.effect.hazard_ratio) == (0.35, 0.5, None)
    measures = calibrate(half).measures
    assert measures["therapy"][TRACKED_SHARE] == pytest.approx(0.5, abs=1e-6)
    assert measures["usual"][TRACKED_SHARE] == pytest.approx(0.35, abs=1e-6)


@pytest.mark.parametrize("name", ["pan_london", "essex"])
def test_the_trial_found_more_days_in_care_by_the_published_odds_ratio(name: str) -> None:
    usual, therapy = asked(name)
    share = float(dict(therapy.shortcuts)["as the English trial found"]) / 100
    odds = ((1 - share) / share) / ((1 - usual.value) / usual.value)
    assert share < usual.value and odds == pytest.approx(1.25, rel=0.005)
    harm = answered(name, therapy=dict(therapy.shortcuts)["as the English trial found"])
    assert harm.effect.therapy == pytest.approx(share)


def test_shortcuts_follow_what_is_typed_without_therapy() -> None:
    therapy = asked("pan_london", {"usual": "45"})[1]
    found = dict(therapy.shortcuts)
    assert (found["as claimed"], found["half of that"], found["none"]) == ("73.8", "59.4", "45")
    odds = [share / (1 - share) for share in (0.35, 0.65, 0.45, 0.738)]
    assert odds[3] / odds[2] == pytest.approx(odds[1] / odds[0], rel=0.01), "the claim keeps its odds ratio"
    assert float(found["as the English trial found"]) < 45
    none = answered("pan_london", usual="45", therapy=found["none"])
    assert (none.effect.usual, calibrate(none).hazard_ratio) == (0.45, 1.0)
    wrong = dict(asked("pan_london", {"usual": "many"})[1].shortcuts)
    assert wrong["half of that"] == "50", "what cannot be read changes nothing"


@pytest.mark.parametrize("usual", ["1", "2", "50", "98", "99"])
def test_every_shortcut_is_within_the_limits(usual: str) -> None:
    therapy = asked("pan_london", {"usual": usual})[1]
    assert all(0 < therapy.read(text) < 1 for _, text in therapy.shortcuts)


def test_a_claim_by_other_measures_is_asked_in_tracked_days() -> None:
    fields = asked("pan_london_harm")
    measures = calibrate(scenario("pan_london_harm")).measures
    assert [one.value for one in fields] == [measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy")]
    assert answered("pan_london_harm") is scenario("pan_london_harm")


def test_none_is_exactly_none_for_a_claim_by_other_measures() -> None:
    # The box shows 35 for 34.99999..., "none" writes that text into the other box, where it is 35 sharp.
    none = answered("pan_london_harm", therapy=dict(asked("pan_london_harm")[1].shortcuts)["none"])
    assert calibrate(none).hazard_ratio == 1.0
    said = effect_words({"usual": 0.3499999556, "therapy": 0.35})
    assert said.startswith("If therapy changes nothing (35% ")


def test_as_claimed_is_the_claim_for_a_claim_by_other_measures() -> None:
    found = answered("pan_london_harm", therapy=dict(asked("pan_london_harm")[1].shortcuts)["as claimed"])
    assert scenario_hash(found) == scenario_hash(scenario("pan_london_harm"))


def test_another_effect_changes_the_effect_and_nothing_else() -> None:
    for name in ("pan_london", "essex"):
        before = scenario(name).model_dump(exclude={"effect", "origins"})
        changed = answered(name, usual="40", therapy="50")
        assert changed.model_dump(exclude={"effect", "origins"}) == before
        assert (changed.effect.usual, changed.effect.therapy, changed.effect.measure) == (0.4, 0.5, TRACKED_SHARE)
        assert canonical(changed) != canonical(scenario(name))


def test_a_scenario_that_draws_its_effect_from_evidence_is_refused_with_the_next_step() -> None:
    with pytest.raises(OptionError, match=r"^pan_london_evidence draws its effect .* Choose a scenario with a claim, "):
        effect_fields(scenario("pan_london_evidence"), {})


def test_the_effect_in_words() -> None:
    assert effect_words({"usual": 0.35, "therapy": 0.65}) == "If therapy moves days out of care from 35% to 65%"
    assert effect_words({"usual": 0.35, "therapy": 0.35}) == (
        "If therapy changes nothing (35% of days out of care with it and without)"
    )


def test_sizes_are_whole_numbers_within_limits() -> None:
    replications, seed = size_fields(200, 2000)
    assert (replications.key, seed.key) == ("replications", "seed")
    assert (replications.value, replications.low, replications.high) == (200, 100, 2000)
    assert type(replications.read("2,000")) is int and seed.read("0") == 0
    for field, text in ((replications, "99"), (replications, "2001"), (seed, "-1"), (seed, "1.5")):
        with pytest.raises(OptionError):
            field.read(text)


STEPS = [("5", "4", "6"), ("1", "1", "2"), ("9", "8", "9"), ("x", "2", "4")]


@pytest.mark.parametrize(("now", "before", "after"), STEPS)
def test_a_number_in_steps_has_the_one_before_and_the_one_after(now: str, before: str, after: str) -> None:
    field = step_field("child", "Child", 3, 1, 9, {"child": now}, "")
    assert dict(field.shortcuts) == {"before": before, "next": after}
    assert field.text == "3" and field.whole
