"""``boilerplate score``: label the lines of scraped pages."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

from boilerplate.cli.common import (
    ByteSize,
    NothingToWriteError,
    body_recall_option,
    clean_field_option,
    cleaning_threshold,
    input_format_option,
    inputs_argument,
    jobs_option,
    keep_option,
    load_labeller,
    max_record_option,
    min_quality_option,
    model_file,
    model_option,
    most_probable_option,
    output_file,
    output_option,
    text_field_option,
)
from boilerplate.outputs import OUTPUT_FORMATS

if TYPE_CHECKING:
    from boilerplate.inputs import Format, ReadOptions, Source
    from boilerplate.outputs import Layout, OutputFormat, WriteOptions, Writer
    from boilerplate.runs.manifest import Manifest

FORMATS = ("table", *OUTPUT_FORMATS)
ROW_FORMATS = ("jsonl", "csv", "parquet")
"""Formats whose rows can be pages or lines."""
RESERVED_FIELDS = ("id", "path", "quality", "lines", "other_fields")
DEFAULT_SHARD_SIZE = "32MB"
NOT_OF_OUTPUT = frozenset(("inputs", "output", "model_path", "jobs", "dask", "run_dir", "resume", "rejects", "strict"))
"""Parameters that change nothing in outputs, or that a run directory has a record of in another way."""
BEGUN_RUN = "boilerplate.run"
"""Where the context holds the manifest of the run that is gone on with."""


def _take_over_options(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Let options that are not given be those of the run that is gone on with.

    As the callback of both ``--run-dir`` and ``--resume``, which click reads first of all, and in any order.
    """
    given = {**ctx.params, param.name: value}
    if given.get("run_dir") and given.get("resume"):
        from boilerplate.runs.folder import folder_at
        from boilerplate.runs.run import begun_run

        begun = begun_run(folder_at(given["run_dir"]))
        if begun is not None:
            ctx.meta[BEGUN_RUN] = begun
            names = {name.rstrip("_"): name for name in (other.name for other in ctx.command.params) if name}
            ctx.default_map = {
                names[name]: tuple(value) if isinstance(value, list) else value
                for name, value in begun.options.items()
                if name in names and value is not None
            }
    return value


@click.command()
@inputs_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="table: coloured view (default on a terminal); jsonl: one object a page (default elsewhere); csv: one row a "
    "line; parquet: one row a page; text: what `clean` prints; annotated: JSON Lines to correct by hand and train on. "
    "The end of the output's name (.csv, .parquet, .txt) decides where this does not.",
)
@input_format_option
@click.option("--per-line", is_flag=True, help="One row a line, not one a page (jsonl, parquet; csv is so anyway).")
@click.option("--no-lines", is_flag=True, help="One row a page, its lines left out (jsonl, csv, parquet).")
@clean_field_option
@min_quality_option
@keep_option
@body_recall_option
@most_probable_option
@output_option
@model_option
@text_field_option
@max_record_option
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Mark lines as uncertain whose label is less probable than this.",
)
@jobs_option
@click.option(
    "--run-dir",
    metavar="DIR",
    is_eager=True,
    callback=_take_over_options,
    help="Work in shards, each with an output file in this new folder (or s3://… URL), so that a killed run can go on.",
)
@click.option(
    "--resume",
    is_flag=True,
    is_eager=True,
    callback=_take_over_options,
    help="Go on with the run in --run-dir, or begin it if there is none. Inputs and options need not be given again.",
)
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
    input_format: Format | None,
    per_line: bool,
    no_lines: bool,
    clean_field: str | None,
    min_quality: float | None,
    keep: tuple[str, ...],
    body_recall: float,
    most_probable: bool,
    output: str | None,
    model_path: Path | None,
    text_field: str,
    max_record_bytes: int,
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

    INPUT is any number of files: text and HTML (a page each), JSON Lines, CSV, TSV and Parquet (a page a record), WARC
    and WET, page files; also compressed (.gz, .zst, .bz2, .xz), folders and patterns of these, URLs (s3://, gs://,
    hf://, https://), or - for standard input (also the default). --keep, --body-recall and --most-probable are for
    --format text and --clean-field; lines always have their most probable label.

    \b
    boilerplate score page.txt
    boilerplate score scrapes/ --format csv -o lines.csv
    boilerplate score spider.jsonl.gz --text-field content -o scored.jsonl
    boilerplate score crawl.warc.gz --min-quality 0.5 --clean-field body_text -o good.parquet
    boilerplate score crawl/*.jsonl -j -1 --run-dir scored/ --resume
    trafilatura -u URL | boilerplate score --format text --keep body,caption
    """
    from boilerplate.cli.runs import (
        model_of_run,
        rejects_to,
        score_here,
        score_in_folder,
        score_on_cores,
        sources_of_run,
    )
    from boilerplate.inputs import ReadOptions, copied, list_sources
    from boilerplate.outputs import WriteOptions, open_writer, output_format_of_name
    from boilerplate.persistence import load_labeller as load_labeller_of

    on_terminal = output is None and run_dir is None and sys.stdout.isatty()
    if format_ is None:
        named = output_format_of_name(output) if output else None
        format_ = "table" if on_terminal and not (per_line or no_lines or clean_field) else named or "jsonl"
    _check_combination(ctx, format_)
    begun: Manifest | None = ctx.meta.get(BEGUN_RUN)
    kept_model = model_of_run(run_dir) if begun and run_dir and not model_path else None
    model = load_labeller(model_path) if kept_model is None else load_labeller_of(io.BytesIO(kept_model))
    reading = ReadOptions(text_field, max_record_bytes)
    writing = WriteOptions(
        min_confidence,
        keep,
        cleaning_threshold(model, body_recall, most_probable),
        layout=_layout(cast("OutputFormat", format_), per_line, no_lines, clean_field),
        clean_field=clean_field,
        text_field=text_field,
        min_quality=min_quality,
    )

    listed = partial(list_sources, input_format=input_format, text_field=text_field)

    if run_dir is not None:
        sources = sources_of_run(inputs, listed, begun)
        shard_bytes = shard_size or ByteSize().convert(DEFAULT_SHARD_SIZE, None, ctx)
        in_force = {**ctx.params, "format_": format_, "shard_size": shard_bytes, "keep": sorted(keep)}
        score_in_folder(
            sources,
            run_dir,
            kept_model or model_file(model_path),
            cast("OutputFormat", format_),
            reading,
            _with_columns(writing, format_, sources, reading),
            options={name.rstrip("_"): value for name, value in in_force.items() if name not in NOT_OF_OUTPUT},
            shard_bytes=shard_bytes,
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

    with ExitStack() as stack:
        rejected = stack.enter_context(rejects_to(rejects, strict))
        sources = listed(inputs or ("-",), complain=rejected.missing)
        if writing.needs_columns(format_):
            sources = stack.enter_context(copied(sources, reading))
            writing = _with_columns(writing, format_, sources, reading)
        out = stack.enter_context(output_file(output))
        if jobs == 1 or format_ == "table":
            tally = score_here(sources, model, reading, writer(out), writing.wants, rejected, bar_hidden=on_terminal)
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
        if rejected.all_failed(tally):
            raise NothingToWriteError
    if min_quality is not None:
        click.echo(f"boilerplate: {tally.dropped:,} of {tally.pages:,} pages left out for their quality", err=True)
    rejected.conclude(tally)


def _with_columns(writing: WriteOptions, format_: str, sources: Sequence[Source], reading: ReadOptions) -> WriteOptions:
    """The same options, with columns for the input's fields where the format needs them."""
    if not writing.needs_columns(format_):
        return writing
    from boilerplate.outputs.columns import plan_columns

    return replace(writing, columns=plan_columns(sources, reading, format_, writing))


def _layout(format_: str, per_line: bool, no_lines: bool, clean_field: str | None) -> Layout:
    """What a row of the output is. CSV, which cannot nest, has a row a line, or no lines."""
    if per_line:
        return "lines"
    if format_ == "csv":
        return "cleaned" if no_lines or clean_field else "lines"
    return "cleaned" if no_lines else "pages"


def _check_combination(ctx: click.Context, format_: str) -> None:
    """Refuse options that exclude each other.

    Raises
    ------
    click.UsageError
    """
    given = ctx.params
    rows = [name for name in ("per_line", "no_lines", "clean_field") if given[name]]
    if rows and format_ not in ROW_FORMATS:
        raise click.UsageError(f"{_option(rows[0])} is for {', '.join(ROW_FORMATS)}; choose one by --format")
    if given["per_line"] and len(rows) > 1:
        raise click.UsageError(f"--per-line and {_option(rows[1])} exclude each other: a row is a line, or a page")
    if given["clean_field"] in RESERVED_FIELDS:
        raise click.UsageError(f"--clean-field: {given['clean_field']!r} is a field of the output; choose another name")
    if format_ == "parquet" and given["output"] is None and given["run_dir"] is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is no text that a terminal can show; name a file by -o")
    if given["run_dir"] is None:
        for name in ("resume", "shard_size", "dask"):
            if given[name]:
                raise click.UsageError(f"{_option(name)} needs --run-dir")
    else:
        for name, why in {
            "output": "its outputs are in its folder output/",
            "rejects": "its rejects are in its folder rejects/",
        }.items():
            if given[name]:
                raise click.UsageError(f"{_option(name)} and --run-dir exclude each other: {why}")
        if given["format_"] == "table":
            raise click.UsageError("--run-dir takes any --format but table")
    if given["dask"] and given["jobs"] != 1:
        raise click.UsageError("--dask and --jobs exclude each other: the cluster has as many workers as it has")
    if given["strict"] and given["rejects"]:
        raise click.UsageError("--strict and --rejects exclude each other")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
