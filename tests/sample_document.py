"""A document with every kind of block and text that a careless renderer would read as its own language."""

from __future__ import annotations

import io

from edgeofcare.documents.document import Bullets, Callout, Document, Drawing, Figure, Heading, Paragraph, Table

HOSTILE = "<script>alert('x')</script> & \"Tower\" =1+1 +2 C:\\new\\b $x^2$ #set @ref _a_ *b* {{ 7*7 }} ~ `c` [d] //e"
LONG_WORDS = "Royal Borough of Kensington and Chelsea with the London Borough of Hammersmith and Fulham"


def chart(name: str, description: str) -> Figure:
    """A small chart as the charts' library draws it, with a gradient's worth of ids and a picture of its own style."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context({"svg.hashsalt": "same", "svg.fonttype": "path"}):
        drawing = Canvas(figsize=(7, 3.5), layout="constrained")
        axes = drawing.subplots()
        axes.fill_between([1, 2, 3, 4], [0, 1, 1, 2], [1, 3, 5, 8], color="#12436d", alpha=0.3, label="9 in 10")
        axes.plot([1, 2, 3, 4], [0.5, 2, 3, 5], color="#12436d", marker="o", label="median")
        axes.set(xlabel="year", ylabel="£m", title="")
        axes.legend(frameon=False)
        svg, png = io.StringIO(), io.BytesIO()
        drawing.savefig(svg, format="svg", metadata={"Date": None})
        drawing.savefig(png, format="png", dpi=150, metadata={"Software": None})
    rows = (("1", "£0.1m", "£0.5m"), ("2", "£1m", "£2m"))
    table = Table("Payments so far", ("Year", "1 in 20 below", "Median"), rows)
    return Figure(name, f"Payments of {HOSTILE}", description, lambda: Drawing(svg.getvalue(), png.getvalue()), table)


def sample() -> Document:
    """A document as a commissioner would get it, in small."""
    words = (
        "The contract pays for each week that a child stays out of care in the two years after therapy began. "
        "Most of what is saved falls to the placements that were not needed. "
    )
    years = tuple(f"{year}-{year + 1 - 2000}" for year in range(2024, 2031))
    return Document(
        title="Business case: Pan-London & partners",
        subtitle='An outcomes contract for <350> children, "edge of care"',
        blocks=(
            Callout("The borough is better off in 87 in a hundred simulated contracts.", "answer"),
            Heading("The answer on one page"),
            Paragraph(words * 3),
            Bullets(("A first point.", HOSTILE, words)),
            Callout("The effect rests on one trial with 684 families. " + HOSTILE, "warning"),
            Heading("Strategic case"),
            Heading("Cohort and service", 3),
            Paragraph(HOSTILE),
            Table(
                "Who pays, by year",
                ("Payer", *years, "Total"),
                tuple((f"Borough {number} {HOSTILE[:20]}", *[f"-£{number}.2m"] * 8) for number in range(9)),
                "Cash, not discounted. " + HOSTILE,
            ),
            Heading("Cohort and service", 3),
            chart("payments", "The median rises from £0.5m to £5m; one in twenty is below £2m. " + HOSTILE),
            Heading("Financial case"),
            Table(
                "A wide one",
                ("Borough", *(f"Quarter {number} of 2025" for number in range(1, 13))),
                tuple((LONG_WORDS, *(f"£{number},234,567" for _ in range(12))) for number in range(1, 5)),
            ),
            Table(
                "Assumptions",
                ("Name", "Value", "Source and what it says of the children it was found in"),
                tuple((f"assumption_{number}", f"{number}.5%", words) for number in range(40)),
                numeric=(False, True, False),
            ),
            Heading("What was not run"),
            Callout("Stress tests: edgeofcare stress FILE makes them.", "missing"),
            chart("payments", "Drawn once more under the same name."),
            Paragraph("Bell\x07, null\x00, half \ud800, 漢字, ŵ, 😀, ≥, ±."),
        ),
        footer="edgeofcare 0.1.0, scenario 3f2a9c, seed 1, 10,000 replications. " + HOSTILE,
        keywords=("social impact bond", HOSTILE),
    )
