"""``boilerplate evaluate``: how right the labels are."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from boilerplate.cli.common import (
    MAX_SEED,
    is_doubtful,
    load_labeller,
    model_option,
    output_file,
    print_json,
    progress_bar,
    read_annotated,
    training_jobs_option,
    weights_of,
)
from boilerplate.errors import BoilerplateError, InputError

if TYPE_CHECKING:
    from boilerplate.corpus import AnnotatedPage
    from boilerplate.evaluation import Comparison, Evaluation, PredictedLines
    from boilerplate.learning_curve import LearningCurvePoint

MISSED = 1
SMALL_MODEL: Final[dict[str, int]] = {
    "n_folds": 2,
    "n_networks": 1,
    "n_layers": 3,
    "hidden_units": 24,
    "hash_bits": 15,
    "text_iterations": 20,
}
"""What is enough to see whether a learning curve climbs, in a fraction of the time."""
UNREVIEWED_WEIGHT = 0.2
"""Of pages whose field 'reviewed' is false, in a learning curve; what ``boilerplate train`` gives them by default."""


class Bar(click.ParamType):
    """A figure and the least that it has to be: ``0.9`` for the macro-F1, or ``clean-recall=0.99``."""

    name = "bar"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Check name and number."""
        from boilerplate.evaluation import METRICS

        if isinstance(value, tuple):
            return value
        name, _, number = str(value).rpartition("=")
        name = name.strip() or "macro-f1"
        if name not in METRICS:
            near = difflib.get_close_matches(name.lower(), METRICS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "figures: " + ", ".join(METRICS)
            self.fail(f"unknown figure {name!r}; {hint}", param, ctx)
        try:
            bar = float(number)
        except ValueError:
            self.fail(f"{number!r} is not a number", param, ctx)
        # Written so that NaN fails, too.
        if not 0 <= bar <= 1:
            self.fail(f"{number} is not between 0 and 1", param, ctx)
        return name, bar


@dataclass(frozen=True)
class Judged:
    """A model, and what is known of its labels."""

    name: str
    manifest: dict[str, Any]
    lines: PredictedLines
    evaluation: Evaluation


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@click.option(
    "--baseline",
    "baseline_path",
    type=click.Path(path_type=Path),
    help="Model file to compare with, on the same pages.",
)
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report, one HTML file with figures, plots and the errors in context.",
)
@click.option("--title", help="Title of the report.")
@click.option("--note", help="A remark for the top of the report.")
@click.option(
    "--learning-curve",
    "with_learning_curve",
    is_flag=True,
    help="Also train small models on growing shares of DATA's sites and score them on others.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="Train the models of --learning-curve as `boilerplate train` does: takes many times as long.",
)
@training_jobs_option
@click.option(
    "--fail-under",
    "bars",
    type=Bar(),
    multiple=True,
    metavar="[FIGURE=]SHARE",
    help="Exit with 1 if macro-F1, or the figure named, is below this. May be given several times.",
)
@click.option(
    "--fail-if-worse",
    is_flag=True,
    help="Exit with 1 if macro-F1 is below the baseline's by more than chance: the whole 95 % interval below 0.",
)
@click.option("--reviewed-only", is_flag=True, help="Leave out pages whose field 'reviewed' is false.")
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(1), help="Bootstrap samples of sites."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, MAX_SEED), help="Seed of the bootstrap.")
def evaluate(
    data: tuple[Path, ...],
    model_path: Path | None,
    baseline_path: Path | None,
    format_: str,
    report_path: Path | None,
    title: str | None,
    note: str | None,
    with_learning_curve: bool,
    thorough: bool,
    jobs: int,
    bars: tuple[tuple[str, float], ...],
    fail_if_worse: bool,
    reviewed_only: bool,
    resamples: int,
    seed: int,
) -> None:
    """Compare a model's labels with those of annotated pages.

    DATA is any number of .jsonl, .jsonl.gz and .page files, and folders of these; pages that the model was not trained
    on, or the figures mean little.

    \b
    boilerplate evaluate held-out/ --report report.html
    boilerplate evaluate held-out/ --model new.joblib --baseline old.joblib --fail-if-worse
    boilerplate evaluate held-out/ --fail-under macro-f1=0.9 --fail-under clean-recall=0.98
    boilerplate evaluate pages.jsonl.gz --format json > evaluation.json
    """
    if fail_if_worse and baseline_path is None:
        raise click.UsageError("--fail-if-worse needs --baseline, the model to compare with")
    if report_path is None and (title is not None or note is not None):
        raise click.UsageError("--title and --note are for --report")
    if thorough and not with_learning_curve:
        raise click.UsageError("--thorough is for --learning-curve")
    if report_path is not None:
        check_report(report_path)
    pages = read_annotated(data)
    if reviewed_only:
        pages = [page for page in pages if page.extra.get("reviewed") is not False]
        if not pages:
            raise BoilerplateError("no reviewed page among these; leave out --reviewed-only")
    with progress_bar("evaluating") as progress:
        new = judge(pages, model_path, resamples, seed, lambda share: progress("evaluating", share))
    old = comparison = None
    if baseline_path is not None:
        with progress_bar("evaluating") as progress:
            old = judge(pages, baseline_path, resamples, seed, lambda share: progress("evaluating the baseline", share))
        comparison = compared(new, old, resamples, seed)
    curve = None
    if with_learning_curve:
        curve = trained_curve(pages, thorough, jobs, resamples, seed)
    if report_path is not None:
        from boilerplate.report import write_report

        with output_file(str(report_path)) as file:
            write_report(
                file,
                lines=new.lines,
                evaluation=new.evaluation,
                model=model_summary(new, pages),
                data=["/".join(path.parts[-2:]) for path in data],
                baseline=None if old is None else old.lines,
                baseline_model=None if old is None else model_summary(old, pages),
                comparison=comparison,
                learning_curve=curve,
                title=title,
                note=note,
            )
    if format_ == "json":
        print_json(document(pages, new, old, comparison, curve))
    else:
        show(pages, new, old, comparison, curve, thorough)
        if report_path is not None:
            click.echo(f"{report_path}: {report_path.stat().st_size / 1e6:.1f} MB")
    missed = [
        f"{name} {new.evaluation.metrics[name]:.4f} is below {bar:g}"
        if not math.isnan(new.evaluation.metrics[name])
        else f"{name} does not exist on these pages, so it does not reach {bar:g}"
        for name, bar in bars
        # Written so that a figure that does not exist misses its bar too.
        if not new.evaluation.metrics[name] >= bar
    ]
    if fail_if_worse and comparison is not None and comparison.is_worse:
        macro = comparison.differences["macro-f1"]
        missed.append(f"macro-f1 {macro.value:.4f} is worse than the baseline's {macro.baseline:.4f}")
    for message in missed:
        click.echo(f"boilerplate: {message}", err=True)
    if missed:
        raise click.exceptions.Exit(MISSED)


def check_report(path: Path) -> None:
    """See that a report can be made and written there, before the work.

    Raises
    ------
    BoilerplateError
    """
    from importlib.util import find_spec

    absent = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if absent:
        raise BoilerplateError(f"--report needs {' and '.join(absent)}; pip install 'boilerplate[report]'")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(path, "cannot be written: no such folder; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(path, "cannot be written: no permission to write to its folder")


def judge(
    pages: list[AnnotatedPage], path: Path | None, resamples: int, seed: int, tell: Callable[[float], None]
) -> Judged:
    """Load a model, predict the labels of all pages and compare them with those given."""
    from boilerplate.evaluation import evaluate_lines, predicted_lines
    from boilerplate.labels import LABELS
    from boilerplate.persistence import read_manifest, shipped_path

    model = load_labeller(path)
    if path is None:
        with shipped_path().open("rb") as file:
            manifest = read_manifest(file)
    else:
        manifest = read_manifest(path)
    probabilities = []
    step = 64
    for start in range(0, len(pages), step):
        probabilities += model.predict_proba([page.text for page in pages[start : start + step]])
        tell(min(start + step, len(pages)) / len(pages))
    predicted = [[LABELS[column] for column in page.argmax(axis=1)] for page in probabilities]
    lines = predicted_lines(pages, predicted, probabilities)
    evaluation = evaluate_lines(
        lines, cleaning_threshold=model.cleaning_threshold(), n_resamples=resamples, random_state=seed
    )
    return Judged("the shipped model" if path is None else path.name, manifest, lines, evaluation)


def compared(new: Judged, old: Judged, resamples: int, seed: int) -> Comparison:
    """The two models on the same pages."""
    from boilerplate.evaluation import compare

    return compare(
        new.lines,
        old.lines,
        cleaning_threshold=new.evaluation.cleaning_threshold,
        baseline_cleaning_threshold=old.evaluation.cleaning_threshold,
        n_resamples=resamples,
        random_state=seed,
    )


def trained_curve(
    pages: list[AnnotatedPage], thorough: bool, jobs: int, resamples: int, seed: int
) -> list[LearningCurvePoint]:
    """The learning curve of these pages, of models as `boilerplate train` makes them or of small ones.

    Raises
    ------
    BoilerplateError
        If they are too few.
    """
    from boilerplate.learning_curve import learning_curve
    from boilerplate.model import LineClassifier

    settings = {} if thorough else SMALL_MODEL
    weights = weights_of(pages, UNREVIEWED_WEIGHT)
    with progress_bar("learning curve") as progress:
        try:
            return learning_curve(
                pages,
                LineClassifier(random_state=seed, n_jobs=jobs, **settings),
                sample_weight=weights,
                doubtful=[is_doubtful(page) for page in pages],
                n_resamples=resamples,
                random_state=seed,
                progress=progress,
            )
        except ValueError as error:
            raise BoilerplateError(f"--learning-curve: {error}") from None


def model_summary(judged: Judged, pages: list[AnnotatedPage]) -> dict[str, Any]:
    """Which model it is, and whether these very pages, no more and no fewer, are those that it was trained on."""
    from boilerplate.corpus import fingerprint

    training = judged.manifest.get("training") or {}
    known = training.get("fingerprint")
    return {
        "name": judged.name,
        "state_digest": judged.manifest.get("state_digest"),
        "created": judged.manifest.get("created"),
        "training_pages": training.get("pages"),
        "training_sites": training.get("sites"),
        "trained_on_these_pages": None if known is None else known == fingerprint(pages),
    }


def document(
    pages: list[AnnotatedPage],
    new: Judged,
    old: Judged | None,
    comparison: Comparison | None,
    curve: list[LearningCurvePoint] | None,
) -> dict[str, Any]:
    """What ``--format json`` prints; `docs/reports.md` describes it."""
    fields = new.evaluation.to_dict()
    baseline = None
    if old is not None:
        without_schema = {key: value for key, value in old.evaluation.to_dict().items() if key != "schema"}
        baseline = {"model": model_summary(old, pages), **without_schema}
    return {
        "schema": fields.pop("schema"),
        "model": model_summary(new, pages),
        **fields,
        "baseline": baseline,
        "comparison": None if comparison is None else comparison.to_dict(),
        "learning_curve": None if curve is None else [point.to_dict() for point in curve],
    }


def show(
    pages: list[AnnotatedPage],
    new: Judged,
    old: Judged | None,
    comparison: Comparison | None,
    curve: list[LearningCurvePoint] | None,
    thorough: bool,
) -> None:
    """Print everything for people."""
    from boilerplate.cli.evaluation_view import comparison_view, evaluation_view, learning_curve_view
    from boilerplate.cli.view import console

    terminal = console()
    trained = model_summary(new, pages)["trained_on_these_pages"]
    terminal.print(evaluation_view(new.evaluation, new.name, trained_on_these_pages=bool(trained)))
    if comparison is not None and old is not None:
        terminal.print(comparison_view(comparison, new.name, old.name))
    if curve is not None:
        terminal.print(learning_curve_view(curve, thorough=thorough))
