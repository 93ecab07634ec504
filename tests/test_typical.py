"""A typical news page, written in five languages: the shipped model labels every line of it right."""

from __future__ import annotations

from pathlib import Path

import pytest

import boilerplate
from boilerplate.corpus import AnnotatedPage, read_page_file
from boilerplate.labels import LABELS, Label
from boilerplate.model import LineClassifier

BODY, CAPTION, FOREIGN, PROMO = LABELS
PAGES = sorted((Path(__file__).parent / "typical").glob("*.page"))

# Headline; alt text and "(Getty)" caption; four paragraphs; "Read more" and three headlines; two paragraphs; an
# agency alt text in another language and "(AP)" caption; two paragraphs; the line about videos.
PLAN: list[Label] = [
    BODY,
    *[CAPTION] * 2,
    *[BODY] * 4,
    *[PROMO] * 4,
    *[BODY] * 2,
    FOREIGN,
    CAPTION,
    *[BODY] * 2,
    PROMO,
]


@pytest.fixture(scope="module")
def model() -> LineClassifier:
    return boilerplate.load()


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request: pytest.FixtureRequest) -> AnnotatedPage:
    return read_page_file(request.param)


def test_five_languages_are_there() -> None:
    assert [path.stem for path in PAGES] == ["de", "en", "es", "fr", "pt"]


def test_pages_are_laid_out_as_typical_pages_are(page: AnnotatedPage) -> None:
    lines = [line for _, line in page.lines()]
    assert page.labels == PLAN
    assert lines[2].endswith("(Getty)")
    assert lines[14].endswith("(AP)")
    assert lines[-1].startswith("---")
    assert page.text.endswith(lines[-1]), "the text has no newline at its end"


def test_every_line_is_labelled_right(page: AnnotatedPage, model: LineClassifier) -> None:
    labelled = model.label(page.text)
    assert len(labelled) == len(page.labels)
    wrong = [
        f"line {line.number}: {given}, labelled {line.label} ({line.confidence:.2f}): {line.text[:80]}"
        for line, given in zip(labelled, page.labels, strict=True)
        if line.label != given
    ]
    assert not wrong, "\n" + "\n".join(wrong)
