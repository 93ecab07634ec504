"""``boilerplate clean``: the body text only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from boilerplate.cli.common import (
    body_recall_option,
    clean_field_option,
    input_format_option,
    inputs_argument,
    jobs_option,
    keep_option,
    max_record_option,
    min_quality_option,
    model_option,
    most_probable_option,
    output_option,
    text_field_option,
)

if TYPE_CHECKING:
    from boilerplate.inputs import Format
    from boilerplate.outputs import OutputFormat


@click.command()
@inputs_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "jsonl", "csv", "parquet")),
    help="text: the text alone; jsonl, csv, parquet: the records as they came, with their text cleaned and their "
    "quality. The end of the output's name (.jsonl, .csv, .parquet) decides where this does not; text otherwise.",
)
@keep_option
@body_recall_option
@most_probable_option
@clean_field_option
@min_quality_option
@output_option
@model_option
@input_format_option
@text_field_option
@max_record_option
@jobs_option
@click.pass_context
def clean(
    ctx: click.Context,
    inputs: tuple[str, ...],
    format_: OutputFormat | None,
    keep: tuple[str, ...],
    body_recall: float,
    most_probable: bool,
    clean_field: str | None,
    min_quality: float | None,
    output: str | None,
    model_path: Path | None,
    input_format: Format | None,
    text_field: str,
    max_record_bytes: int,
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
    boilerplate clean spider.parquet --min-quality 0.5 -o good.parquet
    """
    from boilerplate.cli.score import score
    from boilerplate.outputs import output_format_of_name

    format_ = format_ or (output_format_of_name(output) if output else None) or "text"
    ctx.invoke(
        score,
        inputs=inputs,
        format_=format_,
        input_format=input_format,
        no_lines=format_ != "text",
        clean_field=clean_field if format_ == "text" else clean_field or text_field,
        min_quality=min_quality,
        keep=keep,
        body_recall=body_recall,
        most_probable=most_probable,
        output=output,
        model_path=model_path,
        text_field=text_field,
        max_record_bytes=max_record_bytes,
        min_confidence=None,
        jobs=jobs,
    )
