"""Annotated pages on disk: nothing lost, and every kind of broken input named with its place."""

from __future__ import annotations

import copy
import gzip
import itertools
import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import field_texts, page_texts

from boilerplate.corpus import (
    AnnotatedPage,
    annotated_files,
    check_label,
    fields_of_page,
    fingerprint,
    format_page,
    json_row,
    page_from_fields,
    parse_object,
    parse_page,
    read_page_file,
    read_pages,
    write_json_lines,
    write_page_file,
    write_page_files,
)
from boilerplate.errors import BoilerplateError, InputError
from boilerplate.labels import LABELS
from boilerplate.pages import labelled_lines, normalise_newlines

FIXED = ("id", "text", "labels", "site", "lang")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | field_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(field_texts, inner, max_size=3),
    max_leaves=5,
)
keys = st.one_of(st.sampled_from(["scraper", "url", "a.b-c", "größe", "", " ", "#", '"', "a: b", "id "]), field_texts)


@st.composite
def annotated_pages(draw: st.DrawFn) -> AnnotatedPage:
    """Any page that can be annotated, with any metadata that JSON can hold."""
    text = normalise_newlines(draw(page_texts))
    numbers = [number for number, _ in labelled_lines(text)]
    count = len(numbers)
    extra = draw(st.dictionaries(keys.filter(lambda key: key not in FIXED), values, max_size=3))
    if draw(st.booleans()):
        at_lines = st.dictionaries(st.sampled_from(numbers or [1]), st.sampled_from(LABELS), max_size=3)
        extra["suggested"] = draw(
            at_lines.map(lambda found: {str(number): found[number] for number in sorted(found)}) | values
        )
    return AnnotatedPage(
        id=draw(field_texts),
        text=text,
        labels=draw(st.lists(st.sampled_from(LABELS), min_size=count, max_size=count)),
        site=draw(field_texts),
        lang=draw(field_texts),
        extra=extra,
    )


def alike(one: AnnotatedPage, other: AnnotatedPage) -> bool:
    """Equal, and 1, 1.0 and True are not the same."""
    return one == other and repr(one) == repr(other)


def small_page() -> AnnotatedPage:
    return AnnotatedPage(
        id="heron-1",
        text="The heron is back\n\n\tA heron (Foto: Ana)\n \nMore birds\n",
        labels=["body", "caption", "promo"],
        site="marsh.example",
        lang="en",
        extra={"scraper": "rake", "words": [4, 4, 2], "year": "1998", "note": "two\nrows"},
    )


def small_pages() -> list[AnnotatedPage]:
    return [
        small_page(),
        AnnotatedPage("empty", "", []),
        AnnotatedPage("otter", "Otters\x00 swim\u2028all day", ["body"], site="river.example"),
    ]


@pytest.fixture
def complaints() -> list[InputError]:
    return []


class TestRoundTrips:
    @given(annotated_pages())
    def test_json(self, page: AnnotatedPage) -> None:
        row = json_row(fields_of_page(page))
        assert row.endswith("\n")
        assert row.count("\n") == 1
        assert alike(page_from_fields(parse_object(row.encode("utf-8"))), page)

    @given(annotated_pages())
    @settings(max_examples=200)
    def test_page_file(self, page: AnnotatedPage) -> None:
        assert alike(parse_page(format_page(page), default_id="another"), page)

    @given(st.lists(annotated_pages(), max_size=4))
    @settings(max_examples=25)
    def test_from_json_lines_to_page_files_and_back(
        self, tmp_path_factory: pytest.TempPathFactory, pages: list[AnnotatedPage]
    ) -> None:
        folder = tmp_path_factory.mktemp("pages")
        first, second, files = folder / "first.jsonl.gz", folder / "second.jsonl", folder / "files"
        assert write_json_lines(pages, first) == len(pages)
        assert write_page_files(read_pages(first), files) == len(pages)
        assert write_json_lines(itertools.chain.from_iterable(map(read_pages, files.iterdir())), second) == len(pages)
        again = list(read_pages(files)) if pages else []
        assert len(again) == len(pages)
        assert all(map(alike, again, pages))
        assert sorted(second.read_bytes().splitlines()) == sorted(gzip.decompress(first.read_bytes()).splitlines())

    @given(annotated_pages())
    @settings(max_examples=50)
    def test_an_editor_on_windows_saves_the_same_page(
        self, tmp_path_factory: pytest.TempPathFactory, page: AnnotatedPage
    ) -> None:
        file = tmp_path_factory.getbasetemp() / "windows.page"
        write_page_file(page, file)
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
        assert alike(read_page_file(file), page)

    def test_nothing_of_the_repository_s_pages_is_lost(self, data_pages: list[AnnotatedPage], tmp_path: Path) -> None:
        write_json_lines(data_pages, tmp_path / "all.jsonl")
        write_page_files(read_pages(tmp_path / "all.jsonl"), tmp_path / "again")
        assert list(read_pages(tmp_path / "again")) == data_pages

    def test_a_gzipped_file_is_gzip_and_carries_no_time(self, tmp_path: Path) -> None:
        plain, packed = tmp_path / "p.jsonl", tmp_path / "p.jsonl.gz"
        write_json_lines(small_pages(), plain)
        write_json_lines(small_pages(), packed)
        assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
        assert packed.read_bytes()[4:8] == bytes(4)
        assert list(read_pages(packed)) == small_pages()

    def test_a_page_is_equal_after_pickling_and_copying(self) -> None:
        assert pickle.loads(pickle.dumps(small_page())) == copy.deepcopy(small_page()) == small_page()


class TestJsonLines:
    def test_what_a_row_looks_like(self) -> None:
        page = AnnotatedPage("é-1", "Über uns", ["promo"], extra={"scraper": "rake"})
        row = '{"id": "é-1", "scraper": "rake", "text": "Über uns", "labels": ["promo"]}\n'
        assert json_row(fields_of_page(page)) == row

    def test_blank_rows_are_skipped_and_newlines_normalised(self, tmp_path: Path) -> None:
        file = tmp_path / "p.jsonl"
        file.write_bytes(b'\n  \r\n{"id": "a", "text": "x\\r\\ny\\rz", "labels": ["body", "body", "promo"]}\r\n\n')
        assert list(read_pages(file)) == [AnnotatedPage("a", "x\ny\nz", ["body", "body", "promo"])]

    def test_a_byte_order_mark_before_the_first_row(self, tmp_path: Path) -> None:
        file = tmp_path / "p.jsonl"
        file.write_bytes(b'\xef\xbb\xbf{"id": "a", "text": "\xef\xbb\xbfx", "labels": ["body"]}')
        assert list(read_pages(file)) == [AnnotatedPage("a", "\ufeffx", ["body"])]

    def test_null_for_a_site_or_language_means_unknown(self) -> None:
        page = page_from_fields({"id": "a", "text": "x", "labels": ["body"], "site": None, "lang": None})
        assert (page.site, page.lang, page.extra) == ("", "", {})

    def test_pages_without_a_site_are_groups_of_their_own(self) -> None:
        assert [page.group for page in small_pages()] == ["marsh.example", "empty", "river.example"]

    def test_lines_of_a_page_carry_their_numbers(self) -> None:
        assert list(small_page().lines()) == [
            (1, "The heron is back"),
            (3, "\tA heron (Foto: Ana)"),
            (5, "More birds"),
        ]


class TestPageFiles:
    CONTENT = (
        "# id: heron-1\n"
        "# site: marsh.example\n"
        "# lang: en\n"
        "# scraper: rake\n"
        "# words: [4, 4, 2]\n"
        '# year: "1998"\n'
        '# note: "two\\nrows"\n'
        "\n"
        "body\tThe heron is back\n"
        "\n"
        "caption\t\tA heron (Foto: Ana)\n"
        " \n"
        "promo\tMore birds\n"
        "\n"
    )

    def test_what_a_file_looks_like(self) -> None:
        assert format_page(small_page()) == self.CONTENT
        assert parse_page(self.CONTENT) == small_page()

    def test_suggested_labels_stand_at_their_lines(self) -> None:
        page = small_page()
        page.extra["suggested"] = {"1": "promo", "5": "body"}
        marked = self.CONTENT.replace("body\tThe", "body?promo\tThe").replace("promo\tMore", "promo?body\tMore")
        assert format_page(page) == marked
        assert parse_page(marked) == page
        assert parse_page(marked).labels == small_page().labels

    @pytest.mark.parametrize(
        "suggested", [{"2": "body"}, {"1": "bodies"}, {"01": "body"}, {}, [], None, {"1": ["body"]}]
    )
    def test_what_suggests_no_label_of_a_line_stays_in_the_header(self, suggested: Any) -> None:
        page = small_page()
        page.extra["suggested"] = suggested
        assert f"# suggested: {json.dumps(suggested)}\n" in format_page(page)
        assert alike(parse_page(format_page(page)), page)

    def test_known_fields_need_no_quotes_and_others_are_json_where_they_can(self) -> None:
        page = parse_page("# id: 17\n#site:null\n#  lang :  true \n# n: 17\n# s: 17 birds\n# k: null\n\nbody\tx\n")
        assert (page.id, page.site, page.lang) == ("17", "null", "true")
        assert page.extra == {"n": 17, "s": "17 birds", "k": None}

    def test_without_a_header_the_file_names_the_page(self, tmp_path: Path) -> None:
        (tmp_path / "kingfisher.page").write_text("body\tBlue\n\n\npromo\tMore\n")
        assert read_page_file(tmp_path / "kingfisher.page") == AnnotatedPage(
            "kingfisher", "Blue\n\n\nMore", ["body", "promo"]
        )

    @pytest.mark.parametrize("content", ["# id: a\n\nbody\tx\n", "# id: a\nbody\tx\n", "# id: a\nbody\tx"])
    def test_the_blank_row_and_the_last_newline_may_be_missing(self, content: str) -> None:
        assert parse_page(content) == AnnotatedPage("a", "x", ["body"])

    def test_a_second_blank_row_behind_the_header_belongs_to_the_page(self) -> None:
        assert parse_page("# id: a\n\n\nbody\tx\n").text == "\nx"

    def test_tabs_and_number_signs_of_a_line_stay(self) -> None:
        page = parse_page("body\t# id: x\npromo\t\t\ta\tb\t\n")
        assert page == AnnotatedPage("page", "# id: x\n\t\ta\tb\t", ["body", "promo"])

    def test_a_folder_of_page_files_keeps_order_and_stays_inside(self, tmp_path: Path) -> None:
        ids = ["../../up", "same", "same", "", "a/b\\c", "nul\x00", "ж" * 300, "x" * 300, ".", "con:\n"]
        pages = [AnnotatedPage(name, f"page {number}", ["body"]) for number, name in enumerate(ids)]
        folder = tmp_path / "deep" / "folder"
        assert write_page_files(iter(pages), folder) == len(pages)
        assert len(list(folder.iterdir())) == len(pages)
        assert list(tmp_path.rglob("*.page")) == list(folder.rglob("*.page"))
        assert list(read_pages(folder)) == pages


class TestFilesAndFolders:
    def test_folders_are_searched_in_order_of_name(self, tmp_path: Path) -> None:
        write_json_lines([AnnotatedPage("c", "", [])], tmp_path / "c.jsonl")
        (tmp_path / "b").mkdir()
        write_json_lines([AnnotatedPage("b2", "", [])], tmp_path / "b" / "2.jsonl.gz")
        write_page_file(AnnotatedPage("b1", "", []), tmp_path / "b" / "1.page")
        write_page_file(AnnotatedPage("a", "", []), tmp_path / "a.page")
        (tmp_path / "notes.txt").write_text("not a page")
        assert [page.id for page in read_pages(tmp_path)] == ["a", "b1", "b2", "c"]
        assert [page.id for page in read_pages(tmp_path / "c.jsonl", str(tmp_path / "a.page"))] == ["c", "a"]
        assert annotated_files(tmp_path / "a.page") == [tmp_path / "a.page"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("missing.jsonl", "no such file or folder"),
            ("notes.txt", r"read from \.jsonl, \.jsonl\.gz and \.page files"),
            ("empty", r"no \.jsonl, \.jsonl\.gz or \.page file in this folder"),
        ],
    )
    def test_paths_without_pages(self, tmp_path: Path, name: str, message: str, complaints: list[InputError]) -> None:
        (tmp_path / "notes.txt").write_text("x")
        (tmp_path / "empty").mkdir()
        write_json_lines(small_pages(), tmp_path / "good.jsonl")
        with pytest.raises(InputError, match=message) as caught:
            list(read_pages(tmp_path / name))
        assert (caught.value.path, caught.value.row) == (str(tmp_path / name), None)
        assert list(read_pages(tmp_path / name, tmp_path / "good.jsonl", complain=complaints.append)) == small_pages()
        assert [error.path for error in complaints] == [str(tmp_path / name)]

    def test_reading_is_lazy(self, tmp_path: Path) -> None:
        (tmp_path / "p.jsonl").write_bytes(json_row(fields_of_page(small_page())).encode() + b"broken\n")
        pages = read_pages(tmp_path / "p.jsonl")
        assert next(pages) == small_page()
        with pytest.raises(InputError):
            next(pages)


def row(**changes: Any) -> bytes:
    """A good row of JSON Lines, but for the changes; None leaves a field out."""
    fields = {"id": "a", "text": "one\n\ntwo", "labels": ["body", "caption"]} | changes
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


BROKEN_ROWS = {
    "cut off": (row()[:-3], r"bad JSON: .+ \(column \d+\)"),
    "no JSON": (b"body\tone", r"bad JSON: .+ \(column 1\)"),
    "a list": (b"[" + row() + b"]", "each line must be a JSON object, not list"),
    "latin-1": (row(id="x").replace(b'"x"', b'"caf\xe9"'), r"not UTF-8 \(byte 12\); save the file as UTF-8"),
    "utf-16": (row().decode().encode("utf-16"), r"not UTF-8 \(byte 1\)"),
    "a raw surrogate": (row(id="x").replace(b'"x"', b'"\xed\xa0\x80"'), r"not UTF-8 \(byte 9\)"),
    "too deep": (b"[" * 200_000, "bad JSON: nested too deeply"),
    "a number of 5,000 digits": (row(year=7).replace(b"7", b"7" * 5000), "digits"),
    "no id": (row(id=None), "field 'id' is missing"),
    "no text": (row(text=None), "field 'text' is missing"),
    "no labels": (row(labels=None), "field 'labels' is missing"),
    "a number for id": (row(id=7), "field 'id' must be a string"),
    "lines for text": (row(text=["one", "two"]), "field 'text' must be a string"),
    "labels in one string": (row(labels="body body"), "field 'labels' must be a list"),
    "a number for site": (row(site=7), "field 'site' must be a string"),
    "a list for lang": (row(lang=["en"]), "field 'lang' must be a string"),
    "too few labels": (row(labels=["body"]), "1 labels for 2 non-blank lines"),
    "too many labels": (row(labels=["body"] * 3), "3 labels for 2 non-blank lines"),
    "a misspelt label": (row(labels=["body", "captoin"]), "label 2: unknown label 'captoin'; did you mean 'caption'"),
    "another case": (row(labels=["Body", "body"]), "label 1: unknown label 'Body'; did you mean 'body'"),
    "an underscore": (row(labels=["body", "foreign_caption"]), "did you mean 'foreign-caption'"),
    "an unlike label": (row(labels=["?", "body"]), "known labels: body, caption, foreign-caption, promo"),
    "a label with a newline": (row(labels=["body", "promo\n"]), r"unknown label 'promo\\n'; did you mean 'promo'"),
    "no label": (row(labels=["body", None]).replace(b'"body"', b'"body", null'), "label 2: unknown label None"),
    "a list for a label": (row(labels=[["body"], "body"]), "label 1: unknown label"),
}

BROKEN_FILES = {
    "no tab": (b"body\tone\nbody two\n", 2, "no tab between label and line; write label<TAB>line"),
    "no label": (b"body\tone\n\n\n\ttwo\n", 4, "unknown label ''"),
    "a misspelt label": (b"# id: a\n\nbody\tone\npromos\ttwo\n", 4, "unknown label 'promos'; did you mean 'promo'"),
    "an unlike label": (b"xyzzy\tone\n", 1, "known labels: body, caption, foreign-caption, promo"),
    "blanks around a label": (b" body\tone\n", 1, "unknown label ' body'; did you mean 'body'"),
    "a label without a line": (b"body\tone\r\nbody\t\r\n", 2, "label 'body' stands before a blank line"),
    "a label before blanks": ("body\t\u3000 \n".encode(), 1, "label 'body' stands before a blank line"),
    "a header without a colon": (b"# id: a\n# a remark\n\nbody\tone\n", 2, "bad header; write # key: value"),
    "a header without a key": (b"#: a\n\nbody\tone\n", 1, "bad header; write # key: value"),
    "a header with half a quote": (b'# "id: a\n\nbody\tone\n', 1, "bad header"),
    "a header with a key alone": (b'# "id"\n\nbody\tone\n', 1, "bad header; write # key: value"),
    "a header twice": (b"# site: a\n# lang: en\n# site: b\n", 3, "header names 'site' twice"),
    "a header for the text": (b"# id: a\n# text: one\n\nbody\tone\n", 2, "text"),
    "a number for a site": (b"# site: a\n# lang: en\n\nbody one\n", 4, "no tab"),
    "a mark without a label": (
        b"body\tone\nbody?\ttwo\n",
        2,
        "no label behind the mark in 'body\\?'; write body\\?other",
    ),
    "a mark with a misspelt label": (b"body?promos\ttwo\n", 1, "unknown label 'promos'; did you mean 'promo'"),
    "marks and a header for them": (b"# suggested: {}\n\nbody?promo\ttwo\n", 1, "header names 'suggested'"),
    "latin-1": (b"# id: a\n\nbody\tone\nbody\tcaf\xe9\n", 4, "not UTF-8; save the file as UTF-8"),
    "utf-16": ("body\tone".encode("utf-16"), 1, "not UTF-8; save the file as UTF-8"),
}


class TestBrokenInput:
    @pytest.mark.parametrize(("raw", "message"), BROKEN_ROWS.values(), ids=BROKEN_ROWS)
    def test_rows_of_json(self, tmp_path: Path, raw: bytes, message: str, complaints: list[InputError]) -> None:
        file = tmp_path / "pages.jsonl"
        good = json_row(fields_of_page(small_page())).encode()
        # A row of UTF-16 has a newline of its own: as the last row it stays one row.
        file.write_bytes(b"\n" + good + good + raw)
        with pytest.raises(InputError, match=message) as caught:
            list(read_pages(file))
        assert (caught.value.path, caught.value.row) == (str(file), 4)
        assert str(caught.value) == f"{file}:4: {caught.value.message}"
        assert "\n" not in str(caught.value)
        file.write_bytes(b"\n" + good + raw + b"\n" + good)
        assert list(read_pages(file, complain=complaints.append)) == [small_page()] * 2
        (error,) = complaints
        assert error.row == 3

    @pytest.mark.parametrize(("raw", "line", "message"), BROKEN_FILES.values(), ids=BROKEN_FILES)
    def test_page_files(
        self, tmp_path: Path, raw: bytes, line: int, message: str, complaints: list[InputError]
    ) -> None:
        file = tmp_path / "2.page"
        file.write_bytes(raw)
        with pytest.raises(InputError, match=message) as caught:
            read_page_file(file)
        assert (caught.value.path, caught.value.row) == (str(file), line)
        assert "\n" not in str(caught.value)
        for name in ("1.page", "3.page"):
            write_page_file(small_page(), tmp_path / name)
        assert list(read_pages(tmp_path, complain=complaints.append)) == [small_page()] * 2
        assert [(error.path, error.row) for error in complaints] == [(str(file), line)]

    def test_a_header_with_a_number_of_5000_digits_does_not_end_in_a_traceback(self, tmp_path: Path) -> None:
        (tmp_path / "p.page").write_text("# year: " + "7" * 5000 + "\n\nbody\tone\n")
        assert read_page_file(tmp_path / "p.page").extra == {"year": "7" * 5000}

    def test_every_broken_row_is_complained_of(self, tmp_path: Path, complaints: list[InputError]) -> None:
        file = tmp_path / "pages.jsonl"
        rows = [raw for name, (raw, _) in BROKEN_ROWS.items() if name != "utf-16"]
        file.write_bytes(b"\n".join(rows))
        assert list(read_pages(file, complain=complaints.append)) == []
        assert [error.row for error in complaints] == list(range(1, len(rows) + 1))

    @given(st.binary(max_size=60))
    @settings(max_examples=100)
    def test_any_bytes_are_a_page_or_an_input_error(self, tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
        for name in ("any.page", "any.jsonl", "any.jsonl.gz"):
            file = tmp_path_factory.getbasetemp() / name
            file.write_bytes(raw)
            errors: list[InputError] = []
            pages = list(read_pages(file, complain=errors.append))
            assert pages or errors or not raw.strip()

    def test_a_missing_page_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="No such file") as caught:
            read_page_file(tmp_path / "missing.page")
        assert caught.value.row is None

    def test_an_error_is_one_of_ours_and_survives_pickling(self) -> None:
        error = InputError(Path("a.page"), "no tab", 3)
        again = pickle.loads(pickle.dumps(error))
        assert isinstance(again, BoilerplateError)
        assert (str(again), again.path, again.message, again.row) == ("a.page:3: no tab", "a.page", "no tab", 3)

    @pytest.mark.parametrize("label", LABELS)
    def test_known_labels_pass(self, label: str) -> None:
        assert check_label(label) == label


class TestDamagedGzip:
    @staticmethod
    def packed() -> bytes:
        # Each page of random-looking hexadecimal text, so that it does not pack into one deflate block's first bytes.
        pages = [
            AnnotatedPage(f"p{n}", fingerprint([AnnotatedPage(str(n), "", [])]) * 60, ["body"]) for n in range(400)
        ]
        return gzip.compress("".join(json_row(fields_of_page(page)) for page in pages).encode())

    def read(self, tmp_path: Path, raw: bytes) -> tuple[list[AnnotatedPage], InputError]:
        file = tmp_path / "pages.jsonl.gz"
        file.write_bytes(raw)
        errors: list[InputError] = []
        pages = list(read_pages(file, complain=errors.append))
        with pytest.raises(InputError):
            list(read_pages(file))
        (error,) = errors
        assert error.path == str(file)
        assert error.message.startswith("damaged gzip file (")
        assert error.message.endswith("fetch or write it again")
        return pages, error

    def test_truncated(self, tmp_path: Path) -> None:
        raw = self.packed()
        pages, error = self.read(tmp_path, raw[: len(raw) // 2])
        assert [page.id for page in pages] == [f"p{number}" for number in range(len(pages))]
        assert 0 < len(pages) < 400
        assert error.row == len(pages) + 1

    def test_without_its_checksum(self, tmp_path: Path) -> None:
        pages, error = self.read(tmp_path, self.packed()[:-8])
        assert (len(pages), error.row) == (400, 401)

    def test_with_a_wrong_checksum(self, tmp_path: Path) -> None:
        raw = bytearray(self.packed())
        raw[-5] ^= 1
        _, error = self.read(tmp_path, bytes(raw))
        assert error.row is not None

    def test_overwritten_in_the_middle(self, tmp_path: Path) -> None:
        raw = bytearray(self.packed())
        raw[len(raw) // 2 : len(raw) // 2 + 64] = b"\xff" * 64
        file = tmp_path / "pages.jsonl.gz"
        file.write_bytes(bytes(raw))
        errors: list[InputError] = []
        pages = list(read_pages(file, complain=errors.append))
        assert len(pages) < 400
        assert "damaged gzip file" in errors[-1].message

    def test_not_gzip(self, tmp_path: Path) -> None:
        pages, error = self.read(tmp_path, b'{"id": "a"}\n')
        assert (pages, error.row) == ([], 1)


class TestFingerprint:
    def test_the_order_of_pages_does_not_matter(self) -> None:
        assert len({fingerprint(order) for order in itertools.permutations(small_pages())}) == 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda page: page.labels.__setitem__(2, "body"),
            lambda page: setattr(page, "text", page.text + "\n"),
            lambda page: setattr(page, "text", page.text.replace("heron", "Heron")),
        ],
    )
    def test_a_label_or_a_character_does(self, change: Callable[[AnnotatedPage], None]) -> None:
        before, page = fingerprint(small_pages()), small_page()
        change(page)
        assert fingerprint([page, *small_pages()[1:]]) != before

    def test_a_page_more_or_twice_does(self) -> None:
        prints = {fingerprint(pages) for pages in ([], small_pages()[:1], small_pages()[:1] * 2, small_pages())}
        assert len(prints) == 4
        assert all(len(found) == 64 and int(found, 16) >= 0 for found in prints)

    def test_what_was_read_is_what_was_written(self, tmp_path: Path) -> None:
        write_json_lines(small_pages(), tmp_path / "p.jsonl.gz")
        assert fingerprint(read_pages(tmp_path / "p.jsonl.gz")) == fingerprint(small_pages())


class TestWriting:
    @staticmethod
    def failing() -> Iterator[AnnotatedPage]:
        yield small_page()
        raise RuntimeError("the disk of the source is gone")

    @pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz"])
    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"old")
        with pytest.raises(RuntimeError, match="gone"):
            write_json_lines(self.failing(), tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [tmp_path / name]

    def test_a_page_that_cannot_be_written_leaves_the_old_file(self, tmp_path: Path) -> None:
        file = tmp_path / "p.page"
        write_page_file(small_page(), file)
        before = file.read_bytes()
        with pytest.raises(TypeError):
            write_page_file(AnnotatedPage("a", "x", ["body"], extra={"when": object()}), file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]

    def test_success_replaces_the_old_file(self, tmp_path: Path) -> None:
        file = tmp_path / "p.jsonl"
        file.write_bytes(b"old")
        write_json_lines([], file)
        assert file.read_bytes() == b""
        assert list(tmp_path.iterdir()) == [file]

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "p.jsonl").write_bytes(b"old")
        (tmp_path / "link.jsonl").symlink_to(tmp_path / "real" / "p.jsonl")
        write_json_lines(small_pages(), tmp_path / "link.jsonl")
        assert (tmp_path / "link.jsonl").is_symlink()
        assert list(read_pages(tmp_path / "real")) == small_pages()

    def test_pipes_and_devices_are_written_to_and_not_replaced(self, tmp_path: Path) -> None:
        pipe = tmp_path / "p.jsonl"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            write_json_lines(small_pages(), pipe)
            assert os.read(reader, 10_000).count(b"\n") == len(small_pages())
        finally:
            os.close(reader)
        assert pipe.is_fifo()

    def test_what_cannot_be_written_to(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be written"):
            write_json_lines(small_pages(), tmp_path / "missing" / "p.jsonl")
        (tmp_path / "p.jsonl").mkdir()
        with pytest.raises(InputError, match="cannot be written"):
            write_json_lines(small_pages(), tmp_path / "p.jsonl")
        assert list(tmp_path.rglob("*")) == [tmp_path / "p.jsonl"]
