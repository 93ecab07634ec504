"""Which fields of the input get a column of their own, where all rows must have the same: in CSV and Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from boilerplate.errors import InputError, missing_extra
from boilerplate.inputs import ReadOptions, Reject, Source, Span, read_span
from boilerplate.outputs.options import WriteOptions
from boilerplate.outputs.records import own_fields

if TYPE_CHECKING:
    import pyarrow as pa

OTHER_FIELDS: Final = "other_fields"
"""The column of all fields that have none, or whose value has another type than theirs, as a JSON object."""

_UNIFORM: Final = ("text", "html", "csv", "tsv", "parquet")
"""Formats all of whose records in a file have the same fields."""
_SAMPLED_SOURCES: Final = 16
_SAMPLED_RECORDS: Final = 128
_MOST_MEMBERS: Final = 64
"""An object with more keys than this is a table, not a record; its keys make no columns."""
_INT64: Final = range(-(2**63), 2**63)
_EXACT: Final = range(-(2**53), 2**53 + 1)
"""Integers that a floating-point number holds exactly."""


@dataclass(frozen=True)
class Columns:
    """Columns for fields of the input.

    Attributes
    ----------
    names : tuple of str
    other : bool
        Whether there is a column `OTHER_FIELDS`; without it, all records have these fields and no others.
    types : pyarrow.Schema, optional
        Of these columns, for Parquet.
    """

    names: tuple[str, ...] = ()
    other: bool = True
    types: pa.Schema | None = None

    def rest(self, fields: Mapping[str, Any], options: WriteOptions) -> dict[str, Any]:
        """The fields that have no column."""
        known = own_fields(options).union(self.names)
        return {name: fields[name] for name in fields if name not in known}


def plan_columns(
    sources: Sequence[Source], reading: ReadOptions, output_format: str, options: WriteOptions
) -> Columns | None:
    """Look into the inputs for the columns that the output should have.

    Parameters
    ----------
    sources : sequence of Source
        Not standard input, which cannot be read twice. The first records of some of them are looked at.
    reading : ReadOptions
    output_format : str
    options : WriteOptions

    Returns
    -------
    Columns or None
        None where the output has no such columns.
    """
    if not options.needs_columns(output_format):
        return None
    records = [fields for source in _spread(sources) for fields in _sample(source, reading)]
    own = own_fields(options)
    names = list(dict.fromkeys(name for fields in records for name in fields if name not in own))
    other = len(sources) != 1 or sources[0].format not in _UNIFORM
    if output_format == "csv":
        return Columns(tuple(names), other)
    try:
        import pyarrow as pa
    except ImportError:
        raise missing_extra("Parquet is written by pyarrow", "parquet") from None
    found = [(name, _type_of(name, records)) for name in names]
    if (kind := _type_of_ids(records)) is not None:
        found.insert(0, ("id", kind))
    schema = pa.schema([(name, kind) for name, kind in found if kind is not None])
    return Columns(tuple(schema.names), other or len(schema) < len(names), schema)


def _spread(sources: Sequence[Source]) -> list[Source]:
    """Some sources from the first to the last."""
    step = max(1, len(sources) // _SAMPLED_SOURCES)
    return list(sources[::step][:_SAMPLED_SOURCES])


def _sample(source: Source, reading: ReadOptions) -> list[Mapping[str, Any]]:
    """The fields of the first records; what cannot be read is complained of when it is read again."""
    try:
        records = list(islice(read_span(Span(source), reading), _SAMPLED_RECORDS))
    except InputError:
        return []
    return [record.fields for record in records if not isinstance(record, Reject)]


def _type_of_ids(records: Sequence[Mapping[str, Any]]) -> pa.DataType | None:
    """The type of a Parquet column of ids that are no strings, and are to stay what they are."""
    import pyarrow as pa

    from boilerplate.inputs.parquet import ArrowRow

    if not records or not all(isinstance(fields, ArrowRow) and "id" in fields for fields in records):
        return None
    kind = _type_of("id", records)
    return None if kind is None or pa.types.is_string(kind) or pa.types.is_null(kind) else kind


def _type_of(name: str, records: Iterable[Mapping[str, Any]]) -> pa.DataType | None:
    """The type of a column that holds all values of a field; None if there is none."""
    import pyarrow as pa

    from boilerplate.inputs.parquet import ArrowRow

    having = [fields for fields in records if name in fields]
    types = list(dict.fromkeys(fields.column(name).type for fields in having if isinstance(fields, ArrowRow)))
    values = [fields[name] for fields in having if not isinstance(fields, ArrowRow)]
    if values:
        inferred = infer_type(values)
        if inferred is None:
            return None
        types.append(inferred)
    try:
        [field] = pa.unify_schemas([pa.schema([(name, kind)]) for kind in types], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    return field.type


def infer_type(values: Sequence[Any]) -> pa.DataType | None:
    """The Arrow type that holds values as JSON has them, each exactly.

    Parameters
    ----------
    values : sequence
        Strings, numbers, truth values, None, lists and dictionaries.

    Returns
    -------
    pyarrow.DataType or None
        None if no type holds them all. Strings, if there is nothing but None.
    """
    import pyarrow as pa

    values = [value for value in values if value is not None]
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        return pa.string()
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64() if all(value in _INT64 for value in values) else None
    if kinds <= {int, float}:
        return pa.float64() if all(isinstance(value, float) or value in _EXACT for value in values) else None
    if kinds == {list}:
        item = infer_type([item for value in values for item in value])
        return None if item is None else pa.list_(item)
    if kinds == {dict}:
        members = {key: infer_type([value.get(key) for value in values]) for value in values for key in value}
        if 0 < len(members) <= _MOST_MEMBERS and None not in members.values():
            return pa.struct(list(members.items()))
    return None


def fits(value: Any, kind: pa.DataType) -> bool:
    """Whether a column of that type, as `infer_type` gives it, holds a value exactly.

    Parameters
    ----------
    value : object
    kind : pyarrow.DataType

    Returns
    -------
    bool
    """
    import pyarrow as pa

    types = pa.types
    if value is None:
        return True
    if types.is_string(kind) or types.is_large_string(kind):
        return isinstance(value, str) and _is_utf8(value)
    if types.is_boolean(kind):
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if types.is_int64(kind):
        return isinstance(value, int) and value in _INT64
    if types.is_float64(kind):
        return isinstance(value, float) or (isinstance(value, int) and value in _EXACT)
    if types.is_list(kind):
        return isinstance(value, list) and all(fits(item, kind.value_type) for item in value)
    if types.is_struct(kind) and isinstance(value, dict):
        members = {member.name: member.type for member in kind}
        return value.keys() <= members.keys() and all(fits(value[name], members[name]) for name in value)
    return False


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
