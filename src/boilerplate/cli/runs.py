"""The three ways in which `boilerplate score` works: in this process, on several cores, in a run directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from boilerplate.cli.common import BAD_INPUT
from boilerplate.cli.progress import scoring_bar
from boilerplate.errors import BoilerplateError, InputError
from boilerplate.files import written_whole
from boilerplate.inputs import STDIN, ReadOptions, Reject, Scrape, Source, Span
from boilerplate.labels import LABELS
from boilerplate.outputs import OutputFormat, WriteOptions, Writer
from boilerplate.runs.shards import read_forgiving
from boilerplate.runs.tally import Tally
from boilerplate.runs.work import Recipe, fail, reject_row, score_records
from boilerplate.storage import is_remote

if TYPE_CHECKING:
    from boilerplate.labeller import PageMethods
    from boilerplate.runs.manifest import Manifest
    from boilerplate.runs.work import Outcome
    from boilerplate.scoring import ScoredPage


MAX_COMPLAINTS: Final = 50
"""Records that are complained of one by one: a wrong field name would else fill the screen with a whole crawl."""


class Rejects:
    """Takes what cannot be read: shows it as it comes, or writes it to a file, or takes the first for the end.

    Parameters
    ----------
    path : Path or None
        The file; its name is for the summary.
    file : binary file or None
    strict : bool
    """

    def __init__(self, path: Path | None, file: IO[bytes] | None, strict: bool) -> None:
        self._path = path
        self._file = file
        self._strict = strict
        self._missing = 0
        self._shown = 0

    def __call__(self, reject: Reject) -> None:
        """Take a record, or a file that cannot be opened."""
        if self._strict:
            fail(reject)
        if self._file is not None:
            self._file.write(reject_row(reject))
            return
        self._shown += 1
        if self._shown <= MAX_COMPLAINTS:
            click.echo(f"boilerplate: {reject.error}", err=True)
        elif self._shown == MAX_COMPLAINTS + 1:
            click.echo("boilerplate: more cannot be read, and are only counted (see score --rejects)", err=True)

    def missing(self, error: InputError) -> None:
        """Take an input that is not there, which is an error even where there is a file for rejects."""
        if self._strict:
            raise error
        self._missing += 1
        click.echo(f"boilerplate: {error}", err=True)

    def all_failed(self, tally: Tally) -> bool:
        """Whether there was something to read, and nothing could be read."""
        return not tally.pages and tally.rejects + self._missing > 0

    def conclude(self, tally: Tally) -> None:
        """Say what could not be read, if anything could not.

        Raises
        ------
        click.exceptions.Exit
            If that is an error.
        """
        unread = tally.rejects + self._missing
        if not unread:
            return
        where = "" if self._path is None else f" (see {self._path})"
        click.echo(f"boilerplate: {tally.pages} pages scored, {unread} could not be read{where}", err=True)
        if self._path is None or self._missing or self.all_failed(tally):
            raise click.exceptions.Exit(BAD_INPUT)


@contextmanager
def rejects_to(path: Path | None, strict: bool) -> Iterator[Rejects]:
    """What takes rejects; its file appears when the block ends well."""
    with ExitStack() as stack:
        yield Rejects(path, None if path is None else stack.enter_context(written_whole(path)), strict)


def score_here(
    sources: Sequence[Source],
    model: PageMethods,
    read: ReadOptions,
    writer: Writer,
    wants: Callable[[ScoredPage], bool],
    rejects: Rejects,
    *,
    bar_hidden: bool,
) -> Tally:
    """Score inputs in this process, page by page."""
    tally = Tally()
    position = before = 0

    def watch(place: int) -> None:
        nonlocal position
        position = before + place

    def records() -> Iterator[Scrape | Reject]:
        nonlocal position, before
        for source in sources:
            yield from read_forgiving(Span(source), read, watch)
            position = before = before + (source.size or 0)

    with scoring_bar(_bytes(sources), hidden=bar_hidden) as bar:

        def write(page: ScoredPage) -> None:
            writer.write(page)
            bar.show(tally, position)

        score_records(records(), model, wants, write, rejects, tally)
    writer.close()
    return tally


def score_on_cores(
    sources: Sequence[Source],
    model: bytes,
    output_format: OutputFormat,
    read: ReadOptions,
    write: WriteOptions,
    out: IO[bytes],
    rejects: Rejects,
    *,
    jobs: int,
    bar_hidden: bool,
) -> Tally:
    """Score inputs on several cores, into one output."""
    from boilerplate.runs.joining import score_joined

    tally = Tally()
    position = 0
    with scoring_bar(_bytes(sources), hidden=bar_hidden) as bar:

        def watch(outcome: Outcome) -> None:
            nonlocal tally, position
            tally += outcome.tally
            position += outcome.shard.size
            bar.show(tally, position)

        score_joined(sources, model, output_format, read, write, out, jobs=jobs, reject=rejects, watch=watch)
    return tally


def score_in_folder(
    sources: Sequence[Source],
    location: str,
    model: bytes,
    output_format: OutputFormat,
    read: ReadOptions,
    write: WriteOptions,
    *,
    options: dict[str, Any],
    shard_bytes: int,
    resume: bool,
    strict: bool,
    jobs: int,
    dask: str | None,
) -> None:
    """Score inputs in a run directory, where a run that was killed can go on."""
    from boilerplate.runs.folder import folder_at
    from boilerplate.runs.run import carry_out, open_run, plan, sum_up

    folder = folder_at(location)
    with folder.locked():
        manifest = open_run(folder, sources, model, options, shard_bytes, resume)
        planned = plan(folder, manifest.shards, output_format)
        tally = sum((outcome.tally for outcome in planned.done), Tally())
        position = sum(outcome.shard.size for outcome in planned.done)
        with scoring_bar(sum(shard.size for shard in manifest.shards), tally, position) as bar:

            def watch(outcome: Outcome) -> None:
                nonlocal tally, position
                tally += outcome.tally
                position += outcome.shard.size
                bar.show(tally, position)

            def glimpse(part: Tally, read_bytes: int) -> None:
                if bar.is_due:
                    bar.show(tally + part, position + read_bytes)

            recipe = Recipe(folder, manifest.model, output_format, read, write, strict)
            carry_out(recipe, planned.to_do, jobs, dask, watch, glimpse)
        sum_up(folder, tally)
    click.echo(f"boilerplate: {location}: {summary(tally)}", err=True)
    if tally.rejects and not tally.pages:
        raise click.exceptions.Exit(BAD_INPUT)


def model_of_run(location: str) -> bytes:
    """The model file of a run that was begun."""
    from boilerplate.runs.folder import folder_at
    from boilerplate.runs.work import MODEL

    with folder_at(location).read(MODEL) as file:
        return file.read()


def sources_of_run(inputs: Sequence[str], list_: Callable[..., list[Source]], begun: Manifest | None) -> list[Source]:
    """The inputs of a run, with full paths: it outlives the folder that it is begun in, and workers may be elsewhere.

    Parameters
    ----------
    inputs : sequence of str
        As they were named; if none are, the inputs of the run that is gone on with, as they are now.
    list_ : callable
        Makes sources of them.
    begun : Manifest or None
        That run.

    Returns
    -------
    list of Source

    Raises
    ------
    BoilerplateError
        If one is not there, or is standard input.
    """
    if not inputs and begun is not None:
        # Those that are missing are missed when the run is compared with what it was.
        return list_([source.path for source in begun.sources], complain=lambda error: None)
    if not inputs:
        raise BoilerplateError(
            "a run directory needs inputs: name files or folders; only a run that was begun has its own (--resume)"
        )
    sources = [] if STDIN in inputs else list_([name if is_remote(name) else os.path.abspath(name) for name in inputs])
    if STDIN in inputs or any(source.is_stream for source in sources):
        raise BoilerplateError("a run directory needs inputs that can be read again; save streams to files")
    return sources


def summary(tally: Tally) -> str:
    """What was scored, in one line."""
    shares = (
        ", ".join(f"{tally.labels[label] / tally.lines:.1%} {label}" for label in LABELS) if tally.lines else "none"
    )
    dropped = f"; {tally.dropped:,} pages of low quality left out" if tally.dropped else ""
    rejects = f"; {tally.rejects:,} records could not be read (see rejects/)" if tally.rejects else ""
    return f"{tally.pages:,} pages with {tally.lines:,} lines ({shares}){dropped}{rejects}"


def _bytes(sources: Sequence[Source]) -> int:
    """Bytes of all inputs together; 0 if any is of unknown size."""
    sizes = [source.size for source in sources]
    return 0 if None in sizes else sum(size or 0 for size in sizes)
