"""Annotated pages: read, write, check, convert, fingerprint.

Two formats, both without loss: JSON Lines (one page an object) for machines, and page files (``label<TAB>line``) for
people. `docs/formats.md` describes them.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from boilerplate.errors import InputError
from boilerplate.files import written_whole
from boilerplate.labels import INDEX, LABELS, Label
from boilerplate.pages import labelled_lines, normalise_newlines, split_lines

PAGE_SUFFIX: Final = ".page"
JSON_SUFFIXES: Final = (".jsonl", ".jsonl.gz")

SUGGESTED: Final = "suggested"
"""Field with labels that are proposed in place of the given ones: line numbers, as text, to labels. In page files they
stand at their lines."""

_KNOWN_KEYS: Final = ("id", "site", "lang")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][\w.-]*\Z")
_BAD_HEADER: Final = "bad header; write # key: value"


@dataclass
class AnnotatedPage:
    """A page with a label for each of its non-blank lines.

    Attributes
    ----------
    id : str
        Name of the page; several scrapes of one page share it.
    text : str
        The page as scraped.
    labels : list of str
        One label for each non-blank line, in order.
    site : str
        Publisher or domain: what pages are split by. The page's ``id`` where none is given.
    lang : str
        ISO 639-1 code of the page's main language; empty if unknown.
    extra : dict
        Every other field, kept as it came.
    """

    id: str
    text: str
    labels: list[Label]
    site: str = ""
    lang: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """What the page is split by: its site, or its id where no site is known."""
        return self.site or self.id

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number (from 1) and text of each labelled line."""
        return labelled_lines(self.text)


Complain = Callable[[InputError], None]


def _raise(error: InputError) -> None:
    raise error


def read_pages(*paths: str | os.PathLike[str], complain: Complain = _raise) -> Iterator[AnnotatedPage]:
    """Read annotated pages from files and folders.

    Parameters
    ----------
    *paths : path
        ``.jsonl`` or ``.jsonl.gz`` files, ``.page`` files, or folders, which are searched for all of these, in order of
        name.
    complain : callable, optional
        Called with each `InputError`; reading goes on behind it if it returns. By default the error is raised.

    Yields
    ------
    AnnotatedPage

    Raises
    ------
    InputError
        With file, line, what is wrong and what to do.
    """
    for path in paths:
        for file in annotated_files(Path(path), complain):
            if file.name.endswith(JSON_SUFFIXES):
                yield from _read_json_lines(file, complain)
            else:
                try:
                    yield read_page_file(file)
                except InputError as error:
                    complain(error)


def annotated_files(path: Path, complain: Complain = _raise) -> list[Path]:
    """The files with annotated pages that a path stands for."""
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.name.endswith((*JSON_SUFFIXES, PAGE_SUFFIX)) and f.is_file())
        if not found:
            complain(InputError(path, "no .jsonl, .jsonl.gz or .page file in this folder"))
        return found
    if not path.exists():
        complain(InputError(path, "no such file or folder"))
        return []
    if not path.name.endswith((*JSON_SUFFIXES, PAGE_SUFFIX)):
        complain(InputError(path, "annotated pages are read from .jsonl, .jsonl.gz and .page files"))
        return []
    return [path]


def check_label(name: object) -> Label:
    """The label of that name.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known one.
    """
    if isinstance(name, str) and name in INDEX:
        return cast("Label", name)
    near = difflib.get_close_matches(str(name).strip().lower(), LABELS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "known labels: " + ", ".join(LABELS)
    raise ValueError(f"unknown label {name!r}; {hint}")


def page_from_fields(fields: dict[str, Any]) -> AnnotatedPage:
    """An annotated page from the fields of its JSON object, checked.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    for key in ("id", "text", "labels"):
        if key not in fields:
            raise ValueError(f"field {key!r} is missing")
    for key in ("id", "text"):
        if not isinstance(fields[key], str):
            raise ValueError(f"field {key!r} must be a string")
    if not isinstance(fields["labels"], list):
        raise ValueError("field 'labels' must be a list")
    labels = []
    for number, name in enumerate(fields["labels"], 1):
        try:
            labels.append(check_label(name))
        except ValueError as error:
            raise ValueError(f"label {number}: {error}") from None
    text = normalise_newlines(fields["text"])
    count = sum(1 for _ in labelled_lines(text))
    if count != len(labels):
        raise ValueError(f"{len(labels)} labels for {count} non-blank lines; each non-blank line needs one")
    for key in ("site", "lang"):
        if fields.get(key) is not None and not isinstance(fields[key], str):
            raise ValueError(f"field {key!r} must be a string")
    return AnnotatedPage(
        id=fields["id"],
        text=text,
        labels=labels,
        site=fields.get("site") or "",
        lang=fields.get("lang") or "",
        extra={k: v for k, v in fields.items() if k not in ("id", "text", "labels", "site", "lang")},
    )


def fields_of_page(page: AnnotatedPage) -> dict[str, Any]:
    """The JSON object of a page: the opposite of `page_from_fields`."""
    named = {"id": page.id, "site": page.site, "lang": page.lang}
    return {
        **{key: value for key, value in named.items() if value or key == "id"},
        **page.extra,
        "text": page.text,
        "labels": page.labels,
    }


def _read_json_lines(path: Path, complain: Complain) -> Iterator[AnnotatedPage]:
    for number, raw in numbered_rows(path, complain):
        if not raw.strip():
            continue
        try:
            yield page_from_fields(parse_object(raw))
        except ValueError as error:
            complain(InputError(path, str(error), number))


def numbered_rows(path: Path, complain: Complain = _raise) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each row of a plain or gzipped file; damage is complained of where it is met."""
    number = 0
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                yield number, raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        complain(InputError(path, f"damaged gzip file ({error}); fetch or write it again", number + 1))
    except OSError as error:
        complain(InputError(path, error.strerror or str(error)))


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object from one row of a JSON Lines file.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    try:
        fields = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start + 1}); save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"bad JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise ValueError("bad JSON: nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError(f"each line must be a JSON object, not {type(fields).__name__}")
    return fields


def json_row(fields: dict[str, Any]) -> str:
    """One row of JSON Lines, readable; lone surrogates are escaped, as UTF-8 has no form for them."""
    row = json.dumps(fields, ensure_ascii=False)
    try:
        row.encode("utf-8")
    except UnicodeEncodeError:
        row = json.dumps(fields)
    return row + "\n"


def write_json_lines(pages: Iterable[AnnotatedPage], path: str | os.PathLike[str]) -> int:
    """Write pages as JSON Lines, gzipped if the name ends in ``.gz``; the file appears whole or not at all.

    Parameters
    ----------
    pages : iterable of AnnotatedPage
    path : path

    Returns
    -------
    int
        Number of pages written.
    """
    count = 0
    with written_whole(Path(path)) as file:
        for page in pages:
            file.write(json_row(fields_of_page(page)).encode("utf-8"))
            count += 1
    return count


def read_page_file(path: str | os.PathLike[str]) -> AnnotatedPage:
    """Read a page file.

    Parameters
    ----------
    path : path

    Returns
    -------
    AnnotatedPage

    Raises
    ------
    InputError
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(path, error.strerror or str(error)) from None
    return page_of_bytes(raw, path, path.name.removesuffix(PAGE_SUFFIX))


def page_of_bytes(raw: bytes, path: str | os.PathLike[str], default_id: str) -> AnnotatedPage:
    """The page in the bytes of a page file.

    Parameters
    ----------
    raw : bytes
    path : path
        Where they come from, for complaints.
    default_id : str
        The page's id if the header names none.

    Returns
    -------
    AnnotatedPage

    Raises
    ------
    InputError
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        # A lone surrogate, which UTF-8 proper cannot hold, is read back as it was written.
        content = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise InputError(path, "not UTF-8; save the file as UTF-8", number) from None
    try:
        return parse_page(content, default_id)
    except _RowError as error:
        raise InputError(path, str(error), error.row) from None


class _RowError(ValueError):
    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


def parse_page(content: str, default_id: str = "page") -> AnnotatedPage:
    """The page that a page file's content stands for.

    Parameters
    ----------
    content : str
    default_id : str
        The page's id if the header names none.

    Returns
    -------
    AnnotatedPage

    Raises
    ------
    ValueError
        With what is wrong.
    """
    rows = split_lines(content.removesuffix("\n") if not content.endswith("\r\n") else content[:-2])
    fields: dict[str, Any] = {}
    at = 0
    while at < len(rows) and rows[at].startswith("#"):
        key, value = _parse_header(rows[at], at + 1)
        if key in fields:
            raise _RowError(at + 1, f"header names {key!r} twice")
        if key in ("text", "labels"):
            raise _RowError(at + 1, f"header names {key!r}, which the rows below it give")
        fields[key] = value
        at += 1
    if at and at < len(rows) and rows[at] == "":
        at += 1
    lines, labels = [], []
    suggested: dict[str, Label] = {}
    for number, row in enumerate(rows[at:], at + 1):
        if not row.strip():
            lines.append(row)
            continue
        name, tab, line = row.partition("\t")
        if not tab:
            raise _RowError(number, "no tab between label and line; write label<TAB>line")
        name, mark, proposal = name.partition("?")
        if mark and not proposal:
            raise _RowError(
                number, f"no label behind the mark in '{name}?'; write {name}?other-label, or only the label"
            )
        try:
            labels.append(check_label(name))
            if mark:
                suggested[str(number - at)] = check_label(proposal)
        except ValueError as error:
            raise _RowError(number, str(error)) from None
        if not line.strip():
            raise _RowError(number, f"label {name!r} stands before a blank line; blank lines take no label")
        lines.append(line)
    fields.setdefault("id", default_id)
    if suggested:
        if SUGGESTED in fields:
            raise _RowError(1, f"header names {SUGGESTED!r}, which rows below it give")
        fields[SUGGESTED] = suggested
    try:
        return page_from_fields({**fields, "text": "\n".join(lines), "labels": labels})
    except ValueError as error:
        raise _RowError(1, str(error)) from None


def format_page(page: AnnotatedPage) -> str:
    """The content of a page file: the opposite of `parse_page`.

    Parameters
    ----------
    page : AnnotatedPage

    Returns
    -------
    str
    """
    fields = fields_of_page(page)
    labels = iter(fields.pop("labels"))
    text = fields.pop("text")
    suggested = fields.pop(SUGGESTED) if _at_lines(fields.get(SUGGESTED), page) else {}
    header = [_format_header(key, value) for key, value in fields.items()]
    marks = {int(number): f"?{label}" for number, label in suggested.items()}
    rows = [
        f"{next(labels)}{marks.get(number, '')}\t{line}" if line.strip() else line
        for number, line in enumerate(split_lines(text), 1)
    ]
    return "\n".join([*header, "", *rows]) + "\n"


def write_page_file(page: AnnotatedPage, path: str | os.PathLike[str]) -> None:
    """Write one page as a page file; it appears whole or not at all.

    Parameters
    ----------
    page : AnnotatedPage
    path : path
    """
    with written_whole(Path(path)) as file:
        file.write(format_page(page).encode("utf-8", "surrogatepass"))


def write_page_files(pages: Iterable[AnnotatedPage], folder: str | os.PathLike[str]) -> int:
    """Write each page as a page file of its own.

    Parameters
    ----------
    pages : iterable of AnnotatedPage
    folder : path
        Made if need be. Names are the pages' ids behind a number that keeps their order.

    Returns
    -------
    int
        Number of pages written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, page in enumerate(pages, 1):
        write_page_file(page, folder / page_file_name(page, count))
    return count


def page_file_name(page: AnnotatedPage, number: int) -> str:
    """Name of a page's file in a folder: a number that keeps the order of the pages, and the page's id.

    Parameters
    ----------
    page : AnnotatedPage
    number : int
        From 1.

    Returns
    -------
    str
    """
    name = re.sub(r"[^\w.+-]+", "-", page.id, flags=re.ASCII).strip("-.")[:80] or "page"
    return f"{number:06d}-{name}{PAGE_SUFFIX}"


def _at_lines(suggested: Any, page: AnnotatedPage) -> bool:
    """Whether suggestions can stand at the lines of a page file: labels, for lines that have one, in order."""
    if not isinstance(suggested, dict) or not suggested or not all(name in LABELS for name in suggested.values()):
        return False
    numbers = [str(number) for number, _ in page.lines() if str(number) in suggested]
    return numbers == list(suggested)


def _parse_header(row: str, number: int) -> tuple[str, Any]:
    body = row[1:].strip()
    if body.startswith('"'):
        try:
            key, end = json.JSONDecoder().raw_decode(body)
        except json.JSONDecodeError as error:
            raise _RowError(number, f"bad header: {error.msg}") from None
        colon, value = body[end:].lstrip()[:1], body[end:].lstrip()[1:]
    else:
        key, colon, value = body.partition(":")
        key = key.strip()
        if not key:
            raise _RowError(number, _BAD_HEADER)
    if colon != ":":
        raise _RowError(number, _BAD_HEADER)
    value = value.strip()
    if key in _KNOWN_KEYS and not value.startswith('"'):
        return key, value
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        # No JSON, or none that Python reads: numbers of thousands of digits, brackets in brackets in brackets.
        return key, value


def _format_header(key: str, value: Any) -> str:
    shown_key = key if _PLAIN_KEY.match(key) else json.dumps(key)
    return f"# {shown_key}: {_format_value(key, value)}"


def _format_value(key: str, value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    row = f"# {key if _PLAIN_KEY.match(key) else json.dumps(key)}: {value}"
    plain = value == value.strip() and value.isprintable() and _parse_header(row, 0) == (key, value)
    return value if plain else json.dumps(value)


def fingerprint(pages: Iterable[AnnotatedPage]) -> str:
    """A digest of pages' texts and labels, independent of their order.

    Parameters
    ----------
    pages : iterable of AnnotatedPage

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).
    """
    digests = sorted(
        hashlib.sha256(json.dumps([page.id, page.group, page.text, page.labels], ensure_ascii=True).encode()).digest()
        for page in pages
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()
