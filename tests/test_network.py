"""Phase two's perceptrons: a line's scores are its own, and training does what it is told."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from boilerplate.network import BLOCK, CLIP, Network, Round, Standard, fit_network, fit_standard

N_FEATURES = 37


def random_network(seed: int, hidden: int = 24) -> Network:
    draw = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [(N_FEATURES, hidden), (hidden,), (hidden, 4), (4,)]
    return Network(*(draw.normal(size=shape).astype(np.float32) for shape in shapes))


def random_evidence(rows: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, N_FEATURES)).astype(np.float32)


class TestScores:
    @pytest.mark.parametrize("rows", [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
    def test_are_those_of_a_perceptron(self, rows: int) -> None:
        network, evidence = random_network(1), random_evidence(rows)
        hidden = np.maximum(evidence.astype(np.float64) @ network.hidden_weights + network.hidden_bias, 0)
        expected = hidden @ network.output_weights + network.output_bias
        found = network.scores(evidence)
        assert found.dtype == np.float32
        assert found.shape == (rows, 4)
        assert found == pytest.approx(expected, abs=1e-3)

    def test_do_not_depend_on_the_lines_around_to_the_last_bit(self) -> None:
        network, evidence = random_network(2), random_evidence(2 * BLOCK + 77)
        together = network.scores(evidence)
        draw = np.random.default_rng(3)
        for rows in (np.arange(1), draw.permutation(len(evidence)), draw.choice(len(evidence), 300)):
            assert network.scores(evidence[rows]).tobytes() == together[rows].tobytes()
        for start in (0, 5, BLOCK - 1, BLOCK, 2 * BLOCK + 76):
            assert network.scores(evidence[start : start + 1]).tobytes() == together[start].tobytes()

    def test_of_a_round_are_the_mean_of_its_networks(self) -> None:
        networks, evidence = [random_network(seed) for seed in range(3)], random_evidence(20)
        standard = Standard(np.full(N_FEATURES, 0.5, np.float32), np.full(N_FEATURES, 2, np.float32))
        expected = np.mean([network.scores((evidence - 0.5) / 2) for network in networks], axis=0)
        found = Round(standard, networks).scores(evidence)
        assert found.dtype == np.float32
        assert found == pytest.approx(expected, abs=1e-4)


class TestStandard:
    def test_centres_and_scales_each_column(self) -> None:
        evidence = random_evidence(500) * np.arange(1, N_FEATURES + 1, dtype=np.float32) + 7
        found = fit_standard(evidence).apply(evidence)
        assert found.dtype == np.float32
        assert found.mean(axis=0) == pytest.approx(0, abs=1e-4)
        assert found.std(axis=0) == pytest.approx(1, abs=1e-2)

    def test_constant_columns_become_zero_and_freaks_are_clipped(self) -> None:
        evidence = random_evidence(100)
        evidence[:, 0] = 3
        standard = fit_standard(evidence)
        assert not standard.apply(evidence)[:, 0].any()
        freak = np.full((1, N_FEATURES), 1e30, dtype=np.float32)
        assert standard.apply(freak).tolist() == [[CLIP] * N_FEATURES]
        assert standard.apply(-freak).tolist() == [[-CLIP] * N_FEATURES]


class TestFitting:
    EVIDENCE = np.random.default_rng(4).normal(size=(300, 6)).astype(np.float32)

    def fit(self, labels: NDArray[np.int64], **changes: Any) -> Network:
        """A network fitted on the first rows of `EVIDENCE`."""
        arguments: dict[str, Any] = {"n_labels": 4, "hidden": 8, "epochs": 2, "penalty": 1e-3, "seed": 0} | changes
        weights = arguments.pop("weights", np.ones(len(labels)))
        return fit_network(self.EVIDENCE[: len(labels)], labels, weights, **arguments)

    @pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 3], [1, 2, 3]])
    def test_what_can_be_learnt_is_learnt(self, present: list[int]) -> None:
        # The greatest of the first columns is the label.
        labels = np.array(present)[self.EVIDENCE[:, : len(present)].argmax(axis=1)]
        scores = self.fit(labels).scores(self.EVIDENCE)
        assert scores.shape == (300, 4)
        assert (scores.argmax(axis=1) == labels).mean() > 0.9
        probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        assert probabilities[np.arange(300), labels].mean() > 0.75, "log probabilities, two labels' included"
        assert np.delete(probabilities, present, axis=1).max(initial=0) < 0.01

    def test_one_label_alone_is_always_given(self) -> None:
        scores = self.fit(np.full(50, 2)).scores(self.EVIDENCE)
        assert set(scores.argmax(axis=1)) == {2}

    def test_the_seed_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fit = MLPClassifier.fit

        def few_passes(perceptron: MLPClassifier, *args: Any, **kwargs: Any) -> MLPClassifier:
            perceptron.max_iter = 3
            return fit(perceptron, *args, **kwargs)

        monkeypatch.setattr(MLPClassifier, "fit", few_passes)
        labels = np.arange(300) % 4
        one, same, other = (self.fit(labels, seed=seed) for seed in (5, 5, 6))
        assert all(map(np.array_equal, one, same))
        assert not any(map(np.array_equal, one, other))

    def test_lines_without_weight_do_not_count(self) -> None:
        labels = (self.EVIDENCE[:, 0] > 0).astype(np.int64)
        wrong = np.arange(300) % 3 == 0
        given = np.where(wrong, 3, labels)
        scores = self.fit(given, weights=np.where(wrong, 0.0, 1.0)).scores(self.EVIDENCE)
        assert (scores.argmax(axis=1) == labels).mean() > 0.9

    def test_small_training_sets_give_no_warnings(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert self.fit(np.array([0, 1, 3] * 4)).output_bias.shape == (4,)
