"""Calibration: probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from boilerplate.calibration import Calibration, fit_calibration, softmax

AS_IT_IS = Calibration(np.ones(4), np.zeros(4))
SCALE = np.array([0.5, 1.0, 1.2, 2.0])
SHIFT = np.array([0.4, -0.6, 0.0, 0.2])

score_arrays = hnp.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(-1e4, 1e4, width=32))


def log_probabilities(count: int, seed: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.log(softmax(np.random.default_rng(seed).normal(0, 2, (count, 4))))
    return found


def draw(probabilities: NDArray[np.float64], seed: int = 1) -> NDArray[np.int64]:
    """A label for each line, as probable as it is said to be."""
    limits = probabilities.cumsum(axis=1)
    return (np.random.default_rng(seed).random(len(probabilities))[:, None] * limits[:, -1:] > limits).sum(axis=1)


def loss(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


@given(score_arrays)
def test_rows_are_probabilities(scores: NDArray[np.float32]) -> None:
    assert AS_IT_IS.probabilities(scores).dtype == np.float64
    double = scores.astype(np.float64)
    for found in (softmax(double), AS_IT_IS.probabilities(scores), Calibration(SCALE, SHIFT).probabilities(scores)):
        assert found.shape == scores.shape
        assert found.sum(axis=1) == pytest.approx(1)
        assert ((found >= 0) & (found <= 1)).all()


def test_softmax_by_hand() -> None:
    assert softmax(np.log([[1.0, 2.0, 5.0]])) == pytest.approx(np.array([[0.125, 0.25, 0.625]]))
    assert softmax(np.array([[1e5, 0.0], [-1e5, -1e5]])).tolist() == [[1, 0], [0.5, 0.5]]


@given(score_arrays, st.data())
@settings(max_examples=50)
def test_a_constant_on_a_line_s_scores_changes_nothing(scores: NDArray[np.float32], data: st.DataObject) -> None:
    scores = np.rint(scores)
    constant = data.draw(hnp.arrays(np.float32, (len(scores), 1), elements=st.integers(-1000, 1000)))
    for calibration in (AS_IT_IS, Calibration(SCALE, SHIFT)):
        found = calibration.probabilities(scores + constant)
        assert found == pytest.approx(calibration.probabilities(scores), abs=1e-9)


def test_a_model_too_sure_of_itself_is_cured() -> None:
    true = log_probabilities(4000, seed=2)
    labels = draw(np.exp(true))
    calibration = fit_calibration(3 * true, labels, np.ones(len(labels)))
    assert calibration.scale == pytest.approx(np.full(4, 1 / 3), rel=0.15)
    fresh = log_probabilities(4000, seed=3)
    assert calibration.probabilities(3 * fresh) == pytest.approx(np.exp(fresh), abs=0.05)


@pytest.mark.parametrize("offset", [0.0, 10.0], ids=["log probabilities", "log probabilities up to a constant"])
def test_what_was_fitted_is_what_is_applied(offset: float) -> None:
    scores = log_probabilities(4000, seed=4)
    scores -= scores.max(axis=1, keepdims=True)
    labels = draw(softmax(scores * SCALE + SHIFT))
    constant = offset * np.random.default_rng(5).normal(size=(len(scores), 1))
    found = fit_calibration(scores + constant, labels, np.ones(len(labels))).probabilities(scores + constant)
    best = softmax(scores * SCALE + SHIFT)
    assert loss(found, labels) < loss(best, labels) + 0.005
    assert loss(found, labels) < loss(softmax(scores), labels) - 0.02, "better than nothing done"


def test_good_scores_stay_as_they_are() -> None:
    scores = log_probabilities(4000, seed=6)
    labels = draw(np.exp(scores))
    found = fit_calibration(scores, labels, np.ones(len(labels)))
    assert found.probabilities(scores) == pytest.approx(np.exp(scores), abs=0.04)


def test_weights_are_counts() -> None:
    scores = log_probabilities(60, seed=7)
    labels = draw(softmax(2 * scores))
    counts = np.random.default_rng(8).integers(0, 4, 60)
    weighted = fit_calibration(scores, labels, counts.astype(np.float64))
    repeated = fit_calibration(np.repeat(scores, counts, axis=0), np.repeat(labels, counts), np.ones(counts.sum()))
    halved = fit_calibration(scores, labels, counts / 2)
    for other in (repeated, halved):
        assert other.scale == pytest.approx(weighted.scale, abs=1e-2)
        assert other.shift == pytest.approx(weighted.shift, abs=1e-2)


@pytest.mark.parametrize("present", [[0], [0, 3], [1, 2, 3]])
def test_labels_that_never_occur_become_improbable(present: list[int]) -> None:
    labels = np.resize(present, 300)
    scores = np.random.default_rng(9).normal(size=(300, 4))
    found = fit_calibration(scores, labels, np.ones(300)).probabilities(scores)
    missing = sorted({0, 1, 2, 3} - set(present))
    assert found[:, missing].mean() < 0.05
    assert found[:, present].sum(axis=1).min() > 0.8


def test_one_line_and_freak_scores_do_no_harm() -> None:
    for scores in ([[0.0, 0.0, 0.0, 0.0]], [[1e4, -1e4, 0.0, 3.0]]):
        calibration = fit_calibration(np.array(scores), np.array([1]), np.ones(1))
        assert np.isfinite(np.concatenate(calibration)).all()
        assert np.isfinite(calibration.probabilities(np.array(scores))).all()
