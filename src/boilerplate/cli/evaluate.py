"""``boilerplate evaluate``: how right the labels are."""

from __future__ import annotations

from pathlib import Path

import click

from boilerplate.cli.common import MAX_SEED, load_labeller, model_option, print_json, progress_bar, read_annotated
from boilerplate.errors import BoilerplateError

MISSED = 1


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--fail-under", type=click.FloatRange(0, 1), metavar="MACRO-F1", help="Exit with 1 if macro-F1 is below this."
)
@click.option("--reviewed-only", is_flag=True, help="Leave out pages whose field 'reviewed' is false.")
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(1), help="Bootstrap samples of sites."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, MAX_SEED), help="Seed of the bootstrap.")
def evaluate(
    data: tuple[Path, ...],
    model_path: Path | None,
    format_: str,
    fail_under: float | None,
    reviewed_only: bool,
    resamples: int,
    seed: int,
) -> None:
    """Compare a model's labels with those of annotated pages.

    DATA is any number of .jsonl, .jsonl.gz and .page files, and folders of these; pages that the model was not trained
    on, or the figures mean little.

    \b
    boilerplate evaluate held-out/
    boilerplate evaluate held-out/ --model my.joblib --fail-under 0.9
    boilerplate evaluate pages.jsonl.gz --format json > report.json
    """
    from boilerplate.cli.view import console, evaluation_view
    from boilerplate.evaluation import evaluate_pages
    from boilerplate.labels import LABELS

    pages = read_annotated(data)
    if reviewed_only:
        pages = [page for page in pages if page.extra.get("reviewed") is not False]
        if not pages:
            raise BoilerplateError("no reviewed page among these; leave out --reviewed-only")
    model = load_labeller(model_path)
    probabilities = []
    step = 64
    with progress_bar("evaluating") as progress:
        for start in range(0, len(pages), step):
            probabilities += model.predict_proba([page.text for page in pages[start : start + step]])
            progress("evaluating", min(start + step, len(pages)) / len(pages))
    evaluation = evaluate_pages(
        pages,
        [[LABELS[column] for column in page.argmax(axis=1)] for page in probabilities],
        probabilities,
        cleaning_threshold=model.cleaning_threshold(),
        n_resamples=resamples,
        random_state=seed,
    )
    if format_ == "json":
        print_json(evaluation.to_dict())
    else:
        console().print(evaluation_view(evaluation))
    # Written so that an undefined macro-F1 misses the threshold too.
    if fail_under is not None and not evaluation.macro_f1 >= fail_under:
        click.echo(f"boilerplate: macro-F1 {evaluation.macro_f1:.4f} is below {fail_under}", err=True)
        raise click.exceptions.Exit(MISSED)
