"""What matters, what turns a verdict and what knowing is worth, in plain words. In: results as dictionaries. Out: text.

It computes nothing but roundings. Must not know: scenarios, rows, files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.words import percent, plain, pounds
from edgeofcare.questions.sensitivity.grid import AXIS_WORDS, picture

WIDTH = 118
NAMES = 50  # characters for an input's name
BAR = 20  # characters of the longest bar
SMALL = 0.01  # of the greatest swing, or of the variance: not worth a line of its own
MUCH_NOISE = 0.3  # of the variance: indices are then poorly known
Figures = Mapping[str, Any]
OUTPUT_WORDS = {
    "profit": "the investors' expected profit",
    "net_saving": "the boroughs' expected net saving",
    "avoided": "expected care cost avoided",
    "payments": "expected payments",
    "irr": "the investors' rate of return on expected flows",
}
AXIS_NAMES = {name: words.split(",")[0] for name, words in AXIS_WORDS.items()}


def _page(*parts: Iterator[str]) -> str:
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _wrapped(text: str, indent: str = "  ") -> Iterator[str]:
    yield textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _runs(found: Figures) -> str:
    return f"{found['replications']:,} simulated contracts at each point, seed {found['seed']}, all on the same luck."


def _amount(value: float | None, output: str) -> str:
    return percent(value, 1) if output == "irr" else pounds(value)


def _span(one: Figures) -> str:
    return f"{plain(one['low']['at'])} to {plain(one['high']['at'])}"


# ---- tornado -------------------------------------------------------------------------------------------------------


def tornado_page(found: Figures) -> str:
    """Return what each input moves, the most first."""
    return _page(_tornado_answer(found), _tornado_bars(found), _tornado_problems(found))


def output_words(output: str) -> str:
    """Return an output in words; a borough's slug is its net saving."""
    return OUTPUT_WORDS.get(output, f"the expected net saving of {output.replace('_', ' ')}")


def _tornado_answer(found: Figures) -> Iterator[str]:
    bars, output = found["bars"], found["output"]
    yield "THE ANSWER"
    most = [bar for bar in bars if bar["swing"] > 0][:3]
    if not most:
        yield f"  No input moves {output_words(output)}."
        return
    told = "; ".join(
        f"{bar['path']}, {plain(bar['low']['at'])} to {plain(bar['high']['at'])}: "
        f"{_amount(bar['low']['output'], output)} to {_amount(bar['high']['output'], output)}"
        for bar in most
    )
    yield from _wrapped(
        f"As the scenario stands, {output_words(output)} is {_amount(found['base'], output)}. It is moved most by "
        f"{told}."
    )
    yield f"  {_runs(found)}"


def _tornado_bars(found: Figures) -> Iterator[str]:
    bars, output = found["bars"], found["output"]
    greatest = max((bar["swing"] for bar in bars), default=0.0)
    yield f"EACH INPUT AT ITS LOW AND ITS HIGH END, all else as it stands: {output_words(output)}"
    yield f"  {'':<{NAMES}}{'range':<22}{'at low':>10}{'at high':>10}{'error':>9}"
    still = [bar["path"] for bar in bars if bar["swing"] == 0]
    for bar in bars:
        if bar["swing"] > 0:
            errors = [bar[end]["change"]["se"] for end in ("low", "high") if bar[end]["change"]["se"] is not None]
            drawn = "#" * max(1, round(BAR * bar["swing"] / greatest))
            yield (
                f"  {bar['path']:<{NAMES}.{NAMES}}{_span(bar):<22}{_amount(bar['low']['output'], output):>10}"
                f"{_amount(bar['high']['output'], output):>10}{_amount(max(errors, default=None), output):>9}  {drawn}"
            )
    if still:
        yield from _wrapped(f"These do not move it at all: {', '.join(still)}.")


def _tornado_problems(found: Figures) -> Iterator[str]:
    yield "error: standard error of the change from the scenario as it stands, of the less certain end."
    for bar in found["bars"]:
        for end in ("low", "high"):
            if bar[end]["problem"]:
                at = plain(bar[end]["at"])
                yield from _wrapped(f"{bar['path']} at {at} could not be lived: {bar[end]['problem']}")


# ---- switch --------------------------------------------------------------------------------------------------------


def switch_page(found: Figures) -> str:
    """Return the value of each input at which a party's verdict turns, the nearest first."""
    return _page(_switch_answer(found), _switch_table(found))


def _switch_answer(found: Figures) -> Iterator[str]:
    yield "THE ANSWER"
    inside = [one for one in found["inputs"] if one["where"] == "inside"]
    gains = "gain" if found["gain"] >= 0 else "lose"
    does = gains if found["name"].endswith("together") else f"{gains}s"
    yield from _wrapped(f"As the scenario stands, {found['name']} {does}: {pounds(found['gain'])} expected.")
    if not inside:
        yield "  No input, moved alone inside its range, turns that."
    else:
        told = ", ".join(f"{one['path']} at {plain(one['at'])} (now {plain(one['value'])})" for one in inside)
        yield from _wrapped(f"Moved alone and inside its range, this turns it: {told}.")
    yield f"  {_runs(found)}"


def _switch_table(found: Figures) -> Iterator[str]:
    yield "WHERE THE VERDICT TURNS, all else as it stands"
    yield f"  {'':<{NAMES}}{'now':>10}{'range':>20}{'turns at':>12}  {'':<17}lived there"
    for one in found["inputs"]:
        if one["at"] is not None:
            span = f"{plain(one['low'])} to {plain(one['high'])}"
            where = "inside the range" if one["where"] == "inside" else "outside it"
            yield (
                f"  {one['path']:<{NAMES}.{NAMES}}{plain(one['value']):>10}{span:>20}{plain(one['at']):>12}  "
                f"{where:<17}{pounds(one['gain'])}"
            )
    never = [one["path"] for one in found["inputs"] if one["at"] is None]
    if never:
        yield from _wrapped(
            f"Nothing turns it within the range, nor as far beyond as could be lived, for: {', '.join(never)}."
        )


# ---- grid ----------------------------------------------------------------------------------------------------------


def grid_page(found: Figures) -> str:
    """Return a grid as a picture, and the lines on which parties break even."""
    return _page(_grid_picture(found), _grid_lines(found))


def _axis_words(name: str) -> str:
    return AXIS_WORDS.get(name, name)


def _grid_picture(found: Figures) -> Iterator[str]:
    yield "WHO GAINS WHERE"
    yield "  # the investor and the boroughs together   i the investor alone   b the boroughs alone   . nobody"
    yield f"  up:     {_axis_words(found['y'])}"
    yield f"  across: {_axis_words(found['x'])}"
    yield f"  the scenario stands at {plain(found['own'][0])} across, {plain(found['own'][1])} up"
    yield ""
    yield from picture(found)
    yield f"  {_runs(found)}"
    for problem in found["problems"]:
        yield from _wrapped(f"? could not be lived: {problem}")


def _grid_lines(found: Figures) -> Iterator[str]:
    x, y = (AXIS_NAMES.get(found[axis], found[axis]) for axis in "xy")
    yield f"BREAK-EVEN LINES ({x}, {y}), straight between the points lived"
    for party, name in found["names"].items():
        line = found["lines"][party]
        told = "  ".join(f"({plain(a)}, {plain(b)})" for a, b in line) if line else "nowhere on this grid"
        yield from _wrapped(f"{name}: {told}")


# ---- reverse -------------------------------------------------------------------------------------------------------


def reverse_page(found: Figures) -> str:
    """Return the mildest combination of inputs that makes a party lose."""
    return _page(_reverse_answer(found), _reverse_table(found))


def _reverse_answer(found: Figures) -> Iterator[str]:
    yield "THE ANSWER"
    yield from _wrapped(found["words"])
    yield from _wrapped(
        f"As the scenario stands {found['name']} can expect {pounds(found['own_gain'])}; with every input at its "
        f"median {pounds(found['median_gain'])}."
    )
    if found["distance"] is not None:
        yield from _wrapped(
            f"That is {found['distance']:.2f} standard deviations of all inputs together from their medians. Lived "
            f"again with every target met exactly: {pounds(found['gain'])}."
        )
    if found["problem"]:
        yield from _wrapped(f"It could not be lived again with every target met exactly: {found['problem']}")
    yield f"  {_runs(found)}"


def _reverse_table(found: Figures) -> Iterator[str]:
    yield "THE COMBINATION" if found["found"] else "THE WORST THAT WAS SEEN"
    yield f"  {'':<{NAMES}}{'now':>10}{'there':>10}{'score':>8}{'share':>8}"
    small = 0
    for one in found["inputs"]:
        if found["found"] and abs(one["share"]) < SMALL:
            small += 1
            continue
        yield (
            f"  {one['path']:<{NAMES}.{NAMES}}{plain(one['value']):>10}{plain(one['at']):>10}{one['score']:>8.2f}"
            f"{percent(one['share']):>8}"
        )
    if small:
        yield f"  and {small} more, each less than 1% of it"
    yield "  score: standard deviations from its median; share: of the squared distance"


# ---- sobol ---------------------------------------------------------------------------------------------------------


def sobol_page(found: Figures) -> str:
    """Return what drives each output."""
    return _page(_sobol_answer(found), *(_sobol_table(found, output) for output in found["outputs"]))


def _sobol_answer(found: Figures) -> Iterator[str]:
    yield "THE ANSWER"
    for output, rows in found["outputs"].items():
        known = [row for row in rows if row["total"] is not None]
        if not known or found["sd"][output] == 0:
            yield f"  {output_words(output)}: no input moves it beyond chance."
            continue
        first = known[0]
        yield from _wrapped(
            f"What is not known about {first['group']} matters most for {output_words(output)}: were all else known, "
            f"about {percent(min(first['total'], 1.0))} of the variance would be left."
        )
    met = found["targets_met_share"]
    yield from _wrapped(
        f"{found['n_rows']:,} sets of inputs from their ranges ({found['n_points']:,} points), {found['replications']} "
        f"simulated contracts each, seed {found['seed']}."
        + ("" if met == 1 else f" In {percent(1 - met, 1)} of them a target was out of reach; the nearest was taken.")
    )


def _sobol_table(found: Figures, output: str) -> Iterator[str]:
    yield (
        f"{output_words(output).upper()}: mean {pounds(found['mean'][output])}, standard deviation over inputs "
        f"{pounds(found['sd'][output])}"
    )
    yield f"  {'':<56}{'first':>6}  {'95%':<14}{'total':>6}  {'95%':<14}"
    rows = found["outputs"][output]
    small = 0
    for row in rows:
        if row["total"] is not None and row["total"] < SMALL:
            small += 1
            continue
        yield f"  {row['group']:<56.56}{_index(row, 'first')}{_index(row, 'total')}"
    if small:
        yield f"  and {small} more, each with a total below 1%"
    yield from _wrapped(
        "first: share of the variance that would go if this alone were known. total: share left if all else were. Both "
        f"are estimates and may fall outside 0 to 100%. Of the variance as simulated, "
        f"{percent(found['noise_share'][output])} was chance; it is taken out."
        + (" That is much: ask for more replications." if found["noise_share"][output] > MUCH_NOISE else "")
    )


def _index(row: Figures, name: str) -> str:
    span = f"{percent(row[f'{name}_low'])} to {percent(row[f'{name}_high'])}"
    return f"{percent(row[name]):>6}  {span:<14}"


# ---- value of information ------------------------------------------------------------------------------------------


def voi_page(found: Figures) -> str:
    """Return what knowing would be worth to a party before it decides."""
    return _page(_voi_answer(found), _voi_table(found["facts"]))


def _voi_answer(found: Figures) -> Iterator[str]:
    yield "THE ANSWER"
    verb, name = found["options"][0], found["name"]
    yield from _wrapped(
        f"On what is known now, {name} should {found['best']}: to {verb} is expected to be worth "
        f"{pounds(found['expected'])}, and is right in {percent(found['in_prob'])} of the drawn sets of inputs."
    )
    yield from _wrapped(
        f"To know every input before the decision would be worth {pounds(found['evpi'])} (error "
        f"{pounds(found['evpi_se'])}): no study, however good, is worth more than that to it."
    )
    best = found["facts"][0] if found["facts"] else None
    if best and best["value"] > 2 * best["se"]:
        yield from _wrapped(f"Most of all it would pay to learn {best['path']}: worth up to {pounds(best['value'])}.")
    elif best:
        yield "  No single input is worth learning, as far as these draws can tell."
    yield from _wrapped(
        f"{found['outer_draws']:,} drawn sets of inputs, {found['replications']} simulated contracts each, seed "
        f"{found['seed']}."
    )


def _voi_table(facts: Sequence[Figures]) -> Iterator[str]:
    yield "WORTH OF KNOWING ONE INPUT"
    yield f"  {'':<{NAMES}}{'at most':>10}{'error':>10}{'at least':>10}"
    shown = [fact for fact in facts if fact["value"] > 0]
    for fact in shown:
        least = max(fact["halves"], 0.0)
        yield f"  {fact['path']:<{NAMES}.{NAMES}}{pounds(fact['value']):>10}{pounds(fact['se']):>10}{pounds(least):>10}"
    if len(shown) < len(facts):
        yield f"  and {len(facts) - len(shown)} more, not worth learning"
    yield from _wrapped(
        "at most: by regression, which follows some luck; at least: chosen with half of the draws, judged on the others"
    )
