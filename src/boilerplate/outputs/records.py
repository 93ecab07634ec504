"""What is written of a page: one object, or a row for each line."""

from __future__ import annotations

import base64
import json
from datetime import date, time, timedelta
from typing import Any

from boilerplate.cleaning import keep_lines
from boilerplate.labels import LABELS
from boilerplate.outputs.options import DEFAULT_WRITING, WriteOptions
from boilerplate.pages import Line
from boilerplate.scoring import ScoredPage


def page_record(page: ScoredPage, options: WriteOptions = DEFAULT_WRITING) -> dict[str, Any]:
    """The object of a scored page; `docs/formats.md` gives its schema.

    Parameters
    ----------
    page : ScoredPage
    options : WriteOptions

    Returns
    -------
    dict
    """
    record = {**page.scrape.fields, **verdict(page), **texts(page, options)}
    if options.layout != "cleaned":
        record["lines"] = [nested_line(line, options.min_confidence) for line in page.lines]
    return record


def own_fields(options: WriteOptions) -> frozenset[str]:
    """Fields of the output that are not the input's: those of the input with the same name give way."""
    lines = [] if options.layout == "cleaned" else ["lines"]
    return frozenset(("id", "path", "quality", *text_names(options), *lines))


def verdict(page: ScoredPage) -> dict[str, Any]:
    """Names and quality of a page."""
    quality = page.quality
    return {
        "id": page.scrape.id,
        "path": page.scrape.path,
        "quality": {"body_share": round(quality.body_share, 4), "lines": quality.lines, "counts": quality.counts},
    }


def texts(page: ScoredPage, options: WriteOptions) -> dict[str, str]:
    """The page's text as it was and as it is cleaned, as far as they are wanted."""
    found = {}
    if options.layout == "cleaned":
        found[options.text_field] = page.scrape.text
    if options.clean_field is not None:
        found[options.clean_field] = keep_lines(page.scrape.text, page.lines, options.keep, options.threshold)
    return found


def text_names(options: WriteOptions) -> list[str]:
    """Names of the fields of `texts`."""
    names = [options.text_field] if options.layout == "cleaned" else []
    return list(dict.fromkeys([*names, *([] if options.clean_field is None else [options.clean_field])]))


def nested_line(line: Line, min_confidence: float | None) -> dict[str, Any]:
    """A line in the object of its page."""
    row: dict[str, Any] = {
        "number": line.number,
        "text": line.text,
        "label": line.label,
        "confidence": round(line.confidence, 4),
    }
    if min_confidence is not None:
        row["uncertain"] = line.confidence < min_confidence
    return {**row, "probabilities": {name: round(value, 4) for name, value in line.probabilities.items()}}


def line_columns(options: WriteOptions) -> list[str]:
    """Names of the fields of a line that is a row."""
    marks = [] if options.min_confidence is None else ["uncertain"]
    return ["id", "path", "number", "label", "confidence", *marks, *LABELS, "text"]


def line_rows(page: ScoredPage, options: WriteOptions) -> list[list[Any]]:
    """A row for each line of a page.

    Parameters
    ----------
    page : ScoredPage
    options : WriteOptions

    Returns
    -------
    list of lists
        In the order of `line_columns`.
    """
    rows = []
    for line in page.lines:
        marks = [] if options.min_confidence is None else [line.confidence < options.min_confidence]
        probabilities = [round(line.probabilities[name], 4) for name in LABELS]
        head = [page.scrape.id, page.scrape.path, line.number, line.label, round(line.confidence, 4)]
        rows.append([*head, *marks, *probabilities, line.text])
    return rows


def to_json(value: Any) -> str:
    """A value as JSON, readable; lone surrogates are escaped, as UTF-8 has no form for them.

    What JSON has no form for, which comes from Parquet, is written as a string: times in ISO 8601, decimal numbers as
    they are, bytes as the text that they are, else in Base64.
    """
    row = json.dumps(value, ensure_ascii=False, default=_plain)
    try:
        row.encode("utf-8")
    except UnicodeEncodeError:
        row = json.dumps(value, default=_plain)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    return str(value)
