"""Text files: a page a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from boilerplate.inputs.records import ReadOptions, Reject, Scrape, excerpt, whole_file
from boilerplate.inputs.sources import STDIN
from boilerplate.inputs.spans import Span


def read(file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    """Read the file as one page of UTF-8."""
    source = span.source
    raw = whole_file(file, source, options)
    if isinstance(raw, Reject):
        yield raw
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].split(b"\n")
        broken = raw[error.start - len(before[-1]) :]
        yield Reject(source.shown, len(before), "not UTF-8; convert the file to UTF-8", excerpt(broken))
        return
    yield Scrape(page_name(source.path), source.path, text)


def page_name(path: str) -> str:
    """A page's name, where nothing but its file names it."""
    return "stdin" if path == STDIN else path.rsplit("/", 1)[-1]
