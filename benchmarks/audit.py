"""Measure how many wrong labels an audit finds: some are made wrong on purpose, and the ranking is asked for them.

Two per cent of the lines get another label, drawn at random among all. Then a model is trained on the pages with these
labels, as `boilerplate audit` does it, and lines are ranked by what the models that had not seen their site say. The
table gives the share of the wrong labels that stand among the first so many lines, for the score that
`boilerplate audit` uses and for those of cleanlab. Labels that were wrong before count as right, so that no ranking can
be perfect.

usage: python benchmarks/audit.py [--parts data corpus] [--corpus DIR] [--subset PAGES] [--quick] [-j N]

Exit codes: 0 done, 1 the bar was missed (not with --subset or --quick, which find less), 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.audit import DEFAULT_SHARE, self_confidence
from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError
from boilerplate.labels import INDEX, LABELS
from boilerplate.model import LineClassifier

TOP: Final = Path(__file__).resolve().parents[1]
FLIPS: Final = 0.02
BAR: Final = 0.8
"""Share of the wrong labels in the first `DEFAULT_SHARE` of the lines."""
SHARES: Final = (0.01, 0.02, DEFAULT_SHARE, 0.1)
UNREVIEWED_WEIGHT: Final = 0.2
QUICK: Final = {"epochs": 6, "text_iterations": 60, "text_epochs": 4}
OURS: Final = "self-confidence"

Ranking = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
"""Probabilities and given labels to a score of each line; the lowest come first."""


def flipped(
    pages: Sequence[AnnotatedPage], share: float, seed: int
) -> tuple[list[AnnotatedPage], list[NDArray[np.bool_]]]:
    """Copies of pages with wrong labels.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
    share : float
        Of the lines, on average.
    seed : int

    Returns
    -------
    pages : list of AnnotatedPage
    wrong : list of bool arrays of shape (n_lines,)
    """
    random = np.random.default_rng(seed)
    out, wrong = [], []
    for page in pages:
        chosen = random.random(len(page.labels)) < share
        steps = random.integers(1, len(LABELS), len(page.labels))
        labels = [
            LABELS[(INDEX[label] + step) % len(LABELS)] if flip else label
            for label, flip, step in zip(page.labels, chosen, steps, strict=True)
        ]
        out.append(AnnotatedPage(page.id, page.text, labels, page.site, page.lang, page.extra))
        wrong.append(chosen)
    return out, wrong


def found_among_first(score: NDArray[np.float64], wrong: NDArray[np.bool_], share: float) -> float:
    """Share of the wrong labels among that share of the lines with the lowest scores."""
    first = np.argsort(score, kind="stable")[: int(share * len(score))]
    return float(wrong[first].sum() / wrong.sum())


def rankings() -> dict[str, Ranking]:
    """Our score and cleanlab's.

    Raises
    ------
    ModuleNotFoundError
        Without cleanlab, which the extra ``bench`` has.
    """
    from cleanlab.rank import get_label_quality_scores

    def by_cleanlab(method: str, adjusted: bool) -> Ranking:
        def score(probabilities: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
            return np.asarray(get_label_quality_scores(label, probabilities, method=method, adjust_pred_probs=adjusted))

        return score

    return {
        OURS: self_confidence,
        "cleanlab, self-confidence, against each label's mean": by_cleanlab("self_confidence", True),
        "cleanlab, normalized margin": by_cleanlab("normalized_margin", False),
        "cleanlab, normalized margin, against each label's mean": by_cleanlab("normalized_margin", True),
        "cleanlab, confidence-weighted entropy": by_cleanlab("confidence_weighted_entropy", False),
    }


def measure(name: str, pages: Sequence[AnnotatedPage], options: argparse.Namespace) -> float:
    """Train, rank, print; the share that our score finds among the first, the least of all parts."""
    changed, wrong = flipped(pages, FLIPS, options.seed)
    model = LineClassifier(n_networks=1, n_jobs=options.jobs, **(QUICK if options.quick else {}))
    model.fit(
        [page.text for page in changed],
        [page.labels for page in changed],
        groups=[page.group for page in changed],
        sample_weight=[UNREVIEWED_WEIGHT if page.extra.get("reviewed") is False else 1.0 for page in changed],
        progress=show_progress,
    )
    everything = np.ones(len(pages), dtype=bool)
    reviewed = np.array([page.extra.get("reviewed") is not False for page in pages])
    parts = {name: everything}
    if not reviewed.all() and reviewed.any():
        parts[f"{name}, reviewed scrapes alone"] = reviewed
    results = []
    for part, chosen in parts.items():
        inside = np.flatnonzero(chosen)
        label = np.array([INDEX[each] for number in inside for each in changed[number].labels])
        probabilities = np.concatenate([model.held_out_probabilities_[number] for number in inside])
        flips = np.concatenate([wrong[number] for number in inside])
        print(
            f"\n## {part}\n\n{len(inside):,} pages, {len(label):,} lines, {flips.sum():,} of them with a wrong label\n"
        )
        print("| wrong labels found among the first | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |")
        print("| --- |" + " ---: |" * len(SHARES))
        for method, score in rankings().items():
            scores = score(probabilities, label)
            found = [found_among_first(scores, flips, share) for share in SHARES]
            print(f"| {method} | " + " | ".join(f"{each:.3f}" for each in found) + " |", flush=True)
        results.append(found_among_first(self_confidence(probabilities, label), flips, DEFAULT_SHARE))
    return min(results)


def subset(pages: Sequence[AnnotatedPage], count: int | None) -> list[AnnotatedPage]:
    """All scrapes of so many pages, from all over a sequence."""
    ids = list(dict.fromkeys(page.id.removesuffix("+foreign") for page in pages))
    kept = set(ids if count is None else ids[:: max(1, len(ids) // count)][:count])
    return [page for page in pages if page.id.removesuffix("+foreign") in kept]


def show_progress(step: str, share: float) -> None:
    """Show the step at hand on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{share:4.0%} {step:24}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all parts; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("data", "corpus"), default=["data", "corpus"])
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"), help="folder of the shared corpus")
    parser.add_argument("--subset", type=int, metavar="PAGES", help="so many pages of each part; all by default")
    parser.add_argument("--quick", action="store_true", help="train in fewer passes")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of wrong labels")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes (%(default)s)")
    options = parser.parse_args(arguments)
    paths = {"data": ("data/", TOP / "data" / "pages"), "corpus": ("train", options.corpus / "train.jsonl.gz")}
    missed = 0
    try:
        rankings()
        for part in options.parts:
            name, path = paths[part]
            least = measure(name, subset([page for page in read_pages(path) if page.labels], options.subset), options)
            if least < BAR and not (options.quick or options.subset):
                print(f"audit.py: {name}: {least:.3f} of the wrong labels are found, below {BAR}", file=sys.stderr)
                missed += 1
    except BoilerplateError as error:
        print(f"audit.py: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"audit.py: {error.name} is missing; pip install -e '.[bench]'", file=sys.stderr)
        return 2
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
