"""What several commands share: options, complaints, output files, progress."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from boilerplate.cleaning import DEFAULT_BODY_RECALL
from boilerplate.errors import BoilerplateError, InputError
from boilerplate.inputs import FORMATS, MAX_RECORD_BYTES
from boilerplate.labels import LABELS
from boilerplate.storage import is_remote, written_whole_at

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from boilerplate.corpus import AnnotatedPage
    from boilerplate.labeller import Labeller
    from boilerplate.model import LineClassifier

BAD_INPUT = 2
MAX_SEED = 2**31 - 1

model_option = click.option(
    "--model", "model_path", type=click.Path(path_type=Path), help="Model file; the shipped model by default."
)
inputs_argument = click.argument("inputs", nargs=-1, metavar="[INPUT]...")
text_field_option = click.option(
    "--text-field",
    default="text",
    show_default=True,
    help="Field or column of records (JSON Lines, CSV, Parquet) that holds the page's text.",
)
input_format_option = click.option(
    "--input-format",
    type=click.Choice(FORMATS),
    help="What all inputs are, whatever their names and contents say.",
)
clean_field_option = click.option(
    "--clean-field",
    metavar="NAME",
    help="Add the text that `clean` prints to each page as a field or column of this name (jsonl, csv, parquet).",
)
min_quality_option = click.option(
    "--min-quality",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Leave out pages of whose characters a smaller share is expected to be body, and say how many.",
)


def _check_jobs(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("0 processes would do nothing; -1 is one for each core", ctx, param)
    return value


jobs_option = click.option(
    "-j",
    "--jobs",
    type=int,
    default=1,
    show_default=True,
    callback=_check_jobs,
    help="Processes that share the work; -1 for one on each core.",
)

training_jobs_option = click.option(
    "-j",
    "--jobs",
    type=int,
    default=-1,
    show_default=True,
    callback=_check_jobs,
    help="Processes that train; -1 for one on each core.",
)

folds_option = click.option(
    "--folds", default=5, show_default=True, type=click.IntRange(2), help="Folds of sites to hold out."
)


class ByteSize(click.ParamType):
    """A number of bytes: ``500000``, ``64MB``, ``1GiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", str(value).strip().lower())
        size = float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " ") if found else 0
        if size < 1:
            self.fail(f"{value!r} is no size such as 64MB or 1GiB", param, ctx)
        return int(size)


max_record_option = click.option(
    "--max-record-bytes",
    type=ByteSize(),
    default=str(MAX_RECORD_BYTES),
    show_default=f"{MAX_RECORD_BYTES >> 20}MiB",
    help="Pages and records that are larger than this are not read, and complained of.",
)


class OutputPath(click.Path):
    """A file to write, or a URL."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check it, if it is a path."""
        return value if is_remote(value) else super().convert(value, param, ctx)


output_option = click.option(
    "-o", "--output", type=OutputPath(), help="File to write, or URL; .gz, .zst, .bz2 and .xz are compressed."
)


class LabelList(click.ParamType):
    """Labels with commas between them."""

    name = "labels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Check each name."""
        from boilerplate.corpus import check_label

        if isinstance(value, tuple):
            return value
        try:
            return tuple(check_label(name.strip()) for name in str(value).split(","))
        except ValueError as error:
            self.fail(str(error), param, ctx)


keep_option = click.option(
    "--keep",
    type=LabelList(),
    default="body",
    show_default=True,
    metavar="LABELS",
    help=f"Labels to keep, with commas between them: {', '.join(LABELS)}.",
)
body_recall_option = click.option(
    "--body-recall",
    type=float,
    default=DEFAULT_BODY_RECALL,
    show_default=True,
    metavar="SHARE",
    help="Share of the body's characters that the text is to keep; the higher, the more of everything else stays.",
)
most_probable_option = click.option(
    "--most-probable", is_flag=True, help="Keep lines by their most probable label instead, the one that score shows."
)


class Complaints:
    """Shows errors as they come and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: InputError) -> None:
        """Show one error."""
        self.count += 1
        click.echo(f"boilerplate: {error}", err=True)


def load_labeller(path: Path | None) -> Labeller:
    """The pipeline of the model at that path, or of the shipped one."""
    from boilerplate.persistence import load_labeller, load_shipped_labeller

    return load_shipped_labeller() if path is None else load_labeller(path)


def model_file(path: Path | None) -> bytes:
    """The content of the model file at that path, or of the shipped one."""
    from boilerplate.persistence import shipped_path

    return (shipped_path() if path is None else path).read_bytes()


def cleaning_threshold(model: Labeller, body_recall: float, most_probable: bool) -> float | None:
    """How probable body must be for a line to be kept; None for the most probable label.

    Raises
    ------
    BoilerplateError
        If the model knows no threshold for that share.
    """
    try:
        return model.cleaning_threshold(None if most_probable else body_recall)
    except ValueError as error:
        raise BoilerplateError(f"--body-recall: {error}") from None


def read_annotated(paths: Iterable[Path], lines_needed: bool = True) -> list[AnnotatedPage]:
    """All annotated pages; every broken one is shown, with a summary, and ends the command.

    Raises
    ------
    BoilerplateError
        If there are no pages, or no lines though they are needed.
    click.exceptions.Exit
        If any page could not be read.
    """
    from boilerplate.corpus import read_pages

    complaints = Complaints()
    pages = list(read_pages(*paths, complain=complaints))
    if complaints.count:
        click.echo(f"boilerplate: {len(pages)} pages good, {complaints.count} broken; nothing was done", err=True)
        raise click.exceptions.Exit(BAD_INPUT)
    if not pages or (lines_needed and not any(page.labels for page in pages)):
        raise BoilerplateError("no annotated lines in " + ", ".join(map(str, paths)))
    return pages


def is_doubtful(page: AnnotatedPage) -> bool:
    """Whether nobody has read the page's labels: its field ``reviewed`` is false."""
    return page.extra.get("reviewed") is False


def weights_of(pages: Iterable[AnnotatedPage], unreviewed: float) -> list[float]:
    """Weight of each page in training: its field ``weight``, 1 by default, times `unreviewed` for doubtful pages.

    Raises
    ------
    BoilerplateError
        If the weight of a page is no number, or below 0.
    """
    weights = []
    for page in pages:
        own = page.extra.get("weight", 1.0)
        if isinstance(own, bool) or not isinstance(own, int | float) or not 0 <= own < math.inf:
            raise BoilerplateError(f"page {page.id!r}: its field 'weight' must be a number from 0 on, not {own!r}")
        weights.append(float(own) * (unreviewed if is_doubtful(page) else 1.0))
    return weights


def fit_on_pages(
    model: LineClassifier, pages: Sequence[AnnotatedPage], weights: Sequence[float], advice: str = ""
) -> None:
    """Train a model, with a progress bar.

    Raises
    ------
    BoilerplateError
        If these pages cannot be trained on; `advice` says what else to do.
    """
    with progress_bar("training") as progress:
        try:
            model.fit(
                [page.text for page in pages],
                [page.labels for page in pages],
                groups=[page.group for page in pages],
                sample_weight=weights,
                doubtful=[is_doubtful(page) for page in pages],
                progress=progress,
            )
        except ValueError as error:
            raise BoilerplateError(f"cannot train on these pages: {error}{advice}") from None


def print_json(value: Any) -> None:
    """Print a value as JSON in UTF-8, indented; lone surrogates are escaped as JSON escapes them."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace"))


class NothingToWriteError(Exception):
    """Raised in the block of `output_file`, so that a file that was there stays as it was."""


@contextmanager
def output_file(path: str | None) -> Iterator[IO[bytes]]:
    """The file to write to, which appears whole or not at all; standard output without a path."""
    with suppress(NothingToWriteError):
        if path is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            with written_whole_at(path) as file:
                yield file


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error if that is a terminal; else nothing.

    Yields
    ------
    callable
        Takes the step at hand and the share of the work done.
    """
    if not sys.stderr.isatty():
        yield lambda step, share: None
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with transient_progress(*columns) as progress:
        task = progress.add_task(unit, total=1.0)
        yield lambda step, share: progress.update(task, description=step, completed=share)


def transient_progress(*columns: ProgressColumn) -> Progress:
    """A progress display on standard error, which leaves nothing behind."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(*columns, console=Console(stderr=True), transient=True)
