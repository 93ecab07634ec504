"""Parquet: a row a page, or a row a line, in row groups of some tens of megabytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from boilerplate.errors import BoilerplateError, missing_extra
from boilerplate.labels import LABELS
from boilerplate.outputs.columns import OTHER_FIELDS, Columns, fits
from boilerplate.outputs.options import WriteOptions
from boilerplate.outputs.records import line_columns, line_rows, nested_line, text_names, texts, to_json, verdict
from boilerplate.scoring import ScoredPage

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.parquet import ParquetFile
    from pyarrow.parquet import ParquetWriter as ArrowWriter
except ImportError:
    raise missing_extra("Parquet is written by pyarrow", "parquet") from None

from boilerplate.inputs.parquet import ArrowRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TABLE_CHARACTERS: Final = 4_000_000
"""Text of the pages that are made into an Arrow table in one go."""
_GROUP_BYTES: Final = 32 << 20
_ROW_BYTES: Final = 100
"""What a row weighs besides its strings."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class ParquetWriter:
    """Writes pages as they come; lone surrogates, which UTF-8 has no form for, become U+FFFD."""

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._options = options
        self._schema = schema_of(options)
        self._groups = RowGroups(file, self._schema)
        self._pages: list[ScoredPage] = []
        self._characters = 0

    def write(self, page: ScoredPage) -> None:
        """Write one page."""
        self._pages.append(page)
        self._characters += len(page.scrape.text) + _ROW_BYTES
        if self._characters >= _TABLE_CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Write what is still to be written."""
        self._flush()
        self._groups.close()

    def _flush(self) -> None:
        if self._pages:
            make = _lines_table if self._options.layout == "lines" else _pages_table
            self._groups.add(make(self._pages, self._schema, self._options))
        self._pages = []
        self._characters = 0


class RowGroups:
    """Tables written in row groups that depend on the rows alone, not on how these came in tables."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._writer = ArrowWriter(file, schema, compression="zstd")
        self._tables: list[pa.Table] = []
        self._bytes = 0

    def add(self, table: pa.Table) -> None:
        """Write as much as makes whole row groups, and keep the rest."""
        while table.num_rows:
            sizes = self._bytes + np.cumsum(_row_bytes(table))
            rows = int(np.searchsorted(sizes, _GROUP_BYTES)) + 1
            self._tables.append(table.slice(0, rows))
            self._bytes = int(sizes[min(rows, len(sizes)) - 1])
            if rows <= len(sizes):
                self._flush()
            table = table.slice(rows)

    def close(self) -> None:
        """Write the rest, and the end of the file."""
        if self._tables:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        # One chunk a column: how rows came in chunks would show in the file.
        table = pa.concat_tables(self._tables).unify_dictionaries().combine_chunks()
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._tables = []
        self._bytes = 0


class ParquetJoiner:
    """Joins parts of a file to what one writer would have written."""

    def __init__(self, file: IO[bytes], options: WriteOptions) -> None:
        self._schema = schema_of(options)
        self._groups = RowGroups(file, self._schema)

    def add(self, part: IO[bytes]) -> None:
        """Add the rows of a part."""
        table = ParquetFile(part)
        for group in range(table.num_row_groups):
            self._groups.add(table.read_row_group(group).cast(self._schema))

    def close(self) -> None:
        """Write what is still to be written."""
        self._groups.close()


def schema_of(options: WriteOptions) -> pa.Schema:
    """The columns of an output and their types.

    Parameters
    ----------
    options : WriteOptions

    Returns
    -------
    pyarrow.Schema
    """
    marks = [] if options.min_confidence is None else [("uncertain", pa.bool_())]
    if options.layout == "lines":
        types = {"number": pa.int32(), **dict.fromkeys(("confidence", *LABELS), pa.float64()), **dict(marks)}
        return pa.schema([(name, types.get(name, pa.string())) for name in line_columns(options)])
    columns = options.columns or Columns()
    line = [
        ("number", pa.int32()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        *marks,
        ("probabilities", pa.struct([(name, pa.float64()) for name in LABELS])),
    ]
    quality = [
        ("body_share", pa.float64()),
        ("lines", pa.int32()),
        ("counts", pa.struct([(name, pa.int32()) for name in LABELS])),
    ]
    return pa.schema(
        [
            *(columns.types or []),
            *([(OTHER_FIELDS, pa.string())] if columns.other else []),
            *([] if "id" in columns.names else [("id", pa.string())]),
            ("path", pa.string()),
            ("quality", pa.struct(quality)),
            *((name, pa.string()) for name in text_names(options)),
            *([] if options.layout == "cleaned" else [("lines", pa.list_(pa.struct(line)))]),
        ]
    )


def _lines_table(pages: Sequence[ScoredPage], schema: pa.Schema, options: WriteOptions) -> pa.Table:
    rows = [row for page in pages for row in line_rows(page, options)]
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.table(
        [_array(list(values), field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _pages_table(pages: Sequence[ScoredPage], schema: pa.Schema, options: WriteOptions) -> pa.Table:
    columns = options.columns or Columns()
    found: dict[str, Any] = {}
    misfits: list[dict[str, Any]] = [{} for _ in pages]
    for field in columns.types or []:
        found[field.name] = _carried(pages, field, misfits)
    if columns.other:
        rests = [columns.rest(page.scrape.fields, options) | odd for page, odd in zip(pages, misfits, strict=True)]
        found[OTHER_FIELDS] = [to_json(rest) if rest else None for rest in rests]
    elif any(misfits):
        odd = next(number for number, misfit in enumerate(misfits) if misfit)
        names = ", ".join(map(repr, misfits[odd]))
        raise BoilerplateError(f"{pages[odd].scrape.id}: no column holds the value of {names}; write JSON Lines")
    verdicts = [verdict(page) for page in pages]
    found |= {name: [row[name] for row in verdicts] for name in ("id", "path", "quality") if name not in found}
    kept = [texts(page, options) for page in pages]
    found |= {name: [row[name] for row in kept] for name in text_names(options)}
    if options.layout != "cleaned":
        found["lines"] = [[nested_line(line, options.min_confidence) for line in page.lines] for page in pages]
    arrays = []
    for field in schema:
        values = found[field.name]
        arrays.append(values if isinstance(values, pa.ChunkedArray) else _array(values, field.type))
    return pa.table(arrays, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array(_mended(values), kind)


def _mended(value: Any) -> Any:
    """A value without lone surrogates in its strings."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return {key: _mended(item) for key, item in value.items()} if isinstance(value, dict) else value


def _carried(pages: Sequence[ScoredPage], field: pa.Field, misfits: list[dict[str, Any]]) -> pa.ChunkedArray:
    """The column of a field of the input; values that do not fit into it are put into `misfits`."""
    chunks = []
    for _, run in groupby(enumerate(pages), key=lambda entry: _batch_of(entry[1])):
        numbers, together = zip(*run, strict=True)
        chunk = _arrow_values([page.scrape.fields for page in together], field)
        if chunk is None:
            values = []
            for number, page in zip(numbers, together, strict=True):
                value = page.scrape.fields.get(field.name)
                values.append(value if fits(value, field.type) else None)
                if value is not None and values[-1] is None:
                    misfits[number][field.name] = value
            chunk = pa.array(values, field.type)
        chunks.append(chunk)
    return pa.chunked_array(chunks, field.type)


def _batch_of(page: ScoredPage) -> int:
    fields = page.scrape.fields
    return id(fields.batch) if isinstance(fields, ArrowRow) else 0


def _arrow_values(rows: Sequence[Any], field: pa.Field) -> pa.Array | None:
    """Values of a field from rows of one record batch, as they are there; None if there are none of that type."""
    first = rows[0]
    if not isinstance(first, ArrowRow) or field.name not in first:
        return None
    values = first.column(field.name).take(pa.array([row.index for row in rows]))
    if values.type == field.type:
        return values
    try:
        return values.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _row_bytes(table: pa.Table) -> NDArray[np.int64]:
    """About how large each row is, whatever rows stand beside it."""
    sizes = np.full(table.num_rows, _ROW_BYTES, np.int64)
    for column in table.columns:
        if _is_text(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy().astype(np.int64)
    if "lines" in table.schema.names:
        lines = table["lines"].combine_chunks()
        ends = np.cumsum(pc.binary_length(lines.flatten().field("text")).to_numpy(), dtype=np.int64)
        sizes += np.diff(np.concatenate([[0], ends])[lines.offsets.to_numpy() - lines.offsets[0].as_py()])
    return sizes


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    checks = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(check(kind) for check in checks)
