"""Phase two's networks: a line's scores are its page's, gradients are right, and training does what it is told."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from boilerplate import network as network_module
from boilerplate.evidence.lines import Layout
from boilerplate.layers import BLOCK, Layer, keep_mask
from boilerplate.network import (
    Network,
    _gradients,
    fit_network,
)

N_FEATURES = 37
N_LABELS = 4


def layout_of(*lengths: int) -> Layout:
    """Pages of so many lines."""
    return Layout(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), np.repeat(np.arange(len(lengths)), lengths)
    )


def random_network(seed: int, hidden: int = 24, n_features: int = N_FEATURES, layers: int = 3) -> Network:
    draw = np.random.default_rng(seed)

    def layer(n_in: int, n_out: int) -> Layer:
        return Layer(*((draw.normal(size=shape) / 2).astype(np.float32) for shape in ((n_in, n_out), (n_out,))))

    further = [layer(3 * hidden, hidden) for _ in range(layers)]
    return Network(layer(n_features, hidden), layer(2 * hidden, hidden), further, layer(hidden, N_LABELS))


def arrays_of(network: Network) -> list[NDArray[np.float32]]:
    """The network's arrays, in the order of its gradients."""
    return [array for layer in network.layers for array in layer]


def in_double(network: Network) -> Network:
    """The same network in double precision."""

    def double(layer: Layer) -> Layer:
        return Layer(*(array.astype(np.float64) for array in layer))  # type: ignore[arg-type]

    first, page, *further, output = map(double, network.layers)
    return Network(first, page, further, output)


def random_evidence(rows: int, seed: int = 0, n_features: int = N_FEATURES) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, n_features)).astype(np.float32)


def scores_line_by_line(
    network: Network, evidence: NDArray, lengths: Sequence[int], masks: Sequence[NDArray] | None = None
) -> NDArray[np.float64]:
    """What `Network.scores` says it is: page by page and line by line, in double precision.

    Masks are those of dropout, one for each layer but the last; the second one has a row for each page with lines.
    """
    network = in_double(network)
    ends = np.cumsum(lengths)[:-1]
    pages = np.split(evidence.astype(np.float64), ends)
    hidden = len(network.first.bias)
    first_masks, page_masks, *others = masks or [np.ones((len(evidence), hidden))] * (2 + len(network.further))
    of_pages = iter(page_masks)
    out = []
    for page, *of_page in zip(pages, *(np.split(mask, ends) for mask in (first_masks, *others)), strict=True):
        if not len(page):
            continue
        first_mask, *further_masks = of_page
        lines = [
            np.maximum(row @ network.first.weights + network.first.bias, 0) * mask
            for row, mask in zip(page, first_mask, strict=True)
        ]
        summary = np.concatenate([np.mean(lines, axis=0), np.max(lines, axis=0)])
        whole = np.maximum(summary @ network.page.weights + network.page.bias, 0) * next(of_pages)
        lines = [line + whole for line in lines]
        beyond = np.zeros(hidden)
        for number, layer in enumerate(network.further):
            distance = (1, 2, 4, 8)[number]
            added = []
            for at, line in enumerate(lines):
                before = lines[at - distance] if at >= distance else beyond
                after = lines[at + distance] if at + distance < len(lines) else beyond
                around = np.concatenate([before, line, after])
                added.append(np.maximum(around @ layer.weights + layer.bias, 0) * further_masks[number][at])
            lines = [line + more for line, more in zip(lines, added, strict=True)]
        out += [line @ network.output.weights + network.output.bias for line in lines]
    return np.array(out).reshape(len(evidence), N_LABELS)


class TestScores:
    @pytest.mark.parametrize("layers", [0, 1, 3, 4])
    @pytest.mark.parametrize("lengths", [(), (0,), (1,), (1, 2), (3, 0, 9, 1, 20), (BLOCK - 1, 2, 30)])
    def test_are_those_of_a_convolution_over_each_page(self, lengths: tuple[int, ...], layers: int) -> None:
        network, evidence = random_network(1, layers=layers), random_evidence(sum(lengths))
        found = network.scores(evidence, layout_of(*lengths))
        assert found.dtype == np.float32
        expected = scores_line_by_line(network, evidence, lengths)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)

    def test_do_not_depend_on_other_pages_to_the_last_bit(self) -> None:
        lengths = (5, 1, BLOCK - 3, 12, 7, BLOCK + 9, 3, 30)
        network, evidence = random_network(2), random_evidence(sum(lengths))
        together = np.split(network.scores(evidence, layout_of(*lengths)), np.cumsum(lengths)[:-1])
        pages = np.split(evidence, np.cumsum(lengths)[:-1])
        for page, scores in zip(pages, together, strict=True):
            assert network.scores(page, layout_of(len(page))).tobytes() == scores.tobytes()
        order = [6, 2, 0, 7, 1, 3, 5, 4]
        turned = network.scores(np.concatenate([pages[n] for n in order]), layout_of(*(lengths[n] for n in order)))
        assert turned.tobytes() == np.concatenate([together[number] for number in order]).tobytes()

    def test_leave_evidence_as_it_is(self) -> None:
        evidence = random_evidence(20)
        before = evidence.copy()
        random_network(1).scores(evidence, layout_of(20))
        assert np.array_equal(evidence, before)


class TestGradients:
    LENGTHS = (3, 11, 1, 0, 9)

    @pytest.mark.parametrize("dropout", [0.0, 0.3])
    @pytest.mark.parametrize("layers", [0, 1, 3])
    def test_are_the_slopes_of_the_loss(self, layers: int, dropout: float, monkeypatch: pytest.MonkeyPatch) -> None:
        draw = np.random.default_rng(8)
        network = in_double(random_network(7, hidden=5, n_features=6, layers=layers))
        evidence = draw.normal(size=(sum(self.LENGTHS), 6))
        labels = draw.integers(0, N_LABELS, len(evidence))
        weights = draw.uniform(0, 2, len(evidence))
        masks: list[NDArray] = []

        def noted(*arguments: Any) -> NDArray:
            masks.append(keep_mask(*arguments))
            return masks[-1]

        monkeypatch.setattr(network_module, "keep_mask", noted)

        def loss() -> float:
            scores = scores_line_by_line(network, evidence, self.LENGTHS, masks)
            of_given = scores[np.arange(len(labels)), labels] - np.log(np.exp(scores).sum(axis=1))
            return float(-(weights * of_given).sum() / weights.sum())

        layout = layout_of(*self.LENGTHS)
        found = _gradients(network, evidence, layout, labels, weights, dropout, draw)  # type: ignore[arg-type]
        assert len(masks) == 2 + layers
        arrays = arrays_of(network)
        assert [gradient.shape for gradient in found] == [array.shape for array in arrays]
        for array, gradient in zip(arrays, found, strict=True):
            slopes = np.empty_like(array)
            for place in np.ndindex(array.shape):
                kept = array[place]
                array[place] = kept + 1e-6
                above = loss()
                array[place] = kept - 1e-6
                slopes[place] = (above - loss()) / 2e-6
                array[place] = kept
            assert np.abs(slopes).max() > 1e-3, "nothing to compare"
            assert gradient == pytest.approx(slopes, abs=1e-7)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and small steps of training: enough for what is easy to learn."""
    monkeypatch.setattr(network_module, "MIN_STEPS", 300)
    monkeypatch.setattr(network_module, "BATCH_LINES", 100)


def fitted(evidence: NDArray, labels: NDArray, lengths: Sequence[int] = (), **changes: Any) -> Network:
    """A network fitted on pages of those lengths; on pages of ten lines by default."""
    lengths = lengths or [10] * (len(labels) // 10)
    arguments: dict[str, Any] = {
        "weights": np.ones(len(labels)),
        "pages": np.arange(len(lengths)),
        "light": np.zeros(len(lengths), dtype=bool),
        "n_labels": N_LABELS,
        "hidden": 16,
        "layers": 3,
        "epochs": 1,
        "decay": 0.01,
        "dropout": 0.1,
        "seed": 0,
    } | changes
    weights, pages = arguments.pop("weights"), arguments.pop("pages")
    return fit_network(evidence, layout_of(*lengths), labels, weights, pages, **arguments)


@pytest.mark.usefixtures("short")
class TestFitting:
    EVIDENCE = random_evidence(300, seed=4, n_features=6)
    LAYOUT = layout_of(*[10] * 30)

    def probabilities(self, network: Network) -> NDArray[np.float64]:
        odds = np.exp(network.scores(self.EVIDENCE, self.LAYOUT).astype(np.float64))
        return odds / odds.sum(axis=1, keepdims=True)

    @pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 3], [1, 2, 3]])
    def test_what_can_be_learnt_is_learnt(self, present: list[int]) -> None:
        # The greatest of the first columns is the label.
        labels = np.array(present)[self.EVIDENCE[:, : len(present)].argmax(axis=1)]
        found = self.probabilities(fitted(self.EVIDENCE, labels))
        assert found.shape == (300, N_LABELS)
        assert (found.argmax(axis=1) == labels).mean() > 0.95
        assert found[np.arange(300), labels].mean() > 0.8
        assert np.delete(found, present, axis=1).max(initial=0) < 0.01

    def test_one_label_alone_is_always_given(self) -> None:
        found = self.probabilities(fitted(self.EVIDENCE, np.full(300, 2)))
        assert found[:, 2].min() > 0.99

    @pytest.mark.parametrize("distance", [-7, -5, 4, 6])
    def test_neighbours_are_seen_but_not_across_pages(self, distance: int) -> None:
        # A line's label is a feature of the line so far on, be it on the same page or on another.
        signal = np.random.default_rng(6).integers(0, 2, 2400)
        evidence = signal[:, None].astype(np.float32) * 2 - 1
        labels = np.roll(signal, -distance) * 3
        page, at = np.divmod(np.arange(2400), 12)
        same_page = (at + distance >= 0) & (at + distance < 12)
        seen = np.arange(2400) < 1800
        layout = layout_of(*[12] * 200)
        network = fitted(evidence, labels, [12] * 200, pages=np.arange(150), epochs=60, dropout=0.0)
        right = network.scores(evidence, layout).argmax(axis=1) == labels
        assert page[~seen][0] == 150
        assert right[~seen & same_page].mean() > 0.97
        assert right[~seen & ~same_page].mean() < 0.65

    def test_without_layers_that_look_around_nothing_is_seen(self) -> None:
        signal = np.random.default_rng(6).integers(0, 2, 600)
        evidence = signal[:, None].astype(np.float32) * 2 - 1
        labels = np.roll(signal, 1) * 3
        network = fitted(evidence, labels, layers=0)
        assert (network.scores(evidence, layout_of(*[10] * 60)).argmax(axis=1) == labels).mean() < 0.65
        network = fitted(evidence, labels, layers=1)
        assert (network.scores(evidence, layout_of(*[10] * 60)).argmax(axis=1) == labels).mean() > 0.9

    def test_the_seed_decides(self) -> None:
        labels = np.arange(300) % N_LABELS
        one, same, other = (arrays_of(fitted(self.EVIDENCE, labels, seed=seed)) for seed in (5, 5, 6))
        assert [array.tobytes() for array in one] == [array.tobytes() for array in same]
        assert not any(map(np.array_equal, one, other))

    def test_other_pages_are_not_learnt_from(self) -> None:
        labels, pages = np.arange(300) % N_LABELS, np.arange(0, 30, 2)
        inside = np.isin(self.LAYOUT.page, pages)
        one = fitted(self.EVIDENCE, labels, pages=pages)
        others = np.where(inside[:, None], self.EVIDENCE, 99).astype(np.float32)
        two = fitted(others, np.where(inside, labels, 0), pages=pages)
        assert [array.tobytes() for array in arrays_of(one)] == [array.tobytes() for array in arrays_of(two)]

    def test_lines_without_weight_do_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # All pages in each step: weights are those among the lines of a step.
        monkeypatch.setattr(network_module, "BATCH_LINES", 1000)
        labels = (self.EVIDENCE[:, 0] > 0).astype(np.int64)
        wrong = self.LAYOUT.page % 3 == 0
        given = np.where(wrong, 3, labels)
        found = self.probabilities(fitted(self.EVIDENCE, given, weights=np.where(wrong, 1e-6, 1.0)))
        assert (found.argmax(axis=1) == labels)[~wrong].mean() > 0.97
        assert (found.argmax(axis=1) == labels)[wrong].mean() > 0.85
        assert found[:, 3].max() < 0.05

    def test_a_share_of_the_light_pages_is_visited_in_each_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(network_module, "MIN_STEPS", 1)
        visits: list[int] = []
        taken = network_module._gradients

        def counted(network: Network, evidence: NDArray[np.float32], layout: Layout, *rest: Any) -> Any:
            visits.extend(evidence[:, 0].astype(int))
            assert layout.page_starts.tolist() == list(range(0, len(evidence) + 1, 10))
            assert layout.page.tolist() == [line // 10 for line in range(len(evidence))]
            return taken(network, evidence, layout, *rest)

        monkeypatch.setattr(network_module, "_gradients", counted)
        evidence = np.repeat(np.arange(30, dtype=np.float32), 10)[:, None]
        fitted(evidence, np.arange(300) % 4, light=np.arange(30) < 20, epochs=100)
        counts = np.bincount(visits, minlength=30) / 10
        assert counts[20:].tolist() == [100] * 10
        assert counts[:20].mean() == pytest.approx(100 * network_module.LIGHT_SHARE, abs=4)
        assert counts[:20].min() > 4

    def test_decay_makes_weights_smaller(self) -> None:
        labels = np.arange(300) % N_LABELS
        loose, tight = (fitted(self.EVIDENCE, labels, decay=decay) for decay in (0.0, 5.0))
        assert np.square(tight.further[0].weights).sum() < 0.5 * np.square(loose.further[0].weights).sum()

    def test_small_training_sets_give_no_warnings(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            network = fitted(random_evidence(12), np.array([0, 1, 3] * 4), [1, 4, 7])
        assert network.output.bias.shape == (N_LABELS,)
        assert all(np.isfinite(array).all() for array in arrays_of(network))
