"""The plots of a report, by matplotlib, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from boilerplate.labels import LABELS, Label
from boilerplate.report.svg import ACCENT, GRID, INK, LABEL_INK, MUTED, inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from boilerplate.evaluation import BreakdownRow, CalibrationBin
    from boilerplate.evaluation.curves import PrecisionRecallCurve
    from boilerplate.learning_curve import LearningCurvePoint

SMALL: Final = (2.9, 2.75)
WIDE: Final = (4.9, 3.5)
"""Inches of 72 points, a point being about a pixel on a phone."""

MARKERS: Final[dict[Label, str]] = {"body": "o", "caption": "s", "foreign-caption": "^", "promo": "D"}
DASHES: Final[dict[Label, str]] = {"body": "-", "caption": "--", "foreign-caption": "-.", "promo": ":"}
"""Labels differ by more than their colour."""

MAX_POINTS: Final = 300
"""Of a curve; more cannot be seen."""

_STYLE: Final[Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": INK,
}


def reliability_plot(label: Label, bins: Sequence[CalibrationBin], error: float) -> str:
    """Share of lines that have a label against the probability that was promised, in bins of equal mass."""
    with _axes(SMALL) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        promised, held = [part.mean_probability for part in bins], [part.share for part in bins]
        for part in bins:
            axes.plot([part.low, part.high], [part.share] * 2, color=LABEL_INK[label], linewidth=1, alpha=0.5)
        axes.plot(promised, held, color=LABEL_INK[label], marker=MARKERS[label], linewidth=1.2)
        _unit_square(axes)
        axes.set(title=label, xlabel=f"probability of {label}", ylabel="share of lines")
        worst = max(bins, key=lambda part: abs(part.mean_probability - part.share))
        text = (
            f"{len(bins)} bins of about equally many lines. Expected calibration error {error:.3f}. Farthest apart: "
            f"promised {worst.mean_probability:.2f}, held {worst.share:.2f}."
        )
        return inline_svg(figure, f"reliability-{label}", f"Reliability of the probability of {label}", text)


def precision_recall_plot(curves: dict[Label, PrecisionRecallCurve]) -> str:
    """Precision against recall of each label."""
    with _axes(WIDE) as (figure, axes):
        for label, curve in curves.items():
            step = max(1, math.ceil(len(curve.recall) / MAX_POINTS))
            points = [*range(0, len(curve.recall), step), len(curve.recall) - 1]
            axes.plot(
                curve.recall[points],
                curve.precision[points],
                color=LABEL_INK[label],
                linestyle=DASHES[label],
                label=label,
            )
        _unit_square(axes)
        axes.set(xlabel="recall", ylabel="precision")
        _legend(figure)
        averages = ", ".join(f"{label} {curve.average_precision:.3f}" for label, curve in curves.items())
        return inline_svg(figure, "precision-recall", "Precision against recall", f"Average precision: {averages}.")


def bands_plot(name: str, title: str, xlabel: str, rows: Sequence[BreakdownRow]) -> str:
    """F1 of each label over bands of pages or lines, and the macro-F1."""
    with _axes(WIDE) as (figure, axes):
        places = range(len(rows))
        axes.plot(places, [row.macro_f1 for row in rows], color=INK, linewidth=2.4, label="macro-F1")
        for label in LABELS:
            values = [row.f1[label] for row in rows]
            if not all(map(math.isnan, values)):
                axes.plot(
                    places,
                    values,
                    color=LABEL_INK[label],
                    marker=MARKERS[label],
                    linestyle=DASHES[label],
                    linewidth=1.3,
                    label=label,
                )
        short = [row.key.removesuffix(" lines").removesuffix(" %") for row in rows]
        axes.set_xticks(list(places), short, rotation=35 if len(rows) > 6 else 0)
        axes.set_ylim(0, 1.03)
        axes.set(xlabel=xlabel, ylabel="F1")
        _legend(figure)
        text = "Macro-F1: " + ", ".join(f"{row.key} {_shown(row.macro_f1)}" for row in rows) + "."
        return inline_svg(figure, name, title, text)


def learning_curve_plot(points: Sequence[LearningCurvePoint]) -> str:
    """F1 on held-out sites against the number of sites trained on."""
    with _axes(WIDE) as (figure, axes):
        sites = [point.sites for point in points]
        macro = [point.evaluation.macro_f1 for point in points]
        ends = [point.evaluation.macro_f1_interval for point in points]
        if not any(math.isnan(low) for low, _ in ends):
            low, high = ([end[side] for end in ends] for side in (0, 1))
            axes.fill_between(sites, low, high, color=ACCENT, alpha=0.18, linewidth=0)
        axes.plot(sites, macro, color=INK, linewidth=2.4, marker="o", label="macro-F1")
        for label in LABELS:
            axes.plot(
                sites,
                [point.evaluation.labels[label].f1 for point in points],
                color=LABEL_INK[label],
                marker=MARKERS[label],
                linestyle=DASHES[label],
                linewidth=1.3,
                label=label,
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(sites, [f"{number:,.0f}" for number in sites])
        axes.minorticks_off()
        axes.set_ylim(0, 1.03)
        axes.set(xlabel="sites trained on", ylabel="F1 on other sites")
        _legend(figure)
        text = (
            "Macro-F1: " + ", ".join(f"{n:,.0f} sites {_shown(f1)}" for n, f1 in zip(sites, macro, strict=True)) + "."
        )
        return inline_svg(figure, "learning-curve", "Learning curve", text)


@contextmanager
def _axes(size: tuple[float, float]) -> Iterator[tuple[Figure, Axes]]:
    """An empty plot in our style; without pyplot, which would keep it."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=72, layout="constrained")
        axes = figure.subplots()
        axes.set_axisbelow(True)
        yield figure, axes


def _legend(figure: Figure) -> None:
    """Above the plot, where no line runs through it."""
    figure.legend(loc="outside upper left", ncols=3)


def _unit_square(axes: Axes) -> None:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), xticks=ticks, yticks=ticks)
    axes.set_xticklabels(["0", ".25", ".5", ".75", "1"])
    axes.set_yticklabels(["0", ".25", ".5", ".75", "1"])


def _shown(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{value:.3f}"
