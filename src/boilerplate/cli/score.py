"""``boilerplate score``: label the lines of scraped pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click

from boilerplate.cli.common import (
    ByteSize,
    body_recall_option,
    cleaning_threshold,
    inputs_argument,
    jobs_option,
    keep_option,
    load_labeller,
    model_file,
    model_option,
    most_probable_option,
    output_file,
    text_field_option,
)
from boilerplate.outputs import OUTPUT_FORMATS

if TYPE_CHECKING:
    from boilerplate.outputs import OutputFormat, Writer

FORMATS = ("table", *OUTPUT_FORMATS)
DEFAULT_SHARD_SIZE = "32MB"
NOT_OF_OUTPUT = frozenset(("inputs", "output", "model_path", "jobs", "dask", "run_dir", "resume", "rejects", "strict"))
"""Parameters that change nothing in outputs, or that a run directory has a record of in another way."""


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
@jobs_option
@click.option(
    "--run-dir",
    metavar="DIR",
    help="Work in shards, each with an output file in this new folder (or s3://… URL), so that a killed run can go on.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir, or begin it if there is none.")
@click.option(
    "--shard-size",
    type=ByteSize(),
    help=f"About how much input makes a shard of --run-dir; {DEFAULT_SHARD_SIZE} by default.",
)
@click.option("--dask", metavar="ADDRESS", help="Score the shards of --run-dir on this Dask cluster (tcp://…:8786).")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the records that cannot be read (JSON Lines), which then are no error; --run-dir has its own.",
)
@click.option("--strict", is_flag=True, help="Stop at the first record that cannot be read.")
@click.pass_context
def score(
    ctx: click.Context,
    inputs: tuple[str, ...],
    format_: str | None,
    keep: tuple[str, ...],
    body_recall: float,
    most_probable: bool,
    output: Path | None,
    model_path: Path | None,
    text_field: str,
    min_confidence: float | None,
    jobs: int,
    run_dir: str | None,
    resume: bool,
    shard_size: int | None,
    dask: str | None,
    rejects: Path | None,
    strict: bool,
) -> None:
    """Label every line of scraped pages.

    INPUT is any number of text files (a page each), JSON Lines files (.jsonl, .jsonl.gz), page files (.page), folders
    of these, or - for standard input (also the default). --keep, --body-recall and --most-probable are for --format
    text; the other formats hold every line, with its most probable label.

    \b
    boilerplate score page.txt
    boilerplate score scrapes/ --format csv -o lines.csv
    boilerplate score spider.jsonl.gz --text-field content -o scored.jsonl
    boilerplate score crawl/*.jsonl -j -1 --run-dir scored/ --resume
    trafilatura -u URL | boilerplate score --format text --keep body,caption
    """
    from boilerplate.cli.runs import rejects_to, score_here, score_in_folder, score_on_cores, sources_of_run
    from boilerplate.inputs import ReadOptions, list_sources
    from boilerplate.outputs import WriteOptions, open_writer, output_format_of_name

    _check_combination(ctx)
    on_terminal = output is None and run_dir is None and sys.stdout.isatty()
    if format_ is None:
        named = output_format_of_name(output.name) if output else None
        format_ = "table" if on_terminal else named or "jsonl"
    model = load_labeller(model_path)
    reading = ReadOptions(text_field)
    writing = WriteOptions(min_confidence, keep, cleaning_threshold(model, body_recall, most_probable))

    if run_dir is not None:
        score_in_folder(
            sources_of_run(inputs, lambda names: list_sources(names, None, text_field)),
            run_dir,
            model_file(model_path),
            cast("OutputFormat", format_),
            reading,
            writing,
            options={name: value for name, value in ctx.params.items() if name not in NOT_OF_OUTPUT},
            shard_bytes=shard_size or ByteSize().convert(DEFAULT_SHARD_SIZE, None, ctx),
            resume=resume,
            strict=strict,
            jobs=jobs,
            dask=dask,
        )
        return

    def writer(out: IO[bytes]) -> Writer:
        if format_ == "table":
            from boilerplate.cli.view import TableWriter

            return TableWriter(out if output else None, min_confidence)
        return open_writer(cast("OutputFormat", format_), out, writing)

    with rejects_to(rejects, strict) as rejected:
        sources = list_sources(inputs or ("-",), None, text_field, rejected.missing)
        with output_file(output) as out:
            if jobs == 1 or format_ == "table":
                tally = score_here(sources, model, reading, writer(out), rejected, bar_hidden=on_terminal)
            else:
                tally = score_on_cores(
                    sources,
                    model_file(model_path),
                    cast("OutputFormat", format_),
                    reading,
                    writing,
                    out,
                    rejected,
                    jobs=jobs,
                    bar_hidden=on_terminal,
                )
    rejected.conclude(tally)


def _check_combination(ctx: click.Context) -> None:
    """Refuse options that exclude each other.

    Raises
    ------
    click.UsageError
    """
    given = ctx.params
    if given["run_dir"] is None:
        for name in ("resume", "shard_size", "dask"):
            if given[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} needs --run-dir")
    else:
        for name, why in {
            "output": "its outputs are in its folder output/",
            "rejects": "its rejects are in its folder rejects/",
        }.items():
            if given[name]:
                raise click.UsageError(f"--{name} and --run-dir exclude each other: {why}")
        if given["format_"] == "table":
            raise click.UsageError("--run-dir takes any --format but table")
    if given["dask"] and given["jobs"] != 1:
        raise click.UsageError("--dask and --jobs exclude each other: the cluster has as many workers as it has")
    if given["strict"] and given["rejects"]:
        raise click.UsageError("--strict and --rejects exclude each other")
