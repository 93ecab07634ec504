"""Saving and loading models: nothing lost, nothing run, no damage let through."""

from __future__ import annotations

import copy
import copyreg
import importlib.metadata
import io
import os
import pickle
import subprocess
import sys
import tempfile
import types
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression

from boilerplate import persistence
from boilerplate.errors import InputError, ModelError
from boilerplate.labels import LABELS
from boilerplate.persistence import environment_versions, load_model, read_manifest, save_model, state_digest

TRAINING = {"fingerprint": "0" * 64, "pages": 3, "sites": 2, "lines": {"body": 9, "promo": 4}, "languages": ["en"]}
SCORES = {"macro_f1": 0.75, "f1": {"body": 0.9, "promo": np.float64(0.6)}, "pages": np.int64(3)}
CLEANING = {"0.99": {"threshold": 0.25, "other_removed": None}}
DATE = "2024-05-31"


class StandIn:
    """A model that is nothing but its state."""

    manifest_: dict[str, Any]

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def to_state(self) -> dict[str, Any]:
        return self.state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> StandIn:
        if "unknown" in state:
            raise KeyError("weights\nof the second phase")
        return cls(state)


@pytest.fixture(scope="module", autouse=True)
def _stand_in_for_the_estimator() -> Iterator[None]:
    module = types.ModuleType("boilerplate.model")
    module.LineClassifier = StandIn  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "boilerplate.model", module)
        yield


def small_state() -> dict[str, Any]:
    return {
        "parameters": {"alpha": 0.5, "seed": 7, "calibrate": True, "vocabulary": None, "kind": "größe \ud800"},
        "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
        "words": np.array(["subscribe", "фото", "続き"]),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "counts": np.array([[1, -2]], dtype=np.int16),
        "mask": np.array([True, False]),
        "nothing": np.zeros((0, 4)),
        "scalar": np.array(3.5),
        "steps": [{"shape": "shape"}, [], ["a", 2**70, -1.5]],
    }


def same(one: Any, other: Any) -> bool:
    """Equal in types, dtypes, shapes, order in memory and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        layout = (one.dtype, one.shape, one.flags.c_contiguous)
        return layout == (other.dtype, other.shape, other.flags.c_contiguous) and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return np.float64(one).tobytes() == np.float64(other).tobytes()
    return bool(one == other)


def packed(state: dict[str, Any]) -> bytes:
    """A model file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.joblib")
        save_model(StandIn(state), path, training=TRAINING, scores=SCORES, date=DATE)
        return path.read_bytes()


SMALL = packed(small_state())


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.joblib"
    path.write_bytes(SMALL)
    return path


def refusal(path: Path) -> str:
    """Why a file is refused: one line that begins with the file."""
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert ";" in message, "no remedy"
    return message


def changed(change: Callable[[dict[str, Any]], Any], *, digest: bool = True) -> bytes:
    """The small model's file after a change, its digest made to fit."""
    content = joblib.load(io.BytesIO(SMALL))
    change(content)
    if digest:
        content["manifest"]["state_digest"] = state_digest(content["state"])
    return dumped(content)


def dumped(value: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file, compress=3)
    return file.getvalue()


# ---- what is saved comes back ----


def test_state_and_manifest_come_back(model_file: Path) -> None:
    model = load_model(model_file)
    assert same(model.to_state(), small_state())
    assert model.manifest_ == read_manifest(model_file)


def test_the_manifest_tells_what_the_model_is(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    known = {"training": TRAINING, "scores": SCORES, "cleaning": CLEANING}
    manifest = save_model(StandIn(small_state()), path, **known, date=DATE)
    assert manifest == read_manifest(path)
    assert manifest == {
        "format_version": 1,
        "labels": list(LABELS),
        "libraries": environment_versions(),
        "requires": {"scikit-learn": ">=1.7,<3"},
        "training": TRAINING,
        "scores": SCORES,
        "cleaning": CLEANING,
        "created": DATE,
        "state_digest": state_digest(small_state()),
    }
    assert type(manifest["scores"]["f1"]["promo"]) is float


def test_the_day_is_today_by_default(tmp_path: Path) -> None:
    before = datetime.now(UTC).date()
    created = save_model(StandIn({}), tmp_path / "m.joblib")["created"]
    assert created in {before.isoformat(), (before + timedelta(days=1)).isoformat()}


def test_a_model_is_read_from_an_open_file(model_file: Path) -> None:
    with model_file.open("rb") as file:
        assert same(load_model(file).to_state(), small_state())
    with pytest.raises(ModelError, match=r"^model file: empty"):
        load_model(io.BytesIO())


def test_joblib_itself_can_read_the_file(model_file: Path) -> None:
    content = joblib.load(model_file)
    assert same(content["state"], small_state())
    assert content["manifest"] == read_manifest(model_file)


def test_loaded_arrays_can_be_written_to(model_file: Path) -> None:
    weights = load_model(model_file).to_state()["weights"]
    weights += 1
    assert weights[0, 0] == 1


def test_other_byte_order_is_made_native(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0, 1e300])
    foreign = values.astype(values.dtype.newbyteorder())
    path = tmp_path / "m.joblib"
    save_model(StandIn({"a": foreign}), path)
    assert same(load_model(path).to_state()["a"], values)
    # Written by a machine of the other byte order.
    path.write_bytes(changed(lambda content: content["state"].update(weights=foreign, words=np.array(["ж"], ">U1"))))
    state = load_model(path).to_state()
    assert same(state["weights"], values)
    assert same(state["words"], np.array(["ж"]))


arrays = hnp.arrays(
    st.sampled_from([np.dtype(code) for code in ("?", "i1", "u2", "i8", "f4", "f8", "U3")]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    arrays,
    arrays.map(np.asfortranarray),
)
keys = st.text(max_size=5) | st.sampled_from(["shape", "dtype", "order", "format", "C", "<", "numpy"])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))
states = st.dictionaries(keys, values, max_size=4)


@given(states)
@settings(max_examples=50, deadline=None)
def test_any_plain_state_comes_back(state: dict[str, Any]) -> None:
    assert same(load_model(io.BytesIO(packed(state))).to_state(), state)


# ---- equal models make equal files ----


def test_equal_models_make_equal_bytes(tmp_path: Path) -> None:
    for path in (tmp_path / "one", tmp_path / "two"):
        save_model(StandIn(small_state()), path, training=TRAINING, scores=SCORES, date=DATE)
        assert path.read_bytes() == SMALL


def test_a_loaded_model_is_saved_as_it_was(model_file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.joblib"
    save_model(load_model(model_file), again, training=TRAINING, scores=SCORES, date=DATE)
    assert again.read_bytes() == SMALL


def test_objects_held_twice_make_no_difference() -> None:
    text, numbers, words = "".join(["sha", "pe"]), [1.5], np.array(["ab", "c"])
    shared = {text: [text, numbers, numbers, words, words, words[:1]]}
    apart = {"shape": ["shape", [1.5], [1.5], words.copy(), np.array(["ab", "c"]), np.array(["ab"])[:1].copy()]}
    assert packed(shared) == packed(apart) == packed(copy.deepcopy(shared))
    assert same(load_model(io.BytesIO(packed(shared))).to_state(), load_model(io.BytesIO(packed(apart))).to_state())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("1", 1),
        (None, "None"),
        ([], {}),
        ([[1], 2], [[1, 2]]),
        (["a", "b"], ["ab"]),
        ({"a": "b"}, ["a", "b"]),
        (np.array([1, 2]), [1, 2]),
        (np.zeros(2, np.float32), np.zeros(1, np.float64)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.arange(4.0).reshape(2, 2), np.arange(4.0).reshape(2, 2).T),
        (np.zeros(1, np.int32), np.zeros(1, np.uint32)),
    ],
)
def test_digests_differ_where_values_do(one: Any, other: Any) -> None:
    assert state_digest({"a": one}) != state_digest({"a": other})


def test_digests_are_of_values_alone() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert state_digest({"a": array, "b": 1}) == state_digest({"b": 1, "a": np.asfortranarray(array)})
    assert state_digest([array]) == state_digest([array.astype(">f8")])


# ---- what cannot be saved ----


@pytest.mark.parametrize(
    "value",
    [
        np.array([...], dtype=object),
        np.array(["a"], dtype=object),
        np.array([1 + 2j]),
        np.array(["2024-05-31"], dtype="M8[D]"),
        np.zeros(1, dtype=[("a", "f8")]),
        np.ma.masked_array([1.0]),
        np.zeros(1, np.longdouble),
        (1, 2),
        {1, 2},
        b"bytes",
        1j,
        {1: "a"},
        len,
    ],
    ids=repr,
)
def test_only_plain_values_are_saved(value: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^state\['steps'\]\[1\]"):
        save_model(StandIn({"steps": [0, value]}), tmp_path / "m.joblib")
    with pytest.raises(TypeError, match=r"^manifest\['training'\]\['a'\]"):
        save_model(StandIn({}), tmp_path / "m.joblib", training={"a": value})
    assert list(tmp_path.iterdir()) == []


def test_endless_states_are_not_saved(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="too deeply"):
        save_model(StandIn({"a": endless}), tmp_path / "m.joblib")


def test_names_and_folders_that_cannot_work(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"without \.gz"):
        save_model(StandIn({}), tmp_path / "m.joblib.gz")
    with pytest.raises(InputError, match="cannot be written"):
        save_model(StandIn({}), tmp_path / "missing" / "m.joblib")


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "MAX_CONTENT", 10_000)
    path = tmp_path / "m.joblib"
    save_model(StandIn({"a": np.zeros(1_000)}), path)
    before = path.read_bytes()
    with pytest.raises(ModelError, match="more than any model"):
        save_model(StandIn({"a": np.zeros(10_000)}), path)
    assert path.read_bytes() == before


# ---- not our file ----


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.joblib")
    assert "is a folder" in refusal(tmp_path)
    assert "cannot be read" in refusal(tmp_path / "nul\0byte")
    (tmp_path / "file").touch()
    assert "cannot be read" in refusal(tmp_path / "file" / "m.joblib")


def test_a_file_that_may_not_be_read(model_file: Path) -> None:
    model_file.chmod(0)
    if os.access(model_file, os.R_OK):
        pytest.skip("this user may read everything")
    assert "permission denied" in refusal(model_file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"A page of text.\nNot a model.\n", "not a boilerplate model"),
        (b"x marks the spot", "not a boilerplate model"),
        (b"\x1f\x8b\x08\x00", "not a boilerplate model"),
        (pickle.dumps({"format": "boilerplate model"}), "not a boilerplate model"),
        (zlib.compress(b""), "not a boilerplate model"),
        (zlib.compress(b"just text, well packed"), "not a boilerplate model"),
        (zlib.compress(pickle.dumps([1, 2])), "not a boilerplate model"),
        (dumped({"model": np.zeros(3), "labels": list(LABELS)}), "not a boilerplate model"),
        (dumped({"format": "boilerplate mode", "format_version": 1}), "not a boilerplate model"),
        (dumped({"format": "boilerplate model", "format_version": 1}), "not a boilerplate model"),
        (dumped([1, 2.5, "three"]), "not a boilerplate model"),
        (dumped(np.zeros((2, 2))), "not a boilerplate model"),
        (
            dumped(LogisticRegression().fit([[0.0], [1.0]], [0, 1])),
            "asks for 'sklearn.linear_model._logistic.LogisticRegression'",
        ),
    ],
)
def test_other_files_are_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "other.joblib"
    path.write_bytes(content)
    assert reason in refusal(path)


# ---- hostile files ----


class Hostile:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def attacks(sentinel: Path) -> dict[str, Any]:
    """Values that make `sentinel` when they are unpickled without restriction."""
    make = Hostile(os.mkdir, str(sentinel))
    run = Hostile(os.system, f"mkdir '{sentinel}'")
    return {
        "system": run,
        "eval": Hostile(eval, f"__import__('os').mkdir({str(sentinel)!r})"),
        "exec": Hostile(exec, f"import os; os.mkdir({str(sentinel)!r})"),
        "getattr": Hostile(getattr, Hostile(__import__, "os"), make),
        "subprocess": Hostile(subprocess.check_call, ["mkdir", str(sentinel)]),
        "object array": np.array([run, None], dtype=object),
        "object array of no dimension": np.array(run, dtype=object),
        "array with objects in fields": np.array([(1.0, run)], dtype=[("a", "f8"), ("b", object)]),
        "key": {"a": [{"b": {make: 1}}]},
        "dtype with metadata": np.dtype("f8", metadata={"a": run}),
    }


@pytest.mark.parametrize("name", attacks(Path("sentinel")))
@pytest.mark.parametrize("place", ["whole file", "state", "manifest", "beside them", "behind them"])
def test_nothing_in_a_hostile_file_is_run(name: str, place: str, tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    attack = attacks(sentinel)[name]
    content = joblib.load(io.BytesIO(SMALL))
    if place == "whole file":
        content = attack
    elif place == "beside them":
        content = {"attack": attack, **content}
    elif place == "behind them":
        content["attack"] = attack
    else:
        content[place]["attack"] = attack
    path = tmp_path / "hostile.joblib"
    path.write_bytes(dumped(content))

    assert "not a boilerplate model" in refusal(path)
    assert not sentinel.exists()

    # The attack is a real one: without our unpickler it works.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        try:
            joblib.load(path)
        except (TypeError, ValueError):
            assert name == "getattr"
    assert sentinel.exists()


def op(text: str) -> bytes:
    """A short string as pickle writes it."""
    return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()


def name(module: str, attribute: str) -> bytes:
    return op(module) + op(attribute) + pickle.STACK_GLOBAL


def array_of(shape: bytes, code: str = "f8", state: bytes | None = None, content: bytes = b"") -> bytes:
    """The opcodes of an array as joblib writes them, without alignment."""
    plain = b"(K\x03" + op("<") + b"NNNK\x00K\x00K\x00t"
    dtype = name("numpy", "dtype") + op(code) + b"\x89\x88\x87R" + (plain if state is None else state) + b"b"
    fields = b"(" + op("subclass") + name("numpy", "ndarray") + op("shape") + shape
    fields += op("order") + op("C") + op("dtype") + dtype + b"u"
    return name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}" + fields + b"b" + content


def in_a_model(value: bytes) -> bytes:
    """A file whose state holds what the opcodes make, which is otherwise in order up to the digest."""
    manifest = pickle.dumps(read_manifest(io.BytesIO(SMALL)), protocol=4)
    assert manifest[2:3] == pickle.FRAME
    manifest = manifest[11:-1]
    return zlib.compress(
        b"\x80\x04}("
        + (op("format") + op("boilerplate model") + op("format_version") + b"K\x01" + op("manifest") + manifest)
        + (op("state") + b"}" + op("a") + value + b"s" + b"u.")
    )


def test_the_hand_made_file_is_nearly_right(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    for value in (b"K\x07", array_of(b"K\x01\x85", content=bytes(8)), array_of(b"K\x01\x85", "U1", content=bytes(4))):
        path.write_bytes(in_a_model(value))
        assert "does not match its digest" in refusal(path)


@pytest.mark.parametrize(
    "opcodes",
    [
        name("os", "system") + op("mkdir sentinel") + b"\x85R",
        b"cos\nsystem\n" + op("mkdir sentinel") + b"\x85R",
        b"(" + op("mkdir sentinel") + b"ios\nsystem\n",
        b"(cos\nsystem\n" + op("mkdir sentinel") + b"o",
        b"\x82\xf0" + op("mkdir sentinel") + b"\x85R",
        b"Psentinel\n",
        # Attributes set on an allowed class would stay for the whole process.
        name("joblib.numpy_pickle", "NumpyArrayWrapper") + b"N}" + op("read") + b"K\x01s\x86b",
        name("numpy", "dtype") + b"N}" + op("__init__") + b"K\x01s\x86b",
        name("joblib.numpy_pickle", "NumpyArrayWrapper.read"),
        name("numpy", "load"),
        name("numpy.ndarray", "tofile"),
        name("numpy", "ndarray") + b"K\x05\x85\x85R",
        name("numpy", "ndarray"),
        name("numpy", "dtype") + op("f8") + b"\x89\x88\x87R",
        name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81",
        array_of(b"K\x01\x85", "O", content=pickle.dumps(1)),
        array_of(b"K\x01\x85", "O8", content=pickle.dumps(1)),
        array_of(b"K\x00\x85", "O"),
        array_of(b"K\x01\x85", "d", content=bytes(8)),
        array_of(b"K\x01\x85", "V8", content=bytes(8)),
        array_of(b"K\x01\x85", "f16", content=bytes(16)),
        array_of(b"K\x01\x85", content=bytes(8)).replace(name("numpy", "ndarray"), b"N"),
        array_of(b"K\x01\x85", "c8", content=bytes(8)),
        array_of(b"K\x01\x85", "f8,O", content=bytes(16)),
        array_of(b"K\x01\x85", "U0"),
        array_of(b"K\x01\x85", "U999999999"),
        array_of(b"K\x01\x85", "U1", content=b"\xff\xff\xff\x7f"),
        array_of(b"K\x01\x85", state=b"(K\x03" + op("<") + b"N" + op("a") + b"\x85}K\x00K\x00K\x00t", content=bytes(8)),
        array_of(b"K\x01\x85", state=b"(K\x04" + op("<") + b"NNNK\x00K\x00K\x00}t", content=bytes(8)),
        array_of(b"K\x01\x85", content=bytes(7)),
        array_of(b"J\xff\xff\xff\xff\x85", content=bytes(8)),
        array_of(b"G" + bytes(8) + b"\x85", content=bytes(8)),
        array_of(b"K\x01", content=bytes(8)),
        # Sizes that nothing in the file bears out.
        array_of(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
        array_of(b"J\xff\xff\xff\x7f" * 2 + b"J\xff\xff\xff\x7f\x87"),
        array_of(b"\x8a\x09" + bytes(8) + b"\x01\x85"),
        array_of(b"K\x00\x8a\x09" + bytes(8) + b"\x01\x86"),
        b"\x96" + b"\x00\x00\x00\x00\x00\x01\x00\x00",
        b"X\xff\xff\xff\x7fabc",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7fabc",
        # A tuple and a set are harmless, but nothing that we write.
        b"K\x01\x85",
        b"\x8f",
        b"}K\x01K\x01s",
    ],
)
def test_hand_made_attacks(opcodes: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copyreg.add_extension("os", "system", 240)
    try:
        copyreg._extension_cache[240] = os.system  # type: ignore[attr-defined]
        path = tmp_path / "hostile.joblib"
        path.write_bytes(in_a_model(opcodes))
        assert "not a boilerplate model" in refusal(path)
        path.write_bytes(zlib.compress(b"\x80\x04" + opcodes + b"."))
        assert "not a boilerplate model" in refusal(path)
    finally:
        copyreg.remove_extension("os", "system", 240)
    assert not (tmp_path / "sentinel").exists()
    path.write_bytes(SMALL)
    assert same(load_model(path).to_state(), small_state()), "the attack has changed the process"


def test_values_that_take_for_ever_to_walk_through(tmp_path: Path) -> None:
    bomb: list[Any] = []
    for _ in range(20):
        bomb = [bomb] * 20
    endless: list[Any] = []
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    path = tmp_path / "m.joblib"
    content = joblib.load(io.BytesIO(SMALL))
    for value in (bomb, endless, deep):
        for place in ("state", "manifest"):
            path.write_bytes(dumped({**content, place: {**content[place], "a": value}}))
            assert "not a boilerplate model" in refusal(path)


def test_files_that_are_too_large(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(persistence, "MAX_FILE", len(SMALL) - 1)
        assert "larger than any model" in refusal(model_file)
    bomb = zlib.compress(bytes(10_000_000))
    assert len(bomb) < 10_000
    model_file.write_bytes(bomb)
    monkeypatch.setattr(persistence, "MAX_CONTENT", 1_000_000)
    assert "unpacks to more" in refusal(model_file)


def test_names_in_hostile_files_do_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    path = tmp_path / "hostile.joblib"
    path.write_bytes(zlib.compress(b"\x80\x04" + op("os\n\x1b[2J") + op("é" * 60) + b"\x93."))
    message = refusal(path)
    assert message.isprintable()
    assert len(message) < len(str(path)) + 250


# ---- damage ----


@given(st.integers(0, len(SMALL) - 1))
@settings(max_examples=200)
def test_truncated_anywhere(length: int) -> None:
    with pytest.raises(ModelError, match="truncated" if length else "empty"):
        load_model(io.BytesIO(SMALL[:length]))


def test_bytes_behind_the_end(model_file: Path) -> None:
    model_file.write_bytes(SMALL + b"\n")
    assert "1 bytes too many" in refusal(model_file)


flips = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4)


def flipped(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(content)
    for position, bits in changes:
        damaged[position % len(damaged)] ^= bits
    return bytes(damaged)


@given(flips)
@settings(max_examples=300)
def test_flipped_bytes_never_change_a_model(changes: list[tuple[int, int]]) -> None:
    damaged = flipped(SMALL, changes)
    assume(damaged != SMALL)
    try:
        model = load_model(io.BytesIO(damaged))
    except ModelError:
        return
    assert same(model.to_state(), small_state())
    assert model.manifest_ == read_manifest(io.BytesIO(SMALL))


@given(flips)
@settings(max_examples=300)
def test_flips_that_the_checksum_cannot_see(changes: list[tuple[int, int]]) -> None:
    """Damage before compression, or by someone who compresses anew."""
    try:
        model = load_model(io.BytesIO(zlib.compress(flipped(zlib.decompress(SMALL), changes), 1)))
    except ModelError:
        return
    assert state_digest(model.to_state()) == state_digest(small_state())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    for raw in (content, zlib.compress(content), zlib.compress(b"\x80\x04" + content + b".")):
        with pytest.raises(ModelError):
            load_model(io.BytesIO(raw))


def test_a_state_that_does_not_match_its_digest(model_file: Path) -> None:
    def double(content: dict[str, Any]) -> None:
        content["state"]["weights"] *= 2

    model_file.write_bytes(changed(double, digest=False))
    message = refusal(model_file)
    assert "damaged" in message
    assert "fetch the file again" in message


# ---- whole and ours, but not for us ----


def test_a_newer_format(model_file: Path) -> None:
    model_file.write_bytes(dumped({"format": "boilerplate model", "format_version": 2, "other": ["keys"]}))
    message = refusal(model_file)
    assert "newer boilerplate" in message
    assert "upgrade boilerplate" in message
    with pytest.raises(ModelError, match="newer boilerplate"):
        read_manifest(model_file)


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.0, ["\n"]])
def test_formats_that_are_no_longer_read(version: object, model_file: Path) -> None:
    model_file.write_bytes(changed(lambda content: content.update(format_version=version)))
    message = refusal(model_file)
    assert "no longer read" in message
    assert "boilerplate train" in message


def test_other_labels(model_file: Path) -> None:
    model_file.write_bytes(changed(lambda content: content["manifest"].update(labels=["body", "promo"])))
    message = refusal(model_file)
    assert "['body', 'promo']" in message
    assert "boilerplate train" in message
    assert read_manifest(model_file)["labels"] == ["body", "promo"]


@pytest.mark.parametrize("key", ["format", "format_version", "manifest", "state"])
def test_missing_parts(key: str, model_file: Path) -> None:
    model_file.write_bytes(dumped({k: v for k, v in joblib.load(io.BytesIO(SMALL)).items() if k != key}))
    refusal(model_file)


@pytest.mark.parametrize(
    "key", ["format_version", "labels", "libraries", "requires", "training", "scores", "created", "state_digest"]
)
def test_bad_manifests(key: str, model_file: Path) -> None:
    def drop(content: dict[str, Any]) -> None:
        del content["manifest"][key]

    def spoil(content: dict[str, Any]) -> None:
        content["manifest"][key] = (1,)

    for change in (drop, spoil):
        model_file.write_bytes(changed(change, digest=False))
        assert "not a boilerplate model" in refusal(model_file)


def installed(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Make it look as if that scikit-learn were installed."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version if name == "scikit-learn" else real(name))


@pytest.mark.parametrize("version", ["1.4.2", "0.24", "3.0", "3.0rc1", "3.0.dev0", "4", "garbled"])
def test_an_incompatible_scikit_learn(version: str, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, version)
    message = refusal(model_file)
    assert f"but {version} is installed" in message
    assert "install scikit-learn >=1.7,<3" in message
    assert read_manifest(model_file)["created"] == DATE


@pytest.mark.parametrize("version", ["1.7", "1.7.0", "1.10.3", "1.9.dev0", "2.9.9"])
def test_a_compatible_scikit_learn(version: str, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, version)
    load_model(model_file)


@pytest.mark.parametrize("requires", [{"torch": ">=2,<3"}, {"scikit-learn": "~=1.5"}, {"scikit-learn": [1, "\n"]}])
def test_requirements_that_are_not_known(requires: dict[str, Any], model_file: Path) -> None:
    model_file.write_bytes(changed(lambda content: content["manifest"].update(requires=requires)))
    assert "upgrade boilerplate" in refusal(model_file)


def test_a_state_that_the_estimator_does_not_know(model_file: Path) -> None:
    model_file.write_bytes(changed(lambda content: content["state"].update(unknown=1)))
    message = refusal(model_file)
    assert "does not fit this version of boilerplate" in message
    assert "boilerplate train" in message


# ---- the environment ----


def test_versions_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = environment_versions()
    assert set(versions) == {"boilerplate", "scikit-learn", "numpy", "joblib", "python"}
    assert versions["numpy"] == np.__version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert environment_versions()["numpy"] == np.__version__
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert environment_versions()["joblib"] == "unknown"


def test_a_manifest_is_read_without_heavy_imports(model_file: Path) -> None:
    code = (
        "import sys; from boilerplate.persistence import read_manifest; print(read_manifest(sys.argv[1])['created']);"
        "print(*{'sklearn', 'joblib', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(model_file)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{DATE}\n\n"
