"""WARC and WET: the HTML pages that were fetched, and the texts that others made of such pages."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Final, Literal, cast

from boilerplate.compression import DamageError
from boilerplate.errors import missing_extra
from boilerplate.inputs.html import text_of_html
from boilerplate.inputs.records import ReadOptions, Reject, Scrape, name_of_record
from boilerplate.inputs.sniff import is_markup
from boilerplate.inputs.spans import Span

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

_HTML_TYPES: Final = ("text/html", "application/xhtml+xml")
_HEAD_BYTES: Final = 64 << 10
"""Holds the headers of any sane HTTP response."""
Decoding = Literal["all", "transfer", "none"]
_DECODINGS: Final[tuple[Decoding, ...]] = ("all", "transfer", "none")
_RECORD_END: Final = b"\r\n\r\n"
_CUT_OFF: Final = "the file ends within this record; fetch it again"
_ODD_BYTES: Final = 32
"""As many bytes between two records are odd white space; more may have been a record."""


class _UnreadableError(ValueError):
    """A record that should be a page and is none, with what is wrong."""


def read(file: IO[bytes], span: Span, options: ReadOptions) -> Iterator[Scrape | Reject]:
    """Read the pages among the records, which are numbered from 1.

    These are responses of 2xx with HTML, resources of HTML, and conversions to text. Other records are passed over.
    """
    try:
        from fastwarc.warc import ArchiveIterator
    except ImportError:
        raise missing_extra("WARC files are read by FastWARC", "web") from None
    source = span.source
    counted = _Counted(file)
    # Quirks mode looks for the next record behind bytes that are none, instead of giving up.
    records = ArchiveIterator(cast("IO[bytes]", counted), parse_http=False, quirks_mode=True, stream_detect=False)
    number = end = faulty = 0
    while True:
        try:
            record = next(records, None)
        except (DamageError, ValueError) as error:
            yield Reject(source.shown, number + 1, str(error))
            return
        except OSError as error:
            if error.errno is not None:
                raise
            yield Reject(source.shown, number + 1, f"no WARC record that can be read ({error}); the rest is lost")
            return
        start = counted.position if record is None else record.stream_pos
        if start - end > _ODD_BYTES:
            place = "at the end of the file" if record is None else "before this record"
            yield Reject(source.shown, number + 1, f"{start - end:,} bytes {place} are no WARC record")
        if record is None:
            if end - start > len(_RECORD_END) and faulty != number:
                yield Reject(source.shown, number, _CUT_OFF)
            return
        number += 1
        end = start + _header_bytes(record) + record.content_length + len(_RECORD_END)
        try:
            page = _page(record, number, span, options)
        except (DamageError, _UnreadableError) as error:
            yield Reject(source.shown, number, str(error), record.headers.get("WARC-Target-URI") or "")
            if isinstance(error, DamageError):
                return
            faulty = number
            continue
        if page is not None:
            yield page


def _page(record: WarcRecord, number: int, span: Span, options: ReadOptions) -> Scrape | None:
    """The page that a record holds, if it holds one."""
    from fastwarc.warc import WarcRecordType

    limit = options.max_record_bytes
    if not (record.headers.get("Content-Length") or "").strip().isdecimal():
        raise _UnreadableError("no length in the headers of this record; was the file cut off?")
    kind = (record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if record.record_type == WarcRecordType.response and kind == "application/http":
        head = _content(record, min(_HEAD_BYTES, limit))
        if not _is_html(head):
            return None
        raw = _content(record, limit + 1, head)
        payload, charset = _http_payload(_within(raw, limit), limit)
        text = _rendered(payload, charset)
    elif record.record_type == WarcRecordType.resource and kind in _HTML_TYPES:
        raw = _within(_content(record, limit + 1), limit)
        text = _rendered(raw, None)
    elif record.record_type == WarcRecordType.conversion and kind in ("", "text/plain"):
        raw = _within(_content(record, limit + 1), limit)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _UnreadableError(f"not UTF-8 (byte {error.start + 1} of the text)") from None
    else:
        return None
    found = {
        "url": (record.headers.get("WARC-Target-URI") or "").strip("<>"),
        "date": record.headers.get("WARC-Date"),
        "language": record.headers.get("WARC-Identified-Content-Language"),
    }
    fields = {name: value for name, value in found.items() if value}
    name = (record.headers.get("WARC-Record-ID") or "").strip("<>")
    return Scrape(name or name_of_record(fields, span.source, number), span.source.path, text, fields)


def _content(record: WarcRecord, size: int, begun: bytes = b"") -> bytes:
    """The beginning of a record's content, up to that many bytes, of which some may have been read before.

    Raises
    ------
    ValueError
        If the file ends before the record does.
    """
    raw = begun + _take(record, size - len(begun))
    if len(raw) < min(size, record.content_length):
        raise _UnreadableError(_CUT_OFF)
    return raw


def _take(record: WarcRecord, size: int) -> bytes:
    """As many bytes of a record's content as there are, up to that many."""
    parts = []
    while size > 0 and (part := record.reader.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _within(raw: bytes, limit: int) -> bytes:
    if len(raw) > limit:
        raise _UnreadableError(f"more than {limit:,} bytes; raise --max-record-bytes to read it")
    return raw


def _is_html(head: bytes) -> bool:
    """Whether the beginning of an HTTP response announces a page; without a content type its body tells.

    Raises
    ------
    ValueError
        If it is no HTTP response.
    """
    response = _parsed(head, "none")
    status = response.http_headers.status_code
    if status is None:
        raise _UnreadableError("no HTTP response in this record")
    kind = (response.http_content_type or "").strip().lower()
    return 200 <= status < 300 and (kind in _HTML_TYPES or (not kind and is_markup(_take(response, _HEAD_BYTES))))


def _http_payload(raw: bytes, limit: int) -> tuple[bytes, str | None]:
    """The decoded body of an HTTP response, and the character set that the server named.

    Servers and crawlers err: where a body is not encoded as its headers say, it is taken as it is, if it is markup.
    """
    for decoding in _DECODINGS:
        try:
            response = _parsed(raw, decoding)
            payload = _take(response, limit + 1)
        except OSError:
            continue
        if payload.startswith(b"\x1f\x8b"):
            try:
                payload = zlib.decompressobj(31).decompress(payload, limit + 1)
            except zlib.error:
                continue
        if decoding == "all" or b"<" in payload[:_HEAD_BYTES]:
            return _within(payload, limit), response.http_charset
    raise _UnreadableError("the body is not encoded as its headers say")


def _parsed(raw: bytes, decoding: Decoding) -> WarcRecord:
    """An HTTP response, in a record of its own: what goes wrong with it would end the iteration over the file."""
    from fastwarc.warc import WarcRecord

    response = WarcRecord()
    response.is_http = True
    response.set_bytes_content(raw)
    response.parse_http(auto_decode=decoding, quirks_mode=True)
    return response


def _rendered(raw: bytes, charset: str | None) -> str:
    try:
        return text_of_html(raw, charset)
    except ValueError as error:
        raise _UnreadableError(str(error)) from None


def _header_bytes(record: WarcRecord) -> int:
    """How long a record's headers are, with the empty line behind them."""
    rows = record.headers.items_bytes()
    return len(b"WARC/1.0\r\n") + sum(len(name) + len(value) + len(b": \r\n") for name, value in rows) + len(b"\r\n")


class _Counted:
    """A stream that knows how much of it was read, without ``seek``: FastWARC would use it, whether it works or not."""

    def __init__(self, file: IO[bytes]) -> None:
        self.position = 0
        # What can be had before any damage, where the file knows how to do that.
        self._read = getattr(file, "read1", file.read)

    def read(self, size: int = -1) -> bytes:
        """Read up to that many bytes."""
        raw: bytes = self._read(size)
        self.position += len(raw)
        return raw

    def tell(self) -> int:
        """How much was read."""
        return self.position
