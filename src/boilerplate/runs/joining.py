"""Shards scored on all cores and joined to one output, in order."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import IO, Final

from boilerplate.errors import BoilerplateError
from boilerplate.inputs import ReadOptions, Reject, Source
from boilerplate.outputs import OutputFormat, WriteOptions
from boilerplate.outputs.joining import open_joiner
from boilerplate.persistence import read_manifest
from boilerplate.runs.execute import execute
from boilerplate.runs.folder import LocalFolder
from boilerplate.runs.shards import cut_finely
from boilerplate.runs.work import MODEL, Outcome, Recipe, output_name, rejects_name, score_shard

SHARD_BYTES: Final = 2 << 20
"""About a second's work for a core."""


def score_joined(
    sources: Iterable[Source],
    model: bytes,
    output_format: OutputFormat,
    read: ReadOptions,
    write: WriteOptions,
    out: IO[bytes],
    *,
    jobs: int,
    reject: Callable[[Reject], None],
    watch: Callable[[Outcome], None],
) -> None:
    """Score inputs on several cores, into one output: the same, byte for byte, as on one core.

    Workers write their shards to a folder of temporary files, as much as is under way at a time.

    Parameters
    ----------
    sources : iterable of Source
    model : bytes
        A model file.
    output_format : str
    read : ReadOptions
    write : WriteOptions
    out : binary file
    jobs : int
    reject : callable
        Takes each record, and each file, that could not be read.
    watch : callable
        Told of each shard, in order.

    Raises
    ------
    BoilerplateError
        If a worker died.
    """
    digest = read_manifest(io.BytesIO(model))["state_digest"]
    with tempfile.TemporaryDirectory(prefix="boilerplate-") as passing:
        folder = LocalFolder(passing, durable=False)
        with folder.writing(MODEL) as file:
            file.write(model)
        recipe = Recipe(folder, digest, output_format, read, replace(write, header=False), forgiving=True)
        joiner = open_joiner(output_format, out, write)
        shards = cut_finely(sources, SHARD_BYTES, read)
        with closing(execute(partial(score_shard, recipe=recipe), shards, jobs=jobs, ordered=True)) as outcomes:
            for outcome in outcomes:
                if outcome.failure is not None:
                    raise BoilerplateError(outcome.failure)
                if outcome.tally.rejects:
                    with _taken(folder, rejects_name(outcome.shard)) as file:
                        for row in file:
                            reject(Reject(**json.loads(row)))
                with _taken(folder, output_name(outcome.shard, output_format)) as file:
                    joiner.add(file)
                watch(outcome)
        joiner.close()


@contextmanager
def _taken(folder: LocalFolder, name: str) -> Iterator[IO[bytes]]:
    """Open a file that is removed behind its reader."""
    with folder.read(name) as file:
        yield file
    folder.remove(name)
