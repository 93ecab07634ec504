"""What a run is made of, written down so that it can be told whether it may go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from boilerplate.errors import BoilerplateError
from boilerplate.inputs import Source, Span
from boilerplate.runs.shards import Shard

FORMAT: Final = "boilerplate run"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Manifest:
    """What decides the outputs of a run.

    Attributes
    ----------
    version : str
        Of boilerplate.
    model : str
        The model's state digest.
    options : dict
        All options that change outputs, as plain values: those in force, given or not.
    sources : list of Source
        The inputs, in order.
    shards : list of Shard
        How they are cut.
    """

    version: str
    model: str
    options: dict[str, Any]
    sources: list[Source]
    shards: list[Shard]

    def to_json(self) -> str:
        """As written to ``manifest.json``; shards name their inputs by place in the list of inputs."""
        places = {source: place for place, source in enumerate(self.sources)}
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "boilerplate": self.version,
            "model": self.model,
            "options": self.options,
            "inputs": [asdict(source) for source in self.sources],
            "shards": [
                [[places[span.source], span.start, span.end, span.first_row, span.size] for span in shard.spans]
                for shard in self.shards
            ],
        }
        return "{\n" + ",\n".join(f"{_json(key)}: {_json_rows(value)}" for key, value in content.items()) + "\n}\n"

    @classmethod
    def from_json(cls, text: str | bytes, place: str) -> Manifest:
        """What `to_json` wrote.

        Parameters
        ----------
        text : str or bytes
        place : str
            Where it was, for errors.

        Raises
        ------
        BoilerplateError
            If it is none, or of another version of boilerplate's.
        """
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise ValueError("another format")
            if content["format_version"] != FORMAT_VERSION:
                raise BoilerplateError(
                    f"{place}: of format version {content['format_version']}, which this boilerplate does not read; "
                    "start a new run in another folder"
                )
            sources = [Source(**entry) for entry in content["inputs"]]
            shards = [
                Shard(number, tuple(Span(sources[source], *range_) for source, *range_ in spans))
                for number, spans in enumerate(content["shards"])
            ]
            return cls(content["boilerplate"], content["model"], content["options"], sources, shards)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise BoilerplateError(
                f"{place}: no manifest of a run ({error}); start a new run in another folder"
            ) from None


def difference(begun: Manifest, wanted: Manifest) -> str | None:
    """Why a run cannot go on as another one; None if it can.

    Parameters
    ----------
    begun : Manifest
    wanted : Manifest
        Its shards, which follow from the rest, do not count.

    Returns
    -------
    str or None
        The first difference.
    """
    if begun.version != wanted.version:
        return f"it was begun with boilerplate {begun.version}, this is {wanted.version}"
    if begun.model != wanted.model:
        return f"the model has changed (it was {begun.model[:16]}, now it is {wanted.model[:16]})"
    # What formats the inputs were taken for is in the inputs themselves.
    for name in {name: None for name in (*begun.options, *wanted.options) if name != "input_format"}:
        before, now = begun.options.get(name), wanted.options.get(name)
        if before != now:
            return f"--{name.replace('_', '-')} has changed (it was {_shown(before)}, now it is {_shown(now)})"
    return _input_difference(begun.sources, wanted.sources)


def _input_difference(begun: list[Source], wanted: list[Source]) -> str | None:
    before = {source.path: source for source in begun}
    now = {source.path: source for source in wanted}
    for path in before:
        if path not in now:
            return f"the input {path} is missing now"
    for path, source in now.items():
        if path not in before:
            return f"there is a new input, {path}"
        if source != before[path]:
            return f"the input {path} has changed ({_state(before[path])}; now {_state(source)})"
    if begun != wanted:
        return "the inputs are in another order"
    return None


def _state(source: Source) -> str:
    size = "unknown size" if source.size is None else f"{source.size:,} bytes"
    changed = "" if source.mtime is None else f" of {datetime.fromtimestamp(source.mtime, UTC):%Y-%m-%d %H:%M:%S} UTC"
    packed = "" if source.compression == "none" else f", {source.compression}"
    return f"{source.format}{packed}, {size}{changed}"


def _shown(value: Any) -> str:
    return "not given" if value is None else _json(value)


def _json_rows(value: Any) -> str:
    """JSON, with a row for each item of a list."""
    if not isinstance(value, list):
        return _json(value)
    return "[\n" + ",\n".join(map(_json, value)) + "\n]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
