"""Phase two's trees: they say what scikit-learn's say, from plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from boilerplate import trees as trees_module
from boilerplate.trees import UNIT, Trees, fit_trees

N_LABELS = 4


def some_lines(n_lines: int = 900, n_labels: int = N_LABELS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Evidence, and labels that depend on it by thresholds."""
    evidence = np.random.default_rng(0).normal(size=(n_lines, 9)).astype(np.float32)
    evidence[:, 4] = np.round(evidence[:, 4])
    labels = np.sum([evidence[:, 0] > 0, evidence[:, 1] * evidence[:, 2] > 0.5, evidence[:, 4] > 0], axis=0)
    return evidence, np.minimum(labels.astype(np.int64), n_labels - 1)


def grown(evidence: NDArray[np.float32], labels: NDArray[np.int64], rounds: int = 12) -> Trees:
    return fit_trees(evidence, labels, np.ones(len(labels)), n_labels=N_LABELS, rounds=rounds, seed=0)


def test_scores_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    boosters = []

    class Noted(HistGradientBoostingClassifier):
        def fit(self, *arguments: object, **named: object) -> HistGradientBoostingClassifier:
            boosters.append(self)
            return super().fit(*arguments, **named)

    monkeypatch.setattr("sklearn.ensemble.HistGradientBoostingClassifier", Noted)
    evidence, labels = some_lines()
    found = grown(evidence, labels, rounds=12)
    # Also for values that stand at the thresholds themselves.
    edges = np.tile(evidence[:1], (200, 1))
    edges[:, 4] = np.linspace(-2, 2, 200)
    at_thresholds = np.repeat(found.threshold[np.isfinite(found.threshold)][:200, None], 9, axis=1)
    for lines in (evidence, edges, at_thresholds):
        expected = boosters[0].decision_function(lines)
        assert np.abs(found.scores(lines) - expected).max() <= 12 * UNIT / 2 + 1e-5
    assert np.mean(found.scores(evidence).argmax(axis=1) == labels) > 0.9


@pytest.mark.parametrize("present", [(0, 3), (1, 2)])
def test_two_labels(present: tuple[int, int]) -> None:
    evidence, labels = some_lines(n_labels=2)
    labels = np.array(present)[labels]
    scores = grown(evidence, labels).scores(evidence)
    assert np.mean(scores.argmax(axis=1) == labels) > 0.9
    absent = [label for label in range(N_LABELS) if label not in present]
    assert scores[:, absent].max() < scores[:, present].min() - 3


def test_one_label() -> None:
    evidence, labels = some_lines()
    scores = grown(evidence, np.full_like(labels, 2)).scores(evidence)
    assert (scores.argmax(axis=1) == 2).all()


def test_no_rounds_say_nothing() -> None:
    evidence, labels = some_lines()
    scores = grown(evidence, labels, rounds=0).scores(evidence)
    assert scores.shape == (len(evidence), N_LABELS)
    assert not scores.any()


def test_weights_count() -> None:
    evidence, labels = some_lines()
    wrong = np.where(np.arange(len(labels)) % 3, labels, (labels + 1) % N_LABELS)
    weights = np.where(wrong == labels, 1.0, 1e-6)
    found = fit_trees(evidence, wrong, weights, n_labels=N_LABELS, rounds=12, seed=0).scores(evidence)
    assert np.mean(found.argmax(axis=1) == labels) > 0.9


def test_no_lines() -> None:
    evidence, labels = some_lines()
    assert grown(evidence, labels).scores(evidence[:0]).shape == (0, N_LABELS)


def test_a_line_s_scores_do_not_depend_on_its_batch() -> None:
    evidence, labels = some_lines()
    found = grown(evidence, labels)
    together = found.scores(evidence)
    alone = np.concatenate([found.scores(evidence[number : number + 1]) for number in range(0, 50)])
    assert together[:50].tobytes() == alone.tobytes()


def test_the_tables_are_small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees_module, "UNIT", 1e-9)
    evidence, labels = some_lines()
    value = grown(evidence, labels).value
    assert value.dtype == np.int16
    assert np.abs(value.astype(np.int64)).max() == trees_module.LARGEST
