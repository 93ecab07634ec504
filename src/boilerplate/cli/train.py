"""``boilerplate train``: a model from annotated pages."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boilerplate.cli.common import (
    MAX_SEED,
    fit_on_pages,
    folds_option,
    is_doubtful,
    read_annotated,
    training_jobs_option,
    weights_of,
)
from boilerplate.errors import InputError

if TYPE_CHECKING:
    from boilerplate.corpus import AnnotatedPage


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Model file to write."
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, MAX_SEED),
    help="Equal pages, options and seed give an equal model.",
)
@folds_option
@training_jobs_option
@click.option(
    "--unreviewed-weight",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Weight of pages whose field 'reviewed' is false, against 1 for all others.",
)
@click.option("--date", help="Date for the manifest instead of today's; makes the file itself reproducible.")
def train(
    data: tuple[Path, ...],
    output: Path,
    seed: int,
    folds: int,
    jobs: int,
    unreviewed_weight: float,
    date: str | None,
) -> None:
    """Train a model on annotated pages.

    DATA is any number of .jsonl, .jsonl.gz and .page files, and folders of these. Pages are split by their site: each
    is scored by models fitted without its site, and these scores are printed and kept in the model's manifest. The
    model that is saved has seen all.

    \b
    boilerplate train my-pages/ -o my.joblib
    boilerplate score scrape.txt --model my.joblib
    """
    from boilerplate.cli.evaluation_view import scores_table
    from boilerplate.cli.view import console
    from boilerplate.evaluation import evaluate_pages
    from boilerplate.labels import LABELS
    from boilerplate.model import LineClassifier
    from boilerplate.operating_point import curve_summary
    from boilerplate.persistence import save_model

    check_output(output)
    pages = read_annotated(data)
    weights = weights_of(pages, unreviewed_weight)
    model = LineClassifier(random_state=seed, n_folds=folds, n_jobs=jobs)
    fit_on_pages(model, pages, weights)
    trusted = [number for number, page in enumerate(pages) if weights[number] and not is_doubtful(page)]
    # Without any other pages, doubtful ones are better than nothing.
    trusted = trusted or [number for number, weight in enumerate(weights) if weight]
    probabilities = [model.held_out_probabilities_[number] for number in trusted]
    evaluation = evaluate_pages(
        [pages[number] for number in trusted],
        [[LABELS[column] for column in page.argmax(axis=1)] for page in probabilities],
        probabilities,
        cleaning_threshold=model.cleaning_threshold(),
        random_state=seed,
    )
    manifest = save_model(
        model,
        output,
        training={
            **training_summary([page for page, weight in zip(pages, weights, strict=True) if weight > 0]),
            "unreviewed_weight": unreviewed_weight,
            "command": training_command(click.get_current_context()),
        },
        scores=held_out_scores(evaluation),
        cleaning=curve_summary(model.labeller_.cleaning_curve),
        date=date,
    )
    # Printed when the file is safe: the reader of what is printed may have gone.
    console().print(scores_table(evaluation, "On held-out sites"))
    size = output.stat().st_size / 1e6
    click.echo(f"{output}: {size:.1f} MB, state {manifest['state_digest'][:16]}")


def check_output(path: Path) -> None:
    """See that a model can be written there, before a training that may take hours.

    Raises
    ------
    InputError
    """
    if path.name.endswith(".gz"):
        raise InputError(path, "a model is compressed already; choose a name without .gz, such as model.joblib")
    if not path.parent.is_dir():
        raise InputError(path, "cannot be written: no such folder; make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(path, "cannot be written: no permission to write to its folder")


def training_summary(pages: list[AnnotatedPage]) -> dict[str, Any]:
    """What the manifest says of the training pages."""
    from collections import Counter

    from boilerplate.corpus import fingerprint
    from boilerplate.labels import LABELS

    lines = Counter(label for page in pages for label in page.labels)
    languages = Counter(page.lang or "unknown" for page in pages)
    return {
        "fingerprint": fingerprint(pages),
        "pages": len(pages),
        "unreviewed_pages": sum(map(is_doubtful, pages)),
        "sites": len({page.group for page in pages}),
        "lines": {label: lines[label] for label in LABELS},
        "languages": dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))),
    }


def training_command(ctx: click.Context) -> str:
    """The command line that trains this model, but for what does not change it: file, date, processes."""
    words = ["boilerplate", "train", *map(str, ctx.params["data"])]
    for option in ctx.command.params:
        value = ctx.params[str(option.name)]
        if option.name not in ("data", "output", "date", "jobs") and value != option.get_default(ctx):
            words += [option.opts[0], str(value)]
    return shlex.join(words)


def held_out_scores(evaluation: Any) -> dict[str, Any]:
    """What the manifest says of the scores on held-out sites: the evaluation without what is as long as the data."""
    scores: dict[str, Any] = evaluation.to_dict()
    breakdowns = {name: rows for name, rows in scores["breakdowns"].items() if name != "site"}
    return {**scores, "breakdowns": breakdowns}
