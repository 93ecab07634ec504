"""JSON Lines: a record a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

from boilerplate.compression import DamageError
from boilerplate.corpus import parse_object
from boilerplate.inputs.records import ReadOptions, Reject, Scrape, excerpt, scrape_of_fields, too_large
from boilerplate.inputs.spans import Span

_PIECE: Final = 1 << 20


def read(file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    """Read the records whose first byte lies in the span."""
    source = span.source
    number = span.first_row - 1
    try:
        for raw in _rows(file, span.start or 0, span.end, options.max_record_bytes):
            number += 1
            if len(raw) > options.max_record_bytes:
                yield too_large(source, number, raw, options)
            elif raw.strip():
                try:
                    yield scrape_of_fields(parse_object(raw), source, number, options)
                except ValueError as error:
                    yield Reject(source.shown, number, str(error), excerpt(raw))
    except DamageError as error:
        yield Reject(source.shown, number + 1, str(error))


def cuts(file: IO[bytes], target_bytes: int) -> list[tuple[int, int, int]]:
    """Where to cut a file: first byte, end and number of the first row of each part.

    The rows are counted, in one pass over the file, so that records without a name get the same one however the file
    is cut.

    Parameters
    ----------
    file : binary file
    target_bytes : int

    Returns
    -------
    list of tuples of int
    """
    parts = []
    start = position = 0
    first = row = 1
    while piece := file.read(_PIECE):
        counted = 0
        while cut := piece.find(b"\n", max(counted, start + target_bytes - 1 - position)) + 1:
            row += piece.count(b"\n", counted, cut)
            parts.append((start, position + cut, first))
            start, first, counted = position + cut, row, cut
        row += piece.count(b"\n", counted)
        position += len(piece)
    return [*parts, (start, position, first)] if position > start else parts


def _rows(file: IO[bytes], start: int, end: int | None, limit: int) -> Iterator[bytes]:
    """Rows without their newlines, cut to one byte more than the limit where they are larger."""
    position = start
    if start:
        # The row that holds the byte before belongs to the part before.
        file.seek(start - 1)
        position += _skip_row(file) - 1
    while end is None or position < end:
        raw = file.readline(limit + 1)
        if not raw:
            return
        position += len(raw)
        if len(raw) > limit and not raw.endswith(b"\n"):
            position += _skip_row(file)
        yield raw.removesuffix(b"\n")


def _skip_row(file: IO[bytes]) -> int:
    """Read to the end of a row, and count the bytes."""
    skipped = 0
    while piece := file.readline(_PIECE):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped
