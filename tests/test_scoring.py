"""From inputs to labelled pages to outputs: nothing lost on the way, whatever the model says."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import field_texts, page_texts

from boilerplate.corpus import json_row, page_from_fields
from boilerplate.inputs import ReadOptions, Reject, Scrape, Span, list_sources, read_span
from boilerplate.labels import LABELS, Label
from boilerplate.outputs import OutputFormat, WriteOptions, open_writer
from boilerplate.outputs.options import DEFAULT_WRITING
from boilerplate.outputs.records import page_record
from boilerplate.pages import Line, labelled_lines, normalise_newlines
from boilerplate.scoring import ScoredPage, score_pages

SIGNS: dict[str, Label] = {"©": "caption", "¿": "foreign-caption", ">": "promo"}


def probabilities(label: Label) -> dict[Label, float]:
    return {name: 0.70004 if name == label else 0.09998666 for name in LABELS}


def label_by_sign(text: str) -> list[Line]:
    """Lines labelled by what they begin with."""
    labels = [(number, line, SIGNS.get(line.strip()[0], "body")) for number, line in labelled_lines(text)]
    return [Line(number, line, label, probabilities(label)) for number, line, label in labels]


class BySign:
    """Stands in for a model."""

    def label_pages(self, X: Sequence[str]) -> list[list[Line]]:
        return [label_by_sign(text) for text in X]


def scored(text: str, name: str = "page", path: str = "pages.jsonl", **fields: Any) -> ScoredPage:
    return ScoredPage(Scrape(name, path, text, fields), label_by_sign(text))


def read(*inputs: Path | str, text_field: str = "text") -> tuple[list[Scrape], list[str]]:
    """All scrapes, and what was complained of."""
    scrapes: list[Scrape] = []
    complaints: list[str] = []
    options = ReadOptions(text_field)
    for source in list_sources(map(str, inputs), None, text_field, lambda error: complaints.append(str(error))):
        for item in read_span(Span(source), options):
            if isinstance(item, Reject):
                complaints.append(str(item.error))
            else:
                scrapes.append(item)
    return scrapes, complaints


def written(format_: OutputFormat, pages: Iterable[ScoredPage], options: WriteOptions = DEFAULT_WRITING) -> bytes:
    out = io.BytesIO()
    writer = open_writer(format_, out, options)
    for page in pages:
        writer.write(page)
    writer.close()
    return out.getvalue()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def feed(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))

    return feed


class TestTextFiles:
    @pytest.mark.parametrize("name", ["a.txt", "a.md", "a.text", "a.pdf", "a"])
    def test_a_file_that_is_named_is_a_page_whatever_its_suffix(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(b"One\r\n\r\nTwo")
        assert read(path) == ([Scrape(name, str(path), "One\r\n\r\nTwo")], [])

    def test_an_empty_file_is_an_empty_page(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.txt"
        path.touch()
        assert read(path) == ([Scrape("empty.txt", str(path), "")], [])

    def test_a_byte_order_mark_is_text(self, tmp_path: Path) -> None:
        path = tmp_path / "mark.txt"
        path.write_bytes("\ufeffTitle".encode())
        assert read(path)[0][0].text == "\ufeffTitle"

    @pytest.mark.parametrize("content", ["Titel\n\nDas Café".encode("latin-1"), b"a\n\nb \xed\xa0\x80"])
    def test_another_encoding_is_named_with_its_line(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "page.txt"
        path.write_bytes(content)
        assert read(path) == ([], [f"{path}:3: not UTF-8; convert the file to UTF-8"])

    def test_what_is_not_there_keeps_nothing_else_from_being_read(self, tmp_path: Path) -> None:
        (tmp_path / "b.txt").write_text("Two")
        scrapes, complaints = read(tmp_path / "a.txt", tmp_path / "b.txt")
        assert [scrape.text for scrape in scrapes] == ["Two"]
        assert complaints == [f"{tmp_path / 'a.txt'}: no such file or folder"]


class TestFolders:
    def test_are_searched_in_order_of_name(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        for name in ("b.md", "sub/a.text", "c.txt"):
            (tmp_path / name).write_text(f"Text of {name}")
        (tmp_path / "a.jsonl").write_text('{"text": "Text of a.jsonl"}')
        (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(b'{"text": "Text of d.jsonl.gz"}'))
        (tmp_path / "e.page").write_text("body\tText of e.page\n")
        (tmp_path / "notes.pdf").write_text("passed over")
        (tmp_path / "folder.txt").mkdir()
        scrapes, complaints = read(tmp_path)
        assert complaints == []
        names = ["a.jsonl", "b.md", "c.txt", "d.jsonl.gz", "e.page", "sub/a.text"]
        assert [scrape.text for scrape in scrapes] == [f"Text of {name}" for name in names]
        assert [scrape.path for scrape in scrapes] == [str(tmp_path / name) for name in names]

    def test_without_a_page_are_complained_of(self, tmp_path: Path) -> None:
        (tmp_path / "notes.pdf").write_text("passed over")
        scrapes, complaints = read(tmp_path)
        assert scrapes == []
        assert len(complaints) == 1
        assert complaints[0].startswith(f"{tmp_path}: no file in this folder ends in one of .txt,")


class TestRecords:
    def test_fields_are_carried_but_the_text(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text('{"id": "x", "text": "One", "n": [1, {"a": null}], "labels": ["body"]}\n')
        fields = {"id": "x", "n": [1, {"a": None}], "labels": ["body"]}
        assert read(path) == ([Scrape("x", str(path), "One", fields)], [])

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"id": "x", "url": "https://a.example/"}, "x"),
            ({"url": "https://a.example/"}, "https://a.example/"),
            ({"id": None, "url": "https://a.example/"}, "https://a.example/"),
            ({"id": "", "url": ""}, "{path}:2"),
            ({}, "{path}:2"),
            ({"id": 0}, "0"),
            ({"id": 17}, "17"),
        ],
    )
    def test_names(self, fields: dict[str, Any], name: str, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text("\n" + json.dumps({**fields, "text": "One"}))
        assert read(path)[0][0].id == name.format(path=path)

    def test_another_field_may_hold_the_text(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text('{"text": "a summary", "content": "One"}')
        scrapes, _ = read(path, text_field="content")
        assert [(scrape.text, scrape.fields) for scrape in scrapes] == [("One", {"text": "a summary"})]

    def test_each_broken_row_is_named_and_the_others_are_read(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        rows = [
            b'{"text": "One"}',
            b"{bad",
            b"",
            b'{"content": "x", "n": 1}',
            b"[1]",
            b'{"text": 5}',
            b'{"text": "\xff"}',
        ]
        path.write_bytes(b"\n".join([*rows, b'{"text": "Two"}']))
        scrapes, complaints = read(path)
        assert [(scrape.text, scrape.id) for scrape in scrapes] == [("One", f"{path}:1"), ("Two", f"{path}:8")]
        starts = [
            "2: bad JSON: ",
            "4: no text in field 'text' (fields here: 'content', 'n'); name it with --text-field",
            "5: each line must be a JSON object, not list",
            "6: no text in field 'text' (fields here: none)",
            "7: not UTF-8",
        ]
        assert len(complaints) == len(starts)
        for complaint, start in zip(complaints, starts, strict=True):
            assert complaint.startswith(f"{path}:{start}")

    def test_a_truncated_gzip_file_gives_the_rows_before_the_damage(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl.gz"
        rows = [json_row({"text": f"Page {number} {number**99}"}) for number in range(4000)]
        path.write_bytes(gzip.compress("".join(rows).encode())[:-5000])
        scrapes, complaints = read(path)
        assert 0 < len(scrapes) < 4000
        assert [json_row({"text": scrape.text}) for scrape in scrapes] == rows[: len(scrapes)]
        assert complaints[-1].startswith(f"{path}:{len(scrapes) + 1}: damaged gzip file (")

    def test_what_is_only_named_gzip(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl.gz"
        path.write_text('{"text": "One"}')
        scrapes, complaints = read(path)
        assert scrapes == []
        assert len(complaints) == 1
        assert complaints[0].startswith(f"{path}:1: damaged gzip file (")

    @given(st.lists(st.tuples(page_texts, st.dictionaries(field_texts, field_texts, max_size=3)), max_size=4))
    def test_any_text_comes_through(self, pages: list[tuple[str, dict[str, str]]]) -> None:
        records = [{**fields, "text": text} for text, fields in pages]
        with pytest.MonkeyPatch.context() as patch:
            rows = "".join(map(json_row, [{"text": "first"}, *records]))
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))
            scrapes, complaints = read("-")
        assert complaints == []
        assert [{**scrape.fields, "text": scrape.text} for scrape in scrapes[1:]] == records


class TestPageFiles:
    def test_are_read_with_their_header(self, tmp_path: Path) -> None:
        path = tmp_path / "a.page"
        path.write_text("# id: x\n# site: a.example\n# n: 3\n\nbody\tOne\n\npromo\tTwo\n")
        fields = {"id": "x", "site": "a.example", "n": 3, "labels": ["body", "promo"]}
        assert read(path) == ([Scrape("x", str(path), "One\n\nTwo", fields)], [])

    def test_broken_ones_are_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.page"
        path.write_text("body\tOne\nTwo\n")
        assert read(path) == ([], [f"{path}:2: no tab between label and line; write label<TAB>line"])


class TestStandardInput:
    @pytest.mark.parametrize(
        "text",
        [
            "Title\n\nA line\r\n",
            "",
            "\n\n",
            "17\n18",
            '"quoted"\n"again"',
            "[1]\n[2]",
            "{bad\n{}",
            '{"@type": "NewsArticle"}\nTitle\nLine',
            "\ufeffTitle",
        ],
    )
    def test_text_is_one_page(self, text: str, stdin: Callable[[bytes], None]) -> None:
        stdin(text.encode())
        assert read("-") == ([Scrape("stdin", "-", text)], [])

    @pytest.mark.parametrize("start", ["", "\n \n", "\ufeff", "\r\n"])
    def test_json_lines_are_many(self, start: str, stdin: Callable[[bytes], None]) -> None:
        stdin(f'{start}{{"text": "One"}}\n{{bad\r\n{{"text": "Two"}}\r\n'.encode())
        scrapes, complaints = read("-")
        row = start.count("\n") + 1
        assert [(scrape.id, scrape.text) for scrape in scrapes] == [
            (f"stdin:{row}", "One"),
            (f"stdin:{row + 2}", "Two"),
        ]
        assert len(complaints) == 1
        assert complaints[0].startswith(f"stdin:{row + 1}: bad JSON: ")

    def test_a_first_record_may_be_large(self, stdin: Callable[[bytes], None]) -> None:
        text = "ferry " * 400_000
        stdin(json_row({"text": text}).encode() + b'{"text": "Two"}')
        assert [scrape.text for scrape in read("-")[0]] == [text, "Two"]

    @pytest.mark.parametrize("more", ["", '{"content": "Two"}\n'])
    def test_records_without_the_text_field_are_no_text(self, more: str, stdin: Callable[[bytes], None]) -> None:
        stdin(b'{"content": "One"}\n' + more.encode())
        scrapes, complaints = read("-")
        assert scrapes == []
        assert len(complaints) == (2 if more else 1)
        assert complaints[0].startswith("stdin:1: no text in field 'text' (fields here: 'content'); name it with")

    def test_another_encoding(self, stdin: Callable[[bytes], None]) -> None:
        stdin("Título\nNiño".encode("latin-1"))
        assert read("-") == ([], ["stdin:1: not UTF-8; convert the file to UTF-8"])


class TestScorePages:
    def test_pages_come_in_their_order(self) -> None:
        scrapes = [Scrape(str(number), "-", f"Line of {number}\n\n> more") for number in range(300)]
        pages = list(score_pages(scrapes, BySign()))  # type: ignore[arg-type]
        assert [page.scrape for page in pages] == scrapes
        assert all(page.lines == label_by_sign(page.scrape.text) for page in pages)

    def test_pages_are_not_gathered_first(self) -> None:
        endless = (Scrape(str(number), "-", "Line") for number in itertools.count())
        assert next(iter(score_pages(endless, BySign()))).scrape.id == "0"  # type: ignore[arg-type]

    def test_no_pages(self) -> None:
        assert list(score_pages([], BySign())) == []  # type: ignore[arg-type]


class TestRecord:
    def test_by_example(self) -> None:
        assert page_record(scored(" One line \r\n\r\n© Two", "x", "a.txt")) == {
            "id": "x",
            "path": "a.txt",
            "quality": {
                "body_share": 0.4693,  # (8 * 0.70004 + 5 * 0.09998666) / 13
                "lines": 2,
                "counts": {"body": 1, "caption": 1, "foreign-caption": 0, "promo": 0},
            },
            "lines": [
                {
                    "number": 1,
                    "text": " One line ",
                    "label": "body",
                    "confidence": 0.7,
                    "probabilities": {"body": 0.7, "caption": 0.1, "foreign-caption": 0.1, "promo": 0.1},
                },
                {
                    "number": 3,
                    "text": "© Two",
                    "label": "caption",
                    "confidence": 0.7,
                    "probabilities": {"body": 0.1, "caption": 0.7, "foreign-caption": 0.1, "promo": 0.1},
                },
            ],
        }

    def test_of_an_empty_page(self) -> None:
        record = page_record(scored(" \n"))
        assert record["lines"] == []
        assert record["quality"] == {"body_share": 0.0, "lines": 0, "counts": dict.fromkeys(LABELS, 0)}

    @pytest.mark.parametrize(("threshold", "uncertain"), [(0.70003, False), (0.70004, False), (0.70005, True)])
    def test_uncertain_is_decided_before_rounding(self, threshold: float, uncertain: bool) -> None:
        [line] = page_record(scored("One"), WriteOptions(threshold))["lines"]
        assert line["uncertain"] == uncertain

    def test_other_fields_stand_first_and_give_way(self) -> None:
        fields = {"n": 1, "quality": "good", "lines": 3, "path": "old", "id": 9, "labels": ["promo"]}
        record = page_record(ScoredPage(Scrape("x", "pages.jsonl", "One", fields), label_by_sign("One")))
        assert next(iter(record)) == "n"
        assert (record["n"], record["id"], record["path"], record["labels"]) == (1, "x", "pages.jsonl", ["promo"])
        assert record["quality"]["lines"] == len(record["lines"]) == 1


class TestJsonLinesWriter:
    @given(st.lists(page_texts, max_size=3))
    def test_a_row_is_the_record_of_a_page(self, texts: list[str]) -> None:
        pages = [scored(text) for text in texts]
        rows = written("jsonl", pages, WriteOptions(0.5)).decode().split("\n")
        assert rows.pop() == ""
        assert [json.loads(row) for row in rows] == [page_record(page, WriteOptions(0.5)) for page in pages]

    def test_characters_stand_as_themselves(self) -> None:
        assert "Größe 写真".encode() in written("jsonl", [scored("Größe 写真")])


class TestCsvWriter:
    def rows(self, pages: Iterable[ScoredPage], min_confidence: float | None = None) -> list[list[str]]:
        content = written("csv", pages, WriteOptions(min_confidence)).decode("utf-8")
        return list(csv.reader(io.StringIO(content, newline="")))

    def test_by_example(self) -> None:
        rows = self.rows([scored('> "Two, three"', "x"), scored("", "y"), scored("\nFour", "z", "-")])
        assert rows == [
            ["id", "path", "number", "label", "confidence", *LABELS, "text"],
            ["x", "pages.jsonl", "1", "promo", "0.7000", "0.1000", "0.1000", "0.1000", "0.7000", '> "Two, three"'],
            ["z", "-", "2", "body", "0.7000", "0.7000", "0.1000", "0.1000", "0.1000", "Four"],
        ]

    def test_without_pages_there_is_the_header(self) -> None:
        assert len(self.rows([])) == 1

    def test_uncertain_lines(self) -> None:
        for threshold, mark in ((0.6, "false"), (0.8, "true")):
            header, row = self.rows([scored("One")], threshold)
            assert row[header.index("uncertain")] == mark

    @given(page_texts)
    def test_lines_come_through_but_for_what_csv_cannot_hold(self, text: str) -> None:
        shown = [
            "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in line)
            for _, line in labelled_lines(text)
        ]
        assert [row[-1] for row in self.rows([scored(text)])[1:]] == shown


class TestTextWriter:
    def text(self, *texts: str, keep: tuple[str, ...] = ("body",)) -> str:
        return written("text", map(scored, texts), WriteOptions(keep=keep)).decode("utf-8", "surrogatepass")

    @pytest.mark.parametrize(
        ("texts", "expected"),
        [
            ([], ""),
            (["One"], "One\n"),
            (["One\n"], "One\n"),
            (["\n\n One \n\n\nTwo\n\n"], " One \n\n\nTwo\n"),
            (["One", "Two"], "One\n\nTwo\n"),
            (["> menu", "One", "", "© photo", "Two"], "One\n\nTwo\n"),
            (["One\r\n> menu\r\nTwo"], "One\nTwo\n"),
            (["One \ud800\0\ufeff"], "One \ud800\0\ufeff\n"),
        ],
    )
    def test_by_example(self, texts: list[str], expected: str) -> None:
        assert self.text(*texts) == expected

    def test_labels_to_keep(self) -> None:
        page = "One\n© Two\n> Three\n¿ Four"
        assert self.text(page, keep=("caption", "foreign-caption")) == "© Two\n¿ Four\n"
        assert self.text(page, keep=LABELS) == page + "\n"

    @pytest.mark.parametrize(("threshold", "expected"), [(0.09, "One\n© Two\n> Three\n"), (0.2, "One\n"), (0.8, "")])
    def test_a_threshold(self, threshold: float, expected: str) -> None:
        page = scored("One\n© Two\n> Three")
        assert written("text", [page], WriteOptions(threshold=threshold)).decode("utf-8") == expected

    @given(page_texts, st.sets(st.sampled_from(LABELS)))
    def test_kept_lines_are_the_lines_with_the_labels(self, text: str, keep: set[Label]) -> None:
        kept = [line.text for line in label_by_sign(text) if line.label in keep]
        assert [line for _, line in labelled_lines(self.text(text, keep=tuple(sorted(keep))))] == kept


class TestAnnotatedWriter:
    def record(self, page: ScoredPage) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(written("annotated", [page]))
        return record

    def test_by_example(self) -> None:
        page = scored("One\r\n\r\n> Two", "x", site="a.example", n=1, labels=["promo"], reviewed=True, id="old")
        assert self.record(page) == {
            "id": "x",
            "site": "a.example",
            "n": 1,
            "reviewed": False,
            "text": "One\n\n> Two",
            "labels": ["body", "promo"],
        }

    @given(page_texts, st.dictionaries(st.sampled_from(["site", "lang", "text", "n"]), field_texts | st.integers()))
    def test_drafts_are_annotated_pages(self, text: str, fields: dict[str, Any]) -> None:
        page = ScoredPage(Scrape("x", "-", text, fields), label_by_sign(text))
        draft = page_from_fields(self.record(page))
        assert draft.text == normalise_newlines(text)
        assert draft.labels == [line.label for line in page.lines]
        assert draft.extra["reviewed"] is False


def test_the_stand_in_gives_every_label() -> None:
    assert {line.label for line in label_by_sign("One\n© Two\n> Three\n¿ Four")} == set(LABELS)
