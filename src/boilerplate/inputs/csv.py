"""CSV and TSV: a record a row, every field a string.

The standard library parses them, not pyarrow, which gives up a file at the first row that it cannot read; this goes on
behind it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import IO, Final

from boilerplate.compression import DamageError
from boilerplate.inputs.records import ReadOptions, Reject, Scrape, no_text, scrape_of_fields
from boilerplate.inputs.sniff import delimiter_of_header
from boilerplate.inputs.spans import Span

_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
"""What the handler ``surrogateescape`` makes of bytes that are not UTF-8."""
_NEWLINES: Final = ("\n", "\r")
_UNCLOSED: Final = "a quotation mark is never closed"
_EXCERPT: Final = 200
_CONVINCING: Final = 10
"""Lines that have to look like rows, for a quotation mark before them to be one that nobody closed."""


def read(file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    """Read the rows behind the header; rows are numbered by their first line in the file."""
    source = span.source
    # The limit is the process's: lower ones that others may have set would break pages.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * options.max_record_bytes))
    lines = _Lines(file, options.max_record_bytes)
    try:
        delimiter = "\t" if source.format == "tsv" else delimiter_of_header(lines.first(), options.text_field)
        rows = csv.reader(lines, delimiter=delimiter)
        try:
            header = next((row for row in rows if row), None)
        except (csv.Error, _TooLargeError):
            yield Reject(source.shown, lines.row, "no header row that can be read", lines.excerpt())
            return
        if header is None:
            return
        names = _names(header)
        if repeated := next((name for name, count in Counter(names).items() if count > 1), None):
            yield Reject(source.shown, 1, f"two columns are called {repeated!r}; rename one of them", lines.excerpt())
            return
        if options.text_field not in names:
            yield Reject(source.shown, 1, no_text(names, options.text_field), lines.excerpt())
            return
        for row in _rows(rows, lines, len(header), delimiter):
            number = lines.row
            if isinstance(row, str):
                yield Reject(source.shown, number, row, lines.excerpt())
            elif len(row) != len(header):
                reason = f"{len(row)} fields, where the header has {len(header)}"
                yield Reject(source.shown, number, reason, lines.excerpt())
            elif any(map(_NOT_UTF8.search, row)):
                yield Reject(source.shown, number, "not UTF-8; convert the file to UTF-8", lines.excerpt())
            else:
                yield scrape_of_fields(dict(zip(names, row, strict=True)), source, number, options)
    except DamageError as error:
        yield Reject(source.shown, lines.row + len(lines.held), str(error))


def _names(header: Sequence[str]) -> list[str]:
    """Names of columns; of several that have none, as trailing commas make them, each gets one by its place."""
    names = [_NOT_UTF8.sub("\ufffd", name) for name in header]
    if names.count("") < 2:
        return names
    return [name or f"column {place}" for place, name in enumerate(names, 1)]


def _rows(rows: Iterator[list[str]], lines: _Lines, columns: int, delimiter: str) -> Iterator[list[str] | str]:
    """The fields of each row; for what is none, what is wrong with it."""
    while True:
        lines.begin()
        try:
            row: list[str] | str = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            row = f"bad CSV: {error}"
        except _TooLargeError:
            if lines.look_like_rows(columns, delimiter):
                row = _UNCLOSED
                lines.take_back()
            else:
                row = f"more than {lines.limit:,} characters; raise --max-record-bytes to read it"
                lines.skip_record()
        else:
            if lines.ended and lines.held:
                row = _UNCLOSED
                if lines.look_like_rows(columns, delimiter):
                    lines.take_back()
        if row:
            yield row


class _TooLargeError(Exception):
    pass


class _Lines(Iterator[str]):
    """Lines of a file; those of the record at hand are held, to be read once more if they turn out to be none."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self.limit = limit
        self.held: list[str] = []
        self.row = 1
        """Number of the first line that is held."""
        self.ended = False
        """Whether the file ended within the record at hand."""
        self._file = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        self._again: deque[str] = deque()
        self._size = 0
        self._skipped = 0

    def __next__(self) -> str:
        line = self._line()
        if not line:
            self.ended = True
            raise StopIteration
        self.held.append(line)
        self._size += len(line)
        if self._size > self.limit:
            raise _TooLargeError
        return line

    def first(self) -> str:
        """The first line, which stays to be read."""
        line = self._line()
        self._again.appendleft(line)
        return line

    def begin(self) -> None:
        """Let go of the record that was read."""
        self.row += _count(self.held) + self._skipped
        self.held = []
        self._size = self._skipped = 0
        self.ended = False

    def take_back(self) -> None:
        """Hold only the first line; the others are to be read once more."""
        self._again.extendleft(reversed(self.held[1:]))
        del self.held[1:]

    def skip_record(self) -> None:
        """Read to the end of a record that is not wanted: the line at whose end no quotation is open."""
        marks = sum(line.count('"') for line in self.held)
        line = self.held[-1]
        while (marks % 2 or not line.endswith(_NEWLINES)) and (line := self._line()):
            marks += line.count('"')
            self._skipped += _count([line])

    def look_like_rows(self, columns: int, delimiter: str) -> bool:
        """Whether the lines behind the first are rows of that many fields, each by itself."""
        found = self.held[1 : 1 + _CONVINCING]
        return bool(found) and all(_fields(line, delimiter) == columns for line in found)

    def excerpt(self) -> str:
        """The beginning of the record."""
        raw = "".join(self.held[:1])[:_EXCERPT].encode("utf-8", "surrogateescape")
        return raw.decode("utf-8", "backslashreplace")

    def _line(self) -> str:
        return self._again.popleft() if self._again else self._file.readline(self.limit + 1)


def _fields(line: str, delimiter: str) -> int:
    """Number of fields of a row that is one line; 0 if a quotation goes on behind it."""
    return 0 if line.count('"') % 2 else len(next(csv.reader([line], delimiter=delimiter), []))


def _count(lines: Sequence[str]) -> int:
    return sum(line.endswith(_NEWLINES) for line in lines)
