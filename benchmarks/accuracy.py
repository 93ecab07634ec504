"""Measure how well lines are labelled: the shipped model against baselines, on the dev pages of the shared corpus.

Two tables come from one run: scrapes whose labels were checked by reading, and dumps of whole pages with all their
navigation, whose labels were not. Every system labels the same pages on one core; times are CPU time of the whole
process, so that threads, if a library starts some anyway, count instead of hiding. For our model follow its scores by
scraper and language and its rates per page. The trained baseline learns from the checked scrapes of train.

usage: python benchmarks/accuracy.py [--corpus DIR] [--model FILE] [--format table|json] [--smoke | --baselines-only]

Exit codes: 0 done, 1 a bar was missed (with --smoke), 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError
from boilerplate.evaluation import BreakdownRow, Evaluation, evaluate_pages
from boilerplate.labels import LABELS

OURS: Final = "boilerplate"
BAR_MACRO: Final = 0.82
BAR_BODY: Final = 0.95
WHOLE_PAGE_SCRAPERS: Final = ("resiliparse-full", "inscriptis-full")

PARTS: Final[dict[str, tuple[str, str, Callable[[AnnotatedPage], bool]]]] = {
    "reviewed": (
        "Reviewed scrapes of dev",
        "Every label was checked by reading.",
        lambda page: page.extra.get("reviewed") is True,
    ),
    "whole_page": (
        "Whole-page dumps of dev",
        "Labels were projected from gold text and DOM, not checked: some of the differences are the labels' fault.",
        lambda page: page.extra.get("scraper") in WHOLE_PAGE_SCRAPERS,
    ),
}
"""Key in JSON to title, note and choice of pages."""

Predict = Callable[[Sequence[AnnotatedPage]], Sequence[Sequence[str]]]
PredictProba = Callable[[Sequence[AnnotatedPage]], Sequence[NDArray[np.float64]]]


@dataclass(frozen=True)
class System:
    """Something that labels pages.

    Attributes
    ----------
    name : str
    predict : callable
        Pages to a list of labels for each; it must not look at the pages' labels.
    predict_proba : callable, optional
        Pages to an array of shape (n_lines, 4) for each.
    cleaning_threshold : float, optional
        How probable body must be for `clean` to keep a line.
    """

    name: str
    predict: Predict
    predict_proba: PredictProba | None = None
    cleaning_threshold: float | None = None


@dataclass(frozen=True)
class Result:
    """What one system did on one part.

    Attributes
    ----------
    name : str
    evaluation : Evaluation
    microseconds : float
        CPU time per non-blank line.
    """

    name: str
    evaluation: Evaluation
    microseconds: float


def rule_systems() -> list[System]:
    """The baselines that need no training."""
    from baselines import AllBody, C4LineRules, JustextRules

    all_body, c4, justext = AllBody(), C4LineRules(), JustextRules()
    return [
        System("all body", lambda pages: all_body.predict(_texts(pages))),
        System("C4 line rules", lambda pages: c4.predict(_texts(pages))),
        System("jusText on text", lambda pages: justext.predict(_texts(pages), [page.lang for page in pages])),
    ]


def trained_system(train: Sequence[AnnotatedPage]) -> System:
    """The trained baseline, fitted on these pages."""
    from baselines import CharacterTfidf

    model = CharacterTfidf().fit(_texts(train), [page.labels for page in train], [page.group for page in train])
    return System("tf-idf + logistic regression", lambda pages: model.predict(_texts(pages)))


def our_system(path: Path | None) -> System:
    """The model of that file, by default the shipped one.

    Raises
    ------
    ModelError
        If it cannot be used.
    """
    import boilerplate

    model = boilerplate.load(path)
    return System(
        OURS,
        lambda pages: model.predict(_texts(pages)),
        lambda pages: model.predict_proba(_texts(pages)),
        model.cleaning_threshold(),
    )


def _texts(pages: Sequence[AnnotatedPage]) -> list[str]:
    return [page.text for page in pages]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep numeric libraries to one thread and, where the system can, this thread to one core."""
    with threadpool_limits(limits=1):
        if sys.platform != "linux":
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(before)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def measure(system: System, pages: Sequence[AnnotatedPage]) -> Result:
    """Label the pages, timed, and compare.

    Parameters
    ----------
    system : System
    pages : sequence of AnnotatedPage
        At least one.

    Returns
    -------
    Result
    """
    # What is loaded or compiled at first use is no cost of a line.
    system.predict(pages[:1])
    start = time.process_time()
    predicted = system.predict(pages)
    seconds = time.process_time() - start
    probabilities = None if system.predict_proba is None else system.predict_proba(pages)
    evaluation = evaluate_pages(pages, predicted, probabilities, cleaning_threshold=system.cleaning_threshold)
    return Result(system.name, evaluation, seconds / evaluation.lines * 1e6)


def missed_bars(results: Sequence[Result], bar_macro: float, bar_body: float) -> list[str]:
    """What our model fails to reach on one part; empty if it reaches everything.

    Parameters
    ----------
    results : sequence of Result
        Ours among them.
    bar_macro, bar_body : float
        Least macro-F1 and least F1 of body. Besides, both must be above every other system's.

    Returns
    -------
    list of str
        One sentence for each miss.
    """
    (ours,) = (result for result in results if result.name == OURS)
    others = [result for result in results if result is not ours]
    missed = []
    for what, score, bar in (("macro-F1", _macro_f1, bar_macro), ("body F1", _body_f1, bar_body)):
        reached = score(ours)
        # Written so that NaN misses, too.
        if not reached >= bar:
            missed.append(f"{what} is {reached:.4f}, below {bar:.4f}")
        missed += [
            f"{what} is {reached:.4f}, not above that of {other.name}, {score(other):.4f}"
            for other in others
            if not reached > score(other)
        ]
    return missed


def _macro_f1(result: Result) -> float:
    return result.evaluation.macro_f1


def _body_f1(result: Result) -> float:
    return result.evaluation.labels["body"].f1


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are set to the right."""
    ruler = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def number(value: float, digits: int = 3) -> str:
    """A number for a table; a dash for one that does not exist."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def comparison_table(results: Sequence[Result]) -> str:
    """All systems: macro-F1 with its interval, F1 of each label, time."""
    rows = []
    for result in results:
        evaluation = result.evaluation
        low, high = evaluation.macro_f1_interval
        rows.append(
            [
                result.name,
                f"{number(evaluation.macro_f1)} ({number(low)} to {number(high)})",
                *(number(evaluation.labels[label].f1) for label in LABELS),
                number(result.microseconds, digits=1),
            ]
        )
    return table(["system", "macro-F1 (95 % interval)", *(f"{label} F1" for label in LABELS), "µs per line"], rows)


def breakdown_table(name: str, rows: Sequence[BreakdownRow]) -> str:
    """One row for each scraper or language."""
    return table(
        [name, "pages", "lines", "macro-F1", *(f"{label} F1" for label in LABELS), "accuracy"],
        [
            [
                row.key or "unknown",
                str(row.pages),
                str(row.lines),
                number(row.macro_f1),
                *(number(row.f1[label]) for label in LABELS),
                number(row.accuracy),
            ]
            for row in rows
        ],
    )


def rates_table(evaluation: Evaluation) -> str:
    """What matters for a page as a whole."""
    rows = [
        ["pages without an error", number(evaluation.flawless_pages)],
        ["lines labelled right", number(evaluation.accuracy)],
    ]
    for how, characters in (("most probable labels", evaluation.characters), ("`clean`", evaluation.cleaned)):
        if characters is not None:
            rows += [
                [f"characters of body kept, {how}", number(characters.body_kept)],
                [f"other characters removed, {how}", number(characters.other_removed)],
            ]
    if evaluation.calibration_error is not None:
        rows += [
            [f"expected calibration error, {label}", number(error)]
            for label, error in evaluation.calibration_error.items()
        ]
    return table(["rate", "value"], rows)


def report(measured: dict[str, list[Result]]) -> Iterator[str]:
    """The blocks of the report in Markdown."""
    for part, results in measured.items():
        title, note, _ = PARTS[part]
        first = results[0].evaluation
        yield f"## {title}"
        absent = [label for label, scores in first.labels.items() if scores.support == 0]
        without = f" No line is {' or '.join(absent)}: the macro-F1 is over the other labels." if absent else ""
        yield (
            f"{first.pages:,} scrapes of {first.sites:,} sites, {first.lines:,} lines. {note}{without} "
            "Times are CPU time on one core."
        )
        yield comparison_table(results)
        for result in results:
            if result.name == OURS:
                yield f"### {OURS}: by scraper"
                yield breakdown_table("scraper", result.evaluation.breakdowns["scraper"])
                yield f"### {OURS}: by language"
                yield breakdown_table("language", result.evaluation.breakdowns["lang"])
                yield f"### {OURS}: rates"
                yield rates_table(result.evaluation)


def to_dict(measured: dict[str, list[Result]], smoke: bool, missed: Sequence[str] | None) -> dict[str, Any]:
    """The report for programs; ``missed`` is null where no bars were set."""
    return {
        "schema": "boilerplate-accuracy/1",
        "smoke": smoke,
        "cores": 1,
        "missed": missed,
        "parts": {
            part: [
                {
                    "system": result.name,
                    "microseconds_per_line": result.microseconds,
                    "evaluation": result.evaluation.to_dict(),
                }
                for result in results
            ]
            for part, results in measured.items()
        },
    }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"), help="folder of the shared corpus")
    parser.add_argument("--model", type=Path, help="model file; by default the shipped model")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--smoke",
        action="store_true",
        help="without the trained baseline; exit 1 below a bar or a baseline on reviewed scrapes",
    )
    which.add_argument("--baselines-only", action="store_true", help="leave our model out")
    parser.add_argument("--bar-macro", type=float, default=BAR_MACRO, help="--smoke: least macro-F1 (%(default)s)")
    parser.add_argument("--bar-body", type=float, default=BAR_BODY, help="--smoke: least F1 of body (%(default)s)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Measure, print, judge; the exit code.

    Raises
    ------
    BoilerplateError
        If the corpus or the model cannot be read.
    """
    dev = list(read_pages(options.corpus / "dev.jsonl.gz"))
    systems = rule_systems()
    # Ours is loaded before the slow part, so that a wrong path does not come out at its end.
    ours = [] if options.baselines_only else [our_system(options.model)]
    if not options.smoke:
        reviewed = PARTS["reviewed"][2]
        print("fitting the trained baseline (some minutes) ...", file=sys.stderr)
        systems.append(trained_system([p for p in read_pages(options.corpus / "train.jsonl.gz") if reviewed(p)]))
    measured = {}
    for part, (title, _, chosen) in PARTS.items():
        pages = [page for page in dev if chosen(page)]
        if not pages:
            raise BoilerplateError(f"{options.corpus}: no pages for {title!r}; is this the shared corpus?")
        measured[part] = [measure(system, pages) for system in (*systems, *ours)]
    missed = missed_bars(measured["reviewed"], options.bar_macro, options.bar_body) if options.smoke else None
    if options.format == "json":
        print(json.dumps(to_dict(measured, options.smoke, missed), indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(report(measured)))
    for sentence in missed or ():
        print(f"accuracy.py: {sentence}", file=sys.stderr)
    return 1 if missed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    options = parse(arguments)
    if not options.corpus.is_dir():
        print(f"accuracy.py: {options.corpus}: no such folder; name the shared corpus by --corpus", file=sys.stderr)
        return 2
    try:
        with one_core():
            return run(options)
    except BoilerplateError as error:
        print(f"accuracy.py: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"accuracy.py: {error.name} is missing; pip install -e '.[bench]'", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
