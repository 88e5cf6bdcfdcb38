"""What a check found, as text. In: `Checked`. Out: lines for a terminal. Must not know: how it was found."""

from __future__ import annotations

import textwrap

from edgeofcare.questions.check import Checked, Inherited

WIDTH = 100


def check_text(found: Checked, asked: str) -> str:
    """Return what a check found: that there is no fault, warnings with their places, and what is inherited.

    asked: the name or file that was checked, as the user wrote it.
    """
    size = f"{_counted(found.n_boroughs, 'borough')}, {_counted(found.n_teams, 'team')}"
    head = f"no fault found. {found.title}; {size}, {found.n_sourced} inputs with a source."
    lines = [f"{asked}: {head}", "", _counted(len(found.warnings), "warning").capitalize() + _left_out(found)]
    lines += [_wrapped(str(warning)) for warning in found.warnings]
    for file in dict.fromkeys(one.file for one in found.tables):
        keys = ", ".join(_key(one) for one in found.tables if one.file == file)
        lines += ["", f"Inherited from {file}", _wrapped(keys)]
    return "\n".join(lines)


def _key(one: Inherited) -> str:
    return f"{one.key} (line {one.line})" if one.line else one.key


def _left_out(found: Checked) -> str:
    if not found.not_looked_at:
        return ""
    return f" ({' and '.join(found.not_looked_at)} need simulated contracts and were left out)"


def _counted(n: int, noun: str) -> str:
    return f"{n or 'no'} {noun}{'' if n == 1 else 's'}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
