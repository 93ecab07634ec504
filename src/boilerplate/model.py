"""The estimator: two phases, then calibration.

Phase one (`boilerplate.text_model`) scores each line by its own wording. Phase two (`boilerplate.phase_two`) reads
those scores, of the line and of its neighbours, with all other evidence of the page. It is trained on out-of-fold
scores of phase one, folded by site, for a text model praises the lines that it was trained on. Calibration is fitted on
predictions for held-out sites, and so is the operating point of cleaning (`boilerplate.operating_point`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from boilerplate.calibration import fit_calibration, softmax
from boilerplate.cleaning import DEFAULT_BODY_RECALL
from boilerplate.corpus import check_label
from boilerplate.evaluation import macro_f1
from boilerplate.evidence.assembly import batches, read_batch
from boilerplate.evidence.likeness import RARITY_BITS, line_hashes, word_buckets
from boilerplate.evidence.lines import Layout
from boilerplate.evidence.text import hashed_ngrams
from boilerplate.labeller import Labeller, PageMethods, check_texts, line_evidence
from boilerplate.labels import INDEX, LABELS
from boilerplate.network import LIGHT_SHARE, Network, fit_network
from boilerplate.operating_point import fit_cleaning_curve
from boilerplate.pages import labelled_lines
from boilerplate.phase_two import PhaseTwo, fit_standard, vote
from boilerplate.text_model import (
    TO_TEXT_CLASS,
    NGramRows,
    TextModel,
    fit_text_model,
    join_rows,
    ngram_rows,
)
from boilerplate.trees import Trees, fit_trees

Progress = Callable[[str, float], None]
"""Called with the name of the step at hand and the share of the work done."""

N_LABELS: Final = len(LABELS)
BODY: Final = INDEX["body"]


class LineClassifier(PageMethods, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Labels every non-blank line of scraped pages.

    ``X`` is a sequence of page texts, ``y`` a sequence of label sequences, one label for each line that ``strip()``
    leaves non-empty.

    Parameters
    ----------
    hash_bits : int, default=17
        Phase one hashes n-grams into ``2 ** hash_bits`` buckets.
    text_inverse_penalty : float, default=1.0
        Inverse strength of the L2 penalty of phase one's wide model (scikit-learn's ``C``).
    text_iterations : int, default=150
        Steps of the wide model's optimiser.
    text_epochs : int, default=8
        Passes of phase one's deep model over the training lines.
    hidden_units : int, default=96
        Hidden units of each layer of phase two's networks.
    n_layers : int, default=5
        Layers of phase two's networks that look at the lines around, each twice as far as the one before.
    n_networks : int, default=2
        Networks that vote in phase two.
    epochs : int, default=24
        Passes over the training pages, for each network.
    dropout : float, default=0.2
        Share of phase two's units that a training step leaves out.
    network_decay : float, default=0.01
        Weight decay of phase two.
    tree_rounds : int, default=60
        Boosted trees of each label that vote with the networks; 0 for none.
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
    labeller_ : Labeller
        The fitted pipeline.
    held_out_probabilities_ : list of arrays of shape (n_lines, 4)
        For each training page, the probabilities from networks and text models that had not seen its group. Its labels
        have a slight say all the same, in calibration. Not part of a saved model.
    manifest_ : dict
        Where the model comes from; only on models that were loaded from a file.
    """

    manifest_: dict[str, Any]

    def __init__(
        self,
        *,
        hash_bits: int = 17,
        text_inverse_penalty: float = 1.0,
        text_iterations: int = 150,
        text_epochs: int = 8,
        hidden_units: int = 96,
        n_layers: int = 5,
        n_networks: int = 2,
        epochs: int = 24,
        dropout: float = 0.2,
        network_decay: float = 0.01,
        tree_rounds: int = 60,
        n_folds: int = 5,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.hash_bits = hash_bits
        self.text_inverse_penalty = text_inverse_penalty
        self.text_iterations = text_iterations
        self.text_epochs = text_epochs
        self.hidden_units = hidden_units
        self.n_layers = n_layers
        self.n_networks = n_networks
        self.epochs = epochs
        self.dropout = dropout
        self.network_decay = network_decay
        self.tree_rounds = tree_rounds
        self.n_folds = n_folds
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Sequence[str],
        y: Sequence[Sequence[str]],
        groups: Sequence[Any] | None = None,
        sample_weight: Sequence[float] | None = None,
        doubtful: Sequence[bool] | None = None,
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
        doubtful : sequence of bool, length n_pages, optional
            Which pages have labels that may well be wrong: they are visited less often, each of their labels counts by
            how probable the other pages make it, and they have no say in calibration and in the thresholds of cleaning.
            By default those below the greatest weight.
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
        training = self._check_training(X, y, groups, sample_weight, doubtful)
        jobs = Parallel(n_jobs=self.n_jobs, return_as="generator", mmap_mode="r")
        collected = self._collect(training, jobs, tell)
        label, weight = collected.label, collected.weight
        phase_two, held_out = self._fit_phase_two(jobs, collected, tell)
        # Labels in doubt do not say how sure to be, unless there are no others.
        trusted = ~collected.doubtful[collected.layout.page] | collected.doubtful.all()
        calibration = fit_calibration(held_out, label, np.where(trusted, weight, 0.0))
        calibrated = calibration.probabilities(held_out)
        curve = fit_cleaning_curve(calibrated[:, BODY], label == BODY, _characters(training.texts), weight, trusted)

        self.classes_ = np.array(LABELS)
        self.labeller_ = Labeller(collected.text_models[-1], collected.rarity, phase_two, calibration, curve)
        self.held_out_probabilities_ = [np.empty((0, N_LABELS)) for _ in range(training.n_pages)]
        pages = np.split(calibrated, collected.layout.page_starts[1:-1])
        for number, probabilities in zip(training.number, pages, strict=True):
            self.held_out_probabilities_[number] = probabilities
        return self

    def _collect(self, training: _Training, jobs: Parallel, tell: Progress) -> _Collected:
        """Phase one, and the evidence that phase two learns from."""
        n_folds = int(training.fold.max()) + 1
        counts = np.array([len(page) for page in training.labels])
        layout = Layout(np.concatenate([[0], np.cumsum(counts)]), np.repeat(np.arange(len(counts)), counts))
        label = np.concatenate(training.labels)
        weight = training.weight[layout.page]
        tell("reading pages", 0.0)
        distinct = self._distinct_lines(
            training.texts, label, weight, training.fold[layout.page], training.group[layout.page]
        )
        rarity = _word_rarity(training.texts)
        text_models = self._fit_phase_one(jobs, distinct, n_folds, tell)
        tell("collecting evidence", 0.5)
        evidence = self._training_evidence(training.texts, training.fold, text_models, rarity)
        return _Collected(text_models, rarity, evidence, layout, label, weight, training.fold, training.doubtful)

    def _fit_phase_one(self, jobs: Parallel, distinct: _DistinctLines, n_folds: int, tell: Progress) -> list[TextModel]:
        """A text model for each fold, fitted on the others, and at the end one on everything."""
        folds = [*range(n_folds), -1]
        models = []
        for model in jobs(delayed(self._fit_text)(distinct, fold) for fold in folds):
            models.append(model)
            tell("phase one: wording", 0.05 + 0.45 * len(models) / len(folds))
        return models

    def _fit_phase_two(
        self, jobs: Parallel, collected: _Collected, tell: Progress
    ) -> tuple[PhaseTwo, NDArray[np.float32]]:
        """Phase two, and scores by networks and trees that had not seen the line's fold.

        A network and trees are fitted for each fold, for the held-out scores, and then those that stay.
        """
        n_folds = int(collected.fold.max()) + 1
        standard = fit_standard(collected.evidence)
        learnt = replace(collected, evidence=standard.apply(collected.evidence), text_models=[])
        learnt = replace(learnt, weight=self._believed(learnt))
        tell("phase two: pages", 0.6)
        pages = [np.flatnonzero(learnt.fold != fold) for fold in (*range(n_folds), -1)]
        seeds = [self.random_state] * n_folds + [self.random_state + 1 + number for number in range(self.n_networks)]
        tasks = [
            delayed(self._fit_network)(learnt, pages[min(number, n_folds)], seed) for number, seed in enumerate(seeds)
        ]
        tasks += [delayed(self._fit_trees)(learnt, some) for some in pages]
        fitted: list[Any] = []
        for learner in jobs(tasks):
            fitted.append(learner)
            tell("phase two: pages", 0.6 + 0.4 * len(fitted) / len(tasks))
        networks, trees = fitted[: len(seeds)], fitted[len(seeds) :]
        held_out = np.empty((len(learnt.label), N_LABELS), dtype=np.float32)
        line_fold = learnt.fold[learnt.layout.page]
        for fold in range(n_folds):
            inside = line_fold == fold
            held_out[inside] = vote([networks[fold]], trees[fold], learnt.evidence, learnt.layout)[inside]
        return PhaseTwo(standard, networks[n_folds:], trees[-1]), held_out

    def _believed(self, learnt: _Collected) -> NDArray[np.float64]:
        """Weight of each line, less on doubtful pages where their labels are hard to believe.

        Labels of such pages were made by program, or by somebody in doubt. A network that learns from the others alone
        says how probable each of them is, and they count by that.
        """
        weight = learnt.weight
        if not learnt.doubtful.any() or learnt.doubtful.all():
            return weight
        certain = np.flatnonzero(~learnt.doubtful)
        # Half the passes say the same, but for the last digits.
        network = self._fit_network(learnt, certain, self.random_state, epochs=max(1, self.epochs // 2))
        probabilities = softmax(network.scores(learnt.evidence, learnt.layout))
        belief = probabilities[np.arange(len(weight)), learnt.label]
        believed: NDArray[np.float64] = np.where(learnt.doubtful[learnt.layout.page], weight * belief, weight)
        return believed

    def _check_parameters(self) -> None:
        for name in ("text_iterations", "text_epochs", "hidden_units", "n_networks", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if not 8 <= self.hash_bits <= 24:
            raise ValueError("hash_bits must be between 8 and 24")
        for name in ("n_layers", "tree_rounds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0")
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout must be at least 0 and below 1")
        if self.n_folds < 2:
            raise ValueError("n_folds must be at least 2")

    def _check_training(
        self,
        X: Sequence[str],
        y: Sequence[Sequence[str]],
        groups: Sequence[Any] | None,
        sample_weight: Sequence[float] | None,
        doubtful: Sequence[bool] | None = None,
    ) -> _Training:
        check_texts(X)
        per_page = {"y": y, "groups": groups, "sample_weight": sample_weight, "doubtful": doubtful}
        for name, values in per_page.items():
            if values is not None and len(values) != len(X):
                raise ValueError(f"{name} has {len(values)} entries for {len(X)} pages")
        # By position, whatever index a pandas Series may have.
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(list(sample_weight), dtype=np.float64)
        doubt = weight < weight.max(initial=0.0) if doubtful is None else np.asarray(list(doubtful), dtype=bool)
        names = np.arange(len(X)).astype(str) if groups is None else np.asarray(list(groups), dtype=str)
        texts, labels, kept = [], [], []
        for number, (text, page_labels) in enumerate(zip(X, y, strict=True)):
            if not weight[number] > 0:
                continue
            count = sum(1 for _ in labelled_lines(text))
            if count != len(page_labels):
                raise ValueError(f"page {number}: {len(page_labels)} labels for {count} non-blank lines")
            if not count:
                continue
            texts.append(text)
            try:
                labels.append(np.array([INDEX[check_label(name)] for name in page_labels], dtype=np.int64))
            except ValueError as error:
                raise ValueError(f"page {number}: {error}") from None
            kept.append(number)
        if not kept:
            raise ValueError("no lines to train on")
        distinct_groups, group = np.unique(names[kept], return_inverse=True)
        if len(distinct_groups) < 2:
            raise ValueError("training needs lines of at least two groups (sites), to hold one out")
        fold = _balanced_folds(group, np.array([len(page) for page in labels]), self.n_folds, self.random_state)
        return _Training(texts, labels, group, fold, weight[kept], doubt[kept], np.array(kept), len(X))

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
        rows, kept_lines = [], []
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
            rows.append(ngram_rows(ngrams).take(np.array(fresh, dtype=np.int64)))
            kept_lines.append(np.array(fresh, dtype=np.int64) + offset)
            offset += batch.lines.n_lines
        kept = np.concatenate(kept_lines)
        return _DistinctLines(join_rows(rows), text_class[kept], np.array(weights), line_fold[kept])

    def _fit_text(self, distinct: _DistinctLines, fold: int) -> TextModel:
        inside = np.flatnonzero(distinct.fold != fold)
        with _one_thread():
            return fit_text_model(
                distinct.rows.take(inside),
                distinct.text_class[inside],
                distinct.weight[inside],
                bits=self.hash_bits,
                inverse_penalty=self.text_inverse_penalty,
                iterations=self.text_iterations,
                epochs=self.text_epochs,
                seed=self.random_state + 100 + fold,
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
                evidence = line_evidence(batch, model, rarity)
                inside = pages[start : start + len(part)]
                rows = np.concatenate([np.arange(ends[p] - lines_per_page[p], ends[p]) for p in inside])
                parts.append((rows, evidence))
                start += len(part)
        out = np.empty((int(ends[-1]), parts[0][1].shape[1]), dtype=np.float32)
        for rows, evidence in parts:
            out[rows] = evidence
        return out

    def _fit_network(
        self, learnt: _Collected, pages: NDArray[np.int64], seed: int, epochs: int | None = None
    ) -> Network:
        """A network for standardised evidence, fitted on some of the pages."""
        with _one_thread():
            return fit_network(
                learnt.evidence,
                learnt.layout,
                learnt.label,
                learnt.weight,
                pages,
                light=learnt.doubtful,
                n_labels=N_LABELS,
                hidden=self.hidden_units,
                layers=self.n_layers,
                epochs=self.epochs if epochs is None else epochs,
                decay=self.network_decay,
                dropout=self.dropout,
                seed=seed,
            )

    def _fit_trees(self, learnt: _Collected, pages: NDArray[np.int64]) -> Trees:
        """Trees for standardised evidence, fitted on some of the pages."""
        # A pass of the networks visits so many of the doubtful pages; more would take most of the time.
        drawn = np.random.default_rng(self.random_state).random(len(pages)) < LIGHT_SHARE
        chosen = np.zeros(learnt.layout.n_pages, dtype=bool)
        chosen[pages[~learnt.doubtful[pages] | drawn]] = True
        lines = np.flatnonzero(chosen[learnt.layout.page])
        with _one_thread():
            return fit_trees(
                learnt.evidence[lines],
                learnt.label[lines],
                learnt.weight[lines],
                n_labels=N_LABELS,
                rounds=self.tree_rounds,
                seed=self.random_state,
            )

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
        return self.labeller_.predict_proba(X)

    def cleaning_threshold(self, body_recall: float | None = DEFAULT_BODY_RECALL) -> float | None:
        """How probable body must be for `clean` to keep a line.

        Parameters
        ----------
        body_recall : float, optional
            Share of the body's characters to keep, on held-out sites of the training pages.

        Returns
        -------
        float or None
            None, which stands for the most probable label, for None.

        Raises
        ------
        ValueError
            If the share is none, or beyond what the model knows thresholds for.
        """
        self._check_fitted()
        return self.labeller_.cleaning_threshold(body_recall)

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

    def _check_fitted(self) -> None:
        if not hasattr(self, "labeller_"):
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
        return {"parameters": parameters, **self.labeller_.to_state()}

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
        model.labeller_ = Labeller.from_state(state)
        return model


@dataclass(frozen=True)
class _Training:
    """The pages that are trained on: those that have lines and weight."""

    texts: list[str]
    labels: list[NDArray[np.int64]]
    """Label indices of each page's lines."""
    group: NDArray[np.int64]
    fold: NDArray[np.int64]
    weight: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    number: NDArray[np.int64]
    """Position of each page in what was given."""
    n_pages: int
    """Pages given."""


@dataclass(frozen=True)
class _DistinctLines:
    """Phase one's training lines."""

    rows: NGramRows
    text_class: NDArray[np.int64]
    weight: NDArray[np.float64]
    fold: NDArray[np.int64]


@dataclass(frozen=True)
class _Collected:
    """What phase two learns from."""

    text_models: list[TextModel]
    """One for each fold, fitted on the others, and at the end one fitted on everything."""
    rarity: NDArray[np.float32]
    evidence: NDArray[np.float32]
    """Out of fold: shape (n_lines, n_features)."""
    layout: Layout
    label: NDArray[np.int64]
    weight: NDArray[np.float64]
    """Of each line."""
    fold: NDArray[np.int64]
    """Of each page."""
    doubtful: NDArray[np.bool_]
    """Of each page: whether its labels are in doubt."""


def _silent(step: str, share: float) -> None:
    """Progress that nobody asked for."""


def _characters(texts: list[str]) -> NDArray[np.int64]:
    """Characters of each line of all pages, without white space around it."""
    return np.array([len(line.strip()) for text in texts for _, line in labelled_lines(text)], dtype=np.int64)


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


def _one_thread() -> Any:
    """Linear algebra on one thread: sums then have one order, whatever the machine."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
