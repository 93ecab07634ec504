"""Compressed files, read and written as streams."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import IO, Any, Final, Literal, cast

from boilerplate.errors import missing_extra

Compression = Literal["auto", "none", "gzip", "zstd", "bz2", "xz"]
"""``auto`` is what a file has that nobody has looked into yet."""

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


_PIECE: Final = 1 << 16


class DamageError(OSError):
    """A compressed file that ends too early or holds something else."""


def compression_of_name(name: str) -> Compression:
    """What the end of a file's name says."""
    return next((found for suffix, found in SUFFIXES.items() if name.lower().endswith(suffix)), "none")


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
    damage: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error)
    if compression == "gzip":
        pieces = _gunzipped(file)
    else:
        make, damage = _decompressor(compression)
        pieces = _unpacked(file, make)
    return cast("IO[bytes]", io.BufferedReader(_Pieces(pieces, compression, damage), _PIECE))


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
        import bz2

        return cast("IO[bytes]", bz2.BZ2File(file, "wb"))
    if compression == "xz":
        import lzma

        return cast("IO[bytes]", lzma.LZMAFile(file, "wb"))
    return cast("IO[bytes]", _zstd().ZstdFile(file, mode="wb"))


class _Pieces(io.RawIOBase):
    """A stream of pieces as they come, so that all in front of any damage can be read."""

    def __init__(self, pieces: Iterator[bytes], compression: Compression, damage: tuple[type[Exception], ...]) -> None:
        self._pieces = pieces
        self._compression = compression
        self._damage = damage
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._piece:
            try:
                self._piece = memoryview(next(self._pieces, b""))
            except self._damage as error:
                raise DamageError(f"damaged {self._compression} file ({error}); fetch or write it again") from None
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size


def _gunzipped(file: IO[bytes]) -> Iterator[bytes]:
    packed = gzip.GzipFile(fileobj=file)
    while piece := packed.read1(_PIECE):
        yield piece


def _unpacked(file: IO[bytes], make: Callable[[], Any]) -> Iterator[bytes]:
    """The content of any number of bz2 or xz streams or zstd frames.

    The standard library's own files take what cannot be read behind the first of them for padding, and end without a
    word; here only zeros are padding.
    """
    ahead = b""
    while True:
        while not (ahead := ahead.lstrip(b"\0")):
            if not (ahead := file.read(_PIECE)):
                return
        stream = make()
        while not stream.eof:
            packed = b""
            if stream.needs_input:
                packed, ahead = ahead or file.read(_PIECE), b""
                if not packed:
                    raise EOFError("it ends too early")
            if piece := stream.decompress(packed, _PIECE):
                yield piece
        ahead = stream.unused_data


def _decompressor(compression: Compression) -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    """What makes decompressors, and what they raise."""
    if compression == "bz2":
        import bz2

        return bz2.BZ2Decompressor, (EOFError, OSError, ValueError)
    if compression == "xz":
        import lzma

        return lzma.LZMADecompressor, (EOFError, lzma.LZMAError)
    zstd = _zstd()
    return zstd.ZstdDecompressor, (EOFError, zstd.ZstdError)


def _zstd() -> ModuleType:
    """The standard library's module, or its backport."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise missing_extra("zstd files are read by backports.zstd", "zstd") from None
    module: ModuleType = zstd
    return module
