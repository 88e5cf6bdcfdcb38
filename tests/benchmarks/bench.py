"""Speeds, as ratios in one run: `make bench` prints them and writes reports/benchmarks.md.

Times of one thread are processor time; of two threads, and of processes, wall time, which needs a quiet machine. What
is compared runs in turn, round by round, and a ratio is the median of the rounds' ratios. `--short` leaves out the
long runs of whole processes and writes nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median

import lower_bound
import national
import queue_ciw
import textbook_simpy
from pages import pages

from edgeofcare.engine import kernel, reference
from edgeofcare.engine.plan import Plan

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "reports" / "benchmarks.md"
SCENARIO, TEN = "pan_london", "pan_london_ten"
THREADS, CHUNK = 2, 500
US, NS = 1e6, 1e9
SILENT = ("--json", "--quiet")


@dataclass(frozen=True)
class Seconds:
    """What one call took."""

    cpu: float
    wall: float


def time_of(call: Callable[[], object]) -> Seconds:
    """Return the time of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Seconds(time.process_time() - cpu, time.perf_counter() - wall)


def in_rounds(contestants: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, list[Seconds]]:
    """Run contestants (a call, and its replications) in turn; return seconds a replication, by round."""
    found: dict[str, list[Seconds]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, (call, n) in contestants.items():
            taken = time_of(call)
            found[name].append(Seconds(taken.cpu / n, taken.wall / n))
    return found


def ratio(slow: list[Seconds], fast: list[Seconds], clock: str = "cpu") -> float:
    """Return the median over rounds of how many times faster `fast` is."""
    return median(getattr(a, clock) / getattr(b, clock) for a, b in zip(slow, fast, strict=True))


def middle(times: list[Seconds], clock: str = "cpu") -> float:
    """Return the median over rounds."""
    return median(getattr(t, clock) for t in times)


# ---- comparisons ------------------------------------------------------------------------------------------------


def in_threads(chunk: Callable[[int], object], n_chunks: int) -> None:
    """Run chunks by number as `walk.run_chunks` does."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(chunk, range(n_chunks)))


def whole_model(plan: Plan, rounds: int) -> dict[str, list[Seconds]]:
    """Time the reference, the textbook version, the kernel on one and two threads, and the lower bound."""
    bound = lower_bound.run(plan)
    kernel.run(plan, 1, 0, 1)
    reference.run(plan, 1, 0, 1)
    return in_rounds(
        {
            "textbook SimPy": (lambda: textbook_simpy.run(plan, 1, 6), 6),
            "reference": (lambda: reference.run(plan, 1, 0, 6), 6),
            "kernel": (lambda: kernel.run(plan, 1, 0, 2 * CHUNK), 2 * CHUNK),
            "kernel, two threads": (lambda: in_threads(lambda i: kernel.run(plan, 1, i * CHUNK, CHUNK), 8), 8 * CHUNK),
            "lower bound": (lambda: bound(4 * CHUNK), 4 * CHUNK),
            "lower bound, two threads": (lambda: in_threads(lambda _: bound(2 * CHUNK), 8), 16 * CHUNK),
        },
        rounds,
    )


@dataclass(frozen=True)
class QueueRatios:
    """The kernel's waiting lists against ciw."""

    lists_alone: float
    with_all_draws: float
    ciw_ms: float
    lists_us: float
    starts_ciw: float
    starts_kernel: float


def queue(plan: Plan, rounds: int) -> QueueRatios:
    """Time the waiting lists alone and, with all draws of a referral, together; check that means agree."""
    run = queue_ciw.kernel_lists(queue_ciw.queue_only(plan))
    found = in_rounds(
        {
            "ciw": (lambda: queue_ciw.ciw_starts(10), 10),
            "once": (lambda: run(300, 1), 300),
            "often": (lambda: run(300, 11), 300),
        },
        rounds,
    )
    lists = [Seconds((b.cpu - a.cpu) / 10, 0) for a, b in zip(found["once"], found["often"], strict=True)]
    return QueueRatios(
        ratio(found["ciw"], lists),
        ratio(found["ciw"], found["once"]),
        1e3 * middle(found["ciw"]),
        US * middle(lists),
        queue_ciw.ciw_starts(40),
        run(2000, 1),
    )


SIZES = ((10, 800), (10, 8_000), (33, 8_000), (150, 8_000), (10, 100_000), (150, 100_000))
SMALL, NATION = SIZES[0], SIZES[-1]


def per_child(sizes: tuple[tuple[int, int], ...], rounds: int) -> dict[tuple[int, int], list[Seconds]]:
    """Time the kernel per child on generated scenarios of authorities x children."""
    contestants = {}
    for size in sizes:
        plan, n = national.generated(*size), max(2, 400_000 // size[1])
        children = int(kernel.run(plan, 1, 0, n).served("referred").sum())
        contestants[size] = (lambda plan=plan, n=n: kernel.run(plan, 1, 0, n), children)
    return in_rounds(contestants, rounds)  # type: ignore[arg-type,return-value]


def by_replications(plan: Plan, sizes: tuple[int, ...] = (100, 1_000, 10_000)) -> dict[int, float]:
    """Return replications a second of the kernel on one thread, in chunks, by how many are run."""
    found = {}
    for n in sizes:
        chunks = [(i, min(CHUNK, n - i)) for i in range(0, n, CHUNK)]
        found[n] = n / time_of(lambda chunks=chunks: [kernel.run(plan, 1, *chunk) for chunk in chunks]).cpu  # type: ignore[misc]
    return found


# ---- whole processes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """A finished process: wall seconds, peak of memory in GB."""

    wall: float
    peak_gb: float


def process(*arguments: str, cache: str | None = None) -> Process:
    """Run Python with arguments in a fresh process."""
    environment = os.environ | ({"EDGEOFCARE_CACHE": cache} if cache else {})
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, arguments
    return Process(time.perf_counter() - started, usage.ru_maxrss / 1024**2)


def edgeofcare(*arguments: str, cache: str | None = None) -> Process:
    """Run the command line in a fresh process."""
    return process("-c", "from edgeofcare.cli import main; main()", *arguments, cache=cache)


CALIBRATE = """
import time
from edgeofcare.engine import calibrate
from edgeofcare.inputs.load import load
scenario = load("pan_london")
calibrate.solve(scenario, calibrate.make_sample(scenario))
started = time.perf_counter()
calibrate.solve(scenario, calibrate.make_sample(scenario))
print(time.perf_counter() - started)
"""


def calibration_seconds() -> float:
    """Return the wall time of a calibration on 200,000 children, compiled already."""
    done = subprocess.run([sys.executable, "-c", CALIBRATE], capture_output=True, text=True, check=True)
    return float(done.stdout)


# ---- report -----------------------------------------------------------------------------------------------------


def machine() -> list[str]:
    """Describe the machine: processor, versions, and whether anything else was running."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    about = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = f"{about.get('model name', platform.processor())} (family {about.get('cpu family', '?')}, "
    name += f"model {about.get('model', '?')})"
    libraries = ("numpy", "numba", "llvmlite", "simpy", "ciw", "pandas", "scipy")
    versions = ", ".join(f"{library} {metadata.version(library)}" for library in libraries)
    load = os.getloadavg()[0]
    quiet = "" if load < 0.3 else " **The machine was not quiet: figures of two threads and of processes are too low.**"
    return [
        f"{os.cpu_count()} cores, {name}; {platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}; "
        f"Python {platform.python_version()}, {versions}. Load before the run: {load:.1f}.{quiet}"
    ]


def table(head: str, *rows: tuple[object, ...]) -> list[str]:
    """Return a table in Markdown."""
    n = head.count("|") + 1
    return ["", f"| {head} |", "|---" * n + "|", *(f"| {' | '.join(map(str, row))} |" for row in rows)]


def report(short: bool) -> list[str]:
    """Measure everything and return the report, line by line."""
    plan = national.plan_of(national.scenario(SCENARIO))
    rounds = 3 if short else 7
    lines = ["# Speeds", "", *machine(), "", __doc__.split("\n\n")[1].replace("\n", " ")]

    model = whole_model(plan, rounds)
    slow, one, two, bound = (model[k] for k in ("reference", "kernel", "kernel, two threads", "lower bound"))
    children = kernel.run(plan, 1, 0, CHUNK).served("referred").sum() / CHUNK
    lines += ["", f"## Whole model: {SCENARIO}, {children:.0f} children a replication, both arms"]
    rows = []
    for name, times in model.items():
        clock = "wall" if "threads" in name else "cpu"
        seconds = middle(times, clock)
        per_bound = 1 / ratio(bound, times, clock)
        rows.append(
            (
                name,
                f"{US * seconds:,.0f}",
                f"{1 / seconds:,.0f}",
                f"{ratio(slow, times, clock):.3g}",
                f"{per_bound:.3g}",
            )
        )
    lines += table("engine | us a replication | replications a second | times the reference | bounds", *rows)
    needed = ", ".join(f"{k:,.0f} {name}" for name, k in lower_bound.needs(plan).items())
    cores = ratio(bound, model["lower bound, two threads"], "wall")
    lines += [
        "",
        f"The lower bound does only what the scenario needs in a replication: {needed}. It touches no memory, so its "
        f"{cores:.2f} times from one thread to two is what this machine's two cores have to give.",
    ]

    waiting = queue(plan, rounds)
    lines += ["", "## Waiting lists alone, against ciw: 6 teams of 20 slots, about 800 families, three years"]
    lines += table(
        "what | value",
        ("ciw, ms a replication", f"{waiting.ciw_ms:.1f}"),
        ("kernel's lists, us a replication", f"{waiting.lists_us:.1f}"),
        ("times ciw, lists alone", f"{waiting.lists_alone:.0f}"),
        ("times ciw, with all draws of a referral (life and therapy too)", f"{waiting.with_all_draws:.0f}"),
        ("mean starts, ciw and kernel", f"{waiting.starts_ciw:.1f}, {waiting.starts_kernel:.1f}"),
    )

    sizes = per_child(SIZES, 2 if short else 5)
    small, nation = sizes[SMALL], sizes[NATION]
    lines += ["", "## Scaling, one thread"]
    lines += table(
        "authorities | children | ns a child | times the first",
        *(
            (a, f"{n:,}", f"{NS * middle(times):.0f}", f"{1 / ratio(small, times):.2f}")
            for (a, n), times in sizes.items()
        ),
    )
    lines += table(
        "replications | a second", *((f"{n:,}", f"{speed:,.0f}") for n, speed in by_replications(plan).items())
    )

    seconds_of_a_billion = 1e9 / (2 * children) * middle(two, "wall")
    goals = [
        ("reference, replications a second", f"{1 / middle(slow):.1f}", "15", 1 / middle(slow) >= 15),
        ("kernel, times the reference", f"{ratio(slow, one):.0f}", "150", ratio(slow, one) >= 150),
        ("the same, two threads", f"{ratio(slow, two, 'wall'):.0f}", "290", ratio(slow, two, "wall") >= 290),
        ("two threads, times one", f"{ratio(one, two, 'wall'):.2f}", "1.85", ratio(one, two, "wall") >= 1.85),
        ("kernel, lower bounds", f"{ratio(one, bound):.2f}", "at most 3", ratio(one, bound) <= 3),
        ("waiting lists, times ciw", f"{waiting.lists_alone:.0f}", "500", waiting.lists_alone >= 500),
        (
            "a child of a nation, times a child of 800",
            f"{ratio(nation, small):.2f}",
            "at most 1.25",
            ratio(nation, small) <= 1.25,
        ),
        (
            "a billion lives, each arm one, two threads, minutes",
            f"{seconds_of_a_billion / 60:.1f}",
            "5",
            seconds_of_a_billion < 300,
        ),
    ]
    if not short:
        for part in (whole_processes, questions, in_a_browser):
            more_lines, more_goals = part()
            lines += more_lines
            goals += more_goals
    lines += [
        "",
        "## Goals",
        *table("figure | measured | goal | met", *((*row[:3], "yes" if row[3] else "**no**") for row in goals)),
    ]
    return lines


def whole_processes() -> tuple[list[str], list[tuple[str, str, str, bool]]]:
    """Time fresh processes: start, compiling, a whole run with money and summary, memory."""
    with tempfile.TemporaryDirectory() as cache:
        cold = edgeofcare("run", SCENARIO, "--replications", "10", *SILENT, cache=cache)
    edgeofcare("run", TEN, "--replications", "10", *SILENT)
    helps = median(edgeofcare("--help").wall for _ in range(3))
    warm = median(edgeofcare("run", SCENARIO, "--replications", "10", *SILENT).wall for _ in range(3))
    runs = [edgeofcare("run", TEN, "--replications", "10000", *SILENT) for _ in range(3)]
    whole, whole_gb = median(r.wall for r in runs), max(r.peak_gb for r in runs)
    large = edgeofcare("run", TEN, "--replications", "100000", *SILENT)
    calibration = calibration_seconds()
    lines = ["", "## Fresh processes, wall time, all cores"]
    lines += table(
        "what | seconds | peak, GB",
        ("`edgeofcare --help`", f"{helps:.2f}", ""),
        (
            f"`edgeofcare run {SCENARIO} --replications 10`, nothing compiled or calibrated",
            f"{cold.wall:.1f}",
            f"{cold.peak_gb:.2f}",
        ),
        ("the same, caches warm", f"{warm:.2f}", ""),
        (f"`edgeofcare run {TEN} --replications 10000`", f"{whole:.2f}", f"{whole_gb:.2f}"),
        (f"`edgeofcare run {TEN} --replications 100000`", f"{large.wall:.1f}", f"{large.peak_gb:.2f}"),
        ("calibration, 200,000 children, compiled already", f"{calibration:.2f}", ""),
    )
    return lines, [
        ("10,000 replications with money and summary, seconds", f"{whole:.2f}", "4", whole < 4),
        ("100,000 replications, peak GB", f"{large.peak_gb:.2f}", "2", large.peak_gb < 2),
        ("calibration, seconds", f"{calibration:.2f}", "5", calibration < 5),
    ]


QUESTIONS = (  # what is asked, the command, seconds that were set as a goal
    ("twelve contracts over 10,000 replications of ten boroughs", ("contracts", TEN, "--replications", "10000"), 8),
    ("the same in every world of the grid, 2,000 each", ("contracts", TEN, "--grid", "--replications", "2000"), 60),
    ("a borough joins, 5,000 replications with and without", ("join", SCENARIO, "haringey"), 5),
    ("the same with its limits", ("join", SCENARIO, "haringey", "--limits"), 90),
    ("shares of six boroughs", ("cost-sharing", SCENARIO), 30),
    ("shares of ten boroughs", ("cost-sharing", TEN), 300),
    ("every stress, 5,000 replications each", ("stress", SCENARIO), 60),
    ("tornado", ("tornado", SCENARIO), 30),
)


def questions() -> tuple[list[str], list[tuple[str, str, str, bool]]]:
    """Time what people ask, in fresh processes with warm caches (each is asked twice, the second counts)."""
    rows, goals = [], []
    for name, words, goal in QUESTIONS:
        edgeofcare(*words, *SILENT)
        run = edgeofcare(*words, *SILENT)
        rows.append((name, f"{run.wall:.1f}", f"{run.peak_gb:.2f}"))
        goals.append((f"{name}, seconds", f"{run.wall:.1f}", f"{goal}", run.wall < goal))
    lines = ["", "## Questions, fresh processes, wall time, all cores, caches warm"]
    return lines + table("what | seconds | peak, GB", *rows), goals


def in_a_browser() -> tuple[list[str], list[tuple[str, str, str, bool]]]:
    """Time the pages in a real browser, where there is one."""
    if shutil.which("chromium") is None:
        return ["", "The pages were not timed: there is no Chromium here."], []
    rows, goals = pages()
    return ["", "## Pages in a browser, wall time, middle of five", *table("what | seconds", *rows)], goals


if __name__ == "__main__":
    is_short = "--short" in sys.argv[1:]
    text = "\n".join(report(is_short)) + "\n"
    print(text)
    if not is_short:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text, "utf-8")
