"""CSV: a row a line, behind a header row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import IO, Any, Final

from boilerplate.outputs.options import WriteOptions
from boilerplate.outputs.records import line_columns, line_rows
from boilerplate.scoring import ScoredPage

_NOT_IN_CSV: Final = re.compile("[\0\ud800-\udfff]")


class CsvWriter:
    """Writes rows; NUL and lone surrogates, which CSV cannot hold, become U+FFFD.

    Parts of a file are joined by concatenation, if only the first has a header.
    """

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._file = file
        self._options = options
        if options.header:
            self._put([line_columns(options.min_confidence)])

    def write(self, page: ScoredPage) -> None:
        """Write the lines of one page."""
        self._put([_cell(value) for value in row] for row in line_rows(page, self._options.min_confidence))

    def close(self) -> None:
        """Nothing is left to be written."""

    def _put(self, rows: Iterable[list[Any]]) -> None:
        buffer = io.StringIO(newline="")
        csv.writer(buffer).writerows(rows)
        self._file.write(_NOT_IN_CSV.sub("\ufffd", buffer.getvalue()).encode("utf-8"))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else value
