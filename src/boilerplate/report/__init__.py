"""The HTML report of an evaluation: one file that needs no network and shows the lines behind its figures.

=========== ==================================================
`excerpts`  which lines to show, and the lines around them
`content`   what the templates are filled with
`plots`     reliability, precision and recall, bands, learning
`svg`       plots as part of a page: colours, names, sizes
`rendering` templates, style and script put together
=========== ==================================================

Needs Jinja2 and matplotlib: ``pip install 'boilerplate[report]'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boilerplate.evaluation import Comparison, Evaluation, PredictedLines
    from boilerplate.learning_curve import LearningCurvePoint


def write_report(
    file: IO[bytes],
    *,
    lines: PredictedLines,
    evaluation: Evaluation,
    model: dict[str, Any],
    data: Sequence[str] = (),
    baseline: PredictedLines | None = None,
    baseline_model: dict[str, Any] | None = None,
    comparison: Comparison | None = None,
    learning_curve: Sequence[LearningCurvePoint] | None = None,
    title: str | None = None,
    note: str | None = None,
) -> None:
    """Write the report of an evaluation.

    Equal input gives equal bytes, with the same versions of the libraries: no date is in it.

    Parameters
    ----------
    file : binary file
    lines : PredictedLines
        With probabilities.
    evaluation : Evaluation
        Of these lines.
    model : dict
        What is known of the model: ``name``, and optionally ``state_digest``, ``created``, ``training_pages``,
        ``training_sites`` and ``trained_on_these_pages``.
    data : sequence of str
        Names of the files and folders that the pages come from.
    baseline : PredictedLines, optional
        What another model says of the same pages; `baseline_model` and `comparison` belong to it.
    baseline_model : dict, optional
    comparison : Comparison, optional
    learning_curve : sequence of LearningCurvePoint, optional
    title : str, optional
        Instead of one that names the model.
    note : str, optional
        A remark for the top.

    Raises
    ------
    ImportError
        If Jinja2 or matplotlib is not installed.
    ValueError
        Without probabilities.
    """
    from boilerplate.report.content import report_content
    from boilerplate.report.rendering import render

    content = report_content(
        lines=lines,
        evaluation=evaluation,
        model=model,
        data=data,
        baseline=baseline,
        baseline_model=baseline_model,
        comparison=comparison,
        learning_curve=learning_curve,
        title=title,
        note=note,
    )
    file.write(render(content).encode("utf-8", "replace"))
