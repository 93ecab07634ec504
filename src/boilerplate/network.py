"""Phase two's first learner: a small convolutional network over the lines of a page.

Its first layer reads a line's evidence. The second one adds to each line what its whole page says: the mean and the
maximum of each unit over the page's lines. Each further layer adds to a line what it and two lines around it say
together, at distances of 1, 2, 4 ... lines, so that the fifth one has seen 31 lines before and after (residual dilated
convolution: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2016). Beyond a page's ends are
zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Layout
from boilerplate.evidence.page import shifted
from boilerplate.layers import Layer, keep_mask, product, softmax_error, start_weights
from boilerplate.optimiser import Adam

STEP_SIZE: Final = 2e-3
BATCH_LINES: Final = 1500
"""Lines of a training step: some forty scraped articles."""
MIN_STEPS: Final = 800
"""Few pages get more passes, up to about as many steps."""

LIGHT_SHARE: Final = 0.15
"""Share of the light pages that each pass visits, drawn anew each time: they are many and say less, and all of them in
each pass would take most of the time."""


class Network(NamedTuple):
    """A convolutional network over lines."""

    first: Layer
    page: Layer
    """Reads the mean and the maximum of the first layer's units over a page's lines, side by side."""
    further: list[Layer]
    """The inputs of layer k are the line 2^k lines before, the line itself and the line 2^k lines after."""
    output: Layer

    @property
    def layers(self) -> list[Layer]:
        """All layers, in the order in which a line passes them."""
        return [self.first, self.page, *self.further, self.output]

    def scores(self, evidence: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
        """Log probabilities up to a constant.

        Parameters
        ----------
        evidence : float32 array of shape (n_lines, n_features)
            Standardised.
        layout : Layout

        Returns
        -------
        float32 array of shape (n_lines, n_labels)
        """
        hidden = product(evidence, self.first.weights)
        hidden += self.first.bias
        np.maximum(hidden, 0, out=hidden)
        filled = layout.without_empty_pages()
        of_page = product(_page_summary(hidden, filled), self.page.weights)
        of_page += self.page.bias
        hidden += np.maximum(of_page, 0, out=of_page)[filled.page]
        for number, layer in enumerate(self.further):
            added = _product_around(hidden, layout, 2**number, layer.weights)
            added += layer.bias
            hidden += np.maximum(added, 0, out=added)
        scores = product(hidden, self.output.weights)
        scores += self.output.bias
        return scores


def fit_network(
    evidence: NDArray[np.float32],
    layout: Layout,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    pages: NDArray[np.int64],
    *,
    light: NDArray[np.bool_],
    n_labels: int,
    hidden: int,
    layers: int,
    epochs: int,
    decay: float,
    dropout: float,
    seed: int,
) -> Network:
    """Fit a network by Adam.

    Parameters
    ----------
    evidence : float32 array of shape (n_lines, n_features)
        Standardised.
    layout : Layout
        Which lines stand on which page.
    labels : int64 array of shape (n_lines,)
    weights : float64 array of shape (n_lines,)
    pages : int64 array
        The pages to train on.
    light : bool array of shape (n_pages,)
        Pages of which each pass visits only some, see `LIGHT_SHARE`.
    n_labels : int
    hidden : int
        Units of each layer.
    layers : int
        Layers that look at the lines around; each doubles what is seen.
    epochs : int
        Passes over the pages.
    decay : float
        Decoupled weight decay, as a share of the step size.
    dropout : float
        Share of each layer's units that a training step leaves out.
    seed : int

    Returns
    -------
    Network
    """
    rng = np.random.default_rng(seed)
    used = np.concatenate([np.arange(*layout.page_starts[page : page + 2]) for page in pages])
    present = np.unique(labels[used])
    network = _start(rng, evidence.shape[1], hidden, layers, n_labels, present)
    if len(present) == 1:
        return network
    steps = max(1.0, len(used) / BATCH_LINES)
    passes = max(epochs, int(np.ceil(MIN_STEPS / steps)))
    batches = [
        batch
        for _ in range(passes)
        for batch in _page_batches(
            rng.permutation(pages[~light[pages] | (rng.random(len(pages)) < LIGHT_SHARE)]), layout.page_starts
        )
    ]
    arrays = [array for layer in network.layers for array in layer]
    adam = Adam(arrays, [decay if array.ndim == 2 else 0.0 for array in arrays], STEP_SIZE, len(batches))
    line_weight = weights.astype(np.float32)
    for batch in batches:
        lines = np.concatenate([np.arange(*layout.page_starts[page : page + 2]) for page in batch])
        counts = np.diff(layout.page_starts)[batch]
        part = Layout(np.concatenate([[0], np.cumsum(counts)]), np.repeat(np.arange(len(batch)), counts))
        adam.step(_gradients(network, evidence[lines], part, labels[lines], line_weight[lines], dropout, rng))
    return network


def _start(
    rng: np.random.Generator, n_features: int, hidden: int, layers: int, n_labels: int, present: NDArray[np.int64]
) -> Network:
    """The network before training. A label that no line has starts, and stays, improbable."""
    further = [
        # Small, so that the layers' sum begins as the first one's.
        Layer(start_weights(rng, 3 * hidden, hidden) * np.float32(0.5), np.zeros(hidden, dtype=np.float32))
        for _ in range(layers)
    ]
    bias = np.full(n_labels, -10.0, dtype=np.float32)
    bias[present] = 0
    return Network(
        Layer(start_weights(rng, n_features, hidden), np.zeros(hidden, dtype=np.float32)),
        Layer(start_weights(rng, 2 * hidden, hidden), np.zeros(hidden, dtype=np.float32)),
        further,
        Layer(np.zeros((hidden, n_labels), dtype=np.float32), bias),
    )


def _page_batches(pages: NDArray[np.int64], page_starts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut a list of pages into batches of about `BATCH_LINES` lines."""
    ends = np.cumsum(np.diff(page_starts)[pages])
    cuts = np.flatnonzero(np.diff(ends // BATCH_LINES)) + 1
    yield from (batch for batch in np.split(pages, cuts) if len(batch))


def _page_summary(hidden: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Mean and maximum of each unit over the lines of each page, side by side; no page may be empty."""
    if not len(hidden):
        return np.empty((0, 2 * hidden.shape[1]), dtype=hidden.dtype)
    starts = layout.page_starts[:-1]
    counts = np.diff(layout.page_starts).astype(hidden.dtype)[:, None]
    means = np.add.reduceat(hidden, starts, axis=0) / counts
    return np.concatenate([means, np.maximum.reduceat(hidden, starts, axis=0)], axis=1)


def _around(hidden: NDArray[np.float32], layout: Layout, distance: int) -> NDArray[np.float32]:
    """The units of the line `distance` before, of the line itself, and of the line `distance` after, side by side."""
    return np.concatenate([shifted(hidden, layout, -distance), hidden, shifted(hidden, layout, distance)], axis=1)


def _product_around(
    hidden: NDArray[np.float32], layout: Layout, distance: int, weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``_around(...) @ weights`` without its copies: first multiplied, then shifted."""
    before, own, after = (product(hidden, part) for part in weights.reshape(3, hidden.shape[1], -1))
    # What would be carried over a page's end.
    ends = np.flatnonzero(layout.page[distance:] != layout.page[:-distance])
    before[ends] = 0
    after[ends + distance] = 0
    own[distance:] += before[:-distance]
    own[:-distance] += after[distance:]
    return own


def _gradients(
    network: Network,
    evidence: NDArray[np.float32],
    layout: Layout,
    labels: NDArray[np.int64],
    weights: NDArray[np.float32],
    dropout: float,
    rng: np.random.Generator,
) -> Sequence[NDArray[np.float32]]:
    """Gradient of the weighted mean cross entropy with respect to each array of the network, in order."""
    # Forward; what the way back needs is kept.
    layout = layout.without_empty_pages()
    shape = len(evidence), network.output.weights.shape[0]
    mask = keep_mask(rng, shape, dropout)
    first = np.maximum(evidence @ network.first.weights + network.first.bias, 0)
    hidden = first * mask
    dropped = hidden
    summary = _page_summary(dropped, layout)
    page_mask = keep_mask(rng, (layout.n_pages, shape[1]), dropout)
    of_page = np.maximum(summary @ network.page.weights + network.page.bias, 0)
    hidden = dropped + (of_page * page_mask)[layout.page]
    trace = []
    for number, layer in enumerate(network.further):
        around = _around(hidden, layout, 2**number)
        added = np.maximum(around @ layer.weights + layer.bias, 0)
        layer_mask = keep_mask(rng, shape, dropout)
        trace.append((around, added, layer_mask))
        hidden = hidden + added * layer_mask
    scores = hidden @ network.output.weights + network.output.bias

    # Backward.
    error = softmax_error(scores, labels, weights)
    gradients = [error.sum(axis=0), hidden.T @ error]
    error = error @ network.output.weights.T
    n_hidden = shape[1]
    for number in reversed(range(len(network.further))):
        layer, distance = network.further[number], 2**number
        around, added, layer_mask = trace[number]
        inner = error * layer_mask * (added > 0)
        gradients += [inner.sum(axis=0), around.T @ inner]
        back = inner @ layer.weights.T
        error = (
            error
            + back[:, n_hidden : 2 * n_hidden]
            + shifted(back[:, :n_hidden], layout, distance)
            + shifted(back[:, 2 * n_hidden :], layout, -distance)
        )
    inner = np.add.reduceat(error, layout.page_starts[:-1], axis=0) * page_mask * (of_page > 0)
    gradients += [inner.sum(axis=0), summary.T @ inner]
    back = inner @ network.page.weights.T
    counts = np.diff(layout.page_starts).astype(back.dtype)[:, None]
    # The maximum's part goes to the line that has it. Units at 0 take none: where all are, the mask below stops it.
    highest = dropped == summary[layout.page, n_hidden:]
    error = error + (back[:, :n_hidden] / counts)[layout.page] + back[layout.page, n_hidden:] * highest
    error = error * mask * (first > 0)
    gradients += [error.sum(axis=0), evidence.T @ error]
    return gradients[::-1]
