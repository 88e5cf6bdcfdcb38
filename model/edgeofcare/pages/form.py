"""The form of a page as a widget: what stands in it, what is wrong with it, which button was pressed.

In: fields. Out: texts and presses, as a person leaves them in the browser. Must not know: what the numbers mean.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class Form(anywidget.AnyWidget):
    """Inputs with their buttons, or buttons alone. Texts are those typed, also wrong ones; presses only grow."""

    _esm = (HERE / "form.js").read_text(encoding="utf-8")
    _css = (HERE / "form.css").read_text(encoding="utf-8")

    name = traitlets.Unicode("").tag(sync=True)
    fields: traitlets.List[Any] = traitlets.List().tag(sync=True)
    texts = traitlets.Dict().tag(sync=True)
    errors = traitlets.Dict().tag(sync=True)
    buttons: traitlets.List[Any] = traitlets.List().tag(sync=True)
    presses = traitlets.Dict().tag(sync=True)
    takes_file = traitlets.Bool(False).tag(sync=True)
    upload = traitlets.Dict().tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    progress = traitlets.Dict().tag(sync=True)
    carries_link = traitlets.Bool(False).tag(sync=True)
    link = traitlets.Unicode("").tag(sync=True)
    file = traitlets.Dict().tag(sync=True)

    def give(self, name: str, mime: str, content: bytes) -> None:
        """Have the browser save a file."""
        count = self.file.get("count", 0) + 1
        self.file = {"name": name, "mime": mime, "base64": base64.b64encode(content).decode(), "count": count}
