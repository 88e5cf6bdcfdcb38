"""Reports of a case or a run, in the formats that people circulate. In: a folder. Out: files. It computes nothing.

Must not know: how a case was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeofcare.documents.document import Document
from edgeofcare.documents.read import read_case
from edgeofcare.errors import EdgeOfCareError, OptionError, RunFolderError

OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES = {
    "html": "text/html",
    "pdf": "application/pdf",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
}
FORMATS = tuple(MEDIA_TYPES)


def write_report(
    folder: Path, formats: Sequence[str] = ("html", "xlsx"), out: Path | None = None, anyway: bool = False
) -> list[Path]:
    """Write a report of a case or run folder in each format and return the files.

    out: folder for them, `report` inside the case if not given; files of the same name are replaced, for a report can
    always be made again. anyway: also of a folder that was altered, with ALTERED on every page. Raises OptionError for
    an unknown format or a missing library, RunFolderError for a folder that holds neither case nor run or was altered.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise OptionError(f"there is no format {', '.join(unknown) or '(none named)'}. Formats: {', '.join(FORMATS)}.")
    case = read_case(folder, anyway)
    try:
        made = make_report(case, formats)
    except EdgeOfCareError:
        raise
    except Exception as error:
        if not case["case"]["altered"]:
            raise
        names = ", ".join(case["case"]["altered"])
        raise RunFolderError(f"{folder} was altered ({names}) so that no report can be made of it.") from error
    place = out or folder / "report"
    try:
        place.mkdir(parents=True, exist_ok=True)
        paths = [place / name for name in made]
        for path, content in zip(paths, made.values(), strict=True):
            path.write_bytes(content)
    except OSError as error:
        raise RunFolderError(f"{place} cannot be written ({error.strerror}). Choose another --out.") from error
    return paths


def make_report(case: dict[str, Any], formats: Sequence[str]) -> dict[str, bytes]:
    """Return the files of a report by name; the document is made once for all formats that show it."""
    from edgeofcare.documents.papers.business_case import business_case
    from edgeofcare.documents.workbook.book import workbook

    files: dict[str, bytes] = {}
    document = None
    for kind in dict.fromkeys(formats):
        if kind == "xlsx":
            files["model.xlsx"] = workbook(case)
            continue
        document = document or business_case(case)
        files[f"business_case.{kind}"] = rendered(document, kind)
    return files


def rendered(document: Document, kind: str) -> bytes:
    """Return a document in a format: html, pdf or docx. Raises OptionError for a missing library."""
    if kind == "html":
        from edgeofcare.documents.formats.html import html

        return html(document).encode("utf-8")
    if kind == "pdf":
        from edgeofcare.documents.formats.pdf import pdf

        return pdf(document)
    from edgeofcare.documents.formats.word import docx

    return docx(document)
