"""`benchmarks/extraction.py`: how texts are scored against gold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boilerplate.corpus import AnnotatedPage

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

extraction: Any = pytest.importorskip("extraction", reason="no benchmarks/ in this distribution")


def test_words_are_letters_and_digits_in_lower_case() -> None:
    assert extraction.words("It’s 1 Großer — Tag…") == ["it", "s", "1", "grosser", "tag"]


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert extraction.words("東京 2024年") == ["東", "京", "2024", "年"]


def test_characters_of_words_in_order_count() -> None:
    pytest.importorskip("rapidfuzz")
    gold = ["one", "two", "three", "four"]
    got = extraction.score_characters(["noise", "one", "two", "three"], gold)
    assert got.precision == pytest.approx(11 / 16)
    assert got.recall == pytest.approx(11 / 15)
    assert got.f1 == pytest.approx(2 * 11 / 31)


def test_a_word_out_of_place_is_wrong_by_characters_and_its_runs_by_shingles() -> None:
    pytest.importorskip("rapidfuzz")
    gold = list("abcdefgh")
    moved = list("efghabcd")
    assert extraction.score_characters(moved, gold).recall == 0.5
    assert extraction.score_shingles(moved, gold).recall == 2 / 5


def test_shingles_count_as_often_as_they_occur() -> None:
    got = extraction.score_shingles(list("abcdabcd"), list("abcd"))
    assert got.precision == 1 / 5
    assert got.recall == 1


@pytest.mark.parametrize("text", [[], ["other", "words", "than", "these"]])
def test_text_without_anything_of_gold_scores_nothing(text: list[str]) -> None:
    assert extraction.score_shingles(text, list("abcd")) == (0, 0, 0)


def test_a_text_shorter_than_a_shingle_is_one_run() -> None:
    assert extraction.score_shingles(["two", "words"], ["two", "words"]) == (1, 1, 1)


def test_cleaning_is_scored_against_the_body_of_the_labels() -> None:
    pytest.importorskip("rapidfuzz")
    page = AnnotatedPage(
        "a", "menu menu\nthe body of it", ["promo", "body"], "s", extra={"scraper": "x", "reviewed": True}
    )
    ((name, samples),) = extraction.corpus_samples([page]).items()
    row = extraction.measure(name, samples, lambda text: text.split("\n")[1])
    before, after = row.characters[0]
    assert before[0] == pytest.approx(11 / 19)
    assert before[1] == 1
    assert list(after) == [1, 1, 1]


def test_unreviewed_scrapes_count_only_as_dumps_and_foreign_ones_apart() -> None:
    def page(name: str, scraper: str, reviewed: bool) -> AnnotatedPage:
        return AnnotatedPage(name, "text", ["body"], extra={"scraper": scraper, "reviewed": reviewed})

    pages = [
        page("dump", "inscriptis-full", False),
        page("read", "newspaper", True),
        page("read+foreign", "newspaper", True),
        page("unread", "newspaper", False),
    ]
    counts = {name: len(samples) for name, samples in extraction.corpus_samples(pages).items()}
    assert counts == {"newspaper": 1, "inscriptis, whole page": 1, "all four, foreign captions set in": 1}


def test_the_interval_draws_pages_of_a_site_together() -> None:
    changes = np.array([0.0, 0.0, 1.0, 1.0] * 10)
    apart = extraction.change_interval(changes, [str(number) for number in range(40)])
    together = extraction.change_interval(changes, ["a", "a", "b", "b"] * 10)
    assert apart[0] > 0.25
    assert apart[1] < 0.75
    assert together == (0, 1)
    assert np.isnan(extraction.change_interval(changes, ["a"] * 40)).all()


def test_tables_take_the_place_of_what_stands_between_the_markers() -> None:
    document = f"before\n{extraction.BEGIN}\nold\n{extraction.END}\nafter"
    assert extraction.with_tables(document, "new") == f"before\n{extraction.BEGIN}\nnew\n{extraction.END}\nafter"
    with pytest.raises(ValueError, match="markers"):
        extraction.with_tables("nothing", "new")
