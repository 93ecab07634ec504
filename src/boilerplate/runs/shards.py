"""Inputs cut into shards, each of which is scored by itself into an output of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from boilerplate.errors import InputError
from boilerplate.inputs import ReadOptions, Reject, Scrape, Source, Span, read_span, split

MAX_OVERSHOOT: Final = 2
"""How many times too large a shard for the cores of one machine may be before it is handed out in records."""
MAX_RECORDS: Final = 1024
"""Records that are handed out in one go, however short their texts."""
SHARD_NAME: Final = r"shard-\d{6,}"
"""What names of shards look like, as a pattern."""


@dataclass(frozen=True)
class Shard:
    """A part of a run, with files of its own.

    Attributes
    ----------
    number : int
        From 0, in the order of the inputs.
    spans : tuple of Span
        One span of a large file, or many small files.
    records : tuple of Scrape or Reject
        What was read already, in place of spans.
    read_bytes : int
        Bytes of input that these records took, as stored.
    """

    number: int
    spans: tuple[Span, ...] = ()
    records: tuple[Scrape | Reject, ...] = ()
    read_bytes: int = 0

    @property
    def size(self) -> int:
        """Bytes of input, as stored; what is not known counts as nothing."""
        return self.read_bytes + sum(span.size or 0 for span in self.spans)

    @property
    def name(self) -> str:
        """What its files are called, but for their suffix: in order of name they are in the order of the inputs."""
        return f"shard-{self.number:06d}"

    def read(
        self, options: ReadOptions, forgiving: bool, watch: Callable[[int], None] | None = None
    ) -> Iterator[Scrape | Reject]:
        """Its records, in order.

        Parameters
        ----------
        options : ReadOptions
        forgiving : bool
            Whether a file that cannot be opened is a reject rather than an error.
        watch : callable, optional
            Told how many bytes of the shard have been read, as stored; not within row groups of Parquet.

        Yields
        ------
        Scrape or Reject

        Raises
        ------
        InputError
            See `boilerplate.inputs.read_span`.
        """
        yield from self.records
        read = read_forgiving if forgiving else read_span
        before = 0
        for span in self.spans:
            yield from read(span, options, None if watch is None else partial(_watch_span, watch, span, before))
            before += span.size or 0


def _watch_span(watch: Callable[[int], None], span: Span, before: int, place: int) -> None:
    if span.source.format != "parquet":
        watch(before + max(0, min(place - (span.start or 0), span.size or 0)))


def cut(sources: Iterable[Source], target_bytes: int) -> list[Shard]:
    """Cut inputs into shards of about that size.

    Parameters
    ----------
    sources : iterable of Source
    target_bytes : int
        Files that cannot be cut make larger shards. Small ones are put together.

    Returns
    -------
    list of Shard
        In order; together they hold each record once.

    Raises
    ------
    InputError
        If a source cannot be read.
    """
    spans = (span for source in sources for span in split(source, target_bytes))
    return [Shard(number, packed) for number, packed in enumerate(_packed(spans, target_bytes))]


def cut_finely(sources: Iterable[Source], target_bytes: int, options: ReadOptions) -> Iterator[Shard]:
    """Cut inputs into shards that are small in any case, for the cores of one machine.

    Files that cannot be cut (standard input, compressed ones, Parquet with large row groups) are read here and handed
    out in records.

    Parameters
    ----------
    sources : iterable of Source
    target_bytes : int
    options : ReadOptions

    Yields
    ------
    Shard
        In order; together they hold each record once. What cannot be opened is a reject, too.
    """
    numbers = count()
    spans = (span for source in sources for span in _split_if_possible(source, target_bytes))
    for packed in _packed(spans, target_bytes):
        size = packed[0].size
        if size is None or size > MAX_OVERSHOOT * target_bytes:
            for records, read_bytes in _lots(packed[0], options, target_bytes):
                yield Shard(next(numbers), (), records, read_bytes)
        else:
            yield Shard(next(numbers), packed)


def _split_if_possible(source: Source, target_bytes: int) -> list[Span]:
    """What `split` gives; the whole of a source that it cannot read, whose reader will say so."""
    try:
        return split(source, target_bytes)
    except InputError:
        return [Span(source)]


def _packed(spans: Iterable[Span], target_bytes: int) -> Iterator[tuple[Span, ...]]:
    """As many neighbours together as are not larger than that; alone what is of unknown size."""
    packed: list[Span] = []
    total = 0
    for span in spans:
        alone = span.size is None
        if packed and (alone or packed[-1].size is None or total + (span.size or 0) > target_bytes):
            yield tuple(packed)
            packed, total = [], 0
        packed.append(span)
        total += span.size or 0
    if packed:
        yield tuple(packed)


def read_forgiving(
    span: Span, options: ReadOptions, watch: Callable[[int], None] | None = None
) -> Iterator[Scrape | Reject]:
    """What `boilerplate.inputs.read_span` gives; a reject in place of an error."""
    try:
        yield from read_span(span, options, watch)
    except InputError as error:
        yield Reject(error.path, error.row, error.message)


def _lots(
    span: Span, options: ReadOptions, target_characters: int
) -> Iterator[tuple[tuple[Scrape | Reject, ...], int]]:
    """Records together that have about as much text, with the bytes that were read for them."""
    lot: list[Scrape | Reject] = []
    characters = position = before = 0

    def watch(place: int) -> None:
        nonlocal position
        position = place

    for record in read_forgiving(span, options, watch):
        lot.append(record)
        characters += len(record.text) if isinstance(record, Scrape) else 0
        if characters >= target_characters or len(lot) >= MAX_RECORDS:
            yield tuple(lot), position - before
            lot, characters, before = [], 0, position
    if lot:
        yield tuple(lot), max(position, span.size or 0) - before
