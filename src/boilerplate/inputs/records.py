"""What readers give: pages to be labelled, and records that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Final

from boilerplate.errors import InputError
from boilerplate.inputs.sources import Source

MAX_RECORD_BYTES: Final = 32 << 20
"""Text of a page, markup of a page: the largest are some megabytes."""
_EXCERPT: Final = 200
"""Characters."""
_NAMES: Final = 20
_NAME: Final = 40
"""So many names of fields, and characters of each, does a complaint show."""


@dataclass(frozen=True)
class ReadOptions:
    """How records are read.

    Attributes
    ----------
    text_field : str
        Field of a record that holds the page's text.
    max_record_bytes : int
        Larger records are rejected.
    """

    text_field: str = "text"
    max_record_bytes: int = MAX_RECORD_BYTES


DEFAULT_READING: Final = ReadOptions()


@dataclass(frozen=True)
class Scrape:
    """A page to be labelled."""

    id: str
    path: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of its record, carried through."""


@dataclass(frozen=True)
class Reject:
    """A record that cannot be read.

    Attributes
    ----------
    path : str
        The file.
    row : int or None
        Line or record of the file, from 1; None for the file as a whole.
    reason : str
        What is wrong, and what to do.
    excerpt : str
        The record's beginning; bytes that are not UTF-8 as escapes.
    """

    path: str
    row: int | None
    reason: str
    excerpt: str = ""

    @property
    def error(self) -> InputError:
        """The same as an error."""
        return InputError(self.path, self.reason, self.row)


def excerpt(raw: bytes) -> str:
    """The beginning of a record, for people."""
    return raw[:_EXCERPT].decode("utf-8", "backslashreplace")


def too_large(source: Source, row: int | None, raw: bytes, options: ReadOptions) -> Reject:
    """A record of more bytes than are wanted."""
    reason = f"more than {options.max_record_bytes:,} bytes; raise --max-record-bytes to read it"
    return Reject(source.shown, row, reason, excerpt(raw))


def whole_file(file: IO[bytes], source: Source, options: ReadOptions) -> bytes | Reject:
    """All bytes of a file that is one record."""
    raw = file.read(options.max_record_bytes + 1)
    return too_large(source, None, raw, options) if len(raw) > options.max_record_bytes else raw


def scrape_of_fields(fields: Mapping[str, Any], source: Source, row: int, options: ReadOptions) -> Scrape:
    """The page of a record.

    Parameters
    ----------
    fields : mapping
        All fields of the record.
    source : Source
    row : int
        The record's row, its name if it has neither ``id`` nor ``url``.
    options : ReadOptions

    Returns
    -------
    Scrape

    Raises
    ------
    ValueError
        If there is no text.
    """
    rest = dict(fields)
    text = rest.pop(options.text_field, None)
    if not isinstance(text, str):
        raise ValueError(no_text(rest, options.text_field))
    return Scrape(name_of_record(rest, source, row), source.path, text, rest)


def no_text(names: Mapping[str, Any] | list[str], text_field: str) -> str:
    """The complaint about a record without the text field."""
    shown = [repr(name if len(name) <= _NAME else f"{name[:_NAME]}…") for name in islice(names, _NAMES)]
    more = ["…"] if len(names) > _NAMES else []
    found = ", ".join([*shown, *more]) or "none"
    return f"no text in field {text_field!r} (fields here: {found}); name it with --text-field"


def name_of_record(fields: Mapping[str, Any], source: Source, row: int) -> str:
    """The page's name: the record's ``id``, else its ``url``, else file and row."""
    names = [str(fields[key]) for key in ("id", "url") if fields.get(key) not in (None, "")]
    return names[0] if names else f"{source.shown}:{row}"
