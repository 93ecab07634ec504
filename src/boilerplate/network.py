"""Phase two's learner: small perceptrons over a line's evidence, kept as plain arrays."""

from __future__ import annotations

import warnings
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 256
"""Lines are multiplied in blocks of this size, the last one filled up: a matrix product may round differently for
another number of rows, and a line's label must not depend on what shares its batch."""

CLIP: Final = 6.0
"""Standardised evidence is clipped here, so that a freak line cannot drive the network where it never was."""


class Network(NamedTuple):
    """A perceptron with one hidden layer of rectified linear units."""

    hidden_weights: NDArray[np.float32]
    """Shape (n_features, n_hidden)."""
    hidden_bias: NDArray[np.float32]
    output_weights: NDArray[np.float32]
    """Shape (n_hidden, n_labels)."""
    output_bias: NDArray[np.float32]

    def scores(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log probabilities up to a constant.

        Parameters
        ----------
        evidence : float32 array of shape (n_lines, n_features)
            Standardised.

        Returns
        -------
        float32 array of shape (n_lines, n_labels)
        """
        out = np.empty((len(evidence), len(self.output_bias)), dtype=np.float32)
        for start in range(0, len(evidence), BLOCK):
            block = evidence[start : start + BLOCK]
            rows = len(block)
            if rows < BLOCK:
                block = np.concatenate([block, np.zeros((BLOCK - rows, block.shape[1]), dtype=np.float32)])
            hidden = np.maximum(block @ self.hidden_weights + self.hidden_bias, 0)
            out[start : start + rows] = (hidden @ self.output_weights + self.output_bias)[:rows]
        return out


class Standard(NamedTuple):
    """Mean and scale of each feature."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def apply(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Centre, scale and clip evidence of shape (n_lines, n_features)."""
        standardised: NDArray[np.float32] = np.clip((evidence - self.mean) / self.scale, -CLIP, CLIP)
        return standardised


class Round(NamedTuple):
    """One round of phase two: networks that vote."""

    standard: Standard
    networks: list[Network]

    def scores(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the networks' scores for evidence of shape (n_lines, n_features)."""
        standardised = self.standard.apply(evidence)
        votes = np.stack([network.scores(standardised) for network in self.networks])
        mean: NDArray[np.float32] = votes.mean(axis=0, dtype=np.float32)
        return mean


def fit_standard(evidence: NDArray[np.float32]) -> Standard:
    """Mean and standard deviation of each column; constant columns keep their scale."""
    deviation = evidence.std(axis=0, dtype=np.float64)
    return Standard(
        evidence.mean(axis=0, dtype=np.float64).astype(np.float32),
        np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32),
    )


def fit_network(
    evidence: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    n_labels: int,
    hidden: int,
    epochs: int,
    penalty: float,
    seed: int,
) -> Network:
    """Fit a perceptron by Adam.

    Parameters
    ----------
    evidence : float32 array of shape (n_lines, n_features)
        Standardised.
    labels : int64 array of shape (n_lines,)
    weights : float64 array of shape (n_lines,)
    n_labels : int
    hidden : int
        Units of the hidden layer.
    epochs : int
        Passes over the lines.
    penalty : float
        scikit-learn's ``alpha``.
    seed : int

    Returns
    -------
    Network
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    present = np.unique(labels)
    output_weights = np.zeros((hidden, n_labels), dtype=np.float32)
    output_bias = np.full(n_labels, -10.0, dtype=np.float32)
    if len(present) == 1:
        output_bias[present] = 0
        return Network(
            np.zeros((evidence.shape[1], hidden), dtype=np.float32),
            np.zeros(hidden, dtype=np.float32),
            output_weights,
            output_bias,
        )
    # Small training sets get more passes over smaller batches: at least some thousand steps are needed.
    batch = min(int(np.clip(len(labels) // 200, 32, 1024)), len(labels))
    steps = int(np.ceil(len(labels) / batch))
    passes = max(epochs, int(np.ceil(2000 / steps)))
    perceptron = MLPClassifier(
        (hidden,),
        alpha=penalty,
        batch_size=batch,
        max_iter=passes,
        n_iter_no_change=passes,
        learning_rate_init=2e-3,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scikit-learn takes Ctrl-C for the wish to stop training early, and says so with this warning.
        warnings.filterwarnings("error", "Training interrupted by user")
        try:
            perceptron.fit(evidence, labels, sample_weight=weights)
        except UserWarning:
            raise KeyboardInterrupt from None
    first, second = perceptron.coefs_
    first_bias, second_bias = perceptron.intercepts_
    if len(present) == 2:
        # The binary form has one output: the second label's score, against 0.
        second = np.concatenate([np.zeros_like(second), second], axis=1)
        second_bias = np.array([0.0, second_bias[0]])
    output_weights[:, present] = second
    output_bias[present] = second_bias
    return Network(first.astype(np.float32), first_bias.astype(np.float32), output_weights, output_bias)
