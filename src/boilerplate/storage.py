"""Where files lie: on this machine, or behind any URL that fsspec knows."""

from __future__ import annotations

import errno
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from boilerplate.errors import InputError, missing_extra
from boilerplate.files import opened_to_write, packed_as, written_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:::.*)?://")
_GONE: Final = (404, 410)
"""What HTTP says of what is not there."""
_BLOCK_BYTES: Final = 4 << 20
"""What is fetched in one go; some file systems would take fifty megabytes."""


def is_remote(path: str) -> bool:
    """Whether this is a URL (``s3://…``, ``memory://…``) and no path of this machine."""
    return _URL.match(path) is not None


def file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and the path in it.

    Parameters
    ----------
    url : str

    Returns
    -------
    fsspec file system
    str

    Raises
    ------
    InputError
        If fsspec, or its driver for that protocol, is not installed, or there is no such protocol.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise missing_extra(f"{url}: URLs are opened by fsspec", "remote") from None
    with errors_of(url):
        system, path = url_to_fs(url)
    return system, path


def open_to_read(path: str) -> IO[bytes]:
    """Open a file of this machine or behind a URL.

    Parameters
    ----------
    path : str

    Returns
    -------
    binary file

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    if not is_remote(path):
        try:
            return open(path, "rb")
        except OSError as error:
            raise InputError(path, error.strerror or str(error)) from None
    system, inner = file_system(path)
    with errors_of(path):
        file = system.open(inner, "rb", block_size=_BLOCK_BYTES)
    # Files of fsspec read short, and have no ``readline`` with a limit.
    return cast("IO[bytes]", io.BufferedReader(_Fetched(file, path), 1 << 16))


def rewound(head: bytes, file: IO[bytes]) -> IO[bytes]:
    """A stream from its beginning again, of which that much was read.

    Parameters
    ----------
    head : bytes
    file : binary file
        It need not be able to seek.

    Returns
    -------
    binary file
    """
    return cast("IO[bytes]", io.BufferedReader(_Joined(head, file), 1 << 16))


class _Fetched(io.RawIOBase):
    """A file behind a URL: whatever goes wrong while it is read is an error of the system."""

    def __init__(self, file: Any, url: str) -> None:
        self._file = file
        self._url = url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            part = self._file.read(len(buffer))
        except OSError:
            raise
        except Exception as error:
            reason = _first_row(error)
            if "range requests" in reason:
                reason = "the server gives whole files only; fetch it first (curl URL | boilerplate score)"
            raise OSError(errno.EIO, reason, self._url) from error
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Joined(io.RawIOBase):
    """What was read of a file already, and the rest of it."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._head:
            part = bytes(self._head[: len(buffer)])
            self._head = self._head[len(part) :]
        else:
            part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


@contextmanager
def written_whole_at(path: str) -> Iterator[IO[bytes]]:
    """Open a file to write, of this machine or behind a URL; it appears whole when the block ends well, or not at all.

    Parameters
    ----------
    path : str
        Compressed by its end; see `boilerplate.files.written_whole`.

    Yields
    ------
    binary file

    Raises
    ------
    InputError
        If it cannot be written.
    """
    if not is_remote(path):
        with written_whole(Path(path)) as local:
            yield local
        return
    check_writable(path)
    system, inner = file_system(path)
    with tempfile.TemporaryDirectory(prefix="boilerplate-") as passing:
        # Files of fsspec would not do: they put what was written so far when an exception closes them.
        whole = Path(passing, "file")
        with opened_to_write(whole) as raw, packed_as(path, raw) as file:
            yield file
        with errors_of(path):
            system.put_file(str(whole), inner)


def check_writable(url: str) -> None:
    """Refuse URLs that cannot be written to.

    Parameters
    ----------
    url : str

    Raises
    ------
    InputError
    """
    if url.lower().startswith(("http://", "https://")):
        raise InputError(url, "cannot be written: HTTP is for reading; name a file, or a store such as s3://bucket/…")


def not_found(url: str, error: FileNotFoundError) -> InputError:
    """What to say of a file that a file system says it has not.

    That of HTTP says so whatever went wrong, and has the reason as the cause.

    Parameters
    ----------
    url : str
    error : FileNotFoundError

    Returns
    -------
    InputError
    """
    reason = error.__cause__
    status = getattr(reason, "status", None)
    if reason is None or status in _GONE:
        return InputError(url, "no such file or folder")
    said = getattr(reason, "message", "")
    return InputError(url, f"cannot be fetched: {f'{status} {said}'.strip() if status else _first_row(reason)}")


@contextmanager
def errors_of(url: str) -> Iterator[None]:
    """Say in one line what a file system says: each has exceptions of its own."""
    try:
        yield
    except FileNotFoundError as error:
        raise not_found(url, error) from None
    except ImportError as error:
        raise InputError(url, f"{_first_row(error)}; pip install 'boilerplate[remote]' has the usual ones") from None
    except Exception as error:
        raise InputError(url, _first_row(error)) from None


def _first_row(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
