"""Parts of an output joined to one, without reading what is in them where the format allows it."""

from __future__ import annotations

import shutil
from typing import IO, Protocol

from boilerplate.outputs import OutputFormat, open_writer
from boilerplate.outputs.options import WriteOptions


class Joiner(Protocol):
    """Joins parts, in order: the same as one writer would have written."""

    def add(self, part: IO[bytes]) -> None:
        """Add what a writer without a header wrote."""

    def close(self) -> None:
        """Write what is still to be written; the file stays open."""


def open_joiner(format_: OutputFormat, file: IO[bytes], options: WriteOptions) -> Joiner:
    """A joiner of that format.

    Parameters
    ----------
    format_ : str
    file : binary file
        It stays open when the joiner is closed.
    options : WriteOptions

    Returns
    -------
    Joiner
    """
    if format_ == "parquet":
        from boilerplate.outputs.parquet import ParquetJoiner

        return ParquetJoiner(file, options)
    # For the header, if there is to be one.
    open_writer(format_, file, options).close()
    return _Concatenation(file, between=b"\n" if format_ == "text" else b"")


class _Concatenation:
    """One part behind the other; empty ones leave no trace."""

    def __init__(self, file: IO[bytes], between: bytes) -> None:
        self._file = file
        self._between = between
        self._written = False

    def add(self, part: IO[bytes]) -> None:
        first = part.read(1)
        if first:
            self._file.write((self._between if self._written else b"") + first)
            shutil.copyfileobj(part, self._file, 1 << 20)
            self._written = True

    def close(self) -> None:
        pass
