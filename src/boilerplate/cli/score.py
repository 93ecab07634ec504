"""``boilerplate score``: label the lines of scraped pages."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click

from boilerplate.cli.common import (
    BAD_INPUT,
    Complaints,
    body_recall_option,
    cleaning_threshold,
    counting,
    inputs_argument,
    keep_option,
    load_labeller,
    model_option,
    most_probable_option,
    output_file,
    text_field_option,
)
from boilerplate.errors import InputError
from boilerplate.outputs import OUTPUT_FORMATS

if TYPE_CHECKING:
    from boilerplate.corpus import Complain
    from boilerplate.inputs import ReadOptions, Scrape
    from boilerplate.outputs import OutputFormat

FORMATS = ("table", *OUTPUT_FORMATS)


@click.command()
@inputs_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="table: coloured view (default on a terminal); jsonl: one object a page (default elsewhere); csv: one row a "
    "line (default for -o NAME.csv); text: what `clean` prints; annotated: JSON Lines to correct by hand and train on.",
)
@keep_option
@body_recall_option
@most_probable_option
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@model_option
@text_field_option
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Mark lines as uncertain whose label is less probable than this.",
)
def score(
    inputs: tuple[str, ...],
    format_: str | None,
    keep: tuple[str, ...],
    body_recall: float,
    most_probable: bool,
    output: Path | None,
    model_path: Path | None,
    text_field: str,
    min_confidence: float | None,
) -> None:
    """Label every line of scraped pages.

    INPUT is any number of text files (a page each), JSON Lines files (.jsonl, .jsonl.gz), page files (.page), folders
    of these, or - for standard input (also the default). --keep, --body-recall and --most-probable are for --format
    text; the other formats hold every line, with its most probable label.

    \b
    boilerplate score page.txt
    boilerplate score scrapes/ --format csv -o lines.csv
    boilerplate score spider.jsonl.gz --text-field content -o scored.jsonl
    trafilatura -u URL | boilerplate score --format text --keep body,caption
    """
    from boilerplate.inputs import ReadOptions
    from boilerplate.outputs import WriteOptions, Writer, open_writer, output_format_of_name
    from boilerplate.scoring import score_pages

    on_terminal = output is None and sys.stdout.isatty()
    if format_ is None:
        named = output_format_of_name(output.name) if output else None
        format_ = "table" if on_terminal else named or "jsonl"

    def writer(out: IO[bytes]) -> Writer:
        if format_ == "table":
            from boilerplate.cli.view import TableWriter

            return TableWriter(out if output else None, min_confidence)
        return open_writer(cast("OutputFormat", format_), out, WriteOptions(min_confidence, keep, threshold))

    complaints = Complaints()
    count = 0
    model = load_labeller(model_path)
    threshold = cleaning_threshold(model, body_recall, most_probable)
    scrapes = read_scrapes(inputs or ("-",), ReadOptions(text_field), complaints)
    with output_file(output) as out, counting(score_pages(scrapes, model), "pages", on_terminal) as pages:
        write = writer(out)
        for count, page in enumerate(pages, 1):  # noqa: B007  the count is used below
            write.write(page)
        write.close()
    if complaints.count:
        click.echo(f"boilerplate: {count} pages scored, {complaints.count} could not be read", err=True)
        raise click.exceptions.Exit(BAD_INPUT)


def read_scrapes(inputs: Iterable[str], options: ReadOptions, complain: Complain) -> Iterator[Scrape]:
    """All pages of the inputs; what cannot be read is complained of."""
    from boilerplate.inputs import Reject, Shard, list_sources, read_shard

    for source in list_sources(inputs, None, options.text_field, complain):
        try:
            for item in read_shard(Shard(source), options):
                if isinstance(item, Reject):
                    complain(item.error)
                else:
                    yield item
        except InputError as error:
            complain(error)
