"""What people see of an evaluation on a terminal: scores, comparison, learning curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from boilerplate.cli.view import printable
from boilerplate.labels import COLOURS, LABELS

if TYPE_CHECKING:
    from boilerplate.evaluation import BreakdownRow, Comparison, Evaluation
    from boilerplate.learning_curve import LearningCurvePoint

MAX_ROWS = 12
"""Rows of a breakdown; the report and JSON have all."""
MAX_PAGES = 8
"""Pages that got better, and worse."""
BREAKDOWNS = {
    "scraper": "By scraper",
    "lang": "By language",
    "length": "By length of page",
    "position": "By position on the page",
    "site": "By site",
}
BAR_WIDTH = 14
POOR, FAIR = 0.5, 0.8
"""Below these, figures are red, and yellow."""


def scores_table(evaluation: Evaluation, title: str) -> Table:
    """Precision, recall, F1 with its interval, and support of each label; the macro-F1.

    Parameters
    ----------
    evaluation : Evaluation
    title : str
        What stands before the counts of pages, sites and lines.

    Returns
    -------
    Table
    """
    counts = ((evaluation.pages, "page"), (evaluation.sites, "site"), (evaluation.lines, "line"))
    pages, sites, lines = (f"{count:,} {noun}{'s' if count != 1 else ''}" for count, noun in counts)
    table = _table(f"{title}: {pages} of {sites}, {lines}")
    table.add_column("label", no_wrap=True)
    for name in ("precision", "recall", "F1", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", width=BAR_WIDTH)
    table.add_column("lines", justify="right", no_wrap=True)
    if evaluation.calibration_error is not None:
        table.add_column("cal. error", justify="right", no_wrap=True)
    for label, scores in evaluation.labels.items():
        error = [] if evaluation.calibration_error is None else [_number(evaluation.calibration_error[label])]
        table.add_row(
            Text(label, style=COLOURS[label]),
            _number(scores.precision),
            _number(scores.recall),
            _number(scores.f1),
            _interval(evaluation.intervals[f"{label}-f1"]),
            _bar(scores.f1, COLOURS[label]),
            f"{scores.support:,}",
            *error,
        )
    table.add_section()
    macro = evaluation.macro_f1
    table.add_row(
        Text("macro-F1", style="bold"),
        "",
        "",
        Text(_number(macro), style="bold"),
        _interval(evaluation.macro_f1_interval),
        _bar(macro, "default"),
        f"{evaluation.lines:,}",
    )
    return table


def evaluation_view(evaluation: Evaluation, model: str, *, trained_on_these_pages: bool) -> RenderableType:
    """All of an evaluation: scores, confusion, rates, breakdowns.

    Parameters
    ----------
    evaluation : Evaluation
    model : str
        Name of the model.
    trained_on_these_pages : bool
        Whether it was trained on these very pages, which is worth a warning.

    Returns
    -------
    renderable
    """
    parts: list[RenderableType] = []
    if trained_on_these_pages:
        warning = "The model was trained on these very pages: the scores say how well it remembers, not how well it "
        parts += [Text(warning + "labels new ones.", style="bold yellow"), Text()]
    parts += [
        scores_table(evaluation, printable(model)),
        Text(),
        Columns([_confusion_table(evaluation), _rates_table(evaluation)], padding=(0, 4)),
    ]
    for name, rows in evaluation.breakdowns.items():
        if len(rows) > 1:
            parts += [Text(), _breakdown_table(name, rows)]
    return Group(*parts)


def comparison_view(comparison: Comparison, model: str, baseline: str) -> RenderableType:
    """A model against a baseline: figures, lines, pages.

    Parameters
    ----------
    comparison : Comparison
    model, baseline : str
        Their names.

    Returns
    -------
    renderable
    """
    from boilerplate.evaluation import METRICS

    table = _table(f"{printable(model)} against {printable(baseline)}")
    table.add_column("")
    for name in ("new", "baseline", "difference", "95 % interval", ""):
        table.add_column(name, justify="right", no_wrap=True)
    styles = {"better": "green", "worse": "red", "unclear": "dim"}
    for name, difference in comparison.differences.items():
        if math.isnan(difference.difference):
            continue
        table.add_row(
            METRICS[name],
            _number(difference.value),
            _number(difference.baseline),
            f"{difference.difference:+.3f}",
            "" if math.isnan(difference.low) else f"{difference.low:+.3f} to {difference.high:+.3f}",
            Text(difference.verdict, style=styles[difference.verdict]),
        )
    lines = comparison.lines
    agreement = Text.assemble(
        ("Lines  ", "bold"),
        (f"{lines.gained:,} gained", "green"),
        ", ",
        (f"{lines.lost:,} lost", "red"),
        f", {lines.both_right:,} right and {lines.both_wrong:,} wrong with both; McNemar p {_p(lines.p_value)}",
    )
    pages = Text.assemble(
        ("Pages  ", "bold"),
        (f"{len(comparison.better):,} better", "green"),
        ", ",
        (f"{len(comparison.worse):,} worse", "red"),
        f", {comparison.same:,} with as many errors",
    )
    parts: list[RenderableType] = [Text(), table, Text(), agreement, pages]
    for title, changes in (("Got worse", comparison.worse), ("Got better", comparison.better)):
        if not changes:
            continue
        shown = _table(f"{title}{_most(len(changes), MAX_PAGES, 'changed most')}")
        for name in ("page", "site"):
            shown.add_column(name, no_wrap=True, max_width=36)
        for name in ("lines", "wrong", "before"):
            shown.add_column(name, justify="right")
        for change in changes[:MAX_PAGES]:
            counts = (f"{count:,}" for count in (change.lines, change.wrong, change.baseline_wrong))
            shown.add_row(printable(change.id), printable(change.site), *counts)
        parts += [Text(), shown]
    return Group(*parts)


def learning_curve_view(points: list[LearningCurvePoint], *, thorough: bool) -> RenderableType:
    """Macro-F1 and F1 of each label by the number of sites trained on.

    Parameters
    ----------
    points : list of LearningCurvePoint
    thorough : bool
        Whether the models were such as `boilerplate train` makes, rather than small.

    Returns
    -------
    renderable
    """
    table = _table("Learning curve: trained on so many sites, scored on others")
    for name in ("sites", "pages", "macro-F1", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("", width=BAR_WIDTH)
    for label in LABELS:
        table.add_column(label, justify="right", style=COLOURS[label])
    for point in points:
        table.add_row(
            f"{point.sites:,.0f}",
            f"{point.pages:,.0f}",
            _number(point.evaluation.macro_f1),
            _interval(point.evaluation.macro_f1_interval),
            _bar(point.evaluation.macro_f1, "default"),
            *(_number(point.evaluation.labels[label].f1) for label in LABELS),
        )
    parts: list[RenderableType] = [Text(), table]
    if not thorough:
        parts.append(
            Text(
                "Of small models: what counts is whether the curve still climbs, not how high it is. --thorough trains "
                "such as `boilerplate train` makes.",
                style="dim",
            )
        )
    return Group(*parts)


def _confusion_table(evaluation: Evaluation) -> Table:
    table = _table("Confusion (rows: given, columns: predicted)")
    table.add_column("")
    for label in LABELS:
        table.add_column(label, justify="right", header_style=COLOURS[label])
    for row, label in enumerate(LABELS):
        cells = []
        for column, count in enumerate(evaluation.confusion[row].tolist()):
            right = row == column
            cells.append(Text(f"{count:,}", style="bold green" if right else "red" if count else "dim"))
        table.add_row(Text(label, style=COLOURS[label]), *cells)
    return table


def _rates_table(evaluation: Evaluation) -> Table:
    table = _table("Lines, pages and text")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("95 % interval", justify="right")

    def add(title: str, name: str) -> None:
        low, high = evaluation.intervals[name]
        interval = "" if math.isnan(low) else f"{low:.1%} to {high:.1%}"
        table.add_row(title, _percent(evaluation.metrics[name]), interval)

    add("lines right", "accuracy")
    add("pages without an error", "flawless-pages")
    for how, prefix in (("most probable labels", "text"), ("clean", "clean")):
        if prefix == "text" or evaluation.cleaned is not None:
            add(f"body characters kept, {how}", f"{prefix}-recall")
            add(f"kept characters that are body, {how}", f"{prefix}-precision")
            add(f"other characters removed, {how}", f"{prefix}-noise-removed")
    return table


def _breakdown_table(name: str, rows: list[BreakdownRow]) -> Table:
    by_errors = name == "site"
    if by_errors:
        rows = sorted(rows, key=lambda row: -row.wrong)
    order = "with most wrong lines" if by_errors else "with most lines"
    bands = name in ("length", "position")
    table = _table(BREAKDOWNS[name] + ("" if bands else _most(len(rows), MAX_ROWS, order)))
    table.add_column("", no_wrap=True, min_width=12, max_width=24)
    for column in ("pages", "lines", "wrong", "macro-F1"):
        table.add_column(column, justify="right", no_wrap=True)
    # Single sites have none.
    with_intervals = not all(math.isnan(row.macro_f1_interval[0]) for row in rows)
    if with_intervals:
        table.add_column("95 % interval", justify="right", no_wrap=True)
    for label in LABELS:
        table.add_column("foreign" if label == "foreign-caption" else label, justify="right", no_wrap=True)
    for row in rows if bands else rows[:MAX_ROWS]:
        table.add_row(
            printable(row.key) or "not given",
            f"{row.pages:,}",
            f"{row.lines:,}",
            f"{row.wrong:,}",
            _graded(row.macro_f1),
            *([_interval(row.macro_f1_interval)] if with_intervals else []),
            *(_graded(row.f1[label]) for label in LABELS),
        )
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def _most(count: int, shown: int, which: str) -> str:
    return f", the {shown} of {count:,} {which}" if count > shown else ""


def _bar(value: float, colour: str) -> RenderableType:
    if math.isnan(value):
        return ""
    filled = int(value * BAR_WIDTH)
    return Text.assemble(("━" * filled, colour), ("─" * (BAR_WIDTH - filled), "dim"))


def _graded(value: float) -> Text:
    style = "red" if value < POOR else "yellow" if value < FAIR else ""
    return Text(_number(value), style=style)


def _interval(ends: tuple[float, float]) -> str:
    return "" if math.isnan(ends[0]) else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
