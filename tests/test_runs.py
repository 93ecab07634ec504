"""Scoring on several cores and in run directories: order, resuming, refusals, rejects, locks."""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import pytest
from commands import COMMAND, PATIENCE, Outcome, files_of_run, on_terminal, run, run_alone, wait_for
from filelock import FileLock
from fsspec import AbstractFileSystem
from hypothesis import given
from hypothesis import strategies as st

from boilerplate.corpus import AnnotatedPage
from boilerplate.errors import InputError
from boilerplate.inputs import ReadOptions, Reject, Scrape, Span, list_sources, read_span
from boilerplate.runs import joining, shards
from boilerplate.runs.execute import execute
from boilerplate.runs.shards import cut, cut_finely

ROOT = Path(__file__).parents[1]
BAD_ROWS = (b'{"text": "cut off', b'{"id": "no text"}')
SHARD = ("--shard-size", "20kB")
TIMES = 25
ENDLESS = 200
"""So often the records again are more than anybody will wait for."""


def row(page: AnnotatedPage) -> bytes:
    return json.dumps({"id": page.id, "site": page.site, "text": page.text}).encode() + b"\n"


@pytest.fixture(scope="module")
def rows(data_pages: list[AnnotatedPage]) -> list[bytes]:
    """Records of some pages."""
    return [row(page) for page in data_pages[:24]]


@pytest.fixture(scope="module")
def records(rows: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JSON Lines of many shards."""
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    path.write_bytes(b"".join(rows))
    return path


@pytest.fixture(scope="module")
def expected(records: Path) -> bytes:
    """What one process makes of them."""
    done = run("score", records, "--format", "jsonl")
    assert done.code == 0
    return done.raw


@pytest.fixture(scope="module")
def undisturbed(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    done = run("score", records, "--run-dir", folder, *SHARD, "-j", "2")
    assert done.code == 0, done.errors
    return folder


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards so small that a small input has many."""
    monkeypatch.setattr(joining, "SHARD_BYTES", 20_000)


def output(folder: Path) -> bytes:
    """All outputs of a run directory together."""
    return b"".join(path.read_bytes() for path in sorted((folder / "output").iterdir()))


class TestShards:
    @given(st.lists(st.integers(0, 400), max_size=12), st.integers(1, 500))
    def test_every_record_is_in_one_part(
        self, tmp_path_factory: pytest.TempPathFactory, sizes: list[int], target: int
    ) -> None:
        folder = tmp_path_factory.mktemp("shards")
        texts = []
        for number, size in enumerate(sizes):
            texts.append(f"{number} " + "x" * size)
            suffix = ".txt" if number % 2 else ".jsonl"
            content = texts[-1] if number % 2 else json.dumps({"text": texts[-1]}) + "\n"
            (folder / f"{number:02}{suffix}").write_text(content)
        sources = list_sources([str(folder)]) if sizes else []
        coarse = cut(sources, target)
        fine = list(cut_finely(sources, target, ReadOptions()))
        for some in (coarse, fine):
            assert [shard.number for shard in some] == list(range(len(some)))
            read = [record for shard in some for record in shard.read(ReadOptions(), forgiving=False)]
            assert [record.text for record in read if isinstance(record, Scrape)] == texts
        assert sum(shard.size for shard in coarse) == sum(source.size or 0 for source in sources)

    def test_large_files_are_cut_and_small_ones_put_together(self, records: Path, tmp_path: Path) -> None:
        for number in range(50):
            (tmp_path / f"{number:02}.txt").write_text("x" * 1000)
        assert len(cut(list_sources([str(tmp_path)]), 10_000)) == 5
        of_records = cut(list_sources([str(records)]), 20_000)
        assert len(of_records) > 3
        assert all(len(shard.spans) == 1 for shard in of_records)

    def test_what_cannot_be_cut_is_handed_out_in_records(self, rows: list[bytes], tmp_path: Path) -> None:
        path = tmp_path / "packed.jsonl.gz"
        path.write_bytes(gzip.compress(b"".join(rows)))
        lots = list(cut_finely(list_sources([str(path)]), 5_000, ReadOptions()))
        assert len(lots) > 3
        assert all(shard.records and not shard.spans for shard in lots)
        assert sum(shard.size for shard in lots) == path.stat().st_size


class TestCores:
    @pytest.mark.usefixtures("small_shards")
    @pytest.mark.parametrize("options", [(), ("--format", "text"), ("--format", "csv"), ("--format", "annotated")])
    def test_output_is_the_same_as_of_one_process(self, records: Path, tmp_path: Path, options: tuple[str]) -> None:
        one, two = (run("score", records, *options, "-o", tmp_path / f"out-{jobs}", "-j", jobs) for jobs in ("1", "2"))
        assert (one.code, two.code) == (0, 0), two.errors
        assert (tmp_path / "out-1").read_bytes() == (tmp_path / "out-2").read_bytes()

    @pytest.mark.usefixtures("small_shards")
    def test_standard_input_and_compressed_files(self, records: Path, expected: bytes, tmp_path: Path) -> None:
        packed = tmp_path / "records.jsonl.gz"
        packed.write_bytes(gzip.compress(records.read_bytes()))
        for done in (run("score", "-", "-j", "2", stdin=records.read_bytes()), run("score", packed, "-j", "2")):
            assert done.code == 0, done.errors
            pages, wanted = (list(map(json.loads, raw.splitlines())) for raw in (done.raw, expected))
            assert [page | {"path": None} for page in pages] == [page | {"path": None} for page in wanted]

    @pytest.mark.usefixtures("small_shards")
    def test_what_cannot_be_read_is_shown_as_by_one_process(self, rows: list[bytes], tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        path.write_bytes(b"".join([rows[0], BAD_ROWS[0], b"\n", *rows[1:9], BAD_ROWS[1], b"\n"]))
        one, two = (run("score", path, tmp_path / "missing.txt", "-j", jobs) for jobs in ("1", "2"))
        assert one.code == two.code == 2
        assert one.errors == two.errors
        assert "9 pages scored, 3 could not be read" in two.errors
        assert one.raw == two.raw

    def test_no_processes_make_no_sense(self, records: Path) -> None:
        done = run("score", records, "-j", "0")
        assert done.code == 2
        assert "-1" in done.errors

    def test_clean_takes_several_cores(self, records: Path) -> None:
        assert run("clean", records, "-j", "2").raw == run("clean", records).raw


class TestExecute:
    @pytest.mark.parametrize("jobs", [1, 2])
    def test_a_task_that_cannot_be_drawn_is_an_error(self, jobs: int) -> None:
        def tasks() -> Iterator[int]:
            yield from range(20)
            raise ValueError("no more")

        done = []
        with pytest.raises(ValueError, match="no more"):
            done.extend(execute(abs, tasks(), jobs=jobs, ordered=True))

    def test_results_do_not_pile_up_behind_a_reader(self) -> None:
        drawn = []

        def tasks() -> Iterator[float]:
            for number in range(80):
                drawn.append(number)
                yield 0.02

        with closing(execute(time.sleep, tasks(), jobs=2, ordered=True)) as results:
            next(results)
            time.sleep(0.6)  # in which the workers could do sixty
            ahead = len(drawn)
            assert len(list(results)) == 79
        assert ahead < 20
        assert len(drawn) == 80


class TestRejects:
    @pytest.fixture
    def broken(self, rows: list[bytes], tmp_path: Path) -> Path:
        path = tmp_path / "records.jsonl"
        path.write_bytes(b"".join([rows[0], BAD_ROWS[0], b"\n", *rows[1:9], BAD_ROWS[1], b"\n"]))
        return path

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_a_file_for_them_makes_them_no_error(self, broken: Path, tmp_path: Path, jobs: str) -> None:
        done = run("score", broken, "--rejects", tmp_path / "rejects.jsonl", "-o", tmp_path / "out.jsonl", "-j", jobs)
        assert done.code == 0
        assert done.complaints == [
            f"boilerplate: 9 pages scored, 2 could not be read (see {tmp_path / 'rejects.jsonl'})"
        ]
        found = [json.loads(raw) for raw in (tmp_path / "rejects.jsonl").read_text().splitlines()]
        assert [(entry["path"], entry["row"]) for entry in found] == [(str(broken), 2), (str(broken), 11)]
        assert "bad JSON" in found[0]["reason"]
        assert "--text-field" in found[1]["reason"]

    def test_an_input_that_is_not_there_is_an_error_all_the_same(self, broken: Path, tmp_path: Path) -> None:
        done = run("score", broken, tmp_path / "missing.txt", "--rejects", tmp_path / "rejects.jsonl")
        assert done.code == 2
        assert f"{tmp_path / 'missing.txt'}: no such file" in done.errors

    @pytest.mark.parametrize("options", [(), ("-j", "2"), ("--run-dir", "run")])
    def test_strict_stops_at_the_first(
        self, broken: Path, tmp_path: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        target = () if "--run-dir" in options else ("-o", "out.jsonl")
        done = run("score", broken, "--strict", *options, *target)
        assert done.code == 2
        assert len(done.complaints) == 1
        assert done.complaints[0].startswith(f"boilerplate: {broken}:2: bad JSON")
        assert not Path("out.jsonl").exists()
        assert not Path("run/output/shard-000000.jsonl").exists()


class TestRunDirectory:
    def test_outputs_in_order_are_what_one_process_makes(self, undisturbed: Path, expected: bytes) -> None:
        assert output(undisturbed) == expected
        assert len(list((undisturbed / "output").iterdir())) > 3

    def test_manifest_and_summary(self, undisturbed: Path, records: Path, expected: bytes) -> None:
        manifest = json.loads((undisturbed / "manifest.json").read_text())
        assert manifest["inputs"][0]["path"] == str(records)
        assert manifest["inputs"][0]["size"] == records.stat().st_size
        assert manifest["inputs"][0]["mtime"] == records.stat().st_mtime
        assert manifest["options"]["text_field"] == "text"
        assert len(manifest["shards"]) == len(list((undisturbed / "output").iterdir()))
        pages = [json.loads(raw) for raw in expected.splitlines()]
        summary = json.loads((undisturbed / "summary.json").read_text())
        assert summary["pages"] == len(pages)
        assert sum(summary["labels"].values()) == sum(page["quality"]["lines"] for page in pages)

    def test_rejects_are_kept_and_counted_and_no_error(self, rows: list[bytes], tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        path.write_bytes(b"".join([*rows[:8], BAD_ROWS[0], b"\n", *rows[8:10]]))
        done = run("score", path, "--run-dir", tmp_path / "run", *SHARD)
        assert done.code == 0
        assert "10 pages" in done.errors
        assert "1 records could not be read" in done.errors
        rejects = list((tmp_path / "run" / "rejects").iterdir())
        assert [json.loads(file.read_text())["row"] for file in rejects] == [9]

    def test_an_existing_run_is_not_touched_without_resume(self, undisturbed: Path, records: Path) -> None:
        before = files_of_run(undisturbed)
        done = run("score", records, "--run-dir", undisturbed, *SHARD)
        assert done.code == 2
        assert "--resume" in done.errors
        assert files_of_run(undisturbed) == before

    def test_a_finished_run_can_be_resumed(self, undisturbed: Path, records: Path) -> None:
        before = files_of_run(undisturbed)
        done = run("score", records, "--run-dir", undisturbed, *SHARD, "--resume")
        assert done.code == 0
        assert files_of_run(undisturbed) == before

    @pytest.mark.usefixtures("small_shards")
    def test_texts_are_joined_by_cat(self, records: Path, tmp_path: Path) -> None:
        options = ("--format", "text", "--keep", "body,promo")
        assert run("score", records, *options, "--run-dir", tmp_path / "run", *SHARD).code == 0
        assert output(tmp_path / "run") == run("score", records, *options).raw

    def test_lost_and_damaged_outputs_are_made_again(self, undisturbed: Path, records: Path) -> None:
        before = files_of_run(undisturbed)
        names = sorted(name for name in before if name.startswith("output/"))
        (undisturbed / names[0]).unlink()
        (undisturbed / names[1]).write_bytes(before[names[1]][:-10])
        for name in (
            "output/.shard-000002.jsonl.abc_d1.part",
            ".summary.json.ab3.part",
            "done/.shard-000001.json.x.part",
        ):
            (undisturbed / name).write_bytes(b"half")
        others = [undisturbed / name for name in (".film.mkv.ab3.part", "output/.shard.part", "output/notes.part")]
        for other in others:
            other.write_bytes(b"of another program")
        assert run("score", records, "--run-dir", undisturbed, *SHARD, "--resume").code == 0
        assert sorted(undisturbed.rglob("*.part")) == sorted(others)
        for other in others:
            other.unlink()
        assert files_of_run(undisturbed) == before

    def test_a_file_that_fails_leaves_its_shard_undone(
        self, rows: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [tmp_path / f"{number}.jsonl" for number in range(3)]
        for number, path in enumerate(paths):
            path.write_bytes(b"".join(rows[4 * number : 4 * number + 4]))

        def read(span: Span, options: ReadOptions, watch: object) -> Iterator[Scrape | Reject]:
            yield from islice(read_span(span, options), 2)
            if span.source.path == str(paths[1]):
                raise InputError(paths[1], "the network is down")
            yield from islice(read_span(span, options), 2, None)

        largest = max(path.stat().st_size for path in paths)
        command = ("score", *paths, "--run-dir", tmp_path / "run", "--shard-size", str(largest))
        with monkeypatch.context() as patch:
            patch.setattr(shards, "read_span", read)
            done = run(*command)
        assert done.code == 2
        assert len(done.complaints) == 1
        for words in ("1 of 3 shards not done", f"{paths[1]}: the network is down", "--resume"):
            assert words in done.errors
        assert sorted(path.stem for path in (tmp_path / "run" / "output").iterdir()) == ["shard-000000", "shard-000002"]
        assert not (tmp_path / "run" / "summary.json").exists()
        assert run(*command, "--resume").code == 0
        assert output(tmp_path / "run") == run("score", *paths).raw

    def test_a_folder_with_other_files_is_refused(self, records: Path, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("Dear")
        done = run("score", records, "--run-dir", tmp_path, "--resume")
        assert done.code == 2
        assert "holds other files" in done.errors

    def test_standard_input_cannot_be_read_again(self, tmp_path: Path) -> None:
        done = run("score", "-", "--run-dir", tmp_path / "run", stdin=b"text")
        assert done.code == 2
        assert "read again" in done.errors

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
    def test_the_bar_moves_within_a_shard(self, records: Path, tmp_path: Path) -> None:
        many = tmp_path / "many.jsonl"
        many.write_bytes(records.read_bytes() * 12)
        screen = on_terminal("score", many, "--run-dir", tmp_path / "run")
        assert screen.code == 0
        assert len(list((tmp_path / "run" / "output").iterdir())) == 1
        shares = {int(share) for share in re.findall(r"(\d+)%[^%\n]*pages", screen.plain)}
        assert any(0 < share < 100 for share in shares), screen.plain

    def test_two_runs_at_a_time_are_refused(self, records: Path, tmp_path: Path) -> None:
        with FileLock(tmp_path / "lock"):
            done = run_alone("score", records, "--run-dir", tmp_path, "--resume")
        assert done.code == 2
        assert done.complaints == [
            f"boilerplate: {tmp_path}: another run is at work in this folder; wait until it ends"
        ]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--resume",), "--resume needs --run-dir"),
            (("--dask", "tcp://localhost:1"), "--dask needs --run-dir"),
            (("--run-dir", "run", "-o", "out.jsonl"), "exclude each other"),
            (("--run-dir", "run", "--rejects", "r.jsonl"), "exclude each other"),
            (("--run-dir", "run", "--format", "table"), "any --format but table"),
            (("--run-dir", "run", "--shard-size", "many"), "no size such as"),
        ],
    )
    def test_options_that_make_no_sense(
        self, records: Path, options: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = run("score", records, *options)
        assert done.code == 2
        assert message in done.errors
        assert not list(tmp_path.iterdir())


class TestWhatChanged:
    @pytest.fixture
    def begun(self, rows: list[bytes], tmp_path: Path) -> Callable[..., Outcome]:
        """A run; what is given resumes it with other options."""
        path = tmp_path / "records.jsonl"
        path.write_bytes(b"".join(rows[:4]))
        command = ("score", tmp_path / "*.jsonl", "--run-dir", tmp_path / "run")
        assert run(*command).code == 0

        def resume(*options: str | Path) -> Outcome:
            return run(*command, "--resume", *options)

        return resume

    @staticmethod
    def refused(done: Outcome, *words: str) -> bool:
        assert done.code == 2
        assert len(done.complaints) == 1
        return all(word in done.errors for word in ("cannot go on", *words))

    def test_nothing(self, begun: Callable[..., Outcome]) -> None:
        assert begun().code == 0
        assert begun("-j", "2").code == 0

    @pytest.mark.parametrize(
        "options",
        [("--format", "jsonl"), ("--shard-size", "32000kB"), ("--keep", "body"), ("--input-format", "jsonl")],
    )
    def test_only_the_spelling(self, begun: Callable[..., Outcome], options: tuple[str, ...]) -> None:
        assert begun(*options).code == 0

    def test_what_is_not_given_again_is_as_it_was(self, rows: list[bytes], model: Any, tmp_path: Path) -> None:
        from boilerplate.persistence import save_model

        path, folder = tmp_path / "records.jsonl", tmp_path / "run"
        path.write_bytes(b"".join(rows[:4]))
        save_model(model, tmp_path / "other.joblib")
        options = (
            "--model",
            tmp_path / "other.joblib",
            "--format",
            "csv",
            "--keep",
            "promo,body",
            "--min-confidence",
            "0.5",
        )
        assert run("score", path, *options, "--run-dir", folder, "--shard-size", "5kB").code == 0
        before = files_of_run(folder)
        for name in ("output/shard-000000.csv", "summary.json"):
            (folder / name).unlink()
        (tmp_path / "other.joblib").unlink()
        assert run("score", "--run-dir", folder, "--resume").code == 0
        assert files_of_run(folder) == before
        assert self.refused(run("score", "--run-dir", folder, "--resume", "--min-confidence", "0.6"), "it was 0.5")
        assert run("score", "--resume", "--run-dir", folder, "--keep", "body,promo", "--shard-size", "5000").code == 0
        path.write_bytes(b"".join(rows[:5]))
        assert self.refused(run("score", "--run-dir", folder, "--resume"), f"the input {path} has changed")
        path.unlink()
        assert self.refused(run("score", "--run-dir", folder, "--resume"), f"the input {path} is missing")

    def test_no_run_to_go_on_with(self, tmp_path: Path) -> None:
        done = run("score", "--run-dir", tmp_path / "run", "--resume")
        assert (done.code, len(done.complaints)) == (2, 1)
        assert "needs inputs: name files" in done.errors
        assert not (tmp_path / "run").exists()

    def test_an_input(self, begun: Callable[..., Outcome], tmp_path: Path, rows: list[bytes]) -> None:
        path = tmp_path / "records.jsonl"
        stat = path.stat()
        os.utime(path, (stat.st_atime, stat.st_mtime + 10))
        assert self.refused(begun(), f"{path} has changed")
        os.utime(path, (stat.st_atime, stat.st_mtime))
        (tmp_path / "more.jsonl").write_bytes(rows[5])
        assert self.refused(begun(), "new input", "more.jsonl")
        (tmp_path / "more.jsonl").unlink()
        path.rename(tmp_path / "renamed.jsonl")
        assert self.refused(begun(), f"{path} is missing")

    def test_an_option(self, begun: Callable[..., Outcome]) -> None:
        assert self.refused(begun("--min-confidence", "0.5"), "--min-confidence has changed", "not given", "0.5")
        assert self.refused(begun("--format", "csv"), "--format has changed")
        assert self.refused(begun("--shard-size", "1MB"), "--shard-size has changed")

    def test_the_model(self, begun: Callable[..., Outcome], model: Any, tmp_path: Path) -> None:
        from boilerplate.persistence import save_model

        save_model(model, tmp_path / "other.joblib")
        assert self.refused(begun("--model", tmp_path / "other.joblib"), "the model has changed")

    def test_the_version(self, begun: Callable[..., Outcome], tmp_path: Path) -> None:
        manifest = tmp_path / "run" / "manifest.json"
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(content | {"boilerplate": "0.0.1"}))
        assert self.refused(begun(), "boilerplate 0.0.1")

    @pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": "other"}'])
    def test_a_manifest_that_is_none(self, begun: Callable[..., Outcome], tmp_path: Path, damage: str) -> None:
        (tmp_path / "run" / "manifest.json").write_text(damage)
        done = begun()
        assert done.code == 2
        assert "manifest.json: no manifest of a run" in done.errors


class TestObjectStore:
    """A run directory behind a URL."""

    @pytest.fixture
    def store(self) -> Iterator[AbstractFileSystem]:
        """The folder ``memory://runs``."""
        system = fsspec.filesystem("memory")
        yield system
        system.rm("/runs", recursive=True)

    def test_a_run_is_made_and_gone_on_with(
        self, store: AbstractFileSystem, records: Path, expected: bytes, tmp_path: Path
    ) -> None:
        command = ("score", records, "--run-dir", "memory://runs/one", *SHARD)
        assert run(*command).code == 0
        names = sorted(store.ls("/runs/one/output", detail=False))
        assert b"".join(store.cat_file(name) for name in names) == expected
        assert not store.exists("/runs/one/lock")
        store.rm(names[1])
        assert "--resume" in run(*command).errors
        assert run(*command, "--resume").code == 0
        assert b"".join(store.cat_file(name) for name in names) == expected

    def test_a_run_elsewhere_keeps_others_out(self, store: AbstractFileSystem, records: Path) -> None:
        store.pipe_file("/runs/one/lock", json.dumps({"host": "elsewhere", "pid": os.getpid()}).encode())
        done = run("score", records, "--run-dir", "memory://runs/one")
        assert done.code == 2
        assert "on elsewhere" in done.errors
        assert "remove memory://runs/one/lock" in done.errors
        assert store.ls("/runs/one", detail=False) == ["/runs/one/lock"]

    def test_the_lock_of_a_dead_run_on_this_machine_does_not(self, store: AbstractFileSystem, records: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            pass
        store.pipe_file("/runs/one/lock", json.dumps({"host": platform.node(), "pid": process.pid}).encode())
        assert run("score", records, "--run-dir", "memory://runs/one").code == 0
        assert not store.exists("/runs/one/lock")

    def test_that_of_a_living_one_does(self, store: AbstractFileSystem, records: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            store.pipe_file("/runs/one/lock", json.dumps({"host": platform.node(), "pid": process.pid}).encode())
            done = run("score", records, "--run-dir", "memory://runs/one")
            process.communicate(b"\n")
        assert done.code == 2
        assert f"process {process.pid}" in done.errors


class TestKilled:
    @pytest.fixture
    def many(self, records: Path, tmp_path: Path) -> Path:
        """Enough for some seconds."""
        path = tmp_path / "many.jsonl"
        path.write_bytes(records.read_bytes() * TIMES)
        return path

    @pytest.fixture
    def endless(self, records: Path, tmp_path: Path) -> Path:
        """Enough for a minute: what is to be stopped must not be over before that."""
        path = tmp_path / "endless.jsonl"
        path.write_bytes(records.read_bytes() * ENDLESS)
        return path

    def test_runs_that_are_killed_end_as_undisturbed_ones(self) -> None:
        command = [sys.executable, ROOT / "benchmarks" / "crash.py", "--kills", "3", "--size", "0.3"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "nothing lost, nothing twice" in done.stdout

    def test_workers_end_with_a_parent_that_is_killed(self, endless: Path, tmp_path: Path) -> None:
        with begin(endless, tmp_path / "run") as process:
            try:
                workers = both_workers(process, tmp_path / "run")
            finally:
                process.kill()
        assert wait_for(lambda: not any(map(is_alive, workers)))

    def test_a_worker_that_is_killed_ends_the_run_which_can_go_on(
        self, records: Path, many: Path, expected: bytes, tmp_path: Path
    ) -> None:
        with begin(many, tmp_path / "run") as process:
            os.kill(both_workers(process, tmp_path / "run")[0], signal.SIGKILL)
            _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        assert "a worker process was killed" in errors.decode()
        assert len(errors.splitlines()) == 1
        assert run("score", many, "--run-dir", tmp_path / "run", *SHARD, "--resume", "-j", "2").code == 0
        assert output(tmp_path / "run") == expected.replace(bytes(records), bytes(many)) * TIMES

    @pytest.mark.parametrize("target", ["-o", "--run-dir"])
    def test_ctrl_c_leaves_nothing_half_done(self, endless: Path, tmp_path: Path, target: str) -> None:
        options = SHARD if target == "--run-dir" else ()
        shown = on_terminal("score", endless, target, tmp_path / "out", "-j", "2", *options, interrupt_at=" pages")
        assert shown.code == 130
        assert shown.plain.rstrip().endswith("boilerplate: interrupted")
        assert "Traceback" not in shown.plain
        assert not list(tmp_path.rglob("*.part"))
        assert target == "--run-dir" or not (tmp_path / "out").exists()


INTERRUPTED_AT_THE_START = """
import os, signal, threading, time
from boilerplate.runs.execute import _interrupts_kept_back
# As a progress bar has it: one that gets what is kept from the main thread.
threading.Thread(target=threading.Event().wait, daemon=True).start()
try:
    with _interrupts_kept_back():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        print("started")
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_waits_until_workers_are_started_whichever_thread_gets_it() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_AT_THE_START], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["started", "interrupted"], "")


def begin(records: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A run in a process of its own, with two workers."""
    return subprocess.Popen(
        [*COMMAND, "score", str(records), "--run-dir", str(folder), *SHARD, "-j", "2"], stderr=subprocess.PIPE
    )


def both_workers(process: subprocess.Popen[bytes], folder: Path) -> list[int]:
    """Worker processes of a run, when it has begun to do shards."""

    def is_at_work() -> bool:
        assert process.poll() is None, "it was over too soon"
        return len(workers_of(process.pid)) == 2 and any((folder / "done").glob("*.json"))

    wait_for(is_at_work)
    return workers_of(process.pid)


def workers_of(parent: int) -> list[int]:
    """Worker processes of a run."""
    return [pid for pid, (ppid, _, name) in processes().items() if ppid == parent and "LokyProcess" in name]


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that has ended, and that nobody asked about since, does not count."""
    return pid in (found := processes()) and not found[pid][1].startswith("Z")


def processes() -> dict[int, tuple[int, str, str]]:
    """Parent, state and command of all processes of this machine."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 3) for line in listed.splitlines())
    return {int(pid): (int(ppid), state, "".join(name)) for pid, ppid, state, *name in rows}
