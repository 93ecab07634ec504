"""Outputs: scored pages written in the format that is wanted.

There is a module for each format; `docs/formats.md` describes them.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import IO, Final, Literal, cast, get_args

from boilerplate.errors import BoilerplateError
from boilerplate.outputs.options import DEFAULT_WRITING, Layout, WriteOptions, Writer

__all__ = ["OUTPUT_FORMATS", "Layout", "OutputFormat", "WriteOptions", "Writer", "open_writer", "output_format_of_name"]

OutputFormat = Literal["jsonl", "csv", "parquet", "text", "annotated"]
OUTPUT_FORMATS: Final = cast("tuple[OutputFormat, ...]", get_args(OutputFormat))

_FORMAT_OF_SUFFIX: Final[dict[str, OutputFormat]] = {
    ".jsonl": "jsonl",
    ".jl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "text",
}


def open_writer(format_: OutputFormat, file: IO[bytes], options: WriteOptions = DEFAULT_WRITING) -> Writer:
    """A writer of that format.

    Equal pages and options give equal bytes.

    Parameters
    ----------
    format_ : str
    file : binary file
        It stays open when the writer is closed.
    options : WriteOptions

    Returns
    -------
    Writer

    Raises
    ------
    BoilerplateError
        If the library for it is not installed.
    """
    if format_ == "jsonl":
        from boilerplate.outputs.json_lines import JsonLinesWriter

        return JsonLinesWriter(file, options)
    if format_ == "csv":
        from boilerplate.outputs.csv import CsvWriter

        return CsvWriter(file, options)
    if format_ == "parquet":
        from boilerplate.outputs.parquet import ParquetWriter

        return ParquetWriter(file, options)
    if format_ == "text":
        from boilerplate.outputs.text import TextWriter

        return TextWriter(file, options)
    from boilerplate.outputs.annotated import AnnotatedWriter

    return AnnotatedWriter(file, options)


def output_format_of_name(name: str) -> OutputFormat | None:
    """What the end of a file's name says, a compression's suffix left out.

    Parameters
    ----------
    name : str
        Path or URL.

    Returns
    -------
    str or None
        None for a name without an end.

    Raises
    ------
    BoilerplateError
        If the end is that of no format.
    """
    from boilerplate.compression import SUFFIXES

    plain = name.lower()
    for packed in SUFFIXES:
        plain = plain.removesuffix(packed)
    suffix = PurePosixPath(plain).suffix
    if suffix and suffix not in _FORMAT_OF_SUFFIX:
        known = ", ".join(_FORMAT_OF_SUFFIX)
        raise BoilerplateError(f"{name}: no format is known by {suffix}; choose one by --format, or end in {known}")
    return _FORMAT_OF_SUFFIX.get(suffix)
