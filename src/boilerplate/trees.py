"""Phase two's second learner: gradient-boosted trees over the evidence of single lines.

They see of other lines only what the evidence says of them, where the networks see all their evidence; but they are
good at thresholds, at which networks are not, and err elsewhere. scikit-learn grows them (Friedman, "Greedy Function
Approximation: A Gradient Boosting Machine", 2001); here they stand as complete binary trees of one depth in plain
arrays, whose values are whole numbers, so that sums over trees are exact and labelling needs no scikit-learn.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.kernel import compiled

DEPTH: Final = 5
MAX_LEAVES: Final = 15
STEP_SIZE: Final = 0.2
MIN_LINES: Final = 20
MOST_MIN_LINES: Final = 100
"""Lines that a leaf must have, of a few and of many training pages: fewer are the habits of a single page."""
PENALTY: Final = 10.0
"""L2 penalty of the leaves' values."""
UNIT: Final = 2.0**-12
"""Values are whole multiples of this."""
LARGEST: Final = 32767


class Trees(NamedTuple):
    """Boosted trees, round by round, in each round one for every label.

    The inner nodes of a tree stand level by level: those below node i are 2 i + 1, where a line's feature is at most
    the node's threshold, and 2 i + 2.
    """

    feature: NDArray[np.int16]
    """Shape (n_trees, 2 ** depth - 1)."""
    threshold: NDArray[np.float32]
    """Shape (n_trees, 2 ** depth - 1)."""
    value: NDArray[np.int16]
    """Of the leaves, in multiples of `UNIT`: shape (n_trees, 2 ** depth)."""
    bias: NDArray[np.float32]
    """Shape (n_labels,)."""

    @property
    def depth(self) -> int:
        """Levels of inner nodes."""
        return int(self.value.shape[1]).bit_length() - 1

    def scores(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log probabilities up to a constant.

        Parameters
        ----------
        evidence : float32 array of shape (n_lines, n_features)

        Returns
        -------
        float32 array of shape (n_lines, n_labels)
        """
        kernel = compiled()
        if kernel is None:
            sums = self._sums(evidence)
        else:
            sums = np.zeros((len(evidence), len(self.bias)), dtype=np.int32)
            tables = (self.feature, self.threshold, self.value)
            kernel.tree_sums(np.ascontiguousarray(evidence), *tables, sums, self.depth, len(self.bias))
        scores: NDArray[np.float32] = sums.astype(np.float32) * np.float32(UNIT) + self.bias
        return scores

    def _sums(self, evidence: NDArray[np.float32]) -> NDArray[np.int32]:
        n_labels = len(self.bias)
        columns = np.ascontiguousarray(evidence.T)
        lines = np.arange(len(evidence))
        sums = np.zeros((n_labels, len(evidence)), dtype=np.int32)
        for number, (feature, threshold, value) in enumerate(
            zip(self.feature, self.threshold, self.value, strict=True)
        ):
            node = np.zeros(len(evidence), dtype=np.intp)
            for _ in range(self.depth):
                above = columns[feature[node], lines] > threshold[node]
                node = 2 * node + 1 + above
            sums[number % n_labels] += value[node - len(feature)]
        return np.ascontiguousarray(sums.T)


def fit_trees(
    evidence: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    n_labels: int,
    rounds: int,
    seed: int,
) -> Trees:
    """Grow trees.

    Parameters
    ----------
    evidence : float32 array of shape (n_lines, n_features)
    labels : int64 array of shape (n_lines,)
    weights : float64 array of shape (n_lines,)
    n_labels : int
    rounds : int
        Trees of each label; without any, all labels that occur are as probable.
    seed : int

    Returns
    -------
    Trees
    """
    present = np.unique(labels)
    # A label that no line has stays improbable.
    bias = np.full(n_labels, -10.0, dtype=np.float32)
    if len(present) < 2 or not rounds:
        bias[present] = 0
        return _no_trees(bias)
    from sklearn.ensemble import HistGradientBoostingClassifier

    booster = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=STEP_SIZE,
        max_depth=DEPTH,
        max_leaf_nodes=MAX_LEAVES,
        min_samples_leaf=int(np.clip(len(labels) // 1000, MIN_LINES, MOST_MIN_LINES)),
        l2_regularization=PENALTY,
        early_stopping=False,
        random_state=seed,
    )
    booster.fit(evidence, labels, sample_weight=weights)
    # What scikit-learn's own exporters read: there is no public way to the nodes.
    grown = [[tree.nodes for tree in trees] for trees in booster._predictors]
    start = np.ravel(booster._baseline_prediction)
    if len(present) == 2:
        # One tree a round, which says how much more probable the second label is.
        bias[present] = (0, start[0])
        places = present[1:]
    else:
        bias[present] = start
        places = present
    trees = _no_trees(bias, n_trees=len(grown) * n_labels)
    for round_number, nodes_of_round in enumerate(grown):
        for place, nodes in zip(places, nodes_of_round, strict=True):
            _fill(trees, round_number * n_labels + int(place), nodes)
    return trees


def _no_trees(bias: NDArray[np.float32], n_trees: int = 0) -> Trees:
    """Trees of one empty leaf each."""
    inner = 2**DEPTH - 1
    return Trees(
        np.zeros((n_trees, inner), dtype=np.int16),
        np.full((n_trees, inner), np.inf, dtype=np.float32),
        np.zeros((n_trees, inner + 1), dtype=np.int16),
        bias,
    )


def _fill(trees: Trees, number: int, nodes: NDArray[Any]) -> None:
    """Write one of scikit-learn's trees into its place.

    Below a leaf of lesser depth stand nodes that every line passes on the left.
    """
    inner = trees.feature.shape[1]
    waiting = [(0, 0)]
    while waiting:
        place, index = waiting.pop()
        node = nodes[index]
        if not node["is_leaf"]:
            trees.feature[number, place] = node["feature_idx"]
            trees.threshold[number, place] = _at_most(node["num_threshold"])
            waiting += [(2 * place + 1, node["left"]), (2 * place + 2, node["right"])]
            continue
        while place < inner:
            place = 2 * place + 1
        trees.value[number, place - inner] = np.clip(np.rint(node["value"] / UNIT), -LARGEST, LARGEST)


def _at_most(threshold: float) -> np.float32:
    """The greatest single-precision number that is not above a threshold: single-precision features see no other."""
    nearest = np.float32(threshold)
    return nearest if nearest <= threshold else np.nextafter(nearest, np.float32(-np.inf))
