"""Phase two: networks and trees that vote on what a line is, by all evidence."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Layout
from boilerplate.layers import Layer
from boilerplate.network import Network
from boilerplate.trees import Trees

CLIP: Final = 6.0
"""Standardised evidence is clipped here, so that a freak line cannot drive a network where it never was."""
TREE_SHARE: Final = 0.35
"""The trees' share of the vote. Alone they are behind the networks, but they err elsewhere."""


class Standard(NamedTuple):
    """Mean and scale of each feature."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def apply(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Centre, scale and clip evidence of shape (n_lines, n_features)."""
        standardised: NDArray[np.float32] = np.clip((evidence - self.mean) / self.scale, -CLIP, CLIP)
        return standardised


class PhaseTwo(NamedTuple):
    """Networks and trees, and the scale of the evidence that they were fitted on."""

    standard: Standard
    networks: list[Network]
    trees: Trees

    def scores(self, evidence: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
        """What the vote says of lines.

        Parameters
        ----------
        evidence : float32 array of shape (n_lines, n_features)
            As it is collected.
        layout : Layout

        Returns
        -------
        float32 array of shape (n_lines, n_labels)
            Log probabilities, up to a constant for each line.
        """
        return vote(self.networks, self.trees, self.standard.apply(evidence), layout)

    def to_state(self) -> dict[str, Any]:
        """Nested dictionaries and lists of arrays: what `from_state` takes."""
        return {
            "standard": self.standard._asdict(),
            "networks": [
                {
                    "first": network.first._asdict(),
                    "page": network.page._asdict(),
                    "further": [layer._asdict() for layer in network.further],
                    "output": network.output._asdict(),
                }
                for network in self.networks
            ],
            "trees": self.trees._asdict(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> PhaseTwo:
        """Phase two from what `to_state` gave."""
        networks = [
            Network(
                Layer(**network["first"]),
                Layer(**network["page"]),
                [Layer(**layer) for layer in network["further"]],
                Layer(**network["output"]),
            )
            for network in state["networks"]
        ]
        return cls(Standard(**state["standard"]), networks, Trees(**state["trees"]))


def vote(networks: list[Network], trees: Trees, evidence: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Weighted mean of what networks and trees say.

    Parameters
    ----------
    networks : list of Network
    trees : Trees
    evidence : float32 array of shape (n_lines, n_features)
        Standardised.
    layout : Layout

    Returns
    -------
    float32 array of shape (n_lines, n_labels)
        Log probabilities, up to a constant for each line.
    """
    votes = np.stack([network.scores(evidence, layout) for network in networks])
    mean: NDArray[np.float32] = votes.mean(axis=0, dtype=np.float32)
    mean *= np.float32(1 - TREE_SHARE)
    mean += trees.scores(evidence) * np.float32(TREE_SHARE)
    return mean


def fit_standard(evidence: NDArray[np.float32]) -> Standard:
    """Mean and standard deviation of each column; constant columns keep their scale."""
    deviation = evidence.std(axis=0, dtype=np.float64)
    return Standard(
        evidence.mean(axis=0, dtype=np.float64).astype(np.float32),
        np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32),
    )
