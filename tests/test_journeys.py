"""What commissioners, investors and analysts do on the pages, in a real browser, from the first look to the file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.write import as_toml
from pages_server import FEW, SLUGS, Visitor, found_browser, serving

pytestmark = pytest.mark.slow  # all together: two minutes of a browser
USUAL, THERAPY = "Days out of care without therapy", "Days out of care with therapy"
INPUTS, PINNED = "Inputs of this answer", "Pinned answers against the one shown"
OWN_FILE = "A scenario file of your own"
SECONDS_AT_ONCE = 3.0  # what changes at once; a person should not have to wait
NUMBER = re.compile(r"([+-]?)£?(\d[\d,]*(?:\.\d+)?)(m|k|%)?")
UNITS = {"m": 1e6, "k": 1e3, "%": 0.01, "": 1.0}
Arrive = Callable[..., Visitor]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found_browser()
    with serving(tmp_path_factory.mktemp("elsewhere")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = found_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def arrive(browser: Any, home: str) -> Iterator[Arrive]:
    """Give as many visitors as asked for; in the end none may have called another machine or seen a script fail."""
    arrived: list[Visitor] = []

    def one(**more: Any) -> Visitor:
        arrived.append(Visitor(browser, home, **more))
        return arrived[-1]

    yield one
    for visitor in arrived:
        visitor.leave()


def expect(found: Any) -> Any:
    from playwright.sync_api import expect as expected

    return expected(found)


def is_said_as(text: str, value: float) -> bool:
    """Tell whether a number is what a text says, to the half of its last digit."""
    found = NUMBER.search(text.replace("\u2212", "-"))
    assert found, text
    sign, digits, unit = found[1], found[2].replace(",", ""), UNITS[found[3] or ""]
    said = float(sign + digits) * unit
    return abs(said - value) <= 0.5001 * 10 ** -len(digits.partition(".")[2]) * unit


# ---- the commissioner ------------------------------------------------------------------------------------------------


def test_a_commissioner_asks_whether_haringey_should_join_and_takes_the_answer_away(
    arrive: Arrive, home: str, tmp_path: Path
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    person = arrive()
    person.page.goto(home)
    person.page.get_by_role("link", name="Should this borough join?").click()
    expect(person.in_short).to_contain_text("Haringey")
    expect(person.answer.get_by_role("heading", level=2)).to_contain_text("Haringey")

    borough, undo = person.list("Borough that would join"), person.form.get_by_role("button", name="Undo")
    note = person.form.get_by_text("Press Run")
    expect(borough).to_have_value("haringey")
    borough.select_option("Richmond upon Thames")
    expect(note).to_be_visible()
    expect(undo).to_have_attribute("aria-disabled", "false")
    undo.click()
    expect(borough).to_have_value("haringey")
    expect(note).to_be_hidden()
    person.run()
    expect(person.in_short).to_contain_text(re.compile(r"yes, joining pays for Haringey\b.* in \d+ of 100 "))
    first = person.in_short.inner_text()

    person.actions.get_by_role("button", name="Pin this answer").click()
    expect(person.table(PINNED)).to_be_visible()
    person.form.get_by_role("button", name=f"{THERAPY}: none").click()
    expect(person.box(THERAPY)).to_have_value(person.box(USUAL).input_value())
    expect(note).to_be_visible()
    assert person.in_short.inner_text() == first
    person.run()
    expect(person.in_short).to_contain_text(re.compile(r"therapy changes nothing.*joining does not pay for Haringey"))
    expect(note).to_be_hidden()
    second = person.in_short.inner_text()

    shown = person.rows(PINNED)
    assert len(shown[0]) == 3 and "as published" in shown[0][1] and "with therapy 35%" in shown[0][2]
    figures = {label: (before, now) for label, before, now in shown[1:]}
    for words, text in zip(figures["Joiner: net saving, average"], (first, second), strict=True):
        assert words.lstrip("-") in text, (words, text)

    book = openpyxl.load_workbook(person.take("Workbook", tmp_path))
    assert second in [str(row[0]) for row in book["Answer"].values]
    written = next(sheet for sheet in book if str(sheet["A1"].value).startswith("Pinned answers against"))
    numbers = {row[0]: row[1:3] for row in written.values if row[0] in figures}
    assert numbers.keys() == figures.keys()
    for label, said in figures.items():
        assert all(map(is_said_as, said, numbers[label])), (label, said, numbers[label])
    inputs = {row[0]: row[1] for row in book["Inputs"].values}
    assert inputs["Borough that would join"] == "Haringey"

    scenario = load(person.take("Scenario", tmp_path))
    assert scenario.boroughs["haringey"].name == "Haringey"
    effect = scenario.effect  # none: the same measure in both lives, or hazards left as they are
    assert effect.usual == 0.35 and (effect.therapy == effect.usual or effect.hazard_ratio == 1)

    report = person.take("Report (HTML)", tmp_path).read_text(encoding="utf-8")
    assert second.removeprefix("In short. ") in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", report))
    assert "<script" not in report.lower() and "therapy 35%" in report


# ---- the investor ----------------------------------------------------------------------------------------------------


def test_an_investor_asks_for_another_return_tries_every_stress_and_sends_the_link(arrive: Arrive) -> None:
    person = arrive()
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    person.open("investor_stress", "?replications=300")
    expect(person.in_short).to_contain_text("A return of at least 8% a year")
    box = person.box("Return the investor asks for")
    box.fill("25")
    started = time.monotonic()
    box.press("Tab")
    expect(person.in_short).to_contain_text("A return of at least 25% a year")
    passed = time.monotonic() - started
    print(f"From key to changed answer: {passed:.2f} s")
    assert passed < SECONDS_AT_ONCE
    expect(person.form.get_by_text("Press Run")).to_be_hidden()

    table = person.answer.get_by_role("table", name=re.compile("stress", re.IGNORECASE)).first
    few = table.locator("tr").count()
    person.list("Stresses to try").select_option("all")
    expect(person.form.get_by_text("Press Run")).to_be_visible()
    expect(person.form.get_by_role("progressbar")).to_be_hidden()
    person.run()
    expect(person.form.get_by_role("progressbar")).to_be_visible()
    expect(table.locator("tr").nth(few)).to_be_visible()
    expect(person.form.get_by_role("progressbar")).to_be_hidden()

    person.form.get_by_role("button", name="Copy a link").click()
    link = person.page.evaluate("navigator.clipboard.readText()")
    assert link == person.box("Link with these inputs").input_value() == person.page.url
    other = arrive()
    other.page.goto(link)
    expect(other.in_short).to_have_text(person.in_short.inner_text())
    assert other.rows(INPUTS) == person.rows(INPUTS)
    expect(other.box("Return the investor asks for")).to_have_value("25")
    expect(other.list("Stresses to try")).to_have_value("all")


# ---- the analyst -----------------------------------------------------------------------------------------------------


def test_an_analyst_compares_contracts_on_a_scenario_of_their_own(arrive: Arrive, tmp_path: Path) -> None:
    person = arrive()
    person.open("payment_structures", FEW["payment_structures"])
    caption = "What is paid, kept and earned"
    contracts = person.form.get_by_role("checkbox")
    all_of_them = contracts.count()
    lines = person.table(caption).locator("tbody tr")
    expect(lines).to_have_count(all_of_them)
    for i in (1, 7):
        contracts.nth(i).uncheck()
        expect(lines).to_have_count(all_of_them - (1 if i == 1 else 2))
    expect(person.form.get_by_text("Press Run")).to_be_hidden()

    names = [row[0] for row in person.rows(caption)[1:]]
    sort = person.list("Sorted by")
    other = [one.get_attribute("value") for one in sort.locator("option").all()][1]
    sort.select_option(other)
    expect(lines.first).not_to_contain_text(names[0])
    assert sorted(row[0] for row in person.rows(caption)[1:]) == sorted(names)

    before = person.table(caption).inner_text()
    person.list("Sizes of the contracts").select_option("same")
    person.run()
    expect(person.table(caption)).not_to_have_text(before)
    expect(person.table(INPUTS)).to_contain_text("pays the same")

    own = as_toml(with_values(load("pan_london"), {"title": "A partnership of our own"}))
    upload = person.page.get_by_label(OWN_FILE)
    upload.set_input_files({"name": "ours.toml", "mimeType": "application/toml", "buffer": own.encode()})
    expect(person.table(INPUTS)).to_contain_text("ours")
    expect(person.list("Scenario")).to_have_value("own_file")
    kept = person.rows(INPUTS)

    broken = own.replace("\nusual = {value = 0.35", "\nusual = {value = 3.5", 1)
    line = 1 + next(i for i, text in enumerate(broken.splitlines()) if text.startswith("usual = {value = 3.5"))
    upload.set_input_files({"name": "broken.toml", "mimeType": "application/toml", "buffer": broken.encode()})
    told = person.form.get_by_role("alert").filter(has_text="The file was not taken")
    expect(told).to_contain_text(f"broken.toml:{line}: ")  # the name of the file, then the line
    expect(told).to_contain_text("effect.usual")
    assert person.rows(INPUTS) == kept
    expect(person.list("Scenario")).to_have_value("own_file")

    expect(lines).to_have_count(all_of_them + 1)  # and the contract of the file
    contracts.nth(2).uncheck()
    expect(lines).to_have_count(all_of_them)
    expect(told).to_be_hidden()
    assert load(person.take("Scenario", tmp_path)).title == "A partnership of our own"


# ---- the pages that show how it works --------------------------------------------------------------------------------


def test_the_next_child_is_a_number_away(arrive: Arrive) -> None:
    person = arrive()
    person.open("one_child")
    heading, box = person.answer.get_by_role("heading", level=2), person.box("Child, in the order of referral")
    number = int(box.input_value())
    expect(heading).to_contain_text(f"Child {number} of ")
    box.fill(str(number + 1))
    box.press("Enter")
    expect(heading).to_contain_text(f"Child {number + 1} of ")


def test_a_business_case_waits_until_it_is_asked_for(arrive: Arrive) -> None:
    person = arrive()
    person.open("business_case", answered=False)
    expect(person.answer).to_contain_text("No answer yet. Press Run.")
    expect(person.form.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    expect(person.actions.get_by_role("button", name="Workbook")).to_have_attribute("aria-disabled", "true")


def test_a_business_case_is_run_and_its_live_workbook_taken_away(arrive: Arrive, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    person = arrive()
    person.open("business_case", FEW["business_case"], answered=False)
    person.run()
    person.table(INPUTS).wait_for(timeout=600_000)
    book = openpyxl.load_workbook(person.take("Workbook with live formulas", tmp_path))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert sum(cell.data_type == "f" for cell in cells) > 100


# ---- the keyboard ----------------------------------------------------------------------------------------------------


def reach(person: Visitor, key: str, most: int = 80) -> None:
    """Press Tab until the element with this id has the focus; all on the way show that they have it."""
    for _ in range(most):
        person.page.keyboard.press("Tab")
        assert person.focused("getComputedStyle(e).outlineStyle") != "none", person.focused("e.outerHTML.slice(0, 200)")
        assert person.focused("parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        if person.focused("e.id") == key:
            return
    raise AssertionError(f"{key} was not reached by Tab")


def test_with_the_keyboard_alone_an_error_is_told_and_mended(arrive: Arrive) -> None:
    person = arrive()
    person.open("borough_joins", FEW["borough_joins"])
    keys, box = person.page.keyboard, person.box(THERAPY)
    reach(person, "field-borough")
    keys.press("ArrowDown")
    expect(person.form.get_by_text("Press Run")).to_be_visible()
    assert person.focused("e.id") == "field-borough"
    chosen = person.focused("e.selectedOptions[0].textContent")
    assert chosen != "Haringey"

    reach(person, "field-therapy")
    keys.press("Control+A")
    keys.type("150")
    keys.press("Tab")
    expect(box).to_have_attribute("aria-invalid", "true")
    described = box.get_attribute("aria-describedby").split()
    said = " ".join(person.page.locator(f"[id='{one}']").inner_text() for one in described)
    assert THERAPY in said and "from 1 to 99" in said and "Got 150" in said
    assert person.focused("e.textContent") == "as claimed"
    keys.press("Shift+Tab")
    assert person.focused("e.id") == "field-therapy"
    keys.press("Enter")
    expect(person.form.get_by_text("Nothing was run")).to_be_visible()
    assert person.focused("e.id") == "field-therapy" and person.focused("e.value") == "150"
    expect(person.in_short).to_contain_text("Haringey")

    keys.press("Control+A")
    keys.type("35")
    keys.press("Enter")
    expect(person.in_short).to_contain_text(re.compile(f"changes nothing.*{chosen}"))
    expect(box).not_to_have_attribute("aria-invalid", "true")
    expect(person.form.get_by_text("Nothing was run")).to_be_hidden()
    assert person.focused("e.id") == "field-therapy"


def test_the_first_tab_offers_to_skip_to_the_answer(arrive: Arrive) -> None:
    person = arrive()
    person.open("one_child")
    person.page.locator("body").evaluate("document.activeElement.blur()")
    person.page.keyboard.press("Tab")
    assert person.focused("e.textContent") == "Skip to the answer"
    person.page.keyboard.press("Enter")
    assert person.focused("e.getAttribute('aria-label')") == "Answer"


# ---- two at once -----------------------------------------------------------------------------------------------------


def test_two_visitors_at_once_keep_their_own_inputs_and_answers(arrive: Arrive) -> None:
    one, two = arrive(), arrive()
    for person in (one, two):
        person.open("borough_joins", FEW["borough_joins"])
    one.list("Borough that would join").select_option("Richmond upon Thames")
    two.type(THERAPY, "50")
    one.run()
    two.run()
    expect(one.in_short).to_contain_text(re.compile("to 65%.*Richmond upon Thames"))
    expect(two.in_short).to_contain_text(re.compile("to 50%.*Haringey"))
    expect(one.box(THERAPY)).to_have_value("65")
    expect(two.list("Borough that would join")).to_have_value("haringey")
    one.actions.get_by_role("button", name="Pin this answer").click()
    expect(one.table(PINNED)).to_be_visible()
    expect(two.table(PINNED)).to_be_hidden()


# ---- everyone --------------------------------------------------------------------------------------------------------


def assert_for_everyone(person: Visitor, width: int) -> None:
    """At this width axe finds nothing, and nothing is cut off at the side."""
    from axe_playwright_python.sync_playwright import Axe

    person.page.set_viewport_size({"width": width, "height": 900})
    found = Axe().run(person.page)
    assert found.violations_count == 0, f"{width} px: {found.generate_report()}"
    assert len(found.response["passes"]) > 10
    assert max(person.widths()) <= width


@pytest.mark.parametrize("width", [1280, 320])
def test_the_front_page_is_for_everyone(arrive: Arrive, home: str, width: int) -> None:
    person = arrive(bypass_csp=True)
    person.page.goto(home)
    assert_for_everyone(person, width)
    assert person.page.get_by_role("listitem").get_by_role("link").count() == len(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_is_for_everyone_also_with_an_error_and_with_a_pinned_answer(arrive: Arrive, slug: str) -> None:
    person = arrive(bypass_csp=True)
    answered = slug != "business_case"  # which takes long: see the slow test
    person.open(slug, FEW[slug], answered)
    expect(person.answer).to_contain_text(re.compile(r"In short|Child \d") if answered else "No answer yet")
    for width in (1280, 320):
        assert_for_everyone(person, width)
    person.page.set_viewport_size({"width": 640, "height": 480})  # what 1280 by 960 pixels hold at 200%
    assert max(person.widths()) <= 640
    if answered:
        person.actions.get_by_role("button", name="Pin this answer").click()
        expect(person.table(PINNED)).to_be_visible()
    person.type(THERAPY, "150")
    expect(person.box(THERAPY)).to_have_attribute("aria-invalid", "true")
    assert_for_everyone(person, 320)


# ---- nobody else -----------------------------------------------------------------------------------------------------


def test_the_browser_refuses_to_call_anyone_else(arrive: Arrive, home: str) -> None:
    person = arrive()
    for slug in ("", *(f"{slug}/" for slug in SLUGS)):
        policy = person.context.request.get(home + slug).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "http" not in policy
    person.open("business_case", answered=False)
    # The same server under another name would answer, so that only the policy can be what refuses.
    elsewhere = home.replace("127.0.0.1", "localhost")
    assert person.context.request.get(elsewhere).ok
    ask = """async (url) => {
        const refused = new Promise((tell) => document.addEventListener("securitypolicyviolation",
            (event) => tell(event.effectiveDirective), { once: true }));
        try { await fetch(url, { mode: "no-cors" }); return "answered"; } catch { return await refused; }
    }"""
    assert person.page.evaluate(ask, elsewhere) == "connect-src"
    person.asked = [url for url in person.asked if url != elsewhere]  # asked for by this test
