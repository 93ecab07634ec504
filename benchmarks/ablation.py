"""Measure what each idea of the model is worth: leave it out, train again, score on sites held out of train.

Phase one is fitted once, for every fold and on all pages. Then phase two is trained again for each row of the table,
with one idea taken away or one setting changed, on all folds but one, and scored on the reviewed scrapes of the fold
left out; the mean over folds decides what the model does. Scores on dev stand beside it to confirm; each row's networks
score it. One network votes, where the shipped model has two, and nothing is calibrated. A second table says how well
phase one's models rank lines by themselves.

usage: python benchmarks/ablation.py [--corpus DIR] [--pages DIR] [--folds N] [-j N] [--rows NAME ...]

Exit codes: 0 done, 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError
from boilerplate.evidence.assembly import batches, evidence_blocks, read_batch
from boilerplate.evidence.lines import Layout
from boilerplate.labeller import line_evidence
from boilerplate.labels import INDEX, LABELS
from boilerplate.model import LineClassifier
from boilerplate.network import Network, fit_standard
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
class Row:
    """One row of the table: the model with a change."""

    name: str
    without: tuple[str, ...] = ()
    """Subjects of evidence that are blanked out."""
    settings: tuple[tuple[str, Any], ...] = ()
    """Parameters of `LineClassifier`."""
    weight: Callable[[NDArray[np.float64], NDArray[np.bool_]], NDArray[np.float64]] | None = None
    """New line weights from the model's and from whether the line is of a whole-page dump."""


ROWS: Final = (
    Row("the model, one network"),
    Row("another seed (how much is chance)", settings=(("random_state", 1),)),
    Row("no deep text model", without=("deep",)),
    Row("no wide text model", without=("wide",)),
    Row("no shape evidence", without=("shape",)),
    Row("no position evidence", without=("position",)),
    Row("no likeness evidence", without=("likeness",)),
    Row("no language evidence", without=("language",)),
    Row("no layers that look at neighbours", settings=(("n_layers", 0),)),
    Row("three such layers", settings=(("n_layers", 3),)),
    Row("128 hidden units", settings=(("hidden_units", 128),)),
    Row("half the passes", settings=(("epochs", 7),)),
    Row(
        "unreviewed labels believed as they are", weight=lambda weight, _: np.where(weight < 1, UNREVIEWED_WEIGHT, 1.0)
    ),
    Row("no unreviewed pages in phase two", weight=lambda weight, _: np.where(weight < 1, 0.0, weight)),
    Row("no whole-page dumps in phase two", weight=lambda weight, dump: np.where(dump, 0.0, weight)),
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


def measure(
    row: Row, model: LineClassifier, collected: Any, dump: NDArray[np.bool_], train: Data, dev: Data, fold: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 of each label on the fold left out and on dev."""
    evidence, dev_evidence = train.evidence, dev.evidence
    if row.without:
        evidence, dev_evidence = evidence.copy(), dev_evidence.copy()
        columns = blocks()
        for name in row.without:
            evidence[:, columns[name]] = 0
            dev_evidence[:, columns[name]] = 0
    weight = collected.weight if row.weight is None else row.weight(collected.weight, dump)
    used = weight[train.layout.page_starts[:-1]] > 0
    learnt = replace(
        collected, evidence=evidence, weight=weight, fold=np.where(used, collected.fold, fold), text_models=[]
    )
    changed = LineClassifier(**{**model.get_params(), **dict(row.settings)})
    network: Network = changed._fit_network(learnt, np.flatnonzero(learnt.fold != fold), changed.random_state)
    inside = train.scored & (collected.fold[train.layout.page] == fold)
    found = network.scores(evidence, train.layout).argmax(axis=1)
    dev_found = network.scores(dev_evidence, dev.layout).argmax(axis=1)
    return (
        f1_scores(train.label[inside], found[inside]),
        f1_scores(dev.label[dev.scored], dev_found[dev.scored]),
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
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--rows", nargs="*", help="rows whose name contains one of these")
    arguments = parser.parse_args()
    try:
        train_pages = read(arguments.pages) + read(arguments.corpus / "train.jsonl.gz")
        dev_pages = read(arguments.corpus / "dev.jsonl.gz")
    except BoilerplateError as error:
        print(f"ablation.py: {error}", file=sys.stderr)
        return 2

    reviewed = np.array([page.extra.get("reviewed") is not False for page in train_pages])
    model = LineClassifier(n_jobs=arguments.jobs)
    training = model._check_training(
        [page.text for page in train_pages],
        [page.labels for page in train_pages],
        [page.group for page in train_pages],
        np.where(reviewed, 1.0, UNREVIEWED_WEIGHT),
    )
    jobs = Parallel(n_jobs=arguments.jobs, return_as="generator", mmap_mode="r")
    collected = model._collect(training, jobs, lambda step, share: print(f"{share:4.0%} {step}", file=sys.stderr))
    of_corpus = np.array(["reviewed" in page.extra for page in train_pages])
    dumps = np.array([page.extra.get("scraper") in DUMPS for page in train_pages])
    page = collected.layout.page
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
    results = jobs(delayed(measure)(row, model, bare, dumps[page], train, dev, fold) for row, fold in plans)
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
