"""Parquet: a record a row, read some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, Final

from boilerplate.errors import BoilerplateError, missing_extra
from boilerplate.inputs.records import ReadOptions, Reject, Scrape, name_of_record, no_text
from boilerplate.inputs.spans import Span

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData, ParquetFile

_BATCH_BYTES: Final = 8 << 20
_BATCH_ROWS: Final = 1024
_BUFFER_BYTES: Final = 1 << 20


class ArrowRow(Mapping[str, Any]):
    """A row of a record batch as a mapping of names to Python values, which are made when they are asked for.

    Attributes
    ----------
    batch : pyarrow.RecordBatch
    index : int
        Of the row in the batch.
    """

    def __init__(self, batch: pa.RecordBatch, index: int) -> None:
        self.batch = batch
        self.index = index

    def __getitem__(self, name: str) -> Any:
        return _value(self.column(name)[self.index])

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self.batch.schema.names))

    def __contains__(self, name: object) -> bool:
        return name in self.batch.schema.names

    def __len__(self) -> int:
        return len(set(self.batch.schema.names))

    def column(self, name: str) -> pa.Array:
        """The values of all rows of the batch; of equal names the last counts, as in JSON.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        places = self.batch.schema.get_all_field_indices(name)
        if not places:
            raise KeyError(name)
        return self.batch.column(places[-1])

    def __repr__(self) -> str:
        return f"ArrowRow({dict(self)!r})"


def read(file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    """Read the rows of the span's row groups."""
    source = span.source
    damage = _damage()
    try:
        table = _opened(file)
    except damage as error:
        _raise_system_errors(error)
        yield Reject(source.shown, None, f"no Parquet that can be read ({_first_row(error)}); fetch or write it again")
        return
    names = table.schema_arrow.names
    if options.text_field not in names:
        yield Reject(source.shown, None, no_text(names, options.text_field))
        return
    metadata = table.metadata
    end = metadata.num_row_groups if span.end is None else span.end
    first = 1 + sum(metadata.row_group(group).num_rows for group in range(span.start or 0))
    for group in range(span.start or 0, end):
        row, first = first, first + metadata.row_group(group).num_rows
        batches = table.iter_batches(_batch_rows(metadata, group), row_groups=[group], use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except _damage() as error:
                _raise_system_errors(error)
                reason = f"damaged row group ({_first_row(error)}); {first - row:,} rows from here on are lost"
                yield Reject(source.shown, row, reason)
                break
            if batch is None:
                break
            yield from _read_batch(batch, row, span, options)
            row += batch.num_rows


def groups(file: IO[bytes], target_bytes: int) -> list[tuple[int, int]]:
    """Ranges of row groups of about that size, compressed.

    Parameters
    ----------
    file : binary file
    target_bytes : int

    Returns
    -------
    list of tuples of int
        Empty for a file that is damaged or has no rows.
    """
    try:
        metadata = _opened(file).metadata
    except _damage() as error:
        _raise_system_errors(error)
        return []
    ranges = []
    start = size = 0
    for group in range(metadata.num_row_groups):
        content = metadata.row_group(group)
        size += sum(content.column(column).total_compressed_size for column in range(content.num_columns))
        if size >= target_bytes or group == metadata.num_row_groups - 1:
            ranges.append((start, group + 1))
            start, size = group + 1, 0
    return ranges


def _opened(file: IO[bytes]) -> ParquetFile:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise _no_pyarrow() from None
    return ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _batch_rows(metadata: FileMetaData, group: int) -> int:
    """As many rows as are some megabytes, on average."""
    content = metadata.row_group(group)
    rows: int = _BATCH_BYTES * content.num_rows // max(1, content.total_byte_size)
    return min(_BATCH_ROWS, max(1, rows))


def _read_batch(batch: pa.RecordBatch, first_row: int, span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    source = span.source
    place = batch.schema.get_all_field_indices(options.text_field)[-1]
    texts = batch.column(place)
    rest = batch.select([column for column in range(batch.num_columns) if column != place])
    for index in range(batch.num_rows):
        row = first_row + index
        fields = ArrowRow(rest, index)
        try:
            text = texts[index].as_py()
            if isinstance(text, bytes):
                text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            yield Reject(source.shown, row, f"not UTF-8 (byte {error.start + 1} of {options.text_field!r})")
            continue
        if not isinstance(text, str):
            yield Reject(source.shown, row, no_text(rest.schema.names, options.text_field))
        elif len(text) > options.max_record_bytes:
            yield Reject(source.shown, row, f"more than {options.max_record_bytes:,} characters", text[:200])
        else:
            yield Scrape(name_of_record(fields, source, row), source.path, text, fields)


def _value(scalar: pa.Scalar) -> Any:
    """A Python value, or what Arrow shows for values that Python has none for (the year 20,000, for one)."""
    import pyarrow as pa

    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
    except (ValueError, OverflowError):
        return scalar.cast(pa.string()).as_py()


def _damage() -> tuple[type[Exception], ...]:
    try:
        import pyarrow as pa
    except ImportError:
        raise _no_pyarrow() from None
    return (pa.ArrowException, OSError, ValueError, MemoryError)


def _no_pyarrow() -> BoilerplateError:
    return missing_extra("Parquet is read by pyarrow", "parquet")


def _raise_system_errors(error: Exception) -> None:
    """Let errors of the system and the network through: Arrow's own have the same class, but no number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _first_row(error: Exception) -> str:
    return str(error).split("\n")[0].rstrip(".")
