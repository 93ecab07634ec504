"""Sources cut into shards, and shards read."""

from __future__ import annotations

import importlib
import io
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
from boilerplate.storage import open_to_read

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


@dataclass(frozen=True)
class Shard:
    """A part of a source that is read by itself.

    Attributes
    ----------
    source : Source
    start, end : int or None
        Half-open range of bytes (JSON Lines) or of row groups (Parquet); None for the whole file. A record belongs to
        the shard in which its first byte lies.
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

    def __call__(self, file: IO[bytes], shard: Shard, options: ReadOptions) -> Iterator[Scrape | Reject]:
        """Give the pages of a decompressed file."""


def split(source: Source, target_bytes: int) -> list[Shard]:
    """Cut a source into shards of about that size.

    Plain JSON Lines are cut between rows, Parquet between row groups; anything else is one shard.

    Parameters
    ----------
    source : Source
    target_bytes : int

    Returns
    -------
    list of Shard
        In order; together they hold each record once.

    Raises
    ------
    InputError
        If the source cannot be read.
    """
    whole = [Shard(source, size=source.size)]
    if source.format == "auto" or source.compression != "none" or (source.size or 0) <= target_bytes:
        return whole
    if source.format == "jsonl":
        from boilerplate.inputs.json_lines import cuts

        with opened(source) as file:
            cut = cuts(file, target_bytes)
        return [Shard(source, start, end, row, end - start) for start, end, row in cut] or whole
    if source.format == "parquet":
        from boilerplate.inputs.parquet import groups

        with opened(source) as file:
            ranges = groups(file, target_bytes)
        return [Shard(source, start, end, size=(source.size or 0) // len(ranges)) for start, end in ranges] or whole
    return whole


def read_shard(
    shard: Shard, options: ReadOptions = DEFAULT_READING, watch: Callable[[int], None] | None = None
) -> Iterator[Scrape | Reject]:
    """Read the pages of a shard, one after the other, in bounded memory.

    Parameters
    ----------
    shard : Shard
    options : ReadOptions
    watch : callable, optional
        Told before each page how far the file, as it is stored, has been read; not for standard input.

    Yields
    ------
    Scrape or Reject
        In the order of the file. What is wrong with the content is a reject, and reading goes on behind it.

    Raises
    ------
    InputError
        If the file cannot be opened, or the system or the network fails while it is read: reading it again may help.
    """
    with opened(shard.source) as raw:
        source, file = _recognised(shard.source, raw, options)
        if source is not shard.source:
            shard = Shard(source)
        read: Reader = importlib.import_module(f"boilerplate.inputs.{_READERS[source.format]}").read
        try:
            for item in read(decompressed(file, source.compression), shard, options):
                if watch is not None and source.path != STDIN:
                    watch(raw.tell())
                yield item
        except DamageError as error:
            yield Reject(source.path, None, str(error))
        except OSError as error:
            raise InputError(source.path, error.strerror or str(error)) from None


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
    """The same sources, with a temporary copy of standard input, which could not be read twice otherwise.

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
            if source.path == STDIN:
                copy, content = _recognised(source, sys.stdin.buffer, options)
                file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="boilerplate-"))
                shutil.copyfileobj(content, file, 1 << 20)
                file.flush()
                copy = replace(copy, size=file.tell(), stored=file.name)
            found.append(copy)
        yield found


def _recognised(source: Source, file: IO[bytes], options: ReadOptions) -> tuple[Source, IO[bytes]]:
    """Standard input with what its content says it is; any other source as it is."""
    if source.path != STDIN or source.stored is not None:
        return source, file
    head = file.read(16)
    compression = compression_of_content(head)
    file = _rewound(head, file)
    found = source.format
    if found == "auto":
        packed, file = file, decompressed(file, compression)
        head = read_head(file, options.max_record_bytes)
        found = format_of_content(head, options.text_field)
        file = _rewound(head, file)
        compression = "none"
        del packed
    if found == "parquet":
        spool = tempfile.TemporaryFile()  # noqa: SIM115  it goes with the last reference
        while part := file.read(1 << 20):
            spool.write(part)
        spool.seek(0)
        file = cast("IO[bytes]", spool)
    return Source(STDIN, found, compression), file


def _rewound(head: bytes, file: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Joined(head, file), 1 << 16))


class _Joined(io.RawIOBase):
    """What was read of a file already, and the rest of it."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._head:
            part = bytes(self._head[: len(buffer)])
            self._head = self._head[len(part) :]
        else:
            part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
