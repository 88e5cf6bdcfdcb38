"""One visitor's page: what is set, what was set before, the answer shown, answers pinned, and what can be taken away.

In: a `Page` and what a person does in its forms. Out: the answer as HTML, files. Must not know: how numbers come about.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from edgeofcare.documents.document import Document, Heading, Said, Table
from edgeofcare.documents.formats.html import fragment, html
from edgeofcare.documents.formats.sheets import sheets
from edgeofcare.errors import EdgeOfCareError, OptionError
from edgeofcare.incidents import report
from edgeofcare.inputs.load import load, scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.write import as_toml, told_as_set
from edgeofcare.pages.fields import Choice, Field, RefusedError, read_all
from edgeofcare.pages.form import Form
from edgeofcare.provenance import version

OWN_FILE = "own_file"  # beginning of the names of scenarios that a visitor brought
LONGEST_NAME_BYTES = 80
LARGEST_FILE_BYTES = 2_000_000
MOST_STORED, MOST_PINNED, MOST_UNDONE = 12, 4, 200
SECONDS_BETWEEN_LOOKS = 0.05  # at how far the work is
SECONDS_BEFORE_GUESSING = 2.0  # how long the rest will take
CHANGED_FIRST = 3  # changed inputs that name a pinned answer
FILES = {"html": "Report (HTML)", "xlsx": "Workbook (Excel)", "toml": "Scenario (TOML)"}
SCENARIOS = ("pan_london", "pan_london_ten", "pan_london_stay_dfe", "essex", "essex_by_quarter")
Texts = dict[str, str]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class View:
    """An answer to look at. headline: its key figures by label, for holding it against another; scenario: lived."""

    document: Document
    headline: tuple[tuple[str, Said], ...]
    scenario: Scenario


@dataclass(frozen=True)
class Page:
    """What a page asks and how it answers.

    fields: of a scenario and the texts now set. work: what takes time, done on Run. show: what is seen of its outcome,
    made anew whenever a field of `at_once` changes. at_start: work when the page opens. files: that can be taken away
    besides or instead of those of every page, by kind: label, and what makes name, type and content of an outcome.
    """

    slug: str
    fields: Callable[[Scenario, Mapping[str, str]], Sequence[Field]]
    work: Callable[[Scenario, Mapping[str, Any], Progress], Any]
    show: Callable[[Any, Mapping[str, Any]], View]
    at_once: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = SCENARIOS
    at_start: bool = True
    files: Mapping[str, tuple[str, Callable[[Any], tuple[str, str, bytes]]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """An answer with the inputs that it belongs to. inputs: label, value, published value; outcome: what work gave."""

    view: View
    texts: Texts
    inputs: Table
    changed: tuple[str, ...]
    outcome: Any = field(repr=False)


@lru_cache(maxsize=32)
def _shipped(name: str) -> Scenario:
    return load(name)


class Visit:
    """One visitor's page. `form` and `actions` are widgets; `update` does what was asked in them.

    query: the inputs that a link carries. Nothing is shared between visits but the shipped scenarios.
    """

    def __init__(self, page: Page, query: Mapping[str, Any] | None = None) -> None:
        self.page = page
        self.shown: Shown | None = None
        self.pinned: list[Shown] = []
        self._own: dict[str, Scenario] = {}
        self._stored: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._before: list[Texts] = []
        self._presses: dict[str, int] = {}
        self._uploads = 0
        self._texts: Texts = {}
        self._fields: tuple[Field, ...] = ()
        asked = {key: str(value) for key, value in (query or {}).items()}
        named = asked.get("scenario", page.scenarios[0])
        self._set(asked | {"scenario": named if named in page.scenarios else page.scenarios[0]})
        self._welcome = "" if named in page.scenarios else _unknown(named, self._texts["scenario"])
        self.form = Form(name="Inputs", takes_file=True, carries_link=True, fields=self._described, texts=self._texts)
        self.actions = Form(name="Keep this answer")
        self._label()

    # ---- inputs ----------------------------------------------------------------------------------------------------

    @property
    def scenario(self) -> Scenario:
        """The scenario chosen, as published or as brought."""
        return self._scenario(self._texts["scenario"])

    def _scenario(self, name: str) -> Scenario:
        return self._own[name] if name in self._own else _shipped(name)

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.page.scenarios, *self._own)

    def _asked(self, texts: Mapping[str, str]) -> tuple[Field, ...]:
        """Return the fields; some depend on what is set in others."""
        options = [(one, f"{_shipped(one).title} ({one})") for one in self.page.scenarios]
        options += [(one, f"Your file: {scenario.name}.toml") for one, scenario in self._own.items()]
        choice = Choice(
            "scenario",
            "Scenario",
            self.page.scenarios[0],
            tuple(options),
            "Everything that is not asked below comes from it.",
        )
        return (choice, *self.page.fields(self._scenario(texts["scenario"]), texts))

    def _published(self) -> Texts:
        """Return the texts of the scenario chosen when nothing else is set."""
        only = {"scenario": self._texts["scenario"]}
        return {one.key: one.text for one in self._asked(only)} | only

    def _set(self, texts: Mapping[str, str]) -> None:
        """Take texts over; those of fields that are not asked are left, others are as published."""
        self._fields = self._asked(texts)
        self._texts = {one.key: texts.get(one.key, one.text) for one in self._fields}

    @property
    def _described(self) -> list[dict[str, Any]]:
        return [one.describe() for one in self._fields]

    def _take(self, texts: Mapping[str, str]) -> None:
        """Take over what was typed. What was as published follows what it depends on; so does all, another scenario."""
        name = texts.get("scenario")
        if dict(texts) == self._texts or name not in self._names:
            return
        self._keep()
        own = {one.key for one in self._fields if texts.get(one.key) != one.text}
        kept = {"scenario"} if name != self._texts["scenario"] else own | {"scenario"}
        self._set({key: text for key, text in texts.items() if key in kept})

    def _keep(self) -> None:
        """Remember the inputs, for undoing."""
        self._before = [*self._before[-MOST_UNDONE:], dict(self._texts)]

    def _upload(self, upload: Mapping[str, Any]) -> None:
        """Take a scenario file that the visitor brought, or say what is wrong with it, line by line."""
        stem = re.sub(r"[^\w.-]+", "_", str(upload.get("name", ""))).strip(".").removesuffix(".toml")
        name = (stem.encode()[:LONGEST_NAME_BYTES].decode(errors="ignore") or "scenario") + ".toml"
        if upload.get("size", 0) > LARGEST_FILE_BYTES:
            most = f"{LARGEST_FILE_BYTES / 1e6:g} MB"
            raise OptionError(f"{name} is larger than {most}: no scenario is. Choose another file.")
        key = f"{OWN_FILE}_{len(self._own) + 1}" if self._own else OWN_FILE
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(str(upload.get("text", "")), encoding="utf-8", newline="")
            try:
                self._own[key] = load(path)
                self._asked({"scenario": key})
            except EdgeOfCareError as error:
                self._own.pop(key, None)
                told = str(error).replace(f"{Path(folder).resolve()}/", "").replace(f"{folder}/", "")
                where = "" if told.startswith(name) else f"{name}: "
                raise OptionError(f"The file was not taken; the inputs are as before.\n{where}{told}") from error
        self._keep()
        self._set({"scenario": key})

    # ---- what is asked ---------------------------------------------------------------------------------------------

    def update(self, *_: object) -> Shown | None:
        """Do what was asked in the forms since the last time; return the answer to show, None if there is none yet.

        Arguments are ignored: a notebook names the values of its widgets here, so that this runs when they change.
        """
        form, actions = self.form, self.actions
        run, problem, self._welcome = self.shown is None and self.page.at_start, self._welcome, ""
        self._take(form.texts)
        try:
            if form.upload.get("count", 0) != self._uploads:
                self._uploads = form.upload.get("count", 0)
                self._upload(form.upload)
                run = True
        except EdgeOfCareError as error:
            problem = str(error)
        for name in self._pressed(form):
            run = run or name == "run"
            if name == "undo" and self._before:
                self._set(self._before.pop())
            elif name == "reset" and self._texts != self._published():
                self._keep()
                self._set(self._published())
        form.fields, form.texts = self._described, dict(self._texts)
        values, errors = read_all(self._fields, self._texts)
        form.errors = errors
        note = ""
        if errors:
            note = "" if self.shown is None else "The answer below is for the inputs before."
            problem = problem or ("Nothing was run. Mend what is marked above." if run else "")
        elif run or self._key(values) in self._stored:
            failed = self._answer(values)
            note = "The answer below is for the inputs before." if failed and self.shown else ""
            problem = failed or problem
        else:
            note = "The answer below is for other inputs. Press Run for these." if self.shown else ""
        form.problem, form.note = problem, note
        form.link = self._link()
        self._act(actions)
        self._label()
        return self.shown

    def _pressed(self, form: Form) -> list[str]:
        """Return the buttons pressed since the last time."""
        mine = f"{form.name}/"
        names = [name for name, n in form.presses.items() if n != self._presses.get(mine + name, 0)]
        self._presses |= {mine + name: n for name, n in form.presses.items()}
        return names

    def _key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what the work depends on."""
        return tuple(value for key, value in values.items() if key not in self.page.at_once)

    def _answer(self, values: Mapping[str, Any]) -> str:
        """Find the answer, among those stored or by work, and show it; return what went wrong, in words."""
        key = self._key(values)
        try:
            if key not in self._stored:
                self._stored[key] = self._work(values)
                while len(self._stored) > MOST_STORED:
                    self._stored.popitem(last=False)
            outcome = self._stored[key]
            if self.shown is None or self.shown.outcome is not outcome or self.shown.texts != self._texts:
                self.form.progress = {"done": 0, "total": 0, "what": "Drawing the answer"}
                self.shown = self._made(outcome, self.page.show(outcome, values))
        except RefusedError as error:
            self.form.errors = {error.key: str(error)}
            return "Nothing was run. Mend what is marked above."
        except EdgeOfCareError as error:
            return f"It could not be run with these inputs: {error}"
        except Exception as error:
            return _defect(error)
        finally:
            self.form.progress = {}
        return ""

    def _work(self, values: Mapping[str, Any]) -> Any:
        """Do the work on a thread of its own, and tell in the form how far it is."""
        done = [0, 0]

        def tell(n: int, total: int) -> None:
            done[:] = [n, total]

        started = time.monotonic()
        self.form.progress = {"done": 0, "total": 0, "what": "Preparing"}
        with ThreadPoolExecutor(max_workers=1) as pool:
            working = pool.submit(self.page.work, self.scenario, values, tell)
            seen = [0, 0]
            while not working.done():
                time.sleep(SECONDS_BETWEEN_LOOKS)
                if done != seen:
                    seen = list(done)
                    self.form.progress = {"done": seen[0], "total": seen[1], "what": _so_far(seen, started)}
            return working.result()

    def _made(self, outcome: Any, view: View) -> Shown:
        rows, changed = [], []
        for one in self._fields:
            text, before = one.said(self._texts[one.key]), one.said(one.text)
            rows.append((one.label, text, "" if text == before else before))
            if text != before:
                changed.append(f"{one.label} {text}")
        rest = f"Everything else is as in the scenario {view.scenario.name}."
        head = ("Input", "Set to", "As the page opens, where changed")
        table = Table("Inputs of this answer", head, tuple(rows), rest, (False, False, False))
        scenario = told_as_set(view.scenario, self.scenario, "Set on the page")
        return Shown(replace(view, scenario=scenario), dict(self._texts), table, tuple(changed), outcome)

    # ---- keeping an answer -----------------------------------------------------------------------------------------

    def _act(self, actions: Form) -> None:
        """Do what was asked below the answer."""
        problem = ""
        for name in self._pressed(actions):
            if self.shown is None:
                problem = "There is no answer yet."
            elif name == "pin":
                self.pinned = [*self.pinned, self.shown][-MOST_PINNED:]
            elif name == "unpin":
                self.pinned = []
            else:
                actions.progress = {"done": 0, "total": 0, "what": "Making the file"}
                try:
                    actions.give(*self.download(name))
                except EdgeOfCareError as error:
                    problem = str(error)
                except Exception as error:
                    problem = _defect(error)
                finally:
                    actions.progress = {}
        actions.problem = problem

    def download(self, kind: str) -> tuple[str, str, bytes]:
        """Return a file of what is on the screen: name, kind, content. kind: toml, xlsx, html, or one of the page's."""
        if self.shown is None:
            raise OptionError("There is no answer yet. Press Run.")
        shown, name = self.shown, f"{self.page.slug}_{self.shown.view.scenario.name}"
        if kind in self.page.files:
            return self.page.files[kind][1](shown.outcome)
        if kind == "toml":
            return f"{name}.toml", "application/toml", as_toml(shown.view.scenario).encode()
        comparison = self.comparison()
        if kind == "xlsx":
            content = sheets(shown.view.document, shown.inputs, [comparison] if comparison else [])
            return f"{name}.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", content
        return f"{name}.html", "text/html", html(self.document()).encode()

    def document(self) -> Document:
        """Return all that is on the screen: the answer in short, pinned answers beside it, the rest, the inputs."""
        if self.shown is None:
            raise OptionError("There is no answer yet. Press Run.")
        shown, comparison = self.shown, self.comparison()
        first, *rest = shown.view.document.blocks
        against = [comparison] if comparison else []
        return replace(
            shown.view.document,
            blocks=(first, *against, *rest, Heading("Inputs of this answer"), shown.inputs),
            footer=f"edgeofcare {version()}; scenario {shown.view.scenario.name}, SHA-256 "
            f"{scenario_hash(shown.view.scenario)[:12]}.",
        )

    def comparison(self) -> Table | None:
        """Return pinned answers beside the one shown, None if nothing is pinned."""
        if self.shown is None or not self.pinned:
            return None
        columns = [*self.pinned, self.shown]
        figures = [dict(one.view.headline) for one in columns]
        labels = list(dict.fromkeys(label for one in figures for label in one))
        heads = [f"Pinned {i}: {_named(one)}" for i, one in enumerate(self.pinned, 1)]
        heads += [f"Shown: {_named(self.shown)}"]
        rows = tuple((label, *(one.get(label, Said("-", None, "")) for one in figures)) for label in labels)
        return Table("Pinned answers against the one shown", ("", *heads), rows)

    def _link(self) -> str:
        """Return the inputs that differ from the published ones, as the query of a link."""
        return urlencode({one.key: self._texts[one.key] for one in self._fields if self._texts[one.key] != one.text})

    def _label(self) -> None:
        """Say what the buttons do now."""
        published = self._texts == self._published()
        self.form.buttons = [
            {"name": "run", "label": "Run", "main": True, "off": False},
            {"name": "undo", "label": "Undo the last change", "off": not self._before},
            {"name": "reset", "label": "Back to the published scenario", "off": published},
            {"name": "link", "label": "Copy a link with these inputs", "off": False},
        ]
        none = self.shown is None
        files = FILES | {kind: label for kind, (label, _) in self.page.files.items()}
        self.actions.buttons = [
            {"name": "pin", "label": "Pin this answer", "off": none},
            {"name": "unpin", "label": "Remove pinned answers", "off": not self.pinned},
            *({"name": kind, "label": label, "off": none} for kind, label in files.items()),
        ]
        pinned = len(self.pinned)
        full = " The next one takes the place of the oldest." if pinned == MOST_PINNED else ""
        self.actions.note = f"{pinned} pinned; at most {MOST_PINNED} are kept.{full}" if pinned else ""

    # ---- as HTML ---------------------------------------------------------------------------------------------------

    def answer_html(self) -> str:
        """Return all that is on the screen, as a part of the page."""
        if self.shown is None:
            next_step = "Mend the inputs above." if self.form.errors or self.form.problem else "Press Run."
            return f"<p>No answer yet. {next_step}</p>"
        document = self.document()
        return (
            f'<h2 class="question">{_escaped(document.title)}</h2><p class="subtitle">{_escaped(document.subtitle)}</p>'
            f"{fragment(document)}"
        )


def _defect(error: Exception) -> str:
    """Return what is said of a fault of the program; where it happened is logged on this computer."""
    told = str(report(error, ["page"]))
    return f"{told[0].upper()}{told[1:]} The page goes on; try other inputs."


def _unknown(named: str, used: str) -> str:
    """Say that a link names a scenario that is not here."""
    if named.startswith(OWN_FILE):
        return (
            f"This link was made with a scenario file, which a link cannot carry. Choose that file below, then set its "
            f"inputs. Until then this shows {used}."
        )
    return f"The link names a scenario that this page does not have ({named[:60]}). This shows {used}."


def _named(shown: Shown) -> str:
    """Return what an answer is called: what was changed for it."""
    if not shown.changed:
        return "as published"
    more = len(shown.changed) - CHANGED_FIRST
    return "; ".join(shown.changed[:CHANGED_FIRST]) + (f"; {more} more changes" if more > 0 else "")


def _so_far(done: Sequence[int], started: float) -> str:
    passed = time.monotonic() - started
    left = passed * (done[1] - done[0]) / done[0] if done[0] else 0.0
    guess = f", about {left:.0f} s left" if passed > SECONDS_BEFORE_GUESSING and done[0] < done[1] else ""
    return f"Simulating: {done[0]:,} of {done[1]:,} parts done{guess}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
