"""Scores against numbers worked out by hand, against scikit-learn, and at the edges."""

from __future__ import annotations

import itertools
import json
import math
import re
import warnings
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import (
    METRICS,
    N_BINS,
    SCHEMA,
    CharacterRates,
    ErrorCost,
    Evaluation,
    bootstrap_macro_f1,
    calibration_bins,
    character_rates,
    confusion,
    evaluate_pages,
    expected_calibration_error,
    macro_f1,
    scores_of,
)
from boilerplate.labels import LABELS, Label

BODY, CAPTION, FOREIGN, PROMO = LABELS

label_pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), max_size=40)
page_pairs = st.lists(label_pairs, max_size=8)


def page(labels: Sequence[Label], *, site: str = "", lang: str = "", name: str = "p", **extra: Any) -> AnnotatedPage:
    """A page with lines "line 1", "line 2" and so on, a blank line between them."""
    text = "\n\n".join(f"line {number}" for number in range(1, len(labels) + 1))
    return AnnotatedPage(id=name, text=text, labels=list(labels), site=site, lang=lang, extra=extra)


def three_pages() -> tuple[list[AnnotatedPage], list[list[str]]]:
    """Six lines of three pages of two sites; the errors: a caption taken for body, a promo taken for body."""
    pages = [
        page([BODY, BODY, CAPTION], site="heron.example", lang="en", name="a", scraper="scythe"),
        page([BODY, PROMO], site="heron.example", lang="en", name="b", scraper="rake"),
        page([PROMO], site="otter.example", lang="cs", name="c", scraper="rake"),
    ]
    return pages, [[BODY, BODY, BODY], [BODY, BODY], [PROMO]]


def same(one: float, other: float) -> bool:
    return one == pytest.approx(other, nan_ok=True)


class TestConfusion:
    def test_rows_are_given_and_columns_predicted(self) -> None:
        counts = confusion([BODY, BODY, CAPTION, PROMO], [BODY, PROMO, FOREIGN, PROMO])
        assert counts.dtype == np.int64
        assert counts.tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]

    @given(label_pairs)
    def test_agrees_with_scikit_learn(self, pairs: list[tuple[Label, Label]]) -> None:
        # scikit-learn refuses labels that no line has.
        pairs = [*pairs, *zip(LABELS, LABELS, strict=True)]
        truth, guess = [one for one, _ in pairs], [other for _, other in pairs]
        assert np.array_equal(confusion(truth, guess), confusion_matrix(truth, guess, labels=list(LABELS)))

    def test_no_lines(self) -> None:
        assert confusion([], []).tolist() == [[0] * 4] * 4

    def test_arrays_of_labels_are_taken(self) -> None:
        assert confusion(np.array([BODY, PROMO]), np.array([BODY, BODY]))[3, 0] == 1  # type: ignore[arg-type]

    def test_lengths_must_agree(self) -> None:
        with pytest.raises(ValueError, match="2 given labels, but 1 predicted"):
            confusion([BODY, BODY], [BODY])

    def test_unknown_label_is_named_with_the_nearest(self) -> None:
        with pytest.raises(ValueError, match="'captoin'; did you mean 'caption'"):
            confusion([BODY], ["captoin"])


class TestScores:
    def test_by_hand(self) -> None:
        scores = scores_of([[6, 0, 0, 2], [1, 3, 0, 0], [0, 1, 1, 0], [3, 0, 0, 3]])
        body = scores.labels["body"]
        assert (body.precision, body.recall, body.f1) == pytest.approx((6 / 10, 6 / 8, 12 / 18))
        assert (body.support, body.predicted) == (8, 10)
        foreign = scores.labels["foreign-caption"]
        assert (foreign.precision, foreign.recall, foreign.f1) == pytest.approx((1, 1 / 2, 2 / 3))
        assert (foreign.support, foreign.predicted) == (2, 1)
        assert scores.macro_f1 == pytest.approx((12 / 18 + 6 / 8 + 2 / 3 + 6 / 11) / 4)
        assert scores.accuracy == pytest.approx(13 / 20)
        assert list(scores.labels) == list(LABELS)

    def test_label_that_nobody_has_or_predicts_is_left_out(self) -> None:
        scores = scores_of(confusion([BODY, BODY, PROMO], [BODY, PROMO, PROMO]))
        assert scores.macro_f1 == pytest.approx(2 / 3)
        absent = scores.labels["caption"]
        assert (absent.support, absent.predicted) == (0, 0)
        assert all(math.isnan(number) for number in (absent.precision, absent.recall, absent.f1))

    def test_label_that_is_predicted_but_nowhere_given_costs_only_recall(self) -> None:
        scores = scores_of(confusion([BODY, BODY, PROMO], [BODY, CAPTION, PROMO]))
        assert scores.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
        wrong = scores.labels["caption"]
        assert wrong.precision == 0
        assert math.isnan(wrong.recall)
        assert math.isnan(wrong.f1)

    def test_label_that_is_never_predicted_has_f1_zero(self) -> None:
        scores = scores_of(confusion([BODY, CAPTION], [BODY, BODY]))
        assert math.isnan(scores.labels["caption"].precision)
        assert scores.labels["caption"].f1 == 0
        assert scores.macro_f1 == pytest.approx((2 / 3 + 0) / 2)

    def test_no_lines(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scores = scores_of(np.zeros((4, 4), dtype=np.int64))
        assert math.isnan(scores.macro_f1)
        assert math.isnan(scores.accuracy)

    @given(label_pairs.filter(bool))
    def test_agrees_with_scikit_learn(self, pairs: list[tuple[Label, Label]]) -> None:
        truth, guess = [one for one, _ in pairs], [other for _, other in pairs]
        supported = sorted(set(truth))
        scores = scores_of(confusion(truth, guess))
        expected = f1_score(truth, guess, labels=supported, average="macro", zero_division=0)
        assert scores.macro_f1 == pytest.approx(expected)
        assert scores.accuracy == pytest.approx(accuracy_score(truth, guess))
        rows = precision_recall_fscore_support(truth, guess, labels=supported, zero_division=np.nan)
        for label, precision, recall, f1, support in zip(supported, *rows, strict=True):
            ours = scores.labels[label]
            assert same(ours.precision, precision)
            assert same(ours.recall, recall)
            assert same(ours.f1, f1)
            assert ours.support == support

    @pytest.mark.parametrize("shape", [(4,), (3, 3), (1, 4, 4)])
    def test_shape_is_checked(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"must have shape \(4, 4\)"):
            scores_of(np.ones(shape))


class TestMacroF1:
    @given(page_pairs)
    def test_is_that_of_all_lines_together(self, pairs: list[list[tuple[Label, Label]]]) -> None:
        truth = [[one for one, _ in of_page] for of_page in pairs]
        guess = [[other for _, other in of_page] for of_page in pairs]
        flat = scores_of(confusion(list(chain.from_iterable(truth)), list(chain.from_iterable(guess))))
        assert same(macro_f1(truth, guess), flat.macro_f1)

    def test_nothing_to_score(self) -> None:
        assert math.isnan(macro_f1([], []))
        assert math.isnan(macro_f1([[]], [[]]))

    def test_wrong_page_is_named(self) -> None:
        with pytest.raises(ValueError, match="page 2: 1 given labels, but 2 predicted"):
            macro_f1([[BODY], [BODY]], [[BODY], [BODY, BODY]])
        with pytest.raises(ValueError, match="page 2: unknown label 'ad'"):
            macro_f1([[BODY], [BODY]], [[BODY], ["ad"]])

    def test_number_of_pages_must_agree(self) -> None:
        with pytest.raises(ValueError, match="1 pages, but predictions for 2"):
            macro_f1([[BODY]], [[BODY], [BODY]])


def random_sites(generator: np.random.Generator, n_sites: int) -> NDArray[np.int64]:
    """Sites of 10 to 50 lines, each with a share of errors of its own."""
    mix = np.array([0.6, 0.15, 0.05, 0.2])
    confusions = np.empty((n_sites, 4, 4), dtype=np.int64)
    for site in range(n_sites):
        error = generator.beta(1, 4)
        joint = mix[:, None] * ((1 - error) * np.eye(4) + error * mix[None, :])
        confusions[site] = generator.multinomial(generator.integers(10, 51), joint.ravel()).reshape(4, 4)
    return confusions


class TestBootstrap:
    def test_same_seed_same_interval_and_another_seed_another(self) -> None:
        sites = random_sites(np.random.default_rng(1), 20)
        assert bootstrap_macro_f1(sites, random_state=3) == bootstrap_macro_f1(sites, random_state=3)
        assert bootstrap_macro_f1(sites, random_state=3) != bootstrap_macro_f1(sites, random_state=4)

    def test_by_enumeration(self) -> None:
        # Two sites, one without and one with nothing but errors: a resample is (good, good), mixed, or (bad, bad).
        good, bad = np.diag([4, 0, 0, 4]), np.fliplr(np.diag([4, 0, 0, 4]))
        sites = np.array([good, bad])
        assert bootstrap_macro_f1(sites) == (0, 1)
        # The outer ones have probability 1/4 each, so that the middle 40 % are mixed ones.
        assert bootstrap_macro_f1(sites, level=0.4) == (0.5, 0.5)

    def test_covers_the_true_value_about_as_often_as_promised(self) -> None:
        generator = np.random.default_rng(7)
        truth = scores_of(random_sites(generator, 20_000).sum(axis=0)).macro_f1
        intervals = [bootstrap_macro_f1(random_sites(generator, 50), n_resamples=200, level=0.9) for _ in range(200)]
        covered = np.mean([low <= truth <= high for low, high in intervals])
        assert 0.8 <= covered <= 0.96

    def test_more_lines_of_the_same_sites_add_no_certainty(self) -> None:
        sites = random_sites(np.random.default_rng(2), 15)
        assert bootstrap_macro_f1(sites * 100) == pytest.approx(bootstrap_macro_f1(sites))

    def test_more_sites_do(self) -> None:
        sites = random_sites(np.random.default_rng(2), 15)
        low, high = bootstrap_macro_f1(sites)
        narrow_low, narrow_high = bootstrap_macro_f1(np.tile(sites, (25, 1, 1)))
        assert (high - low) / (narrow_high - narrow_low) == pytest.approx(5, rel=0.25)

    def test_higher_level_is_wider(self) -> None:
        sites = random_sites(np.random.default_rng(2), 15)
        low, high = bootstrap_macro_f1(sites, level=0.5)
        outer_low, outer_high = bootstrap_macro_f1(sites, level=0.99)
        assert outer_low < low < high < outer_high

    def test_many_sites_are_resampled_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sites = random_sites(np.random.default_rng(5), 30)
        whole = bootstrap_macro_f1(sites, n_resamples=50)
        monkeypatch.setattr("boilerplate.evaluation.intervals._MAX_WEIGHTS", 7 * 30)
        assert bootstrap_macro_f1(sites, n_resamples=50) == whole

    @pytest.mark.parametrize("n_sites", [0, 1])
    def test_too_few_sites_have_no_interval(self, n_sites: int) -> None:
        low, high = bootstrap_macro_f1(random_sites(np.random.default_rng(0), n_sites))
        assert math.isnan(low)
        assert math.isnan(high)

    def test_sites_without_lines_do_not_count(self) -> None:
        sites = random_sites(np.random.default_rng(0), 10)
        empty = np.zeros((5, 4, 4), dtype=np.int64)
        assert bootstrap_macro_f1(np.concatenate([empty, sites])) == bootstrap_macro_f1(sites)
        assert math.isnan(bootstrap_macro_f1(np.concatenate([empty, sites[:1]]))[0])

    def test_arguments_are_checked(self) -> None:
        sites = random_sites(np.random.default_rng(0), 3)
        with pytest.raises(ValueError, match="n_resamples"):
            bootstrap_macro_f1(sites, n_resamples=0)
        with pytest.raises(ValueError, match="level"):
            bootstrap_macro_f1(sites, level=95)
        with pytest.raises(ValueError, match="n_sites, 4, 4"):
            bootstrap_macro_f1(sites[0])


def drawn(generator: np.random.Generator, n_lines: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities, and labels drawn from these very probabilities."""
    probabilities = generator.dirichlet([0.6, 0.4, 0.2, 0.4], size=n_lines)
    cumulated = probabilities.cumsum(axis=1)
    labels = (generator.random((n_lines, 1)) > cumulated).sum(axis=1).clip(max=3)
    return probabilities, labels.astype(np.int64)


class TestCalibration:
    def test_by_hand_with_two_bins(self) -> None:
        body = np.array([0.1, 0.9, 0.2, 0.8])
        probabilities = np.column_stack([body, 1 - body, np.zeros(4), np.zeros(4)])
        errors = expected_calibration_error(probabilities, [1, 0, 0, 0], n_bins=2)
        # Body, low half: mean 0.15, share 1/2; high half: mean 0.85, share 1. Caption is its mirror image.
        assert errors == pytest.approx([(0.35 + 0.15) / 2, (0.35 + 0.15) / 2, 0, 0])

    def test_bins_are_of_equal_mass(self) -> None:
        # Bins of equal width would put 0.51 and 0.6 into the bin of 0.9 and cancel their errors.
        body = np.array([0.51, 0.6, 0.9, 0.95])
        probabilities = np.column_stack([body, 1 - body, np.zeros(4), np.zeros(4)])
        body_error = expected_calibration_error(probabilities, [0, 0, 1, 0], n_bins=2)[0]
        assert body_error == pytest.approx((0.445 + 0.425) / 2)

    def test_calibrated_is_near_zero_and_overconfident_is_not(self) -> None:
        probabilities, labels = drawn(np.random.default_rng(3), 40_000)
        sharpened = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
        honest = expected_calibration_error(probabilities, labels)
        boastful = expected_calibration_error(sharpened, labels)
        assert honest.shape == (4,)
        assert (honest < 0.01).all()
        assert (boastful > 0.03).all()

    def test_constant_base_rate_is_calibrated_in_any_order_of_lines(self) -> None:
        labels = np.repeat([0, 1, 2, 3], 25)
        errors = expected_calibration_error(np.full((100, 4), 0.25), labels)
        assert errors == pytest.approx([0, 0, 0, 0])

    @given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20))
    def test_order_of_lines_does_not_matter(self, seed: int, n_lines: int, n_bins: int) -> None:
        generator = np.random.default_rng(seed)
        probabilities, labels = drawn(generator, n_lines)
        probabilities = probabilities.round(1)
        order = generator.permutation(n_lines)
        errors = expected_calibration_error(probabilities, labels, n_bins)
        assert errors == pytest.approx(expected_calibration_error(probabilities[order], labels[order], n_bins))
        assert ((errors >= 0) & (errors <= 1)).all()

    def test_certain_and_wrong_is_one(self) -> None:
        probabilities = np.tile([1.0, 0, 0, 0], (5, 1))
        assert expected_calibration_error(probabilities, [3] * 5) == pytest.approx([1, 0, 0, 1])

    def test_fifteen_bins_of_equal_mass(self) -> None:
        probabilities, labels = drawn(np.random.default_rng(8), 3_001)
        bins = calibration_bins(probabilities, labels)
        assert list(bins) == list(LABELS)
        for column, parts in enumerate(bins.values()):
            assert len(parts) == N_BINS == 15
            assert {part.lines for part in parts} == {200, 201}
            assert sum(part.lines for part in parts) == 3_001
            for part, following in itertools.pairwise(parts):
                assert part.low <= part.mean_probability <= part.high < following.low
            inside = (probabilities[:, column] >= parts[7].low) & (probabilities[:, column] <= parts[7].high)
            assert parts[7].mean_probability == pytest.approx(probabilities[inside, column].mean())
            assert parts[7].share == pytest.approx((labels[inside] == column).mean())
            error = sum(abs(part.mean_probability - part.share) * part.lines for part in parts) / 3_001
            assert expected_calibration_error(probabilities, labels)[column] == pytest.approx(error)

    def test_equal_probabilities_share_a_bin(self) -> None:
        body = np.array([0.2] * 9 + [0.7, 0.9])
        bins = calibration_bins(np.column_stack([body, 1 - body, 0 * body, 0 * body]), [0] * 11, n_bins=5)["body"]
        # Cuts before lines 0, 2, 4, 6 and 8 of 11; all go back to the first of the equal ones.
        assert [(part.low, part.high, part.lines) for part in bins] == [(0.2, 0.9, 11)]
        bins = calibration_bins(np.column_stack([body, 1 - body, 0 * body, 0 * body]), [0] * 11, n_bins=11)["body"]
        assert [(part.low, part.high, part.lines) for part in bins] == [(0.2, 0.2, 9), (0.7, 0.7, 1), (0.9, 0.9, 1)]

    def test_no_lines(self) -> None:
        assert np.isnan(expected_calibration_error(np.empty((0, 4)), [])).all()
        assert calibration_bins(np.empty((0, 4)), []) == {label: [] for label in LABELS}

    @pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1])
    def test_probabilities_are_checked(self, bad: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            expected_calibration_error([[bad, 0, 0, 1]], [0])

    def test_other_arguments_are_checked(self) -> None:
        with pytest.raises(ValueError, match=r"shape \(2, 4\), not \(1, 4\)"):
            expected_calibration_error([[1, 0, 0, 0]], [0, 0])
        with pytest.raises(ValueError, match="n_bins"):
            expected_calibration_error([[1, 0, 0, 0]], [0], n_bins=0)


class TestCharacterRates:
    def test_by_hand(self) -> None:
        rates = character_rates(
            [100, 50, 30, 20, 5], [BODY, BODY, CAPTION, PROMO, PROMO], [BODY, PROMO, BODY, CAPTION, PROMO]
        )
        assert rates.body_kept == pytest.approx(100 / 150)
        assert rates.other_removed == pytest.approx(25 / 55)
        assert (rates.body_characters, rates.other_characters) == (150, 55)

    def test_nothing_to_keep_or_to_remove(self) -> None:
        only_promo = character_rates([7], [PROMO], [PROMO])
        assert math.isnan(only_promo.body_kept)
        assert only_promo.other_removed == 1
        only_body = character_rates([7], [BODY], [PROMO])
        assert only_body.body_kept == 0
        assert math.isnan(only_body.other_removed)

    def test_lengths_must_agree(self) -> None:
        with pytest.raises(ValueError, match="characters"):
            character_rates([1, 2], [BODY], [BODY])


class TestEvaluatePages:
    def test_by_hand(self) -> None:
        pages, predicted = three_pages()
        result = evaluate_pages(pages, predicted)
        assert (result.pages, result.sites, result.lines) == (3, 2, 6)
        assert result.confusion.tolist() == [[3, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]
        assert result.labels["body"].f1 == pytest.approx(6 / 8)
        assert result.labels["promo"].f1 == pytest.approx(2 / 3)
        assert result.macro_f1 == pytest.approx((6 / 8 + 0 + 2 / 3) / 3)
        assert result.accuracy == pytest.approx(4 / 6)
        assert result.flawless_pages == pytest.approx(1 / 3)
        assert result.calibration_error is None
        assert result.characters.body_characters == 3 * len("line 1")
        assert result.characters.body_kept == 1
        assert result.characters.other_removed == pytest.approx(1 / 3)

    def test_breakdowns_by_hand(self) -> None:
        result = evaluate_pages(*three_pages())
        assert list(result.breakdowns) == ["scraper", "lang", "length", "position", "site"]
        english, czech = result.breakdowns["lang"]
        assert (english.key, english.pages, english.lines) == ("en", 2, 5)
        assert english.accuracy == pytest.approx(3 / 5)
        assert english.macro_f1 == pytest.approx((6 / 8 + 0 + 0) / 3)
        assert (czech.key, czech.pages, czech.lines, czech.macro_f1, czech.accuracy) == ("cs", 1, 1, 1, 1)
        assert czech.f1["promo"] == 1
        assert math.isnan(czech.f1["body"])
        assert [(row.key, row.lines) for row in result.breakdowns["site"]] == [
            ("heron.example", 5),
            ("otter.example", 1),
        ]

    def test_rows_with_equally_many_lines_are_in_order_of_key(self) -> None:
        rows = evaluate_pages(*three_pages()).breakdowns["scraper"]
        assert [(row.key, row.lines) for row in rows] == [("rake", 3), ("scythe", 3)]

    def test_interval_is_the_bootstrap_over_sites(self) -> None:
        generator = np.random.default_rng(11)
        truth, guess = generator.choice(LABELS, size=(2, 12, 8)).tolist()
        # Two pages a site: lines of both must be drawn together.
        pages = [page(labels, site=f"site {number // 2}") for number, labels in enumerate(truth)]
        by_site = [confusion(truth[n] + truth[n + 1], guess[n] + guess[n + 1]) for n in range(0, 12, 2)]
        result = evaluate_pages(pages, guess, n_resamples=300, random_state=5)
        assert result.macro_f1_interval == bootstrap_macro_f1(by_site, n_resamples=300, random_state=5)

    @settings(max_examples=30)
    @given(page_pairs, st.randoms(use_true_random=False))
    def test_order_of_pages_does_not_matter(self, pairs: list[list[tuple[Label, Label]]], random: Any) -> None:
        pages = [
            page([one for one, _ in of_page], site=f"site {number % 3}", lang="de"[: number % 2 * 2], name=str(number))
            for number, of_page in enumerate(pairs)
        ]
        together = list(zip(pages, [[other for _, other in of_page] for of_page in pairs], strict=True))
        shuffled = random.sample(together, len(together))
        one, other = (
            evaluate_pages([page for page, _ in order], [labels for _, labels in order], n_resamples=20)
            for order in (together, shuffled)
        )
        assert one.to_dict() == other.to_dict()

    def test_breakdowns_by_length_and_position(self) -> None:
        pages = [page([BODY] * count, site=str(count), name=str(count)) for count in (1, 10, 11, 300)]
        result = evaluate_pages(pages, [[PROMO] * len(page.labels) for page in pages])
        assert [(row.key, row.pages, row.lines, row.wrong) for row in result.breakdowns["length"]] == [
            ("1–10 lines", 2, 11, 11),
            ("11–25 lines", 1, 11, 11),
            ("over 250 lines", 1, 300, 300),
        ]
        # A page's only line stands in its first tenth; of eleven lines two stand there.
        tenths = [(row.key, row.pages, row.lines) for row in result.breakdowns["position"]]
        assert tenths[0] == ("0–10 %", 4, 1 + 1 + 2 + 30)
        assert tenths[-1] == ("90–100 %", 3, 1 + 1 + 30)
        assert len(tenths) == 10

    def test_parts_of_a_breakdown_have_the_intervals_of_their_own_sites(self) -> None:
        generator = np.random.default_rng(3)
        truth, guess = generator.choice(LABELS, size=(2, 20, 6)).tolist()
        pages = [page(labels, site=f"{n:02}", lang="de" if n < 12 else "en") for n, labels in enumerate(truth)]
        result = evaluate_pages(pages, guess, n_resamples=200)
        german, english = result.breakdowns["lang"]
        by_site = [confusion(*pair) for pair in zip(truth, guess, strict=True)]
        assert german.macro_f1_interval == bootstrap_macro_f1(by_site[:12], n_resamples=200)
        assert english.macro_f1_interval == bootstrap_macro_f1(by_site[12:], n_resamples=200)
        assert all(math.isnan(row.macro_f1_interval[0]) for row in result.breakdowns["site"])

    def test_metrics_are_the_scores_under_their_names(self) -> None:
        pages, predicted = three_pages()
        probabilities = [np.tile([0.7, 0.1, 0.1, 0.1], (len(labels), 1)) for labels in predicted]
        result = evaluate_pages(pages, predicted, probabilities, cleaning_threshold=0.5)
        assert list(result.metrics) == list(result.intervals) == list(METRICS)
        assert result.metrics["macro-f1"] == pytest.approx(result.macro_f1)
        assert result.metrics["accuracy"] == pytest.approx(4 / 6)
        assert result.metrics["flawless-pages"] == pytest.approx(1 / 3)
        for label, scores in result.labels.items():
            for name in ("precision", "recall", "f1"):
                assert same(result.metrics[f"{label}-{name}"], getattr(scores, name))
        for prefix, rates in (("text", result.characters), ("clean", result.cleaned)):
            assert rates is not None
            assert same(result.metrics[f"{prefix}-recall"], rates.body_kept)
            assert same(result.metrics[f"{prefix}-precision"], rates.kept_is_body)
            assert same(result.metrics[f"{prefix}-noise-removed"], rates.other_removed)
        assert math.isnan(evaluate_pages(pages, predicted).metrics["clean-recall"])

    def test_every_figure_has_the_interval_of_its_resamples(self) -> None:
        # Of two sites one is all right and one all wrong: figures of a resample are 0, 1, or between them.
        pages = [page([BODY, PROMO], site="a", name="a"), page([BODY, PROMO], site="b", name="b")]
        result = evaluate_pages(pages, [[BODY, PROMO], [PROMO, BODY]], n_resamples=400)
        for name in ("macro-f1", "accuracy", "flawless-pages", "body-recall", "promo-precision", "text-recall"):
            assert result.intervals[name] == (0, 1), name
        assert all(math.isnan(end) for end in result.intervals["caption-recall"])

    def test_costs_by_hand(self) -> None:
        texts = ["four\nseven77\ncap", "sixsix\npromo"]
        pages = [AnnotatedPage("a", texts[0], [BODY, BODY, CAPTION]), AnnotatedPage("b", texts[1], [BODY, PROMO])]
        body = [[0.9, 0.3, 0.6], [0.5, 0.2]]
        probabilities = [np.array([[share, 0, 0, 1 - share] for share in page]) for page in body]
        result = evaluate_pages(pages, [[BODY, PROMO, BODY], [CAPTION, PROMO]], probabilities, cleaning_threshold=0.55)
        assert result.costs == [
            ErrorCost("body lost", "caption", 1, 6, 6 / 17),
            ErrorCost("body lost", "promo", 1, 7, 7 / 17),
            ErrorCost("noise kept", "caption", 1, 3, 3 / 8),
        ]
        assert result.cleaned_costs == [
            ErrorCost("body lost", "caption", 1, 6, 6 / 17),
            ErrorCost("body lost", "promo", 1, 7, 7 / 17),
            ErrorCost("noise kept", "caption", 1, 3, 3 / 8),
        ]
        stricter = evaluate_pages(pages, [[BODY, PROMO, BODY], [CAPTION, PROMO]], probabilities, cleaning_threshold=0.3)
        assert stricter.cleaned_costs == [ErrorCost("noise kept", "caption", 1, 3, 3 / 8)]

    def test_no_pages(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = evaluate_pages([], [], [])
        assert (result.pages, result.sites, result.lines) == (0, 0, 0)
        assert math.isnan(result.macro_f1)
        assert math.isnan(result.flawless_pages)
        assert result.breakdowns == {"scraper": [], "lang": [], "length": [], "position": [], "site": []}

    def test_one_site_has_no_interval(self) -> None:
        result = evaluate_pages([page([BODY], site="s"), page([PROMO], site="s")], [[BODY], [PROMO]])
        assert result.sites == 1
        assert result.macro_f1 == 1
        assert all(math.isnan(end) for end in result.macro_f1_interval)

    def test_pages_without_site_are_sites_of_their_own(self) -> None:
        result = evaluate_pages([page([BODY], name="a"), page([BODY], name="b")], [[BODY], [BODY]])
        assert result.sites == 2
        assert {row.key for row in result.breakdowns["site"]} == {"a", "b"}

    def test_page_without_lines_is_neither_right_nor_wrong(self) -> None:
        result = evaluate_pages([page([], name="blank"), page([BODY]), page([PROMO])], [[], [BODY], [BODY]])
        assert result.pages == 3
        assert result.flawless_pages == pytest.approx(1 / 2)

    @pytest.mark.parametrize(("value", "key"), [(None, ""), (3, "3"), (["x"], "['x']")])
    def test_scraper_may_be_any_json_value(self, value: object, key: str) -> None:
        rows = evaluate_pages([page([BODY], scraper=value)], [[BODY]]).breakdowns["scraper"]
        assert [row.key for row in rows] == [key]

    def test_white_space_around_lines_is_no_text(self) -> None:
        padded = AnnotatedPage(id="p", text="  four \n\n\t12\u3000", labels=[BODY, PROMO])
        characters = evaluate_pages([padded], [[BODY, PROMO]]).characters
        assert (characters.body_characters, characters.other_characters) == (4, 2)

    def test_calibration_is_over_all_lines(self) -> None:
        pages, predicted = three_pages()
        probabilities = [np.tile([0.7, 0.1, 0.1, 0.1], (len(labels), 1)) for labels in predicted]
        result = evaluate_pages(pages, predicted, probabilities)
        assert result.calibration_error == pytest.approx(
            {BODY: 0.7 - 3 / 6, CAPTION: 1 / 6 - 0.1, FOREIGN: 0.1, PROMO: 2 / 6 - 0.1}
        )

    def test_cleaning_at_a_threshold(self) -> None:
        texts = ["four\n  seven77\ncap", "sixsix\npromo"]
        pages = [
            AnnotatedPage("a", texts[0], [BODY, BODY, CAPTION]),
            AnnotatedPage("b", texts[1], [BODY, PROMO]),
        ]
        predicted = [[BODY, PROMO, BODY], [BODY, PROMO]]
        body = [[0.9, 0.3, 0.6], [0.5, 0.2]]
        probabilities = [np.array([[share, 0, 0, 1 - share] for share in page]) for page in body]
        result = evaluate_pages(pages, predicted, probabilities, cleaning_threshold=0.3)
        assert result.characters == CharacterRates(10 / 17, 5 / 8, 17, 8, 10 / 13)
        assert result.cleaned == CharacterRates(1.0, 5 / 8, 17, 8, 17 / 20), "a line at the threshold stays"
        assert result.to_dict()["cleaned"] == {
            "body_kept": 1.0,
            "other_removed": 5 / 8,
            "body_characters": 17,
            "other_characters": 8,
            "kept_is_body": 17 / 20,
        }
        result = evaluate_pages(pages, predicted, probabilities, cleaning_threshold=0.7)
        assert result.cleaned == CharacterRates(4 / 17, 1.0, 17, 8, 1.0)
        without = evaluate_pages(pages, predicted, probabilities)
        assert without.cleaned is without.to_dict()["cleaned"] is None
        with pytest.raises(ValueError, match="threshold of cleaning needs probabilities"):
            evaluate_pages(pages, predicted, cleaning_threshold=0.7)

    @pytest.mark.parametrize(
        ("predicted", "message"),
        [
            ([[BODY]], "3 pages, but predictions for 1"),
            ([[BODY] * 3, [BODY], [BODY]], r"page 2 \('b'\): 2 given labels, but 1 predicted"),
            ([[BODY] * 3, [BODY] * 2, ["advert"]], r"page 3 \('c'\): unknown label 'advert'"),
        ],
    )
    def test_wrong_predictions_are_named(self, predicted: list[list[str]], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            evaluate_pages(three_pages()[0], predicted)

    def test_wrong_probabilities_are_named(self) -> None:
        pages, predicted = three_pages()
        with pytest.raises(ValueError, match="3 pages, but probabilities for 0"):
            evaluate_pages(pages, predicted, [])
        shapes = [np.ones((3, 4)), np.ones((2, 3)), np.ones((1, 4))]
        with pytest.raises(ValueError, match=r"page 2 \('b'\): probabilities must have shape \(2, 4\), not \(2, 3\)"):
            evaluate_pages(pages, predicted, shapes)

    def test_page_whose_labels_do_not_fit_its_text_is_named(self) -> None:
        broken = AnnotatedPage(id="torn", text="one\ntwo", labels=[BODY])
        with pytest.raises(ValueError, match=r"page 1 \('torn'\): 1 labels for 2 non-blank lines"):
            evaluate_pages([broken], [[BODY]])


class TestToDict:
    def evaluations(self) -> list[Evaluation]:
        pages, predicted = three_pages()
        probabilities = [np.full((len(labels), 4), 0.25) for labels in predicted]
        return [
            evaluate_pages([], []),
            evaluate_pages([], [], []),
            evaluate_pages(pages, predicted),
            evaluate_pages(pages, predicted, probabilities),
        ]

    def test_is_json_without_nan_and_comes_back_the_same(self) -> None:
        for evaluation in self.evaluations():
            fields = evaluation.to_dict()
            assert json.loads(json.dumps(fields, allow_nan=False)) == fields

    def test_fields(self) -> None:
        fields = self.evaluations()[-1].to_dict()
        assert fields["schema"] == SCHEMA == "boilerplate-evaluation/2"
        assert fields["confusion"]["promo"] == {"body": 1, "caption": 0, "foreign-caption": 0, "promo": 1}
        assert fields["labels"]["foreign-caption"] == {
            "precision": None,
            "recall": None,
            "f1": None,
            "support": 0,
            "predicted": 0,
        }
        assert fields["macro_f1_interval"]["level"] == 0.95
        assert fields["calibration_error"]["foreign-caption"] == 0.25
        assert fields["breakdowns"]["lang"][1]["f1"] == {
            "body": None,
            "caption": None,
            "foreign-caption": None,
            "promo": 1.0,
        }

    def test_empty_evaluation_has_null_for_every_number_that_does_not_exist(self) -> None:
        fields = self.evaluations()[0].to_dict()
        assert fields["macro_f1"] is None
        assert fields["macro_f1_interval"] == {"level": 0.95, "low": None, "high": None}
        assert fields["flawless_pages"] is None
        assert fields["calibration_error"] is None


def test_the_docs_name_all_figures() -> None:
    text = (Path(__file__).parents[1] / "docs" / "reports.md").read_text("utf-8")
    table = text.partition("<!-- metrics -->")[2].partition("<!-- /metrics -->")[0]
    assert re.findall(r"^\| `(.+)` \| (.+) \|$", table, flags=re.M) == list(METRICS.items())
