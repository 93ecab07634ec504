"""Compressed files, read and written as streams."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from types import ModuleType
from typing import IO, Final, Literal, cast

from boilerplate.errors import missing_extra

Compression = Literal["none", "gzip", "zstd", "bz2", "xz"]

SUFFIXES: Final[dict[str, Compression]] = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bz2",
    ".xz": "xz",
}
_MAGIC: Final[dict[bytes, Compression]] = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
}


class DamageError(OSError):
    """A compressed file that ends too early or holds something else."""


def compression_of_name(name: str) -> Compression:
    """What the end of a file's name says."""
    return next((found for suffix, found in SUFFIXES.items() if name.endswith(suffix)), "none")


def compression_of_content(head: bytes) -> Compression:
    """What the first bytes of a file say."""
    return next((found for magic, found in _MAGIC.items() if head.startswith(magic)), "none")


def decompressed(file: IO[bytes], compression: Compression) -> IO[bytes]:
    """The content of a compressed file, all members of it.

    Parameters
    ----------
    file : binary file
    compression : str
        ``none`` gives the file back.

    Returns
    -------
    binary file
        Reading raises `DamageError` where the file is damaged.

    Raises
    ------
    BoilerplateError
        If the library for it is not installed.
    """
    if compression == "none":
        return file
    packed: IO[bytes]
    if compression == "gzip":
        packed = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    elif compression == "bz2":
        packed = cast("IO[bytes]", bz2.BZ2File(file))
    elif compression == "xz":
        packed = cast("IO[bytes]", lzma.LZMAFile(file))  # noqa: SIM115
    else:
        packed = cast("IO[bytes]", _zstd().ZstdFile(file))
    return cast("IO[bytes]", io.BufferedReader(_Checked(packed, compression), 1 << 16))


def compressed(file: IO[bytes], compression: Compression) -> IO[bytes]:
    """A file that compresses what is written to it, without a time stamp: equal content gives equal bytes.

    Parameters
    ----------
    file : binary file
        It stays open when the other is closed.
    compression : str

    Returns
    -------
    binary file
        To be closed. ``none`` gives the file itself.

    Raises
    ------
    BoilerplateError
        If the library for it is not installed.
    """
    if compression == "none":
        return file
    if compression == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
    if compression == "bz2":
        return cast("IO[bytes]", bz2.BZ2File(file, "wb"))
    if compression == "xz":
        return cast("IO[bytes]", lzma.LZMAFile(file, "wb"))
    return cast("IO[bytes]", _zstd().ZstdFile(file, mode="wb"))


class _Checked(io.RawIOBase):
    """Gives all libraries' errors one name."""

    def __init__(self, packed: IO[bytes], compression: Compression) -> None:
        self._packed = packed
        self._compression = compression
        self._damage: tuple[type[Exception], ...] = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
        if compression == "bz2":
            self._damage += (OSError, ValueError)
        if compression == "zstd":
            self._damage += (_zstd().ZstdError,)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            raw = self._packed.read(len(buffer))
        except self._damage as error:
            raise DamageError(f"damaged {self._compression} file ({error}); fetch or write it again") from None
        buffer[: len(raw)] = raw
        return len(raw)

    def close(self) -> None:
        self._packed.close()
        super().close()


def _zstd() -> ModuleType:
    """The standard library's module, or its backport."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise missing_extra("zstd files are read by backports.zstd", "zstd") from None
    return zstd
