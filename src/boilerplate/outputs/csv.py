"""CSV: a row a line, or a row a page with its cleaned text, behind a header row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import IO, Any, Final

from boilerplate.labels import LABELS
from boilerplate.outputs.columns import OTHER_FIELDS, Columns
from boilerplate.outputs.options import WriteOptions
from boilerplate.outputs.records import line_columns, line_rows, text_names, texts, to_json, verdict
from boilerplate.scoring import ScoredPage

_NOT_IN_CSV: Final = re.compile("[\0\ud800-\udfff]")
_VERDICT: Final = ("id", "path", "quality.body_share", "quality.lines", *(f"quality.counts.{name}" for name in LABELS))


class CsvWriter:
    """Writes rows; NUL and lone surrogates, which CSV cannot hold, become U+FFFD.

    Parts of a file are joined by concatenation, if only the first has a header.
    """

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._file = file
        self._options = options
        self._columns = options.columns or Columns()
        if options.header:
            self._put([self._header()])

    def write(self, page: ScoredPage) -> None:
        """Write one page."""
        if self._options.layout == "cleaned":
            self._put([self._page(page)])
        else:
            self._put([_own_cell(value) for value in row] for row in line_rows(page, self._options))

    def close(self) -> None:
        """Nothing is left to be written."""

    def _header(self) -> list[str]:
        if self._options.layout != "cleaned":
            return line_columns(self._options)
        other = [OTHER_FIELDS] if self._columns.other else []
        return [*self._columns.names, *other, *_VERDICT, *text_names(self._options)]

    def _page(self, page: ScoredPage) -> list[str]:
        fields = page.scrape.fields
        named = [_cell(fields.get(name)) for name in self._columns.names]
        rest = self._columns.rest(fields, self._options) if self._columns.other else {}
        other = [to_json(rest) if rest else ""] if self._columns.other else []
        found = verdict(page)
        quality = found["quality"]
        shown = [found["id"], found["path"], quality["body_share"], quality["lines"], *quality["counts"].values()]
        return [*named, *other, *map(_own_cell, shown), *texts(page, self._options).values()]

    def _put(self, rows: Iterable[list[str]]) -> None:
        buffer = io.StringIO(newline="")
        csv.writer(buffer).writerows(rows)
        self._file.write(_NOT_IN_CSV.sub("\ufffd", buffer.getvalue()).encode("utf-8"))


def _own_cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _cell(value: Any) -> str:
    """Strings as they are, nothing as nothing, and all else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else to_json(value)
