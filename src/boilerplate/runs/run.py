"""A run in a folder: begun or gone on with, and brought to its end.

The folder holds::

    manifest.json               what the run is made of, and how it is cut into shards
    model.joblib                the model, where all workers find it
    output/shard-000000.jsonl   the scored pages of each shard
    rejects/shard-000000.jsonl  its records that could not be read, if there are any
    done/shard-000000.json      that the shard is done, with its counts
    summary.json                the counts of all shards, when all are done
    lock                        keeps a second run out
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from boilerplate import __version__
from boilerplate.errors import BoilerplateError
from boilerplate.inputs import Source
from boilerplate.outputs import OutputFormat
from boilerplate.persistence import read_manifest
from boilerplate.runs.execute import execute
from boilerplate.runs.folder import LOCK, Folder
from boilerplate.runs.manifest import Manifest, difference
from boilerplate.runs.shards import SHARD_NAME, Shard, cut
from boilerplate.runs.tally import Tally
from boilerplate.runs.work import DONE, MODEL, OUTPUT, REJECTS, Outcome, Recipe, done_name, output_name, score_shard

MANIFEST: Final = "manifest.json"
SUMMARY: Final = "summary.json"
_EARLY_LEFTOVER: Final = re.compile(
    rf"{re.escape(LOCK)}|{re.escape(MODEL)}|\.({re.escape(MODEL)}|{re.escape(MANIFEST)})\.\w+\.part"
)
"""What a run that was killed before it had a manifest can have left."""
_FOLDERS: Final = ("", OUTPUT, REJECTS, DONE)
_FILES: Final = re.compile(rf"{re.escape(MODEL)}|{re.escape(MANIFEST)}|{re.escape(SUMMARY)}|{SHARD_NAME}\.\w+")
"""Where files of a run are, and what they are called."""


@dataclass(frozen=True)
class Plan:
    """What a run has done and has to do.

    Attributes
    ----------
    to_do : list of Shard
        Shards that are not done.
    done : list of Outcome
        Of the shards that are.
    """

    to_do: list[Shard]
    done: list[Outcome]


def begun_run(folder: Folder) -> Manifest | None:
    """What the run in a folder is made of; None if there is none.

    Parameters
    ----------
    folder : Folder

    Returns
    -------
    Manifest or None

    Raises
    ------
    BoilerplateError
        If its manifest cannot be read.
    """
    return _manifest(folder) if MANIFEST in folder.entries() else None


def open_run(
    folder: Folder,
    sources: Sequence[Source],
    model: bytes,
    options: dict[str, Any],
    shard_bytes: int,
    resume: bool,
) -> Manifest:
    """Begin a run in a folder, or go on with the one that is there.

    Parameters
    ----------
    folder : Folder
        Locked.
    sources : sequence of Source
    model : bytes
        A model file.
    options : dict
        All options that change outputs, as plain values: those in force, given or not.
    shard_bytes : int
        About how large shards are.
    resume : bool
        Whether to go on, if there is a run. Without one a run is begun in any case.

    Returns
    -------
    Manifest

    Raises
    ------
    BoilerplateError
        If the folder holds a run and none is to be resumed, or one of other inputs, options or another model, or
        other files.
    """
    digest = read_manifest(io.BytesIO(model))["state_digest"]
    wanted = Manifest(__version__, digest, json.loads(json.dumps(options)), list(sources), [])
    entries = folder.entries()
    if MANIFEST in entries:
        if not resume:
            raise BoilerplateError(f"{folder.location}: holds a run; go on with it (--resume) or choose another folder")
        begun = _manifest(folder)
        if reason := difference(begun, wanted):
            raise BoilerplateError(f"{folder.location}: cannot go on: {reason}; begin a new run in another folder")
        # Only now is it sure that what lies here is of this run.
        folder.sweep(_FOLDERS, _FILES)
        return begun
    if not all(_EARLY_LEFTOVER.fullmatch(name) for name in entries):
        folder.remove(LOCK)
        raise BoilerplateError(f"{folder.location}: holds other files and no run; choose a new or empty folder")
    folder.sweep(_FOLDERS, _FILES)
    wanted = replace(wanted, shards=cut(sources, shard_bytes))
    with folder.writing(MODEL) as file:
        file.write(model)
    with folder.writing(MANIFEST) as file:
        file.write(wanted.to_json().encode("utf-8", "surrogatepass"))
    return wanted


def _manifest(folder: Folder) -> Manifest:
    with folder.read(MANIFEST) as file:
        return Manifest.from_json(file.read(), f"{folder.location}/{MANIFEST}")


def plan(folder: Folder, shards: Sequence[Shard], output_format: OutputFormat) -> Plan:
    """See which shards are done: those whose note is there, and whose output is there and of the noted size.

    Parameters
    ----------
    folder : Folder
    shards : sequence of Shard
    output_format : str

    Returns
    -------
    Plan
    """
    notes = folder.read_all(DONE)
    sizes = folder.sizes(OUTPUT)
    made = Plan([], [])
    for shard in shards:
        raw = notes.get(done_name(shard).rpartition("/")[2])
        note = {} if raw is None else json.loads(raw)
        if note and note.pop("output_bytes") == sizes.get(output_name(shard, output_format).rpartition("/")[2]):
            made.done.append(Outcome(shard, Tally.from_dict(note)))
        else:
            made.to_do.append(shard)
    return made


def carry_out(
    recipe: Recipe,
    shards: Sequence[Shard],
    jobs: int,
    dask: str | None,
    watch: Callable[[Outcome], None],
    glimpse: Callable[[Tally, int], None] = lambda tally, position: None,
) -> None:
    """Score shards, each into its own files.

    Parameters
    ----------
    recipe : Recipe
    shards : sequence of Shard
    jobs : int
    dask : str or None
    watch : callable
        Told of each shard, as it is done.
    glimpse : callable
        With shards that are scored in this process, told after each page of the counts of its shard so far, and of how
        many bytes of it were read.

    Raises
    ------
    BoilerplateError
        If a shard could not be done, when all others are.
    """
    failures: list[str] = []
    score = partial(score_shard, recipe=recipe)
    if jobs == 1 and dask is None:
        score = partial(score, glimpse=glimpse)  # which does not travel to other processes
    try:
        with closing(execute(score, shards, jobs=jobs, dask=dask)) as outcomes:
            for outcome in outcomes:
                watch(outcome)
                if outcome.failure is not None:
                    failures.append(outcome.failure)
    except BaseException:
        # Workers that were ended could not tidy up.
        recipe.folder.sweep(_FOLDERS, _FILES)
        raise
    if failures:
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise BoilerplateError(
            f"{len(failures)} of {len(shards)} shards not done: {failures[0]}{others}; "
            "mend that and go on with --resume"
        )


def sum_up(folder: Folder, tally: Tally) -> None:
    """Write the counts of a run that is done."""
    with folder.writing(SUMMARY) as file:
        file.write((json.dumps(tally.to_dict(), indent=1) + "\n").encode())
