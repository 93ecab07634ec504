"""Paths, patterns, folders, URLs and standard input: which files they stand for."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from boilerplate.compression import Compression, compression_of_content, compression_of_name, decompressed
from boilerplate.corpus import Complain
from boilerplate.errors import InputError
from boilerplate.inputs.sniff import (
    FORMAT_OF_SUFFIX,
    Format,
    format_by_magic,
    format_of_content,
    format_of_name,
    read_head,
)
from boilerplate.storage import file_system, is_remote, not_found, open_to_read, rewound

STDIN: Final = "-"
"""What stands for standard input."""
_SNIFFED_BYTES: Final = 32 << 20
_MAGIC_BYTES: Final = 16
_JSON: Final = re.compile(r"\.json(?:\.\w+)?\Z")
_PATTERN: Final = frozenset("*?[")


@dataclass(frozen=True)
class Source:
    """A file to read.

    Attributes
    ----------
    path : str
        Path or URL; ``-`` is standard input.
    format : str
        One of `boilerplate.inputs.FORMATS`; ``auto`` only for streams.
    compression : str
        One of ``none``, ``gzip``, ``zstd``, ``bz2`` and ``xz``; ``auto`` for streams (standard input, pipes), which can
        be read only once, and whose content tells what it is when that is done.
    size : int or None
        Bytes, as stored; None where that is not known.
    mtime : float or None
        When it was last changed, in seconds since 1970; None where that is not known.
    stored : str or None
        A copy to read in its place, if there is one.
    """

    path: str
    format: Format
    compression: Compression = "none"
    size: int | None = None
    mtime: float | None = None
    stored: str | None = None

    @property
    def is_stream(self) -> bool:
        """Whether it can be read only once."""
        return self.compression == "auto"

    @property
    def shown(self) -> str:
        """The path as complaints show it."""
        return "stdin" if self.path == STDIN else self.path


def _raise(error: InputError) -> None:
    raise error


def list_sources(
    inputs: Iterable[str],
    input_format: Format | None = None,
    text_field: str = "text",
    complain: Complain = _raise,
) -> list[Source]:
    """The files that inputs stand for.

    Parameters
    ----------
    inputs : iterable of str
        Paths, folders, patterns (``scrapes/**/*.jsonl.gz``) and URLs (``s3://…``); ``-`` is standard input. Folders
        are searched with all folders in them, in order of name, for files whose suffix is known; with `input_format`,
        for all files. Names that begin with a dot are passed over.
    input_format : str, optional
        Read all files as this, whatever their names and contents say.
    text_field : str
        By this field JSON Lines and CSV are told from text.
    complain : callable, optional
        Called with each `InputError`; by default it is raised.

    Returns
    -------
    list of Source
        In the order of the inputs.
    """
    sources = []
    for name in inputs:
        if name == STDIN:
            sources.append(Source(STDIN, input_format or "auto", "auto"))
            continue
        try:
            found = _remote_files(name, input_format) if is_remote(name) else _files(name, input_format, complain)
            for path, info in found:
                try:
                    if info is None:
                        sources.append(_local_source(path, input_format, text_field))
                    else:
                        sources.append(_source(path, info, input_format, text_field))
                except InputError as error:
                    complain(error)
        except InputError as error:
            complain(error)
    return sources


def _files(name: str, input_format: Format | None, complain: Complain) -> Iterator[tuple[str, None]]:
    try:
        os.stat(name)
        found = [name]
    except (FileNotFoundError, NotADirectoryError):
        if _PATTERN.isdisjoint(name):
            raise InputError(name, "no such file or folder") from None
        import glob

        found = sorted(glob.glob(name, recursive=True))
        if not found:
            raise InputError(name, "no file matches this pattern") from None
    except (OSError, ValueError) as error:
        raise InputError(name, getattr(error, "strerror", None) or str(error)) from None
    for match in found:
        files = [match]
        if os.path.isdir(match):
            unreadable: list[InputError] = []
            files = [
                file for file in _below(match, unreadable) if _is_wanted(Path(file).relative_to(match), input_format)
            ]
            for complaint in unreadable:
                complain(complaint)
            if not files and len(found) == 1 and not unreadable:
                raise _no_file_in(match)
        for file in files:
            yield file, None


def _below(folder: str, unreadable: list[InputError]) -> list[str]:
    """The files in a folder and all folders in it, in order of path; those that the system does not let us see."""

    def add(error: OSError) -> None:
        unreadable.append(InputError(str(error.filename), error.strerror or str(error)))

    files = []
    for inner, folders, names in os.walk(folder, onerror=add):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(inner, name) for name in names):
            try:
                if path.is_file():
                    files.append(path)
            except OSError as error:
                add(error)
    return [str(path) for path in sorted(files)]


def _remote_files(url: str, input_format: Format | None) -> Iterator[tuple[str, dict[str, Any]]]:
    system, path = file_system(url)
    try:
        if not _PATTERN.isdisjoint(path) and not url.startswith("http"):
            matches = system.glob(path, detail=True)
            found = {match: entry for match, entry in matches.items() if not _is_hidden(match, path)}
            if not found:
                raise InputError(url, "no file matches this pattern")
        elif url.startswith("http"):
            yield url, system.info(path)
            return
        else:
            found = {path: system.info(path)}
        for match, entry in sorted(found.items()):
            if entry["type"] != "directory":
                yield _url_of(system, url, match), entry
                continue
            below = system.find(match, detail=True)
            files = [name for name in sorted(below) if _is_wanted(Path(os.path.relpath(name, match)), input_format)]
            if not files and len(found) == 1:
                raise _no_file_in(url)
            for name in files:
                yield _url_of(system, url, name), below[name]
    except (InputError, GeneratorExit):
        raise
    except FileNotFoundError as error:
        raise not_found(url, error) from None
    except Exception as error:
        raise InputError(url, str(error).split("\n")[0] or type(error).__name__) from None


def _url_of(system: Any, url: str, path: str) -> str:
    # Chained URLs (``zip://*.txt::s3://bucket/a.zip``) keep what stands behind the first part.
    _, chain, rest = url.partition("::")
    return f"{system.unstrip_protocol(path)}{chain}{rest}"


def _is_wanted(path: Path, input_format: Format | None) -> bool:
    if any(part.startswith(".") for part in path.parts):
        return False
    return input_format is not None or format_of_name(path.name) is not None


def _is_hidden(match: str, pattern: str) -> bool:
    """Whether wildcards of a pattern stand for the dot that a name begins with, which they do not on this machine."""
    fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
    return "/." in match.removeprefix(fixed) and "/." not in pattern.removeprefix(fixed)


def _no_file_in(folder: str) -> InputError:
    return InputError(folder, f"no file in this folder ends in one of {', '.join(FORMAT_OF_SUFFIX)}")


def _local_source(path: str, input_format: Format | None, text_field: str) -> Source:
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(path, error.strerror or str(error)) from None
    if not stat.S_ISREG(status.st_mode):
        return Source(path, input_format or "auto", "auto")
    return _source(path, {"size": status.st_size, "mtime": status.st_mtime}, input_format, text_field)


def _source(path: str, info: dict[str, Any], input_format: Format | None, text_field: str) -> Source:
    name = path.rstrip("/").rsplit("/", 1)[-1]
    compression = compression_of_name(name)
    found = input_format or format_of_name(name)
    # A look into a file on another machine takes long: only where its name tells nothing.
    if found is None or not is_remote(path):
        with open_to_read(path) as file:
            head = file.read(_MAGIC_BYTES)
            if compression == "none":
                compression = compression_of_content(head)
            if input_format is None and found != "page":
                found = format_by_magic(head) or found
            if found is None:
                found = _sniffed(rewound(head, file), compression, text_field, path)
    return Source(path, found, compression, info.get("size"), _mtime(info))


def _sniffed(file: Any, compression: Compression, text_field: str, path: str) -> Format:
    try:
        head = read_head(decompressed(file, compression), _SNIFFED_BYTES, text_field)
        found = format_of_content(head, text_field)
    except (OSError, ValueError) as error:
        raise InputError(path, str(error)) from None
    if found == "text" and _JSON.search(path):
        raise InputError(path, "no JSON Lines; make an object a row of it, as jq -c '.[]' does")
    return found


def _mtime(info: dict[str, Any]) -> float | None:
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = info.get(key)
        if isinstance(value, (int, float)):
            return float(value)
        with contextlib.suppress(AttributeError):
            return float(value.timestamp())  # type: ignore[union-attr]
    return None
