"""Which format a file has: by its name, else by its content."""

from __future__ import annotations

import io
import json
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
NO_DELIMITER: Final = "\ud800"
"""Is in no text that was decoded."""
_DELIMITERS: Final = ",;\t|"
_ROWS: Final = 20
"""Rows of CSV that are looked at."""
_NEWLINE: Final = re.compile(rb"[\r\n]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ARRAY: Final = re.compile(r"\s*\[\s*(?=\{)")
_OBJECT_OVER_ROWS: Final = re.compile(r"\s*(?=\{\s*\n)")
_UNFINISHED: Final = re.compile(r"\s*,?\s*(?:\{|\Z)")
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


def read_head(file: IO[bytes], limit: int, text_field: str) -> bytes:
    """As much of a file as tells its format: its first two rows, if it begins as JSON or CSV do.

    Parameters
    ----------
    file : binary file
    limit : int
        Bytes to read at most.
    text_field : str

    Returns
    -------
    bytes
    """
    head = file.read(HEAD_BYTES)
    begun = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    quoted = _header(head, text_field) is not None
    if not (quoted or begun.startswith(b"{")):
        return head
    parts, size, part = [head], len(head), begun
    rows = marks = 0
    while True:
        for line in part.splitlines(keepends=True):
            marks += line.count(b'"')
            # Rows of CSV may hold newlines in quotation marks, those of JSON hold none.
            rows += line.endswith((b"\n", b"\r") if quoted else b"\n") and not (quoted and marks % 2)
        if rows >= 2 or size >= limit or not (part := file.read(HEAD_BYTES)):
            return b"".join(parts)
        parts.append(part)
        size += len(part)


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

    Raises
    ------
    ValueError
        If it is JSON, and no JSON Lines; with the remedy.
    """
    if found := format_by_magic(head):
        return found
    if _holds_records(head, text_field):
        return "jsonl"
    _refuse_documents(head, text_field)
    if is_markup(head):
        return "html"
    return _table(head, text_field) or "text"


def delimiter_of_header(line: str, text_field: str) -> str:
    """What stands between the names of a header row: what makes the text field one of them, else what is most.

    A header of one name does not tell what would stand behind it, so nothing in such a file parts fields.

    Parameters
    ----------
    line : str
    text_field : str

    Returns
    -------
    str
        A character; `NO_DELIMITER` for one name.
    """
    import csv

    columns = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in _DELIMITERS}
    if all(len(names) < 2 for names in columns.values()):
        return NO_DELIMITER
    named = (delimiter for delimiter, names in columns.items() if text_field in names)
    return next(named, max(columns, key=lambda delimiter: len(columns[delimiter])))


def is_markup(head: bytes) -> bool:
    """Whether this begins as HTML does."""
    return _MARKUP.match(head) is not None


def _holds_records(head: bytes, text_field: str) -> bool:
    """Whether this is JSON Lines: its first row is an object with a text, or each of its first rows is an object.

    A page may begin with a row of JSON that its site left there; the row below it then is none. Records without the
    text field are records nevertheless, so that the field's name can be complained of.
    """
    if not head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        return False
    objects = []
    for row in islice((row for row in head.split(b"\n") if row.removeprefix(_BYTE_ORDER_MARK).strip()), 2):
        try:
            objects.append(parse_object(row))
        except ValueError:
            objects.append({})
    return bool(objects) and bool(objects[0]) and (text_field in objects[0] or all(objects))


def _refuse_documents(head: bytes, text_field: str) -> None:
    """Refuse JSON that is no JSON Lines: an array of objects, or objects over many rows, and nothing behind them.

    Sites leave such things at the beginning of pages, too, but then the page follows.

    Raises
    ------
    ValueError
    """
    text = head.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
    array = _ARRAY.match(text)
    begin = array or _OBJECT_OVER_ROWS.match(text)
    if begin is None:
        return
    count, end = _objects(text, begin.end())
    rest = text[end:]
    if count and rest.strip() == ("]" if array else ""):
        is_document = True
    else:
        # The beginning of one: only what was not read is missing.
        is_promising = count > 0 or (array is not None and text_field in text)
        is_document = len(head) >= HEAD_BYTES and is_promising and _UNFINISHED.match(rest) is not None
    if is_document and array:
        raise ValueError("a JSON array is no JSON Lines; make a row of each object, as jq -c '.[]' does")
    if is_document:
        raise ValueError("a JSON object over many rows is no JSON Lines; make one row of it, as jq -c . does")


def _objects(text: str, place: int) -> tuple[int, int]:
    """How many JSON values follow each other from there, with or without commas, and where the last of them ends."""
    decoder = json.JSONDecoder()
    count, end = 0, place
    while text.startswith("{", place):
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        count += 1
        between = _UNFINISHED.match(text, end)
        place = between.end() - 1 if between else end
    return count, end


def _header(head: bytes, text_field: str) -> tuple[str, list[str]] | None:
    """The delimiter and the names of a header row of CSV: several names, of which one is the text field's."""
    line = _NEWLINE.split(head.removeprefix(_BYTE_ORDER_MARK), maxsplit=1)[0].decode("utf-8", "replace")
    if text_field not in line:
        return None
    import csv

    try:
        delimiter = delimiter_of_header(line, text_field)
        names = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return None
    if delimiter == NO_DELIMITER or text_field not in names:
        return None
    # A space behind a comma is what prose has.
    return (delimiter, names) if all(name == name.strip() for name in names) else None


def _table(head: bytes, text_field: str) -> Format | None:
    """The kind of CSV that this is, if it is one: a header with the text field, and only rows of as many cells.

    Pages hold commas in any line, but no such header above such rows.
    """
    header = _header(head, text_field)
    if header is None:
        return None
    import csv

    delimiter, names = header
    text = head.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
    is_cut = len(head) >= HEAD_BYTES
    # The limit is the process's: lower ones that others may have set would break rows.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    cells: list[int] = []
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        cells += (len(row) for row in islice(rows, _ROWS))
    except csv.Error:
        if not is_cut:
            return None
    else:
        if is_cut and 2 < len(cells) < _ROWS:
            cells.pop()
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) < 2 or set(cells) != {len(names)}:
        return None
    return "tsv" if delimiter == "\t" else "csv"
