"""Which format a file has: by its name, else by its content."""

from __future__ import annotations

import re
from itertools import islice
from typing import IO, Final, Literal, cast, get_args

from boilerplate.compression import SUFFIXES
from boilerplate.corpus import parse_object

Format = Literal["auto", "text", "jsonl", "csv", "tsv", "parquet", "html", "warc", "wet", "page"]

FORMATS: Final = tuple(cast("list[Format]", get_args(Format))[1:])
"""All formats that can be asked for."""

FORMAT_OF_SUFFIX: Final[dict[str, Format]] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".jl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".warc": "warc",
    ".wet": "wet",
    ".page": "page",
}

HEAD_BYTES: Final = 1 << 16
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)


def format_of_name(name: str) -> Format | None:
    """What the end of a file's name says, a compression's suffix left out; None if it says nothing.

    Parameters
    ----------
    name : str

    Returns
    -------
    str or None
    """
    lower = name.lower()
    for packed in SUFFIXES:
        lower = lower.removesuffix(packed)
    return next((found for suffix, found in FORMAT_OF_SUFFIX.items() if lower.endswith(suffix)), None)


def format_by_magic(head: bytes) -> Format | None:
    """What the first bytes of a file say, where they leave no doubt."""
    if head.startswith(b"PAR1"):
        return "parquet"
    return "warc" if re.match(rb"WARC/\d", head) else None


def read_head(file: IO[bytes], limit: int) -> bytes:
    """As much of a file as tells its format: its first two rows, if it begins as JSON does.

    Parameters
    ----------
    file : binary file
    limit : int
        Bytes to read at most.

    Returns
    -------
    bytes
    """
    head = file.read(HEAD_BYTES)
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return head
    parts = [head]
    size, newlines = len(head), head.lstrip().count(b"\n")
    while size < limit and newlines < 2 and (part := file.read(HEAD_BYTES)):
        parts.append(part)
        size += len(part)
        newlines += part.count(b"\n")
    return b"".join(parts)


def format_of_content(head: bytes, text_field: str) -> Format:
    """What the beginning of a file says.

    Parameters
    ----------
    head : bytes
        What `read_head` gives.
    text_field : str

    Returns
    -------
    str
        ``text``, unless it is clearly something else.
    """
    if found := format_by_magic(head):
        return found
    if _holds_records(head, text_field):
        return "jsonl"
    return "html" if is_markup(head) else "text"


def is_markup(head: bytes) -> bool:
    """Whether this begins as HTML does."""
    return _MARKUP.match(head) is not None


def _holds_records(head: bytes, text_field: str) -> bool:
    """Whether this is JSON Lines: its first row is an object with a text, or each of its first rows is an object.

    A page may begin with a row of JSON that its site left there; the row below it then is none. Records without the
    text field are records nevertheless, so that the field's name can be complained of.
    """
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return False
    objects = []
    for row in islice((row for row in head.split(b"\n") if row.removeprefix(b"\xef\xbb\xbf").strip()), 2):
        try:
            objects.append(parse_object(row))
        except ValueError:
            objects.append({})
    return bool(objects) and bool(objects[0]) and (text_field in objects[0] or all(objects))
