"""Errors that a user can mend: each says where, what is wrong and what to do."""

from __future__ import annotations

import os


class BoilerplateError(Exception):
    """Base of all errors that the command line shows as one line."""


class InputError(BoilerplateError, ValueError):
    """Input that cannot be read as what it should be.

    Parameters
    ----------
    path : path
        The file or folder.
    message : str
        What is wrong, and what to do.
    row : int, optional
        Line of the file, from 1.
    """

    def __init__(self, path: str | os.PathLike[str], message: str, row: int | None = None) -> None:
        self.path = os.fspath(path)
        self.message = message
        self.row = row
        place = self.path if row is None else f"{self.path}:{row}"
        super().__init__(f"{place}: {message}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, int | None]]:
        return type(self), (self.path, self.message, self.row)


class ModelError(BoilerplateError):
    """A model file that cannot be used, with the remedy."""


def missing_extra(what: str, extra: str) -> BoilerplateError:
    """What to say where an optional dependency is not installed.

    Parameters
    ----------
    what : str
        What needs which package.
    extra : str
        Of this package.

    Returns
    -------
    BoilerplateError
    """
    return BoilerplateError(f"{what}; pip install 'boilerplate[{extra}]'")
