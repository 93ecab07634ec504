"""What is written of a page: as one object, or as a row for each line."""

from __future__ import annotations

from typing import Any

from boilerplate.labels import LABELS
from boilerplate.pages import Line
from boilerplate.scoring import ScoredPage


def page_record(page: ScoredPage, min_confidence: float | None = None) -> dict[str, Any]:
    """The object of a scored page; `docs/formats.md` gives its schema.

    Parameters
    ----------
    page : ScoredPage
    min_confidence : float, optional
        Lines below it are marked as uncertain; without it the mark is left out.

    Returns
    -------
    dict
    """
    return {**page.scrape.fields, **verdict(page), "lines": [_nested(line, min_confidence) for line in page.lines]}


def verdict(page: ScoredPage) -> dict[str, Any]:
    """The fields that every object of a page has."""
    quality = page.quality
    return {
        "id": page.scrape.id,
        "path": page.scrape.path,
        "quality": {"body_share": round(quality.body_share, 4), "lines": quality.lines, "counts": quality.counts},
    }


def _nested(line: Line, min_confidence: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": line.number,
        "text": line.text,
        "label": line.label,
        "confidence": round(line.confidence, 4),
    }
    if min_confidence is not None:
        row["uncertain"] = line.confidence < min_confidence
    return {**row, "probabilities": {name: round(value, 4) for name, value in line.probabilities.items()}}


def line_columns(min_confidence: float | None) -> list[str]:
    """Names of the columns of `line_rows`."""
    marks = [] if min_confidence is None else ["uncertain"]
    return ["id", "path", "number", "label", "confidence", *marks, *LABELS, "text"]


def line_rows(page: ScoredPage, min_confidence: float | None = None) -> list[list[Any]]:
    """A row for each line of a page.

    Parameters
    ----------
    page : ScoredPage
    min_confidence : float, optional

    Returns
    -------
    list of lists
        In the order of `line_columns`.
    """
    rows = []
    for line in page.lines:
        marks = [] if min_confidence is None else [line.confidence < min_confidence]
        probabilities = [round(line.probabilities[name], 4) for name in LABELS]
        head = [page.scrape.id, page.scrape.path, line.number, line.label, round(line.confidence, 4)]
        rows.append([*head, *marks, *probabilities, line.text])
    return rows
