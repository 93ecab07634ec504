"""Models on disk: one joblib file with a manifest, checked before it is trusted.

The file is what ``joblib.dump`` with zlib compression writes of a plain dictionary::

    {"format": "boilerplate model", "format_version": 1, "manifest": {...}, "state": {...}}

It holds strings, numbers, lists, dictionaries and arrays of numbers or text, nothing else, so that no scikit-learn
class is ever pickled. Loading does not call ``joblib.load``, which runs whatever code a file asks for: the file is read
by an unpickler that makes nothing but those values, and looks names up in an allow-list of stand-ins instead of
importing them. A hostile file is thus harmless to open. Nothing is said of how good a model is: the digest in the
manifest finds damage, not forgery.

Later versions of the format must stay plain in this sense, so that any version can tell that a file is too new for it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import io
import math
import os
import pickle
import platform
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

import numpy as np

from boilerplate.errors import ModelError
from boilerplate.files import written_whole
from boilerplate.labels import LABELS

if TYPE_CHECKING:
    from boilerplate.labeller import Labeller
    from boilerplate.model import LineClassifier

FORMAT: Final = "boilerplate model"
FORMAT_VERSION: Final = 1

REQUIRES: Final[dict[str, str]] = {"scikit-learn": ">=1.7,<3"}
"""Versions that may load what this one saves, written into each file.

The state is arrays, so minor releases of scikit-learn cannot break it; what could is a change in what a fitted array
means, which would come with a new major release. 1.7 is the oldest that the package itself
runs with.
"""

COMPRESSION_LEVEL: Final = 6
"""zlib's. Level 9 makes a file 3 % smaller and takes six times as long to write; all take the same time to load."""

MAX_FILE: Final = 2**28
MAX_CONTENT: Final = 2**30
"""Bytes of a file, packed and unpacked. A shipped model has at most 8 MB packed; a file that needs this much memory is
more likely a trap than a model."""

_MAX_DEPTH: Final = 32
_MAX_CODE_POINT: Final = 0x10FFFF

_RETRAIN: Final = "train it again with `boilerplate train`"
_REFETCH: Final = f"fetch the file again, or {_RETRAIN}"
_UPGRADE: Final = "upgrade boilerplate"

Manifest = dict[str, Any]
Restored = TypeVar("Restored")
Source = str | os.PathLike[str] | IO[bytes]


class Saveable(Protocol):
    """A model that can be saved."""

    def to_state(self) -> dict[str, Any]:
        """Fitted state: str, int, float, bool, None and arrays in lists and dictionaries."""


def save_model(
    model: Saveable,
    path: str | os.PathLike[str],
    *,
    training: dict[str, Any] | None = None,
    scores: dict[str, Any] | None = None,
    cleaning: dict[str, Any] | None = None,
    date: str | None = None,
) -> Manifest:
    """Write a fitted model and its manifest to one file, which appears whole or not at all.

    Equal states and manifests give equal bytes (with the same libraries and the same order of keys). The file is read
    back and compared before it takes its name.

    Parameters
    ----------
    model : LineClassifier
        Anything with a `to_state` of plain values.
    path : path
    training : dict, optional
        What the model was trained on: ``fingerprint`` (see `boilerplate.corpus.fingerprint`), counts of pages and
        sites, lines per label, languages. Plain values, as everything in the manifest.
    scores : dict, optional
        Scores on held-out sites.
    cleaning : dict, optional
        For readers: what cleaning does at which threshold (see `boilerplate.operating_point.curve_summary`).
    date : str, optional
        Day of training, written as given. Default: today in UTC, as 2024-05-31.

    Returns
    -------
    dict
        The manifest: ``format_version``, ``labels``, ``libraries`` (versions at training), ``requires`` (versions that
        may load it), ``training``, ``scores``, ``cleaning``, ``created``, ``state_digest`` (SHA-256).

    Raises
    ------
    InputError
        If the file cannot be written.
    ModelError
        If the file would be larger than `load_model` accepts, or its name ends in ``.gz``.
    TypeError
        If state, training, scores or cleaning hold anything but plain values and arrays of numbers or text.
    ValueError
        If they are nested too deeply.
    """
    path = Path(path)
    if path.name.endswith(".gz"):
        raise ModelError(f"{path}: a model is compressed already; choose a name without .gz, such as model.joblib")
    state = _plain_copy(model.to_state(), "state")
    manifest: Manifest = {
        "format_version": FORMAT_VERSION,
        "labels": list(LABELS),
        "libraries": environment_versions(),
        "requires": dict(REQUIRES),
        "training": training or {},
        "scores": scores or {},
        "cleaning": cleaning or {},
        "created": date or datetime.now(UTC).date().isoformat(),
        "state_digest": state_digest(state),
    }
    manifest = _plain_copy(manifest, "manifest")
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, "manifest": manifest, "state": state}
    packed = _packed(content)
    _checked_content(packed, str(path))
    with written_whole(path) as file:
        file.write(packed)
    return manifest


def load_model(path: Source) -> LineClassifier:
    """Read a model that `save_model` wrote, after checking that it is whole, ours, and fit for this environment.

    Parameters
    ----------
    path : path or binary file

    Returns
    -------
    LineClassifier
        With the manifest as ``manifest_``.

    Raises
    ------
    ModelError
        With what is wrong and what to do.
    """
    # Imported late: a manifest can be read without scikit-learn, whose import takes a second.
    from boilerplate.model import LineClassifier

    model, manifest = _restored(path, LineClassifier.from_state)
    model.manifest_ = manifest
    return model


def load_labeller(path: Source) -> Labeller:
    """Read the pipeline alone of a model file, with the same checks; scikit-learn is not imported.

    Parameters
    ----------
    path : path or binary file

    Returns
    -------
    Labeller

    Raises
    ------
    ModelError
        With what is wrong and what to do.
    """
    from boilerplate.labeller import Labeller

    return _restored(path, Labeller.from_state)[0]


def _restored(path: Source, restore: Callable[[dict[str, Any]], Restored]) -> tuple[Restored, Manifest]:
    content, name = _read(path)
    manifest = content["manifest"]
    _check_labels(manifest, name)
    _check_requirements(manifest, name)
    try:
        return restore(content["state"]), manifest
    except (ArithmeticError, AttributeError, LookupError, SystemError, TypeError, ValueError) as error:
        maker = _shown(manifest["libraries"].get("boilerplate"))
        raise ModelError(
            f"{name}: does not fit this version of boilerplate (made by {maker}; {type(error).__name__}: "
            f"{_shown(str(error))}); {_RETRAIN}"
        ) from error


@cache
def load_shipped() -> LineClassifier:
    """The model shipped with the package, read once in a process."""
    with shipped_path().open("rb") as file:
        return load_model(file)


@cache
def load_shipped_labeller() -> Labeller:
    """The shipped model's pipeline alone, read once in a process."""
    with shipped_path().open("rb") as file:
        return load_labeller(file)


def shipped_path() -> Traversable:
    """Where the shipped model is."""
    return files("boilerplate").joinpath("models", "default.joblib")


def read_manifest(path: Source) -> Manifest:
    """Read the manifest of a model file, checked for damage, whether or not the model can be used here.

    Parameters
    ----------
    path : path or binary file

    Returns
    -------
    dict
        See `save_model`.

    Raises
    ------
    ModelError
        If the file is damaged, not ours, or of another format version.
    """
    content, _ = _read(path)
    manifest: Manifest = content["manifest"]
    return manifest


def environment_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a model depends on; ``unknown`` for what is not installed."""
    return {
        "boilerplate": _version("boilerplate", "boilerplate"),
        "scikit-learn": _version("scikit-learn", "sklearn"),
        "numpy": _version("numpy", "numpy"),
        "joblib": _version("joblib", "joblib"),
        "python": platform.python_version(),
    }


def state_digest(state: Any) -> str:
    """SHA-256 over plain values and arrays, with types, dtypes and shapes, whatever the order of dictionary keys.

    Parameters
    ----------
    state : dict
        As `LineClassifier.to_state` gives it.

    Returns
    -------
    str
        64 hexadecimal digits. Equal on machines of either byte order.

    Raises
    ------
    TypeError
        For any other value.
    ValueError
        If values are nested too deeply, or one list or dictionary is held in two places.
    """
    digest = hashlib.sha256()
    for part in _canonical(state, depth=0, seen=set()):
        digest.update(part)
    return digest.hexdigest()


def _read(source: Source) -> tuple[dict[str, Any], str]:
    """Checked content of a model file, and the file's name for messages."""
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        try:
            with Path(source).open("rb") as file:
                packed = file.read(MAX_FILE + 1)
        except FileNotFoundError:
            raise ModelError(f"{name}: no such file; check the path, or make one with `boilerplate train`") from None
        except IsADirectoryError:
            raise ModelError(f"{name}: is a folder; give the model file in it") from None
        except PermissionError:
            raise ModelError(f"{name}: permission denied; make it readable, or copy it to where you may read") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ModelError(f"{name}: cannot be read ({reason}); check the path") from None
    else:
        name = str(getattr(source, "name", "model file"))
        try:
            packed = source.read(MAX_FILE + 1)
        except OSError as error:
            raise ModelError(f"{name}: cannot be read ({error.strerror or error}); {_REFETCH}") from None
    return _checked_content(packed, name), name


def _packed(content: dict[str, Any]) -> bytes:
    # Imported late: only saving needs it.
    import joblib

    file = io.BytesIO()
    joblib.dump(content, file, compress=("zlib", COMPRESSION_LEVEL), protocol=4)
    return file.getvalue()


def _checked_content(packed: bytes, name: str) -> dict[str, Any]:
    """Content of a model file that is whole and of our format and version.

    Raises
    ------
    ModelError
    """
    raw = _unpacked(packed, name)
    try:
        content: dict[str, Any] = _PlainUnpickler(io.BytesIO(raw)).load()
        if type(content) is dict and content.get("format") == FORMAT:
            # The version is looked at first: what else is in the file depends on it.
            _check_format_version(content.get("format_version"), name)
        _check_structure(content)
        digest = state_digest(content["state"])
    except ModelError:
        raise
    except _ForeignNameError as error:
        raise ModelError(
            f"{name}: not a boilerplate model: it asks for {_shown(error.args[0])}, which no model needs (nothing was "
            "run); give a file that `boilerplate train` wrote"
        ) from None
    except Exception as error:
        # An unpickler fails in any way on a file that was not made for it; the file is to blame whichever it was.
        raise ModelError(f"{name}: not a boilerplate model; give a file that `boilerplate train` wrote") from error
    if digest != content["manifest"]["state_digest"]:
        raise ModelError(f"{name}: damaged (its content does not match its digest); {_REFETCH}")
    return content


def _unpacked(packed: bytes, name: str) -> bytes:
    """Content of a zlib stream, which must be whole, end with the file, and be of bounded size."""
    if not packed:
        raise ModelError(f"{name}: empty file; {_REFETCH}")
    if len(packed) > MAX_FILE:
        raise ModelError(f"{name}: larger than any model ({MAX_FILE >> 20} MiB); check the path")
    if not _starts_as_zlib(packed):
        raise ModelError(f"{name}: not a boilerplate model; give a file that `boilerplate train` wrote")
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(packed, MAX_CONTENT + 1)
    except zlib.error as error:
        raise ModelError(f"{name}: damaged ({error}); {_REFETCH}") from None
    if len(raw) > MAX_CONTENT:
        raise ModelError(f"{name}: unpacks to more than any model ({MAX_CONTENT >> 20} MiB); {_REFETCH}")
    if not stream.eof:
        raise ModelError(f"{name}: truncated, its end is missing; {_REFETCH}")
    if stream.unused_data:
        raise ModelError(f"{name}: damaged ({len(stream.unused_data)} bytes too many at its end); {_REFETCH}")
    return raw


def _starts_as_zlib(packed: bytes) -> bool:
    """Whether the first two bytes are, or may become, the header of a zlib stream (RFC 1950, section 2.2)."""
    with_dictionary = 0x20  # never written by joblib, but "x " at the start of a text looks like it
    return packed[0] == 0x78 and (
        len(packed) == 1 or (int.from_bytes(packed[:2], "big") % 31 == 0 and not packed[1] & with_dictionary)
    )


def _check_format_version(version: object, name: str) -> None:
    if type(version) is int and version > FORMAT_VERSION:
        raise ModelError(
            f"{name}: made by a newer boilerplate (format version {_shown(version)}; this one reads {FORMAT_VERSION}); "
            f"{_UPGRADE}"
        )
    if type(version) is not int or version != FORMAT_VERSION:
        raise ModelError(
            f"{name}: of format version {_shown(version)}, which is no longer read (this boilerplate reads "
            f"{FORMAT_VERSION}); {_RETRAIN}"
        )


_MANIFEST_TYPES: Final[dict[str, type]] = {
    "format_version": int,
    "labels": list,
    "libraries": dict,
    "requires": dict,
    "training": dict,
    "scores": dict,
    "created": str,
    "state_digest": str,
}


def _check_structure(content: Any) -> None:
    """See that what the unpickler gave is what `save_model` writes.

    Raises
    ------
    TypeError, ValueError
        If not.
    """
    if type(content) is not dict or set(content) != {"format", "format_version", "manifest", "state"}:
        raise ValueError("not the dictionary of a model")
    if content["format"] != FORMAT:
        raise ValueError("another format")
    manifest = content["manifest"]
    if type(manifest) is not dict or type(content["state"]) is not dict:
        raise TypeError("manifest and state must be dictionaries")
    for key, expected in _MANIFEST_TYPES.items():
        if type(manifest.get(key)) is not expected:
            raise TypeError(f"{key} must be {expected.__name__}")
    # Called for what it refuses: a manifest too must be plain.
    state_digest(manifest)


def _check_labels(manifest: Manifest, name: str) -> None:
    if manifest["labels"] != list(LABELS):
        raise ModelError(f"{name}: made for other labels, {_shown(manifest['labels'])}; {_RETRAIN}")


def _check_requirements(manifest: Manifest, name: str) -> None:
    installed = environment_versions()
    for library, bounds in manifest["requires"].items():
        found = re.fullmatch(r">=(\d{1,9}(?:\.\d{1,9})*),<(\d{1,9}(?:\.\d{1,9})*)", str(bounds))
        if library not in installed or found is None:
            requirement = _shown(f"{library} {bounds}")
            raise ModelError(f"{name}: requires {requirement}, which this boilerplate does not know; {_UPGRADE}")
        if not _release(found[1]) <= _release(installed[library]) < _release(found[2]):
            raise ModelError(
                f"{name}: needs {library} {bounds}, but {installed[library]} is installed; "
                f"install {library} {bounds}, or {_RETRAIN}"
            )


def _release(version: str) -> tuple[int, ...]:
    """The numbers that a version starts with: (1, 9, 1) for 1.9.1, (3, 0) for 3.0rc1, nothing for an unknown one."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _version(distribution: str, module: str) -> str:
    try:
        # Not from the module: importing scikit-learn takes a second.
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        pass
    try:
        return str(getattr(importlib.import_module(module), "__version__", "unknown"))
    except ImportError:
        return "unknown"


def _shown(value: object) -> str:
    """A value from an untrusted file, on one line and short."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


# ---- plain values: copied for saving, checked and digested ----


def _plain_copy(value: Any, where: str, depth: int = 0) -> Any:
    """A copy in which nothing but equality decides what is pickled.

    Pickle writes an object that it has met before as a reference, so that equal values give other bytes when they
    happen to be one object. Here equal strings are always one object, lists and dictionaries never are.

    Raises
    ------
    TypeError
        For what is not plain, with its place.
    ValueError
        If nested too deeply.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"{where} is nested too deeply")
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    if type(value) is list:
        return [_plain_copy(item, f"{where}[{number}]", depth + 1) for number, item in enumerate(value)]
    if type(value) is dict:
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where} has a key that is not a string")
        return {sys.intern(str(key)): _plain_copy(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if type(value) is np.ndarray and _is_plain_dtype(value.dtype):
        # The order in memory is kept, as sums over the array depend on it; the dtype is made anew for the same reason
        # as strings are interned.
        native = value.dtype.newbyteorder("=")
        return np.array(value, dtype=native, order="A").view(np.dtype(native.str))
    kind = f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"{where} is no plain value ({kind})")


def _is_plain_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether it is a number or text whose size is the same on every machine."""
    if dtype.kind == "U":
        return dtype.itemsize > 0
    return dtype.kind in "biuf" and dtype.itemsize <= 8


def _canonical(value: Any, depth: int, seen: set[int]) -> Iterator[bytes]:
    """Bytes that stand for a plain value and no other.

    A list or dictionary met twice is refused, as is deep nesting: a small hostile file could otherwise hold one that
    takes for ever to walk through.
    """
    kind = type(value)
    if kind is np.ndarray:
        yield f"a{value.dtype.newbyteorder('<').str}{value.shape};".encode("ascii")
        yield value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
    elif kind is str:
        encoded = value.encode("utf-8", "surrogatepass")
        yield b"s%d;" % len(encoded)
        yield encoded
    elif kind is float:
        yield b"f" + struct.pack("<d", value)
    elif kind is int:
        yield f"i{value:x};".encode("ascii")
    elif kind is bool or value is None:
        yield f"{value};".encode("ascii")
    elif kind is list or kind is dict:
        if depth > _MAX_DEPTH or id(value) in seen:
            raise ValueError("nested too deeply, or held twice")
        seen.add(id(value))
        yield f"{kind.__name__}{len(value)};".encode("ascii")
        # Keys are strings, or `sorted` or the encoding of the key refuses them.
        for item in value if kind is list else (part for pair in sorted(value.items(), key=_key) for part in pair):
            yield from _canonical(item, depth + 1, seen)
    else:
        raise TypeError(f"no plain value: {kind.__name__}")


def _key(pair: tuple[Any, Any]) -> str:
    key = pair[0]
    if type(key) is not str:
        raise TypeError("a key that is not a string")
    return key


# ---- reading what joblib wrote, without running it ----


class _ForeignNameError(pickle.UnpicklingError):
    """A pickle that asks for something that is not on the allow-list."""


class _Array:
    """Stands for joblib's wrapper, behind which an array's bytes follow in the file."""

    __slots__ = ()


class _Dtype:
    """Stands for `numpy.dtype` as pickled: made with a code such as ``f8``, then told its byte order."""

    __slots__ = ("byte_order", "code")

    def __init__(self, code: str, align: bool, copy: bool) -> None:
        # NumPy understands far more than our codes: whole records, by a little language of its own.
        if not re.fullmatch(r"[biufU]\d{1,9}", code):
            raise pickle.UnpicklingError("no plain dtype")
        self.code = code
        self.byte_order = "|"


_NDARRAY: Final = object()
"""Stands for `numpy.ndarray`, which joblib's wrapper names as the array's class."""

_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _NDARRAY,
}

_OPCODES: Final = (
    # Framing and memory.
    pickle.PROTO,
    pickle.FRAME,
    pickle.MARK,
    pickle.MEMOIZE,
    pickle.BINGET,
    pickle.LONG_BINGET,
    pickle.STOP,
    # Plain values.
    pickle.NONE,
    pickle.NEWTRUE,
    pickle.NEWFALSE,
    pickle.BININT,
    pickle.BININT1,
    pickle.BININT2,
    pickle.LONG1,
    pickle.BINFLOAT,
    pickle.SHORT_BINUNICODE,
    pickle.BINUNICODE,
    pickle.EMPTY_LIST,
    pickle.APPEND,
    pickle.APPENDS,
    pickle.EMPTY_DICT,
    pickle.SETITEM,
    pickle.SETITEMS,
    # Arrays: their wrappers, shapes and dtypes.
    pickle.EMPTY_TUPLE,
    pickle.TUPLE,
    pickle.TUPLE1,
    pickle.TUPLE2,
    pickle.TUPLE3,
    pickle.GLOBAL,
    pickle.STACK_GLOBAL,
    pickle.NEWOBJ,
    pickle.REDUCE,
    pickle.BUILD,
)


class _PlainUnpickler(pickle._Unpickler):
    """Unpickler of plain values and of arrays as joblib writes them.

    It is built as joblib's own: on the unpickler that is written in Python, as array bytes stand between opcodes. What
    it leaves out makes it safe. Names give stand-ins from an allow-list and are never imported. `BUILD`, which
    elsewhere sets any attribute on anything, knows dtypes and arrays only. Opcodes that our files do not hold are
    unknown to it, such as those for the copyreg registry and for buffers allocated ahead of their content. Arrays of
    objects, whose bytes are a pickle of their own, are refused by their dtype before those are looked at.

    Parameters
    ----------
    file : BytesIO
        The unpacked file. In memory, so that no size that it claims can make us allocate more than it holds.
    """

    stack: list[Any]

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._file = file

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _ForeignNameError(f"{module}.{name}")
        return _ALLOWED[module, name]

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if type(made) is _Dtype:
            made.byte_order = _byte_order(state)
        elif type(made) is _Array:
            self.stack[-1] = _read_array(state, self._file)
        else:
            raise pickle.UnpicklingError("state for what has none")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{code[0]: pickle._Unpickler.dispatch[code[0]] for code in _OPCODES},
        pickle.BUILD[0]: load_build,
    }


def _byte_order(state: Any) -> str:
    """Byte order in the pickled state of a plain dtype, which holds nothing else.

    Raises
    ------
    pickle.UnpicklingError
        For a dtype with fields, sub-arrays or metadata.
    """
    version, byte_order, subarray, names, fields, *_ = state
    if version != 3 or byte_order not in ("<", ">", "|") or (subarray, names, fields) != (None, None, None):
        raise pickle.UnpicklingError("no plain dtype")
    return str(byte_order)


def _read_array(state: Any, file: io.BytesIO) -> np.ndarray[Any, Any]:
    """The array whose description joblib pickled as `state` and whose bytes follow in `file`.

    Raises
    ------
    pickle.UnpicklingError
        If it is not an array of numbers or text.
    ValueError
        If the file holds too few bytes.
    """
    if state["subclass"] is not _NDARRAY or type(state["dtype"]) is not _Dtype or state["order"] not in ("C", "F"):
        raise pickle.UnpicklingError("no plain array")
    shape = state["shape"]
    if type(shape) is not tuple or not all(type(size) is int and size >= 0 for size in shape):
        raise pickle.UnpicklingError("no shape of an array")
    dtype = np.dtype(state["dtype"].byte_order + state["dtype"].code)
    if not _is_plain_dtype(dtype):
        raise pickle.UnpicklingError("no plain dtype")
    if state.get("numpy_array_alignment_bytes") is not None:
        # joblib >= 1.2 aligns the bytes: a byte that says how many bytes of padding follow it.
        file.read(file.read(1)[0])
    count = math.prod(shape)
    # The bytes are those that there are, however many are asked for; if they are too few, NumPy refuses them.
    content = file.read(count * dtype.itemsize)
    flat = np.frombuffer(content, dtype=dtype, count=count) if count else np.empty(0, dtype=dtype)
    array = flat.reshape(shape, order=state["order"]).astype(dtype.newbyteorder("="), order="A")
    if dtype.kind == "U" and count and array.ravel(order="K").view(np.uint32).max() > _MAX_CODE_POINT:
        raise pickle.UnpicklingError("text beyond Unicode")
    return array
