"""HTML files: a page a file, its markup made into lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from boilerplate.errors import missing_extra
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
        text = text_of_html(raw)
    except ValueError as error:
        yield Reject(source.shown, None, str(error), excerpt(raw))
        return
    yield Scrape(page_name(source.path), source.path, text)


def text_of_html(raw: bytes, charset: str | None = None) -> str:
    """The visible text of a page's markup, a line for each block, alternative texts of pictures included.

    `benchmarks/html_rendering.py` compares renderings by what labelling makes of them; this is the best of them.

    Parameters
    ----------
    raw : bytes
    charset : str, optional
        What the server said. A byte order mark goes before it; without either the page's ``meta`` tag, or else the
        bytes themselves decide, as the WHATWG's standard has it.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the parser refuses the markup.
    """
    try:
        from resiliparse.extract.html2text import extract_plain_text
        from resiliparse.parse.encoding import bytes_to_str
    except ImportError:
        raise missing_extra("HTML is read by resiliparse", "web") from None
    try:
        markup = bytes_to_str(raw, _charset(raw, charset))
        return str(extract_plain_text(markup, main_content=False, alt_texts=True)).strip("\n") + "\n"
    except (RuntimeError, LookupError) as error:
        raise ValueError(f"no HTML that can be read ({error})") from None


def _charset(raw: bytes, declared: str | None) -> str:
    from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if raw.startswith(mark):
            return name
    known = map_encoding_to_html5(declared, fallback_utf8=False) if declared else None
    return str(known or detect_encoding(raw, from_html_meta=True))
