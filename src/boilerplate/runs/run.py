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
from boilerplate.runs.shards import Shard, cut
from boilerplate.runs.tally import Tally
from boilerplate.runs.work import DONE, MODEL, OUTPUT, Outcome, Recipe, done_name, output_name, score_shard

MANIFEST: Final = "manifest.json"
SUMMARY: Final = "summary.json"
_EARLY_LEFTOVER: Final = re.compile(
    rf"{re.escape(LOCK)}|{re.escape(MODEL)}|\.({re.escape(MODEL)}|{re.escape(MANIFEST)})\.\w+\.part"
)
"""What a run that was killed before it had a manifest can have left."""


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
        All options that change outputs, as plain values.
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
        with folder.read(MANIFEST) as file:
            begun = Manifest.from_json(file.read(), f"{folder.location}/{MANIFEST}")
        if reason := difference(begun, wanted):
            raise BoilerplateError(f"{folder.location}: cannot go on: {reason}; begin a new run in another folder")
        # Only now is it sure that what lies here is of this run.
        folder.sweep()
        return begun
    if not all(_EARLY_LEFTOVER.fullmatch(name) for name in entries):
        folder.remove(LOCK)
        raise BoilerplateError(f"{folder.location}: holds other files and no run; choose a new or empty folder")
    folder.sweep()
    wanted = replace(wanted, shards=cut(sources, shard_bytes))
    with folder.writing(MODEL) as file:
        file.write(model)
    with folder.writing(MANIFEST) as file:
        file.write(wanted.to_json().encode("utf-8", "surrogatepass"))
    return wanted


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
    recipe: Recipe, shards: Sequence[Shard], jobs: int, dask: str | None, watch: Callable[[Outcome], None]
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

    Raises
    ------
    BoilerplateError
        If a shard could not be done, when all others are.
    """
    failures: list[str] = []
    try:
        with closing(execute(partial(score_shard, recipe=recipe), shards, jobs=jobs, dask=dask)) as outcomes:
            for outcome in outcomes:
                watch(outcome)
                if outcome.failure is not None:
                    failures.append(outcome.failure)
    except BaseException:
        # Workers that were ended could not tidy up.
        recipe.folder.sweep()
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
