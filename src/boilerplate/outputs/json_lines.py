"""JSON Lines: an object a page, or an object a line."""

from __future__ import annotations

from typing import IO

from boilerplate.outputs.options import WriteOptions
from boilerplate.outputs.records import line_columns, line_rows, page_record, to_json
from boilerplate.scoring import ScoredPage


class JsonLinesWriter:
    """Writes one object a row; parts of a file are joined by concatenation."""

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._file = file
        self._options = options

    def write(self, page: ScoredPage) -> None:
        """Write one page."""
        if self._options.layout == "lines":
            names = line_columns(self._options)
            objects = [dict(zip(names, row, strict=True)) for row in line_rows(page, self._options)]
        else:
            objects = [page_record(page, self._options)]
        self._file.write("".join(to_json(entry) + "\n" for entry in objects).encode("utf-8"))

    def close(self) -> None:
        """Nothing is left to be written."""
