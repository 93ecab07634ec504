"""Measure what each idea of the model is worth: leave it out, train again, score on sites held out of train.

Phase one is fitted once, for every fold and on all pages. Then phase two is trained again for each row of the table,
with one idea taken away or one setting changed, on all folds but one, and scored on the reviewed scrapes of the fold
left out; the mean over folds decides what the model does. Scores on dev stand beside it to confirm; each row's learners
score it. One network votes beside the trees, where the shipped model has two, and nothing is calibrated. A second table
says how well phase one's models rank lines by themselves.

usage: python benchmarks/ablation.py [--corpus DIR] [--pages DIR] [--folds N] [--epochs N] [-j N] [--rows NAME ...]

Exit codes: 0 done, 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from boilerplate.calibration import softmax
from boilerplate.cli.common import is_doubtful, weights_of
from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError
from boilerplate.evidence.assembly import batches, evidence_blocks, read_batch
from boilerplate.evidence.lines import Layout
from boilerplate.labeller import line_evidence
from boilerplate.labels import INDEX, LABELS
from boilerplate.model import LineClassifier
from boilerplate.pages import labelled_lines
from boilerplate.phase_two import fit_standard, vote
from boilerplate.text_model import CAPTION, N_CLASSES, N_KINDS, TEXT_CLASSES, TO_TEXT_CLASS

TOP: Final = Path(__file__).resolve().parents[1]
UNREVIEWED_WEIGHT: Final = 0.2
DUMPS: Final = ("resiliparse-full", "inscriptis-full")


@dataclass(frozen=True)
class Data:
    """Evidence and labels of many pages."""

    evidence: NDArray[np.float32]
    layout: Layout
    label: NDArray[np.int64]
    scored: NDArray[np.bool_]
    """Lines of reviewed scrapes."""


@dataclass(frozen=True)
class Fit:
    """What a learner gets."""

    model: LineClassifier
    learnt: Any
    """As `LineClassifier` collects it."""
    pages: NDArray[np.int64]
    """Those to train on."""


Scorer = Callable[[NDArray[np.float32], Layout], NDArray]
"""Evidence and layout to log probabilities, up to a constant."""


class Kind(NamedTuple):
    """The kind of page of each line."""

    dump: NDArray[np.bool_]
    """A whole-page dump."""
    invented: NDArray[np.bool_]
    """From `data/pages`."""
    doubtful: NDArray[np.bool_]
    """Reviewed by nobody."""


@dataclass(frozen=True)
class Row:
    """One row of the table: the model with a change."""

    name: str
    without: tuple[str, ...] = ()
    """Subjects of evidence that are blanked out."""
    settings: tuple[tuple[str, Any], ...] = ()
    """Parameters of `LineClassifier`."""
    weight: Callable[[NDArray[np.float64], Kind], NDArray[np.float64]] | None = None
    """New line weights from the model's and from the kind of page."""
    passes: float = 1.0
    """Passes of each network, against the others'."""
    altered: bool = False
    """Train on an altered copy of each reviewed page as well."""
    learner: Callable[[Fit], Scorer] | None = None
    """What learns in place of networks and trees."""
    transitions: float = 0.0
    """Weight of a line's label for that of the next one, in decoding."""


def phase_two(fit: Fit) -> Scorer:
    """The model's own vote, of networks and of trees."""
    seeds = range(fit.model.random_state, fit.model.random_state + fit.model.n_networks)
    networks = [fit.model._fit_network(fit.learnt, fit.pages, seed) for seed in seeds]
    trees = fit.model._fit_trees(fit.learnt, fit.pages)
    return lambda evidence, layout: np.log(softmax(vote(networks, trees, evidence, layout)))


def trees_alone(fit: Fit) -> Scorer:
    trees = fit.model._fit_trees(fit.learnt, fit.pages)
    return lambda evidence, _: np.log(softmax(trees.scores(evidence)))


def linear(fit: Fit) -> Scorer:
    """Multinomial logistic regression on the same evidence."""
    lines = np.flatnonzero(np.isin(fit.learnt.layout.page, fit.pages))
    regression = LogisticRegression(C=1.0, max_iter=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(fit.learnt.evidence[lines], fit.learnt.label[lines], fit.learnt.weight[lines])
    return lambda evidence, _: regression.predict_log_proba(evidence)


ROWS: Final = (
    Row("the model, with one network"),
    Row("another seed (how much is chance)", settings=(("random_state", 7),)),
    Row("two networks", settings=(("n_networks", 2),)),
    Row("no deep text model", without=("deep",)),
    Row("no wide text model", without=("wide",)),
    Row("no shape evidence", without=("shape",)),
    Row("no position evidence", without=("position",)),
    Row("no likeness evidence", without=("likeness",)),
    Row("no evidence of meaning", without=("meaning",)),
    Row("no language evidence", without=("language",)),
    Row("no layers that look at neighbours", settings=(("n_layers", 0),)),
    Row("128 hidden units", settings=(("hidden_units", 128),)),
    Row("twice as many passes", passes=2),
    Row("no trees", settings=(("tree_rounds", 0),)),
    Row("150 rounds of trees", settings=(("tree_rounds", 150),)),
    Row("trees alone", learner=trees_alone),
    Row("multinomial logistic regression instead", learner=linear),
    Row("Viterbi decoding, learnt transitions of weight 0.2", transitions=0.2),
    Row("an altered copy of each reviewed page as well, half as many passes", altered=True, passes=0.5),
    Row(
        "unreviewed labels believed as they are",
        weight=lambda weight, kind: np.where(kind.doubtful, UNREVIEWED_WEIGHT, weight),
    ),
    Row("no unreviewed pages in phase two", weight=lambda weight, kind: np.where(kind.doubtful, 0, weight)),
    Row("no whole-page dumps in phase two", weight=lambda weight, kind: np.where(kind.dump, 0, weight)),
    Row("no invented pages in phase two", weight=lambda weight, kind: np.where(kind.invented, 0, weight)),
)


def read(path: Path) -> list[AnnotatedPage]:
    return [page for page in read_pages(path) if page.labels]


def blocks() -> dict[str, slice]:
    """Columns of each subject of evidence."""
    batch = read_batch([])
    model = LineClassifier(hash_bits=8, text_iterations=1).fit(["a\nb", "c\nd"], [["body", "promo"]] * 2).labeller_
    scores = model.text_model.scores(batch.lines, batch.folded, batch.tokens)
    out, start = {}, 0
    for name, block in evidence_blocks(batch, scores, model.rarity, CAPTION).items():
        out[name] = slice(start, start + block.shape[1])
        start += block.shape[1]
    return out


def f1_scores(label: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 of each label."""
    each = [
        2 * np.sum((label == k) & (found == k)) / max(np.sum(label == k) + np.sum(found == k), 1)
        for k in range(len(LABELS))
    ]
    return np.array(each)


def altered(page: AnnotatedPage, rng: np.random.Generator) -> tuple[str, list[str]]:
    """A page as another extractor might have printed it: edges cut, blank lines and bullets otherwise, lines joined.

    Returns
    -------
    text : str
    labels : list of str
    """
    lines = [line.strip() for _, line in labelled_lines(page.text)]
    labels = list(page.labels)
    if rng.random() < 0.5 and len(lines) > 10:
        first, end = rng.integers(0, 4), len(lines) - rng.integers(0, 4)
        lines, labels = lines[first:end], labels[first:end]
    bullet = str(rng.choice(["", "- ", "* ", "\u2022 "]))
    joined: list[str] = []
    kept: list[str] = []
    for raw, label in zip(lines, labels, strict=True):
        bare = raw.lstrip("-*\u2022#> ") or raw
        line = raw if bare == raw else bullet + bare
        if joined and kept[-1] == label and rng.random() < 0.05:
            joined[-1] += " " + line
        else:
            joined.append(line)
            kept.append(label)
    text = str(rng.choice(["\n", "\n\n"])).join(joined)
    return (text.lower() if rng.random() < 0.1 else text), kept


def decode(scores: NDArray, layout: Layout, transitions: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best path of labels of each page (Viterbi).

    Parameters
    ----------
    scores : array of shape (n_lines, n_labels)
        Log probabilities.
    layout : Layout
    transitions : float64 array of shape (n_labels, n_labels)
        What a label (row) adds to the score of each label that may follow it.

    Returns
    -------
    int64 array of shape (n_lines,)
    """
    found = np.empty(len(scores), dtype=np.int64)
    for start, end in pairwise(layout.page_starts):
        best = scores[start]
        came = np.empty((end - start, scores.shape[1]), dtype=np.int64)
        for line in range(start + 1, end):
            paths = best[:, None] + transitions
            came[line - start] = paths.argmax(axis=0)
            best = paths.max(axis=0) + scores[line]
        label = int(best.argmax())
        for line in range(end - 1, start - 1, -1):
            found[line] = label
            label = came[line - start][label]
    return found


def follows(label: NDArray[np.int64], layout: Layout, pages: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log of how much more often one label follows another than by chance, on some pages."""
    inside = np.isin(layout.page, pages)
    pair = inside[1:] & (layout.page[1:] == layout.page[:-1])
    counts = np.ones((len(LABELS), len(LABELS)))
    np.add.at(counts, (label[:-1][pair], label[1:][pair]), 1)
    together = counts / counts.sum()
    ratio: NDArray[np.float64] = np.log(together / np.outer(together.sum(axis=1), together.sum(axis=0)))
    return ratio


def measure(
    row: Row,
    model: LineClassifier,
    collected: Any,
    kind: Kind,
    train: Data,
    dev: Data,
    fold: int,
    more: Any,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 of each label on the fold left out and on dev. `more` is what altered pages add."""
    evidence, dev_evidence = train.evidence, dev.evidence
    if row.without:
        evidence, dev_evidence = evidence.copy(), dev_evidence.copy()
        columns = blocks()
        for name in row.without:
            evidence[:, columns[name]] = 0
            dev_evidence[:, columns[name]] = 0
    weight = collected.weight if row.weight is None else row.weight(collected.weight, kind)
    used = weight[train.layout.page_starts[:-1]] > 0
    learnt = replace(
        collected, evidence=evidence, weight=weight, fold=np.where(used, collected.fold, fold), text_models=[]
    )
    pages = np.flatnonzero(learnt.fold != fold)
    if row.altered:
        learnt = joined(learnt, more)
        pages = np.flatnonzero(learnt.fold != fold)
    passes = {"epochs": max(1, round(model.epochs * row.passes))}
    changed = LineClassifier(**{**model.get_params(), **passes, **dict(row.settings)})
    score = (row.learner or phase_two)(Fit(changed, learnt, pages))
    transitions = row.transitions * follows(learnt.label, learnt.layout, pages)

    def found(data: Data, evidence: NDArray[np.float32]) -> NDArray[np.int64]:
        scores = score(evidence, data.layout)
        if row.transitions:
            return decode(scores, data.layout, transitions)
        most_probable: NDArray[np.int64] = scores.argmax(axis=1)
        return most_probable

    inside = train.scored & (collected.fold[train.layout.page] == fold)
    return (
        f1_scores(train.label[inside], found(train, evidence)[inside]),
        f1_scores(dev.label[dev.scored], found(dev, dev_evidence)[dev.scored]),
    )


def joined(one: Any, other: Any) -> Any:
    """Two collections of training pages as one."""
    return replace(
        one,
        evidence=np.concatenate([one.evidence, other.evidence]),
        layout=Layout(
            np.concatenate([one.layout.page_starts, one.layout.page_starts[-1] + other.layout.page_starts[1:]]),
            np.concatenate([one.layout.page, one.layout.n_pages + other.layout.page]),
        ),
        **{
            name: np.concatenate([getattr(one, name), getattr(other, name)])
            for name in ("label", "weight", "fold", "doubtful")
        },
    )


def altered_data(
    model: LineClassifier,
    collected: Any,
    pages: list[AnnotatedPage],
    kept: NDArray[np.int64],
    reviewed: NDArray[np.bool_],
) -> Any:
    """An altered copy of each reviewed page, with out-of-fold evidence."""
    rng = np.random.default_rng(0)
    chosen = np.flatnonzero(reviewed[kept])
    copies = [altered(pages[kept[number]], rng) for number in chosen]
    texts = [text for text, _ in copies]
    counts = np.array([len(labels) for _, labels in copies])
    fold = collected.fold[chosen]
    return replace(
        collected,
        evidence=model._training_evidence(texts, fold, collected.text_models, collected.rarity),
        layout=Layout(np.concatenate([[0], np.cumsum(counts)]), np.repeat(np.arange(len(counts)), counts)),
        label=np.array([INDEX[name] for _, labels in copies for name in labels]),
        weight=np.ones(counts.sum()),
        fold=fold,
        doubtful=np.zeros(len(chosen), dtype=bool),
    )


def dev_data(pages: list[AnnotatedPage], text_model: Any, rarity: NDArray[np.float32]) -> Data:
    """Evidence of dev, by the text model of all training pages."""
    texts = [page.text for page in pages]
    evidence = np.concatenate([line_evidence(read_batch(part), text_model, rarity) for part in batches(texts)])
    counts = np.array([len(page.labels) for page in pages])
    layout = Layout(np.concatenate([[0], np.cumsum(counts)]), np.repeat(np.arange(len(pages)), counts))
    label = np.array([INDEX[name] for page in pages for name in page.labels])
    reviewed = np.array([page.extra.get("reviewed") is True for page in pages])
    return Data(evidence, layout, label, reviewed[layout.page])


def phase_one_rows(data: Data) -> Iterator[tuple[str, list[float]]]:
    """Average precision of phase one's scores for each text class, on scored lines."""
    columns = blocks()
    first_wide = columns["wide"].start + N_KINDS * N_CLASSES
    first_deep = columns["deep"].start
    wide = data.evidence[data.scored, first_wide : first_wide + N_CLASSES]
    deep = data.evidence[data.scored, first_deep : first_deep + N_CLASSES]
    given = TO_TEXT_CLASS[data.label[data.scored]]
    for name, scores in (("wide", wide), ("deep", deep), ("mean of both", wide + deep)):
        yield name, [float(average_precision_score(given == k, scores[:, k])) for k in range(N_CLASSES)]


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--corpus", type=Path, default=TOP.parent / "shared" / "corpus")
    parser.add_argument("--pages", type=Path, default=TOP / "data" / "pages")
    parser.add_argument("--folds", type=int, default=1, help="folds that are left out, one after the other")
    parser.add_argument(
        "--epochs", type=int, default=7, help="passes of each network, a third of the model's by default"
    )
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--rows", nargs="*", help="rows whose name contains one of these")
    arguments = parser.parse_args()
    try:
        train_pages = read(arguments.pages) + read(arguments.corpus / "train.jsonl.gz")
        dev_pages = read(arguments.corpus / "dev.jsonl.gz")
    except BoilerplateError as error:
        print(f"ablation.py: {error}", file=sys.stderr)
        return 2

    reviewed = ~np.array([is_doubtful(page) for page in train_pages])
    model = LineClassifier(n_networks=1, epochs=arguments.epochs, n_jobs=arguments.jobs)
    training = model._check_training(
        [page.text for page in train_pages],
        [page.labels for page in train_pages],
        [page.group for page in train_pages],
        weights_of(train_pages, UNREVIEWED_WEIGHT),
        ~reviewed,
    )
    jobs = Parallel(n_jobs=arguments.jobs, return_as="generator", mmap_mode="r")
    collected = model._collect(training, jobs, lambda step, share: print(f"{share:4.0%} {step}", file=sys.stderr))
    of_corpus = np.array(["reviewed" in page.extra for page in train_pages])
    dumps = np.array([page.extra.get("scraper") in DUMPS for page in train_pages])
    page = collected.layout.page
    kind = Kind(dumps[page], ~of_corpus[page], ~reviewed[page])
    train = Data(collected.evidence, collected.layout, collected.label, (reviewed & of_corpus)[page])
    dev = dev_data(dev_pages, collected.text_models[-1], collected.rarity)

    print("Phase one, average precision on reviewed lines\n")
    print("| text model | part | " + " | ".join(TEXT_CLASSES) + " |")
    print("| --- | --- |" + " ---: |" * len(TEXT_CLASSES))
    for part, data in (("held-out sites of train", train), ("dev", dev)):
        for name, precisions in phase_one_rows(data):
            print(f"| {name} | {part} | " + " | ".join(f"{value:.3f}" for value in precisions) + " |")

    standard = fit_standard(train.evidence)
    train = replace(train, evidence=standard.apply(train.evidence))
    dev = replace(dev, evidence=standard.apply(dev.evidence))
    rows = [row for row in ROWS if not arguments.rows or any(part in row.name for part in arguments.rows)]
    plans = [(row, fold) for row in rows for fold in range(arguments.folds)]
    weight = model._believed(replace(collected, evidence=train.evidence, text_models=[]))
    bare = replace(collected, evidence=collected.evidence[:0], weight=weight, text_models=[])
    more = None
    if any(row.altered for row in rows):
        more = altered_data(model, collected, train_pages, training.number, reviewed)
        more = replace(more, evidence=standard.apply(more.evidence), text_models=[])
    results = jobs(
        delayed(measure)(row, model, bare, kind, train, dev, fold, more if row.altered else None) for row, fold in plans
    )
    print(f"\nPhase two, F1 on reviewed lines, mean over {arguments.folds} folds\n", flush=True)
    print("| model | held-out macro-F1 | change | " + " | ".join(LABELS) + " | dev macro-F1 | change |")
    print("| --- |" + " ---: |" * (len(LABELS) + 4))
    reference: tuple[float, float] | None = None
    gathered = []
    for (row, _), result in zip(plans, results, strict=True):
        gathered.append(result)
        if len(gathered) < arguments.folds:
            continue
        held_out = np.mean([own for own, _ in gathered], axis=0)
        macro, dev_macro = float(held_out.mean()), float(np.mean([other.mean() for _, other in gathered]))
        reference = reference or (macro, dev_macro)
        each = " | ".join(f"{value:.3f}" for value in held_out)
        print(
            f"| {row.name} | {macro:.4f} | {macro - reference[0]:+.4f} | {each} "
            f"| {dev_macro:.4f} | {dev_macro - reference[1]:+.4f} |",
            flush=True,
        )
        gathered = []
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
