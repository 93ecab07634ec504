"""Page files: an annotated page a file, whose labels are carried through as a field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from boilerplate.corpus import PAGE_SUFFIX, fields_of_page, page_of_bytes
from boilerplate.errors import InputError
from boilerplate.inputs.records import ReadOptions, Reject, Scrape, excerpt, whole_file
from boilerplate.inputs.spans import Span
from boilerplate.inputs.text import page_name


def read(file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    """Read the file as one page."""
    source = span.source
    raw = whole_file(file, source, options)
    if isinstance(raw, Reject):
        yield raw
        return
    try:
        page = page_of_bytes(raw, source.shown, page_name(source.path).removesuffix(PAGE_SUFFIX))
    except InputError as error:
        yield Reject(source.shown, error.row, error.message, excerpt(raw))
        return
    fields = fields_of_page(page)
    yield Scrape(page.id, source.path, fields.pop("text"), fields)
