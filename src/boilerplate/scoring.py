"""From inputs to labelled pages to outputs."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from boilerplate.corpus import (
    JSON_SUFFIXES,
    PAGE_SUFFIX,
    AnnotatedPage,
    Complain,
    fields_of_page,
    json_row,
    numbered_rows,
    parse_object,
    read_page_file,
)
from boilerplate.errors import InputError
from boilerplate.labels import LABELS
from boilerplate.pages import Line, normalise_newlines

if TYPE_CHECKING:
    from boilerplate.labeller import PageMethods
    from boilerplate.verdict import Quality

TEXT_SUFFIXES: Final = (".txt", ".text", ".md")
STDIN: Final = "-"
CHUNK_PAGES: Final = 128
"""Pages that are labelled in one go."""

_NOT_IN_CSV: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Scrape:
    """A page to be labelled."""

    id: str
    path: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    """Other fields of its record, carried through."""


@dataclass(frozen=True)
class ScoredPage:
    """A scrape with its labelled lines."""

    scrape: Scrape
    lines: list[Line]

    @property
    def quality(self) -> Quality:
        """The verdict on the page."""
        from boilerplate.verdict import quality_of

        return quality_of(self.lines)


def read_scrapes(inputs: Iterable[str], text_field: str, complain: Complain) -> Iterator[Scrape]:
    """Read pages from files, folders and standard input.

    Parameters
    ----------
    inputs : iterable of str
        Paths; ``-`` is standard input. Folders are searched for text files, JSON Lines and page files, in order of
        name.
    text_field : str
        Field of JSON Lines records that holds the text.
    complain : callable
        Called with each `InputError`; reading goes on behind it.

    Yields
    ------
    Scrape
    """
    for name in inputs:
        if name == STDIN:
            yield from _read_stdin(text_field, complain)
            continue
        path = Path(name)
        if path.is_dir():
            suffixes = (*TEXT_SUFFIXES, *JSON_SUFFIXES, PAGE_SUFFIX)
            files = sorted(f for f in path.rglob("*") if f.name.endswith(suffixes) and f.is_file())
            if not files:
                complain(InputError(path, f"no file in this folder ends in one of {', '.join(suffixes)}"))
        elif path.exists():
            files = [path]
        else:
            complain(InputError(path, "no such file or folder"))
            continue
        for file in files:
            yield from _read_file(file, text_field, complain)


def _read_file(path: Path, text_field: str, complain: Complain) -> Iterator[Scrape]:
    if path.name.endswith(JSON_SUFFIXES):
        yield from _read_records(numbered_rows(path, complain), path, text_field, complain)
        return
    try:
        if path.name.endswith(PAGE_SUFFIX):
            page = read_page_file(path)
            fields = fields_of_page(page)
            yield Scrape(page.id, str(path), fields.pop("text"), fields)
        else:
            yield Scrape(path.name, str(path), _decode(path.read_bytes(), path))
    except InputError as error:
        complain(error)
    except OSError as error:
        complain(InputError(path, error.strerror or str(error)))


def _decode(raw: bytes, path: str | os.PathLike[str]) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise InputError(path, "not UTF-8; convert the file to UTF-8", number) from None


def _read_stdin(text_field: str, complain: Complain) -> Iterator[Scrape]:
    raw = sys.stdin.buffer.read()
    if _holds_records(raw, text_field):
        yield from _read_records(enumerate(raw.split(b"\n"), 1), "stdin", text_field, complain)
        return
    try:
        yield Scrape("stdin", STDIN, _decode(raw, "stdin"))
    except InputError as error:
        complain(error)


def _holds_records(raw: bytes, text_field: str) -> bool:
    """Whether this is JSON Lines: its first row is an object with a text, or each of its first rows is an object.

    A page may begin with a row of JSON that its site left there; the row below it then is none. Records without the
    text field are records nevertheless, so that the field's name can be complained of.
    """
    objects: list[dict[str, Any] | None] = []
    for row in islice((row for row in io.BytesIO(raw) if row.strip()), 2):
        try:
            objects.append(parse_object(row))
        except ValueError:
            objects.append(None)
    return bool(objects) and objects[0] is not None and (text_field in objects[0] or None not in objects)


def _read_records(
    rows: Iterable[tuple[int, bytes]], path: str | os.PathLike[str], text_field: str, complain: Complain
) -> Iterator[Scrape]:
    for number, raw in rows:
        if not raw.strip():
            continue
        try:
            fields = parse_object(raw)
            text = fields.pop(text_field, None)
            if not isinstance(text, str):
                found = ", ".join(map(repr, fields)) or "none"
                raise ValueError(f"no text in field {text_field!r} (fields here: {found}); name it with --text-field")
        except ValueError as error:
            complain(InputError(path, str(error), number))
            continue
        names = [str(fields[key]) for key in ("id", "url") if fields.get(key) not in (None, "")]
        yield Scrape(names[0] if names else f"{os.fspath(path)}:{number}", os.fspath(path), text, fields)


def score_pages(scrapes: Iterable[Scrape], model: PageMethods) -> Iterator[ScoredPage]:
    """Label pages, some at a time.

    Parameters
    ----------
    scrapes : iterable of Scrape
    model : PageMethods
        `LineClassifier` or `Labeller`.

    Yields
    ------
    ScoredPage
        In the order of the scrapes.
    """
    chunk: list[Scrape] = []
    for scrape in scrapes:
        chunk.append(scrape)
        if len(chunk) >= CHUNK_PAGES:
            yield from _score_chunk(chunk, model)
            chunk = []
    yield from _score_chunk(chunk, model)


def _score_chunk(chunk: list[Scrape], model: PageMethods) -> Iterator[ScoredPage]:
    for scrape, lines in zip(chunk, model.label_pages([scrape.text for scrape in chunk]), strict=True):
        yield ScoredPage(scrape, lines)


def page_record(page: ScoredPage, min_confidence: float | None = None) -> dict[str, Any]:
    """The JSON object of a scored page; `docs/formats.md` gives its schema.

    Parameters
    ----------
    page : ScoredPage
    min_confidence : float, optional
        Lines below it are marked as uncertain; without it the mark is left out.

    Returns
    -------
    dict
    """
    quality = page.quality
    lines = []
    for line in page.lines:
        row: dict[str, Any] = {
            "number": line.number,
            "text": line.text,
            "label": line.label,
            "confidence": round(line.confidence, 4),
        }
        if min_confidence is not None:
            row["uncertain"] = line.confidence < min_confidence
        row["probabilities"] = {name: round(value, 4) for name, value in line.probabilities.items()}
        lines.append(row)
    return {
        **page.scrape.fields,
        "id": page.scrape.id,
        "path": page.scrape.path,
        "quality": {"body_share": round(quality.body_share, 4), "lines": quality.lines, "counts": quality.counts},
        "lines": lines,
    }


Writer = Callable[[ScoredPage], None]


def json_lines_writer(out: IO[bytes], min_confidence: float | None) -> Writer:
    """Writes one JSON object a page."""

    def write(page: ScoredPage) -> None:
        out.write(json_row(page_record(page, min_confidence)).encode("utf-8"))

    return write


def csv_writer(out: IO[bytes], min_confidence: float | None) -> Writer:
    """Writes one row a line, behind a header row; NUL and lone surrogates, which CSV cannot hold, become U+FFFD."""
    columns = ["id", "path", "number", "label", "confidence"]
    columns += [] if min_confidence is None else ["uncertain"]
    columns += [*LABELS, "text"]

    def put(rows: list[list[Any]]) -> None:
        buffer = io.StringIO(newline="")
        csv.writer(buffer).writerows(rows)
        out.write(_NOT_IN_CSV.sub("\ufffd", buffer.getvalue()).encode("utf-8"))

    put([columns])

    def write(page: ScoredPage) -> None:
        rows = []
        for line in page.lines:
            row = [page.scrape.id, page.scrape.path, line.number, line.label, f"{line.confidence:.4f}"]
            row += [] if min_confidence is None else [str(line.confidence < min_confidence).lower()]
            rows.append([*row, *(f"{line.probabilities[name]:.4f}" for name in LABELS), line.text])
        put(rows)

    return write


def text_writer(out: IO[bytes], keep: Iterable[str], threshold: float | None = None) -> Writer:
    """Writes the lines to keep of each page (see `keep_lines`), with a blank line between pages."""
    from boilerplate.cleaning import keep_lines

    wanted = tuple(keep)
    written = False

    def write(page: ScoredPage) -> None:
        nonlocal written
        kept = keep_lines(page.scrape.text, page.lines, wanted, threshold)
        if written and kept:
            out.write(b"\n")
        if kept:
            out.write((kept.removesuffix("\n") + "\n").encode("utf-8", "surrogatepass"))
            written = True

    return write


def annotated_writer(out: IO[bytes]) -> Writer:
    """Writes annotated pages with the model's labels: a draft for people to correct."""

    def write(page: ScoredPage) -> None:
        known = {"id", "site", "lang", "labels"}
        fields = page.scrape.fields
        annotated = AnnotatedPage(
            id=page.scrape.id,
            text=normalise_newlines(page.scrape.text),
            labels=[line.label for line in page.lines],
            site=str(fields.get("site") or ""),
            lang=str(fields.get("lang") or ""),
            extra={key: value for key, value in fields.items() if key not in known} | {"reviewed": False},
        )
        out.write(json_row(fields_of_page(annotated)).encode("utf-8"))

    return write
