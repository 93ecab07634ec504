"""``boilerplate clean``: the body text only."""

from __future__ import annotations

from pathlib import Path

import click

from boilerplate.cli.common import (
    body_recall_option,
    inputs_argument,
    jobs_option,
    keep_option,
    model_option,
    most_probable_option,
    text_field_option,
)


@click.command()
@inputs_argument
@keep_option
@body_recall_option
@most_probable_option
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@model_option
@text_field_option
@jobs_option
@click.pass_context
def clean(
    ctx: click.Context,
    inputs: tuple[str, ...],
    keep: tuple[str, ...],
    body_recall: float,
    most_probable: bool,
    output: Path | None,
    model_path: Path | None,
    text_field: str,
    jobs: int,
) -> None:
    """Print the body text of scraped pages; a blank line stands between pages.

    INPUT is what `boilerplate score` takes. A lost paragraph is worse than a caption that stays, so lines stay here
    that `score` calls something else: as many as it takes to keep --body-recall of the body.

    \b
    boilerplate clean page.txt > body.txt
    trafilatura -u URL | boilerplate clean
    boilerplate clean scrapes/ --keep body,caption -o corpus.txt
    boilerplate clean scrapes/ --body-recall 0.95 -o strict.txt
    """
    from boilerplate.cli.score import score

    ctx.invoke(
        score,
        inputs=inputs,
        format_="text",
        keep=keep,
        body_recall=body_recall,
        most_probable=most_probable,
        output=output,
        model_path=model_path,
        text_field=text_field,
        min_confidence=None,
        jobs=jobs,
    )
