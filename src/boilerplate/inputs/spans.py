"""Sources cut into spans, and spans read."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import IO, Final, Protocol, cast

from boilerplate.compression import DamageError, compression_of_content, decompressed
from boilerplate.errors import InputError
from boilerplate.inputs.records import DEFAULT_READING, ReadOptions, Reject, Scrape
from boilerplate.inputs.sniff import Format, format_of_content, read_head
from boilerplate.inputs.sources import STDIN, Source
from boilerplate.storage import open_to_read, rewound

_READERS: Final[dict[Format, str]] = {
    "text": "text",
    "jsonl": "json_lines",
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
    "html": "html",
    "warc": "warc",
    "wet": "warc",
    "page": "page_files",
}
"""Format to module of this package; imported when used."""
_MAGIC_BYTES: Final = 16
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Span:
    """A part of a source that is read by itself.

    Attributes
    ----------
    source : Source
    start, end : int or None
        Half-open range of bytes (JSON Lines) or of row groups (Parquet); None for the whole file. A record belongs to
        the span in which its first byte lies.
    first_row : int
        Number of the first row, from 1, so that rows are numbered as in the whole file.
    size : int or None
        Bytes, as stored (an estimate for row groups); None where that is not known.
    """

    source: Source
    start: int | None = None
    end: int | None = None
    first_row: int = 1
    size: int | None = None


class Reader(Protocol):
    """What a module of a format has as ``read``."""

    def __call__(self, file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
        """Give the pages of a decompressed file."""


def split(source: Source, target_bytes: int) -> list[Span]:
    """Cut a source into spans of about that size.

    Plain JSON Lines are cut between rows, Parquet between row groups; anything else is one span.

    Parameters
    ----------
    source : Source
    target_bytes : int

    Returns
    -------
    list of Span
        In order; together they hold each record once.

    Raises
    ------
    InputError
        If the source cannot be read.
    """
    whole = [Span(source, size=source.size)]
    if source.compression != "none" or (source.size or 0) <= target_bytes:
        return whole
    if source.format == "jsonl":
        from boilerplate.inputs.json_lines import cuts

        with opened(source) as file:
            cut = cuts(file, target_bytes)
        return [Span(source, start, end, row, end - start) for start, end, row in cut] or whole
    if source.format == "parquet":
        from boilerplate.inputs.parquet import groups

        with opened(source) as file:
            ranges = groups(file, target_bytes)
        return [Span(source, start, end, size=(source.size or 0) // len(ranges)) for start, end in ranges] or whole
    return whole


def read_span(
    span: Span, options: ReadOptions = DEFAULT_READING, watch: Callable[[int], None] | None = None
) -> Iterator[Scrape | Reject]:
    """Read the pages of a span, one after the other, in bounded memory.

    Parameters
    ----------
    span : Span
    options : ReadOptions
    watch : callable, optional
        Told before each page how far the file, as it is stored, has been read; not for streams.

    Yields
    ------
    Scrape or Reject
        In the order of the file. What is wrong with the content is a reject, and reading goes on behind it.

    Raises
    ------
    InputError
        If the file cannot be opened, or the system or the network fails while it is read: reading it again may help.
    """
    with opened(span.source) as raw:
        source, file = _recognised(span.source, raw, options)
        if source is not span.source:
            span = Span(source)
        read: Reader = importlib.import_module(f"boilerplate.inputs.{_READERS[source.format]}").read
        try:
            for item in read(decompressed(file, source.compression), span, options):
                if watch is not None and file is raw:
                    watch(raw.tell())
                yield item
        except DamageError as error:
            yield Reject(source.shown, None, str(error))
        except OSError as error:
            raise InputError(source.shown, error.strerror or str(error)) from None


@contextmanager
def opened(source: Source) -> Iterator[IO[bytes]]:
    """The file of a source, as it is stored; standard input stays open."""
    if source.path == STDIN and source.stored is None:
        yield sys.stdin.buffer
        return
    with open_to_read(source.stored or source.path) as file:
        yield file


@contextmanager
def copied(sources: Iterable[Source], options: ReadOptions) -> Iterator[list[Source]]:
    """The same sources, with temporary copies of streams, which could not be read twice otherwise.

    Parameters
    ----------
    sources : iterable of Source
    options : ReadOptions

    Yields
    ------
    list of Source
    """
    with ExitStack() as stack:
        found = []
        for source in sources:
            copy = source
            if source.is_stream:
                copy, content = _recognised(source, stack.enter_context(opened(source)), options)
                file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="boilerplate-"))
                shutil.copyfileobj(content, file, _PIECE)
                file.flush()
                copy = replace(copy, size=file.tell(), stored=file.name)
            found.append(copy)
        yield found


def _recognised(source: Source, file: IO[bytes], options: ReadOptions) -> tuple[Source, IO[bytes]]:
    """A stream with what its content says it is; any other source as it is."""
    if not source.is_stream:
        return source, file
    recorded = _Recorded(file)
    head = recorded.read(_MAGIC_BYTES)
    compression = compression_of_content(head)
    found = source.format
    if found == "auto":
        content = decompressed(rewound(head, cast("IO[bytes]", recorded)), compression)
        try:
            head = read_head(content, options.max_record_bytes, options.text_field)
            found = format_of_content(head, options.text_field)
        except DamageError:
            found = "text"  # whose reader will say it
        except ValueError as error:
            raise InputError(source.shown, str(error)) from None
    file = rewound(b"".join(recorded.parts), file)
    if found == "parquet":
        spool = tempfile.TemporaryFile()  # noqa: SIM115  it goes with the last reference
        shutil.copyfileobj(file, spool, _PIECE)
        spool.seek(0)
        file = cast("IO[bytes]", spool)
    return replace(source, format=found, compression=compression), file


class _Recorded:
    """A stream that keeps what was read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.parts: list[bytes] = []

    def read(self, size: int = -1) -> bytes:
        """Read up to that many bytes."""
        self.parts.append(self._file.read(size))
        return self.parts[-1]
