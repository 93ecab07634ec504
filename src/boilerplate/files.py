"""Output files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from boilerplate.errors import InputError

_BUFFER_BYTES: Final = 1 << 16


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its name when the block ends well, and is removed otherwise.

    Parameters
    ----------
    path : Path
        What goes to a name that ends in ``.gz``, ``.zst``, ``.bz2`` or ``.xz`` is compressed, without a time stamp, so
        that equal content gives equal files. A link stays a link: the file that it stands for is replaced. Devices and
        pipes (``/dev/null``) are written to as they are.

    Yields
    ------
    binary file

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        with opened_to_write(path) as device:
            yield device
        return
    target = Path(os.path.realpath(path))
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".part")
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from None
    part = Path(name)
    try:
        with opened_to_write(path, handle) as raw, packed_as(path.name, raw) as file:
            yield file
        part.chmod(0o666 & ~_umask())
        try:
            part.replace(target)
        except OSError as error:
            raise InputError(path, f"cannot be written: {error.strerror}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def opened_to_write(path: Path, handle: int | None = None) -> IO[bytes]:
    """Open a file to write, whose errors name it: the system names files only when it opens them.

    Parameters
    ----------
    path : Path
        As errors show it.
    handle : int, optional
        Of the file, if it is open already under another name.

    Returns
    -------
    binary file
    """
    raw = _Named(path if handle is None else handle, path)
    return cast("IO[bytes]", io.BufferedWriter(raw, _BUFFER_BYTES))


class _Named(io.FileIO):
    def __init__(self, file: Path | int, path: Path) -> None:
        super().__init__(file, "wb")
        self._path = path

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            # A full disk, for one.
            error.filename = str(self._path)
            raise


@contextmanager
def packed_as(name: str, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """What is written to a file goes through the compression that a name's end stands for."""
    # Imported late: most files are plain.
    from boilerplate.compression import compressed, compression_of_name

    compression = compression_of_name(name)
    packed = compressed(file, compression)
    yield packed
    if compression != "none":
        packed.close()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
