"""Outputs: what pandas, Arrow and the standard library read of them, and what becomes of the input's own fields."""

from __future__ import annotations

import bz2
import csv
import datetime
import decimal
import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import Outcome, run
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import field_texts, one_text, page_texts
from test_scoring import label_by_sign, written

from boilerplate.corpus import json_row
from boilerplate.inputs import ReadOptions, Scrape, Span, list_sources, read_span
from boilerplate.labels import LABELS
from boilerplate.outputs import Layout, OutputFormat, WriteOptions, output_format_of_name
from boilerplate.outputs.columns import Columns, fits, infer_type, plan_columns
from boilerplate.outputs.joining import open_joiner
from boilerplate.outputs.records import page_record
from boilerplate.pages import labelled_lines
from boilerplate.scoring import ScoredPage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PAGE = "One\n© Two\n\n> Three"


def scored(scrapes: Sequence[Scrape]) -> list[ScoredPage]:
    return [ScoredPage(scrape, label_by_sign(scrape.text)) for scrape in scrapes]


def read_scored(*paths: Path) -> list[ScoredPage]:
    """All pages of files, labelled by a stand-in for a model."""
    sources = list_sources([str(path) for path in paths])
    return scored([page for source in sources for page in read_span(Span(source)) if isinstance(page, Scrape)])


def planned(format_: OutputFormat, *paths: Path, **options: Any) -> WriteOptions:
    """Options with the columns that these inputs make."""
    found = WriteOptions(**options)
    return replace(found, columns=plan_columns(list_sources(map(str, paths)), ReadOptions(), format_, found))


def table_of(pages: Sequence[ScoredPage], options: WriteOptions) -> pa.Table:
    return pq.read_table(io.BytesIO(written("parquet", pages, options)))


def json_lines(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(map(json_row, records)))
    return path


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("a.jsonl", "jsonl"),
        ("a.jsonl.zst", "jsonl"),
        ("a.csv.gz", "csv"),
        ("s3://bucket/a.parquet", "parquet"),
        ("a.txt", "text"),
        ("A.JSONL.GZ", "jsonl"),
        ("a", None),
        ("a.gz", None),
        ("s3://bucket.example/a", None),
    ],
)
def test_formats_by_name(name: str, format_: str | None) -> None:
    assert output_format_of_name(name) == format_


class TestParquetPages:
    def test_by_example(self) -> None:
        page = ScoredPage(Scrape("x", "a.txt", PAGE), label_by_sign(PAGE))
        table = table_of([page], WriteOptions(columns=Columns(other=False)))
        assert table.schema.names == ["id", "path", "quality", "lines"]
        assert table.to_pylist() == [page_record(page)]
        assert table.schema.field("lines").type.value_type.field("number").type == pa.int32()

    def test_uncertain_lines(self) -> None:
        page = ScoredPage(Scrape("x", "a.txt", PAGE), label_by_sign(PAGE))
        options = WriteOptions(0.9, columns=Columns(other=False))
        assert table_of([page], options).to_pylist() == [page_record(page, options)]

    def test_no_pages(self) -> None:
        assert table_of([], WriteOptions()).num_rows == 0
        assert table_of([], WriteOptions(layout="lines")).num_rows == 0

    def test_columns_of_parquet_keep_their_types(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        table = pa.table(
            {
                "id": pa.array([3, 1, 2], pa.int32()),
                "text": [PAGE, "", "> One"],
                "when": pa.array([datetime.datetime(2024, 5, 31)] * 3, pa.timestamp("ns", "Europe/Berlin")),
                "price": pa.array([decimal.Decimal("1.50"), None, None]),
                "site": pa.array(["a", "b", "a"]).dictionary_encode(),
                "raw": [b"\xff", None, b""],
                "nested": [{"a": [1]}, None, {"a": []}],
                "flag": pa.array([True, None, False]),
                "large": pa.array(["a", "b", "c"], pa.large_string()),
                "nothing": pa.nulls(3),
            }
        )
        pq.write_table(table, path, row_group_size=2)
        result = table_of(read_scored(path), planned("parquet", path))
        assert set(result.schema.names) == {*table.schema.names, "path", "quality", "lines"} - {"text"}
        for name in set(table.schema.names) - {"text"}:
            assert result.schema.field(name).type == table.schema.field(name).type
            assert result[name].to_pylist() == table[name].to_pylist()

    def test_columns_of_several_files_are_brought_together(self, tmp_path: Path) -> None:
        first, second, third = (tmp_path / f"{name}.parquet" for name in "abc")
        pq.write_table(pa.table({"text": ["One"], "n": pa.array([1], pa.int32()), "a": ["x"]}), first)
        pq.write_table(pa.table({"text": ["Two"], "n": pa.array([2], pa.int64()), "b": [[1]]}), second)
        pq.write_table(pa.table({"text": ["Three"], "n": ["three"]}), third)
        table = table_of(read_scored(first, second), planned("parquet", first, second))
        assert table.schema.field("n").type == pa.int64()
        assert [(row["n"], row["a"], row["b"], row["other_fields"]) for row in table.to_pylist()] == [
            (1, "x", None, None),
            (2, None, [1], None),
        ]
        # Types that do not go together make no column, and what comes unforeseen none either.
        table = table_of(read_scored(first, third), planned("parquet", first, third))
        assert [row["other_fields"] for row in table.to_pylist()] == ['{"n": 1}', '{"n": "three"}']
        table = table_of(read_scored(first, third), replace(planned("parquet", first), columns=COLUMNS_OF_FIRST))
        assert [row["other_fields"] for row in table.to_pylist()] == ['{"a": "x"}', '{"n": "three"}']

    def test_fields_of_json_get_columns_where_one_type_holds_them(self, tmp_path: Path) -> None:
        path = json_lines(
            tmp_path / "a.jsonl",
            {"id": "x", "text": "One", "n": 1, "share": 1, "tags": ["a"], "odd": 1, "meta": {"a": 1}, "empty": {}},
            {"id": "y", "text": "Two", "n": None, "share": 0.5, "tags": [], "odd": "b", "meta": {"b": None}},
        )
        table = table_of(read_scored(path), planned("parquet", path))
        types = {name: str(table.schema.field(name).type) for name in ("n", "share", "tags", "meta", "other_fields")}
        assert types == {
            "n": "int64",
            "share": "double",
            "tags": "list<element: string>",
            "meta": "struct<a: int64, b: string>",
            "other_fields": "string",
        }
        assert [row["other_fields"] for row in table.to_pylist()] == ['{"odd": 1, "empty": {}}', '{"odd": "b"}']

    def test_values_that_do_not_fit_are_not_lost(self, tmp_path: Path) -> None:
        path = json_lines(tmp_path / "a.jsonl", *({"text": "One", "n": 1, "s": "a"} for _ in range(200)))
        options = planned("parquet", path)
        late = [
            {"text": "One", "n": 2**70, "s": "\ud800"},
            {"text": "One", "n": 1.5, "new": True},
            {"text": "One", "n": "a", "s": None},
            {"text": "One", "n": 7, "s": "b"},
        ]
        rows = table_of(read_scored(json_lines(tmp_path / "b.jsonl", *late)), options).to_pylist()
        assert [(row["n"], row["s"], row["other_fields"] and json.loads(row["other_fields"])) for row in rows] == [
            (None, None, {"n": 2**70, "s": "\ud800"}),
            (None, None, {"n": 1.5, "new": True}),
            (None, None, {"n": "a"}),
            (7, "b", None),
        ]

    @given(st.lists(page_texts, max_size=5))
    @settings(max_examples=30)
    def test_lines_come_through_but_for_what_utf_8_cannot_hold(self, texts: list[str]) -> None:
        table = table_of(scored([Scrape("x", "-", text) for text in texts]), WriteOptions())
        shown = [
            [(number, line.encode("utf-16", "surrogatepass").decode("utf-16", "replace")) for number, line in page]
            for page in map(labelled_lines, texts)
        ]
        for found, wanted in zip(table["lines"].to_pylist(), shown, strict=True):
            assert [line["number"] for line in found] == [number for number, _ in wanted]
            assert [len(line["text"]) for line in found] == [len(line) for _, line in wanted]
            assert [line["text"].replace("\ufffd", "") for line in found] == [
                "".join(c for c in line if c != "\ufffd") for _, line in wanted
            ]

    def test_what_pandas_reads(self, tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_bytes(written("parquet", scored([Scrape("x", "-", PAGE)]), WriteOptions()))
        frame = pd.read_parquet(tmp_path / "a.parquet")
        assert list(pd.DataFrame(list(frame.loc[0, "lines"]))["label"]) == ["body", "caption", "promo"]

    @pytest.mark.parametrize("layout", ["pages", "lines", "cleaned"])
    def test_parts_join_to_what_one_writer_writes(
        self, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("boilerplate.outputs.parquet._GROUP_BYTES", 3_000)
        monkeypatch.setattr("boilerplate.outputs.parquet._TABLE_CHARACTERS", 700)
        path = tmp_path / "a.parquet"
        texts = [f"{PAGE}\n" * (number % 9) for number in range(48)]
        site = pa.array(["a", "b"] * 24).dictionary_encode()
        pq.write_table(pa.table({"text": texts, "site": site, "n": range(48)}), path, row_group_size=8)
        options = planned("parquet", path, layout=layout, clean_field=None if layout == "lines" else "clean")
        pages = read_scored(path)
        whole = written("parquet", pages, options)
        for size in (7, 20):
            out = io.BytesIO()
            joiner = open_joiner("parquet", out, options)
            for start in range(0, 48, size):
                joiner.add(io.BytesIO(written("parquet", pages[start : start + size], options)))
            joiner.close()
            assert out.getvalue() == whole
        assert pq.ParquetFile(io.BytesIO(whole)).num_row_groups > 3


COLUMNS_OF_FIRST = Columns(("n",), True, pa.schema([("n", pa.int32())]))


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | field_texts.map(one_text),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            max_leaves=6,
        ),
        max_size=5,
    )
)
def test_a_type_holds_the_values_that_it_was_made_for(values: list[Any]) -> None:
    kind = infer_type(values)
    if kind is None:
        return
    kept = [value for value in values if fits(value, kind)]
    assert all("\ud800" in repr(value) or "\\ud" in repr(value) for value in values if value not in kept)

    def full(value: Any, of: pa.DataType) -> Any:
        """With nothing where a struct has a key that the value has not."""
        if isinstance(value, dict):
            return {member.name: full(value.get(member.name), member.type) for member in of}
        return [full(item, of.value_type) for item in value] if isinstance(value, list) else value

    assert pa.array(kept, kind).to_pylist() == [full(value, kind) for value in kept]


class TestRowsOfLines:
    def test_by_example(self) -> None:
        pages = scored([Scrape("x", "a.txt", PAGE, {"n": 1}), Scrape("y", "a.txt", "")])
        options = WriteOptions(layout="lines")
        rows = [json.loads(row) for row in written("jsonl", pages, options).splitlines()]
        assert [(row["id"], row["number"], row["label"], row["text"]) for row in rows] == [
            ("x", 1, "body", "One"),
            ("x", 2, "caption", "© Two"),
            ("x", 4, "promo", "> Three"),
        ]
        assert list(rows[0]) == ["id", "path", "number", "label", "confidence", *LABELS, "text"]

    @pytest.mark.parametrize("min_confidence", [None, 0.5])
    def test_all_formats_say_the_same(self, min_confidence: float | None) -> None:
        pages = scored([Scrape("x", "a.txt", PAGE), Scrape("y", "b.txt", "¿ Four")])
        options = WriteOptions(min_confidence, layout="lines")
        rows = [json.loads(row) for row in written("jsonl", pages, options).splitlines()]
        assert table_of(pages, options).to_pylist() == rows
        table = list(csv.DictReader(io.StringIO(written("csv", pages, options).decode(), newline="")))
        assert table == [{name: shown(value) for name, value in row.items()} for row in rows]


def shown(value: Any) -> str:
    """A value as CSV has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)


class TestCleanField:
    def test_beside_the_lines(self) -> None:
        [page] = scored([Scrape("x", "a.txt", PAGE, {"n": 1, "body": "old"})])
        record = page_record(page, WriteOptions(clean_field="body"))
        assert (record["body"], record["n"], len(record["lines"])) == ("One", 1, 3)

    def test_in_place_of_the_lines(self) -> None:
        [page] = scored([Scrape("x", "a.txt", PAGE, {"n": 1, "lines": 3})])
        beside = page_record(page, WriteOptions(layout="cleaned", clean_field="body", keep=("body", "promo")))
        assert beside == {
            "n": 1,
            "lines": 3,
            "id": "x",
            "path": "a.txt",
            "quality": beside["quality"],
            "text": PAGE,
            "body": "One\n\n> Three",
        }
        over = page_record(page, WriteOptions(layout="cleaned", clean_field="text"))
        assert over["text"] == "One"

    def test_csv_has_a_row_a_page(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        pd.DataFrame({"url": ["u1", "u2"], "text": [PAGE, "> x"], "n": ["007", ""]}).to_csv(path, index=False)
        options = planned("csv", path, layout="cleaned", clean_field="body")
        frame = pd.read_csv(io.BytesIO(written("csv", read_scored(path), options)), dtype=str, keep_default_na=False)
        assert list(frame.columns) == [
            "url",
            "n",
            "id",
            "path",
            "quality.body_share",
            "quality.lines",
            *(f"quality.counts.{label}" for label in LABELS),
            "text",
            "body",
        ]
        assert frame.loc[0, ["url", "n", "id", "text", "body"]].tolist() == ["u1", "007", "u1", PAGE, "One"]
        assert frame.loc[1, ["n", "quality.lines", "quality.counts.promo", "body"]].tolist() == ["", "1", "1", ""]

    def test_csv_of_json(self, tmp_path: Path) -> None:
        path = json_lines(
            tmp_path / "a.jsonl", {"text": "One", "n": 1.5, "b": True, "l": [1, "ü"], "x": None}, {"text": "Two"}
        )
        late = json_lines(tmp_path / "b.jsonl", {"text": "Three", "late": {"a": 1}})
        options = planned("csv", path, layout="cleaned", clean_field="text")
        rows = list(csv.DictReader(io.StringIO(written("csv", read_scored(path, late), options).decode(), newline="")))
        assert [(row["n"], row["b"], row["l"], row["x"], row["other_fields"]) for row in rows] == [
            ("1.5", "true", '[1, "ü"]', "", ""),
            ("", "", "", "", ""),
            ("", "", "", "", '{"late": {"a": 1}}'),
        ]


def test_values_of_parquet_as_json(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    when = datetime.datetime(2024, 5, 31, 12, 30, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "text": ["One"],
            "when": pa.array([when], pa.timestamp("us", "UTC")),
            "day": [datetime.date(2024, 5, 31)],
            "long": pa.array([90_000], pa.duration("s")),
            "price": [decimal.Decimal("1.50")],
            "name": ["Größe".encode()],
            "raw": [b"\xff\x00"],
            "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
        }
    )
    pq.write_table(table, path)
    record = json.loads(written("jsonl", read_scored(path)))
    assert {name: record[name] for name in table.schema.names[1:]} == {
        "when": "2024-05-31T12:30:00+00:00",
        "day": "2024-05-31",
        "long": 90_000.0,
        "price": "1.50",
        "name": "Größe",
        "raw": "/wA=",
        "map": [["a", 1]],
    }


class TestCommand:
    PARAGRAPH = (
        "The council of Dunmere voted on Tuesday to rebuild the old tram line between the harbour and the hospital, "
        "which was torn up in 1961 and has been missed by the people of the lower town ever since."
    )
    MENU = "Home\nNews\nSport\nSign up for our newsletter\nShare this page"

    @pytest.fixture
    def spider(self, tmp_path: Path) -> Path:
        return json_lines(
            tmp_path / "spider.jsonl",
            {"id": "good", "text": f"{self.PARAGRAPH}\n\nSign up for our newsletter\n", "n": 1},
            {"id": "bad", "text": self.MENU, "n": 2},
        )

    def rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        assert outcome.code == 0, outcome.errors
        return [json.loads(row) for row in outcome.text.splitlines()]

    @pytest.mark.parametrize(
        ("suffix", "unpack"),
        [
            ("", bytes),
            (".gz", gzip.decompress),
            (".zst", zstd.decompress),
            (".bz2", bz2.decompress),
            (".xz", lzma.decompress),
        ],
    )
    def test_formats_and_compression_by_name(
        self, suffix: str, unpack: Callable[[bytes], bytes], spider: Path, tmp_path: Path
    ) -> None:
        for format_ in ("jsonl", "csv", "parquet"):
            out = tmp_path / f"out.{format_}{suffix}"
            assert run("score", spider, "-o", out) == Outcome(0, b"", "")
            assert unpack(out.read_bytes()) == run("score", spider, "--format", format_).raw
            first = out.read_bytes()
            run("score", spider, "-o", out)
            assert out.read_bytes() == first

    @pytest.mark.parametrize("options", [[], ["--per-line"], ["--clean-field", "body_text"], ["--no-lines"]])
    def test_parquet_says_what_json_lines_say(self, options: list[str], spider: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.parquet"
        assert run("score", spider, "-o", out, *options).code == 0
        found = [{k: v for k, v in row.items() if k != "other_fields"} for row in pq.read_table(out).to_pylist()]
        assert found == self.rows(run("score", spider, *options))

    def test_the_same_on_two_cores_and_from_standard_input(self, spider: Path, tmp_path: Path) -> None:
        alone, both, piped = (tmp_path / f"{name}.parquet" for name in ("alone", "both", "piped"))
        options = ("--clean-field", "body_text", "--min-quality", "0.5")
        assert run("score", spider, "-o", alone, *options).code == 0
        assert run("score", spider, "-o", both, "-j", "2", *options).code == 0
        assert both.read_bytes() == alone.read_bytes()
        assert run("score", "-o", piped, *options, stdin=gzip.compress(spider.read_bytes())).code == 0
        assert pq.read_table(piped).drop(["path"]) == pq.read_table(alone).drop(["path"])

    def test_the_least_quality(self, spider: Path) -> None:
        outcome = run("score", spider, "--min-quality", "0.5")
        assert [row["id"] for row in self.rows(outcome)] == ["good"]
        assert outcome.errors == "boilerplate: 1 of 2 pages left out for their quality\n"
        assert [row["id"] for row in self.rows(run("score", spider, "--min-quality", "0"))] == ["good", "bad"]
        assert run("clean", spider, "--min-quality", "0.5").text == self.PARAGRAPH + "\n"

    def test_clean_gives_records_where_records_are_asked_for(self, spider: Path, tmp_path: Path) -> None:
        first, second = self.rows(run("clean", spider, "--format", "jsonl"))
        assert (first["text"], first["n"], "lines" in first) == (self.PARAGRAPH + "\n", 1, False)
        assert second["quality"]["counts"]["promo"] > 0
        [named, _] = self.rows(run("clean", spider, "--format", "jsonl", "--clean-field", "body_text"))
        assert (named["body_text"], named["text"]) == (first["text"], json.loads(spider.open().readline())["text"])
        out = tmp_path / "out.parquet"
        assert run("clean", spider, "-o", out, "--min-quality", "0.5").code == 0
        assert pq.read_table(out)["text"].to_pylist() == [self.PARAGRAPH + "\n"]
        assert run("clean", spider, "-o", tmp_path / "out").code == 0
        assert (tmp_path / "out").read_text() == run("clean", spider).text

    @pytest.mark.parametrize("command", ["score", "clean"])
    @pytest.mark.parametrize("name", ["out.xlsx", "out.json.gz", "out.tsv"])
    def test_endings_of_no_format(self, command: str, name: str, spider: Path, tmp_path: Path) -> None:
        outcome = run(command, spider, "-o", tmp_path / name)
        assert (outcome.code, outcome.raw, len(outcome.complaints)) == (2, b"", 1)
        for words in (f"{name}: no format is known by .", "--format", ".jsonl", ".parquet"):
            assert words in outcome.errors
        assert not (tmp_path / name).exists()
        assert run(command, spider, "-o", tmp_path / name, "--format", "jsonl").code == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--per-line", "--format", "text"], "--per-line is for jsonl, csv, parquet; choose one by --format"),
            (["--clean-field", "x", "--format", "annotated"], "--clean-field is for jsonl, csv, parquet"),
            (["--per-line", "--clean-field", "x"], "--per-line and --clean-field exclude each other"),
            (["--per-line", "--no-lines"], "--per-line and --no-lines exclude each other"),
            (["--clean-field", "quality"], "--clean-field: 'quality' is a field of the output; choose another name"),
            (["--min-quality", "2"], "'--min-quality'"),
        ],
    )
    def test_misuse(self, arguments: list[str], message: str, spider: Path) -> None:
        outcome = run("score", spider, *arguments)
        assert (outcome.code, outcome.raw) == (2, b"")
        assert message in outcome.errors
