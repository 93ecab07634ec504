"""What the templates are filled with: figures, plots, excerpts and the links between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import numpy as np

from boilerplate.evaluation import METRICS, Comparison, Evaluation, PageChange, PredictedLines
from boilerplate.evaluation.breakdowns import LENGTHS, BreakdownRow
from boilerplate.evaluation.curves import PrecisionRecallCurve, precision_recall_curves
from boilerplate.evaluation.lines import BODY
from boilerplate.labels import LABELS, MEANINGS, Label
from boilerplate.report import plots
from boilerplate.report.excerpts import MAX_SHOWN, Excerpts, shown_text

if TYPE_CHECKING:
    from boilerplate.learning_curve import LearningCurvePoint

MAX_NOTE: Final = 2000
MAX_ROWS: Final = 60
"""Rows of a table by scraper, language or site."""
MAX_WORST: Final = 20
"""Pages with most wrong lines."""
MAX_PAGE_LINES: Final = 40
"""Lines shown of such a page."""
MAX_PER_PAIR: Final = 3
"""Errors of each pair of labels that are shown where no script runs."""
MAX_CHANGED: Final = 8
"""Pages that got better, and worse."""

NOT_GIVEN: Final = "(none)"
"""Stands in filters for a scraper or language that is not known."""

ERROR_COUNTS: Final = ((0, 0), (1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, None))
"""Least and most wrong lines of each row of the table of pages."""
KEPT_SHARES: Final = (1.0, 0.99, 0.95, 0.9)

_MODEL: Final[dict[str, Any]] = {
    "state_digest": None,
    "created": None,
    "training_pages": None,
    "training_sites": None,
    "trained_on_these_pages": None,
}
_CARDS: Final = (
    ("macro-f1", "Macro-F1", "mean F1 of the labels"),
    ("accuracy", "Lines right", "share of all lines"),
    ("flawless-pages", "Flawless pages", "pages without an error"),
    ("clean-recall", "Body kept", "characters of body that clean keeps"),
    ("clean-precision", "Kept is body", "characters kept by clean that are body"),
)
_CARD_LINKS: Final = {
    "macro-f1": ("#labels", ""),
    "accuracy": ("#errors", urlencode({"kind": "wrong"})),
    "flawless-pages": ("#pages", ""),
    "clean-recall": ("#text", ""),
    "clean-precision": ("#text", ""),
}
_BREAKDOWNS: Final = {
    "scraper": "Scraper",
    "lang": "Language",
    "length": "Page length",
    "position": "Position",
    "site": "Site",
}


def report_content(
    *,
    lines: PredictedLines,
    evaluation: Evaluation,
    model: dict[str, Any],
    data: Sequence[str],
    baseline: PredictedLines | None,
    baseline_model: dict[str, Any] | None,
    comparison: Comparison | None,
    learning_curve: Sequence[LearningCurvePoint] | None,
    title: str | None,
    note: str | None,
) -> dict[str, Any]:
    """Everything that the templates ask for; see `boilerplate.report.write_report`.

    Returns
    -------
    dict
        Plain values, but for SVG, which is markup. ``listed`` is for the script.
    """
    excerpts = Excerpts(lines, evaluation.cleaning_threshold, baseline)
    curves = precision_recall_curves(lines)
    name = shown_text(model["name"], 200)
    listed, n_listed = excerpts.listed()
    return {
        "title": shown_text(title, 200) if title else f"Evaluation of {name}",
        "note": shown_text(note, MAX_NOTE) if note else None,
        "model": _MODEL | model | {"name": name},
        "baseline_name": None if baseline_model is None else shown_text(baseline_model["name"], 200),
        "data": [shown_text(part, 200) for part in data],
        "evaluation": evaluation,
        "n_languages": len({page.lang for page in lines.pages if page.lang}),
        "labels": LABELS,
        "meanings": MEANINGS,
        "cards": _cards(evaluation, comparison),
        "label_rows": _label_rows(evaluation, curves),
        "confusion": _confusion(evaluation),
        "breakdowns": _breakdowns(evaluation),
        "cleaning": _cleaning(evaluation),
        "error_counts": _error_counts(lines),
        "kept_shares": _kept_shares(excerpts),
        "calibration": _calibration(evaluation),
        "curves": plots.precision_recall_plot(curves) if curves else None,
        "learning_curve": None if not learning_curve else _learning_curve(learning_curve),
        "comparison": None if comparison is None else _comparison(comparison, excerpts),
        "worst": _worst(excerpts),
        "n_worst": int((lines.wrong_of_page > 0).sum()),
        "pairs": [
            {
                "given": given,
                "predicted": predicted,
                "count": _pair_count(evaluation, given, predicted),
                "most": MAX_PER_PAIR,
                "shown": shown,
            }
            for (given, predicted), shown in excerpts.by_pair(MAX_PER_PAIR).items()
        ],
        "n_wrong": int(lines.wrong.sum()),
        "n_listed": n_listed,
        "listed": {
            "labels": LABELS,
            "lengths": LENGTHS,
            "baseline": baseline is not None,
            "wrong": int(lines.wrong.sum()),
            "listed": n_listed,
            "pages": listed,
        },
    }


def _cards(evaluation: Evaluation, comparison: Comparison | None) -> list[dict[str, Any]]:
    cards = []
    for name, title, text in _CARDS:
        if math.isnan(evaluation.metrics[name]):
            continue
        low, high = evaluation.intervals[name]
        href, query = _CARD_LINKS[name]
        cards.append(
            {
                "title": title,
                "text": text,
                "value": evaluation.metrics[name],
                "low": low,
                "high": high,
                "as_percent": name != "macro-f1",
                "href": href,
                "filter": query,
                "difference": None if comparison is None else comparison.differences[name],
            }
        )
    return cards


def _label_rows(evaluation: Evaluation, curves: dict[Label, PrecisionRecallCurve]) -> list[dict[str, Any]]:
    rows = []
    for label, scores in evaluation.labels.items():
        figures = [
            ("precision", scores.precision, f"{label}-precision", {"predicted": label}),
            ("recall", scores.recall, f"{label}-recall", {"given": label}),
            ("F1", scores.f1, f"{label}-f1", {"label": label}),
        ]
        rows.append(
            {
                "label": label,
                "figures": [
                    {
                        "name": shown,
                        "value": value,
                        "low": evaluation.intervals[name][0],
                        "high": evaluation.intervals[name][1],
                        "filter": urlencode({"kind": "wrong", **query}),
                    }
                    for shown, value, name, query in figures
                ],
                "average_precision": curves[label].average_precision if label in curves else math.nan,
                "calibration_error": math.nan
                if evaluation.calibration_error is None
                else evaluation.calibration_error[label],
                "support": scores.support,
                "predicted": scores.predicted,
            }
        )
    return rows


def _pair_count(evaluation: Evaluation, given: Label, predicted: Label) -> int:
    return int(evaluation.confusion[LABELS.index(given), LABELS.index(predicted)])


def _confusion(evaluation: Evaluation) -> list[dict[str, Any]]:
    rows = []
    for given in LABELS:
        support = evaluation.labels[given].support
        cells = []
        for predicted in LABELS:
            count = _pair_count(evaluation, given, predicted)
            cells.append(
                {
                    "predicted": predicted,
                    "count": count,
                    "share": count / support if support else math.nan,
                    "right": given == predicted,
                    "filter": urlencode({"kind": "wrong", "given": given, "predicted": predicted}),
                }
            )
        rows.append({"given": given, "support": support, "cells": cells})
    return rows


def _breakdowns(evaluation: Evaluation) -> list[dict[str, Any]]:
    parts = []
    for name, title in _BREAKDOWNS.items():
        rows = evaluation.breakdowns[name]
        bands = name in ("length", "position")
        shown = rows if bands else sorted(rows, key=lambda row: -row.wrong)[:MAX_ROWS]
        plot = None
        if bands and len(rows) > 1:
            what = "lines of the page" if name == "length" else "place on the page, in %"
            plot = plots.bands_plot(f"by-{name}-plot", f"F1 by {title.lower()}", what, rows)
        parts.append(
            {
                "name": name,
                "title": title,
                "rows": [_breakdown_row(name, row, number) for number, row in enumerate(shown)],
                "left_out": len(rows) - len(shown),
                "has_intervals": any(not math.isnan(row.macro_f1_interval[0]) for row in shown),
                "bands": bands,
                "plot": plot,
            }
        )
    return parts


def _breakdown_row(name: str, row: BreakdownRow, number: int) -> dict[str, Any]:
    shown = shown_text(row.key, MAX_SHOWN)
    return {
        "key": shown,
        "order": number,
        "row": row,
        "filter": urlencode({"kind": "wrong", name: shown or NOT_GIVEN}),
    }


def _cleaning(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Both ways of keeping lines: what is kept, and what each kind of error costs."""
    ways = [("text", "most probable labels", evaluation.characters, evaluation.costs)]
    if evaluation.cleaned is not None and evaluation.cleaned_costs is not None:
        ways.append(("clean", "clean", evaluation.cleaned, evaluation.cleaned_costs))
    parts = []
    for prefix, title, rates, costs in ways:
        figures = [
            (meaning, evaluation.metrics[f"{prefix}-{name}"], *evaluation.intervals[f"{prefix}-{name}"])
            for name, meaning in (
                ("recall", "body kept"),
                ("precision", "kept text that is body"),
                ("noise-removed", "everything else removed"),
            )
        ]
        most = max((cost.characters for cost in costs), default=1)
        parts.append(
            {
                "name": prefix,
                "title": title,
                "rates": rates,
                "figures": figures,
                "costs": [
                    {
                        "cost": cost,
                        "length": cost.characters / max(most, 1),
                        "filter": urlencode(
                            {
                                "kind": f"{prefix}-{'lost' if cost.effect == 'body lost' else 'kept'}",
                                ("predicted" if cost.effect == "body lost" else "given"): cost.label,
                            }
                        ),
                    }
                    for cost in costs
                ],
            }
        )
    return parts


def _error_counts(lines: PredictedLines) -> list[dict[str, Any]]:
    """Pages by the number of their wrong lines."""
    wrong = lines.wrong_of_page[lines.counts > 0]
    rows = []
    for least, most in ERROR_COUNTS:
        count = int(((wrong >= least) & (wrong <= (wrong.max(initial=0) if most is None else most))).sum())
        shown = f"over {least - 1}" if most is None else str(least) if least == most else f"{least}–{most}"
        rows.append({"wrong": shown, "pages": count, "share": count / len(wrong) if len(wrong) else math.nan})
    return rows


def _kept_shares(excerpts: Excerpts) -> list[dict[str, Any]]:
    """Of how many pages that have body at least so much of it is kept, by the most probable label and by `clean`."""
    lines = excerpts.lines
    n_pages = len(lines.pages)
    body = lines.given == BODY
    total = np.bincount(lines.page[body], weights=lines.characters[body], minlength=n_pages)
    shares = []
    for kept in (lines.predicted == BODY, excerpts.kept):
        chosen = body & kept
        of_page = np.bincount(lines.page[chosen], weights=lines.characters[chosen], minlength=n_pages)
        shares.append(of_page[total > 0] / total[total > 0])
    return [
        {"least": least, "shares": [float((part >= least).mean()) if len(part) else math.nan for part in shares]}
        for least in KEPT_SHARES
    ]


def _calibration(evaluation: Evaluation) -> list[dict[str, Any]]:
    if evaluation.calibration_bins is None or evaluation.calibration_error is None:
        return []
    return [
        {
            "label": label,
            "error": evaluation.calibration_error[label],
            "plot": plots.reliability_plot(label, bins, evaluation.calibration_error[label]),
            "bins": [
                {
                    "bin": part,
                    "filter": urlencode(
                        {"kind": "wrong", "of": label, "low": f"{part.low:.3f}", "high": f"{part.high:.3f}"}
                    ),
                }
                for part in bins
            ],
        }
        for label, bins in evaluation.calibration_bins.items()
        if bins
    ]


def _learning_curve(points: Sequence[LearningCurvePoint]) -> dict[str, Any]:
    return {"points": points, "plot": plots.learning_curve_plot(points)}


def _comparison(comparison: Comparison, excerpts: Excerpts) -> dict[str, Any]:
    differences = {
        name: difference for name, difference in comparison.differences.items() if not math.isnan(difference.difference)
    }
    ends = [abs(end) for difference in differences.values() for end in (difference.low, difference.high)]
    reach = max((end for end in ends if not math.isnan(end)), default=1.0)

    def changed(changes: Sequence[PageChange]) -> list[dict[str, Any]]:
        return [
            {"change": change, "excerpt": _changed_lines(excerpts, change.page)} for change in changes[:MAX_CHANGED]
        ]

    return {
        "comparison": comparison,
        "rows": [{"meaning": METRICS[name], "difference": difference} for name, difference in differences.items()],
        "reach": reach or 1.0,
        "worse": changed(comparison.worse),
        "better": changed(comparison.better),
    }


def _changed_lines(excerpts: Excerpts, page: int) -> Any:
    """The lines of a page that one of the two models labels right and the other wrong."""
    lines, baseline = excerpts.lines, excerpts.baseline
    assert baseline is not None
    start, end = lines.starts[page : page + 2]
    changed = np.flatnonzero(lines.wrong[start:end] != baseline.wrong[start:end]) + start
    return excerpts.around(page, changed.tolist(), MAX_PAGE_LINES)


def _worst(excerpts: Excerpts) -> list[dict[str, Any]]:
    """The pages with most wrong lines; among equals those with more wrong characters."""
    lines = excerpts.lines
    n_pages = len(lines.pages)
    body = lines.given == BODY

    def characters(chosen: Any) -> Any:
        return np.bincount(lines.page[chosen], weights=lines.characters[chosen], minlength=n_pages).astype(np.int64)

    wrong, cost = lines.wrong_of_page, characters(lines.wrong)
    lost, kept = characters(body & ~excerpts.kept), characters(~body & excerpts.kept)
    order = np.lexsort((np.arange(n_pages), -cost, -wrong))[:MAX_WORST]
    pages = []
    for page in order[wrong[order] > 0].tolist():
        start, end = lines.starts[page : page + 2]
        chosen = np.flatnonzero(lines.wrong[start:end]) + start
        pages.append(
            {
                "excerpt": excerpts.around(page, chosen.tolist(), MAX_PAGE_LINES),
                "lines": int(end - start),
                "wrong": int(wrong[page]),
                "lost": int(lost[page]),
                "kept": int(kept[page]),
                "filter": urlencode({"kind": "wrong", "page": page}),
            }
        )
    return pages
