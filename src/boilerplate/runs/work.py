"""One shard scored: its pages to its output, its rejects beside them, and a note when both are safe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import IO, Final, NoReturn

from boilerplate import __version__
from boilerplate.corpus import json_row
from boilerplate.errors import BoilerplateError, InputError
from boilerplate.inputs import ReadOptions, Reject, Scrape
from boilerplate.labeller import Labeller, PageMethods
from boilerplate.outputs import OutputFormat, WriteOptions, open_writer
from boilerplate.persistence import load_labeller
from boilerplate.runs.folder import Folder
from boilerplate.runs.shards import Shard
from boilerplate.runs.tally import Tally
from boilerplate.scoring import ScoredPage, score_pages

MODEL: Final = "model.joblib"
OUTPUT: Final = "output"
REJECTS: Final = "rejects"
DONE: Final = "done"
_SUFFIXES: Final[dict[OutputFormat, str]] = {"text": "txt", "annotated": "jsonl"}
"""Of the formats that are not called by theirs."""


@dataclass(frozen=True)
class Recipe:
    """How shards are scored, and where their outputs go.

    Attributes
    ----------
    folder : Folder
        Holds the model, too, so that all workers find it.
    model : str
        The model's state digest.
    output_format : str
    read : ReadOptions
    write : WriteOptions
    strict : bool
        Whether a record that cannot be read ends the run.
    forgiving : bool
        Whether a file that cannot be opened is a reject, rather than a shard that is to be done again.
    version : str
        Of the boilerplate that all workers must have.
    """

    folder: Folder
    model: str
    output_format: OutputFormat
    read: ReadOptions
    write: WriteOptions
    strict: bool = False
    forgiving: bool = False
    version: str = __version__


@dataclass(frozen=True)
class Outcome:
    """What became of a shard.

    Attributes
    ----------
    shard : Shard
    tally : Tally
    failure : str or None
        Why it is not done: its file could not be opened, a disk was full, a network away. Doing it again may help.
    """

    shard: Shard
    tally: Tally
    failure: str | None = None


def score_shard(
    shard: Shard, recipe: Recipe, glimpse: Callable[[Tally, int], None] = lambda tally, position: None
) -> Outcome:
    """Score a shard of a run.

    Its files appear whole, and the note that it is done comes last: whatever happens, a shard is done or is not. Doing
    it again gives the same files.

    Parameters
    ----------
    shard : Shard
    recipe : Recipe
    glimpse : callable
        Told after each page of the counts so far, and of how many bytes of the shard were read.

    Returns
    -------
    Outcome
        Without the shard's records.

    Raises
    ------
    BoilerplateError
        If the run as a whole cannot go on: a reject with ``strict``, another version of boilerplate here.
    """
    if recipe.version != __version__:
        raise BoilerplateError(f"a worker has boilerplate {__version__}, this is {recipe.version}; install the same")
    folder = recipe.folder
    known = replace(shard, records=())
    tally = Tally()
    position = 0

    def watch(place: int) -> None:
        nonlocal position
        position = place

    try:
        model = _model(folder, recipe.model)
        with folder.writing(output_name(shard, recipe.output_format)) as file:
            writer = open_writer(recipe.output_format, file, _write_options(shard, recipe))

            def write(page: ScoredPage) -> None:
                writer.write(page)
                glimpse(tally, position)

            with _rejects_file(shard, folder) as reject:
                records = shard.read(recipe.read, recipe.forgiving, watch)
                take = fail if recipe.strict else reject
                score_records(records, model, recipe.write.wants, write, take, tally)
            writer.close()
            size = file.tell()
        note = {**tally.to_dict(), "output_bytes": size}
        with folder.writing(done_name(shard)) as file:
            file.write(json.dumps(note).encode())
    except InputError as error:
        return Outcome(known, Tally(), str(error))
    except OSError as error:
        return Outcome(known, Tally(), f"{error.filename or folder.location}: {error.strerror or error}")
    return Outcome(known, tally)


def score_records(
    records: Iterable[Scrape | Reject],
    model: PageMethods,
    wants: Callable[[ScoredPage], bool],
    write: Callable[[ScoredPage], None],
    reject: Callable[[Reject], None],
    tally: Tally,
) -> None:
    """Score records as they come, in memory that does not grow with their number.

    Parameters
    ----------
    records : iterable of Scrape or Reject
    model : PageMethods
    wants : callable
        Says whether a page is to be written.
    write : callable
        Takes each such page, in order.
    reject : callable
        Takes each record that could not be read.
    tally : Tally
        To be counted in.
    """

    def scrapes() -> Iterator[Scrape]:
        for record in records:
            if isinstance(record, Reject):
                tally.rejects += 1
                reject(record)
            else:
                yield record

    for page in score_pages(scrapes(), model):
        tally.add(page)
        if wants(page):
            write(page)
        else:
            tally.dropped += 1


def fail(reject: Reject) -> NoReturn:
    """Take a reject for an error that ends the run.

    Raises
    ------
    BoilerplateError
    """
    raise BoilerplateError(str(reject.error))


def output_name(shard: Shard, output_format: OutputFormat) -> str:
    """Where a shard's pages are."""
    return f"{OUTPUT}/{shard.name}.{_SUFFIXES.get(output_format, output_format)}"


def rejects_name(shard: Shard) -> str:
    """Where a shard's rejects are, if it has any."""
    return f"{REJECTS}/{shard.name}.jsonl"


def done_name(shard: Shard) -> str:
    """Where it is noted that a shard is done, with its counts."""
    return f"{DONE}/{shard.name}.json"


def reject_row(reject: Reject) -> bytes:
    """A reject as a row of JSON Lines."""
    return json_row(asdict(reject)).encode()


def _write_options(shard: Shard, recipe: Recipe) -> WriteOptions:
    """Those of the recipe; files that stand for themselves are to be joined by ``cat`` all the same."""
    return replace(recipe.write, continued=recipe.write.header and shard.number > 0)


@contextmanager
def _rejects_file(shard: Shard, folder: Folder) -> Iterator[Callable[[Reject], None]]:
    """Write a shard's rejects, to a file that is there only if there are any."""
    with ExitStack() as stack:
        file: IO[bytes] | None = None

        def write(reject: Reject) -> None:
            nonlocal file
            if file is None:
                file = stack.enter_context(folder.writing(rejects_name(shard)))
            file.write(reject_row(reject))

        yield write


@lru_cache(maxsize=2)
def _model(folder: Folder, digest: str) -> Labeller:
    """The run's model, read once in a process; the digest tells two models apart that had one place."""
    with folder.read(MODEL) as file:
        return load_labeller(file)
