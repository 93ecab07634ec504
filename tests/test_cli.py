"""The commands as their users meet them: what they print, write, refuse and leave alone."""

from __future__ import annotations

import csv
import errno
import gzip
import importlib.util
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from commands import COMMAND, PATIENCE, Outcome, on_terminal, run, run_alone, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st
from predictions import Rote
from strategies import field_texts, page_texts

import boilerplate
import boilerplate.model
import boilerplate.scoring
from boilerplate import kernel
from boilerplate.corpus import (
    AnnotatedPage,
    fingerprint,
    json_row,
    read_pages,
    write_json_lines,
    write_page_file,
    write_page_files,
)
from boilerplate.evaluation import SCHEMA
from boilerplate.labels import LABELS
from boilerplate.pages import labelled_lines, normalise_newlines
from boilerplate.persistence import shipped_path

COMMANDS = ("score", "clean", "train", "evaluate", "audit", "inspect", "convert")
DATE = "2024-05-31"

SMALL_TRAINING = """
import sys
from functools import partial
from boilerplate import model, network, text_model
from boilerplate.cli import main
network.MIN_STEPS = text_model.MIN_STEPS = int(sys.argv.pop(1))
small = {"n_networks": 1, "n_layers": 3, "tree_rounds": 5, "text_iterations": 20, "hash_bits": 14}
model.LineClassifier = partial(model.LineClassifier, **small)
main(sys.argv[1:])
"""
"""The command line in a process of its own, where ``train`` trains a small classifier in as many steps as are given."""

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and terminals of Unix")

PARAGRAPHS = (
    "The council of Dunmere voted on Tuesday to rebuild the old tram line between the harbour and the hospital, which "
    "was torn up in 1961 and has been missed by the people of the lower town ever since.",
    '"We have waited long enough for this," said Ottilie Marsh, who drove the last tram as a young woman and came to '
    "the town hall in her old uniform to watch the vote from the gallery.",
    "The work is expected to cost 84 million crowns and to take four years, and the council hopes that the state will "
    "pay half of it, as it did when the neighbouring town of Harrowby built its own line.",
    "Shopkeepers on Rope Street fear that the works will keep their customers away, and they have asked the mayor to "
    "promise that the street will stay open on Saturdays and in the weeks before Christmas.",
)
PROMO = "Sign up for our newsletter to get the latest news from the Dunmere Gazette in your inbox every morning"
PAGE = "\n\n".join([*PARAGRAPHS, PROMO]) + "\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A text file whose labels any sane model gets right."""
    path = tmp_path / "tram.txt"
    path.write_text(PAGE, encoding="utf-8")
    return path


def records(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(row) for row in outcome.text.split("\n")[:-1]]


def numbered(record: dict[str, Any]) -> list[tuple[int, str]]:
    return [(line["number"], line["text"]) for line in record["lines"]]


def refused(outcome: Outcome, *parts: str) -> bool:
    """Whether the command ended with 2, nothing printed, and one line of complaint that holds these parts."""
    assert (outcome.code, outcome.raw) == (2, b""), outcome.errors
    assert len(outcome.complaints) == 1, outcome.errors
    assert outcome.errors.startswith("boilerplate: ")
    assert [part for part in parts if part not in outcome.errors] == [], outcome.errors
    return True


def misused(outcome: Outcome, *parts: str) -> bool:
    """Whether the command ended with 2, how it is used, and an error that holds these parts."""
    assert (outcome.code, outcome.raw) == (2, b""), outcome.errors
    assert outcome.errors.startswith("Usage: boilerplate ")
    assert outcome.complaints[-1].startswith("Error: ")
    assert [part for part in parts if part not in outcome.complaints[-1]] == [], outcome.errors
    return True


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- models ----


@dataclass(frozen=True)
class Trained:
    """A model that the command line trained, and how that went."""

    folder: Path
    """Of the annotated pages."""
    pages: list[AnnotatedPage]
    unseen: Path
    """Folder of as many pages of the same kind, not trained on: on its own a small model makes hardly any error."""
    unseen_pages: list[AnnotatedPage]
    path: Path
    outcome: Outcome
    """Of ``boilerplate train``, in a process of its own."""


def short_pages(pages: list[AnnotatedPage]) -> list[AnnotatedPage]:
    """Our annotated pages that have all labels, the shortest first."""
    whole = [page for page in pages if set(page.labels) == set(LABELS)]
    return sorted(whole, key=lambda page: (len(page.labels), page.id))


@pytest.fixture(scope="session")
def annotated(data_pages: list[AnnotatedPage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the twelve shortest of our annotated pages that have all labels, all of the same weight."""
    folder = tmp_path_factory.mktemp("annotated") / "pages"
    pages = short_pages(data_pages)[:12]
    write_page_files([replace(page, extra={**page.extra, "weight": 1}) for page in pages], folder)
    return folder


def small_training(steps: int, *arguments: str | Path, **environment: str) -> Outcome:
    """Run ``train`` with such a classifier."""
    return run_alone(
        *("train", *arguments),
        command=(sys.executable, "-c", SMALL_TRAINING, str(steps)),
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="session")
def trained(annotated: Path, data_pages: list[AnnotatedPage], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    path = tmp_path_factory.mktemp("trained") / "small.joblib"
    outcome = small_training(300, annotated, "-o", path, "--folds", "2", "-j", "1", "--date", DATE)
    assert outcome.code == 0, outcome.errors
    unseen = tmp_path_factory.mktemp("unseen") / "pages"
    write_page_files(short_pages(data_pages)[12:24], unseen)
    return Trained(annotated, list(read_pages(annotated)), unseen, list(read_pages(unseen)), path, outcome)


# ---- score ----


class TestScoreInputs:
    def test_a_text_file(self, page: Path) -> None:
        outcome = run("score", page)
        assert (outcome.code, outcome.errors) == (0, "")
        [record] = records(outcome)
        assert (record["id"], record["path"]) == ("tram.txt", str(page))
        assert numbered(record) == list(labelled_lines(PAGE))
        assert [line["label"] for line in record["lines"]] == ["body"] * len(PARAGRAPHS) + ["promo"]
        for line in record["lines"]:
            assert sum(line["probabilities"].values()) == pytest.approx(1, abs=3e-4)
            assert line["confidence"] == line["probabilities"][line["label"]] == max(line["probabilities"].values())
        counts = {"body": len(PARAGRAPHS), "caption": 0, "foreign-caption": 0, "promo": 1}
        assert record["quality"] == {"body_share": record["quality"]["body_share"], "lines": 5, "counts": counts}
        assert 0.5 < record["quality"]["body_share"] < 1

    def test_standard_input_with_and_without_a_name(self, page: Path) -> None:
        named, unnamed = (run("score", *names, stdin=page.read_bytes()) for names in (("-",), ()))
        assert named == unnamed
        [record] = records(named)
        assert (record["id"], record["path"]) == ("stdin", "-")
        assert record["lines"] == records(run("score", page))[0]["lines"]

    def test_several_files_a_folder_and_standard_input(self, page: Path, tmp_path: Path) -> None:
        folder = tmp_path / "scrapes"
        (folder / "more").mkdir(parents=True)
        (folder / "more" / "a.md").write_text(PARAGRAPHS[0])
        (folder / "b.txt").write_text(PARAGRAPHS[1])
        outcome = run("score", page, folder, "-", page, stdin=PAGE.encode())
        assert (outcome.code, outcome.errors) == (0, "")
        assert [record["id"] for record in records(outcome)] == ["tram.txt", "b.txt", "a.md", "stdin", "tram.txt"]
        assert len({json.dumps(record["lines"]) for record in records(outcome)}) == 3

    @pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
    def test_json_lines(self, suffix: str, tmp_path: Path) -> None:
        rows = [
            {"id": "x", "text": PAGE, "tags": ["tram", {"n": 1}]},
            {"text": PARAGRAPHS[0], "url": "https://a.example/"},
        ]
        raw = "".join(map(json_row, rows)).encode()
        path = tmp_path / f"spider{suffix}"
        path.write_bytes(gzip.compress(raw) if suffix.endswith(".gz") else raw)
        first, second = records(run("score", path))
        assert (first["id"], first["tags"], first["path"]) == ("x", ["tram", {"n": 1}], str(path))
        assert (second["id"], second["url"]) == ("https://a.example/", "https://a.example/")
        assert "text" not in first
        assert [numbered(record) for record in (first, second)] == [list(labelled_lines(row["text"])) for row in rows]  # type: ignore[arg-type]

    def test_json_lines_from_standard_input(self) -> None:
        rows = [{"content": PAGE, "text": "a summary", "n": 1}, {"content": PARAGRAPHS[0], "n": 2}]
        outcome = run("score", "--text-field", "content", stdin="".join(map(json_row, rows)).encode())
        assert [(record["n"], len(record["lines"])) for record in records(outcome)] == [(1, 5), (2, 1)]
        assert records(outcome)[0]["text"] == "a summary"

    def test_page_files_keep_their_header(self, tmp_path: Path) -> None:
        path = tmp_path / "a.page"
        path.write_text(f"# id: x\n# site: a.example\n\nbody\t{PARAGRAPHS[0]}\n")
        [record] = records(run("score", path))
        assert (record["id"], record["site"], numbered(record)) == ("x", "a.example", [(1, PARAGRAPHS[0])])

    def test_a_model_of_ones_own(self, page: Path, trained: Trained) -> None:
        [record] = records(run("score", page, "--model", trained.path))
        lines = boilerplate.load(trained.path).label(PAGE)
        assert [line["label"] for line in record["lines"]] == [line.label for line in lines]
        assert [line["confidence"] for line in record["lines"]] == [round(line.confidence, 4) for line in lines]
        assert record["lines"] != records(run("score", page))[0]["lines"]


class TestTextAsItStands:
    @pytest.mark.parametrize(
        ("raw", "lines"),
        [
            (b"One\r\n\r\nTwo\rThree\n\r", [(1, "One"), (3, "Two"), (4, "Three")]),
            (b"One\0 and\0\n\0\nTwo", [(1, "One\0 and\0"), (2, "\0"), (3, "Two")]),
            ("\ufeffOne\n\ufeff\nTwo\ufeff".encode(), [(1, "\ufeffOne"), (2, "\ufeff"), (3, "Two\ufeff")]),
            ("One\x0c\x85\u2028Two\n\u2029\n\x1cThree".encode(), [(1, "One\x0c\x85\u2028Two"), (3, "\x1cThree")]),
            (b" \t\n  One\t \n\xc2\xa0\n", [(2, "  One\t ")]),
            (b"One line without a newline", [(1, "One line without a newline")]),
            ("写真 🚋 Ünïcödé \u200b\U0010ffff".encode(), [(1, "写真 🚋 Ünïcödé \u200b\U0010ffff")]),
        ],
        ids=["newlines", "nul", "byte order mark", "no newlines", "white space", "one line", "any characters"],
    )
    def test_lines_and_their_numbers(self, raw: bytes, lines: list[tuple[int, str]], tmp_path: Path) -> None:
        path = tmp_path / "page.txt"
        path.write_bytes(raw)
        for outcome in (run("score", path), run("score", stdin=raw)):
            assert (outcome.code, outcome.errors) == (0, "")
            assert numbered(records(outcome)[0]) == lines

    @pytest.mark.parametrize("raw", [b"", b"\n", b" \r\n\t\n"])
    def test_pages_without_lines(self, raw: bytes, tmp_path: Path) -> None:
        path = tmp_path / "page.txt"
        path.write_bytes(raw)
        outcome = run("score", path)
        assert (outcome.code, outcome.errors) == (0, "")
        assert [(record["lines"], record["quality"]["body_share"]) for record in records(outcome)] == [([], 0.0)]
        for format_ in ("table", "csv", "text", "annotated"):
            assert run("score", path, "--format", format_).code == 0

    def test_pages_without_lines_among_others(self) -> None:
        outcome = run("score", stdin="".join(json_row({"text": text}) for text in ("", PAGE, " ", PAGE)).encode())
        assert [len(record["lines"]) for record in records(outcome)] == [0, 5, 0, 5]

    def test_a_lone_surrogate(self) -> None:
        raw = b'{"text": "A \\ud800 lone surrogate\\n\\udfff"}\n'
        outcome = run("score", stdin=raw)
        assert outcome.code == 0
        assert numbered(records(outcome)[0]) == [(1, "A \ud800 lone surrogate"), (2, "\udfff")]
        for format_ in ("table", "csv", "text", "annotated"):
            assert run("score", "--format", format_, stdin=raw).code == 0

    @pytest.mark.parametrize("unit", ["tramway ", "x", "写真"])
    def test_a_line_of_10_mb(self, unit: str, tmp_path: Path) -> None:
        line = (unit * (10_000_000 // len(unit.encode()) + 1)).strip()
        path = tmp_path / "page.txt"
        path.write_text(f"Title\n{line}\nEnd", encoding="utf-8")
        outcome = run("score", path)
        assert outcome.code == 0
        assert numbered(records(outcome)[0]) == [(1, "Title"), (2, line), (3, "End")]

    @given(st.lists(page_texts, min_size=1, max_size=4))
    @settings(max_examples=25)
    def test_any_text(self, texts: list[str]) -> None:
        rows = [{"text": PARAGRAPHS[0]}, *({"text": text} for text in texts)]
        outcome = run("score", stdin="".join(map(json_row, rows)).encode())
        assert (outcome.code, outcome.errors) == (0, "")
        assert [numbered(record) for record in records(outcome)] == [list(labelled_lines(row["text"])) for row in rows]


class TestScoreFormats:
    def test_csv_says_what_json_lines_say(self, page: Path) -> None:
        [record] = records(run("score", page, "--min-confidence", "0.9"))
        outcome = run("score", page, "--min-confidence", "0.9", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(outcome.text, newline="")))
        assert len(rows) == len(record["lines"])
        for row, line in zip(rows, record["lines"], strict=True):
            assert (row["id"], row["path"], row["number"]) == ("tram.txt", str(page), str(line["number"]))
            assert (row["label"], row["text"], row["uncertain"]) == (
                line["label"],
                line["text"],
                json.dumps(line["uncertain"]),
            )
            shown = {name: float(row[name]) for name in LABELS}
            assert shown == pytest.approx(line["probabilities"], abs=1.1e-4)

    def test_text_is_what_is_kept(self, page: Path) -> None:
        assert run("score", page, "--format", "text").text == "\n\n".join(PARAGRAPHS) + "\n"
        assert run("score", page, "--format", "text", "--keep", "promo").text == PROMO + "\n"
        assert run("score", page, "--format", "text", "--keep", " promo, body").text == PAGE
        assert run("score", page, "--format", "text", "--keep", "foreign-caption").text == ""

    def test_annotated_pages_are_drafts_for_training(self, page: Path, tmp_path: Path) -> None:
        draft = tmp_path / "draft.jsonl"
        draft.write_bytes(run("score", page, "--format", "annotated").raw)
        [read] = read_pages(draft)
        assert (read.text, read.extra) == (PAGE, {"reviewed": False})
        assert read.labels == ["body"] * len(PARAGRAPHS) + ["promo"]
        assert run("convert", draft, tmp_path / "draft.page").code == 0

    def test_table_in_a_pipe_has_no_colours(self, page: Path) -> None:
        outcome = run("score", page, "--format", "table")
        lines = outcome.text.split("\n")
        assert "\x1b" not in outcome.text
        assert lines[0].rstrip() == "tram.txt"
        assert re.match(r"1 +body +\d+% +The council of Dunmere", lines[1])
        assert re.search(r"^body \d+% of the characters\b.* 4 body +1 promo *$", outcome.text, flags=re.M)
        assert max(map(len, lines)) <= 100

    def test_table_shows_a_hostile_page_without_harm(self) -> None:
        row = {"id": "\ud800 \x1b[31m[/b] :smile:", "text": "\x1b[2J \x07[bold] :smile: \u202e\ud800 line"}
        outcome = run("score", "--format", "table", stdin=json_row(row).encode())
        assert outcome.code == 0
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", outcome.text)
        assert "[31m[/b] :smile:" in outcome.text
        assert "[bold] :smile:" in outcome.text

    def test_long_lines_are_cut_in_the_table_only(self, tmp_path: Path) -> None:
        path = tmp_path / "page.txt"
        path.write_text("tramway " * 5000)
        assert len(run("score", path, "--format", "table").text) < 2000
        assert len(records(run("score", path))[0]["lines"][0]["text"]) == 40_000

    def test_uncertain_lines(self, page: Path) -> None:
        [record] = records(run("score", page, "--min-confidence", "1"))
        assert all(line["uncertain"] for line in record["lines"] if line["confidence"] < 1)
        [record] = records(run("score", page, "--min-confidence", "0"))
        assert [line["uncertain"] for line in record["lines"]] == [False] * 5
        assert all("uncertain" not in line for line in records(run("score", page))[0]["lines"])
        assert "%?" in run("score", page, "--min-confidence", "1", "--format", "table").text
        assert "?" not in run("score", page, "--min-confidence", "0", "--format", "table").text

    @pytest.mark.parametrize("format_", ["table", "jsonl", "csv", "text", "annotated"])
    def test_no_pages(self, format_: str, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.touch()
        outcome = run("score", path, "--format", format_)
        assert (outcome.code, outcome.errors) == (0, "")
        assert outcome.text.count("\n") == (format_ == "csv")

    def test_terminals_of_another_encoding(self, tmp_path: Path) -> None:
        path = tmp_path / "page.txt"
        path.write_text("Größe 写真", encoding="utf-8")
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        outcome = run_alone("score", path, "--format", "table", env=environment)
        assert (outcome.code, outcome.errors) == (0, "")
        assert rb"Gr\xf6\xdfe \u5199\u771f" in outcome.raw


class TestScoreOutput:
    @pytest.mark.parametrize("format_", ["jsonl", "csv", "text", "annotated"])
    def test_a_file_holds_what_a_pipe_gets(self, format_: str, page: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        outcome = run("score", page, "--format", format_, "-o", out)
        assert (outcome.code, outcome.raw, outcome.errors) == (0, b"", "")
        assert out.read_bytes() == run("score", page, "--format", format_).raw

    def test_a_table_in_a_file(self, page: Path, tmp_path: Path) -> None:
        assert run("score", page, "--format", "table", "-o", tmp_path / "out").code == 0
        assert "\x1b" not in (tmp_path / "out").read_text(encoding="utf-8")
        assert "The council of Dunmere" in (tmp_path / "out").read_text(encoding="utf-8")

    def test_an_existing_file_is_replaced_even_if_it_is_the_input(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(json_row({"id": "x", "text": PAGE}))
        assert run("score", path, "--format", "annotated", "-o", path).code == 0
        assert [page.text for page in read_pages(path)] == [PAGE]
        assert files_in(tmp_path) == ["a.jsonl"]

    def test_an_existing_file_survives_an_interruption(
        self, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = boilerplate.scoring.score_pages

        def cut(*arguments: Any) -> Any:
            yield from whole(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr("boilerplate.runs.work.score_pages", cut)
        out = tmp_path / "out.jsonl"
        out.write_text("precious")
        outcome = run("score", page, "-o", out)
        assert (outcome.code, outcome.raw) == (130, b"")
        assert outcome.errors.strip() == "boilerplate: interrupted"
        assert out.read_text() == "precious"
        assert files_in(tmp_path) == ["out.jsonl", "tram.txt"]

    @unix_only
    def test_an_existing_file_survives_a_full_disk(self, page: Path, tmp_path: Path) -> None:
        import resource

        out = tmp_path / "out.jsonl"
        out.write_text("precious")
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (200, 200))
        assert refused(run_alone("score", page, "-o", out, preexec_fn=limit), f"{out}: File too large")
        assert out.read_text() == "precious"
        assert files_in(tmp_path) == ["out.jsonl", "tram.txt"]
        parquet = tmp_path / "out.parquet"
        assert refused(run_alone("score", page, "-o", parquet, preexec_fn=limit), f"{parquet}: File too large")

    def test_an_existing_file_survives_a_model_that_cannot_be_used(self, page: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        out.write_text("precious")
        assert refused(run("score", page, "-o", out, "--model", page), "not a boilerplate model")
        assert out.read_text() == "precious"

    @pytest.mark.parametrize("options", [[], ["-j", "2"], ["--format", "csv"], ["--rejects", "rejects.jsonl"]])
    def test_an_existing_file_survives_inputs_none_of_which_can_be_read(
        self, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("out").write_text("precious")
        Path("in.jsonl").write_text('{"content": "One"}\n')
        outcome = run("score", "in.jsonl", "-o", "out", *options)
        assert outcome.code == 2
        assert "0 pages scored, 1 could not be read" in outcome.errors
        assert Path("out").read_text() == "precious"
        assert ("rejects.jsonl" in files_in(tmp_path)) == ("--rejects" in options)

    def test_good_pages_are_written_beside_bad_ones(self, page: Path, tmp_path: Path) -> None:
        outcome = run("score", tmp_path / "none.txt", page, "-o", tmp_path / "out.jsonl")
        assert outcome.code == 2
        assert [json.loads(row)["id"] for row in (tmp_path / "out.jsonl").read_text().splitlines()] == ["tram.txt"]

    def test_a_folder_that_is_not_there(self, page: Path, tmp_path: Path) -> None:
        out = tmp_path / "none" / "out.jsonl"
        assert refused(run("score", page, "-o", out), f"{out}: cannot be written: ")

    def test_a_folder_instead_of_a_file(self, page: Path, tmp_path: Path) -> None:
        assert misused(run("score", page, "-o", tmp_path), "is a directory")

    @unix_only
    def test_the_file_behind_a_link_is_written(self, page: Path, tmp_path: Path) -> None:
        link, out = tmp_path / "link", tmp_path / "out.jsonl"
        link.symlink_to(out)
        assert run("score", page, "-o", link).code == 0
        assert link.is_symlink()
        assert out.read_bytes() == run("score", page).raw

    @unix_only
    def test_a_named_pipe_is_written_into(self, page: Path, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
        reader.start()
        assert run("score", page, "-o", pipe).code == 0
        reader.join(PATIENCE)
        assert pipe.is_fifo()
        assert read == [run("score", page).raw]

    @pytest.mark.skipif(not Path("/dev/fd/1").exists(), reason="needs a path that stands for standard output")
    def test_standard_output_by_its_path_is_written_into(self, page: Path) -> None:
        outcome = run_alone("score", page, "-o", "/dev/fd/1")
        assert (outcome.code, outcome.raw, outcome.errors) == (0, run("score", page).raw, "")


class TestScoreComplaints:
    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        path = tmp_path / "none.txt"
        outcome = run("score", path)
        assert (outcome.code, outcome.raw) == (2, b"")
        assert outcome.complaints == [
            f"boilerplate: {path}: no such file or folder",
            "boilerplate: 0 pages scored, 1 could not be read",
        ]

    def test_bad_json_in_the_middle(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(json_row({"id": "x", "text": PAGE}) + "{bad\n" + json_row({"id": "y", "text": PAGE}))
        outcome = run("score", path)
        assert outcome.code == 2
        assert [record["id"] for record in records(outcome)] == ["x", "y"]
        first, summary = outcome.complaints
        assert first.startswith(f"boilerplate: {path}:2: bad JSON: ")
        assert summary == "boilerplate: 2 pages scored, 1 could not be read"

    @pytest.mark.parametrize(
        ("name", "raw", "place", "message"),
        [
            ("a.txt", "Title\nCafé".encode("latin-1"), ":2", "not UTF-8; convert the file to UTF-8"),
            ("a.jsonl", '{"text": "Café"}'.encode("latin-1"), ":1", "not UTF-8"),
            ("a.jsonl", b'{"content": "One"}', ":1", "no text in field 'text' (fields here: 'content')"),
            ("a.jsonl", b'{"text": null}', ":1", "no text in field 'text'"),
            ("a.jsonl.gz", b'{"text": "One"}', ":1", "damaged gzip file"),
            ("a.jsonl.gz", gzip.compress(b'{"text": "One"}', mtime=0)[:-9], ":1", "damaged gzip file"),
            ("a.page", b"bdy\tOne", ":1", "unknown label 'bdy'; did you mean 'body'?"),
        ],
    )
    def test_input_that_cannot_be_read(self, name: str, raw: bytes, place: str, message: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(raw)
        outcome = run("score", path)
        assert (outcome.code, outcome.raw) == (2, b"")
        first, summary = outcome.complaints
        assert first.startswith(f"boilerplate: {path}{place}: {message}")
        assert summary == "boilerplate: 0 pages scored, 1 could not be read"

    def test_a_folder_without_pages(self, tmp_path: Path) -> None:
        outcome = run("score", tmp_path)
        assert outcome.code == 2
        assert outcome.complaints[0].startswith(f"boilerplate: {tmp_path}: no file in this folder ends in one of .txt")

    @pytest.mark.parametrize("command", ["score", "clean", "evaluate", "inspect"])
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda path: None, "no such file; check the path"),
            (lambda path: path.mkdir(), "is a folder; give the model file in it"),
            (lambda path: path.touch(), "empty file"),
            (lambda path: path.write_text("A text"), "not a boilerplate model"),
            (lambda path: path.write_bytes(shipped_path().read_bytes()[:-1000]), "truncated"),
        ],
        ids=["missing", "folder", "empty", "text", "truncated"],
    )
    def test_a_model_that_cannot_be_used(
        self, command: str, make: Callable[[Path], object], message: str, page: Path, annotated: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "my.joblib"
        make(path)
        arguments = [annotated if command == "evaluate" else page, "--model", path]
        assert refused(run(command, *(arguments if command != "inspect" else [path])), f"{path}: {message}")

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            (["--keep", "captoin"], ["'--keep'", "unknown label 'captoin'", "did you mean 'caption'?"]),
            (["--keep", "body,Promo"], ["did you mean 'promo'?"]),
            (["--keep", ""], ["known labels: body, caption, foreign-caption, promo"]),
            (["--format", "xml"], ["'xml'", "jsonl"]),
            (["--min-confidence", "2"], ["'--min-confidence'", "2"]),
            (["--colour"], ["--colour"]),
        ],
    )
    def test_misuse(self, arguments: list[str], parts: list[str], page: Path) -> None:
        assert misused(run("score", page, *arguments), *parts)


class TestScoreManyComplaints:
    def test_they_end(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text('{"content": "One"}\n' * 60)
        outcome = run("score", tmp_path / "in.jsonl")
        assert len(outcome.complaints) == 52
        assert "in.jsonl:50: no text in field 'text'" in outcome.complaints[49]
        assert "only counted" in outcome.complaints[50]
        assert outcome.complaints[51] == "boilerplate: 0 pages scored, 60 could not be read"

    def test_folders_that_may_not_be_read_are_named(
        self, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "locked").mkdir()
        scan = os.scandir

        def refuse(path: Any) -> Any:
            if Path(path).name == "locked":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", refuse)
        outcome = run("score", tmp_path)
        assert [record["id"] for record in records(outcome)] == [page.name]
        assert (outcome.code, outcome.complaints[0]) == (2, f"boilerplate: {tmp_path / 'locked'}: Permission denied")
        assert run("score", tmp_path / "locked").complaints[0] == outcome.complaints[0]


class TestRunDirectories:
    """What becomes of folders that are no run's."""

    def test_other_programs_files_are_left_alone(self, page: Path, tmp_path: Path) -> None:
        folder = tmp_path / "downloads"
        (folder / "inner").mkdir(parents=True)
        for name in (".film.part", "inner/.song.part", "manifest.json"):
            (folder / name).write_text("{}")
        assert refused(run("score", page, "--run-dir", folder, "--resume"), "no manifest of a run")
        (folder / "manifest.json").unlink()
        assert refused(run("score", page, "--run-dir", folder), "holds other files and no run")
        assert files_in(folder) == [".film.part", "inner"]
        assert files_in(folder / "inner") == [".song.part"]

    def test_what_a_run_left_that_was_killed_at_once_is_tidied(self, page: Path, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / ".model.joblib.ab3_x9.part").write_text("half")
        assert run("score", page, "--run-dir", folder).code == 0
        assert ".model.joblib.ab3_x9.part" not in files_in(folder)

    def test_inputs_must_be_named(self, tmp_path: Path) -> None:
        assert refused(run("score", "--run-dir", tmp_path / "run", stdin=PAGE.encode()), "needs inputs")
        assert not (tmp_path / "run").exists()

    def test_a_run_that_can_read_nothing_is_no_success(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text('{"content": "One"}\n')
        outcome = run("score", tmp_path / "in.jsonl", "--run-dir", tmp_path / "run")
        assert outcome.code == 2
        assert "0 pages" in outcome.errors


class TestClean:
    def test_the_body_of_pages(self, page: Path) -> None:
        body = "\n\n".join(PARAGRAPHS) + "\n"
        assert run("clean", page) == run("clean", stdin=PAGE.encode()) == Outcome(0, body.encode(), "")
        assert run("clean", page, page).text == f"{body}\n{body}"

    def test_lines_stand_as_they_stood(self) -> None:
        text = f"\ufeff  {PARAGRAPHS[0]}\x0c\t\r\n\r\n\r\n{PARAGRAPHS[1]} \ud800\r\n"
        outcome = run("clean", "--keep", ",".join(LABELS), stdin=json_row({"text": text}).encode())
        assert outcome.raw == normalise_newlines(text).encode("utf-8", "surrogatepass")

    def test_options(self, page: Path, trained: Trained, tmp_path: Path) -> None:
        spider, out = tmp_path / "spider.jsonl", tmp_path / "out.txt"
        spider.write_text(json_row({"content": PAGE}))
        options = ("--text-field", "content", "--keep", "promo,body", "-o", out)
        assert run("clean", spider, *options) == Outcome(0, b"", "")
        assert out.read_text() == PAGE
        kept = boilerplate.load(trained.path).clean(PAGE)
        assert run("clean", page, "--model", trained.path).text == kept

    def test_the_operating_point(self, trained: Trained, data_pages: list[AnnotatedPage]) -> None:
        model = boilerplate.load(trained.path)
        # On pages that it was trained on, it is too sure for shares to make a difference.
        texts = [page.text for page in data_pages[::20] if page not in trained.pages]
        scrapes = "".join(json_row({"text": text}) for text in texts).encode()

        def cleaned(command: tuple[str, ...], keep: str, *options: str) -> list[str]:
            outcome = run(*command, "--model", trained.path, "--keep", keep, *options, stdin=scrapes)
            assert (outcome.code, outcome.errors) == (0, "")
            return [line for _, line in labelled_lines(outcome.text)]

        points: list[tuple[tuple[str, ...], float | None]] = [
            ((), 0.99),
            (("--body-recall", "0.9"), 0.9),
            (("--body-recall", "0.999"), 0.999),
            (("--most-probable",), None),
        ]
        kept = []
        for keep in ("body", "body,caption"):
            for options, recall in points:
                pages = [model.clean(text, keep.split(","), recall) for text in texts]
                expected = [line for page in pages for _, line in labelled_lines(page)]
                for command in (("clean",), ("score", "--format", "text")):
                    assert cleaned(command, keep, *options) == expected
                kept.append(len(expected))
        assert kept[1] <= kept[0] <= kept[2], "each share keeps at least the lines of a smaller one"
        assert kept[1] < kept[2]

    @pytest.mark.parametrize("command", ["clean", "score"])
    @pytest.mark.parametrize(
        ("recall", "part"),
        [("1.5", "at most 1"), ("0", "above 0"), ("nan", "not nan"), ("0.5", "between 0.9 and 0.999"), ("1", "0.999")],
    )
    def test_recalls_that_are_refused(self, command: str, recall: str, part: str, page: Path, trained: Trained) -> None:
        outcome = run(command, page, "--model", trained.path, "--body-recall", recall)
        assert refused(outcome, "--body-recall: body recall must", part)

    def test_complaints(self, tmp_path: Path) -> None:
        assert misused(run("clean", "--keep", "pormo"), "did you mean 'promo'?")
        assert misused(run("clean", "--body-recall", "much"), "'--body-recall'", "'much'")
        assert run("clean", tmp_path / "none.txt").code == 2


# ---- convert ----

fields_of_pages = st.dictionaries(
    field_texts.filter(lambda key: key not in ("id", "text", "labels", "site", "lang")),
    field_texts | st.none() | st.booleans() | st.integers() | st.lists(st.floats() | field_texts, max_size=2),
    max_size=2,
)


@st.composite
def annotated_pages(draw: st.DrawFn) -> AnnotatedPage:
    text = normalise_newlines(draw(page_texts))
    labels = [draw(st.sampled_from(LABELS)) for _ in labelled_lines(text)]
    return AnnotatedPage(draw(field_texts), text, labels, draw(field_texts), draw(field_texts), draw(fields_of_pages))


class TestConvert:
    @given(st.lists(annotated_pages(), min_size=1, max_size=4))
    def test_nothing_is_lost(self, pages: list[AnnotatedPage]) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_json_lines(pages, folder / "a.jsonl")
            assert run("convert", folder / "a.jsonl", folder / "pages").code == 0
            assert run("convert", folder / "pages", folder / "b.jsonl").code == 0
            assert run("convert", folder / "b.jsonl", folder / "c.jsonl.gz").code == 0
            assert (folder / "b.jsonl").read_bytes() == (folder / "a.jsonl").read_bytes()
            assert gzip.decompress((folder / "c.jsonl.gz").read_bytes()) == (folder / "a.jsonl").read_bytes()
            assert len(files_in(folder / "pages")) == len(pages)

    def test_our_own_pages(self, data_pages: list[AnnotatedPage], tmp_path: Path) -> None:
        source = Path(__file__).parents[1] / "data" / "pages"
        outcome = run("convert", source, tmp_path / "a.jsonl.gz")
        assert (outcome.code, outcome.raw) == (0, b"")
        assert outcome.complaints == [f"{len(data_pages)} pages written to {tmp_path / 'a.jsonl.gz'}"]
        assert run("convert", tmp_path / "a.jsonl.gz", tmp_path / "pages").code == 0
        assert list(read_pages(tmp_path / "pages")) == data_pages

    def test_one_page(self, annotated: Path, tmp_path: Path) -> None:
        source = sorted(annotated.iterdir())[0]
        assert run("convert", source, tmp_path / "a.page").code == 0
        assert (tmp_path / "a.page").read_bytes() == source.read_bytes()

    def test_a_page_without_lines(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text('{"id": "x", "text": "\\n", "labels": []}\n')
        assert run("convert", tmp_path / "a.jsonl", tmp_path / "a.page").code == 0
        assert [(page.id, page.text) for page in read_pages(tmp_path / "a.page")] == [("x", "\n")]

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("a.page", "a .page file holds one page, not 12; name a folder"),
            ("a.txt", "convert writes .jsonl, .jsonl.gz, .page, or a folder"),
            ("full", "this folder is not empty; name a new one"),
            ("none/a.jsonl", "cannot be written: "),
            ("full/file/pages", "Not a directory"),
        ],
    )
    def test_targets_that_are_refused(self, target: str, message: str, annotated: Path, tmp_path: Path) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").write_text("precious")
        assert refused(run("convert", annotated, tmp_path / target), f"{tmp_path / target}: ", message)
        assert files_in(tmp_path) == ["full"]
        assert files_in(tmp_path / "full") == ["file"]

    def test_an_empty_folder_may_be_filled(self, annotated: Path, tmp_path: Path) -> None:
        (tmp_path / "new.pages").mkdir()
        assert run("convert", annotated, tmp_path / "new.pages").code == 0
        assert len(files_in(tmp_path / "new.pages")) == 12

    def test_nothing_is_written_of_broken_input(self, tmp_path: Path) -> None:
        source = tmp_path / "a.jsonl"
        source.write_text('{"id": "x", "text": "One", "labels": ["body"]}\n{"id": "y"}\n')
        outcome = run("convert", source, tmp_path / "pages")
        assert (outcome.code, outcome.raw) == (2, b"")
        assert outcome.complaints == [
            f"boilerplate: {source}:2: field 'text' is missing",
            "boilerplate: 1 pages good, 1 broken; nothing was done",
        ]
        assert files_in(tmp_path) == ["a.jsonl"]

    def test_scored_pages_are_not_annotated_pages(self, page: Path, tmp_path: Path) -> None:
        run("score", page, "-o", tmp_path / "scored.jsonl")
        outcome = run("convert", tmp_path / "scored.jsonl", tmp_path / "pages")
        assert outcome.code == 2
        assert "field 'text' is missing" in outcome.complaints[0]


# ---- train ----


BROKEN_ROWS = (
    (
        b'{"id": "a", "text": "One\\n\\nTwo", "labels": ["body", "captoin"]}',
        "label 2: unknown label 'captoin'; did you mean",
    ),
    (b'{"id": "b", "text": "One\\n\\nTwo", "labels": ["body"]}', "1 labels for 2 non-blank lines"),
    (b'{"id": "c", "text": "One", "labels": ["body"]', "bad JSON: "),
    (b'{"id": "caf\xe9", "text": "One", "labels": ["body"]}', "not UTF-8"),
    (b'{"id": "d", "labels": []}', "field 'text' is missing"),
)


class TestTrain:
    def test_held_out_scores_and_the_file_are_printed(self, trained: Trained) -> None:
        text = trained.outcome.text
        lines = sum(len(page.labels) for page in trained.pages)
        assert f"On held-out sites: 12 pages of 12 sites, {lines} lines" in text
        for label in LABELS:
            support = sum(page.labels.count(label) for page in trained.pages)
            assert re.search(rf"^\W*{label}\b.*\s{support}\s+0\.\d+\W*$", text, flags=re.M)
        macro = run_json("inspect", trained.path)["scores"]["macro_f1"]
        assert "macro-F1" in text
        assert f"{macro:.3f}" in text
        assert re.search(rf"^{re.escape(str(trained.path))}: [\d.]+ MB, state [0-9a-f]{{16}}$", text, flags=re.M)

    def test_pipes_get_no_progress_and_no_colours(self, trained: Trained) -> None:
        assert trained.outcome.errors == ""
        assert "\x1b" not in trained.outcome.text

    def test_only_the_model_is_left(self, trained: Trained) -> None:
        assert files_in(trained.path.parent) == ["small.joblib"]

    def test_equal_pages_and_seeds_give_equal_files(self, annotated: Path, tmp_path: Path) -> None:
        # Strings have other hashes in each process.
        def train(seed: int, hash_seed: int) -> bytes:
            path = tmp_path / f"{seed}-{hash_seed}.joblib"
            options = ("--folds", "2", "-j", "1", "--date", DATE, "--seed", str(seed), "-o", path)
            outcome = small_training(3, annotated, *options, PYTHONHASHSEED=str(hash_seed))
            assert outcome.code == 0, outcome.errors
            return path.read_bytes()

        assert train(3, 1) == train(3, 2) != train(4, 1)

    def test_pages_count_by_their_weight(self, annotated: Path, tmp_path: Path) -> None:
        pages = list(read_pages(annotated))[:4]

        def digest(*weights: float) -> str:
            for page, weight in zip(pages, weights, strict=True):
                page.extra["weight"] = weight
            write_json_lines(pages, tmp_path / "pages.jsonl")
            out = tmp_path / "my.joblib"
            outcome = small_training(3, tmp_path / "pages.jsonl", "--folds", "2", "-j", "1", "-o", out)
            assert outcome.code == 0, outcome.errors
            return str(run_json("inspect", out)["state_digest"])

        assert digest(1, 1, 1, 0.3) != digest(1, 1, 1, 1)
        without = digest(1, 1, 1, 0)
        assert run_json("inspect", tmp_path / "my.joblib")["training"]["pages"] == 3
        pages[3].text = pages[3].text.upper()
        assert digest(1, 1, 1, 0) == without

    @pytest.mark.parametrize("weight", ["much", -1, True, None])
    def test_weights_that_are_none(self, weight: Any, annotated: Path, tmp_path: Path) -> None:
        pages = list(read_pages(annotated))[:4]
        pages[2].extra["weight"] = weight
        write_json_lines(pages, tmp_path / "a.jsonl")
        outcome = run("train", tmp_path / "a.jsonl", "-o", tmp_path / "my.joblib", "-j", "1")
        assert refused(outcome, repr(pages[2].id), "field 'weight' must be a number", repr(weight))
        assert files_in(tmp_path) == ["a.jsonl"]

    def test_ctrl_c_while_a_network_is_fitted_ends_the_training(
        self, annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("boilerplate.optimiser.Adam.step", interrupted)
        outcome = run("train", annotated, "-o", tmp_path / "my.joblib", "--folds", "2", "-j", "1")
        assert (outcome.code, outcome.raw, outcome.errors.strip()) == (130, b"", "boilerplate: interrupted")
        assert files_in(tmp_path) == []

    def test_all_that_is_broken_is_named_and_nothing_is_done(self, tmp_path: Path) -> None:
        good = b'{"id": "x", "text": "One", "labels": ["body"]}'
        rows, page, out = tmp_path / "a.jsonl", tmp_path / "b.page", tmp_path / "my.joblib"
        rows.write_bytes(b"\n".join([good, *(row for row, _ in BROKEN_ROWS), good]))
        page.write_bytes(b"# id: y\n\nbody\tOne\nTwo\n")
        out.write_text("precious")
        outcome = run("train", rows, page, tmp_path / "none", "-o", out)
        assert (outcome.code, outcome.raw) == (2, b"")
        *complaints, summary = outcome.complaints
        places = [f"{rows}:{number}: {message}" for number, (_, message) in enumerate(BROKEN_ROWS, 2)]
        places += [f"{page}:4: no tab between label and line", f"{tmp_path / 'none'}: no such file or folder"]
        assert len(complaints) == len(places)
        for complaint, place in zip(complaints, places, strict=True):
            assert complaint.startswith(f"boilerplate: {place}")
        assert summary == "boilerplate: 2 pages good, 7 broken; nothing was done"
        assert out.read_text() == "precious"

    def test_one_site_is_too_few(self, annotated: Path, tmp_path: Path) -> None:
        pages = list(read_pages(annotated))
        for page in pages:
            page.site = "one.example"
        write_json_lines(pages, tmp_path / "a.jsonl")
        outcome = run("train", tmp_path / "a.jsonl", "-o", tmp_path / "my.joblib", "-j", "1")
        assert refused(outcome, "cannot train on these pages", "at least two", "sites")
        assert files_in(tmp_path) == ["a.jsonl"]

    def test_pages_without_lines_are_too_few(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text('{"id": "x", "text": "", "labels": []}\n' * 2)
        outcome = run("train", tmp_path / "a.jsonl", "-o", tmp_path / "my.joblib")
        assert refused(outcome, "no annotated lines in", str(tmp_path / "a.jsonl"))

    @pytest.mark.parametrize(
        ("name", "message"),
        [("none/my.joblib", "no such folder"), ("my.joblib.gz", "choose a name without .gz")],
    )
    def test_a_file_that_cannot_be_written_is_told_before_training(
        self, name: str, message: str, annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(boilerplate.model.LineClassifier, "fit")
        assert refused(run("train", annotated, "-o", tmp_path / name), f"{tmp_path / name}: ", message)

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            (["-o", "my.joblib", "--folds", "1"], "'--folds'"),
            (["-o", "my.joblib", "--seed", "-1"], "'--seed'"),
            (["-o", "my.joblib", "--unreviewed-weight", "2"], "'--unreviewed-weight'"),
            ([], "'-o' / '--output'"),
        ],
    )
    def test_misuse(self, arguments: list[str], part: str, annotated: Path) -> None:
        assert misused(run("train", annotated, *arguments), part)

    def test_pages_are_needed(self) -> None:
        assert misused(run("train", "-o", "my.joblib"), "DATA")


# ---- evaluate ----


def run_json(*arguments: str | Path) -> dict[str, Any]:
    outcome = run(*arguments, "--format", "json")
    assert (outcome.code, outcome.errors) == (0, "")
    value: dict[str, Any] = json.loads(outcome.text)
    return value


@pytest.fixture(scope="session")
def report(trained: Trained) -> dict[str, Any]:
    return run_json("evaluate", trained.unseen, "--model", trained.path)


class TestEvaluate:
    def test_counts_are_those_of_the_pages(self, report: dict[str, Any], trained: Trained) -> None:
        labels = [label for page in trained.unseen_pages for label in page.labels]
        assert report["schema"] == SCHEMA
        assert (report["pages"], report["sites"], report["lines"]) == (12, 12, len(labels))
        assert {name: scores["support"] for name, scores in report["labels"].items()} == {
            name: labels.count(name) for name in LABELS
        }

    def test_numbers_agree_with_each_other(self, report: dict[str, Any]) -> None:
        confusion, labels = report["confusion"], report["labels"]
        for name in LABELS:
            hits = confusion[name][name]
            predicted = sum(confusion[given][name] for given in LABELS)
            assert labels[name]["support"] == sum(confusion[name].values())
            assert labels[name]["predicted"] == predicted
            assert labels[name]["recall"] == pytest.approx(hits / labels[name]["support"])
            assert labels[name]["f1"] == pytest.approx(2 * hits / (labels[name]["support"] + predicted))
        assert report["macro_f1"] == pytest.approx(sum(labels[name]["f1"] for name in LABELS) / 4)
        assert report["accuracy"] == pytest.approx(sum(confusion[name][name] for name in LABELS) / report["lines"])
        interval = report["macro_f1_interval"]
        assert interval["level"] == 0.95
        assert 0 <= interval["low"] <= interval["high"] <= 1
        assert set(report["calibration_error"]) == set(LABELS)
        for name in ("scraper", "lang", "site"):
            assert sum(row["lines"] for row in report["breakdowns"][name]) == report["lines"]
            assert sum(row["pages"] for row in report["breakdowns"][name]) == 12

    def test_labels_are_those_that_score_gives(self, report: dict[str, Any], trained: Trained) -> None:
        scored = records(run("score", trained.unseen, "--model", trained.path))
        given = [label for page in trained.unseen_pages for label in page.labels]
        predicted = [line["label"] for record in scored for line in record["lines"]]
        pairs = list(zip(given, predicted, strict=True))
        assert report["confusion"] == {one: {other: pairs.count((one, other)) for other in LABELS} for one in LABELS}

    def test_both_ways_of_cleaning_are_reported(
        self, trained: Trained, data_pages: list[AnnotatedPage], tmp_path: Path
    ) -> None:
        model = boilerplate.load(trained.path)
        pages = [page for page in data_pages[::20] if page not in trained.unseen_pages]
        write_json_lines(pages, tmp_path / "a.jsonl")
        report = run_json("evaluate", tmp_path / "a.jsonl", "--model", trained.path)
        assert report["characters"] != report["cleaned"]
        for name, recall in (("characters", None), ("cleaned", 0.99)):
            threshold = model.cleaning_threshold(recall)
            sizes = {(body, stays): 0 for body in (True, False) for stays in (True, False)}
            for page in pages:
                for line, truth in zip(model.label(page.text), page.labels, strict=True):
                    stays = line.label == "body" if threshold is None else line.probabilities["body"] >= threshold
                    sizes[truth == "body", stays] += len(line.text.strip())
            body, other = (sum(sizes[kind, stays] for stays in (True, False)) for kind in (True, False))
            assert report[name] == {
                "body_kept": pytest.approx(sizes[True, True] / body),
                "other_removed": pytest.approx(sizes[False, False] / other),
                "body_characters": body,
                "other_characters": other,
                "kept_is_body": pytest.approx(
                    sizes[True, True] / (sizes[True, True] + sizes[False, True]),
                ),
            }
        text = run("evaluate", tmp_path / "a.jsonl", "--model", trained.path).text
        for name, how in (("characters", "most probable labels"), ("cleaned", "clean")):
            for what, key in (("body characters kept", "body_kept"), ("other characters removed", "other_removed")):
                assert re.search(rf"{what}, {how}\W+{report[name][key]:.1%}\W", text)

    def test_the_table_shows_the_same(self, report: dict[str, Any], trained: Trained) -> None:
        outcome = run("evaluate", trained.unseen, "--model", trained.path)
        assert (outcome.code, outcome.errors) == (0, "")
        assert "\x1b" not in outcome.text
        interval = report["macro_f1_interval"]
        shown = f"{report['macro_f1']:.3f}  {interval['low']:.3f} to {interval['high']:.3f}"
        assert re.search(rf"^\W*macro-F1\W+{shown}\b", outcome.text, flags=re.M)
        for name, scores in report["labels"].items():
            row = r"\W+".join(f"{scores[part]:.3f}" for part in ("precision", "recall", "f1"))
            assert re.search(rf"^\W*{name}\W+{row}\b.*\s{scores['support']}\s", outcome.text, flags=re.M)
            row = [str(count) for count in report["confusion"][name].values()]
            assert re.search(rf"^\W*{name}\W+" + r"\W+".join(row) + r"\W*$", outcome.text, flags=re.M)
        for title in ("Confusion", "By language", "By site"):
            assert title in outcome.text

    def test_the_seed_is_that_of_the_bootstrap(self, report: dict[str, Any], trained: Trained) -> None:
        other = run_json("evaluate", trained.unseen, "--model", trained.path, "--seed", "1", "--resamples", "50")
        assert other["macro_f1_interval"] != report["macro_f1_interval"]
        for name in ("macro_f1", "confusion", "labels", "characters", "cleaned", "calibration_bins"):
            assert other[name] == report[name]

    def test_the_shipped_model_by_default(self, annotated: Path) -> None:
        # It was trained on these pages: far from the truth would mean that it is not what is used.
        assert run_json("evaluate", annotated)["macro_f1"] > 0.8

    @pytest.mark.parametrize("format_", ["table", "json"])
    def test_a_threshold(self, format_: str, report: dict[str, Any], trained: Trained) -> None:
        command = ("evaluate", trained.unseen, "--model", trained.path, "--format", format_, "--fail-under")
        met = run(*command, repr(report["macro_f1"]))
        assert (met.code, met.errors) == (0, "")
        missed = run(*command, str(report["macro_f1"] + 1e-6))
        assert missed.code == 1
        assert missed.raw == met.raw
        assert len(missed.complaints) == 1
        assert "is below" in missed.errors

    def test_thresholds_by_name(self, report: dict[str, Any], trained: Trained) -> None:
        command = ("evaluate", trained.unseen, "--model", trained.path, "--format", "json")
        bars = {name: figure["value"] for name, figure in report["metrics"].items()}
        met = run(*command, *(part for name, value in bars.items() for part in ("--fail-under", f"{name}={value!r}")))
        assert (met.code, met.errors) == (0, "")
        missed = run(*command, "--fail-under", "1", "--fail-under", "clean-recall=0", "--fail-under", "caption-f1=1")
        assert missed.code == 1
        assert [row.split(" is below ")[0].split()[1] for row in missed.complaints] == ["macro-f1", "caption-f1"]

    def test_a_threshold_for_what_does_not_exist(self, tmp_path: Path) -> None:
        write_json_lines([AnnotatedPage("x", PAGE, ["body"] * 4 + ["promo"])], tmp_path / "a.jsonl")
        outcome = run("evaluate", tmp_path / "a.jsonl", "--fail-under", "caption-recall=0")
        assert outcome.code == 1
        assert outcome.complaints == [
            "boilerplate: caption-recall does not exist on these pages, so it does not reach 0"
        ]

    def test_the_document_is_as_its_schema_says(self, report: dict[str, Any]) -> None:
        schema = json.loads((Path(__file__).parents[1] / "docs" / "evaluation.schema.json").read_text("utf-8"))
        assert schema["$id"] == SCHEMA
        validator = jsonschema.Draft202012Validator(schema)
        validator.validate(report)
        assert report["model"]["name"] == "small.joblib"
        assert report["model"]["trained_on_these_pages"] is False
        assert (report["baseline"], report["comparison"], report["learning_curve"]) == (None, None, None)
        for name in ("schema", "metrics", "breakdowns", "model"):
            assert not validator.is_valid({key: value for key, value in report.items() if key != name})
        assert not validator.is_valid({**report, "surprise": 1})

    def test_a_warning_where_the_model_knows_the_pages(self, trained: Trained, tmp_path: Path) -> None:
        warning = "The model was trained on these very pages"
        assert warning in run("evaluate", trained.folder, "--model", trained.path).text
        write_json_lines(trained.pages[:6], tmp_path / "a.jsonl")
        assert warning not in run("evaluate", tmp_path / "a.jsonl", "--model", trained.path).text

    def test_against_a_baseline(self, trained: Trained, data_pages: list[AnnotatedPage], tmp_path: Path) -> None:
        pages = [page for page in data_pages[::12] if page not in trained.unseen_pages]
        data = tmp_path / "a.jsonl"
        write_json_lines(pages, data)
        # The shipped model was trained on these pages, the small one was not.
        better = run_json("evaluate", data, "--baseline", trained.path)
        jsonschema.Draft202012Validator(
            json.loads((Path(__file__).parents[1] / "docs" / "evaluation.schema.json").read_text("utf-8"))
        ).validate(better)
        macro = better["comparison"]["differences"]["macro-f1"]
        assert macro["value"] == better["macro_f1"]
        assert (
            macro["baseline"]
            == better["baseline"]["macro_f1"]
            == run_json("evaluate", data, "--model", trained.path)["macro_f1"]
        )
        assert macro["verdict"] == "better"
        assert better["baseline"]["model"]["name"] == "small.joblib"
        outcome = run("evaluate", data, "--baseline", trained.path, "--fail-if-worse")
        assert (outcome.code, outcome.errors) == (0, "")
        assert f"{macro['difference']:+.3f}" in outcome.text
        assert "Got better" in outcome.text
        with shipped_path().open("rb") as shipped:
            (tmp_path / "shipped.joblib").write_bytes(shipped.read())
        worse = run(
            "evaluate", data, "--model", trained.path, "--baseline", tmp_path / "shipped.joblib", "--fail-if-worse"
        )
        assert worse.code == 1
        assert len(worse.complaints) == 1
        assert "is worse than the baseline's" in worse.errors

    def test_a_report(self, trained: Trained, report: dict[str, Any], tmp_path: Path) -> None:
        path = tmp_path / "report.html"
        command = ("evaluate", trained.unseen, "--model", trained.path, "--report", path)
        outcome = run(*command, "--note", "A <b>remark</b>", "--title", "Ours")
        assert (outcome.code, outcome.errors) == (0, "")
        assert f"{path}: 0." in outcome.text
        html = path.read_text("utf-8")
        assert "<title>Ours</title>" in html
        assert "A &lt;b&gt;remark&lt;/b&gt;" in html
        assert f"{report['macro_f1']:.3f}" in html
        assert "these very pages" not in html
        assert str(tmp_path) not in html
        assert files_in(tmp_path) == ["report.html"]
        # Nothing but JSON is printed beside it, and the report is the same.
        assert run(*command, "--note", "A <b>remark</b>", "--title", "Ours", "--format", "json").text[0] == "{"
        assert path.read_text("utf-8") == html

    def test_a_report_with_everything(self, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("boilerplate.model.LineClassifier", Rote.whatever_the_size)
        arguments = ("--baseline", trained.path, "--learning-curve", "-j", "1", "--report", tmp_path / "r.html")
        outcome = run("evaluate", trained.unseen, *arguments)
        assert (outcome.code, outcome.errors) == (0, "")
        assert "Learning curve: trained on so many sites" in outcome.text
        html = (tmp_path / "r.html").read_text("utf-8")
        assert 'id="learning"' in html
        assert 'id="comparison"' in html

    def test_learning_curves_are_of_small_models_unless_thorough(
        self, trained: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = boilerplate.LineClassifier().get_params()
        sizes: list[dict[str, Any]] = []

        def classifier(random_state: int, n_jobs: int, **size: Any) -> Rote:
            sizes.append(size)
            return Rote(random_state, n_jobs)

        monkeypatch.setattr("boilerplate.model.LineClassifier", classifier)
        command = ("evaluate", trained.unseen, "--learning-curve")
        assert "Of small models" in run(*command).text
        assert "Of small models" not in run(*command, "--thorough").text
        small, whole = sizes
        assert whole == {}
        assert all(value < usual[name] for name, value in small.items())
        assert {"n_folds", "n_networks"} < set(small)

    def test_too_few_sites_for_a_learning_curve(self, trained: Trained, tmp_path: Path) -> None:
        write_json_lines(trained.unseen_pages[:3], tmp_path / "a.jsonl")
        outcome = run("evaluate", tmp_path / "a.jsonl", "--learning-curve")
        assert refused(outcome, "--learning-curve: a learning curve needs pages of at least 6 sites")

    def test_a_report_that_cannot_be_written(self, trained: Trained, tmp_path: Path) -> None:
        assert refused(run("evaluate", trained.unseen, "--report", tmp_path / "no" / "r.html"), "no such folder")
        assert misused(run("evaluate", trained.unseen, "--report", tmp_path), "'--report'")

    def test_a_report_without_its_extra(
        self, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else find(name))
        outcome = run("evaluate", trained.unseen, "--report", tmp_path / "r.html")
        assert refused(outcome, "--report needs jinja2; pip install 'boilerplate[report]'")
        assert files_in(tmp_path) == []

    def test_reviewed_pages_only(self, trained: Trained, tmp_path: Path) -> None:
        pages = [*read_pages(trained.unseen)]
        for page, reviewed in zip(pages, [True, False, None, "no"], strict=False):
            page.extra["reviewed"] = reviewed
        write_json_lines(pages[:5], tmp_path / "a.jsonl")
        report = run_json("evaluate", tmp_path / "a.jsonl", "--model", trained.path, "--reviewed-only")
        assert (report["pages"], {row["key"] for row in report["breakdowns"]["site"]}) == (
            4,
            {page.group for page in pages[:5]} - {pages[1].group},
        )
        write_json_lines(pages[1:2], tmp_path / "b.jsonl")
        assert refused(run("evaluate", tmp_path / "b.jsonl", "--reviewed-only"), "no reviewed page", "--reviewed-only")

    def test_any_names_of_sites(self, tmp_path: Path) -> None:
        sites = ["[/b] :smile:", "\ud800\x1b[31m", "größe.example"]
        pages = [AnnotatedPage(site, PAGE, ["body"] * 4 + ["promo"], site) for site in sites]
        write_json_lines(pages, tmp_path / "a.jsonl")
        report = run_json("evaluate", tmp_path / "a.jsonl")
        assert {row["key"] for row in report["breakdowns"]["site"]} == set(sites)
        outcome = run("evaluate", tmp_path / "a.jsonl")
        assert outcome.code == 0
        assert "[/b] :smile:" in outcome.text
        assert "größe.example" in outcome.text
        assert "\x1b" not in outcome.text

    def test_broken_pages(self, tmp_path: Path) -> None:
        path = tmp_path / "a.page"
        path.write_text("bdy\tOne\n")
        outcome = run("evaluate", path)
        assert (outcome.code, outcome.raw) == (2, b"")
        assert outcome.complaints == [
            f"boilerplate: {path}:1: unknown label 'bdy'; did you mean 'body'?",
            "boilerplate: 0 pages good, 1 broken; nothing was done",
        ]

    def test_pages_without_lines(self, tmp_path: Path) -> None:
        write_page_file(AnnotatedPage("x", "\n", []), tmp_path / "a.page")
        assert refused(run("evaluate", tmp_path / "a.page"), "no annotated lines in")

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            (["--fail-under", "80"], "'--fail-under'"),
            (["--fail-under", "nan"], "'--fail-under'"),
            (["--fail-under", "macro-f1=high"], "'high' is not a number"),
            (["--fail-under", "macrof1=0.9"], "did you mean 'macro-f1'?"),
            (["--fail-under", "xyz=0.9"], "figures: macro-f1, accuracy"),
            (["--fail-if-worse"], "--fail-if-worse needs --baseline"),
            (["--note", "x"], "are for --report"),
            (["--thorough"], "--thorough is for --learning-curve"),
            (["--jobs", "0"], "0 processes would do nothing"),
            (["--seed", "-1"], "'--seed'"),
            (["--resamples", "0"], "'--resamples'"),
            (["--format", "csv"], "'--format'"),
        ],
    )
    def test_misuse(self, arguments: list[str], part: str, annotated: Path) -> None:
        assert misused(run("evaluate", annotated, *arguments), part)


# ---- inspect ----


class TestInspect:
    def test_a_model_of_ones_own(self, trained: Trained) -> None:
        manifest = run_json("inspect", trained.path)
        lines = [label for page in trained.pages for label in page.labels]
        assert (manifest["created"], manifest["labels"]) == (DATE, list(LABELS))
        assert manifest["training"]["fingerprint"] == fingerprint(trained.pages)
        assert (manifest["training"]["pages"], manifest["training"]["sites"]) == (12, 12)
        assert manifest["training"]["lines"] == {label: lines.count(label) for label in LABELS}
        assert sum(manifest["training"]["languages"].values()) == 12
        # Neither where the model went nor how many cores there were.
        assert manifest["training"]["command"] == shlex.join(
            ["boilerplate", "train", str(trained.folder), "--folds", "2"]
        )
        assert (manifest["training"]["unreviewed_pages"], manifest["training"]["unreviewed_weight"]) == (0, 0.2)
        assert manifest["scores"]["lines"] == len(lines)
        assert manifest["libraries"]["boilerplate"] == boilerplate.__version__

    def test_the_curve_of_cleaning(self, trained: Trained) -> None:
        manifest = run_json("inspect", trained.path)
        curve = manifest["cleaning"]
        model = boilerplate.load(trained.path)
        assert [*curve][:: len(curve) - 1] == ["0.9", "0.999"]
        for recall, point in curve.items():
            assert point["threshold"] == pytest.approx(model.cleaning_threshold(float(recall)), abs=1e-6)
        assert manifest["scores"]["cleaned"]["body_kept"] >= 0.99
        assert manifest["scores"]["cleaned"]["other_removed"] == pytest.approx(curve["0.99"]["other_removed"], abs=1e-4)
        shown = run("inspect", trained.path).text
        assert "cleaning: 0.99" in shown
        assert f"threshold {curve['0.99']['threshold']}" in shown

    def test_the_table_shows_the_same(self, trained: Trained) -> None:
        manifest = run_json("inspect", trained.path)
        outcome = run("inspect", trained.path)
        assert (outcome.code, outcome.errors) == (0, "")
        for shown in (DATE, manifest["training"]["fingerprint"], manifest["state_digest"], boilerplate.__version__):
            assert shown in outcome.text
        assert f"macro-F1 {manifest['scores']['macro_f1']:.3f}" in outcome.text

    def test_says_whether_the_loops_are_compiled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(kernel.SWITCH, "1")
        kernel.compiled.cache_clear()
        assert "without compiled loops" in run("inspect").text
        monkeypatch.undo()
        kernel.compiled.cache_clear()
        if kernel.compiled():
            assert "with compiled loops" in run("inspect").text

    def test_the_shipped_model_by_default(self) -> None:
        assert run("inspect").code == 0
        manifest = run_json("inspect")
        assert manifest["labels"] == list(LABELS)
        assert manifest == run_json("inspect", Path(str(shipped_path())))


# ---- every command ----


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_help_shows_an_example(self, command: str, option: str) -> None:
        outcome = run(command, option)
        assert (outcome.code, outcome.errors) == (0, "")
        assert re.search(rf"^  (\S.* \| )?boilerplate {command}\b", outcome.text, flags=re.M)

    @pytest.mark.parametrize("arguments", [[], ["--help"]])
    def test_all_commands_are_shown(self, arguments: list[str]) -> None:
        outcome = run(*arguments)
        assert outcome.code == (0 if arguments else 2)
        shown = outcome.text + outcome.errors
        assert [command for command in COMMANDS if not re.search(rf"^  {command} ", shown, flags=re.M)] == []
        assert "boilerplate score page.txt" in shown

    def test_version(self) -> None:
        outcome = run("--version")
        assert (outcome.code, outcome.errors) == (0, "")
        assert outcome.text.split()[-1] == boilerplate.__version__

    def test_a_command_that_is_not_there(self) -> None:
        assert misused(run("scroe"), "scroe")


class TestProcesses:
    """What only a process of its own shows."""

    @unix_only
    def test_a_cold_start_is_fast_and_silent(self, page: Path) -> None:
        import resource

        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        outcome = run_alone("score", page)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (outcome.code, outcome.errors) == (0, "")
        assert outcome.raw == run("score", page).raw
        # Time of the processor, as other work on the machine is no fault of ours.
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2

    def test_standard_input(self, page: Path) -> None:
        outcome = run_alone("clean", stdin=page.read_bytes())
        assert outcome == Outcome(0, ("\n\n".join(PARAGRAPHS) + "\n").encode(), "")

    @unix_only
    @pytest.mark.parametrize(
        "arguments",
        [
            ["score", "{folder}"],
            ["score", "{folder}", "--format", "table"],
            ["clean", "{folder}"],
            ["evaluate", "{folder}"],
            ["inspect"],
            ["score", "--help"],
        ],
        ids=" ".join,
    )
    @pytest.mark.parametrize("read", [0, 10])
    def test_a_reader_that_goes_away_is_no_error(self, arguments: list[str], read: int, annotated: Path) -> None:
        filled = [argument.format(folder=annotated) for argument in arguments]
        with subprocess.Popen([*COMMAND, *filled], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(read)
            process.stdout.close()
            errors = process.stderr.read()
            assert (process.wait(PATIENCE), errors) == (0, b"")

    @unix_only
    def test_being_told_to_stop_leaves_nothing_behind(self, tmp_path: Path) -> None:
        (tmp_path / "out.jsonl").write_text("precious")
        command = [*COMMAND, "score", "-o", str(tmp_path / "out.jsonl")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            wait_for(lambda: len(files_in(tmp_path)) == 2)
            process.terminate()
            errors = process.stderr.read().decode()
            assert (process.wait(PATIENCE), errors.strip()) == (143, "boilerplate: terminated")
        assert files_in(tmp_path) == ["out.jsonl"]
        assert (tmp_path / "out.jsonl").read_text() == "precious"

    @unix_only
    @pytest.mark.parametrize(("closed", "code"), [((0,), 0), ((1,), 0), ((2,), 2)])
    def test_closed_standard_streams_lead_nowhere(self, closed: tuple[int, ...], code: int, page: Path) -> None:
        def close() -> None:
            for number in closed:
                os.close(number)

        outcome = run_alone("score", *([] if 0 in closed else [page] if code == 0 else ["none.txt"]), preexec_fn=close)
        assert (outcome.code, outcome.errors) == (code, "")

    @unix_only
    def test_a_reader_that_goes_away_ends_all_processes_without_a_word(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(json_row({"id": "x", "text": "word " * 20_000}) * 100)
        command = [*COMMAND, "score", str(tmp_path / "in.jsonl"), "-j", "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert (process.wait(PATIENCE), process.stderr.read()) == (0, b"")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    @pytest.mark.parametrize("arguments", [["score"], ["inspect"]])
    def test_a_full_disk_is_one_line(self, arguments: list[str]) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*COMMAND, *arguments], input=PAGE.encode(), stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 2
        assert re.fullmatch("boilerplate: [^\n]+\n", done.stderr.decode())


@unix_only
class TestTerminals:
    def test_score_shows_the_coloured_view(self, page: Path) -> None:
        screen = on_terminal("score", page)
        assert screen.code == 0
        assert "\x1b[1;33mpromo" in screen.raw
        assert re.search(r"^tram.txt\n1 +body +\d+% +The council of Dunmere", screen.plain, flags=re.M)
        assert re.search(r"^body \d+% of the characters\b.* 4 body +1 promo", screen.plain, flags=re.M)
        assert "━" not in screen.raw

    def test_score_to_a_file_shows_progress(self, page: Path, tmp_path: Path) -> None:
        screen = on_terminal("score", page, "-o", tmp_path / "out.jsonl")
        assert screen.code == 0
        assert "1 pages" in screen.plain
        assert "Dunmere" not in screen.plain
        assert (tmp_path / "out.jsonl").read_bytes() == run("score", page).raw

    def test_train_shows_progress_and_obeys_ctrl_c(self, annotated: Path, tmp_path: Path) -> None:
        out = tmp_path / "my.joblib"
        out.write_text("precious")
        screen = on_terminal("train", annotated, "-o", out, "--folds", "2", "-j", "1", interrupt_at="reading pages")
        assert screen.code == 128 + signal.SIGINT
        assert "━" in screen.plain
        assert screen.plain.split("\n")[-2] == "boilerplate: interrupted"
        assert "Traceback" not in screen.plain
        assert "Warning" not in screen.plain
        assert out.read_text() == "precious"
        assert files_in(tmp_path) == ["my.joblib"]

    def test_evaluate_shows_colours(self, trained: Trained) -> None:
        screen = on_terminal("evaluate", trained.folder, "--model", trained.path)
        assert screen.code == 0
        assert "evaluating" in screen.plain
        assert "\x1b[33m" in screen.raw
        assert "macro-F1" in screen.plain
