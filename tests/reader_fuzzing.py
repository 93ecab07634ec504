"""What no reader may do, whatever it is given: crash, hang, or lose a record without saying so.

Files are written by the tools that people write them with, and then damaged. `tests/test_fuzz_readers.py` runs some of
this with every change, `benchmarks/fuzz_readers.py` as much as is wanted.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import lzma
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from strategies import one_text, page_texts
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from boilerplate.compression import Compression
from boilerplate.corpus import AnnotatedPage, format_page, json_row
from boilerplate.inputs import Format, ReadOptions, Reject, Scrape, Source, Span, read_span, split
from boilerplate.pages import labelled_lines, normalise_newlines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_RECORD_BYTES = 5_000
"""Small, so that it is met."""
OPTIONS = ReadOptions(max_record_bytes=MAX_RECORD_BYTES)

PACKERS: dict[Compression, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@dataclass(frozen=True)
class Written:
    """A file as a tool wrote it."""

    format: Format
    compression: Compression
    pieces: list[bytes]
    """What the file is made of: what comes before the records, if anything, and each record."""
    pages: list[tuple[str, dict[str, Any]]]
    """Text and fields of each record."""
    in_pieces: bool
    """Whether the last pieces hold a record each."""

    @property
    def raw(self) -> bytes:
        return b"".join(self.pieces)

    def before(self, place: int) -> int:
        """How many records end before that byte of the file."""
        return sum(end <= place for end in self.ends[len(self.ends) - len(self.pages) :]) if self.in_pieces else 0

    @property
    def ends(self) -> list[int]:
        """Where pieces end, and the file begins."""
        return [0, *itertools.accumulate(map(len, self.pieces))]


utf8_texts = page_texts.map(lambda text: text.encode("utf-8", "replace").decode("utf-8"))
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(lambda name: name not in ("text", "id"))
values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8).map(one_text)
json_values = st.recursive(
    values, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2)
)
long_texts = st.one_of(
    utf8_texts, st.integers(1, 40).flatmap(lambda times: utf8_texts.map(lambda text: (text + "tramway ") * times))
)


def packed(
    draw: st.DrawFn, format_: Format, pieces: list[bytes], pages: list[tuple[str, dict[str, Any]]], *, by_record: bool
) -> Written:
    """A file of these pieces, plain or compressed; gzip as one member or one a piece, as crawlers write it."""
    compression = draw(st.sampled_from(sorted(PACKERS)))
    if compression == "none":
        return Written(format_, compression, pieces, pages, by_record)
    if draw(st.booleans()):
        members = [PACKERS[compression](piece) for piece in pieces]
        return Written(format_, compression, members, pages, by_record and compression == "gzip")
    return Written(format_, compression, [PACKERS[compression](b"".join(pieces))], pages, False)


@st.composite
def json_lines_files(draw: st.DrawFn) -> Written:
    rows = draw(st.lists(st.tuples(long_texts, st.dictionaries(names, json_values, max_size=3)), max_size=6))
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \n"]))
    pieces = [json_row({**fields, "text": text}).encode().rstrip(b"\n") + end for text, fields in rows]
    return packed(draw, "jsonl", pieces, rows, by_record=True)


@st.composite
def csv_files(draw: st.DrawFn) -> Written:
    format_: Format = draw(st.sampled_from(["csv", "tsv"]))
    delimiter = "\t" if format_ == "tsv" else draw(st.sampled_from(",;|"))
    header = draw(st.lists(st.sampled_from(["id", "url", "a b", "n"]), unique=True, max_size=3))
    place = draw(st.integers(0, len(header)))
    header.insert(place, "text")
    cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
    texts = long_texts.map(lambda text: text.replace("\0", "\ufffd"))
    rows = draw(st.lists(st.tuples(*(texts if name == "text" else cells for name in header)).filter(any), max_size=6))
    quoting: Any = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    pieces = []
    for row in [tuple(header), *rows]:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=delimiter, quoting=quoting).writerow(row)
        pieces.append(out.getvalue().encode())
    pages = []
    for row in rows:
        fields = dict(zip(header, row, strict=True))
        pages.append((fields.pop("text"), fields))
    return packed(draw, format_, pieces, pages, by_record=True)


@st.composite
def parquet_files(draw: st.DrawFn) -> Written:
    rows = draw(st.lists(st.tuples(utf8_texts, st.integers(0, 9), st.none() | st.binary(max_size=5)), max_size=12))
    pages: list[tuple[str, dict[str, Any]]] = [(text, {"n": number, "b": raw}) for text, number, raw in rows]
    table = pa.table(
        {
            "n": pa.array([row[1] for row in rows], pa.int8()),
            "text": pa.array([row[0] for row in rows], draw(st.sampled_from([pa.string(), pa.large_string()]))),
            "b": pa.array([row[2] for row in rows], pa.binary()),
        }
    )
    out = io.BytesIO()
    packing = draw(st.sampled_from(["none", "snappy", "gzip", "zstd"]))
    pq.write_table(table, out, row_group_size=draw(st.integers(1, 5)), compression=packing)
    return Written("parquet", "none", [out.getvalue()], pages, False)


@st.composite
def warc_files(draw: st.DrawFn) -> Written:
    """Text records, which come out as they went in; `html` has its own tests of what becomes of markup."""
    texts = draw(st.lists(long_texts.filter(bool), max_size=5))
    zipped = draw(st.booleans())
    pieces = []
    pages = []
    for number, text in enumerate(texts):
        out = io.BytesIO()
        writer = WARCWriter(out, gzip=zipped)
        url = f"https://a.example/{number}"
        record = writer.create_warc_record(
            url, "conversion", payload=io.BytesIO(text.encode()), warc_content_type="text/plain"
        )
        writer.write_record(record)
        pieces.append(out.getvalue())
        pages.append((text, {"url": url}))
        if draw(st.booleans()):
            out = io.BytesIO()
            headers = StatusAndHeaders("200 OK", [("Content-Type", "image/png")], protocol="HTTP/1.1")
            writer = WARCWriter(out, gzip=zipped)
            writer.write_record(
                writer.create_warc_record(url, "response", payload=io.BytesIO(b"\x89PNG"), http_headers=headers)
            )
            pieces[-1] = out.getvalue() + pieces[-1]
    return Written(draw(st.sampled_from(["warc", "wet"])), "gzip" if zipped else "none", pieces, pages, True)


@st.composite
def single_page_files(draw: st.DrawFn) -> Written:
    text = draw(long_texts)
    if draw(st.booleans()):
        return packed(draw, "text", [text.encode()], [(text, {})], by_record=False)
    text = normalise_newlines(text)
    labels: Any = ["body" for _ in labelled_lines(text)]
    content = format_page(AnnotatedPage("x", text, labels)).encode()
    return packed(draw, "page", [content], [(text, {"id": "x", "labels": labels})], by_record=False)


@st.composite
def html_files(draw: st.DrawFn) -> Written:
    """Lines of letters as paragraphs: what is visible is known."""
    lines = draw(st.lists(st.text("abcäöüß ", min_size=1).map(str.strip).filter(bool), max_size=8))
    lines = [" ".join(line.split()) for line in lines]
    body = "".join(f"<p>{line}</p>" for line in lines)
    charset = draw(st.sampled_from(["utf-8", "iso-8859-1", "utf-16"]))
    meta = f'<meta charset="{charset}">' if charset != "utf-16" else ""
    raw = f"<!doctype html><html><head>{meta}<title>T</title></head><body>{body}</body></html>".encode(charset)
    return packed(draw, "html", [raw], [("\n\n".join(lines), {})], by_record=False)


FILES: dict[str, st.SearchStrategy[Written]] = {
    "jsonl": json_lines_files(),
    "csv": csv_files(),
    "parquet": parquet_files(),
    "warc": warc_files(),
    "single": single_page_files(),
    "html": html_files(),
}

mutations = st.lists(
    st.tuples(
        st.sampled_from(["set", "delete", "insert", "truncate", "double"]),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=4) | st.sampled_from([b'"', b"\n", b"\r\n", b"\0", b"\xff", b"\x1f\x8b\x08"]),
    ),
    min_size=1,
    max_size=4,
)


def mutated(raw: bytes, changes: list[tuple[str, float, bytes]]) -> tuple[bytes, int]:
    """The file after these changes, and the first byte that they concern."""
    first = len(raw)
    for kind, where, content in changes:
        place = int(where * len(raw))
        first = min(first, place)
        if kind == "set":
            raw = raw[:place] + content + raw[place + len(content) :]
        elif kind == "delete":
            raw = raw[:place] + raw[place + len(content) :]
        elif kind == "insert":
            raw = raw[:place] + content + raw[place:]
        elif kind == "truncate":
            raw = raw[:place]
        else:
            raw = raw[:place] + raw[max(0, place - 50) : place] + raw[place:]
    return raw, first


def read_file(
    raw: bytes, format_: Format, compression: Compression, target: int | None = None
) -> list[Scrape | Reject]:
    """All that a reader gives for a file of these bytes, cut into spans if a size is given."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        source = Source(file.name, format_, compression, len(raw))
        spans = [Span(source)] if target is None else split(source, target)
        return [item for span in spans for item in read_span(span, OPTIONS)]


def shown(items: list[Scrape | Reject]) -> list[tuple[str, dict[str, Any]]]:
    """Text and fields of the pages among them; names and dates that tools made up left out."""
    return [
        (item.text.strip("\n") if "html" in Path(item.path).name else item.text, without_date(dict(item.fields)))
        for item in items
        if isinstance(item, Scrape)
    ]


def without_date(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "date"}


def check_good(file: Written, target: int) -> None:
    """A file that nobody damaged: every record as it went in, or rejected for its size alone; however it is cut."""
    items = read_file(file.raw, file.format, file.compression)
    assert len(items) == len(file.pages)
    for item, (text, fields) in zip(items, file.pages, strict=True):
        if isinstance(item, Reject):
            assert item.reason.startswith(f"more than {MAX_RECORD_BYTES:,}"), item
            # A record may be larger than its text by escapes and other fields.
            assert len(repr((text, fields)).encode()) > MAX_RECORD_BYTES // 8
        elif file.format == "html":
            assert (item.text.strip("\n"), item.fields) == (text, fields)
        else:
            assert (item.text, without_date(dict(item.fields))) == (text, fields)
    cut = read_file(file.raw, file.format, file.compression, target)
    assert [outline(item) for item in cut] == [outline(item) for item in items]


def outline(item: Scrape | Reject) -> tuple[Any, ...]:
    """What does not depend on the name of a temporary file."""
    if isinstance(item, Reject):
        return (item.row, item.reason, item.excerpt)
    return (item.id.rpartition(":")[2] if ":" in item.id else "", item.text, dict(item.fields))


def check_damaged(file: Written, changes: list[tuple[str, float, bytes]]) -> None:
    """A file that was damaged: the records before the damage as they were, and none lost without a word."""
    raw, first = mutated(file.raw, changes)
    items = read_file(raw, file.format, file.compression)
    whole = file.before(first)
    before = [outline(item) for item in read_file(file.raw, file.format, file.compression)]
    assert [outline(item)[1:] for item in items[:whole]] == [outline[1:] for outline in before[:whole]]
    if file.format == "jsonl" and file.compression == "none":
        # Every row is accounted for.
        assert len(items) == sum(bool(row.strip()) for row in raw.split(b"\n"))
    if file.format in ("text", "html", "page") and (raw or file.compression == "none"):
        assert len(items) == 1
    if file.compression != "none" and len(items) < len(file.pages) and len(changes) == 1 and first not in file.ends:
        # A file that was cut off between two of its members is a good file, and several changes can do that by degrees.
        assert any(isinstance(item, Reject) for item in items)


def check_noise(raw: bytes, format_: Format, compression: Compression) -> None:
    """Bytes of any kind: something comes of them, or nothing."""
    read_file(raw, format_, compression)
