"""What is typed is read as meant or refused in a sentence that says the rule: never a crash, never a silent guess."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.errors import OptionError
from edgeofcare.pages.fields import LONGEST_SAID, Choice, Number, Several, grouped, plain, read_all

FAMILIES = Number("families", "Families it refers", 22.5, 1, 300, 1, "a year")
SHARE = Number("share", "Days out of care", 0.35, 1, 99, 1, "% of tracked days", percent=True)
COUNT = Number("count", "Simulated contracts", 2000, 100, 10_000, 100, whole=True)
CHANGE = Number("change", "Change", -5, -50, 1_500_000, 1, "£")
NUMBERS = (FAMILIES, SHARE, COUNT, CHANGE)
PLACE = Choice("place", "Borough", "b", (("a", "Ashby"), ("b", "Bexhill")))
PLACES = Several("places", "Boroughs", ("b",), (("a", "Ashby"), ("b", "Bexhill"), ("c", "Corby")))


def refusal(field: Any, text: str) -> str:
    """The sentence in which a text is refused."""
    with pytest.raises(OptionError) as error:
        field.read(text)
    return str(error.value)


# ---- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (FAMILIES, "30", 30.0),
        (FAMILIES, " 22.25 ", 22.25),
        (FAMILIES, "1", 1.0),
        (FAMILIES, "300", 300.0),
        (SHARE, "40", 0.4),
        (SHARE, "40%", 0.4),
        (SHARE, "40 %", 0.4),
        (SHARE, "1", 0.01),
        (SHARE, "99", 0.99),
        (COUNT, "10,000", 10_000),
        (COUNT, "200.0", 200),
        (CHANGE, "£1,500,000", 1_500_000.0),
        (CHANGE, "-7.5", -7.5),
        (CHANGE, "\u22127.5", -7.5),
        (CHANGE, "\u20137.5", -7.5),
        (CHANGE, "\u20127.5", -7.5),
        (CHANGE, "-£7", -7.0),
        (CHANGE, "0", 0.0),
    ],
)
def test_a_number_is_read_as_people_write_it(field: Number, text: str, value: float) -> None:
    assert field.read(text) == pytest.approx(value, rel=1e-15)


WRONG = (
    "",
    "   ",
    "many",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "infinity",
    "1e999",
    "--5",
    "5 6",
    "0x10",
    "=1+1",
    "\x00",
    "<script>alert(1)</script>",
    "9" * 400,
)


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.key)
@pytest.mark.parametrize("text", [*WRONG, "1e12", "-1e12"])
def test_what_is_no_number_or_outside_the_limits_is_refused_with_label_limits_and_what_was_got(
    field: Number, text: str
) -> None:
    said = refusal(field, text)
    assert said.startswith(f"{field.label}: write a ") and said.endswith(".")
    assert f"from {grouped(field.low)} to {grouped(field.high)}" in said
    assert field.unit in said
    assert ("Got " in said and text.strip()[:LONGEST_SAID] in said) if text.strip() else "Nothing is written." in said


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (FAMILIES, "0.999"),
        (FAMILIES, "300.001"),
        (FAMILIES, "-1"),
        (SHARE, "0"),
        (SHARE, "0.35"),
        (SHARE, "99.5"),
        (SHARE, "100"),
        (COUNT, "99"),
        (COUNT, "10001"),
        (COUNT, "150.5"),
    ],
)
def test_limits_are_held_exactly(field: Number, text: str) -> None:
    assert f"Got {text}." in refusal(field, text)


def test_a_sentence_in_full() -> None:
    assert refusal(FAMILIES, "0") == "Families it refers: write a number from 1 to 300 (a year). Got 0."
    assert refusal(COUNT, "ten") == "Simulated contracts: write a whole number from 100 to 10,000. Got ten."
    assert refusal(FAMILIES, " ") == "Families it refers: write a number from 1 to 300 (a year). Nothing is written."


def test_a_very_long_text_is_repeated_only_at_its_beginning() -> None:
    said = refusal(FAMILIES, "x" * 100_000)
    assert f"Got {'x' * LONGEST_SAID}...." in said and len(said) < 200


def test_whole_numbers_are_whole_numbers() -> None:
    for text in ("2000", "2,000", "300", "300.0"):
        assert type(COUNT.read(text)) is int
    assert type(Number("n", "N", 5.0, 1, 9, 1, whole=True).read("5")) is int


@pytest.mark.parametrize("value", [0.221375, 0.35, 1 / 3, 0.07, 0.29, 0.57, 0.3499999556652599, 0.655])
def test_the_published_text_gives_the_exact_published_share(value: float) -> None:
    field = Number("share", "Share", value, 1, 99, 1, "%", percent=True)
    assert field.read(field.text) == value
    assert float(field.text) / 100 == pytest.approx(value, abs=0.0005), "and it shows it"


@given(st.floats(1, 99))
def test_the_published_text_of_any_number_gives_it_exactly(value: float) -> None:
    field = Number("number", "Number", value, 1, 99, 1)
    assert field.read(field.text) == value
    assert float(field.text) == pytest.approx(value, abs=0.05 + 1e-9)


NEAR_NUMBERS = st.text("0123456789.,-+e%£ \u2212_", max_size=12)
TEXTS = st.one_of(
    st.text(max_size=60), NEAR_NUMBERS, st.floats().map(str), st.integers().map(str), st.floats(-2e6, 2e6).map(plain)
)


@given(st.sampled_from(NUMBERS), TEXTS)
def test_any_text_is_a_value_within_the_limits_or_a_full_sentence(field: Number, text: str) -> None:
    try:
        value = field.read(text)
    except OptionError as error:
        said = str(error)
        assert field.label in said and grouped(field.low) in said and grouped(field.high) in said
        assert text.strip()[:LONGEST_SAID] in said
    else:
        shown = value * 100 if field.percent else value
        assert math.isfinite(value) and field.low - 1e-9 <= shown <= field.high + 1e-9
        assert not field.whole or value == int(value)


@given(st.floats(1, 99, allow_nan=False).map(lambda number: round(number, 3)))
def test_a_number_typed_as_plain_text_is_that_number(number: float) -> None:
    assert FAMILIES.read(plain(number)) == number
    assert SHARE.read(plain(number)) == pytest.approx(number / 100, rel=1e-15)


def test_a_number_says_itself_with_its_unit() -> None:
    assert FAMILIES.said("30") == "30 a year"
    assert SHARE.said("40") == "40% of tracked days"
    assert COUNT.said("2000") == "2000"
    assert Number("p", "P", 0.5, 0, 99, 1, "%", percent=True).said("50") == "50%"


def test_what_is_typed_with_its_sign_is_not_said_with_two() -> None:
    assert SHARE.said("40%") == "40% of tracked days"


def test_a_decimal_comma_is_not_read_as_ten_times_as_much() -> None:
    with pytest.raises(OptionError):
        FAMILIES.read("22,5")


def test_a_number_is_described_for_the_form() -> None:
    told = SHARE.describe()
    assert (told["kind"], told["key"], told["published"]) == ("number", "share", "35")
    assert (told["low"], told["high"], told["step"], told["unit"]) == (1, 99, 1, "% of tracked days")
    assert told["shortcuts"] == []
    short = Number("a", "A", 1, 0, 9, 1, shortcuts=(("none", "0"),))
    assert short.describe()["shortcuts"] == [["none", "0"]]


@pytest.mark.parametrize(
    ("number", "typed", "read"),
    [
        (35, "35", "35"),
        (35.0, "35", "35"),
        (22.1, "22.1", "22.1"),
        (1_500_000, "1500000", "1,500,000"),
        (0, "0", "0"),
        (100 * 0.29, "29", "29"),
        (1234.5, "1234.5", "1,234.5"),
        (-5.25, "-5.25", "-5.25"),
    ],
)
def test_numbers_in_words(number: float, typed: str, read: str) -> None:
    assert (plain(number), grouped(number)) == (typed, read)


# ---- choices -------------------------------------------------------------------------------------------------------


def test_a_choice_is_one_of_the_list() -> None:
    assert PLACE.text == "b" and PLACE.read("a") == "a" and PLACE.said("a") == "Ashby" and PLACE.said("x") == "x"
    for text in ("", "A", "Ashby", " a", "a,b", "z" * 5000):
        said = refusal(PLACE, text)
        assert said.startswith("Borough: choose one of the list. ") and len(said) < 100
    assert PLACE.describe() == {
        "kind": "choice",
        "key": "place",
        "label": "Borough",
        "hint": "",
        "published": "b",
        "options": [["a", "Ashby"], ["b", "Bexhill"]],
    }


def test_several_are_read_in_the_order_of_the_list() -> None:
    assert PLACES.text == "b" and PLACES.read("b") == ("b",)
    assert PLACES.read("c,a") == PLACES.read("a,c") == PLACES.read(",a,,c,a") == ("a", "c")
    assert PLACES.said("a,c") == "Ashby, Corby" and PLACES.said("c,b,a") == "all"
    assert PLACES.describe()["published"] == "b" and PLACES.describe()["kind"] == "several"
    for text in ("", ",", "a,z", "A"):
        assert refusal(PLACES, text).startswith("Boroughs: choose at least one of the list. ")
    assert "None is chosen." in refusal(PLACES, "")


@given(st.sampled_from((PLACE, PLACES)), st.one_of(st.text(max_size=60), st.text("abc, ", max_size=9)))
def test_any_text_is_on_the_list_or_refused(field: Choice | Several, text: str) -> None:
    known = dict(field.options)
    try:
        value = field.read(text)
    except OptionError as error:
        assert field.label in str(error)
    else:
        assert value and set(value if isinstance(value, tuple) else (value,)) <= set(known)


def test_all_fields_are_read_at_once_and_each_fault_stands_at_its_field() -> None:
    texts = {"families": "0", "share": "40", "place": "a", "places": ""}
    values, errors = read_all((FAMILIES, SHARE, PLACE, PLACES), texts)
    assert values == {"share": 0.4, "place": "a"}
    assert set(errors) == {"families", "places"} and errors["families"].startswith("Families it refers: ")
