"""Derive the reference figures in scenarios/reference/ from published releases.

In: a folder (``--data``) of official releases as CSV files: Department for Education (children looked after; weekly
unit costs of section 251), Office for National Statistics (population), HM Treasury (GDP deflator).
What they are stands in scenarios/reference/releases.toml.
Out: one TOML file per topic for the 33 London local authorities and Essex: authorities, population, care_starts,
children_in_care, unit_costs, price_series, gdp_deflator. Every table of figures names its unit, years and sources.
A hidden count is an interval with its mark, never a zero. evidence.toml and published.toml are kept by hand.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ATTRIBUTION = "Contains public sector information licensed under the Open Government Licence v3.0"
ESSEX_CODE = "E10000012"
LONDON_CODE_PREFIX = "E09"
HIDDEN_MARKS = ("c", "x")  # c: suppressed; x: suppressed, releases before 2018
PRIMARY_MAX = 5  # authority counts of 1 to 5 are hidden; a further cell is hidden so that the total does not tell
ROUNDS_TO_ZERO = (1, 4)  # mark k: a count, rounded to tens, that is not zero but rounds to it

UASC_AGED_16_PLUS_SHARE = 0.85
YEARS_10_TO_15 = (2018, 2019, 2020)
YEARS_16_PLUS = (2021, 2022, 2023, 2024, 2025)
START_YEARS = YEARS_10_TO_15 + YEARS_16_PLUS
POPULATION_YEARS = tuple(range(2012, 2025))
COST_YEARS = tuple(f"{y}-{(y + 1) % 100:02d}" for y in range(2016, 2025))
DEFLATOR_YEARS = tuple(range(2008, 2025))
FIRST_YEAR_WEIGHT = 0.75  # a financial year holds three quarters of its first calendar year

AGED_10_TO_15, AGED_16_PLUS = "10 to 15 years", "16 years and over"
STOCK_COLUMNS = {
    "total": "Total",
    "age_under_1": "Under 1 year",
    "age_1_to_4": "1 to 4 years",
    "age_5_to_9": "5 to 9 years",
    "age_10_to_15": AGED_10_TO_15,
    "age_16_plus": AGED_16_PLUS,
    "uasc": "UASC",
    "foster": "Foster placements",
    "residential_or_secure": "Secure homes and children's homes",
    "supported": "Independent and semi-independent living arrangements/supported accommodation",
    "with_parents": "Placed with parents or other person with parental responsibility",
    "other_residential": "Other residential settings",
    "residential_school": "Residential schools",
    "placed_for_adoption": "Placed for adoption",
    "other": "Other placements",
}
COST_MEASURES = {
    "residential": ("RescareFinance", "spend per care day in homes, schools and secure units, as a week"),
    "fostering": ("FosteringFinance", "spend per child fostered on 31 March, as a week"),
    "all_cla": ("LACFinance", "spend per child looked after on 31 March, all placements, as a week"),
}
PRICE_AREAS = {"london": "London", "essex": "Essex", "england": "England"}

REFERENCE = Path(__file__).resolve().parent.parent / "scenarios" / "reference"
SOURCES: dict[str, dict[str, str]] = tomllib.loads((REFERENCE / "releases.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Count:
    """A published count, or the interval that a hidden one must lie in, with the publisher's mark."""

    low: int
    high: int
    mark: str = ""

    @property
    def mid(self) -> float:
        """Return the middle of the interval: the count itself when it is published."""
        return (self.low + self.high) / 2


# ---- reading the releases


@cache
def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with or without a byte order mark."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def source_rows(data: Path, key: str) -> list[dict[str, str]]:
    """Read the file of one source."""
    return read_rows(data / SOURCES[key]["file"])


def slug(name: str) -> str:
    """Turn an authority's name into a key: lower case, words joined by underscores."""
    return re.sub(r"[^a-z]+", "_", name.lower()).strip("_")


def authorities(data: Path) -> dict[str, tuple[str, str, str]]:
    """Return slug -> (code, name, region) of the 33 London authorities and Essex, Essex last."""
    found = {
        slug(row["la_name"]): (row["new_la_code"], row["la_name"], row["region_name"])
        for row in source_rows(data, "ons_mye_2024")
        if row["new_la_code"].startswith(LONDON_CODE_PREFIX) or row["new_la_code"] == ESSEX_CODE
    }
    return dict(sorted(found.items(), key=lambda item: (item[1][0] == ESSEX_CODE, item[0])))


def bound_hidden(residual: int, n_hidden: int) -> tuple[int, int]:
    """Bound one of ``n_hidden`` hidden cells that sum to ``residual``, when at least one of them is 1 to 5.

    The other hidden cells may be anything, zero included: the releases do hide zeros beside a small count.
    """
    if n_hidden == 1:
        return residual, residual
    if residual <= PRIMARY_MAX:
        return 0, residual
    return (1 if n_hidden == 2 else 0), residual - 1


def as_count(text: str) -> Count | None:
    """Read a cell on its own: a number, or the mark of a count that rounds to zero; None when it is hidden."""
    if text.isdigit():
        return Count(int(text), int(text))
    if text == "k":
        return Count(*ROUNDS_TO_ZERO, "k")
    if text in HIDDEN_MARKS:
        return None
    raise ValueError(f"no count can be read from {text!r}: not a number, c, k or x")


def bound_group(cells: Mapping[str, str]) -> dict[str, Count]:
    """Bound every cell of one authority, year and breakdown; ``cells`` holds its parts and their "Total"."""
    read = {name: as_count(text) for name, text in cells.items()}
    total = read["Total"] or Count(1, PRIMARY_MAX, cells["Total"])
    hidden = [name for name, count in read.items() if count is None and name != "Total"]
    known = sum(count.low for name, count in read.items() if count is not None and name != "Total")
    low, high = bound_hidden(total.high - known, len(hidden))
    if total.mark:
        low = 0
    bounds = {name: Count(low, high, cells[name]) for name in hidden}
    return {name: count for name, count in read.items() if count is not None} | {"Total": total} | bounds


def counts(data: Path, key: str, code_column: str) -> dict[tuple[str, int, str], Count]:
    """Return (authority code, year, characteristic) -> count of one release, hidden cells bounded."""
    groups: dict[tuple[str, int, str], dict[str, str]] = defaultdict(dict)
    wanted = {code for code, _, _ in authorities(data).values()}
    for row in source_rows(data, key):
        if row[code_column] in wanted:
            group = (row[code_column], int(row["time_period"]), row.get("cla_group", ""))
            groups[group][row["characteristic"]] = row["number"]
    return {
        (code, year, name): count
        for (code, year, _), cells in groups.items()
        for name, count in bound_group(cells).items()
    }


# ---- deriving


@dataclass(frozen=True)
class Starts:
    """Care starts of one authority by year ending 31 March."""

    aged_10_to_15: dict[int, Count]
    aged_16_plus: dict[int, Count]
    uasc: dict[int, Count]


def care_starts(data: Path) -> dict[str, Starts]:
    """Read care starts: 2018 to 2020 from the 2022 release, later years and UASC from the 2025 release."""
    older, newer = counts(data, "dfe_starts_2022", "new_la_code"), counts(data, "dfe_starts_2025", "la_code")
    both = {key: count for key, count in older.items() if key[1] in YEARS_10_TO_15} | newer
    return {
        name: Starts(
            {year: both[code, year, AGED_10_TO_15] for year in START_YEARS},
            {year: both[code, year, AGED_16_PLUS] for year in START_YEARS},
            {year: both[code, year, "UASC"] for year in YEARS_16_PLUS},
        )
        for name, (code, _, _) in authorities(data).items()
    }


def mean(values: Iterable[float]) -> float:
    """Return the plain mean."""
    listed = list(values)
    return sum(listed) / len(listed)


def adolescent_starts(starts: Starts) -> list[float]:
    """Return low, central, high of yearly adolescent care starts less UASC, then the three means behind central.

    Mean of 10-15 over 2018-20, plus (mean of 16+ less 85% of mean UASC, over 2021-25); the bracket is never negative.
    """
    young = [starts.aged_10_to_15[year] for year in YEARS_10_TO_15]
    older = [starts.aged_16_plus[year] for year in YEARS_16_PLUS]
    uasc = list(starts.uasc.values())

    def combine(young_mean: float, older_mean: float, uasc_mean: float) -> float:
        return round(young_mean + max(0.0, older_mean - UASC_AGED_16_PLUS_SHARE * uasc_mean), 2)

    low = combine(mean(c.low for c in young), mean(c.low for c in older), mean(c.high for c in uasc))
    high = combine(mean(c.high for c in young), mean(c.high for c in older), mean(c.low for c in uasc))
    middles = [mean(c.mid for c in group) for group in (young, older, uasc)]
    return [low, combine(*middles), high, *(round(value, 3) for value in middles)]


def single_years_2020(data: Path) -> dict[str, list[int]]:
    """Return slug -> population aged 0, 1, ... 17 at mid-2020, before rebasing."""
    by_code = {row["utla20_code"]: row for row in source_rows(data, "ons_mye2_2020")}
    return {
        name: [int(float(by_code[code][str(age)])) for age in range(18)]
        for name, (code, _, _) in authorities(data).items()
    }


def population_0_to_17(data: Path) -> dict[str, list[int]]:
    """Return slug -> rebased population aged 0 to 17 for each of POPULATION_YEARS."""
    found = {
        (row["new_la_code"], int(row["time_period"])): row["population_estimate"]
        for row in source_rows(data, "ons_mye_2024")
    }
    return {
        name: [int(found[code, year]) for year in POPULATION_YEARS] for name, (code, _, _) in authorities(data).items()
    }


def rebased(ages: list[int], rebased_0_to_17: int) -> list[float]:
    """Return populations 10-15, 16-17 and 10-17 of the single-year file, its 0-17, the rebased 0-17, and the ratio."""
    young, older, everyone = sum(ages[10:16]), sum(ages[16:18]), sum(ages)
    return [young, older, young + older, everyone, rebased_0_to_17, round(rebased_0_to_17 / everyone, 4)]


def unit_costs(data: Path, measure: str, area: str) -> list[int | dict[str, str]]:
    """Return weekly unit costs of an area for each of COST_YEARS; a year without a figure keeps its mark."""
    found = {
        row["year"].removesuffix(" (OT)"): row["value"]
        for row in source_rows(data, "dfe_unit_costs_2026")
        if row["measure"] == measure and row["area"] == area
    }
    return [int(found[year]) if found[year].isdigit() else {"mark": found[year]} for year in COST_YEARS]


def financial_years(calendar: Mapping[int, float]) -> dict[str, float]:
    """Blend calendar years into financial years, three quarters of the first and one of the second."""
    return {
        f"{year}-{(year + 1) % 100:02d}": round(
            FIRST_YEAR_WEIGHT * calendar[year] + (1 - FIRST_YEAR_WEIGHT) * calendar[year + 1], 2
        )
        for year in DEFLATOR_YEARS[:-1]
    }


# ---- writing


def toml_value(value: Any) -> str:
    """Write one value as TOML on one line."""
    if isinstance(value, Count):
        return toml_value({"low": value.low, "high": value.high, "mark": value.mark} if value.mark else value.low)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def toml_table(name: str, content: Mapping[str, Any]) -> str:
    """Write one table; a key named by_authority or by_area becomes a table of rows under it."""
    rows = {key: value for key, value in content.items() if key.startswith("by_")}
    lines = [f"[{name}]"]
    lines += [f"{key} = {toml_value(value)}" for key, value in content.items() if key not in rows]
    for key, table in rows.items():
        lines += [f"[{name}.{key}]"] + [f"{row} = {toml_value(value)}" for row, value in table.items()]
    return "\n".join(lines) + "\n"


def toml_file(title: str, notes: Iterable[str], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a whole file: title, attribution, notes, the sources that its tables name, and the tables."""
    used = [key for key in SOURCES if any(key in table.get("sources", {}) for table in tables.values())]
    head = [f"# {title}", f"# {ATTRIBUTION}.", "# Written by scripts/derive_reference.py; not edited by hand."]
    head += [f"# {note}" for note in notes]
    sources = [toml_table(f"source.{key}", SOURCES[key]) for key in used]
    return "\n".join(["\n".join(head) + "\n", *sources, *(toml_table(key, table) for key, table in tables.items())])


CELL_NOTES = (
    'A hidden count is {low, high, mark}, never a plain zero; mark "c" = suppressed by the publisher: 1 to 5, or',
    "hidden beside such a count so that the total does not tell (then zero is possible). Bounds follow from the total.",
)


def authorities_file(data: Path) -> str:
    """Write authorities.toml."""
    rows = {name: list(row) for name, row in authorities(data).items()}
    table = {
        "unit": "code, name and region; the code is the nine-character code of the Office for National Statistics",
        "columns": ["code", "name", "region"],
        "years": [2024],
        "quality": "data",
        "sources": {"ons_mye_2024": [2024]},
        "by_authority": rows,
    }
    return toml_file("The 33 London local authorities and Essex.", [], {"authority": table})


def population_file(data: Path) -> str:
    """Write population.toml."""
    ages, totals = single_years_2020(data), population_0_to_17(data)
    at_2020 = POPULATION_YEARS.index(2020)
    single = {
        "unit": "people at mid-2020, by single year of age",
        "columns": [f"age_{age}" for age in range(10, 18)],
        "years": [2020],
        "quality": "data",
        "comment": "Before rebasing on the 2021 Census: much too high in inner London (see rebasing).",
        "sources": {"ons_mye2_2020": [2020]},
        "by_authority": {name: row[10:] for name, row in ages.items()},
    }
    rebasing = {
        "unit": "people at mid-2020; ratio = rebased / before rebasing, ages 0-17",
        "columns": ["aged_10_to_15", "aged_16_to_17", "aged_10_to_17", "aged_0_to_17", "rebased_0_to_17", "ratio"],
        "years": [2020],
        "quality": "data",
        "comment": "An age band x ratio puts it on the 2021 Census; one ratio for all ages is a judgement.",
        "sources": {"ons_mye2_2020": [2020], "ons_mye_2024": [2020]},
        "by_authority": {name: rebased(row, totals[name][at_2020]) for name, row in ages.items()},
    }
    children = {
        "unit": "people aged 0 to 17 at mid-year",
        "years": POPULATION_YEARS,
        "quality": "data",
        "sources": {"ons_mye_2024": POPULATION_YEARS},
        "by_authority": totals,
    }
    tables = {"single_year_2020": single, "rebasing_2020": rebasing, "aged_0_to_17": children}
    return toml_file("Population of children.", [], tables)


def starts_table(group: str, years: tuple[int, ...], rows: Mapping[str, Mapping[int, Count]]) -> dict[str, Any]:
    """Return one table of care starts by year."""
    releases = {"dfe_starts_2022": YEARS_10_TO_15, "dfe_starts_2025": YEARS_16_PLUS}
    return {
        "unit": f"children ({group}) starting to be looked after in the year ending 31 March",
        "years": years,
        "quality": "data",
        "sources": {key: those for key, those in releases.items() if set(those) <= set(years)},
        "by_authority": {name: [row[year] for year in years] for name, row in rows.items()},
    }


def starts_method() -> dict[str, Any]:
    """Return the table that says how adolescent care starts are derived."""
    return {
        "formula": "mean(10-15, 2018-2020) + max(0, mean(16+, 2021-2025) - share * mean(UASC, 2021-2025))",
        "uasc_aged_16_plus_share": {
            "value": UASC_AGED_16_PLUS_SHARE,
            "unit": "share of UASC starts that are aged 16 or over",
            "year": "2021-2025",
            "source": "none found: chosen for this project",
            "quality": "judgement",
        },
        "interval": "low and high: every hidden count at the end of its interval; central: at the middle; "
        "the share is held at its value in all three",
        "limits": "UASC by age are not published: those under 16 stay in the 10-15 mean (Croydon, Hillingdon); "
        "the 10-15 and 16+ means cover different years",
    }


def starts_file(data: Path) -> str:
    """Write care_starts.toml."""
    starts = care_starts(data)
    derived = {
        "unit": "children aged 10 to 17 starting to be looked after a year, less UASC; the means likewise",
        "columns": ["low", "central", "high", "mean_10_to_15", "mean_16_plus", "mean_uasc"],
        "years": START_YEARS,
        "quality": "judgement",
        "comment": "Counts are data; the share of UASC aged 16 or over (method) is a judgement.",
        "sources": {"dfe_starts_2022": YEARS_10_TO_15, "dfe_starts_2025": YEARS_16_PLUS},
        "by_authority": {name: adolescent_starts(row) for name, row in starts.items()},
    }
    tables = {
        "method": starts_method(),
        "adolescent_excluding_uasc": derived,
        "aged_10_to_15": starts_table(
            "aged 10 to 15", START_YEARS, {name: row.aged_10_to_15 for name, row in starts.items()}
        ),
        "aged_16_plus": starts_table(
            "aged 16 and over", START_YEARS, {name: row.aged_16_plus for name, row in starts.items()}
        ),
        "uasc": starts_table("UASC, all ages", YEARS_16_PLUS, {name: row.uasc for name, row in starts.items()}),
    }
    notes = ["UASC = unaccompanied asylum-seeking children. Year 2018 = year ending 31 March 2018.", *CELL_NOTES]
    return toml_file("Children starting to be looked after.", notes, tables)


def stock_file(data: Path) -> str:
    """Write children_in_care.toml."""
    found = counts(data, "dfe_stock_2025", "la_code")
    tables = {
        f"on_31_march_{year}": {
            "unit": f"children looked after on 31 March {year}",
            "columns": list(STOCK_COLUMNS),
            "years": [year],
            "quality": "data",
            "sources": {"dfe_stock_2025": [year]},
            "by_authority": {
                name: [found[code, year, column] for column in STOCK_COLUMNS.values()]
                for name, (code, _, _) in authorities(data).items()
            },
        }
        for year in YEARS_16_PLUS
    }
    notes = [
        "Ages add up to the total, and so do placements; uasc = unaccompanied asylum-seeking children, part of it.",
        "residential_or_secure = secure homes and children's homes; supported = (semi-)independent living.",
        *CELL_NOTES,
    ]
    return toml_file("Children looked after on 31 March, by age and placement.", notes, tables)


def cost_table(data: Path, kind: str, areas: Mapping[str, str], rows_key: str) -> dict[str, Any]:
    """Return one table of weekly unit costs."""
    measure, meaning = COST_MEASURES[kind]
    return {
        "unit": f"GBP per child per week, nominal ({meaning})",
        "years": COST_YEARS,
        "quality": "data",
        "sources": {"dfe_unit_costs_2026": COST_YEARS},
        rows_key: {key: unit_costs(data, measure, area) for key, area in areas.items()},
    }


def unit_costs_file(data: Path) -> str:
    """Write unit_costs.toml."""
    areas = {key: name for key, (_, name, _) in authorities(data).items()}
    notes = [
        'Outturn, rounded to GBP 5. {mark = "-"}: no figure in the release.',
        "Single authorities are noisy (few children): Merton residential 2022-23 and City of London fostering 2020-21,",
        "for example, are not prices.",
    ]
    tables = {kind: cost_table(data, kind, areas, "by_authority") for kind in COST_MEASURES}
    return toml_file("Weekly unit costs of care by authority.", notes, tables)


def prices_file(data: Path) -> str:
    """Write price_series.toml."""
    tables = {kind: cost_table(data, kind, PRICE_AREAS, "by_area") for kind in COST_MEASURES}
    notes = ["Outturn, rounded to GBP 5, by financial year (1 April to 31 March)."]
    return toml_file("Price series of care: London, Essex, England.", notes, tables)


def deflator_file(data: Path) -> str:
    """Write gdp_deflator.toml."""
    calendar = {int(row["year"]): float(row["value"]) for row in source_rows(data, "hmt_deflator_2025")}
    by_year = {year: calendar[year] for year in DEFLATOR_YEARS}
    blended = financial_years(by_year)
    unit = "index, calendar 2024 = 100"
    tables: dict[str, dict[str, Any]] = {
        "calendar_year": {
            "unit": unit,
            "years": list(by_year),
            "quality": "data",
            "sources": {"hmt_deflator_2025": list(by_year)},
            "by_area": {"united_kingdom": list(by_year.values())},
        },
        "financial_year": {
            "unit": unit,
            "years": list(blended),
            "quality": "research",
            "comment": "Blend of calendar years, 0.75 of the first and 0.25 of the second; not the published series.",
            "sources": {"hmt_deflator_2025": list(blended)},
            "by_area": {"united_kingdom": list(blended.values())},
        },
    }
    return toml_file("GDP deflator.", ["The step in 2020 is an artefact of how output was measured then."], tables)


FILES = {
    "authorities.toml": authorities_file,
    "population.toml": population_file,
    "care_starts.toml": starts_file,
    "children_in_care.toml": stock_file,
    "unit_costs.toml": unit_costs_file,
    "price_series.toml": prices_file,
    "gdp_deflator.toml": deflator_file,
}


def derive(data: Path) -> dict[str, str]:
    """Return file name -> text of every derived reference file."""
    missing = [source["file"] for source in SOURCES.values() if not (data / source["file"]).is_file()]
    if missing:
        raise FileNotFoundError(f"{data}: no such release: {', '.join(missing)}")
    return {name: make(data) for name, make in FILES.items()}


def releases_of(text: str) -> list[str]:
    """Return one line per source that a derived file names."""
    named = [key for key in SOURCES if f"[source.{key}]" in text]
    return [f"  from {SOURCES[key]['file']}: {SOURCES[key]['publisher']}, {SOURCES[key]['release']}" for key in named]


def main(arguments: list[str] | None = None) -> int:
    """Write the reference files, or with --check say which of them differ from what the releases give."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of published releases (CSV files)")
    parser.add_argument("--out", type=Path, default=REFERENCE, help="folder to write to (default scenarios/reference)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    options = parser.parse_args(arguments)
    try:
        files = derive(options.data)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    changed = 0
    for name, text in files.items():
        path = options.out / name
        same = path.is_file() and path.read_text(encoding="utf-8") == text
        changed += not same
        if not options.check:
            path.write_text(text, encoding="utf-8", newline="\n")
        state = "unchanged" if same else "differs" if options.check else "written"
        print(f"{name}: {state}", *releases_of(text), sep="\n")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
