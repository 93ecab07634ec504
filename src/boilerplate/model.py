"""The estimator: two phases, then calibration.

Phase one (`boilerplate.text_model`) scores each line by its own wording. Phase two (`boilerplate.network`) reads those
scores, of the line and of its neighbours, with all other evidence of the page. It is trained on out-of-fold scores of
phase one, folded by site, for a text model praises the lines that it was trained on. It goes two rounds: the second
sees what the first made of the neighbours, out of fold again. Calibration is fitted on predictions for held-out sites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from boilerplate.calibration import Calibration, fit_calibration, softmax
from boilerplate.corpus import check_label
from boilerplate.evaluation import macro_f1
from boilerplate.evidence.assembly import Batch, batches, phase_two_evidence, read_batch
from boilerplate.evidence.likeness import RARITY_BITS, line_hashes, word_buckets
from boilerplate.evidence.lines import Layout
from boilerplate.evidence.page import neighbour_evidence
from boilerplate.evidence.text import hashed_ngrams
from boilerplate.labels import INDEX, LABELS, Label
from boilerplate.network import Network, Round, Standard, fit_network, fit_standard
from boilerplate.pages import Line, labelled_lines, split_lines
from boilerplate.text_model import (
    CAPTION,
    TO_TEXT_CLASS,
    TextModel,
    TextScores,
    design_matrix,
    fit_text_model,
)

Progress = Callable[[str, float], None]
"""Called with the name of the step at hand and the share of the work done."""

N_LABELS: Final = len(LABELS)


@dataclass(frozen=True, slots=True)
class Quality:
    """What a page as a whole is worth.

    Attributes
    ----------
    body_share : float
        Share of the page's characters that are body, expected under the probabilities; 0 for a page without lines.
    counts : dict of str to int
        Lines of each label.
    lines : int
        All labelled lines.
    """

    body_share: float
    counts: dict[Label, int]
    lines: int


class LineClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Labels every non-blank line of scraped pages.

    ``X`` is a sequence of page texts, ``y`` a sequence of label sequences, one label for each line that ``strip()``
    leaves non-empty.

    Parameters
    ----------
    hash_bits : int, default=18
        Phase one hashes n-grams into ``2 ** hash_bits`` buckets.
    text_inverse_penalty : float, default=1.0
        Inverse strength of phase one's L2 penalty (scikit-learn's ``C``).
    text_iterations : int, default=150
        Steps of phase one's optimiser.
    hidden_units : int, default=64
        Hidden units of each of phase two's networks.
    n_networks : int, default=4
        Networks whose scores each round of phase two averages.
    epochs : int, default=8
        Passes over the training lines, for each network.
    network_penalty : float, default=1e-3
        L2 penalty of phase two (scikit-learn's ``alpha``).
    n_folds : int, default=5
        Folds, by group, for out-of-fold evidence and calibration.
    random_state : int, default=0
        Seed: equal data, parameters and seed give an equal model.
    n_jobs : int, optional
        Processes that fit folds at the same time; the result does not depend on it. Not part of a saved model.

    Attributes
    ----------
    classes_ : array of str, shape (4,)
        `boilerplate.labels.LABELS`, whichever of them the training pages had.
    held_out_probabilities_ : list of arrays of shape (n_lines, 4)
        For each training page, the probabilities from networks and text models that had not seen its group. Not part
        of a saved model.
    manifest_ : dict
        Where the model comes from; only on models that were loaded from a file.
    """

    manifest_: dict[str, Any]

    def __init__(
        self,
        *,
        hash_bits: int = 18,
        text_inverse_penalty: float = 1.0,
        text_iterations: int = 150,
        hidden_units: int = 64,
        n_networks: int = 4,
        epochs: int = 8,
        network_penalty: float = 1e-3,
        n_folds: int = 5,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.hash_bits = hash_bits
        self.text_inverse_penalty = text_inverse_penalty
        self.text_iterations = text_iterations
        self.hidden_units = hidden_units
        self.n_networks = n_networks
        self.epochs = epochs
        self.network_penalty = network_penalty
        self.n_folds = n_folds
        self.random_state = random_state
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------ training

    def fit(
        self,
        X: Sequence[str],
        y: Sequence[Sequence[str]],
        groups: Sequence[Any] | None = None,
        sample_weight: Sequence[float] | None = None,
        progress: Progress | None = None,
    ) -> LineClassifier:
        """Train both phases and calibrate.

        Parameters
        ----------
        X : sequence of str, length n_pages
            Page texts.
        y : sequence of sequences of str, length n_pages
            Labels of each page's non-blank lines.
        groups : sequence, length n_pages, optional
            What pages are folded by, usually their site; each page is a group of its own by default.
        sample_weight : sequence of float, length n_pages, optional
            Weight of each page's lines; pages of weight 0 are left out.
        progress : callable, optional
            See `Progress`.

        Returns
        -------
        LineClassifier
            Itself.

        Raises
        ------
        ValueError
            If lengths do not match, a label is unknown, or there are fewer than two groups.
        """
        tell = progress or _silent
        self._check_parameters()
        texts, labels, fold_of_page, weights = self._check_training(X, y, groups, sample_weight)
        n_folds = int(fold_of_page.max()) + 1
        lines_per_page = np.array([len(page) for page in labels])
        label = np.concatenate(labels)
        weight = np.repeat(weights, lines_per_page)
        line_fold = np.repeat(fold_of_page, lines_per_page)

        tell("reading pages", 0.0)
        groups_of_pages = (
            np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
            if groups is not None
            else (np.arange(len(texts)))
        )
        distinct = self._distinct_lines(texts, label, weight, line_fold, np.repeat(groups_of_pages, lines_per_page))
        rarity = _word_rarity(texts)

        # Phase one: a text model for each fold, fitted on the others, and one on everything.
        jobs = Parallel(n_jobs=self.n_jobs, return_as="generator", mmap_mode="r")
        folds = [*range(n_folds), -1]
        found = jobs(delayed(self._fit_text)(distinct, fold) for fold in folds)
        text_models = []
        for model in found:
            text_models.append(model)
            tell("phase one: wording", 0.05 + 0.4 * len(text_models) / len(folds))

        tell("collecting evidence", 0.45)
        evidence = self._training_evidence(texts, fold_of_page, text_models, rarity)
        layout = Layout(
            np.concatenate([[0], np.cumsum(lines_per_page)]), np.repeat(np.arange(len(texts)), lines_per_page)
        )

        # Phase two: in each round a network for each fold, for held-out scores, then those that stay.
        rounds = []
        for number, first_seed in enumerate((self.random_state, self.random_state + 1000)):
            standard = fit_standard(evidence)
            standardised = standard.apply(evidence)
            plans = [(fold, first_seed) for fold in range(n_folds)]
            plans += [(-1, first_seed + 1 + network) for network in range(self.n_networks)]
            found = jobs(delayed(self._fit_network)(standardised, label, weight, line_fold, *plan) for plan in plans)
            networks = []
            for network in found:
                networks.append(network)
                tell(f"phase two: pages, round {number + 1}", 0.5 + 0.25 * (number + len(networks) / len(plans)))
            held_out = np.empty((len(label), N_LABELS), dtype=np.float32)
            for fold in range(n_folds):
                inside = line_fold == fold
                held_out[inside] = networks[fold].scores(standardised[inside])
            rounds.append(Round(standard, networks[n_folds:]))
            if number == 0:
                evidence = np.concatenate([evidence, neighbour_evidence(layout, softmax(held_out))], axis=1)
        calibration = fit_calibration(held_out, label, weight)

        self.classes_ = np.array(LABELS)
        self.text_model_ = text_models[-1]
        self.rarity_ = rarity
        self.rounds_ = rounds
        self.calibration_ = calibration
        self.held_out_probabilities_ = [np.empty((0, N_LABELS)) for _ in range(len(X))]
        ends = np.cumsum(lines_per_page)
        kept = np.flatnonzero(self._kept_pages(len(X), sample_weight))
        for page, probabilities in zip(kept, np.split(calibration.probabilities(held_out), ends[:-1]), strict=True):
            self.held_out_probabilities_[page] = probabilities
        return self

    def _check_parameters(self) -> None:
        for name in ("text_iterations", "hidden_units", "n_networks", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if not 8 <= self.hash_bits <= 24:
            raise ValueError("hash_bits must be between 8 and 24")
        if self.n_folds < 2:
            raise ValueError("n_folds must be at least 2")

    @staticmethod
    def _kept_pages(n_pages: int, sample_weight: Sequence[float] | None) -> NDArray[np.bool_]:
        if sample_weight is None:
            return np.ones(n_pages, dtype=bool)
        return np.asarray(sample_weight, dtype=np.float64) > 0

    def _check_training(
        self,
        X: Sequence[str],
        y: Sequence[Sequence[str]],
        groups: Sequence[Any] | None,
        sample_weight: Sequence[float] | None,
    ) -> tuple[list[str], list[NDArray[np.int64]], NDArray[np.int64], NDArray[np.float64]]:
        """Texts, label indices, fold and weight of every page that is trained on."""
        _check_texts(X)
        named = {"y": y, "groups": groups, "sample_weight": sample_weight}
        for name, values in named.items():
            if values is not None and len(values) != len(X):
                raise ValueError(f"{name} has {len(values)} entries for {len(X)} pages")
        kept = self._kept_pages(len(X), sample_weight)
        texts, labels = [], []
        for number in map(int, np.flatnonzero(kept)):
            count = sum(1 for _ in labelled_lines(X[number]))
            if count != len(y[number]):
                raise ValueError(f"page {number}: {len(y[number])} labels for {count} non-blank lines")
            texts.append(X[number])
            labels.append(np.array([INDEX[check_label(name)] for name in y[number]], dtype=np.int64))
        if not any(len(page) for page in labels):
            raise ValueError("no lines to train on")
        all_groups = np.arange(len(X)).astype(str) if groups is None else np.asarray(groups, dtype=str)
        names, group = np.unique(all_groups[kept], return_inverse=True)
        if len(names) < 2:
            raise ValueError("training needs pages of at least two groups (sites), to hold one out")
        fold = _balanced_folds(group, np.array([len(page) for page in labels]), self.n_folds, self.random_state)
        weights = np.ones(len(texts)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)[kept]
        return texts, labels, fold, weights

    def _distinct_lines(
        self,
        texts: list[str],
        label: NDArray[np.int64],
        weight: NDArray[np.float64],
        line_fold: NDArray[np.int64],
        line_group: NDArray[np.int64],
    ) -> _DistinctLines:
        """Phase one's training lines: each once for a group and a label, at its greatest weight.

        One page is often there as several scrapes; without this, each of its lines would count as often.
        """
        text_class = TO_TEXT_CLASS[label]
        matrices, kept_lines = [], []
        seen: dict[tuple[int, int, int], int] = {}
        weights: list[float] = []
        offset = 0
        for part in batches(texts):
            batch = read_batch(part)
            hashes = line_hashes(batch.tokens, batch.lines.n_lines)
            fresh = []
            for line in range(batch.lines.n_lines):
                at = offset + line
                key = (int(line_group[at]), int(hashes[line]), int(text_class[at]))
                if key in seen:
                    weights[seen[key]] = max(weights[seen[key]], weight[at])
                    continue
                seen[key] = len(weights)
                weights.append(weight[at])
                fresh.append(line)
            ngrams = hashed_ngrams(batch.lines, batch.folded, batch.tokens, self.hash_bits)
            matrices.append(design_matrix(ngrams, self.hash_bits)[fresh])
            kept_lines.append(np.array(fresh, dtype=np.int64) + offset)
            offset += batch.lines.n_lines
        kept = np.concatenate(kept_lines)
        return _DistinctLines(_stack(matrices), text_class[kept], np.array(weights), line_fold[kept])

    def _fit_text(self, distinct: _DistinctLines, fold: int) -> TextModel:
        inside = np.flatnonzero(distinct.fold != fold)
        with _one_thread():
            return fit_text_model(
                distinct.matrix[inside],
                distinct.text_class[inside],
                distinct.weight[inside],
                inverse_penalty=self.text_inverse_penalty,
                iterations=self.text_iterations,
            )

    def _training_evidence(
        self,
        texts: list[str],
        fold_of_page: NDArray[np.int64],
        text_models: list[TextModel],
        rarity: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        parts: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        lines_per_page = np.array([sum(1 for _ in labelled_lines(text)) for text in texts])
        ends = np.cumsum(lines_per_page)
        for fold, model in enumerate(text_models[:-1]):
            pages = np.flatnonzero(fold_of_page == fold)
            start = 0
            for part in batches([texts[page] for page in pages]):
                batch = read_batch(part)
                evidence = _evidence(batch, model, rarity)
                inside = pages[start : start + len(part)]
                rows = np.concatenate([np.arange(ends[p] - lines_per_page[p], ends[p]) for p in inside])
                parts.append((rows, evidence))
                start += len(part)
        out = np.empty((int(ends[-1]), parts[0][1].shape[1]), dtype=np.float32)
        for rows, evidence in parts:
            out[rows] = evidence
        return out

    def _fit_network(
        self,
        evidence: NDArray[np.float32],
        label: NDArray[np.int64],
        weight: NDArray[np.float64],
        line_fold: NDArray[np.int64],
        fold: int,
        seed: int,
    ) -> Network:
        inside = np.flatnonzero(line_fold != fold)
        with _one_thread():
            return fit_network(
                evidence[inside],
                label[inside],
                weight[inside],
                n_labels=N_LABELS,
                hidden=self.hidden_units,
                epochs=self.epochs,
                penalty=self.network_penalty,
                seed=seed,
            )

    # ------------------------------------------------------------------ prediction

    def predict_proba(self, X: Sequence[str]) -> list[NDArray[np.float64]]:
        """Probabilities of the labels of every line.

        Parameters
        ----------
        X : sequence of str, length n_pages

        Returns
        -------
        list of float64 arrays of shape (n_lines, 4), length n_pages
            Columns in the order of ``classes_``; rows sum to 1.
        """
        self._check_fitted()
        _check_texts(X)
        out: list[NDArray[np.float64]] = []
        for part in batches(X):
            batch = read_batch(part)
            evidence = _evidence(batch, self.text_model_, self.rarity_)
            first, second = self.rounds_
            earlier = neighbour_evidence(batch.lines, softmax(first.scores(evidence)))
            scores = second.scores(np.concatenate([evidence, earlier], axis=1))
            probabilities = self.calibration_.probabilities(scores)
            out += np.split(probabilities, batch.lines.page_starts[1:-1])
        return out

    def predict(self, X: Sequence[str]) -> list[list[Label]]:
        """The most probable label of every line.

        Parameters
        ----------
        X : sequence of str, length n_pages

        Returns
        -------
        list of lists of str, length n_pages
        """
        return [[LABELS[column] for column in page.argmax(axis=1)] for page in self.predict_proba(X)]

    def score(self, X: Sequence[str], y: Sequence[Sequence[str]], sample_weight: None = None) -> float:
        """Macro-F1 over the labels that occur in `y`, over the lines of all pages.

        Parameters
        ----------
        X : sequence of str, length n_pages
        y : sequence of sequences of str, length n_pages
        sample_weight : None
            Not supported; here for scikit-learn's signature.

        Returns
        -------
        float
        """
        if sample_weight is not None:
            raise ValueError("score does not take sample weights")
        return macro_f1(y, self.predict(X))

    # ------------------------------------------------------------------ one page

    def label(self, text: str) -> list[Line]:
        """Label the lines of one page.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of Line
            One for each non-blank line, in order.
        """
        return self.label_pages([text])[0]

    def label_pages(self, X: Sequence[str]) -> list[list[Line]]:
        """Label the lines of many pages; see `label`.

        Parameters
        ----------
        X : sequence of str, length n_pages

        Returns
        -------
        list of lists of Line, length n_pages
        """
        return [
            [
                Line(number, line, LABELS[row.argmax()], dict(zip(LABELS, map(float, row), strict=True)))
                for (number, line), row in zip(labelled_lines(text), probabilities, strict=True)
            ]
            for text, probabilities in zip(X, self.predict_proba(X), strict=True)
        ]

    def clean(self, text: str, keep: Iterable[str] = ("body",)) -> str:
        """The lines of a page that have one of the labels to keep.

        Parameters
        ----------
        text : str
        keep : iterable of str, default=("body",)
            Labels to keep.

        Returns
        -------
        str
            Kept lines byte for byte. Between two of them stand as many blank lines as the longest blank run between
            them on the page; none at either end. A final newline is kept.
        """
        return keep_lines(text, self.label(text), keep)

    def quality(self, text: str) -> Quality:
        """What the page as a whole is worth.

        Parameters
        ----------
        text : str

        Returns
        -------
        Quality
        """
        return quality_of(self.label(text))

    # ------------------------------------------------------------------ state

    def _check_fitted(self) -> None:
        if not hasattr(self, "rounds_"):
            raise NotFittedError("this LineClassifier is not fitted; call fit, or boilerplate.load for a trained one")

    def to_state(self) -> dict[str, Any]:
        """The fitted state as nested dictionaries of arrays, numbers and strings.

        Returns
        -------
        dict
            What `from_state` takes.
        """
        self._check_fitted()
        parameters = {name: value for name, value in self.get_params().items() if name != "n_jobs"}
        return {
            "parameters": parameters,
            "text_model": self.text_model_._asdict(),
            "rarity": self.rarity_.astype(np.float16),
            "rounds": [
                {"standard": turn.standard._asdict(), "networks": [network._asdict() for network in turn.networks]}
                for turn in self.rounds_
            ],
            "calibration": self.calibration_._asdict(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LineClassifier:
        """A fitted classifier from what `to_state` gave.

        Parameters
        ----------
        state : dict

        Returns
        -------
        LineClassifier
        """
        model = cls(**state["parameters"])
        model.classes_ = np.array(LABELS)
        model.text_model_ = TextModel(**state["text_model"])
        model.rarity_ = state["rarity"].astype(np.float32)
        first, second = state["rounds"]
        model.rounds_ = [
            Round(Standard(**turn["standard"]), [Network(**network) for network in turn["networks"]])
            for turn in (first, second)
        ]
        model.calibration_ = Calibration(**state["calibration"])
        return model


def keep_lines(text: str, labelled: Sequence[Line], keep: Iterable[str]) -> str:
    """The lines of a page that have one of the labels to keep; see `LineClassifier.clean`.

    Parameters
    ----------
    text : str
    labelled : sequence of Line
        The page's labelled lines.
    keep : iterable of str

    Returns
    -------
    str
    """
    wanted = {check_label(name) for name in keep}
    labels = {line.number: line.label for line in labelled}
    out: list[str] = []
    blank_run: list[str] = []
    longest: list[str] = []
    rows = split_lines(text)
    for number, row in enumerate(rows, 1):
        if number not in labels:
            blank_run.append(row)
            continue
        longest = max(longest, blank_run, key=len)
        blank_run = []
        if labels[number] in wanted:
            if out:
                out += longest
            out.append(row)
            longest = []
    if out and rows[-1] == "":
        out.append("")
    return "\n".join(out)


def quality_of(labelled: Sequence[Line]) -> Quality:
    """The verdict on a page from its labelled lines.

    Parameters
    ----------
    labelled : sequence of Line

    Returns
    -------
    Quality
    """
    lengths = [len(line.text.strip()) for line in labelled]
    total = sum(lengths)
    expected = sum(length * line.probabilities["body"] for length, line in zip(lengths, labelled, strict=True))
    counts: dict[Label, int] = dict.fromkeys(LABELS, 0)
    for line in labelled:
        counts[line.label] += 1
    return Quality(expected / total if total else 0.0, counts, len(labelled))


@dataclass
class _DistinctLines:
    """Phase one's training lines."""

    matrix: Any
    text_class: NDArray[np.int64]
    weight: NDArray[np.float64]
    fold: NDArray[np.int64]


def _silent(step: str, share: float) -> None:
    """Progress that nobody asked for."""


def _check_texts(X: Sequence[str]) -> None:
    if isinstance(X, str):
        raise ValueError("X must be a sequence of page texts, not one text; wrap it in a list")
    for number, text in enumerate(X):
        if not isinstance(text, str):
            raise ValueError(f"page {number} is not a text but {type(text).__name__}")


def _evidence(batch: Batch, model: TextModel, rarity: NDArray[np.float32]) -> NDArray[np.float32]:
    scores: TextScores = model.scores(batch.lines, batch.folded, batch.tokens)
    return phase_two_evidence(batch, scores, rarity, CAPTION)


def _word_rarity(texts: list[str]) -> NDArray[np.float32]:
    """Inverse document frequency of hashed words over pages, rounded as it is saved."""
    frequency = np.zeros(2**RARITY_BITS)
    for part in batches(texts):
        batch = read_batch(part)
        tokens = batch.tokens
        page = batch.lines.page[tokens.line[tokens.is_word]]
        pairs = np.unique(page * 2**RARITY_BITS + word_buckets(tokens.hashes[tokens.is_word]))
        frequency += np.bincount(pairs % 2**RARITY_BITS, minlength=2**RARITY_BITS)
    rarity = np.log((len(texts) + 1) / (frequency + 1))
    return rarity.astype(np.float16).astype(np.float32)


def _balanced_folds(group: NDArray[np.int64], lines: NDArray[np.int64], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each page: whole groups, shuffled, each to the fold that has fewest lines so far."""
    n_groups = int(group.max()) + 1
    sizes = np.bincount(group, weights=lines, minlength=n_groups)
    order = np.random.default_rng(seed).permutation(n_groups)
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of_group = np.empty(n_groups, dtype=np.int64)
    filled = np.zeros(min(n_folds, n_groups))
    for number in order:
        fold = int(filled.argmin())
        fold_of_group[number] = fold
        filled[fold] += max(sizes[number], 1)
    return fold_of_group[group]


def _stack(matrices: list[Any]) -> Any:
    import scipy.sparse as sp

    return sp.vstack(matrices, format="csr")


def _one_thread() -> Any:
    """Linear algebra on one thread: sums then have one order, whatever the machine."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
