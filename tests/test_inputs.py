"""Inputs: which files they stand for, and the pages in files that real tools wrote."""

from __future__ import annotations

import bz2
import csv
import datetime
import decimal
import gzip
import io
import json
import lzma
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import run
from fastwarc.warc import WarcRecord, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st
from strategies import page_texts
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from boilerplate.corpus import json_row
from boilerplate.errors import InputError
from boilerplate.inputs import Format, ReadOptions, Reject, Scrape, Source, Span, list_sources, read_span, split
from boilerplate.inputs.html import text_of_html

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Item = Scrape | Reject


def items(path: Path | str, input_format: Format | None = None, **options: Any) -> list[Item]:
    """All that a reader gives for an input."""
    reading = ReadOptions(**options)
    sources = list_sources([str(path)], input_format, reading.text_field)
    return [item for source in sources for item in read_span(Span(source), reading)]


def pages(path: Path | str, input_format: Format | None = None, **options: Any) -> list[Scrape]:
    """The pages of an input, all of which can be read."""
    found = items(path, input_format, **options)
    assert [item for item in found if isinstance(item, Reject)] == []
    return [item for item in found if isinstance(item, Scrape)]


def texts(path: Path | str, input_format: Format | None = None, **options: Any) -> list[str]:
    return [page.text for page in pages(path, input_format, **options)]


def complaints(path: Path | str, input_format: Format | None = None, **options: Any) -> list[str]:
    """What is said of the records of a file that cannot be read."""
    found = items(path, input_format, **options)
    return [str(item.error).removeprefix(str(path)) for item in found if isinstance(item, Reject)]


def kind(path: Path) -> tuple[str, str]:
    """Format and compression that a file is taken for."""
    [source] = list_sources([str(path)])
    return source.format, source.compression


class TestRecognition:
    @pytest.mark.parametrize(
        ("name", "format_"),
        [
            *(("a" + suffix, "text") for suffix in (".txt", ".text", ".md", ".TXT")),
            *(("a" + suffix, "jsonl") for suffix in (".jsonl", ".jl", ".ndjson")),
            *(("a" + suffix, "html") for suffix in (".html", ".htm", ".xhtml")),
            ("a.csv", "csv"),
            ("a.tsv", "tsv"),
            ("a.page", "page"),
            ("a.parquet", "parquet"),
            ("crawl.warc.gz", "warc"),
            ("CC-MAIN.warc.wet.gz", "wet"),
        ],
    )
    def test_by_name(self, name: str, format_: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(b"whatever")
        assert kind(tmp_path / name)[0] == format_

    @pytest.mark.parametrize(
        ("raw", "format_"),
        [
            (b"", "text"),
            (b"A page\nof text", "text"),
            (b'{"text": "One"}', "jsonl"),
            (b'\xef\xbb\xbf\n {"text": "One"}\nrubbish', "jsonl"),
            (b'{"content": "One"}\n{"content": "Two"}', "jsonl"),
            (b'{"@type": "NewsArticle"}\nTitle', "text"),
            (b'{"text": "' + b"ferry " * 40_000 + b'"}\n{}', "jsonl"),
            (b"\n<!DOCTYPE html>\n<p>One", "html"),
            (b'<?xml version="1.0"?>\n<!-- a -->\n<html lang="en">', "html"),
            (b"<htmlish>", "text"),
            (b"id,text\n1,One\n2,Two\n", "csv"),
            (b'\xef\xbb\xbf"text";"id"\r\n"One; ""or""\r\n\r\ntwo";"1"\r\n\r\n', "csv"),
            (b'text,id\n"' + b"ferry, \n" * 20_000 + b'",1\nTwo,2\n', "csv"),
            (b"id\ttext\n1\tOne, two\n", "tsv"),
            (b",text\n0,One\n", "csv"),
            (b"id,text\n" + b"1,One\n" * 20_000, "csv"),
            (b"id,text\n", "text"),
            (b"text\nOne\n", "text"),
            (b"id,text\n1,One\n\n2,Two\n", "text"),
            (b"id,text\n1,One, or two\n", "text"),
            (b"Photo, text\nBy Una Fairlie, May\n", "text"),
            (b"Ferries, trams, bells\nall, in, one\n", "text"),
            (b'{\n"@type": "NewsArticle"\n}\n\nTitle', "text"),
            (b'[{"@type": "NewsArticle"}]\nTitle', "text"),
            (b"[{Photo}]", "text"),
            (b"WARC/1.0\r\nWARC-Type: warcinfo\r\n", "warc"),
            (b"PAR1 and more", "parquet"),
        ],
    )
    def test_by_content_where_the_name_says_nothing(self, raw: bytes, format_: str, tmp_path: Path) -> None:
        for name, content in (("a", raw), ("a.gz", gzip.compress(raw)), ("b", bz2.compress(raw))):
            (tmp_path / name).write_bytes(content)
            if format_ != "parquet" or name == "a":
                assert kind(tmp_path / name)[0] == format_

    def test_clear_content_goes_before_the_name(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(gzip.compress(b"A page"))
        assert (kind(tmp_path / "a.txt"), texts(tmp_path / "a.txt")) == (("text", "gzip"), ["A page"])
        (tmp_path / "b.txt").write_bytes(warc(("https://a.example/", b"<p>One")))
        assert kind(tmp_path / "b.txt") == ("warc", "none")

    def test_the_option_goes_before_all(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(b'{"text": "One"}')
        assert texts(tmp_path / "a.jsonl", "text") == ['{"text": "One"}']
        assert run("score", tmp_path / "a.jsonl", "--input-format", "text", "--format", "text").code == 0
        assert "'odt'" in run("score", tmp_path / "a.jsonl", "--input-format", "odt").errors

    @pytest.mark.parametrize(
        ("raw", "remedy"),
        [
            (b'[{"text": "One"}]', "jq -c '.[]'"),
            (b'\xef\xbb\xbf[\n  {"content": "One"},\n  {"content": "Two"}\n]\n', "jq -c '.[]'"),
            (b'[{"n": 1}' + b',\n{"n": 2}' * 10_000 + b"]", "jq -c '.[]'"),
            (b'[{"text": "' + b"ferry " * 20_000 + b'"}]', "jq -c '.[]'"),
            (b'{\n  "text": "One"\n}\n', "jq -c ."),
            (b'{\n  "text": "One"\n}\n{\n  "text": "Two"\n}\n', "jq -c ."),
        ],
    )
    def test_a_json_document_is_refused_with_a_remedy(self, raw: bytes, remedy: str, tmp_path: Path) -> None:
        for name in ("a.json", "a"):
            (tmp_path / name).write_bytes(raw)
            with pytest.raises(InputError, match=rf"{name}: a JSON .* is no JSON Lines; make .*") as caught:
                list_sources([str(tmp_path / name)])
            assert f"as {remedy} does" in str(caught.value)
        outcome = run("score", stdin=raw)
        assert (outcome.code, outcome.raw, len(outcome.complaints)) == (2, b"", 2)
        assert outcome.complaints[0].startswith("boilerplate: stdin: a JSON ")
        (tmp_path / "c.json").write_bytes(b"[1, 2]")
        with pytest.raises(InputError, match=r"c\.json: no JSON Lines; make an object a row of it, as jq"):
            list_sources([str(tmp_path / "c.json")])
        (tmp_path / "b.json").write_bytes(b'{"text": "One"}\n')
        assert texts(tmp_path / "b.json") == ["One"]

    def test_size_and_time_are_noted(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("One")
        os.utime(tmp_path / "a.txt", (1_000, 2_000))
        assert list_sources([str(tmp_path / "a.txt")]) == [Source(str(tmp_path / "a.txt"), "text", "none", 3, 2_000.0)]


class TestPatternsAndFolders:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        for name in ("b.txt", "a/c.txt", "a/d.jsonl", "a/.hidden.txt", ".git/e.txt", "a/f.log", "[x].txt"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text('{"text": "One"}')
        return tmp_path

    def found(self, tree: Path, *inputs: str, input_format: Format | None = None) -> list[str]:
        sources = list_sources([str(tree / name) for name in inputs], input_format)
        return [os.path.relpath(source.path, tree) for source in sources]

    def test_patterns(self, tree: Path) -> None:
        assert self.found(tree, "*.txt") == ["[x].txt", "b.txt"]
        assert self.found(tree, "**/*.txt") == ["[x].txt", "a/c.txt", "b.txt"]
        assert self.found(tree, "a/?.*") == ["a/c.txt", "a/d.jsonl", "a/f.log"]
        assert self.found(tree, "[a]") == ["a/c.txt", "a/d.jsonl"]

    def test_a_name_that_looks_like_a_pattern_is_a_name(self, tree: Path) -> None:
        assert self.found(tree, "[x].txt") == ["[x].txt"]

    def test_folders(self, tree: Path) -> None:
        assert self.found(tree, ".") == ["[x].txt", "a/c.txt", "a/d.jsonl", "b.txt"]
        assert self.found(tree, "a", input_format="text") == ["a/c.txt", "a/d.jsonl", "a/f.log"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("none.txt", "no such file or folder"),
            ("*.pdf", "no file matches this pattern"),
            ("empty", "no file in this folder ends in one of .txt"),
        ],
    )
    def test_what_stands_for_nothing(self, name: str, message: str, tree: Path) -> None:
        (tree / "empty").mkdir()
        outcome = run("score", tree / name)
        assert (outcome.code, outcome.raw) == (2, b"")
        assert outcome.complaints[0].startswith(f"boilerplate: {tree / name}: {message}")

    def test_the_shell_may_hand_over_a_pipe(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        content = gzip.compress(b'{"text": "One"}\n{"text": "Two"}\n')
        threading.Thread(target=pipe.write_bytes, args=[content], daemon=True).start()
        assert texts(pipe) == ["One", "Two"]


class TestCompression:
    ROWS = b"".join(json_row({"text": f"Page {number} {number**70}"}).encode() for number in range(3_000))

    @pytest.mark.parametrize(
        ("suffix", "pack"),
        [
            (".gz", gzip.compress),
            (".zst", zstd.compress),
            (".zstd", zstd.compress),
            (".bz2", bz2.compress),
            (".xz", lzma.compress),
        ],
    )
    def test_all_members_are_read_and_damage_costs_only_what_is_behind_it(
        self, suffix: str, pack: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        half = self.ROWS.index(b"\n", len(self.ROWS) // 2) + 1
        members = [pack(self.ROWS[:half]), pack(self.ROWS[half:])]
        path = tmp_path / f"a.jsonl{suffix}"
        path.write_bytes(b"".join(members))
        assert [{"text": text} for text in texts(path)] == [json.loads(row) for row in self.ROWS.splitlines()]

        first = self.ROWS[:half].count(b"\n")
        for damaged in (members[0] + b"rubbish" + members[1], members[0] + members[1][: len(members[1]) // 2]):
            path.write_bytes(damaged)
            found = items(path)
            assert len(found) > first
            assert all(isinstance(item, Scrape) for item in found[:-1])
            assert isinstance(found[-1], Reject)
            assert (found[-1].row, found[-1].reason[:8]) == (len(found), "damaged ")

        path.write_bytes(b"".join(members) + b"\0" * 1024)  # as tapes are padded
        assert len(texts(path)) == 3_000

    def test_empty_files(self, tmp_path: Path) -> None:
        for suffix in ("", ".gz", ".zst", ".bz2", ".xz"):
            (tmp_path / f"a.jsonl{suffix}").touch()
            assert items(tmp_path / f"a.jsonl{suffix}") == []


class TestShards:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a.jsonl"
        rows = [json_row({"text": "x" * (number % 7) * 20}).encode() for number in range(50)]
        path.write_bytes(b"\n".join([b"", *rows, b"{bad", b'{"text": "without a newline"}']))
        return path

    @pytest.mark.parametrize("target", [1, 10, 100, 1_000, 5_000, 100_000])
    def test_json_lines_are_cut_between_rows(self, path: Path, target: int) -> None:
        [source] = list_sources([str(path)])
        spans = split(source, target)
        assert [item for span in spans for item in read_span(span)] == items(path)
        assert sum(span.size or 0 for span in spans) == path.stat().st_size
        assert len(spans) == 1 or len(spans) > path.stat().st_size // (2 * target + 300)

    @given(st.data())
    def test_a_record_belongs_to_the_shard_that_it_begins_in(self, data: st.DataObject) -> None:
        raw = b'{"text": "One"}\n\n{"text": "Two"}\r\n{bad\n{"text": "Three"}'
        cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1))))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("boilerplate.inputs.spans.open_to_read", lambda path: io.BytesIO(raw))
            source = Source("a.jsonl", "jsonl", size=len(raw))
            spans = [Span(source, a, b) for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
            found = [item for span in spans for item in read_span(span)]
        assert [getattr(item, "text", "bad") for item in found] == ["One", "Two", "bad", "Three"]

    def test_row_groups(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": [f"Page {number}" for number in range(100)]}), path, row_group_size=7)
        [source] = list_sources([str(path)])
        for target, expected in ((1, 15), (10**9, 1)):
            spans = split(source, target)
            assert len(spans) == expected
            found = [item for span in spans for item in read_span(span)]
            assert [item.id for item in found if isinstance(item, Scrape)] == [f"{path}:{n}" for n in range(1, 101)]

    def test_what_cannot_be_cut_is_whole(self, path: Path, tmp_path: Path) -> None:
        packed = tmp_path / "b.jsonl.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        for name in (packed, tmp_path / "c.csv"):
            name.touch()
            [source] = list_sources([str(name)])
            assert split(source, 1) == [Span(source, size=name.stat().st_size)]


class TestRecordSizes:
    def test_a_record_that_is_too_large_is_passed_over(self, tmp_path: Path) -> None:
        rows = [json_row({"text": text}) for text in ("One", "x" * 3_000_000, "Two", "y" * 2_000)]
        path = tmp_path / "a.jsonl"
        path.write_text("".join(rows))
        found = items(path, max_record_bytes=1_000)
        assert [item.text if isinstance(item, Scrape) else item.row for item in found] == ["One", 2, "Two", 4]
        assert complaints(path, max_record_bytes=1_000)[0].startswith(":2: more than 1,000 bytes; raise --max-record-b")
        assert isinstance(found[1], Reject)
        assert found[1].excerpt == rows[1][:200]

    @pytest.mark.parametrize("name", ["a.txt", "a.html", "a.page", "a.csv", "a.parquet", "a.warc"])
    def test_in_every_format(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        text = "<p>" + "word " * 1_000
        written = {
            "a.csv": f'id,text\r\nx,"{text}"\r\n'.encode(),
            "a.page": f"body\t{text}".encode(),
            "a.warc": warc(("https://a.example/", text.encode())),
        }
        path.write_bytes(written.get(name, text.encode()))
        if name == "a.parquet":
            pq.write_table(pa.table({"text": [text]}), path)
        assert [complaint.split(": ")[1][:11] for complaint in complaints(path, max_record_bytes=2_000)] == [
            "more than 2"
        ]
        assert len(pages(path, max_record_bytes=20_000)) == 1

    def test_the_option(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("One\n" * 1_000)
        outcome = run("score", tmp_path / "a.txt", "--max-record-bytes", "1kB")
        assert (outcome.code, outcome.complaints[0].partition(": ")[2]) == (
            2,
            f"{tmp_path / 'a.txt'}: more than 1,000 bytes; raise --max-record-bytes to read it",
        )
        assert run("clean", tmp_path / "a.txt", "--max-record-bytes", "1MB").code == 0


class TestCsv:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    def test_what_pandas_wrote(self, separator: str, quoting: Any, tmp_path: Path) -> None:
        frame = pd.DataFrame(
            {
                "url": ["https://a.example/", "https://b.example/"],
                "text": ['One\n\n"Two", said; she\t|\r\nThree', " Four "],
                "code": ["007", ""],
                "n": [1, 2],
            }
        )
        path = tmp_path / ("a.tsv" if separator == "\t" else "a.csv")
        frame.to_csv(path, index=False, sep=separator, quoting=quoting)
        found = pages(path)
        assert [page.text for page in found] == list(frame["text"])
        assert found[0].fields == {"url": "https://a.example/", "code": "007", "n": "1"}
        assert [page.id for page in found] == list(frame["url"])

    def test_what_arrow_wrote(self, tmp_path: Path) -> None:
        from pyarrow.csv import write_csv

        path = tmp_path / "a.csv.gz"
        with gzip.open(path, "wb") as file:
            write_csv(pa.table({"text": ['One "x"', "Two"], "id": [1, 2]}), file)
        assert [(page.text, page.fields) for page in pages(path)] == [('One "x"', {"id": "1"}), ("Two", {"id": "2"})]

    def test_a_byte_order_mark_as_excel_writes_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        pd.DataFrame({"text": ["Größe"]}).to_csv(path, index=False, encoding="utf-8-sig")
        assert texts(path) == ["Größe"]

    def test_rows_that_cannot_be_read_cost_no_others(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        rows = [b"url,text", b"a,One", b"b", b"", b"c,Two,more", b"d,\xff", b'e,"Three', b'lines"', b"f,Four"]
        path.write_bytes(b"\r\n".join(rows))
        assert [page.text for page in items(path) if isinstance(page, Scrape)] == ["One", "Three\r\nlines", "Four"]
        assert complaints(path) == [
            ":3: 1 fields, where the header has 2",
            ":5: 3 fields, where the header has 2",
            ":6: not UTF-8; convert the file to UTF-8",
        ]

    @pytest.mark.parametrize("limit", [10**6, 300])
    def test_a_quotation_mark_that_is_never_closed_costs_one_row(self, limit: int, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        rows = [f"u{number},Text {number}\n" for number in range(50)]
        path.write_text("url,text\n" + "".join(rows[:10]) + 'x,"open\n' + "".join(rows[10:]))
        found = items(path, max_record_bytes=limit)
        assert [item.text for item in found if isinstance(item, Scrape)] == [f"Text {number}" for number in range(50)]
        assert complaints(path, max_record_bytes=limit) == [":12: a quotation mark is never closed"]

    @pytest.mark.parametrize(
        ("raw", "complaint"),
        [
            (b"url,body\na,b\n", ":1: no text in field 'text' (fields here: 'url', 'body'); name it with --text-field"),
            (b'"url,text\na,b\n', ":1: no text in field 'text' (fields here: 'url,text"),
            (b"x" * 5_000, ":1: no header row that can be read"),
            (b"text,text,id\na,b,c\n", ":1: two columns are called 'text'; rename one of them"),
        ],
    )
    def test_headers_that_are_none(self, raw: bytes, complaint: str, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes(raw)
        [found] = complaints(path, max_record_bytes=1_000)
        assert found.startswith(complaint)

    def test_a_single_column_has_no_delimiter(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text('text\nOne, two; three\n"Four, ""five"""\n', newline="")
        assert texts(path) == ["One, two; three", 'Four, "five"']

    def test_columns_without_a_name_get_one(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes(b"text,,\nOne,1,2\n")
        assert [page.fields for page in pages(path)] == [{"column 2": "1", "column 3": "2"}]

    def test_on_standard_input(self) -> None:
        rows = "content;n\n" + "".join(f"Text {number}; and more;{number}\n".replace("; ", ", ") for number in range(3))
        outcome = run("score", "--text-field", "content", stdin=rows.encode())
        assert [json.loads(row)["n"] for row in outcome.text.splitlines()] == ["0", "1", "2"]
        packed = run("score", "--text-field", "content", "-j", "2", stdin=gzip.compress(rows.encode()))
        assert packed.raw == outcome.raw

    def test_old_newlines(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes(b"id,text\r1,One\r2,Two\r")
        assert texts(path) == ["One", "Two"]


class TestParquet:
    def test_columns_are_carried_with_their_values(self, tmp_path: Path) -> None:
        when = datetime.datetime(2024, 5, 31, 12, tzinfo=datetime.UTC)
        table = pa.table(
            {
                "id": [1, None],
                "url": ["https://a.example/", "https://b.example/"],
                "text": pa.array(["One", "Two"], pa.large_string()),
                "when": pa.array([when, None], pa.timestamp("us", "UTC")),
                "price": pa.array([decimal.Decimal("1.50"), None]),
                "tags": [["a", "b"], []],
            }
        )
        path = tmp_path / "a.parquet"
        pq.write_table(table, path)
        first, second = pages(path)
        assert (first.id, second.id) == ("1", "https://b.example/")
        assert first.fields == {
            "id": 1,
            "url": "https://a.example/",
            "when": when,
            "price": decimal.Decimal("1.50"),
            "tags": ["a", "b"],
        }

    def test_what_pandas_wrote(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pd.DataFrame({"text": ["One", None, "Three"], "n": [1, 2, 3]}, index=[5, 6, 7]).to_parquet(path)
        assert [item.text for item in items(path) if isinstance(item, Scrape)] == ["One", "Three"]
        assert complaints(path)[0].startswith(":2: no text in field 'text' (fields here: 'n', ")

    def test_text_in_other_types(self, tmp_path: Path) -> None:
        for number, column in enumerate(
            [
                pa.array(["One", "Two"]).dictionary_encode(),
                pa.array([b"One", b"Two"], pa.binary()),
                pa.array(["One", "Two"], pa.string_view()),
            ]
        ):
            path = tmp_path / f"{number}.parquet"
            pq.write_table(pa.table({"text": column}), path)
            assert texts(path) == ["One", "Two"]
        pq.write_table(pa.table({"text": [b"One", b"\xff"]}), path)
        assert complaints(path) == [":2: not UTF-8 (byte 1 of 'text')"]

    def test_values_that_python_has_none_for(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": ["One"], "when": pa.array([2**59], pa.timestamp("us"))}), path)
        assert pages(path)[0].fields["when"].startswith("20237-")

    def test_without_the_column(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"a": [1, 2]}), path)
        assert complaints(path) == [": no text in field 'text' (fields here: 'a'); name it with --text-field"]

    def test_a_damaged_row_group_costs_no_other(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        text = [f"Page {number} {number**60}" for number in range(300)]
        pq.write_table(pa.table({"text": text}), path, row_group_size=100, use_dictionary=False, compression="gzip")
        raw = bytearray(path.read_bytes())
        middle = pq.ParquetFile(path).metadata.row_group(1).column(0)
        place = middle.data_page_offset + middle.total_compressed_size // 2
        raw[place : place + 20] = b"\0" * 20
        path.write_bytes(raw)
        assert [item.text for item in items(path) if isinstance(item, Scrape)] == text[:100] + text[200:]
        [complaint] = complaints(path)
        assert complaint.startswith(":101: damaged row group (")
        assert complaint.endswith("; 100 rows from here on are lost")

    @pytest.mark.parametrize("raw", [b"", b"PAR1", b"rubbish" * 100])
    def test_what_is_no_parquet(self, raw: bytes, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        path.write_bytes(raw)
        [complaint] = complaints(path)
        assert complaint.startswith(": no Parquet that can be read (")
        [source] = list_sources([str(path)])
        assert split(source, 1) == [Span(source, size=len(raw))]

    def test_from_standard_input(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": ["One", "Two"]}), path)
        outcome = run("clean", "--keep", "body,promo,caption,foreign-caption", stdin=path.read_bytes())
        assert (outcome.code, outcome.text) == (0, "One\n\nTwo\n")


class TestHtml:
    MARKUP = (
        "<!doctype html><meta charset=%s><title>T</title><h1>Größe</h1><p>One <b>line</b><br>Two &amp; three</p>"
        "<img src=a.jpg alt='A pier'><figcaption>Pier. Foto: dpa</figcaption><script>x</script><ul><li>Item</ul>"
    )

    @pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252"])
    def test_blocks_are_lines_and_alternative_texts_are_kept(self, charset: str, tmp_path: Path) -> None:
        path = tmp_path / "page.html"
        path.write_bytes((self.MARKUP % charset).encode(charset))
        [page] = pages(path)
        lines = [line.strip(" •") for line in page.text.split("\n") if line.strip()]
        assert lines == ["Größe", "One line", "Two & three", "A pier", "Pier. Foto: dpa", "Item"]
        assert (page.id, page.fields) == ("page.html", {})

    def test_what_the_server_says_goes_before_the_page(self) -> None:
        raw = "<meta charset=utf-8><p>Größe".encode("latin-1")
        assert text_of_html(raw, "iso-8859-1").strip() == "Größe"
        assert text_of_html("<meta charset=latin1><p>Größe".encode("utf-8-sig"), "latin1").strip() == "Größe"
        assert text_of_html("<p>Größe, Straße und Übermut".encode(), "nonsense").startswith("Größe")

    @given(page_texts)
    def test_any_text_is_some_page(self, text: str) -> None:
        assert text_of_html(text.encode("utf-8", "surrogatepass")).endswith("\n")


def response(
    url: str, body: bytes, headers: list[tuple[str, str]] | None = None, status: str = "200 OK", **options: Any
) -> tuple[str, dict[str, Any]]:
    """A record for `warc`."""
    given_headers = [html("; charset=utf-8")] if headers is None else headers
    http = StatusAndHeaders(status, given_headers, protocol="HTTP/1.1")
    return "response", {"uri": url, "payload": io.BytesIO(body), "http_headers": http, **options}


def warc(*records: tuple[str, Any], zipped: bool = False) -> bytes:
    """A WARC file as warcio writes it; a URL with a body stands for a response."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=zipped)
    writer.write_record(writer.create_warcinfo_record("a.warc", {"software": "warcio"}))
    for name, content in records:
        kind_, options = response(name, content) if isinstance(content, bytes) else (name, content)
        writer.write_record(writer.create_warc_record(record_type=kind_, **options))
    return out.getvalue()


def html(more: str = "") -> tuple[str, str]:
    """A header."""
    return "Content-Type", f"text/html{more}"


def chunked(raw: bytes) -> bytes:
    return b"%x\r\n" % len(raw) + raw + b"\r\n0\r\n\r\n"


class TestWarc:
    def write(self, tmp_path: Path, raw: bytes, name: str = "a.warc") -> Path:
        path = tmp_path / name
        path.write_bytes(raw)
        return path

    @pytest.mark.parametrize("zipped", [False, True])
    def test_responses_with_html_are_pages(self, zipped: bool, tmp_path: Path) -> None:
        raw = warc(
            response("https://a.example/1", "<p>Größe".encode()),
            response("https://a.example/2", b"\x89PNG", [("Content-Type", "image/png")]),
            response("https://a.example/3", b"<p>Gone", status="404 Not Found"),
            ("request", {"uri": "https://a.example/4", "payload": io.BytesIO(b"GET / HTTP/1.1\r\n\r\n")}),
            response("https://a.example/5", "<p>Größe".encode("latin-1"), [html("; charset=latin1")]),
            response("https://a.example/6", b"<!doctype html><p>Untyped", []),
            (
                "resource",
                {"uri": "https://a.example/7", "payload": io.BytesIO(b"<p>Kept"), "warc_content_type": "text/html"},
            ),
            zipped=zipped,
        )
        found = pages(self.write(tmp_path, raw, "a.warc.gz" if zipped else "a.warc"))
        assert [(page.fields["url"][-1], page.text.strip()) for page in found] == [
            ("1", "Größe"),
            ("5", "Größe"),
            ("6", "Untyped"),
            ("7", "Kept"),
        ]
        assert set(found[0].fields) == {"url", "date"}
        assert found[0].id.startswith("urn:uuid:")

    def test_what_fastwarc_wrote(self, tmp_path: Path) -> None:
        path = tmp_path / "a.warc"
        with path.open("wb") as file:
            for number in range(3):
                record = WarcRecord()
                record.init_headers(WarcRecordType.response, f"<urn:uuid:{number}>".encode())
                record.headers["WARC-Target-URI"] = f"https://a.example/{number}"
                record.headers["Content-Type"] = "application/http; msgtype=response"
                record.set_bytes_content(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Page %d" % number)
                record.write(file)
        assert [page.text for page in pages(path)] == ["Page 0\n", "Page 1\n", "Page 2\n"]

    def test_bodies_are_decoded(self, tmp_path: Path) -> None:
        body = b"<p>" + b"A page of some length. " * 20
        raw = warc(
            response("https://a.example/", gzip.compress(body), [html(), ("Content-Encoding", "gzip")]),
            response("https://a.example/", chunked(body), [html(), ("Transfer-Encoding", "chunked")]),
            response(
                "https://a.example/",
                chunked(gzip.compress(body)),
                [html(), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")],
            ),
            response("https://a.example/", zstd.compress(body), [html(), ("Content-Encoding", "zstd")]),
            # As crawlers keep bodies that they have decoded themselves.
            response(
                "https://a.example/", body, [html(), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]
            ),
            response("https://a.example/", gzip.compress(body), [html(), ("Content-Encoding", "x-gzip")]),
        )
        found = texts(self.write(tmp_path, raw))
        assert len(found) == 6
        assert {text.strip() for text in found} == {body[3:].decode().strip()}

    def test_a_body_that_is_not_what_its_headers_say(self, tmp_path: Path) -> None:
        odd = [html(), ("Content-Encoding", "gzip")]
        raw = warc(response("https://a.example/1", b"\xaa" * 99, odd), ("https://a.example/2", b"<p>Two"))
        path = self.write(tmp_path, raw)
        assert complaints(path) == [":2: the body is not encoded as its headers say"]
        first, second = items(path)
        assert isinstance(first, Reject)
        assert isinstance(second, Scrape)
        assert (first.excerpt, second.text) == ("https://a.example/1", "Two\n")

    def test_a_bomb_is_not_unpacked(self, tmp_path: Path) -> None:
        bomb = gzip.compress(b"<p>" + b"0" * 50_000_000)
        raw = warc(response("https://a.example/1", bomb, [html(), ("Content-Encoding", "gzip")]))
        assert complaints(self.write(tmp_path, raw), max_record_bytes=10**6)[0].startswith(":2: more than 1,000,000")

    def test_texts_of_wet_files(self, tmp_path: Path) -> None:
        record = {"payload": io.BytesIO("Eins\n\nZwei über".encode()), "warc_content_type": "text/plain"}
        headers = {"WARC-Identified-Content-Language": "deu"}
        raw = warc(("conversion", {"uri": "https://a.example/", **record, "warc_headers_dict": headers}), zipped=True)
        [page] = pages(self.write(tmp_path, raw, "CC-MAIN.warc.wet.gz"))
        assert page.text == "Eins\n\nZwei über"
        assert (page.fields["url"], page.fields["language"]) == ("https://a.example/", "deu")

    def test_bytes_that_are_no_record_cost_no_other(self, tmp_path: Path) -> None:
        one, two = (warc((f"https://a.example/{number}", b"<p>Page")) for number in (1, 2))
        path = self.write(tmp_path, one + b"rubbish\r\n" * 20 + two)
        assert [item.text for item in items(path) if isinstance(item, Scrape)] == ["Page\n", "Page\n"]
        assert complaints(path) == [":3: 180 bytes before this record are no WARC record"]
        assert complaints(self.write(tmp_path, b"rubbish" * 20)) == [
            ":1: 140 bytes at the end of the file are no WARC record"
        ]

    def test_records_that_should_be_pages_and_are_none(self, tmp_path: Path) -> None:
        plain = {"uri": "https://a.example/", "warc_content_type": "text/plain"}
        answer = {"uri": "https://a.example/", "warc_content_type": "application/http; msgtype=response"}
        raw = warc(
            ("conversion", {**plain, "payload": io.BytesIO(b"Caf\xe9")}),
            ("response", {**answer, "payload": io.BytesIO(b"HTTP/1.0 299 Odd\r\n\r\nbody")}),
            ("https://a.example/", b"<p>Good"),
        ).replace(b"HTTP/1.0 299", b"XXXX/1.0 299")
        lengthless = raw.replace(b"Content-Length: 4\r\n", b"X-Nothing: 4\r\n")
        for content, first in (
            (raw, "not UTF-8 (byte 4 of the text)"),
            (lengthless, "no length in the headers of this"),
        ):
            path = self.write(tmp_path, content)
            assert [item.text for item in items(path) if isinstance(item, Scrape)] == ["Good\n"]
            assert complaints(path)[0].startswith(f":2: {first}")
            assert ":3: no HTTP response in this record" in complaints(path)

    @pytest.mark.parametrize("zipped", [False, True])
    @pytest.mark.parametrize("cut", [3, 60, 250])
    def test_a_file_that_ends_too_early(self, zipped: bool, cut: int, tmp_path: Path) -> None:
        raw = warc(("https://a.example/1", b"<p>One"), ("https://a.example/2", b"<p>Two"), zipped=zipped)
        path = self.write(tmp_path, raw[:-cut], "a.warc.gz" if zipped else "a.warc")
        if cut == 3 and not zipped:
            assert len(pages(path)) == 2  # only of the empty lines at the end
            return
        assert [item.text for item in items(path) if isinstance(item, Scrape)][:1] == ["One\n"]
        assert len(complaints(path)) == 1

    def test_records_that_are_skipped_are_not_too_large(self, tmp_path: Path) -> None:
        video = response("https://a.example/1", b"\0" * 100_000, [("Content-Type", "video/mp4")])
        path = self.write(tmp_path, warc(video, ("https://a.example/2", b"<p>Two")))
        assert texts(path, max_record_bytes=10_000) == ["Two\n"]


class TestMissingExtras:
    @pytest.mark.parametrize(
        ("module", "name", "extra"),
        [
            ("pyarrow", "a.parquet", "parquet"),
            ("pyarrow.parquet", "a.parquet", "parquet"),
            ("resiliparse.extract.html2text", "a.html", "web"),
            ("fastwarc.warc", "a.warc", "web"),
            ("fsspec.core", "memory://a.txt", "remote"),
            ("compression" if sys.version_info >= (3, 14) else "backports", "a.txt.zst", "zstd"),
        ],
    )
    def test_are_named(
        self, module: str, name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = name if "://" in name else str(tmp_path / name)
        if "://" not in name:
            Path(path).write_bytes(b"One")
        monkeypatch.setitem(sys.modules, module, None)
        outcome = run("score", path)
        assert (outcome.code, outcome.raw) == (2, b"")
        assert len(outcome.complaints) == 1
        assert outcome.errors.endswith(f"; pip install 'boilerplate[{extra}]'\n")

    def test_when_writing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.delitem(sys.modules, "boilerplate.outputs.parquet", raising=False)
        outcome = run("score", "-o", tmp_path / "a.parquet", stdin=b"One")
        assert (outcome.code, outcome.complaints) == (
            2,
            ["boilerplate: Parquet is written by pyarrow; pip install 'boilerplate[parquet]'"],
        )
        assert not (tmp_path / "a.parquet").exists()
