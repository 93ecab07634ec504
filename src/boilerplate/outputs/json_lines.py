"""JSON Lines: an object a page."""

from __future__ import annotations

from typing import IO

from boilerplate.corpus import json_row
from boilerplate.outputs.options import WriteOptions
from boilerplate.outputs.records import page_record
from boilerplate.scoring import ScoredPage


class JsonLinesWriter:
    """Writes one object a page; parts of a file are joined by concatenation."""

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._file = file
        self._options = options

    def write(self, page: ScoredPage) -> None:
        """Write one page."""
        self._file.write(json_row(page_record(page, self._options.min_confidence)).encode("utf-8"))

    def close(self) -> None:
        """Nothing is left to be written."""
