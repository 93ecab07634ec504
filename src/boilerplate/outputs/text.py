"""Text: the lines to keep, with a blank line between pages."""

from __future__ import annotations

from typing import IO

from boilerplate.cleaning import keep_lines
from boilerplate.outputs.options import WriteOptions
from boilerplate.scoring import ScoredPage


class TextWriter:
    """Writes what is kept of each page; a blank line stands between pages, and so it must between parts of a file."""

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._file = file
        self._options = options
        self._written = options.continued

    def write(self, page: ScoredPage) -> None:
        """Write one page, if anything of it is kept."""
        kept = keep_lines(page.scrape.text, page.lines, self._options.keep, self._options.threshold)
        if self._written and kept:
            self._file.write(b"\n")
        if kept:
            self._file.write((kept.removesuffix("\n") + "\n").encode("utf-8", "surrogatepass"))
            self._written = True

    def close(self) -> None:
        """Nothing is left to be written."""
