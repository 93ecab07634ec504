"""The vote of networks and trees."""

from __future__ import annotations

import numpy as np
import pytest
from test_network import N_FEATURES, N_LABELS, layout_of, random_evidence, random_network, scores_line_by_line

from boilerplate.phase_two import CLIP, TREE_SHARE, PhaseTwo, Standard, fit_standard
from boilerplate.trees import Trees, fit_trees


def some_trees(seed: int = 0) -> Trees:
    evidence = random_evidence(300)
    labels = np.random.default_rng(seed).integers(0, N_LABELS, 300) * (evidence[:, 0] > 0)
    return fit_trees(evidence, labels, np.ones(300), n_labels=N_LABELS, rounds=3, seed=seed)


STANDARD = Standard(np.full(N_FEATURES, 0.5, np.float32), np.full(N_FEATURES, 2, np.float32))


class TestPhaseTwo:
    def test_scores_are_a_weighted_mean(self) -> None:
        networks, trees, evidence = [random_network(seed) for seed in range(3)], some_trees(), random_evidence(20)
        standardised = (evidence - 0.5) / 2
        expected = np.mean([scores_line_by_line(each, standardised, (13, 7)) for each in networks], axis=0)
        expected = (1 - TREE_SHARE) * expected + TREE_SHARE * trees.scores(standardised)
        found = PhaseTwo(STANDARD, networks, trees).scores(evidence, layout_of(13, 7))
        assert found.dtype == np.float32
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)

    def test_state_holds_everything(self) -> None:
        phase_two = PhaseTwo(STANDARD, [random_network(1), random_network(2)], some_trees())
        evidence, layout = random_evidence(20), layout_of(13, 7)
        again = PhaseTwo.from_state(phase_two.to_state())
        assert again.scores(evidence, layout).tobytes() == phase_two.scores(evidence, layout).tobytes()


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
