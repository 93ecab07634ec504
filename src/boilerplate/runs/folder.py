"""A folder whose files appear whole: on a disk, on a shared disk, or in an object store."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from boilerplate.errors import BoilerplateError, InputError
from boilerplate.files import written_whole
from boilerplate.storage import check_writable, errors_of, file_system, is_remote, open_to_read, written_whole_at

LOCK: Final = "lock"
_UNFINISHED: Final = re.compile(r"\.(.+)\.\w+\.part")
"""What `written_whole` names a file that has not its name yet."""


def folder_at(location: str) -> Folder:
    """The folder of that path or URL.

    Parameters
    ----------
    location : str

    Returns
    -------
    LocalFolder or RemoteFolder
        It need not exist yet.

    Raises
    ------
    InputError
        If files cannot be written there.
    """
    check_writable(location)
    return RemoteFolder(location.rstrip("/")) if is_remote(location) else LocalFolder(os.path.abspath(location))


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine, or one that all machines of a cluster have mounted.

    Names of files are relative, with ``/`` between their parts.
    """

    location: str
    durable: bool = True
    """Whether files are on the disk, and not in the system's memory only, before they get their names."""

    def sizes(self, inner: str = "") -> dict[str, int]:
        """Names and sizes of the files that lie directly in a folder in this one; none if there is no such folder."""
        try:
            entries = [entry for entry in os.scandir(self._path(inner)) if entry.is_file()]
        except FileNotFoundError:
            return {}
        return {entry.name: entry.stat().st_size for entry in entries}

    def entries(self) -> set[str]:
        """Names of the files and folders in it; none if it is not there."""
        try:
            return set(os.listdir(self.location))
        except FileNotFoundError:
            return set()

    def read(self, name: str) -> IO[bytes]:
        """Open a file."""
        return self._path(name).open("rb")

    def read_all(self, inner: str) -> dict[str, bytes]:
        """The content of all files that lie directly in a folder in this one, by name."""
        return {name: self._path(f"{inner}/{name}").read_bytes() for name in self.sizes(inner)}

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Write a file that appears whole, in the place of what had its name."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            yield file
            if self.durable:
                # Else a name could outlive a failure of power that its content did not.
                file.flush()
                os.fsync(file.fileno())

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._path(name).unlink(missing_ok=True)

    def sweep(self, inners: Iterable[str], names: re.Pattern[str]) -> None:
        """Remove what killed processes left half-written.

        Parameters
        ----------
        inners : iterable of str
            Folders in this one; ``""`` is this one itself.
        names : pattern
            Of the files that were to be written; those of other programs stay.
        """
        for inner in inners:
            for name in self.sizes(inner):
                found = _UNFINISHED.fullmatch(name)
                if found and names.fullmatch(found[1]):
                    self.remove(f"{inner}/{name}" if inner else name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out; the lock of a process that was killed is gone with it.

        Raises
        ------
        BoilerplateError
            If another run is at work here.
        """
        from filelock import FileLock, Timeout

        try:
            Path(self.location).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._path(LOCK))
            lock.acquire(timeout=0)
        except Timeout:
            raise BoilerplateError(
                f"{self.location}: another run is at work in this folder; wait until it ends"
            ) from None
        except OSError as error:
            raise InputError(self.location, f"cannot be written: {error.strerror or error}") from None
        try:
            yield
        finally:
            lock.release()

    def _path(self, name: str) -> Path:
        return Path(self.location, *PurePosixPath(name).parts)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder behind a URL: see `LocalFolder`."""

    location: str

    def sizes(self, inner: str = "") -> dict[str, int]:
        """Names and sizes of the files in a folder in this one; none if there is no such folder."""
        return {
            PurePosixPath(entry["name"]).name: entry["size"] for entry in self._list(inner) if entry["type"] == "file"
        }

    def entries(self) -> set[str]:
        """Names of the files and folders in it; none if it is not there."""
        return {PurePosixPath(entry["name"]).name for entry in self._list("")}

    def read(self, name: str) -> IO[bytes]:
        """Open a file."""
        return open_to_read(self._url(name))

    def read_all(self, inner: str) -> dict[str, bytes]:
        """The content of all files that lie directly in a folder in this one, by name."""
        names = self.sizes(inner)
        if not names:
            return {}
        system, path = file_system(self._url(inner))
        with errors_of(self._url(inner)):
            # In one call: file systems that can, fetch many files at a time.
            content = system.cat([f"{path}/{name}" for name in names])
        return {PurePosixPath(name).name: raw for name, raw in content.items()}

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Write a file that appears whole, in the place of what had its name."""
        url = self._url(name)
        system, path = file_system(url)
        with errors_of(url):
            system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        with written_whole_at(url) as file:
            yield file

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        system, path = file_system(self._url(name))
        with suppress(FileNotFoundError):
            system.rm_file(path)

    def sweep(self, inners: Iterable[str], names: re.Pattern[str]) -> None:
        """Nothing is ever half-written here."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out, by a file that says whose run it is.

        A store does not learn of a process that was killed. Its lock is taken over on the machine where it ran; on
        others a person has to say that it is dead, by removing the file.

        Raises
        ------
        BoilerplateError
            If another run is at work here.
        """
        mine = {"host": platform.node(), "pid": os.getpid()}
        if not self._claim(mine):
            with self.read(LOCK) as file:
                holder = json.load(file)
            if not _is_dead(holder):
                raise BoilerplateError(
                    f"{self.location}: a run is at work in this folder (process {holder['pid']} on {holder['host']}); "
                    f"if it is dead, remove {self._url(LOCK)}"
                )
            self.remove(LOCK)
            if not self._claim(mine):
                raise BoilerplateError(f"{self.location}: another run is at work in this folder; wait until it ends")
        try:
            yield
        finally:
            self.remove(LOCK)

    def _list(self, inner: str) -> list[dict[str, Any]]:
        system, path = file_system(self._url(inner))
        with errors_of(self._url(inner)):
            system.invalidate_cache()
            try:
                return [entry for entry in system.ls(path, detail=True) if entry["name"].strip("/") != path.strip("/")]
            except FileNotFoundError:
                return []

    def _claim(self, holder: dict[str, object]) -> bool:
        """Create the lock, unless it is there."""
        system, path = file_system(self._url(LOCK))
        with errors_of(self.location):
            system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            try:
                system.pipe_file(path, json.dumps(holder).encode(), mode="create")
            except FileExistsError:
                return False
        return True

    def _url(self, name: str) -> str:
        return f"{self.location}/{name}" if name else self.location


Folder = LocalFolder | RemoteFolder


def _is_dead(holder: dict[str, object]) -> bool:
    """Whether the process is one of this machine that has ended (or had the number that is now ours)."""
    pid = holder.get("pid")
    if holder.get("host") != platform.node() or not isinstance(pid, int):
        return False
    if pid == os.getpid():
        return True
    if os.name == "nt":  # where a signal that does nothing, as below, ends the process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
