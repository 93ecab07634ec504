"""Two models on the same pages, against numbers worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from predictions import made_up

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import METRICS, PredictedLines, compare, evaluate_lines, predicted_lines
from boilerplate.labels import LABELS, Label

BODY, CAPTION, FOREIGN, PROMO = LABELS


def pages_of(*labels: Sequence[Label]) -> list[AnnotatedPage]:
    """Pages named 0, 1 and so on, each of a site of its own."""
    return [
        AnnotatedPage(str(number), "\n".join("line" for _ in of_page), list(of_page), site=f"site {number}")
        for number, of_page in enumerate(labels)
    ]


def both(
    given: Sequence[Sequence[Label]], new: Sequence[Sequence[Label]], old: Sequence[Sequence[Label]]
) -> tuple[PredictedLines, PredictedLines]:
    pages = pages_of(*given)
    return predicted_lines(pages, new), predicted_lines(pages, old)


class TestCompare:
    def test_by_hand(self) -> None:
        comparison = compare(
            *both(
                [[BODY, BODY, PROMO], [BODY, PROMO], [PROMO]],
                [[BODY, BODY, BODY], [BODY, PROMO], [BODY]],
                [[BODY, PROMO, PROMO], [PROMO, BODY], [BODY]],
            )
        )
        lines = comparison.lines
        assert (lines.both_right, lines.gained, lines.lost, lines.both_wrong) == (1, 3, 1, 1)
        # Of four tosses of a coin one or three are heads or tails in 10 of 16 cases.
        assert lines.p_value == pytest.approx(10 / 16)
        accuracy = comparison.differences["accuracy"]
        assert (accuracy.value, accuracy.baseline, accuracy.difference) == pytest.approx((4 / 6, 2 / 6, 2 / 6))
        better, same = comparison.better, comparison.same
        assert [(page.id, page.site, page.lines, page.wrong, page.baseline_wrong) for page in better] == [
            ("1", "site 1", 2, 0, 2)
        ]
        assert comparison.worse == []
        assert same == 2

    def test_pages_that_changed_most_come_first(self) -> None:
        right = [[BODY] * count for count in (1, 3, 2)]
        wrong = [[PROMO] * count for count in (1, 3, 2)]
        comparison = compare(*both(right, wrong, right))
        assert [(page.id, page.change) for page in comparison.worse] == [("1", 3), ("2", 2), ("0", 1)]
        comparison = compare(*both(right, right, wrong))
        assert [(page.id, page.change) for page in comparison.better] == [("1", -3), ("2", -2), ("0", -1)]

    def test_figures_are_those_of_the_evaluations(self, data_pages: list[AnnotatedPage]) -> None:
        new, old = made_up(data_pages[:20]), made_up(data_pages[:20], error=0.3, seed=1)
        comparison = compare(new, old, cleaning_threshold=0.4, baseline_cleaning_threshold=0.6)
        values = evaluate_lines(new, cleaning_threshold=0.4).metrics
        baselines = evaluate_lines(old, cleaning_threshold=0.6).metrics
        assert list(comparison.differences) == list(METRICS)
        for name, difference in comparison.differences.items():
            assert difference.value == pytest.approx(values[name])
            assert difference.baseline == pytest.approx(baselines[name])
            assert difference.difference == pytest.approx(values[name] - baselines[name])
            assert difference.low <= difference.difference <= difference.high

    def test_a_model_against_itself(self, data_pages: list[AnnotatedPage]) -> None:
        lines = made_up(data_pages[:20])
        comparison = compare(lines, lines)
        macro = comparison.differences["macro-f1"]
        assert (macro.difference, macro.low, macro.high, macro.verdict) == (0, 0, 0, "unclear")
        assert (comparison.lines.gained, comparison.lines.lost, comparison.lines.p_value) == (0, 0, 1)
        assert (comparison.better, comparison.worse, comparison.same) == ([], [], 20)
        assert not comparison.is_worse

    def test_pairs_cancel_what_makes_a_site_hard(self) -> None:
        # Sites from easy to hopeless; the new model is right on one line more of each.
        n_lines = 21
        pages = pages_of(*([BODY] * n_lines for _ in range(n_lines - 1)))
        rows = [[BODY] * right + [PROMO] * (n_lines - right) for right in range(n_lines)]
        old, new = predicted_lines(pages, rows[:-1]), predicted_lines(pages, rows[1:])
        accuracy = compare(new, old).differences["accuracy"]
        assert (accuracy.low, accuracy.high) == pytest.approx((1 / n_lines, 1 / n_lines))
        assert accuracy.verdict == "better"
        low, high = evaluate_lines(new).intervals["accuracy"]
        assert high - low > 0.2

    def test_a_better_model_is_better_in_the_interval(self, data_pages: list[AnnotatedPage]) -> None:
        pages = data_pages[:60]
        good, bad = made_up(pages, error=0.1), made_up(pages, error=0.4, seed=2)
        assert compare(good, bad).differences["macro-f1"].verdict == "better"
        assert not compare(good, bad).is_worse
        assert compare(bad, good).differences["macro-f1"].verdict == "worse"
        assert compare(bad, good).is_worse

    def test_worse_by_chance_is_not_worse(self) -> None:
        # One line of six sites went wrong: a resample without that site has no difference.
        right = [[BODY, PROMO]] * 6
        comparison = compare(*both(right, [[BODY, BODY], *right[1:]], right))
        macro = comparison.differences["macro-f1"]
        assert macro.difference < 0
        assert macro.high == 0
        assert not comparison.is_worse

    def test_one_site_has_no_interval_and_the_difference_decides(self) -> None:
        right, wrong = [[BODY, PROMO]], [[BODY, BODY]]
        worse = compare(*both(right, wrong, right))
        assert math.isnan(worse.differences["macro-f1"].low)
        assert worse.differences["macro-f1"].verdict == "unclear"
        assert worse.is_worse
        assert not compare(*both(right, right, wrong)).is_worse

    def test_the_same_seed_gives_the_same_intervals(self, data_pages: list[AnnotatedPage]) -> None:
        pair = made_up(data_pages[:20]), made_up(data_pages[:20], seed=3)
        assert compare(*pair, random_state=4).to_dict() == compare(*pair, random_state=4).to_dict()
        assert compare(*pair, random_state=4).differences != compare(*pair, random_state=5).differences

    def test_other_pages_are_refused(self) -> None:
        lines = predicted_lines(pages_of([BODY], [PROMO]), [[BODY], [PROMO]])
        for other in (pages_of([BODY]), pages_of([BODY], [BODY])):
            with pytest.raises(ValueError, match="same pages"):
                compare(lines, predicted_lines(other, [[BODY]] * len(other)))

    def test_no_pages(self) -> None:
        comparison = compare(predicted_lines([], []), predicted_lines([], []))
        assert math.isnan(comparison.differences["macro-f1"].difference)
        assert not comparison.is_worse


def test_to_dict_is_json_without_nan(data_pages: list[AnnotatedPage]) -> None:
    pair = made_up(data_pages[:20]), made_up(data_pages[:20], seed=3)
    for comparison in (compare(*pair), compare(*both([[BODY]], [[BODY]], [[PROMO]]))):
        fields = comparison.to_dict()
        assert json.loads(json.dumps(fields, allow_nan=False)) == fields
        assert fields["differences"]["accuracy"]["verdict"] in ("better", "worse", "unclear")
        pages = fields["pages"]
        counts = len(pages["better"]) + len(pages["worse"]) + pages["same"]
        assert counts in (1, 20)
        for change in pages["better"]:
            assert change["wrong"] < change["baseline_wrong"]


def test_metrics_have_all_a_name_and_an_order() -> None:
    assert list(METRICS)[:3] == ["macro-f1", "accuracy", "flawless-pages"]
    assert {f"{label}-{score}" for label in LABELS for score in ("precision", "recall", "f1")} < set(METRICS)
    assert np.all([name == name.lower() and " " not in name for name in METRICS])
