"""The operating point of cleaning: what thresholds promise, and what cleaning keeps at them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boilerplate import LABELS, LineClassifier
from boilerplate.cleaning import keep_lines
from boilerplate.corpus import AnnotatedPage
from boilerplate.labels import Label
from boilerplate.operating_point import (
    HIGHEST,
    RECALLS,
    CleaningCurve,
    curve_summary,
    fit_cleaning_curve,
    threshold_at,
)
from boilerplate.pages import Line, labelled_lines

BODY, CAPTION, FOREIGN, PROMO = LABELS

probability = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1))
held_out_lines = st.lists(st.tuples(probability, st.booleans(), st.integers(1, 1000)), min_size=1, max_size=30)


def fitted(lines: Iterable[tuple[float, bool, int]], weight: Iterable[float] | None = None) -> CleaningCurve:
    found, is_body, characters = map(np.array, zip(*lines, strict=True))
    weights = np.ones(len(found)) if weight is None else np.array(list(weight))
    return fit_cleaning_curve(found.astype(float), is_body, characters, weights, weights == weights.max())


def point(curve: CleaningCurve, recall: float) -> tuple[float, float]:
    """Threshold and share of the rest removed at a point of the curve."""
    (at,) = np.flatnonzero(curve.recall == recall)
    return float(curve.threshold[at]), float(curve.removed[at])


class TestCurve:
    LINES = ((0.9, True, 90), (0.6, True, 5), (0.4, True, 4), (0.1, True, 1), (0.6, False, 10), (0.3, False, 30))

    def test_by_hand(self) -> None:
        curve = fitted(self.LINES)
        assert curve.recall.tolist() == list(RECALLS)
        assert point(curve, 0.90) == (0.9, 1.0)
        assert point(curve, 0.91) == (0.6, 0.75), "a line at the threshold stays"
        assert point(curve, 0.95) == (0.6, 0.75)
        assert point(curve, 0.96) == (0.4, 0.75)
        assert point(curve, 0.99) == (0.4, 0.75)
        assert point(curve, 0.992) == (0.1, 0.0)

    def test_characters_count_and_not_lines(self) -> None:
        lines = [(0.9, True, 990), *[(0.2, True, 1)] * 10]
        assert point(fitted(lines), 0.99)[0] == 0.9
        assert point(fitted([(p, body, 1) for p, body, _ in lines]), 0.99)[0] == 0.2

    def test_only_lines_of_the_greatest_weight_are_trusted(self) -> None:
        doubtful = [(0.01, True, 5000), (0.99, False, 5000)]
        curve = fitted([*self.LINES, *doubtful], [1.0] * len(self.LINES) + [0.2, 0.2])
        assert all(map(np.array_equal, curve, fitted(self.LINES)))

    def test_all_lines_count_by_weight_if_those_hold_no_body(self) -> None:
        lines = [(0.8, True, 95), (0.2, True, 5), (0.1, False, 9), (0.5, False, 9)]
        curve = fitted(lines, [0.2, 0.1, 1.0, 0.5])
        assert point(curve, 0.97) == (0.8, 1.0), "95 characters at 0.2 and 5 at 0.1: 97.4 %"
        assert point(curve, 0.98) == (0.2, pytest.approx(9 / 13.5))

    @given(held_out_lines)
    def test_each_threshold_keeps_what_it_promises_and_is_the_highest_to_do_so(
        self, lines: list[tuple[float, bool, int]]
    ) -> None:
        found, is_body, size = map(np.array, zip(*lines, strict=True))
        curve = fitted(lines)
        assert (np.diff(curve.threshold) <= 0).all()
        if not is_body.any():
            assert (curve.threshold == HIGHEST).all()
            return
        body, other = size[is_body].sum(), size[~is_body].sum()
        for recall, threshold, removed in zip(*curve, strict=True):
            assert size[is_body & (found >= threshold)].sum() / body >= recall
            assert threshold == HIGHEST or size[is_body & (found > threshold)].sum() / body < recall
            if other:
                assert removed == pytest.approx(size[~is_body & (found < threshold)].sum() / other)
            else:
                assert np.isnan(removed)

    def test_summary(self) -> None:
        curve = CleaningCurve(np.array([0.9, 0.985]), np.array([0.71234567, 0.25]), np.array([0.98765, np.nan]))
        assert curve_summary(curve) == {
            "0.9": {"threshold": 0.712346, "other_removed": 0.9877},
            "0.985": {"threshold": 0.25, "other_removed": None},
        }


class TestThreshold:
    CURVE = CleaningCurve(np.array([0.9, 0.94, 0.99]), np.array([0.8, 0.6, 0.2]), np.array([1.0, 0.9, 0.5]))

    @pytest.mark.parametrize(
        ("recall", "threshold"), [(0.9, 0.8), (0.92, 0.7), (0.94, 0.6), (0.965, 0.4), (0.99, 0.2), (None, None)]
    )
    def test_at_and_between_points(self, recall: float | None, threshold: float | None) -> None:
        assert threshold_at(self.CURVE, recall) == (threshold if threshold is None else pytest.approx(threshold))

    @given(st.floats(0.9, 0.99), st.floats(0.9, 0.99))
    def test_never_rises_with_the_recall(self, one: float, other: float) -> None:
        low, high = (threshold_at(self.CURVE, recall) for recall in sorted([one, other]))
        assert low is not None
        assert high is not None
        assert low >= high

    @pytest.mark.parametrize("recall", [0.0, -0.5, 1.01, 99.0, float("nan"), float("inf")])
    def test_what_is_no_share(self, recall: float) -> None:
        with pytest.raises(ValueError, match="body recall must be above 0 and at most 1, not"):
            threshold_at(self.CURVE, recall)

    @pytest.mark.parametrize("recall", [0.5, 0.8999, 0.995, 1.0])
    def test_beyond_the_ends(self, recall: float) -> None:
        with pytest.raises(ValueError, match=r"must lie between 0\.9 and 0\.99 for this model, not"):
            threshold_at(self.CURVE, recall)


def line(number: int, *shares: float) -> Line:
    return Line(number, f"line {number}", LABELS[int(np.argmax(shares))], dict(zip(LABELS, shares, strict=True)))


class TestKeptLines:
    TEXT = "line 1\nline 2\nline 3\nline 4"
    LINES = (
        line(1, 0.6, 0.1, 0.1, 0.2),
        line(2, 0.25, 0.65, 0.05, 0.05),
        line(3, 0.25, 0.15, 0.0, 0.6),
        line(4, 0.1, 0.0, 0.2, 0.7),
    )

    @pytest.mark.parametrize(
        ("keep", "threshold", "expected"),
        [
            ([BODY], None, [1]),
            ([BODY], 0.25, [1, 2, 3]),
            ([BODY], 0.26, [1]),
            ([BODY], 0.61, []),
            ([BODY, CAPTION], 0.4, [1, 2, 3]),
            ([BODY, CAPTION], 0.5, [1, 2]),
            ([BODY, PROMO], 0.85, [3]),
            (LABELS, HIGHEST, [1, 2, 3, 4]),
            # Without body, a threshold for body says nothing.
            ([PROMO], 0.1, [3, 4]),
            ([CAPTION, PROMO], 0.1, [2, 3, 4]),
            ([], 0.0, []),
        ],
    )
    def test_by_hand(self, keep: list[Label], threshold: float | None, expected: list[int]) -> None:
        kept = keep_lines(self.TEXT, self.LINES, keep, threshold)
        assert kept == "\n".join(f"line {number}" for number in expected)


def lines_in(text: str) -> list[str]:
    return [row for _, row in labelled_lines(text)]


class TestClean:
    """With a model that was trained here."""

    def test_training_finds_the_thresholds_on_held_out_sites(
        self, model: LineClassifier, training_pages: list[AnnotatedPage]
    ) -> None:
        held_out = np.concatenate(model.held_out_probabilities_)[:, LABELS.index(BODY)]
        size = np.array([len(row.strip()) for page in training_pages for _, row in page.lines()])
        is_body = np.array([label == BODY for page in training_pages for label in page.labels])
        for recall in (0.9, 0.95, 0.99):
            threshold = model.cleaning_threshold(recall)
            kept = size[is_body & (held_out >= threshold)].sum() / size[is_body].sum()
            assert recall <= kept < recall + 0.01
        assert model.cleaning_threshold() == model.cleaning_threshold(0.99)
        assert model.cleaning_threshold(None) is None

    @pytest.mark.usefixtures("hasty")
    def test_pages_of_less_weight_have_no_say(self, training_pages: list[AnnotatedPage]) -> None:
        pages = training_pages[:12]
        texts, labels = [page.text for page in pages], [page.labels for page in pages]
        weight = [0.2] * 4 + [1.0] * 8
        small = LineClassifier(
            n_folds=2, n_networks=1, tree_rounds=2, text_iterations=4, hash_bits=12, hidden_units=4, epochs=2
        )
        small.fit(texts, labels, sample_weight=weight)
        trusted = slice(4, None)
        is_body = np.concatenate([np.array(page) == BODY for page in labels[trusted]])
        size = np.array([len(row.strip()) for text in texts[trusted] for row in lines_in(text)])
        found = np.concatenate(small.held_out_probabilities_[trusted])[:, LABELS.index(BODY)]
        expected = fit_cleaning_curve(found, is_body, size, np.ones(len(size)), np.ones(len(size), dtype=bool))
        assert all(map(np.array_equal, small.labeller_.cleaning_curve, expected))

    def test_lines_stay_whose_body_is_probable_enough(
        self, model: LineClassifier, other_pages: list[AnnotatedPage]
    ) -> None:
        differ = 0
        for page in other_pages:
            lines = model.label(page.text)
            for recall in (0.92, 0.99):
                threshold = model.cleaning_threshold(recall)
                kept = lines_in(model.clean(page.text, body_recall=recall))
                assert kept == [line.text for line in lines if line.probabilities[BODY] >= threshold]
                with_captions = lines_in(model.clean(page.text, (BODY, CAPTION), recall))
                shares = [line.probabilities[BODY] + line.probabilities[CAPTION] for line in lines]
                assert with_captions == [
                    line.text for line, share in zip(lines, shares, strict=True) if share >= threshold
                ]
            most_probable = lines_in(model.clean(page.text, body_recall=None))
            assert most_probable == [line.text for line in lines if line.label == BODY]
            differ += most_probable != lines_in(model.clean(page.text))
            assert model.clean(page.text) == model.clean(page.text, body_recall=0.99)
        assert differ, "the operating point makes a difference on some page"

    def test_a_higher_recall_never_keeps_less(self, model: LineClassifier, other_pages: list[AnnotatedPage]) -> None:
        recalls = np.linspace(RECALLS[0], RECALLS[-1], 9).tolist()
        grown = 0
        for page in other_pages[:20]:
            kept = [Counter(lines_in(model.clean(page.text, body_recall=recall))) for recall in recalls]
            assert all(fewer <= more for fewer, more in itertools.pairwise(kept))
            grown += kept[0] < kept[-1]
        assert grown
        everything = [model.clean(page.text, LABELS, recall) for page in other_pages[:3] for recall in recalls]
        assert len(set(everything)) == 3

    @pytest.mark.parametrize(("recall", "part"), [(0.0, "above 0"), (1.5, "at most 1"), (1.0, "between"), (0.5, "0.9")])
    def test_recalls_that_are_refused(self, model: LineClassifier, recall: float, part: str) -> None:
        with pytest.raises(ValueError, match=part):
            model.clean("One line", body_recall=recall)

    def test_the_curve_is_saved(self, model: LineClassifier) -> None:
        again = LineClassifier.from_state(model.to_state())
        assert all(map(np.array_equal, again.labeller_.cleaning_curve, model.labeller_.cleaning_curve))
        state = model.to_state()
        del state["cleaning_curve"]
        with pytest.raises(KeyError, match="cleaning_curve"):
            LineClassifier.from_state(state)
