"""The annotated pages of data/, their card, and the annotated examples in docs/ are what they say they are."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from boilerplate.corpus import AnnotatedPage, format_page, page_from_fields, parse_page, read_pages, write_page_files

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
DOCS = ROOT / "docs"
HEADER = {"style", "scraper"}


@pytest.fixture(scope="module")
def counts() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("data_counts", DATA / "counts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def pages() -> list[AnnotatedPage]:
    return list(read_pages(DATA / "pages"))


def page(name: str, *lines: str, **fields: Any) -> AnnotatedPage:
    """A page of body lines that lacks nothing but company."""
    header = {"site": f"{name}.example", "lang": "en", "style": "test", "scraper": "main-content", **fields}
    return page_from_fields(
        {"id": name, **header, "text": "\n".join(lines), "labels": ["body"] * sum(map(bool, lines))}
    )


class TestShippedPages:
    def test_meet_all_that_the_card_says(self, counts: ModuleType, pages: list[AnnotatedPage]) -> None:
        assert counts.problems(pages) == []

    def test_are_named_like_their_files(self, pages: list[AnnotatedPage]) -> None:
        assert {page.id for page in pages} == {path.stem for path in (DATA / "pages").iterdir()}

    def test_have_the_five_header_keys_and_perhaps_a_weight(self, pages: list[AnnotatedPage]) -> None:
        assert [page.id for page in pages if set(page.extra) - {"weight"} != HEADER] == []
        assert {page.extra.get("weight", 1) for page in pages if page.lang in ("en", "de")} == {0.3}
        assert {page.extra.get("weight", 1) for page in pages if page.lang not in ("en", "de")} == {1}
        assert {page.extra["scraper"] for page in pages} == {"main-content", "whole-page"}

    def test_card_shows_what_counts_prints(self, counts: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
        assert counts.main([]) == 0
        card = (DATA / "README.md").read_text(encoding="utf-8")
        assert counts.tables_in(card) + "\n" == capsys.readouterr().out

    def test_every_language_has_a_name(self, counts: ModuleType, pages: list[AnnotatedPage]) -> None:
        assert {page.lang for page in pages} <= set(counts.LANGUAGES)


class TestProblems:
    def test_each_minimum_is_checked(
        self, counts: ModuleType, pages: list[AnnotatedPage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        have = counts.amounts(pages)
        assert set(counts.MINIMUMS) <= set(have)
        monkeypatch.setattr(counts, "MINIMUMS", {name: count + 1 for name, count in have.items()})
        assert counts.problems(pages) == [f"{count} {name}, fewer than {count + 1}" for name, count in have.items()]

    def test_amounts_are_counted_right(self, counts: ModuleType) -> None:
        small = [
            page("a", "Rain fell."),
            page("b", "Дождь шёл.", "И снег.", lang="ru"),
            page("c", "Пада дъжд.", lang="bg"),
            page_from_fields(
                {"id": "d", "lang": "el", "text": "Βρέχει\n\nΡόιτερς\nMenu", "labels": ["body", "caption", "promo"]}
            ),
        ]
        assert counts.amounts(small) == {
            "pages": 4,
            "English pages": 1,
            "pages in other languages": 3,
            "languages other than English": 3,
            "scripts of pages in other languages": 2,
            "lines": 7,
            "body lines": 5,
            "caption lines": 1,
            "foreign-caption lines": 0,
            "promo lines": 1,
        }

    @pytest.mark.parametrize(
        ("second", "message"),
        [
            (page("b", "Two.", site="a.example"), "2 pages have the site 'a.example'"),
            (page("a", "Two.", site="b.example"), "2 pages have the id 'a'"),
            (page("b", "Two.", site="b.org"), "b: the site 'b.org' does not end in .example"),
            (page("b", "Two.", lang=""), "b: no lang in the header"),
            (page("b", "Two.", style=None), "b: no style in the header"),
        ],
    )
    def test_headers_are_checked(
        self, counts: ModuleType, monkeypatch: pytest.MonkeyPatch, second: AnnotatedPage, message: str
    ) -> None:
        monkeypatch.setattr(counts, "MINIMUMS", {})
        assert counts.problems([page("a", "One.")]) == []
        (found,) = counts.problems([page("a", "One."), second])
        assert found.startswith(message)


class TestSharedSentences:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("The tide came late.", "The tide came late."),
            ("The tide came late", "THE TIDE, came late!"),
            ("Nobody slept. The tide came late. Bells rang.", "Why? The tide came late."),
            ("“The tide came late.” Nobody slept.", "The tide came late"),
            ("潮は遅れて来たという。", "船長は言った。潮は遅れて来たという。"),
            ("น้ำขึ้นช้ากว่าทุกปี", "น้ำขึ้นช้ากว่าทุกปี"),
            ("ज्वार आज देर से आया।", "सब सोए। ज्वार आज देर से आया।"),
        ],
    )
    def test_found(self, counts: ModuleType, one: str, other: str) -> None:
        (found,) = counts.shared_sentences([page("a", "First.", one), page("b", "Other.", "", other)])
        assert found.startswith("b, line 3: also on a: ")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Share this page", "Share this page"),
            ("The tide came late", "The tide came early"),
            ("Reading time 4.5 min", "Reading time 4.7 min"),
            ("潮が来た。", "潮が来た。"),
            ("ज्वार देर से", "ज्वार देर से"),
        ],
    )
    def test_not_found(self, counts: ModuleType, one: str, other: str) -> None:
        assert counts.shared_sentences([page("a", one), page("b", other)]) == []

    def test_a_page_may_repeat_itself(self, counts: ModuleType) -> None:
        assert counts.shared_sentences([page("a", "The tide came late.", "The tide came late.")]) == []


class TestScript:
    @pytest.mark.parametrize(
        ("text", "script"),
        [
            ("Über den Fluß 2024", "Latin"),
            ("Через реку, Reuters", "Cyrillic"),
            ("过河的人很多", "Han"),
            ("川を渡る人が多い", "Japanese"),
            ("강을 건너다", "Hangul"),
            ("नदी के पार", "Devanagari"),
            ("12:30 —", "none"),
        ],
    )
    def test_is_that_of_most_letters(self, counts: ModuleType, text: str, script: str) -> None:
        assert counts.script_of(text) == script


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_page_files([page("a", "The tide came late.")], tmp_path / "pages")
        (tmp_path / "README.md").write_text("Before\n<!-- counts -->\nold\n<!-- /counts -->\nAfter\n", encoding="utf-8")
        return tmp_path

    def test_shortfalls_exit_with_1(self, counts: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert counts.main(["--pages", str(folder / "pages")]) == 1
        shown = capsys.readouterr()
        assert "| English (`en`) | Latin | 1 | 1 | 1 | 0 | 0 | 0 |" in shown.out
        assert "1 pages, fewer than 80" in shown.err

    def test_write_changes_only_what_stands_between_the_markers(self, counts: ModuleType, folder: Path) -> None:
        card = folder / "README.md"
        arguments = ["--pages", str(folder / "pages"), "--card", str(card), "--write"]
        counts.main(arguments)
        written = card.read_text(encoding="utf-8")
        assert written.startswith("Before\n<!-- counts -->\n| | |\n")
        assert written.endswith(" |\n<!-- /counts -->\nAfter\n")
        counts.main(arguments)
        assert card.read_text(encoding="utf-8") == written

    def test_a_card_without_markers_is_left_alone(
        self, counts: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        card = folder / "README.md"
        card.write_text("<!-- /counts --> the wrong way round <!-- counts -->\n", encoding="utf-8")
        assert counts.main(["--pages", str(folder / "pages"), "--card", str(card), "--write"]) == 2
        assert "README.md: the markers" in capsys.readouterr().err
        assert card.read_text(encoding="utf-8").startswith("<!-- /counts --> the wrong")

    def test_broken_pages_exit_with_2(
        self, counts: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "pages" / "b.page").write_text("bodi\tOops\n", encoding="utf-8")
        assert counts.main(["--pages", str(folder / "pages")]) == 2
        assert "b.page:1: unknown label 'bodi'; did you mean 'body'?" in capsys.readouterr().err


@pytest.mark.skipif(not DOCS.is_dir(), reason="no docs/ in this distribution")
class TestExamplesInDocs:
    @staticmethod
    def blocks(name: str, kind: str) -> list[str]:
        return re.findall(
            rf"^```{kind}\n(.*?)^```$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )

    @pytest.mark.parametrize("name", ["annotation.md", "formats.md"])
    def test_page_files_are_read_and_written_as_they_stand(self, name: str) -> None:
        blocks = self.blocks(name, "page")
        assert blocks
        for block in blocks:
            shown = parse_page(block)
            assert shown.labels
            assert format_page(shown).endswith(block)

    def test_json_lines(self) -> None:
        blocks = self.blocks("formats.md", "json")
        assert len(blocks) == 2
        assert page_from_fields(json.loads(blocks[0])).labels == ["body", "promo"]
        assert json.loads(blocks[1])["lines"][0]["label"] == "promo"
