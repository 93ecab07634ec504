"""Annotated pages with the model's labels: a draft for people to correct."""

from __future__ import annotations

from typing import IO

from boilerplate.corpus import AnnotatedPage, fields_of_page, json_row
from boilerplate.outputs.options import WriteOptions
from boilerplate.pages import normalise_newlines
from boilerplate.scoring import ScoredPage


class AnnotatedWriter:
    """Writes annotated pages as JSON Lines; parts of a file are joined by concatenation."""

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._file = file

    def write(self, page: ScoredPage) -> None:
        """Write one page."""
        known = {"id", "site", "lang", "labels"}
        fields = page.scrape.fields
        annotated = AnnotatedPage(
            id=page.scrape.id,
            text=normalise_newlines(page.scrape.text),
            labels=[line.label for line in page.lines],
            site=str(fields.get("site") or ""),
            lang=str(fields.get("lang") or ""),
            extra={key: value for key, value in fields.items() if key not in known} | {"reviewed": False},
        )
        self._file.write(json_row(fields_of_page(annotated)).encode("utf-8"))

    def close(self) -> None:
        """Nothing is left to be written."""
