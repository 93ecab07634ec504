"""Inputs: which files to read, which format they have, and the pages in them.

`list_sources` makes files of paths, patterns, folders and URLs, `split` cuts large ones into spans, `read_span` gives
the pages of a span. There is a module for each format; `docs/formats.md` describes them.
"""

from __future__ import annotations

from boilerplate.inputs.records import MAX_RECORD_BYTES, ReadOptions, Reject, Scrape
from boilerplate.inputs.sniff import FORMATS, Format
from boilerplate.inputs.sources import STDIN, Source, list_sources
from boilerplate.inputs.spans import Span, copied, read_span, split

__all__ = [
    "FORMATS",
    "MAX_RECORD_BYTES",
    "STDIN",
    "Format",
    "ReadOptions",
    "Reject",
    "Scrape",
    "Source",
    "Span",
    "copied",
    "list_sources",
    "read_span",
    "split",
]
