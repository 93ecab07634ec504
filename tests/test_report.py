"""The HTML report as a file: what it holds, what it must never hold, how large it gets."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predictions import made_up
from strategies import any_character

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import PredictedLines, compare, evaluate_lines, predicted_lines
from boilerplate.labels import LABELS
from boilerplate.learning_curve import LearningCurvePoint
from boilerplate.report import write_report
from boilerplate.report.excerpts import MAX_SHOWN, Excerpts, shown_text
from boilerplate.report.rendering import script_safe_json

HOSTILE = (
    '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"><!-- --> \' " & &amp; '
    "{{ 7 * 7 }} {% raw %} <svg/onload=alert(1)> ]]> \u2028 \ud800 \x00 \x1b[31m"
)
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Document(HTMLParser):
    """Elements and text of an HTML file; complains of tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.scripts: list[str] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "script":
            self.scripts.append(data)
        elif not self.stack or self.stack[-1] != "style":
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    @property
    def listed(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.scripts[0])
        return value

    def values(self, name: str) -> Iterator[str]:
        """Of an attribute, wherever it stands."""
        for _, attributes in self.elements:
            if attributes.get(name):
                yield str(attributes[name])


def report(lines: PredictedLines, **options: Any) -> str:
    evaluation = evaluate_lines(lines, cleaning_threshold=options.pop("threshold", 0.4), n_resamples=50)
    file = io.BytesIO()
    write_report(
        file, lines=lines, evaluation=evaluation, model={"name": "my.joblib", **options.pop("model", {})}, **options
    )
    return file.getvalue().decode("utf-8")


@pytest.fixture(scope="module")
def lines(data_pages: list[AnnotatedPage]) -> PredictedLines:
    return made_up(data_pages[::6])


@pytest.fixture(scope="module")
def html(lines: PredictedLines) -> str:
    return report(lines)


@pytest.fixture(scope="module")
def document(html: str) -> Document:
    return Document(html)


@pytest.fixture(scope="module")
def hostile() -> Document:
    text = f"{HOSTILE}\nplain line\n{HOSTILE} again"
    page = AnnotatedPage(HOSTILE, text, ["body", "promo", "caption"], HOSTILE, HOSTILE, {"scraper": HOSTILE})
    lines = made_up([page, AnnotatedPage("other", "a line", ["body"])], error=1, seed=2)
    baseline = made_up(lines.pages, error=0)
    assert lines.wrong.any()
    return Document(
        report(
            lines,
            title=HOSTILE,
            note=HOSTILE,
            data=[HOSTILE],
            model={"name": HOSTILE},
            baseline=baseline,
            baseline_model={"name": HOSTILE},
            comparison=compare(lines, baseline),
        )
    )


@pytest.fixture(scope="module")
def many() -> PredictedLines:
    """Long lines, most of them wrong: far more than a report should hold."""
    text = "\n".join(f"{number} " + "長い行の言葉と<b>" * 60 for number in range(80))
    pages = [AnnotatedPage(f"p{n}", text, [LABELS[n % 4]] * 80, f"s{n % 50}", "en") for n in range(200)]
    return made_up(pages, error=0.6)


class TestReport:
    def test_figures_are_those_of_the_evaluation(self, lines: PredictedLines, document: Document) -> None:
        evaluation = evaluate_lines(lines, cleaning_threshold=0.4, n_resamples=50)
        low, high = evaluation.macro_f1_interval
        shown = [f"{evaluation.macro_f1:.3f}", f"{low:.3f} to {high:.3f}", f"{100 * evaluation.accuracy:.1f} %"]
        for label, scores in evaluation.labels.items():
            shown += [f"{scores.precision:.3f}", f"{scores.recall:.3f}", f"{scores.f1:.3f}"]
            assert evaluation.calibration_error is not None
            shown.append(f"calibration error {evaluation.calibration_error[label]:.3f}")
        shown += [f"{count:,}" for row in evaluation.confusion.tolist() for count in row]
        for rates in (evaluation.characters, evaluation.cleaned):
            assert rates is not None
            shown += [f"{100 * rates.body_kept:.2f} %", f"{100 * rates.kept_is_body:.2f} %"]
        for cost in evaluation.costs:
            shown.append(f"{cost.characters:,}")
        for rows in evaluation.breakdowns.values():
            shown += [row.key for row in sorted(rows, key=lambda row: -row.wrong)[:60]]
        assert [part for part in shown if part not in document.text] == []

    def test_sections_are_there(self, document: Document) -> None:
        ids = set(document.values("id"))
        assert {"overview", "labels", "confusion", "where", "text", "confidence", "pages", "errors"} <= ids
        assert {"by-scraper", "by-lang", "by-length", "by-position", "by-site"} <= ids
        assert not {"comparison", "learning"} & ids

    def test_links_lead_somewhere_and_ids_are_unique(self, document: Document) -> None:
        ids = Counter(document.values("id"))
        assert [name for name, count in ids.items() if count > 1] == []
        targets = {href.removeprefix("#") for href in document.values("href") if href.startswith("#")}
        assert targets - set(ids) == set()
        assert {name for value in document.values("aria-labelledby") for name in value.split()} <= set(ids)

    def test_nothing_comes_from_elsewhere(self, html: str, document: Document) -> None:
        assert {tag for tag, _ in document.elements} & {"img", "iframe", "object", "audio", "video", "base"} == set()
        assert [href for href in document.values("href") if not href.startswith("#")] == ["data:,"]
        assert list(document.values("src")) == []
        assert not re.search(r"@import|url\((?!#)", html)
        assert "default-src 'none'" in html

    def test_only_our_script_may_run(self, html: str, document: Document) -> None:
        digest = base64.b64encode(hashlib.sha256(document.scripts[1].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}';" in html
        assert [attributes for tag, attributes in document.elements if tag == "script"] == [
            {"type": "application/json", "id": "listed"},
            {},
        ]
        assert not any(name.startswith("on") for _, attributes in document.elements for name in attributes)

    def test_plots_have_names_and_take_the_colours_of_the_page(self, html: str, document: Document) -> None:
        plots = [attributes for tag, attributes in document.elements if tag == "svg"]
        # Four of reliability, precision and recall, page length and position.
        assert len(plots) == 7
        assert all(plot["role"] == "img" and plot["aria-labelledby"] and plot["viewbox"] for plot in plots)
        svg = re.search(r"<svg[^>]*reliability-caption.*?</svg>", html, flags=re.S)
        assert svg is not None
        assert "var(--caption)" in svg.group()
        assert "var(--ink)" in svg.group()
        assert "<text" in svg.group(), "text stays text"
        assert not re.search(r"(fill|stroke): #0\d0", svg.group())

    def test_equal_input_gives_equal_bytes(self, lines: PredictedLines, html: str) -> None:
        assert report(lines) == html

    def test_every_wrong_line_is_listed_with_its_neighbours(self, lines: PredictedLines, document: Document) -> None:
        listed = document.listed
        assert listed["wrong"] == listed["listed"] == lines.wrong.sum()
        wrong = 0
        for page in listed["pages"]:
            number = page["page"]
            start = int(lines.starts[number])
            assert (page["id"], page["n"]) == (lines.pages[number].id, int(lines.counts[number]))
            texts = dict(lines.pages[number].lines())
            places = [row[0] for row in page["rows"]]
            for place, at, text, truth, predicted, probabilities, kept in page["rows"]:
                assert (truth, predicted) == (lines.given[start + place], lines.predicted[start + place])
                assert shown_text(texts[at], 10_000).startswith(text.rstrip("…"))
                assert lines.probabilities is not None
                assert probabilities == [round(1000 * share) for share in lines.probabilities[start + place].tolist()]
                assert kept == (lines.probabilities[start + place][0] >= 0.4)
                if truth != predicted:
                    wrong += 1
                    around = range(max(0, place - 2), min(page["n"], place + 3))
                    assert set(around) <= set(places)
        assert wrong == lines.wrong.sum()

    def test_examples_without_a_script(self, lines: PredictedLines, document: Document) -> None:
        matrix = evaluate_lines(lines, n_resamples=1).confusion
        pairs = {
            f"pair-{given}-{predicted}"
            for row, given in enumerate(LABELS)
            for column, predicted in enumerate(LABELS)
            if given != predicted and matrix[row, column]
        }
        assert pairs <= set(document.values("id"))

    def test_title_note_and_warning(self, lines: PredictedLines, document: Document) -> None:
        options = {"title": "Ours", "note": "Read by two people.", "data": ["data/pages"]}
        text = Document(report(lines, model={"trained_on_these_pages": True}, **options)).text
        assert text.startswith("Ours")
        assert "Read by two people." in text
        assert "from data/pages" in text
        assert "trained on these very pages" in text
        assert "these very pages" not in document.text

    def test_probabilities_are_needed(self, lines: PredictedLines) -> None:
        bare = predicted_lines(lines.pages, [page.labels for page in lines.pages])
        with pytest.raises(ValueError, match="needs probabilities"):
            write_report(io.BytesIO(), lines=bare, evaluation=evaluate_lines(bare), model={"name": "x"})


class TestComparisonAndCurve:
    def test_a_comparison(self, lines: PredictedLines) -> None:
        baseline = made_up(lines.pages, error=0.3, seed=5)
        comparison = compare(lines, baseline, n_resamples=50)
        html = report(lines, baseline=baseline, baseline_model={"name": "old.joblib"}, comparison=comparison)
        document = Document(html)
        macro = comparison.differences["macro-f1"]
        assert f"{macro.difference:+.3f}" in document.text
        assert "compared with old.joblib" in document.text
        for change in (*comparison.worse[:8], *comparison.better[:8]):
            assert f"{change.baseline_wrong} → {change.wrong} of {change.lines} lines wrong" in document.text
        rows = [row for page in document.listed["pages"] for row in page["rows"]]
        gained = sum(row[3] == row[4] != row[7] for row in rows)
        assert gained == comparison.lines.gained

    def test_a_learning_curve(self, lines: PredictedLines) -> None:
        points = [
            LearningCurvePoint(share, 40 * share, 40 * share, 900.0, evaluate_lines(lines, n_resamples=20))
            for share in (0.25, 0.5, 1.0)
        ]
        document = Document(report(lines, learning_curve=points))
        assert "learning" in set(document.values("id"))
        assert "learning-curve-title" in set(document.values("id"))
        assert "Macro-F1: 10 sites" in document.text


class TestHostileText:
    def test_is_shown_as_it_is(self, hostile: Document) -> None:
        assert len([tag for tag, _ in hostile.elements if tag == "script"]) == 2
        assert {tag for tag, _ in hostile.elements} & {"img", "b/onload", "svg/onload=alert(1)"} == set()
        assert not any(name.startswith("on") for _, attributes in hostile.elements for name in attributes)
        assert '<img src=x onerror="window.pwned = 1">' in hostile.text
        assert "{{ 7 * 7 }}" in hostile.text
        assert "&amp;" in hostile.text
        assert not set("\x00\x1b\ud800") & set(hostile.text)

    def test_is_data_for_the_script(self, hostile: Document) -> None:
        assert "window.pwned" not in hostile.scripts[1]
        assert "<" not in hostile.scripts[0]
        (page,) = (page for page in hostile.listed["pages"] if page["id"] != "other")
        assert page["site"].startswith("</script><script>")

    def test_languages_that_are_none_do_not_become_attributes(self, hostile: Document) -> None:
        assert set(hostile.values("lang")) == {"en"}

    @given(st.text(any_character, max_size=60))
    def test_json_in_a_script_comes_back_and_ends_nothing(self, text: str) -> None:
        text = shown_text(text, 50)
        packed = script_safe_json({"text": text})
        assert not set("<>&\u2028\u2029") & set(packed)
        assert json.loads(packed) == {"text": text}
        packed.encode("utf-8")

    @given(st.text(any_character, max_size=200), st.integers(1, 100))
    @settings(max_examples=200)
    def test_shown_text_can_be_written_and_is_short(self, text: str, most: int) -> None:
        shown = shown_text(text, most)
        assert len(shown) <= most
        shown.encode("utf-8")
        assert "\x00" not in shown

    def test_joiners_of_scripts_and_emoji_stay(self) -> None:
        for text in ("می\u200cخواهم", "\U0001f469\u200d\U0001f33e", "क्\u200dष"):
            assert shown_text(text, 50) == text


class TestOddInput:
    def test_no_error_at_all(self, data_pages: list[AnnotatedPage]) -> None:
        document = Document(report(made_up(data_pages[:5], error=0)))
        assert "No page has an error." in document.text
        assert document.listed["listed"] == 0

    def test_one_site_has_no_intervals(self, data_pages: list[AnnotatedPage]) -> None:
        document = Document(report(made_up(data_pages[:1])))
        assert "no interval: one site" in document.text

    def test_pages_without_lines_and_labels_without_lines(self) -> None:
        pages = [AnnotatedPage("blank", "\n\n", []), AnnotatedPage("one", "a line", ["promo"], "s")]
        document = Document(report(made_up(pages, error=0)))
        assert "of 2 pages" in document.text

    def test_a_model_without_a_threshold_for_cleaning(self, data_pages: list[AnnotatedPage]) -> None:
        document = Document(report(made_up(data_pages[:3]), threshold=None))
        assert "body lost by clean" not in document.text

    def test_the_extra_is_named_where_it_is_missing(self, lines: PredictedLines) -> None:
        modules = {name: None for name in sys.modules if name.startswith(("jinja2", "boilerplate.report."))}
        with mock.patch.dict(sys.modules, {**modules, "jinja2": None}), pytest.raises(ImportError):
            report(lines)


class TestSize:
    def test_is_bounded(self, many: PredictedLines) -> None:
        baseline = made_up(many.pages, error=0.6, seed=1)
        html = report(
            many,
            baseline=baseline,
            baseline_model={"name": "old.joblib"},
            comparison=compare(many, baseline, n_resamples=20),
        )
        assert len(html.encode()) < 5_000_000
        document = Document(html)
        listed = document.listed
        assert 0 < listed["listed"] < listed["wrong"] == many.wrong.sum()
        assert f"this file holds {listed['listed']:,} of them" in document.text

    def test_each_kind_of_error_has_its_share(self, many: PredictedLines) -> None:
        pages, listed = Excerpts(many).listed(budget=250_000)
        rows = [row for page in pages for row in page["rows"]]
        assert sum(len(script_safe_json(row).encode()) for row in rows) < 250_000
        kinds = {(row[3], row[4]) for row in rows if row[3] != row[4]}
        assert len(kinds) == 12
        assert listed == sum(row[3] != row[4] for row in rows)

    def test_surest_errors_come_first(self, many: PredictedLines) -> None:
        excerpts = Excerpts(many)
        pages, _ = excerpts.listed(budget=250_000)
        for row, column in itertools.permutations(range(4), 2):
            of_pair = (many.given == row) & (many.predicted == column)
            best = round(1000 * excerpts.confidence[of_pair].max())
            assert best in [r[5][r[4]] for page in pages for r in page["rows"] if (r[3], r[4]) == (row, column)]

    def test_lines_are_cut(self, many: PredictedLines) -> None:
        pages, _ = Excerpts(many).listed(budget=50_000)
        assert max(len(row[2]) for page in pages for row in page["rows"]) == MAX_SHOWN
